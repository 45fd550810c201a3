"""Raw rows: cells as they stand in a file, what makes them unreadable, and how they are kept until mended."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final, TypeAlias

import orjson

from connectors.files.messages import Language, text

Cell: TypeAlias = str | date | None
"""Text, a workbook's date (or date and time) cell, or nothing."""

RawCells: TypeAlias = dict[str, object]
"""A row as it is kept: by header, each cell text, null, or {"date": ISO text}.

Keys that begin with "+" are no columns but what made the row unreadable: surplus cells by their number, or
where the row stood whose cells could not be told apart, and its line. While one is filled the row stays refused.
"""

LINE_KEPT_MAX: Final = 10_000
"""So many characters of a line are kept whose cells could not be told apart."""
SHEET_ERROR: Final = "#ERROR:"
_NUL_SHOWN: Final = "\N{SYMBOL FOR NULL}"
_BROKEN_SHOWN: Final = "\N{REPLACEMENT CHARACTER}"
_BAD: Final = re.compile(f"[\x00{_NUL_SHOWN}\ud800-\udfff{_BROKEN_SHOWN}]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row before any of its cells is read.

    The header concerned ("" for all) and the reason.
    """

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands in the file.

    With a `fault` its cells can't be trusted, but are kept for people to see; `line` is the text of one whose cells
    could not be told apart.
    """

    row: int
    cells: tuple[Cell, ...]
    fault: Fault | None = None
    line: str = ""


def header_normal(header: str) -> str:
    """A header as headers are compared: NFKC, single spaces, no case. `中标价（元）` equals `中标价(元)`."""
    return " ".join(unicodedata.normalize("NFKC", header).split()).casefold()


def characters_check(cells: Sequence[Cell], headers: Sequence[str], language: Language) -> Fault | None:
    """The first cell with characters that no value has: NUL, a broken character, a spreadsheet's error."""
    # Nearly every row is fine, which one look at all of its text tells.
    together = "".join([cell for cell in cells if isinstance(cell, str)])
    if not _BAD.search(together) and SHEET_ERROR not in together:
        return None
    for header, cell in zip(headers, cells, strict=False):
        if not isinstance(cell, str):
            continue
        if cell.startswith(SHEET_ERROR):
            return Fault(header, text("error_cell", language, value=cell.removeprefix(SHEET_ERROR)))
        if found := _BAD.search(cell):
            code = "nul" if found[0] in ("\x00", _NUL_SHOWN) else "broken"
            return Fault(header, text(code, language))
    return None


def row_keep(raw: RawRow, headers: Sequence[str], file: str) -> RawCells:
    """A row as the quarantine keeps it. What no database text can hold is replaced by a sign for it."""
    if not raw.cells:
        # With its line: another file of the same name may have another row there, which is not the same.
        return {"+file": file, "+row": str(raw.row), "+line": storable(raw.line[:LINE_KEPT_MAX])}
    kept: RawCells = {}
    for number, cell in enumerate(raw.cells, start=1):
        key = headers[number - 1] if number <= len(headers) else f"+{number}"
        kept[storable(key)] = (
            {"date": cell.isoformat()} if isinstance(cell, date) else cell and storable(cell)
        )
    return kept


def row_restore(
    kept: Mapping[str, object], row: int, language: Language = "en"
) -> tuple[tuple[str, ...], RawRow]:
    """The headers and the row that `row_keep` kept, perhaps edited since.

    Still at fault where it still is.
    """
    headers: list[str] = []
    cells: list[Cell] = []
    fault: Fault | None = None
    for key, value in kept.items():
        cell = _restored(value)
        if key.startswith("+"):
            if cell is not None:
                fault = Fault("", text("leftover", language, key=key))
            continue
        headers.append(key)
        cells.append(cell)
    return tuple(headers), RawRow(row, tuple(cells), fault or characters_check(cells, headers, language))


def row_digest(kept: RawCells) -> bytes:
    """SHA-256 of a kept row, 32 bytes: the same row has the same one in whatever encoding its file is."""
    return sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)).digest()


def storable(words: str) -> str:
    """Text as a database can hold it: NUL and broken characters replaced by a sign for them."""
    words = words.replace("\x00", _NUL_SHOWN)
    return words.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if not words.isascii() else words


def _restored(value: object) -> Cell:
    if isinstance(value, Mapping):
        written = str(value.get("date", ""))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return date.fromisoformat(written) if len(written) == 10 else datetime.fromisoformat(written)
    return (str(value).strip() or None) if value is not None else None

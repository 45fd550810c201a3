"""Files as raw rows: encoding and delimiter found out, CSV and XLSX, nothing interpreted yet.

Row numbers are those a spreadsheet program shows: the file's first record is row 1, a cell of many lines is
still one row, blank rows count but are not handed out. CSV is streamed, so memory does not grow with the
file.
"""

from __future__ import annotations

import codecs
import csv
import unicodedata
import zipfile
import zlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import dropwhile, islice
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from connectors.files.mapping import Encoding, FileMapping
from connectors.files.messages import Language, text
from connectors.files.rows import SHEET_ERROR, Cell, Fault, RawRow, characters_check, header_normal
from ledger.domain.errors import PlumblineError

_DELIMITERS = (",", ";", "\t", "|")
_BLANK = "".join(_DELIMITERS) + ' "\r\n'
_CHUNK_BYTES = 1 << 20
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZIP_MAGIC = b"PK\x03\x04"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What openpyxl lets through when a workbook is damaged; malformed XML is a SyntaxError.
_WORKBOOK_ERRORS = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    OSError,
    EOFError,
    SyntaxError,
    RuntimeError,
)
ROWS_MAX = 1_048_576
"""So many rows a sheet has at most; a larger number in a workbook is none that a spreadsheet program wrote."""
COLUMNS_USUAL = 1_000
CELLS_BEYOND_MAX = 5_000_000
"""So many cells of a sheet may lie beyond the usual columns, empty ones before a filled or coloured one counted: a few
kilobytes of a workbook can hold billions of them."""
TEXTS_BYTES_MAX = 200_000_000
"""What of a workbook is read at once, unpacked: its texts and styles. Sheets are read row by row."""
_GZIP_MAGIC = b"\x1f\x8b"


class FileRefused(PlumblineError):
    """A file of which not even the rows can be told apart; the text says what to do with it."""

    code = "FILE_REFUSED"


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file opened for reading: its header (in which row), its rows below it, and how it was understood."""

    name: str
    headers: tuple[str, ...]
    header_row: int
    rows: Iterator[RawRow]
    form: str


def encoding_find(path: Path, encodings: Sequence[Encoding]) -> str:
    """The encoding of a text file: its BOM tells, else the first of `encodings` in which all is valid.

    A superset of many encodings such as GB18030 finds a reading for bytes that mean something else;
    characters that no text has (private use, unassigned) tell that, and the encoding is not taken. Raises
    FileRefused.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for bom, name in _BOMS:
        if start.startswith(bom):
            _decodes(
                path, name, FileRefused(f"{path.name} says it is {name}, but is damaged; export it again.")
            )
            return name
    for encoding in encodings:
        if _decodes(path, encoding, None):
            return encoding
    raise FileRefused(
        f"{path.name} is not text in {' or '.join(encodings)}. Open it in the program it comes from"
        ' and save it as "CSV UTF-8", or name its encoding under `encodings` in the mapping.'
    )


def _decodes(path: Path, encoding: str, refusal: FileRefused | None) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    checked: set[str] = set()
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK_BYTES):
                checked |= set(decoder.decode(block)) - checked
            checked |= set(decoder.decode(b"", final=True))
    except UnicodeDecodeError:
        if refusal is not None:
            raise refusal from None
        return False
    return encoding != "gb18030" or not any(unicodedata.category(c) in ("Co", "Cn") for c in checked)


@contextmanager
def file_open(path: Path, mapping: FileMapping, language: Language = "en") -> Generator[RawFile]:
    """Open a CSV or XLSX file, told by its content, and find its header: the first row not empty.

    Raises FileRefused with advice where the file can't be read at all or holds no row.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    if start.startswith(_OLE_MAGIC):
        raise FileRefused(
            f"{path.name} is an old or a protected Excel workbook; save it as .xlsx without a password."
        )
    if start.startswith(_GZIP_MAGIC):
        raise FileRefused(f"{path.name} is compressed; unpack it first.")
    if start.startswith(_ZIP_MAGIC):
        with _workbook_open(path, mapping, language) as opened:
            yield opened
    else:
        with _text_open(path, mapping, language) as opened:
            yield opened


@contextmanager
def _text_open(path: Path, mapping: FileMapping, language: Language) -> Generator[RawFile]:
    encoding = encoding_find(path, mapping.encodings)
    delimiter = _delimiter_find(path, encoding, mapping)
    with path.open(encoding=encoding, newline="") as file:
        rows = _text_rows(file, delimiter, language)
        form = f"CSV, {encoding}, delimiter {'tab' if delimiter == chr(9) else delimiter}"
        yield _file_of(path, rows, form, language, padded=False)


def _delimiter_find(path: Path, encoding: str, mapping: FileMapping) -> str:
    """The delimiter under which the header has most of the mapping's columns, or else most cells."""
    wanted = {header_normal(header) for column in mapping.columns.values() for header in column.headers}
    with path.open(encoding=encoding, newline="") as file:
        # Blank rows above the header (",,,") say nothing: under another delimiter they would look like text.
        lines = list(islice(dropwhile(lambda line: not line.strip(_BLANK), file), 200))
    best = (-1, -1)
    chosen = _DELIMITERS[0]
    for delimiter in _DELIMITERS:
        header = _header_under(lines, delimiter)
        score = (len(wanted & {header_normal(cell) for cell in header}), len(header))
        if score > best:
            best, chosen = score, delimiter
    return chosen


def _header_under(lines: list[str], delimiter: str) -> list[str]:
    try:
        for record in csv.reader(lines, delimiter=delimiter):
            if any(cell.strip() for cell in record):
                return record
    except csv.Error:
        pass  # No header under this delimiter; if under none, reading says what is wrong.
    return []


def _text_rows(file: Iterable[str], delimiter: str, language: Language) -> Iterator[RawRow]:
    """The records of a text. A quotation mark that is never closed, or closed somewhere far below, costs its own line:
    what follows is read again line by line."""
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    row = 0
    while True:
        line = lines.begin()
        row += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            first = lines.back()
            reason = text("quotes", language, line=line, detail=error)
            yield RawRow(row, (), Fault("", reason), first.strip())
            continue
        yield RawRow(row, tuple(cell.strip() or None for cell in cells))


class _Lines:
    """The lines of a text, of which those of the record at hand can be read again. No cell is longer than the reader of
    CSV takes, and so no more than that waits."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._number = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        return line

    def begin(self) -> int:
        """A record begins; the number of its line, from 1."""
        self._number += len(self._taken)
        self._taken.clear()
        return self._number

    def back(self) -> str:
        """Give the lines of the record again, but for its first, which is returned."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        return self._taken[0]


@contextmanager
def _workbook_open(path: Path, mapping: FileMapping, language: Language) -> Generator[RawFile]:
    # As an open file, because openpyxl goes by the name where it is given one.
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                # No more of a part is unpacked than it says.
                sizes = [p.file_size for p in archive.infolist() if not p.filename.startswith("xl/worksheets/")]
            if sum(sizes) > TEXTS_BYTES_MAX:
                raise FileRefused(
                    f"{path.name} holds more than {TEXTS_BYTES_MAX // 1_000_000} MB of texts and pictures; save its"
                    " sheet as CSV UTF-8, or in parts."
                )
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
        except _WORKBOOK_ERRORS as error:
            raise FileRefused(
                f"{path.name} is not a whole Excel workbook ({type(error).__name__});"
                " open it in Excel and save it as .xlsx again."
            ) from None
        try:
            sheet = _sheet_choose(workbook, path, mapping)
            yield _file_of(path, _sheet_rows(sheet), f"XLSX, sheet {sheet.title}", language, padded=True)
        finally:
            workbook.close()


def _sheet_choose(workbook: Any, path: Path, mapping: FileMapping) -> Any:
    """The sheet that the mapping names, or the one that has its columns; the first where none has."""
    sheets: list[Any] = [s for s in workbook.worksheets if s.sheet_state == "visible"] or list(
        workbook.worksheets
    )
    names = ", ".join(sheet.title for sheet in sheets)
    if mapping.sheet is not None:
        named = [sheet for sheet in workbook.worksheets if sheet.title == mapping.sheet]
        if not named:
            raise FileRefused(
                f"{path.name} has no sheet {mapping.sheet!r}, which the mapping asks for; it has {names}."
            )
        return named[0]
    if not sheets:
        raise FileRefused(f"{path.name} has no sheet with cells.")
    if len(sheets) == 1:
        return sheets[0]
    needed = [{header_normal(h) for h in c.headers} for c in mapping.columns.values() if not c.absent]
    fitting: list[Any] = []
    for sheet in sheets:
        first = next((r for r in _sheet_rows(sheet) if any(r.cells)), None)
        found = {header_normal(str(cell)) for cell in first.cells if cell} if first else set[str]()
        if all(names & found for names in needed):
            fitting.append(sheet)
    if len(fitting) > 1:
        raise FileRefused(
            f"{path.name} has several sheets with these columns ({', '.join(s.title for s in fitting)});"
            " name the one that is meant under `sheet` in the mapping."
        )
    return fitting[0] if fitting else sheets[0]


def _sheet_rows(sheet: Any) -> Iterator[RawRow]:
    # What a workbook says of its own size is often wrong, and cuts rows off: it is not believed.
    sheet.reset_dimensions()
    beyond = 0
    try:
        for row, cells in enumerate(sheet.iter_rows(), start=1):
            beyond += max(0, len(cells) - COLUMNS_USUAL)
            if row > ROWS_MAX or beyond > CELLS_BEYOND_MAX:
                raise FileRefused(
                    f"The sheet {sheet.title} has rows or columns far beyond any table; delete what lies below and to"
                    " the right of the data and save it again."
                )
            yield RawRow(row, tuple(_cell_read(cell) for cell in cells))
    except _WORKBOOK_ERRORS as error:
        raise FileRefused(
            f"The sheet {sheet.title} is damaged ({type(error).__name__});"
            " open it in Excel and save it as .xlsx again."
        ) from None


def _cell_read(cell: Any) -> Cell:
    """A workbook's cell as text, or its date.

    Formulas give the value stored with them, floats their shortest text.
    """
    value: object = cell.value
    if value is None:
        return None
    if cell.data_type == "e":
        return f"{SHEET_ERROR}{value}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    if isinstance(value, (date, datetime)):
        return value
    if isinstance(value, (time, timedelta)):
        return str(value)
    return str(value).strip() or None


def _file_of(path: Path, rows: Iterator[RawRow], form: str, language: Language, *, padded: bool) -> RawFile:
    for first in rows:
        if first.fault is not None:
            raise FileRefused(
                f"{path.name}: the header cannot be read: {first.fault.reason}. Mend it and try again."
            )
        if any(cell is not None for cell in first.cells):
            break
    else:
        raise FileRefused(f"{path.name} holds no rows; export it again.")
    cells = list(first.cells)
    while cells[-1] is None:
        cells.pop()
    headers = _headers_named([str(cell) if cell is not None else "" for cell in cells])
    return RawFile(path.name, headers, first.row, _rows_checked(rows, headers, language, padded=padded), form)


def _headers_named(cells: list[str]) -> tuple[str, ...]:
    """Headers that differ, so that a row can be kept by header.

    One without a name or a second of a name is numbered.
    """
    headers: list[str] = []
    for number, cell in enumerate(cells, start=1):
        header = cell or f"#{number}"
        headers.append(header if header not in headers else f"{header} #{number}")
    return tuple(headers)


def _rows_checked(
    rows: Iterator[RawRow], headers: tuple[str, ...], language: Language, *, padded: bool
) -> Iterator[RawRow]:
    """The rows that are not blank, each with as many cells as the header, or at fault."""
    width = len(headers)
    for raw in rows:
        if raw.fault is not None:
            yield raw
            continue
        if not any(cell is not None for cell in raw.cells):
            continue
        cells, count = raw.cells, len(raw.cells)
        fault: Fault | None = None
        if count > width:
            if any(cell is not None for cell in cells[width:]):
                fault = Fault("", text("cells_many", language, count=count, expected=width))
            else:
                cells = cells[:width]
        elif count < width:
            if padded:
                cells = cells + (None,) * (width - count)
            else:
                fault = Fault("", text("cells_few", language, count=count, expected=width))
        yield RawRow(raw.row, cells, fault or characters_check(cells, headers, language))

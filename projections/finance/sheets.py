"""Tables as files for people and programs: CSV and XLSX. What comes from outside is text there and never a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from projections.cells import text_safe

_PART: Final = 1 << 16
SHEET_ROWS_MAX: Final = 1_048_575
"""As many rows as a sheet of XLSX holds beside its header."""

Row = Mapping[str, Any]


def csv_text(columns: Sequence[str], rows: Iterable[Row], numbers: Sequence[str]) -> Iterable[str]:
    """A CSV line by line, for spreadsheets too: text that one of them would take for a formula is led by an apostrophe.

    `numbers` are the columns that hold nothing but decimals of ours.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([row[c] if c in numbers else text_safe(row[c]) for c in columns])
        if buffer.tell() > _PART:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def text_parts(lines: Iterable[str]) -> Iterator[str]:
    """Text in parts of some 64 KB each, none of them empty."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _PART:
            yield "".join(waiting)
            waiting, size = [], 0
    if size:
        yield "".join(waiting)


def xlsx_bytes(sheets: Sequence[tuple[str, Sequence[str], Iterable[Row], Sequence[str]]]) -> bytes:
    """A workbook of (title, columns, rows, columns that hold decimals). Whatever else a cell holds is text, whatever it
    begins with. A table longer than a sheet goes on in the next one."""
    book = Workbook(write_only=True)
    for title, columns, rows, numbers in sheets:
        sheet = _sheet(book, title, columns)
        count = part = 0
        for row in rows:
            if count == SHEET_ROWS_MAX:
                part, count = part + 1, 0
                sheet = _sheet(book, f"{title} {part + 1}", columns)
            sheet.append([_cell(sheet, row[c], c in numbers) for c in columns])
            count += 1
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(book: Workbook, title: str, columns: Sequence[str]) -> Any:
    sheet: Any = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, c, False) for c in columns])
    return sheet


def _cell(sheet: Any, value: Any, is_number: bool) -> Any:
    if value is None or value == "":
        return None
    if is_number:
        return WriteOnlyCell(sheet, cast(Any, Decimal(str(value))))
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", str(value)))
    # openpyxl takes text that begins with "=" for a formula unless told otherwise.
    cell.data_type = "s"
    return cell

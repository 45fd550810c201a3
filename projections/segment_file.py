"""A segment as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final, cast

from projections.cells import text_safe
from projections.reports import SegmentRow

COLUMNS: Final = (
    "customer", "name", "region", "industry", "customer_type", "scale", "balance", "tier", "grade", "tags",
    "last_active_on",
)  # fmt: skip
_MARK: Final = "\ufeff"
"""By it spreadsheets see that the file is UTF-8."""


def segment_head() -> bytes:
    """The line of headings, led by a byte order mark."""
    return _MARK.encode() + _lines([COLUMNS])


def segment_lines(rows: Iterable[SegmentRow]) -> bytes:
    """A line for each customer. No cell begins as a formula."""
    return _lines([_cell(column, value) for column, value in row.document().items()] for row in rows)


def _cell(column: str, value: object) -> str:
    if column == "balance":  # a decimal of ours, perhaps below zero
        return str(value)
    return text_safe(" ".join(cast(list[str], value)) if isinstance(value, list) else value)


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()

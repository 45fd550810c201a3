"""One cell into one value, as its column declares.

Exact numbers, dates by format, declared choices; nothing guessed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from connectors.files.mapping import ChoiceColumn, Column, DateColumn, NumberColumn, Suspicion, TextColumn
from connectors.files.messages import Language, text
from connectors.files.patterns import pattern_compile
from connectors.files.rows import Cell, header_normal

_PLAIN: Final = re.compile(r"[+-]?[0-9]{1,24}(?:\.[0-9]{1,24})?\Z")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3}){1,7}(?:\.[0-9]{1,24})?\Z")


class RowRefused(Exception):
    """A row that becomes no command.

    The header of the column concerned ("" for the whole row) and the reason.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Place:
    """A column of the mapping in a file.

    Its index (-1 where the file lacks it) and the header it has there.
    """

    name: str
    column: Column
    index: int
    header: str


def reference_normal(reference: str) -> str:
    """A reference as references are compared: NFKC (full- and half-width forms are one) and single spaces."""
    return " ".join(unicodedata.normalize("NFKC", reference).split())


def number_read(raw: str, column: NumberColumn, language: Language = "en") -> Decimal:
    """The number in a cell, multiplied as the column says, exactly. Raises ValueError with the reason."""
    if column.thousands and _GROUPED.match(raw):
        raw = raw.replace(column.thousands, "")
    if not _PLAIN.match(raw):
        raise ValueError(text("number" if column.places else "integer", language))
    _, _, fraction = raw.partition(".")
    if len(fraction.rstrip("0")) > column.places:
        raise ValueError(
            text("integer", language)
            if column.places == 0
            else text("decimals", language, places=column.places)
        )
    # In integers: a product of two Decimals is rounded to the digits of the context.
    sign, digits, exponent = Decimal(raw).as_tuple()
    assert isinstance(exponent, int)
    product = int("".join(map(str, digits))) * column.multiply
    return Decimal((sign, tuple(map(int, str(product))), exponent))


def number_text(value: Decimal) -> str:
    """The shortest plain text of a number: "14401091.63", "680000", "0"."""
    plain = format(value, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


_normal = lru_cache(maxsize=65536)(header_normal)


_DIRECTIVE: Final = re.compile("%.")
_DATE_WORDS: Final = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%H": "hh", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "ffffff",
    "%b": "Jan", "%B": "January", "%a": "Mon", "%A": "Monday", "%p": "AM", "%z": "+hhmm", "%Z": "UTC", "%j": "DDD",
    "%T": "hh:mm:ss", "%F": "YYYY-MM-DD", "%D": "MM/DD/YY", "%%": "%",
}  # fmt: skip


def format_words(form: str) -> str:
    """A format of dates as people write it: "%Y-%m-%d" is YYYY-MM-DD."""
    return _DIRECTIVE.sub(lambda found: _DATE_WORDS.get(found[0], found[0]), form)


@lru_cache(maxsize=65536)
def _date_parse(raw: str, formats: tuple[str, ...]) -> date | None:
    for form in formats:
        try:
            return datetime.strptime(raw, form).date()
        except ValueError:
            continue
    return None


class CellReader:
    """Reads the cells of one file; `headings` are words that are never values, in their normal form."""

    def __init__(self, headings: frozenset[str], language: Language) -> None:
        self._headings = headings
        self._length_max = 2 * max(map(len, headings), default=0)
        self._language: Language = language

    def read(self, place: Place, cell: Cell) -> str | bool | None:
        """The value: text, plain decimal text, ISO date, declared value; None where it may be empty and is.

        Raises RowRefused with the reason.
        """
        if cell is None:
            if place.index >= 0 and not place.column.empty:
                raise RowRefused(place.header, text("empty", self._language))
            return None
        column = place.column
        raw = cell if isinstance(cell, str) else str(cell)
        if isinstance(column, TextColumn):
            self._heading_check(place, raw)
            if len(raw) > column.length_max:
                raise RowRefused(place.header, text("long", self._language, length=column.length_max))
            if column.suspicious:
                self._suspect(place, raw, None)
            return raw
        try:
            if isinstance(column, NumberColumn):
                return self._number(place, column, raw)
            if isinstance(column, DateColumn):
                return self._date(place, column, cell)
            return self._choice(place, column, raw)
        except RowRefused:
            # A heading among the rows tells more than that it is no number.
            self._heading_check(place, raw)
            raise

    def _choice(self, place: Place, column: ChoiceColumn, raw: str) -> str | bool:
        if raw not in column.values:
            raise RowRefused(place.header, text("choice", self._language, values=", ".join(column.values)))
        self._suspect(place, raw, None)
        return column.values[raw]

    def _heading_check(self, place: Place, raw: str) -> None:
        # Text much longer than every heading is none, however it is written.
        if len(raw) <= self._length_max and _normal(raw) in self._headings:
            raise RowRefused(place.header, text("heading", self._language, value=raw))

    def _number(self, place: Place, column: NumberColumn, raw: str) -> str:
        try:
            value = number_read(raw, column, self._language)
        except ValueError as error:
            raise RowRefused(place.header, str(error)) from None
        self._suspect(place, raw, value)
        shown = number_text(value)
        if column.min is not None and value < Decimal(column.min):
            raise RowRefused(place.header, text("below", self._language, value=shown, limit=column.min))
        if column.max is not None and value > Decimal(column.max):
            raise RowRefused(place.header, text("above", self._language, value=shown, limit=column.max))
        return shown

    def _date(self, place: Place, column: DateColumn, cell: str | date) -> str:
        if isinstance(cell, str):
            found = _date_parse(cell, tuple(column.formats))
            if found is None:
                formats = (" 或 " if self._language == "zh" else " or ").join(map(format_words, column.formats))
                raise RowRefused(place.header, text("date", self._language, formats=formats))
            value = found
        else:
            value = cell.date() if isinstance(cell, datetime) else cell
        shown = value.isoformat()
        self._suspect(place, cell if isinstance(cell, str) else None, value)
        if column.min is not None and shown < column.min:
            raise RowRefused(place.header, text("date_early", self._language, value=shown, limit=column.min))
        if column.max is not None and shown > column.max:
            raise RowRefused(place.header, text("date_late", self._language, value=shown, limit=column.max))
        return shown

    def _suspect(self, place: Place, raw: str | None, value: Decimal | date | None) -> None:
        """Raises RowRefused where a suspicion holds.

        How a date is written is no matter where the cell is a date.
        """
        for suspicion in place.column.suspicious:
            if self._holds(suspicion, raw, value):
                reason = suspicion.reason
                raise RowRefused(place.header, reason.zh if self._language == "zh" else reason.en)

    def _holds(self, suspicion: Suspicion, raw: str | None, value: Decimal | date | None) -> bool:
        limit = str(getattr(suspicion, suspicion.condition))
        match suspicion.condition:
            case "below":
                return isinstance(value, Decimal) and value < Decimal(limit)
            case "above":
                return isinstance(value, Decimal) and value > Decimal(limit)
            case "before":
                return isinstance(value, date) and value.isoformat() < limit
            case "after":
                return isinstance(value, date) and value.isoformat() > limit
            case condition:
                if raw is None:
                    return False
                return pattern_compile(limit).matches(raw) == (condition == "matches")

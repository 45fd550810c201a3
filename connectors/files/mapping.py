"""The mapping document: how the columns of one kind of file become facts, customers or other commands to the ledger.

It is typed data, so a form can edit it and nothing in it executes: columns are found by their header, cells
are read by declared formats, every attribute says where it comes from, and whatever is out of the ordinary
is refused with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from connectors.files.kinds import KINDS, KindId, kind_problems
from connectors.files.patterns import pattern_compile
from ledger.domain.fact_types import Identifier, Strict, Words
from ledger.domain.pattern_words import in_words
from ledger.domain.values import decimal_exact

Encoding: TypeAlias = Literal["utf-8", "gb18030", "big5", "latin-1", "cp1252", "shift_jis"]


def _pattern_checked(pattern: str) -> str:
    pattern_compile(pattern)
    return pattern


def _format_checked(form: str) -> str:
    try:
        datetime.strptime(datetime(2026, 1, 31).strftime(form), form)
    except (ValueError, re.error):
        raise ValueError("is no format of dates that can be read") from None
    return form


def _decimal_checked(value: int | str) -> int | str:
    decimal_exact(value)
    return value


def _date_checked(value: str) -> str:
    if len(value) != 10:
        raise ValueError("is not a date written as YYYY-MM-DD")
    date.fromisoformat(value)
    return value


Pattern = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern_checked)]
_FORM_OF_DATES = in_words("%", "a form of dates with % in it, such as %Y-%m-%d")
DateFormat = Annotated[str, Field(pattern=_FORM_OF_DATES, max_length=60), AfterValidator(_format_checked)]
Limit = Annotated[int | str, AfterValidator(_decimal_checked)]
IsoDate = Annotated[str, AfterValidator(_date_checked)]
Header = Annotated[str, Field(min_length=1, max_length=200)]
EntryName = Annotated[str, Field(min_length=1, max_length=100)]


class Suspicion(Strict):
    """One thing that makes a row suspicious, so that it is refused: exactly one condition, and the reason.

    `below` and `above` compare numbers (after `multiply`), `before` and `after` dates (none of the four
    includes its limit); `matches` and `differs` hold a regular expression (of RE2) against the whole trimmed
    text of the cell.
    """

    reason: Words
    below: Limit | None = None
    above: Limit | None = None
    before: IsoDate | None = None
    after: IsoDate | None = None
    matches: Pattern | None = None
    differs: Pattern | None = None

    @cached_property
    def condition(self) -> str:
        """The name of the one condition that is set."""
        return next(name for name in _CONDITIONS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one(self) -> Suspicion:
        if sum(getattr(self, name) is not None for name in _CONDITIONS) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_CONDITIONS)}")
        return self


_CONDITIONS = ("below", "above", "before", "after", "matches", "differs")


class _Column(Strict):
    """A column of the file. `headers` are its names, of which the file must have one, unless `absent`.

    An empty cell is refused unless `empty`.
    """

    headers: Annotated[list[Header], Field(min_length=1)]
    absent: bool = False
    empty: bool = False
    suspicious: list[Suspicion] = Field(default_factory=list)

    def _suspicions_fit(self, *allowed: str) -> None:
        for suspicion in self.suspicious:
            if suspicion.condition not in (*allowed, "matches", "differs"):
                raise ValueError(f"suspicious: {suspicion.condition} has no meaning for this type of column")


class TextColumn(_Column):
    """Words, as they stand, without the white space around them."""

    type: Literal["text"]
    length_max: Annotated[int, Field(ge=1, le=4000)] = 4000

    @model_validator(mode="after")
    def _fits(self) -> TextColumn:
        self._suspicions_fit()
        return self


class NumberColumn(_Column):
    """A plain decimal number, with at most `places` decimals in the file.

    `thousands` allows a mark between groups of three digits. The value is multiplied by `multiply` (10000
    where the file counts in 万元), exactly; `min` and `max` (inclusive) are held against the product.
    """

    type: Literal["number"]
    places: Annotated[int, Field(ge=0, le=12)] = 2
    thousands: Literal["", ","] = ""
    multiply: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1
    min: Limit | None = None
    max: Limit | None = None

    @model_validator(mode="after")
    def _fits(self) -> NumberColumn:
        self._suspicions_fit("below", "above")
        return self


class DateColumn(_Column):
    """A date in one of the formats (as `strptime` spells them); a time of day is read and left out.

    A format without a day (`%Y年%m月`) means the first of the month. Date cells of a workbook are taken as
    they are.
    """

    type: Literal["date"]
    formats: Annotated[list[DateFormat], Field(min_length=1)]
    min: IsoDate | None = None
    max: IsoDate | None = None

    @model_validator(mode="after")
    def _fits(self) -> DateColumn:
        self._suspicions_fit("before", "after")
        return self


class ChoiceColumn(_Column):
    """One of declared texts, each with the value it stands for."""

    type: Literal["choice"]
    values: Annotated[dict[str, str | bool], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> ChoiceColumn:
        self._suspicions_fit()
        return self


Column = Annotated[TextColumn | NumberColumn | DateColumn | ChoiceColumn, Field(discriminator="type")]


class Fill(Strict):
    """Where a value comes from: a constant, a column, or several columns joined.

    From a column's text, `capture` takes the one group of a regular expression (of RE2, searched for; `what`
    names it in the refusal of a row that lacks it), `synonyms` exchange other names of a thing for its own, and `table`
    exchanges what there is for a declared value, refusing all else. `cut` shortens text to the length its attribute may
    have, which is otherwise a refusal.
    """

    constant: str | int | bool | None = None
    column: Identifier | None = None
    columns: Annotated[list[Identifier], Field(min_length=2)] | None = None
    separator: str = "/"
    capture: Pattern | None = None
    what: Words | None = None
    synonyms: dict[str, str] = Field(default_factory=dict[str, str])
    table: dict[str, str | bool] | None = None
    cut: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns the value is made of."""
        return (self.column,) if self.column is not None else tuple(self.columns or ())

    @model_validator(mode="after")
    def _consistent(self) -> Fill:
        if sum(source is not None for source in (self.constant, self.column, self.columns)) != 1:
            raise ValueError("needs exactly one of constant, column, columns")
        if self.column is None and (self.capture or self.synonyms or self.table is not None or self.cut):
            raise ValueError("capture, synonyms, table and cut need a column")
        if self.capture is not None and pattern_compile(self.capture).groups != 1:
            raise ValueError("capture needs exactly one group in parentheses")
        if (self.capture is None) != (self.what is None):
            raise ValueError("capture and what belong together: what names the thing captured, for people")
        return self


class Registration(Strict):
    """How a customer who is not known yet is registered; nobody is where the cell of the name is empty."""

    name: Fill
    traits: dict[Literal["industry", "region", "customer_type", "scale"], Fill] = Field(default_factory=dict)


class CustomerPart(Strict):
    """Which customer a row is about: a reference in the books of `source` (by default that of the mapping).

    References are normalised (NFKC, white space), so that full- and half-width brackets name one customer.
    """

    source: Identifier | None = None
    reference: Fill
    registration: Registration | None = None


class FactPart(Strict):
    """Which fact a row records.

    Without `external_id` a row is known by its mapped content and its number among equals. With
    `attributes_by_header`, columns that are named like attributes of the fact type fill them; a filled cell
    in a column that is neither declared nor an attribute of the row's type refuses the row.
    """

    type: Fill
    occurred: Fill
    external_id: Fill | None = None
    attributes: dict[Identifier, Fill] = Field(default_factory=dict)
    attributes_by_header: bool = False


class CommandPart(Strict):
    """A command that a row gives: a team is declared, somebody enrolled, a lead reported, a profile changed, an
    opportunity opened.

    `fields` fill its texts, numbers and truths, `entries` those of its fields that hold values by name, such as traits;
    what an empty cell would fill is left out. `source` and `customer` are those of the mapping. Somebody of the staff
    is named by id, or by reference or name in the books of `staff_source` (by default the mapping's source).
    """

    kind: KindId
    fields: dict[Identifier, Fill] = Field(default_factory=dict[str, Fill])
    entries: dict[Identifier, dict[EntryName, Fill]] = Field(default_factory=dict[str, dict[str, Fill]])
    staff_source: Identifier | None = None


class Order(Strict):
    """Two date columns of which `then` must not lie before `first`."""

    first: Identifier
    then: Identifier
    reason: Words


class FileMapping(Strict):
    """A mapping document. With `fact` a row records a fact, with `commands` it gives these, one after the other;
    without either it registers a customer. With `commands` and `customer.registration` it does that first.

    `headings` are further words that are headings wherever they stand in a file, never values. Rows of commands go to
    the ledger by the date in the column `dated_by`, those without a date last. In JSON, `records` names the member that
    holds the rows (with dots: one inside another); without it the whole document does.
    """

    id: Identifier
    title: Words
    source: Identifier
    sheet: str | None = None
    records: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    encodings: Annotated[list[Encoding], Field(min_length=1)] = Field(
        default_factory=lambda: list(_ENCODINGS)
    )
    columns: Annotated[dict[Identifier, Column], Field(min_length=1)]
    headings: list[Header] = Field(default_factory=list)
    order: list[Order] = Field(default_factory=list)
    customer: CustomerPart | None = None
    fact: FactPart | None = None
    commands: Annotated[list[CommandPart], Field(max_length=10)] = Field(default_factory=list[CommandPart])
    dated_by: Identifier | None = None

    _origin: str = PrivateAttr(default="")

    @property
    def origin(self) -> str:
        """Under what name or path `mapping_load` finds this document again."""
        return self._origin or self.id

    def origin_set(self, origin: str) -> None:
        """Remember the path this document was read from."""
        self._origin = origin

    @property
    def customer_source(self) -> str:
        """In whose books the customers' references stand."""
        return (self.customer.source if self.customer is not None else None) or self.source

    @property
    def registration(self) -> Registration | None:
        """How a customer who is not known yet is registered."""
        return self.customer.registration if self.customer is not None else None

    def document(self) -> dict[str, Any]:
        """The document as plain data."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the document, 32 bytes."""
        return sha256(orjson.dumps(self.document(), option=orjson.OPT_SORT_KEYS)).digest()

    def fills(self) -> Iterator[tuple[str, Fill]]:
        """Every value the document fills, by its place in it."""
        if self.customer is not None:
            yield "customer.reference", self.customer.reference
        registration = self.registration
        if registration is not None:
            yield "customer.registration.name", registration.name
            for trait, fill in registration.traits.items():
                yield f"customer.registration.traits.{trait}", fill
        if self.fact is not None:
            yield "fact.type", self.fact.type
            yield "fact.occurred", self.fact.occurred
            if self.fact.external_id is not None:
                yield "fact.external_id", self.fact.external_id
            for i, fill in enumerate(self.fact.attributes.values()):
                yield f"fact.attributes.{i}", fill
        for i, part in enumerate(self.commands):
            for j, fill in enumerate(part.fields.values()):
                yield f"commands.{i}.fields.{j}", fill
            for j, entries in enumerate(part.entries.values()):
                for k, fill in enumerate(entries.values()):
                    yield f"commands.{i}.entries.{j}.{k}", fill

    @model_validator(mode="after")
    def _consistent(self) -> FileMapping:
        for place, fill in self.fills():
            for name in fill.names:
                if name not in self.columns:
                    raise ValueError(f"{place}: names no column of this mapping")
            if fill.cut and not place.startswith("fact.attributes."):
                raise ValueError(f"{place}: only an attribute can be cut")
        for i, rule in enumerate(self.order):
            for member in ("first", "then"):
                column = self.columns.get(getattr(rule, member))
                if column is None or column.type != "date":
                    raise ValueError(f"order.{i}.{member}: names no date column of this mapping")
        self._commands_check()
        if self.fact is None and not self.commands and self.registration is None:
            raise ValueError(
                "without a fact or commands the mapping needs customer.registration, else its rows say nothing"
            )
        if self.fact is not None and self.customer is None:
            raise ValueError("customer: a fact is about a customer; say which")
        if self.fact is not None:
            occurred = self.fact.occurred.column
            if (
                occurred is None
                or self.columns[occurred].type != "date"
                or self.fact.occurred.capture is not None
            ):
                raise ValueError("fact.occurred: must be a date column")
        return self

    def _commands_check(self) -> None:
        """Raises ValueError where the commands can't be given so."""
        if self.commands and self.fact is not None:
            raise ValueError("commands: a row records a fact or gives commands; make two mappings of it")
        given = {"source"} if self.customer is None else {"source", "customer"}
        for i, part in enumerate(self.commands):
            problem = next(
                kind_problems(KINDS[part.kind], frozenset(part.fields), part.entries, frozenset(given)), None
            )
            if problem is not None:
                raise ValueError(f"commands.{i}: {problem}")
        if self.dated_by is not None:
            column = self.columns.get(self.dated_by)
            if column is None or column.type != "date":
                raise ValueError("dated_by: names no date column of this mapping")


_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "gb18030")

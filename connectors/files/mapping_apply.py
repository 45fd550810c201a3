"""One raw row into one command, or the reason why not. Exact, strict, and without memory of other rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final, TypeAlias

import orjson

from connectors.files.cells import CellReader, Place, RowRefused, reference_normal
from connectors.files.command_rows import commands_of, fields_of
from connectors.files.mapping import FileMapping, Fill
from connectors.files.mapping_loading import fact_type_missing
from connectors.files.messages import Language, text
from connectors.files.patterns import pattern_compile
from connectors.files.rows import RawRow, header_normal
from ledger.domain.commands import Command, CustomerReference, RecordFact, RegisterCustomer
from ledger.domain.errors import DocumentInvalid, Problem
from ledger.domain.fact_types import FactType

EXTERNAL_ID_LENGTH_MAX: Final = 200
NAME_LENGTH_MAX: Final = 200

DATELESS: Final = "~"
"""In the place of a date that a row lacks: after all dates."""

Values: TypeAlias = Mapping[str, str | bool | None]
"""A row's cells as read, by column of the mapping."""


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row's command, and its date for sorting (ISO; "" for a registration, which comes before all facts).
    `before` are commands that the row gives first.

    `identity` is set where the source gives no id: the hash of the mapped content. The external id is then
    the identity with the row's number among equals, which only the run knows.
    """

    command: Command
    occurred: str
    identity: str = ""
    before: tuple[Command, ...] = ()


def customer_text(source: str, reference: str) -> str:
    """How an attribute names a customer by reference: "source:reference" (a source's id has no colon)."""
    return f"{source}:{reference}"


class RowMapper:
    """A mapping applied to the rows of one file (of these headers), one after the other.

    Raises DocumentInvalid where the mapping does not fit the fact type it fills (unknown or unfilled
    attributes).
    """

    def __init__(
        self,
        mapping: FileMapping,
        fact_type_of: Callable[[str], FactType | None],
        headers: Sequence[str],
        language: Language = "en",
    ) -> None:
        self.mapping = mapping
        self.headers = tuple(headers)
        self.language: Language = language
        self.problems: list[tuple[str, str]] = []
        """Columns the file lacks or has twice, as (header, reason).

        Where there are any, every row is refused.
        """
        self._fact_type_of = fact_type_of
        self._fact_types: dict[str, FactType | None] = {}
        headings = {header_normal(h) for c in mapping.columns.values() for h in c.headers}
        self._cells = CellReader(frozenset(headings | {header_normal(h) for h in mapping.headings}), language)
        self._places = self._places_find()
        self._by_header = self._attributes_by_header()
        self._fields = self._fields_by_attribute()
        if mapping.fact is not None and isinstance(mapping.fact.type.constant, str):
            self._fact_type_check(mapping.fact.type.constant)

    def map(self, raw: RawRow) -> MappedRow:
        """The command of a row. Raises RowRefused with the first thing that is wrong."""
        if self.problems:
            raise RowRefused(*self.problems[0])
        if raw.fault is not None:
            raise RowRefused(raw.fault.field, raw.fault.reason)
        values: dict[str, str | bool | None] = {}
        for place in self._places.values():
            values[place.name] = self._cells.read(place, raw.cells[place.index] if place.index >= 0 else None)
        for rule in self.mapping.order:
            first, then = values[rule.first], values[rule.then]
            if isinstance(first, str) and isinstance(then, str) and then < first:
                reason = rule.reason.zh if self.language == "zh" else rule.reason.en
                raise RowRefused(self._places[rule.then].header, reason)
        part = self.mapping.customer
        source = self.mapping.customer_source
        reference = reference_normal(self._text_of(part.reference, values)) if part is not None else ""
        if part is not None and not reference:
            raise RowRefused(self._field_of(part.reference), text("empty", self.language))
        registration = self._registration(source, reference, values)
        if self.mapping.commands:
            return self._commands(values, customer_text(source, reference) if reference else "", registration)
        if self.mapping.fact is None:
            if registration is None:
                raise RowRefused(self._field_of(self._registration_name()), text("empty", self.language))
            return MappedRow(registration, "")
        return self._fact(raw, values, source, reference, registration)

    def field_of(self, attribute: str) -> str:
        """The header behind an attribute, `customer`, `occurred` or `external_id`: for its refusals."""
        return self._fields.get(attribute.removeprefix("attributes."), attribute)

    def _places_find(self) -> dict[str, Place]:
        normal = [header_normal(header) for header in self.headers]
        places: dict[str, Place] = {}
        missing: list[str] = []
        for name, column in self.mapping.columns.items():
            wanted = {header_normal(header) for header in column.headers}
            # A second column of the same name was numbered by the reader: "金额 #7".
            found = [i for i, h in enumerate(normal) if h in wanted or re.sub(r" #\d+\Z", "", h) in wanted]
            if len(found) > 1:
                self.problems.append((self.headers[found[0]], text("ambiguous", self.language)))
            if not found and not column.absent:
                missing.append(column.headers[0])
            index = found[0] if found else -1
            places[name] = Place(name, column, index, self.headers[index] if found else column.headers[0])
        if missing:
            columns = ", ".join(missing)
            self.problems.insert(0, (missing[0], text("columns_missing", self.language, columns=columns)))
        return places

    def _attributes_by_header(self) -> dict[str, int]:
        """The columns that may be attributes by their name: those that the mapping does not declare."""
        if self.mapping.fact is None or not self.mapping.fact.attributes_by_header:
            return {}
        declared = {place.index for place in self._places.values()}
        return {header: index for index, header in enumerate(self.headers) if index not in declared}

    def _fields_by_attribute(self) -> dict[str, str]:
        fields = fields_of(self.mapping, self._field_of)
        if self.mapping.customer is not None:
            fields["customer"] = self._field_of(self.mapping.customer.reference)
        if self.mapping.fact is not None:
            fields["occurred"] = self._field_of(self.mapping.fact.occurred)
            if self.mapping.fact.external_id is not None:
                fields["external_id"] = self._field_of(self.mapping.fact.external_id)
            fields |= {name: self._field_of(fill) for name, fill in self.mapping.fact.attributes.items()}
        return fields

    def _field_of(self, fill: Fill) -> str:
        return self._places[fill.names[0]].header if fill.names else ""

    def _fact_type_check(self, fact_type_id: str) -> None:
        """Raises DocumentInvalid unless the mapping fills this fact type."""
        fact_type = self._fact_type_find(fact_type_id)
        assert self.mapping.fact is not None
        filled = self.mapping.fact.attributes
        problems: list[Problem] = []
        if fact_type is None:
            raise DocumentInvalid([Problem("mapping: fact.type", fact_type_missing(fact_type_id))])
        for i, (name, fill) in enumerate(filled.items()):
            attribute = fact_type.attributes.get(name)
            if attribute is None:
                problems.append(Problem(f"mapping: fact.attributes.{i}", f"is no attribute of {fact_type_id}"))
            elif fill.cut and attribute.type != "text":
                problems.append(Problem(f"mapping: fact.attributes.{i}", "is no text, so it can't be cut"))
        if not self.mapping.fact.attributes_by_header:
            for name, attribute in fact_type.attributes.items():
                if attribute.required and name not in filled:
                    problems.append(Problem("mapping: fact.attributes", f"{name} is required by {fact_type_id}"))
        if problems:
            raise DocumentInvalid(problems)

    def _fact_type_find(self, fact_type_id: str) -> FactType | None:
        if fact_type_id not in self._fact_types:
            self._fact_types[fact_type_id] = self._fact_type_of(fact_type_id)
        return self._fact_types[fact_type_id]

    def _fill(self, fill: Fill, values: Values) -> str | int | bool | None:
        """The value of a fill; None where its cell is empty."""
        if fill.constant is not None:
            return fill.constant
        if fill.columns is not None:
            parts = [values[name] for name in fill.columns]
            return None if None in parts else fill.separator.join(str(part) for part in parts)
        assert fill.column is not None
        value = values[fill.column]
        if value is None or isinstance(value, bool):
            return value
        if fill.capture is not None:
            found = pattern_compile(fill.capture).capture(value)
            if not found:
                assert fill.what is not None
                what = fill.what.zh if self.language == "zh" else fill.what.en
                raise RowRefused(self._field_of(fill), text("capture", self.language, what=what))
            value = found
        value = fill.synonyms.get(value, value)
        if fill.table is not None:
            if value not in fill.table:
                allowed = ", ".join(fill.table)
                raise RowRefused(self._field_of(fill), text("choice", self.language, values=allowed))
            return fill.table[value]
        return value

    def _text_of(self, fill: Fill, values: Values) -> str:
        value = self._fill(fill, values)
        if value is None or not str(value).strip():
            raise RowRefused(self._field_of(fill), text("empty", self.language))
        return str(value).strip()

    def _registration_name(self) -> Fill:
        assert self.mapping.registration is not None
        return self.mapping.registration.name

    def _registration(
        self, source: str, reference: str, values: Mapping[str, str | bool | None]
    ) -> RegisterCustomer | None:
        part = self.mapping.registration
        if part is None or self._fill(part.name, values) is None:
            return None
        name = " ".join(self._text_of(part.name, values).split())
        assert self.mapping.customer is not None
        for fill, words in ((part.name, name), (self.mapping.customer.reference, reference)):
            if len(words) > NAME_LENGTH_MAX:
                raise RowRefused(self._field_of(fill), text("long", self.language, length=NAME_LENGTH_MAX))
        traits: dict[str, str] = {}
        for trait, fill in part.traits.items():
            value = self._fill(fill, values)
            if value is not None:
                traits[trait] = str(value)
        return RegisterCustomer(source, reference, name, traits)

    def _commands(self, values: Values, customer: str, registration: RegisterCustomer | None) -> MappedRow:
        commands = commands_of(
            self.mapping, customer, lambda fill: self._fill(fill, values), self._field_of, self.language
        )
        first = (registration,) if registration is not None else ()
        dated_by = self.mapping.dated_by
        date_read = values[dated_by] if dated_by is not None else ""
        return MappedRow(commands[-1], str(date_read or DATELESS) if dated_by else "", before=(*first, *commands[:-1]))

    def _fact(
        self,
        raw: RawRow,
        values: Values,
        source: str,
        reference: str,
        registration: RegisterCustomer | None,
    ) -> MappedRow:
        part = self.mapping.fact
        assert part is not None
        type_id = self._text_of(part.type, values)
        fact_type = self._fact_type_find(type_id)
        if fact_type is None:
            raise RowRefused(self._field_of(part.type), text("fact_type_unknown", self.language))
        occurred = self._text_of(part.occurred, values)
        attributes = self._attributes(fact_type, raw, values)
        if part.external_id is None:
            content = [type_id, source, reference, occurred, attributes]
            identity = sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
            external_id = ""
        else:
            identity = ""
            external_id = self._text_of(part.external_id, values)
            if len(external_id) > EXTERNAL_ID_LENGTH_MAX:
                external_id = f"sha256-{sha256(external_id.encode()).hexdigest()}"
        command = RecordFact(
            source=self.mapping.source,
            external_id=external_id,
            fact_type=type_id,
            customer=CustomerReference(source, reference),
            occurred=occurred,
            attributes=attributes,
            registration=registration,
        )
        return MappedRow(command, occurred, identity)

    def _attributes(
        self, fact_type: FactType, raw: RawRow, values: Mapping[str, str | bool | None]
    ) -> dict[str, object]:
        """The attributes as the command carries them, held against the fact type. Raises RowRefused."""
        part = self.mapping.fact
        assert part is not None
        attributes: dict[str, object] = {}
        for name, fill in part.attributes.items():
            value = self._fill(fill, values)
            attribute = fact_type.attributes.get(name)
            if fill.cut and attribute is not None and attribute.type == "text" and isinstance(value, str):
                value = value[: attribute.length_max].rstrip()
            if value is not None:
                attributes[name] = value
        for header, index in self._by_header.items():
            cell = raw.cells[index]
            if cell is None:
                continue
            attribute = fact_type.attributes.get(header)
            if attribute is None:
                raise RowRefused(header, text("no_attribute", self.language, fact_type=fact_type.id))
            if isinstance(cell, date):
                cell = cell.isoformat()[:10]
            if attribute.type == "boolean":
                # TRUE and FALSE: what a workbook's own booleans are read as.
                if cell.lower() not in ("true", "false"):
                    raise RowRefused(header, text("boolean", self.language))
                attributes[header] = cell.lower() == "true"
            else:
                attributes[header] = cell
        for name, attribute in fact_type.attributes.items():
            if attribute.type == "customer" and isinstance(attributes.get(name), str):
                named = reference_normal(str(attributes[name]))
                attributes[name] = customer_text(self.mapping.customer_source, named)
        # Whether a named customer exists is for the ledger to say; everything else is known here.
        _, problems = fact_type.parse(attributes, lambda _: 1)
        if problems:
            raise RowRefused(self.field_of(problems[0].field), problems[0].reason)
        return attributes

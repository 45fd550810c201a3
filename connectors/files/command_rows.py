"""Rows that become commands about staff, customers and the work with them: each field from its fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from connectors.files.cells import RowRefused, reference_normal
from connectors.files.kinds import KINDS
from connectors.files.mapping import CommandPart, FileMapping, Fill
from connectors.files.messages import Language, text
from ledger.domain.commands import Command
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_number
from ledger.writer.forms import command_check

FillValue: TypeAlias = Callable[[Fill], str | int | bool | None]
"""The value of a fill in the row at hand; None where its cell is empty."""
FieldOf: TypeAlias = Callable[[Fill], str]
"""The header behind a fill."""

_STAFF: Final = "staff"


def commands_of(
    mapping: FileMapping, customer: str, value_of: FillValue, field_of: FieldOf, language: Language
) -> tuple[Command, ...]:
    """The commands of a row, in the order of the mapping. `customer` is "source:reference", "" where a row has none.
    Raises RowRefused."""
    return tuple(_command(mapping, part, customer, value_of, field_of, language) for part in mapping.commands)


def fields_of(mapping: FileMapping, field_of: FieldOf) -> dict[str, str]:
    """The headers behind the fields of all commands of a mapping, by field: what their refusals name. Where two
    commands have a field of one name, it is the later one's, which does more."""
    fields: dict[str, str] = {}
    for part in mapping.commands:
        for entries in part.entries.values():
            fields |= {name: field_of(fill) for name, fill in entries.items() if fill.names}
        fields |= {name: field_of(fill) for name, fill in part.fields.items() if fill.names}
    return fields


def _command(
    mapping: FileMapping, part: CommandPart, customer: str, value_of: FillValue, field_of: FieldOf, language: Language
) -> Command:
    kind = KINDS[part.kind]
    values: dict[str, Any] = dict.fromkeys(kind.spared, "")
    if "source" in kind.plain:
        values["source"] = mapping.source
    if "customer" in kind.required:
        values["customer"] = customer
    for name, fill in part.fields.items():
        value = value_of(fill)
        if value is None or value == "":
            if name in kind.required:
                raise RowRefused(field_of(fill), text("empty", language))
            continue
        value = _typed(kind.plain[name], value, field_of(fill), language)
        if name in kind.references:
            value = reference_normal(value)
        elif name == _STAFF and not staff_number(value):
            value = f"{part.staff_source or mapping.source}:{reference_normal(value)}"
        values[name] = value
    for name, fills in part.entries.items():
        values[name] = _entries(kind.entries[name], fills, value_of, field_of, language)
    command = kind.command(**values)
    try:
        command_check(command)
    except Refused as refusal:
        raise RowRefused(fields_of(mapping, field_of).get(refusal.field, refusal.field), refusal.reason) from None
    return command


def _entries(
    kind: type[Any], fills: Mapping[str, Fill], value_of: FillValue, field_of: FieldOf, language: Language
) -> dict[str, Any]:
    """Values by name; those whose cell is empty are left out."""
    values = ((name, fill, value_of(fill)) for name, fill in fills.items())
    return {
        name: _typed(kind, value, field_of(fill), language)
        for name, fill, value in values
        if value is not None and value != ""
    }


def _typed(kind: type[Any], value: str | int | bool, header: str, language: Language) -> Any:
    """A value as a field holds it. Raises RowRefused."""
    if kind is bool:
        if not isinstance(value, bool):
            raise RowRefused(header, text("boolean", language))
        return value
    if kind is int:
        try:
            return int(value)
        except ValueError:
            raise RowRefused(header, text("integer", language)) from None
    words = str(value)
    # Lines of a text stay lines; a name is written with single spaces.
    return words.strip() if "\n" in words else " ".join(words.split())

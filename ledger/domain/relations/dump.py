"""A state as plain data, to hold two against each other: live and rebuilt, before and after something undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from ledger.domain.relations.journal import Buckets, Counters, Generations, Rotation, Table
from ledger.domain.relations.lookup import Lookup
from ledger.domain.relations.records import Handover, Merging
from ledger.domain.relations.state import Relations


def dump(state: Relations) -> dict[str, Any]:
    """Every table of a state by name, sorted, without what is empty or zero.

    Left out is what says nothing about who has what: the position, generations, and handovers and mergings that were
    undone.
    """
    found = {name: _table(table) for name, table in vars(state).items()}
    return {name: plain for name, plain in sorted(found.items()) if plain}


def _table(table: object) -> dict[str, Any]:
    if isinstance(table, Table):
        rows = cast("Table[Any, Any]", table)
        return {
            repr(key): _plain(value)
            for key, value in sorted(rows.items(), key=lambda row: repr(row[0]))
            if not (isinstance(value, (Handover, Merging)) and value.is_undone)
        }
    if isinstance(table, Buckets):
        buckets = cast("Buckets[Any, Any]", table)
        return {repr(key): sorted(members) for key, members in sorted(buckets.items())}
    if isinstance(table, Lookup):
        return {repr(key): customers for key, customers in sorted(table.items())}
    if isinstance(table, Counters) and not isinstance(table, Generations):
        return {str(n): int(table.values[n]) for n in (table.values != table.initial).nonzero()[0]}
    if isinstance(table, dict):
        parts = {str(name): _part(value) for name, value in sorted(cast("dict[Any, Any]", table).items())}
        return {name: plain for name, plain in parts.items() if plain}
    return {}


def _part(value: object) -> dict[str, Any]:
    if not isinstance(value, Rotation):
        return _table(value)
    parts = {"counts": _table(value.counts), "weights": _table(value.weights)}
    return {name: counts for name, counts in parts.items() if counts}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[Any]", value))
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in cast("tuple[Any, ...]", value)]
    if isinstance(value, Mapping):
        rows = cast("Mapping[Any, Any]", value).items()
        return {repr(key): _plain(part) for key, part in sorted(rows, key=lambda row: repr(row[0]))}
    return value

"""The whole state of relations as plain data, so that two can be compared whatever way they came about."""

from __future__ import annotations

from typing import Any

import numpy as np

from ledger.domain.relations.journal import Buckets, Counters, Generations, Journal, Rotation
from ledger.domain.relations.lookup import Lookup
from ledger.domain.relations.state import Relations
from ledger.domain.settlement.state import Settlement


def relations_dump(state: Relations) -> dict[str, Any]:
    """Everything but how it is undone, and the generations, which rise by undoing too. What holds nothing is left out:
    a counter that was never raised is one that is 0."""
    dumped = {name: _plain(value) for name, value in vars(state).items() if name not in ("customers", "due_lookups")}
    return {name: value for name, value in dumped.items() if value not in ({}, None)}


def _plain(value: Any) -> Any:
    if isinstance(value, Buckets):
        return {key: sorted(members) for key, members in value.items()}
    if isinstance(value, Lookup):
        return dict(value.items())
    if isinstance(value, (Generations, Journal)):
        return None
    if isinstance(value, Counters):
        initial = value[len(value.values)]
        return {int(n): int(value.values[n]) for n in np.flatnonzero(value.values != initial)}
    if isinstance(value, Rotation):
        return [_plain(value.counts), _plain(value.weights)]
    if isinstance(value, Settlement):
        held = {name: _plain(item) for name, item in vars(value).items() if name != "_journal"}
        return {name: item for name, item in held.items() if item not in ({}, [])}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value

"""What the fold must know of a customer to give it back as it was, as JSON: how handovers found and left it, and what
the next event gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from ledger.domain.relations.records import Handed, Holding
from ledger.domain.relations.state import Relations


@dataclass(slots=True)
class Kept:
    """What is kept of one customer. `handover`: the last one that it stands as left by, 0 for none."""

    customer: int
    handover: int
    kept: str


def kept_customers(state: Relations) -> set[int]:
    """The customers of whom something is to be kept."""
    return state.handed.keys() | state.restoring.keys()


def kept_of(state: Relations, customer: int) -> Kept:
    """What is to be kept of one of them."""
    handed, restoring = state.handed.get(customer), state.restoring.get(customer)
    chain: list[dict[str, Any]] = []
    found = handed
    while found is not None:
        chain.append({"position": found.position, "before": _plain(found.before), "after": _plain(found.after)})
        found = found.earlier
    text = orjson.dumps({"handed": chain, "restoring": _plain(restoring)}, option=orjson.OPT_SORT_KEYS).decode()
    return Kept(customer, handed.position if handed else 0, text)


def kept_put(state: Relations, customer: int, kept: Mapping[str, Any]) -> None:
    """Have it in a state again."""
    handed: Handed | None = None
    for entry in reversed(kept["handed"]):
        handed = Handed(entry["position"], _holding(entry["before"]), _holding(entry["after"]), handed)
    if handed is not None:
        state.handed.put(customer, handed)
    if kept["restoring"] is not None:
        state.restoring.put(customer, _holding(kept["restoring"]))


def _plain(holding: Holding | None) -> dict[str, Any] | None:
    if holding is None:
        return None
    return asdict(holding) | {"collaborators": sorted(holding.collaborators)}


def _holding(plain: Mapping[str, Any]) -> Holding:
    fields: dict[str, Any] = {**plain, "collaborators": frozenset(plain["collaborators"])}
    return Holding(**fields)

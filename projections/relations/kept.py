"""What the fold must know of a customer to give it back as it was, as JSON: how handovers and a merging found and left
it, and what the next event gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ledger.domain.relations.records import Handed, Holding, Merging
from ledger.domain.relations.state import Relations


@dataclass(slots=True)
class Kept:
    """What is kept of one customer. `handover`: the last one that it stands as left by; `survivor`: the customer it was
    merged into. 0 for none."""

    customer: int
    handover: int
    survivor: int
    kept: str


def kept_customers(state: Relations) -> set[int]:
    """The customers of whom something is to be kept."""
    return state.handed.keys() | state.restoring.keys() | {c for c, m in state.mergings.items() if not m.is_undone}


def kept_of(state: Relations, customer: int) -> Kept:
    """What is to be kept of one of them."""
    handed, merging = state.handed.get(customer), state.mergings.get(customer)
    if merging is not None and merging.is_undone:
        merging = None
    plain = {
        "handed": _chain(handed), "restoring": _plain(state.restoring.get(customer)),
        "merging": None if merging is None else _merging_plain(merging),
    }  # fmt: skip
    text = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()
    return Kept(customer, handed.position if handed else 0, merging.survivor if merging else 0, text)


def kept_put(state: Relations, customer: int, kept: Mapping[str, Any]) -> None:
    """Have it in a state again."""
    handed = _handed(kept["handed"])
    if handed is not None:
        state.handed.put(customer, handed)
    if kept["restoring"] is not None:
        state.restoring.put(customer, _holding(kept["restoring"]))
    plain = kept["merging"]
    if plain is not None:
        survivor = plain["survivor"]
        state.merged.put(customer, survivor)
        state.members.add(survivor, customer)
        state.mergings.put(
            customer,
            Merging(
                plain["position"], survivor, plain["heir"], _holding(plain["merged"]), _holding(plain["before"]),
                _holding(plain["after"]), (_handed(plain["handed"][0]), _handed(plain["handed"][1])),
            ),
        )  # fmt: skip


def _chain(handed: Handed | None) -> list[dict[str, Any]]:
    """The latest first."""
    chain: list[dict[str, Any]] = []
    while handed is not None:
        chain.append({"position": handed.position, "before": _plain(handed.before), "after": _plain(handed.after)})
        handed = handed.earlier
    return chain


def _handed(chain: list[dict[str, Any]]) -> Handed | None:
    handed: Handed | None = None
    for entry in reversed(chain):
        handed = Handed(entry["position"], _holding(entry["before"]), _holding(entry["after"]), handed)
    return handed


def _merging_plain(merging: Merging) -> dict[str, Any]:
    """Without the work that went along: views of it follow the events that say so."""
    return {
        "position": merging.position, "survivor": merging.survivor, "heir": merging.heir,
        "merged": _plain(merging.merged), "before": _plain(merging.before), "after": _plain(merging.after),
        "handed": [_chain(handed) for handed in merging.handed],
    }  # fmt: skip


def _plain(holding: Holding | None) -> dict[str, Any] | None:
    if holding is None:
        return None
    return holding._asdict() | {"collaborators": sorted(holding.collaborators)}


def _holding(plain: Mapping[str, Any]) -> Holding:
    fields: dict[str, Any] = {**plain, "collaborators": frozenset(plain["collaborators"])}
    return Holding(**fields)

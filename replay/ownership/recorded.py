"""The proof that the assignment rules in force reproduce the record: every change of owner compared, by the input it
followed from, customer and order: whom, why, by which rule and version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import polars as pl

from ledger.domain.values import customer_id
from ledger.log.columns.reader import Columns
from ledger.log.columns.relations import happened
from replay.ownership.run import OwnershipRun

DIFFERENCES_SHOWN_MAX: Final = 100
_TOPICS: Final = ("CustomerAssigned", "CustomerPooled")

_Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class OwnershipDifference:
    """A change of owner on which record and run disagree; None where one side has none. `position` is the input's."""

    position: int
    customer: str
    recorded: str | None
    replayed: str | None

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "position": self.position, "customer": self.customer, "recorded": self.recorded, "replayed": self.replayed,
        }  # fmt: skip


def ownership_record_compare(columns: Columns, run: OwnershipRun) -> tuple[int, list[OwnershipDifference]]:
    """How many changes of owner differ between the record and a run of the recorded rules, and the first of them."""
    events = columns.relations().filter(pl.col("topic").is_in(_TOPICS))
    recorded = _grouped(
        (
            (e.fields["cause"], e.customer),
            _words(e.fields.get("staff", "") if e.topic == _TOPICS[0] else "", e.fields),
        )
        for e in happened(events)
    )
    replayed = _grouped(
        ((d.cause, d.customer), _words(d.staff, {"why": d.why, "rule": d.rule, "rule_set": d.rule_set}))
        for d in run.decisions
    )
    found: list[OwnershipDifference] = []
    count = 0
    for key in sorted(recorded.keys() | replayed.keys()):
        for a, b in zip_longest(recorded.get(key, []), replayed.get(key, [])):
            if a == b:
                continue
            count += 1
            if len(found) < DIFFERENCES_SHOWN_MAX:
                found.append(OwnershipDifference(key[0], customer_id(key[1]), a, b))
    return count, found


def _grouped(pairs: Iterable[tuple[_Key, str]]) -> dict[_Key, list[str]]:
    grouped: dict[_Key, list[str]] = {}
    for key, words in pairs:
        grouped.setdefault(key, []).append(words)
    return grouped


def _words(staff: str, said: Any) -> str:
    rule = f" by {said['rule_set']}/{said['rule']}" if said["rule"] else ""
    return f"{staff or 'pool'} ({said['why']}){rule}"

"""Two runs held against each other: whose customers would be somebody else's, and by which rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from ledger.domain.relations.ids import staff_id
from ledger.domain.values import customer_id
from replay.ownership.following import Decision
from replay.ownership.measures import Measures, measures_of
from replay.ownership.run import OwnershipRun


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A customer that another would have; "" is the pool. Each with why and by which rule it came to be theirs."""

    customer: str
    owner: str
    why: str
    rule: str
    owner_then: str
    why_then: str
    rule_then: str

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class OwnershipComparison:
    """The recorded run and another. `changes` are by customer; `moves` counts them by (rule, rule then)."""

    recorded: Measures
    candidate: Measures
    changes: list[OwnerChange]
    moves: list[tuple[str, str, int]]

    def document(self, limit: int) -> dict[str, Any]:
        """As plain data, with so many of the changes."""
        return {
            "recorded": self.recorded.document(),
            "candidate": self.candidate.document(),
            "customers_changed": len(self.changes),
            "moves": [{"rule": a, "rule_then": b, "customers": n} for a, b, n in self.moves],
            "changes": [c.document() for c in self.changes[:limit]],
        }


def ownership_compare(recorded: OwnershipRun, candidate: OwnershipRun) -> OwnershipComparison:
    """Compare the owners that two runs end with, and how good the runs are."""
    before, after = _last(recorded), _last(candidate)
    changes: list[OwnerChange] = []
    moves: Counter[tuple[str, str]] = Counter()
    for customer in sorted(before.keys() | after.keys()):
        owner, owner_then = _owner(recorded, customer), _owner(candidate, customer)
        if owner == owner_then:
            continue
        now, then = before.get(customer), after.get(customer)
        change = OwnerChange(
            customer_id(customer), owner, now.why if now else "", now.rule if now else "",
            owner_then, then.why if then else "", then.rule if then else "",
        )  # fmt: skip
        changes.append(change)
        moves[change.rule, change.rule_then] += 1
    most_first = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return OwnershipComparison(
        measures_of(recorded), measures_of(candidate), changes, [(a, b, n) for (a, b), n in most_first]
    )


def _last(run: OwnershipRun) -> dict[int, Decision]:
    """The last change of owner of each customer."""
    return {d.customer: d for d in run.decisions}


def _owner(run: OwnershipRun, customer: int) -> str:
    return staff_id(run.relations.holding(customer).owner)

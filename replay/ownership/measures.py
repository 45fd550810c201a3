"""How good a run is: how evenly the load is spread, whether owners fit, how soon customers had one, how many came back.

Integers only: shares are basis points rounded down, days whole or in hundredths rounded down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from ledger.domain.relations.assigning import OWNERS
from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.reach import region_of
from ledger.domain.relations.records import Staff
from replay.ownership.run import OwnershipRun

_SKILLED_IN: Final = ("customer_type", "industry", "scale")


@dataclass(frozen=True, slots=True)
class Measures:
    """What a run comes to. `None` where there is nothing to measure.

    Loads are of those who can own customers (in their role, and their capacity isn't 0 or they own some all the same) and
    belong to the firm on the run's last day. `gini_bp`: 0 where all own
    the same, 10,000 where one owns all. `region_match_bp`, `skill_match_bp`: of the changes that gave a customer an
    owner, how many gave it to somebody who works in its region, and to somebody with a skill in its type, industry or scale.
    `first_days_*`: from a customer's first lead to its first owner.
    """

    customers_owned: int
    customers_pooled: int
    staff: int
    load_max: int
    load_min: int
    gini_bp: int | None
    assignments: int
    region_match_bp: int | None
    skill_match_bp: int | None
    arrived: int
    never_assigned: int
    first_days_median: int | None
    first_days_mean_hundredths: int | None
    returns: int
    why: Mapping[str, int]
    rules: Mapping[str, int]
    dropped: Mapping[str, int]
    """Inputs that could not happen, by "topic code"."""
    reminders: Mapping[str, int]

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def measures_of(run: OwnershipRun) -> Measures:
    """Measure a run."""
    relations = run.relations
    owners = [
        s for s in relations.staff.values()
        if s.role in OWNERS and s.is_here(run.day_last) and (s.capacity or relations.load[s.number])
    ]  # fmt: skip
    loads = sorted(relations.load[s.number] for s in owners)
    given = [d for d in run.decisions if d.staff]
    regional = skilled = 0
    for decision in given:
        staff = relations.staff[staff_number(decision.staff)]
        traits = relations.traits(decision.customer)
        regional += bool(traits["region"]) and region_of(relations, staff) == traits["region"]
        skilled += is_skilled(staff, traits)
    first: dict[int, int] = {}
    for decision in given:
        first.setdefault(decision.customer, decision.day)
    waited = sorted(first[c] - day for c, day in run.arrived.items() if c in first)
    owned = sum(1 for h in relations.holdings.values() if h.owner)
    return Measures(
        customers_owned=owned,
        customers_pooled=relations.customer_count() - owned - len(relations.merged),
        staff=len(owners),
        load_max=loads[-1] if loads else 0,
        load_min=loads[0] if loads else 0,
        gini_bp=gini_bp(loads),
        assignments=len(given),
        region_match_bp=_share_bp(regional, len(given)),
        skill_match_bp=_share_bp(skilled, len(given)),
        arrived=len(run.arrived),
        never_assigned=sum(1 for c in run.arrived if c not in first),
        first_days_median=waited[(len(waited) - 1) // 2] if waited else None,
        first_days_mean_hundredths=sum(waited) * 100 // len(waited) if waited else None,
        returns=sum(1 for d in run.decisions if not d.staff and d.why == "deadline"),
        why=_counted(d.why for d in run.decisions),
        rules=_counted(d.rule for d in run.decisions if d.rule),
        dropped={f"{topic} {code}": n for (topic, code), n in sorted(run.dropped.items())},
        reminders=dict(sorted(run.reminders.items())),
    )


def gini_bp(loads: Sequence[int]) -> int | None:
    """The Gini coefficient of ascending loads in basis points, rounded down; None where nobody owns anything.

    G = (2 Σ i·xᵢ − (n + 1) Σ xᵢ) / (n Σ xᵢ), i from 1 (Sen, On Economic Inequality, 1973).
    """
    total, n = sum(loads), len(loads)
    if not total:
        return None
    weighted = sum(i * load for i, load in enumerate(loads, 1))
    return (2 * weighted - (n + 1) * total) * 10_000 // (n * total)


def is_skilled(staff: Staff, traits: Mapping[str, str]) -> bool:
    """Whether somebody has a skill in a customer's type, industry or scale."""
    return any(traits[trait] and f"{trait}:{traits[trait]}" in staff.skills for trait in _SKILLED_IN)


def _share_bp(part: int, whole: int) -> int | None:
    return part * 10_000 // whole if whole else None


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))

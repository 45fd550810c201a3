"""What was planted in an invented history, held against what reconciling it found: each fault found and named, no other
one, and no match of what doesn't belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciliation.invented import FAULTS, MATCHED_BY, OPEN_AS, Fault, Invented, Planted


class Matched(NamedTuple):
    """A match: the names of what it settles, and the rule that found it."""

    redemptions: frozenset[str]
    payments: frozenset[str]
    rule: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How many of one fault were planted, and how many were found as what they are."""

    fault: Fault
    planted: int
    found: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Each fault that was planted; the names of what was missed; and what was seen that is none, in words."""

    faults: tuple[Kept, ...]
    missed: tuple[str, ...]
    false: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything was found, and nothing else."""
        return not self.missed and not self.false


def outcome_of(history: Invented, matches: Collection[Matched], kinds: Mapping[str, str]) -> Outcome:
    """Hold a history against the matches in force and the kinds of open items by name."""
    by_sides = {(m.redemptions, m.payments): m.rule for m in matches}

    def found(planted: Planted) -> bool:
        if planted.fault in OPEN_AS:
            return all(kinds.get(i) == OPEN_AS[planted.fault] for i in (*planted.redemptions, *planted.payments))
        rule = by_sides.get((frozenset(planted.redemptions), frozenset(planted.payments)))
        return rule in MATCHED_BY[planted.fault]

    sown = Counter(p.fault for p in history.planted)
    caught = Counter(p.fault for p in history.planted if found(p))
    missed = [f"{p.fault}: {', '.join((*p.redemptions, *p.payments))}" for p in history.planted if not found(p)]
    expected = {i for p in history.planted if p.fault in OPEN_AS for i in (*p.redemptions, *p.payments)}
    false = [f"{item}: {kind}" for item, kind in kinds.items() if item not in expected]
    false += [
        f"{part} = {payment}: {match.rule}"
        for match in matches
        for part in sorted(match.redemptions)
        for payment in sorted(match.payments)
        if (part, payment) not in history.pairs
    ]
    return Outcome(
        tuple(Kept(fault, sown[fault], caught[fault]) for fault in FAULTS if sown[fault]), tuple(missed), tuple(false)
    )

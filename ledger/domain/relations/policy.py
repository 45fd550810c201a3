"""What the rules in force say about assignment, as the domain asks it. `ledger.rules.assignment` answers.

Everything is deterministic: no randomness, no clock, ties by a stated order, so that a replay gives the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ledger.domain.relations.records import Standing

if TYPE_CHECKING:
    from ledger.domain.relations.state import Relations


class Wanted(NamedTuple):
    """What somebody is chosen for: a customer with its traits, what its lead needs, where it stands, who had it."""

    customer: int
    traits: Mapping[str, str]
    needs: Mapping[str, str]
    amount: int
    channel: str
    knowledge: frozenset[str]
    """Soft knowledge of the customer and its region as "kind:value"."""
    standing: Standing
    previous: int
    """The last owner, 0 for nobody."""
    not_staff: frozenset[int] = frozenset()
    """Who must not be chosen, such as who hands over."""
    cooling: int = 0
    """Who of these must not because they had the customer until lately, 0 for nobody."""


class Choice(NamedTuple):
    """Whom the rules choose: `staff` 0 where nobody can be, and the customer goes to the pool.

    `rule` is the id of the rule that held ("" for none). `candidates`: [staff, score, load, capacity, verdict] each, as
    `CustomerAssigned` has them; empty where no detail was asked for.
    """

    staff: int
    rule: str
    score: int = 0
    candidates: Sequence[list[Any]] = ()
    protection_days: int = 0
    follow_up_days: int = 0
    turn: Sequence[Any] = ()
    """What `CustomerAssigned` has as `turn`."""
    tried: Sequence[list[Any]] = ()
    """[rule, candidates] of each rule that held before and found nobody; empty where no detail was asked for."""


NAMED: Final = Choice(0, "")
"""No choice of the rules: somebody is named, or has the customer already."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every customer, in days and counts; 0 for none.

    `protection_days`, `follow_up_days`: for customers that no rule assigned (claims, reassignments). `announce_days`:
    so long before a customer returns to the pool it is announced. `claims_per_day`, `claims_held_max`: how many
    customers one may claim a day, and own by claims at once. `cooldown_days`: how long who had a customer can't claim
    it again; `cooldown_by_rules`: whether the rules don't choose them either as long. `important_*`: which customers
    must not be quiet longer than `important_days`. `notice_days`: how long before milestones and the end of
    protection a reminder comes. `collision_by_rules`: whether exact collisions are ruled at once for who has the
    customer; `collision_likely_score`: from which score on a match is likely. `reported_by_rules`: whether the rules
    choose for new customers that somebody reports too; otherwise who reports them has them, if they can.
    """

    protection_days: int = 30
    follow_up_days: int = 15
    announce_days: int = 3
    nurture_rhythm_days: int = 90
    claims_per_day: int = 0
    claims_held_max: int = 0
    cooldown_days: int = 0
    cooldown_by_rules: bool = False
    important_tiers: frozenset[str] = frozenset()
    important_tags: frozenset[str] = frozenset()
    important_days: int = 0
    notice_days: int = 7
    collision_by_rules: bool = True
    collision_likely_score: int = 85
    reported_by_rules: bool = False


class Policy(Protocol):
    """The assignment rules that are in force."""

    @property
    def rule_set(self) -> str:
        """The id of the rule set they stand in, "" where there are none."""
        ...

    @property
    def terms(self) -> Terms:
        """What they say for every customer."""
        ...

    def choose(self, state: Relations, wanted: Wanted, day: int, *, detail: bool) -> Choice:
        """Whom they choose on a day. With `detail`, every candidate and why the others were passed over."""
        ...


@dataclass(frozen=True, slots=True)
class NoPolicy:
    """Rules that say nothing about assignment: nobody is chosen, and what holds is what holds by default."""

    rule_set: str = ""
    terms: Terms = field(default_factory=Terms)

    def choose(self, state: Relations, wanted: Wanted, day: int, *, detail: bool) -> Choice:
        """Nobody."""
        return Choice(0, "")

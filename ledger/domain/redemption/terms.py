"""What the rules in force say about redemption, as the domain asks it. `ledger.rules.redemption.terms` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.domain.values import month_of

GIFT: Final = "gift"
SERVICE: Final = "service"
OFFSET: Final = "offset"
HONOUR: Final = "honour"
STAGES: Final = ("bidding", "construction", "settlement")

Both = tuple[str, str]
"""In Chinese, in English."""


WINDOW_WORDS: Final[Mapping[str, Both]] = {
    "day": ("每天", "a day"),
    "month": ("每月", "a month"),
    "quarter": ("每季度", "a quarter"),
    "year": ("每年", "a year"),
    "lifetime": ("终身", "in a lifetime"),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A customer as redemption sees it: where it stands by ids, and its points in 1/100.

    `available` is what can be spent on the day that is looked at: what was there by then and still is. `later` of what
    can be spent now was not. `earned` counts for the tier in its window, `earned_ever` for a lifetime.
    """

    tier: str = ""
    tags: frozenset[str] = frozenset()
    grade: str = ""
    balance: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0
    earned: int = 0
    earned_ever: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so often, for so many points, in a window; None where not limited."""

    window: str
    times: int | None
    points: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """From so many points on, they are worth this much money (fen), and more in proportion."""

    points: int
    money: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What points can be redeemed for. `prices`: points of one, by variant ("" where there are none)."""

    id: str
    kind: str
    title: Both
    prices: Mapping[str, int]
    variant_titles: Mapping[str, Both]
    steps: Sequence[Step]
    multiple_of: int
    tiers: frozenset[str]
    limits: Sequence[Limit]
    quota: tuple[int, str] | None
    """So many units in a window, for all customers together."""
    valid_days: int
    day_from: int
    day_to: int
    hold_days: int
    unit: Both = ("份", "")
    """What is counted, for sentences."""

    def money(self, points: int) -> int:
        """What an offset takes off for these points, in fen: by the highest step they reach, points × its money ÷ its
        points, rounded down once. 0 below the lowest step, and for other kinds."""
        reached = [step for step in self.steps if step.points <= points]
        return points * reached[-1].money // reached[-1].points if reached else 0


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a customer is entitled to at a stage while `holds` says so; `lacks` says which of its conditions don't hold,
    in words, and is empty where all do. `uses`: each customer so often in a window, None where that is not limited."""

    id: str
    stage: str
    title: Both
    reason: Both
    holds: Callable[[Holder], bool]
    lacks: Callable[[Holder], Sequence[Both]]
    uses: tuple[int, str] | None = None


Used = Callable[[str, str, int], int]
"""Of one customer: how often it used an entitlement in the window of a kind that holds a day."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The section of a rule set. Empty where it has none: nothing can be redeemed."""

    rule_set: str = ""
    offers: Mapping[str, Offer] = field(default_factory=dict[str, Offer])
    entitlements: Sequence[Entitlement] = ()
    debt_stands: bool = False
    """Debt is not paid by grants, and lowers what can be spent."""
    level_titles: Mapping[str, Both] = field(default_factory=dict[str, Both])


def window_number(window: str, day: int) -> int:
    """The number of the window that holds a day, counted from 1970; a lifetime is always 0."""
    if window == "day":
        return day
    month = month_of(day)
    return {"month": month, "quarter": month // 3, "year": month // 12, "lifetime": 0}[window]


def window_months(window: str, day: int) -> range | None:
    """The months, counted from 1970-01, of the window that holds a day; None for a lifetime. A day has none."""
    if window == "lifetime":
        return None
    length = {"month": 1, "quarter": 3, "year": 12}[window]
    first = window_number(window, day) * length
    return range(first, first + length)


def share(total: int, of: int, part: int) -> int:
    """What `part` of `of` comes to of a total, rounded down; shares of parts that follow each other are differences of
    such, and add up to the total."""
    return total * part // of if of else 0

"""Why: one award, a balance, a tier."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline_client.forms import Points
from plumbline_client.results.points import HistoryEntry, Lot


@dataclass(frozen=True, slots=True)
class RuleWords:
    """A rule of a rule set with what it says, in both languages."""

    rule: str
    rule_set: str
    title: dict[str, str]
    clause: dict[str, str]


@dataclass(frozen=True, slots=True)
class AwardExplanation:
    """Where an award came from: its event, the fact that caused it, the rule's clause, the arithmetic (points in 1/100,
    shares in basis points), and the reversal that took it back, if one did."""

    award: HistoryEntry
    fact: HistoryEntry | None
    rule: RuleWords | None
    arithmetic: dict[str, int] | None
    consequences: list[HistoryEntry]
    reversed_at: int | None


@dataclass(frozen=True, slots=True)
class RulePoints:
    """What a rule came to for the customer."""

    event: str
    rule: str | None
    rule_set: str | None
    title: dict[str, str] | None
    count: int
    points: Points
    position_first: int
    position_last: int


@dataclass(frozen=True, slots=True)
class BalanceExplanation:
    """What a balance is made of: the sums of `by_rule` are the balance, and so are the lots less the debt."""

    customer: str
    position: int
    balance: Points
    granted: Points
    deducted: Points
    reversed: Points
    expired: Points
    redeemed: Points
    held: Points
    debt: Points
    lots: list[Lot]
    by_rule: list[RulePoints]
    explanation: dict[str, str]


@dataclass(frozen=True, slots=True)
class RuleEarned:
    """What a rule contributed to the tier."""

    rule: str | None
    rule_set: str | None
    title: dict[str, str] | None
    count: int
    points: Points


@dataclass(frozen=True, slots=True)
class Level:
    """A tier of the ladder in force and the points it asks for."""

    tier: str
    title: dict[str, str]
    points: Points


@dataclass(frozen=True, slots=True)
class TierExplanation:
    """Why a customer has its tier: what counts in the ladder's window, rule by rule, the thresholds, the event that
    decided it, and when the window is reviewed (None: never)."""

    customer: str
    tier: str | None
    decided: HistoryEntry | None
    window_from: str | None
    window_to: str | None
    review_on: str | None
    earned: Points
    tier_next: str | None
    points_missing: Points | None
    levels: list[Level]
    by_rule: list[RuleEarned]
    explanation: dict[str, str]

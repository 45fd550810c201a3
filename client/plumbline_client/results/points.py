"""What one customer has."""

from __future__ import annotations

from dataclasses import dataclass

from plumbline_client.forms import Points


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that expire together; None: never."""

    expires_on: str | None
    points: Points


@dataclass(frozen=True, slots=True)
class Together:
    """What a customer and those that it stands for have, added up. Each spends its own."""

    balance: Points
    available: Points
    held: Points
    debt: Points


@dataclass(frozen=True, slots=True)
class Balance:
    """What a customer has, as of `position`. `available` leaves out what is held by reservations, and lots past their
    date that no month end has taken yet. `merged_into` is the customer that this one was found to be, `members` those
    that it stands for, `together` what all of these have; None where it stands for nobody."""

    customer: str
    position: int
    balance: Points
    available: Points
    held: Points
    debt: Points
    expiring_30_days: Points
    expiring_90_days: Points
    lots: tuple[Lot, ...]
    merged_into: str | None
    members: tuple[str, ...]
    together: Together | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What a customer's events come to at a moment: balance = granted + deducted + reversed + expired +
    redeemed."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    balance: Points
    granted: Points
    deducted: Points
    reversed: Points
    expired: Points
    redeemed: Points
    events: int
    position: int


@dataclass(frozen=True, slots=True)
class Tier:
    """Where a customer stands on the ladder. `since` is the day of what led to the tier; at another time the first day
    as of which it is on it and stays. `position` is where the log says so, or else what leads to it."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    tier: str | None
    tier_title: dict[str, str] | None
    since: str | None
    position: int
    earned: Points | None
    tier_next: str | None
    points_missing: Points | None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag a customer bears."""

    tag: str
    title: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags and credit grade, and the positions of the events that decided them, or else of what leads to them."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    tags: list[Tag]
    tags_position: int
    grade: str | None
    grade_position: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An event of a customer; `explanation` says it in "zh" and "en".

    `points` is None where it moves none; `balance` is the one after it. `cause` is the position of the input that led
    to it, 0 for an input itself.
    """

    position: int
    event: str
    occurred_at: str
    booked_on: str | None
    recorded_at: str
    actor: str
    cause: int
    rule: str | None
    rule_set: str | None
    points: Points | None
    balance: Points
    explanation: dict[str, str]

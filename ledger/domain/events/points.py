"""Events of the books themselves: ledger, fact types, rule sets, customers, facts, points, standing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.domain.events.base import Event, Input, registered


@registered
@dataclass(kw_only=True)
class LedgerOpened(Input):
    """The books are opened. `timezone` is an IANA name; dates are dates there."""

    ledger: str
    timezone: str


@registered
@dataclass(kw_only=True)
class LedgerClosed(Input):
    """The books are closed for good; nothing follows this event."""

    reason: str


@registered
@dataclass(kw_only=True)
class FactTypeDeclared(Input):
    """A fact type begins to exist, or gains attributes and values."""

    fact_type: str
    document: dict[str, Any]


@registered
@dataclass(kw_only=True)
class RuleSetProposed(Input):
    """A rule set is put before the others. `sha256` is over its canonical document."""

    rule_set: str
    document: dict[str, Any]
    sha256: str


@registered
@dataclass(kw_only=True)
class RuleSetApproved(Input):
    """Another person than the proposer agrees; `run` names the what-if run it rests on."""

    rule_set: str
    run: str | None = None


@registered
@dataclass(kw_only=True)
class RuleSetActivated(Input):
    """From here on, facts booked from `effective_from` on are decided by this rule set. Decides nothing
    again."""

    rule_set: str
    effective_from: str


@registered
@dataclass(kw_only=True)
class CustomerRegistered(Input):
    """A customer gets its id. Other references may be added by further events."""

    source: str
    reference: str
    name: str
    traits: dict[str, str]


@registered
@dataclass(kw_only=True)
class CustomerChanged(Input):
    """A customer's name or traits change; only what changed is carried, an empty trait clears it."""

    name: str | None
    traits: dict[str, str]


@registered
@dataclass(kw_only=True)
class ConsentGiven(Input):
    """The customer agrees to a purpose."""

    purpose: str


@registered
@dataclass(kw_only=True)
class ConsentWithdrawn(Input):
    """The customer no longer agrees to a purpose."""

    purpose: str


@registered
@dataclass(kw_only=True)
class FactRecorded(Input):
    """Something happened outside. In the stream of the customer it is about.

    `attributes` are integers (scaled numbers, day numbers, codes, customer numbers) and text. `booked_on` is
    `occurred_on`, or the first open day where that month is closed. `version` is 1, or higher for a
    correction, whose `corrects` is the position of the version before.
    """

    fact_type: str
    source: str
    external_id: str
    occurred_on: str
    booked_on: str
    attributes: dict[str, Any]
    version: int = 1
    corrects: int = 0


@registered
@dataclass(kw_only=True)
class DayClosed(Input):
    """A day is over. On the last day of a month the month is closed: lots expire and tiers are reviewed."""

    day: str


@registered
@dataclass(kw_only=True)
class PointsGranted(Event):
    """A rule granted points. `arithmetic` holds what is needed to explain it, all integers."""

    rule: str
    rule_set: str
    points: int
    balance: int
    booked_on: str
    expires_on: str | None
    debt_paid: int
    cut_by: str | None
    arithmetic: dict[str, int]


@registered
@dataclass(kw_only=True)
class PointsDeducted(Event):
    """A rule took points; `points` is negative. `lots` says from where: [expiry month or null, points]."""

    rule: str
    rule_set: str
    points: int
    balance: int
    booked_on: str
    debt: int
    lots: list[list[int | None]]
    cut_by: str | None
    arithmetic: dict[str, int]


@registered
@dataclass(kw_only=True)
class PointsReversed(Event):
    """An award of a fact's earlier version is taken back; `reverses` is the position of that version.

    `lots`: [expiry month or null, points], points negative where taken, positive where returned; `debt` is by
    how much debt grew (or, negative, shrank).
    """

    rule: str
    rule_set: str
    points: int
    balance: int
    booked_on: str
    reverses: int
    debt: int
    lots: list[list[int | None]]


@registered
@dataclass(kw_only=True)
class PointsExpired(Event):
    """A lot reached the end of its month; `points` is negative."""

    points: int
    balance: int
    expired_on: str


@registered
@dataclass(kw_only=True)
class TierChanged(Event):
    """A customer rose or fell. `counted` is what was held against the thresholds."""

    tier_before: str
    tier: str
    counted: int
    rule_set: str
    balance: int


@registered
@dataclass(kw_only=True)
class TagsChanged(Event):
    """A customer's tags changed."""

    added: list[str]
    removed: list[str]
    rule_set: str
    balance: int


@registered
@dataclass(kw_only=True)
class GradeChanged(Event):
    """A customer's credit grade changed; None where nothing has been paid in the window."""

    grade_before: str | None
    grade: str | None
    rule_set: str
    balance: int

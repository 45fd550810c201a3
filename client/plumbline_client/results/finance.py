"""What finance is told: the reconciliation of a month, the liability of points, whether the books balance, honours.
CNY are exact decimals, points integers of 1/100."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from plumbline_client.forms import Points


@dataclass(frozen=True, slots=True)
class ReconciliationSide:
    """One side of a month in CNY: opening + claimed - settled - ruled = open."""

    opening: Decimal
    claimed: Decimal
    settled: Decimal
    ruled: Decimal
    open: Decimal


@dataclass(frozen=True, slots=True)
class Nearby:
    """An item of the other side that may belong to an open one; the higher the score, the likelier. `customer` is whose
    it is: `another_customer` where one names the other though they are two customers'."""

    item: str
    score: int
    customer: str
    another_customer: bool


@dataclass(frozen=True, slots=True)
class OpenItem:
    """What is not settled of a committed part ("R-000001/1") or a payment ("source:id"): of which `kind`, since when,
    and why (`sentence` in "zh" and "en"). `late_from` is the month it belongs to, where it stands in a later one;
    `repeats` the payment that a duplicate says again."""

    item: str
    side: str
    kind: str
    customer: str
    date: str
    age_days: int
    amount: Decimal
    settled: Decimal
    ruled: Decimal
    open: Decimal
    late_from: str | None
    evidence: dict[str, str]
    candidates: list[Nearby]
    repeats: str
    sentence: dict[str, str]


@dataclass(frozen=True, slots=True)
class SettledLine:
    """An amount of an item that a match settles."""

    item: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """A match of redemptions with payments: by which rule, or by people (`rule` "person"), and on what evidence."""

    settlement: str
    state: str
    rule: str
    score: int
    period: str
    amount: Decimal
    redemptions: list[SettledLine]
    payments: list[SettledLine]
    proposed_by: str
    reason: str
    evidence: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The reconciliation of a month. Where the open items don't come to the figures, `adds_up` is False and `faults`
    say by how much. `sha256` and the figures of `redemptions` are what signing off needs."""

    period: str
    signed_off: bool
    adds_up: bool
    faults: list[str]
    sha256: str
    redemptions: ReconciliationSide
    payments: ReconciliationSide
    counts: dict[str, int]
    open: list[OpenItem]
    matched: list[Settlement]
    undone: list[Settlement]
    across_customers: list[str]


@dataclass(frozen=True, slots=True)
class Reconciled(Reconciliation):
    """The same after matching; `matched_now` is how many matches rules found this time."""

    matched_now: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class ProposedItem:
    """An item that a proposal takes so much of (`takes`), whose it is, and what is known and open of it."""

    item: str
    side: str
    customer: str
    date: str
    takes: Decimal
    amount: Decimal
    open: Decimal
    evidence: dict[str, str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What waits for another's approval: a match (`settlement` is its id) or a ruling on an open item (`ruling` is).

    `across_customers`: its items are of customers who are not one. `stale`: less is open by now than it takes, so it
    can only be declined. `sentence` says both in "zh" and "en", and is empty where there is nothing to say."""

    state: str
    amount: Decimal
    proposed_by: str
    reason: str
    items: list[ProposedItem]
    across_customers: bool
    stale: bool
    sentence: dict[str, str]
    settlement: str = ""
    rule: str = ""
    score: int = 0
    period: str | None = None
    redemptions: list[SettledLine] = field(default_factory=list[SettledLine])
    payments: list[SettledLine] = field(default_factory=list[SettledLine])
    evidence: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    ruling: str = ""
    item: str = ""
    outcome: str = ""

    @property
    def id(self) -> str:
        """What `proposal_approve` and `proposal_decline` take."""
        return self.settlement or self.ruling


@dataclass(frozen=True, slots=True)
class PointValue:
    """So many points stand for so many CNY, as the rules in force say."""

    points: Points
    money: Decimal


@dataclass(frozen=True, slots=True)
class LiabilityDay:
    """A day: opening + flows = closing = available + held, in points, and but for the split in CNY likewise."""

    date: str
    opening: Points
    granted: Points
    deducted: Points
    reversed: Points
    redeemed: Points
    returned: Points
    expired: Points
    adjusted: Points
    debt: Points
    closing: Points
    available: Points
    held: Points
    opening_cny: Decimal
    granted_cny: Decimal
    deducted_cny: Decimal
    reversed_cny: Decimal
    redeemed_cny: Decimal
    returned_cny: Decimal
    expired_cny: Decimal
    adjusted_cny: Decimal
    debt_cny: Decimal
    closing_cny: Decimal


@dataclass(frozen=True, slots=True)
class LiabilityPart:
    """A part of the last day's closing: by age, or by the month at whose end it expires."""

    part: str
    points: Points
    held: Points
    cny: Decimal


@dataclass(frozen=True, slots=True)
class Breakage:
    """How much of the liability may expire unspent; `rate_percent` is None where nothing can be estimated yet."""

    granted_into_lots_past: Points
    expired: Points
    rate_percent: Decimal | None
    outstanding_that_can_expire: Points
    points: Points
    cny: Decimal
    method: dict[str, str]


@dataclass(frozen=True, slots=True)
class Liability:
    """The liability of points over some days, with the last day's by age and by expiry. `debt` is what customers owe,
    which is no part of it."""

    position: int
    point_value: PointValue
    adds_up: bool
    faults: list[str]
    days: list[LiabilityDay]
    ages: list[LiabilityPart]
    expiries: list[LiabilityPart]
    breakage: Breakage
    debt: Points


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """The trial balance: points in each account, whose `sum` is zero; `fault` is "" where the books balance."""

    balanced: bool
    position: int
    events: int
    customers: int
    accounts: dict[str, Points]
    sum: Points
    fault: str


@dataclass(frozen=True, slots=True)
class HonoursPlace:
    """A place among the best of a year; name and points are None of who didn't agree to publication."""

    rank: int
    name: str | None
    points: Points | None


@dataclass(frozen=True, slots=True)
class Honours:
    """The best customers of a year, for a website."""

    year: int
    title: dict[str, str]
    measure: dict[str, str]
    places: list[HonoursPlace]

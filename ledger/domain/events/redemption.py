"""Events of redemptions: points held, spent, freed and given back, with the stock behind them; entitlements used.

A redemption begins with a reservation that holds points and stock. What is held is committed (wholly or in parts),
voided, or lapses with the day it was held until; a committed part can be reversed, wholly or in parts. Each is an input
in the customer's stream (a lapse is a decision: it follows from the day until which something is held); the movement of
points that follows is a decision with an event of its own. Redemptions are numbered R-000001 by the writer, their
committed parts 1, 2, 3 … Points are in 1/100, above zero here whichever way they move unless said otherwise; money is
fen. `booked_on` is the day it happened, or the first open day where that month is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.domain.events.base import REGISTRY, Event, Input, registered


@registered
@dataclass(kw_only=True)
class StockMoved(Input):
    """Stock of an offer's variant ("" where it has none) came in, or was counted and put right (negative: less). In
    the stream `stock`. `reference` is the supplier's or the count's."""

    offer: str
    variant: str
    quantity: int
    reason: str
    reference: str


@registered
@dataclass(kw_only=True)
class RedemptionReserved(Input):
    """Points and stock are held until the end of `held_until`. `money` is what an offset takes off a payment, by the
    terms of `rule_set`; 0 for other kinds. `reference` and `project` name the payment, invoice or project it is for."""

    booked_on: str
    redemption: str
    offer: str
    kind: str
    variant: str
    quantity: int
    points: int
    money: int
    rule_set: str
    held_until: str
    reference: str
    project: str


@registered
@dataclass(kw_only=True)
class RedemptionCommitted(Input):
    """A part of what is held is spent. `points`, `quantity` and `money` are those of this part; `before` is how many
    of the held points earlier parts have taken (spent or freed)."""

    booked_on: str
    redemption: str
    reserved: int
    part: int
    before: int
    points: int
    quantity: int
    money: int
    reference: str
    valid_until: str


@registered
@dataclass(kw_only=True)
class RedemptionVoided(Input):
    """All that is still held is freed. `reserved` is the position of the reservation."""

    booked_on: str
    redemption: str
    reserved: int
    before: int
    points: int
    quantity: int
    reason: str


@registered
@dataclass(kw_only=True)
class RedemptionLapsed(Event):
    """The day until which something was held is over: what is still held is freed. It stands right before the day's
    close, or earlier, before the first reservation of the customer or the offer for a later day or a lower count of its
    stock. It follows from the day alone and names no cause. (In logs of before, a lapse may follow a close, which then
    is its cause, and be booked on the next month's first day where the close was a month's.)"""

    booked_on: str
    redemption: str
    reserved: int
    before: int
    points: int
    quantity: int


@registered
@dataclass(kw_only=True)
class RedemptionReversed(Input):
    """A committed part is taken back, wholly or in part: points return to the lots they came from, stock returns.
    `committed` is the position of the part, `before` how many of its points came back earlier."""

    booked_on: str
    redemption: str
    committed: int
    part: int
    before: int
    points: int
    quantity: int
    money: int
    reason: str


@registered
@dataclass(kw_only=True)
class EntitlementUsed(Input):
    """A customer used what their tier and points entitle them to, at a stage of the business process."""

    booked_on: str
    entitlement: str
    stage: str
    rule_set: str
    reference: str


@registered
@dataclass(kw_only=True)
class PointsHeld(Event):
    """Points can't be spent otherwise from here on. `lots`: [expiry month or null, points] they stand in, oldest to
    expire first; `debt` is what the lots lacked (never live, only where a replay repeats a redemption). `balance` is
    unchanged by it and includes what is held; `available` is what is left to spend."""

    booked_on: str
    redemption: str
    points: int
    lots: list[list[int | None]]
    debt: int
    balance: int
    available: int


@registered
@dataclass(kw_only=True)
class PointsFreed(Event):
    """Held points can be spent again. `lots` as they return: a lot whose month is closed expires at the next close.
    `debt` of the points paid debt."""

    booked_on: str
    redemption: str
    points: int
    lots: list[list[int | None]]
    debt: int
    balance: int
    available: int


@registered
@dataclass(kw_only=True)
class PointsRedeemed(Event):
    """Held points are spent; `points` is negative. `lots` says which, `debt` how many of them the lots had lacked."""

    booked_on: str
    redemption: str
    part: int
    points: int
    lots: list[list[int | None]]
    debt: int
    balance: int
    available: int


@registered
@dataclass(kw_only=True)
class PointsReturned(Event):
    """Spent points come back to the lots they came from; `points` is above zero. `debt_paid` of them paid debt."""

    booked_on: str
    redemption: str
    part: int
    points: int
    lots: list[list[int | None]]
    debt_paid: int
    balance: int
    available: int


TOPICS: Final[frozenset[str]] = frozenset(name for name, cls in REGISTRY.items() if cls.__module__ == __name__)
POINTS_TOPICS_MOVING: Final[frozenset[str]] = frozenset(
    {"PointsGranted", "PointsDeducted", "PointsReversed", "PointsExpired", "PointsRedeemed", "PointsReturned"}
)
"""The events whose points add up to the balance."""
POINTS_TOPICS: Final[frozenset[str]] = POINTS_TOPICS_MOVING | {"PointsHeld", "PointsFreed"}
"""The events after which an account's points are others, or otherwise to be had."""

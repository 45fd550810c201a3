"""Commands about redemptions, stock and entitlements.

Customers are named by id or "source:reference", redemptions by id ("R-000001"), points and money as decimal text, days
as ISO dates. `occurred_on` is the day it happened, today where it is "". What a field means stands with the event it
leads to (`ledger.domain.events.redemption`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class ReserveRedemption:
    """Hold what an offer costs: for an offset say the points, for everything else the quantity."""

    customer: str
    offer: str
    variant: str = ""
    quantity: int = 1
    points: str = ""
    reference: str = ""
    project: str = ""
    occurred_on: str = ""


@dataclass(frozen=True, slots=True)
class CommitRedemption:
    """Spend what is held: all of it, or so much of the quantity (of an offset: so many of the points)."""

    redemption: str
    quantity: int = 0
    points: str = ""
    reference: str = ""
    occurred_on: str = ""


@dataclass(frozen=True, slots=True)
class VoidRedemption:
    """Free all that is still held."""

    redemption: str
    reason: str
    occurred_on: str = ""


@dataclass(frozen=True, slots=True)
class ReverseRedemption:
    """Take a committed part back, wholly or so much of it. `part` 0 is the only one there is."""

    redemption: str
    reason: str
    part: int = 0
    quantity: int = 0
    points: str = ""
    occurred_on: str = ""


@dataclass(frozen=True, slots=True)
class MoveStock:
    """Stock of a gift came in, or was counted and put right (negative: less)."""

    offer: str
    quantity: int
    reason: str
    variant: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class UseEntitlement:
    """A customer uses what they are entitled to."""

    customer: str
    entitlement: str
    stage: str
    reference: str = ""
    occurred_on: str = ""


RedemptionCommand: TypeAlias = (
    ReserveRedemption | CommitRedemption | VoidRedemption | ReverseRedemption | MoveStock | UseEntitlement
)

REDEMPTION_COMMANDS: tuple[type[RedemptionCommand], ...] = (
    ReserveRedemption, CommitRedemption, VoidRedemption, ReverseRedemption, MoveStock, UseEntitlement,
)  # fmt: skip

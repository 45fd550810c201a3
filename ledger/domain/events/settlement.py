"""Events of settlement: which payments a redemption was set off against, and what was ruled where none fits.

Payments are facts (`payment_received`); a settlement says which offsets of payments settle which committed parts of
redemptions. All are inputs, in the stream `settlement`. Settlements are numbered M-000001, rulings on open items
Q-000001. Amounts are fen, above zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.events.base import REGISTRY, Input, registered


@registered
@dataclass(kw_only=True)
class SettlementMatched(Input):
    """Amounts of payments settle amounts of redemptions; both sides sum to the same.

    `redemptions` are [redemption, part, fen], `payments` [source, external id, fen]. `rule` is the matching rule that
    found it and `score` how sure it is (0 to 100); rule "person" is a match that a person proposed, `proposed_by`, and
    another approved, the `actor`. `period` is the month it is booked in, "2025-06". `evidence` is what was compared:
    {what, redemption, payment} each.
    """

    settlement: str
    redemptions: list[list[Any]]
    payments: list[list[Any]]
    rule: str
    score: int
    period: str
    proposed_by: str
    evidence: list[dict[str, Any]]


@registered
@dataclass(kw_only=True)
class SettlementProposed(Input):
    """A person proposes a match; it settles nothing until another approves it."""

    settlement: str
    redemptions: list[list[Any]]
    payments: list[list[Any]]
    proposed_by: str
    reason: str


@registered
@dataclass(kw_only=True)
class SettlementDeclined(Input):
    """A proposed match is declined."""

    settlement: str
    reason: str


@registered
@dataclass(kw_only=True)
class SettlementUndone(Input):
    """A match no longer holds; what it settled is open again, as before. `period` is the month that is booked in."""

    settlement: str
    period: str
    reason: str


@registered
@dataclass(kw_only=True)
class RulingProposed(Input):
    """A person proposes what is to become of an open item; it closes nothing until another approves it."""

    ruling: str
    item: str
    outcome: str
    amount: int
    proposed_by: str
    reason: str


@registered
@dataclass(kw_only=True)
class RulingDeclined(Input):
    """A proposed ruling is declined."""

    ruling: str
    reason: str


@registered
@dataclass(kw_only=True)
class OpenItemRuled(Input):
    """What stays open was ruled on by a person, `proposed_by`, and another approved, the `actor`: written off,
    explained, charged. `item` names the open item as the report does ("R-000001/1", or "source:external id" of a
    payment), `amount` how much of it the ruling closes. `period` is the month it is booked in."""

    ruling: str
    item: str
    outcome: str
    amount: int
    period: str
    proposed_by: str
    reason: str


@registered
@dataclass(kw_only=True)
class RulingUndone(Input):
    """A ruling on an open item no longer holds. `period` is the month that is booked in."""

    ruling: str
    period: str
    reason: str


@registered
@dataclass(kw_only=True)
class PeriodSignedOff(Input):
    """Finance signs a month off. It locks nothing: what arrives later is booked in the next period and shown as such.
    `sha256` is over the report that was signed, at `through` (a position). `redeemed` and `settled` (with what was
    ruled on) are those of the month, `open` what is open on the side of redemptions at its end; all in fen."""

    period: str
    through: int
    sha256: str
    redeemed: int
    settled: int
    open: int


TOPICS: Final[frozenset[str]] = frozenset(name for name, cls in REGISTRY.items() if cls.__module__ == __name__)

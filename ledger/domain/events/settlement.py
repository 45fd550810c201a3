"""Events of settlement: which payments a redemption was set off against, and what was ruled where none fits.

Payments are facts (`payment_received`); a settlement says which offsets of payments settle which committed parts of
redemptions. In the stream `settlement`. Settlements are numbered M-000001, rulings on open items Q-000001. Amounts are
fen, above zero.
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
    another approved, the `actor`. `period` is the month it is booked in, "2025-06". `evidence` is what was compared.
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
    period: str
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
    """A match no longer holds; what it settled is open again, as before."""

    settlement: str
    reason: str


@registered
@dataclass(kw_only=True)
class OpenItemRuled(Input):
    """What stays open was ruled on by a person and another approved: written off, explained, charged. `item` names the
    open item as the report does, `amount` how much of it the ruling closes."""

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
    """A ruling on an open item no longer holds."""

    ruling: str
    reason: str


@registered
@dataclass(kw_only=True)
class PeriodSignedOff(Input):
    """Finance signs a month off. It locks nothing: what arrives later is booked in the next period and shown as such.
    `sha256` is over the report that was signed, at `through` (a position)."""

    period: str
    through: int
    sha256: str
    redeemed: int
    settled: int
    open: int


TOPICS: Final[frozenset[str]] = frozenset(name for name, cls in REGISTRY.items() if cls.__module__ == __name__)

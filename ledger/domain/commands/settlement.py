"""Commands about settlement: payments matched with redemptions, open items ruled on, months signed off, honours.

Committed parts are named "R-000001/1", payments "source:external id"; amounts are decimal text of CNY,
months "2025-06".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class MatchByRule:
    """A rule found payments to settle redemptions. Lines are (name, amount); evidence is (what, of the redemptions, of
    the payments). Booked in the last month of what it settles, or where that was signed off, in the next."""

    redemptions: tuple[tuple[str, str], ...]
    payments: tuple[tuple[str, str], ...]
    rule: str
    score: int
    evidence: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ProposeMatch:
    """Propose that payments settle redemptions; another person approves it."""

    redemptions: tuple[tuple[str, str], ...]
    payments: tuple[tuple[str, str], ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ProposeRuling:
    """Propose what is to become of an open item; another person approves it. `outcome` is written_off, explained or
    charged."""

    item: str
    outcome: str
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApproveProposal:
    """Approve a match (M-000001) or a ruling (Q-000001) that another person proposed. Booked in the last month of what
    it is about, or where that was signed off, in the next."""

    proposal: str


@dataclass(frozen=True, slots=True)
class DeclineProposal:
    """Decline a match or ruling that was proposed."""

    proposal: str
    reason: str


@dataclass(frozen=True, slots=True)
class UndoSettlement:
    """Take a match (M-000001) or a ruling (Q-000001) back. No rule makes a match again that was taken back."""

    settlement: str
    reason: str


@dataclass(frozen=True, slots=True)
class SignPeriodOff:
    """Sign a month off: what it redeemed and settled (with what was ruled on), what is open, as the report with this
    SHA-256 says. Months are signed off in order, each when it is closed."""

    period: str
    sha256: str
    redeemed: str
    settled: str
    open: str


@dataclass(frozen=True, slots=True)
class AwardHonours:
    """Record the best customers of a year, in order: `places` are (rank, customer, points). `measure` says what was
    counted, `through` is the position that they were found at."""

    year: int
    measure: str
    through: int
    places: tuple[tuple[str, str, str], ...]


SettlementCommand: TypeAlias = (
    MatchByRule | ProposeMatch | ProposeRuling | ApproveProposal | DeclineProposal | UndoSettlement | SignPeriodOff
    | AwardHonours
)  # fmt: skip

SETTLEMENT_COMMANDS: tuple[type[SettlementCommand], ...] = (
    MatchByRule, ProposeMatch, ProposeRuling, ApproveProposal, DeclineProposal, UndoSettlement, SignPeriodOff,
    AwardHonours,
)  # fmt: skip

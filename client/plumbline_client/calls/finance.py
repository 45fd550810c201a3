"""What finance asks and does: payments held against redemptions, the liability, the journal, honours."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, body_of, part
from plumbline_client.results import (
    Answer,
    Honours,
    JournalCheck,
    Liability,
    OpenItem,
    Proposal,
    Reconciled,
    Reconciliation,
    Settlement,
)

Amount: TypeAlias = Decimal | int | str
Lines: TypeAlias = Sequence[tuple[str, Amount]]
"""(committed part or payment, CNY) each: ("R-000001/1", "50.00"), ("bank:PAY-1", "50.00")."""


class FinanceCalls(LedgerCalls):
    """Finance of a ledger. A period is a month, "2025-06"; amounts are CNY, as `Decimal` or decimal text."""

    def reconciliation(self, period: str, *, limit: int | None = None) -> Call[Reconciliation]:
        """What is open at a month's end, and what was matched in it; nothing is recorded. `limit` shortens lists."""
        return self._read("/finance/reconciliation", Reconciliation, period=period, limit=limit)

    def reconcile(self, period: str, *, dry_run: bool = False) -> Call[Reconciled]:
        """Match payments with redemptions up to a month's end; asked again it finds nothing more. As a dry run it says
        what it would come to."""
        return Call(
            "POST", self._root + "/finance/reconciliation", Reconciled, {"dry_run": "true" if dry_run else None},
            body_of({"period": period}), ledger=self.name,
        )  # fmt: skip

    def reconciliation_open(self, period: str, *, limit: int | None = None) -> Call[Page[OpenItem]]:
        """The open items of that report, page by page, however many there are."""
        return self._read(f"/finance/reconciliation/{part(period)}/open", Page[OpenItem], limit=limit)

    def reconciliation_matches(
        self, period: str, state: Literal["matched", "undone"], *, limit: int | None = None
    ) -> Call[Page[Settlement]]:
        """What was matched in that month, or undone, page by page."""
        return self._read(f"/finance/reconciliation/{part(period)}/{part(state)}", Page[Settlement], limit=limit)

    def proposals(self, *, limit: int | None = None) -> Call[Page[Proposal]]:
        """Matches and rulings that wait for another person's approval."""
        return self._read("/finance/proposals", Page[Proposal], limit=limit)

    def match_propose(self, redemptions: Lines, payments: Lines, reason: str, *, key: str = "") -> Call[Answer]:
        """Propose that payments settle redemptions; both sides come to the same. Its id is the answer's `id`."""
        document = {"redemptions": _lines(redemptions), "payments": _lines(payments), "reason": reason}
        return self._write("/finance/matches", document, key)

    def ruling_propose(
        self,
        item: str,
        outcome: Literal["written_off", "explained", "charged"],
        amount: Amount,
        reason: str,
        *,
        key: str = "",
    ) -> Call[Answer]:
        """Propose what becomes of an open item. The ruling's id is the answer's `id`."""
        document = {"item": item, "outcome": outcome, "amount": _text(amount), "reason": reason}
        return self._write("/finance/rulings", document, key)

    def proposal_approve(self, proposal: str, *, key: str = "") -> Call[Answer]:
        """Approve what another proposed; with the key of who proposed it, it is refused."""
        return self._write(f"/finance/proposals/{part(proposal)}/approve", {}, key)

    def proposal_decline(self, proposal: str, reason: str, *, key: str = "") -> Call[Answer]:
        """Decline what was proposed."""
        return self._write(f"/finance/proposals/{part(proposal)}/decline", {"reason": reason}, key)

    def settlement_undo(self, settlement: str, reason: str, *, key: str = "") -> Call[Answer]:
        """Take a match or a ruling back: what it settled is open again."""
        return self._write(f"/finance/settlements/{part(settlement)}/undo", {"reason": reason}, key)

    def period_sign_off(
        self,
        period: str,
        sha256: str,
        redeemed: Amount,
        settled: Amount,
        left_open: Amount,
        *,
        key: str = "",
    ) -> Call[Answer]:
        """Sign a month off with the figures of its reconciliation: its `sha256`, and of its side `redemptions` what was
        claimed, was settled or ruled on (together), and is open. Where they have moved, it is refused."""
        document = {
            "sha256": sha256, "redeemed": _text(redeemed), "settled": _text(settled), "open": _text(left_open),
        }  # fmt: skip
        return self._write(f"/finance/periods/{part(period)}/sign_off", document, key)

    def liability(self, *, day_from: str | None = None, day_to: str | None = None) -> Call[Liability]:
        """The liability of points day by day, both days included; without, today."""
        return self._read("/finance/liability", Liability, day_from=day_from, day_to=day_to)

    def journal(self, *, form: Literal["csv", "beancount"] | None = None, as_of: str | None = None) -> Call[bytes]:
        """The journal of postings as a file: CSV, or Beancount text; what is posted up to a day, or all of it."""
        return self._read("/finance/journal", bytes, format=form, as_of=as_of)

    def journal_check(self, *, as_of: str | None = None) -> Call[JournalCheck]:
        """Post everything again and say whether the books balance."""
        return self._read("/finance/journal/check", JournalCheck, as_of=as_of)

    def honours(self, year: int) -> Call[Honours]:
        """The public list of a year's best customers; refused where nobody was honoured for it yet."""
        return self._read(f"/finance/honours/{year}", Honours)


def _lines(lines: Lines) -> list[list[str]]:
    return [[item, _text(amount)] for item, amount in lines]


def _text(amount: Amount) -> str:
    return format(amount, "f") if isinstance(amount, Decimal) else str(amount)

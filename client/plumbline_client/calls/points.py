"""What one customer has, and why."""

from __future__ import annotations

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, part
from plumbline_client.results import (
    AwardExplanation,
    Balance,
    BalanceExplanation,
    HistoryEntry,
    Tags,
    Tier,
    TierExplanation,
    Totals,
)


class PointCalls(LedgerCalls):
    """Points of a ledger's customers. `as_of` counts what was booked up to the end of a day, `as_known_at` what had
    been recorded by a time."""

    def balance(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Balance]:
        """What a customer has now, had at the end of a day, or had as known at a time."""
        path = f"/customers/{part(customer)}/balance"
        return self._read(path, Balance, waits=True, as_of=as_of, as_known_at=as_known_at)

    def totals(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Totals]:
        """What a customer's points come to."""
        path = f"/customers/{part(customer)}/totals"
        return self._read(path, Totals, waits=True, as_of=as_of, as_known_at=as_known_at)

    def tier(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Tier]:
        """A customer's tier; as of a day by the points booked up to it, whenever they were recorded."""
        path = f"/customers/{part(customer)}/tier"
        return self._read(path, Tier, waits=True, as_of=as_of, as_known_at=as_known_at)

    def tags(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Tags]:
        """A customer's tags and credit grade; as of a day by the facts booked up to it, whenever they were recorded."""
        path = f"/customers/{part(customer)}/tags"
        return self._read(path, Tags, waits=True, as_of=as_of, as_known_at=as_known_at)

    def history(
        self,
        customer: str,
        *,
        newest_first: bool = False,
        as_of: str | None = None,
        as_known_at: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[HistoryEntry]]:
        """Every event of a customer, with who, why and what arithmetic."""
        return self._read(
            f"/customers/{part(customer)}/history", Page[HistoryEntry], waits=True,
            sort="position:desc" if newest_first else None, as_of=as_of, as_known_at=as_known_at, limit=limit,
        )  # fmt: skip

    def award_explanation(self, customer: str, position: int) -> Call[AwardExplanation]:
        """Why the award at a position is what it is."""
        path = f"/customers/{part(customer)}/awards/{position}/explanation"
        return self._read(path, AwardExplanation, waits=True)

    def balance_explanation(self, customer: str) -> Call[BalanceExplanation]:
        """What a balance is made of, rule by rule."""
        return self._read(f"/customers/{part(customer)}/balance/explanation", BalanceExplanation, waits=True)

    def tier_explanation(self, customer: str) -> Call[TierExplanation]:
        """Why a customer has its tier."""
        return self._read(f"/customers/{part(customer)}/tier/explanation", TierExplanation, waits=True)

"""Redemptions, stock and entitlements."""

from __future__ import annotations

from typing import Literal

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, ReportPage, part as path_part
from plumbline_client.results import Answer, Entitlement, EntitlementUse, Offer, Quote, Redemption, Stock

State = Literal["held", "committed", "freed", "reversed"]
Stage = Literal["bidding", "construction", "settlement"]


class RedemptionCalls(LedgerCalls):
    """What a ledger's points are redeemed for. Points are decimal text."""

    def reserve(
        self,
        customer: str,
        offer: str,
        *,
        variant: str = "",
        quantity: int = 1,
        points: str = "",
        reference: str = "",
        project: str = "",
        occurred_on: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Hold what an offer costs; for an offset say the points, for everything else the quantity. The redemption's id
        is the answer's `id`."""
        document = {
            "customer": customer, "offer": offer, "variant": variant, "quantity": quantity, "points": points,
            "reference": reference, "project": project, "occurred_on": occurred_on,
        }  # fmt: skip
        return self._write("/redemptions", document, key)

    def commit(
        self,
        redemption: str,
        *,
        quantity: int = 0,
        points: str = "",
        reference: str = "",
        occurred_on: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Spend what is held: all of it, or so much."""
        document = {"quantity": quantity, "points": points, "reference": reference, "occurred_on": occurred_on}
        return self._write(f"/redemptions/{path_part(redemption)}/commit", document, key)

    def void(self, redemption: str, reason: str, *, occurred_on: str = "", key: str = "") -> Call[Answer]:
        """Free what is still held."""
        document = {"reason": reason, "occurred_on": occurred_on}
        return self._write(f"/redemptions/{path_part(redemption)}/void", document, key)

    def reverse(
        self,
        redemption: str,
        reason: str,
        *,
        part: int = 0,
        quantity: int = 0,
        points: str = "",
        occurred_on: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Take a committed part back, wholly or so much of it; part 0 is the only one there is."""
        document = {
            "reason": reason, "part": part, "quantity": quantity, "points": points, "occurred_on": occurred_on,
        }  # fmt: skip
        return self._write(f"/redemptions/{path_part(redemption)}/reverse", document, key)

    def stock_move(
        self, offer: str, quantity: int, reason: str, *, variant: str = "", reference: str = "", key: str = ""
    ) -> Call[Answer]:
        """Let stock come in, or put it right (below zero: less)."""
        document = {
            "offer": offer, "quantity": quantity, "reason": reason, "variant": variant, "reference": reference,
        }  # fmt: skip
        return self._write("/stock", document, key)

    def entitlement_use(
        self,
        customer: str,
        entitlement: str,
        stage: str,
        *,
        reference: str = "",
        occurred_on: str = "",
        key: str = "",
    ) -> Call[Answer]:
        """Use an entitlement."""
        document = {"entitlement": entitlement, "stage": stage, "reference": reference, "occurred_on": occurred_on}
        return self._write(f"/customers/{path_part(customer)}/entitlements", document, key)

    def catalogue(self) -> Call[Page[Offer]]:
        """What points can be redeemed for."""
        return self._read("/catalogue", Page[Offer])

    def customer_catalogue(self, customer: str) -> Call[Page[Offer]]:
        """The offers that a customer's tier admits."""
        return self._read(f"/customers/{path_part(customer)}/catalogue", Page[Offer])

    def stock(self) -> Call[ReportPage[Stock]]:
        """What is in stock."""
        return self._read("/stock", ReportPage[Stock], waits=True)

    def redemptions(
        self,
        *,
        of_customer: str | None = None,
        offer: str | None = None,
        state: State | None = None,
        limit: int | None = None,
    ) -> Call[ReportPage[Redemption]]:
        """Redemptions, the latest first."""
        return self._read(
            "/redemptions", ReportPage[Redemption], waits=True, of_customer=of_customer, offer=offer, state=state,
            limit=limit,
        )  # fmt: skip

    def redemption(self, redemption: str) -> Call[Redemption]:
        """One redemption with its parts."""
        return self._read(f"/redemptions/{path_part(redemption)}", Redemption, waits=True)

    def customer_redemptions(
        self, customer: str, *, offer: str | None = None, state: State | None = None, limit: int | None = None
    ) -> Call[ReportPage[Redemption]]:
        """A customer's redemptions, the latest first."""
        return self._read(
            f"/customers/{path_part(customer)}/redemptions", ReportPage[Redemption], waits=True, offer=offer,
            state=state, limit=limit,
        )  # fmt: skip

    def quote(
        self,
        customer: str,
        offer: str,
        *,
        variant: str | None = None,
        quantity: int | None = None,
        points: str | None = None,
    ) -> Call[Quote]:
        """What a redemption would cost, and what stands in the way; nothing is held."""
        return self._read(
            f"/customers/{path_part(customer)}/quote", Quote, offer=offer, variant=variant, quantity=quantity,
            points=points,
        )  # fmt: skip

    def entitlements(self, customer: str, *, stage: Stage | None = None) -> Call[Page[Entitlement]]:
        """What a customer is entitled to at a stage of the business, and why; how often it used it, and still may."""
        return self._read(
            f"/customers/{path_part(customer)}/entitlements", Page[Entitlement], waits=True, stage=stage
        )

    def entitlement_uses(
        self,
        *,
        of_customer: str | None = None,
        entitlement: str | None = None,
        stage: Stage | None = None,
        limit: int | None = None,
    ) -> Call[ReportPage[EntitlementUse]]:
        """Which customer used which entitlement, the latest first."""
        return self._read(
            "/entitlements/uses", ReportPage[EntitlementUse], waits=True, of_customer=of_customer,
            entitlement=entitlement, stage=stage, limit=limit,
        )  # fmt: skip

    def customer_entitlement_uses(
        self, customer: str, *, entitlement: str | None = None, stage: Stage | None = None, limit: int | None = None
    ) -> Call[ReportPage[EntitlementUse]]:
        """Which entitlements a customer used, the latest first."""
        return self._read(
            f"/customers/{path_part(customer)}/entitlements/uses", ReportPage[EntitlementUse], waits=True,
            entitlement=entitlement, stage=stage, limit=limit,
        )  # fmt: skip

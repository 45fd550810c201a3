"""Customers: registered, changed, found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, part
from plumbline_client.results import Answer, Customer, CustomerDetail


class CustomerCalls(LedgerCalls):
    """Customers of a ledger."""

    def register(
        self, source: str, reference: str, name: str, *, traits: Mapping[str, str] | None = None, key: str = ""
    ) -> Call[Answer]:
        """Register a customer under a source's reference; its id is the answer's `customer`."""
        document = {"source": source, "reference": reference, "name": name, "traits": dict(traits or {})}
        return self._write("/customers", document, key)

    def change(
        self, customer: str, *, name: str | None = None, traits: Mapping[str, str] | None = None, key: str = ""
    ) -> Call[Answer]:
        """Change a customer's name or traits; an empty trait clears it."""
        document: dict[str, Any] = {"traits": dict(traits or {})}
        if name is not None:
            document["name"] = name
        return self._write(f"/customers/{part(customer)}/change", document, key)

    def consent(self, customer: str, purpose: str, *, given: bool = True, key: str = "") -> Call[Answer]:
        """Record that a customer agrees to a purpose, or no longer does."""
        return self._write(f"/customers/{part(customer)}/consents", {"purpose": purpose, "given": given}, key)

    def customer(self, customer: str) -> Call[CustomerDetail]:
        """A customer as it is now."""
        return self._read(f"/customers/{part(customer)}", CustomerDetail, waits=True)

    def customers(
        self,
        *,
        search: str | None = None,
        region: str | None = None,
        industry: str | None = None,
        customer_type: str | None = None,
        source: str | None = None,
        reference: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[Customer]]:
        """Customers: all, of some traits, by a source's reference, or found by part of the name or its pinyin."""
        return self._read(
            "/customers", Page[Customer], waits=True, search=search, region=region, industry=industry,
            customer_type=customer_type, source=source, reference=reference, limit=limit,
        )  # fmt: skip

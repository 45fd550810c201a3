"""Customers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as it is now. `registered` is the position of its registration, `merged_into` the customer that it was
    found to be, `members` those that it stands for."""

    customer: str
    name: str
    industry: str
    region: str
    customer_type: str
    scale: str
    consents: list[str]
    registered: int
    position: int
    merged_into: str | None
    members: list[str]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a source calls a customer."""

    source: str
    reference: str


@dataclass(frozen=True, slots=True)
class CustomerDetail(Customer):
    """A customer with what sources call it."""

    references: list[Reference]

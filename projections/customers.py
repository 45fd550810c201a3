"""The view `customers`: name, traits, consents and references of each customer as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.values import customer_id
from ledger.log.arrays import BigintArray, TextArray
from ledger.log.queries import queries_load
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch, CustomerEvent

_QUERIES = queries_load("projections.sql", "customers.sql")
_SEPARATOR: Final = "\x1f"
_TRAITS: Final = ("industry", "region", "customer_type", "scale")
_TOPICS: Final = frozenset({"CustomerRegistered", "CustomerChanged", "ConsentGiven", "ConsentWithdrawn"})


@dataclass(slots=True)
class CustomerRow:
    """A customer; a trait nobody knows is "". `registered` and `position`: first and last event that made
    it so."""

    number: int
    name: str
    industry: str
    region: str
    customer_type: str
    scale: str
    consents: list[str]
    registered: int
    position: int = 0

    @property
    def id(self) -> str:
        """The customer's id, such as C-000001."""
        return customer_id(self.number)


class CustomersView:
    """Keeps the tables `customer` and `customer_reference`."""

    name = "customers"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = tuple(sorted(_TOPICS))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load the customers concerned, fold the events, store them."""
        events = batch.of(_TOPICS)
        if not events:
            return
        new = {e.customer for e in events if e.topic == "CustomerRegistered"}
        rows = _load(transaction, [e.customer for e in events if e.customer not in new])
        references: list[tuple[str, str, int]] = []
        for event in events:
            if event.topic == "CustomerRegistered":
                rows[event.customer] = _registered(event)
                references.append((event.state["source"], event.state["reference"], event.customer))
            else:
                _change(rows[event.customer], event)
        _store(transaction, list(rows.values()), references)


def _load(connection: Connection[Any], numbers: Sequence[int]) -> dict[int, CustomerRow]:
    if not numbers:
        return {}
    with connection.cursor(row_factory=class_row(CustomerRow)) as cursor:
        query = _QUERIES["customers_load"]
        return {row.number: row for row in cursor.execute(query, {"numbers": BigintArray(set(numbers))})}


def _registered(event: CustomerEvent) -> CustomerRow:
    traits = {trait: event.state["traits"].get(trait, "") for trait in _TRAITS}
    return CustomerRow(
        event.customer, event.state["name"], **traits, consents=[], registered=event.position,
        position=event.position,
    )  # fmt: skip


def _change(row: CustomerRow, event: CustomerEvent) -> None:
    row.position = event.position
    if event.topic == "CustomerChanged":
        if event.state["name"] is not None:
            row.name = event.state["name"]
        for trait, value in event.state["traits"].items():
            setattr(row, trait, value)
        return
    consents = set(row.consents)
    if event.topic == "ConsentGiven":
        consents.add(event.state["purpose"])
    else:
        consents.discard(event.state["purpose"])
    row.consents = sorted(consents)


def _store(
    connection: Connection[Any], rows: Sequence[CustomerRow], references: Sequence[tuple[str, str, int]]
) -> None:
    connection.execute(
        _QUERIES["customers_store"],
        {
            "number": BigintArray([r.number for r in rows]),
            "name": TextArray([r.name for r in rows]),
            **{trait: TextArray([getattr(r, trait) for r in rows]) for trait in _TRAITS},
            "consents": TextArray([_SEPARATOR.join(r.consents) for r in rows]),
            "registered": BigintArray([r.registered for r in rows]),
            "position": BigintArray([r.position for r in rows]),
        },
    )
    if references:
        connection.execute(
            _QUERIES["references_store"],
            {
                "source": TextArray([source for source, _, _ in references]),
                "reference": TextArray([reference for _, reference, _ in references]),
                "customer": BigintArray([number for _, _, number in references]),
            },
        )


@reads(CustomersView.name)
def customers_read(connection: Connection[Any], *, after: int = 0, limit: int = 1_000) -> list[CustomerRow]:
    """Up to `limit` customers with numbers above `after`, by number."""
    with connection.cursor(row_factory=class_row(CustomerRow)) as cursor:
        return cursor.execute(_QUERIES["customers_read"], {"after": after, "limit": limit}).fetchall()


@reads(CustomersView.name)
def customer_read(connection: Connection[Any], number: int) -> CustomerRow | None:
    """One customer, None where there is none of this number."""
    with connection.cursor(row_factory=class_row(CustomerRow)) as cursor:
        return cursor.execute(_QUERIES["customer_read"], {"number": number}).fetchone()


@reads(CustomersView.name)
def references_read(connection: Connection[Any], number: int) -> list[tuple[str, str]]:
    """How sources call a customer: (source, reference), by source."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [(s, r) for s, r in cursor.execute(_QUERIES["references_read"], {"customer": number})]


@reads(CustomersView.name)
def customer_find(connection: Connection[Any], source: str, reference: str) -> int | None:
    """The number of the customer that a source calls so, None where there is none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        names = {"source": source, "reference": reference}
        row = cursor.execute(_QUERIES["customer_find"], names).fetchone()
    return None if row is None else row[0]

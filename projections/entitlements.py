"""The view `entitlements`: which customer used which entitlement, when, at which stage of the business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.redemption.terms import Used, window_months
from ledger.domain.values import customer_id
from ledger.log.arrays import BigintArray, TextArray
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch

_QUERIES = queries_load("projections.sql", "entitlements.sql")
_TEXTS: Final = ("entitlement", "stage", "booked_on", "rule_set", "reference", "actor", "recorded_at")


@dataclass(frozen=True, slots=True)
class UseRow:
    """A use of an entitlement. `booked_on` is the day it happened, or the first open day where that month was closed;
    `reference` names the tender, contract or invoice it was for."""

    position: int
    customer: int
    entitlement: str
    stage: str
    booked_on: date
    rule_set: str
    reference: str
    actor: str
    recorded_at: datetime

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "position": self.position, "customer": customer_id(self.customer), "entitlement": self.entitlement,
            "stage": self.stage, "booked_on": self.booked_on.isoformat(), "rule_set": self.rule_set,
            "reference": self.reference, "actor": self.actor, "recorded_at": self.recorded_at.isoformat(),
        }  # fmt: skip


class EntitlementsView:
    """Keeps the table `entitlement_use`."""

    name = "entitlements"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("EntitlementUsed",)

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter what was used."""
        used = batch.of(self.topics)
        if used:
            transaction.execute(
                _QUERIES["uses_enter"],
                {
                    "position": BigintArray([e.position for e in used]),
                    "customer": BigintArray([e.customer for e in used]),
                    **{name: TextArray([e.state[name] for e in used]) for name in _TEXTS},
                },
            )


@reads(EntitlementsView.name)
def uses_read(
    connection: Connection[Any],
    *,
    customer: int | None = None,
    entitlement: str | None = None,
    stage: str | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[UseRow]:
    """Uses of entitlements, the latest first: all, or of a customer, an entitlement, a stage. Key: (position,)."""
    params = {"customer": customer, "entitlement": entitlement, "stage": stage}
    with connection.cursor(row_factory=class_row(UseRow)) as cursor:
        return page_read(cursor, _QUERIES["uses_read"], ("position",), params, seek, limit, descending=True)


@reads(EntitlementsView.name)
def used_read(connection: Connection[Any], customer: int) -> Used:
    """How often a customer used an entitlement in the window that holds a day."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_QUERIES["uses_count"], {"customer": customer}).fetchall()
    counts: dict[tuple[str, int], int] = {(entitlement, month): count for entitlement, month, count in rows}

    def used(entitlement: str, window: str, day: int) -> int:
        months = window_months(window, day)
        if months is None:
            return sum(count for (of, _), count in counts.items() if of == entitlement)
        return sum(counts.get((entitlement, month), 0) for month in months)

    return used

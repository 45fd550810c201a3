"""The view `campaigns`: rules with effective dates, and what each came to, by customer and by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.values import customer_id, customer_number, month_text, points_text
from ledger.log.arrays import BigintArray, IntegerArray, TextArray
from ledger.log.codec import state_of
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from projections.customers import CustomersView
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch, month_of_date

_QUERIES = queries_load("projections.sql", "campaigns.sql")
_AWARDS: Final = frozenset({"PointsGranted", "PointsDeducted", "PointsReversed"})

Key = tuple[str, str]
"""(rule set, rule)"""


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign and its sums. `awards` counts those that stand, `customers` who has one; points in 1/100, net of what
    corrections took back."""

    rule_set: str
    rule: str
    title_zh: str
    title_en: str
    effective_from: date | None
    effective_to: date | None
    proposed: int
    customers: int
    awards: int
    points: int
    position_first: int | None
    position_last: int | None

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "rule_set": self.rule_set, "rule": self.rule, "title": {"zh": self.title_zh, "en": self.title_en},
            "effective_from": self.effective_from.isoformat() if self.effective_from else None,
            "effective_to": self.effective_to.isoformat() if self.effective_to else None, "proposed": self.proposed,
            "customers": self.customers, "awards": self.awards, "points": points_text(self.points),
            "position_first": self.position_first, "position_last": self.position_last,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class CampaignMonth:
    """A campaign's month, counted from 1970-01."""

    month: int
    awards: int
    points: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {"month": month_text(self.month), "awards": self.awards, "points": points_text(self.points)}


@dataclass(frozen=True, slots=True)
class CampaignCustomer:
    """What a customer got from a campaign."""

    customer: int
    name: str
    awards: int
    points: int
    position_first: int
    position_last: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "customer": customer_id(self.customer), "name": self.name, "awards": self.awards,
            "points": points_text(self.points), "position_first": self.position_first,
            "position_last": self.position_last,
        }  # fmt: skip


class CampaignsView:
    """Keeps the tables `campaign`, `campaign_customer` and `campaign_month`."""

    name = "campaigns"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("RuleSetProposed", *sorted(_AWARDS))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter new campaigns, then add up what theirs and the known ones decided."""
        for position, stream, _, topic, data in batch.events if "RuleSetProposed" in batch.topics else ():
            if topic == "RuleSetProposed" and not customer_number(stream):
                _enter(transaction, position, state_of(topic, data))
        with transaction.cursor(row_factory=tuple_row) as cursor:
            known: set[Key] = set(cursor.execute(_QUERIES["campaigns_known"]).fetchall())
        if not known:
            return
        customers: dict[tuple[str, str, int], list[int]] = {}
        months: dict[tuple[str, str, int], list[int]] = {}
        for event in batch.of(_AWARDS):
            state = event.state
            key = (state["rule_set"], state["rule"])
            if key not in known:
                continue
            awards = -1 if event.topic == "PointsReversed" else 1
            cell = customers.setdefault((*key, event.customer), [0, 0, event.position, event.position])
            cell[0] += awards
            cell[1] += state["points"]
            cell[3] = event.position
            month = months.setdefault((*key, month_of_date(state["booked_on"])), [0, 0])
            month[0] += awards
            month[1] += state["points"]
        _store(transaction, customers, months)


def _enter(connection: Connection[Any], position: int, state: dict[str, Any]) -> None:
    for rule in state["document"]["rules"]:
        first, last = rule.get("effective_from"), rule.get("effective_to")
        if first or last:
            connection.execute(
                _QUERIES["campaigns_store"],
                {
                    "rule_set": state["rule_set"], "rule": rule["id"], "title_zh": rule["title"]["zh"],
                    "title_en": rule["title"]["en"], "effective_from": first, "effective_to": last,
                    "proposed": position,
                },
            )  # fmt: skip


def _store(
    connection: Connection[Any],
    customers: dict[tuple[str, str, int], list[int]],
    months: dict[tuple[str, str, int], list[int]],
) -> None:
    if not customers:
        return
    names = ("awards", "points", "position_first", "position_last")
    connection.execute(
        _QUERIES["campaign_customers_store"],
        {
            "rule_set": TextArray([k[0] for k in customers]), "rule": TextArray([k[1] for k in customers]),
            "customer": BigintArray([k[2] for k in customers]),
            **{name: BigintArray([v[i] for v in customers.values()]) for i, name in enumerate(names)},
        },
    )  # fmt: skip
    connection.execute(
        _QUERIES["campaign_months_store"],
        {
            "rule_set": TextArray([k[0] for k in months]), "rule": TextArray([k[1] for k in months]),
            "month": IntegerArray([k[2] for k in months]),
            **{name: BigintArray([v[i] for v in months.values()]) for i, name in enumerate(names[:2])},
        },
    )  # fmt: skip


@reads(CampaignsView.name)
def campaigns_read(
    connection: Connection[Any],
    *,
    key: Key | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[CampaignRow]:
    """Campaigns in the order they were proposed, or the one of a key. In the list their key is (proposed, rule)."""
    rule_set, rule = key or (None, None)
    with connection.cursor(row_factory=class_row(CampaignRow)) as cursor:
        params = {"rule_set": rule_set, "rule": rule}
        return page_read(cursor, _QUERIES["campaigns_read"], ("proposed", "rule"), params, seek, limit)


@reads(CampaignsView.name)
def campaign_months(connection: Connection[Any], key: Key) -> list[CampaignMonth]:
    """A campaign month by month."""
    with connection.cursor(row_factory=class_row(CampaignMonth)) as cursor:
        return cursor.execute(_QUERIES["campaign_months"], {"rule_set": key[0], "rule": key[1]}).fetchall()


@reads(CampaignsView.name, CustomersView.name)
def campaign_report(
    connection: Connection[Any], key: Key, *, customers: int = 20
) -> tuple[CampaignRow, list[CampaignMonth], list[CampaignCustomer]] | None:
    """A campaign, its months, and who got most from it; None where there is none of this key."""
    rows = campaigns_read(connection, key=key)
    if not rows:
        return None
    return rows[0], campaign_months(connection, key), campaign_customers(connection, key, limit=customers)


@reads(CampaignsView.name, CustomersView.name)
def campaign_customers(
    connection: Connection[Any], key: Key, *, limit: int = 100
) -> list[CampaignCustomer]:
    """Who got most from a campaign."""
    page = {"rule_set": key[0], "rule": key[1], "limit": limit}
    with connection.cursor(row_factory=class_row(CampaignCustomer)) as cursor:
        return cursor.execute(_QUERIES["campaign_customers"], page).fetchall()

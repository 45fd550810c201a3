"""What a balance and a tier are made of, in parts that add up: each from one view, as one moment saw it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import Connection

from ledger.log.queries import queries_load
from ledger.rules.document import Ladder
from projections.as_of import (
    AccountRow,
    Moment,
    RuleEarned,
    RulePoints,
    TotalsRow,
    account_then,
    earned_by_rule,
    history_then,
    points_by_rule,
    totals_read,
)
from projections.history import HistoryRow, HistoryView
from projections.places import reads
from projections.tiers import TierRow, TiersView, tier_begun, tier_placed

_QUERIES = queries_load("projections.sql", "reading.sql")


@dataclass(frozen=True, slots=True)
class BalanceParts:
    """A balance: the sums of its events, the same rule by rule, and its lots with the debt."""

    totals: TotalsRow
    account: AccountRow
    by_rule: list[RulePoints]


@dataclass(frozen=True, slots=True)
class TierParts:
    """Where a customer stands, what counts for that rule by rule, and the event that decided it, if one did."""

    row: TierRow
    by_rule: list[RuleEarned]
    decided: HistoryRow | None


@reads(HistoryView.name)
def balance_parts(connection: Connection[Any], customer: int) -> BalanceParts | None:
    """What a customer's balance is made of; None where it has no event."""
    with _snapshot(connection):
        totals = totals_read(connection, customer, Moment())
        if not totals.events:
            return None
        return BalanceParts(
            totals, account_then(connection, customer, Moment()), points_by_rule(connection, customer)
        )


@reads(HistoryView.name, TiersView.name)
def tier_parts(
    connection: Connection[Any], ladder: Ladder | None, customer: int, day_first: date, day_last: date
) -> TierParts | None:
    """What a customer's tier is made of, of what was booked in these days; None where it has no event."""
    with _snapshot(connection, "tiers_hold"):
        if not history_then(connection, customer, Moment(), limit=1):
            return None
        by_rule = earned_by_rule(connection, ladder, customer, day_first, day_last)
        changes = history_then(connection, customer, Moment(), topics=["TierChanged"], newest_first=True, limit=1)
        begun = None if changes else tier_begun(connection, customer)
    decided = changes[0] if changes else None
    row = TierRow(
        customer, tier=decided.state["tier"] if decided else begun, tier_since=decided.occurred_at if decided else None,
        earned=sum(r.points for r in by_rule),
    )  # fmt: skip
    return TierParts(tier_placed(row, ladder), by_rule, decided)


@contextmanager
def _snapshot(connection: Connection[Any], *holds: str) -> Generator[None]:
    with connection.transaction():
        for query in ("snapshot_begin", "history_hold", *holds):
            connection.execute(_QUERIES[query])
        yield

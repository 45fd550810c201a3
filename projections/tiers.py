"""The view `tiers`: tier, grade and tags of each customer, what it earned, and what is missing to the next
tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from ledger.domain.values import month_of, points_parse
from ledger.log.arrays import BigintArray, IntegerArray, TextArray
from ledger.log.queries import queries_load
from ledger.rules.document import Ladder
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, month_of_date

_QUERIES = queries_load("projections.sql", "tiers.sql")
_SEPARATOR: Final = "\x1f"
_WINDOW_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_MONTH_MAX: Final = 2**31 - 1
_DECIDED: Final = frozenset({"TierChanged", "GradeChanged", "TagsChanged", "CustomerRegistered"})
_EARNED: Final = frozenset({"PointsGranted", "PointsReversed"})


@dataclass(slots=True)
class TierRow:
    """Where a customer stands on a ladder. Points in 1/100.

    `tier` is as last decided, or the ladder's lowest; None without a ladder. `tier_since` is when the event
    happened that led to it, `tier_cause` that event's position. `earned` is what counts in the window of
    the day asked for, `points_missing` what is missing of the next tier's threshold, both of which are None
    at the top.
    """

    customer: int
    tier: str | None = None
    tier_since: datetime | None = None
    tier_cause: int = 0
    grade: str | None = None
    tags: list[str] = field(default_factory=list[str])
    position: int = 0
    earned: int = 0
    tier_next: str | None = None
    points_missing: int | None = None


class TiersView:
    """Keeps the tables `tier` and `earned`."""

    name = "tiers"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = (*sorted(_DECIDED), *sorted(_EARNED))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load the customers concerned, fold the events, store them."""
        decided = [e for e in batch.of_customers if e.topic in _DECIDED]
        if decided:
            _store(transaction, _folded(transaction, decided))
        earned: dict[tuple[int, int], int] = {}
        for event in batch.of_customers:
            # A penalty that is taken back was never earned.
            if event.topic in _EARNED and (event.state["points"] > 0) == (event.topic == "PointsGranted"):
                key = (event.customer, month_of_date(event.state["booked_on"]))
                earned[key] = earned.get(key, 0) + event.state["points"]
        if earned:
            earned = dict(sorted(earned.items()))
            transaction.execute(
                _QUERIES["earned_store"],
                {
                    "customer": BigintArray([customer for customer, _ in earned]),
                    "month": IntegerArray([month for _, month in earned]),
                    "points": BigintArray(earned.values()),
                },
            )


def _folded(connection: Connection[Any], events: Sequence[CustomerEvent]) -> list[TierRow]:
    numbers = BigintArray({e.customer for e in events})
    with connection.cursor(row_factory=class_row(TierRow)) as cursor:
        stored = cursor.execute(_QUERIES["tiers_load"], {"customers": numbers}).fetchall()
    rows = {row.customer: row for row in stored}
    for event in events:
        row = rows.setdefault(event.customer, TierRow(event.customer))
        state, row.position = event.state, event.position
        if event.topic == "TierChanged":
            row.tier, row.tier_cause = state["tier"], state["cause"]
            row.tier_since = datetime.fromisoformat(state["occurred_at"])
        elif event.topic == "GradeChanged":
            row.grade = state["grade"]
        elif event.topic == "TagsChanged":
            row.tags = sorted((set(row.tags) | set(state["added"])) - set(state["removed"]))
    return sorted(rows.values(), key=attrgetter("customer"))


def _store(connection: Connection[Any], rows: Sequence[TierRow]) -> None:
    connection.execute(
        _QUERIES["tiers_store"],
        {
            "customer": BigintArray([r.customer for r in rows]),
            "tier": [r.tier for r in rows],
            "tier_since": [r.tier_since for r in rows],
            "tier_cause": BigintArray([r.tier_cause for r in rows]),
            "grade": [r.grade for r in rows],
            "tags": TextArray([_SEPARATOR.join(r.tags) for r in rows]),
            "position": BigintArray([r.position for r in rows]),
        },
    )


@reads(TiersView.name)
def tiers_read(
    connection: Connection[Any],
    ladder: Ladder | None,
    day: int,
    *,
    customers: Sequence[int] | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[TierRow]:
    """Where customers stand as of a day (since 1970-01-01): these, or up to `limit` with numbers above
    `after`.

    `ladder` is that of the rule set in force on the day. By number.
    """
    first, last = ladder_months(ladder, day)
    with connection.cursor(row_factory=class_row(TierRow)) as cursor:
        rows = cursor.execute(
            _QUERIES["tiers_read"],
            {
                "customers": None if customers is None else list(customers),
                "after": after,
                "limit": limit if customers is None else len(customers),
                "month_first": first,
                "month_last": last,
            },
        ).fetchall()
    return [tier_placed(row, ladder) for row in rows]


@reads(TiersView.name)
def tier_read(connection: Connection[Any], ladder: Ladder | None, customer: int, day: int) -> TierRow:
    """Where one customer stands; at the bottom, where it has no event yet."""
    rows = tiers_read(connection, ladder, day, customers=[customer])
    return rows[0] if rows else tier_placed(TierRow(customer), ladder)


def ladder_months(ladder: Ladder | None, day: int) -> tuple[int, int]:
    """First and last month of the ladder's window that holds a day."""
    length = _WINDOW_MONTHS.get(ladder.window) if ladder else None
    if length is None:
        return 0, _MONTH_MAX
    first = month_of(day) // length * length
    return first, first + length - 1


def tier_placed(row: TierRow, ladder: Ladder | None) -> TierRow:
    """The row with its place on a ladder: the lowest tier where none was decided, and what is missing to the next."""
    if ladder is None:
        return row
    ids = [level.id for level in ladder.levels]
    at = ids.index(row.tier) if row.tier in ids else 0
    if row.tier is None:
        row.tier = ids[0]
    if at + 1 < len(ids):
        row.tier_next = ids[at + 1]
        row.points_missing = max(0, points_parse(ladder.levels[at + 1].points) - row.earned)
    return row

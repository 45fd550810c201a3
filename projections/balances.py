"""The view `balances`: balance, debt, what is held, what was ever granted, deducted, reversed, expired and redeemed,
and when the rest expires."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.events import POINTS_TOPICS
from ledger.domain.values import month_of
from ledger.log.arrays import BigintArray, IntegerArray
from ledger.log.queries import queries_load
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, bigints, month_of_date

_QUERIES = queries_load("projections.sql", "balances.sql")
_NEVER: Final = -1
_LIMIT_DEFAULT: Final = 1_000
_STORED: Final = (
    "customer", "balance", "debt", "granted", "deducted", "reversed", "expired", "redeemed", "held", "position",
)  # fmt: skip


@dataclass(slots=True)
class BalanceRow:
    """What a customer has, as of a date; all in 1/100 point.

    `balance` = lots + `held` - `debt` = `granted` + `deducted` + `reversed` + `expired` + `redeemed` (deducted,
    expired and redeemed are never positive; redeemed is net of what came back). `available` leaves out what is held,
    and lots past their date that no month end has taken yet.
    `expiring_30_days` expires within 30 days after the date, `expiring_90_days` includes that.
    """

    customer: int
    balance: int = 0
    debt: int = 0
    available: int = 0
    granted: int = 0
    deducted: int = 0
    reversed: int = 0
    expired: int = 0
    redeemed: int = 0
    held: int = 0
    expiring_30_days: int = 0
    expiring_90_days: int = 0
    position: int = 0


class Moves:
    """What events come to: for each customer the balance after the last and what is added to the rest.

    `lots`: what is added by (customer, month at whose end it expires, or -1 for never).
    """

    def __init__(self) -> None:
        self.rows: dict[int, BalanceRow] = {}
        self.lots: dict[tuple[int, int], int] = defaultdict(int)

    def __len__(self) -> int:
        return len(self.rows) + len(self.lots)

    def take(self, batch: Batch) -> None:
        """Take in the next events."""
        for event in batch.of(BalancesView.topics):
            self.add(event)

    def store(self, transaction: Connection[Any]) -> None:
        """Add it to the tables. Raises where it takes what is not there."""
        # In the order of the primary keys, so that neighbours in the index are changed together.
        if self.rows:
            rows = sorted(self.rows.values(), key=attrgetter("customer"))
            transaction.execute(_QUERIES["balances_store"], bigints(rows, _STORED))
        lots = sorted((*key, points) for key, points in self.lots.items() if points)
        if lots:
            customer, month, points = zip(*lots, strict=True)
            transaction.execute(
                _QUERIES["lots_store"],
                {
                    "customer": BigintArray(customer), "expiry_month": IntegerArray(month),
                    "points": BigintArray(points),
                },
            )  # fmt: skip

    def add(self, event: CustomerEvent) -> None:
        """Take in a customer's event; those that move no points change nothing."""
        state, topic = event.state, event.topic
        if topic == "CustomerRegistered":
            self.rows[event.customer] = BalanceRow(event.customer, position=event.position)
            return
        if topic not in POINTS_TOPICS:
            return
        row = self.rows.get(event.customer)
        if row is None:
            row = self.rows[event.customer] = BalanceRow(event.customer)
        row.balance, row.position = state["balance"], event.position
        points: int = state["points"]
        if topic == "PointsGranted":
            row.granted += points
            row.debt -= state["debt_paid"]
            self.lots[event.customer, _month(state["expires_on"])] += points - state["debt_paid"]
        elif topic == "PointsDeducted":
            row.deducted += points
            row.debt += state["debt"]
            self._lots(event.customer, state, -1)
        elif topic == "PointsReversed":
            row.reversed += points
            row.debt += state["debt"]
            self._lots(event.customer, state, 1)
        elif topic == "PointsHeld":
            row.held += points
            row.debt += state["debt"]
            self._lots(event.customer, state, -1)
        elif topic == "PointsFreed":
            row.held -= points
            row.debt -= state["debt"]
            self._lots(event.customer, state, 1)
        elif topic == "PointsRedeemed":
            row.redeemed += points
            row.held += points
        elif topic == "PointsReturned":
            row.redeemed += points
            row.debt -= state["debt_paid"]
            self._lots(event.customer, state, 1)
        else:
            row.expired += points
            self.lots[event.customer, _month(state["expired_on"])] += points

    def _lots(self, customer: int, state: Mapping[str, Any], sign: int) -> None:
        for month, points in state["lots"]:
            self.lots[customer, _NEVER if month is None else month] += sign * points


def _month(day: str | None) -> int:
    return _NEVER if day is None else month_of_date(day)


class BalancesView:
    """Keeps the tables `balance` and `lot`."""

    name = "balances"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = (*sorted(POINTS_TOPICS), "CustomerRegistered")

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Add up the batch and add it to the tables. Raises where an event takes what is not there."""
        moves = self.sums()
        moves.take(batch)
        moves.store(transaction)

    def sums(self) -> Moves:
        """Nothing yet, to which batches may be added before all of it is stored."""
        return Moves()


@reads(BalancesView.name)
def balances_read(
    connection: Connection[Any],
    day: int,
    *,
    customers: Sequence[int] | None = None,
    after: int = 0,
    limit: int = _LIMIT_DEFAULT,
) -> list[BalanceRow]:
    """What customers have as of a day (since 1970-01-01): these, or up to `limit` with numbers above `after`.

    By number.
    """
    with connection.cursor(row_factory=class_row(BalanceRow)) as cursor:
        return cursor.execute(
            _QUERIES["balances_read"],
            {
                "customers": None if customers is None else list(customers),
                "after": after,
                "limit": limit if customers is None else len(customers),
                "month": month_of(day),
                "month_30": _month_ended(day + 30),
                "month_90": _month_ended(day + 90),
            },
        ).fetchall()


@reads(BalancesView.name)
def balance_read(connection: Connection[Any], customer: int, day: int) -> BalanceRow:
    """What one customer has as of a day; nothing, where it has no event yet."""
    rows = balances_read(connection, day, customers=[customer])
    return rows[0] if rows else BalanceRow(customer)


@reads(BalancesView.name)
def lots_read(connection: Connection[Any], customer: int) -> list[tuple[int | None, int]]:
    """A customer's lots: (month at whose end it expires, or None, points), the next to expire first."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [(m, p) for m, p in cursor.execute(_QUERIES["lots_read"], {"customer": customer})]


def _month_ended(day: int) -> int:
    """The last month that has ended by the end of a day."""
    return month_of(day + 1) - 1

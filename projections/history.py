"""The view `history`: every event of each customer in order, with who, why and the balance after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.log.arrays import BigintArray
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.view import WAIT_SECONDS_DEFAULT, Batch, view_wait

_QUERIES = queries_load("projections.sql", "history.sql")


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An event of a customer. Points in 1/100; `points` is None where it moves none, `balance` is afterwards.

    `cause` is the position of the input that led to it, 0 for an input itself. `state` has all its fields
    as they are in the log.
    """

    customer: int
    position: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    booked_on: date | None
    actor: str
    cause: int
    rule: str | None
    rule_set: str | None
    points: int | None
    balance: int
    state: dict[str, Any]


class HistoryView:
    """Keeps the table `history`."""

    name = "history"
    batch_events = 5_000
    pause_seconds = 0.0

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Add a row for each event, carrying balances forward over those that move none."""
        if not batch.of_customers:
            return
        balances = _balances_last(transaction, {event.customer for event in batch.of_customers})
        with transaction.cursor() as cursor, cursor.copy(_QUERIES["history_copy"]) as copy:
            for event in batch.of_customers:
                get = event.state.get
                balance = get("balance", balances.get(event.customer, 0))
                balances[event.customer] = balance
                copy.write_row((
                    event.customer, event.position, event.topic, get("occurred_at"), get("recorded_at"),
                    get("booked_on"), get("actor"), get("cause"), get("rule"), get("rule_set"), get("points"),
                    balance,
                ))  # fmt: skip


def _balances_last(connection: Connection[Any], customers: set[int]) -> dict[int, int]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute(_QUERIES["balances_last"], {"customers":
        BigintArray(customers)}).fetchall())


def history_read(
    connection: Connection[Any],
    customer: int,
    *,
    after: int = 0,
    limit: int = 1_000,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[HistoryRow]:
    """Up to `limit` events of a customer after a position, in order. Raises ViewBehind."""
    view_wait(connection, HistoryView.name, min_position, timeout_seconds)
    with connection.cursor(row_factory=tuple_row) as cursor:
        page = {"customer": customer, "after": after, "limit": limit}
        rows = cursor.execute(_QUERIES["history_read"], page).fetchall()
    return [HistoryRow(*row[:-1], state=state_of(row[2], bytes(row[-1]))) for row in rows]

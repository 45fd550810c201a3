"""The view `history`: every event of each customer's books in order, with who, why and the balance after it.

A customer may read its own. Who serves it and what is said of it is none of its books, and stands in views of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.events import POINTS_TOPICS_MOVING, RELATIONS_TOPICS
from ledger.domain.values import day_text
from ledger.log.arrays import BigintArray
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_expired

_QUERIES = queries_load("projections.sql", "history.sql")
_NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BALANCES_MAX: Final = 500_000
"""Of so many customers at most balances are kept in memory, some 50 MB."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An event of a customer. Points in 1/100; `points` is None where it moves none, `balance` is afterwards. What
    expires is booked on the day it does; what is neither a fact nor moves points is booked on none.

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
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0

    def __init__(self) -> None:
        # Balances after the position, which follow from the log alone: they hold for whoever stores what comes next,
        # and are forgotten when the next events are others.
        self._balances: dict[int, int] = {}
        self._position = 0

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Add a row for each event, carrying balances forward over those that move none."""
        events = [event for event in batch.of_customers if event.topic not in RELATIONS_TOPICS]
        balances = self._balances_before(batch, events, transaction)
        lines: list[tuple[int, str]] = []
        for position, customer, _, topic, state in events:
            balance = state.get("balance")
            if balance is None:
                balance = balances[customer]
            else:
                balances[customer] = balance
            points = state.get("points") if topic in POINTS_TOPICS_MOVING else None
            booked_on = state.get("booked_on") or _NULL
            if topic == "PointsExpired":
                booked_on = day_text(day_expired(state))
            lines.append((
                customer,
                f"{customer}\t{position}\t{topic}\t{state['occurred_at']}\t{state['recorded_at']}"
                f"\t{booked_on}\t{_field(state['actor'])}\t{state['cause']}"
                f"\t{_field(state.get('rule'))}\t{_field(state.get('rule_set'))}"
                f"\t{_NULL if points is None else points}\t{balance}\n",
            ))  # fmt: skip
        # In the order of the primary key, so that neighbours in the index are entered together.
        lines.sort(key=itemgetter(0))
        if lines:
            with transaction.cursor() as cursor, cursor.copy(_QUERIES["history_copy"]) as copy:
                copy.write("".join([line for _, line in lines]))
        self._balances, self._position = balances, batch.position_last

    def _balances_before(
        self, batch: Batch, events: Sequence[CustomerEvent], transaction: Connection[Any]
    ) -> dict[int, int]:
        balances, self._balances = self._balances, {}
        if self._position + 1 != batch.events[0][0] or len(balances) > _BALANCES_MAX:
            balances = {}
        first = {event.customer: event.topic for event in reversed(events)}
        first = {customer: topic for customer, topic in first.items() if customer not in balances}
        balances.update(dict.fromkeys(first, 0))
        known = {customer for customer, topic in first.items() if topic != "CustomerRegistered"}
        if known:
            balances.update(_balances_last(transaction, known))
        return balances


@lru_cache(maxsize=4_096)
def _field(text: str | None) -> str:
    """Text as COPY takes it."""
    return _NULL if text is None else text.translate(_ESCAPES)


def _balances_last(connection: Connection[Any], customers: set[int]) -> dict[int, int]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_QUERIES["balances_last"], {"customers": BigintArray(customers)})
        return dict(found.fetchall())


@reads(HistoryView.name)
def history_read(
    connection: Connection[Any], customer: int, *, after: int = 0, limit: int = 1_000
) -> list[HistoryRow]:
    """Up to `limit` events of a customer after a position, in order."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        page = {"customer": customer, "after": after, "limit": limit}
        rows = cursor.execute(_QUERIES["history_read"], page).fetchall()
    return [HistoryRow(*row[:-1], state=state_of(row[2], bytes(row[-1]))) for row in rows]

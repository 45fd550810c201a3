"""What was: a customer's points as of a business day, and as the books knew them at a moment.

`as_of` keeps what was booked up to the end of that day, wherever in the log it stands (an event that is booked on no
day counts by that of what led to it, and else by the day it occurred); `as_known_at` keeps what had been recorded by
that moment. Both together say what the books said at that moment about that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.events import POINTS_TOPICS, STREAM_CALENDAR
from ledger.domain.values import day_of, month_of
from ledger.log.codec import state_of
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from ledger.rules.document import Ladder
from projections.balances import BalancesView
from projections.history import HistoryRow, HistoryView
from projections.lots import Lots, Terms
from projections.places import reads
from projections.rulebook import Rulebook, rulebook_read

_QUERIES = queries_load("projections.sql", "reading.sql")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a reader looks from: a business day, a moment of recording, in the ledger's time zone; None: now."""

    as_of: date | None = None
    as_known_at: datetime | None = None
    timezone: str = "Asia/Shanghai"

    @property
    def params(self) -> dict[str, Any]:
        """For the queries."""
        return {"as_of": self.as_of, "as_known_at": self.as_known_at, "timezone": self.timezone}


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A balance with its lots, and what is held out of them, in 1/100 point. `lots`: (month at whose end they expire,
    or None; points), the next to expire first. `position` is where the view stands."""

    customer: int
    balance: int
    debt: int
    lots: tuple[tuple[int | None, int], ...]
    position: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class TotalsRow:
    """What a customer's events come to, in 1/100 point: `balance` is the sum of the others. `position` is that of the
    last event that counted, `events` how many counted."""

    balance: int
    granted: int
    deducted: int
    reversed: int
    expired: int
    redeemed: int
    position: int
    events: int


@dataclass(frozen=True, slots=True)
class RulePoints:
    """What a rule came to for a customer; points in 1/100. `topic` says whether granted, deducted, …"""

    topic: str
    rule: str | None
    rule_set: str | None
    count: int
    points: int
    position_first: int
    position_last: int


@dataclass(frozen=True, slots=True)
class RuleEarned:
    """What a rule contributed to a tier; points in 1/100."""

    rule: str | None
    rule_set: str | None
    count: int
    points: int


@reads(BalancesView.name)
def accounts_read(connection: Connection[Any], customers: Sequence[int]) -> dict[int, AccountRow]:
    """Balances with lots of those among `customers` that exist."""
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        rows = cursor.execute(_QUERIES["accounts_now"], {"customers": list(customers)}, prepare=True).fetchall()
    return {
        number: AccountRow(
            number, balance, debt,
            tuple((None if m < 0 else m, p) for m, p in zip(months or (), points or (), strict=True)), position, held,
        )
        for number, balance, debt, held, months, points, position in rows
    }  # fmt: skip


@reads(HistoryView.name)
def totals_read(connection: Connection[Any], customer: int, moment: Moment) -> TotalsRow:
    """What one customer's events came to at a moment."""
    with connection.cursor(row_factory=class_row(TotalsRow)) as cursor:
        row = cursor.execute(_QUERIES["totals_then"], {"customer": customer, **moment.params}).fetchone()
    assert row is not None
    return row


@reads(HistoryView.name)
def account_then(
    connection: Connection[Any], customer: int, moment: Moment, rulebook: Rulebook | None = None
) -> AccountRow:
    """Balance and lots of one customer at a moment, added up from its events.

    Balance = lots + held - debt, and none of these is below zero. The lots are as recorded, but where `as_of` leaves
    out what was recorded before something that it takes in: from there on they are decided anew (projections/lots.py).
    `rulebook` saves reading it.
    """
    lots, balance, position, seek = Lots(), 0, 0, BEGINNING
    out_first, terms = None, None
    while rows := history_then(connection, customer, moment, seek=seek, topics=sorted(POINTS_TOPICS), limit=1_000):
        if moment.as_of is not None and out_first is None:
            # What is recorded in the meantime stands behind all that was read.
            out_first = _out_first(connection, customer, moment, rows[-1].position)
        for row in rows:
            if out_first is None or row.position < out_first:
                lots.recorded(row)
            else:
                terms = terms or terms_read(connection, moment, rulebook)
                lots.decided(row, terms)
            balance += row.points or 0
        position = rows[-1].position
        seek = Seek((position,))
    return AccountRow(customer, balance, lots.debt, lots.told(), position, lots.held)


def _out_first(connection: Connection[Any], customer: int, moment: Moment, before: int) -> int | None:
    """The position of the first event before another that moves points and that `as_of` leaves out; None for none."""
    params = {"customer": customer, "topics": sorted(POINTS_TOPICS), "before": before, **moment.params}
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["left_out_first"], params).fetchone()
    return row[0] if row else None


def terms_read(connection: Connection[Any], moment: Moment, rulebook: Rulebook | None = None) -> Terms:
    """Rule sets, and the months closed as far as they are in view; `rulebook` saves reading it."""
    params = {"calendar": STREAM_CALENDAR, "as_of": moment.as_of, "as_known_at": moment.as_known_at}
    with connection.cursor(row_factory=tuple_row) as cursor:
        closings = [(p, month_of(day_of(day))) for p, day in cursor.execute(_QUERIES["months_closed"], params)]
    return Terms(rulebook_read(connection, rulebook), closings)


@reads(HistoryView.name)
def history_then(
    connection: Connection[Any],
    customer: int,
    moment: Moment,
    *,
    seek: Seek = BEGINNING,
    newest_first: bool = False,
    topics: Sequence[str] | None = None,
    limit: int = 100,
) -> list[HistoryRow]:
    """Up to `limit` events of a customer, of these names or of all, in order or newest first. Key: (position,)."""
    params = {"customer": customer, "topics": None if topics is None else list(topics), **moment.params}
    with connection.cursor(row_factory=tuple_row) as cursor:
        query = _QUERIES["history_then"]
        rows = page_read(cursor, query, ("position",), params, seek, limit, descending=newest_first)
    return [_row(row) for row in rows]


@reads(HistoryView.name)
def event_row(connection: Connection[Any], customer: int, position: int) -> HistoryRow | None:
    """The event at a position where it stands in this customer's stream."""
    rows = history_then(connection, customer, Moment(), seek=Seek((position - 1,)), limit=1)
    return rows[0] if rows and rows[0].position == position else None


@reads(HistoryView.name)
def consequences_read(connection: Connection[Any], customer: int, cause: int, limit: int = 100) -> list[HistoryRow]:
    """What the input at a position led to in a customer's stream."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        names = {"customer": customer, "cause": cause, "limit": limit}
        return [_row(row) for row in cursor.execute(_QUERIES["history_of_cause"], names)]


@reads(HistoryView.name)
def reversal_find(connection: Connection[Any], customer: int, cause: int, rule: str) -> int | None:
    """The position of the reversal of what a rule had decided for a fact version; None while it stands."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        names = {"customer": customer, "cause": cause, "rule": rule}
        row = cursor.execute(_QUERIES["reversals_of_cause"], names).fetchone()
    return None if row is None else row[0]


@reads(HistoryView.name)
def points_by_rule(connection: Connection[Any], customer: int, limit: int = 1_000) -> list[RulePoints]:
    """A customer's points, rule by rule."""
    with connection.cursor(row_factory=class_row(RulePoints)) as cursor:
        return cursor.execute(_QUERIES["points_by_rule"], {"customer": customer, "limit": limit}).fetchall()


@reads(HistoryView.name)
def earned_by_rule(
    connection: Connection[Any],
    ladder: Ladder | None,
    customer: int,
    day_first: date,
    day_last: date,
    limit: int = 1_000,
) -> list[RuleEarned]:
    """What counts for a customer's place on a ladder among what was booked in these days, rule by rule."""
    window = ladder.window if ladder and ladder.window != "lifetime" else None
    with connection.cursor(row_factory=class_row(RuleEarned)) as cursor:
        asked = {"customer": customer, "window": window, "day_first": day_first, "day_last": day_last, "limit": limit}
        return cursor.execute(_QUERIES["earned_by_rule"], asked).fetchall()


def _row(row: tuple[Any, ...]) -> HistoryRow:
    return HistoryRow(*row[:-1], state=state_of(row[2], bytes(row[-1])))

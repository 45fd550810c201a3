"""Time passes only here: days are closed one after the other, a month with its last day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from ledger.domain.book import NOTHING_CLOSED, Book
from ledger.domain.commands import CloseDays
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.events import STREAM_CALENDAR, DayClosed, Event
from ledger.domain.rows import columns_count
from ledger.domain.values import (
    date_of,
    day_of,
    day_parse,
    day_text,
    month_first_day,
    month_last_day,
    month_of,
)
from ledger.rules.engine import Prior
from ledger.writer.decisions import DecisionWriter, Stamp
from ledger.writer.state import LedgerState, rows_empty

ATTEMPTS_MAX = 50


class DaysNotClosed(PlumblineError):
    """The days that are left could not be appended; those of months before are closed."""

    code = "DAYS_NOT_CLOSED"


def days_to_close(book: Book, through: int) -> range:
    """The days to close, in order: from the day after the last closed one, or where none is, from the first day any
    fact is booked at (the first of the month of `through` where there is no fact)."""
    if book.closed_day != NOTHING_CLOSED:
        first = book.closed_day + 1
    elif book.booked_day_min != NOTHING_CLOSED:
        first = book.booked_day_min
    else:
        first = month_first_day(month_of(through))
    return range(first, through + 1)


def days_close(
    state: LedgerState,
    recorded: datetime,
    command: CloseDays,
    actor: str,
    append: Callable[[list[Event]], bool],
) -> int:
    """Close every day through a date; each month is one transaction, so a long close can be resumed.

    Returns how many days were closed. Raises Refused for a day that isn't over yet.
    """
    try:
        through = day_parse(command.through)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"the date {error}", "through") from None
    zone = ZoneInfo(state.book.timezone)
    if through >= day_of(recorded.astimezone(zone).date()):
        raise Refused("DAY_NOT_OVER", "this day isn't over yet; only past days are closed", "through")
    count = len(days_to_close(state.book, through))
    failures = 0
    while days := days_to_close(state.book, through):
        last = min(through, month_last_day(month_of(days[0])))
        part = range(days[0], last + 1)
        if _month_close(state, part, recorded.astimezone(zone), actor, append):
            failures = 0
            continue
        # The log had moved, or the connection was lost, perhaps after the commit: the days left tell.
        failures += 1
        if failures == ATTEMPTS_MAX:
            raise DaysNotClosed("the days can't be closed: look at the database's log, then close again")
    return count


def _month_close(
    state: LedgerState, days: range, recorded: datetime, actor: str, append: Callable[[list[Event]], bool]
) -> bool:
    """Close days of one month; with its last day, decide what expires and who falls."""
    book = state.book
    recorded_at = recorded.isoformat()
    events: list[Event] = []
    for i, day in enumerate(days):
        midnight = datetime.combine(date_of(day + 1), datetime.min.time(), recorded.tzinfo)
        events.append(
            DayClosed(
                originator_id=STREAM_CALENDAR,
                originator_version=book.version(STREAM_CALENDAR) + 1 + i,
                occurred_at=midnight.isoformat(),
                recorded_at=recorded_at,
                actor=actor,
                day=day_text(day),
            )
        )
    last = days[-1]
    if last != month_last_day(month_of(last)):
        return append(events)
    position = book.position + len(events)
    closings = np.array([[position, last]], np.int64)
    accounts, records, rows, outcome = state.decide(rows_empty(columns_count(book)), closings, Prior.none())
    added: dict[str, int] = {}

    def version_next(stream: str) -> int:
        added[stream] = added.get(stream, book.version(stream)) + 1
        return added[stream]

    writer = DecisionWriter(state.program, accounts, rows, outcome, version_next)
    stamp = Stamp(events[-1].occurred_at, recorded_at, actor, position)
    now = book.in_force(last) or ""
    events += [writer.event(i, stamp, now, lambda p: p) for i in range(len(outcome.outs))]
    if not append(events):
        return False
    with state.moving:
        state.records[accounts - 1] = records
    return True

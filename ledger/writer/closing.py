"""Time passes only here: days are closed one after the other, a month with its last day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from ledger.domain.book import NOTHING_CLOSED, Book
from ledger.domain.commands import CloseDays
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.events import STREAM_CALENDAR, DayClosed, Event, RedemptionLapsed
from ledger.domain.redemption.decisions import lapse
from ledger.domain.relations.records import Standing
from ledger.domain.rows import columns_count
from ledger.domain.values import (
    customer_id,
    date_of,
    day_of,
    day_parse,
    day_text,
    month_first_day,
    month_last_day,
    month_of,
)
from ledger.rules.engine import Ints, Prior
from ledger.writer.account import standing_of
from ledger.writer.decisions import DecisionWriter, Stamp
from ledger.writer.desk import event_drafted
from ledger.writer.folding import rows_empty
from ledger.writer.redeeming import PointsMover
from ledger.writer.state import LedgerState
from ledger.writer.versions import Versions

ATTEMPTS_MAX = 50
ACCOUNT_MONTHS_MAX = 6_000_000
"""So many ends of a month, counted for each customer, are rehearsed at most: some ten seconds of the writer's time."""

Append = Callable[[list[Event], Callable[[], None]], bool]


class DaysNotClosed(PlumblineError):
    """The days that are left could not be appended; those of months before are closed."""

    code = "DAYS_NOT_CLOSED"


def days_to_close(book: Book, through: int) -> range:
    """The days to close, in order: from the day after the last closed one, or where none is, from the first day any
    fact is booked at (the first of the month of `through` where no fact is as old)."""
    if book.closed_day != NOTHING_CLOSED:
        first = book.closed_day + 1
    elif NOTHING_CLOSED < book.booked_day_min <= through:
        first = book.booked_day_min
    else:
        first = month_first_day(month_of(through))
    return range(first, through + 1)


def days_close(
    state: LedgerState,
    recorded: datetime,
    command: CloseDays,
    actor: str,
    append: Append,
) -> int:
    """Close every day through a date; each month is one transaction, so a long close can be resumed.

    `append` appends a month's events, and has its records kept by the function it is given, once that is done; False
    where the log had moved. Returns how many days were closed. Raises Refused for a day that isn't over yet.
    """
    recorded, through = _asked(state, recorded, command)
    count = len(days_to_close(state.book, through))
    failures = 0
    while days := days_to_close(state.book, through):
        last = min(through, month_last_day(month_of(days[0])))
        part = range(days[0], last + 1)
        if _month_close(state, part, recorded, actor, append):
            failures = 0
            continue
        # The log had moved, or the connection was lost, perhaps after the commit: the days left tell.
        failures += 1
        if failures == ATTEMPTS_MAX:
            raise DaysNotClosed("the days can't be closed: look at the database's log, then close again")
    return count


def days_rehearse(
    state: LedgerState, recorded: datetime, command: CloseDays, actor: str, tell: Callable[[list[Event]], None]
) -> int:
    """Decide the close of every day through a date and tell each month's events. All months are one draft, of which
    nothing stays.

    Returns how many days would be closed. Raises Refused for a day that isn't over yet, and where so many accounts would
    be closed so often that everybody else would wait.
    """
    recorded, through = _asked(state, recorded, command)
    days = days_to_close(state.book, through)
    months = month_of(through) - month_of(days[0]) + 1 if days else 0
    months_max = max(1, ACCOUNT_MONTHS_MAX // max(1, len(state.book.customers)))
    if months > months_max:
        last = day_text(month_last_day(month_of(days[0]) + months_max - 1))
        reason = f"a dry run of {months} months of all customers would stop the writer for long; ask for one through {last}"
        raise Refused("REHEARSAL_TOO_LARGE", reason, "through")
    records = state.records
    closing = _Closing(state, recorded, actor)
    try:
        for day in days:
            closing.day(day)
            if day == month_last_day(month_of(day)) or day == through:
                tell(closing.events)
                closing.draft_on()
    finally:
        state.records = records
        state.relations.journal.rollback()
        state.redemptions.journal.rollback()
    return len(days)


def _asked(state: LedgerState, recorded: datetime, command: CloseDays) -> tuple[datetime, int]:
    """Now in the ledger's time zone, and the last day to close. Raises Refused for one that isn't over."""
    try:
        through = day_parse(command.through)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"the date {error}", "through") from None
    now = recorded.astimezone(ZoneInfo(state.book.timezone))
    if through >= day_of(now.date()):
        raise Refused("DAY_NOT_OVER", "this day isn't over yet; only past days are closed", "through")
    return now, through


def _month_close(
    state: LedgerState, days: range, recorded: datetime, actor: str, append: Append
) -> bool:
    """Close days of one month; with its last day, decide what expires and who falls. Each day's end is followed by what
    it makes due for who serves which customer."""
    closing = _Closing(state, recorded, actor)
    try:
        for day in days:
            closing.day(day)
        # What lapsed is folded once more when it is appended.
        state.redemptions.journal.rollback()
        return append(closing.events, closing.commit)
    except BaseException:
        state.relations.journal.rollback()
        state.redemptions.journal.rollback()
        raise


class _Closing:
    """Days that are being closed, as a draft."""

    def __init__(self, state: LedgerState, recorded: datetime, actor: str) -> None:
        self.state = state
        self.recorded = recorded
        self.recorded_at = recorded.isoformat()
        self.actor = actor
        self.versions = Versions(state.book)
        self.draft = state.draft(recorded, actor)
        self.events: list[Event] = []
        self.month_end: tuple[Ints, Ints] | None = None
        """The accounts after the last day of their month, and their records."""
        self.mover = PointsMover(state, self.versions)

    def day(self, day: int) -> None:
        """Close one day. What was held until it lapses first, so that at a month's end what is freed expires with its
        lots. Customers stand by then where the points decided at its end put them."""
        draft = self.draft
        midnight = datetime.combine(date_of(day + 1), datetime.min.time(), self.recorded.tzinfo)
        text = day_text(day)
        self._lapses(day, Stamp(midnight.isoformat(), self.recorded_at, self.actor, 0))
        position = draft.enter("DayClosed", 0, day=text)
        stamp = Stamp(midnight.isoformat(), self.recorded_at, self.actor, position)
        self.events.append(
            DayClosed(
                originator_id=STREAM_CALENDAR,
                originator_version=self.versions.next(STREAM_CALENDAR),
                occurred_at=stamp.occurred_at,
                recorded_at=stamp.recorded_at,
                actor=stamp.actor,
                day=text,
            )
        )
        if day == month_last_day(month_of(day)):
            self._month(day, stamp)
        first = len(draft.events)
        draft.react("DayClosed", 0, {"day": text}, position)
        self.events += [
            event_drafted(d, stamp.occurred_at, self.recorded_at, self.actor, self.versions) for d in draft.events[first:]
        ]

    def draft_on(self) -> None:
        """Go on with the next month where this one's end left the accounts, though nothing was appended: from here on the
        state has other records."""
        if self.month_end is not None:
            self.state.records = self.month_end[1]
        self.events, self.month_end, self.mover = [], None, PointsMover(self.state, self.versions)
        self.draft.events.clear()

    def commit(self) -> None:
        """Keep the records that the closing moved; what comes later holds. To be called once the events were appended."""
        for moved in (self.month_end, self.mover.result()):
            if moved is not None:
                accounts, records = moved
                self.state.records[accounts - 1] = records

    def _lapses(self, day: int, stamp: Stamp) -> None:
        """Free what was held until this day; each is booked on the last day it was held."""
        state, draft = self.state, self.draft
        for redemption in state.redemptions.due_by(day):
            fields = lapse(redemption, state.book.booked_day(redemption.held_until))
            position = draft.state.position + 1
            stream = customer_id(redemption.customer)
            event = RedemptionLapsed(
                originator_id=stream,
                originator_version=self.versions.next(stream),
                occurred_at=stamp.occurred_at,
                recorded_at=self.recorded_at,
                actor=self.actor,
                **fields,
            )
            state.redemptions.apply(position, redemption.customer, "RedemptionLapsed", fields)
            of_lapse = stamp._replace(cause=position)
            freed = self.mover.move(position, redemption.customer, "RedemptionLapsed", fields, of_lapse)
            self.events += [event, *freed]
            draft.make_room(1 + len(freed))

    def _month(self, last: int, stamp: Stamp) -> None:
        state = self.state
        rows = rows_empty(columns_count(state.book))
        closings = np.array([[stamp.cause, last]], np.int64)
        accounts, records, rows, outcome = state.decide(rows, closings, Prior.none(), self.mover.records)
        writer = DecisionWriter(state.program, accounts, rows, outcome, self.versions.next)
        now = state.book.in_force(last) or ""
        self.events += [writer.event(i, stamp, now, lambda p: p) for i in range(len(outcome.outs))]
        self.draft.make_room(len(outcome.outs))
        self.month_end = accounts, records
        for customer in self.mover.records:
            self.mover.records[customer] = records[customer - 1]

        def standing(customer: int) -> Standing:
            return standing_of(state.program, records[customer - 1])

        self.draft.context = replace(self.draft.context, standing=standing)

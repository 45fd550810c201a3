"""One run of commands about redemptions: decided one after the other, each on the points and the stock that those before
it left. What is decided is written out as events; the state moves only by what is appended of them.

A reservation comes to exactly one movement of points, whose position is known beforehand, and nobody but its customer looks
at the lots it took. So reservations of different customers that follow each other wait for one run of the engine, until
anything else is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from ledger.domain.commands import Answer, RedemptionCommand, Request, ReserveRedemption
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY, STREAM_STOCK, Event, PointsHeld, RedemptionLapsed
from ledger.domain.redemption.decisions import Context, Ordered, decide, lapse, overdue
from ledger.domain.redemption.state import Lots, Redemption
from ledger.domain.redemption.terms import Holder
from ledger.domain.rows import OPERATIONS, RowExpander, columns_count
from ledger.domain.values import customer_id, customer_number, date_of, day_of, day_parse, month_of
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry
from ledger.rules.engine import Ints, rows_of
from ledger.rules.layout import REC_DAY_LAST
from ledger.writer.batch import Decided
from ledger.writer.decisions import DecisionWriter, Stamp
from ledger.writer.later import Later
from ledger.writer.once import each_once
from ledger.writer.redemptions import moved_before
from ledger.writer.state import NO_CLOSINGS, LedgerState
from ledger.writer.submissions import refusal_of
from ledger.writer.versions import Versions

REDEMPTION_REQUESTS_MAX: Final = 1_000
"""How many of these commands are decided and appended together."""


class Moving(NamedTuple):
    """An input (or a lapse) that stands at a position and moves points of a customer."""

    position: int
    customer: int
    topic: str
    fields: Mapping[str, Any]
    stamp: Stamp


class PointsMover:
    """Has the engine move the points of redemptions on a draft of records, and writes out what comes of it."""

    def __init__(self, state: LedgerState, versions: Versions) -> None:
        self.state = state
        self.versions = versions
        self.records: dict[int, Ints] = {}
        """The records of the accounts that were moved, by customer."""
        self._expander = RowExpander(state.book, state.vocabulary)

    def record(self, customer: int) -> Ints | None:
        """Where the draft left an account; None where it stands as committed."""
        return self.records.get(customer)

    def move(self, position: int, customer: int, topic: str, fields: Mapping[str, Any], stamp: Stamp) -> list[Event]:
        """What follows from an input (or a lapse) that stands at a position."""
        return self.move_all([Moving(position, customer, topic, fields, stamp)])[0]

    def move_all(self, moving: Sequence[Moving]) -> list[list[Event]]:
        """What follows from inputs of different customers, of each in turn."""
        state = self.state
        moved: dict[tuple[int, int], Lots] = {}
        for m in moving:
            before = moved_before(state.redemptions, m.topic, m.fields)
            if before is not None:
                moved[m.customer, before[0]] = before[1]
        wanted = [self._expander.redemption(m.position, m.customer, m.topic, m.fields) for m in moving]
        accounts, records, rows, outcome = state.decide(
            rows_of(wanted, columns_count(state.book)), NO_CLOSINGS, state.prior_moved(moved), self.records
        )
        numbers: list[int] = accounts.tolist()
        for i, customer in enumerate(numbers):
            self.records[customer] = records[i]
        writer = DecisionWriter(state.program, accounts, rows, outcome, self.versions.next)
        places = {m.customer: i for i, m in enumerate(moving)}
        found: list[list[Event]] = [[] for _ in moving]
        owners: list[int] = outcome.owners.tolist()
        for i, owner in enumerate(owners):
            place = places[numbers[owner]]
            m = moving[place]
            now = state.book.in_force(day_parse(m.fields["booked_on"])) or ""
            redemption = m.fields["redemption"], m.fields.get("part", 0)
            found[place].append(writer.event(i, m.stamp, now, lambda p: p, redemption))
        return found

    def result(self) -> tuple[Ints, Ints] | None:
        """The accounts that were moved, ascending, and their records; None where none was."""
        if not self.records:
            return None
        accounts = np.array(sorted(self.records), np.int64)
        return accounts, np.array([self.records[n] for n in accounts.tolist()], np.int64)


class RedemptionDecider:
    """Decides one run. `stored` are the answers found in the log so far."""

    def __init__(
        self,
        state: LedgerState,
        recorder: LogRecorder,
        now: datetime,
        stored: Mapping[tuple[str, str], AnswerEntry],
    ) -> None:
        self.state = state
        self.later = Later(state.book, recorder)
        self.stored = stored
        self.zone: tzinfo = ZoneInfo(state.book.timezone)
        self.recorded_at = now.astimezone(self.zone).isoformat()
        self.decided = Decided()
        self.versions = Versions(state.book)
        self.mover = PointsMover(state, self.versions)
        self.base = state.book.position
        self._waiting: dict[int, tuple[Event, Moving]] = {}
        """Reservations whose points are moved together, by customer."""
        self.context = Context(
            day_of(now.astimezone(self.zone).date()), state.book.booked_day, state.terms, state.book.customer_find,
            self._holder,
        )  # fmt: skip

    def decide(self, requests: Sequence[Request]) -> Decided:
        """Decide every request. Redemptions and book are as before when this returns."""
        try:
            each_once(requests, self.stored, self.decided, self._one)
            self._flush()
        finally:
            self.state.redemptions.journal.rollback()
        moved = self.mover.result()
        if moved is not None:
            self.decided.accounts, self.decided.records = moved
        return self.decided

    def _holder(self, customer: int, day: int) -> Holder:
        """A customer for a booked day: of its points, those that were there by then, and on every day since."""
        record = self.mover.record(customer)
        holder = self.state.holder(customer, day, record)
        if not holder.available:
            return holder
        found = self.state.records[customer - 1] if record is None else record
        if day >= self.context.today and found[REC_DAY_LAST] <= day:
            return holder
        later = min(self.later.points(customer, day, self.decided.events), holder.available)
        return replace(holder, available=holder.available - later, later=later)

    def _one(self, request: Request) -> Answer:
        command: RedemptionCommand = request.command  # pyright: ignore[reportAssignmentType]
        reserves = isinstance(command, ReserveRedemption)
        if self._waiting and not (reserves and self._is_free(command.customer)):
            self._flush()
        try:
            over = overdue(self.state.redemptions, self.context, command)
        except Refused as refusal:
            return refusal_of(refusal)
        if not over or not self._room(max(self.state.book.booked_day(r.held_until) for r in over)):
            return self._ordered(request, command)
        self._flush()
        events, journal = len(self.decided.events), self.state.redemptions.journal.mark()
        program, records, versions = self.state.program, dict(self.mover.records), self.versions.mark()
        self._lapse(over, request.actor)
        answer = self._ordered(request, command)
        if answer.status == "refused":
            # A refusal records nothing, not even what had lapsed before it.
            del self.decided.events[events:]
            self.state.redemptions.journal.rollback(journal)
            same = self.state.program is program
            self.mover.records = records if same else self.state.migrated(program, records)
            self.versions.rollback(versions)
        return answer

    def _lapse(self, over: Sequence[Redemption], actor: str) -> None:
        """Let holds lapse whose days are over, each with its last day, as the close of that day would. In rounds: of
        each customer one at a time."""
        left = list(over)
        while left:
            first: dict[int, Redemption] = {}
            for redemption in left:
                first.setdefault(redemption.customer, redemption)
            left = [r for r in left if first[r.customer] is not r]
            self._lapse_round(list(first.values()), actor)

    def _lapse_round(self, over: Sequence[Redemption], actor: str) -> None:
        events: list[Event] = []
        moving: list[Moving] = []
        position = self._position + 1
        for redemption in over:
            day = self.state.book.booked_day(redemption.held_until)
            self.decided.month_max = max(self.decided.month_max, month_of(day))
            fields = lapse(redemption, day)
            midnight = datetime.combine(date_of(redemption.held_until + 1), datetime.min.time(), self.zone).isoformat()
            stream = customer_id(redemption.customer)
            event = RedemptionLapsed(
                originator_id=stream, originator_version=self.versions.next(stream), occurred_at=midnight,
                recorded_at=self.recorded_at, actor=actor, **fields,
            )  # fmt: skip
            stamp = Stamp(midnight, self.recorded_at, actor, position)
            events.append(event)
            moving.append(Moving(position, redemption.customer, "RedemptionLapsed", fields, stamp))
            position += 2
        for event, freed in zip(events, self.mover.move_all(moving), strict=True):
            self._add(event)
            [points] = freed
            self._add(points)

    def _ordered(self, request: Request, command: RedemptionCommand) -> Answer:
        """Decide a request on what is held now."""
        reserves = isinstance(command, ReserveRedemption)
        try:
            ordered = decide(self.state.redemptions, self.context, command)
            if ordered.customer and not self._room(day_parse(ordered.fields["booked_on"])):
                raise Refused("MONTHS_OPEN", "too many months would be open at once; close days first", "occurred_on")
            if ordered.customer and self.state.book.in_force(day_parse(ordered.fields["booked_on"])) is None:
                raise Refused("RULESET_NONE_IN_FORCE", "no rule set is in force on that day", "occurred_on")
        except Refused as refusal:
            return refusal_of(refusal)
        occurred_at = self.recorded_at
        if ordered.day != self.context.today:
            occurred_at = datetime.combine(date_of(ordered.day), datetime.min.time(), self.zone).isoformat()
        event = self._event(ordered, occurred_at, request.actor)
        position, points = self._position + 1, 0
        stamp = Stamp(occurred_at, self.recorded_at, request.actor, position)
        if ordered.topic in OPERATIONS:
            self.decided.month_max = max(self.decided.month_max, month_of(day_parse(ordered.fields["booked_on"])))
        if reserves:
            points = ordered.fields["points"]
            self._fold(position, event)
            moving = Moving(position, ordered.customer, ordered.topic, ordered.fields, stamp)
            self._waiting[ordered.customer] = event, moving
        else:
            self._add(event)
            if ordered.topic in OPERATIONS:
                for moved in self.mover.move(position, ordered.customer, ordered.topic, ordered.fields, stamp):
                    points += getattr(moved, "points", 0)
                    self._add(moved)
        customer = customer_id(ordered.customer) if ordered.customer else ""
        return Answer("accepted", self._position, customer, ordered.id, points=points)

    @property
    def _position(self) -> int:
        """The position of the last event so far; what waits comes to two each."""
        return self.base + len(self.decided.events) + 2 * len(self._waiting)

    def _is_free(self, customer: str) -> bool:
        """Whether nothing of a customer waits."""
        return self.state.book.customer_find(customer) not in self._waiting

    def _flush(self) -> None:
        """Move the points of the reservations that wait, and write out what they come to."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        held = self.mover.move_all([moving for _, moving in waiting]) if waiting else []
        for (event, _), moved in zip(waiting, held, strict=True):
            [hold] = moved
            if not isinstance(hold, PointsHeld) or hold.debt:
                raise AssertionError("a hold goes beyond what could be spent")
            self.decided.events.append(event)
            self._add(hold)

    def _room(self, day: int) -> bool:
        """Make room for what is booked on a day; False where too many months would be open."""
        program = self.state.program
        fits = self.state.span_ensure(day, day)
        if self.state.program is not program:
            # The records were laid out anew; those of the draft are too.
            self.mover.records = self.state.migrated(program, self.mover.records)
        return fits

    def _event(self, ordered: Ordered, occurred_at: str, actor: str) -> Event:
        stream = customer_id(ordered.customer) if ordered.customer else STREAM_STOCK
        return REGISTRY[ordered.topic](
            originator_id=stream, originator_version=self.versions.next(stream), occurred_at=occurred_at,
            recorded_at=self.recorded_at, actor=actor, **ordered.fields,
        )  # fmt: skip

    def _add(self, event: Event) -> None:
        self.decided.events.append(event)
        self._fold(self.base + len(self.decided.events), event)

    def _fold(self, position: int, event: Event) -> None:
        state = self.state.redemptions
        state.apply(position, customer_number(event.originator_id), type(event).__name__, event.__dict__)


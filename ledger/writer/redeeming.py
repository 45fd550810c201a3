"""One run of commands about redemptions: decided one after the other, each on the points and the stock that those before
it left. What is decided is written out as events; the state moves only by what is appended of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from ledger.domain.commands import Answer, RedemptionCommand, Request
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY, STREAM_STOCK, Event, PointsHeld
from ledger.domain.redemption.decisions import Context, Ordered, decide
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
        state = self.state
        row = self._expander.redemption(position, customer, topic, fields)
        before = moved_before(state.redemptions, topic, fields)
        moved = {(customer, before[0]): before[1]} if before is not None else {}
        accounts, records, rows, outcome = state.decide(
            rows_of([row], columns_count(state.book)), NO_CLOSINGS, state.prior_moved(moved), self.records
        )
        self.records[customer] = records[0]
        writer = DecisionWriter(state.program, accounts, rows, outcome, self.versions.next)
        now = state.book.in_force(day_parse(fields["booked_on"])) or ""
        redemption = fields["redemption"], fields.get("part", 0)
        return [writer.event(i, stamp, now, lambda p: p, redemption) for i in range(len(outcome.outs))]

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
        self.context = Context(
            day_of(now.astimezone(self.zone).date()), state.book.booked_day, state.terms, state.book.customer_find,
            self._holder,
        )  # fmt: skip

    def decide(self, requests: Sequence[Request]) -> Decided:
        """Decide every request. Redemptions and book are as before when this returns."""
        try:
            each_once(requests, self.stored, self.decided, self._one)
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
        try:
            ordered = decide(self.state.redemptions, self.context, command)
            if ordered.customer and not self._in_range(ordered):
                raise Refused("MONTHS_OPEN", "too many months would be open at once; close days first", "occurred_on")
            if ordered.customer and self.state.book.in_force(day_parse(ordered.fields["booked_on"])) is None:
                raise Refused("RULESET_NONE_IN_FORCE", "no rule set is in force on that day", "occurred_on")
        except Refused as refusal:
            return refusal_of(refusal)
        occurred_at = self.recorded_at
        if ordered.day != self.context.today:
            occurred_at = datetime.combine(date_of(ordered.day), datetime.min.time(), self.zone).isoformat()
        position = self._add(self._event(ordered, occurred_at, request.actor))
        points = 0
        if ordered.topic in OPERATIONS:
            stamp = Stamp(occurred_at, self.recorded_at, request.actor, position)
            for event in self.mover.move(position, ordered.customer, ordered.topic, ordered.fields, stamp):
                if isinstance(event, PointsHeld) and event.debt:
                    raise AssertionError("a hold goes beyond what could be spent")
                points += getattr(event, "points", 0)
                self._add(event)
            self.decided.month_max = max(self.decided.month_max, month_of(day_parse(ordered.fields["booked_on"])))
        customer = customer_id(ordered.customer) if ordered.customer else ""
        return Answer("accepted", self.base + len(self.decided.events), customer, ordered.id, points=points)

    def _in_range(self, ordered: Ordered) -> bool:
        day = day_parse(ordered.fields["booked_on"])
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

    def _add(self, event: Event) -> int:
        self.decided.events.append(event)
        position = self.base + len(self.decided.events)
        state = self.state.redemptions
        state.apply(position, customer_number(event.originator_id), type(event).__name__, event.__dict__)
        return position


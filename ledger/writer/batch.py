"""One batch of small commands: prepared on a draft, decided by the engine in one run, written out as events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from ledger.domain.commands import Answer, Request
from ledger.domain.events import Event, PointsDeducted, PointsGranted, PointsReversed
from ledger.domain.rows import RowExpander, columns_count
from ledger.domain.values import day_parse, month_of
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry, FactEntry
from ledger.rules.engine import Ints, Outcome, Rows, rows_of
from ledger.writer.answers import KEY_CONFLICT, answer_again, answer_entry, request_sha256
from ledger.writer.decisions import DecisionWriter, Stamp
from ledger.writer.facts import FactPreparer, Item
from ledger.writer.folding import fact_read
from ledger.writer.state import NO_CLOSINGS, LedgerState
from ledger.writer.versions import Versions

MOVING: Final = (PointsGranted, PointsDeducted, PointsReversed)
"""The events by which a fact moves points."""


def moves_of(events: Sequence[Event], before: int) -> list[dict[str, Any]]:
    """The moves of an answer by its events, the first of which stands behind the position `before`."""
    moves: dict[str, dict[str, Any]] = {}
    for position, event in enumerate(events, before + 1):
        if isinstance(event, MOVING):
            customer = event.originator_id
            move = moves.setdefault(customer, {"customer": customer, "points": 0, "awards": [], "reversals": []})
            move["points"] += event.points
            part = {"position": position, "rule": event.rule, "rule_set": event.rule_set, "points": event.points}
            move["reversals" if isinstance(event, PointsReversed) else "awards"].append(part)
    return list(moves.values())


@dataclass(slots=True)
class Decided:
    """What a batch comes to: what to append, what to answer, and the records to keep once it is appended.

    `drafted`: the relations of the state hold these events already, and are to be taken back if they aren't appended.
    """

    answers: list[Answer] = field(default_factory=list[Answer])
    events: list[Event] = field(default_factory=list[Event])
    facts: list[FactEntry] = field(default_factory=list[FactEntry])
    entries: list[AnswerEntry] = field(default_factory=list[AnswerEntry])
    accounts: Ints | None = None
    records: Ints | None = None
    month_max: int = -1
    drafted: bool = False

    def commit(self, state: LedgerState) -> None:
        """Keep the records. To be called once the events were appended and the book moved by them."""
        state.records_grow(len(state.book.customers), state.book.closed_month)
        state.month_max = max(state.month_max, self.month_max)
        if self.accounts is not None and self.records is not None:
            state.records[self.accounts - 1] = self.records


class BatchDecider:
    """Decides one batch. `known` and `stored` are the facts and answers found in the log so far."""

    def __init__(
        self,
        state: LedgerState,
        recorder: LogRecorder,
        recorded: datetime,
        known: Mapping[UUID, list[FactEntry]],
        stored: Mapping[tuple[str, str], AnswerEntry],
    ) -> None:
        self.state = state
        self.recorder = recorder
        self.stored = stored
        self.base = state.book.position
        self.day_min: int | None = None
        self.day_max = 0
        self.preparer = FactPreparer(
            state.book,
            recorded,
            known,
            lambda position: fact_read(recorder, position),
            RowExpander(state.book, state.vocabulary).rows,
            self._out_of_range,
            self.base + 1,
            state.relations.standing_for,
            lambda number: state.relations.members.size(number) > 0,
        )

    def decide(self, requests: Sequence[Request]) -> Decided:
        """Prepare every request, run the engine once, number the events. The book is as before when this returns."""
        try:
            items = self._items(requests)
            rows = rows_of([row for item in items for row in item.rows], columns_count(self.state.book))
            self.state.records_grow(len(self.state.book.customers), self.state.book.closed_month)
            accounts, records, ordered, outcome = self.state.decide(
                rows, NO_CLOSINGS, self.state.prior_of(rows, self.recorder)
            )
        finally:
            self.preparer.rollback()
            self.state.records_trim(len(self.state.book.customers))
        decided = self._write(items, accounts, ordered, outcome)
        decided.accounts, decided.records = accounts, records
        if len(rows):
            decided.month_max = month_of(int(rows.days.max()))
        return decided

    def _out_of_range(self, day: int) -> str:
        """Why too many months would be open with this day, those of the batch's earlier facts among them; "" where they
        are few enough."""
        if self.day_min is not None and self.day_min <= day <= self.day_max:
            return ""
        day_min, day_max = day if self.day_min is None else min(self.day_min, day), max(day, self.day_max)
        if not self.state.span_ensure(day_min, day_max):
            return self.state.months_refusal(day_min, day_max)
        self.day_min, self.day_max = day_min, day_max
        return ""

    def _items(self, requests: Sequence[Request]) -> list[Item]:
        items: list[Item] = []
        first: dict[tuple[str, str], tuple[bytes, int]] = {}
        for request in requests:
            pair = (request.client, request.key)
            if request.key and pair in self.stored:
                items.append(Item(request, answer_again(request, self.stored[pair])))
                continue
            if request.key and pair in first:
                # The same key twice in one batch: the second is answered like the first, once that has its answer.
                sha256, original = first[pair]
                same = sha256 == request_sha256(request)
                repeated = Item(request, None)
                repeated.answer = Answer("repeated", id=str(original), hit=True) if same else KEY_CONFLICT
                items.append(repeated)
                continue
            item = self.preparer.prepare(request)
            if request.key:
                first[pair] = (request_sha256(request), len(items))
            items.append(item)
        return items

    def _write(self, items: list[Item], accounts: Ints, rows: Rows, outcome: Outcome) -> Decided:
        decided = Decided()
        outs_of: dict[int, list[int]] = {}
        positions = rows.positions.tolist()
        for i, row in enumerate(outcome.outs[:, 0].tolist()):
            outs_of.setdefault(positions[row], []).append(i)
        version_next = Versions(self.state.book).next
        writer = DecisionWriter(self.state.program, accounts, rows, outcome, version_next)
        final: dict[int, int] = {}

        def final_of(position: int) -> int:
            return final.get(position, position)

        in_force = lru_cache(None)(self._in_force)
        events = decided.events
        for item in items:
            assert item.answer is not None
            points = 0
            cause = 0
            elsewhere = False
            first = len(events)
            for event in item.inputs:
                event.originator_version = version_next(event.originator_id)
                events.append(event)
                cause = self.base + len(events)
            if item.fact is not None:
                fact: Any = item.inputs[-1]
                final[item.provisional] = cause
                if fact.corrects:
                    fact.corrects = final_of(fact.corrects)
                key, version, content = item.fact
                decided.facts.append(FactEntry(key, version, content, cause))
                outs = outs_of.get(item.provisional)
                if outs is not None:
                    stamp = Stamp(fact.occurred_at, fact.recorded_at, item.request.actor, cause)
                    now = in_force(fact.booked_on)
                    for i in outs:
                        event = writer.event(i, stamp, now, final_of)
                        if isinstance(event, MOVING):
                            points += event.points
                            elsewhere = elsewhere or event.originator_id != fact.originator_id
                        events.append(event)
            answer = item.answer
            if item.inputs:
                answer.position, answer.points = self.base + len(events), points
                if elsewhere:
                    answer.moves = moves_of(events[first:], self.base + first)
            elif answer.status == "duplicate":
                answer = replace(answer, position=final_of(answer.position))
            elif answer.status == "repeated":
                answer = replace(decided.answers[int(answer.id)], hit=True)
            decided.answers.append(answer)
            # A refusal recorded nothing: once its cause is mended, the same request may succeed.
            if item.request.key and not answer.hit and answer.status != "refused":
                decided.entries.append(answer_entry(item.request, answer))
        return decided

    def _in_force(self, booked_on: str) -> str:
        return self.state.book.in_force(day_parse(booked_on)) or self.state.program.activations[0].rule_set

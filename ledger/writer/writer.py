"""The loop: drain what waits, decide it in order, append once, answer everyone.

While one commit flushes, the next batch gathers; throughput rises with load and a lone request pays one commit. An
append that fails changes nothing in memory: the draft is taken back, and the state moves only by what was appended.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent

from ledger.domain.commands import (
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    CloseDays,
    DeclareFactType,
    ProposeRuleSet,
    RecordFact,
    Request,
)
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.events import Event
from ledger.log.codec import encode
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry, EntriesKnown, FactEntry, PositionMoved
from ledger.writer.answers import answer_again, answer_entry
from ledger.writer.batch import BatchDecider, Decided
from ledger.writer.checks import request_refusal
from ledger.writer.closing import days_close
from ledger.writer.facts import SMALL_COMMANDS, fact_key
from ledger.writer.orders import OrderDecider
from ledger.writer.state import LedgerState, StateDiffers

BATCH_REQUESTS_MAX = 5_000
LOOK_UP_FROM = 64
"""Batches of so many facts look up beforehand which are known; smaller ones let the append find out."""
ATTEMPTS_MAX = 50
CONNECTION_LOST = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""After these nobody knows whether an append was committed."""


class WriterStopped(PlumblineError):
    """The writer was stopped; what it hadn't answered was not recorded."""

    code = "WRITER_STOPPED"


@dataclass(slots=True)
class _Submission:
    """Requests handed in together: those that can be decided, and the refusals of the others by their place."""

    requests: list[Request]
    refusals: dict[int, Answer]
    future: Future[list[Answer]] = field(default_factory=Future[list[Answer]])

    def answer(self, answers: Sequence[Answer]) -> None:
        """Give the caller the answers, each at its place."""
        decided = iter(answers)
        count = len(self.requests) + len(self.refusals)
        self.future.set_result([self.refusals.get(i) or next(decided) for i in range(count)])


class Writer:
    """Decides and appends for one ledger. `clock` gives now; it is asked once for each batch.

    `submit` may be called from many threads. `alive` (the lease) is asked before each append.
    """

    def __init__(
        self,
        recorder: LogRecorder,
        state: LedgerState,
        clock: Callable[[], datetime],
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.recorder = recorder
        self.state = state
        self.clock = clock
        self.alive = alive
        self._queue: deque[_Submission] = deque()
        self._differs: StateDiffers | None = None
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="plumbline-writer", daemon=True)
        self._thread.start()

    def submit(self, requests: Sequence[Request]) -> list[Answer]:
        """Carry out requests in order and answer each. Raises WriterStopped."""
        return self.submit_later(requests).result()

    def submit_later(self, requests: Sequence[Request]) -> Future[list[Answer]]:
        """Queue requests; the future holds their answers once they are committed (or refused)."""
        refusals: dict[int, Answer] = {}
        sound: list[Request] = []
        for i, request in enumerate(requests):
            refusal = request_refusal(request)
            if refusal is None:
                sound.append(request)
            else:
                refusals[i] = refusal
        submission = _Submission(sound, refusals)
        with self._wake:
            if self._stopping:
                raise WriterStopped("the writer is stopping; send it again to the next one")
            self._queue.append(submission)
            self._wake.notify()
        return submission.future

    def open_books(self, ledger: str, timezone: str, actor: str) -> None:
        """Write the first events of an empty ledger; does nothing where there are some."""
        if self.state.book.position == 0:
            decider = OrderDecider(self.state.book, self.clock())
            self._append_events(decider.open(ledger, timezone, actor))

    def stop(self) -> None:
        """Finish what waits, then stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._stopping:
                    self._wake.wait()
                if not self._queue:
                    return
                drained: list[_Submission] = []
                count = 0
                while self._queue and (
                    not drained or count + len(self._queue[0].requests) <= BATCH_REQUESTS_MAX
                ):
                    submission = self._queue.popleft()
                    # Who no longer waits for the answer has taken the request back.
                    if submission.future.set_running_or_notify_cancel():
                        drained.append(submission)
                        count += len(submission.requests)
            answers: list[Answer] = []
            failure: BaseException | None = None
            try:
                self._process([r for submission in drained for r in submission.requests], answers)
            except BaseException as error:
                failure = error
            at = 0
            for submission in drained:
                end = at + len(submission.requests)
                # What was committed before the failure is answered all the same.
                if failure is None or end <= len(answers):
                    submission.answer(answers[at:end])
                else:
                    submission.future.set_exception(failure)
                at = end

    def _process(self, requests: list[Request], answers: list[Answer]) -> None:
        """Carry out requests in order; `answers` grows by what is committed, also where this raises."""
        if self._differs is not None:
            raise self._differs
        try:
            self._carry_out(requests, answers)
        except StateDiffers as differs:
            self._differs = differs
            raise

    def _carry_out(self, requests: list[Request], answers: list[Answer]) -> None:
        at = 0
        while at < len(requests):
            end = at
            while end < len(requests) and end - at < BATCH_REQUESTS_MAX:
                if not isinstance(requests[end].command, SMALL_COMMANDS):
                    break
                end += 1
            if end > at:
                self._small(requests[at:end], answers)
                at = end
            else:
                answers.append(self._order(requests[at]))
                at += 1

    def _small(self, requests: list[Request], answers: list[Answer]) -> None:
        """A run of small commands, appended together. A failure nobody foresaw halves the run until the culprit
        stands alone."""
        try:
            answers += self._small_once(requests)
        except CONNECTION_LOST:
            raise
        except Exception as error:
            if isinstance(error, PlumblineError) and not isinstance(error, Refused):
                raise
            if len(requests) == 1:
                answers.append(_refusal_of(error))
                return
            half = len(requests) // 2
            self._small(requests[:half], answers)
            self._small(requests[half:], answers)

    def _small_once(self, requests: list[Request]) -> list[Answer]:
        known: dict[UUID, list[FactEntry]] = {}
        stored: dict[tuple[str, str], AnswerEntry] = {}
        if len(requests) >= LOOK_UP_FROM:
            self._look_up(requests, known, stored)
        for _ in range(ATTEMPTS_MAX):
            decided = BatchDecider(self.state, self.recorder, self.clock(), known, stored).decide(requests)
            outcome = self._append(decided)
            if outcome is None:
                return decided.answers
            if isinstance(outcome, EntriesKnown):
                for entry in outcome.answers:
                    stored[(entry.client, entry.key)] = entry
                for key in {f.key for f in outcome.facts}:
                    known[key] = sorted((f for f in outcome.facts if f.key == key), key=lambda f: f.version)
            self.state.catch_up(self.recorder)
        raise PlumblineError("the log kept moving under this writer; another one writes to it, find and stop it")

    def _look_up(
        self,
        requests: Sequence[Request],
        known: dict[UUID, list[FactEntry]],
        stored: dict[tuple[str, str], AnswerEntry],
    ) -> None:
        keys = {
            fact_key(r.command.source.strip(), r.command.external_id.strip())
            for r in requests
            if isinstance(r.command, RecordFact) and _is_text(r.command.source) and _is_text(r.command.external_id)
        }
        for entry in self.recorder.select_facts(list(keys)):
            known.setdefault(entry.key, []).append(entry)
        pairs = {(r.client, r.key) for r in requests if r.key and _is_text(r.client) and _is_text(r.key)}
        for answer in self.recorder.select_answers(list(pairs)) if pairs else ():
            stored[(answer.client, answer.key)] = answer

    def _append(self, decided: Decided) -> EntriesKnown | PositionMoved | None:
        """Append what was decided and move the state by it. None when it is done (or nothing was to be done)."""
        if not decided.events and not decided.entries:
            return None
        stored = [encode(event) for event in decided.events]
        book = self.state.book
        self._alive()
        try:
            outcome = self.recorder.append(
                stored, position_expected=book.position, answers=decided.entries, facts=decided.facts
            )
        except CONNECTION_LOST:
            # The connection was lost, perhaps after COMMIT. Look again: entries and positions tell which.
            self.recorder.position_head()
            return PositionMoved(book.position)
        if isinstance(outcome, (EntriesKnown, PositionMoved)):
            return outcome
        self._apply(decided.events)
        decided.commit(self.state)
        return None

    def _apply(self, events: Sequence[Event]) -> None:
        book = self.state.book
        for event in events:
            book.apply(
                book.position + 1, event.originator_id, event.originator_version, type(event).__name__, event.__dict__
            )

    def _order(self, request: Request) -> Answer:
        entry = self._answered(request)
        if entry is not None:
            return entry
        for _ in range(ATTEMPTS_MAX):
            try:
                events, answer = self._order_decide(request)
            except Refused as refusal:
                return _refusal_of(refusal)
            except (PlumblineError, *CONNECTION_LOST):
                raise
            except Exception as error:
                return _refusal_of(error)
            position = self.state.book.position + len(events)
            answer = replace(answer, position=position) if events else answer
            entries = [answer_entry(request, answer)] if request.key else []
            if self._append_events(events, entries):
                return answer
            known = self._answered(request)
            if known is not None:
                return known
        raise PlumblineError("the log kept moving under this writer; another one writes to it, find and stop it")

    def _order_decide(self, request: Request) -> tuple[list[Event], Answer]:
        command, actor = request.command, request.actor
        decider = OrderDecider(self.state.book, self.clock())
        if isinstance(command, DeclareFactType):
            return decider.declare(command, actor)
        if isinstance(command, ProposeRuleSet):
            return decider.propose(command, actor)
        if isinstance(command, ApproveRuleSet):
            return decider.approve(command, actor)
        if isinstance(command, ActivateRuleSet):
            return decider.activate(command, actor)
        assert isinstance(command, CloseDays)
        # Each month is a transaction of its own, so that a long close can be resumed; here only the answer is left.
        count = days_close(self.state, self.clock(), command, actor, self._append_chunks)
        return [], Answer("accepted" if count else "duplicate", self.state.book.position, id=command.through)

    def _answered(self, request: Request) -> Answer | None:
        """The first answer to a request with an idempotency key, if it was given one."""
        if not request.key:
            return None
        found = self.recorder.select_answers([(request.client, request.key)])
        return answer_again(request, found[0]) if found else None

    def _append_events(self, events: list[Event], entries: Sequence[AnswerEntry] = ()) -> bool:
        """Append events that change the rule book or the calendar. False where the log had moved."""
        if not events and not entries:
            return True
        recompiles = any(type(e).__name__ in ("RuleSetActivated", "FactTypeDeclared") for e in events)
        self._alive()
        try:
            outcome = self.recorder.append(
                [encode(e) for e in events], position_expected=self.state.book.position, answers=entries
            )
        except CONNECTION_LOST:
            self.recorder.position_head()
            self.state.catch_up(self.recorder)
            return False
        if isinstance(outcome, (EntriesKnown, PositionMoved)):
            self.state.catch_up(self.recorder)
            return False
        self._apply(events)
        if recompiles:
            self.state.recompile()
        return True

    def _append_chunks(self, events: list[Event]) -> bool:
        """Append a month's end: perhaps very many events, one transaction. False where the log had moved."""
        self._alive()

        def chunks() -> Any:
            for first in range(0, len(events), 10_000):
                chunk: list[StoredEvent] = [encode(e) for e in events[first : first + 10_000]]
                yield chunk

        try:
            outcome = self.recorder.append_chunks(chunks(), position_expected=self.state.book.position)
        except CONNECTION_LOST:
            self.recorder.position_head()
            self.state.catch_up(self.recorder)
            return False
        if isinstance(outcome, (EntriesKnown, PositionMoved)):
            self.state.catch_up(self.recorder)
            return False
        self._apply(events)
        return True

    def _alive(self) -> None:
        if not self.alive():
            raise WriterStopped("this writer's lease is gone; another writer has taken over")


def _refusal_of(error: Exception) -> Answer:
    if isinstance(error, Refused):
        return Answer("refused", code=error.code, reason=error.reason, field=error.field)
    # A fault of ours, not of the request: it must not take the others with it, nor go unseen.
    logging.getLogger(__name__).error("a command failed", exc_info=error)
    reason = f"could not be carried out: {type(error).__name__}"
    return Answer("refused", code="COMMAND_FAILED", reason=reason, field="command")


def _is_text(raw: object) -> bool:
    if not isinstance(raw, str) or "\0" in raw:
        return False
    return raw.isascii() or not any(0xD800 <= ord(c) < 0xE000 for c in raw)

"""Carries out requests of one kind: decided on a draft, appended together, and decided again where the log knew some of
them or had moved meanwhile.

A request sent again is told what it was told at first, or that it stands there, whatever came between: nothing is refused
before it was looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime

from ledger.domain.commands import Answer, CloseDays, Request
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.events import Event
from ledger.log.collector import collection_deferred
from ledger.log.recorder import LogRecorder
from ledger.log.types import EntriesKnown
from ledger.writer.answers import KEY_CONFLICT, answer_entry
from ledger.writer.appending import CONNECTION_LOST, Appender
from ledger.writer.batch import BatchDecider, Decided
from ledger.writer.closing import days_close
from ledger.writer.desk import DeskDecider
from ledger.writer.facts import SMALL_COMMANDS
from ledger.writer.lookups import Known, answered
from ledger.writer.orders import order_decide
from ledger.writer.redeeming import RedemptionDecider
from ledger.writer.state import LedgerState
from ledger.writer.submissions import ATOMIC_REFUSED, LEDGER_CLOSED, LogMoving, refusal_of

LOOK_UP_FROM = 64
"""Batches of so many facts may look up beforehand which are known; smaller ones let the append find out."""
ATTEMPTS_MAX = 50


class Carrier:
    """Carries out for one writer, in its thread. `clock` gives now; it is asked whenever something is decided."""

    def __init__(
        self, state: LedgerState, recorder: LogRecorder, clock: Callable[[], datetime], appender: Appender
    ) -> None:
        self.state = state
        self.recorder = recorder
        self.clock = clock
        self.appender = appender
        self._known_lately = True
        """Whether the last large batch held facts or keys that the log knew: then it is asked beforehand."""

    def small(self, requests: list[Request], *, atomic: bool = False) -> list[Answer]:
        """Facts, registrations, changes and consents, appended together."""
        known = Known()
        is_large = len(requests) >= LOOK_UP_FROM

        def decide() -> Decided:
            return self._small_decide(requests, known)

        with collection_deferred() if is_large else nullcontext():
            # What is new looks like more that is new, what was known like more that was.
            beforehand = is_large and self._known_lately
            answers = self._decided(requests, decide, known, atomic=atomic, beforehand=beforehand)
        if is_large:
            self._known_lately = known.any
        return answers

    def desk(self, requests: list[Request], *, atomic: bool = False) -> list[Answer]:
        """Commands about relations, appended together. What was drafted and isn't appended is taken back."""
        known = Known()

        def decide() -> Decided:
            return DeskDecider(self.state, self.clock(), known.answers).decide(requests)

        try:
            # Looked up beforehand: what was done once is mostly refused the second time.
            return self._decided(requests, decide, known, atomic=atomic, beforehand=True)
        finally:
            self.state.relations.journal.rollback()

    def redemptions(self, requests: list[Request], *, atomic: bool = False) -> list[Answer]:
        """Commands about redemptions, appended together: points and stock in one transaction."""
        known = Known()

        def decide() -> Decided:
            decided = RedemptionDecider(self.state, self.recorder, self.clock(), known.answers).decide(requests)
            self.state.publish()
            return decided

        return self._decided(requests, decide, known, atomic=atomic, beforehand=True)

    def order(self, request: Request) -> Answer:
        """A rarer command, alone."""
        self.appender.settle()
        for _ in range(ATTEMPTS_MAX):
            entry = answered(self.recorder, request)
            if entry is not None:
                # It may be the answer of a writer before, whose last append came through after this one had loaded: what
                # it tells of must be here for whoever goes on from it.
                if entry.position > self.state.book.position:
                    self.state.catch_up(self.recorder)
                return entry
            try:
                events, answer = self._order_decide(request)
            except Exception as error:
                if isinstance(error, (PlumblineError, *CONNECTION_LOST)) and not isinstance(error, Refused):
                    raise
                if self.state.is_behind(self.recorder):
                    self.state.catch_up(self.recorder)
                    continue
                return refusal_of(error)
            position = self.state.book.position + len(events)
            answer = replace(answer, position=position) if events else answer
            # A refusal recorded nothing: once its cause is mended, the same request may succeed.
            entries = [answer_entry(request, answer)] if request.key and answer.status != "refused" else []
            if self.appender.append_events(events, entries):
                return answer
        raise LogMoving()

    def _order_decide(self, request: Request) -> tuple[list[Event], Answer]:
        command = request.command
        if self.state.book.closed or not isinstance(command, CloseDays):
            return order_decide(self.state, self.clock(), request)
        # Each month is a transaction of its own, so that a long close can be resumed; here only the answer is left.
        count = days_close(self.state, self.clock(), command, request.actor, self.appender.append_closing)
        return [], Answer("accepted" if count else "duplicate", self.state.book.position, id=command.through)

    def _decided(
        self,
        requests: Sequence[Request],
        decide: Callable[[], Decided],
        known: Known,
        *,
        atomic: bool,
        beforehand: bool,
    ) -> list[Answer]:
        self.appender.settle()
        if beforehand:
            known.look_up(self.recorder, requests)
        for _ in range(ATTEMPTS_MAX):
            if known.position > self.state.book.position:
                # A writer before appended it after this one had loaded.
                self._catch_up(known)
            if self.state.book.closed:
                return self._decided_closed(requests, known)
            decided = decide()
            is_refused = any(answer.status == "refused" for answer in decided.answers)
            if is_refused and not known.looked_up:
                # What was recorded before may be refused now, if only because it stands there already; and of what is
                # refused nothing is appended that would tell.
                known.look_up(self.recorder, requests)
                if known.any:
                    self.state.relations.journal.rollback()
                    continue
            if is_refused and (atomic or not (decided.events or decided.entries)) and self.state.is_behind(self.recorder):
                self._catch_up(known)
                continue
            if is_refused and atomic:
                return [a if a.status == "refused" else ATOMIC_REFUSED for a in decided.answers]
            outcome = self.appender.append(decided)
            if outcome is None:
                return decided.answers
            if isinstance(outcome, EntriesKnown):
                known.learn(outcome)
            self._catch_up(known)
        raise LogMoving()

    def _catch_up(self, known: Known) -> None:
        """Take in what others appended: it may hold requests that were new when they were looked up."""
        self.state.catch_up(self.recorder)
        known.looked_up = False

    def _small_decide(self, requests: Sequence[Request], known: Known) -> Decided:
        return BatchDecider(self.state, self.recorder, self.clock(), known.facts, known.answers).decide(requests)

    def _decided_closed(self, requests: Sequence[Request], known: Known) -> list[Answer]:
        """Books that are closed for good take nothing in; what was recorded before is told again."""
        if not known.looked_up:
            known.look_up(self.recorder, requests)
        answers: list[Answer] = []
        for request in requests:
            answer = LEDGER_CLOSED
            if (request.client, request.key) in known.answers or isinstance(request.command, SMALL_COMMANDS):
                [told] = self._small_decide([request], known).answers
                answer = told if told.hit or told.status == "duplicate" or told is KEY_CONFLICT else LEDGER_CLOSED
            answers.append(answer)
        return answers

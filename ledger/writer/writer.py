"""The loop: drain what waits, decide it in order, append once, answer everyone.

While one commit flushes, the next batch gathers; throughput rises with load and a lone request pays one commit. An
append that fails changes nothing in memory: the draft is taken back, and the state moves only by what was appended.

Where the next batch waits already, answers go out just before it is sent: those who get them then ask again while
PostgreSQL stores, not while the writer decides, for which there is one interpreter.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime

from ledger.domain.commands import DESK_COMMANDS, REDEMPTION_COMMANDS, Answer, Rehearsal, Request
from ledger.domain.errors import PlumblineError, Refused
from ledger.log.recorder import LogRecorder
from ledger.writer.account import Account, account_of
from ledger.writer.appending import CONNECTION_LOST, Appender
from ledger.writer.carrying import Carrier
from ledger.writer.checks import request_refusal
from ledger.writer.desk import DESK_REQUESTS_MAX
from ledger.writer.facts import SMALL_COMMANDS
from ledger.writer.orders import OrderDecider
from ledger.writer.redeeming import REDEMPTION_REQUESTS_MAX
from ledger.writer.rehearsing import Rehearser
from ledger.writer.state import LedgerState, StateDiffers
from ledger.writer.submissions import (
    ATOMIC_REFUSED,
    Outbox,
    RehearsalWanted,
    Reply,
    Submission,
    WriterStopped,
    drain,
    refusal_of,
    run_end,
)

BATCH_REQUESTS_MAX = 5_000
DRAINED_REQUESTS_MAX = 2_500
"""What comes separately is decided together up to here: 5,000 facts take a fifth more each, waiting for memory."""
HELD_REQUESTS_MAX = 256
"""Answers are held until the next batch is sent only where that one is decided within some 20 ms."""


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
        self._queue: deque[Submission | RehearsalWanted] = deque()
        self._differs: StateDiffers | None = None
        self._aborted = False
        self._outbox = Outbox()
        self._appender = Appender(recorder, state, lambda: self.alive(), self._outbox.give)
        self._carrier = Carrier(state, recorder, lambda: self.clock(), self._appender)
        self._rehearser = Rehearser(state, recorder, lambda: self.clock())
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="plumbline-writer", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """The position of the last event in memory; all up to it are committed."""
        return self.state.published[0]

    @property
    def failed(self) -> Exception | None:
        """Why this writer refuses to go on, where its memory and the log disagree."""
        return self._differs or self._appender.differs

    def account(self, number: int) -> Account | None:
        """A customer's account as last committed, from memory; None where there is no such customer (yet). May be
        called from any thread."""
        with self.state.moving:
            position, program, records, count = self.state.published
            if not 0 < number <= count:
                return None
            record = records[number - 1].copy()
        return account_of(position, program, record)

    def submit(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        """Carry out requests in order and answer each. Raises WriterStopped."""
        reply = Reply()
        self._submit(requests, atomic, reply)
        return reply.result()

    def rehearse_later(self, requests: Sequence[Request]) -> Future[list[Rehearsal]]:
        """Decide requests without carrying them out, each as if those before it had been.

        Facts, registrations, changes and consents may be rehearsed together, and so may commands about relations; any
        other command alone. Raises WriterStopped.
        """
        wanted = RehearsalWanted(list(requests))
        self._enqueue(wanted)
        return wanted.future

    def submit_later(self, requests: Sequence[Request], *, atomic: bool = False) -> Future[list[Answer]]:
        """Queue requests; the future holds their answers once they are committed (or refused).

        With `atomic` all are carried out, in one transaction, or none: where one is refused, so are the others, with
        the code ATOMIC_REFUSED. At most BATCH_REQUESTS_MAX facts, registrations, changes and consents, or
        DESK_REQUESTS_MAX commands about relations.
        """
        future: Future[list[Answer]] = Future()
        self._submit(requests, atomic, future)
        return future

    def _submit(self, requests: Sequence[Request], atomic: bool, reply: Future[list[Answer]] | Reply) -> None:
        refusals: dict[int, Answer] = {}
        sound: list[Request] = []
        for i, request in enumerate(requests):
            refusal = request_refusal(request, self.state.book.fact_types)
            if refusal is None:
                sound.append(request)
            else:
                refusals[i] = refusal
        self._enqueue(Submission(sound, refusals, atomic, reply))

    def _enqueue(self, submission: Submission | RehearsalWanted) -> None:
        with self._wake:
            if self._stopping:
                raise WriterStopped("the writer is stopping; send it again to the next one")
            self._queue.append(submission)
            self._wake.notify()

    def open_books(self, ledger: str, timezone: str, actor: str) -> None:
        """Write the first events of an empty ledger; does nothing where there are some."""
        if self.state.book.position == 0:
            decider = OrderDecider(self.state.book, self.clock())
            self._appender.append_events(decider.open(ledger, timezone, actor))

    def stop(self) -> None:
        """Finish what waits, then stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def abort(self) -> None:
        """Stop at once: what waits gets WriterStopped; what is being appended is still answered."""
        with self._wake:
            self._stopping = self._aborted = True
            waiting, self._queue = self._queue, deque()
            self._wake.notify()
        for submission in waiting:
            if submission.future.set_running_or_notify_cancel():
                submission.future.set_exception(WriterStopped("the writer was stopped; send it again to the next one"))
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _loop(self) -> None:
        while True:
            if not self._queue:
                self._outbox.give()
            with self._wake:
                while not self._queue and not self._stopping:
                    self._wake.wait()
                if not self._queue:
                    break
                drained = drain(self._queue, DRAINED_REQUESTS_MAX)
            if len(drained) == 1 and isinstance(drained[0], RehearsalWanted):
                self._outbox.give()
                self._rehearse_answer(drained[0])
            else:
                self._answer([d for d in drained if isinstance(d, Submission)])
        self._outbox.give()

    def _answer(self, drained: list[Submission]) -> None:
        answers: list[Answer] = []
        failure: BaseException | None = None
        requests = [r for submission in drained for r in submission.requests]
        if not 0 < run_end(requests, 0, SMALL_COMMANDS, HELD_REQUESTS_MAX) == len(requests):
            self._outbox.give()
        try:
            if len(drained) == 1 and drained[0].atomic:
                answers += self._atomic(drained[0])
            else:
                self._process(requests, answers)
        except BaseException as error:
            failure = error
        self._outbox.give()
        self._outbox.hold(drained, answers, failure)

    def _atomic(self, submission: Submission) -> list[Answer]:
        requests = submission.requests
        if run_end(requests, 0, SMALL_COMMANDS, BATCH_REQUESTS_MAX) == len(requests):
            once = self._carrier.small
        elif run_end(requests, 0, DESK_COMMANDS, DESK_REQUESTS_MAX) == len(requests):
            once = self._carrier.desk
        elif run_end(requests, 0, REDEMPTION_COMMANDS, REDEMPTION_REQUESTS_MAX) == len(requests):
            once = self._carrier.redemptions
        else:
            refused = Answer(
                "refused", code="ATOMIC_INVALID", field="atomic",
                reason=f"takes at most {BATCH_REQUESTS_MAX} facts, registrations, changes and consents,"
                f" or {DESK_REQUESTS_MAX} commands about staff, assignment and settlement,"
                f" or {REDEMPTION_REQUESTS_MAX} about redemptions",
            )  # fmt: skip
            return [refused] * len(requests)
        if submission.refusals:
            return [ATOMIC_REFUSED] * len(requests)
        if self.failed is not None:
            raise self.failed
        try:
            return once(requests, atomic=True) if requests else []
        except StateDiffers as differs:
            self._differs = differs
            raise

    def _rehearse_answer(self, wanted: RehearsalWanted) -> None:
        try:
            if self.failed is not None:
                raise self.failed
            self._appender.settle()
            wanted.future.set_result(self._rehearser.rehearse(wanted.requests))
        except BaseException as error:
            wanted.future.set_exception(error)

    def _process(self, requests: list[Request], answers: list[Answer]) -> None:
        """Carry out requests in order; `answers` grows by what is committed, also where this raises."""
        if self.failed is not None:
            raise self.failed
        try:
            self._carry_out(requests, answers)
        except StateDiffers as differs:
            self._differs = differs
            raise

    def _carry_out(self, requests: list[Request], answers: list[Answer]) -> None:
        at = 0
        while at < len(requests):
            if end := run_end(requests, at, SMALL_COMMANDS, BATCH_REQUESTS_MAX):
                self._run(requests[at:end], answers, self._carrier.small)
            elif end := run_end(requests, at, DESK_COMMANDS, DESK_REQUESTS_MAX):
                self._run(requests[at:end], answers, self._carrier.desk)
            elif end := run_end(requests, at, REDEMPTION_COMMANDS, REDEMPTION_REQUESTS_MAX):
                self._run(requests[at:end], answers, self._carrier.redemptions)
            else:
                answers.append(self._carrier.order(requests[at]))
                end = at + 1
            at = end

    def _run(self, requests: list[Request], answers: list[Answer], once: Callable[[list[Request]], list[Answer]]) -> None:
        """A run of commands of one kind, appended together. A failure nobody foresaw halves the run until the culprit
        stands alone."""
        try:
            answers += once(requests)
        except CONNECTION_LOST:
            raise
        except Exception as error:
            if isinstance(error, PlumblineError) and not isinstance(error, Refused):
                raise
            if len(requests) == 1:
                answers.append(refusal_of(error))
                return
            half = len(requests) // 2
            self._run(requests[:half], answers, once)
            self._run(requests[half:], answers, once)

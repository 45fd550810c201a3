"""What waits for the writer, and the answers that need no deciding."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.domain.commands import Answer, Rehearsal, Request
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.redemption.obstacles import Obstructed

LEDGER_CLOSED: Final = Answer(
    "refused", code="LEDGER_CLOSED", reason="the books are closed for good; they can only be read", field="ledger"
)
ATOMIC_REFUSED: Final = Answer(
    "refused", code="ATOMIC_REFUSED", reason="another line was refused, and all were to be recorded or none", field="atomic"
)
REHEARSAL_INVALID: Final = Answer(
    "refused", code="REHEARSAL_INVALID", reason="rehearse a command of this kind alone", field="command"
)


class WriterStopped(PlumblineError):
    """The writer was stopped; what it hadn't answered was not recorded."""

    code = "WRITER_STOPPED"


class LogMoving(PlumblineError):
    """The log moved each time this writer was about to append; nothing was recorded."""

    code = "LOG_MOVING"

    def __init__(self) -> None:
        super().__init__("the log kept moving under this writer; another one writes to it, find and stop it")


class Reply:
    """What one thread waits for: as much of a Future as that takes, and a third of its work. Where many threads wait,
    handing over costs as much as deciding."""

    __slots__ = ("_answers", "_error", "_there")

    def __init__(self) -> None:
        self._there = threading.Lock()
        self._there.acquire()
        self._answers: list[Answer] = []
        self._error: BaseException | None = None

    def set_running_or_notify_cancel(self) -> bool:
        """True: who waits here doesn't take the request back."""
        return True

    def set_result(self, answers: list[Answer]) -> None:
        """Give the answers. Once, and not after an error."""
        self._answers = answers
        self._there.release()

    def set_exception(self, error: BaseException) -> None:
        """Have `result` raise. Once, and not after answers."""
        self._error = error
        self._there.release()

    def result(self) -> list[Answer]:
        """Wait for the answers. To be called once."""
        self._there.acquire()
        if self._error is not None:
            raise self._error
        return self._answers


@dataclass(slots=True)
class Submission:
    """Requests handed in together: those that can be decided, and the refusals of the others by their place."""

    requests: list[Request]
    refusals: dict[int, Answer]
    atomic: bool
    future: Future[list[Answer]] | Reply

    def answer(self, answers: Sequence[Answer]) -> None:
        """Give the caller the answers, each at its place."""
        if not self.refusals:
            self.future.set_result(list(answers))
            return
        decided = iter(answers)
        count = len(self.requests) + len(self.refusals)
        self.future.set_result([self.refusals.get(i) or next(decided) for i in range(count)])


@dataclass(slots=True)
class RehearsalWanted:
    """Requests that are only to be decided."""

    requests: list[Request]
    future: Future[list[Rehearsal]] = field(default_factory=Future[list[Rehearsal]])


class Outbox:
    """Answers that are held until it is time to give them. For the writer's thread alone."""

    def __init__(self) -> None:
        self._held: list[tuple[Submission, Sequence[Answer]]] = []

    def hold(self, drained: Sequence[Submission], answers: Sequence[Answer], failure: BaseException | None) -> None:
        """Hold the answers of what was drained together. Where it failed, whoever isn't answered wholly gets the failure,
        now; what was committed before that is answered all the same."""
        first = 0
        for submission in drained:
            end = first + len(submission.requests)
            if failure is None or end <= len(answers):
                self._held.append((submission, answers[first:end]))
            else:
                submission.future.set_exception(failure)
            first = end

    def give(self) -> None:
        """Give the answers that are held."""
        held, self._held = self._held, []
        for submission, answers in held:
            submission.answer(answers)


def drain(queue: deque[Submission | RehearsalWanted], requests_max: int) -> list[Submission | RehearsalWanted]:
    """Take from the queue what can be appended together; what has to stand alone comes alone. To be called with the
    queue's lock held."""
    drained: list[Submission | RehearsalWanted] = []
    count = 0
    while queue:
        first = queue[0]
        alone = isinstance(first, RehearsalWanted) or first.atomic
        if drained and (alone or count + len(first.requests) > requests_max):
            break
        submission = queue.popleft()
        # Who no longer waits for the answer has taken the request back.
        if submission.future.set_running_or_notify_cancel():
            drained.append(submission)
            count += len(submission.requests)
            if alone:
                break
    return drained


def run_end(requests: Sequence[Request], first: int, kinds: tuple[type[Any], ...], count_max: int) -> int:
    """Where the run of commands of these kinds ends that begins at `first`; 0 where none begins there."""
    stop = min(first + count_max, len(requests))
    end = first
    while end < stop and isinstance(requests[end].command, kinds):
        end += 1
    return end if end > first else 0


def refusal_of(error: Exception) -> Answer:
    """The answer to a command that failed; what is no refusal is logged."""
    if isinstance(error, Refused):
        obstacles = [o.document() for o in error.obstacles] if isinstance(error, Obstructed) else None
        return Answer("refused", code=error.code, reason=error.reason, field=error.field, obstacles=obstacles)
    # A fault of ours, not of the request: it must not take the others with it, nor go unseen.
    logging.getLogger(__name__).error("a command failed", exc_info=error)
    reason = f"could not be carried out: {type(error).__name__}"
    return Answer("refused", code="COMMAND_FAILED", reason=reason, field="command")

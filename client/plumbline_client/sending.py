"""How calls are sent, for both clients: which requests are made, when they are made again, how long is waited.

Nothing here talks to anybody or waits: each method gives steps, and a client takes them in its own way.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import httpx

from plumbline_client.bulk import BulkPiece
from plumbline_client.calls import JobKind, Ledger
from plumbline_client.core import Call, Language, read_answer, read_error
from plumbline_client.errors import ApiError, ConnectionLost
from plumbline_client.results import Answer, Job, LineResult

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 0.2
JOB_SECONDS_MAX: Final = 3_600.0
REPEATED_STATUSES: Final = frozenset({429, 502, 503, 504})
"""Come again: too often, or the service can't now. Everything else would be answered alike."""
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The step of making a request; what came of it is given back."""

    method: str
    path: str
    params: dict[str, Any]
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Pause:
    """The step of waiting; nothing is given back."""

    seconds: float


Outcome: TypeAlias = httpx.Response | httpx.RequestError | None
Steps: TypeAlias = Generator[Attempt | Pause, Outcome, T]


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long to come again: waits double from the first to the longest, each shortened by chance."""

    attempts_max: int = 8
    seconds_max: float = 60.0
    wait_seconds_first: float = 0.1
    wait_seconds_max: float = 5.0

    def wait_seconds(
        self, attempt: int, chance: float, asked_seconds: float | None, elapsed_seconds: float
    ) -> float | None:
        """How long to wait before the next attempt, after `attempt` (from 1) of them; None: give up.

        `chance` lies in [0, 1); `asked_seconds` is what the service asked for.
        """
        if attempt >= self.attempts_max:
            return None
        longest = min(self.wait_seconds_max, self.wait_seconds_first * 2 ** (attempt - 1))
        wait = longest * (0.5 + chance / 2)
        if asked_seconds is not None:
            wait = max(wait, asked_seconds)
        return None if elapsed_seconds + wait > self.seconds_max else wait


class Session:
    """What a client knows of one service. `positions` are the last that it has written, by ledger.

    Raises ValueError for a URL that is none of HTTP, and for a key that can't be sent; a line's end after it, as files
    have it, is left out.
    """

    def __init__(
        self, url: str, key: str, retries: Retries | None, consistent: bool, language: Language
    ) -> None:
        if httpx.URL(url).scheme not in ("http", "https"):
            raise ValueError("url must begin with http:// or https://, such as http://127.0.0.1:8700")
        key = key.strip()
        if not (key.isascii() and key.isprintable() and key):
            raise ValueError("key must be a key of the API, such as plk_…")
        self.url = url
        self.retries = retries or Retries()
        self.positions: dict[str, int] = {}
        self._key = key
        self._consistent = consistent
        self._language: Language = language
        self._noting = threading.Lock()

    def send(self, call: Call[T]) -> Steps[T]:
        """Send a call, again where that is safe."""
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            position = self.positions.get(call.ledger, 0) if self._consistent else 0
            outcome = yield Attempt(*call.request(self._key, position, self._language))
            assert outcome is not None
            if isinstance(outcome, httpx.Response) and outcome.status_code < 300:
                result = read_answer(call, outcome.status_code, outcome.headers, outcome.content)
                if isinstance(result, Answer):
                    self._note(call.ledger, result.position)
                return result
            failure = self._failure(outcome)
            wait = None
            if _again(call, outcome, failure):
                asked = failure.retry_after_seconds if isinstance(failure, ApiError) else None
                wait = self.retries.wait_seconds(attempt, random.random(), asked, time.monotonic() - started)
            if wait is None:
                raise failure
            yield Pause(wait)

    def record(self, ledger: Ledger, piece: BulkPiece) -> Steps[list[LineResult]]:
        """Send a piece of a bulk until the fate of each line is known."""
        started = time.monotonic()
        attempt = 0
        while piece.missing:
            attempt += 1
            wait = self.retries.wait_seconds(attempt, random.random(), None, time.monotonic() - started)
            piece.take((yield from self.send(piece.call(ledger))), last=wait is None)
            if piece.missing and wait is not None:
                yield Pause(wait)
        results = list(piece.ordered())
        self._note(ledger.name, max(result.position for result in results))
        return results

    def wait(self, ledger: Ledger, kind: JobKind, job: Job, progress: Progress, seconds_max: float) -> Steps[Job]:
        """Look at a job until it has ended. Raises TimeoutError."""
        deadline = time.monotonic() + seconds_max
        while not job.ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the {kind} {job.id} has not ended in {seconds_max:g} s")
            yield Pause(WAIT_SECONDS)
            job = yield from self.send(ledger.job(kind, job.id))
            progress(job.progress_done, job.progress_of)
        return job

    def _failure(self, outcome: httpx.Response | httpx.RequestError) -> ApiError | ConnectionLost:
        if isinstance(outcome, httpx.Response):
            return read_error(outcome.status_code, outcome.headers, outcome.content)
        lost = ConnectionLost(f"no answer from {self.url}: {type(outcome).__name__}")
        lost.__cause__ = outcome
        return lost

    def _note(self, ledger: str, position: int) -> None:
        # Of two threads the one that comes later may have written before the other.
        with self._noting:
            if position > self.positions.get(ledger, 0):
                self.positions[ledger] = position


def _again(call: Call[Any], outcome: Outcome, failure: ApiError | ConnectionLost) -> bool:
    """Whether a call may be sent again: what could take effect twice only where it surely took none."""
    if isinstance(failure, ConnectionLost):
        return call.repeatable or isinstance(outcome, NEVER_SENT)
    if call.repeatable:
        return failure.status in REPEATED_STATUSES
    # The service says both before it begins with a request; every other 5xx may have come on the way back.
    return failure.status == 429 or failure.code == "OVERLOADED"

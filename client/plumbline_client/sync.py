"""The client for ordinary, blocking programs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from plumbline_client.bulk import LINES_MAX, pieces_of
from plumbline_client.calls import JobKind, Ledger, rehearsed
from plumbline_client.core import Call, Language, Page
from plumbline_client.results import Answer, Job, LineResult, Rehearsal
from plumbline_client.sending import JOB_SECONDS_MAX, TIMEOUT_SECONDS, Pause, Progress, Retries, Session, Steps

T = TypeVar("T")


class Plumbline:
    """Sends calls. Several threads may share one; close it after use.

    With `consistent`, reads contain what this client has written; `positions` says, by ledger, how far that is.
    `language` is that of the title and advice of refusals. Raises ValueError for a URL or a key that can be none; from
    every method that sends: ApiError for a refusal, ConnectionLost where no whole answer came in time, AnswerInvalid
    for one that can't be read.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        retries: Retries | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        consistent: bool = True,
        transport: httpx.BaseTransport | None = None,
        language: Language = "en",
    ) -> None:
        self._session = Session(url, key, retries, consistent, language)
        self.url = url
        self.positions = self._session.positions
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds, transport=transport)

    def __repr__(self) -> str:
        return f"Plumbline({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """The result of a call, sent again where that is safe."""
        return self._take(self._session.send(call))

    def rehearse(self, call: Call[Answer]) -> Rehearsal:
        """What a write would come to; nothing is recorded."""
        return self.send(rehearsed(call))

    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        """Every entry of a list, page after page."""
        while True:
            page = self.send(call)
            yield from page.data
            if page.next is None:
                return
            call = call.after(page.next)

    def record_many(
        self, ledger: Ledger, facts: Iterable[Mapping[str, Any]], *, lines_max: int = LINES_MAX
    ) -> Iterator[LineResult]:
        """Record facts (see `fact`), any number of them; a result for each, in order.

        Each has a key, so that pieces whose answer was lost are sent again and nothing counts twice. All are read and
        checked before the first is sent; what doesn't fit in memory is given in several calls. Raises DocumentInvalid.
        """
        for piece in pieces_of(facts, lines_max):
            yield from self._take(self._session.record(ledger, piece))

    def wait(
        self,
        ledger: Ledger,
        kind: JobKind,
        job: Job,
        *,
        progress: Progress = lambda done, of: None,
        seconds_max: float = JOB_SECONDS_MAX,
    ) -> Job:
        """Wait until a job has ended. Raises TimeoutError."""
        return self._take(self._session.wait(ledger, kind, job, progress, seconds_max))

    def _take(self, steps: Steps[T]) -> T:
        outcome: httpx.Response | httpx.RequestError | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                return end.value
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                outcome = None
                continue
            try:
                outcome = self._http.request(
                    step.method, step.path, params=step.params, headers=step.headers, content=step.body
                )
            except httpx.RequestError as error:
                outcome = error

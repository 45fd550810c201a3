"""The client for asyncio programs. What it does is told in `sync`; only the waiting differs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from plumbline_client.bulk import LINES_MAX, pieces_of
from plumbline_client.calls import JobKind, Ledger, rehearsed
from plumbline_client.core import Call, Language, Page
from plumbline_client.results import Answer, Job, LineResult, Rehearsal
from plumbline_client.sending import JOB_SECONDS_MAX, TIMEOUT_SECONDS, Pause, Progress, Retries, Session, Steps

T = TypeVar("T")


class AsyncPlumbline:
    """Sends calls. Belongs to one event loop; close it after use. See `Plumbline`."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        retries: Retries | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        consistent: bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        language: Language = "en",
    ) -> None:
        self._session = Session(url, key, retries, consistent, language)
        self.url = url
        self.positions = self._session.positions
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_seconds, transport=transport)

    def __repr__(self) -> str:
        return f"AsyncPlumbline({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """The result of a call, sent again where that is safe."""
        return await self._take(self._session.send(call))

    async def rehearse(self, call: Call[Answer]) -> Rehearsal:
        """What a write would come to; nothing is recorded."""
        return await self.send(rehearsed(call))

    async def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """Every entry of a list, page after page."""
        while True:
            page = await self.send(call)
            for entry in page.data:
                yield entry
            if page.next is None:
                return
            call = call.after(page.next)

    async def record_many(
        self, ledger: Ledger, facts: Iterable[Mapping[str, Any]], *, lines_max: int = LINES_MAX
    ) -> AsyncIterator[LineResult]:
        """Record facts (see `fact`), any number of them; a result for each, in order. All are read and checked before
        the first is sent. Raises DocumentInvalid."""
        for piece in pieces_of(facts, lines_max):
            for result in await self._take(self._session.record(ledger, piece)):
                yield result

    async def wait(
        self,
        ledger: Ledger,
        kind: JobKind,
        job: Job,
        *,
        progress: Progress = lambda done, of: None,
        seconds_max: float = JOB_SECONDS_MAX,
    ) -> Job:
        """Wait until a job has ended. Raises TimeoutError."""
        return await self._take(self._session.wait(ledger, kind, job, progress, seconds_max))

    async def _take(self, steps: Steps[T]) -> T:
        outcome: httpx.Response | httpx.RequestError | None = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                return end.value
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                outcome = None
                continue
            try:
                outcome = await self._http.request(
                    step.method, step.path, params=step.params, headers=step.headers, content=step.body
                )
            except httpx.RequestError as error:
                outcome = error

"""The client for asyncio programs. What it does is told in `sync`; only the waiting differs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from plumbline_client.calls import Ledger, rehearsed
from plumbline_client.core import REPEATED_STATUSES, Call, Page, Retries, pieces_of, read_answer, read_error
from plumbline_client.errors import ApiError, ConnectionLost
from plumbline_client.results import Answer, Job, LineResult, Rehearsal
from plumbline_client.sync import LINES_MAX, TIMEOUT_SECONDS, WAIT_SECONDS

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
    ) -> None:
        self.url = url
        self.retries = retries or Retries()
        self.positions: dict[str, int] = {}
        """By ledger, the last position that this client has written."""
        self._key = key
        self._consistent = consistent
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
        started = time.monotonic()
        attempt = 0
        while True:
            attempt += 1
            failure: ApiError | ConnectionLost
            try:
                return await self._once(call)
            except ApiError as error:
                if error.status not in REPEATED_STATUSES:
                    raise
                failure, asked = error, error.retry_after_seconds
            except httpx.TransportError as error:
                never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
                failure = ConnectionLost(f"no answer from {self.url}: {type(error).__name__}")
                failure.__cause__ = error
                if not call.repeatable and not never_sent:
                    raise failure from error
                asked = None
            wait = self.retries.wait_seconds(attempt, random.random(), asked, time.monotonic() - started)
            if wait is None:
                raise failure
            await asyncio.sleep(wait)

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
        """Record facts (see `fact`), any number of them; a result for each, in order."""
        for piece in pieces_of(facts, lines_max):
            started = time.monotonic()
            attempt = 0
            while piece.missing:
                attempt += 1
                wait = self.retries.wait_seconds(attempt, random.random(), None, time.monotonic() - started)
                piece.take(await self.send(piece.call(ledger.name)), last=wait is None)
                if piece.missing and wait is not None:
                    await asyncio.sleep(wait)
            for result in piece.ordered():
                self._note(ledger.name, result.position)
                yield result

    async def wait(
        self,
        ledger: Ledger,
        kind: str,
        job: Job,
        *,
        progress: Callable[[int, int], None] = lambda done, of: None,
        seconds_max: float = 3_600.0,
    ) -> Job:
        """Wait until a job ("replay", "import" or "rebuild") has ended. Raises TimeoutError."""
        deadline = time.monotonic() + seconds_max
        while not job.ended:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the {kind} {job.id} has not ended in {seconds_max:g} s")
            await asyncio.sleep(WAIT_SECONDS)
            job = await self.send(ledger.job(kind, job.id))
            progress(job.progress_done, job.progress_of)
        return job

    async def _once(self, call: Call[T]) -> T:
        position = self.positions.get(call.ledger, 0) if self._consistent else 0
        method, path, params, headers, body = call.request(self._key, position)
        answer = await self._http.request(method, path, params=params, headers=headers, content=body)
        if answer.status_code >= 300:
            raise read_error(answer.status_code, answer.headers, answer.content)
        result = read_answer(call, answer.status_code, answer.headers, answer.content)
        if isinstance(result, Answer):
            self._note(call.ledger, result.position)
        return result

    def _note(self, ledger: str, position: int) -> None:
        if position > self.positions.get(ledger, 0):
            self.positions[ledger] = position

"""The way from one event loop to a writer's thread and back: what comes in together is handed over together.

A future, a lock and a wake-up for each request would cost more than the request. While two lots are on their way,
what comes in gathers and goes with the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

from ledger.domain.commands import Answer, Request
from ledger.writer import Writer

LOTS_UNDER_WAY_MAX = 2
"""One is being committed, one waits: the writer never idles, and a lot grows with the load."""

_Waiting = tuple[Sequence[Request], "asyncio.Future[list[Answer]]"]


class Handover:
    """Between the loop that makes it and one writer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, writer: Writer) -> None:
        self.writer = writer
        self._loop = loop
        self._waiting: list[_Waiting] = []
        self._under_way = 0
        self._scheduled = False

    async def submit(self, requests: Sequence[Request]) -> list[Answer]:
        """The writer's answers. Raises what the writer raises."""
        future: asyncio.Future[list[Answer]] = self._loop.create_future()
        self._waiting.append((requests, future))
        if not self._scheduled and self._under_way < LOTS_UNDER_WAY_MAX:
            self._scheduled = True
            self._loop.call_soon(self._send)
        return await future

    def _send(self) -> None:
        self._scheduled = False
        lot = [entry for entry in self._waiting if not entry[1].cancelled()]
        self._waiting = []
        if not lot:
            return
        try:
            sent = self.writer.submit_later([request for requests, _ in lot for request in requests])
        except BaseException as error:  # whatever it is, somebody waits for each of them
            _fail(lot, error)
            return
        self._under_way += 1
        sent.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._receive, lot, done))

    def _receive(self, lot: list[_Waiting], done: Future[list[Answer]]) -> None:
        self._under_way -= 1
        if self._waiting:
            self._send()
        error = done.exception()
        if error is not None:
            _fail(lot, error)
            return
        answers = done.result()
        at = 0
        for requests, future in lot:
            end = at + len(requests)
            if not future.done():
                future.set_result(answers[at:end])
            at = end


def _fail(lot: Sequence[_Waiting], error: BaseException) -> None:
    for _, future in lot:
        if not future.done():
            future.set_exception(error)

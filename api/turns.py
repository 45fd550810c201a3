"""Reads that take long, each on a thread of its own and few at once, so that they keep no other request waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect

from api.middleware import RequestSlow
from api.problems import RetryLater
from ledger.log.abandoning import abandonable

T = TypeVar("T")

AT_ONCE: Final = 2
WAITING_MAX: Final = 8
WAIT_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 10


class Turns:
    """So many long reads at once; `waiting_max` more wait for `wait_seconds` at most. Belongs to one event loop."""

    def __init__(
        self, at_once: int = AT_ONCE, waiting_max: int = WAITING_MAX, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._threads = anyio.CapacityLimiter(at_once)
        self._free = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._waiting_max = waiting_max
        self._wait_seconds = wait_seconds

    async def run(
        self, function: Callable[[], T], *, begun: bool = False, gone: Callable[[], Awaitable[None]] | None = None
    ) -> T:
        """The result of a blocking function once it is its turn. Who has `begun` to answer waits as long as it takes.
        Once `gone` returns, nobody waits for it any more: it gives up its place, or its turn at the next look within.

        Raises RetryLater (OVERLOADED) where too many wait already, or the turn doesn't come in time; ClientDisconnect.
        """
        left = threading.Event()
        watching = None if gone is None else asyncio.create_task(_watch(gone, left))
        try:
            await self._turn_come(begun, watching, left)
            try:
                return await anyio.to_thread.run_sync(partial(abandonable, function, left), limiter=self._threads)
            except Exception:
                if left.is_set():
                    raise ClientDisconnect from None
                raise
            finally:
                self._free.release()
        finally:
            if watching is not None:
                watching.cancel()

    async def _turn_come(self, begun: bool, watching: asyncio.Task[None] | None, left: threading.Event) -> None:
        """Wait for a turn and take it. Raises RetryLater, ClientDisconnect."""
        if not begun and self._free.locked() and self._waiting >= self._waiting_max:
            raise _overloaded()
        self._waiting += 1
        here = True

        def leave(_: object) -> None:
            if here and left.is_set():
                waiting.reschedule(asyncio.get_running_loop().time())

        try:
            async with asyncio.timeout(None if begun else self._wait_seconds) as waiting:
                if watching is not None:
                    watching.add_done_callback(leave)
                await self._free.acquire()
        except TimeoutError:
            if left.is_set():
                raise ClientDisconnect from None
            raise _overloaded() from None
        finally:
            if watching is not None:
                watching.remove_done_callback(leave)
            here = False  # it may be called still
            self._waiting -= 1


async def _watch(gone: Callable[[], Awaitable[None]], left: threading.Event) -> None:
    try:
        await gone()
    except RequestSlow:
        return  # a body that nobody asked for doesn't come: that says nothing of who waits for the answer
    left.set()


def _overloaded() -> RetryLater:
    return RetryLater("OVERLOADED", "others read so much of the log now; come again later", AGAIN_SECONDS)

"""Reads that take long, each on a thread of its own and few at once, so that they keep no other request waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from api.problems import RetryLater

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

    async def run(self, function: Callable[[], T], *, begun: bool = False) -> T:
        """The result of a blocking function once it is its turn. Who has `begun` to answer waits as long as it takes.

        Raises RetryLater (OVERLOADED) where too many wait already, or the turn doesn't come in time.
        """
        if not begun and self._free.locked() and self._waiting >= self._waiting_max:
            raise _overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout(None if begun else self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise _overloaded() from None
        finally:
            self._waiting -= 1
        try:
            return await anyio.to_thread.run_sync(function, limiter=self._threads)
        finally:
            self._free.release()


def _overloaded() -> RetryLater:
    return RetryLater("OVERLOADED", "others read so much of the log now; come again later", AGAIN_SECONDS)

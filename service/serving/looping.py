"""Work of its own event loop in a thread of its own: what it does keeps no request waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Final

import uvloop

AGAIN_SECONDS: Final = 1.0

Work = Callable[[asyncio.Event], Awaitable[None]]
"""What is done until the event is set; it ends what was begun before it returns."""


class LoopThread:
    """Does `work` until stopped; begins again, a second later, whatever happens.

    `failed` is told of every error, in the thread. `start` once, `stop` once, from any other thread.
    """

    def __init__(self, name: str, work: Work, failed: Callable[[Exception], None]) -> None:
        self._work = work
        self._failed = failed
        self._changing = threading.Lock()
        """Held while the running loop comes or goes: nobody tells a closed one to stop, and none comes after the stop."""
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Have the work end, wait until it has."""
        with self._changing:
            self._stopping.set()
            if self._running is not None:
                loop, ending = self._running
                loop.call_soon_threadsafe(ending.set)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(self._work_until_stopped())
            except Exception as error:
                self._failed(error)
            self._stopping.wait(AGAIN_SECONDS)

    async def _work_until_stopped(self) -> None:
        ending = asyncio.Event()
        with self._changing:
            if self._stopping.is_set():
                return
            self._running = asyncio.get_running_loop(), ending
        try:
            await self._work(ending)
        finally:
            with self._changing:
                self._running = None

"""Reads that wait for views to reach a position wait together: one look at the views now and then serves them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from projections.places import POLL_SECONDS, WAIT_SECONDS_DEFAULT, Places


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Somebody who waits."""

    views: tuple[str, ...]
    position: int
    deadline: float
    timeout_seconds: float
    done: asyncio.Future[None]


class Arrivals:
    """Looks where the views of one ledger stand, by `look`, for as long as anybody waits, never twice at once. Belongs
    to one event loop.

    Who waits holds neither a thread nor a connection.
    """

    def __init__(self, look: Callable[[Sequence[str]], Awaitable[Places]]) -> None:
        self._look = look
        self._waiting: set[_Waiting] = set()
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def wait(
        self, views: Sequence[str], position: int, timeout_seconds: float = WAIT_SECONDS_DEFAULT
    ) -> None:
        """Return once all of these views have reached a position.

        Raises ViewBehind when the time is over, or at once where a view has failed; PositionAhead where the log itself
        is not so far; what `look` raises.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(
            tuple(views), position, loop.time() + timeout_seconds, timeout_seconds, loop.create_future()
        )
        self._waiting.add(waiting)
        self._came.set()
        if self._task is None:
            self._task = loop.create_task(self._run())
        try:
            await waiting.done
        finally:
            self._waiting.discard(waiting)

    async def _run(self) -> None:
        try:
            while self._waiting:
                # Only those who wait already: for who comes during the look, what it finds may be too old.
                lot = list(self._waiting)
                self._came.clear()
                try:
                    places = await self._look(sorted({view for waiting in lot for view in waiting.views}))
                except Exception as error:
                    for waiting in lot:
                        self._end(waiting, error)
                else:
                    for waiting in lot:
                        self._compare(waiting, places)
                if self._waiting:
                    await self._pause()
        finally:
            self._task = None

    def _compare(self, waiting: _Waiting, places: Places) -> None:
        try:
            if places.reached(waiting.views, waiting.position):
                self._end(waiting, None)
            elif asyncio.get_running_loop().time() >= waiting.deadline:
                raise places.behind(waiting.views, waiting.position, waiting.timeout_seconds)
        except Exception as error:
            self._end(waiting, error)

    def _end(self, waiting: _Waiting, error: Exception | None) -> None:
        self._waiting.discard(waiting)
        if waiting.done.done():
            return
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)

    async def _pause(self) -> None:
        """Until the next look: a moment, or nothing where somebody new has come."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), POLL_SECONDS)

"""Reads that come in together are asked of the database together: one statement for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

UNDER_WAY_MAX: Final = 2
KEYS_MAX: Final = 500


class Gathering(Generic[Key, Value]):
    """Looks up keys by `read`, which is given many at once and answers those it finds. Belongs to one event loop.

    While UNDER_WAY_MAX look-ups run, keys gather; under load one statement serves many requests, and a lone request
    waits for nobody.
    """

    def __init__(self, read: Callable[[Sequence[Key]], Awaitable[dict[Key, Value]]]) -> None:
        self._read = read
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def find(self, key: Key) -> Value | None:
        """The value of a key, None where there is none. Raises what `read` raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Value | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if not self._scheduled and len(self._tasks) < UNDER_WAY_MAX:
            self._scheduled = True
            loop.call_soon(self._send)
        return await future

    def _send(self) -> None:
        self._scheduled = False
        if not self._waiting:
            return
        keys = list(self._waiting)[:KEYS_MAX]
        lot = {key: self._waiting.pop(key) for key in keys}
        task = asyncio.get_running_loop().create_task(self._look_up(lot))
        self._tasks.add(task)

    async def _look_up(self, lot: dict[Key, list[asyncio.Future[Value | None]]]) -> None:
        try:
            found = await self._read(list(lot))
        except Exception as error:
            for future in (f for waiting in lot.values() for f in waiting if not f.done()):
                future.set_exception(error)
        else:
            for key, waiting in lot.items():
                for future in waiting:
                    if not future.done():
                        future.set_result(found.get(key))
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.discard(task)
            if self._waiting and not self._scheduled:
                self._send()

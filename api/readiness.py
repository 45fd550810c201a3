"""Whether everything needed is there, looked up for all who ask, at most once in a second."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from api.ports import LedgersPort

FRESH_SECONDS: Final = 1.0
ASK_SECONDS_MAX: Final = 10.0
"""What isn't known within this time isn't there: nobody who watches over the service waits for ever."""


class Readiness:
    """Asks the ledgers. Belongs to one event loop. Anybody may ask, even without a key, and as often as they like:
    that must cost nothing."""

    def __init__(self, ledgers: LedgersPort) -> None:
        self._ledgers = ledgers
        self._asking = asyncio.Lock()
        self._parts: dict[str, bool | str] = {}
        self._at = float("-inf")

    async def parts(self) -> dict[str, bool | str]:
        """What must be there to serve, each true or the sentence that says what is wrong."""
        async with self._asking:
            if time.monotonic() - self._at >= FRESH_SECONDS:
                try:
                    async with asyncio.timeout(ASK_SECONDS_MAX):
                        self._parts = await self._ledgers.ready()
                except TimeoutError:
                    self._parts = {"answer": f"not everything could be asked within {ASK_SECONDS_MAX:g} seconds"}
                self._at = time.monotonic()
            return self._parts

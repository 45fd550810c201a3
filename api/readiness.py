"""Whether everything needed is there, looked up for all who ask, at most once in a second."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from api.ports import LedgersPort

FRESH_SECONDS: Final = 1.0


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
                self._parts = await self._ledgers.ready()
                self._at = time.monotonic()
            return self._parts

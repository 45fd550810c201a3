"""How often a key may ask: a bucket of tokens per key, filled again at a steady rate. How many may do something at
once, all together and from one address. How long a body may make one wait."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

BUCKETS_MAX = 20_000
ADDRESS_LENGTH_MAX = 64


class Rates:
    """Token buckets by name. `per_second` refill, up to `burst`. Used from the event loop only."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self._buckets: dict[str, list[float]] = {}

    def take(self, name: str) -> int:
        """Take one token. 0 where there was one, else the whole seconds after which there will be."""
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= BUCKETS_MAX:
                self._forget(now)
            bucket = self._buckets[name] = [self.burst, now]
        tokens = min(self.burst, bucket[0] + (now - bucket[1]) * self.per_second)
        bucket[1] = now
        if tokens >= 1.0:
            bucket[0] = tokens - 1.0
            return 0
        bucket[0] = tokens
        return max(1, math.ceil((1.0 - tokens) / self.per_second))

    def give_back(self, name: str) -> None:
        """Put a token back that was taken for nothing."""
        bucket = self._buckets.get(name)
        if bucket is not None:
            bucket[0] = min(self.burst, bucket[0] + 1.0)

    def _forget(self, now: float) -> None:
        """Forget buckets that are full again, which changes nothing; of too many others those not used the longest."""
        kept = [(n, b) for n, b in self._buckets.items() if b[0] + (now - b[1]) * self.per_second < self.burst]
        kept.sort(key=lambda entry: entry[1][1])
        self._buckets = dict(kept[-BUCKETS_MAX // 2 :])


class Seats:
    """So many may be at something at once: `total` of all names together, a `share` of them of one, at least one. Used
    from the event loop only."""

    def __init__(self, total: int, share: float) -> None:
        self.total = total
        self.each = max(1, int(total * share))
        self._taken = 0
        self._by_name: dict[str, int] = {}
        self._freed = asyncio.Event()

    def take(self, name: str) -> bool:
        """Take a seat, where there is one; it is to be given back."""
        mine = self._by_name.get(name, 0)
        if self._taken >= self.total or mine >= self.each:
            return False
        self._taken += 1
        self._by_name[name] = mine + 1
        return True

    def give_back(self, name: str) -> None:
        """Let a seat go that was taken."""
        self._taken -= 1
        self._by_name[name] -= 1
        if not self._by_name[name]:
            del self._by_name[name]
        self._freed.set()

    @asynccontextmanager
    async def held(self, name: str, wait_seconds: float) -> AsyncGenerator[None]:
        """Hold a seat, for which one waits so long at most. Raises TimeoutError."""
        async with asyncio.timeout(wait_seconds):
            while not self.take(name):
                self._freed.clear()
                await self._freed.wait()
        try:
            yield
        finally:
            self.give_back(name)


class Pace:
    """The seconds for which a body may be waited for: `seconds` to begin with, one more with each `per_second` bytes
    that come, and never more than those of the beginning."""

    __slots__ = ("_left", "per_second", "seconds")

    def __init__(self, seconds: float, per_second: float) -> None:
        self.seconds = seconds
        self.per_second = per_second
        self._left = seconds

    def waited(self, seconds: float, size: int) -> bool:
        """Count a wait and the bytes that came in it; whether the body may go on."""
        self._left = min(self.seconds, self._left - seconds + size / self.per_second)
        return self._left >= 0.0


def neighbourhood_of(address: str) -> str:
    """What is limited together: an IPv4 address, or the network of 64 bits that one IPv6 host has whole."""
    if ":" not in address:
        return address[:ADDRESS_LENGTH_MAX]
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address[:ADDRESS_LENGTH_MAX]
    return str(found.ipv4_mapped or found.exploded[:19])

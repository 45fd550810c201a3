"""How often a key may ask: a bucket of tokens per key, filled again at a steady rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

BUCKETS_MAX = 20_000


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

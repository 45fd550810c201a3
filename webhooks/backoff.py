"""When a message that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ATTEMPTS_MAX_DEFAULT: Final = 10
"""With the times below that is about a day."""
ATTEMPTS_MAX_LIMIT: Final = 20
AFTER_SECONDS_MAX: Final = 3_600
"""So long a receiver may ask us to stay away (`Retry-After`)."""


@dataclass(frozen=True, slots=True)
class Retries:
    """The first wait, by how much each is longer than the one before, and the longest."""

    first_seconds: float = 5.0
    factor: float = 4.0
    seconds_max: float = 28_800.0

    def delay_seconds(self, attempts: int, jitter: float, after_seconds: float = 0.0) -> float:
        """How long to wait after so many failed attempts. `jitter` (0 to 1) spreads it over the upper half of the
        span, so that receivers that come back aren't met by all at once; `after_seconds` is what the receiver asked."""
        span = self.seconds_max
        # Beyond some power the factor would pass any float.
        if attempts <= 40:
            span = min(self.first_seconds * self.factor ** (attempts - 1), self.seconds_max)
        return max(span / 2 + span / 2 * jitter, min(after_seconds, AFTER_SECONDS_MAX))

"""One measured line: what, how much, the peer in the same run, and what must be reached."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Line:
    """A measurement. Rates are per second; `ratio` is the measured one over the peer's.

    `must` is the least the ratio, or where there is no peer the rate, has to be; `most` is the most it may be, for what
    should be small. None where nothing is asked.
    """

    what: str
    unit: str
    measured: float
    peer: str = ""
    peer_measured: float | None = None
    must: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the peer."""
        return self.measured / self.peer_measured if self.peer_measured else None

    @property
    def reached(self) -> bool | None:
        """Whether it is as much as it must be; None where nothing is asked."""
        if self.must is None and self.most is None:
            return None
        figure = self.ratio if self.ratio is not None else self.measured
        return (self.must is None or figure >= self.must) and (self.most is None or figure <= self.most)

    def as_data(self) -> dict[str, Any]:
        """The line as plain data."""
        return {
            "what": self.what, "unit": self.unit, "measured": self.measured, "peer": self.peer or None,
            "peer_measured": self.peer_measured, "ratio": self.ratio, "must": self.must, "most": self.most,
            "reached": self.reached, **self.more,
        }  # fmt: skip


Say = Callable[[str], None]
"""Told what is being done."""


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def seconds_interleaved(actions: Mapping[str, Callable[[int], object]], rounds: int, say: Say) -> dict[str, float]:
    """The median of each action over rounds in which they take turns, so that a slow minute meets all alike.

    Each is called with the number of the round, from 0; round 0 warms up and does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}")
        for name, action in actions.items():
            started = time.perf_counter()
            action(number)
            if number:
                taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in taken.items()}

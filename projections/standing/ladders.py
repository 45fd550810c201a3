"""The tier of one account as of each of many days at once.

All that the rule of ladders looks at is kept once for each day: what is booked on a day is in view of that day and of
all later ones. So the answer for a day has no part of what is booked after it, and the days tell since when it holds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ledger.domain.values import points_parse
from ledger.rules.document import Ladder

WINDOW_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12, "lifetime": 0}
NOWHERE: Final = -1
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steps:
    """A ladder: the ids of its levels, lowest first, from how many points (1/100) each is, how long its window is in
    months (0: a lifetime), and how many levels one falls at most."""

    ids: Sequence[str]
    points: Ints
    window_months: int
    fall_most: int

    @staticmethod
    def of(ladder: Ladder) -> Steps:
        """The ladder of a document."""
        points = np.array([points_parse(level.points) for level in ladder.levels], np.int64)
        return Steps([lv.id for lv in ladder.levels], points, WINDOW_MONTHS[ladder.window], ladder.fall_levels_max)

    def window(self, month: int) -> int:
        """The number of the window that holds a month."""
        return month // self.window_months if self.window_months else 0

    def reached(self, points: Ints) -> Ints:
        """The place of the highest level that these points reach; the lowest, where they reach none."""
        return np.maximum(np.searchsorted(self.points, points, "right") - 1, 0)


class TiersByDay:
    """`first` is the tier of whoever begins under rules without a ladder: the lowest of the first ladder there was.

    Every change is made as of a day: at its place among `days` and all later ones.
    """

    def __init__(self, days: Sequence[int], first: str | None) -> None:
        self.days = days
        count = len(days)
        self.earned_ever: Ints = np.zeros(count, np.int64)
        self._names: dict[str, int] = {}
        self._first = NOWHERE if first is None else self._number(first)
        self._tier: Ints = np.full(count, NOWHERE, np.int64)
        self._entered = np.zeros(count, bool)
        self._decided = np.zeros(count, bool)
        self._earned: dict[tuple[int, int], Ints] = {}
        """By the months of a window, and its number."""
        self._places: dict[tuple[int, int], Ints] = {}
        """By ladder (as an object), and how many names there are: the place of each on it."""
        self._nothing: Ints = np.zeros(count, np.int64)

    def at(self, day: int) -> int:
        """The place of a day."""
        return bisect_left(self.days, day)

    def enter(self, at: int, ladder: Steps | None) -> None:
        """There is something of the account: it begins on the lowest level."""
        if self._entered[at]:
            return
        new = ~self._entered[at:]
        self._tier[at:][new] = self._first if ladder is None else self._number(ladder.ids[0])
        self._entered[at:] = True

    def earn(self, at: int, ladder: Steps | None, month: int, points: int) -> None:
        """Count points earned under a ladder in a month's window; below zero: no longer. (The kernel takes none back
        from a window that is closed, which nobody looks at any more.)"""
        self.earned_ever[at:] += points
        if ladder is not None and ladder.window_months:
            key = ladder.window_months, ladder.window(month)
            if key not in self._earned:
                self._earned[key] = np.zeros(len(self.days), np.int64)
            self._earned[key][at:] += points

    def counted(self, ladder: Steps, month: int) -> Ints:
        """What counts in the window of a month."""
        if not ladder.window_months:
            return self.earned_ever
        return self._earned.get((ladder.window_months, ladder.window(month)), self._nothing)

    def rise(self, at: int, ladder: Steps | None, month: int) -> None:
        """To the level that is reached in the window of a month, where that is higher."""
        if ladder is not None:
            reached = ladder.reached(self.counted(ladder, month)[at:])
            self._move(at, ladder, reached, reached > self._level(at, ladder))

    def review(self, at: int, ladder: Steps, month: int) -> None:
        """At the end of the window whose last month this is: to the level of the best window that is still open, by so
        many levels at most, where that is lower."""
        window = ladder.window(month)
        months = ladder.window_months
        later = [points for key, points in self._earned.items() if key[0] == months and key[1] >= window]
        best = np.maximum.reduce([points[at:] for points in later]) if later else self._nothing[at:]
        now = self._level(at, ladder)
        reached = np.maximum(ladder.reached(best), now - ladder.fall_most)
        self._move(at, ladder, reached, reached < now)

    def level(self, ladder: Steps | None) -> int:
        """The place on a ladder as of the last day; the lowest where the ladder doesn't know the tier."""
        return 0 if ladder is None else int(self._level(-1, ladder)[0])

    @property
    def entered(self) -> bool:
        """As of the last day there is something of the account."""
        return bool(self._entered[-1])

    @property
    def tier(self) -> int:
        """The tier as of the last day, as a number that stands for it."""
        return int(self._tier[-1])

    @property
    def told(self) -> tuple[str | None, int | None]:
        """The tier as of the last day, and the day since which it is so, None where it began on it."""
        if not len(self.days) or self._tier[-1] == NOWHERE:
            return None, None
        other = np.flatnonzero(self._tier != self._tier[-1])
        first = int(other[-1]) + 1 if len(other) else 0
        return list(self._names)[self.tier], self.days[first] if self._decided[first] else None

    def _number(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _level(self, at: int, ladder: Steps) -> Ints:
        """The places on a ladder from a day on; the lowest of whoever is nowhere."""
        key = id(ladder), len(self._names)
        places = self._places.get(key)
        if places is None:
            of_names = [ladder.ids.index(name) if name in ladder.ids else 0 for name in self._names]
            places = self._places[key] = np.array([*of_names, 0], np.int64)
        return places[self._tier[at:]]

    def _move(self, at: int, ladder: Steps, reached: Ints, which: NDArray[np.bool_]) -> None:
        if which.any():
            numbers = np.array([self._number(name) for name in ladder.ids], np.int64)
            self._tier[at:][which] = numbers[reached[which]]
            self._decided[at:] |= which

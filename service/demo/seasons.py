"""When things happen: days drawn by weight, so that seasons show. All in integers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date
from itertools import accumulate
from random import Random
from typing import Final

_SPRING_FESTIVAL: Final = {
    2018: (2, 16), 2019: (2, 5), 2020: (1, 25), 2021: (2, 12), 2022: (2, 1), 2023: (1, 22), 2024: (2, 10),
    2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3), 2031: (1, 23),
    2032: (2, 11), 2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip
_REST_BEFORE_DAYS, _REST_AFTER_DAYS = 10, 16


def spring_festival(year: int) -> date:
    """New Year's Day of the lunar calendar; its middle, 5 February, for years not listed."""
    month, day = _SPRING_FESTIVAL.get(year, (2, 5))
    return date(year, month, day)


def is_festival(day: date) -> bool:
    """Whether sites stand still around the Spring Festival."""
    away = (day - spring_festival(day.year)).days
    return -_REST_BEFORE_DAYS <= away <= _REST_AFTER_DAYS


def weight_signing(day: date) -> int:
    """How likely a contract is signed: little at weekends and around the festival, most as a quarter ends."""
    weight = (6, 9, 14)[(day.month - 1) % 3]
    if day.month % 3 == 0 and day.day >= 16:
        weight *= 2
    if day.weekday() >= 5:
        weight = weight // 5
    return max(1, weight // 8) if is_festival(day) else weight


def weight_visiting(day: date) -> int:
    """How likely a customer looks in: working days above all, seldom around the festival."""
    weight = 3 if day.weekday() >= 5 else 10
    return max(1, weight // 4) if is_festival(day) else weight


class Season:
    """Days from `first` to `last`, each with its weight."""

    def __init__(self, first: date, last: date, weight: Callable[[date], int]) -> None:
        self._first = first.toordinal()
        days = range(self._first, last.toordinal() + 1)
        self._sums = list(accumulate((weight(date.fromordinal(d)) for d in days), initial=0))

    def draw(self, random: Random, first: int, last: int) -> int:
        """A day from `first` to `last` (ordinals within the season), the heavier the likelier."""
        low = self._sums[first - self._first]
        high = self._sums[last - self._first + 1]
        return self._first + bisect_right(self._sums, random.randrange(low, high)) - 1

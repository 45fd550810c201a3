"""What was booked after a day: points that were not there yet for who redeems on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ledger.domain.values import day_parse

_SIGNS: Final = {
    "PointsGranted": 1, "PointsDeducted": 1, "PointsReversed": 1, "PointsReturned": 1, "PointsFreed": 1,
    "PointsHeld": -1,
}  # fmt: skip
"""The events that change what can be spent, and how their points do. What is spent was held before; what expires is
booked on the last day of a month that is closed, and never after a day that can still be booked on."""


def spendable_moved(topic: str, fields: Mapping[str, Any]) -> tuple[int, int] | None:
    """On which day an event changed what can be spent, and by how many points (1/100); None where it doesn't."""
    sign = _SIGNS.get(topic)
    return None if sign is None else (day_parse(fields["booked_on"]), sign * fields["points"])


def booked_later(moved: Iterable[tuple[int, int]], day: int) -> int:
    """By how much less could be spent on some day from `day` on than can be spent now, for what is booked after it; 0
    where nothing is. The kernel's `booked_later` says the same of a run."""
    total = most = 0
    by_day: dict[int, int] = {}
    for booked, points in moved:
        if booked > day:
            by_day[booked] = by_day.get(booked, 0) + points
    for booked in sorted(by_day, reverse=True):
        total += by_day[booked]
        most = max(most, total)
    return most

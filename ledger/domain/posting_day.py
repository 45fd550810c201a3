"""The posting day: in which month the books have what an event moves, so that a month that is closed stands still.

An event's booked day says what it counts for: a correction takes back the points of the day they were granted on.
Recorded once that day's month is closed, it is posted on the first open day, as whatever else comes late is booked
there.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.values import month_first_day, month_of

NOTHING_OPENED: Final = 0
"""The first open day where no day is closed yet: every day is open."""

_OF_THE_CLOSE: Final = frozenset({"PointsExpired", "PointsFreed"})
"""What the close of a day decides stands behind it in the log and belongs to that day. Where people free points, the
writer books that on an open day."""


def open_day_after(closed_day: int) -> int:
    """The first day of the month that is open once a day is closed: a month is closed with its last day."""
    return month_first_day(month_of(closed_day + 1))


def posting_day(topic: str, booked_day: int, open_day: int) -> int:
    """When an event is posted that counts for `booked_day`, and was recorded when `open_day` was the first open one."""
    return booked_day if topic in _OF_THE_CLOSE else max(booked_day, open_day)

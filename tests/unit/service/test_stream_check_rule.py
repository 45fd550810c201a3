"""When a stream is checked: once a night, at an hour of where the books are kept."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from service.serving.stream_checking import CheckRule

SHANGHAI = "Asia/Shanghai"
NIGHT = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("now", "hour", "done", "due"),
    [
        # 3:00 in Shanghai on the 25th is 19:00 UTC on the 24th.
        (datetime(2026, 11, 24, 18, 59, tzinfo=UTC), 3, None, None),
        (datetime(2026, 11, 24, 19, 0, tzinfo=UTC), 3, None, NIGHT),
        (datetime(2026, 11, 24, 21, 59, tzinfo=UTC), 3, None, NIGHT),
        (datetime(2026, 11, 24, 21, 59, tzinfo=UTC), 3, NIGHT, None),
        # Three hours later it is left to the next night: the day belongs to people.
        (datetime(2026, 11, 24, 22, 0, tzinfo=UTC), 3, None, None),
        (datetime(2026, 11, 25, 19, 5, tzinfo=UTC), 3, NIGHT, date(2026, 11, 26)),
        # A night that goes past midnight is one night: 23:30 and 1:30 are both the 25th's, begun at 23:00.
        (datetime(2026, 11, 25, 15, 30, tzinfo=UTC), 23, None, NIGHT),
        (datetime(2026, 11, 25, 17, 30, tzinfo=UTC), 23, NIGHT, None),
        (datetime(2026, 11, 24, 19, 0, tzinfo=UTC), None, None, None),
    ],
)  # fmt: skip
def test_a_check_begins_once_a_night(now: datetime, hour: int | None, done: date | None, due: date | None) -> None:
    assert CheckRule(hour).due(now, SHANGHAI, done) == due

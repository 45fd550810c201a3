"""SIGKILL of the follower while events are appended: every view ends up with each event once."""

from __future__ import annotations

from service.settings import Settings
from tests.acceptance.follower_kills import follower_kill_rounds


def test_five_kills_of_the_follower_leave_every_view_as_the_log_has_it(settings: Settings) -> None:
    happened = follower_kill_rounds(settings, rounds=5, seed=20261102, progress=print)
    assert happened["rounds"] == 5
    assert happened["behind"] > 0  # otherwise no kill came while there was something to do
    assert happened["acknowledged"] > 100

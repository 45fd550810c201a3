"""SIGKILL of the broker, of relays and of the writer: every event is in the stream once, in the order of positions."""

from __future__ import annotations

from service.settings import Settings
from tests.acceptance.relay_kills import relay_kill_rounds


def test_five_kills_with_two_relays_racing_leave_every_event_in_the_stream_once_and_in_order(settings: Settings) -> None:
    happened = relay_kill_rounds(settings, rounds=5, seed=20261125, progress=print)
    assert (happened["broker"], happened["relay"], happened["writer"]) == (2, 2, 1)
    assert happened["events"] > 500 and happened["acknowledged"] > 200

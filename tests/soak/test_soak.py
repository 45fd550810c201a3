"""Many rounds of killing. `make soak` runs this; it takes some minutes."""

from __future__ import annotations

import secrets

import pytest

from service.settings import Settings
from tests.acceptance.follower_kills import follower_kill_rounds
from tests.acceptance.kills import kill_rounds
from tests.acceptance.relay_away import broker_away
from tests.acceptance.relay_kills import relay_kill_rounds
from tests.acceptance.served_kills import served_kill_rounds
from tests.acceptance.test_kills import own_settings

__all__ = ["own_settings"]


@pytest.mark.soak
def test_fifty_kills_under_load_lose_nothing_and_double_nothing(own_settings: Settings) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    happened = kill_rounds(own_settings, rounds=50, seed=seed, progress=lambda text: print(text, flush=True))
    assert (happened["writer killed"], happened["postgres killed"], happened["checks"]) == (25, 25, 50)
    assert happened["acknowledged"] > 2_000


@pytest.mark.soak
def test_a_hundred_kills_under_http_load_lose_nothing_and_double_nothing(own_settings: Settings) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    happened = served_kill_rounds(own_settings, rounds=100, seed=seed, progress=lambda text: print(text, flush=True))
    assert (happened["service"], happened["postgres"], happened["follower"]) == (34, 33, 33)
    assert happened["acknowledged"] > 10_000


@pytest.mark.soak
def test_fifty_kills_of_the_follower_leave_every_view_as_the_log_has_it(own_settings: Settings) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    happened = follower_kill_rounds(own_settings, rounds=50, seed=seed, progress=lambda text: print(text, flush=True))
    assert happened["behind"] > 10


@pytest.mark.soak
def test_a_hundred_kills_with_two_relays_racing_leave_every_event_in_the_stream_once_and_in_order(
    own_settings: Settings,
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    happened = relay_kill_rounds(own_settings, rounds=100, seed=seed, progress=lambda text: print(text, flush=True))
    print(dict(happened))
    assert (happened["broker"], happened["relay"], happened["writer"]) == (34, 33, 33)
    assert happened["events"] > 10_000 and happened["behind"] > 10


@pytest.mark.soak
def test_a_broker_that_is_away_for_a_minute_under_load_fails_no_write_and_the_relay_drains(own_settings: Settings) -> None:
    happened = broker_away(own_settings, seconds=60.0)
    print(dict(happened))
    assert happened["behind"] > 1_000 and happened["acknowledged while away"] > 1_000

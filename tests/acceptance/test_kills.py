"""SIGKILL of the writer and of Postgres under load: what was acknowledged is there, once, and all sums are right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.acceptance.kills import kill_rounds
from tests.homes import home_made


@pytest.fixture
def own_settings() -> Iterator[Settings]:
    """A home of its own: its Postgres is going to be killed."""
    with home_made("kill") as home:
        yield Settings(home)


def test_five_kills_under_load_lose_nothing_and_double_nothing(own_settings: Settings) -> None:
    happened = kill_rounds(own_settings, rounds=5, seed=20261101, progress=print)
    assert (happened["writer killed"], happened["postgres killed"], happened["checks"]) == (3, 2, 5)
    assert happened["acknowledged"] > 200

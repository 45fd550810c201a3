"""SIGKILL of subscribers while events come: each event takes effect once, in order."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.acceptance.subscriber_kills import subscriber_kill_rounds


def test_kills_of_subscribers_lose_no_event_and_double_none(tmp_path: Path, database_url: str) -> None:
    happened = subscriber_kill_rounds(tmp_path, database_url, rounds=4, seed=20261126, progress=print)
    assert happened["kills"] == 8 and happened["events"] > 100
    assert happened["held"] > 0  # otherwise no kill came while there was something to do


@pytest.mark.soak
def test_fifty_kills_of_subscribers_lose_no_event_and_double_none(tmp_path: Path, database_url: str) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    happened = subscriber_kill_rounds(
        tmp_path, database_url, rounds=50, seed=seed, progress=lambda text: print(text, flush=True)
    )
    print(dict(happened))
    assert happened["kills"] == 100 and happened["held"] > 10

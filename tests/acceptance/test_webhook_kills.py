"""Those who deliver webhooks are killed at random: every message comes, in order, and twice only where a kill came between."""

from __future__ import annotations

import pytest

from tests.acceptance.webhook_kills import kill_rounds
from tests.integration.webhooks.delivery import Hooks
from tests.ledgers import books_open
from tests.receiver import receiving


def _rounds(database_url: str, schema: str, rounds: int, seed: int) -> None:
    with books_open(database_url, schema) as books, receiving() as receiver:
        happened = kill_rounds(Hooks(books, database_url), receiver, rounds, seed)
    assert happened.kills == rounds and happened.events > rounds
    # A kill loses the outcome of the attempt under way of each of the two webhooks, no more.
    assert happened.doubles <= 2 * rounds, happened


def test_whoever_delivers_is_killed_and_every_message_comes_in_order(database_url: str, schema_name: str) -> None:
    _rounds(database_url, schema_name, rounds=4, seed=6)


@pytest.mark.soak
def test_whoever_delivers_is_killed_a_hundred_times(database_url: str, schema_name: str) -> None:
    _rounds(database_url, schema_name, rounds=100, seed=7)

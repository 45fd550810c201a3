"""Fixtures on the real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledgers import Books, books_open


@pytest.fixture
def books(database_url: str, schema_name: str) -> Iterator[Books]:
    """A new ledger whose books alice has opened; it is 2026-11-01 at noon in Shanghai."""
    with books_open(database_url, schema_name) as opened:
        yield opened

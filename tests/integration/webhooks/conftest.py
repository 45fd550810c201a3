"""Fixtures of webhooks: a ledger, a receiver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.webhooks.delivery import Hooks
from tests.ledgers import Books
from tests.receiver import Receiver, receiving


@pytest.fixture
def hooks(books: Books, database_url: str) -> Hooks:
    return Hooks(books, database_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there

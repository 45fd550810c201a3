"""A broker for subscribers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.subscribing import Broker, sqlite_made


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A NATS server with JetStream as it comes; the embedded one writes each message through to the disk."""
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="session")
def broker_url(broker: Broker) -> str:
    """Where it listens."""
    return broker.url


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A consumer's database."""
    return sqlite_made(tmp_path / "consumer.db")


@pytest.fixture
def anyio_backend() -> str:
    """Tests that are coroutines run on asyncio."""
    return "asyncio"

"""The durable consumer against a real NATS server: everything once, in order, whatever happens on the way."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from plumbline_client.subscribing import (
    DurableDiffers,
    GapFound,
    HandlerFailed,
    LedgerEvent,
    Patience,
    Subscriber,
    Subscription,
    SubscriptionChanged,
)
from plumbline_client.subscribing.postgres import PostgresPositions
from plumbline_client.subscribing.sqlite import SqlitePositions

from tests.streaming import (
    expected,
    reached,
    running,
    sqlite_book,
    sqlite_booked,
    sqlite_made,
    stream_open,
)

pytestmark = pytest.mark.anyio
QUICK: dict[str, Any] = {"ack_seconds": 1.0, "idle_seconds": 0.3, "create": True}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return sqlite_made(tmp_path / "consumer.db")


async def test_a_consumer_gets_what_was_there_and_what_comes_and_stays_where_it_was(nats_url: str, file: Path) -> None:
    async with stream_open(nats_url) as stream:
        await stream.more(10)
        subscription = Subscription(stream.ledger, "billing")
        for last in (15, 20):
            subscriber = Subscriber(subscription, SqlitePositions(file), url=nats_url, handler=sqlite_book, **QUICK)
            async with running(subscriber):
                await stream.more(5)
                await reached(subscriber, last)
        assert sqlite_booked(file) == expected(20)
        assert (await stream.durable("billing")).ack_floor.stream_seq == 20

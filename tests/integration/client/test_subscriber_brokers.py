"""Subscribers at a broker that allows them no more than they need, and that dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plumbline_client.subscribing import NotPermitted, Subscriber, Subscription
from plumbline_client.subscribing.sqlite import SqlitePositions

from tests.subscribing import (
    Broker,
    expected,
    reached,
    running,
    sqlite_book,
    sqlite_booked,
    stream_open,
)

pytestmark = pytest.mark.anyio
USERS = """
authorization { users: [
    { user: relay, password: relay }
    { user: billing, password: billing, permissions: {
        publish: { allow: [
            "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_walled.billing", "$JS.API.CONSUMER.INFO.PLUMBLINE_walled.billing"
            "$JS.ACK.PLUMBLINE_walled.billing.>"
        ] }
        subscribe: { allow: ["_INBOX_billing.>"] }
    } }
] }
"""


@pytest.fixture
def walled(tmp_path: Path) -> Iterator[Broker]:
    """A broker of its own, where the user billing may fetch from its durable, look at it, and acknowledge."""
    with Broker(tmp_path, USERS) as started:
        yield started


def subscriber_of(url: str, file: Path, **more: Any) -> Subscriber[Any]:
    return Subscriber(
        Subscription("walled", more.pop("name", "billing")), SqlitePositions(file), url=url, handler=sqlite_book,
        idle_seconds=0.3, **more,
    )  # fmt: skip


async def test_a_consumer_that_may_only_fetch_and_acknowledge_outlives_its_broker(walled: Broker, file: Path) -> None:
    async with stream_open(walled.url_of("relay"), "walled") as stream:
        await stream.durable_make("billing")
        await stream.more(50)
        async with running(subscriber_of(walled.url_of("billing"), file)) as subscriber:
            await reached(subscriber, 50)
            walled.kill()
            await asyncio.sleep(0.2)
            walled.start()
            # The publisher's own connection comes back by itself, too.
            while not stream.client.is_connected:
                await asyncio.sleep(0.02)
            await stream.more(50)
            await reached(subscriber, 100)
        assert sqlite_booked(file) == expected(100)


async def test_what_the_broker_does_not_permit_is_told_in_its_words(walled: Broker, file: Path) -> None:
    async with stream_open(walled.url_of("relay"), "walled") as stream:
        await stream.durable_make("warehouse")
        with pytest.raises(NotPermitted, match=r"CONSUMER\.INFO\.PLUMBLINE_walled\.warehouse"):
            await subscriber_of(walled.url_of("billing"), file, name="warehouse").run()
        with pytest.raises(NotPermitted, match="login"):
            await subscriber_of(walled.url_of("stranger"), file).run()

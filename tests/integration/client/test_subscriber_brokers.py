"""Subscribers at a broker that allows them no more than they need, and that dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plumbline_client.subscribing import NotPermitted, Subscriber, Subscription
from plumbline_client.subscribing.pulling import Puller
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
        words = r"CONSUMER\.INFO\.PLUMBLINE_walled\.warehouse.*another account.*needs domain=\"plumbline\""
        with pytest.raises(NotPermitted, match=words):
            await subscriber_of(walled.url_of("billing"), file, name="warehouse").run()
        # Who gives a domain already is not told to.
        with pytest.raises(NotPermitted) as found:
            await subscriber_of(walled.url_of("billing"), file, name="warehouse", domain="plumbline").run()
        assert "another account" not in str(found.value)
        with pytest.raises(NotPermitted, match="login"):
            await subscriber_of(walled.url_of("stranger"), file).run()


async def test_that_jetstream_does_not_answer_is_said_in_words(
    walled: Broker, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with stream_open(walled.url_of("relay"), "walled") as stream:
        await stream.durable_make("billing")
        await stream.more(3)
        ask, gone = Puller._request, ["once"]

        # As if JetStream were gone between the look at the durable and the request.
        async def asked_of_nobody(puller: Any, limit: int) -> None:
            target = puller._target
            puller._target = target + ".nobody" if gone else target
            await ask(puller, limit)
            puller._target = target
            gone.clear()

        monkeypatch.setattr(Puller, "_request", asked_of_nobody)
        async with running(subscriber_of(walled.url_of("relay"), file)) as subscriber:
            await reached(subscriber, 3)
    [said] = [record.getMessage() for record in caplog.records if "again in" in record.getMessage()]
    assert said.startswith("billing: JetStream doesn't answer on the NATS server") and "503" not in said

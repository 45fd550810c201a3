"""A ledger's stream on a real NATS server, filled as the relay fills it, and where subscribers write what they got."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import nats
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, StreamConfig
from nats.js.errors import NotFoundError
from plumbline_client.subscribing import LedgerEvent, Subscriber

from ledger.log.recorder import EventRow
from streams.messages import message_of
from streams.subjects import event_subjects, stream_name
from tests.ledgers import NOW
from tests.nats_servers import NatsServer

WINDOW = 64
WAIT_SECONDS = 60.0
KINDS = ("PointsGranted", "PointsDeducted", "TierChanged", "DayClosed")


def ledger_name() -> str:
    """A ledger that no other test has."""
    return f"t_{secrets.token_hex(4)}"


def event_row(position: int) -> EventRow:
    """The event at a position of an invented log: of four types in turn, the first three of five customers'."""
    kind = KINDS[position % len(KINDS)]
    moment = (NOW + timedelta(seconds=position)).isoformat()
    state: dict[str, Any] = {"occurred_at": moment, "recorded_at": moment, "actor": "alice", "cause": position}
    if kind == "DayClosed":
        return position, "calendar", position, kind, orjson.dumps({**state, "day": 20_000 + position})
    state["balance"] = 100 * position
    if kind != "TierChanged":
        sign = 1 if kind == "PointsGranted" else -1
        state |= {"points": sign * position, "rule": "contract_signed", "booked_on": moment[:10]}
    return position, f"C-{position % 5 + 1:06d}", position, kind, orjson.dumps(state)


class Stream:
    """The stream of a ledger and who publishes to it."""

    def __init__(self, client: Client, ledger: str) -> None:
        self.client = client
        self.ledger = ledger
        self.name = stream_name(ledger)
        self.position = 0
        self._js = client.jetstream()

    async def make(self, *, first: int = 1) -> None:
        """As `plumbline streams setup` makes it, but that a test may delete from it; its first sequence is `first`."""
        config = StreamConfig(name=self.name, subjects=[event_subjects(self.ledger)])
        document = {**config.as_dict(), "first_seq": first}
        answer = await self.client.request(f"$JS.API.STREAM.CREATE.{self.name}", orjson.dumps(document), timeout=10)
        assert "error" not in orjson.loads(answer.data), answer.data
        self.position = first - 1

    async def remove(self) -> None:
        """The stream is gone, and every durable with it."""
        await self._js.delete_stream(self.name)

    async def publish(self, rows: Sequence[EventRow]) -> None:
        """Publish events, a window at a time; each is stored at the sequence that is its position."""
        for first in range(0, len(rows), WINDOW):
            window = [message_of(self.ledger, row) for row in rows[first : first + WINDOW]]
            acks = [
                self.client.request(m.subject, m.body, timeout=30, headers=dict(m.headers)) for m in window
            ]
            for message, ack in zip(window, await asyncio.gather(*acks), strict=True):
                assert orjson.loads(ack.data).get("seq") == message.position, ack.data
        self.position = rows[-1][0]

    async def more(self, count: int) -> None:
        """Publish the next events of the invented log."""
        await self.publish([event_row(p) for p in range(self.position + 1, self.position + count + 1)])

    async def delete(self, position: int) -> None:
        """Take a message out of the middle."""
        assert await self._js.delete_msg(self.name, position)

    async def durable_make(self, name: str, *subjects: str, **more: Any) -> None:
        """A durable as an operator makes it."""
        given: dict[str, Any] = {"ack_wait": 2, "max_deliver": -1, "ack_policy": "explicit", "max_ack_pending": 1_000, **more}
        config = ConsumerConfig(durable_name=name, filter_subjects=list(subjects) or [event_subjects(self.ledger)], **given)
        await self._js.add_consumer(self.name, config=config)

    async def durable_remove(self, name: str) -> None:
        """The durable is gone."""
        await self._js.delete_consumer(self.name, name)

    async def fetch(self, name: str, count: int) -> list[Msg]:
        """What a durable gives to somebody else."""
        subscription = await self._js.pull_subscribe_bind(name, self.name)
        try:
            return await subscription.fetch(count, timeout=10)
        finally:
            await subscription.unsubscribe()

    async def durable(self, name: str) -> Any:
        """How a durable stands; None where there is none."""
        try:
            return await self._js.consumer_info(self.name, name)
        except NotFoundError:
            return None


@asynccontextmanager
async def stream_open(url: str, ledger: str | None = None, *, make: bool = True) -> AsyncIterator[Stream]:
    """A stream of a ledger of one's own; removed at the end."""
    client = await nats.connect(url)
    stream = Stream(client, ledger or ledger_name())
    try:
        if make:
            await stream.make()
        yield stream
    finally:
        with suppress(NotFoundError):
            await stream.remove()
        await client.close()


@asynccontextmanager
async def running(subscriber: Subscriber[Any]) -> AsyncIterator[Subscriber[Any]]:
    """A subscriber at work; an error of its own ends the block, and is raised."""
    task = asyncio.create_task(subscriber.run())
    block = asyncio.current_task()
    assert block is not None
    task.add_done_callback(lambda t: block.cancel() if not t.cancelled() and t.exception() else None)
    try:
        yield subscriber
    except asyncio.CancelledError:
        if not task.done():
            raise
    finally:
        subscriber.stop()
        await asyncio.wait_for(asyncio.shield(task), WAIT_SECONDS)


async def reached(subscriber: Subscriber[Any], position: int) -> None:
    """Wait until it has."""
    await asyncio.wait_for(subscriber.reached(position), WAIT_SECONDS)


def sqlite_made(path: Path) -> Path:
    """A database with the table that `sqlite_book` writes to: nothing in it keeps a double out."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS booked (position INTEGER, type TEXT, customer TEXT)")
    connection.close()
    return path


def sqlite_book(event: LedgerEvent, connection: sqlite3.Connection) -> None:
    """A handler that writes down what it got."""
    connection.execute("INSERT INTO booked VALUES (?, ?, ?)", (event.position, event.type, event.customer))


def sqlite_booked(path: Path) -> list[tuple[int, str, str | None]]:
    """What was written, in the order of writing."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT position, type, customer FROM booked ORDER BY rowid").fetchall()
    connection.close()
    return rows


def expected(
    last: int, *, first: int = 1, types: Sequence[str] = (), customers: Sequence[str] = ()
) -> list[tuple[int, str, str | None]]:
    """What of the invented log a subscription should get."""
    rows = [event_row(p) for p in range(first, last + 1)]
    found = [(p, topic, None if stream == "calendar" else stream) for p, stream, _, topic, _ in rows]
    return [e for e in found if (not types or e[1] in types) and (not customers or e[2] in customers)]


class Broker(NatsServer):
    """A NATS server of a test's own for the length of a block. `config` is what it has beside JetStream."""

    def __init__(self, folder: Path, config: str = "") -> None:
        super().__init__(folder, "broker", cluster=config)

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def url_of(self, user: str) -> str:
        """Where a user connects whose password is its name."""
        return f"nats://{user}:{user}@127.0.0.1:{self.port}"

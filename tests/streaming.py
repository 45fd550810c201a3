"""What a stream holds, message by message, against the log: for every test that has done something to one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import orjson
from nats.js.api import ConsumerConfig, DeliverPolicy

from ledger.log.recorder import LogRecorder
from service.serving.relaying import Relaying
from service.settings import Settings
from streams.connection import Connection, nats_connected
from streams.faults import NatsUnreachable
from streams.messages import message_of
from streams.setup import stream_info, streams_setup
from streams.subjects import stream_name

WAIT_SECONDS = 60.0
T = TypeVar("T")


def on_nats(url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What some work with a connection comes to."""

    async def run() -> T:
        async with nats_connected(url, "test") as connection:
            return await work(connection)

    return asyncio.run(run())


def set_up(url: str, ledger: str, replicas: int | None = None) -> None:
    """Make the streams of a ledger."""

    async def work(connection: Connection) -> None:
        await streams_setup(connection, ledger, replicas)

    on_nats(url, work)


def stream_last(url: str, ledger: str) -> int:
    """The sequence of a stream's last message; 0 where there is none."""

    async def work(connection: Connection) -> int:
        return await _last(connection, ledger)

    return on_nats(url, work)


async def _last(connection: Connection, ledger: str) -> int:
    found = await stream_info(connection, stream_name(ledger))
    return 0 if found is None else found.state.last_seq


def stream_wait(url: str, ledger: str, position: int, seconds: float = WAIT_SECONDS) -> None:
    """Wait until a stream has a position."""

    deadline = time.monotonic() + seconds

    async def work(connection: Connection) -> None:
        while (last := await _last(connection, ledger)) < position:
            assert time.monotonic() < deadline, f"the stream stands at {last} of {position}"
            await asyncio.sleep(0.02)

    while True:
        try:
            return on_nats(url, work)
        except NatsUnreachable:
            # Its leader may just have died, or the server that was asked.
            assert time.monotonic() < deadline, "the stream can't be looked up"


def stream_check(url: str, ledger: str, recorder: LogRecorder, after: int = 0, *, whole: bool = True) -> int:
    """Every message after a position is the event of its sequence, body and all, each once and none missing. Returns
    the last sequence; `whole`: which is then the head of the log."""
    return on_nats(url, lambda connection: _check(connection, ledger, recorder, after, whole))


async def _check(connection: Connection, ledger: str, recorder: LogRecorder, after: int, whole: bool) -> int:
    stream = stream_name(ledger)
    info = await connection.manager.stream_info(stream)
    last: int = info.state.last_seq
    assert (info.state.messages, info.state.first_seq, info.state.num_deleted or 0) == (last, min(last, 1), 0)
    if whole:
        assert last == recorder.position_head()
    assert after <= last
    position = after
    async for sequence, message in _messages(connection, stream, after, last):
        if (position - after) % 1_000 == 0:
            events = {row[0]: row for row in recorder.select_range(position, 1_000)}
        position += 1
        event = events[position]  # pyright: ignore[reportPossiblyUnboundVariable]
        assert sequence == position
        wanted = message_of(ledger, event)
        assert (message.subject, message.data) == (wanted.subject, wanted.body), position
        headers: dict[str, str] = dict(message.headers)
        extra = {
            "Nats-Expected-Last-Sequence": str(position - 1), "Nats-Expected-Stream": stream,
            "Nats-Msg-Id": f"{ledger}/{position}",
        }  # fmt: skip
        # The first of each start of a relay names the one before it by its sequence only.
        assert headers.pop("Nats-Expected-Last-Msg-Id", f"{ledger}/{position - 1}") == f"{ledger}/{position - 1}"
        assert headers == wanted.headers | extra, position
        # Not by the code under test alone: the log's own bytes.
        state = orjson.loads(event[4])
        assert (headers["ce-type"], headers["ce-time"]) == (event[3], state["recorded_at"])
        assert headers["ce-position"] == str(position)
    assert position == last
    return last


async def _messages(connection: Connection, stream: str, after: int, last: int) -> AsyncGenerator[tuple[int, Any]]:
    if last == after:
        return
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1)
    subscription = await connection.client.jetstream().subscribe(
        "plumbline.>", stream=stream, config=config, ordered_consumer=True
    )
    try:
        sequence = after
        while sequence < last:
            message = await subscription.next_msg(timeout=WAIT_SECONDS)
            sequence = message.metadata.sequence.stream
            yield sequence, message
    finally:
        await subscription.unsubscribe()


@contextmanager
def relaying(settings: Settings, ledger: str, database_url: str, nats_url: str) -> Iterator[Relaying]:
    """The relay of a ledger as `serve` runs it, for as long as it is needed."""
    found = Relaying(settings, ledger, database_url, nats_url)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait for something to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

"""The relay: how many events a second it brings to JetStream beside bare publishing, and how long one takes from its
commit to a subscriber.

An embedded PostgreSQL and NATS servers of its own: with JetStream's default, which flushes to the disk every two
minutes, and with `sync_interval: always`, as the embedded server has it. Bare publishing takes the same messages out of
memory, has the same window, asks for no sequence, and stands on the same client library. Python's collector of garbage
looks as seldom as in `serve`, for both.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop
from eventsourcing.persistence import StoredEvent
from nats.js.api import ConsumerConfig, DeliverPolicy

from benchmarks.append import events_made
from benchmarks.lines import Line, Say
from benchmarks.nats_own import nats_own
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.log.types import Appended
from service import embedded
from service.collecting import collecting_seldom
from service.settings import DATABASE_URL_VARIABLE, HOME_VARIABLE, NATS_URL_VARIABLE, Settings
from streams.connection import Connection, nats_connected
from streams.messages import Message, message_of
from streams.publishing import TURN_MESSAGES, WINDOW
from streams.relay import Relay
from streams.setup import stream_info, streams_setup
from streams.subjects import event_subjects, stream_name

MUST_RATE: Final = 5_000
MUST_RATIO: Final = 0.6
MOST_P50_MICROSECONDS: Final = 10_000
MOST_P99_MICROSECONDS: Final = 50_000
LATENCY_RATE: Final = 500
LEDGER: Final = "main"
SCHEMA: Final = "ledger_main"
READY_SECONDS_MAX: Final = 300.0
ACK_SECONDS_MAX: Final = 30.0


@dataclass(frozen=True)
class _Syncing:
    name: str
    setting: str
    events: int


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure."""
    # Not below the project: the path of a Unix socket is short, and the server's account must reach it.
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    syncing = (_Syncing("default sync", "", 30_000), _Syncing("sync_interval: always", "sync_interval: always", 6_000))
    try:
        say("starting PostgreSQL")
        url = embedded.database_url(settings)
        ledger_schema_create(url, SCHEMA)
        lines: list[Line] = []
        with recorder_open(url, SCHEMA) as recorder:
            _log_write(recorder, 2_000 if quick else max(s.events for s in syncing), say)
            for sync in syncing:
                with nats_own(parent, sync.setting) as nats_url, collecting_seldom():
                    events = 2_000 if quick else sync.events
                    lines += _throughput(recorder, url, nats_url, sync, events, 1 if quick else 3, say)
            for sync in syncing:
                with nats_own(parent, sync.setting) as nats_url:
                    seconds = 1.0 if quick else 12.0
                    lines += _latency(recorder, settings, url, nats_url, sync, seconds, say)
        return lines
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)


def _log_write(recorder: LogRecorder, count: int, say: Say) -> None:
    say(f"writing {count:,} events")
    source = events_made(random.Random(1))
    for position in range(0, count, 1_000):
        outcome = recorder.append([next(source) for _ in range(1_000)], position_expected=position)
        assert isinstance(outcome, Appended)


def _throughput(
    recorder: LogRecorder, url: str, nats_url: str, sync: _Syncing, events: int, rounds: int, say: Say
) -> list[Line]:
    messages = [message_of(LEDGER, row) for row in recorder.select_range(0, events)]
    taken: dict[str, list[float]] = {"relay": [], "bare": []}
    for number in range(rounds + 1):
        for name, times in taken.items():
            say(f"{sync.name}, {events:,} events, round {number} of {rounds}: {name}")
            work = _relayed(url, nats_url, events) if name == "relay" else _bare(nats_url, messages)
            found = uvloop.run(work)
            if number:
                times.append(found)
    rates = {name: events / statistics.median(times) for name, times in taken.items()}
    more = {"window": WINDOW, "events": events, "rounds": rounds, "sync": sync.name}
    what = f"relay to JetStream, {sync.name}"
    lines = [
        Line(
            what, "events/s", rates["relay"], f"bare publishing, window {WINDOW}", rates["bare"], more=more,
            must=None if sync.setting else MUST_RATIO,
        )
    ]  # fmt: skip
    if not sync.setting:
        lines.append(Line(what, "events/s", rates["relay"], must=MUST_RATE, more=more))
    return lines


async def _relayed(url: str, nats_url: str, events: int) -> float:
    """Seconds that a relay takes for so many events, from its start."""
    await _stream_anew(nats_url)
    relay = Relay(LEDGER, SCHEMA, url, nats_url)
    started = time.perf_counter()
    await relay.run_until(events)
    return time.perf_counter() - started


async def _bare(nats_url: str, messages: Sequence[Message]) -> float:
    """Seconds that publishing takes where the messages are in memory and in no order but that of one connection."""
    await _stream_anew(nats_url)
    async with nats_connected(nats_url, "bare") as connection:
        client, inbox = connection.client, connection.client.new_inbox()
        acked, room = 0, asyncio.Event()

        async def answered(message: Any) -> None:
            nonlocal acked
            if b'"error"' in message.data:
                raise RuntimeError(message.data)
            acked += 1
            room.set()

        await client.subscribe(inbox, cb=answered)
        started = time.perf_counter()
        for sent, message in enumerate(messages):
            while sent - acked >= WINDOW:
                room.clear()
                await asyncio.wait_for(room.wait(), ACK_SECONDS_MAX)
            headers = {**message.headers, "Nats-Msg-Id": message.headers["ce-id"]}
            await client.publish(message.subject, message.body, inbox, headers)
            if sent % TURN_MESSAGES == 0:
                await asyncio.sleep(0)
        while acked < len(messages):
            room.clear()
            await asyncio.wait_for(room.wait(), ACK_SECONDS_MAX)
        return time.perf_counter() - started


async def _stream_anew(nats_url: str) -> None:
    async with nats_connected(nats_url, "bench") as connection:
        if await stream_info(connection, stream_name(LEDGER)) is not None:
            await connection.manager.delete_stream(stream_name(LEDGER))
        await streams_setup(connection, LEDGER)


def _latency(
    recorder: LogRecorder, settings: Settings, url: str, nats_url: str, sync: _Syncing, seconds: float, say: Say
) -> list[Line]:
    """Append events one by one at a steady rate while `serve --roles relay` runs, and note when each arrives."""
    say(f"{sync.name}: from commit to subscriber at {LATENCY_RATE} events a second")
    uvloop.run(_stream_anew(nats_url))
    environment = {
        HOME_VARIABLE: str(settings.home), DATABASE_URL_VARIABLE: url, NATS_URL_VARIABLE: nats_url,
    }  # fmt: skip
    with _serving(environment), _Subscriber(nats_url) as subscriber:
        head = recorder.position_head()
        subscriber.wait(head)
        source = events_made(random.Random(2 if sync.setting else 3))
        committed: dict[int, float] = {}
        versions: Counter[str] = Counter()
        position, end = head, head + int(LATENCY_RATE * seconds)
        started = time.perf_counter()
        while position < end:
            # What is due by now goes together, as the writer does it: one event where a commit takes less than 2 ms.
            due = min(end, head + int((time.perf_counter() - started) * LATENCY_RATE) + 1)
            if due == position:
                time.sleep(0.0002)
                continue
            events = [_again(next(source), sync, versions) for _ in range(due - position)]
            outcome = recorder.append(events, position_expected=position)
            at = time.perf_counter()
            assert isinstance(outcome, Appended)
            committed |= dict.fromkeys(range(position + 1, due + 1), at)
            position = due
        reached = LATENCY_RATE * seconds / (time.perf_counter() - started)
        subscriber.wait(recorder.position_head())
    times = sorted((subscriber.arrived[p] - at) * 1e6 for p, at in committed.items())
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    more = {"events_a_second": round(reached), "events": len(times), "p999": times[len(times) * 999 // 1000]}
    what = f"commit to subscriber at {LATENCY_RATE} events/s, {sync.name}"
    return [
        Line(f"{what}, p50", "µs", p50, most=MOST_P50_MICROSECONDS, more=more),
        Line(f"{what}, p99", "µs", p99, most=MOST_P99_MICROSECONDS, more=more),
    ]


def _again(event: StoredEvent, sync: _Syncing, versions: Counter[str]) -> StoredEvent:
    """The event in a stream of its own, since each run appends to the same log."""
    stream = f"{event.originator_id}-{'always' if sync.setting else 'default'}"
    versions[stream] += 1
    return StoredEvent(stream, versions[stream], event.topic, event.state)


class _Subscriber:
    """Follows the stream in a thread of its own, and notes when each event arrives."""

    def __init__(self, nats_url: str) -> None:
        self.arrived: dict[int, float] = {}
        self._nats_url = nats_url
        self._ready, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._follow()), daemon=True)

    def __enter__(self) -> _Subscriber:
        self._thread.start()
        if not self._ready.wait(READY_SECONDS_MAX):
            raise RuntimeError("the subscriber doesn't begin")
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait(self, position: int) -> None:
        """Wait until an event has arrived."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while position not in self.arrived:
            if time.monotonic() > deadline:
                raise RuntimeError(f"position {position} doesn't arrive")
            time.sleep(0.01)

    async def _follow(self) -> None:
        async with nats_connected(self._nats_url, "subscriber") as connection:
            await self._subscribe(connection)
            self._ready.set()
            while not self._stopping.is_set():
                await asyncio.sleep(0.05)

    async def _subscribe(self, connection: Connection) -> None:
        async def arrived(message: Any) -> None:
            self.arrived[int(message.headers["ce-position"])] = time.perf_counter()

        await connection.client.jetstream().subscribe(
            event_subjects(LEDGER), stream=stream_name(LEDGER), cb=arrived, ordered_consumer=True,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL),
        )  # fmt: skip


@contextmanager
def _serving(environment: Mapping[str, str]) -> Generator[None]:
    command = [sys.executable, "-m", "service.main", "serve", "--no-http", "--roles", "relay"]
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(READY_SECONDS_MAX)

"""Rounds of killing subscribers while events come, then what they wrote against what came."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from tests.acceptance.forking import Forked, forks
from tests.acceptance.subscriber_process import TYPES, subscriber_of
from tests.subscribing import (
    WAIT_SECONDS,
    Broker,
    Stream,
    expected,
    ledger_name,
    reached,
    running,
    sqlite_booked,
    sqlite_made,
    stream_open,
)

PUBLISHED_EVERY_SECONDS = 0.02
PUBLISHED_AT_ONCE = 8


def subscriber_kill_rounds(
    folder: Path, database_url: str, rounds: int, seed: int, progress: Callable[[str], None]
) -> Counter[str]:
    """Kill a subscriber with Postgres and one with SQLite so many times under load, then compare; what happened, counted.

    `held` counts the kills at which events had been fetched that were not acknowledged, `ahead` those at which the store
    was ahead of the acknowledgements.
    """
    with Broker(folder) as broker:
        return asyncio.run(_rounds(broker, folder, database_url, rounds, Random(seed), progress))


async def _rounds(
    broker: Broker, folder: Path, database_url: str, rounds: int, random: Random, progress: Callable[[str], None]
) -> Counter[str]:
    happened: Counter[str] = Counter()
    ledger = ledger_name()
    databases = {"postgres": _postgres_made(database_url), "sqlite": str(sqlite_made(folder / "consumer.db"))}
    async with stream_open(broker.url, ledger) as stream:
        stopping = asyncio.Event()
        publishing = asyncio.create_task(_publish(stream, stopping))
        for number in range(rounds):
            before = _positions(databases, ledger)
            processes = {
                kind: forks().start(
                    "tests.acceptance.subscriber_process", [kind, broker.url, ledger, database], os.environ, 1
                )
                for kind, database in databases.items()
            }
            try:
                await _moved(databases, ledger, before, processes)
                await asyncio.sleep(random.uniform(0.0, 0.4))
            finally:
                for process in processes.values():
                    process.kill()
                    process.wait()
            positions = _positions(databases, ledger)
            for kind in databases:
                durable = await stream.durable(kind)
                happened["kills"] += 1
                happened["held"] += durable.num_ack_pending > 0
                happened["ahead"] += positions[kind] > durable.ack_floor.stream_seq
            progress(f"round {number + 1} of {rounds}: the stream stands at {stream.position}, they at {positions}")
        stopping.set()
        await publishing
        for kind, database in databases.items():
            async with running(subscriber_of(kind, broker.url, ledger, database)) as subscriber:
                await reached(subscriber, stream.position)
            assert _booked(kind, database) == expected(stream.position, types=TYPES[kind]), kind
        happened["events"] = stream.position
    return happened


async def _publish(stream: Stream, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        await stream.more(PUBLISHED_AT_ONCE)
        await asyncio.sleep(PUBLISHED_EVERY_SECONDS)


async def _moved(
    databases: dict[str, str], ledger: str, before: dict[str, int], processes: dict[str, Forked]
) -> None:
    """Wait until both have gone on from where they stood."""
    deadline = time.monotonic() + WAIT_SECONDS
    while any(position <= before[kind] for kind, position in _positions(databases, ledger).items()):
        for kind, process in processes.items():
            assert process.poll() is None, f"the subscriber with {kind} ended by itself: {process.returncode}"
        assert time.monotonic() < deadline, "a subscriber does not go on"
        await asyncio.sleep(0.02)


def _postgres_made(database_url: str) -> str:
    """A schema of its own with the table that the handler writes to; how to connect to it."""
    schema = f"t_consumer_{secrets.token_hex(4)}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
    there = make_conninfo(database_url, options=f"-c search_path={schema}")
    with psycopg.connect(there) as connection:
        connection.execute("CREATE TABLE booked (position bigint, type text, customer text, n serial)")
    return there


def _positions(databases: dict[str, str], ledger: str) -> dict[str, int]:
    """How far each is by its own database; 0 before it has begun."""
    found: dict[str, int] = {}
    for kind, database in databases.items():
        query = f"SELECT position FROM plumbline_position WHERE subscription = '{kind}' AND ledger = '{ledger}'"
        connection: Any = psycopg.connect(database) if kind == "postgres" else sqlite3.connect(database)
        try:
            row = connection.execute(query).fetchone()
        except (psycopg.errors.UndefinedTable, sqlite3.OperationalError):
            row = None
        finally:
            connection.close()
        found[kind] = 0 if row is None else row[0]
    return found


def _booked(kind: str, database: str) -> list[tuple[int, str, str | None]]:
    if kind == "sqlite":
        return sqlite_booked(Path(database))
    with psycopg.connect(database) as connection:
        rows: Any = connection.execute("SELECT position, type, customer FROM booked ORDER BY n").fetchall()
        return rows

"""A subscriber that goes on until it is killed. Run as `python -m tests.acceptance.subscriber_process KIND URL LEDGER
DATABASE`: `postgres` follows everything, `sqlite` two types of events."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from plumbline_client.subscribing import LedgerEvent, Subscriber, Subscription
from plumbline_client.subscribing.postgres import PostgresPositions
from plumbline_client.subscribing.sqlite import SqlitePositions
from psycopg import AsyncConnection

from tests.subscribing import sqlite_book

TYPES = {"postgres": (), "sqlite": ("PointsGranted", "DayClosed")}
ACK_SECONDS = 0.5


async def book(event: LedgerEvent, connection: AsyncConnection[Any]) -> None:
    """A handler that writes down what it got."""
    await connection.execute("INSERT INTO booked VALUES (%s, %s, %s)", (event.position, event.type, event.customer))


def subscriber_of(kind: str, url: str, ledger: str, database: str) -> Subscriber[Any]:
    """The subscriber of a kind, with small batches: more moments at which the kill can come."""
    subscription = Subscription(ledger, kind, types=TYPES[kind])
    store: Any = PostgresPositions(database) if kind == "postgres" else SqlitePositions(Path(database))
    handler: Any = book if kind == "postgres" else sqlite_book
    return Subscriber(
        subscription, store, url=url, handler=handler, batch_events_max=5, create=True, ack_seconds=ACK_SECONDS,
        idle_seconds=0.3,
    )  # fmt: skip


def main(kind: str, url: str, ledger: str, database: str) -> None:
    asyncio.run(subscriber_of(kind, url, ledger, database).run())


if __name__ == "__main__":
    main(*sys.argv[1:])

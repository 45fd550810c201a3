"""Positions in PostgreSQL. Needs psycopg 3."""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from plumbline_client.subscribing.places import (
    CLAIM_WAIT_SECONDS,
    Place,
    Work,
    position_moved,
    statements,
)
from plumbline_client.subscribing.subscription import Subscription

_SQL = {name: text.encode() for name, text in statements("postgres").items()}


class PostgresPositions:
    """Keeps places in the table `plumbline_position` of a database, and makes that table where it is missing.

    A handler gets the connection, within the transaction. Of several processes with the same subscription one works;
    the others wait until its session ends. That is a lock of the session, so connect to PostgreSQL itself, not through
    a pooler that shares sessions.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: AsyncConnection[TupleRow] | None = None

    async def open(self, subscription: Subscription) -> Place:
        """See `PositionStore`."""
        if self._connection is not None and (self._connection.closed or self._connection.broken):
            self._connection = None
        if self._connection is None:
            self._connection = await self._connect(subscription)
        found = await (await self._connection.execute(_SQL["read"], _names(subscription))).fetchone()
        assert found is not None, "a row of plumbline_position was removed"
        return Place(*found)

    async def move(
        self, subscription: Subscription, before: Place, after: Place, work: Work[AsyncConnection[TupleRow]]
    ) -> None:
        """See `PositionStore`."""
        assert self._connection is not None, "the store is not open"
        moved_to = {"position": after.position, "durable": after.durable, "before": before.position}
        async with self._connection.transaction():
            # First, so that of two who should not be two the second does nothing.
            moved = await self._connection.execute(_SQL["move"], {**_names(subscription), **moved_to})
            if moved.rowcount != 1:
                raise position_moved(subscription, before)
            working = work(self._connection)
            if working is not None:
                await working

    async def close(self) -> None:
        """See `PositionStore`."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connect(self, subscription: Subscription) -> AsyncConnection[TupleRow]:
        connection = await AsyncConnection.connect(self._url, autocommit=True)
        try:
            if not await _one(connection, "present", {}):
                await connection.execute(_SQL["create"])
            while not await _one(connection, "claim", _names(subscription)):
                await asyncio.sleep(CLAIM_WAIT_SECONDS)
            fresh = {**_names(subscription), "position": subscription.after, "follows": subscription.follows}
            await connection.execute(_SQL["begin"], fresh)
        except BaseException:
            await connection.close()
            raise
        return connection


async def _one(connection: AsyncConnection[TupleRow], name: str, values: dict[str, Any]) -> Any:
    row = await (await connection.execute(_SQL[name], values)).fetchone()
    assert row is not None
    return row[0]


def _names(subscription: Subscription) -> dict[str, Any]:
    return {"subscription": subscription.name, "ledger": subscription.ledger}

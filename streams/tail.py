"""The log as an event loop reads it: page by page after a position, and woken by each append.

One connection of its own, which reads and listens in turn: of what comes while it reads the driver keeps a list, so
that no notification is missed. Who asks in between waits for the end of the listening, LOOK_SECONDS at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, tuple_row
from psycopg.sql import SQL, Identifier
from psycopg.types.numeric import Int8

from ledger.log.codec import state_of
from ledger.log.connecting import connection_parameters
from ledger.log.migrate import schema_name_check
from ledger.log.queries import queries_load
from ledger.log.recorder import EventRow

PAGE_EVENTS: Final = 256
"""Events read at once. So many are in memory, besides those that wait for their acknowledgement."""
LOOK_SECONDS: Final = 0.5
"""How often the log is looked at though nobody has told of an append."""
IDLE_IN_TRANSACTION_MS: Final = 60_000
_POSITION_MAX: Final = 2**63 - 1

_QUERIES: Final = queries_load("ledger.log", "queries.sql")


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a stream is behind its log. `seconds`: how long ago the first event was recorded that is not in it."""

    position_log: int
    positions: int
    seconds: float


class LogTail:
    """Reads one ledger's log. Belongs to one event loop."""

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection
        self._listens = asyncio.Lock()
        self._dropped = 0

    async def head(self) -> int:
        """The position of the last event; 0 while there is none."""
        [(position,)] = await self._select("position_head", ())
        return position

    async def read(self, after: int, limit: int = PAGE_EVENTS) -> list[EventRow]:
        """The next events after a position, in order; none at the head."""
        params = (Int8(after), Int8(_POSITION_MAX), Int8(limit))
        return cast(list[EventRow], await self._select("select_range", params))

    async def next(self, after: int) -> list[EventRow]:
        """The next events after a position, as soon as there are any."""
        while True:
            dropped = self._dropped
            if rows := await self.read(after):
                return rows
            async with self._listens:
                if dropped != self._dropped:
                    continue
                async for _ in self._connection.notifies(timeout=LOOK_SECONDS, stop_after=1):
                    pass

    async def notifications_drop(self) -> None:
        """Take what has been told of appends, where nobody waits for it: the database keeps it for all listeners, and
        in the end would take no more."""
        if not self._listens.locked():
            async with self._listens:
                self._dropped += 1
                async for _ in self._connection.notifies(timeout=0):
                    pass

    async def behind(self, position: int) -> Behind:
        """How far whoever stands at a position is behind. Never negative."""
        head = await self.head()
        rows = await self.read(position, 1) if head > position else []
        return Behind(head, max(0, head - position), _seconds_since(rows[0]) if rows else 0.0)

    async def _select(self, query: str, params: tuple[Any, ...]) -> list[TupleRow]:
        async with self._connection.cursor(binary=True) as cursor:
            await cursor.execute(_QUERIES[query], params, prepare=True)
            return await cursor.fetchall()


@asynccontextmanager
async def tail_open(database_url: str, schema: str) -> AsyncGenerator[LogTail]:
    """A log to be read, for as long as it is needed. Raises what the driver raises where the database is away."""
    schema_name_check(schema)
    async with await _connect(database_url, schema) as connection:
        await connection.execute(SQL("LISTEN {}").format(Identifier(schema)))
        yield LogTail(connection)


async def _connect(database_url: str, schema: str) -> AsyncConnection[TupleRow]:
    connection = await AsyncConnection[TupleRow].connect(
        database_url, autocommit=True, row_factory=tuple_row, client_encoding="utf8",
        **connection_parameters(database_url),
    )
    try:
        params = {"schema": schema, "idle_in_transaction_ms": str(IDLE_IN_TRANSACTION_MS)}
        await connection.execute(_QUERIES["session_configure"], params)
    except BaseException:
        await connection.close()
        raise
    return connection


def _seconds_since(event: EventRow) -> float:
    recorded_at = datetime.fromisoformat(state_of(event[3], event[4])["recorded_at"])
    return max(0.0, (datetime.now(UTC) - recorded_at).total_seconds())

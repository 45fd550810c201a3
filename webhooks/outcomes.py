"""What is stored of each attempt: in one transaction with the place up to which a webhook has been told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from ledger.log.queries import queries_load
from webhooks.backoff import Retries
from webhooks.calling import Message, Sent
from webhooks.notices.folding import QUERIES as NOTICES

QUERIES: Final = queries_load("webhooks", "delivering.sql")
ATTEMPTS_KEPT: Final = 1_000
_TRIM_EVERY: Final = 200


@dataclass(slots=True)
class Told:
    """A webhook as it is worked for: a row of `webhook`, and its secrets, the newest first."""

    row: Mapping[str, Any]
    secrets: list[str]
    attempts: int

    @property
    def name(self) -> str:
        """Its name."""
        return self.row["name"]

    @property
    def identity(self) -> dict[str, Any]:
        """What must still be so of it where its place is moved."""
        return {name: self.row[name] for name in ("name", "rewinds", "created_at")}


@dataclass(frozen=True, slots=True)
class Placed:
    """A message and its place in the log."""

    position: int
    part: int
    message: Message


class Outcomes:
    """Reads and writes in the session that holds the lock, one at a time."""

    def __init__(self, connection: AsyncConnection[DictRow], retries: Retries) -> None:
        self._connection = connection
        self._retries = retries
        self._turn = asyncio.Lock()
        self._since_trim: Counter[str] = Counter()

    async def rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[DictRow]:
        """The rows of a query about webhooks."""
        return await self._rows(QUERIES[query], values or {})

    async def notices(self, query: str, values: Mapping[str, Any]) -> list[DictRow]:
        """The rows of a query about notices."""
        return await self._rows(NOTICES[query], values)

    async def _rows(self, query: bytes, values: Mapping[str, Any]) -> list[DictRow]:
        async with self._turn:
            cursor = await self._connection.execute(query, values)
            return await cursor.fetchall()

    async def skip(self, told: Told, position: int) -> bool:
        """Move a webhook past what doesn't concern it; False where a person has set its place meanwhile."""
        return bool(await self.rows("cursor_move", {**told.identity, "position": position, "part": 0}))

    async def store(self, told: Told, placed: Placed, sent: Sent, at: datetime, jitter: float) -> tuple[str, bool]:
        """What came of an attempt, in a word, and whether the next message may follow at once."""
        attempt = told.attempts + 1
        dead = attempt >= told.row["attempts_max"]
        outcome = "delivered" if sent.taken else "gone" if sent.gone else "dead" if dead else "failed"
        values = self._values(told, placed, sent, at, attempt)
        if outcome == "delivered":
            moved = bool(await self.rows("delivered_store", values))
            await self._trim(told.name)
            told.attempts = 0
            return outcome, moved
        async with self._transaction():
            moved = False
            if outcome == "gone":
                await self._do("webhook_stop", {**values, "state": "gone"})
            elif outcome == "dead":
                await self._do("dead_insert", values)
                if told.row["on_dead"] == "skip":
                    moved = await self._move(told, placed.position, placed.part)
                else:
                    await self._do("webhook_stop", {**values, "state": "held"})
            else:
                wait = self._retries.delay_seconds(attempt, jitter, sent.after_seconds)
                again = {"attempts": attempt, "retry_at": at + timedelta(seconds=wait)}
                await self._do("attempt_failed", {**values, **again})
            await self._log(values, outcome)
        await self._trim(told.name)
        if moved:
            told.attempts = 0
        return outcome, moved

    async def store_again(self, told: Told, placed: Placed, sent: Sent, at: datetime, attempts: int) -> str:
        """What came of another attempt to deliver a dead letter."""
        outcome = "delivered" if sent.taken else "failed"
        values = self._values(told, placed, sent, at, attempts + 1)
        async with self._transaction():
            await self._do("dead_delivered" if sent.taken else "dead_again", values)
            await self._log(values, outcome)
        await self._trim(told.name)
        return outcome

    async def letter_lost(self, told: Told, letter: Mapping[str, Any], at: datetime, reason: str) -> None:
        """A dead letter that isn't to be sent any more stays dead, with the reason."""
        values = {
            "name": told.name, "position": letter["position"], "part": letter["part"], "status": 0, "reason": reason,
            "at": at, "attempt": letter["attempts"],
        }  # fmt: skip
        async with self._transaction():
            await self._do("dead_again", values)

    def _values(self, told: Told, placed: Placed, sent: Sent, at: datetime, attempt: int) -> dict[str, Any]:
        return {
            **told.identity, "position": placed.position, "part": placed.part,
            "message": placed.message.id, "attempt": attempt, "at": at, "status": sent.status,
            "latency_ms": sent.latency_ms, "reason": sent.reason,
        }  # fmt: skip

    async def _move(self, told: Told, position: int, part: int) -> bool:
        values = {**told.identity, "position": position, "part": part}
        cursor = await self._connection.execute(QUERIES["cursor_move"], values)
        return await cursor.fetchone() is not None

    async def _log(self, values: Mapping[str, Any], outcome: str) -> None:
        await self._do("attempt_insert", {**values, "outcome": outcome})

    async def _trim(self, name: str) -> None:
        """Now and then forget the oldest attempts."""
        self._since_trim[name] += 1
        if self._since_trim[name] >= _TRIM_EVERY:
            self._since_trim[name] = 0
            async with self._turn:
                await self._do("attempts_trim", {"name": name, "keep": ATTEMPTS_KEPT})

    async def _do(self, query: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(QUERIES[query], values)

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[None]:
        async with self._turn, self._connection.transaction():
            yield

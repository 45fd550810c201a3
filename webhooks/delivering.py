"""Delivers the webhooks of one ledger: each in order, from its own place in the log, and none held up by another.

One process delivers at a time: the one whose session holds an advisory lock. What came of an attempt and how far a
webhook is are stored together, in that very session, so a process that has lost it stores nothing. One that is killed
between a receiver's answer and the commit sends that message again: at least once, and the id tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row

from ledger.domain.values import customer_number
from ledger.log.connecting import connection_parameters
from ledger.log.queries import queries_load
from ledger.log.reasons import database_reason
from ledger.log.recorder import EventRow
from webhooks.backoff import Retries
from webhooks.calling import Caller
from webhooks.messages import Wire, event_message, notice_message
from webhooks.notices.folding import QUERIES as NOTICES, Folding
from webhooks.notices.notice import Notice
from webhooks.outcomes import QUERIES, Outcomes, Placed, Told

PAGE_MESSAGES: Final = 50
SPAN_POSITIONS: Final = 5_000
"""So far a webhook looks ahead at once for what concerns it."""
LETTERS_AT_ONCE: Final = 10
BEHIND_MAX: Final = 1_000
MOVE_SECONDS: Final = 5.0
"""A webhook that nothing concerns is moved on after so many positions, or so long."""
AGAIN_SECONDS: Final = 5.0
"""How long a webhook rests after an error of ours."""
END_SECONDS: Final = 3.0
"""How long attempts under way may take once all of this ends; they are made again otherwise."""
DATABASE_LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError)
_SESSION: Final = queries_load("ledger.log", "queries.sql")["session_configure"]
_IDLE_IN_TRANSACTION_MS: Final = 60_000

_log: Any = structlog.get_logger("plumbline.webhooks")


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a webhook is behind; `since` is when the first event that it hasn't dealt with was recorded."""

    name: str
    state: str
    behind: int
    since: str | None
    dead: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What delivering is done with. `jitter` gives numbers from 0 to 1, `caller` one for each webhook."""

    wire: Wire
    caller: Callable[[], Caller]
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    retries: Retries = field(default_factory=Retries)
    look_seconds: float = 1.0


@dataclass(slots=True)
class _Work:
    """The work for one webhook. `row` is what the last look found of it; `changed`: look again before the next one
    is sent."""

    task: asyncio.Task[None]
    woken: asyncio.Event
    changed: asyncio.Event
    row: DictRow
    woken_at: float = field(default_factory=time.monotonic)

    def wake(self) -> None:
        """Let it look for something to send."""
        self.woken_at = time.monotonic()
        self.woken.set()

    def concerns(self, topic: str, customer: str) -> bool:
        """Whether an event is one to send."""
        types, customers = self.row["types"], self.row["customers"]
        return (not types or topic in types) and (not customers or customer in customers)


class Deliverer:
    """Delivers from `run` on until told to stop. `counts` are attempts by (webhook, outcome); `lags`: where all are."""

    def __init__(self, database_url: str, schema: str, ledger: str, parts: Parts) -> None:
        self.status = "starting"
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lags: Sequence[Lag] = ()
        self._database_url = database_url
        self._schema = schema
        self._ledger = ledger
        self._parts = parts
        self._works: dict[str, _Work] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._titles: dict[str, tuple[str, str]] = {}
        self._stop = asyncio.Event()
        self._lost: BaseException | None = None
        self._woken = asyncio.Event()
        self._grown = asyncio.Event()
        self._head = 0
        """Up to here everybody whom an event concerns was woken, or looks for themselves."""

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; survives a database that goes away and returns."""
        self._stop = stop
        while not stop.is_set():
            try:
                async with self._session() as connection:
                    while not await self._lock_taken(connection) and not stop.is_set():
                        self.status = "standby"
                        await _wait(stop, self._parts.look_seconds)
                    if not stop.is_set():
                        self.status = "delivering"
                        await self._deliver(connection)
            except DATABASE_LOST as error:
                self.status = "the database can't be reached"
                _log.warning(
                    "database lost", ledger=self._ledger, error=type(error).__name__, reason=database_reason(error)
                )
            await _wait(stop, self._parts.look_seconds)
        self.status = "stopped"

    async def _deliver(self, connection: AsyncConnection[DictRow]) -> None:
        outcomes = Outcomes(connection, self._parts.retries)
        self._lost = None
        [places] = await outcomes.rows("places_read")
        self._head = places["head"]
        beside: dict[str, asyncio.Task[None]] = {}
        try:
            while not self._stop.is_set() and self._lost is None:
                await self._look(outcomes)
                kinds = {work.row["kind"] for work in self._works.values()}
                # Connections are for who needs them: most ledgers have no webhook, or none for notices.
                if kinds and "listen" not in beside:
                    beside["listen"] = asyncio.create_task(self._listen())
                # Beside everything else, too: of a long log it takes minutes the first time.
                if "notice" in kinds and ("fold" not in beside or beside["fold"].done()):
                    beside["fold"] = asyncio.create_task(self._fold())
                await self._rest(outcomes)
        finally:
            for task in beside.values():
                task.cancel()
            await asyncio.gather(*beside.values(), return_exceptions=True)
            await self._end()
        if self._lost is not None:
            raise self._lost

    async def _look(self, outcomes: Outcomes) -> None:
        """Begin the work for new webhooks, end that for those that are gone, wake those that were changed."""
        rows = {row["name"]: row for row in await outcomes.rows("webhooks_read")}
        made = {name: row["created_at"] for name, row in rows.items()}
        for name in [n for n, work in self._works.items() if made.get(n) != work.row["created_at"]]:
            # Its task ends by itself, after the attempt that is under way.
            gone = self._works.pop(name)
            gone.changed.set()
            gone.wake()
            self._ending.add(gone.task)
            gone.task.add_done_callback(self._ending.discard)
        for name, row in rows.items():
            work = self._works.get(name)
            if work is None or work.task.done():
                woken, changed = asyncio.Event(), asyncio.Event()
                task = asyncio.create_task(self._follow(outcomes, name, woken, changed))
                self._works[name] = _Work(task, woken, changed, row)
            elif row != work.row:
                work.row = row
                work.changed.set()
                work.wake()
            elif row["waiting"]:
                # More dead letters than are sent at once, or others that were asked for since the last look.
                work.wake()
        self.lags = [Lag(**row) for row in await outcomes.rows("lag_read")]
        for lag in self.lags:
            # What doesn't concern a webhook it needn't look at each time, but now and then it moves past it.
            work = self._works.get(lag.name)
            if work and (lag.behind >= BEHIND_MAX or (lag.behind and time.monotonic() - work.woken_at > MOVE_SECONDS)):
                work.wake()

    async def _fold(self) -> None:
        """Fold the log into notices as far as it goes, and on as it grows; wake who waits for any."""
        try:
            async with self._session() as connection:
                folding = Folding(connection)
                while True:
                    more = await folding.step()
                    cursor = await connection.execute(NOTICES["tiers_read"])
                    self._titles = {row["tier"]: (row["zh"], row["en"]) for row in await cursor.fetchall()}
                    self._wake_notices()
                    if not more:
                        await _wait(self._grown, self._parts.look_seconds)
                        self._grown.clear()
        except DATABASE_LOST as error:
            self._lost = error
            self._woken.set()
        except Exception as error:
            # Other webhooks go on; it is tried again with the next look.
            _log.error("notices not made", ledger=self._ledger, exc_info=error)

    async def _rest(self, outcomes: Outcomes) -> None:
        """Wait for the log to grow, or for the next look; wake those whom something new concerns."""
        await _wait(self._woken, self._parts.look_seconds)
        # What is told of while this reads is read once more.
        self._woken.clear()
        while not self._stop.is_set():
            rows = await outcomes.rows("heads_read", {"after": self._head, "limit": SPAN_POSITIONS})
            for work in self._works.values():
                if work.row["kind"] == "event" and any(work.concerns(r["topic"], r["customer"]) for r in rows):
                    work.wake()
            if rows:
                self._head = rows[-1]["position"]
                self._grown.set()
            if len(rows) < SPAN_POSITIONS:
                return

    def _wake_notices(self) -> None:
        for work in self._works.values():
            if work.row["kind"] == "notice":
                work.wake()

    async def _listen(self) -> None:
        try:
            async with self._session() as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._schema)))
                # What came before this is found now.
                self._woken.set()
                async for _ in connection.notifies():
                    self._woken.set()
        except DATABASE_LOST as error:
            self._lost = error
            self._woken.set()

    async def _end(self) -> None:
        """Let attempts under way come to their end, for a moment."""
        tasks = [*self._ending, *(work.task for work in self._works.values())]
        for work in self._works.values():
            work.changed.set()
            work.wake()
        self._works.clear()
        if tasks and self._stop.is_set() and self._lost is None:
            await asyncio.wait(tasks, timeout=END_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, outcomes: Outcomes, name: str, woken: asyncio.Event, changed: asyncio.Event) -> None:
        """Work for one webhook as long as it is there."""
        caller = self._parts.caller()
        try:
            while not self._stop.is_set() and name in self._works and self._works[name].woken is woken:
                woken.clear()
                changed.clear()
                try:
                    wait = await self._work(outcomes, name, caller, changed)
                except DATABASE_LOST as error:
                    self._lost = error
                    self._woken.set()
                    return
                except Exception as error:
                    _log.error("webhook not served", ledger=self._ledger, webhook=name, exc_info=error)
                    wait = AGAIN_SECONDS
                if wait != 0:
                    await _wait(woken, wait)
        finally:
            await caller.close()

    async def _work(self, outcomes: Outcomes, name: str, caller: Caller, changed: asyncio.Event) -> float | None:
        """Send what there is; how many seconds to wait then, None: until woken."""
        told, work = await self._told(outcomes, name), self._works.get(name)
        if told is None or work is None or told.row["created_at"] != work.row["created_at"]:
            # It is gone, or another was made under its name: that one is begun with the next look.
            return None
        if told.row["state"] != "paused":
            await self._letters(outcomes, told, caller, changed)
        if told.row["state"] != "active":
            return None
        retry_at: datetime | None = told.row["retry_at"]
        if retry_at is not None and (wait := (retry_at - self._parts.clock()).total_seconds()) > 0:
            return wait
        page, through, more = await self._page(outcomes, told)
        for placed in page:
            if changed.is_set() or self._stop.is_set():
                return 0
            at = self._parts.clock()
            sent = await caller.call(told.row["url"], placed.message, told.secrets, int(at.timestamp()))
            outcome, moved = await outcomes.store(told, placed, sent, at, self._parts.jitter())
            self.counts[name, outcome] += 1
            if outcome != "delivered":
                _log.warning(
                    "webhook not delivered", ledger=self._ledger, webhook=name, message=placed.message.id,
                    outcome=outcome, status=sent.status, reason=sent.reason_own,
                )  # fmt: skip
            if not moved:
                return 0
        last = page[-1].position if page else told.row["position"]
        if through > last and not changed.is_set():
            await outcomes.skip(told, through)
        return 0 if more else None

    async def _letters(self, outcomes: Outcomes, told: Told, caller: Caller, changed: asyncio.Event) -> None:
        """Another attempt for the first dead letters that wait for one."""
        values = {"name": told.name, "limit": LETTERS_AT_ONCE}
        rows = await outcomes.rows("dead_waiting", values)
        if rows and told.row["kind"] == "notice":
            # What isn't folded yet, or is folded again, may still come.
            [places] = await outcomes.rows("places_read")
            rows = [row for row in rows if row["position"] <= places["folded"]]
        for row in rows:
            if changed.is_set() or self._stop.is_set():
                return
            at = self._parts.clock()
            placed = await self._letter(outcomes, told, row["position"], row["part"])
            if placed is None:
                reason = "there is no such message any more, or its customer wants none"
                await outcomes.letter_lost(told, row, at, reason)
                continue
            sent = await caller.call(told.row["url"], placed.message, told.secrets, int(at.timestamp()))
            self.counts[told.name, await outcomes.store_again(told, placed, sent, at, row["attempts"])] += 1

    async def _told(self, outcomes: Outcomes, name: str) -> Told | None:
        for row in await outcomes.rows("webhook_read", {"name": name}):
            return Told(row, row["secrets"], row["attempts"])
        return None

    async def _page(self, outcomes: Outcomes, told: Told) -> tuple[list[Placed], int, bool]:
        """The next messages of a webhook, up to where it is through then, and whether there may be more at once."""
        [places] = await outcomes.rows("places_read")
        if told.row["kind"] == "notice":
            return await self._notices(outcomes, told, places["folded"])
        after: int = told.row["position"]
        until = min(places["head"], after + SPAN_POSITIONS)
        values = {
            "after": after, "until": until, "types": told.row["types"], "customers": told.row["customers"],
            "limit": PAGE_MESSAGES,
        }  # fmt: skip
        rows = await outcomes.rows("events_read", values)
        page = [self._event(row) for row in rows]
        if len(page) == PAGE_MESSAGES:
            return page, page[-1].position, True
        return page, until, until < places["head"]

    async def _notices(self, outcomes: Outcomes, told: Told, folded: int) -> tuple[list[Placed], int, bool]:
        row = told.row
        values = {
            "position": row["position"], "part": row["part"], "batch": row["batch"], "consent": row["consent"],
            "customers": [customer_number(c) for c in row["customers"]], "limit": PAGE_MESSAGES,
        }  # fmt: skip
        page = [self._notice(found) for found in await outcomes.notices("notices_after", values)]
        if len(page) == PAGE_MESSAGES:
            return page, page[-1].position, True
        return page, folded, False

    async def _letter(self, outcomes: Outcomes, told: Told, position: int, part: int) -> Placed | None:
        if told.row["kind"] == "notice":
            values = {"position": position, "part": part, "batch": told.row["batch"]}
            found = await outcomes.notices("notice_at", values)
            return self._notice(found[0]) if found else None
        rows = await outcomes.rows("event_read", {"position": position})
        return self._event(rows[0]) if rows else None

    def _event(self, row: DictRow) -> Placed:
        event: EventRow = (
            row["notification_id"], row["originator_id"], row["originator_version"], row["topic"], row["state"],
        )  # fmt: skip
        return Placed(event[0], 0, event_message(self._ledger, event, self._parts.wire))

    def _notice(self, row: DictRow) -> Placed:
        notice = Notice(**row)
        return Placed(notice.position, notice.customer, notice_message(self._ledger, notice, self._titles))

    async def _lock_taken(self, connection: AsyncConnection[DictRow]) -> bool:
        cursor = await connection.execute(QUERIES["lock_try"])
        row = await cursor.fetchone()
        return row is not None and row["taken"]

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[AsyncConnection[DictRow]]:
        connection = await AsyncConnection[DictRow].connect(
            self._database_url, autocommit=True, row_factory=dict_row, client_encoding="utf8",
            **connection_parameters(self._database_url),
        )
        async with connection:
            values = {"schema": self._schema, "idle_in_transaction_ms": str(_IDLE_IN_TRANSACTION_MS)}
            await connection.execute(_SESSION, values)
            yield connection


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for an event, so many seconds at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

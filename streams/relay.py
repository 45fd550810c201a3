"""Brings a ledger's log to its stream: every event once, in the order of positions, however often anything dies.

**The stream is the relay's cursor.** It is kept nowhere else: on start, and after every error, the relay reads the
stream's last message, makes sure that it is the log's event at that position, and goes on with the next. The event of
position p is only taken as the message of sequence p, so that any number of relays may run. One of them publishes, the
others stand by and look whether the stream keeps up with the log.

While NATS is away nothing is read: what waits, waits in the log.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, NoReturn

import psycopg
import structlog

from ledger.domain.errors import PlumblineError
from ledger.domain.events import REGISTRY
from ledger.log.reasons import database_reason
from streams.connection import LOST, Connection, nats_connected, reason_of
from streams.cursor import cursor_read, stream_found
from streams.faults import EventUnknown, MessageTooLarge, StreamDiffers, StreamMissing
from streams.messages import Message, message_of
from streams.publishing import TURN_MESSAGES, WINDOW, Overtaken, Publisher
from streams.subjects import stream_name
from streams.tail import Behind, LogTail, tail_open

AGAIN_SECONDS: Final = 0.1
AGAIN_SECONDS_MAX: Final = 1.0
STOPPED_AGAIN_SECONDS: Final = 5.0
"""How often a relay that has stopped looks whether somebody has put things right."""
GONE_SECONDS: Final = 10.0
"""How long a stream that was there may be gone before a relay stops: a rebuild deletes it and makes it anew."""
STANDBY_SECONDS: Final = 0.5
LAG_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 2.0
"""How often a relay that has nothing to publish looks whether the stream is where it left it."""
END_SECONDS: Final = 2.0
"""How long an end waits for acknowledgements. What is not acknowledged then is sent again by whoever goes on."""
CLIENT_NAME: Final = "plumbline relay"

STOPPING: Final = (StreamDiffers, StreamMissing, MessageTooLarge, EventUnknown)
"""What a person must look at; all else passes by itself."""

_log: Any = structlog.get_logger("plumbline.relay")

Prepare = Callable[[Connection], Awaitable[None]]


class RelayState(StrEnum):
    """What a relay is doing."""

    STARTING = "starting"
    RELAYING = "relaying"
    STANDBY = "standby"
    WAITING = "waiting"
    """NATS or the database is away, or the stream since a moment ago; it goes on once they are back."""
    STOPPED = "stopped"
    """Stream and log disagree, or the stream is missing. It publishes nothing until somebody has put that right."""
    ENDED = "ended"


class Relay:
    """One relay of one ledger. Belongs to one event loop; its figures may be read from any thread."""

    def __init__(
        self,
        ledger: str,
        schema: str,
        database_url: str,
        nats_url: str,
        *,
        prepare: Prepare | None = None,
        standby_seconds: float = STANDBY_SECONDS,
        window: int = WINDOW,
    ) -> None:
        """`prepare` is called with each new connection, before the stream is looked at. With `standby_seconds` 0 it
        never stands by, but races with whoever else publishes."""
        self.ledger = ledger
        self.state = RelayState.STARTING
        self.reason = ""
        """Why it waits or has stopped; empty otherwise."""
        self.behind: Behind | None = None
        """How far the stream is behind, as of at most LAG_SECONDS and IDLE_SECONDS ago; None before it was known."""
        self._schema = schema
        self._database_url = database_url
        self._nats_url = nats_url
        self._prepare = prepare
        self._standby_seconds = standby_seconds
        self._window = window
        self._position: int | None = None
        self._gone_since: float | None = -math.inf
        """Since when there is no stream, by the monotonic clock; None while there is one. Before the first was found:
        since ever."""
        self._overtaken_at: int | None = None
        """The last position acknowledged to this relay before another message took the next one."""
        self._publisher: Publisher | None = None
        self._active = standby_seconds == 0
        self._again_seconds = AGAIN_SECONDS

    @property
    def position(self) -> int | None:
        """Where the stream stands, as far as this relay knows; None before it knew."""
        publisher = self._publisher
        return publisher.acked if publisher is not None else self._position

    async def run(self, stopping: asyncio.Event) -> None:
        """Relay until `stopping` is set; survives whatever goes away and comes back."""
        relaying = asyncio.create_task(self._run())
        waiting = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({relaying, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            while not relaying.done():
                # Once is not always enough: below us are libraries that take it for an end of their own waiting.
                relaying.cancel()
                await asyncio.wait({relaying}, timeout=END_SECONDS + 1)
        if not relaying.cancelled():
            relaying.result()
        self._tell(RelayState.ENDED)

    async def run_until(self, position: int) -> None:
        """Relay without standing by until the stream has a position. Raises what stops or hinders it."""
        async with (
            tail_open(self._database_url, self._schema) as tail,
            nats_connected(self._nats_url, CLIENT_NAME) as connection,
        ):
            self._position = await cursor_read(connection, self.ledger, tail)
            while self._position < position:
                with suppress(Overtaken):
                    await self._publish(connection, tail, self._position, position)
                self._position = await cursor_read(connection, self.ledger, tail, self._position)

    async def _run(self) -> None:
        """Keep the log open; whoever relays keeps NATS open."""
        while True:
            try:
                async with tail_open(self._database_url, self._schema) as tail:
                    watching = asyncio.create_task(self._watch(tail))
                    try:
                        await self._relay(tail)
                    finally:
                        watching.cancel()
            except psycopg.Error as error:
                self._tell(RelayState.WAITING, f"the log can't be read ({database_reason(error)})")
            await asyncio.sleep(AGAIN_SECONDS_MAX)

    async def _relay(self, tail: LogTail) -> None:
        """Connect and follow, again and again. Raises what the database's driver raises."""
        while True:
            try:
                async with nats_connected(self._nats_url, CLIENT_NAME) as connection:
                    if self._prepare is not None:
                        await self._prepare(connection)
                    await self._follow(connection, tail)
            except STOPPING as fault:
                if isinstance(fault, StreamMissing) and self._just_gone():
                    self._tell(RelayState.WAITING, "the stream is gone since a moment ago: it may be being made anew")
                else:
                    self._tell(RelayState.STOPPED, str(fault))
                    await asyncio.sleep(STOPPED_AGAIN_SECONDS)
            except PlumblineError as fault:
                self._tell(RelayState.WAITING, str(fault))
            except LOST as error:
                self._tell(RelayState.WAITING, f"NATS went away: {reason_of(error)}")
            self._again_seconds = min(self._again_seconds * 2, AGAIN_SECONDS_MAX)
            await asyncio.sleep(self._again_seconds)

    async def _follow(self, connection: Connection, tail: LogTail) -> None:
        """Publish, or stand by while another does, until something goes wrong."""
        while True:
            self._stands(position := await cursor_read(connection, self.ledger, tail, self._overtaken_at))
            if not self._active:
                await self._stand_by(connection, tail)
                self._active = True
                continue
            self._tell(RelayState.RELAYING)
            self._again_seconds = AGAIN_SECONDS
            try:
                await self._publish(connection, tail, position)
            except Overtaken:
                # Another relay publishes, and does so while we look; or somebody who is none; or its end was lost.
                self._active = self._standby_seconds == 0
                self._overtaken_at = self._position

    async def _stand_by(self, connection: Connection, tail: LogTail) -> None:
        """Wait until the stream falls behind and nobody moves it; at the start return at once where nothing waits."""
        position, stuck = self._position, False
        while True:
            last = (await stream_found(connection, self.ledger)).state.last_seq
            is_behind = await tail.head() > last
            self._stands(last)
            if is_behind and stuck and last == position:
                return
            if not is_behind and self.state is not RelayState.STANDBY and self.state is not RelayState.RELAYING:
                return
            stuck, position = is_behind and last == position, last
            self._tell(RelayState.STANDBY)
            await asyncio.sleep(self._standby_seconds * random.uniform(0.5, 1.5))

    async def _publish(self, connection: Connection, tail: LogTail, position: int, until: int | None = None) -> None:
        """Publish what comes after a position, as it comes. Raises the first error, of whatever kind."""
        async with Publisher(connection, stream_name(self.ledger), position, self._window) as publisher:
            self._publisher = publisher
            reading = asyncio.create_task(self._page(tail, position))
            looking = asyncio.create_task(self._look(connection, tail, publisher))
            try:
                while until is None or position < until:
                    await asyncio.wait({reading, looking, publisher.failed}, return_when=asyncio.FIRST_COMPLETED)
                    if publisher.failed.done():
                        raise publisher.failed.result()
                    if looking.done():
                        looking.result()
                    messages = reading.result()
                    position = messages[-1].position
                    # The next page is made ready while this one is on its way.
                    reading = asyncio.create_task(self._page(tail, position))
                    for message in messages:
                        await publisher.publish(message)
                await publisher.settled()
            except asyncio.CancelledError:
                with suppress(PlumblineError, *LOST):
                    await asyncio.wait_for(publisher.settled(), END_SECONDS)
                raise
            finally:
                self._position = publisher.acked
                self._publisher = None
                await _ended(reading, looking)

    async def _look(self, connection: Connection, tail: LogTail, publisher: Publisher) -> NoReturn:
        """Look every now and then, while nothing is under way, whether the stream is where it was left: what is
        published tells that by itself, and silence tells nothing. Raises Overtaken, and what keeps a relay from
        starting."""
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            left = publisher.acked
            if publisher.sent != left:
                continue
            last = await cursor_read(connection, self.ledger, tail, left)
            if last != left and publisher.sent == left:
                raise Overtaken(f"{stream_name(self.ledger)} stands at {last}, and was left at {left}")

    async def _page(self, tail: LogTail, position: int) -> list[Message]:
        """The messages that come next, as soon as there are any."""
        messages: list[Message] = []
        for event in await tail.next(position):
            if event[3] not in REGISTRY:
                reason = f"the event at {event[0]} is of a newer version of Plumbline: run the one that wrote it"
                raise EventUnknown(reason)
            messages.append(message_of(self.ledger, event))
            if len(messages) % TURN_MESSAGES == 0:
                await asyncio.sleep(0)
        return messages

    async def _watch(self, tail: LogTail) -> None:
        """Look every now and then how far the stream is behind."""
        while True:
            position = self.position
            if position is not None:
                # A database that went away shows where events are read.
                with suppress(psycopg.Error):
                    await tail.notifications_drop()
                    self.behind = await tail.behind(position)
            await asyncio.sleep(LAG_SECONDS)

    def _just_gone(self) -> bool:
        """Note that there is no stream; whether there was one within GONE_SECONDS."""
        self._position = 0
        if self._gone_since is None:
            self._gone_since = time.monotonic()
        return time.monotonic() - self._gone_since < GONE_SECONDS

    def _stands(self, position: int) -> None:
        """Note where the stream stands, and log where it has lost what it had."""
        self._gone_since = None
        if self._position is not None and position < self._position:
            _log.warning("stream lost its end", ledger=self.ledger, position=position, position_before=self._position)
        self._position = position

    def _tell(self, state: RelayState, reason: str = "") -> None:
        """Note what the relay does, and log where that has changed."""
        if (state, reason) == (self.state, self.reason):
            return
        self.state, self.reason = state, reason
        level = {RelayState.STOPPED: "error", RelayState.WAITING: "warning"}.get(state, "info")
        more = {"reason": reason} if reason else {}
        getattr(_log, level)(f"relay {state}", ledger=self.ledger, position=self.position, **more)


async def _ended(*tasks: asyncio.Task[Any]) -> None:
    """Give up what reads, and let it end: its connections are used again."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            # What it failed with shows at the next read.
            task.exception()

"""Every ledger of the database, opened once, as the API sees it; its writer and its follower run beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import psycopg
import structlog

from connectors.files.quarantine import Quarantine
from ledger.domain.commands import Answer, RecordFact, Rehearsal, Request
from ledger.domain.errors import LedgerMissing, LedgerUnavailable, PlumblineError, WriterUnavailable
from ledger.log.connecting import connect
from ledger.log.migrate import ledger_schema_create
from ledger.log.reasons import database_reason
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import Account, Writer, WriterStopped
from service.bootstrap import (
    SCHEMA_PREFIX,
    clock,
    days_never_closed,
    history_close,
    history_closed_check,
    ledger_names,
    ledger_open,
)
from service.serving.calling import Calling
from service.serving.connections import connections_check, connections_of, follows_elsewhere, pool_size_of
from service.serving.following import Following
from service.serving.gate import Gate, HolderGone, HolderMissing
from service.serving.handover import Handover
from service.serving.keeper import DATABASE_LOST, POOL_WAIT_SECONDS, Keeper
from service.serving.relaying import Relaying
from service.serving.roles import Role
from service.serving.settings import ServeSettings
from service.serving.stream_checking import StreamChecking
from service.serving.watching import LOOK_SECONDS, ViewsSeen, views_look
from service.settings import Settings
from streams.relay import RelayState

DISCOVER_SECONDS: Final = 2.0
HOLDER_WAIT_SECONDS: Final = 8.0
"""How long a command waits for a new holder of the lease before it is told to come again."""
HOLDER_POLL_SECONDS: Final = 0.1

_log: Any = structlog.get_logger("plumbline.ledgers")
Found = TypeVar("Found")


class _Part(Protocol):
    """What runs for a ledger in threads of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Finish what was begun, end."""


class LedgerServed:
    """One ledger: reads from its log and views, commands to its writer, here or elsewhere."""

    def __init__(self, settings: Settings, name: str, database_url: str, gate: Gate, pool_size: int) -> None:
        self.name = name
        self.schema = SCHEMA_PREFIX + name
        self.database_url = database_url
        self.columns_folder: Path = settings.columns_folder(name)
        self.recorder: LogRecorder = recorder_open(database_url, self.schema, pool_size=pool_size)
        self.recorder.datastore.pool.timeout = POOL_WAIT_SECONDS
        self.keeper: Keeper | None = None
        self.following: Following | None = None
        self.relaying: Relaying | None = None
        self.checking: StreamChecking | None = None
        self.calling: Calling | None = None
        self.handover: Handover | None = None
        self.seen: ViewsSeen | None = None
        """How its views stand, where this process reads them and doesn't follow them itself."""
        self._gate = gate
        self._running: list[_Part] = []

    def run(self, part: _Part) -> None:
        """Begin what runs beside the others for this ledger; it ends before those that began before it."""
        part.start()
        self._running.append(part)

    @property
    def quarantine(self) -> Quarantine:
        """What was refused and waits for a person."""
        return Quarantine(self.recorder.datastore)

    def account(self, number: int) -> Account | None:
        """A customer's account from the writer's memory; None where the writer is not in this process."""
        handover = self.handover
        return None if handover is None else handover.writer.account(number)

    async def submit(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        """Carry out requests in order, here or at the lease's holder. Raises WriterUnavailable."""
        repeatable = all(r.key or isinstance(r.command, RecordFact) for r in requests)

        async def here(handover: Handover) -> list[Answer]:
            if atomic:
                return await asyncio.wrap_future(handover.writer.submit_later(requests, atomic=True))
            return await handover.submit(requests)

        async def there() -> list[Answer]:
            return await self._gate.submit(self.name, requests, atomic=atomic)

        return await self._reach(here, there, repeatable)

    async def rehearse(self, requests: Sequence[Request]) -> list[Rehearsal]:
        """What `submit` would append and answer; nothing is recorded. Raises WriterUnavailable."""

        async def here(handover: Handover) -> list[Rehearsal]:
            return await asyncio.wrap_future(handover.writer.rehearse_later(requests))

        async def there() -> list[Rehearsal]:
            return await self._gate.rehearse(self.name, requests)

        return await self._reach(here, there, repeatable=True)

    async def writer_reachable(self) -> bool | str:
        """Whether commands can be carried out, here or elsewhere; else the sentence that says why not."""
        if self.handover is not None or await self._gate.ping(self.name):
            return True
        return self.keeper.status if self.keeper is not None else "no process writes to it"

    def close(self) -> None:
        """End what runs for it, then let its connections go."""
        while self._running:
            self._running.pop().stop()
        self.recorder.close()

    async def _reach(
        self,
        here: Callable[[Handover], Awaitable[Found]],
        there: Callable[[], Awaitable[Found]],
        repeatable: bool,
    ) -> Found:
        """Ask whoever writes; while nobody does, wait a little: a standby takes over within seconds.

        What may have been recorded is sent again only where the same request cannot be recorded twice.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HOLDER_WAIT_SECONDS
        while True:
            handover = self.handover
            try:
                return await here(handover) if handover is not None else await there()
            except HolderMissing as missing:
                # Asking took its time: meanwhile the writer may have begun in this process.
                if loop.time() >= deadline and self.handover is None:
                    raise WriterUnavailable(str(missing)) from None
            except (WriterStopped, HolderGone) as gone:
                if not repeatable or loop.time() >= deadline:
                    raise WriterUnavailable(
                        "the writer went away before it answered; send it again with the same key"
                    ) from gone
            await asyncio.sleep(HOLDER_POLL_SECONDS)


class LedgersServed:
    """All ledgers. Made and used on one event loop; `start` before, `stop` after."""

    def __init__(
        self, settings: Settings, serving: ServeSettings, database_url: str, relay_url: str, gate: Gate
    ) -> None:
        self.database_url = database_url
        self._settings = settings
        self._serving = serving
        self._relay_url = relay_url
        self._gate = gate
        self._open: dict[str, LedgerServed] = {}
        self._failing: dict[str, str] = {}
        """Those that could not be opened, each with why; they are tried again."""
        self._seen: list[str] | None = None
        """The names that were there when it was last looked."""
        self._opening = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._beside: list[asyncio.Task[None]] = []
        """The look-outs: for ledgers, and for their views where they are followed elsewhere."""
        self._discovered = threading.Event()
        self._warned_of = 0
        """For so many ledgers it was looked whether there are connections enough."""

    def served(self) -> list[LedgerServed]:
        """The ledgers that are open now, by name."""
        return [self._open[name] for name in sorted(self._open)]

    async def start(self) -> None:
        """Open what is there, and from now on look for what others create."""
        self._beside = [asyncio.create_task(self._discover())]
        if follows_elsewhere(self._serving.roles):
            self._beside.append(asyncio.create_task(self._views_watch()))

    async def stop(self) -> None:
        """Take no more commands from elsewhere, answer what waits, end everything."""
        for task in self._beside:
            task.cancel()
        for name in list(self._open):
            await self._gate.withdraw(name)
        await asyncio.gather(*(asyncio.to_thread(ledger.close) for ledger in self._open.values()))
        self._open.clear()

    async def names(self) -> list[str]:
        """Their names in order."""
        return await asyncio.to_thread(ledger_names, self._settings)

    async def open(self, name: str, *, look: bool = True) -> LedgerServed:
        """One of them; `look`: the database is asked for a name that wasn't there when it last was. Raises
        LedgerMissing, LedgerUnavailable."""
        found = self._open.get(name)
        if found is not None:
            return found
        if name in self._failing:
            raise LedgerUnavailable("this ledger can't be opened now; /ready says why")
        if name not in (await self.names() if look or self._seen is None else self._seen):
            raise LedgerMissing("there is no such ledger; POST /v1/ledgers makes it")
        return await self._take_in(name)

    async def create(self, name: str, actor: str, *, history_complete: bool = False) -> LedgerServed:
        """A new one with its books opened by `actor`; the one of this name where it is there already."""

        # Of one that is served already, somebody holds the lease: they close its days.
        served = name in self._open

        def make() -> bool:
            alone = history_complete and not served
            with ledger_open(self._settings, name, actor, create=True, history_complete=alone) as handle:
                return history_complete and days_never_closed(handle.recorder)

        to_close = await asyncio.to_thread(make)
        ledger = await self._take_in(name)
        if to_close:
            history_closed_check(await ledger.submit([history_close(actor)]))
        return ledger

    def clock(self) -> datetime:
        """Now, with its time zone."""
        return clock()

    async def ready(self) -> dict[str, bool | str]:
        """What must be there to serve, each true or the sentence that says what is wrong."""
        parts: dict[str, bool | str] = {"database": await asyncio.to_thread(self._database_there)}
        if self._serving.roles & {Role.API, Role.WRITER, Role.INBOUND}:
            parts["nats"] = self._gate.connected or "can't be reached; `plumbline status` says what runs"
        if parts["database"] is True and not self._discovered.is_set():
            parts["ledgers"] = "being opened"
        parts |= {f"ledger {name}": self._failing[name] for name in sorted(self._failing)}
        for ledger in self.served():
            if ledger.keeper is not None or Role.API in self._serving.roles:
                parts[f"writer {ledger.name}"] = await self._writer_there(ledger)
            if ledger.following is not None:
                parts[f"follower {ledger.name}"] = ledger.following.running or ledger.following.status
            elif ledger.seen is not None:
                parts[f"follower {ledger.name}"] = ledger.seen.fault or True
            if ledger.calling is not None:
                parts[f"webhooks {ledger.name}"] = ledger.calling.running or ledger.calling.status
        return parts

    async def _writer_there(self, ledger: LedgerServed) -> bool | str:
        reachable = await ledger.writer_reachable()
        # A warm standby is what it should be, though another process writes.
        standby = ledger.keeper is not None and ledger.keeper.status == "standby"
        return True if standby and Role.API not in self._serving.roles else reachable

    def _database_there(self) -> bool | str:
        try:
            with connect(self.database_url) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return f"can't be reached ({database_reason(error)}); `plumbline status` says what runs"
        return True

    async def _discover(self) -> None:
        while True:
            try:
                names = self._seen = await self.names()
                for name in [n for n in (*self._open, *self._failing) if n not in names]:
                    await self._let_go(name)
                if len(names) > self._warned_of:
                    held = connections_of(self._serving.roles, len(self._open)).idle
                    await asyncio.to_thread(
                        connections_check, self.database_url, self._serving.roles, len(names), held
                    )
                    self._warned_of = len(names)
                for name in names:
                    if name not in self._open:
                        await self._try(name)
                self._discovered.set()
            except DATABASE_LOST as error:
                _log.warning("database lost", error=type(error).__name__, reason=database_reason(error))
            except Exception as error:
                _log.error("ledgers not found", exc_info=error)
            await asyncio.sleep(DISCOVER_SECONDS)

    async def _views_watch(self) -> None:
        while True:
            try:
                seen = await asyncio.to_thread(views_look, self.database_url, list(self._open))
            except DATABASE_LOST as error:
                # The part `database` tells of it.
                _log.info("views not seen", error=type(error).__name__, reason=database_reason(error))
            except Exception as error:
                _log.error("views not seen", exc_info=error)
            else:
                for ledger in self.served():
                    ledger.seen = seen.get(ledger.name, ledger.seen)
            await asyncio.sleep(LOOK_SECONDS)

    async def _try(self, name: str) -> None:
        """Open a ledger; one that can't be opened now keeps no other from being served."""
        try:
            await self._take_in(name)
        except Exception as error:
            said = database_reason(error) if isinstance(error, DATABASE_LOST) else type(error).__name__
            reason = str(error) if isinstance(error, PlumblineError) else f"can't be opened: {said}"
            if self._failing.get(name) != reason:
                _log.error("ledger not opened", ledger=name, exc_info=error)
            self._failing[name] = reason

    async def _let_go(self, name: str) -> None:
        _log.warning("ledger is gone", ledger=name)
        self._failing.pop(name, None)
        await self._gate.withdraw(name)
        if name in self._open:
            await asyncio.to_thread(self._open.pop(name).close)

    async def _take_in(self, name: str) -> LedgerServed:
        async with self._opening:
            if name not in self._open:
                self._open[name] = await asyncio.to_thread(self._begin, name)
                self._failing.pop(name, None)
        return self._open[name]

    def _begin(self, name: str) -> LedgerServed:
        ledger_schema_create(self.database_url, SCHEMA_PREFIX + name)
        roles = self._serving.roles
        ledger = LedgerServed(self._settings, name, self.database_url, self._gate, pool_size_of(roles))
        if Role.RELAY in roles:
            ledger.relaying = relaying = Relaying(self._settings, name, self.database_url, self._relay_url)
            ledger.run(relaying)
            ledger.checking = StreamChecking(
                name, self.database_url, self._relay_url, self._serving.check_rule,
                lambda: relaying.state is RelayState.RELAYING,
            )  # fmt: skip
            ledger.run(ledger.checking)
        if Role.WRITER in roles:

            def changed(writer: Writer | None) -> None:
                # From the keeper's thread; the loop may have ended where the whole process stops.
                if not self._loop.is_closed():
                    asyncio.run_coroutine_threadsafe(self._writer_changed(ledger, writer), self._loop)

            ledger.keeper = Keeper(
                self._settings, name, self.database_url, ledger.recorder, self._serving.close_rule, changed,
                self._serving.purge_rule,
            )  # fmt: skip
            ledger.run(ledger.keeper)
        if Role.FOLLOWER in roles:
            ledger.following = Following(self._settings, name, ledger.recorder)
            ledger.run(ledger.following)
        if Role.WEBHOOKS in roles:
            ledger.calling = Calling(name, self.database_url, self._serving.api.webhook_networks)
            ledger.run(ledger.calling)
        return ledger

    async def _writer_changed(self, ledger: LedgerServed, writer: Writer | None) -> None:
        if writer is None:
            ledger.handover = None
            await self._gate.withdraw(ledger.name)
        else:
            ledger.handover = Handover(self._loop, writer)
            await self._gate.serve(ledger.name, writer)

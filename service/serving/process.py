"""One serving process from its start to its graceful end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
import uvloop
from prometheus_client.registry import Collector

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.log.reasons import database_reason
from service import embedded
from service.bootstrap import ledger_names, ledger_open
from service.collecting import COLLECT_AFTER
from service.serving.address import listen
from service.serving.gate import Gate
from service.serving.http_edge import Server, server_of
from service.serving.inbound import Inbound
from service.serving.keeper import DATABASE_LOST
from service.serving.ledgers import LedgersServed
from service.serving.logs import logs_begin
from service.serving.metrics import InboundCollector, ServingCollector
from service.serving.roles import Role
from service.serving.settings import ServeSettings
from service.settings import Settings

ADMIN_KEY_FILE: Final = "admin.key"
LEDGER_FIRST: Final = "main"
DATABASE_WAIT_SECONDS: Final = 60.0
"""How long a start waits for a database that recovers, as after a power cut; then it ends with a sentence."""
DATABASE_AGAIN_SECONDS: Final = 0.5
SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter while another waits for it. Python's own five milliseconds would be added
to a request's way each time it goes from the event loop to the writer and back while views are being fed."""

_log: Any = structlog.get_logger("plumbline.serve")
Found = TypeVar("Found")


def serve(settings: Settings, serving: ServeSettings, listening: socket.socket | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun; on an address that is bound and doesn't listen yet, or
    without HTTP. Raises AddressTaken."""
    request_log = logs_begin(serving.log_level, words=serving.log_words)
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_SECONDS)
    url = embedded.database_url(settings)
    nats = embedded.nats_url(settings)
    api = replace(serving.api, log_requests=True, request_log=request_log)
    uvloop.run(_serve(settings, serving, api, url, nats, listening))


async def _serve(
    settings: Settings, serving: ServeSettings, api: ApiSettings, url: str, nats: str, listening: socket.socket | None
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    gate = Gate(nats)
    ledgers = LedgersServed(settings, serving, url, embedded.nats_relay_url(settings), gate)
    with _signals(loop, stopping):
        await _database_awaited(lambda: _ledger_first(settings), stopping)
        if listening is not None:
            listen(listening, serving.host)
        gate.start()
        await ledgers.start()
        inbound = Inbound(ledgers, nats, api)
        if Role.INBOUND in serving.roles:
            inbound.start()
        try:
            if listening is not None:
                collectors = (ServingCollector(ledgers), InboundCollector(inbound))
                await _http(settings, serving, api, url, ledgers, collectors, listening, stopping)
            else:
                _log.info("serving", roles=sorted(serving.roles))
                await stopping.wait()
        finally:
            # Before the writers: what was begun is still answered.
            await inbound.stop()
            await ledgers.stop()
            await gate.close()
    _log.info("stopped")


async def _http(
    settings: Settings,
    serving: ServeSettings,
    api: ApiSettings,
    url: str,
    ledgers: LedgersServed,
    collectors: Sequence[Collector],
    listening: socket.socket,
    stopping: asyncio.Event,
) -> None:
    serves = Role.API in serving.roles
    access = await _database_awaited(lambda: AccessStore(url), stopping)
    try:
        if serves:
            await _database_awaited(lambda: admin_key_first(access, settings.home), stopping)
        app = await asyncio.to_thread(app_create, ledgers, access, api, watched_only=not serves)
        for collector in collectors:
            app.state.core.metrics.registry.register(collector)
        server = server_of(app, serving)
        ending = asyncio.create_task(_end(server, stopping))
        address = f"http://{serving.host}:{listening.getsockname()[1]}"
        _log.info("serving", address=address, roles=sorted(serving.roles))
        try:
            await server.serve([listening])
        finally:
            ending.cancel()
            await app.state.core.jobs.stop()
    finally:
        listening.close()
        await asyncio.to_thread(access.close)


async def _database_awaited(work: Callable[[], Found], stopping: asyncio.Event) -> Found:
    """What work in a thread comes to, once the database is there. Raises what it raises."""
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            return await asyncio.to_thread(work)
        except DATABASE_LOST as error:
            if stopping.is_set() or time.monotonic() > deadline:
                raise
            _log.warning("database not there yet", error=type(error).__name__, reason=database_reason(error))
        await asyncio.sleep(DATABASE_AGAIN_SECONDS)


def _ledger_first(settings: Settings) -> None:
    """Where there is no ledger at all: make one."""
    if not ledger_names(settings):
        with ledger_open(settings, LEDGER_FIRST, "plumbline-serve", create=True):
            _log.info("ledger created", ledger=LEDGER_FIRST)


async def _end(server: Server, stopping: asyncio.Event) -> None:
    await stopping.wait()
    _log.info("stopping")
    server.should_exit = True


def admin_key_first(access: AccessStore, home: Path) -> Path | None:
    """Where there is no key at all: make an admin's, and say where it lies (readable by its owner only)."""
    made = access.key_create_first("admin")
    if made is None:
        return None
    path = home / ADMIN_KEY_FILE
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made[1] + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _log.warning("first admin key made; keep it safe, then remove the file", file=str(path))
    return path


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> Generator[None]:
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

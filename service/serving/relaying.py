"""The relay of one ledger in a thread with an event loop of its own: what it does keeps no request waiting."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Final

import structlog
import uvloop

from service.bootstrap import SCHEMA_PREFIX
from service.settings import Settings
from streams.connection import Connection
from streams.relay import Relay, RelayState
from streams.setup import streams_setup

AGAIN_SECONDS: Final = 1.0

_log: Any = structlog.get_logger("plumbline.relay")


class Relaying:
    """Relays one ledger until stopped; begins again whatever happens."""

    def __init__(self, settings: Settings, name: str, database_url: str, nats_url: str) -> None:
        self.name = name
        self.relay: Relay | None = None
        """Its figures may be read from any thread; None before it has begun."""
        self._settings = settings
        self._database_url = database_url
        self._nats_url = nats_url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stopped = threading.Event()
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"relay-{name}", daemon=True)

    @property
    def state(self) -> RelayState:
        """What it is doing."""
        return RelayState.STARTING if self.relay is None else self.relay.state

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for what was sent to be acknowledged, end."""
        with self._starting:
            self._stopped.set()
            if self._loop is not None and self._stopping is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(self._relay_until_stopped())
            except Exception as error:
                _log.error("relay failed", ledger=self.name, exc_info=error)
                self._stopped.wait(AGAIN_SECONDS)

    async def _relay_until_stopped(self) -> None:
        stopping = asyncio.Event()
        with self._starting:
            if self._stopped.is_set():
                return
            self._loop, self._stopping = asyncio.get_running_loop(), stopping
        try:
            # The embedded server has one account, which may do everything; with any other an operator sets up streams.
            prepare = self._set_up if self._settings.nats_url is None else None
            self.relay = Relay(
                self.name, SCHEMA_PREFIX + self.name, self._database_url, self._nats_url, prepare=prepare
            )
            await self.relay.run(stopping)
        finally:
            with self._starting:
                self._loop = self._stopping = None

    async def _set_up(self, connection: Connection) -> None:
        for found in await streams_setup(connection, self.name):
            if found.outcome != "unchanged":
                _log.info("stream set up", ledger=self.name, stream=found.stream, outcome=found.outcome)

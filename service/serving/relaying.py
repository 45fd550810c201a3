"""The relay of one ledger, beside everything else that serves it."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from service.bootstrap import SCHEMA_PREFIX
from service.serving.looping import LoopThread
from service.settings import Settings
from streams.connection import Connection
from streams.relay import Relay, RelayState
from streams.setup import streams_setup

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
        self._thread = LoopThread(f"relay-{name}", self._relay, self._failed)

    @property
    def state(self) -> RelayState:
        """What it is doing."""
        return RelayState.STARTING if self.relay is None else self.relay.state

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for what was sent to be acknowledged, end."""
        self._thread.stop()

    def _failed(self, error: Exception) -> None:
        _log.error("relay failed", ledger=self.name, exc_info=error)

    async def _relay(self, stopping: asyncio.Event) -> None:
        # The embedded server has one account, which may do everything; with any other an operator sets up streams.
        embedded = self._settings.nats_url is None and self._settings.nats_relay_url is None
        self.relay = Relay(
            self.name, SCHEMA_PREFIX + self.name, self._database_url, self._nats_url,
            prepare=self._set_up if embedded else None,
        )  # fmt: skip
        await self.relay.run(stopping)

    async def _set_up(self, connection: Connection) -> None:
        for found in await streams_setup(connection, self.name):
            if found.outcome != "unchanged":
                _log.info("stream set up", ledger=self.name, stream=found.stream, outcome=found.outcome)

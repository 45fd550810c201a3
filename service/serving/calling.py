"""The deliverer of one ledger's webhooks, beside everything else that serves it."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog

from service.bootstrap import SCHEMA_PREFIX, clock
from service.serving.looping import LoopThread
from streams.messages import message_of
from webhooks.addresses import Network
from webhooks.calling import Caller
from webhooks.delivering import Deliverer, Lag, Parts

LOOKUPS_AT_ONCE: Final = 64

_log: Any = structlog.get_logger("plumbline.webhooks")


class Calling:
    """Delivers until stopped; begins again whatever happens."""

    def __init__(self, name: str, database_url: str, networks: Sequence[Network]) -> None:
        self.name = name
        self._database_url = database_url
        self._networks = networks
        self._deliverer: Deliverer | None = None
        self._thread = LoopThread(f"webhooks-{name}", self._deliver, self._failed)

    @property
    def running(self) -> bool:
        """Whether it delivers, or stands by while another process does."""
        return self.status in ("delivering", "standby")

    @property
    def status(self) -> str:
        """What it does, in a word or a sentence."""
        deliverer = self._deliverer
        return "starting" if deliverer is None else deliverer.status

    @property
    def lags(self) -> Sequence[Lag]:
        """How far each webhook is behind, where this process delivers."""
        deliverer = self._deliverer
        return deliverer.lags if deliverer is not None and deliverer.status == "delivering" else ()

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """Attempts of this process by webhook and outcome."""
        deliverer = self._deliverer
        return {} if deliverer is None else dict(deliverer.counts)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let attempts under way end, for a few seconds; then end."""
        self._thread.stop()

    def _failed(self, error: Exception) -> None:
        _log.error("deliverer failed", ledger=self.name, exc_info=error)

    async def _deliver(self, stopping: asyncio.Event) -> None:
        # Names are looked up in threads: enough of them that slow servers of names hold up nobody else.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(LOOKUPS_AT_ONCE, "webhooks-names"))
        # Read once: the authorities that this machine trusts.
        tls = ssl.create_default_context()
        jitter = random.SystemRandom()

        def caller() -> Caller:
            return Caller(networks=self._networks, tls=tls)

        parts = Parts(message_of, caller, clock, jitter.random)
        deliverer = Deliverer(self._database_url, SCHEMA_PREFIX + self.name, self.name, parts)
        if self._deliverer is not None:
            deliverer.counts = self._deliverer.counts
        self._deliverer = deliverer
        await deliverer.run(stopping)

"""The deliverer of one ledger's webhooks in a thread of its own."""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog

from service.bootstrap import SCHEMA_PREFIX, clock
from streams.messages import message_of
from webhooks.addresses import Network
from webhooks.calling import Caller
from webhooks.delivering import Deliverer, Lag, Parts

AGAIN_SECONDS: Final = 1.0
LOOKUPS_AT_ONCE: Final = 64

_log: Any = structlog.get_logger("plumbline.webhooks")


class Calling:
    """Delivers until stopped; begins again whatever happens."""

    def __init__(self, name: str, database_url: str, networks: Sequence[Network]) -> None:
        self.name = name
        self._database_url = database_url
        self._networks = networks
        self._deliverer: Deliverer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"webhooks-{name}", daemon=True)

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
        self._stopping.set()
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            try:
                loop.call_soon_threadsafe(stop.set)
            except RuntimeError:
                # The loop has ended by itself just now.
                _log.debug("deliverer ended", ledger=self.name)
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._deliver())
            except Exception as error:
                _log.error("deliverer failed", ledger=self.name, exc_info=error)
            self._stopping.wait(AGAIN_SECONDS)

    async def _deliver(self) -> None:
        # Names are looked up in threads: enough of them that slow servers of names hold up nobody else.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(LOOKUPS_AT_ONCE, "webhooks-names"))
        # Read once: the authorities that this machine trusts.
        tls = ssl.create_default_context()
        jitter = random.SystemRandom()

        def caller() -> Caller:
            return Caller(networks=self._networks, tls=tls)

        parts = Parts(message_of, caller, clock, jitter.random)
        stop = asyncio.Event()
        counts = self._deliverer.counts if self._deliverer is not None else None
        deliverer = Deliverer(self._database_url, SCHEMA_PREFIX + self.name, self.name, parts)
        if counts is not None:
            deliverer.counts = counts
        self._deliverer, self._loop, self._stop = deliverer, asyncio.get_running_loop(), stop
        if self._stopping.is_set():
            return
        await deliverer.run(stop)

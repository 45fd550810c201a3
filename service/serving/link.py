"""A connection to NATS that is there as often as can be: the one that is lost is given up, and the next begins from
nothing.

The library's own way of coming back restores every subscription of the lost connection, those too that were to end
while it was away, sends what was meant for another time, and gives up for good once a server refuses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import structlog
from nats.errors import ConnectionClosedError

from ledger.domain.errors import PlumblineError
from streams.connection import LOST, PING_SECONDS, Connection, nats_connected

AGAIN_SECONDS: Final = 0.5
SEND_SECONDS: Final = 10.0
"""How long what is to be sent waits for a connection."""
SEND_AGAIN_SECONDS: Final = 0.02

_log: Any = structlog.get_logger("plumbline.nats")
T = TypeVar("T")


class Link:
    """Belongs to one event loop; `start` before, `stop` after.

    `begun` makes of each new connection what it is to be: it subscribes. `ended` is told of each that was lost. What
    `begun` raises of the library's errors ends the connection, too.
    """

    def __init__(
        self,
        url: str,
        name: str,
        begun: Callable[[], Coroutine[Any, Any, None]],
        ended: Callable[[], None],
        *,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._url = url
        self._name = name
        self._begun = begun
        self._ended = ended
        self._ping_seconds = ping_seconds
        self._connection: Connection | None = None
        self._there = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._before = False

    @property
    def connected(self) -> bool:
        """Whether NATS is there now, and this connection is what it is to be."""
        return self._there.is_set()

    @property
    def client(self) -> Any:
        """The present connection's, typed in part only; None without one."""
        return None if self._connection is None or self._connection.lost.done() else self._connection.client

    def start(self) -> None:
        """Connect in the background, for as long as it takes, and again whenever the connection is lost."""
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Send what waits, let the connection go."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})

    async def wait(self) -> None:
        """Wait until it is connected."""
        await self._there.wait()

    def renew(self) -> None:
        """Give the present connection up: it isn't what it is to be. The next begins from nothing."""
        if self._connection is not None and not self._connection.lost.done():
            self._connection.lost.set_result(None)

    async def carried(self, work: Coroutine[Any, Any, T]) -> T:
        """What work on the present connection comes to. Raises ConnectionClosedError as soon as that is lost, and what
        the work raises."""
        connection = self._connection
        if connection is None:
            work.close()
            raise ConnectionClosedError
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait({working, connection.lost}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise ConnectionClosedError
        finally:
            working.cancel()

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send, as soon as there is a connection. Raises NatsError, and TimeoutError after SEND_SECONDS without one."""
        async with asyncio.timeout(SEND_SECONDS):
            while True:
                await self._there.wait()
                client = self.client
                try:
                    if client is not None:
                        await client.publish(subject, body, headers=None if headers is None else dict(headers))
                        return
                except ConnectionClosedError:
                    # It was lost a moment ago; the next one is waited for.
                    pass
                await asyncio.sleep(SEND_AGAIN_SECONDS)

    async def _keep(self) -> None:
        while True:
            try:
                async with nats_connected(
                    self._url, self._name, ping_seconds=self._ping_seconds, told=self._told
                ) as connection:
                    await self._used(connection)
            except (PlumblineError, *LOST) as error:
                reason = str(error) if isinstance(error, PlumblineError) else type(error).__name__
                _log.info("nats not reached", connection=self._name, reason=reason)
            except Exception as error:
                _log.error("nats connection failed", connection=self._name, exc_info=error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _used(self, connection: Connection) -> None:
        """All that one connection is there for, until it is lost."""
        self._connection = connection
        try:
            await self.carried(self._begun())
            if self._before:
                _log.info("nats is back", connection=self._name)
            self._before = True
            self._there.set()
            # Shielded: stopping this is no loss of the connection.
            await asyncio.shield(connection.lost)
            _log.warning("nats lost", connection=self._name)
        finally:
            self._there.clear()
            self._connection = None
            self._ended()

    async def _told(self, error: Exception) -> None:
        _log.info("nats", connection=self._name, error=type(error).__name__)

"""A connection to NATS that is made once and, when it is lost, given up: whoever holds it begins anew.

The library's own way of coming back keeps what was to be sent meanwhile, and sends it without being asked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError, NoRespondersError, TimeoutError as NatsTimeout
from nats.js.errors import APIError, ServiceUnavailableError
from nats.js.manager import JetStreamManager

from streams.faults import NatsUnreachable
from streams.permissions import USER_NAME, inbox_prefix

CONNECT_SECONDS: Final = 2
PING_SECONDS: Final = 5
"""A server that is silent for three of these is gone."""
API_SECONDS: Final = 5.0
PORT_DEFAULT: Final = 4222

LOST: Final = (OSError, NatsError, TimeoutError)
"""What the library raises where a server goes away."""


Told = Callable[[Exception], Awaitable[None]]


async def _ignored(error: Exception) -> None:
    """What the library meets on its way shows as a connection that is gone, or a message that nobody acknowledges."""


class Connection:
    """One connection. `client` is the library's; its methods are typed in part only."""

    def __init__(self) -> None:
        self.client: Any = Client()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the connection is gone."""

    @property
    def manager(self) -> Any:
        """The library's way to JetStream's API; typed in part only."""
        return JetStreamManager(self.client, timeout=API_SECONDS)

    async def open(self, url: str, name: str, *, ping_seconds: float = PING_SECONDS, told: Told = _ignored) -> None:
        """Connect to one server; `told` hears what the library meets on its way. Raises what LOST names."""
        await self.client.connect(
            url, name=name, connect_timeout=CONNECT_SECONDS, allow_reconnect=False,
            ping_interval=ping_seconds, max_outstanding_pings=2, error_cb=told, closed_cb=self._closed,
            inbox_prefix=inbox_prefix_of(url),
            # The library counts its first attempts as reconnecting, and would make sixty.
            max_reconnect_attempts=1, reconnect_time_wait=0.05,
            # Ours are made valid; looking again costs as much as three headers.
            skip_subject_validation=True,
        )  # fmt: skip

    async def close(self) -> None:
        """Send what waits, let it go. Waits for no server that hangs."""
        closing = asyncio.create_task(self._close())
        await asyncio.wait({closing}, timeout=2 * CONNECT_SECONDS)
        closing.cancel()

    async def _close(self) -> None:
        try:
            if self.client.is_connected:
                await self.client.flush(CONNECT_SECONDS)
        except LOST:
            pass
        finally:
            await self.client.close()

    async def _closed(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


@asynccontextmanager
async def nats_connected(
    url: str, name: str, *, ping_seconds: float = PING_SECONDS, told: Told = _ignored
) -> AsyncGenerator[Connection]:
    """A connection to any of the servers of `url`, for as long as it is needed. Raises NatsUnreachable where none
    answers."""
    parts = url_parts(url)
    fault: BaseException | None = None
    for part in random.sample(parts, len(parts)):
        connection = Connection()
        try:
            try:
                opening = connection.open(part, name, ping_seconds=ping_seconds, told=told)
                await asyncio.wait_for(opening, 2 * CONNECT_SECONDS)
            except LOST as error:
                fault = error
                continue
            yield connection
            return
        finally:
            await connection.close()
    reason = "no address" if fault is None else reason_of(fault)
    raise NatsUnreachable(f"NATS can't be reached ({reason}); `plumbline status` says what runs") from fault


def url_parts(url: str) -> list[str]:
    """The addresses of one setting. The user and password of the first are those of all that name none."""
    parts = [part.strip() for part in url.split(",") if part.strip()]
    login, at, _ = urlsplit(parts[0]).netloc.rpartition("@")
    return [p if "@" in p or not at else p.replace("://", f"://{login}@", 1) for p in parts]


def inbox_prefix_of(url: str) -> str:
    """What the reply subjects of a connection begin with: a name of its user's own, where the user has one."""
    user = unquote(urlsplit(url_parts(url)[0]).username or "")
    return inbox_prefix(user) if USER_NAME.fullmatch(user) else "_INBOX"


def reason_of(error: BaseException) -> str:
    """What an error of the library says, without addresses."""
    match error:
        case ServiceUnavailableError():
            return f"JetStream is not available: {error.description or 'no leader'}"
        case APIError():
            return error.description or type(error).__name__
        case NoRespondersError():
            return "nobody answers for JetStream: it is off, or this account may not use it"
        case NatsTimeout() | TimeoutError():
            return "no answer in time: the server is busy, or this account may not ask"
        case _:
            return type(error).__name__

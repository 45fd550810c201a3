"""A NATS server of a test's own, with the account file that the command generates, and one connection as each user."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from streams.permissions import Login, inbox_prefix
from tests.nats_servers import NatsServer


@contextmanager
def nats_guarded(folder: Path, accounts: bytes, *, jetstream: str = "", more: str = "") -> Iterator[str]:
    """The host and port of a server with an account file, until the end of the block."""
    server = NatsServer(folder, "guarded", cluster=f"include ./accounts.conf\n{more}", jetstream=jetstream)
    (server.folder / "accounts.conf").write_bytes(accounts)
    try:
        server.start()
        yield f"127.0.0.1:{server.port}"
    finally:
        server.stop()


def logins_of(names: list[str]) -> dict[str, Login]:
    """A password for each: its name, backwards."""
    return {name: Login(name[::-1]) for name in names}


def url_of(address: str, user: str) -> str:
    """Where a user of `logins_of` connects."""
    return f"nats://{user}:{user[::-1]}@{address}"


class Wire:
    """The bare protocol as one user: what the server objects to is known for each message, before the next."""

    def __init__(self, address: str, connect: Callable[[dict[str, Any]], Mapping[str, object]]) -> None:
        """`connect` makes of the server's greeting how one proves who one is."""
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self.greeting = json.loads(self._file.readline().removeprefix(b"INFO "))
        self._send(b"CONNECT " + json.dumps({"verbose": False, "pedantic": False, "headers": True, **connect(self.greeting)}).encode())
        self.refused = self._objections()

    @classmethod
    def of(cls, address: str, user: str) -> Wire:
        """A connection of a user of `logins_of`."""
        wire = cls(address, lambda greeting: {"user": user, "pass": user[::-1]})
        assert wire.refused == []
        return wire

    def may_publish(self, subject: str, body: bytes = b"", reply: str = "") -> bool:
        """Whether the server lets a message through."""
        self._send(f"PUB {subject} {reply} {len(body)}".encode(), body)
        return not self._objections()

    def may_subscribe(self, subject: str, queue: str = "") -> bool:
        """Whether the server lets somebody listen."""
        self._send(f"SUB {subject} {queue} 1".encode())
        allowed = not self._objections()
        self._send(b"UNSUB 1")
        return allowed

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def _send(self, *lines: bytes) -> None:
        self._socket.sendall(b"".join(line + b"\r\n" for line in lines))

    def _objections(self) -> list[str]:
        """What the server says until it has seen everything; messages that it delivers meanwhile are passed over."""
        found: list[str] = []
        try:
            self._send(b"PING")
            self._read_until_pong(found)
        except ConnectionError:
            found.append("hung up")
        return found

    def _read_until_pong(self, found: list[str]) -> None:
        while (line := self._file.readline().rstrip()) not in (b"PONG", b""):
            if line.startswith(b"-ERR"):
                found.append(line.decode())
            elif line.startswith((b"MSG ", b"HMSG ")):
                self._file.read(int(line.split()[-1]) + 2)
        if not line:
            found.append("hung up")


class As:
    """A connection of the usual client as one user, and what the server has said it may not do."""

    def __init__(self, user: str, client: Client) -> None:
        self.user = user
        self.client: Any = client
        self.told: list[str] = []

    async def settle(self) -> None:
        """Until the server knows of every subscription: the client may send a ping before what it was given before."""
        for _ in range(2):
            await self.client.flush()


@asynccontextmanager
async def connected(address: str, user: str, **more: Any) -> AsyncIterator[As]:
    """A connection as one of the users, with replies to its own inbox."""
    me = As(user, Client())

    async def told(error: Exception) -> None:
        me.told.append(str(error))

    await me.client.connect(
        url_of(address, user), error_cb=told, inbox_prefix=inbox_prefix(user), allow_reconnect=False, connect_timeout=5, **more
    )
    try:
        yield me
    finally:
        await me.client.close()

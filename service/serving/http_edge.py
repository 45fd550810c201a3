"""Where HTTP comes in: uvicorn's server and protocol, and what those leave without end: the size of a request's head,
the time it may take, bodies that don't come, and answers that nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.limits import Pace
from api.middleware import SLOW
from api.problems import problem_response
from service.serving.address import BACKLOG
from service.serving.settings import ServeSettings

UNREAD_SECONDS_MAX: Final = 60.0
"""A client that reads nothing of its answer for so long is let go."""
DRAIN_SECONDS: Final = 20
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than clients keep an idle connection (httpx 5 s, most proxies 60 s): the side that may send must be the one to
close, or a request meets a connection that is closed under it."""
LATE_SECONDS: Final = 2.0
"""What passes beyond this between two looks is the service's own delay, and counted against nobody."""
LOOK_TICKS: Final = 10
"""uvicorn ticks ten times a second."""
_NOBODY: Final = Request({"type": "http", "headers": []})


def _plain(response: Response) -> bytes:
    """An answer as it goes over the line, to a request that never became one; the connection ends with it."""
    headers = [*response.raw_headers, (b"connection", b"close")]
    lines = [b"%s: %s\r\n" % header for header in dict(headers).items()]
    return b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)])


_TOO_LARGE: Final = _plain(
    problem_response(_NOBODY, "HEAD_TOO_LARGE", "address and headers are too large; what is long belongs in the body")
)
_TOO_SLOW: Final = _plain(
    problem_response(_NOBODY, "REQUEST_SLOW", "address and headers came too slowly; send the request again")
)


class Edge(HttpToolsProtocol):
    """One connection. httptools keeps a header until it is whole, however long it gets, and uvicorn waits for it."""

    head_bytes_max: int
    head_seconds: float
    body_seconds: float
    body_bytes_per_second_min: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Await the first head from now on."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._due: float | None = self.loop.time() + self.head_seconds
        """When what is being awaited must be there; None while no head is."""
        self._barren = 0
        """So many bytes came since a head, a piece of a body or a request was last whole."""
        self._moved = False
        self._pace: Pace | None = None
        """That of the body, while one is to come."""
        self._brought = 0
        self._looked = 0.0
        self._unread = 0
        self._unread_since = 0.0

    @property
    def _answering(self) -> bool:
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is not None and not cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Parse what came, no further than a head may reach."""
        if self._due is None and not self._answering:
            self._due = self.loop.time() + self.head_seconds
        at = 0
        while at < len(data) and not self.transport.is_closing():
            piece = data[at : at + self.head_bytes_max - self._barren]
            at += len(piece)
            self._moved = False
            super().data_received(piece)
            self._barren = 0 if self._moved else self._barren + len(piece)
            if self._barren >= self.head_bytes_max:
                self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._due is None:
            self._due = self.loop.time() + self.head_seconds

    def on_headers_complete(self) -> None:
        """Its head is whole, and its body is to come."""
        super().on_headers_complete()
        self._moved, self._due, self._pace, self._brought = True, None, None, 0

    def on_body(self, body: bytes) -> None:
        """A piece of its body is there. Of one that was answered already, the rest must come as soon as a head."""
        super().on_body(body)
        self._moved = True
        self._brought += len(body)

    def on_message_complete(self) -> None:
        """It is whole."""
        super().on_message_complete()
        self._moved, self._due, self._pace = True, None, None

    def look(self, now: float) -> None:
        """End it where it has kept one waiting for too long."""
        unread = self.transport.get_write_buffer_size()
        if not unread or unread != self._unread:
            self._unread, self._unread_since = unread, now
        elif now - self._unread_since >= UNREAD_SECONDS_MAX:
            self.transport.abort()
        if self.transport.is_closing():
            return
        if self._answering:
            self._body_look(now)
        elif self._due is not None and now >= self._due:
            if self._barren:
                self._refuse(_TOO_SLOW)
            else:
                self.transport.close()  # nothing was asked: there is nothing to answer

    def _body_look(self, now: float) -> None:
        """While the service itself takes no more, the client is not to blame."""
        if not self.cycle.more_body:
            return
        if self._pace is None:
            self._pace = Pace(self.body_seconds, self.body_bytes_per_second_min)
        elif not self.flow.read_paused and not self._pace.waited(min(now - self._looked, LATE_SECONDS), self._brought):
            cast(dict[str, Any], self.cycle.scope)[SLOW] = True
            self.cycle.message_event.set()
        self._looked, self._brought = now, 0

    def _refuse(self, answer: bytes) -> None:
        if self._answering:
            self.transport.abort()  # another answer is under way on it
        else:
            self.transport.write(answer)
            self.transport.close()


class Server(uvicorn.Server):
    """uvicorn that looks after its connections, and without its own signal handlers: those would end the process before
    the writer has finished."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to whoever runs the server."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Look, once a second, for connections that are stuck."""
        if counter % LOOK_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                cast(Edge, connection).look(now)
        return await super().on_tick(counter)


def server_of(app: ASGIApp, serving: ServeSettings) -> Server:
    """The server of an app, under these limits."""
    limits = {
        "head_bytes_max": serving.head_bytes_max, "head_seconds": serving.head_seconds,
        "body_seconds": serving.api.body_seconds, "body_bytes_per_second_min": serving.api.body_bytes_per_second_min,
    }  # fmt: skip
    protocol = type("Edge", (Edge,), limits)
    return Server(
        uvicorn.Config(
            app, loop="none", http=protocol, ws="none", lifespan="off", access_log=False, log_config=None,
            server_header=False, proxy_headers=bool(serving.trusted_proxies),
            forwarded_allow_ips=[str(network) for network in serving.trusted_proxies],
            timeout_graceful_shutdown=DRAIN_SECONDS, timeout_keep_alive=KEEP_ALIVE_SECONDS, backlog=BACKLOG,
        )
    )  # fmt: skip

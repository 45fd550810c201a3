"""A load on one HTTP address: so many connections, each sending its next request when the last is answered.

Written on bare asyncio protocols, so that on two cores the load costs less than what it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import uvloop

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "

RequestMaker = Callable[[int], bytes]
"""Gives the bytes of the n-th request, head and body."""


class LoadFailed(RuntimeError):
    """The server answered with something else than what was expected, or not at all."""


@dataclass
class Load:
    """What a load came to. `latencies_ms` are of the requests that were measured, sorted."""

    requests: int
    seconds: float
    latencies_ms: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """The latency that so many percent of the requests did not pass."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * percent / 100))]


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    if method != "GET":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def load(port: int, make: RequestMaker, *, connections: int, warm_seconds: float, seconds: float) -> Load:
    """Send requests for so long after a time to warm up. Raises LoadFailed at the first answer that is no 2xx."""
    return uvloop.run(_load(port, make, connections, warm_seconds, seconds))


async def _load(port: int, make: RequestMaker, connections: int, warm_seconds: float, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(make, time.perf_counter() + warm_seconds, time.perf_counter() + warm_seconds + seconds)
    callers: list[_Caller] = []
    for _ in range(connections):
        _, caller = await loop.create_connection(lambda: _Caller(run, loop.create_future()), "127.0.0.1", port)
        callers.append(caller)
    await asyncio.gather(*(caller.done for caller in callers))
    return Load(len(run.latencies_ms), seconds, sorted(run.latencies_ms))


class _Run:
    def __init__(self, make: RequestMaker, count_from: float, until: float) -> None:
        self.make = make
        self.count_from = count_from
        self.until = until
        self.number = 0
        self.latencies_ms: list[float] = []

    def next(self) -> bytes:
        self.number += 1
        return self.make(self.number)


class _Caller(asyncio.Protocol):
    def __init__(self, run: _Run, done: asyncio.Future[None]) -> None:
        self.run = run
        self.done = done
        self.received = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour only.
        self.transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head_end = self.received.find(_END_OF_HEAD)
        if head_end < 0:
            return
        head = self.received[:head_end].lower()
        at = head.find(_LENGTH)
        if at < 0:
            self._end(LoadFailed(f"an answer without a length: {self.received[:300]!r}"))
            return
        line_end = head.find(b"\r\n", at)
        length = int(head[at + len(_LENGTH) : line_end if line_end >= 0 else len(head)])
        if len(self.received) < head_end + len(_END_OF_HEAD) + length:
            return
        now = time.perf_counter()
        if self.received[9:10] != b"2":
            self._end(LoadFailed(f"expected a 2xx, got {self.received[:600]!r}"))
            return
        if self.sent_at >= self.run.count_from:
            self.run.latencies_ms.append((now - self.sent_at) * 1000)
        self.received = b""
        if now >= self.run.until:
            self._end(None)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(LoadFailed(f"the server closed a connection: {exc}"))

    def _send(self) -> None:
        message = self.run.next()
        self.sent_at = time.perf_counter()
        self.transport.write(message)

    def _end(self, failure: Exception | None) -> None:
        if not self.done.done():
            if failure is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(failure)
        self.transport.close()

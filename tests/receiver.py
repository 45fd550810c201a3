"""A receiver of webhooks: a real HTTP server on loopback that keeps what comes and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from webhooks.signing import verify


@dataclass(frozen=True)
class Got:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    port: int
    """From which port of the caller's: the same, the same connection."""

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, *secrets: str) -> str:
        """The id, once the signature has proved it."""
        return self.verified_at(self.at, *secrets)

    def verified_at(self, now: float, *secrets: str) -> str:
        """The same by another clock."""
        return verify(secrets, self.headers, self.body, now)


@dataclass(frozen=True)
class Answer:
    """What is answered: a status, a body, headers, after a while; or nothing but a closed connection (status 0)."""

    status: int = 204
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after_seconds: float = 0.0


class Receiver:
    """Answers each request by `answer`, which is given how many came before and what came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[Got] = []
        self.answer: Callable[[int, Got], Answer] = lambda count, got: Answer()
        self._came = threading.Condition()

    def take(self, got: Got) -> Answer:
        with self._came:
            count = len(self.got)
            self.got.append(got)
            self._came.notify_all()
        return self.answer(count, got)

    def wait(self, count: int, seconds: float = 20.0) -> list[Got]:
        """All that came once so many did. AssertionError after a time."""
        with self._came:
            there = self._came.wait_for(lambda: len(self.got) >= count, seconds)
            assert there, f"{len(self.got)} of {count} came: {[g.id for g in self.got]}"
            return list(self.got)

    @property
    def ids(self) -> list[str]:
        return [got.id for got in self.got]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver for as long as it is needed."""
    holder: list[Receiver] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length_bytes = int(self.headers["content-length"])
            body = self.rfile.read(length_bytes)
            if len(body) < length_bytes:
                # Whoever sent it was killed between its headers and its body: a receiver has been told nothing.
                self.close_connection = True
                return
            got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.time(), self.client_address[1])
            answer = holder[0].take(got)
            if answer.after_seconds:
                time.sleep(answer.after_seconds)
            if not answer.status:
                self.close_connection = True
                return
            try:
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that goes away is nothing to be told of."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    holder.append(Receiver(f"{scheme}://127.0.0.1:{server.server_address[1]}/hook"))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield holder[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

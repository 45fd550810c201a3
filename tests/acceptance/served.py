"""Serving processes and a load on them: what the tests of faults over HTTP are made of."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from service import embedded
from service.settings import DATABASE_URL_VARIABLE, HOME_VARIABLE, NATS_URL_VARIABLE, Settings
from tests.acceptance.forking import PROGRAM, forks

WAIT_SECONDS = 90.0
LEDGER = "main"


def port_free() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Served:
    """One `plumbline serve`, in a process of its own."""

    def __init__(self, settings: Settings, roles: str = "api,writer,follower") -> None:
        self.settings = settings
        self.roles = roles
        self.port = port_free()
        self.url = f"http://127.0.0.1:{self.port}"
        # The addresses are given, so that no process starts a server that a test has killed.
        self._addresses = {
            DATABASE_URL_VARIABLE: embedded.database_url(settings), NATS_URL_VARIABLE: embedded.nats_url(settings),
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it (again) on the same port."""
        environment = {**os.environ, HOME_VARIABLE: str(self.settings.home), **self._addresses}
        # A load is one key's.
        environment |= {"PLUMBLINE_REQUESTS_PER_SECOND": "100000", "PLUMBLINE_REQUESTS_BURST": "100000"}
        with (self.settings.home / f"serve-{self.port}.log").open("ab") as output:
            self._log_before = output.tell()
            arguments = ["serve", "--port", str(self.port), "--roles", self.roles]
            self.process = forks().start(PROGRAM, arguments, environment, output.fileno(), output.fileno())

    def serving(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until it says that it serves: from then on it heeds signals."""
        deadline = time.monotonic() + seconds
        while '"event":"serving"' not in self.log()[self._log_before :]:
            assert self.process.poll() is None, f"it ended by itself with {self.process.returncode}"
            assert time.monotonic() < deadline, "it does not begin to serve"
            time.sleep(0.05)

    def ready(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until it says that it is ready."""
        deadline = time.monotonic() + seconds
        last: Any = None
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"it ended by itself with {self.process.returncode}"
            try:
                answer = httpx.get(f"{self.url}/ready", timeout=5)
                last = answer.json()
                if answer.status_code == 200:
                    return
            except httpx.TransportError as error:
                last = repr(error)
            time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s: {last}")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 40.0) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def key(self) -> str:
        """The first admin's key."""
        return (self.settings.home / "admin.key").read_text("utf-8").strip()

    def log(self) -> str:
        """What it has said so far."""
        return (self.settings.home / f"serve-{self.port}.log").read_text("utf-8")


class Connection:
    """One connection on bare streams: where thousands of requests are sent, httpx takes longer than the service."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """A new one."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        given = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body)), **headers}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head, *rest = (await self._reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        return int(head.split()[1]), told, await self._reader.readexactly(int(told["content-length"]))

    async def close(self) -> None:
        """Let it go."""
        self._writer.close()
        await self._writer.wait_closed()


def fact_document(name: str, n: int) -> dict[str, Any]:
    """The n-th fact of a load."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("contract_signed", {"amount": 10_000 * (n % 50)}),
        ("login", {}),
        ("complaint_filed", {"severity": ("minor", "major")[n % 2]}),
    ]
    kind, attributes = kinds[n % 3]
    return {
        "source": "crm", "external_id": f"{name}/{n}", "fact_type": kind,
        "customer": {"source": "crm", "reference": f"c{n % 7}"},
        "registration": {"source": "crm", "reference": f"c{n % 7}", "name": f"客户{n % 7}"},
        "occurred_at": f"2026-0{n % 6 + 1}-{n % 28 + 1:02d}", "attributes": attributes,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a load, by the name that is its Idempotency-Key, and the codes with which it may be refused."""

    path: str
    name: str
    document: dict[str, Any]
    may_refuse: frozenset[str] = frozenset()


class HttpLoad:
    """Threads that send facts until told to end, each again under the same key until it is acknowledged."""

    def __init__(self, name: str, urls: list[str], key: str, threads: int = 6) -> None:
        self.name = name
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.gap_seconds = 0.0
        """The longest time in which nothing was acknowledged."""
        self._urls = urls
        self._key = key
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> HttpLoad:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def more(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        until = len(self.acknowledged) + count
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.acknowledged) < until:
            assert not self.wrong, self.wrong[:3]
            assert time.monotonic() < deadline, f"the load does not go on: {self.statuses}"
            time.sleep(0.01)

    def stop(self) -> None:
        """Let every thread finish what it has begun."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive(), "a request was never acknowledged"

    def steps(self, thread: int) -> Generator[Asked, httpx.Response, None]:
        """What a thread sends, one after the other; it is told each answer."""
        n = thread
        while True:
            document = fact_document(self.name, n)
            yield Asked("facts", document["external_id"], document)
            n += len(self._threads)

    def _run(self, thread: int) -> None:
        at = thread % len(self._urls)
        steps = self.steps(thread)
        asked = next(steps)
        with httpx.Client(headers={"Authorization": f"Bearer {self._key}"}, timeout=60) as client:
            while not self._stopping.is_set():
                while True:
                    try:
                        answer = client.post(
                            f"{self._urls[at]}/v1/ledgers/{LEDGER}/{asked.path}", json=asked.document,
                            headers={"Idempotency-Key": asked.name},
                        )  # fmt: skip
                    except httpx.TransportError:
                        at = (at + 1) % len(self._urls)
                        time.sleep(0.02)
                        continue
                    if self._is_final(asked, answer):
                        break
                    if self.wrong:
                        return
                    time.sleep(0.05)
                asked = steps.send(answer)

    def _is_final(self, asked: Asked, answer: httpx.Response) -> bool:
        with self._lock:
            self.statuses[answer.status_code] += 1
            if answer.status_code < 300:
                now = time.monotonic()
                self.gap_seconds = max(self.gap_seconds, now - self._last)
                self._last = now
                self.acknowledged.append(asked.name)
                return True
            if answer.status_code < 500 and answer.json()["code"] in asked.may_refuse:
                self.refused.append(asked.name)
                return True
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                self.wrong.append(f"{asked.name}: {answer.status_code} {answer.text[:300]}")
            return False

"""The service over HTTP: facts in and balances out, beside an empty FastAPI app and a plain aggregate service.

Every server runs in a process of its own on one Postgres with fsync on; the load comes from this process. The peers and
ours take turns, and what counts is the median of the rounds.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
import psycopg

from benchmarks.http_load import Load, RequestMaker, load, request_bytes
from benchmarks.lines import Line, Say
from ledger.domain.events import CustomerRegistered
from ledger.domain.values import customer_id
from ledger.log.codec import encode
from ledger.log.recorder import recorder_open
from service import embedded
from service.bootstrap import SCHEMA_PREFIX, clock, ledger_open
from service.settings import DATABASE_URL_VARIABLE, HOME_VARIABLE, NATS_URL_VARIABLE, Settings

CONNECTIONS: Final = 64
READY_SECONDS_MAX: Final = 180.0
STOP_SECONDS_MAX: Final = 60.0
LEDGER: Final = "main"
UNLIMITED: Final = {"PLUMBLINE_REQUESTS_PER_SECOND": "1000000", "PLUMBLINE_REQUESTS_BURST": "1000000"}
"""One key sends the whole load: what is measured is the service, not its limit."""
FACT_PATH: Final = f"/v1/ledgers/{LEDGER}/facts"


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure on embedded servers of its own."""
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    customers = 10_000 if quick else 1_000_000
    try:
        say("starting the servers")
        url, nats = embedded.database_url(settings), embedded.nats_url(settings)
        environment = {
            HOME_VARIABLE: str(settings.home), DATABASE_URL_VARIABLE: url, NATS_URL_VARIABLE: nats, **UNLIMITED,
        }  # fmt: skip
        say(f"registering {customers:,} customers")
        _customers_register(settings, customers)
        return _measure(settings, environment, customers, say, quick=quick)
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)


def _customers_register(settings: Settings, count: int) -> None:
    """Enter customers into the log as the writer would, in batches."""
    with ledger_open(settings, LEDGER, "bench", create=True) as handle:
        now = clock().isoformat()
        with recorder_open(handle.database_url, SCHEMA_PREFIX + LEDGER) as recorder:
            for first in range(1, count + 1, 5_000):
                recorder.append(
                    [
                        encode(
                            CustomerRegistered(
                                originator_id=customer_id(n), originator_version=1, occurred_at=now, recorded_at=now,
                                actor="bench", source="bench", reference=str(n), name=f"客户 {n}",
                                traits={"region": "east", "industry": "housing"},
                            )
                        )
                        for n in range(first, min(first + 5_000, count + 1))
                    ],
                    position_expected=recorder.position_head(),
                )  # fmt: skip
        handle.follow()
        assert not handle.failed, handle.failed


def _measure(
    settings: Settings, environment: Mapping[str, str], customers: int, say: Say, *, quick: bool
) -> list[Line]:
    rounds, warm, seconds = (1, 0.5, 1.0) if quick else (3, 2.0, 6.0)
    ours_port, peers_port, reader_port = _port_free(), _port_free(), _port_free()
    peers = [sys.executable, "-m", "benchmarks.http_peers", str(peers_port)]
    with (
        _serving(environment, ours_port, "api,writer,follower", say),
        _process(peers, environment, f"http://127.0.0.1:{peers_port}/empty", say),
    ):
        key = _key(settings)
        facts, plain = _facts(key, customers), _plain(customers)
        balances = _balances(key, customers)
        posts = {
            "ours": (ours_port, facts), "plain": (peers_port, plain),
            "empty": (peers_port, _peer("POST", "/empty")), "one": (ours_port, facts),
            "empty one": (peers_port, _peer("POST", "/empty")),
            "memory": (ours_port, balances), "empty get": (peers_port, _peer("GET", "/empty")),
        }  # fmt: skip
        found = _rounds(posts, rounds, warm, seconds, say)
        commit_ms = _commit_ms(environment[DATABASE_URL_VARIABLE], 50 if quick else 500)
        with _serving(environment, reader_port, "api", say):
            reads = {"postgres": (reader_port, balances), "empty get 2": (peers_port, _peer("GET", "/empty"))}
            found |= _rounds(reads, rounds, warm, seconds, say)
    return _lines(found, commit_ms, customers)


def _rounds(
    loads: Mapping[str, tuple[int, RequestMaker]], rounds: int, warm: float, seconds: float, say: Say
) -> dict[str, Load]:
    """The median round (by rate) of each load, all taking turns."""
    runs: dict[str, list[Load]] = {name: [] for name in loads}
    for number in range(rounds):
        for name, (port, make) in loads.items():
            say(f"round {number + 1} of {rounds}: {name}")
            connections = 1 if "one" in name.split() else CONNECTIONS
            runs[name].append(load(port, make, connections=connections, warm_seconds=warm, seconds=seconds))
    return {name: sorted(found, key=lambda r: r.rate)[len(found) // 2] for name, found in runs.items()}


def _lines(found: Mapping[str, Load], commit_ms: float, customers: int) -> list[Line]:
    ours, plain, empty = found["ours"], found["plain"], found["empty"]
    one_limit_ms = commit_ms + found["empty one"].percentile_ms(50)
    more = {"p50_ms": ours.percentile_ms(50), "p99_ms": ours.percentile_ms(99)}
    fact, balance = "single fact over HTTP, 64 connections", f"balance over HTTP, {customers:,} customers"
    return [
        Line(fact, "requests/s", ours.rate, "FastAPI + eventsourcing", plain.rate, 8, more),
        Line(f"{fact}, p99", "ms", ours.percentile_ms(99),
             "FastAPI + eventsourcing", plain.percentile_ms(99), most=0.25),
        Line(fact, "requests/s", ours.rate, "empty FastAPI POST", empty.rate, 0.5, more),
        Line("single fact over HTTP, one connection", "ms", found["one"].percentile_ms(50),
             "bare commit + empty FastAPI POST", one_limit_ms, most=2, more={"commit_ms": commit_ms}),
        Line(f"{balance}, from Postgres", "requests/s", found["postgres"].rate,
             "empty FastAPI GET", found["empty get 2"].rate, 0.3),
        Line(f"{balance}, from memory", "requests/s", found["memory"].rate,
             "empty FastAPI GET", found["empty get"].rate, 0.7),
    ]  # fmt: skip


def _body(number: int, customers: int, run: str) -> bytes:
    # A prime step spreads the requests over all customers without chance.
    return orjson.dumps({
        "source": "bench", "external_id": f"{run}-{number}", "fact_type": "login",
        "customer": customer_id(number * 7919 % customers + 1),
        "occurred_at": clock().date().isoformat(), "attributes": {},
    })  # fmt: skip


def _facts(key: str, customers: int) -> RequestMaker:
    headers = {"authorization": f"Bearer {key}"}
    run = str(time.time_ns())
    at = iter(range(1, sys.maxsize))
    return lambda _: request_bytes("POST", FACT_PATH, headers, _body(next(at), customers, run))


def _plain(customers: int) -> RequestMaker:
    return lambda n: request_bytes("POST", "/grants", {}, _body(n, customers, "plain"))


def _peer(method: str, path: str) -> RequestMaker:
    return lambda n: request_bytes(method, path, {}, _body(n, 1000, "empty") if method == "POST" else b"")


def _balances(key: str, customers: int) -> RequestMaker:
    headers = {"authorization": f"Bearer {key}"}
    path = f"/v1/ledgers/{LEDGER}/customers"
    return lambda n: request_bytes("GET", f"{path}/{customer_id(n * 7919 % customers + 1)}/balance", headers)


def _commit_ms(url: str, count: int) -> float:
    """The median of a bare one-row commit."""
    taken: list[float] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_commit (n bigint, body bytea)")
        for number in range(count):
            started = time.perf_counter()
            connection.execute("INSERT INTO bench_commit VALUES (%s, %s)", (number, b"x" * 300))
            taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def _key(settings: Settings) -> str:
    return (settings.home / "admin.key").read_text("utf-8").strip()


def _port_free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def _serving(environment: Mapping[str, str], port: int, roles: str, say: Say) -> Generator[None]:
    command = [sys.executable, "-m", "service.main", "serve", "--port", str(port), "--roles", roles]
    with _process(command, environment, f"http://127.0.0.1:{port}/ready", say):
        yield


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], ready_url: str, say: Say) -> Generator[None]:
    say(f"starting {' '.join(command[1:4])}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            _wait(lambda: _answers(ready_url), process)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.returncode not in (0, -15):
                errors.seek(0)
                sys.stderr.write(errors.read().decode(errors="replace")[-3_000:])


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server was not ready after {READY_SECONDS_MAX:g} s")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False

"""Rounds of killing: the writer's process, or Postgres under it, at random moments; and what must hold afterwards."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from ledger.log.lease import Lease
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import recorder_open
from ledger.rules.engine import state_of
from ledger.writer import LedgerState
from service import embedded
from service.settings import Settings
from tests.acceptance.forking import forks
from tests.ledgers import POINTS_EVENTS, Books, log_check, sums_of

WAIT_SECONDS = 120.0


class Feeding:
    """A running writer's process and what it has acknowledged so far."""

    def __init__(self, url: str, schema: str, name: str) -> None:
        self.acknowledged: list[str] = []
        output, told = os.pipe()
        self.process = forks().start("tests.acceptance.writer_process", [url, schema, name], os.environ, told)
        os.close(told)
        self._reader = threading.Thread(target=self._read, args=(output,))
        self._reader.start()

    def _read(self, output: int) -> None:
        with open(output, encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):  # a line cut short by the kill acknowledges nothing
                    self.acknowledged.append(line.strip())

    def more(self, count: int) -> None:
        """Wait until so many more facts were acknowledged."""
        until = len(self.acknowledged) + count
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self.acknowledged) < until:
            assert self.process.poll() is None, f"the writer ended by itself: {self.process.returncode}"
            assert time.monotonic() < deadline, "the writer does not go on"
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()
        self._reader.join()


def postgres_kill(settings: Settings) -> None:
    """SIGKILL to the postmaster, then start it again as `plumbline up` does."""
    status = embedded.servers_status(settings)[0]
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    # A killed process can be seen for a moment more; who asks within it is told that the server runs.
    while embedded.servers_status(settings)[0].running:
        assert time.monotonic() < deadline, "Postgres survives SIGKILL"
        time.sleep(0.005)
    embedded.servers_up(settings)


def kill_rounds(settings: Settings, rounds: int, seed: int, progress: Callable[[str], None]) -> Counter[str]:
    """Kill so many times, the writer and Postgres in turn, and check everything after each round.

    Returns what happened: rounds by kind, acknowledged facts, decisions.
    """
    url = embedded.database_url(settings)
    schema = f"t_kills_{secrets.token_hex(4)}"
    ledger_schema_create(url, schema)
    random = Random(seed)
    happened: Counter[str] = Counter()
    acknowledged: list[str] = []
    for number in range(rounds):
        with _feeding(url, schema, f"r{number}") as feeding:
            feeding.more(1)
            time.sleep(random.uniform(0.05, 0.8))
            if number % 2:
                postgres_kill(settings)
                happened["postgres killed"] += 1
                feeding.more(100)  # it finds back by itself
                time.sleep(random.uniform(0.0, 0.3))
            else:
                happened["writer killed"] += 1
        acknowledged += feeding.acknowledged
        happened += _check(url, schema, acknowledged)
        progress(f"round {number + 1} of {rounds}: {len(acknowledged)} facts acknowledged so far")
    happened["acknowledged"] = len(acknowledged)
    return happened


@contextmanager
def _feeding(url: str, schema: str, name: str) -> Iterator[Feeding]:
    feeding = Feeding(url, schema, name)
    try:
        yield feeding
    finally:
        feeding.kill()


def _check(url: str, schema: str, acknowledged: list[str]) -> Counter[str]:
    assert len(acknowledged) == len(set(acknowledged)), "acknowledged twice"
    # What the dead process had sent may still be committing: it holds the lease's connection no longer than that.
    with Lease.take(url, schema, "check", wait_seconds=30), recorder_open(url, schema) as recorder:
        log_check(url, schema)
        state = LedgerState.load(None, recorder)
        entries = Books.log_of(recorder)
        recorded = Counter(f"{s['external_id']}#{s['version']}" for _, _, n, s in entries if n == "FactRecorded")
        assert set(recorded.values()) <= {1}, "recorded twice"
        assert [name for name in acknowledged if name not in recorded] == [], "acknowledged and lost"
        sums = sums_of(entries)
        for number, record in enumerate(state.records, 1):
            customer = f"C-{number:06d}"
            assert state_of(state.program, record)["balance"] == sums.get(customer, 0), customer
        days = [s["day"] for _, _, n, s in entries if n == "DayClosed"]
        assert days == sorted(set(days))
        # Each fact and its decisions went in together: the last entries are never a fact without its awards.
        causes = {s["cause"] for _, _, n, s in entries if n in POINTS_EVENTS}
        contracts = [p for p, _, n, s in entries if n == "FactRecorded" and s["version"] == 2]
        assert set(contracts) <= causes
    return Counter({"checks": 1})

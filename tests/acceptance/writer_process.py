"""A program that keeps writing until it is killed: it takes the lease, feeds a writer from several threads, and prints
each acknowledged fact as `external id#version`. Run as `python -m tests.acceptance.writer_process URL SCHEMA NAME`.

Whatever goes wrong with the database, it begins again by itself, with the same requests under the same keys.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError

from ledger.domain.commands import CloseDays, Command, CustomerReference, RegisterCustomer, Request
from ledger.domain.values import date_of, month_last_day
from ledger.log.lease import Lease, LeaseHeld
from ledger.log.recorder import recorder_open
from ledger.writer import LedgerState, Writer, WriterStopped
from tests.ledgers import fact

NOW = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
THREADS = 3
LOST = (OperationalError, InterfaceError, psycopg.Error, WriterStopped, LeaseHeld)
MONTH_FIRST = (2024 - 1970) * 12


def requests_of(external_id: str, n: int) -> list[tuple[str, Request]]:
    """Four facts, the last correcting the first, with what acknowledges each."""
    reference = CustomerReference("crm", f"c{n % 7}")
    registration = RegisterCustomer("crm", "", f"客户{n % 7}")
    day = f"{2024 + n // 12 % 2}-{n % 12 + 1:02d}-{n % 28 + 1:02d}"

    def of(part: str, kind: str, version: int = 1, **attributes: Any) -> tuple[str, Request]:
        command: Command = fact(
            f"{external_id}/{part}", kind, day, reference, registration=registration, **attributes
        )
        name = f"{external_id}/{part}#{version}"
        return name, Request(command, "feeder", "feeder", name)

    return [
        of("a", "contract_signed", amount=10_000 * (n % 50)),
        of("b", "login"),
        of("c", "complaint_filed", severity=("minor", "major")[n % 2]),
        of("a", "contract_signed", version=2, amount=10_000 * (n % 50) + 70_000),
    ]


class Feeder:
    """Where each thread is: a piece of work is left behind only once it was acknowledged."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done = [0] * THREADS
        self.printing = threading.Lock()

    def feed(self, writer: Writer, thread: int) -> None:
        """Write for ever. Raises one of LOST."""
        while True:
            n = self.done[thread]
            work = requests_of(f"{self.name}/{thread}/{n}", n * THREADS + thread)
            answers = writer.submit([request for _, request in work])
            lines: list[str] = []
            for (name, _), answer in zip(work, answers, strict=True):
                if answer.status not in ("accepted", "corrected"):
                    raise SystemExit(f"{name}: {answer}")
                lines.append(name)
            with self.printing:
                print("\n".join(lines), flush=True)
            self.done[thread] += 1
            if thread == 0 and n % 40 == 39:
                through = date_of(month_last_day(MONTH_FIRST + min(n // 40, 30))).isoformat()
                writer.submit([Request(CloseDays(through), "feeder")])

    def run(self, url: str, schema: str) -> None:
        """Hold the lease and write until something is lost."""
        with (
            Lease.take(url, schema, self.name, wait_seconds=30) as lease,
            recorder_open(url, schema) as recorder,
        ):
            with Writer(recorder, LedgerState.load(None, recorder), lambda: NOW, lease.held) as writer:
                writer.open_books("main", "Asia/Shanghai", "alice")
                with ThreadPoolExecutor(THREADS) as pool:
                    for future in [pool.submit(self.feed, writer, i) for i in range(THREADS)]:
                        future.result()


def main(url: str, schema: str, name: str) -> None:
    feeder = Feeder(name)
    while True:
        try:
            feeder.run(url, schema)
        except LOST:
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])

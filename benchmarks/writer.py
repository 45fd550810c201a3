"""The writer: bulks from a file, single commands of many callers, its start after a million facts, growing logs.

On an embedded PostgreSQL of its own with fsync on. What other systems reach is quoted where a limit was set beside it.
"""

from __future__ import annotations

import asyncio
import random
import resource
import secrets
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.lines import Line, Say
from ledger.domain.commands import Answer, RegisterCustomer, Request
from ledger.domain.documents import json_parse
from ledger.domain.events import FactRecorded
from ledger.domain.values import customer_id
from ledger.log.codec import encode
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import LedgerState, Writer
from ledger.writer.fact_line import request_of_document
from service import embedded
from service.bootstrap import clock, ledger_open
from service.collecting import collecting_seldom
from service.serving.handover import Handover
from service.settings import Settings

CUSTOMERS: Final = 20_000
LINES: Final = 2_500
UNDER_WAY: Final = 3
CALLERS: Final = 64
KINDS: Final = ("contract_signed", "login", "report_viewed", "invoice_paid", "survey_answered")
NOW: Final = datetime(2026, 11, 1, tzinfo=UTC)


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure."""
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    try:
        say("starting PostgreSQL")
        url = embedded.database_url(settings)
        lines = _bulk(url, parent, say, facts=10_000 if quick else 100_000)
        lines.append(_callers(url, say, seconds=1.0 if quick else 8.0))
        lines.append(_tasks(url, say, seconds=1.0 if quick else 8.0))
        lines.append(_restart(settings, parent, say, facts=20_000 if quick else 1_000_000))
        return lines + _growth(url, say, events=50_000 if quick else 1_000_000)
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)


def _file(path: Path, facts: int, customers: int, seed: int) -> None:
    """Facts as lines of JSON: contracts, logins, payments, surveys, complaints, by customers at random."""
    rng = random.Random(seed)
    with path.open("wb") as file:
        for n in range(facts):
            kind = rng.choices(KINDS, (2, 4, 2, 1, 1))[0]
            attributes: dict[str, Any] = {}
            if kind == "contract_signed":
                attributes = {"amount": rng.randrange(1, 500) * 10_000}
            elif kind == "invoice_paid":
                attributes = {"due_on": "2026-10-20", "paid_on": "2026-10-15", "amount": rng.randrange(1, 10**6)}
            elif kind == "survey_answered":
                attributes = {"satisfaction": rng.randrange(1, 6)}
            file.write(orjson.dumps({
                "source": "bench", "external_id": f"{seed}-{n}", "fact_type": kind,
                "customer": customer_id(rng.randrange(1, customers + 1)),
                "occurred_at": f"2026-10-{rng.randrange(1, 29):02d}", "attributes": attributes,
            }, option=orjson.OPT_APPEND_NEWLINE))  # fmt: skip


def _send(writer: Writer, path: Path, answers: Path) -> int:
    """Every line of a file to the writer, every answer into another; how many were accepted."""
    accepted = 0
    waiting: list[Future[list[Answer]]] = []

    def write(done: list[Answer]) -> None:
        nonlocal accepted
        for answer in done:
            accepted += answer.status == "accepted"
            out.write(b"%s %d\n" % (answer.status.encode(), answer.position))

    def requests(lines: list[bytes]) -> list[Request]:
        return [request_of_document(json_parse(line, "line"), actor="bench", client="bench") for line in lines]

    with path.open("rb") as file, answers.open("wb") as out:
        while lines := [line for _, line in zip(range(LINES), file, strict=False)]:
            waiting.append(writer.submit_later(requests(lines)))
            if len(waiting) >= UNDER_WAY:
                write(waiting.pop(0).result())
        for future in waiting:
            write(future.result())
    return accepted


def _writer(recorder: LogRecorder, customers: int) -> Writer:
    """A writer of an opened ledger with so many customers."""
    writer = Writer(recorder, LedgerState.load(None, recorder), lambda: NOW)
    writer.open_books("main", "Asia/Shanghai", "bench")
    for first in range(0, customers, 5_000):
        writer.submit([
            Request(RegisterCustomer("bench", str(n), f"客户{n}", {"region": "east", "industry": "housing"}), "bench")
            for n in range(first, min(first + 5_000, customers))
        ])  # fmt: skip
    return writer


def _bulk(url: str, folder: Path, say: Say, facts: int) -> list[Line]:
    """A file of facts, beside a fifth of it: the memory must not grow with the file."""
    with _ledger(url) as recorder, _writer(recorder, CUSTOMERS) as writer, collecting_seldom():
        peaks: list[int] = []
        rate = 0.0
        for seed, count in ((1, facts // 5), (2, facts)):
            path = folder / f"facts-{seed}.ndjson"
            _file(path, count, CUSTOMERS, seed)
            say(f"bulk of {count:,}")
            started = time.perf_counter()
            accepted = _send(writer, path, folder / "answers")
            rate = count / (time.perf_counter() - started)
            if accepted != count:
                raise RuntimeError(f"{count - accepted} facts were not accepted")
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        more = {"facts": facts, "peak_mib_of_a_fifth": peaks[0], "peak_mib": peaks[1]}
        return [
            Line(f"facts through the writer, file of {facts:,} to answers", "facts/s", rate, must=20_000, more=more),
            Line("– peak memory, against a file of a fifth", "MiB", peaks[1], "a fifth", peaks[0], most=1.25),
        ]


def _callers(url: str, say: Say, seconds: float) -> Line:
    """Threads that each send one fact and wait for its answer."""
    say(f"{CALLERS} callers")
    with _ledger(url) as recorder, _writer(recorder, CUSTOMERS) as writer, collecting_seldom():
        stop = threading.Event()
        taken: list[list[float]] = [[] for _ in range(CALLERS)]

        def call(caller: int) -> None:
            n = 0
            while not stop.is_set():
                n += 1
                started = time.perf_counter()
                _accepted(writer.submit([_login(caller, n)]))
                taken[caller].append(time.perf_counter() - started)

        threads = [threading.Thread(target=call, args=(i,)) for i in range(CALLERS)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in threads:
            thread.join()
        whole = time.perf_counter() - started
    return _single(f"single commands of {CALLERS} callers in process, durable: threads", taken, whole)


def _tasks(url: str, say: Say, seconds: float) -> Line:
    """Tasks of one event loop that each send one fact and wait for its answer, as requests over HTTP do."""
    say(f"{CALLERS} tasks")
    taken: list[list[float]] = [[] for _ in range(CALLERS)]

    async def call(caller: int, handover: Handover, until: float) -> None:
        n = 0
        while (started := time.perf_counter()) < until:
            n += 1
            _accepted(await handover.submit([_login(caller, n)]))
            taken[caller].append(time.perf_counter() - started)

    async def call_all(writer: Writer) -> None:
        handover = Handover(asyncio.get_running_loop(), writer)
        until = time.perf_counter() + seconds
        await asyncio.gather(*(call(i, handover, until) for i in range(CALLERS)))

    with _ledger(url) as recorder, _writer(recorder, CUSTOMERS) as writer, collecting_seldom():
        started = time.perf_counter()
        asyncio.run(call_all(writer))
        whole = time.perf_counter() - started
    return _single(f"– the same, {CALLERS} tasks of one event loop, as the service calls", taken, whole)


def _login(caller: int, n: int) -> Request:
    """The n-th fact of a caller."""
    document = {
        "source": "bench", "external_id": f"{caller}-{n}", "fact_type": "login",
        "customer": customer_id((caller * 7919 + n * 104_729) % CUSTOMERS + 1), "occurred_at": "2026-10-05",
    }  # fmt: skip
    return request_of_document(document, actor="bench", client="bench")


def _accepted(answers: list[Answer]) -> None:
    [answer] = answers
    if answer.status != "accepted":
        raise RuntimeError(f"not accepted: {answer}")


def _single(what: str, taken: list[list[float]], whole: float) -> Line:
    every = sorted(t for times in taken for t in times)
    more = {"p50_ms": every[len(every) // 2] * 1000, "p99_ms": every[len(every) * 99 // 100] * 1000}
    return Line(what, "commands/s", len(every) / whole, must=5_000, more=more)


def _restart(settings: Settings, folder: Path, say: Say, facts: int) -> Line:
    """From nothing to a writer that takes commands, by columns and the tail of the log."""
    path = folder / "many.ndjson"
    _file(path, facts, CUSTOMERS, 3)
    with ledger_open(settings, "restart", "bench", create=True) as handle:
        with handle.writing("bench") as writer:
            for first in range(0, CUSTOMERS, 5_000):
                writer.submit([
                    Request(RegisterCustomer("bench", str(n), f"客户{n}", {"region": "east"}), "bench")
                    for n in range(first, first + 5_000)
                ])  # fmt: skip
            say(f"recording {facts:,} facts")
            _send(writer, path, folder / "answers")
        say("following")
        handle.follow()
        assert not handle.failed, handle.failed
    taken: list[float] = []
    for number in range(3):
        say(f"restart {number + 1} of 3")
        started = time.perf_counter()
        with ledger_open(settings, "restart", "bench") as handle, handle.writing("bench") as writer:
            [answer] = writer.submit([Request(RegisterCustomer("bench", f"new{number}", "新", {}), "bench")])
            taken.append(time.perf_counter() - started)
            if answer.status != "accepted":
                raise RuntimeError(f"not accepted: {answer}")
    return Line(f"restart to the first answer, {facts:,} facts", "ms", statistics.median(taken) * 1000, most=5_000)


def _growth(url: str, say: Say, events: int) -> list[Line]:
    """The time of an append to a log of so many events, against one of ten thousand."""
    with _ledger(url) as recorder:
        source = _events()
        found: dict[tuple[str, int], float] = {}
        for size in (10_000, events):
            while (head := recorder.position_head()) < size:
                say(f"filling: {head:,} of {size:,}")
                recorder.append([next(source) for _ in range(min(10_000, size - head))], position_expected=head)
            for name, count, rounds in (("single", 1, 300), ("batch", 1_000, 15)):
                found[name, size] = _append_ms(recorder, source, count, rounds)
    what = f"append to a log of {events:,} events"
    single, batch = (found[name, events] for name in ("single", "batch"))
    return [
        Line(f"{what}, one event", "ms", single, "10,000 events", found["single", 10_000], most=1.1),
        Line(f"{what}, batch of 1,000", "ms", batch, "10,000 events", found["batch", 10_000], most=2.0),
    ]


def _append_ms(recorder: LogRecorder, source: Iterator[Any], count: int, rounds: int) -> float:
    taken: list[float] = []
    for _ in range(rounds):
        batch = [next(source) for _ in range(count)]
        head = recorder.position_head()
        started = time.perf_counter()
        recorder.append(batch, position_expected=head)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def _events() -> Iterator[Any]:
    """Facts of customers at random, as the writer would append them."""
    rng = random.Random(5)
    versions = [0] * (CUSTOMERS + 1)
    while True:
        number = rng.randrange(1, CUSTOMERS + 1)
        versions[number] += 1
        yield encode(
            FactRecorded(
                originator_id=customer_id(number), originator_version=versions[number], actor="bench",
                occurred_at="2026-10-05", recorded_at=clock().isoformat(), fact_type="login", source="bench",
                external_id=secrets.token_hex(8), occurred_on="2026-10-05", booked_on="2026-10-05", attributes={},
            )
        )  # fmt: skip


def _ledger(url: str) -> LogRecorder:
    schema = f"bench_{secrets.token_hex(4)}"
    ledger_schema_create(url, schema)
    return recorder_open(url, schema)

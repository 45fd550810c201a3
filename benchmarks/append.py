"""Appending in batches of 1,000: our recorder, the eventsourcing library's own, and a bare binary INSERT.

All three on the same server with fsync on, each in a schema of its own, taking turns with the same events.
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from benchmarks.lines import Line, Say, seconds_interleaved
from ledger.domain.events import Event, FactRecorded, PointsGranted
from ledger.domain.values import customer_id
from ledger.log.arrays import BigintArray, ByteaArray, TextArray, arrays_register
from ledger.log.codec import encode
from ledger.log.migrate import ledger_schema_create
from ledger.log.queries import queries_load
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.log.types import Appended
from service import embedded
from service.settings import Settings

BATCH_EVENTS: Final = 1_000
RATIO_LIBRARY: Final = 4.0
RATIO_BARE: Final = 0.7
_CUSTOMERS: Final = 20_000
_QUERIES = queries_load("benchmarks", "append.sql")


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure on an embedded PostgreSQL of its own, or on that of PLUMBLINE_DATABASE_URL."""
    # Not below the project: the path of a Unix socket is short, and the server's account must reach it.
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    try:
        say("starting PostgreSQL")
        return _measure(embedded.database_url(settings), say, rounds=3 if quick else 9, batches=5 if quick else 20)
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)


def _measure(url: str, say: Say, *, rounds: int, batches: int) -> list[Line]:
    say("making events")
    source = events_made(random.Random(1))
    work = [[[next(source) for _ in range(BATCH_EVENTS)] for _ in range(batches)] for _ in range(rounds + 1)]
    size = statistics.mean(len(e.state) for e in work[0][0])
    ledger_schema_create(url, "ledger_bench")
    with recorder_open(url, "ledger_bench") as ours, _Bare(url) as bare:
        library = _library_recorder(url)
        medians = seconds_interleaved(
            {
                "ours": lambda n: _append_ours(ours, work[n]),
                "library": lambda n: _append_library(library, work[n]),
                "bare": lambda n: _append_bare(bare, work[n]),
            },
            rounds,
            say,
        )
        library.datastore.close()
    rates = {name: batches * BATCH_EVENTS / taken for name, taken in medians.items()}
    more = {"state_bytes": round(size), "rounds": rounds, "events_a_round": batches * BATCH_EVENTS}
    what = f"append, batches of {BATCH_EVENTS:,}"
    return [
        Line(what, "events/s", rates["ours"], "library's recorder", rates["library"], RATIO_LIBRARY, more),
        Line(what, "events/s", rates["ours"], "bare binary INSERT", rates["bare"], RATIO_BARE, more),
    ]


def events_made(rng: random.Random) -> Iterator[StoredEvent]:
    """Facts and the points they earn, as a writer would append them, for ever."""
    versions = [1] * (_CUSTOMERS + 1)
    position = 0
    while True:
        number = rng.randrange(1, _CUSTOMERS + 1)
        stream = customer_id(number)
        amount = rng.randrange(1_000_000, 2_000_000_000)
        day = f"2025-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
        occurred, recorded = f"{day}T00:00:00+08:00", f"{day}T09:{rng.randrange(60):02d}:12.345678+00:00"
        points = amount // 1_000_000 * 200
        position += 1
        yield _stored(
            FactRecorded(
                originator_id=stream, originator_version=versions[number] + 1, occurred_at=occurred,
                recorded_at=recorded, actor="import", fact_type="contract_signed", source="tenders",
                external_id=f"HT-{position:08d}", occurred_on=day, booked_on=day,
                attributes={"amount": amount, "project": "道路改造工程"},
            )
        )  # fmt: skip
        position += 1
        yield _stored(
            PointsGranted(
                originator_id=stream, originator_version=versions[number] + 2, occurred_at=occurred,
                recorded_at=recorded, actor="import", cause=position - 1, rule="contract_signed", rule_set="RS-0001",
                points=points, balance=points * 3, booked_on=day, expires_on="2027-12-31", debt_paid=0, cut_by=None,
                arithmetic={"base": points, "units": points // 200, "source": amount},
            )
        )  # fmt: skip
        versions[number] += 2


def _stored(event: Event) -> StoredEvent:
    """In the library's own form, which its recorder asks for."""
    return StoredEvent(*encode(event))


def _append_ours(recorder: LogRecorder, batches: Sequence[Sequence[StoredEvent]]) -> None:
    head = recorder.position_head()
    for batch in batches:
        outcome = recorder.append(batch, position_expected=head)
        if not isinstance(outcome, Appended):
            raise RuntimeError(f"nobody else appends here, and yet: {outcome}")
        head = outcome.position_last


def _library_recorder(url: str) -> PostgresApplicationRecorder:
    parts = conninfo_to_dict(url)
    datastore = PostgresDatastore(
        str(parts["dbname"]), str(parts["host"]), str(parts.get("port") or 5432), str(parts["user"]),
        str(parts.get("password") or ""), originator_id_type="text",
    )  # fmt: skip
    recorder = PostgresApplicationRecorder(datastore, events_table_name="library_events")
    recorder.create_table()
    return recorder


def _append_library(recorder: PostgresApplicationRecorder, batches: Sequence[Sequence[StoredEvent]]) -> None:
    for batch in batches:
        recorder.insert_events(batch)


class _Bare:
    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        arrays_register(self.connection)
        for name in ("schema_create", "schema_use", "table_create"):
            self.connection.execute(_QUERIES[name])
        self.position = 0

    def __enter__(self) -> _Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def _append_bare(bare: _Bare, batches: Sequence[Sequence[StoredEvent]]) -> None:
    for batch in batches:
        first = bare.position + 1
        bare.position += len(batch)
        params = (
            BigintArray(range(first, bare.position + 1)),
            TextArray([str(e.originator_id) for e in batch]),
            BigintArray([e.originator_version for e in batch]),
            TextArray([e.topic for e in batch]),
            ByteaArray([e.state for e in batch]),
        )
        bare.connection.execute(_QUERIES["insert"], params, prepare=True)

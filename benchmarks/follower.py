"""Following the log: all table views together, one rebuilt, and the eventsourcing library's own runner on the same log.

The log is written by the writer itself with the standard rules: registrations, then facts in the mix of the replay's
benchmark with whatever they earn. The views are followed from the first event to the last, in this process, beside the
Postgres that it asks.
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from benchmarks.facts import MIX_PERCENT
from benchmarks.http_peers import Accounts, accounts_environment
from benchmarks.lines import Line, Say, seconds
from ledger.domain.commands import CloseDays, Command, RecordFact, RegisterCustomer, Request
from ledger.domain.values import customer_id
from ledger.log.migrate import ledger_schema_create
from ledger.log.queries import queries_load
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import LedgerState, Writer
from projections import views
from projections.follower import Follower
from service import embedded
from service.settings import Settings

CUSTOMERS: Final = 20_000
MUST_ALL: Final = 30_000
MUST_BALANCES: Final = 80_000
MUST_HISTORY: Final = 30_000
_SCHEMA: Final = "ledger_bench"
_NOW: Final = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
_PEER_EVENTS: Final = 1_500
_PEER_WAIT_SECONDS: Final = 120.0
_QUERIES = queries_load("benchmarks", "follower.sql")


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure on an embedded PostgreSQL of its own, or on that of PLUMBLINE_DATABASE_URL."""
    # Not below the project: the path of a Unix socket is short, and the server's account must reach it.
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    try:
        say("starting PostgreSQL")
        url = embedded.database_url(settings)
        facts, customers = (3_000, 500) if quick else (140_000, CUSTOMERS)
        ledger_schema_create(url, _SCHEMA)
        with recorder_open(url, _SCHEMA) as recorder:
            log_write(recorder, facts, customers, say)
            lines = _measure(recorder, parent / "columns", say)
        peer = _library_rate(url, 100 if quick else _PEER_EVENTS, say)
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)
    more = {"facts": facts, "customers": customers}
    runner = Line("the library's runner, one balance an event", "events/s", peer)
    return [*(Line(what, "events/s", rate, must=must, more=more) for what, rate, must in lines), runner]


def _measure(recorder: LogRecorder, columns: Path, say: Say) -> list[tuple[str, float, float | None]]:
    tables = [view for view in views(columns) if view.name != "columns"]
    follower = Follower(recorder, tables)
    head = recorder.position_head()
    lines: list[tuple[str, float, float | None]] = []
    try:
        say(f"following {head:,} events into {len(tables)} views")
        taken = seconds(follower.follow_once)
        behind = [lag for lag in follower.lag() if lag.behind or lag.error]
        if behind:
            raise RuntimeError(f"not all views followed: {behind}")
        names = ", ".join(view.name for view in tables)
        lines.append((f"follower, events to all table views ({names})", head / taken, MUST_ALL))
        must = {"balances": MUST_BALANCES, "history": MUST_HISTORY}
        # Those that nothing is asked of say what all of them together are made of.
        for name in sorted(follower.views, key=lambda name: (name not in must, name)):
            rates: list[float] = []
            for number in range(3 if name in must else 1):
                say(f"rebuilding {name}, round {number + 1}")
                rates.append(head / seconds(partial(follower.rebuild, name)))
            lines.append((f"rebuild of {name}", statistics.median(rates), must.get(name)))
        return lines
    finally:
        follower.close()


def log_write(recorder: LogRecorder, facts: int, customers: int, say: Say) -> None:
    """A log as the writer makes it, a year of facts with a month closed after each month."""
    with Writer(recorder, LedgerState.load(None, recorder), lambda: _NOW) as writer:
        writer.open_books("main", "Asia/Shanghai", "bench")
        _submit(writer, _registrations(customers))
        rng = random.Random(1)
        for month in range(1, 11):
            say(f"writing facts of month {month}")
            _submit(writer, _facts(rng, facts // 10, month, customers))
            _submit(writer, iter([CloseDays(f"2025-{month:02d}-28")]))


def _submit(writer: Writer, commands: Iterator[Command]) -> None:
    while chunk := [Request(c, "bench") for _, c in zip(range(1_000), commands, strict=False)]:
        for answer in writer.submit(chunk):
            if answer.status != "accepted":
                raise RuntimeError(f"not accepted: {answer}")


def _registrations(customers: int) -> Iterator[Command]:
    for n in range(1, customers + 1):
        traits = {"region": ("华东", "华北", "华南")[n % 3], "industry": ("市政", "房建")[n % 2]}
        yield RegisterCustomer("crm", f"K{n}", f"建设集团{n}", traits)


def _facts(rng: random.Random, count: int, month: int, customers: int) -> Iterator[Command]:
    kinds, weights = zip(*((k, w) for k, w in MIX_PERCENT.items() if k in _ATTRIBUTES), strict=True)
    for n, kind in enumerate(rng.choices(kinds, weights, k=count)):
        day = f"2025-{month:02d}-{rng.randint(1, 28):02d}"
        yield RecordFact(
            "crm", f"{month}-{n}", kind, customer_id(rng.randint(1, customers)), day, _ATTRIBUTES[kind](rng, day)
        )


_ATTRIBUTES: Final[dict[str, Callable[[random.Random, str], dict[str, object]]]] = {
    "login": lambda rng, day: {},
    "report_viewed": lambda rng, day: {"report": "月报"},
    "invoice_paid": lambda rng, day: {
        "due_on": day, "paid_on": day, "amount": str(rng.randint(1_000, 900_000)), "disputed": False,
    },
    "contract_signed": lambda rng, day: {"amount": str(rng.randint(100_000, 9_000_000)), "project": "道路改造工程"},
    "performance_scored": lambda rng, day: {"score": str(rng.randint(60, 99))},
    "project_completed": lambda rng, day: {"project": "道路改造工程"},
    "survey_answered": lambda rng, day: {"satisfaction": str(rng.randint(1, 5))},
    "complaint_filed": lambda rng, day: {"severity": rng.choice(["minor", "major"])},
    "complaint_resolved": lambda rng, day: {"handling_hours": str(rng.randint(2, 90))},
}  # fmt: skip


class _BalanceTable(PostgresTrackingRecorder):
    """The view that the library's documentation shows: a row and the tracking in one transaction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {}.peer_balance (account text PRIMARY KEY, points bigint NOT NULL)").format(
                Identifier(self.datastore.schema)
            )
        )

    def add(self, account: str, points: int, tracking: Tracking) -> None:
        """Add points to an account's balance."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_QUERIES["peer_add"], {"account": account, "points": points}, prepare=True)


class _Balances(Projection[_BalanceTable]):
    name = "benchbalances"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Follow one event."""
        self.view.add(str(domain_event.originator_id), getattr(domain_event, "points", 0), tracking)


def _library_rate(url: str, events: int, say: Say) -> float:
    """Events a second of the library's runner, on a log of its own kind."""
    say("the library's runner")
    env = accounts_environment(url)
    accounts = Accounts(env)
    for n in range(events // 2):
        accounts.grant(f"K{n}", 100)  # two events: opened, granted
    head = accounts.recorder.max_notification_id()
    accounts.close()
    started = time.perf_counter()
    with ProjectionRunner(
        application_class=Accounts, projection_class=_Balances, view_class=_BalanceTable, env=env
    ) as runner:
        runner.wait(head, timeout=_PEER_WAIT_SECONDS)
        taken = time.perf_counter() - started
    return events / taken

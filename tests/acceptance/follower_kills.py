"""Rounds of killing the follower while the log grows, then every view against what the log comes to."""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import psycopg
from psycopg.sql import SQL, Identifier

from ledger.log.columns.reader import Columns
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import LogRecorder, recorder_open
from projections import views
from projections.balances import balances_read
from projections.follower import Follower
from projections.history import history_read
from service import embedded
from service.settings import Settings
from tests.acceptance.forking import Forked, forks
from tests.acceptance.kills import WAIT_SECONDS, Feeding
from tests.ledgers import Books, sums_of

DAY_FAR = 30_000


def follower_kill_rounds(settings: Settings, rounds: int, seed: int, progress: Callable[[str], None]) -> Counter[str]:
    """Kill the follower so many times under load, then compare every view; what happened, counted.

    `behind` counts the rounds in which some view had not seen all events when the kill came.
    """
    url = embedded.database_url(settings)
    schema = f"t_follower_{secrets.token_hex(4)}"
    columns = settings.home / schema
    ledger_schema_create(url, schema)
    random = Random(seed)
    happened: Counter[str] = Counter()
    feeding = Feeding(url, schema, "feeder")
    try:
        feeding.more(1)
        for number in range(rounds):
            process = forks().start("tests.acceptance.follower_process", [url, schema, str(columns)], os.environ, 1)
            try:
                _moved(url, schema, _positions(url, schema), process)
                time.sleep(random.uniform(0.0, 0.5))
                assert process.poll() is None, f"the follower ended by itself: {process.returncode}"
            finally:
                process.kill()
                process.wait()
            with psycopg.connect(url, options=f"-c search_path={schema}") as connection:
                head = connection.execute("SELECT position FROM head").fetchall()[0][0]
            positions = _positions(url, schema)
            happened["rounds"] += 1
            happened["behind"] += any(position < head for position in positions.values())
            progress(f"round {number + 1} of {rounds}: the log stands at {head}, the views at {positions}")
    finally:
        feeding.kill()
    _check(url, schema, columns)
    happened["acknowledged"] = len(feeding.acknowledged)
    return happened


def _positions(url: str, schema: str) -> dict[str, int]:
    with psycopg.connect(url, options=f"-c search_path={schema}") as connection:
        return dict(connection.execute("SELECT name, position FROM view").fetchall())


def _moved(url: str, schema: str, before: dict[str, int], process: Forked) -> None:
    """Wait until every view stands further than it did."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        assert process.poll() is None, f"the follower ended by itself: {process.returncode}"
        assert time.monotonic() < deadline, f"a view does not move: {_positions(url, schema)}"
        now = _positions(url, schema)
        if now and all(position > before.get(name, 0) for name, position in now.items()):
            return
        time.sleep(0.02)


def _check(url: str, schema: str, columns: Path) -> None:
    with recorder_open(url, schema) as recorder:
        # What the dead ones had sent may still be committing: the views' rows are free once that is over.
        follower = Follower(recorder, views(columns))
        try:
            assert follower.follow_once() == {}
            assert {lag.behind for lag in follower.lag()} == {0}
            _fold_check(recorder)
            for name in follower.views:
                if name == "columns":
                    chain = Columns.open(columns).chain
                    follower.rebuild(name)
                    assert Columns.open(columns).chain == chain
                else:
                    before = _tables_dump(recorder, name)
                    follower.rebuild(name)
                    assert _tables_dump(recorder, name) == before, name
        finally:
            follower.close()


def _fold_check(recorder: LogRecorder) -> None:
    """Balances and histories are what the events come to, each once."""
    entries = Books.log_of(recorder)
    sums = sums_of(entries)
    with recorder.datastore.get_connection() as connection:
        found = {f"C-{r.customer:06d}": r.balance for r in balances_read(connection, DAY_FAR, limit=100_000)}
        assert {c: p for c, p in found.items() if p} == {c: p for c, p in sums.items() if p}
        for customer in found:
            rows = history_read(connection, int(customer[2:]), limit=1_000_000)
            assert [row.position for row in rows] == [p for p, stream, _, _ in entries if stream == customer]
            assert rows[-1].balance == sums.get(customer, 0) == sum(row.points or 0 for row in rows)


def _tables_dump(recorder: LogRecorder, view: str) -> list[str]:
    """The rows of a view's tables as text, in order."""
    found: list[str] = []
    with recorder.datastore.get_connection() as connection:
        tables = connection.execute("SELECT name FROM view_table WHERE view = %s ORDER BY name", (view,)).fetchall()
        assert tables, view
        for table in tables:
            query = SQL("SELECT t::text AS row FROM {} t ORDER BY 1").format(Identifier(table["name"]))
            found += [f"{table['name']} {row['row']}" for row in connection.execute(query).fetchall()]
    return found

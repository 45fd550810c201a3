"""Views built anew while others follow or rebuild them, too: nothing is doubled, and what had failed goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from ledger.log.columns.format import FORMAT, MANIFEST
from ledger.log.columns.reader import Columns
from projections import views
from projections.activity import ActivityView
from projections.balances import BalancesView
from projections.explaining import balance_parts
from projections.follower import Follower
from projections.history import HistoryView
from projections.lags import ViewLag
from projections.places import ViewFailed
from projections.rebuilding import RebuildBusy, rebuild_runs
from projections.view import Batch
from tests.integration.test_projections import following, live_a_little
from tests.ledgers import Books, fact

WAIT_SECONDS = 30.0


class Paused(ActivityView):
    """Stops in its second batch until it is let go on. Adds to what is there, so that it doubles silently."""

    batch_events = 20

    def __init__(self) -> None:
        self.paused, self.go_on = threading.Event(), threading.Event()
        self.applied = 0

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        self.applied += 1
        if self.applied == 2:
            self.paused.set()
            assert self.go_on.wait(WAIT_SECONDS)
        super().apply(batch, transaction)


@contextmanager
def rebuilding(books: Books, view: Paused) -> Iterator[Callable[[], int]]:
    """With a rebuild that stands in the middle; what is given lets it go on and tells its result."""
    with following(books, [view]) as follower, ThreadPoolExecutor(1) as thread:
        result = thread.submit(follower.rebuild, view.name)
        assert view.paused.wait(WAIT_SECONDS)

        def finish() -> int:
            view.go_on.set()
            return result.result(WAIT_SECONDS)

        try:
            yield finish
        finally:
            view.go_on.set()


def followed(books: Books) -> list[Any]:
    """The activity at the head of the log."""
    live_a_little(books, facts=120)
    with following(books, [ActivityView()]) as follower:
        assert follower.follow_once() == {}
    return sums(books)


def sums(books: Books) -> list[Any]:
    with books.recorder.datastore.get_connection() as connection:
        found = connection.execute("SELECT customer, sum(facts) AS facts, sum(granted) AS points FROM activity GROUP BY 1")
        return sorted(map(tuple, (row.values() for row in found)))


def test_of_two_rebuilds_at_once_the_second_is_refused_and_the_first_is_right(
    books: Books, schema_name: str
) -> None:
    before = followed(books)
    with rebuilding(books, Paused()) as finish, following(books, [ActivityView()]) as other:
        with books.recorder.datastore.get_connection() as connection:
            assert rebuild_runs(connection, schema_name, "activity")
            assert not rebuild_runs(connection, schema_name, "tiers")
        with pytest.raises(RebuildBusy, match="activity is being rebuilt already"):
            other.rebuild("activity")
        assert finish() == books.position
        assert sums(books) == before
        # It was let go of.
        assert other.rebuild("activity") == books.position
    assert sums(books) == before


def test_a_view_without_tables_says_so(books: Books) -> None:
    class Homeless(ActivityView):
        name = "homeless"

    live_a_little(books, facts=5)
    with following(books, [Homeless()]) as follower, pytest.raises(ViewFailed, match=r"homeless .* has no tables"):
        follower.rebuild("homeless")


def test_a_rebuild_that_lost_its_lock_and_its_tables_writes_nothing_into_those_that_are_read(
    books: Books, database_url: str, schema_name: str
) -> None:
    before = followed(books)
    with rebuilding(books, Paused()) as finish:
        with psycopg.connect(database_url, autocommit=True) as connection:
            key = "hashtextextended('plumbline rebuild of activity in ' || %s, 0)"
            [(cut,)] = connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                f" AND objid::bigint = {key} & 4294967295",
                (schema_name,),
            ).fetchall()
            assert cut
        with following(books, [ActivityView()]) as other:
            assert other.rebuild("activity") == books.position
        with pytest.raises(RebuildBusy):
            finish()
    assert sums(books) == before


class Breakable(BalancesView):
    """Fails as long as its cause is there."""

    broken = True

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        if Breakable.broken:
            raise ValueError("it cannot be borne")
        super().apply(batch, transaction)


@contextmanager
def live(follower: Follower) -> Iterator[None]:
    """With this follower at work."""
    stop = threading.Event()
    thread = threading.Thread(target=follower.follow, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def until(follower: Follower, name: str, reached: Callable[[ViewLag], bool]) -> None:
    """Wait until a view stands so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reached(found := next(lag for lag in follower.lag() if lag.name == name)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_view_that_failed_goes_on_where_it_was_followed_once_another_has_rebuilt_it(books: Books) -> None:
    live_a_little(books, facts=60)
    with following(books, [Breakable()]) as follower, live(follower):
        until(follower, "balances", lambda lag: lag.status == "failed")
        Breakable.broken = False
        with following(books, [Breakable()]) as other:
            other.rebuild("balances")
        books.do(fact("later", "contract_signed", "2026-10-02", amount=9_000_000))
        until(follower, "balances", lambda lag: lag.position == books.position and lag.status == "running")


def test_columns_of_an_earlier_format_are_built_anew_by_themselves_and_nobody_starts_from_them(
    books: Books, tmp_path: Path
) -> None:
    live_a_little(books, facts=20)
    with following(books, views(tmp_path)) as follower:
        assert follower.follow_once() == {}
    whole, path = Columns.open(tmp_path), tmp_path / MANIFEST
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {"format": FORMAT - 1}))
    # A writer is told nothing by them, and begins from the log.
    assert Columns.open(tmp_path).position == 0
    books.restart(Columns.open(tmp_path))
    books.do(fact("later", "login", "2026-10-02"))
    with following(books, views(tmp_path)) as follower:
        assert follower.follow_once() == {}
        assert {lag.position for lag in follower.lag()} == {books.position}
    found = Columns.open(tmp_path)
    assert (found.position, found.manifest.format) == (books.position, FORMAT)
    assert found.book() == books.state.book and found.inputs_count == whole.inputs_count + 1


def test_who_asks_why_while_a_rebuild_swaps_the_history_is_told_of_the_new_one(books: Books, database_url: str) -> None:
    live_a_little(books, facts=20)
    with following(books, [HistoryView()]) as follower:
        assert follower.follow_once() == {}
    with (
        ThreadPoolExecutor(1) as thread,
        books.recorder.datastore.get_connection() as reading,
        books.recorder.datastore.get_connection() as swapping,
        psycopg.connect(database_url, autocommit=True) as watching,
    ):
        before = balance_parts(reading, 1)
        assert before is not None
        [reader] = reading.execute("SELECT pg_backend_pid() AS pid").fetchall()
        with swapping.transaction():
            shadow = swapping.execute("SELECT view_shadow_create('history') AS name").fetchall()[0]["name"]
            swapping.execute(SQL("INSERT INTO {} SELECT * FROM history").format(Identifier(shadow, "history")))
            swapping.execute("SELECT view_shadow_swap('history')")
            told = thread.submit(balance_parts, reading, 1)
            waits = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
            deadline = time.monotonic() + WAIT_SECONDS
            while not watching.execute(waits, [reader["pid"]]).fetchall():
                assert time.monotonic() < deadline and not told.done()
                time.sleep(0.01)
        assert told.result(WAIT_SECONDS) == before


def test_the_columns_are_rebuilt_beside_a_follower_that_has_them_open(books: Books, tmp_path: Path) -> None:
    live_a_little(books, facts=60)

    def caught_up(lag: ViewLag) -> bool:
        return lag.position == books.position

    with following(books, views(tmp_path)) as follower, live(follower):
        until(follower, "columns", caught_up)
        before = Columns.open(tmp_path)
        with following(books, views(tmp_path)) as other:
            assert other.rebuild("columns") == books.position
            assert Columns.open(tmp_path).chain == before.chain
        books.do(fact("later", "login", "2026-10-02"))
        until(follower, "columns", caught_up)
    assert Columns.open(tmp_path).position == books.position

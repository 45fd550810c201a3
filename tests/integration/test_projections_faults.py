"""The follower meets errors: those that pass are tried again, those of a view stop it alone; two followers share."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from projections import views
from projections.follower import Follower
from projections.passing import connection_lost, passing
from projections.view import Batch
from tests.integration.test_projections import following, live_a_little, tables
from tests.ledgers import Books, fact

WAIT_SECONDS = 30.0


class Stumbling:
    """A view that meets an error of the database the first times."""

    name, batch_events, pause_seconds = "stumbling", 30, 0.0

    def __init__(self, state: str, times: int) -> None:
        self.state, self.times, self.applied = state, times, 0

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Fail in the server, or count the events."""
        if self.times:
            self.times -= 1
            raised = f"DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '{self.state}'; END $$"
            transaction.execute(raised.encode())
        self.applied += len(batch.events)


# Serialization failure, deadlock, lock not available, statement timeout.
@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014"])
def test_an_error_that_passes_is_tried_again(books: Books, state: str) -> None:
    live_a_little(books, facts=60)
    view = Stumbling(state, times=3)
    with following(books, [view]) as follower:
        assert follower.follow_once() == {}
        [lag] = follower.lag()
        assert (lag.status, lag.error, lag.behind, lag.seconds) == ("running", None, 0, 0.0)
        assert (view.times, view.applied) == (0, books.position)
        assert follower.trying_again == {}


# Disk full, division by zero, unique violation.
@pytest.mark.parametrize("state", ["53100", "22012", "23505"])
def test_an_error_that_does_not_pass_stops_the_view_alone_and_says_why(
    books: Books, tmp_path: Path, state: str
) -> None:
    live_a_little(books, facts=60)
    with following(books, [Stumbling(state, times=1), *views(tmp_path)]) as follower:
        failed = follower.follow_once()
        assert list(failed) == ["stumbling"] and "in the way" in failed["stumbling"]
        lags = {lag.name: lag for lag in follower.lag()}
        assert lags["stumbling"].status == "failed" and "in the way" in (lags["stumbling"].error or "")
        assert lags["stumbling"].behind == books.position and lags["stumbling"].seconds > 0
        assert {lag.behind for name, lag in lags.items() if name != "stumbling"} == {0}
    # Whoever mended it starts again, and it goes on from where it stood.
    mended = Stumbling(state, times=0)
    with following(books, [mended]) as follower:
        assert follower.follow_once() == {}
        assert mended.applied == books.position and follower.lag()[0].status == "running"


def test_errors_are_told_apart() -> None:
    for error in (psycopg.OperationalError("server closed the connection"), psycopg.errors.AdminShutdown("57P01")):
        assert connection_lost(error) and passing(error)
    for error in (psycopg.errors.CannotConnectNow("starting up"), psycopg.errors.TooManyConnections("full")):
        assert connection_lost(error)
    for error in (psycopg.errors.DeadlockDetected("one of two"), psycopg.errors.QueryCanceled("statement timeout")):
        assert passing(error) and not connection_lost(error)
    for error in (psycopg.errors.DiskFull("no space"), ValueError("own"), psycopg.errors.UniqueViolation("twice")):
        assert not passing(error)


def test_connections_cut_again_and_again_fail_no_view(
    books: Books, database_url: str, schema_name: str, tmp_path: Path
) -> None:
    live_a_little(books, facts=60)
    chosen = views(tmp_path)
    for view in chosen:
        view.batch_events, view.pause_seconds = 20, 0.0
    stop = threading.Event()
    with following(books, chosen) as follower:
        thread = threading.Thread(target=follower.follow, args=(stop,))
        thread.start()
        try:
            for n in range(6):
                with psycopg.connect(database_url, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_locks l USING (pid)"
                        " WHERE l.relation = to_regclass(%s) OR a.query LIKE 'LISTEN%%' AND a.query LIKE %s",
                        (f"{schema_name}.view", f"%{schema_name}%"),
                    )
                time.sleep(0.1)
                books.do(fact(f"more{n}", "login", "2026-10-02"))
            deadline = time.monotonic() + WAIT_SECONDS
            while any(lag.behind or lag.error for lag in follower.lag()):
                assert time.monotonic() < deadline and thread.is_alive(), follower.lag()
                time.sleep(0.1)
        finally:
            stop.set()
            thread.join()
        found = tables(database_url, schema_name)
        for view in chosen:
            follower.rebuild(view.name)
        assert tables(database_url, schema_name) == found


def test_two_followers_at_once_store_each_event_once_and_tell_the_same_lag(
    books: Books, database_url: str, schema_name: str, tmp_path: Path
) -> None:
    live_a_little(books, facts=150)

    def chosen() -> list[Any]:
        found = [view for view in views(tmp_path) if view.name != "columns"]
        for view in found:
            view.batch_events = 15
        return found

    one, two = Follower(books.recorder, chosen()), Follower(books.recorder, chosen())
    try:
        assert [lag.behind for lag in one.lag()] == [books.position] * len(one.views)
        threads = [threading.Thread(target=f.follow_once) for f in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [(lag.name, lag.position, lag.seconds) for lag in one.lag()] == [
            (lag.name, lag.position, lag.seconds) for lag in two.lag()
        ]
        assert {lag.position for lag in two.lag()} == {books.position}
        found = tables(database_url, schema_name)
        for name in one.views:
            one.rebuild(name)
        assert tables(database_url, schema_name) == found
    finally:
        one.close()
        two.close()


def test_a_view_that_comes_later_fills_itself_and_says_how_far_it_is(books: Books, tmp_path: Path) -> None:
    live_a_little(books, facts=80)
    with following(books, views(tmp_path)[:1]) as follower:
        follower.follow_once()
    late = Stumbling("40001", times=0)
    told: list[tuple[str, int, int]] = []
    with following(books, [views(tmp_path)[0], late]) as follower:
        assert {lag.name: lag.behind for lag in follower.lag()}["stumbling"] == books.position
        follower.follow_once(progress=lambda *step: told.append(step))
        assert {lag.behind for lag in follower.lag()} == {0}
    assert {name for name, _, _ in told} == {"stumbling"}
    positions = [position for _, position, _ in told]
    assert len(positions) > 2 and positions == sorted(set(positions)) and positions[-1] == books.position
    assert {target for _, _, target in told} == {books.position}

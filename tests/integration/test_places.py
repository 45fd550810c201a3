"""Readers say which views they look at: all of them are waited for, and no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import UndefinedTable
from psycopg.sql import SQL, Identifier

from projections import (
    alerts,
    as_of,
    balances,
    campaigns,
    customers,
    explaining,
    history,
    merged,
    reports,
    search,
    tiers,
    views,
)
from projections.lags import views_followed
from projections.places import PositionAhead, Reader, ViewBehind, position_read, views_status, views_wait
from projections.reports import EVER, Months, Segment
from projections.standing import reading
from tests.integration.test_projections import following, live_a_little
from tests.integration.test_reports import campaign_rules
from tests.integration.test_writer_rules import activate
from tests.ledgers import Books, books_open, fact

DAY = 20_700
MOMENT = as_of.Moment()

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "alerts_read": ("points_plunge", DAY), "alerts_listed": (None, DAY), "merged_read": (), "accounts_read": ([1],), "totals_read": (1, MOMENT),
    "account_then": (1, MOMENT), "history_then": (1, MOMENT), "standing_then": (1, MOMENT), "event_row": (1, 2),
    "consequences_read": (1, 2), "reversal_find": (1, 2, "x"), "points_by_rule": (1,),
    "earned_by_rule": (None, 1, date(2026, 1, 1), date(2026, 12, 31)), "balances_read": (DAY,), "balance_read": (1, DAY),
    "lots_read": (1,), "campaigns_read": (), "campaign_months": (("RS-0002", "spring_login"),),
    "campaign_report": (("RS-0002", "spring_login"),), "campaign_customers": (("RS-0002", "spring_login"),),
    "customers_read": (), "customer_read": (1,), "references_read": (1,), "customer_find": ("crm", "a"),
    "balance_parts": (1,), "tier_parts": (None, 1, date(2026, 1, 1), date(2026, 12, 31)), "history_read": (1,),
    "leaders_of_months": ("points",), "leaders_of_balance": (), "heatmap_read": (EVER,), "inflation_read": (EVER,),
    "standing_read": (), "segment_read": (Segment(),), "measures_read": ([Months(0, 1)],), "customers_search": ("a",),
    "customers_filtered": (), "tiers_read": (None, DAY), "tier_read": (None, 1, DAY), "tier_begun": (1,),
}  # fmt: skip

MODULES = (
    alerts, as_of, balances, campaigns, customers, explaining, history, merged, reading, reports, search, tiers,
)  # fmt: skip
READERS: dict[str, Reader[..., Any]] = {
    name: found for module in MODULES for name, found in vars(module).items() if isinstance(found, Reader)
}


@pytest.fixture(scope="module")
def owner(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection[Any]]:
    """A connection that may rename tables, to a ledger whose views have seen everything."""
    with books_open(database_url, "t_places") as books:
        live_a_little(books, facts=60)
        activate(books, campaign_rules(), "2026-01-01")
        folder: Path = tmp_path_factory.mktemp("columns")
        with following(books, views(folder)) as follower:
            assert follower.follow_once() == {}
        with psycopg.connect(database_url, options="-c search_path=t_places", autocommit=True) as connection:
            yield connection


@contextmanager
def without(connection: Connection[Any], chosen: tuple[str, ...], *, others: bool = False) -> Iterator[None]:
    """While the tables of these views, or of all others, bear other names."""
    query = "SELECT name, 'hidden_' || name FROM view_table WHERE (view = ANY (%s)) <> %s"
    names = connection.execute(query, (list(chosen), others)).fetchall()
    rename = SQL("ALTER TABLE {} RENAME TO {}")
    for name, hidden in names:
        connection.execute(rename.format(Identifier(name), Identifier(hidden)))
    try:
        yield
    finally:
        for name, hidden in names:
            connection.execute(rename.format(Identifier(hidden), Identifier(name)))


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_reader_looks_at_the_views_that_it_names_and_at_no_other(owner: Connection[Any], name: str) -> None:
    reader = READERS[name]
    assert reader.views
    with without(owner, reader.views, others=True):
        reader(owner, *ARGUMENTS[name])
    for view in reader.views:
        with without(owner, (view,)), pytest.raises(UndefinedTable):
            reader(owner, *ARGUMENTS[name])


def test_the_slowest_of_several_views_says_where_all_of_them_stand(books: Books, tmp_path: Path) -> None:
    live_a_little(books, facts=20)
    names = ("customers", "search")
    chosen = [view for view in views(tmp_path) if view.name in names]
    with following(books, chosen) as follower:
        follower.follow_once()
    before = books.position
    books.do(fact("later", "login", "2026-10-02"))
    with following(books, chosen[1:]) as follower:
        follower.follow_once()
    with books.recorder.datastore.get_connection() as connection:
        assert position_read(connection, names) == views_wait(connection, names, before) == before
        with pytest.raises(ViewBehind, match=f"customers stands at position {before}, not yet at {books.position}"):
            views_wait(connection, names, books.position, 0.1)
        with pytest.raises(PositionAhead):
            views_wait(connection, names, books.position + 1)
        with pytest.raises(ViewBehind, match="tiers stands at position 0"):
            views_wait(connection, ("customers", "tiers"), 1, 0.0)


def test_who_waited_in_vain_is_told_whether_anybody_follows(books: Books, tmp_path: Path) -> None:
    books.register("a")
    chosen = [view for view in views(tmp_path) if view.name == "customers"]
    stop = threading.Event()
    with books.recorder.datastore.get_connection() as connection, following(books, chosen) as follower:
        assert not views_followed(connection)
        with pytest.raises(ViewBehind, match="no process follows this ledger now"):
            views_wait(connection, ("tiers",), 1, 0.0)
        thread = threading.Thread(target=follower.follow, args=(stop,))
        thread.start()
        try:
            assert views_wait(connection, ("customers",), books.position) == books.position
            assert views_followed(connection)
            # It follows, though not this view.
            with pytest.raises(ViewBehind, match="is followed, so try again"):
                views_wait(connection, ("tiers",), 1, 0.0)
            assert {view.followed for view in views_status(connection)} == {True}
        finally:
            stop.set()
            thread.join()
        assert not views_followed(connection)
        assert {view.followed for view in views_status(connection)} == {False}

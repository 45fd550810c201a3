"""The views follow the log: each event once, each at its own pace, and what is rebuilt equals what was followed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ledger.domain.commands import (
    ChangeCustomer,
    CloseDays,
    CommitRedemption,
    GiveConsent,
    MoveStock,
    RecordFollowUp,
    ReleaseCustomer,
    ReserveRedemption,
    ReverseRedemption,
    VoidRedemption,
)
from ledger.domain.events import RELATIONS_TOPICS
from ledger.domain.values import day_parse, points_text
from ledger.log.columns.builder import BALANCE_MOVING
from ledger.log.columns.reader import Columns
from ledger.rules import layout as at
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from projections import rebuilding, views
from projections.balances import balances_read, lots_read
from projections.follower import Follower
from projections.history import HistoryView, history_read
from projections.places import PositionAhead, views_wait
from projections.redemptions import redemptions_read, stock_read
from projections.reports import EVER, inflation_read
from projections.tiers import tiers_read
from projections.view import Batch, View
from tests.catalogue import catalogue_activate
from tests.ledgers import Books, fact
from tests.relations_firm import firm_found, lead

BOOKS_TABLES = (
    "customer", "customer_reference", "balance", "lot", "tier", "history", "redemption", "redemption_part", "stock",
)  # fmt: skip


def live_a_little(books: Books, seed: int = 1, facts: int = 400) -> None:
    """Customers, facts of many kinds, corrections, a changed name, and months closed along the way."""
    rng = random.Random(seed)
    ids = books.register("a", "b", "c", "d", region="hubei")
    month = 1
    for i in range(facts):
        month = 1 + i * 9 // facts
        day = f"2026-{month:02d}-{rng.randint(1, 28):02d}"
        kind, attributes = rng.choice([
            ("contract_signed", {"amount": str(rng.randint(0, 9_000_000))}),
            ("complaint_filed", {"severity": rng.choice(["minor", "major"])}),
            ("login", {}),
            ("invoice_paid", {"due_on": "2026-01-10", "paid_on": rng.choice(["2026-01-09", "2026-02-20"]), "amount": "5"}),
        ])  # fmt: skip
        content: dict[str, Any] = dict(attributes)
        books.do(fact(f"f{rng.randint(0, facts)}", kind, day, rng.choice(ids), **content))
        if i % 100 == 99:
            books.do(CloseDays(f"2026-{month:02d}-28"))
    books.do(ChangeCustomer(ids[0], name="新名", traits={"region": "hunan"}))
    books.do(GiveConsent(ids[1], "publication"))
    books.do(CloseDays("2026-09-30"))


def redeem_a_little(books: Books) -> None:
    """Points held, spent, freed and given back by those who have most, and debt where a fact turns out to be wrong."""
    catalogue_activate(books)
    ids = ["C-000001", "C-000002", "C-000003", "C-000004"]
    books.send(*(fact(f"p{i}", "project_completed", "2026-10-03", customer) for i, customer in enumerate(ids * 2)))
    books.do(MoveStock("workwear", 9, "delivered", "m"))
    for customer in ids:
        answers = books.send(
            ReserveRedemption(customer, "small", points="60"), ReserveRedemption(customer, "workwear", "m", 1)
        )
        assert [a.status for a in answers] == ["accepted"] * 2
        books.do(CommitRedemption(answers[0].id, points="50"))
        books.do(VoidRedemption(answers[0].id, "enough") if customer != ids[2] else CommitRedemption(answers[1].id))
    books.do(ReverseRedemption("R-000001", "wrong", points="12.34"))
    left = books.state.holder(2, day_parse("2026-11-01")).available
    spent = books.do(ReserveRedemption(ids[1], "small", points=points_text(left)))
    books.do(CommitRedemption(spent.id))
    books.send(*(fact(f"p{i}", "project_completed", "2026-10-03", ids[0]) for i in (1, 5)))
    books.do(CloseDays("2026-10-31"))


@contextmanager
def following(books: Books, chosen: Sequence[View]) -> Iterator[Follower]:
    follower = Follower(books.recorder, chosen)
    try:
        yield follower
    finally:
        follower.close()


def tables(database_url: str, schema: str) -> dict[str, list[Any]]:
    """Every view's rows."""
    with psycopg.connect(database_url) as connection:
        connection.execute(SQL("SET search_path = {}").format(Identifier(schema)))
        found: dict[str, list[Any]] = {}
        for (table,) in connection.execute("SELECT name FROM view_table ORDER BY name").fetchall():
            query = SQL("SELECT t::text FROM {} t ORDER BY 1").format(Identifier(table))
            found[table] = connection.execute(query).fetchall()
        return found


def test_the_views_say_what_the_engine_knows(books: Books, tmp_path: Path) -> None:
    live_a_little(books)
    redeem_a_little(books)
    with following(books, views(tmp_path)) as follower:
        assert follower.follow_once() == {}
        assert {lag.behind for lag in follower.lag()} == {0}
    ladder = rule_set_parse(rules_standard()).tiers
    with books.recorder.datastore.get_connection() as connection:
        assert views_wait(connection, (*balances_read.views, *tiers_read.views), books.position) == books.position
        balances = balances_read(connection, day_parse("2026-10-01"))
        standing = tiers_read(connection, ladder, day_parse("2026-10-01"))
        assert len(balances) == len(standing) == 4
        for row, place in zip(balances, standing, strict=True):
            account = books.account(f"C-{row.customer:06d}")
            assert (row.balance, row.debt) == (account["balance"], account["debt"])
            assert row.balance == row.granted + row.deducted + row.reversed + row.expired + row.redeemed
            assert row.held == account["held"]
            assert row.available == books.state.holder(row.customer, day_parse("2026-10-01")).available - row.debt
            lots = {at.MONTH_NEVER if m is None else m: p for m, p in lots_read(connection, row.customer)}
            assert lots == account["lots"] and row.balance == sum(lots.values()) + row.held - row.debt
            assert (place.tier, place.grade, sorted(place.tags)) == (account["tier"], account["grade"], account["tags"])
            events = history_read(connection, row.customer)
            assert events[-1].balance == row.balance
            assert sum(e.points or 0 for e in events) == row.balance
    columns = Columns.open(tmp_path)
    assert columns.position == books.position
    sums = np.zeros(4, np.int64)
    decisions = columns.decisions(["account", "kind", "points"]).filter(pl.col("kind").is_in(BALANCE_MOVING))
    np.add.at(sums, decisions["account"].to_numpy() - 1, decisions["points"].to_numpy())
    assert sums.tolist() == [b.balance for b in balances]
    assert any(b.held for b in balances) and any(b.debt for b in balances) and any(b.redeemed for b in balances)
    inside = [books.account(f"C-{n:06d}")["balance"] for n in range(1, 5)]
    with books.recorder.datastore.get_connection() as connection:
        months = inflation_read(connection, EVER)
        assert months[-1].outstanding == sum(inside)
        assert months[-1].debt_total == sum(b.debt for b in balances)
        assert sum(m.redeemed for m in months) == sum(b.redeemed for b in balances)
        rows = redemptions_read(connection)
        kept = books.state.redemptions
        assert [r.number for r in rows] == sorted(kept.redemptions, reverse=True)
        for row in rows:
            known = kept.redemptions[row.number]
            assert (row.state, row.spent, row.freed) == (known.state, known.spent, known.freed)
            assert [(p.points, p.money, p.returned) for p in row.parts] == [
                (p.points, p.money, p.returned) for p in known.parts
            ]
        assert [(s.on_hand, s.held) for s in stock_read(connection)] == [
            (s.on_hand, s.held) for _, s in sorted(kept.stock.items())
        ]
        assert {r.state for r in rows} == {"held", "committed"}


def test_a_view_that_is_rebuilt_equals_the_one_that_followed(
    books: Books, database_url: str, schema_name: str, tmp_path: Path
) -> None:
    live_a_little(books)
    redeem_a_little(books)
    with following(books, views(tmp_path)) as follower:
        for until in range(100, books.position, 130):
            follower.follow_once(until)
        follower.follow_once()
        before, chain = tables(database_url, schema_name), Columns.open(tmp_path).chain
        for name in follower.views:
            assert follower.rebuild(name) == books.position
        assert tables(database_url, schema_name) == before
        assert Columns.open(tmp_path).chain == chain


def test_batches_of_any_size_come_to_the_same(
    books: Books, database_url: str, schema_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_a_little(books, seed=7, facts=80)
    redeem_a_little(books)
    firm_found(books)
    books.send(lead("1", customer="C-000001"), RecordFollowUp("C-000001", "S-000001", "between ourselves"))
    books.send(ReleaseCustomer("C-000001", "too far"), lead("new", region="east"))
    chosen = [view for view in views(tmp_path) if view.name != "columns"]
    for view in chosen:
        view.batch_events = 1
    with following(books, chosen) as follower:
        assert follower.follow_once() == {}
        one_by_one = tables(database_url, schema_name)
        filled = {table for table, rows in one_by_one.items() if rows}
        assert {"balance", "lot", "earned", "activity", "incident", "history", "holding", "timeline"} <= filled
        for size, kept in ((3, 10), (50, 1), (books.position, rebuilding.SUMS_MAX)):
            # Views that add up store what several batches come to, or each.
            monkeypatch.setattr(rebuilding, "SUMS_MAX", kept)
            for view in chosen:
                view.batch_events = size
                follower.rebuild(view.name)
            assert tables(database_url, schema_name) == one_by_one


class Dying:
    """A view whose process dies after it wrote, before the commit, the first times."""

    def __init__(self, view: View, times: int) -> None:
        self.view, self.times = view, times
        self.name, self.batch_events, self.pause_seconds = view.name, 50, view.pause_seconds

    def apply(self, batch: Batch, transaction: psycopg.Connection[Any]) -> None:
        self.view.apply(batch, transaction)
        if self.times:
            self.times -= 1
            transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_cut_between_apply_and_commit_neither_loses_nor_doubles_an_event(
    books: Books, database_url: str, schema_name: str, tmp_path: Path
) -> None:
    live_a_little(books, facts=150)
    plain = [view for view in views(tmp_path) if view.name != "columns"]
    dying: list[View] = [Dying(view, times=1) for view in plain]
    for _ in range(3):
        with following(books, dying) as follower:
            try:
                follower.follow_once()
            except Exception as error:  # the cut itself: the next follower goes on where the last commit stands
                assert "connection" in str(error) or "terminat" in str(error)
    with following(books, dying) as follower:
        assert follower.follow_once() == {}
        found = tables(database_url, schema_name)
        for view in plain:
            follower.rebuild(view.name)
        assert tables(database_url, schema_name) == found


class Failing:
    """A view that cannot bear a certain event."""

    name, batch_events, pause_seconds = "failing", 20, 0.0

    def __init__(self, at_position: int) -> None:
        self.at_position = at_position

    def apply(self, batch: Batch, transaction: psycopg.Connection[Any]) -> None:
        if batch.position_last >= self.at_position:
            raise ValueError("it cannot be borne")


def test_a_failing_view_stops_alone_and_says_why(books: Books, tmp_path: Path) -> None:
    live_a_little(books, facts=80)
    with following(books, [Failing(60), *views(tmp_path)]) as follower:
        failed = follower.follow_once()
        assert list(failed) == ["failing"] and "it cannot be borne" in failed["failing"]
        lags = {lag.name: lag for lag in follower.lag()}
        assert 0 < lags["failing"].position < 60 and lags["failing"].error
        assert lags["balances"].behind == 0
    with books.recorder.datastore.get_connection() as connection, pytest.raises(PositionAhead):
        views_wait(connection, balances_read.views, books.position + 1, 0.1)


def test_a_view_added_later_fills_itself(books: Books, database_url: str, schema_name: str, tmp_path: Path) -> None:
    live_a_little(books, facts=80)
    redeem_a_little(books)
    first, *others = views(tmp_path)
    with following(books, [first]) as follower:
        follower.follow_once()
    with following(books, [first, *others]) as follower:
        assert follower.follow_once() == {}
        assert {lag.position for lag in follower.lag()} == {books.position}
    filled = tables(database_url, schema_name)
    assert all(filled[table] for table in BOOKS_TABLES)


def test_who_serves_a_customer_is_none_of_its_history_and_moves_no_balance(
    books: Books, database_url: str, schema_name: str
) -> None:
    firm_found(books)
    books.register("a", region="east")
    books.do(fact("1", "project_completed", "2026-10-01"))
    books.send(lead("1", customer="C-000001"), RecordFollowUp("C-000001", "S-000001", "between ourselves"))
    books.do(fact("2", "project_completed", "2026-10-02"))
    books.send(ReleaseCustomer("C-000001", "too far"), lead("new", region="east"))
    expected = [(p, n) for p, stream, n, _ in books.log() if stream == "C-000001" and n not in RELATIONS_TOPICS]
    with following(books, [HistoryView()]) as follower:
        # Batches that begin with an event of relations, and some that hold nothing else.
        for until in range(1, books.position + 1):
            follower.follow_once(until)
        with books.recorder.datastore.get_connection() as connection:
            rows = history_read(connection, 1)
            assert [(r.position, r.topic) for r in rows] == expected
            assert [r.balance for r in rows] == [0, 0, 5_000, 5_000, 10_000]
            assert [r.topic for r in history_read(connection, 2)] == ["CustomerRegistered"]
            shown = b"".join(str(r).encode() for r in rows)
            assert b"between ourselves" not in shown
        before = tables(database_url, schema_name)
        assert follower.rebuild("history") == books.position
        assert tables(database_url, schema_name) == before


class Picky:
    """A view of events that never happen here."""

    name, batch_events, pause_seconds, topics = "picky", 50, 0.0, ("StaffEnrolled",)

    def apply(self, batch: Batch, transaction: psycopg.Connection[Any]) -> None:
        raise AssertionError("nothing in it concerns this view")


def test_a_view_is_not_called_with_what_does_not_concern_it_and_stands_at_the_head_all_the_same(books: Books) -> None:
    books.register("a", "b")
    with following(books, [Picky()]) as follower:
        assert follower.follow_once() == {}
        assert [(lag.position, lag.behind) for lag in follower.lag()] == [(books.position, 0)]
        with following(books, [Picky()]) as other:  # two at once: whoever is late looks again
            books.register("c")
            assert other.follow_once() == {}
            assert follower.follow_once() == {}
        assert [lag.position for lag in follower.lag()] == [books.position]


class Patient:
    """A view that gathers for longer than a test lasts."""

    name, batch_events, pause_seconds = "patient", 10, 600.0

    def apply(self, batch: Batch, transaction: psycopg.Connection[Any]) -> None:
        assert len(batch.events) <= self.batch_events


def test_a_view_gathers_what_comes_until_a_whole_batch_of_it_waits(books: Books) -> None:
    books.register(*(f"c{n}" for n in range(25)))
    whole = books.position // 10 * 10
    stop = threading.Event()
    with following(books, [Patient()]) as follower:
        thread = threading.Thread(target=follower.follow, args=(stop,))
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while follower.lag()[0].position < whole:
                assert time.monotonic() < deadline, follower.lag()
                time.sleep(0.02)
            assert follower.lag()[0].behind == books.position - whole > 0
        finally:
            stop.set()
            thread.join()

"""What finance says of real redemptions: the books balance, the roll-forward agrees with the balances, and what points
are worth is what the rule set says."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from psycopg import Connection

from ledger.domain.commands import CloseDays, CommitRedemption, ReserveRedemption, ReverseRedemption, VoidRedemption
from ledger.domain.events import REDEMPTION_TOPICS
from ledger.domain.postings import POSTING_TOPICS, postings_of
from ledger.domain.valuation import VALUE_DEFAULT, point_value_of
from ledger.domain.values import customer_number, day_parse, month_parse
from ledger.rules.document import rule_set_parse
from ledger.rules.redemption.terms import point_value
from ledger.standard import rules_standard
from projections.as_of import Moment, account_then
from projections.balances import BalanceRow, Moves
from projections.finance.journal import Check, journal_check
from projections.finance.liability import FLOWS, Liability, liability_read
from projections.follower import Follower
from projections.history import HistoryView
from projections.view import CustomerEvent
from tests.catalogue import catalogue, catalogue_activate
from tests.ledgers import Books, fact
from tests.redemption_walk import DEBT, Walk, total

PROJECT = "project_completed"


def flows(found: Liability, day: str) -> dict[str, int]:
    [row] = [d for d in found.days if d.day == day_parse(day)]
    return {name: points for name, points in zip(FLOWS, row.flows, strict=True) if points}


def liability(books: Books, first: str, last: str) -> Liability:
    with books.recorder.datastore.get_connection() as connection:
        return liability_read(connection, VALUE_DEFAULT, day_parse(first), day_parse(last))


def checked(books: Books) -> Check:
    with books.recorder.datastore.get_connection() as connection:
        return journal_check(connection)


def balances(books: Books) -> dict[int, BalanceRow]:
    """What the view `balances` adds up to."""
    moves = Moves()
    for position, stream, topic, state in books.log():
        if customer_number(stream):
            moves.add(CustomerEvent(position, customer_number(stream), 0, topic, state))
    return moves.rows


def walk_check(going: Walk, connection: Connection[Any]) -> None:
    """Finance says what the walk's model says."""
    books, accounts = going.books, going.accounts.values()
    checked = journal_check(connection)
    assert (checked.fault, sum(checked.accounts.values())) == ("", 0)
    found = liability_read(connection, VALUE_DEFAULT, day_parse("2024-01-01"), going.today)
    assert found.faults == ()
    held = sum(total(r.pieces) for r in going.redemptions)
    [last] = found.days[-1:]
    assert (last.closing, last.held) == (sum(sum(a.lots.values()) for a in accounts) + held, held)
    assert found.debt == sum(a.debt for a in accounts)
    assert (checked.accounts["held"], checked.accounts["available"]) == (held, last.closing - held - found.debt)
    # By the month at whose end they expire: what can be spent, and what is held.
    lots, lots_held = Counter[int](), Counter[int]()
    for account in accounts:
        lots.update(account.lots)
    for redemption in going.redemptions:
        for month, points in redemption.pieces:
            assert month != DEBT
            lots_held[month] += points
    told = {month_parse(s.name): (s.points, s.held) for s in found.expiries}
    months = lots.keys() | lots_held.keys()
    assert told == {m: (lots[m] + lots_held[m], lots_held[m]) for m in months if lots[m] + lots_held[m]}
    assert min(s.points for s in (*found.ages, *found.expiries)) >= 0
    assert all(d.closing >= d.held >= 0 for d in found.days), "nothing is negative on any day"
    # The roll-forward's columns are what the balances have.
    rows = balances(books).values()
    sums = dict(zip(FLOWS, (sum(d.flows[i] for d in found.days) for i in range(len(FLOWS))), strict=True))
    assert sums["redeemed"] + sums["returned"] == sum(r.redeemed for r in rows) == -checked.accounts["redeemed"]
    assert sums["expired"] == sum(r.expired for r in rows) == -checked.accounts["expired"]
    assert sums["granted"] == sum(r.granted for r in rows)
    assert sums["debt"] == found.debt == sum(r.debt for r in rows)


def test_after_a_long_walk_of_redemptions_the_books_balance_and_the_liability_is_what_a_model_has(books: Books) -> None:
    # What is earned and taken back later is booked on the day it was earned: then days between may show less than what
    # was redeemed on them. On this walk, which redeems on the day itself, none does in sum.
    going = Walk(books, 20260102, late=False)
    for step in range(900):
        going.step()
        if step % 150 == 149:
            with books.recorder.datastore.get_connection() as connection:
                walk_check(going, connection)
    topics = {topic for _, _, topic, _ in books.log()}
    assert {"PointsHeld", "PointsFreed", "PointsRedeemed", "PointsReturned", "PointsExpired"} <= topics
    for _, _, topic, state in books.log():
        posted = postings_of(topic, state)
        assert sum(p.points for p in posted) == 0
        assert bool(posted) is (topic in POSTING_TOPICS), "an input of a redemption posts nothing, its decision does"
        assert topic in REDEMPTION_TOPICS or topic not in {"PointsHeld", "PointsFreed"}


@pytest.fixture
def shop(books: Books) -> Books:
    """A catalogue in force and one customer with 50 points of August and 50 of September 2024, valid for 24 months."""
    catalogue_activate(books)
    books.register("a")
    books.send(fact("1", PROJECT, "2024-08-05"), fact("2", PROJECT, "2024-09-05"))
    return books


def test_points_that_come_back_to_a_closed_month_expire_on_the_day_of_the_close_that_takes_them(shop: Books) -> None:
    shop.do(CloseDays("2026-07-31"))
    shop.do(ReserveRedemption("C-000001", "small", points="70", occurred_on="2026-08-20"))
    shop.do(CommitRedemption("R-000001", occurred_on="2026-08-20"))
    shop.do(CloseDays("2026-08-31"))
    august = liability(shop, "2024-08-01", "2026-08-31").days
    assert shop.do(ReverseRedemption("R-000001", "void", points="60", occurred_on="2026-09-10")).status == "accepted"
    shop.do(CloseDays("2026-09-30"))
    expired = [s for _, _, topic, s in shop.log() if topic == "PointsExpired"]
    assert {s["expired_on"]: s["points"] for s in expired} == {"2026-08-31": -50_00, "2026-09-30": -40_00}
    found = liability(shop, "2024-08-01", "2026-09-30")
    assert flows(found, "2026-08-20") == {"redeemed": -70_00}
    assert flows(found, "2026-09-10") == {"returned": 60_00}
    assert flows(found, "2026-08-31") == {}, "August is closed and stays as it was"
    assert flows(found, "2026-09-30") == {"expired": -90_00}
    assert found.days[: len(august)] == august
    assert found.faults == () and found.days[-1].closing == 0 and min(d.closing for d in found.days) >= 0
    assert checked(shop).fault == ""
    # A customer's history and the report by month have it on the same day.
    Follower(shop.recorder, [HistoryView()]).follow_once()
    with shop.recorder.datastore.get_connection() as connection:
        days = [date(2026, 8, 31), date(2026, 9, 10), date(2026, 9, 30)]
        then = [account_then(connection, 1, Moment(as_of=day)).balance for day in days]
    assert then == [30_00, 90_00, 0]


def test_points_that_are_freed_to_a_closed_month_leave_what_is_held_where_they_were_taken(shop: Books) -> None:
    shop.do(CloseDays("2026-07-31"))
    shop.do(ReserveRedemption("C-000001", "small", points="70", occurred_on="2026-08-28"))
    shop.do(CloseDays("2026-08-31"))
    found = liability(shop, "2026-08-31", "2026-08-31")
    assert {s.name: (s.points, s.held) for s in found.expiries} == {"2026-08": (50_00, 50_00), "2026-09": (50_00, 20_00)}
    assert shop.do(VoidRedemption("R-000001", "no", occurred_on="2026-09-02")).status == "accepted"
    found = liability(shop, "2026-09-02", "2026-09-02")
    assert {s.name: (s.points, s.held) for s in found.expiries} == {"2026-08": (50_00, 0), "2026-09": (50_00, 0)}
    assert found.faults == ()


def test_held_points_that_are_freed_pay_debt_and_the_roll_forward_shows_it(shop: Books) -> None:
    shop.do(ReserveRedemption("C-000001", "small", points="100", occurred_on="2026-08-20"))
    shop.do(fact("c", "complaint_filed", "2026-08-21", severity="major"))  # takes 30 that aren't there: debt
    shop.do(VoidRedemption("R-000001", "no", occurred_on="2026-08-22"))
    found = liability(shop, "2026-08-20", "2026-08-22")
    assert [(d.closing, d.held) for d in found.days] == [(100_00, 100_00), (100_00, 100_00), (70_00, 0)]
    assert flows(found, "2026-08-21") == {"deducted": -30_00, "debt": 30_00}
    assert flows(found, "2026-08-22") == {"debt": -30_00}
    assert (found.debt, found.faults) == (0, ())
    assert checked(shop).fault == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (1_000_00, 50_00)), ({"money": 40}, (1_000_00, 40_00)), ({"points": 500}, (500_00, 50_00)),
        ({"points": "333.33", "money": "7.01"}, (333_33, 7_01)), (None, (1_000_00, 50_00)),
    ],
)  # fmt: skip
def test_finance_reads_what_a_point_is_worth_as_the_rules_do(said: dict[str, Any] | None, expected: tuple[int, int]) -> None:
    section = catalogue() if said is None else catalogue(point_value=said)
    document = {**rules_standard(), "redemption": section}
    value = point_value_of(document)
    assert (value.points, value.money) == point_value(rule_set_parse(document)) == expected

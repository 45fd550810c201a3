"""As of a day, what a customer had could have been so, whatever was recorded late; where nothing was, it is as recorded."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings, strategies as st
from psycopg import Connection

from ledger.domain.commands import (
    ActivateRuleSet,
    ApproveRuleSet,
    CloseDays,
    CommitRedemption,
    ProposeRuleSet,
    ReserveRedemption,
    ReverseRedemption,
    VoidRedemption,
)
from ledger.domain.events import POINTS_TOPICS
from ledger.domain.values import date_of, day_text, month_first_day, month_last_day, month_parse
from ledger.standard import rules_standard
from projections.as_of import Moment, account_then, history_then, terms_read, totals_read
from projections.balances import Moves
from projections.history import HistoryRow, HistoryView
from projections.lots import Lots
from projections.rulebook import Rulebook, rulebook_read
from projections.standing.reading import standing_then
from projections.view import CustomerEvent
from tests.catalogue import catalogue, catalogue_activate
from tests.integration.test_projections import following
from tests.ledgers import Books, books_open, fact

DECIDED = ("TierChanged", "GradeChanged", "TagsChanged")
JANUARY = month_parse("2026-01")
MONTHS = 4
CUSTOMERS = 5
Lot = tuple[str, int]
Held = tuple[int, int, dict[int | None, int]]
"""Debt, what is held, and lots by the month at whose end they expire."""


def signed(external_id: str, day: str, amount: int) -> Any:
    """2 points for each 10,000 CNY, valid until the end of the 24th month after."""
    return fact(external_id, "contract_signed", day, amount=str(amount))


def adjusted(external_id: str, day: str, points: int) -> Any:
    return fact(external_id, "manual_adjustment", day, points=str(points), reason="r")


def had(books: Books, *days: str) -> list[tuple[int, int, int, list[Lot]]]:
    """(balance, debt, held, lots) at the end of days, in 1/100 point."""
    with following(books, [HistoryView()]) as follower:
        assert follower.follow_once() == {}
    with books.recorder.datastore.get_connection() as connection:
        found = [account_then(connection, 1, Moment(as_of=date.fromisoformat(day))) for day in days]
    return [
        (a.balance, a.debt, a.held, [("" if m is None else day_text(month_last_day(m)), p) for m, p in a.lots])
        for a in found
    ]


def test_a_grant_told_late_pays_no_debt_of_a_later_day(books: Books) -> None:
    books.register("a")
    # A major complaint takes 30, which become debt; the contract's 20 pay some of it.
    books.do(fact("q", "complaint_filed", "2026-05-02", severity="major"))
    books.do(signed("1", "2026-03-01", 100_000))
    assert had(books, "2026-02-28", "2026-03-31", "2026-05-02") == [
        (0, 0, 0, []), (20_00, 0, 0, [("2028-03-31", 20_00)]), (-10_00, 10_00, 0, []),
    ]  # fmt: skip


def test_what_is_taken_back_of_a_day_is_taken_from_no_lot_of_a_later_one(books: Books) -> None:
    books.register("a")
    books.do(signed("1", "2026-03-01", 100_000))
    books.do(signed("2", "2026-05-01", 200_000))
    books.do(adjusted("3", "2026-05-02", -20))
    # The 20 of March are gone by now: they are taken from the 40 of May.
    books.do(signed("1", "2026-03-01", 0))
    assert had(books, "2026-03-31", "2026-05-01", "2026-05-02") == [
        (0, 0, 0, []), (40_00, 0, 0, [("2028-05-31", 40_00)]), (20_00, 0, 0, [("2028-05-31", 20_00)]),
    ]  # fmt: skip


def test_what_is_taken_late_is_debt_where_the_points_came_later(books: Books) -> None:
    books.register("a")
    books.do(signed("1", "2026-05-01", 100_000))
    books.do(adjusted("2", "2026-03-01", -20))
    assert had(books, "2026-03-31", "2026-05-01") == [(-20_00, 20_00, 0, []), (0, 0, 0, [])]
    # Given back, it pays that debt.
    books.do(adjusted("2", "2026-03-01", 0))
    assert had(books, "2026-03-31", "2026-05-01") == [(0, 0, 0, []), (20_00, 0, 0, [("2028-05-31", 20_00)])]


def test_what_is_given_back_of_a_debt_that_was_paid_comes_back_as_new_points(books: Books) -> None:
    books.register("a")
    books.do(signed("1", "2026-05-01", 100_000))
    books.do(adjusted("2", "2026-03-01", -20))
    books.do(adjusted("3", "2026-03-02", 30))
    # As of March, 20 of the 30 paid what was taken on the first; as recorded those came from the lot of May.
    assert had(books, "2026-03-31") == [(10_00, 0, 0, [("2028-03-31", 10_00)])]
    books.do(adjusted("2", "2026-03-01", 0))
    assert had(books, "2026-03-31") == [(30_00, 0, 0, [("2028-03-31", 30_00)])]


def test_a_grant_that_is_corrected_after_it_was_held_leaves_no_lot_beside_the_debt(books: Books) -> None:
    catalogue_activate(books)
    books.register("a")
    books.do(signed("1", "2026-03-01", 1_000_000))
    books.do(ReserveRedemption("C-000001", "small", points="150", occurred_on="2026-03-10"))
    # 50 are in the lot: 150 of the 200 become debt, which 100 of the new version pay some of.
    books.do(signed("1", "2026-03-01", 500_000))
    assert had(books, "2026-03-09", "2026-03-10") == [
        (100_00, 0, 0, [("2028-03-31", 100_00)]), (100_00, 50_00, 150_00, []),
    ]  # fmt: skip


def test_a_part_that_was_committed_late_takes_of_what_is_held_then(books: Books) -> None:
    catalogue_activate(books)
    books.register("a")
    books.send(signed("1", "2026-02-01", 250_000), signed("2", "2026-03-01", 250_000))
    answers = [
        books.do(ReserveRedemption("C-000001", "small", points="100", occurred_on="2026-03-05")),
        books.do(CommitRedemption("R-000001", points="60", occurred_on="2026-03-18")),
        books.do(CommitRedemption("R-000001", points="40", occurred_on="2026-03-10")),
        books.do(ReverseRedemption("R-000001", "wrong", part=2, occurred_on="2026-03-11")),
    ]
    assert {answer.status for answer in answers} == {"accepted"}
    # The second part, the last 40 of March's, is the first as of the tenth: 40 of February's.
    assert had(books, "2026-03-10", "2026-03-11", "2026-03-18") == [
        (60_00, 0, 60_00, []), (100_00, 0, 60_00, [("2028-02-29", 40_00)]), (40_00, 0, 0, [("2028-03-31", 40_00)]),
    ]  # fmt: skip


def test_where_debt_stands_a_grant_forms_its_lot_beside_it(books: Books) -> None:
    catalogue_activate(books, catalogue(debt="negative"))
    books.register("a")
    books.do(signed("1", "2026-05-01", 100_000))
    books.do(adjusted("2", "2026-03-01", -20))
    books.do(signed("3", "2026-03-02", 150_000))
    assert had(books, "2026-03-01", "2026-03-02") == [
        (-20_00, 20_00, 0, []), (10_00, 20_00, 0, [("2028-03-31", 30_00)]),
    ]  # fmt: skip


@pytest.fixture
def closed(books: Books) -> Books:
    """20 points of January, valid until the end of February, that a penalty took; 10 of May were recorded before."""
    document = {**rules_standard(), "id": "short", "expiry_months": 1}
    proposed = books.do(ProposeRuleSet(document), actor="alice")
    books.do(ApproveRuleSet(proposed.id))
    books.do(ActivateRuleSet(proposed.id, "2025-01-01"))
    books.register("a")
    books.do(signed("0", "2026-05-01", 50_000))
    books.do(signed("1", "2026-01-10", 100_000))
    books.do(adjusted("2", "2026-01-20", -20))
    return books


def test_points_given_back_to_a_closed_month_expire_at_the_next_close(closed: Books) -> None:
    closed.do(CloseDays("2026-03-31"))
    closed.do(adjusted("2", "2026-01-20", 0))
    # Back to the lot of February, which is over as of April: they lie in that of March, the last one closed.
    assert had(closed, "2026-01-31", "2026-03-30", "2026-04-02") == [
        (20_00, 0, 0, [("2026-02-28", 20_00)]), (20_00, 0, 0, [("2026-02-28", 20_00)]),
        (20_00, 0, 0, [("2026-03-31", 20_00)]),
    ]  # fmt: skip


def test_a_grant_is_taken_back_from_no_lot_of_a_closed_month(closed: Books) -> None:
    closed.do(CloseDays("2026-02-28"))
    closed.do(adjusted("2", "2026-01-20", 0))
    closed.do(signed("1", "2026-01-10", 0))
    # As of January the grant's own lot is open: the 20 that came back to it are taken. As of February it is closed: they
    # stay there until the next close, and what is taken back is debt, since no lot of a later month is there.
    assert had(closed, "2026-01-31", "2026-02-28") == [(0, 0, 0, []), (0, 20_00, 0, [("2026-02-28", 20_00)])]


def points_rows(connection: Connection[Any], customer: int, moment: Moment) -> list[HistoryRow]:
    return history_then(connection, customer, moment, topics=sorted(POINTS_TOPICS), limit=100_000)


class AsRecorded:
    """Events added up as they are in the log."""

    def __init__(self, customer: int) -> None:
        self._moves, self._customer = Moves(), customer

    def add(self, *rows: HistoryRow) -> Held:
        for row in rows:
            self._moves.add(CustomerEvent(row.position, self._customer, 0, row.topic, row.state))
        found = self._moves.rows.get(self._customer)
        lots = {None if month < 0 else month: points for (_, month), points in self._moves.lots.items() if points}
        return (found.debt, found.held, lots) if found else (0, 0, lots)


def days_check(connection: Connection[Any], rulebook: Rulebook, customer: int) -> int:
    """Every day is possible, and as recorded where nothing later was recorded before. On how many days something was."""
    everything = points_rows(connection, customer, Moment())
    count = 0
    for day in sorted({row.booked_on for row in everything if row.booked_on}):
        moment = Moment(as_of=day)
        rows = points_rows(connection, customer, moment)
        found = account_then(connection, customer, moment, rulebook)
        lots = [points for _, points in found.lots]
        assert min([found.debt, found.held, *lots]) >= 0, (customer, moment, found)
        assert found.balance == sum(lots) + found.held - found.debt, (customer, moment, found)
        assert found.balance == totals_read(connection, customer, moment).balance == sum(r.points or 0 for r in rows)
        late = rows != everything[: len(rows)]
        count += late
        if not late:
            assert (found.debt, found.held, dict(found.lots)) == AsRecorded(customer).add(*rows), (customer, moment)
    return count


def everything_check(connection: Connection[Any], rulebook: Rulebook, books: Books, customer: int) -> None:
    """Decided anew, all that was recorded comes to what the ledger has, event by event."""
    anew, recorded, terms = Lots(), AsRecorded(customer), terms_read(connection, Moment(), rulebook)
    for row in points_rows(connection, customer, Moment()):
        anew.decided(row, terms)
        assert (anew.debt, anew.held, dict(anew.told())) == recorded.add(row), (customer, row)
    account = books.account(f"C-{customer:06d}")
    found = account_then(connection, customer, Moment())
    assert (found.debt, found.held, dict(found.lots)) == recorded.add()
    assert (found.balance, found.debt, found.held) == (account["balance"], account["debt"], account["held"])
    stood = standing_then(connection, customer, Moment(), rulebook)
    assert (stood.tier, stood.grade, stood.tags) == (account["tier"], account["grade"], account["tags"])
    told = {row.topic: row.position for row in history_then(connection, customer, Moment(), topics=DECIDED, limit=1_000)}
    assert [stood.tier_position, stood.grade_position, stood.tags_position] == [told.get(topic, 0) for topic in DECIDED]


@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 2**32), debt=st.sampled_from(["recover", "negative"]), expiry_months=st.integers(1, 2))
def test_whatever_was_recorded_late_every_day_is_possible_and_all_of_it_is_as_recorded(
    database_url: str, seed: int, debt: str, expiry_months: int
) -> None:
    """Facts, penalties, corrections and redemptions on any day until then; lots that expire within the test."""
    random = Random(seed)
    with books_open(database_url, f"late_{uuid4().hex}") as books:
        document = {**rules_standard(), "redemption": catalogue(debt=debt), "expiry_months": expiry_months}
        proposed = books.do(ProposeRuleSet(document), actor="alice")
        books.do(ApproveRuleSet(proposed.id))
        books.do(ActivateRuleSet(proposed.id, "2025-01-01"))
        books.register(*(f"r{n}" for n in range(CUSTOMERS)))
        for month in range(JANUARY, JANUARY + MONTHS):
            for _ in range(14 * CUSTOMERS):
                books.do(_command(random, books, month))
            if random.random() < 0.7:
                books.do(CloseDays(date_of(month_last_day(month)).isoformat()))
        with following(books, [HistoryView()]) as follower:
            assert follower.follow_once() == {}
        late = 0
        with books.recorder.datastore.get_connection() as connection:
            rulebook = rulebook_read(connection)
            for customer in range(1, CUSTOMERS + 1):
                everything_check(connection, rulebook, books, customer)
                late += days_check(connection, rulebook, customer)
        assert late


def _command(random: Random, books: Books, month: int) -> Any:
    """Something that occurs in some month up to this one, of any customer."""
    then = random.randint(JANUARY, month)
    day = day_text(month_first_day(then) + random.randint(0, 27))
    later = max(day, day_text(month_first_day(month) + random.randint(0, 27)))
    customer = f"C-{random.randint(1, CUSTOMERS):06d}"
    # Few ids: what is recorded again with another amount, day or customer corrects.
    number = random.randint(1, 5 * CUSTOMERS)
    redemptions = len(books.state.redemptions.redemptions)
    redemption = f"R-{max(redemptions - random.randint(0, 3), 1):06d}"
    match random.randint(0, 13):
        case 0 | 1 | 2:
            return fact(f"s{number}", "contract_signed", day, customer, amount=random.choice(["0", "100000", "400000"]))
        case 3 | 4:
            points = random.choice(["-50", "-20", "0", "30"])
            return fact(f"m{number}", "manual_adjustment", day, customer, points=points, reason="r")
        case 5:
            return fact(f"c{number}", "complaint_filed", day, customer, severity="major")
        case 6 | 7:
            return ReserveRedemption(customer, "small", points="20", occurred_on=day)
        case 8 | 9 | 10:
            return CommitRedemption(redemption, points="10", occurred_on=later)
        case 11:
            return VoidRedemption(redemption, "no", later)
        case _:
            return ReverseRedemption(redemption, "no", part=1, points="10", occurred_on=later)

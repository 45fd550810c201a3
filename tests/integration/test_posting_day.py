"""A month that is closed stands still in finance's books, whatever is recorded later: that is posted in the first open
month, and shows both days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import orjson
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
from ledger.domain.posting_day import NOTHING_OPENED, open_day_after, posting_day
from ledger.domain.valuation import VALUE_DEFAULT, PointValue
from ledger.domain.values import date_of, day_parse, day_text, month_first_day, month_last_day, month_of, month_parse
from ledger.log.migrate import ledger_schema_create, migrations_read
from ledger.log.recorder import recorder_open
from ledger.standard import rules_standard
from projections.activity import ActivityView
from projections.as_of import Moment, account_then
from projections.finance.beancount import beancount_text
from projections.finance.journal import COLUMNS, entries, journal_check
from projections.finance.liability import FLOWS, liability_read
from projections.finance.reading import value_on
from projections.finance.sheets import csv_text
from projections.history import HistoryView
from projections.reports import EVER, InflationRow, inflation_read
from tests.catalogue import catalogue, catalogue_activate
from tests.integration.test_projections import following
from tests.ledgers import Books, books_open, fact

JANUARY = month_parse("2026-01")


def signed(external_id: str, day: str, amount: int) -> Any:
    return fact(external_id, "contract_signed", day, amount=str(amount))


def month_said(connection: Connection[Any], month: int, value: PointValue = VALUE_DEFAULT) -> bytes:
    """All that finance says of a month, as bytes, but for how far the log was read."""
    last = month_last_day(month)
    found = liability_read(connection, value, month_first_day(month), last).document()
    checked = journal_check(connection, day_last=last).document()
    rows = (row for entry in entries(connection, value, day_last=last) for row in entry.rows())
    beans = beancount_text("main", entries(connection, value, day_last=last))
    told = [{k: v for k, v in said.items() if k != "position"} for said in (found, checked)]
    return orjson.dumps([*told, *csv_text(COLUMNS, rows, ("position", "points", "cny")), *beans])


def test_what_is_taken_back_from_a_closed_month_is_posted_on_the_first_open_day(books: Books) -> None:
    books.register("a")
    books.do(signed("1", "2026-01-24", 1_000_000))
    books.do(CloseDays("2026-01-31"))
    known = books.now
    books.now += timedelta(hours=1)
    with books.recorder.datastore.get_connection() as connection:
        january = month_said(connection, JANUARY)
    # 2 points for each 10,000 CNY: 200 were granted; 180 are now, and in March 160.
    books.do(signed("1", "2026-01-24", 900_000))
    books.do(CloseDays("2026-02-28"))
    books.do(signed("1", "2026-01-24", 800_000))
    with following(books, [HistoryView()]) as follower:
        follower.follow_once()
    with books.recorder.datastore.get_connection() as connection:
        assert month_said(connection, JANUARY) == january
        days = {d.day: d for d in liability_read(connection, VALUE_DEFAULT, *map(day_parse, ("2026-01-01", "2026-03-31"))).days}
        moved = {
            day_text(day): {name: points for name, points in zip(FLOWS, d.flows, strict=True) if points}
            for day, d in days.items()
            if any(d.flows)
        }
        assert moved == {
            "2026-01-24": {"granted": 200_00},
            "2026-02-01": {"granted": 180_00, "reversed": -200_00},
            "2026-03-01": {"granted": 160_00, "reversed": -180_00},
        }
        closing = [days[day_parse(day)].closing for day in ("2026-01-31", "2026-02-28", "2026-03-31")]
        assert closing == [200_00, 200_00 + 180_00 - 200_00, 180_00 + 160_00 - 180_00]
        for day, available in (("2026-01-31", 200_00), ("2026-02-28", 180_00), ("2026-03-31", 160_00)):
            found = journal_check(connection, day_last=day_parse(day))
            assert (found.accounts["available"], found.fault) == (available, "")
        reversals = [e for e in entries(connection, VALUE_DEFAULT) if e.movement.topic == "PointsReversed"]
        assert [(row["date"], row["booked_on"]) for e in reversals for row in e.rows()] == [
            *[("2026-02-01", "2026-01-24")] * 2, *[("2026-03-01", "2026-02-01")] * 2,
        ]  # fmt: skip
        beans = "".join(beancount_text("main", entries(connection, VALUE_DEFAULT)))
        assert '2026-02-01 * "C-000001" "PointsReversed contract_signed"' in beans
        assert [line for line in beans.splitlines() if "booked:" in line] == ["  booked: 2026-01-24", "  booked: 2026-02-01"]
        # The engine's day stays the fact's: nothing was had at the end of January, as is known by now; 200, as was then.
        then = [Moment(as_of=date(2026, 1, 31)), Moment(as_of=date(2026, 1, 31), as_known_at=known)]
        assert [account_then(connection, 1, moment).balance for moment in then] == [0, 200_00]


def test_another_value_put_in_force_for_days_that_are_closed_revalues_none_of_them(books: Books) -> None:
    catalogue_activate(books)
    books.register("a")
    books.do(signed("1", "2026-01-24", 1_000_000))
    books.do(CloseDays("2026-01-31"))
    catalogue_activate(books, catalogue(point_value={"money": 40}), since="2026-01-01")
    with books.recorder.datastore.get_connection() as connection:
        worth = [value_on(connection, books.state.book, day_parse(day)).fen(1_000_00) for day in ("2026-01-31", "2026-02-01")]
    assert worth == [50_00, 40_00]


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_whatever_is_recorded_after_a_close_the_month_stays_byte_for_byte(database_url: str, data: st.DataObject) -> None:
    """Facts, penalties, corrections and redemptions on any day until then; lots that expire within the test."""
    with books_open(database_url, f"posted_{uuid4().hex}") as books:
        document = {**rules_standard(), "redemption": catalogue(), "expiry_months": 2}
        proposed = books.do(ProposeRuleSet(document), actor="alice")
        books.do(ApproveRuleSet(proposed.id))
        books.do(ActivateRuleSet(proposed.id, "2025-01-01"))
        customers = books.register("a", "b")
        with following(books, [ActivityView()]) as follower, books.recorder.datastore.get_connection() as connection:
            said: dict[int, bytes] = {}
            outstanding: dict[int, int] = {}
            for month in range(JANUARY, JANUARY + data.draw(st.integers(2, 4))):
                for _ in range(data.draw(st.integers(1, 5))):
                    books.do(_command(data, customers, month))
                    if data.draw(st.booleans()):
                        assert follower.follow_once() == {}
                last = month_last_day(month)
                books.do(CloseDays(date_of(last).isoformat()))
                found = liability_read(connection, VALUE_DEFAULT, month_first_day(month), last)
                assert found.faults == ()
                # What is posted by the end of the month that is just closed is all there is.
                outstanding[month] = sum(books.balance(customer) for customer in customers)
                assert found.days[-1].closing - found.debt == outstanding[month]
                if month - 1 in said:
                    before = liability_read(connection, VALUE_DEFAULT, month_first_day(month) - 1, month_first_day(month) - 1)
                    assert before.days[-1].closing == found.days[0].opening
                said[month] = month_said(connection, month)
                assert {m: month_said(connection, m) for m in said} == said
            assert follower.follow_once() == {}
            months = inflation_read(connection, EVER)
            assert all(m.outstanding == outstanding[m.month] for m in months)
            follower.rebuild("activity")
            assert inflation_read(connection, EVER) == months


def _command(data: st.DataObject, customers: list[str], month: int) -> Any:
    """Something that occurs in some month up to this one."""
    then = data.draw(st.integers(JANUARY, month))
    day = day_text(month_first_day(then) + data.draw(st.integers(0, 27)))
    customer = data.draw(st.sampled_from(customers))
    redemption = f"R-{data.draw(st.integers(1, 3)):06d}"
    match data.draw(st.integers(0, 7)):
        case 0 | 1 | 2 | 3:
            # Few ids: what is recorded again with another amount or day corrects.
            external_id = str(data.draw(st.integers(1, 4)))
            amount = data.draw(st.sampled_from(["10000", "400000", "900000"]))
            return fact(external_id, "contract_signed", day, customer, amount=amount)
        case 4:
            return fact(f"c{data.draw(st.integers(1, 2))}", "complaint_filed", day, customer, severity="major")
        case 5:
            return ReserveRedemption(customer, "small", points="20", occurred_on=day)
        case 6:
            return CommitRedemption(redemption, points="10", occurred_on=day)
        case _:
            if data.draw(st.booleans()):
                return VoidRedemption(redemption, "no", day)
            return ReverseRedemption(redemption, "no", points="10", occurred_on=day)


def test_a_ledger_of_before_has_its_points_by_month_folded_anew(database_url: str, schema_name: str) -> None:
    steps = migrations_read()
    assert ledger_schema_create(database_url, schema_name, migrations=steps[:16])[-1] == 16
    with recorder_open(database_url, schema_name, pool_size=4) as recorder:
        books = Books(recorder)
        books.register("a")
        books.do(signed("1", "2026-01-24", 1_000_000))
        books.do(CloseDays("2026-01-31"))
        books.do(signed("1", "2026-01-24", 900_000))
        with following(books, [ActivityView()]) as follower, recorder.datastore.get_connection() as connection:
            assert follower.follow_once() == {}
            # As the step before left it: what was taken back stood in January.
            connection.execute("UPDATE points_month SET reversed = -20000 WHERE month = %s", [JANUARY])
            connection.execute("UPDATE points_month SET reversed = 0 WHERE month = %s", [JANUARY + 1])
            assert ledger_schema_create(database_url, schema_name) == [s.number for s in steps[16:]]
        with following(books, [ActivityView()]) as follower, recorder.datastore.get_connection() as connection:
            assert follower.follow_once() == {}
            assert inflation_read(connection, EVER) == [
                InflationRow(JANUARY, 200_00, 0, 0, 0, 0, 0, 200_00, 0),
                InflationRow(JANUARY + 1, 180_00, 0, -200_00, 0, 0, 0, 180_00, 0),
            ]
        books.writer.stop()


def test_the_posting_day_is_the_booked_day_or_the_first_open_one() -> None:
    assert day_text(open_day_after(day_parse("2026-01-31"))) == "2026-02-01"
    # A day in the midst of a month closes no month.
    assert day_text(open_day_after(day_parse("2026-02-10"))) == "2026-02-01"
    first, before, after = day_parse("2026-02-01"), day_parse("2026-01-24"), day_parse("2026-02-05")
    assert posting_day("PointsReversed", before, first) == first
    assert posting_day("PointsReversed", after, first) == after
    assert posting_day("PointsReversed", before, NOTHING_OPENED) == before
    # What the close of January decides stands behind it and belongs to January.
    assert posting_day("PointsExpired", day_parse("2026-01-31"), first) == day_parse("2026-01-31")
    assert month_of(first) == JANUARY + 1

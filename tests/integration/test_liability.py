"""The liability of a real ledger: each day adds up, so do lots, ages and CNY, and a closed month stays as it was."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import load_workbook
from psycopg import Connection

from ledger.domain.commands import CloseDays, CommitRedemption, MoveStock, ReserveRedemption
from ledger.domain.valuation import VALUE_DEFAULT, PointValue
from ledger.domain.values import day_parse
from projections.finance.liability import FLOWS, Liability, liability_read, sheets_of
from projections.finance.sheets import xlsx_bytes
from tests.catalogue import catalogue_activate
from tests.ledgers import Books, fact

ODD = PointValue(7_00, 3_33)


@pytest.fixture
def kept(books: Books) -> Books:
    """Grants, a penalty into debt, an adjustment, a correction and an expiry, with a catalogue in force."""
    catalogue_activate(books)
    books.register("a", "b")
    books.send(
        fact("1", "contract_signed", "2024-01-05", amount="1250000"),
        fact("2", "complaint_filed", "2024-02-01", "C-000002", severity="major"),
        fact("3", "manual_adjustment", "2024-02-02", points="12.34", reason="补"),
        fact("4", "contract_signed", "2024-02-03", "C-000002", amount="1000000"),
    )
    books.do(fact("1", "contract_signed", "2024-01-05", amount="1150000"))
    books.do(CloseDays("2026-01-31"))
    books.do(fact("5", "contract_signed", "2026-02-05", amount="500000"))
    return books


@pytest.fixture
def connection(kept: Books) -> Iterator[Connection[Any]]:
    with kept.recorder.datastore.get_connection() as opened:
        yield opened


def flows(found: Liability, day: str) -> dict[str, int]:
    [row] = [d for d in found.days if d.day == day_parse(day)]
    return {name: points for name, points in zip(FLOWS, row.flows, strict=True) if points}


def read(connection: Connection[Any], first: str, last: str, value: PointValue = VALUE_DEFAULT) -> Liability:
    return liability_read(connection, value, day_parse(first), day_parse(last))


def test_each_day_says_what_moved_the_liability(connection: Connection[Any]) -> None:
    found = read(connection, "2024-01-01", "2026-02-28")
    # 250 for 1,250,000 CNY, taken back and 230 granted for the corrected 1,150,000, all booked on the day it occurred.
    assert flows(found, "2024-01-05") == {"granted": 250_00 + 230_00, "reversed": -250_00}
    # 30 were taken and nothing was there: it is debt, the liability stays as it is.
    assert flows(found, "2024-02-01") == {"deducted": -30_00, "debt": 30_00}
    assert flows(found, "2024-02-02") == {"adjusted": 12_34}
    # 200 granted, 30 of them pay the debt and form no lot.
    assert flows(found, "2024-02-03") == {"granted": 200_00, "debt": -30_00}
    # The lots of January 2024 are over at the end of January 2026.
    assert flows(found, "2026-01-31") == {"expired": -230_00}
    assert found.days[-1].closing == 12_34 + 170_00 + 100_00
    assert found.faults == () and found.debt == 0


@pytest.mark.parametrize("value", [VALUE_DEFAULT, ODD])
def test_points_and_cny_add_up_day_by_day_and_part_by_part(connection: Connection[Any], value: PointValue) -> None:
    found = read(connection, "2024-01-01", "2026-02-28", value)
    before = found.days[0]
    for day in found.days:
        assert day.opening + sum(day.flows) == day.closing
        assert day.opening_fen + sum(day.flows_fen) == day.closing_fen == value.fen(day.closing)
        assert day is before or (day.opening, day.opening_fen) == (before.closing, before.closing_fen)
        before = day
    for shares in (found.ages, found.expiries):
        assert sum(s.points for s in shares) == before.closing
        assert sum(s.fen for s in shares) == before.closing_fen


def test_a_later_look_at_a_part_of_the_days_says_the_same_of_them(connection: Connection[Any]) -> None:
    whole = {d.day: d for d in read(connection, "2024-01-01", "2026-02-28").days}
    part = read(connection, "2024-02-01", "2024-02-10")
    assert [whole[d.day] for d in part.days] == list(part.days)


def test_ages_are_first_in_first_out_and_expiry_is_that_of_the_lots(connection: Connection[Any]) -> None:
    found = read(connection, "2026-02-28", "2026-02-28")
    assert {s.name: s.points for s in found.ages if s.points} == {
        "<= 90 days": 100_00, "> 730 days": 12_34 + 170_00,
    }  # fmt: skip
    assert {s.name: s.points for s in found.expiries} == {"2026-02": 182_34, "2028-02": 100_00}


def test_breakage_is_the_share_that_expired_of_lots_that_are_over(connection: Connection[Any]) -> None:
    early = read(connection, "2024-02-10", "2024-02-10").breakage
    assert early.rate_bp is None and early.points == 0
    found = read(connection, "2026-02-10", "2026-02-10").breakage
    # Granted into the lot of January 2026: 250, taken back before it was over, and 230; all of these expired.
    assert (found.matured, found.expired, found.rate_bp) == (230_00, 230_00, 100_00)
    assert found.points == found.outstanding and "Historical" in found.document()["method"]["en"]


def test_a_grant_that_was_corrected_away_before_its_lot_was_over_is_no_part_of_breakage(books: Books) -> None:
    books.register("a")
    books.do(fact("1", "contract_signed", "2024-01-05", amount="50000000"))
    books.do(fact("1", "contract_signed", "2024-01-05", amount="1000000"))
    books.do(fact("2", "complaint_filed", "2024-01-20", severity="major"))
    books.do(CloseDays("2026-01-31"))
    with books.recorder.datastore.get_connection() as connection:
        # 10,000 were a mistake for 200; 30 of them were taken, 170 expired: 85 %.
        found = read(connection, "2026-02-10", "2026-02-10").breakage
        assert (found.matured, found.expired, found.rate_bp) == (200_00, 170_00, 85_00)
        # What is corrected when the lot is over changes nothing of how it ended.
        books.do(fact("1", "contract_signed", "2024-01-05", amount="500000"))
        assert read(connection, "2026-02-28", "2026-02-28").breakage.rate_bp == 85_00


def test_a_closed_month_stays_as_it_was_whatever_comes_later(kept: Books, connection: Connection[Any]) -> None:
    before = read(connection, "2024-01-01", "2026-01-31")
    kept.do(fact("9", "contract_signed", "2024-03-01", amount="9990000"))
    after = read(connection, "2024-01-01", "2026-01-31")
    assert after.days == before.days and after.expiries == before.expiries


def test_held_and_available_stand_apart_and_what_is_spent_leaves_the_liability(kept: Books) -> None:
    kept.do(MoveStock("workwear", 1, "delivered", "m"))
    assert kept.do(ReserveRedemption("C-000001", "workwear", "m", occurred_on="2026-02-10")).status == "accepted"
    with kept.recorder.datastore.get_connection() as connection:
        found = read(connection, "2026-02-28", "2026-02-28")
    [day] = found.days
    assert (day.closing, day.held) == (282_34, 40_00) and found.faults == ()
    # Oldest to expire first: the 12.34 of February 2026, and 27.66 of the lot that came this month.
    assert {s.name: s.held for s in found.expiries} == {"2026-02": 12_34, "2028-02": 27_66}
    assert kept.do(CommitRedemption("R-000001", occurred_on="2026-02-11")).status == "accepted"
    with kept.recorder.datastore.get_connection() as connection:
        found = read(connection, "2026-02-11", "2026-02-28")
    assert flows(found, "2026-02-11") == {"redeemed": -40_00}
    assert (found.days[-1].closing, found.days[-1].held) == (242_34, 0) and found.faults == ()


def test_the_workbook_holds_every_day_and_no_formula(connection: Connection[Any]) -> None:
    found = read(connection, "2026-02-01", "2026-02-28")
    book = load_workbook(io.BytesIO(xlsx_bytes(sheets_of(found))))
    assert book.sheetnames == ["days", "ages", "expiries", "breakage"]
    assert book["days"].max_row == 29
    said = {row[0].value: row[1] for row in book["breakage"].iter_rows(min_row=2) if row[0].value != "method"}
    assert said["points"].value == found.breakage.points / 100
    assert {cell.data_type for cell in said.values() if cell.value is not None} == {"n"}
    assert [row[2].value for row in book["breakage"].iter_rows(min_row=2)][-2:] == list(found.breakage.document()["method"].values())
    assert not [c for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]

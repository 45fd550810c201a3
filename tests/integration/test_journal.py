"""The journal of a real ledger: it balances, bean-check accepts it, and no cell of it is a formula."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from psycopg import Connection

from ledger.domain.commands import CommitRedemption, ReserveRedemption, ReverseRedemption, VoidRedemption
from ledger.domain.postings import ACCOUNTS
from ledger.domain.valuation import PointValue
from ledger.domain.values import day_parse, points_parse
from projections.finance.beancount import beancount_text
from projections.finance.journal import COLUMNS, entries, journal_check
from projections.finance.sheets import csv_text, xlsx_bytes
from tests.catalogue import catalogue_activate
from tests.ledgers import Books, fact

VALUE = PointValue(1_000_00, 50_00)


@pytest.fixture
def kept(books: Books) -> Books:
    """Two customers: contracts, a complaint into debt, an adjustment by hand, a correction, an expiry."""
    books.register("a", "b")
    books.send(
        fact("1", "contract_signed", "2024-01-05", amount="1250000"),
        fact("2", "complaint_filed", "2024-02-01", "C-000002", severity="major"),
        fact("3", "manual_adjustment", "2024-02-02", points="12.34", reason="=cmd|' /C calc'!A0"),
        fact("4", "contract_signed", "2024-02-03", "C-000002", amount="70000"),
    )
    books.do(fact("1", "contract_signed", "2024-01-05", amount="1150000"))
    from ledger.domain.commands import CloseDays

    books.do(CloseDays("2026-02-28"))
    return books


@pytest.fixture
def connection(kept: Books) -> Iterator[Connection[Any]]:
    with kept.recorder.datastore.get_connection() as opened:
        yield opened


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("bean-check")), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_books_balance_at_every_position_and_adjustments_stand_apart(kept: Books, connection: Connection[Any]) -> None:
    head = kept.position
    found = journal_check(connection)
    assert found.fault == "" and found.position == head
    # 230 granted anew for 1,150,000 CNY, and 14 for 70,000; 30 taken; 12.34 by hand; what was left expired.
    assert found.accounts["issuance"] == -(230_00 + 14_00 - 30_00)
    assert found.accounts["adjusted"] == -12_34
    assert found.accounts["expired"] == 230_00 + 12_34
    assert found.accounts["available"] == -(30_00 - 14_00) == sum(kept.balance(f"C-00000{n}") for n in (1, 2))
    for stop in range(1, head + 1):
        assert sum(journal_check(connection, stop=stop).accounts.values()) == 0
    then = journal_check(connection, day_last=day_parse("2024-02-02"))
    assert sum(then.accounts.values()) == 0 and then.accounts["expired"] == 0


def test_bean_check_accepts_the_journal_and_refuses_one_that_was_touched(
    connection: Connection[Any], tmp_path: Path
) -> None:
    text = "".join(beancount_text("main", entries(connection, VALUE)))
    path = tmp_path / "journal.beancount"
    path.write_text(text, "utf-8")
    done = bean_check(path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert text.count("POINTS @@") == 2 * len(list(entries(connection, VALUE)))
    touched = text.replace("Points:Available  -250.00 POINTS", "Points:Available  -251.00 POINTS", 1)
    assert touched != text
    path.write_text(touched, "utf-8")
    assert bean_check(path).returncode != 0


@pytest.fixture
def moving(kept: Books) -> Books:
    """Points of an awkward number held, spent in parts, freed and given back besides."""
    catalogue_activate(kept, since="2026-03-01")
    for number in (1, 2, 3):
        kept.do(fact(f"more{number}", "manual_adjustment", "2026-03-02", points="47.53", reason="x"))
        kept.do(ReserveRedemption("C-000001", "small", points="33.37", occurred_on="2026-03-03"))
        kept.do(CommitRedemption(f"R-00000{number}", points="11.11", occurred_on="2026-03-04"))
        kept.do(VoidRedemption(f"R-00000{number}", "no", "2026-03-05"))
        kept.do(ReverseRedemption(f"R-00000{number}", "no", points="5.55", occurred_on="2026-03-06"))
    assert kept.account("C-000001")["held"] == 0 and len(kept.state.redemptions.redemptions) == 3
    return kept


def test_every_entry_comes_to_zero_and_every_account_stands_at_the_value_of_its_points(
    moving: Books, tmp_path: Path
) -> None:
    odd = PointValue(7_00, 3_33)
    points, fen = Counter[str](), Counter[str]()
    with moving.recorder.datastore.get_connection() as connection:
        found = list(entries(connection, odd))
    for entry in found:
        rows = entry.rows()
        assert sum(points_parse(r["points"]) for r in rows) == 0 == sum(Decimal(r["cny"]) for r in rows)
        for row in rows:
            points[row["account"]] += points_parse(row["points"])
            fen[row["account"]] += int(Decimal(row["cny"]) * 100)
        assert all(fen[account] == odd.fen(points[account]) for account in ACCOUNTS)
    assert {e.rounding for e in found} == {-1, 0, 1}
    assert (points["held"], fen["held"], points["rounding"]) == (0, 0, 0) and points["redeemed"] == 3 * 5_56
    # What is left: the values rounded down lack less than a fen each of coming to zero.
    assert 0 <= fen["rounding"] < len(ACCOUNTS)
    path = tmp_path / "odd.beancount"
    path.write_text("".join(beancount_text("main", found)), "utf-8")
    done = bean_check(path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert '"PointsExpired"' in path.read_text("utf-8"), "nothing trails where no rule is named"


def test_exports_hold_text_and_numbers_and_no_formula() -> None:
    evil = ['=cmd|"/C calc"!A0', "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "plain", "甲"]
    columns, rows = ("name", "points"), [{"name": name, "points": "-1.50"} for name in evil]
    lines = "".join(csv_text(columns, rows, ("points",))).split("\r\n")
    assert lines[0] == "name,points" and "'=cmd" in lines[1] and lines[2] == "'+1,-1.50" and lines[7] == "plain,-1.50"
    sheet: Any = load_workbook(io.BytesIO(xlsx_bytes([("t", columns, rows, ("points",))]))).active
    cells = list(sheet.iter_rows(min_row=2))
    assert [(c[0].value, c[0].data_type) for c in cells] == [(name, "s") for name in evil]
    assert {(c[1].value, c[1].data_type) for c in cells} == {(-1.5, "n")}


def test_the_journal_as_a_sheet_has_a_row_for_every_posting(connection: Connection[Any]) -> None:
    rows = [row for entry in entries(connection, VALUE) for row in entry.rows()]
    content = xlsx_bytes([("journal", COLUMNS, rows, ("position", "points", "cny"))])
    sheet: Any = load_workbook(io.BytesIO(content)).active
    assert [c.value for c in sheet[1]] == list(COLUMNS)
    assert sheet.max_row == len(rows) + 1

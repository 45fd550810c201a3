"""What the books say about a day that is over, held against the reports of the same day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, CloseDays, ProposeRuleSet
from ledger.domain.values import date_of, month_last_day
from ledger.log.migrate import migrations_read
from ledger.log.pages import page_query
from ledger.log.queries import queries_load
from ledger.standard import rules_standard_text
from projections import views
from projections.as_of import Moment, account_then
from projections.reports import EVER, inflation_read
from tests.integration.test_projections import following
from tests.ledgers import Books, fact

CUSTOMERS = 4
MONTHS = 8


@pytest.fixture
def expiring(books: Books, tmp_path: Path) -> Books:
    """A year in which what a month grants expires with the second after it, and some is taken or corrected."""
    document: dict[str, Any] = yaml.safe_load(rules_standard_text())
    document |= {"id": "short", "expiry_months": 2}
    proposed = books.do(ProposeRuleSet(document), actor="alice")
    books.do(ApproveRuleSet(proposed.id))
    books.do(ActivateRuleSet(proposed.id, "2025-01-01"))
    ids = books.register(*(f"r{n}" for n in range(CUSTOMERS)))
    random = Random(3)
    for month in range(1, MONTHS + 1):
        for n in range(12):
            day = f"2025-{month:02d}-{random.randint(1, 28):02d}"
            amount = random.randint(1, 60) * 10_000
            books.do(fact(f"c{random.randint(0, 60)}", "contract_signed", day, random.choice(ids), amount=amount))
            if n % 5 == 0:
                books.do(fact(f"q{month}-{n}", "complaint_filed", day, random.choice(ids), severity="major"))
        books.do(CloseDays(date_of(month_last_day(55 * 12 + month - 1)).isoformat()))
        books.now += timedelta(hours=1)
    with following(books, views(tmp_path)) as follower:
        assert follower.follow_once() == {}
    return books


def balances_then(connection: Any, day: date, known_at: datetime | None = None) -> list[int]:
    """What each customer had at the end of a day, as known at a moment."""
    return [account_then(connection, n, Moment(as_of=day, as_known_at=known_at)).balance for n in range(1, CUSTOMERS + 1)]


def test_what_is_outstanding_at_each_months_end_is_the_sum_of_the_balances_as_known_when_it_was_closed(
    expiring: Books,
) -> None:
    closed = {s["day"]: datetime.fromisoformat(s["recorded_at"]) for _, _, n, s in expiring.log() if n == "DayClosed"}
    with expiring.recorder.datastore.get_connection() as connection:
        months = inflation_read(connection, EVER)
        assert sum(1 for month in months if month.expired) > 4
        for month in months:
            day = date_of(month_last_day(month.month))
            then = balances_then(connection, day, closed[day.isoformat()])
            assert sum(then) == month.outstanding, month


@pytest.mark.parametrize("downwards", [False, True])
def test_pages_of_a_history_are_served_by_its_index_in_both_orders(expiring: Books, downwards: bool) -> None:
    history = queries_load("projections.sql", "reading.sql")["history_then"]
    params = {"customer": 1, "topics": None, "at_0": 200, "limit": 10, **Moment().params}
    with expiring.recorder.datastore.get_connection() as connection:
        # Of a small table the whole is read and sorted, whatever index there is.
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        try:
            query = page_query(history, ("position",), begun=True, downwards=downwards)
            plan = "\n".join(row["QUERY PLAN"] for row in connection.execute(b"EXPLAIN " + query, params))
        finally:
            connection.execute("RESET enable_seqscan; RESET enable_bitmapscan")
    assert "history_pkey" in plan and "Sort" not in plan, plan
    assert ("Index Scan Backward using history_pkey" in plan) == downwards, plan


def test_a_history_that_was_filled_before_expiries_were_booked_is_mended(expiring: Books) -> None:
    [mending] = [m.text for m in migrations_read() if m.name == "expiry_booked"]
    with expiring.recorder.datastore.get_connection() as connection:
        query = "SELECT * FROM history ORDER BY position"
        before = connection.execute(query).fetchall()
        connection.execute("UPDATE history SET booked_on = NULL WHERE topic = 'PointsExpired'")
        assert connection.execute(query).fetchall() != before
        connection.execute(mending)
        assert connection.execute(query).fetchall() == before

"""The keeper of a ledger's writer: it writes, closes days, and another one goes on when it ends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, MutableMapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog

from connectors.files.importing import RefusedRow, Rejection
from connectors.files.quarantine import Quarantine
from ledger.domain.commands import CloseDays, RegisterCustomer, Request
from ledger.domain.values import date_of, day_of
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import recorder_open
from ledger.writer import Writer, WriterStopped
from service import embedded
from service.bootstrap import clock, ledger_open
from service.serving import keeper as keeping, purging
from service.serving.keeper import CloseRule, Keeper
from service.serving.metrics import closed_through
from service.serving.purging import PURGE_NEVER, PurgeRule
from service.settings import Settings
from tests.ledgers import fact


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def name(settings: Settings) -> str:
    """An opened ledger with a fact of January 2026."""
    found = f"k{secrets.token_hex(4)}"
    with ledger_open(settings, found, "alice", create=True) as handle, handle.writing("alice") as writer:
        writer.submit([Request(RegisterCustomer("crm", "a", "A", {}), "bob")])
        writer.submit([Request(fact("f", "contract_signed", "2026-01-05", "C-000001", amount=1_000_000), "bob")])
    return found


def keeper(settings: Settings, name: str, rule: CloseRule, seen: list[Writer | None]) -> Keeper:
    url = embedded.database_url(settings)
    return Keeper(settings, name, url, recorder_open(url, f"ledger_{name}"), rule, seen.append)


def test_days_are_closed_once_a_person_has_closed_the_first(
    settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "CLOSE_CHECK_SECONDS", 0.1)
    seen: list[Writer | None] = []
    kept = keeper(settings, name, CloseRule(1), seen)
    with structlog.testing.capture_logs() as lines:
        kept.start()
        until(lambda: kept.writer is not None)
        time.sleep(1.0)
    # Once a day, however often it is looked.
    assert [e["ledger"] for e in lines if e["event"] == "days never closed"] == [name]
    try:
        until(lambda: kept.writer is not None)
        writer = kept.writer
        assert writer is not None
        assert writer.state.book.closed_day < 0 and closed_through(writer.state.book) == 0.0
        lately = clock().astimezone(ZoneInfo("Asia/Shanghai")).date() - timedelta(days=40)
        writer.submit([Request(CloseDays(lately.isoformat()), "bob")])
    finally:
        kept.stop()
    assert len(seen) == 2 and seen[-1] is None
    again = keeper(settings, name, CloseRule(1), [])
    again.start()
    try:
        yesterday = day_of((clock().astimezone(ZoneInfo("Asia/Shanghai")) - timedelta(days=1)).date())
        until(lambda: again.writer is not None and again.writer.state.book.closed_day >= yesterday)
    finally:
        again.stop()


def kept_rows(quarantine: Quarantine, ages_days: Sequence[float]) -> None:
    """Refused rows, each kept so many days ago."""
    for number, days in enumerate(ages_days, 1):
        row = RefusedRow("crm", Rejection(number, "phone", "is missing", "people.csv"), {"name": f"p{number}"}, "m", b"1" * 32, "ann")
        quarantine.put_many([row], clock() - timedelta(days=days))


def test_rows_that_were_open_for_so_long_are_forgotten_once_a_day_and_none_unless_it_is_asked_for(
    settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LEASE_CHECK_SECONDS", 0.02)
    monkeypatch.setattr(purging, "ROWS_AT_ONCE", 2)
    url = embedded.database_url(settings)

    def told(rule: PurgeRule, until_told: bool) -> list[MutableMapping[str, Any]]:
        reading = recorder_open(url, f"ledger_{name}")
        kept = Keeper(settings, name, url, reading, CloseRule(None), lambda _: None, rule)
        with structlog.testing.capture_logs() as lines:
            kept.start()
            try:
                until(lambda: kept.writer is not None)
                if until_told:
                    until(lambda: any(e["event"] == "quarantine purged" for e in lines))
                time.sleep(0.2)
            finally:
                kept.stop()
                reading.close()
        return [e for e in lines if e["event"].startswith("quarantine")]

    with recorder_open(url, f"ledger_{name}") as recorder:
        quarantine = Quarantine(recorder.datastore)
        kept_rows(quarantine, (40, 31, 30.01, 29.99, 0))
        assert told(PURGE_NEVER, False) == []
        assert len(quarantine.list()) == 5
        [line] = told(PurgeRule(30), True)
        assert (line["rows"], line["open_days"], line["ledger"]) == (3, 30, name)
        assert [row.row for row in quarantine.list()] == [4, 5]


def test_a_history_that_is_being_taken_over_is_not_closed_ahead_of_whoever_does(
    settings: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "CLOSE_CHECK_SECONDS", 0.1)
    kept = keeper(settings, name, CloseRule(1), [])
    with structlog.testing.capture_logs() as lines:
        kept.start()
        try:
            until(lambda: kept.writer is not None)
            writer = kept.writer
            assert writer is not None
            # The first month of it, long ago: what follows is still to come.
            writer.submit([Request(CloseDays("2026-01-31"), "bob")])
            time.sleep(1.0)
            [later] = writer.submit([Request(fact("l", "login", "2026-02-03", "C-000001"), "bob")])
            assert later.status == "accepted" and writer.state.book.closed_day == day_of(date(2026, 1, 31))
        finally:
            kept.stop()
    # Within the same day of warnings it may have been said before that nothing was closed.
    assert {e["event"] for e in lines if e["log_level"] == "warning"} <= {"days never closed", "days not closed up to lately"}
    again = keeper(settings, name, CloseRule(1), [])
    with structlog.testing.capture_logs() as lines:
        again.start()
        until(lambda: any(e["event"] == "days not closed up to lately" for e in lines))
        again.stop()
    [warned] = [e for e in lines if e["event"] == "days not closed up to lately"]
    assert "plumbline close --through DATE" in warned["reason"]


def test_the_service_closes_this_month_and_the_one_before_and_no_more_by_itself() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
    rule, yesterday = CloseRule(1), day_of(date(2026, 3, 9))
    assert rule.through(now, "Asia/Shanghai", yesterday - 62) == "2026-03-09"
    assert rule.through(now, "Asia/Shanghai", yesterday - 63) is None
    assert rule.is_behind(now, "Asia/Shanghai", -1) and not CloseRule(None).is_behind(now, "Asia/Shanghai", -1)
    assert rule.through(now, "Asia/Shanghai", yesterday) is None and CloseRule(None).through(now, "Asia/Shanghai", 1) is None


def test_days_are_closed_from_the_beginning_where_no_history_is_to_come(settings: Settings) -> None:
    name = f"k{secrets.token_hex(4)}"
    with ledger_open(settings, name, "alice", create=True, history_complete=True):
        pass
    today = day_of(clock().astimezone(ZoneInfo("Asia/Shanghai")).date())
    kept = keeper(settings, name, CloseRule(1), [])
    kept.start()
    try:
        until(lambda: kept.writer is not None and kept.writer.state.book.closed_day >= today - 1)
        assert kept.writer is not None
        midnight = datetime.combine(date_of(today), datetime.min.time(), ZoneInfo("Asia/Shanghai"))
        assert closed_through(kept.writer.state.book) == midnight.timestamp()
    finally:
        kept.stop()


def test_a_standby_follows_and_goes_on_when_the_first_ends(settings: Settings, name: str) -> None:
    first, second = (keeper(settings, name, CloseRule(None), []) for _ in range(2))
    first.start()
    try:
        until(lambda: first.writer is not None)
        second.start()
        until(lambda: second.status == "standby")
        writer = first.writer
        assert writer is not None
        [answer] = writer.submit([Request(fact("g", "login", "2026-01-06", "C-000001"), "bob")])
    finally:
        first.stop()
    with pytest.raises(WriterStopped):
        writer.submit([Request(fact("h", "login", "2026-01-07", "C-000001"), "bob")])
    try:
        until(lambda: second.writer is not None, seconds=5.0)
        assert second.writer is not None and second.writer.position >= answer.position
        [more] = second.writer.submit([Request(fact("h", "login", "2026-01-07", "C-000001"), "bob")])
        assert more.status == "accepted"
    finally:
        second.stop()


def test_a_ledger_whose_books_are_not_opened_is_left_alone(settings: Settings) -> None:
    name = f"k{secrets.token_hex(4)}"
    ledger_schema_create(embedded.database_url(settings), f"ledger_{name}")
    kept = keeper(settings, name, CloseRule(None), [])
    kept.start()
    try:
        until(lambda: "not opened" in kept.status)
        assert kept.writer is None
    finally:
        kept.stop()

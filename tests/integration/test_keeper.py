"""The keeper of a ledger's writer: it writes, closes days, and another one goes on when it ends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from ledger.domain.commands import CloseDays, RegisterCustomer, Request
from ledger.domain.values import day_of
from ledger.log.migrate import ledger_schema_create
from ledger.writer import Writer, WriterStopped
from service import embedded
from service.bootstrap import clock, ledger_open
from service.serving.keeper import CloseRule, Keeper
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
    return Keeper(settings, name, embedded.database_url(settings), rule, seen.append)


def test_days_are_closed_once_a_person_has_closed_the_first(settings: Settings, name: str) -> None:
    seen: list[Writer | None] = []
    kept = keeper(settings, name, CloseRule(1), seen)
    kept.start()
    try:
        until(lambda: kept.writer is not None)
        writer = kept.writer
        assert writer is not None
        time.sleep(0.6)
        assert writer.state.book.closed_day < 0
        writer.submit([Request(CloseDays("2026-01-31"), "bob")])
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

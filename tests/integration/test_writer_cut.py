"""Connections that are lost while something is appended: whatever was asked for, with a key or without, is carried out
once and answered as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from eventsourcing.persistence import OperationalError

from ledger.domain.commands import (
    AddCollaborator,
    Answer,
    ApproveProposal,
    AssignCustomer,
    AwardHonours,
    CancelAbsence,
    CancelLeaving,
    ChangeCustomer,
    ClaimCustomer,
    CloseDays,
    CloseLedger,
    Command,
    CommitRedemption,
    DeclineProposal,
    GiveConsent,
    MatchByRule,
    ProposeMatch,
    ProposeRuling,
    RecordAbsence,
    RecordLeaving,
    RegisterCustomer,
    RemoveCollaborator,
    Request,
    ReserveRedemption,
    SignPeriodOff,
    UndoSettlement,
    UseEntitlement,
    WithdrawConsent,
)
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.log.types import AppendOutcome
from ledger.writer import LedgerState
from ledger.writer.state import CATCH_UP_EVENTS, StateDiffers
from tests.catalogue import catalogue_activate
from tests.integration.test_log import CuttingProxy
from tests.integration.test_private_walk import points, relations
from tests.ledgers import POINTS_EVENTS, Books, books_open, fact, log_check
from tests.relations_firm import ASSIGNMENT, firm_found, lead

DONE = "project_completed"
"""50 points each."""
Append = Callable[..., AppendOutcome]


# --- ways to lose a connection ------------------------------------------------------


class Losing:
    """Loses the connection of appends, each the first time that it is sent. `end` says what becomes of it: "never" it
    reaches the server, or "later" it does: when it is sent again, just before the other one."""

    def __init__(self, recorder: LogRecorder, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
        self.end = end
        self.lost = 0
        self.under_way: Callable[[], AppendOutcome] | None = None
        self._again = False
        for name in ("append", "append_chunks"):
            monkeypatch.setattr(recorder, name, self._losing(getattr(recorder, name)))

    def _losing(self, send: Append) -> Append:
        def losing(given: Any, **kwargs: Any) -> AppendOutcome:
            given = list(given)
            if not self._again:
                self._again, self.lost = True, self.lost + 1
                self.under_way = lambda: send(given, **kwargs)
                raise OperationalError("the server closed the connection")
            self._again = False
            if self.end == "later":
                self.arrive()
            return send(given, **kwargs)

        return losing

    def arrive(self) -> None:
        """Let what was lost come through after all."""
        assert self.under_way is not None
        self.under_way()


class Cutting:
    """Cuts the connection of every append once it is committed, before the writer is told."""

    def __init__(self, recorder: LogRecorder, monkeypatch: pytest.MonkeyPatch, proxy: CuttingProxy) -> None:
        self.proxy = proxy
        for name, told in (("append", b"appended"), ("append_chunks", b"COMMIT")):
            monkeypatch.setattr(recorder, name, self._cutting(getattr(recorder, name), told))

    def _cutting(self, send: Append, told: bytes) -> Append:
        def cutting(*args: Any, **kwargs: Any) -> AppendOutcome:
            self.proxy.reply_part = told
            self.proxy.armed.set()
            try:
                return send(*args, **kwargs)
            finally:
                self.proxy.armed.clear()

        return cutting


@pytest.fixture
def cut(database_url: str, schema_name: str) -> Iterator[tuple[Books, CuttingProxy]]:
    """A ledger whose writer talks to the database through something that can cut its connections."""
    with books_open(database_url, schema_name) as direct:
        direct.register("a")
        proxy = CuttingProxy(database_url)
        try:
            with recorder_open(proxy.database_url, schema_name, pool_size=1) as recorder:
                books = Books(recorder)
                # Statements are prepared, connections open: the next reply is that to an append.
                books.do(fact("warm", "login", "2026-09-01"))
                yield books, proxy
                books.writer.stop()
        finally:
            proxy.close()


# --- every kind of command ------------------------------------------------------------


def life(books: Books) -> tuple[list[Command], list[Answer]]:
    """Everything that can be asked for, each without a key; and the answers, all of which are the first."""
    commands: list[Command] = []
    answers: list[Answer] = []

    def do(command: Command, actor: str = "bob") -> Answer:
        answer = books.do(command, actor=actor)
        assert (answer.status, answer.hit) == ("accepted", False), (command, answer)
        commands.append(command)
        answers.append(answer)
        return answer

    firm_found(books, 4, {**ASSIGNMENT, "terms": {**ASSIGNMENT["terms"], "collision_by_rules": False}})
    for command in relations(books):
        do(command)
    do(RegisterCustomer("crm", "z", "z 公司", {"region": "north"}))
    do(AssignCustomer("crm:z"))
    for command in (
        lead("l", region="north"), GiveConsent("C-000001", "publication"), WithdrawConsent("C-000001", "publication"),
        RecordAbsence("S-000002", "2026-11-20", "2026-11-22"), CancelAbsence("S-000002", "2026-11-20"),
        RecordLeaving("S-000004", "2026-12-31"), CancelLeaving("S-000004"), ClaimCustomer("crm:z", "S-000002"),
        AddCollaborator("crm:z", "S-000003"), RemoveCollaborator("crm:z", "S-000003"),
    ):  # fmt: skip
        do(command)
    catalogue_activate(books, since="2026-02-01")
    for command in points():
        if not isinstance(command, CloseLedger):
            do(command)
    redemption = do(ReserveRedemption("C-000001", "cash", points="2000", occurred_on="2026-10-20")).id
    part = f"{redemption}/1"
    for command in (
        CommitRedemption(redemption, occurred_on="2026-10-20"), UseEntitlement("C-000001", "priority_quote", "bidding"),
        fact("p1", "payment_received", "2026-10-21", amount="990", offset_amount="50.00", reference=redemption),
    ):  # fmt: skip
        do(command)
    do(DeclineProposal(do(ProposeMatch(((part, "10.00"),), (("crm:p1", "10.00"),), "slip")).id, "no"), "ann")
    ruling = do(ProposeRuling(part, "explained", "20.00", "billed")).id
    do(ApproveProposal(ruling), "ann")
    do(UndoSettlement(ruling, "tried"))
    do(MatchByRule(((part, "50.00"),), (("crm:p1", "50.00"),), "reference", 100))
    do(ReserveRedemption("C-000001", "pen"))
    books.now += timedelta(days=40)
    do(CloseDays("2026-12-05"))
    do(SignPeriodOff("2026-10", "a" * 64, "100.00", "50.00", "50.00"))
    do(AwardHonours(2025, "points_earned", books.position, (("1", "C-000001", "500"),)))
    do(CloseLedger("moved"))
    return commands, answers


@pytest.mark.parametrize("end", ["committed", "never", "later"])
def test_whatever_is_asked_for_is_done_once_and_answered_alike_where_each_append_loses_its_connection(
    database_url: str, schema_name: str, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    with books_open(database_url, f"{schema_name}_whole") as whole:
        commands, expected = life(whole)
        log = [(stream, name) for _, stream, name, _ in whole.log()]
    asked = {type(c) for c in commands} | {type(c) for c in points()}
    everything = set(get_args(Command)) - {type(None)}
    rules = {c for c in everything if c.__name__.endswith("RuleSet")}
    assert everything - asked == rules, "rule sets are proposed, approved and activated on the way"
    with books_open(database_url, schema_name) as direct:
        direct.writer.stop()
        proxy = CuttingProxy(database_url)
        try:
            with recorder_open(proxy.database_url, schema_name, pool_size=2) as recorder:
                books = Books(recorder)
                way = Cutting(recorder, monkeypatch, proxy) if end == "committed" else Losing(recorder, monkeypatch, end)
                _, answers = life(books)
                books.writer.stop()
                lost = way.lost if isinstance(way, Losing) else proxy.cut_count
                assert lost > len(answers)
        finally:
            proxy.close()
        assert answers == expected
        assert [(stream, name) for _, stream, name, _ in direct.log()] == log
        log_check(database_url, schema_name)
        loaded = LedgerState.load(None, direct.recorder)
        assert loaded.book == books.state.book


# --- one by one ---------------------------------------------------------------------


def test_what_was_cut_after_its_commit_is_answered_and_found_under_its_key(cut: tuple[Books, CuttingProxy]) -> None:
    books, proxy = cut
    before = books.position
    proxy.armed.set()
    answer = books.do(fact("1", DONE, "2026-10-05"), client="app", key="k1")
    assert proxy.replies_swallowed_bytes > 0 and not proxy.armed.is_set()
    # The writer looked by itself, and found what it had appended.
    assert (answer.status, answer.points, answer.hit) == ("accepted", 5_000, False)
    assert books.told(before) == [("FactRecorded", 0), ("PointsGranted", 5_000)]
    assert books.do(fact("1", DONE, "2026-10-05"), client="app", key="k1") == replace(answer, hit=True)
    assert books.balance() == 5_000


def test_a_cut_without_a_key_records_everything_once(cut: tuple[Books, CuttingProxy]) -> None:
    books, proxy = cut
    commands = [
        fact("1", DONE, "2026-10-05"),
        RegisterCustomer("crm", "b", "乙"),
        ChangeCustomer("C-000001", traits={"region": "hubei"}),
    ]
    proxy.armed.set()
    answers = books.send(*commands)
    assert proxy.replies_swallowed_bytes > 0
    assert [a.status for a in answers] == ["accepted"] * 3
    assert [a.customer for a in answers] == ["C-000001", "C-000002", "C-000001"]
    assert books.balance() == 5_000
    assert [n for _, _, n, _ in books.log()].count("CustomerRegistered") == 2


def test_a_cut_while_a_month_is_closed_leaves_nothing_half_closed(cut: tuple[Books, CuttingProxy]) -> None:
    books, proxy = cut
    books.do(fact("1", DONE, "2024-01-05"))
    for through in ("2024-03-31", "2025-06-30"):
        proxy.armed.set()
        assert books.do(CloseDays(through)).status == "accepted"
        assert not proxy.armed.is_set()
    assert books.do(CloseDays("2026-01-31")).status == "accepted"
    days = [s["day"] for _, _, n, s in books.log() if n == "DayClosed"]
    assert (days[0], days[-1], len(days)) == ("2024-01-05", "2026-01-31", 366 - 4 + 365 + 31)
    assert [n for _, _, n, _ in books.log()].count("PointsExpired") == 1
    assert books.balance() == 0


def test_what_is_cut_in_one_go_with_others_is_done_once_each(cut: tuple[Books, CuttingProxy]) -> None:
    books, proxy = cut
    firm_found(books)
    before = books.position
    proxy.reply_part = b"appended"
    proxy.armed.set()
    requests = [Request(lead("a", region="east"), "bob"), Request(lead("b", region="east"), "bob", "web", "1")]
    answers = books.writer.submit(requests)
    assert [(a.status, a.customer, a.hit) for a in answers] == [("accepted", "C-000002", False), ("accepted", "C-000003", False)]
    assert not proxy.armed.is_set()
    names = [name for _, _, name, _ in books.log(before)]
    assert names == ["CustomerRegistered", "LeadArrived", "CustomerAssigned"] * 2
    assert books.writer.submit(requests[1:]) == [replace(answers[1], hit=True)]


def test_an_answer_alone_that_is_cut_is_kept_once(cut: tuple[Books, CuttingProxy]) -> None:
    books, proxy = cut
    books.do(fact("1", DONE, "2026-10-05"))
    head = books.position
    proxy.reply_part = b"appended"
    proxy.armed.set()
    answer = books.do(fact("1", DONE, "2026-10-05"), client="app", key="k1")
    assert (answer.status, answer.hit, books.position) == ("duplicate", False, head)
    assert not proxy.armed.is_set()
    assert books.do(fact("1", DONE, "2026-10-05"), client="app", key="k1") == replace(answer, hit=True)


def test_a_close_under_a_key_is_accepted_though_its_answer_is_cut(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.register("a")
    way = Losing(books.recorder, monkeypatch, "later")
    answer = books.do(CloseDays("2026-10-31"), client="app", key="k1")
    assert (answer.status, answer.hit, way.lost) == ("accepted", False, 2)
    assert books.do(CloseDays("2026-10-31"), client="app", key="k1") == replace(answer, hit=True)
    assert [name for _, _, name, _ in books.log()].count("DayClosed") == 31


# --- a database that stays away -------------------------------------------------------


class Away:
    """A database that answers nothing more once an append was lost; `back` brings it back."""

    def __init__(self, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_back = False
        self.losing = Losing(books.recorder, monkeypatch, "never")
        head = books.recorder.position_head

        def position_head(*args: Any) -> int:
            if not self.is_back:
                raise OperationalError("nobody answers")
            return head(*args)

        monkeypatch.setattr(books.recorder, "position_head", position_head)

    def back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        self.is_back = True


@pytest.mark.parametrize("when", ["before", "while", "after"])
def test_an_append_that_comes_through_after_nobody_waits_for_it_is_seen_by_whatever_comes_next(
    books: Books, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    catalogue_activate(books)
    books.register("a")
    books.do(fact("1", DONE, "2026-10-05"))
    away = Away(books, monkeypatch)
    with pytest.raises(OperationalError):
        books.do(ReserveRedemption("C-000001", "small", points="30"))
    away.back(monkeypatch)
    # 20 of its 50 points are left, or 50 where the reservation has not come through.
    again = ReserveRedemption("C-000001", "small", points="30")
    if when == "while":
        # A refusal appends nothing, so it may come through still.
        assert books.do(ReserveRedemption("C-000001", "small", points="60")).code == "POINTS_INSUFFICIENT"
    if when == "after":
        assert books.do(again).status == "accepted"
    away.losing.arrive()
    [rehearsal] = books.writer.rehearse_later([Request(again, "bob")]).result()
    assert rehearsal.answer.code == "POINTS_INSUFFICIENT"
    assert books.do(again).code == "POINTS_INSUFFICIENT"
    assert [name for _, _, name, _ in books.log()].count("RedemptionReserved") == 1
    assert books.account()["held"] == 30_00


@pytest.mark.parametrize("arrives", ["before it is looked for", "afterwards", "never"])
def test_without_the_lease_nothing_is_sent_again_and_what_is_found_is_answered(
    books: Books, monkeypatch: pytest.MonkeyPatch, arrives: str
) -> None:
    firm_found(books)
    way = Losing(books.recorder, monkeypatch, "never")
    head = books.recorder.position_head

    def position_head(*args: Any) -> int:
        if arrives == "before it is looked for":
            way.arrive()
        found = head(*args)
        if arrives == "afterwards":
            way.arrive()
        return found

    monkeypatch.setattr(books.recorder, "position_head", position_head)
    held = iter([True])
    books.writer.alive = lambda: next(held, False)
    before = books.state.book.position
    if arrives == "before it is looked for":
        assert books.do(lead("a", region="east")).status == "accepted"
    else:
        # Not WriterStopped: after that what was asked for is sent to the next writer, and may be done twice.
        with pytest.raises(OperationalError):
            books.do(lead("a", region="east"))
    monkeypatch.undo()
    assert way.lost == 1 and books.position - before == (0 if arrives == "never" else 3)


def test_what_was_committed_is_answered_though_the_writer_cannot_go_on(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm_found(books)
    follow = books.state.follow

    def failing(*args: Any, **kwargs: Any) -> None:
        follow(*args, **kwargs)
        raise RuntimeError("a fault of ours, after the commit")

    monkeypatch.setattr(books.state, "follow", failing)
    before = books.position
    assert books.do(lead("a", region="east")).status == "accepted"
    assert isinstance(books.writer.failed, StateDiffers)
    for command in (lead("b", region="east"), CloseDays("2026-10-31")):
        with pytest.raises(StateDiffers):
            books.do(command)
    assert [name for _, _, name, _ in books.log(before)] == ["CustomerRegistered", "LeadArrived", "CustomerAssigned"]
    monkeypatch.undo()
    books.restart()
    assert books.do(lead("b", region="east")).customer == "C-000002"


def test_catching_up_that_was_interrupted_is_ended_before_anything_is_decided(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.register("a")
    other = Books(books.recorder)
    other.do(fact("1", DONE, "2026-10-05"))
    select, reads = books.recorder.select_range, iter([True])

    def interrupted(after: int, limit: int, stop: int | None = None) -> Any:
        if limit == CATCH_UP_EVENTS and not next(reads, False):
            raise OperationalError("nobody answers")
        return select(after, limit, stop)

    monkeypatch.setattr(books.recorder, "select_range", interrupted)
    # What the other one appended is read, but not that this is all there is.
    with pytest.raises(OperationalError):
        books.do(fact("2", DONE, "2026-10-05"))
    assert books.state.book.position == books.position
    monkeypatch.undo()
    assert books.do(fact("3", DONE, "2026-10-05")).status == "accepted"
    assert books.do(fact("3", DONE, "2026-10-05")).status == "duplicate"
    other.do(fact("4", DONE, "2026-10-05"))
    assert books.do(fact("5", DONE, "2026-10-05")).status == "accepted"
    other.writer.stop()
    assert books.writer.failed is None and books.balance() == 4 * 5_000


# --- what other threads read meanwhile ---------------------------------------------------


def test_an_account_is_told_as_of_the_position_that_is_told_with_it(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.register("a")
    books.send(*(fact(str(month), DONE, f"2024-{month:02d}-05") for month in (1, 2, 3)))
    seen: list[tuple[int, int]] = []

    def looking(read: Callable[..., Any]) -> Callable[..., Any]:
        def look(*args: Any, **kwargs: Any) -> Any:
            account = books.writer.account(1)
            assert account is not None
            seen.append((account.position, account.balance))
            return read(*args, **kwargs)

        return look

    for name in ("append_chunks", "append", "select_range"):
        monkeypatch.setattr(books.recorder, name, looking(getattr(books.recorder, name)))
    # Months are closed one by one; the points of each expire 24 months later.
    books.do(CloseDays("2026-02-28"))
    other = Books(books.recorder)
    other.do(fact("other", DONE, "2026-10-05"))
    other.do(CloseDays("2026-03-31"))
    books.do(fact("late", DONE, "2026-10-05"))
    other.writer.stop()
    monkeypatch.undo()
    log = books.log()
    assert {balance for _, balance in seen} == {15_000, 10_000, 5_000}
    for position, balance in seen:
        assert balance == sum(s["points"] for p, _, name, s in log if p <= position and name in POINTS_EVENTS)

"""Commands about staff, assignment and the work with customers on a real log: decided in order, appended once, kept
through restarts. Points are in 1/100."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from ledger.domain.commands import (
    DESK_COMMANDS,
    Answer,
    ChangeStaff,
    ClaimCustomer,
    CloseDays,
    CloseLedger,
    Command,
    CustomerReference,
    DeclareTeam,
    EnrolStaff,
    ErasePerson,
    HandOver,
    MoveStock,
    ReassignCustomer,
    RecordContact,
    RecordFollowUp,
    RecordLeaving,
    RegisterCustomer,
    ReleaseCustomer,
    ReportLead,
    Request,
    ReserveRedemption,
)
from ledger.domain.events import RELATIONS_TOPICS
from ledger.domain.relations.drafts import COMMANDS
from ledger.domain.relations.ids import person_number
from ledger.log.columns.reader import Columns
from ledger.log.recorder import LogRecorder
from ledger.log.types import AppendOutcome
from ledger.log.vault import Vault
from ledger.writer import LedgerState, Writer
from projections.columns import ColumnsView
from projections.view import Batch
from tests.ledgers import NOW, Books, fact, log_check
from tests.relations_dump import relations_dump
from tests.relations_firm import accepted, firm_found, lead, seller

DONE = "project_completed"
"""50 points each."""


def names(books: Books, after: int) -> list[str]:
    return [name for _, _, name, _ in books.log(after)]


def codes(answers: list[Answer]) -> list[str]:
    return [a.code or a.status for a in answers]


def owners(state: LedgerState) -> dict[int, int]:
    return {customer: holding.owner for customer, holding in state.relations.holdings.items()}


def columns_of(recorder: LogRecorder, folder: Path, batch_events: int = 9) -> Columns:
    view = ColumnsView(folder)
    position = view.position_own()
    while events := recorder.select_range(position, batch_events):
        with recorder.datastore.get_connection() as connection:
            view.apply(Batch(events), connection)
        position = events[-1][0]
    view.close()
    return Columns.open(folder)


def days_later(books: Books, days: int) -> None:
    books.now = NOW.fromtimestamp(books.now.timestamp() + days * 86_400, NOW.tzinfo)


# --- what is written ----------------------------------------------------------


def test_what_the_ledger_decides_follows_its_input_and_names_it_as_cause(
    books: Books, database_url: str, schema_name: str
) -> None:
    firm_found(books)
    before = books.position
    first, second = books.send(lead("a", region="east"), lead("b", region="north"))
    assert (first.status, first.customer, second.customer) == ("accepted", "C-000001", "C-000002")
    log = books.log(before)
    assert [(n, s) for _, s, n, _ in log] == [
        ("CustomerRegistered", "C-000001"), ("LeadArrived", "C-000001"), ("CustomerAssigned", "C-000001"),
        ("CustomerRegistered", "C-000002"), ("LeadArrived", "C-000002"), ("CustomerPooled", "C-000002"),
    ]  # fmt: skip
    assert [state["cause"] for _, _, _, state in log] == [0, 0, before + 2, 0, 0, before + 5]
    assert (first.position, second.position) == (before + 3, before + 6)
    assert (log[2][3]["staff"], log[2][3]["rule"], log[2][3]["rule_set"]) == ("S-000001", "east", "RS-0002")
    assert {state["actor"] for _, _, _, state in log} == {"bob"}
    assert {state["recorded_at"] for _, _, _, state in log} == {"2026-11-01T12:00:00+08:00"}
    assert owners(books.state) == {1: 1, 2: 0}
    log_check(database_url, schema_name)


def test_a_refused_command_takes_back_itself_alone(books: Books) -> None:
    firm_found(books)
    before = books.position
    answers = books.send(
        lead("a", region="east"),
        ClaimCustomer("C-000001", "S-000002"),
        lead("b", region="north"),
        ClaimCustomer("C-000002", "S-000002"),
        ClaimCustomer("C-000009", "S-000002"),
        ReleaseCustomer("C-000001", "no business of ours"),
    )
    assert codes(answers) == ["accepted", "CLAIM_TAKEN", "accepted", "accepted", "CUSTOMER_UNKNOWN", "accepted"]
    assert answers[1].position == answers[4].position == 0
    assert [a.position for a in answers if a.status == "accepted"] == [before + 3, before + 6, before + 8, before + 10]
    assert owners(books.state) == {1: 0, 2: 2}
    assert names(books, before)[-2:] == ["CustomerReleased", "CustomerPooled"]


def test_facts_and_relations_of_one_submission_keep_their_order(books: Books) -> None:
    firm_found(books)
    before = books.position
    answers = books.send(
        RegisterCustomer("crm", "x", "甲"),
        ClaimCustomer("crm:x", "S-000001"),
        fact("1", DONE, "2026-10-05", CustomerReference("crm", "x")),
        lead("new", region="east"),
        fact("2", DONE, "2026-10-05", "C-000002"),
        fact("3", DONE, "2026-10-05", CustomerReference("web", "new")),
        ReleaseCustomer("C-000002", "to see"),
        ClaimCustomer("C-000002", "S-000002"),
    )
    assert codes(answers) == ["accepted"] * 8
    assert names(books, before) == [
        "CustomerRegistered", "CustomerClaimed", "CustomerAssigned", "FactRecorded", "PointsGranted",
        "CustomerRegistered", "LeadArrived", "CustomerAssigned", "FactRecorded", "PointsGranted", "FactRecorded",
        "PointsGranted", "CustomerReleased", "CustomerPooled", "CustomerClaimed", "CustomerAssigned",
    ]  # fmt: skip
    assert books.balance("C-000001") == 5_000
    assert books.balance("C-000002") == 2 * 5_000
    assert books.state.book.customers[1].name == "new 建设集团"


def test_rules_weigh_the_tier_that_a_customer_has_by_then(books: Books) -> None:
    firm_found(books)
    books.register("plain", "great")
    answers = books.send(
        lead("1", customer="C-000001"),
        lead("2", customer="C-000002"),
        *(fact(f"{i}", DONE, "2026-10-05", "C-000002") for i in range(100)),
        lead("3", customer="C-000002"),
        lead("4", customer="C-000001"),
    )
    assert codes(answers) == ["accepted"] * len(answers)
    assert books.account("C-000002")["tier"] == "gold"
    assert owners(books.state) == {1: 0, 2: 2}


def test_nothing_about_people_stands_in_the_log_or_in_a_digest(books: Books) -> None:
    firm_found(books, 0)
    first = books.do(EnrolStaff("hr", "1", "欧阳某某", "one", phone="13912345678"), client="hr", key="k")
    stored = b"".join(row[4] for row in books.recorder.select_range(0, 1_000))
    for told in ("欧阳某某", "13912345678"):
        assert told.encode() not in stored
    again = books.do(EnrolStaff("hr", "1", "欧阳", "one", phone="1"), client="hr", key="k")
    assert (again.id, again.hit) == (first.id, True)
    other = books.do(EnrolStaff("hr", "2", "欧阳某某", "one", phone="13912345678"), client="hr", key="k")
    assert other.code == "IDEMPOTENCY_CONFLICT"


# --- many at once ---------------------------------------------------------------


def test_of_a_thousand_claims_of_one_customer_one_wins_and_all_others_are_told_why(books: Books) -> None:
    firm_found(books, 0)
    books.send(*(seller(str(i), "one") for i in range(1_000)))
    accepted(books.do(lead("a", region="nowhere")))
    before = books.position
    start = threading.Barrier(50)

    def claim(thread: int) -> list[Answer]:
        start.wait()
        return [books.do(ClaimCustomer("C-000001", f"S-{thread * 20 + i + 1:06d}")) for i in range(20)]

    with ThreadPoolExecutor(50) as pool:
        answers = [a for part in pool.map(claim, range(50)) for a in part]
    assert sorted(codes(answers)) == ["CLAIM_TAKEN"] * 999 + ["accepted"]
    assert names(books, before) == ["CustomerClaimed", "CustomerAssigned"]
    [winner] = [i + 1 for i, a in enumerate(answers) if a.status == "accepted"]
    assert owners(books.state) == {1: winner}
    assert {a.reason for a in answers if a.status == "refused"} == {
        "somebody has this customer; only customers in the pool are claimed"
    }


def test_leads_from_many_threads_are_each_assigned_once_and_loads_add_up(books: Books) -> None:
    firm_found(books, 6)

    def work(n: int) -> list[str]:
        return codes([books.do(lead(f"{n}/{i}", region=("east", "west")[i % 2])) for i in range(10)])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [["accepted"] * 10] * 16
    assert len(books.state.book.customers) == 160
    owned = owners(books.state)
    assert sum(1 for owner in owned.values() if owner) == 80
    loads = [books.state.relations.load[n] for n in range(1, 7)]
    assert loads[1::2] == [0, 0, 0] and sorted(loads[0::2]) == [26, 27, 27]


# --- restarts, and others that write -----------------------------------------------


def lived(books: Books) -> None:
    """A bit of everything."""
    firm_found(books, 6)
    books.register("a", "b", region="east")
    accepted(books.do(lead("known", customer="C-000001")))
    books.send(*(lead(f"l{i}", region=("east", "west")[i % 2], amount="1200000", needs={"bim": "yes"}) for i in range(20)))
    books.send(
        ClaimCustomer("C-000004", "S-000002"),
        fact("1", DONE, "2026-10-05", "C-000004"),
        ReassignCustomer("C-000003", "S-000004", "knows them"),
        RecordFollowUp("C-000003", "S-000004", "谈了方案", next_step="报价", next_due_on="2026-11-09"),
        ChangeStaff("S-000005", {"capacity": 7, "skills": {"region:east": 4}}),
        RecordLeaving("S-000001", "2026-11-20"),
        ReportLead("web", "taken", "x", staff="S-000006", customer="C-000003"),
    )
    days_later(books, 12)
    accepted(books.do(CloseDays("2026-11-12")))
    books.send(
        HandOver("S-000001", reason="leaves"),
        lead("late", region="east"),
        ClaimCustomer("C-000006", "S-000002"),
        ReleaseCustomer("C-000004", "too far"),
        RecordFollowUp("C-000006", "S-000002", "再联系"),
    )
    days_later(books, 20)
    accepted(books.do(CloseDays("2026-12-02")))


def test_what_is_loaded_from_the_columns_or_the_log_is_what_was_lived(
    books: Books, tmp_path: Path, database_url: str, schema_name: str
) -> None:
    lived(books)
    log_check(database_url, schema_name)
    written = set(names(books, 0))
    assert {"ReminderDue", "CustomerPooled", "PortfolioHandedOver", "CollisionFound"} <= written
    live = relations_dump(books.state.relations)
    assert live["holdings"] and live["staff"] and live["handovers"] and "fresh" not in live
    assert relations_dump(LedgerState.load(None, books.recorder).relations) == live
    columns = columns_of(books.recorder, tmp_path)
    assert relations_dump(LedgerState.load(columns, books.recorder).relations) == live
    # Columns that end anywhere, also between an input and what was decided because of it.
    for stop in range(books.position - 60, books.position, 7):
        folder = tmp_path / str(stop)
        view = ColumnsView(folder)
        view.position_own()
        with books.recorder.datastore.get_connection() as connection:
            view.apply(Batch(books.recorder.select_range(0, 10_000, stop=stop)), connection)
        view.close()
        state = LedgerState.load(Columns.open(folder), books.recorder)
        assert relations_dump(state.relations) == live
        assert state.book == books.state.book
    books.restart()
    assert relations_dump(books.state.relations) == live
    assert books.do(lead("after", region="east")).status == "accepted"


def test_one_that_follows_run_by_run_comes_to_the_same(books: Books) -> None:
    behind = LedgerState.load(None, books.recorder)
    live = books.writer.submit

    def submit(requests: list[Request], *, atomic: bool = False) -> list[Answer]:
        answers = live(requests, atomic=atomic)
        behind.catch_up(books.recorder)
        assert relations_dump(behind.relations) == relations_dump(books.state.relations)
        assert behind.relations.position == behind.book.position == books.position
        return answers

    books.writer.submit = submit  # type: ignore[method-assign]
    lived(books)


def test_columns_hold_registrations_for_a_replay_and_leave_out_the_candidates(books: Books, tmp_path: Path) -> None:
    lived(books)
    columns = columns_of(books.recorder, tmp_path)
    log = books.log()
    every = columns.relations(registrations=True)
    kept = RELATIONS_TOPICS | {"CustomerRegistered", "CustomerChanged", "DayClosed"}
    assert every["position"].to_list() == [p for p, _, n, _ in log if n in kept]
    assert columns.relations()["position"].to_list() == [p for p, _, n, _ in log if n in RELATIONS_TOPICS | {"DayClosed"}]
    inputs = set(columns.relations(inputs_only=True)["topic"])
    assert {"LeadArrived", "DayClosed", "PortfolioHandedOver"} <= inputs
    assert inputs.isdisjoint({"CustomerAssigned", "CustomerPooled", "ReminderDue", "CollisionFound"})
    assert not any(b"candidates" in state for state in every["state"])
    assert any("candidates" in state and state["candidates"] for _, _, _, state in log)
    days = dict(zip(every["position"], every["day"], strict=True))
    assert len(set(days.values())) == 3


def test_two_writers_take_turns_and_come_to_one_state(books: Books, database_url: str, schema_name: str) -> None:
    firm_found(books)
    other = Books(books.recorder)
    for i in range(12):
        writer = (books, other)[i % 2]
        assert writer.do(lead(f"{i}", region=("east", "north")[i % 3 == 0])).status == "accepted"
        writer.do(ClaimCustomer(f"C-{i + 1:06d}", "S-000002"))
    books.state.catch_up(books.recorder)
    other.state.catch_up(books.recorder)
    assert relations_dump(other.state.relations) == relations_dump(books.state.relations)
    log_check(database_url, schema_name)
    other.writer.stop()


def test_what_was_decided_on_a_log_that_moved_meanwhile_is_decided_again(books: Books) -> None:
    firm_found(books)
    accepted(books.do(lead("a", region="north")))
    other = Books(books.recorder)
    moved: list[Answer] = []

    def alive() -> bool:
        # The other one claims it after this one has decided, and before it appends.
        if not moved:
            moved.append(other.do(ClaimCustomer("C-000001", "S-000002")))
        return True

    books.writer.alive = alive
    answers = books.send(ClaimCustomer("C-000001", "S-000001"), lead("b", region="north"))
    assert moved[0].status == "accepted"
    assert codes(answers) == ["CLAIM_TAKEN", "accepted"]
    assert owners(books.state) == {1: 2, 2: 0}
    other.state.catch_up(books.recorder)
    assert relations_dump(other.state.relations) == relations_dump(books.state.relations)
    other.writer.stop()


def test_days_that_are_closed_while_the_log_moves_are_closed_once(books: Books) -> None:
    firm_found(books)
    accepted(books.do(lead("a", region="east")))
    days_later(books, 40)
    other = Books(books.recorder)
    other.now = books.now
    moved: list[Answer] = []

    def alive() -> bool:
        if not moved:
            moved.append(other.do(CloseDays("2026-11-20")))
        return True

    books.writer.alive = alive
    assert books.do(CloseDays("2026-12-05")).status == "accepted"
    closed = [state["day"] for _, _, name, state in books.log() if name == "DayClosed"]
    assert closed == sorted(set(closed)) and closed[-1] == "2026-12-05"
    assert [n for n in names(books, 0) if n in ("ReminderDue", "CustomerPooled")] == ["ReminderDue", "CustomerPooled"]
    assert relations_dump(LedgerState.load(None, books.recorder).relations) == relations_dump(books.state.relations)
    other.writer.stop()


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_lost_while_appending_leaves_no_draft_and_no_command_done_twice(
    books: Books, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    firm_found(books)
    append = books.recorder.append
    lost: list[bool] = []

    def losing(*args: Any, **kwargs: Any) -> AppendOutcome:
        if lost:
            return append(*args, **kwargs)
        lost.append(True)
        if committed:
            append(*args, **kwargs)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(books.recorder, "append", losing)
    before = books.position
    answer = books.do(lead("a", region="east"), client="web", key="1")
    assert (answer.status, answer.customer, answer.hit) == ("accepted", "C-000001", False)
    assert names(books, before) == ["CustomerRegistered", "LeadArrived", "CustomerAssigned"]
    assert relations_dump(LedgerState.load(None, books.recorder).relations) == relations_dump(books.state.relations)


# --- failures -----------------------------------------------------------------------


def test_a_failure_nobody_foresaw_stands_alone(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    firm_found(books)
    decide = COMMANDS[ReportLead]

    def failing(draft: Any, command: ReportLead) -> Answer:
        answer = decide(draft, command)
        if command.lead == "5":
            raise RuntimeError("a fault of ours, after something was drafted")
        return answer

    monkeypatch.setitem(COMMANDS, ReportLead, failing)
    answers = books.send(*(lead(str(i), region="east") for i in range(12)))
    assert codes(answers) == ["accepted"] * 5 + ["COMMAND_FAILED"] + ["accepted"] * 6
    assert len(books.state.book.customers) == 11
    monkeypatch.undo()
    assert relations_dump(LedgerState.load(None, books.recorder).relations) == relations_dump(books.state.relations)
    assert books.do(lead("5", region="east")).customer == "C-000012"


def test_events_that_cannot_be_stored_leave_no_draft(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    firm_found(books)
    before = relations_dump(books.state.relations)

    def failing(*_: Any, **__: Any) -> AppendOutcome:
        raise ValueError("no")

    monkeypatch.setattr(books.recorder, "append", failing)
    assert codes(books.send(lead("a", region="east"), lead("b"))) == ["COMMAND_FAILED"] * 2
    assert relations_dump(books.state.relations) == before
    monkeypatch.undo()
    assert books.do(lead("a", region="east")).customer == "C-000001"


def test_books_that_are_closed_take_no_commands_about_relations(books: Books) -> None:
    firm_found(books)
    accepted(books.do(lead("a"), client="web", key="1"))
    accepted(books.do(CloseLedger("moved"), actor="alice"))
    answers = books.send(lead("b"), ClaimCustomer("C-000001", "S-000001"))
    assert codes(answers) == ["LEDGER_CLOSED"] * 2
    assert books.do(lead("a"), client="web", key="1").hit


# --- keys -----------------------------------------------------------------------------


def test_a_command_with_a_key_is_carried_out_once_and_answered_the_same_ever_after(books: Books) -> None:
    firm_found(books)
    accepted(books.do(lead("a", region="north")))
    claim = ClaimCustomer("C-000001", "S-000002")
    first = books.do(claim, client="app", key="k")
    before = books.position
    again = books.do(claim, client="app", key="k")
    assert (again.status, again.position, again.hit) == ("accepted", first.position, True)
    # Without the key it is another command, and refused.
    assert books.do(claim).code == "CLAIM_OWN"
    conflict = books.do(ClaimCustomer("C-000001", "S-000001"), client="app", key="k")
    assert (conflict.code, conflict.field) == ("IDEMPOTENCY_CONFLICT", "key")
    books.restart()
    assert books.do(claim, client="app", key="k").hit
    assert books.position == before


def test_a_key_that_stands_twice_in_one_submission_counts_once(books: Books) -> None:
    firm_found(books)
    requests = [
        Request(lead("a", region="east"), "bob", "app", "1"),
        Request(lead("a", region="east"), "bob", "app", "1"),
        Request(lead("b", region="east"), "bob", "app", "1"),
        Request(lead("a", region="east"), "bob", "other", "1"),
    ]
    before = books.position
    first, again, conflict, other = books.writer.submit(requests)
    assert (first.status, first.hit) == ("accepted", False)
    assert (again.status, again.position, again.hit) == ("accepted", first.position, True)
    assert conflict.code == "IDEMPOTENCY_CONFLICT"
    assert (other.status, other.customer, other.hit) == ("duplicate", first.customer, False)
    assert len(names(books, before)) == 3


def test_a_refusal_is_not_kept_so_the_same_request_may_succeed_later(books: Books) -> None:
    firm_found(books)
    accepted(books.do(lead("a", region="east")))
    claim = ClaimCustomer("C-000001", "S-000002")
    assert books.do(claim, client="app", key="k").code == "CLAIM_TAKEN"
    accepted(books.do(ReleaseCustomer("C-000001", "theirs")))
    answer = books.do(claim, client="app", key="k")
    assert (answer.status, answer.hit) == ("accepted", False)


def test_all_are_carried_out_or_none_where_that_is_asked(books: Books) -> None:
    firm_found(books)
    before = relations_dump(books.state.relations), books.position

    def asked(*commands: Any) -> list[str]:
        return codes(books.writer.submit([Request(c, "bob") for c in commands], atomic=True))

    assert asked(lead("a", region="east"), ClaimCustomer("C-000001", "S-000002")) == ["ATOMIC_REFUSED", "CLAIM_TAKEN"]
    assert (relations_dump(books.state.relations), books.position) == before
    assert asked(lead("a"), RegisterCustomer("crm", "x", "x")) == ["ATOMIC_INVALID"] * 2
    assert asked(lead("a", region="north"), ClaimCustomer("C-000001", "S-000002")) == ["accepted"] * 2


# --- rehearsals ------------------------------------------------------------------------


def people_keys(database_url: str, schema: str) -> int:
    with psycopg.connect(database_url, options=f"-c search_path={schema}") as connection:
        row = connection.execute("SELECT count(*) FROM person_key").fetchone()
        assert row is not None
        return row[0]


def test_a_rehearsal_tells_what_would_happen_and_leaves_no_trace(
    books: Books, database_url: str, schema_name: str
) -> None:
    firm_found(books, 0)
    before = relations_dump(books.state.relations), books.position, people_keys(database_url, schema_name)
    commands = [
        seller("1", "one"), lead("a", region="east"), ClaimCustomer("C-000001", "S-000001"),
        ReleaseCustomer("C-000001", "to see"), CloseDays("bad"),
    ]  # fmt: skip
    rehearsed = books.writer.rehearse_later([Request(c, "bob") for c in commands[:4]]).result()
    assert codes([r.answer for r in rehearsed]) == ["accepted", "accepted", "CLAIM_OWN", "accepted"]
    assert [[e["event"] for e in r.events] for r in rehearsed] == [
        ["StaffEnrolled"], ["CustomerRegistered", "LeadArrived", "CustomerAssigned"], [],
        ["CustomerReleased", "CustomerPooled"],
    ]  # fmt: skip
    assert rehearsed[1].events[2]["state"]["staff"] == "S-000001"
    after = relations_dump(books.state.relations), books.position, people_keys(database_url, schema_name)
    assert after == before and len(books.state.book.customers) == 0
    assert codes(books.send(*commands[:4])) == codes([r.answer for r in rehearsed])
    mixed = books.writer.rehearse_later([Request(lead("b"), "bob"), Request(fact("1", "login", "2026-10-05"), "bob")])
    assert codes([r.answer for r in mixed.result()]) == ["REHEARSAL_INVALID"] * 2


def test_a_rehearsal_of_a_close_tells_what_it_makes_due_and_leaves_no_trace(books: Books) -> None:
    firm_found(books)
    accepted(books.do(lead("a", region="east")))
    days_later(books, 20)
    before = relations_dump(books.state.relations), books.position
    [rehearsed] = books.writer.rehearse_later([Request(CloseDays("2026-11-16"), "bob")]).result()
    told = [e["event"] for e in rehearsed.events]
    assert told.count("DayClosed") == 16 and told[-2:] == ["DayClosed", "CustomerPooled"]
    assert (relations_dump(books.state.relations), books.position) == before
    accepted(books.do(CloseDays("2026-11-16")))
    assert names(books, before[1]) == told


def test_a_rehearsal_of_a_close_of_months_is_what_happens_to_whom_customers_have(books: Books) -> None:
    terms = {"important_tiers": ["gold"], "important_days": 425, "follow_up_days": 0, "protection_days": 0}
    firm_found(books, assignment={"terms": terms, "fallback": {"staff": "S-000001"}})
    books.register("a", "b")
    books.send(*(fact(f"{i}", DONE, "2026-11-01") for i in range(100)))
    books.do(fact("b", "contract_signed", "2026-11-01", "C-000002", amount="110000000"))
    # A hold that is over in the first of the months makes its points expire later with the others.
    books.send(MoveStock("workwear", 9, "r", "m"), ReserveRedemption("C-000001", "workwear", "m"))
    books.send(lead("1", customer="C-000001"), lead("2", customer="C-000002"), lead("c", region="east"))
    days_later(books, 1_000)
    before, dump = books.position, relations_dump(books.state.relations)
    [told] = books.writer.rehearse_later([Request(CloseDays("2029-01-15"), "bob")]).result()
    assert (books.position, relations_dump(books.state.relations)) == (before, dump)
    assert told.answer == books.do(CloseDays("2029-01-15"))
    log = books.log(before)
    assert [(e["event"], e["stream"], e["state"]) for e in told.events] == [(n, s, d) for _, s, n, d in log]
    assert {"TierChanged", "ReminderDue", "RedemptionLapsed", "PointsExpired"} <= told.counts.keys()


# --- time ---------------------------------------------------------------------------------


def test_each_day_makes_its_reminders_due_once_and_the_deadline_returns_a_customer(
    books: Books, database_url: str, schema_name: str
) -> None:
    firm_found(books)
    accepted(books.do(lead("a", region="east")))
    days_later(books, 60)
    before = books.position
    # Assigned on 2026-11-01, to be followed up within 15 days: announced 3 days before, in the pool on the day.
    assert books.do(CloseDays("2026-11-13")).status == "accepted"
    said = [(n, s["due_on"]) for _, _, n, s in books.log(before) if n == "ReminderDue"]
    assert said == [("ReminderDue", "2026-11-16")]
    assert books.do(CloseDays("2026-11-13")).status == "duplicate"
    assert books.do(CloseDays("2026-11-30")).status == "accepted"
    log = books.log(before)
    assert [n for _, _, n, _ in log if n not in ("DayClosed", "TierChanged")] == ["ReminderDue", "CustomerPooled"]
    closings = {p: s["day"] for p, _, n, s in log if n == "DayClosed"}
    [pooled] = [s for _, _, n, s in log if n == "CustomerPooled"]
    assert closings[pooled["cause"]] == "2026-11-16"
    assert pooled["occurred_at"] == "2026-11-17T00:00:00+08:00"
    assert (pooled["why"], pooled["staff"], pooled["actor"]) == ("deadline", "S-000001", "bob")
    assert owners(books.state) == {1: 0}
    log_check(database_url, schema_name)


def test_at_the_end_of_a_month_points_are_decided_first_and_customers_stand_by_them(
    books: Books, database_url: str, schema_name: str
) -> None:
    """What was earned in 2026 counts until 2027 ends, 425 days after the leads: then gold falls to silver, and platinum
    to gold, so that of the two it is the other one that is important on that evening."""
    terms = {"important_tiers": ["gold"], "important_days": 425, "follow_up_days": 0, "protection_days": 0}
    firm_found(books, assignment={"terms": terms, "fallback": {"staff": "S-000001"}})
    books.register("a", "b")
    books.send(*(fact(f"{i}", DONE, "2026-11-01") for i in range(100)))
    books.do(fact("b", "contract_signed", "2026-11-01", "C-000002", amount="110000000"))
    books.send(lead("1", customer="C-000001"), lead("2", customer="C-000002"))
    assert [books.account(c)["tier"] for c in ("C-000001", "C-000002")] == ["gold", "platinum"]
    days_later(books, 500)
    assert books.do(CloseDays("2028-01-15")).status == "accepted"
    log = books.log()
    closings = {p: s["day"] for p, _, n, s in log if n == "DayClosed"}
    fell = [(c, s["tier"]) for _, c, n, s in log if n == "TierChanged" and closings.get(s["cause"]) == "2027-12-31"]
    assert fell == [("C-000001", "silver"), ("C-000002", "gold")]
    said = [(c, closings[s["cause"]], s["kind"]) for _, c, n, s in log if n == "ReminderDue"]
    assert said == [("C-000002", "2027-12-31", "important_quiet")]
    assert relations_dump(LedgerState.load(None, books.recorder).relations) == relations_dump(books.state.relations)
    log_check(database_url, schema_name)


# --- people who are erased -------------------------------------------------------------------


def test_who_is_erased_can_be_read_by_nobody_once_that_is_appended(
    books: Books, database_url: str, schema_name: str
) -> None:
    firm_found(books)
    books.register("a")
    accepted(books.do(RecordContact("C-000001", "李云", "13900000000", "总经理", decides=True)))
    [(_, _, _, told)] = [e for e in books.log() if e[2] == "ContactRecorded"]
    person = person_number(told["person"])
    vault = Vault(books.recorder.datastore)
    assert vault.open(person, told["sealed"]) == {"name": "李云", "note": "", "phone": "13900000000"}
    refused = books.do(ErasePerson(told["person"], ""))
    [rehearsed] = books.writer.rehearse_later([Request(ErasePerson(told["person"], "asked for it"), "bob")]).result()
    assert (refused.status, rehearsed.answer.status) == ("refused", "accepted")
    assert vault.open(person, told["sealed"]) is not None
    accepted(books.do(ErasePerson(told["person"], "asked for it")))
    assert vault.open(person, told["sealed"]) is None
    others = [e[3] for e in books.log() if e[2] == "StaffEnrolled"]
    assert all(vault.open(person_number(s["person"]), s["sealed"]) for s in others)
    assert books.do(ClaimCustomer("C-000001", "S-000001")).status == "accepted"
    assert relations_dump(LedgerState.load(None, books.recorder).relations) == relations_dump(books.state.relations)


@pytest.mark.parametrize("by", ["columns", "log", "follower"])
def test_a_key_that_a_crash_left_behind_is_deleted_by_whoever_reads_the_log_next(
    books: Books, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by: str
) -> None:
    firm_found(books)
    books.register("a")
    accepted(books.do(RecordContact("C-000001", "李云", "13900000000")))
    [(_, _, _, told)] = [e for e in books.log() if e[2] == "ContactRecorded"]
    behind = LedgerState.load(None, books.recorder)
    vault = Vault(books.recorder.datastore)

    def lost(people: object) -> None:
        raise OperationalError("the server closed the connection")

    assert books.state.vault is not None
    monkeypatch.setattr(books.state.vault, "erase_many", lost)
    # It is committed, so it is answered.
    assert books.do(ErasePerson(told["person"], "asked for it")).status == "accepted"
    assert vault.open(person_number(told["person"]), told["sealed"]) is not None
    if by == "follower":
        behind.catch_up(books.recorder)
    else:
        LedgerState.load(columns_of(books.recorder, tmp_path) if by == "columns" else None, books.recorder)
    assert vault.open(person_number(told["person"]), told["sealed"]) is None


def test_a_key_that_could_not_be_deleted_goes_with_the_next_append(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    firm_found(books)
    books.register("a")
    accepted(books.do(RecordContact("C-000001", "李云", "13900000000")))
    [(_, _, _, told)] = [e for e in books.log() if e[2] == "ContactRecorded"]

    def lost(people: object) -> None:
        raise OperationalError("the server closed the connection")

    assert books.state.vault is not None
    with monkeypatch.context() as patched:
        patched.setattr(books.state.vault, "erase_many", lost)
        accepted(books.do(ErasePerson(told["person"], "asked for it")))
    vault = Vault(books.recorder.datastore)
    assert vault.open(person_number(told["person"]), told["sealed"]) is not None
    accepted(books.do(fact("1", DONE, "2026-10-05")))
    assert vault.open(person_number(told["person"]), told["sealed"]) is None


# --- laws ------------------------------------------------------------------------------------


def test_a_writer_whose_relations_stand_elsewhere_than_its_book_writes_nothing(books: Books) -> None:
    firm_found(books)
    before = books.position
    books.state.relations.stand_at(before - 1)
    books.state.relations.settle()
    with pytest.raises(Exception, match="start again"):
        books.do(lead("a"))
    assert books.position == before


def test_every_command_about_relations_has_its_decider() -> None:
    assert set(COMMANDS) == set(DESK_COMMANDS)


@pytest.mark.parametrize("command", [DeclareTeam("late", "新队"), ReportLead("web", "late-1", "新来的公司")])
def test_an_answer_of_a_writer_before_brings_with_it_what_it_tells_of(books: Books, command: Command) -> None:
    """Its last append came through after the next had loaded, as when a process dies and its database goes on."""
    with Writer(books.recorder, LedgerState.load(None, books.recorder), lambda: NOW) as after:
        first = books.do(command, client="c", key="k")
        assert first.status == "accepted" and after.state.book.position < books.position
        [again] = after.submit([Request(command, "bob", "c", "k")])
        assert (again.hit, again.id, again.customer) == (True, first.id, first.customer)
        assert after.state.book.position == books.position

"""Work as people do it, with a mark in whatever they type: no message bears it, though the log does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ledger.domain.commands import (
    BeginNurture,
    ChangeCustomer,
    ChangeOpportunity,
    ChangeProfile,
    ChangeStaff,
    CloseLedger,
    Command,
    CommitRedemption,
    DeclareFactType,
    DeclareTeam,
    EndNurture,
    EnrolStaff,
    ErasePerson,
    HandOver,
    HandTask,
    MergeCustomers,
    MoveStock,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordContact,
    RecordFollowUp,
    RecordKnowledge,
    RecordProject,
    RegisterCustomer,
    ReleaseCustomer,
    ReportLead,
    ReserveRedemption,
    ReverseRedemption,
    RuleCollision,
    SetMilestone,
    UndoHandover,
    UnmergeCustomers,
    VoidRedemption,
)
from ledger.log.recorder import EventRow
from streams.messages import message_of
from tests.catalogue import catalogue_activate
from tests.event_messages import messages_check
from tests.ledgers import Books, fact
from tests.relations_firm import ASSIGNMENT, firm_found

MARK = "隐"
TYPED = f"{MARK}某人写的话"
WORDS = {"zh": TYPED, "en": MARK}
VISIT = {
    "id": "visit",
    "title": WORDS,
    "attributes": {
        "place": {"type": "text", "title": WORDS},
        "kind": {"type": "enum", "title": WORDS, "values": {"site": WORDS, "office": WORDS}},
        "cost": {"type": "number", "title": WORDS, "unit": "CNY", "places": 2, "min": 0, "max": 1_000},
    },
}


def relations(books: Books) -> Iterator[Command]:
    """Everything about people and customers in which something is typed."""
    yield DeclareTeam("three", TYPED, "firm", "east", TYPED)
    yield EnrolStaff("hr", TYPED, TYPED, "three", phone="13900001234", skills={f"{MARK}:{MARK}": 3})
    yield ChangeStaff("S-000001", {"skills": {f"region:{MARK}": 2}, "capacity": 60})
    yield RegisterCustomer("crm", TYPED, TYPED, {"region": "east"})
    yield ChangeCustomer("C-000001", f"{TYPED}2")
    yield RegisterCustomer("crm", f"{TYPED}2", f"{TYPED}别家")
    yield ReportLead("web", TYPED, f"{MARK}桥梁", TYPED, "S-000001", "", {"region": "east"}, "", "13900005678", TYPED,
                     "100", {TYPED: TYPED})  # fmt: skip
    yield ReportLead("web", f"{TYPED}2", f"{MARK}桥梁", TYPED, "S-000002", "C-000003", project=TYPED)
    yield RuleCollision(last(books, "CollisionFound")["collision"], "S-000002", TYPED)
    yield ReassignCustomer("C-000001", "S-000001", TYPED)
    yield ChangeProfile("C-000001", {"needs": TYPED, "cooperation": TYPED, TYPED: TYPED, "qualifications": [TYPED]})
    yield RecordContact("C-000001", TYPED, "13900009999", TYPED, True, TYPED)
    yield RecordKnowledge(TYPED, TYPED, TYPED, "C-000001")
    yield RecordKnowledge(TYPED, TYPED, TYPED, region="east")
    yield RecordKnowledge(TYPED, TYPED, TYPED, person="P-000006")
    yield RecordProject("C-000001", TYPED, TYPED, "east", "5", ((TYPED, TYPED), (TYPED, "C-000002")), ("S-000001",))
    yield SetMilestone("J-000001", "roof", TYPED, "2026-12-01")
    yield RecordFollowUp("C-000001", "S-000001", TYPED, TYPED, TYPED, "2026-11-20", "progress")
    yield OpenOpportunity("C-000001", "S-000001", TYPED, "qualified", "9", 10, channel=TYPED)
    yield ChangeOpportunity("O-000001", {"name": f"{TYPED}2", "amount": "11"}, TYPED)
    yield HandTask("C-000001", "S-000001", TYPED, "2026-11-30", "two")
    yield MoveTask("T-000001", "declined", "S-000001", note=TYPED)
    yield BeginNurture("C-000001", 30, TYPED)
    yield EndNurture("C-000001", TYPED)
    yield MergeCustomers("C-000001", "C-000002", TYPED)
    yield UnmergeCustomers("C-000002", TYPED)
    yield HandOver("S-000001", "S-000003", "leave", TYPED)
    yield ReleaseCustomer("C-000001", TYPED)
    yield UndoHandover(last_position(books, "PortfolioHandedOver"), TYPED)
    yield ErasePerson("P-000006", TYPED)


def points() -> Iterator[Command]:
    """Everything about points in which something is typed."""
    yield DeclareFactType(VISIT)
    yield fact(f"{MARK}v1", "visit", "2026-10-01", place=TYPED, kind="office", cost="12.50")
    yield fact(f"{MARK}a1", "manual_adjustment", "2026-10-02", points="50000", reason=TYPED)
    yield MoveStock("pen", 10, TYPED, reference=TYPED)
    for _ in range(2):
        yield ReserveRedemption("C-000001", "pen", project=TYPED, reference=TYPED)
    yield VoidRedemption("R-000001", TYPED)
    yield CommitRedemption("R-000002")
    yield ReverseRedemption("R-000002", TYPED)
    yield CloseLedger(TYPED)


def typed(books: Books, commands: Iterable[Command]) -> list[EventRow]:
    """Carry out commands, each of which must be accepted; what was appended."""
    began = books.position
    for command in commands:
        answer = books.do(command, actor=TYPED)
        assert answer.status == "accepted", (command, answer)
    return books.recorder.select_range(began, 1_000)


def last_position(books: Books, topic: str) -> int:
    """The position of the last event of a type."""
    return max(position for position, _, name, _ in books.log() if name == topic)


def last(books: Books, topic: str) -> dict[str, Any]:
    """What the last event of a type says."""
    return books.log(last_position(books, topic) - 1)[0][3]


def test_nothing_that_somebody_typed_is_on_the_wire(books: Books) -> None:
    firm_found(books, 4, {**ASSIGNMENT, "terms": {**ASSIGNMENT["terms"], "collision_by_rules": False}})
    rows = typed(books, relations(books))
    catalogue_activate(books, since="2026-02-01")
    rows += typed(books, points())

    marked = {topic for _, _, _, topic, state in rows if MARK.encode() in state}
    assert len(marked) == len({topic for _, _, _, topic, _ in rows}) > 40
    messages = [message_of("main", row) for row in rows]
    told = [m.headers["ce-type"] for m in messages if MARK.encode() in m.body or MARK in f"{m.subject}{m.headers}"]
    assert told == []
    assert b"sealed" not in b"".join(m.body for m in messages)
    assert messages_check(rows).keys() == marked

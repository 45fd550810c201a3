"""Handovers: everything somebody has goes to others in one command, and comes back as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.domain.commands import (
    AddCollaborator,
    BeginNurture,
    ChangeOpportunity,
    ChangeStaff,
    ClaimCustomer,
    Command,
    EndNurture,
    HandOver,
    HandTask,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordAbsence,
    RecordFollowUp,
    RecordLeaving,
    ReleaseCustomer,
    UndoHandover,
)
from ledger.domain.relations.dump import dump
from ledger.domain.relations.handover import KINDS, handover_answer_chinese
from ledger.domain.values import day_text
from tests.unit.relations.office import TERMS, TODAY, Office, Rules, customer, lead, staff, staffed


def leaver() -> Office:
    """1 owns customers 1 (with a collaborator, nurtured) and 2, works with 2's customer 3, and has work with all."""
    office = staffed()
    office.do(
        lead("a", staff=staff(1)),
        lead("b", staff=staff(1)),
        lead("c", staff=staff(2)),
        AddCollaborator(customer(1), staff(3)),
        AddCollaborator(customer(3), staff(1)),
        BeginNurture(customer(1), 60),
        RecordFollowUp(customer(2), staff(1), "谈了", next_step="再谈", next_due_on=day_text(TODAY + 4)),
        OpenOpportunity(customer(1), staff(1), "一桥", "lead"),
        OpenOpportunity(customer(3), staff(1), "三桥", "bidding"),
        HandTask(customer(2), staff(1), "估算", day_text(TODAY + 9), "technical", staff(6)),
        HandTask(customer(3), staff(2), "询价", day_text(TODAY + 9), "east", staff(1)),
    )
    return office


def over(office: Office, to: int = 0, kind: str = "leave") -> int:
    """Hand over all that 1 has; the position of the handover."""
    return int(office.do(HandOver(staff(1), staff(to) if to else "", kind)).id)


def owners(office: Office) -> list[int]:
    return [office.owner(n) for n in (1, 2, 3)]


def work(office: Office) -> tuple[list[int], list[tuple[int, int]]]:
    """Who has the opportunities; who handed the tasks, and who has to do them."""
    state = office.state
    return [o.staff for o in state.opportunities.values()], [(t.staff, t.to) for t in state.tasks.values()]


def test_everything_goes_to_who_is_named() -> None:
    office = leaver()
    position = over(office, 3)
    assert owners(office) == [3, 3, 2]
    assert work(office) == ([3, 3], [(3, 6), (2, 3)])
    assert (office.state.holding(1).rhythm_days, office.state.holding(2).next_due_day) == (60, TODAY + 4)
    assert office.state.holding(1).collaborators == frozenset()
    causes = {d.cause for d, _ in office.log if d.position > position}
    assert causes == {position}


def test_rules_choose_for_each_customer_and_its_work_goes_with_it() -> None:
    """2 owns one, so 3 gets the first; then both own one, and neither had a turn of the rules less. Work with what 2
    owns anyway goes to 2; what had to be done, back to its department."""
    office = leaver()
    over(office)
    assert owners(office) == [3, 2, 2]
    assert work(office) == ([3, 2], [(2, 6), (2, 0)])
    assert all(1 in wanted.not_staff for wanted in office.rules.asked)
    assert [wanted.previous for wanted in office.rules.asked] == [1, 1]


def test_where_the_rules_find_nobody_customers_go_to_the_pool_and_their_work_waits_for_who_gets_them() -> None:
    office = leaver()
    office.rules.nobody = True
    over(office)
    assert owners(office) == [0, 0, 2]
    assert {d.fields["why"] for d in office.drafted("CustomerPooled")} == {"handover"}
    assert work(office) == ([0, 2], [(0, 6), (2, 0)])
    office.do(ClaimCustomer(customer(1), staff(3)), ReassignCustomer(customer(2), staff(3), "他熟"))
    assert work(office) == ([3, 2], [(3, 6), (2, 0)])


@pytest.mark.parametrize("to", [0, 3])
def test_a_leaver_owns_nothing_the_moment_the_handover_is_recorded(to: int) -> None:
    office = leaver()
    office.do(RecordLeaving(staff(1), day_text(TODAY + 5)))
    over(office, to, "leaving")
    state = office.state
    assert (state.load[1], state.owned.of(1), state.opportunities_of.of(1)) == (0, [], [])
    assert (state.tasks_of.of(1), state.tasks_of.of(-1)) == ([], [])
    office.do(*(lead(f"l{n}") for n in range(3)))
    assert state.load[1] == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (HandOver(staff(1), staff(2)), "STAFF_NOT_LEAVING"),
        (HandOver(staff(1), staff(1), "leave"), "ASSIGNMENT_SAME"),
        (HandOver(staff(1), staff(6), "leave"), "STAFF_OWNS_NOTHING"),
        (HandOver(staff(1), staff(3), "leave"), "STAFF_ABSENT"),
        (HandOver(staff(1), staff(9), "leave"), "STAFF_UNKNOWN"),
        (HandOver(staff(9), staff(2), "leave"), "STAFF_UNKNOWN"),
        (HandOver(staff(1), staff(2), "holiday"), "ASSIGNMENT_HANDOVER_INVALID"),
        (UndoHandover(1, "回来了"), "ASSIGNMENT_HANDOVER_UNKNOWN"),
    ],
)
def test_a_handover_that_can_not_be_is_refused(command: Command, code: str) -> None:
    office = leaver()
    office.do(RecordAbsence(staff(3), day_text(TODAY), day_text(TODAY)))
    assert office.refused(command) == code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", [0, 3])
@pytest.mark.parametrize("nobody", [False, True])
def test_undone_everything_is_exactly_as_before(kind: str, to: int, nobody: bool) -> None:
    office = leaver()
    office.do(RecordLeaving(staff(1), day_text(TODAY + 5)))
    office.rules.nobody = nobody
    before = dump(office.state)
    position = over(office, to, kind)
    assert dump(office.state) != before
    office.do(UndoHandover(position, "不走了"))
    assert dump(office.state) == before
    assert office.refused(UndoHandover(position, "不走了")) == "ASSIGNMENT_HANDOVER_UNDONE"
    assert dump(office.rebuilt()) == before


@pytest.mark.parametrize(
    ("meanwhile", "expected"),
    [
        (lambda: [ReassignCustomer(customer(2), staff(2), "他熟")], [1, 2, 2]),
        (lambda: [ReassignCustomer(customer(2), staff(2), "他熟"), ReassignCustomer(customer(2), staff(3), "还他")], [1, 3, 2]),
        (lambda: [ReleaseCustomer(customer(2), "不做了")], [1, 0, 2]),
        (lambda: [ReleaseCustomer(customer(2), "不做了"), ClaimCustomer(customer(2), staff(2))], [1, 2, 2]),
    ],
)  # fmt: skip
def test_what_somebody_else_got_since_stays_with_its_work(
    meanwhile: Callable[[], list[Command]], expected: list[int]
) -> None:
    office = leaver()
    office.do(OpenOpportunity(customer(2), staff(1), "二桥", "lead"))
    position = over(office, 3)
    office.do(*meanwhile())
    task, opportunity = office.state.tasks[1], office.state.opportunities[3]
    office.do(UndoHandover(position, "回来了"))
    assert owners(office) == expected
    assert (office.state.tasks[1], office.state.opportunities[3]) == (task, opportunity)
    assert [office.state.opportunities[n].staff for n in (1, 2)] == [1, 1]


def test_once_nurtured_no_more_what_was_handed_over_has_its_ordinary_deadline() -> None:
    office = leaver()
    over(office, 3)
    office.do(EndNurture(customer(1)))
    assert office.state.holding(1).due_day == TODAY + 15


def test_the_same_handover_again_is_the_one_that_there_was_and_one_of_nothing_is_refused() -> None:
    office = leaver()
    position = over(office, 3)
    again = office.do(HandOver(staff(1), staff(3), "leave"))
    assert (again.status, again.id) == ("duplicate", str(position))
    assert office.refused(HandOver(staff(1), staff(2), "leave")) == "ASSIGNMENT_HANDOVER_INVALID"
    office.do(UndoHandover(position, "回来了"))
    assert office.do(HandOver(staff(1), staff(3), "leave")).status == "accepted"


def test_whoever_names_an_heir_is_told_what_goes_beyond_their_capacity_and_ends_sooner() -> None:
    """A customer that the rules protected for 20 days; who is named gets it for the 10 of the terms."""
    office = staffed(Rules(replace(TERMS, protection_days=10)))
    office.do(lead("a"), ChangeStaff(staff(3), {"capacity": 0}))
    assert (office.owner(1), office.state.holding(1).protected_day) == (1, TODAY + 20)
    answer = office.do(HandOver(staff(1), staff(3), "leave"))
    assert office.state.holding(1).protected_day == TODAY + 10
    told = "S-000003 then has 1 customers, beyond a capacity of 0; the protection of 1 customers ends sooner than before"
    assert answer.reason == told
    assert handover_answer_chinese(told) == "S-000003将有1个客户，超出其容量0；1个客户的保护期将早于原定结束"
    assert handover_answer_chinese("nobody has this id") == "nobody has this id"
    assert office.do(HandOver(staff(3), staff(2), "leave")).reason == ""


def test_what_was_done_meanwhile_with_a_customer_that_comes_back_is_kept() -> None:
    """Before: due on day 15. Handed over on day 0, talked with on day 8: due on day 8 + 15, protected as before."""
    office = leaver()
    before = office.state.holding(2)
    position = over(office, 3)
    office.day += 8
    office.do(
        RecordFollowUp(customer(2), staff(3), "谈了", next_step="送", next_due_on=day_text(TODAY + 20)),
        AddCollaborator(customer(2), staff(2)),
        UndoHandover(position, "回来了"),
    )
    now = office.state.holding(2)
    assert (now.owner, now.since, now.protected_day) == (1, before.since, before.protected_day)
    assert (now.followed_day, now.due_day, now.next_due_day) == (TODAY + 8, TODAY + 23, TODAY + 20)
    assert now.collaborators == {2}


def test_work_that_ended_or_was_taken_up_by_others_meanwhile_stays_theirs() -> None:
    office = leaver()
    position = over(office)
    office.do(
        ChangeOpportunity("O-000001", {"stage": "won"}, "签了"),
        MoveTask("T-000002", "accepted", staff(4)),
        UndoHandover(position, "回来了"),
    )
    assert work(office) == ([3, 1], [(1, 6), (2, 4)])


def test_of_two_handovers_each_is_undone_for_itself_the_last_first() -> None:
    office = leaver()
    start = dump(office.state)
    first = over(office, 3)
    between = dump(office.state)
    second = int(office.do(HandOver(staff(3), staff(2), "leave")).id)
    office.do(UndoHandover(second, "回来了"))
    assert dump(office.state) == between
    office.do(UndoHandover(first, "回来了"))
    assert dump(office.state) == start


def test_an_earlier_handover_undone_first_gives_back_nothing_that_went_on_since() -> None:
    office = leaver()
    first = over(office, 3)
    office.do(HandOver(staff(3), staff(2), "leave"), UndoHandover(first, "回来了"))
    assert owners(office) == [2, 2, 2]


def test_under_other_rules_a_handover_hands_over_what_is_owned_there() -> None:
    """History: the rules give all to 1, who hands over to 2. There they find nobody, but for who reported."""
    office = staffed()
    office.do(lead("a"), lead("b", staff=staff(1)), lead("c", staff=staff(3)))
    position = over(office, 2)
    office.do(UndoHandover(position, "回来了"))
    state, _, dropped = office.replayed(Rules(nobody=True))
    assert [state.holding(n).owner for n in (1, 2, 3)] == [0, 1, 3]
    assert dropped == 0

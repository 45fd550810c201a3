"""Customers that are found to be one, and to be two after all: who has what in between and afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.commands import (
    AddCollaborator,
    BeginNurture,
    ChangeOpportunity,
    ChangeProfile,
    ClaimCustomer,
    ErasePerson,
    HandOver,
    HandTask,
    MergeCustomers,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordContact,
    RecordFollowUp,
    RecordKnowledge,
    RecordLeaving,
    RecordProject,
    ReleaseCustomer,
    ReportLead,
    UndoHandover,
    UnmergeCustomers,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.dossier import entries_of, family, profile_of
from ledger.domain.relations.dump import dump
from ledger.domain.relations.records import Profile
from tests.unit.relations.filing import Files, filed
from tests.unit.relations.office import customer, staff

ONE, TWO, THREE = customer(1), customer(2), customer(3)
ANN, BO, CY = staff(1), staff(2), staff(3)


def give(office: Files, number: int, to: str) -> None:
    office.do(ReassignCustomer(customer(number), to, "开始"))


def merge(office: Files, survivor: str = ONE, merged: str = TWO) -> None:
    office.do(MergeCustomers(survivor, merged, "同一家公司"))


def unmerge(office: Files, merged: str = TWO) -> None:
    office.do(UnmergeCustomers(merged, "是两家公司"))


def decided(office: Files, since: int) -> list[tuple[str, int, str]]:
    """What was decided about owners after so many events: topic, customer, why."""
    return [
        (d.topic, d.customer, d.fields["why"])
        for d, _ in office.log[since:]
        if d.topic in ("CustomerAssigned", "CustomerPooled")
    ]


def test_the_merged_one_goes_along_to_whoever_has_the_survivor() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    first = len(office.log)
    answer = office.do(MergeCustomers(ONE, TWO, "同一家公司"))
    assert (answer.status, answer.customer, answer.id) == ("accepted", ONE, TWO)
    assert (office.owner(1), office.owner(2)) == (1, 0)
    assert (office.state.load[1], office.state.load[2]) == (1, 0)
    assert decided(office, first) == [("CustomerPooled", 2, "merged")]


def test_where_nobody_has_the_survivor_it_goes_on_as_the_merged_one_stood() -> None:
    office = filed()
    give(office, 2, BO)
    office.do(AddCollaborator(TWO, CY), BeginNurture(TWO, 60))
    before = office.state.holding(2)
    first = len(office.log)
    merge(office)
    holding = office.state.holding(1)
    assert (holding.owner, holding.due_day, holding.rhythm_days, holding.collaborators) == (2, before.due_day, 60, {3})
    assert (office.owner(2), office.state.load[2]) == (0, 1)
    assert decided(office, first) == [("CustomerPooled", 2, "merged"), ("CustomerAssigned", 1, "merge")]


def test_the_collaborators_of_the_merged_one_work_with_the_survivor_and_its_owner_is_none_of_them() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    office.do(AddCollaborator(TWO, ANN), AddCollaborator(TWO, CY))
    merge(office)
    assert office.state.holding(1).collaborators == {3}
    unmerge(office)
    assert office.state.holding(1).collaborators == frozenset()
    assert office.state.holding(2).collaborators == {1, 3}


def test_two_that_nobody_has_stay_in_the_pool_as_one() -> None:
    office = filed()
    merge(office)
    assert (office.owner(1), office.owner(2)) == (0, 0)
    assert office.state.holding(2).why == "merged"


def test_a_merged_customer_leads_to_the_survivor_whatever_is_asked_of_it() -> None:
    office = filed()
    merge(office)
    office.do(ClaimCustomer(TWO, ANN))
    assert (office.owner(1), office.owner(2)) == (1, 0)
    office.do(RecordFollowUp("crm:2", ANN, "谈了"))
    assert office.drafted("FollowUpRecorded")[0].customer == 1
    office.do(ReleaseCustomer(TWO, "不做了"))
    assert office.owner(1) == 0
    office.do(ReportLead("web", "l1", "云岭路桥", customer=TWO, staff=BO))
    assert office.drafted("LeadArrived")[0].customer == 1


def test_open_work_goes_along_and_ended_work_stays_with_who_did_it() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    office.do(
        OpenOpportunity(TWO, BO, "甲桥", "lead"),
        OpenOpportunity(TWO, BO, "乙桥", "lead"),
        OpenOpportunity(ONE, ANN, "丙桥", "lead"),
        HandTask(TWO, BO, "算量", "2026-12-20", to=CY),
        HandTask(TWO, BO, "报价", "2026-12-20", to=CY),
        MoveTask("T-000002", "declined", CY, note="不归我"),
    )
    merge(office)
    assert [o.staff for o in office.state.opportunities.values()] == [1, 1, 1]
    assert [o.customer for o in office.state.opportunities.values()] == [2, 2, 1]
    assert [(t.staff, t.to) for t in office.state.tasks.values()] == [(1, 3), (2, 3)]
    unmerge(office)
    assert [o.staff for o in office.state.opportunities.values()] == [2, 2, 1]
    assert [(t.staff, t.to) for t in office.state.tasks.values()] == [(2, 3), (2, 3)]


def test_work_that_ended_or_went_on_to_somebody_else_is_not_given_back() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    office.do(OpenOpportunity(TWO, BO, "甲桥", "lead"), OpenOpportunity(TWO, BO, "乙桥", "lead"))
    merge(office)
    office.do(ChangeOpportunity("O-000001", {"stage": "lost"}, "价高"), ReassignCustomer(ONE, CY, "换人"))
    unmerge(office)
    assert [o.staff for o in office.state.opportunities.values()] == [1, 3]
    assert [d.fields["opportunity"] for d in office.drafted("OpportunityReassigned")] == [
        "O-000001", "O-000002", "O-000002",
    ]  # fmt: skip


def test_open_work_of_who_had_a_customer_of_the_pool_goes_along_too() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    office.do(OpenOpportunity(TWO, BO, "甲桥", "lead"), HandTask(TWO, BO, "算量", "2026-12-20", to=CY))
    office.do(ReleaseCustomer(TWO, "不做了"))
    merge(office)
    assert (office.state.opportunities[1].staff, office.state.tasks[1].staff) == (1, 1)
    unmerge(office)
    assert (office.state.opportunities[1].staff, office.state.tasks[1].staff) == (2, 2)


def test_what_is_known_of_the_merged_one_is_known_of_the_survivor() -> None:
    office = filed()
    office.do(
        ChangeProfile(ONE, {"needs": "快", "开户行": "甲"}),
        ChangeProfile(TWO, {"needs": "省", "credit_code": "91350100M000100Y43", "开户行": "乙", "传真": "无"}),
        RecordKnowledge("沟通", "微信", customer=TWO),
        RecordProject(TWO, "滨江大桥"),
        RecordContact(TWO, "李云"),
    )
    merge(office)
    assert profile_of(office.state, 1) == Profile("91350100M000100Y43", (), "快", "", {"开户行": "甲", "传真": "无"})
    assert [e.value for e in entries_of(office.state, 1, {})] == ["微信"]
    # Both are changed by naming the survivor, and stay with the one they were recorded for.
    assert office.do(RecordProject(ONE, "滨江大桥", "施工", project="J-000001")).customer == ONE
    assert office.do(RecordContact(ONE, "李云山", person="P-000005")).customer == ONE
    assert (office.state.projects[1].customer, office.state.contacts[5].customer) == (2, 2)
    assert office.do(RecordKnowledge("沟通", "微信", customer=ONE)).status == "duplicate"
    assert office.do(RecordKnowledge("沟通", "", customer=ONE)).status == "accepted"
    assert entries_of(office.state, 1, {}) == ()
    unmerge(office)
    assert profile_of(office.state, 1) == Profile("", (), "快", "", {"开户行": "甲"})


def test_the_code_of_the_merged_one_may_be_said_of_the_survivor() -> None:
    office = filed()
    office.do(ChangeProfile(TWO, {"credit_code": "91350100M000100Y43"}))
    merge(office)
    assert office.do(ChangeProfile(ONE, {"credit_code": "91350100M000100Y43"})).status == "accepted"


def prepared() -> Files:
    """Ann has 1 and Bo has 2, each with what one may have; 3 was released by Cy."""
    office = filed()
    give(office, 1, ANN)
    office.do(ClaimCustomer(TWO, BO))
    give(office, 3, CY)
    office.pass_days(1)
    office.do(
        AddCollaborator(TWO, CY),
        RecordFollowUp(TWO, BO, "谈了", next_step="再谈", next_due_on="2026-12-03"),
        OpenOpportunity(ONE, ANN, "甲桥", "lead", "1000000", 30),
        OpenOpportunity(TWO, BO, "乙桥", "bidding", source="crm", reference="o2"),
        HandTask(TWO, BO, "算量", "2026-12-20", to=CY),
        RecordContact(TWO, "李云"),
        RecordKnowledge("沟通", "微信", "晚上", person="P-000005"),
        ReleaseCustomer(THREE, "不做了"),
    )
    return office


@pytest.mark.parametrize(("survivor", "merged"), [(ONE, TWO), (TWO, ONE), (THREE, TWO), (TWO, THREE), (ONE, THREE)])
def test_unmerging_restores_exactly_what_was_before(survivor: str, merged: str) -> None:
    office = prepared()
    before = dump(office.state)
    merge(office, survivor, merged)
    assert dump(office.state) != before
    unmerge(office, merged)
    assert dump(office.state) == before
    assert dump(office.rebuilt()) == before


def test_unmerging_restores_also_what_a_handover_needs_to_be_undone() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    before = dump(office.state)
    handover = int(office.do(HandOver(BO, ANN, "leave", "休假")).id)
    handed = dump(office.state)
    merge(office, THREE, TWO)
    assert office.owner(3) == 1
    unmerge(office)
    assert dump(office.state) == handed
    office.do(UndoHandover(handover, "回来了"))
    assert dump(office.state) == before


def test_a_handover_undone_while_a_customer_is_merged_leaves_the_survivor_alone() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    handover = int(office.do(HandOver(BO, CY, "leave", "休假")).id)
    merge(office)
    first = len(office.log)
    office.do(UndoHandover(handover, "回来了"))
    assert decided(office, first) == []
    assert (office.owner(1), office.owner(2)) == (1, 0)


def test_what_the_owner_of_both_did_meanwhile_counts_for_the_one_given_back() -> None:
    office = filed()
    give(office, 2, BO)
    merge(office)
    office.pass_days(5)
    office.do(RecordFollowUp(ONE, BO, "谈了"))
    moved = office.state.holding(1).due_day
    unmerge(office)
    assert (office.owner(1), office.owner(2)) == (0, 2)
    assert office.state.holding(2).due_day == moved


def test_who_got_the_survivor_since_keeps_it() -> None:
    office = filed()
    give(office, 2, BO)
    merge(office)
    office.do(ReassignCustomer(ONE, ANN, "换人"))
    unmerge(office)
    assert (office.owner(1), office.owner(2)) == (1, 2)


def test_a_customer_of_somebody_who_left_meanwhile_goes_to_the_pool_and_its_work_to_nobody() -> None:
    office = filed()
    give(office, 1, ANN)
    give(office, 2, BO)
    office.do(OpenOpportunity(TWO, BO, "甲桥", "lead"))
    merge(office)
    office.do(RecordLeaving(BO, "2026-11-26"))
    office.pass_days(3)
    first = len(office.log)
    unmerge(office)
    assert decided(office, first) == [("CustomerPooled", 2, "unmerge")]
    assert (office.owner(1), office.owner(2), office.state.load[2]) == (1, 0, 0)
    assert office.state.holding(2).former == 2
    assert office.state.opportunities[1].staff == 0


def test_several_merged_into_one_come_back_one_by_one() -> None:
    office = filed()
    give(office, 2, BO)
    give(office, 3, CY)
    before = dump(office.state)
    merge(office, ONE, TWO)
    between = dump(office.state)
    merge(office, ONE, THREE)
    assert family(office.state, 1) == [1, 2, 3]
    unmerge(office, THREE)
    assert dump(office.state) == between
    unmerge(office, TWO)
    assert dump(office.state) == before


def test_whoever_has_a_customer_merged_later_too_keeps_the_survivor() -> None:
    office = filed()
    give(office, 2, BO)
    give(office, 3, CY)
    merge(office, ONE, TWO)
    merge(office, ONE, THREE)
    unmerge(office, TWO)
    assert (office.owner(1), office.owner(2), office.owner(3)) == (2, 2, 0)


def test_a_chain_leads_to_its_end_and_is_taken_apart_from_there() -> None:
    office = filed()
    give(office, 3, CY)
    merge(office, TWO, THREE)
    merge(office, ONE, TWO)
    assert office.state.standing_for(3) == 1
    assert family(office.state, 1) == [1, 2, 3]
    assert office.owner(1) == 3
    assert office.refused(UnmergeCustomers(THREE, "错了")) == "CUSTOMER_MERGED"
    unmerge(office, TWO)
    assert (office.owner(1), office.owner(2)) == (0, 3)
    unmerge(office, THREE)
    assert (office.owner(2), office.owner(3)) == (0, 3)


def test_merging_frees_no_quota_of_claims() -> None:
    office = filed()
    office.do(ClaimCustomer(TWO, BO))
    merge(office)
    assert (office.state.claimed[2], office.owner(1)) == (1, 2)


def test_merging_is_no_turn_of_a_rotation() -> None:
    office = filed()
    give(office, 2, BO)
    last = office.state.assigned_last[2]
    merge(office)
    assert office.state.assigned_last[2] == last


def test_the_same_merging_again_is_a_duplicate() -> None:
    office = filed()
    merge(office)
    assert office.do(MergeCustomers(ONE, TWO, "又一次")).status == "duplicate"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (MergeCustomers(ONE, ONE, "x"), "CUSTOMER_MERGE_SELF"),
        (MergeCustomers(ONE, "crm:1", "x"), "CUSTOMER_MERGE_SELF"),
        (MergeCustomers(TWO, ONE, "x"), "CUSTOMER_MERGE_SELF"),  # two leads to one already
        (MergeCustomers(TWO, TWO, "x"), "CUSTOMER_MERGE_SELF"),
        (MergeCustomers(THREE, TWO, "x"), "CUSTOMER_MERGED"),
        (MergeCustomers(ONE, THREE, " "), "TEXT_INVALID"),
        (MergeCustomers(ONE, "C-000009", "x"), "CUSTOMER_UNKNOWN"),
        (MergeCustomers("C-000009", ONE, "x"), "CUSTOMER_UNKNOWN"),
        (UnmergeCustomers(ONE, "x"), "CUSTOMER_NOT_MERGED"),
        (UnmergeCustomers(TWO, ""), "TEXT_INVALID"),
        (UnmergeCustomers("C-000009", "x"), "CUSTOMER_UNKNOWN"),
    ],
)
def test_what_can_not_be_merged_or_taken_apart_is_refused(command: Any, code: str) -> None:
    office = filed()
    merge(office)
    before = dump(office.state)
    assert office.refused(command) == code
    assert dump(office.state) == before


NUMBERS = st.integers(1, 4)
COMMANDS = st.one_of(
    st.builds(MergeCustomers, NUMBERS.map(customer), NUMBERS.map(customer), st.just("同一家")),
    st.builds(UnmergeCustomers, NUMBERS.map(customer), st.just("两家")),
    st.builds(ReassignCustomer, NUMBERS.map(customer), NUMBERS.map(staff), st.just("换人")),
    st.builds(ReleaseCustomer, NUMBERS.map(customer), st.just("不做了")),
    st.builds(ClaimCustomer, NUMBERS.map(customer), NUMBERS.map(staff)),
    st.builds(HandOver, NUMBERS.map(staff), NUMBERS.map(staff), st.just("leave"), st.just("休假")),
    st.builds(RecordFollowUp, NUMBERS.map(customer), NUMBERS.map(staff), st.just("谈了")),
    st.builds(OpenOpportunity, NUMBERS.map(customer), NUMBERS.map(staff), st.just("桥"), st.just("lead")),
    st.builds(HandTask, NUMBERS.map(customer), NUMBERS.map(staff), st.just("算量"), st.just("2027-12-01"), to=NUMBERS.map(staff)),
    st.builds(AddCollaborator, NUMBERS.map(customer), NUMBERS.map(staff)),
    st.builds(RecordLeaving, NUMBERS.map(staff), st.just("2026-12-01")),
    st.builds(ErasePerson, st.just("P-000001"), st.just("要求")),
    st.integers(1, 6),
)  # fmt: skip


def run(office: Files, step: Any) -> None:
    if isinstance(step, int):
        office.pass_days(step)
        return
    try:
        office.do(step)
    except Refused:
        return


@given(st.lists(COMMANDS, max_size=30))
@settings(max_examples=150, deadline=None)
def test_loads_are_what_is_owned_and_a_merged_customer_is_nobodys(steps: list[Any]) -> None:
    office = filed()
    office.register("丁建设有限公司")
    for step in steps:
        run(office, step)
        state = office.state
        owned = [state.holding(number).owner for number in range(1, 5)]
        assert [state.load[number] for number in range(1, 5)] == [owned.count(number) for number in range(1, 5)]
        assert all(state.holding(number).owner == 0 for number in state.merged)
        assert not state.restoring
    assert dump(office.rebuilt()) == dump(office.state)
    replayed, _, dropped = office.replayed()
    assert (dump(replayed), dropped) == (dump(office.state), 0)


@given(st.lists(COMMANDS, max_size=20), NUMBERS, NUMBERS)
@settings(max_examples=150, deadline=None)
def test_whatever_came_before_unmerging_restores_it_exactly(steps: list[Any], survivor: int, merged: int) -> None:
    office = filed()
    office.register("丁建设有限公司")
    for step in steps:
        run(office, step)
    before = dump(office.state)
    try:
        if office.do(MergeCustomers(customer(survivor), customer(merged), "同一家")).status == "duplicate":
            return
    except Refused:
        return
    owner = office.state.mergings[merged].merged.owner
    here = not owner or office.state.staff[owner].is_here(office.day)
    unmerge(office, customer(merged))
    if here:
        assert dump(office.state) == before

"""Talks, opportunities and tasks: who may record them, what may change, and what a person has to do afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.commands import (
    Answer,
    ChangeOpportunity,
    Command,
    HandTask,
    MoveTask,
    OpenOpportunity,
    RecordFollowUp,
)
from ledger.domain.errors import Refused
from ledger.domain.relations import tasks as _tasks, work as _work  # noqa: F401  (what they enter is what is tested)
from ledger.domain.relations.drafts import Context, Draft, command_decide
from ledger.domain.relations.policy import Policy, Terms
from ledger.domain.relations.records import NONE, Arrived, Holding, Project, Staff, Standing, Task, Team
from ledger.domain.relations.stages import STAGE_IDS, STAGES, STAGES_END, TASK_STATES, TASK_STATES_NEXT
from ledger.domain.relations.state import Fresh, Happened, Relations
from ledger.domain.values import day_parse

TODAY = day_parse("2026-11-25")
OWNER, HELPER, OTHER, MANAGER, EXECUTIVE, ESTIMATOR, CHIEF, SUPPORT = range(1, 9)
WEST, NORTH, MERGED = "C-000001", "C-000002", "C-000003"


class Three:
    """Three customers, two in the west."""

    def count(self) -> int:
        return 3

    def traits(self, number: int) -> Mapping[str, str]:
        return {"region": "north" if number == 2 else "west"}

    def name(self, number: int) -> str:
        return f"客户{number}"

    def find(self, text: str) -> int:
        return {WEST: 1, NORTH: 2, MERGED: 3, "crm:a": 1}.get(text, 0)


class Rules:
    """Rules that nobody asks to choose here."""

    rule_set = "r1"
    terms = Terms()


def firm() -> Relations:
    """A seller who owns both customers with a helper, another seller, their manager, an executive, and estimators."""
    state = Relations(Three())
    for team, parent, region in (
        ("sales", "", ""), ("west", "sales", "west"), ("technical", "", ""), ("estimating", "technical", ""),
    ):  # fmt: skip
        state.teams.put(team, Team(team, team, parent, region, "", 0))
    for number, team, role in (
        (OWNER, "west", "seller"), (HELPER, "west", "seller"), (OTHER, "west", "seller"), (MANAGER, "west", "manager"),
        (EXECUTIVE, "sales", "executive"), (ESTIMATOR, "estimating", "support"), (CHIEF, "technical", "manager"),
        (SUPPORT, "technical", "support"),
    ):  # fmt: skip
        state.staff.put(number, Staff(number, number, team, role, "", {}, 5, 10, TODAY - 100))
    for customer in (1, 2):
        state.holdings.put(customer, Holding(OWNER, "west", "arrival", 1, collaborators=frozenset({HELPER})))
    state.projects.put(1, Project(1, 1, "桥", "", "west", 0, (), ()))
    state.settle()
    return state


def do(state: Relations, command: Command, day: int = TODAY) -> tuple[Answer, list[tuple[int, str, Mapping[str, Any]]]]:
    """Decide a command as the writer does; the answer and the events."""
    draft = Draft(state, Context("bob", day, cast(Policy, Rules()), lambda _: Standing()))
    try:
        answer = command_decide(draft, command)
    except Refused:
        assert draft.events == []
        raise
    state.settle()
    return answer, [(e.customer, e.topic, e.fields) for e in draft.events]


def refused(state: Relations, command: Command, day: int = TODAY) -> str:
    """The code with which a command is refused."""
    with pytest.raises(Refused) as refusal:
        do(state, command, day)
    return refusal.value.code


def talk(staff: int = OWNER, customer: str = WEST, **more: Any) -> RecordFollowUp:
    return RecordFollowUp(customer, f"S-{staff:06d}", "谈了报价", **more)


def chance(staff: int = OWNER, customer: str = WEST, **more: Any) -> OpenOpportunity:
    return OpenOpportunity(customer, f"S-{staff:06d}", "二桥", **{"stage": "lead", **more})


def task(staff: int = OWNER, customer: str = WEST, **more: Any) -> HandTask:
    return HandTask(customer, f"S-{staff:06d}", "估算", "2026-12-01", **{"department": "technical", **more})


def move(state: str, staff: int, **more: Any) -> MoveTask:
    return MoveTask("T-000001", state, f"S-{staff:06d}", **more)


# Talks.


@pytest.mark.parametrize("staff", [OWNER, HELPER, MANAGER, EXECUTIVE])
def test_owner_collaborator_manager_and_executive_record_talks(staff: int) -> None:
    _, [(customer, topic, said)] = do(firm(), talk(staff, next_step="再谈", next_due_on="2026-12-02", satisfaction=4))
    assert (customer, topic) == (1, "FollowUpRecorded")
    assert said == {
        "staff": f"S-{staff:06d}", "channel": "", "said": "谈了报价", "next_step": "再谈", "next_due_on": "2026-12-02",
        "outcome": "none", "opportunity": "", "satisfaction": 4, "next_step_done": False,
    }  # fmt: skip


@pytest.mark.parametrize(("staff", "customer"), [(OTHER, WEST), (SUPPORT, WEST), (MANAGER, NORTH), (CHIEF, WEST)])
def test_who_neither_serves_a_customer_nor_manages_its_region_records_no_talk(staff: int, customer: str) -> None:
    assert refused(firm(), talk(staff, customer)) == "CUSTOMER_NOT_SERVED"


def test_a_manager_of_no_region_manages_no_customer_without_one() -> None:
    state = firm()
    cast(Any, state.customers).traits = lambda number: {"region": ""}
    assert refused(state, talk(CHIEF)) == "CUSTOMER_NOT_SERVED"


def test_who_has_left_records_nothing_any_more() -> None:
    state = firm()
    state.staff.put(OWNER, replace(state.staff[OWNER], last_day=TODAY - 1))
    assert refused(state, talk()) == "STAFF_NOT_HERE"
    assert refused(state, talk(99)) == "STAFF_UNKNOWN"


def test_a_talk_moves_the_day_of_the_last_talk_of_whoever_owns_the_customer() -> None:
    state = firm()
    do(state, talk(HELPER))
    assert state.holding(1).followed_day == TODAY and state.holding(2).followed_day == NONE


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"satisfaction": 6}, "NUMBER_INVALID"), ({"satisfaction": -1}, "NUMBER_INVALID"),
        ({"satisfaction": True}, "NUMBER_INVALID"), ({"outcome": "great"}, "TEXT_INVALID"),
        ({"next_due_on": "2026-12-01"}, "TEXT_INVALID"), ({"next_step": "x", "next_due_on": "1.12."}, "DATE_INVALID"),
        ({"next_step": "x", "next_due_on": "2026-11-24"}, "DATE_INVALID"), ({"channel": "x" * 61}, "TEXT_INVALID"),
        ({"opportunity": "O-000001"}, "OPPORTUNITY_UNKNOWN"),
    ],
)  # fmt: skip
def test_a_talk_that_says_what_cannot_be_is_refused(more: dict[str, Any], code: str) -> None:
    assert refused(firm(), talk(**more)) == code


def test_a_talk_names_an_opportunity_of_its_own_customer_only() -> None:
    state = firm()
    do(state, chance())
    assert do(state, talk(opportunity="O-000001"))[1][0][2]["opportunity"] == "O-000001"
    assert refused(state, talk(customer=NORTH, opportunity="O-000001")) == "OPPORTUNITY_UNKNOWN"


def test_a_next_step_without_a_day_is_no_step_that_is_due() -> None:
    _, [(_, _, said)] = do(firm(), talk(next_step="等消息"))
    assert said["next_due_on"] == ""


# Opportunities.


def test_stages_are_one_ordered_list_that_ends_with_won_and_lost() -> None:
    assert STAGE_IDS == ("lead", "qualified", "proposal", "bidding", "negotiation", "won", "lost")
    assert {"won", "lost"} == STAGES_END and all(s.zh and s.en for s in STAGES)


def test_an_opportunity_is_numbered_and_stands_with_who_has_it() -> None:
    state = firm()
    first, events = do(
        state, chance(amount="1234.56", probability_percent=20, expected_on="2027-03-01", project="J-000001")
    )
    second, _ = do(state, chance(HELPER))
    assert (first.id, second.id) == ("O-000001", "O-000002")
    assert events[0][2]["amount"] == 123_456
    opened = state.opportunities[1]
    assert (opened.amount, opened.expected_day, opened.project) == (123_456, day_parse("2027-03-01"), "J-000001")
    assert (opened.stage_day, opened.opened_day, opened.is_open) == (TODAY, TODAY, True)
    assert (state.opportunities_of.of(OWNER), state.opportunities_of.of(HELPER)) == ([1], [2])


def test_the_same_source_and_reference_open_one_opportunity() -> None:
    state = firm()
    do(state, chance(source="crm", reference="77"))
    answer, events = do(state, chance(source="crm", reference="77", amount="5"))
    assert (answer.status, answer.id, events) == ("duplicate", "O-000001", [])
    assert refused(state, chance(customer=NORTH, source="crm", reference="77")) == "OPPORTUNITY_REFERENCE_TAKEN"
    assert do(state, chance(source="erp", reference="77"))[0].id == "O-000002"
    assert refused(state, chance(source="crm")) == "TEXT_INVALID"


def test_an_opportunity_without_a_channel_has_that_of_the_customers_last_lead() -> None:
    state = firm()
    state.arrived.put(1, Arrived("web", "a", "exhibition", "", "", 0, {}))
    assert do(state, chance())[1][0][2]["channel"] == "exhibition"
    assert do(state, chance(channel="website"))[1][0][2]["channel"] == "website"
    assert do(state, chance(customer=NORTH))[1][0][2]["channel"] == ""


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"stage": "won"}, "OPPORTUNITY_STAGE_INVALID"), ({"stage": "begun"}, "OPPORTUNITY_STAGE_INVALID"),
        ({"amount": "-1"}, "AMOUNT_INVALID"), ({"amount": "1.234"}, "AMOUNT_INVALID"),
        ({"amount": "10000000000000.01"}, "AMOUNT_INVALID"), ({"probability_percent": 101}, "NUMBER_INVALID"),
        ({"expected_on": "soon"}, "DATE_INVALID"), ({"project": "J-000002"}, "PROJECT_UNKNOWN"),
        ({"project": "J-000001", "customer": NORTH}, "PROJECT_UNKNOWN"), ({"staff": OTHER}, "CUSTOMER_NOT_SERVED"),
        ({"customer": "C-000009"}, "CUSTOMER_UNKNOWN"),
    ],
)  # fmt: skip
def test_an_opportunity_that_cannot_be_is_refused(more: dict[str, Any], code: str) -> None:
    assert refused(firm(), chance(**more)) == code


def test_only_what_changes_of_an_opportunity_is_carried() -> None:
    state = firm()
    do(state, chance(amount="10", expected_on="2027-01-01"))
    given = {"amount": "10.00", "stage": "bidding", "expected_on": "2027-01-01", "name": "二桥"}
    _, [(customer, topic, said)] = do(state, ChangeOpportunity("O-000001", given), day=TODAY + 9)
    assert (customer, topic, said["changes"]) == (1, "OpportunityChanged", {"stage": "bidding"})
    changed = state.opportunities[1]
    assert (changed.stage, changed.stage_day, changed.opened_day) == ("bidding", TODAY + 9, TODAY)
    answer, events = do(state, ChangeOpportunity("O-000001", given))
    assert (answer.status, events) == ("duplicate", [])
    do(state, ChangeOpportunity("O-000001", {"expected_on": "", "probability_percent": 30}), day=TODAY + 20)
    changed = state.opportunities[1]
    assert (changed.expected_day, changed.probability_percent, changed.stage_day) == (NONE, 30, TODAY + 9)


@pytest.mark.parametrize(("stage", "percent"), [("won", 100), ("lost", 0)])
def test_winning_and_losing_need_a_reason_and_settle_the_probability(stage: str, percent: int) -> None:
    state = firm()
    do(state, chance(probability_percent=40))
    assert refused(state, ChangeOpportunity("O-000001", {"stage": stage}, " ")) == "OPPORTUNITY_REASON_MISSING"
    do(state, ChangeOpportunity("O-000001", {"stage": stage}, "价格"))
    ended = state.opportunities[1]
    assert (ended.stage, ended.probability_percent, ended.is_open) == (stage, percent, False)
    assert state.opportunities_of.of(OWNER) == []


def test_a_won_opportunity_cannot_change() -> None:
    state = firm()
    do(state, chance())
    do(state, ChangeOpportunity("O-000001", {"stage": "won"}, "中标"))
    for changes in ({"stage": "lost"}, {"stage": "won"}, {"amount": "7"}, {}):
        assert refused(state, ChangeOpportunity("O-000001", changes, "为何")) == "OPPORTUNITY_WON"


def test_a_lost_opportunity_is_taken_up_again_with_a_reason_or_stays_as_it_is() -> None:
    state = firm()
    do(state, chance())
    do(state, ChangeOpportunity("O-000001", {"stage": "lost"}, "废标"))
    assert refused(state, ChangeOpportunity("O-000001", {"amount": "7"}, "改")) == "OPPORTUNITY_LOST"
    assert refused(state, ChangeOpportunity("O-000001", {"stage": "bidding"})) == "OPPORTUNITY_REASON_MISSING"
    do(state, ChangeOpportunity("O-000001", {"stage": "bidding"}, "重新招标"))
    assert state.opportunities[1].is_open and state.opportunities_of.of(OWNER) == [1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"owner": "S-000002"}, "OPPORTUNITY_INVALID"), ({"stage": None}, "OPPORTUNITY_STAGE_INVALID"),
        ({"stage": ["won"]}, "OPPORTUNITY_STAGE_INVALID"), ({"amount": 1.5}, "AMOUNT_INVALID"),
        ({"probability_percent": "9"}, "NUMBER_INVALID"), ({"name": " "}, "TEXT_INVALID"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_is_refused(changes: dict[str, Any], code: str) -> None:
    state = firm()
    do(state, chance())
    assert refused(state, ChangeOpportunity("O-000001", changes, "为何")) == code
    assert refused(state, ChangeOpportunity("O-000002", changes)) == "OPPORTUNITY_UNKNOWN"


def test_work_of_a_merged_customer_is_the_survivors() -> None:
    state = firm()
    state.holdings.put(3, Holding(OWNER))
    do(state, chance(customer=MERGED))
    state.merged.put(3, 1)
    assert do(state, chance(customer=MERGED))[1][0][0] == 1
    assert do(state, talk(opportunity="O-000001"))[1][0][0] == 1
    assert do(state, ChangeOpportunity("O-000001", {"stage": "bidding"}))[1][0][0] == 1
    state.merged.drop(3)
    assert do(state, ChangeOpportunity("O-000001", {"stage": "lead"}))[1][0][0] == 3


def test_an_opportunity_that_is_handed_over_stands_with_its_new_owner_and_keeps_its_stage() -> None:
    state = firm()
    do(state, chance(stage="bidding"))
    state.apply(Happened(9, 1, "OpportunityReassigned", {"opportunity": "O-000001", "staff": "S-000003"}, TODAY + 5))
    assert (state.opportunities[1].staff, state.opportunities[1].stage_day) == (OTHER, TODAY)
    assert (state.opportunities_of.of(OWNER), state.opportunities_of.of(OTHER)) == ([], [1])


# Tasks.


def test_a_task_is_handed_to_a_department_and_is_due_on_its_day() -> None:
    state = firm()
    answer, [(customer, topic, said)] = do(state, task())
    assert (answer.id, customer, topic) == ("T-000001", 1, "TaskHanded")
    assert (said["department"], said["to"], said["due_on"]) == ("technical", "", "2026-12-01")
    assert state.work_due.of(day_parse("2026-12-01")) == [("task", 1, "")]
    assert (state.tasks_of.of(OWNER), state.tasks[1].state) == ([1], "handed")


def test_a_task_for_a_person_is_theirs_and_their_teams() -> None:
    state = firm()
    _, [(_, _, said)] = do(state, task(department="", to="S-000006"))
    assert (said["department"], said["to"], state.tasks_of.of(-ESTIMATOR)) == ("estimating", "S-000006", [1])
    assert do(state, task(to="S-000006"))[1][0][2]["department"] == "technical"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"department": ""}, "TASK_DEPARTMENT_UNKNOWN"), ({"department": "nowhere"}, "TASK_DEPARTMENT_UNKNOWN"),
        ({"department": "estimating", "to": "S-000007"}, "TASK_MEMBER_ELSEWHERE"), ({"to": "S-000099"}, "STAFF_UNKNOWN"),
        ({"staff": OTHER}, "CUSTOMER_NOT_SERVED"), ({"staff": SUPPORT}, "CUSTOMER_NOT_SERVED"),
        ({"opportunity": "O-000001"}, "OPPORTUNITY_UNKNOWN"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_is_refused(more: dict[str, Any], code: str) -> None:
    assert refused(firm(), task(**more)) == code


def test_a_task_needs_a_day_that_is_not_over() -> None:
    state = firm()
    assert refused(state, replace(task(), due_on="")) == "DATE_INVALID"
    assert refused(state, replace(task(), due_on="2026-11-24")) == "DATE_INVALID"
    do(state, replace(task(), due_on="2026-11-25"))


def test_a_task_is_accepted_makes_progress_and_is_done() -> None:
    state = firm()
    do(state, task())
    assert refused(state, move("done", ESTIMATOR)) == "TASK_STATE_INVALID"
    do(state, move("accepted", ESTIMATOR))
    assert (state.tasks[1].to, state.tasks_of.of(-ESTIMATOR)) == (ESTIMATOR, [1])
    do(state, move("accepted", ESTIMATOR, progress_percent=60))
    assert state.tasks[1].progress_percent == 60
    answer, events = do(state, move("accepted", ESTIMATOR, progress_percent=60))
    assert (answer.status, events) == ("duplicate", [])
    do(state, move("done", ESTIMATOR, note="见附件"))
    done = state.tasks[1]
    assert (done.state, done.progress_percent, done.is_open) == ("done", 100, False)
    assert state.tasks_of.of(OWNER) == state.tasks_of.of(-ESTIMATOR) == state.work_due.of(day_parse("2026-12-01")) == []
    assert refused(state, move("accepted", ESTIMATOR)) == "TASK_ENDED"


def test_declining_a_task_needs_a_note_and_keeps_how_far_it_came() -> None:
    state = firm()
    do(state, task())
    do(state, move("accepted", ESTIMATOR, progress_percent=30))
    assert refused(state, move("declined", ESTIMATOR)) == "TASK_NOTE_MISSING"
    do(state, move("declined", ESTIMATOR, note="缺图纸"))
    assert (state.tasks[1].state, state.tasks[1].progress_percent) == ("declined", 30)


@pytest.mark.parametrize(
    ("staff", "may"),
    [
        (ESTIMATOR, True),
        (SUPPORT, True),
        (CHIEF, True),
        (MANAGER, True),
        (EXECUTIVE, True),
        (OWNER, False),
        (OTHER, False),
    ],
)
def test_a_task_is_moved_by_the_department_that_has_it_and_by_managers(staff: int, may: bool) -> None:
    state = firm()
    do(state, task())
    if may:
        do(state, move("accepted", staff))
    else:
        assert refused(state, move("accepted", staff)) == "TASK_NOT_THEIRS"


def test_an_accepted_task_is_moved_by_who_accepted_it_and_not_by_colleagues() -> None:
    state = firm()
    do(state, task())
    do(state, move("accepted", ESTIMATOR))
    assert refused(state, move("done", SUPPORT)) == "TASK_NOT_THEIRS"
    do(state, move("done", CHIEF))


def test_who_handed_a_task_may_take_it_back() -> None:
    state = firm()
    do(state, task())
    do(state, move("declined", OWNER, note="不需要了"))
    assert state.tasks[1].state == "declined"


def test_who_has_a_task_of_a_customer_may_hand_one_on() -> None:
    state = firm()
    do(state, task(to="S-000008"))
    assert do(state, task(SUPPORT, department="estimating"))[0].id == "T-000002"
    assert refused(state, task(SUPPORT, NORTH)) == "CUSTOMER_NOT_SERVED"


def test_a_reassigned_task_stands_with_both_of_its_people() -> None:
    state = firm()
    do(state, task(to="S-000006"))
    state.apply(Happened(9, 1, "TaskReassigned", {"task": "T-000001", "staff": "S-000003", "to": "S-000008"}, TODAY))
    assert (state.tasks[1].staff, state.tasks[1].to) == (OTHER, SUPPORT)
    assert (state.tasks_of.of(OTHER), state.tasks_of.of(-SUPPORT)) == ([1], [1])
    assert state.tasks_of.of(OWNER) == state.tasks_of.of(-ESTIMATOR) == []


def test_from_every_state_a_task_moves_only_to_declared_ones() -> None:
    ids = {s.id for s in TASK_STATES}
    assert TASK_STATES_NEXT.keys() == ids and all(ids.issuperset(n) for n in TASK_STATES_NEXT.values())
    assert {s.id for s in TASK_STATES if s.is_end} == {s for s, nexts in TASK_STATES_NEXT.items() if not nexts}
    assert {s for s in ids if Task(1, 1, 1, "", 0, "", 1, s, 0, 0).is_open} == {
        s.id for s in TASK_STATES if not s.is_end
    }


# Laws.

PEOPLE = st.sampled_from(range(1, 9))
CUSTOMERS = st.sampled_from([WEST, NORTH])
COMMANDS = st.one_of(
    st.builds(talk, PEOPLE, CUSTOMERS, opportunity=st.sampled_from(["", "O-000001"])),
    st.builds(chance, PEOPLE, CUSTOMERS, reference=st.sampled_from(["", "1"]), source=st.sampled_from(["", "crm"])),
    st.builds(
        lambda n, stage: ChangeOpportunity(f"O-{n:06d}", {"stage": stage}, "因为"),
        st.integers(1, 3), st.sampled_from(STAGE_IDS),
    ),
    st.builds(task, PEOPLE, CUSTOMERS, to=st.sampled_from(["", "S-000006", "S-000008"])),
    st.builds(
        lambda n, state, staff: MoveTask(f"T-{n:06d}", state, f"S-{staff:06d}", 10, "因为"),
        st.integers(1, 3), st.sampled_from([s.id for s in TASK_STATES]), PEOPLE,
    ),
)  # fmt: skip


def contents(state: Relations) -> object:
    """All that the work changes, without the order that sets keep."""
    return (
        state.position, dict(state.opportunities), dict(state.opportunity_references), dict(state.tasks),
        dict(state.holdings),
        *({k: sorted(v) for k, v in b.items()} for b in (state.opportunities_of, state.tasks_of, state.work_due)),
    )  # fmt: skip


@settings(deadline=None)
@given(st.lists(COMMANDS, max_size=12))
def test_what_is_open_is_counted_once_with_each_who_has_it_and_a_draft_is_taken_back_exactly(
    commands: list[Command],
) -> None:
    state = firm()
    draft = Draft(state, Context("bob", TODAY, cast(Policy, Rules()), lambda _: Standing()))
    before = contents(state)
    for command in commands:
        try:
            command_decide(draft, command)
        except Refused:
            continue
    held = {n: sorted(k for k, v in state.opportunities_of.items() if n in v) for n in state.opportunities}
    assert held == {n: [o.staff] if o.is_open else [] for n, o in state.opportunities.items()}
    has = {n: sorted(k for k, v in state.tasks_of.items() if n in v) for n in state.tasks}
    assert has == {
        n: sorted([t.staff, *([-t.to] if t.to else [])]) if t.is_open else [] for n, t in state.tasks.items()
    }
    assert sorted(n for _, v in state.work_due.items() for _, n, _ in v) == [
        n for n, t in state.tasks.items() if t.is_open
    ]
    replayed = firm()
    for event in draft.events:
        replayed.apply(Happened(event.position, event.customer, event.topic, event.fields, TODAY))
    assert contents(replayed) == contents(state)
    state.journal.rollback()
    assert contents(state) == before


def test_a_registered_customer_of_the_same_draft_can_be_worked_with() -> None:
    state = firm()
    draft = Draft(state, Context("bob", TODAY, cast(Policy, Rules()), lambda _: Standing()))
    number = draft.register("crm", "new", "新公司", {"region": "west"})
    assert state.fresh == {4: Fresh("crm", "new", "新公司", {"region": "west"})}
    assert command_decide(draft, talk(MANAGER, "crm:new")).customer == f"C-{number:06d}"

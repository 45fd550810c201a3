"""What the end of a day makes due: each exactly once, on its day, for whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.commands import (
    AddCollaborator,
    BeginNurture,
    HandOver,
    HandTask,
    MoveTask,
    ReassignCustomer,
    RecordFollowUp,
    RecordProject,
    SetMilestone,
)
from ledger.domain.events.work import FollowUpRecorded
from ledger.domain.relations.drafts import Draft
from ledger.domain.relations.records import Standing
from ledger.domain.values import day_text
from tests.unit.relations.office import TERMS, TODAY, Office, Rules, customer, lead, staff, staffed

Decided = list[tuple[str, int, Mapping[str, Any]]]


def talk(office: Office, who: int = 1, number: int = 1, **more: Any) -> None:
    office.do(RecordFollowUp(customer(number), staff(who), "谈了", **more))


def said(decided: Decided, *kinds: str) -> list[tuple[str, int, str, str]]:
    """Reminders of these kinds: (kind, customer, staff, due day)."""
    return [
        (f["kind"], number, f["staff"], f["due_on"])
        for topic, number, f in decided
        if topic == "ReminderDue" and f["kind"] in kinds
    ]


def given(**terms: Any) -> Office:
    """An office with customer 1, given to 1 by the rules on day 0, to be followed up by day 10."""
    office = staffed(Rules(replace(TERMS, **terms)))
    office.do(lead("a"))
    assert office.state.holding(1).due_day == TODAY + 10
    return office


# The return to the pool.


def test_a_return_is_announced_three_days_before_and_comes_when_the_day_has_passed() -> None:
    """Due on day 10: announced when day 7 is closed, once; there through day 10, gone when day 10 is closed."""
    office = given()
    assert office.close(TODAY + 6) == []
    assert said(office.close(TODAY + 7), "return_announced") == [
        ("return_announced", 1, staff(1), day_text(TODAY + 10))
    ]
    assert office.close(TODAY + 9) == []
    assert office.owner(1) == 1
    [(topic, number, fields)] = office.close(TODAY + 10)
    assert (topic, number, fields["why"], fields["staff"]) == ("CustomerPooled", 1, "deadline", staff(1))
    assert office.drafted("CustomerPooled")[-1].cause == office.drafted("DayClosed")[-1].position
    assert (office.owner(1), office.state.holding(1).former) == (0, 1)
    assert office.close(TODAY + 60) == []


@pytest.mark.parametrize("day", [1, 8, 10])
def test_a_talk_moves_the_deadline_and_the_announcement_with_it(day: int) -> None:
    """Talked with on day d, so due on d + 10: announced on d + 7, gone on d + 10."""
    office = given()
    office.close(TODAY + day - 1)
    talk(office)
    decided = office.close(TODAY + day + 10)
    assert said(decided, "return_announced") == [("return_announced", 1, staff(1), day_text(TODAY + day + 10))]
    assert decided[-1][0] == "CustomerPooled"
    assert office.drafted("CustomerPooled")[0].fields["why"] == "deadline"
    assert len(office.drafted("CustomerPooled")) == 1


def test_a_talk_by_a_collaborator_counts() -> None:
    office = given()
    office.do(AddCollaborator(customer(1), staff(3)))
    office.close(TODAY + 5)
    talk(office, who=3)
    assert (office.state.holding(1).due_day, office.state.holding(1).followed_day) == (TODAY + 16, TODAY + 6)


def test_a_talk_recorded_before_a_day_is_closed_late_still_saves_the_customer() -> None:
    """Due on day 10, talked with on day 12, all days up to 12 closed on day 13."""
    office = given()
    office.day = TODAY + 12
    talk(office)
    office.close(TODAY + 12)
    assert (office.owner(1), office.state.holding(1).due_day) == (1, TODAY + 22)


def test_days_closed_late_or_left_out_make_up_for_those_before() -> None:
    office = given()
    office.day = TODAY + 40
    draft = Draft(office.state, office.draft().context)
    draft.input("DayClosed", 0, day=day_text(TODAY + 39))
    assert [d.topic for d in draft.events] == ["DayClosed", "CustomerPooled"]


def test_a_nurtured_customer_never_returns_and_its_talk_is_due_in_its_rhythm() -> None:
    """Every 20 days from day 0: said on days 17, 37 (nobody talked) and, after a talk on day 45, on day 62."""
    office = given()
    office.do(BeginNurture(customer(1), 20))
    first = office.close(TODAY + 44)
    assert said(first, "nurture") == [
        ("nurture", 1, staff(1), day_text(TODAY + 20)),
        ("nurture", 1, staff(1), day_text(TODAY + 40)),
    ]
    talk(office)
    second = office.close(TODAY + 64)
    assert said(second, "nurture") == [("nurture", 1, staff(1), day_text(TODAY + 65))]
    assert said([*first, *second], "return_announced") == []
    assert office.owner(1) == 1


def test_a_customer_without_a_deadline_never_returns() -> None:
    office = given()
    office.rules.terms = replace(TERMS, follow_up_days=0)
    office.do(ReassignCustomer(customer(1), staff(2), "他熟"))
    office.close(TODAY + 100)
    assert office.owner(1) == 2


def test_a_handover_starts_the_clock_anew() -> None:
    office = given()
    office.close(TODAY + 8)
    office.do(HandOver(staff(1), staff(2), "leave"))
    office.close(TODAY + 9 + 14)
    assert office.owner(1) == 2
    office.close(TODAY + 9 + 15)
    assert office.owner(1) == 0


# What is said beforehand.


def test_the_end_of_protection_is_said_once_a_week_before() -> None:
    """Protected until day 20, notice 7 days: said when day 13 is closed."""
    office = given(announce_days=0)
    for day in (5, 10):
        office.close(TODAY + day - 1)
        talk(office)
    assert said(office.close(TODAY + 12), "protection_ending") == []
    assert said(office.close(TODAY + 13), "protection_ending") == [
        ("protection_ending", 1, staff(1), day_text(TODAY + 20))
    ]
    talk(office)
    assert said(office.close(TODAY + 22), "protection_ending") == []


def test_the_next_step_is_said_the_evening_before_and_goes_along_to_a_new_owner() -> None:
    office = given()
    talk(office, next_step="送方案", next_due_on=day_text(TODAY + 5))
    office.do(HandOver(staff(1), staff(2), "leave"))
    assert said(office.close(TODAY + 3), "follow_up") == []
    assert said(office.close(TODAY + 4), "follow_up") == [("follow_up", 1, staff(2), day_text(TODAY + 5))]
    assert said(office.close(TODAY + 12), "follow_up") == []


def test_a_talk_in_between_that_says_nothing_of_the_next_step_leaves_it_as_it_is() -> None:
    office = given()
    talk(office, next_step="送方案", next_due_on=day_text(TODAY + 5))
    talk(office)
    assert said(office.close(TODAY + 4), "follow_up") == [("follow_up", 1, staff(1), day_text(TODAY + 5))]


@pytest.mark.parametrize("more", [{"next_step": "签约"}, {"next_step_done": True}])
def test_another_next_step_takes_its_place_and_one_that_is_done_is_over(more: dict[str, Any]) -> None:
    office = given()
    talk(office, next_step="送方案", next_due_on=day_text(TODAY + 5))
    talk(office, **more)
    assert said(office.close(TODAY + 8), "follow_up") == []


def test_talks_of_logs_that_could_not_say_so_ended_the_step_before() -> None:
    state: dict[str, Any] = {"next_step": "", "next_due_on": ""}
    FollowUpRecorded.upcast_v1_v2(state)
    assert state == {"next_step": "", "next_due_on": "", "next_step_done": True}


@pytest.mark.parametrize(
    ("standing", "is_said"),
    [
        (Standing(tier="gold"), True),
        (Standing(tags=frozenset({"strategic"})), True),
        (Standing(tier="silver", tags=frozenset({"potential"})), False),
    ],
)
def test_an_important_customer_that_is_quiet_for_ten_days_is_said_once(standing: Standing, is_said: bool) -> None:
    office = staffed()
    office.standings = {1: standing}
    office.do(lead("a", staff=staff(1)))
    talk(office)
    assert said(office.close(TODAY + 9), "important_quiet") == []
    expected = [("important_quiet", 1, staff(1), day_text(TODAY + 10))] if is_said else []
    assert said(office.close(TODAY + 10), "important_quiet") == expected
    assert said(office.close(TODAY + 14), "important_quiet") == []


def test_each_quiet_time_of_an_important_customer_is_said() -> None:
    office = staffed()
    office.standings = {1: Standing(tier="gold")}
    office.do(lead("a", staff=staff(1)))
    office.close(TODAY + 11)
    talk(office)
    assert said(office.close(TODAY + 22), "important_quiet") == [("important_quiet", 1, staff(1), day_text(TODAY + 22))]


def test_who_becomes_important_while_quiet_is_said_when_another_ten_days_are_over() -> None:
    office = staffed(Rules(replace(TERMS, follow_up_days=0)))
    office.do(lead("a", staff=staff(1)))
    office.close(TODAY + 15)
    office.standings = {1: Standing(tier="gold")}
    assert said(office.close(TODAY + 19), "important_quiet") == []
    assert len(said(office.close(TODAY + 20), "important_quiet")) == 1
    assert said(office.close(TODAY + 60), "important_quiet") == []


def test_important_ones_in_the_pool_and_nurtured_ones_are_not_said_to_be_quiet() -> None:
    office = staffed(Rules(nobody=True))
    office.standings = {n: Standing(tier="gold") for n in (1, 2)}
    office.do(lead("a"), lead("b", staff=staff(1)), BeginNurture(customer(2), 60))
    assert said(office.close(TODAY + 40), "important_quiet") == []


# Work.


def test_an_overdue_task_is_said_once_to_who_has_to_do_it() -> None:
    """Due on day 2, so overdue when day 2 is closed; to who handed it where nobody has accepted it."""
    office = given()
    office.do(
        HandTask(customer(1), staff(1), "估算", day_text(TODAY + 2), "technical"),
        HandTask(customer(1), staff(1), "方案", day_text(TODAY + 2), "technical", staff(6)),
        HandTask(customer(1), staff(1), "样品", day_text(TODAY + 2), "technical"),
        MoveTask("T-000003", "accepted", staff(6)),
        MoveTask("T-000003", "done", staff(6)),
    )
    assert said(office.close(TODAY + 1), "task") == []
    decided = office.close(TODAY + 2)
    assert said(decided, "task") == [
        ("task", 1, staff(1), day_text(TODAY + 2)),
        ("task", 1, staff(6), day_text(TODAY + 2)),
    ]
    assert [f["about"] for _, _, f in decided] == ["T-000001", "T-000002"]
    office.do(MoveTask("T-000002", "accepted", staff(6), 50))
    assert said(office.close(TODAY + 20), "task") == []


def test_a_milestone_that_is_near_is_said_once_and_again_where_it_moves() -> None:
    office = given()
    office.do(
        RecordProject(customer(1), "滨江路"),
        SetMilestone("J-000001", "roof", "封顶", day_text(TODAY + 9)),
        SetMilestone("J-000001", "start", "开工", day_text(TODAY + 1), day_text(TODAY)),
    )
    assert said(office.close(TODAY + 1), "milestone") == []
    decided = office.close(TODAY + 2)
    assert said(decided, "milestone") == [("milestone", 1, staff(1), day_text(TODAY + 9))]
    assert decided[0][2]["about"] == "J-000001/roof"
    office.do(SetMilestone("J-000001", "roof", "主体封顶", day_text(TODAY + 9)))
    assert said(office.close(TODAY + 4), "milestone") == []
    office.do(SetMilestone("J-000001", "roof", "封顶", day_text(TODAY + 15)))
    assert said(office.close(TODAY + 8), "milestone") == [("milestone", 1, staff(1), day_text(TODAY + 15))]


def test_what_a_close_costs_grows_with_what_is_due_and_not_with_all_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand customers are due on day 15; on the days before the announcement no holding is looked at."""
    office = staffed(capacities=(2000, 0, 0))
    office.do(*(lead(f"l{n}", name=f"{n}", staff=staff(1)) for n in range(1000)))
    looked: list[int] = []
    holding = type(office.state).holding
    monkeypatch.setattr(
        type(office.state), "holding", lambda self, number: looked.append(number) or holding(self, number)
    )
    office.standings = {n: Standing(tier="gold") for n in range(1, 4)}
    office.close(TODAY + 9)
    assert looked == []
    assert len(said(office.close(TODAY + 10), "important_quiet")) == 3
    assert len(set(looked)) == 1000
    looked.clear()
    assert office.close(TODAY + 11) == []
    assert looked == []

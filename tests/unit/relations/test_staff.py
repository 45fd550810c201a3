"""Staff and teams: what is refused, what is said once, what changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.commands import (
    AssignCustomer,
    CancelAbsence,
    CancelLeaving,
    ChangeStaff,
    Command,
    DeclareTeam,
    HandOver,
    RecordAbsence,
    RecordLeaving,
)
from ledger.domain.relations.dump import dump
from ledger.domain.relations.records import NONE, Staff
from ledger.domain.values import day_parse
from tests.unit.relations.office import TODAY, Office, enrol, lead, staffed


def member(office: Office, number: int = 1) -> Staff:
    return office.state.staff[number]


def test_teams_are_a_tree() -> None:
    office = staffed()
    assert office.refused(DeclareTeam("north", "华北组", "nowhere")) == "STAFF_TEAM_UNKNOWN"
    assert office.refused(DeclareTeam("sales", "销售部", "east")) == "STAFF_TEAM_CYCLE"
    assert office.refused(DeclareTeam("sales", "销售部", "sales")) == "STAFF_TEAM_CYCLE"
    office.do(DeclareTeam("north", "华北组", "sales", "华北"), DeclareTeam("east", "华东组", "north", "华东"))
    assert office.refused(DeclareTeam("sales", "销售部", "east")) == "STAFF_TEAM_CYCLE"


def test_a_team_declared_again_as_it_is_says_nothing_new() -> None:
    office = staffed()
    count = len(office.log)
    assert office.do(DeclareTeam("east", "华东组", "sales", "华东")).status == "duplicate"
    assert len(office.log) == count
    first = office.state.teams["east"].position
    office.do(DeclareTeam("east", "华东一组", "sales", "华东"))
    assert (office.state.teams["east"].name, office.state.teams["east"].position) == ("华东一组", first)


def test_who_is_enrolled_once_stays_as_they_are() -> None:
    office = staffed()
    assert office.do(enrol("e1", capacity=1)).status == "duplicate"
    assert office.do(enrol("e1")).id == "S-000001"
    assert member(office).capacity == 5


def test_names_and_phones_are_sealed_for_the_person_and_stand_nowhere_in_the_clear() -> None:
    office = staffed()
    answer = office.do(replace(enrol("x1"), name="李四", phone="13800001111"))
    event = office.drafted("StaffEnrolled")[-1]
    assert event.fields["sealed"] == f"sealed for {int(event.fields['person'][2:])}"
    assert "李四" not in str(office.log) and "13800001111" not in str(office.log)
    assert office.state.people["count"] == member(office, int(answer.id[2:])).person == len(office.state.staff)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"team": "nowhere"}, "STAFF_TEAM_UNKNOWN"),
        ({"role": "king"}, "STAFF_ROLE_INVALID"),
        ({"capacity": -1}, "NUMBER_INVALID"),
        ({"capacity": 2.5}, "NUMBER_INVALID"),
        ({"experience_years": True}, "NUMBER_INVALID"),
        ({"skills": {"桥梁": 3}}, "STAFF_SKILLS_INVALID"),
        ({"skills": {"industry:桥梁": 6}}, "NUMBER_INVALID"),
        ({"skills": {"industry:桥梁": 0}}, "NUMBER_INVALID"),
        ({"skills": ["industry:桥梁"]}, "STAFF_SKILLS_INVALID"),
        ({"joined_on": "yesterday"}, "DATE_INVALID"),
        ({"name": " "}, "TEXT_INVALID"),
        ({"source": ""}, "TEXT_INVALID"),
    ],
)
def test_staff_that_can_not_be_is_refused(more: dict[str, Any], code: str) -> None:
    office = staffed()
    before = dump(office.state)
    assert office.refused(replace(enrol("x1"), **more)) == code
    assert dump(office.state) == before


def test_only_what_changes_of_somebody_is_recorded() -> None:
    office = staffed()
    office.do(ChangeStaff("S-000001", {"capacity": 7, "role": "seller", "skills": {"industry:桥梁": 4}}))
    assert office.drafted("StaffChanged")[-1].fields["changes"] == {"capacity": 7, "skills": {"industry:桥梁": 4}}
    assert office.do(ChangeStaff("S-000001", {"capacity": 7})).status == "duplicate"
    assert office.refused(ChangeStaff("S-000001", {"name": "王五"})) == "STAFF_INVALID"
    assert office.refused(ChangeStaff("S-000099", {"capacity": 7})) == "STAFF_UNKNOWN"


def test_leave_is_a_span_of_days_and_one_from_the_same_day_on_takes_its_place() -> None:
    office = staffed()
    office.do(
        RecordAbsence("S-000001", "2026-12-01", "2026-12-20"), RecordAbsence("S-000001", "2026-11-26", "2026-11-26")
    )
    office.do(RecordAbsence("S-000001", "2026-12-01", "2026-12-05"))
    first = day_parse("2026-12-01")
    assert member(office).absences == ((TODAY + 1, TODAY + 1), (first, first + 4))
    assert [member(office).is_absent(day) for day in (TODAY, TODAY + 1, first + 4, first + 5)] == [
        False,
        True,
        True,
        False,
    ]
    assert office.do(RecordAbsence("S-000001", "2026-12-01", "2026-12-05")).status == "duplicate"
    assert office.refused(RecordAbsence("S-000001", "2026-12-05", "2026-12-04")) == "DATE_INVALID"


def test_whoever_leaves_is_here_until_their_last_day() -> None:
    office = staffed()
    office.do(RecordLeaving("S-000001", "2026-11-30"))
    last = day_parse("2026-11-30")
    assert (member(office).is_here(last), member(office).is_here(last + 1)) == (True, False)
    assert office.do(RecordLeaving("S-000001", "2026-11-30")).status == "duplicate"
    assert office.refused(RecordLeaving("S-000001", "2019-12-31")) == "DATE_INVALID"


def test_leave_that_is_cancelled_does_not_take_place() -> None:
    office = staffed()
    office.do(
        RecordAbsence("S-000001", "2026-12-01", "2026-12-20"), RecordAbsence("S-000001", "2026-11-26", "2026-11-26")
    )
    assert office.do(CancelAbsence("S-000001", "2026-12-01")).id == "S-000001"
    assert member(office).absences == ((TODAY + 1, TODAY + 1),)
    assert office.refused(CancelAbsence("S-000001", "2026-12-01")) == "STAFF_ABSENCE_MISSING"
    assert office.refused(CancelAbsence("S-000002", "2026-11-26")) == "STAFF_ABSENCE_MISSING"
    assert office.refused(CancelAbsence("S-000099", "2026-11-26")) == "STAFF_UNKNOWN"
    assert office.refused(CancelAbsence("S-000001", "morgen")) == "DATE_INVALID"
    assert dump(office.rebuilt()) == dump(office.state)


def test_of_leave_that_has_begun_only_what_is_left_is_cancelled() -> None:
    office = staffed()
    office.do(RecordAbsence("S-000001", "2026-11-26", "2026-12-05"))
    office.day = TODAY + 3
    office.do(CancelAbsence("S-000001", "2026-11-26"))
    # It began on the 26th and is cancelled on the 28th: the 26th and 27th were leave.
    assert member(office).absences == ((TODAY + 1, TODAY + 2),)
    assert not member(office).is_absent(office.day)
    assert office.refused(CancelAbsence("S-000001", "2026-11-26")) == "STAFF_ABSENCE_OVER"
    assert dump(office.rebuilt()) == dump(office.state)


def test_leave_cancelled_on_its_first_day_does_not_take_place() -> None:
    office = staffed()
    office.do(RecordAbsence("S-000001", "2026-11-25", "2026-12-05"), CancelAbsence("S-000001", "2026-11-25"))
    assert member(office).absences == ()


def test_who_stays_after_all_gets_customers_again() -> None:
    office = staffed(capacities=(5,))
    office.do(RecordLeaving("S-000001", "2026-11-30"), lead("a"))
    assert (office.owner(1), dict(office.state.leaving)) == (0, {1: TODAY + 5})
    assert office.do(CancelLeaving("S-000001")).status == "accepted"
    office.do(AssignCustomer("C-000001"))
    assert (office.owner(1), member(office).last_day, dict(office.state.leaving)) == (1, NONE, {})
    assert office.do(CancelLeaving("S-000001")).status == "duplicate"
    assert office.refused(CancelLeaving("S-000099")) == "STAFF_UNKNOWN"
    assert dump(office.rebuilt()) == dump(office.state)


def test_who_has_left_and_comes_back_is_here_again_without_what_was_handed_over() -> None:
    office = staffed(capacities=(5, 5))
    office.do(lead("a", staff="S-000001"), RecordLeaving("S-000001", "2026-11-25"), HandOver("S-000001"))
    office.pass_days(3)
    assert (office.owner(1), member(office).is_here(office.day)) == (2, False)
    office.do(CancelLeaving("S-000001"))
    assert (office.owner(1), member(office).is_here(office.day)) == (2, True)
    assert dump(office.rebuilt()) == dump(office.state)


@pytest.mark.parametrize(
    "command",
    [
        DeclareTeam("north", "华北组"),
        enrol("x1"),
        ChangeStaff("S-000001", {"capacity": 9}),
        RecordAbsence("S-000001", "2026-12-01", "2026-12-02"),
        RecordLeaving("S-000001", "2026-12-01"),
    ],
)
def test_whatever_changes_of_staff_and_teams_is_worked_out_again_by_the_rules(command: Command) -> None:
    office = staffed()
    before = office.state.staff_moved[0]
    office.do(command)
    assert office.state.staff_moved[0] > before

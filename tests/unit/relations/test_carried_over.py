"""Opportunities that are carried over from another system, and people whom that system knows by name only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.commands import (
    ChangeOpportunity,
    DeclareTeam,
    EnrolStaff,
    ErasePerson,
    OpenOpportunity,
    RecordLeaving,
    ReleaseCustomer,
    ReportLead,
    personal_fields,
)
from ledger.domain.relations.acquaintance import Acquaintance
from ledger.domain.relations.dump import dump
from ledger.domain.relations.work import CARRIED_OVER
from ledger.domain.values import day_text
from tests.unit.relations.office import TODAY, Office, customer, lead, staff, staffed


def opportunity(to: int = 1, who: int = 1, reference: str = "1", **more: Any) -> OpenOpportunity:
    said = {"amount": "100", "source": "crm", "reference": reference, "carried_over": True, **more}
    return OpenOpportunity(customer(to), staff(who), "路桥", **{"stage": "qualified", **said})


@pytest.fixture
def office() -> Office:
    """Two customers that nobody has: the rules found nobody for them."""
    found = staffed()
    found.rules.nobody = True
    found.do(lead("a"), lead("b"))
    found.rules.nobody = False
    return found


def test_whoever_comes_first_owns_and_who_comes_later_works_with_it(office: Office) -> None:
    office.do(opportunity(1, 2, "1"), opportunity(1, 3, "2"), opportunity(1, 2, "3"), opportunity(2, 3, "4"))
    holding = office.state.holding(1)
    assert (holding.owner, holding.collaborators) == (2, frozenset({3}))
    assert (office.owner(2), office.state.load[2], office.state.load[3]) == (3, 1, 1)
    assert [o.staff for o in office.state.opportunities.values()] == [2, 3, 2, 3]
    reassigned = office.drafted("CustomerReassigned")
    assert [r.fields["reason"] for r in reassigned] == [f"{CARRIED_OVER} crm:1", f"{CARRIED_OVER} crm:4"]
    assert len(office.drafted("CollaboratorAdded")) == 1


def test_an_owner_of_today_stays_the_owner(office: Office) -> None:
    office.do(lead("c", staff=staff(1)))
    office.do(opportunity(3, 2))
    assert (office.owner(3), office.state.holding(3).collaborators) == (1, frozenset({2}))


def test_a_manager_of_the_region_who_came_first_owns_too(office: Office) -> None:
    office.do(opportunity(1, 5))
    assert office.owner(1) == 5


def test_without_being_carried_over_only_who_serves_a_customer_opens_one(office: Office) -> None:
    assert office.refused(opportunity(carried_over=False)) == "CUSTOMER_NOT_SERVED"
    assert office.owner(1) == 0


def test_who_cannot_own_gets_no_customer_and_nothing_is_recorded(office: Office) -> None:
    count = len(office.log)
    assert office.refused(opportunity(1, 6)) == "STAFF_OWNS_NOTHING"
    office.do(RecordLeaving(staff(2), day_text(TODAY + 5)))
    assert office.refused(opportunity(1, 2)) == "STAFF_LEAVING"
    assert len(office.log) == count + 1


def test_days_of_the_past_are_those_on_which_it_happened(office: Office) -> None:
    office.do(opportunity(opened_on="2026-01-05", end="won", ended_on="2026-03-01", reason="中标"))
    [opened], [ended] = office.drafted("OpportunityOpened"), office.drafted("OpportunityChanged")
    assert (opened.occurred_on, ended.occurred_on) == ("2026-01-05", "2026-03-01")
    assert ended.fields["changes"] == {"stage": "won", "probability_percent": 100}
    assert ended.fields["reason"] == "中标"
    assert (office.state.opportunities[1].stage, office.state.opportunities[1].is_open) == ("won", False)
    assert not office.state.opportunities_of.size(1)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"opened_on": day_text(TODAY + 1)}, "DATE_INVALID"),
        ({"end": "won", "ended_on": day_text(TODAY + 1)}, "DATE_INVALID"),
        ({"opened_on": "2026-03-02", "end": "won", "ended_on": "2026-03-01"}, "DATE_INVALID"),
        ({"end": "won", "ended_on": "2026-03-01"}, "DATE_INVALID"),
        ({"ended_on": "2026-03-01"}, "OPPORTUNITY_STAGE_INVALID"),
        ({"end": "bidding"}, "OPPORTUNITY_STAGE_INVALID"),
        ({"stage": "won"}, "OPPORTUNITY_STAGE_INVALID"),
        ({"opened_on": "1.3.2026"}, "DATE_INVALID"),
    ],
)
def test_days_and_ends_that_cannot_be_are_refused(office: Office, more: Mapping[str, Any], code: str) -> None:
    before, count = dump(office.state), len(office.log)
    assert office.refused(opportunity(**more)) == code
    assert (dump(office.state), len(office.log)) == (before, count)


def test_an_end_of_here_needs_its_reason_one_of_another_system_may_have_none(office: Office) -> None:
    office.do(opportunity())
    mine = replace(opportunity(reference="2", end="lost"), carried_over=False)
    assert office.refused(mine) == "OPPORTUNITY_REASON_MISSING"
    office.do(replace(mine, reason="价高"))
    office.do(opportunity(reference="3", end="lost"))
    assert [e.fields["reason"] for e in office.drafted("OpportunityChanged")] == ["价高", CARRIED_OVER]


def test_what_has_changed_there_changes_here_on_its_day(office: Office) -> None:
    office.do(opportunity(opened_on="2026-01-05"))
    assert office.do(opportunity(opened_on="2026-01-05")).status == "duplicate"
    assert office.do(opportunity(amount="250", stage="bidding")).status == "accepted"
    known = office.state.opportunities[1]
    assert (known.amount, known.stage, len(office.state.opportunities)) == (25_000, "bidding", 1)
    office.do(opportunity(amount="250", end="won", ended_on="2026-06-01"))
    assert office.drafted("OpportunityChanged")[-1].occurred_on == "2026-06-01"
    assert office.do(opportunity(amount="250", end="won", ended_on="2026-06-01")).status == "duplicate"
    assert office.refused(opportunity(stage="lead")) == "OPPORTUNITY_WON"
    assert office.do(replace(opportunity(amount="7"), carried_over=False)).status == "duplicate"


def test_one_that_was_lost_and_goes_on_there_goes_on_here(office: Office) -> None:
    office.do(opportunity(end="lost"), opportunity(stage="bidding"))
    assert (office.state.opportunities[1].stage, office.state.opportunities[1].is_open) == ("bidding", True)


def test_a_reference_of_another_customers_opportunity_is_refused(office: Office) -> None:
    office.do(opportunity(1))
    assert office.refused(opportunity(2)) == "OPPORTUNITY_REFERENCE_TAKEN"


def test_history_folds_to_what_was_lived_and_replays_to_it(office: Office) -> None:
    office.do(opportunity(1, 2, "1", end="won"), opportunity(1, 3, "2"), opportunity(2, 1, "3"))
    office.do(ReleaseCustomer(customer(2), "让出"), ChangeOpportunity("O-000003", {"amount": "5"}))
    assert dump(office.rebuilt()) == dump(office.state)
    office.rules.nobody = True
    replayed, _, dropped = office.replayed()
    assert (dump(replayed), dropped) == (dump(office.state), 0)


def test_who_is_named_by_reference_is_found_and_a_name_is_no_part_of_a_digest(office: Office) -> None:
    office.do(replace(opportunity(), staff="hr:e2"))
    assert office.owner(1) == 2
    assert office.refused(replace(opportunity(2, reference="2"), staff="hr:nobody")) == "STAFF_UNKNOWN"
    assert personal_fields(replace(opportunity(), staff="crm:王丽")) == ("staff",)
    assert personal_fields(opportunity()) == ()
    assert personal_fields(ReportLead("web", "1", "甲", staff="crm:王丽")) == ("phone", "staff")
    assert "leader" in personal_fields(EnrolStaff("crm", "", "王丽", "east"))


class Opened:
    """A sealer whose seals are numbered, and that counts how often it is asked to open."""

    def __init__(self) -> None:
        self.said: dict[tuple[int, str], Mapping[str, str]] = {}
        self.asked = 0

    def seal(self, person: int, fields: Mapping[str, str]) -> str:
        sealed = f"sealed {len(self.said)}"
        self.said[person, sealed] = dict(fields)
        return sealed

    def open(self, person: int, sealed: str) -> Mapping[str, str] | None:
        return self.said.get((person, sealed))

    def open_many(self, sealed: Sequence[tuple[int, str]]) -> list[Mapping[str, str] | None]:
        self.asked += len(sealed)
        return [self.said.get(pair) for pair in sealed]


class ByName(Office):
    """An office that finds people by name, as the ledger does."""

    def __init__(self) -> None:
        super().__init__()
        self.sealer = Opened()
        self.known = Acquaintance(self.state)
        self.names.staff_named = lambda source, name: self.known.find(source, name, self.sealer)  # type: ignore[method-assign]
        self.do(DeclareTeam("east", "华东", region="east"))

    def draft(self) -> Any:
        draft = super().draft()
        draft.context = replace(draft.context, sealer=self.sealer)
        return draft


def by_name(name: str, **more: Any) -> EnrolStaff:
    return EnrolStaff("crm", "", name, "east", **more)


def test_who_leads_has_a_team_below_and_those_they_lead_are_in_it() -> None:
    office = ByName()
    assert office.do(by_name("王 丽", role="manager", leads=True)).id == staff(1)
    assert office.do(by_name("李强", leader="王　丽")).id == staff(2)
    team = office.state.teams[f"east/{staff(1)}"]
    assert (team.parent, team.region, team.name) == ("east", "east", team.team)
    assert [office.state.staff[n].team for n in (1, 2)] == ["east", team.team]
    assert office.refused(by_name("赵敏", leader="李强")) == "STAFF_LEADER_UNKNOWN"
    assert office.refused(by_name("赵敏", leader="钱七")) == "STAFF_LEADER_UNKNOWN"
    assert office.do(by_name("王  丽")).status == "duplicate"
    assert "王" not in str(office.log) and "李强" not in str(office.log)


def test_names_are_opened_once_and_forgotten_with_the_person() -> None:
    office = ByName()
    for name in ("甲", "乙", "丙"):
        office.do(by_name(name))
    asked = office.sealer.asked
    assert asked == 2, "the first two, each when the next one was enrolled"
    assert [office.known.find("crm", n, office.sealer) for n in ("甲", "乙", "丙", "丁")] == [1, 2, 3, 0]
    assert office.known.find("other", "甲", office.sealer) == 0
    assert office.sealer.asked == asked + 1
    office.do(ErasePerson("P-000002", "要求删除"))
    assert [office.known.find("crm", n, office.sealer) for n in ("甲", "乙", "丙")] == [1, 0, 3]
    assert 2 not in office.state.staff_sealed
    assert dump(office.rebuilt()) == dump(office.state)


def test_who_was_drafted_and_taken_back_is_found_no_more() -> None:
    office = ByName()
    assert office.refused(by_name("甲"), by_name("乙", leader="甲")) == "STAFF_LEADER_UNKNOWN"
    assert office.known.find("crm", "甲", office.sealer) == 0
    assert office.state.staff_sealed == {}


def test_nothing_is_found_where_nothing_opens_names() -> None:
    office = ByName()
    office.do(by_name("甲"))
    assert Acquaintance(office.state).find("crm", "甲", None) == 0

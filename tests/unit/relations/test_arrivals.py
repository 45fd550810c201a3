"""Leads: whose they become, and what comes of one that is somebody's already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    ClaimCustomer,
    HandOver,
    ReassignCustomer,
    RecordAbsence,
    ReleaseCustomer,
    RuleCollision,
)
from ledger.domain.events import REGISTRY
from ledger.domain.relations.collisions import collision_answer_chinese
from ledger.domain.relations.drafts import Drafted
from ledger.domain.relations.policy import Choice, Wanted
from ledger.domain.relations.records import Match
from ledger.domain.relations.state import Relations
from ledger.domain.values import day_text
from replay.ownership.run import ownership_run
from replay.ownership.standings import Standings
from tests.unit.relations.office import TERMS, TODAY, Office, Rules, customer, lead, staff, staffed

CREDIT_CODE = "91350100M000100Y43"


def by_manager() -> Office:
    """An office where a manager rules every collision."""
    return staffed(Rules(replace(TERMS, collision_by_rules=False)))


def assigned(office: Office) -> list[tuple[int, str, str, str]]:
    return [
        (d.customer, d.fields["staff"], d.fields["why"], d.fields["rule"]) for d in office.drafted("CustomerAssigned")
    ]


def last(office: Office, topic: str) -> Drafted:
    return office.drafted(topic)[-1]


# Whose they become.


def test_a_lead_that_nobody_reported_is_given_by_the_rules_with_their_reasons() -> None:
    office = staffed()
    answer = office.do(lead("a", needs={"service": "BIM"}, amount="12.50", channel="web", project="滨江路"))
    assert (answer.status, answer.customer) == ("accepted", customer(1))
    [wanted] = office.rules.asked
    assert (wanted.traits, dict(wanted.needs), wanted.amount, wanted.channel) == (
        {"region": "华东"},
        {"service": "BIM"},
        1250,
        "web",
    )
    said = last(office, "CustomerAssigned").fields
    assert said == {
        "staff": staff(1), "team": "east", "why": "arrival", "rule": "least", "rule_set": "RS-0001", "score": 7,
        "protected_until": day_text(TODAY + 20), "due_on": day_text(TODAY + 10),
        "candidates": [[staff(1), 7, 0, 0, "chosen"]], "turn": ["华东", 1, 1],
    }  # fmt: skip
    assert last(office, "CustomerAssigned").cause == last(office, "LeadArrived").position


def test_where_the_rules_find_nobody_the_customer_waits_in_the_pool_and_why_is_told() -> None:
    office = staffed(Rules(nobody=True))
    office.do(lead("a"))
    said = last(office, "CustomerPooled").fields
    assert (said["why"], said["staff"], len(said["candidates"])) == ("no_candidate", "", 6)
    assert office.owner(1) == 0


def test_a_new_customer_is_of_who_reports_it() -> None:
    office = staffed()
    office.do(lead("a", staff=staff(3)))
    assert assigned(office) == [(1, staff(3), "arrival", "")]
    assert last(office, "CustomerAssigned").fields["due_on"] == day_text(TODAY + TERMS.follow_up_days)


def test_the_rules_choose_also_for_what_is_reported_where_the_terms_say_so() -> None:
    office = staffed(Rules(replace(TERMS, reported_by_rules=True)))
    office.do(lead("a", staff=staff(3)))
    assert assigned(office) == [(1, staff(1), "arrival", "least")]


@pytest.mark.parametrize("who", [1, 2, 6])
def test_who_reports_but_can_have_no_more_leaves_the_choice_to_the_rules(who: int) -> None:
    """1 is full, 2 on leave, 6 of technical support."""
    office = staffed(capacities=(0, 5, 5))
    office.do(RecordAbsence(staff(2), day_text(TODAY), day_text(TODAY)))
    office.do(lead("a", staff=staff(who)))
    assert assigned(office) == [(1, staff(3), "arrival", "least")]


def test_the_same_lead_arrives_once() -> None:
    office = staffed()
    first = office.do(lead("a"))
    count = len(office.log)
    again = office.do(lead("a", name="另一家"))
    assert (again.status, again.customer, again.id) == ("duplicate", first.customer, first.id)
    assert len(office.log) == count


def test_a_new_customer_keeps_its_credit_code_and_is_found_by_it_at_once() -> None:
    office = staffed()
    office.do(lead("a", credit_code=CREDIT_CODE), lead("b", credit_code=CREDIT_CODE.lower()))
    assert office.state.profiles[1].credit_code == CREDIT_CODE
    assert office.customers.count() == 1
    assert last(office, "LeadArrived").fields["matches"] == [["credit_code", 100]]


def test_a_lead_of_a_known_customer_in_the_pool_is_given_by_the_rules() -> None:
    office = staffed()
    office.do(lead("a"), ReleaseCustomer(customer(1), "不做了"))
    office.do(lead("b", customer=customer(1), staff=staff(3)))
    assert assigned(office)[-1] == (1, staff(2), "arrival", "least")
    assert office.rules.asked[-1].previous == 1


def test_a_lead_of_a_customer_that_somebody_has_stays_with_them_where_nobody_else_asks() -> None:
    office = staffed()
    office.do(lead("a"), lead("b", customer=customer(1)), lead("c", customer="web:a"), lead("d", name="a号建设"))
    assert assigned(office) == [(1, staff(1), "arrival", "least")]
    assert {d.customer for d in office.drafted("LeadArrived")} == {1}


def test_the_source_may_call_its_lead_as_it_called_its_customer() -> None:
    office = staffed()
    office.do(lead("a"))
    office.state.leads.clear()
    office.do(lead("a"))
    assert office.customers.count() == 1


@pytest.mark.parametrize("who", [1, 2])
def test_owner_and_collaborator_may_report_their_own_customer(who: int) -> None:
    office = staffed()
    office.do(lead("a"), AddCollaborator(customer(1), staff(2)))
    answer = office.do(lead("b", name="a号建设", staff=staff(who)))
    assert (answer.status, answer.customer, answer.code) == ("accepted", customer(1), "")
    assert office.drafted("CollisionFound") == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"customer": "C-000009"}, "CUSTOMER_UNKNOWN"),
        ({"staff": "S-000099"}, "STAFF_UNKNOWN"),
        ({"traits": {"colour": "红"}}, "TRAIT_UNKNOWN"),
        ({"amount": "-1"}, "AMOUNT_INVALID"),
        ({"amount": "1.001"}, "AMOUNT_INVALID"),
        ({"credit_code": "123"}, "CUSTOMER_CREDIT_CODE_INVALID"),
        ({"lead": ""}, "TEXT_INVALID"),
        ({"name": "\x00"}, "TEXT_INVALID"),
        ({"needs": {"": "BIM"}}, "TEXT_INVALID"),
    ],
)
def test_a_lead_that_can_not_be_is_refused_and_registers_nobody(more: dict[str, Any], code: str) -> None:
    office = staffed()
    count = len(office.log)
    assert office.refused(replace(lead("a"), **more)) == code
    assert (len(office.log), office.state.customer_count()) == (count, 0)


# Collisions.


def test_who_reports_what_is_somebody_elses_learns_that_it_is_taken_and_by_which_team_only() -> None:
    office = staffed()
    office.do(lead("a"))
    answer = office.do(lead("b", name="a号建设", staff=staff(4)))
    collision = last(office, "CollisionFound")
    assert answer.status == "accepted"
    assert answer.id == f"X-{last(office, 'LeadArrived').position:06d}" == collision.fields["collision"]
    assert (answer.customer, answer.code) == ("", "COLLISION_FOUND")
    assert answer.reason == "this is a customer of team east; it stays with them"
    assert staff(1) not in str(answer) and customer(1) not in str(answer)
    assert collision.fields == {
        "collision": answer.id, "holder": staff(1), "asker": staff(4), "certainty": "exact", "matched": customer(1),
        "matches": [["registered_name", 100]], "project": "",
    }  # fmt: skip


def test_asked_again_the_lead_that_collided_tells_no_more() -> None:
    office = by_manager()
    office.do(lead("a"))
    first = office.do(lead("b", name="a号建设", staff=staff(4)))
    again = office.do(lead("b", name="a号建设", staff=staff(4)))
    assert (again.status, again.id, again.code, again.reason) == ("duplicate", first.id, first.code, first.reason)
    assert again.customer == ""


def test_the_rules_settle_an_exact_collision_for_who_has_the_customer() -> None:
    office = staffed()
    office.do(lead("a"), lead("b", name="a号建设", staff=staff(4)))
    said = last(office, "CollisionSettled").fields
    assert (said["owner"], said["rule_set"], office.owner(1)) == (staff(1), "RS-0001", 1)
    assert office.state.disputes.size(1) == 0
    assert office.refused(RuleCollision(said["collision"], staff(4), "先报")) == "COLLISION_RULED"


def test_a_manager_rules_where_the_rules_do_not_and_who_asked_may_get_it() -> None:
    office = by_manager()
    office.do(lead("a"))
    answer = office.do(lead("b", name="a号建设", staff=staff(4)))
    assert answer.reason == "this is a customer of team east; a manager rules who has it"
    assert (office.owner(1), office.state.disputes.of(1)) == (1, [int(answer.id[2:])])
    assert office.refused(RuleCollision(answer.id, staff(3), "他最合适")) == "COLLISION_OWNER_INVALID"
    assert office.refused(RuleCollision(answer.id, staff(4), " ")) == "TEXT_INVALID"
    assert office.refused(RuleCollision("X-000001", staff(4), "先报")) == "COLLISION_UNKNOWN"
    office.do(RuleCollision(answer.id, staff(4), "先报"))
    assert assigned(office)[-1] == (1, staff(4), "collision", "")
    assert office.do(lead("b", name="a号建设", staff=staff(4))).customer == customer(1)


def test_ruled_for_who_has_it_nothing_moves() -> None:
    office = by_manager()
    office.do(lead("a"))
    answer = office.do(lead("b", name="a号建设", staff=staff(4)))
    since = office.state.holding(1).since
    office.do(RuleCollision(answer.id, staff(1), "早就在谈"))
    assert (office.owner(1), office.state.holding(1).since) == (1, since)


def test_a_ruling_for_who_had_it_is_one_for_who_has_it_by_then() -> None:
    office = by_manager()
    office.do(lead("a"))
    answer = office.do(lead("b", name="a号建设", staff=staff(4)))
    office.do(HandOver(staff(1), staff(2), "leave"))
    office.do(RuleCollision(answer.id, staff(1), "早就在谈"))
    assert office.owner(1) == 2


def test_what_only_seems_to_be_somebodys_is_new_and_waits_in_the_pool_for_the_ruling() -> None:
    office = staffed()
    office.do(lead("a", name="上海路桥建设"))
    answer = office.do(lead("b", name="上海路桥工程", staff=staff(4)))
    assert answer.reason == "this seems to be a customer of team east; a manager rules who has it"
    assert last(office, "CollisionFound").fields["matched"] == customer(1)
    assert (office.owner(1), office.owner(2), last(office, "CustomerPooled").fields["why"]) == (1, 0, "disputed")
    assert office.refused(ClaimCustomer(customer(2), staff(2))) == "COLLISION_OPEN"
    assert office.refused(AssignCustomer(customer(2))) == "COLLISION_OPEN"
    office.do(lead("c", customer=customer(2)))
    assert office.owner(2) == 0


@pytest.mark.parametrize(("owner", "expected"), [(4, 4), (1, 1)])
def test_a_likely_collision_is_ruled_for_either_side(owner: int, expected: int) -> None:
    office = staffed()
    office.do(lead("a", name="上海路桥建设"))
    answer = office.do(lead("b", name="上海路桥工程", staff=staff(4)))
    office.do(RuleCollision(answer.id, staff(owner), "查过了"))
    assert (office.owner(1), office.owner(2)) == (1, expected)


def test_a_likely_collision_lost_by_who_asked_is_given_by_the_rules_where_nobody_has_the_other_any_more() -> None:
    office = staffed()
    office.do(lead("a", name="上海路桥建设"))
    answer = office.do(lead("b", name="上海路桥工程", staff=staff(4)))
    office.do(ReleaseCustomer(customer(1), "不做了"))
    office.do(RuleCollision(answer.id, staff(1), "查过了"))
    assert (office.owner(1), assigned(office)[-1]) == (0, (2, staff(2), "collision", "least"))


def test_what_seems_to_be_somebodys_and_nobody_reported_is_given_at_once() -> None:
    office = staffed()
    office.do(lead("a", name="上海路桥建设"), lead("b", name="上海路桥工程"))
    assert [office.owner(1), office.owner(2)] == [1, 2]
    assert last(office, "LeadArrived").fields["matched"] == customer(1)


def test_matches_below_the_likely_score_are_none() -> None:
    office = staffed(Rules(replace(TERMS, collision_likely_score=91)))
    office.do(lead("a", name="上海路桥建设"), lead("b", name="上海路桥工程", staff=staff(4)))
    assert [office.owner(1), office.owner(2)] == [1, 4]


def test_of_two_that_match_alike_the_better_evidence_speaks() -> None:
    office = staffed()
    office.do(lead("a"), lead("b"))
    office.names.more = [Match(1, "phone", 100), Match(2, "credit_code", 100)]
    office.do(lead("c", staff=staff(4)))
    assert last(office, "CollisionFound").customer == 2


def test_what_somebody_else_reports_tells_the_owner_nothing_of_their_business() -> None:
    office = staffed()
    office.do(lead("a", amount="5", channel="web"))
    office.do(lead("b", name="a号建设", amount="9", channel="fair", staff=staff(4)))
    assert (office.state.arrived[1].amount, office.state.arrived[1].channel) == (500, "web")


def test_of_two_who_report_the_same_firm_in_one_batch_one_has_it() -> None:
    office = staffed()
    office.do(lead("a", name="甲建设", staff=staff(1)), lead("b", name="甲建设", staff=staff(2)))
    assert (office.customers.count(), office.owner(1)) == (1, 1)
    assert len(office.drafted("CollisionFound")) == 1


@pytest.mark.parametrize(
    ("office", "told"),
    [
        (staffed, "这是团队 east 的客户，仍归其所有"),
        (by_manager, "这是团队 east 的客户，归属待经理裁定"),
    ],
)
def test_who_reported_is_told_in_chinese_too(office: Callable[[], Office], told: str) -> None:
    firm = office()
    firm.do(lead("a", name="甲建设", staff=staff(1)))
    answer = firm.do(lead("b", name="甲建设", staff=staff(4)))
    assert answer.reason.startswith("this is a customer of team east; ")
    assert collision_answer_chinese(answer.reason) == told
    assert collision_answer_chinese("nobody has this id") == "nobody has this id"


def test_a_protected_customer_is_taken_from_its_owner_by_a_manager_with_a_reason_only() -> None:
    office = staffed()
    office.do(lead("a"))
    assert office.refused(ClaimCustomer(customer(1), staff(2))) == "CLAIM_TAKEN"
    assert office.refused(AssignCustomer(customer(1))) == "ASSIGNMENT_OWNED"
    assert office.refused(ReassignCustomer(customer(1), staff(2), "")) == "TEXT_INVALID"
    office.do(ReassignCustomer(customer(1), staff(2), "离得近"))
    assert office.owner(1) == 2


def test_under_other_rules_a_ruling_about_a_collision_that_is_none_there_is_dropped() -> None:
    office = by_manager()
    office.do(lead("a"))
    answer = office.do(lead("b", name="a号建设", staff=staff(4)))
    office.do(RuleCollision(answer.id, staff(4), "先报"))
    state, _, dropped = office.replayed(Rules(nobody=True))
    assert (state.collisions, dropped, state.holding(1).owner) == ({}, 1, 0)


def test_a_ruling_is_about_the_same_collision_where_a_run_has_come_further_than_history() -> None:
    """Each collision that the rules settle is one event more, so that the second one stands at another position."""
    office = by_manager()
    office.do(lead("a", staff=staff(1)), lead("b", staff=staff(2)))
    first = office.do(lead("c", name="a号建设", staff=staff(4)))
    second = office.do(lead("d", name="b号建设", staff=staff(4)))
    office.do(RuleCollision(first.id, staff(1), "早就在谈"), RuleCollision(second.id, staff(4), "先报"))
    inputs = [e for e in office.happened() if REGISTRY[e.topic].is_input]
    run = ownership_run("run", inputs, [], standings_of_nobody())
    assert run.dropped == {("CollisionRuled", "COLLISION_RULED"): 2}
    assert [run.relations.holding(n).owner for n in (1, 2)] == [1, 2]


def standings_of_nobody() -> Standings:
    return Standings(np.zeros(0, np.int64), np.zeros(0, np.int64), [])


# Who gave it back, and reports it.


def cooling(**more: Any) -> Office:
    """S-1 had customer 1 and gave it back today; the rules pass them over for 7 days."""
    office = staffed(Rules(replace(TERMS, cooldown_by_rules=True, **more)))
    office.do(lead("a", "甲一建设", staff=staff(1)), ReleaseCustomer(customer(1), "不做了"))
    return office


def test_who_gave_a_customer_back_does_not_get_it_by_reporting_it_until_the_cooldown_is_over() -> None:
    """Equal loads: S-1, of the lowest number, would be chosen. Released on day 0, 7 days: passed over on day 6, not on
    day 7."""
    office = cooling()
    office.day = TODAY + 6
    office.do(lead("b", "甲一建设", staff=staff(1)))
    assert office.owner(1) == 2
    assert (office.rules.asked[-1].cooling, office.rules.asked[-1].not_staff) == (1, {1})
    over = cooling()
    over.day = TODAY + 7
    over.do(lead("b", "甲一建设", staff=staff(1)))
    assert over.owner(1) == 1


@pytest.mark.parametrize("reported_by", [staff(2), staff(4), ""])
def test_it_makes_no_difference_who_reports_the_customer_for_them(reported_by: str) -> None:
    office = cooling()
    office.do(lead("b", "甲一建设", staff=reported_by))
    assert office.owner(1) == 2


def test_nor_does_who_missed_the_deadline_get_the_customer_by_reporting_it_nor_by_having_it_assigned() -> None:
    """Followed up by nobody for 15 days it returns on day 15, and the cooldown runs from there."""
    for again in (lead("b", "甲一建设", staff=staff(1)), AssignCustomer(customer(1))):
        office = staffed(Rules(replace(TERMS, cooldown_by_rules=True)))
        office.do(lead("a", "甲一建设", staff=staff(1)))
        office.close(TODAY + 15)
        assert office.owner(1) == 0
        office.do(again)
        assert office.owner(1) == 2


def test_a_name_that_is_nearly_the_same_is_no_way_round_the_cooldown() -> None:
    office = cooling()
    office.do(lead("b", "甲一建工", staff=staff(1)))
    assert office.owner(2) == 2
    others = cooling()
    others.do(lead("b", "甲一建工", staff=staff(3)))
    assert others.owner(2) == 3


def test_rules_that_do_not_ask_for_it_choose_as_they_did() -> None:
    office = staffed()
    office.do(lead("a", "甲一建设", staff=staff(1)), ReleaseCustomer(customer(1), "不做了"))
    office.do(lead("b", "甲一建设", staff=staff(1)))
    assert (office.owner(1), office.rules.asked[-1].cooling) == (1, 0)


class Asked(Rules):
    """The same rules, asked after another that found nobody."""

    def choose(self, state: Relations, wanted: Wanted, day: int, *, detail: bool) -> Choice:
        return super().choose(state, wanted, day, detail=detail)._replace(tried=[["first", FULL]])


FULL = [["S-000009", 10_000, 5, 5, "full"]]


def test_the_rules_that_found_nobody_stand_in_the_event_whoever_gets_the_customer() -> None:
    office = staffed(Asked())
    office.do(lead("a"))
    assert last(office, "CustomerAssigned").fields["tried"] == [["first", FULL]]
    office.rules.nobody = True
    office.do(lead("b"))
    assert last(office, "CustomerPooled").fields["tried"] == [["first", FULL]]
    office.do(ClaimCustomer(customer(2), staff(1)))
    assert last(office, "CustomerAssigned").fields["tried"] == []

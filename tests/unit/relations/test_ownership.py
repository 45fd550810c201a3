"""Claims, releases, reassignments, collaborators and nurture; and the flaws that other systems are known for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    BeginNurture,
    ChangeProfile,
    ChangeStaff,
    ClaimCustomer,
    EndNurture,
    HandTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordAbsence,
    RecordFollowUp,
    RecordLeaving,
    ReleaseCustomer,
    RemoveCollaborator,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.drafts import command_decide
from ledger.domain.relations.dump import dump
from ledger.domain.relations.records import NONE
from ledger.domain.values import day_text
from tests.unit.relations.office import TERMS, TODAY, Office, Rules, customer, enrol, lead, staff, staffed


def pooled(count: int, rules: Rules | None = None, **more: object) -> Office:
    """An office with so many customers in the pool, which nobody ever had."""
    office = staffed(rules or Rules(), **more)  # pyright: ignore[reportArgumentType]
    office.rules.nobody = True
    office.do(*(lead(f"p{n}") for n in range(1, count + 1)))
    office.rules.nobody = False
    return office


def claim(number: int, who: int) -> ClaimCustomer:
    return ClaimCustomer(customer(number), staff(who))


# The flaws that other systems are known for.


def test_returning_a_customer_to_the_pool_does_not_free_todays_claim_quota() -> None:
    """Two claims a day: after two claims and a return there is none left today, tomorrow there are two."""
    office = pooled(4)
    office.do(claim(1, 1), claim(2, 1), ReleaseCustomer(customer(1), "看错了"))
    assert office.refused(claim(3, 1)) == "CLAIM_QUOTA_DAY"
    office.day += 1
    office.do(claim(3, 1), claim(4, 1))


def test_editing_a_pooled_record_does_not_restart_its_protection() -> None:
    """Released on day 0, a cooldown of 7 days for who had it: whatever is edited on day 6, it is over on day 7."""
    office = pooled(1)
    office.do(claim(1, 1), ReleaseCustomer(customer(1), "不做了"))
    before = office.state.holding(1)
    office.day = TODAY + 6
    office.do(
        ChangeProfile(customer(1), {"needs": "BIM"}),
        RecordFollowUp(customer(1), staff(5), "经理打了电话", next_step="再打", next_due_on=day_text(TODAY + 9)),
    )
    office.rules.nobody = True
    office.do(lead("again", customer=customer(1)), AssignCustomer(customer(1)))
    assert office.state.holding(1) == before
    assert before.protected_day == NONE
    assert office.refused(claim(1, 1)) == "CLAIM_COOLDOWN"
    office.day = TODAY + 7
    office.do(claim(1, 1))


def test_a_missing_follow_up_time_does_not_count_as_overdue() -> None:
    """Nobody has talked with it yet: the 15 days run from the claim on, however old the customer is."""
    office = pooled(1)
    office.pass_days(40)
    office.do(claim(1, 1))
    assert office.state.holding(1).followed_day == NONE
    start = office.day
    office.close(start + 14)
    assert office.owner(1) == 1
    office.close(start + 15)
    assert office.owner(1) == 0


def test_of_a_thousand_who_claim_one_customer_at_once_one_wins() -> None:
    """All of them saw it in the pool when they asked, and are decided on one draft, as one batch of the writer."""
    office = pooled(1)
    office.do(*(enrol(f"c{n}") for n in range(1000)))
    draft = office.draft()
    refusals: list[str] = []
    for number in range(7, 1007):
        try:
            command_decide(draft, claim(1, number))
        except Refused as refusal:
            refusals.append(refusal.code)
    assert refusals == ["CLAIM_TAKEN"] * 999
    assert [(e.topic, e.fields["staff"]) for e in draft.events] == [
        ("CustomerClaimed", staff(7)),
        ("CustomerAssigned", staff(7)),
    ]


def test_two_claims_in_two_batches_have_one_winner() -> None:
    office = pooled(1)
    office.do(claim(1, 1))
    assert office.refused(claim(1, 2)) == "CLAIM_TAKEN"
    assert office.refused(claim(1, 1)) == "CLAIM_OWN"


@pytest.mark.parametrize("capacity", [0, 1, 2])
def test_a_small_capacity_is_not_rounded_to_zero(capacity: int) -> None:
    office = pooled(3, Rules(replace(TERMS, claims_per_day=0)), capacities=(capacity, 5, 5))
    for number in range(1, capacity + 1):
        office.do(claim(number, 1))
    assert office.refused(claim(capacity + 1, 1)) == "CLAIM_FULL"


def test_no_choice_is_random_so_that_a_replay_repeats_it() -> None:
    office = staffed()
    office.do(*(lead(f"l{n}") for n in range(9)))
    first = [d.fields["staff"] for d in office.drafted("CustomerAssigned")]
    for _ in range(3):
        _, decided, _ = office.replayed()
        assert [d.fields["staff"] for d in decided if d.topic == "CustomerAssigned"] == first


def test_nobody_who_leaves_or_left_gets_a_customer_by_rules_claim_or_name() -> None:
    office = pooled(1)
    office.do(RecordLeaving(staff(1), day_text(TODAY + 3)), RecordLeaving(staff(2), day_text(TODAY - 1)))
    office.do(*(lead(f"l{n}") for n in range(5)))
    assert {d.fields["staff"] for d in office.drafted("CustomerAssigned")} == {staff(3)}
    assert office.refused(claim(1, 1)) == "STAFF_LEAVING"
    assert office.refused(claim(1, 2)) == "STAFF_NOT_HERE"
    assert office.refused(ReassignCustomer(customer(2), staff(1), "给他")) == "STAFF_LEAVING"
    assert office.rules.asked[-1].not_staff == {1, 2}
    office.close(TODAY + 3)
    office.do(lead("m"))
    assert office.rules.asked[-1].not_staff == frozenset()


# Claims.


def test_a_claim_has_the_days_of_the_terms() -> None:
    office = pooled(1)
    office.do(claim(1, 1))
    said = office.drafted("CustomerAssigned")[-1].fields
    assert (said["why"], said["protected_until"], said["due_on"], said["rule"]) == (
        "claim",
        day_text(TODAY + 30),
        day_text(TODAY + 15),
        "",
    )


def test_customers_that_were_only_registered_lie_in_the_pool_too() -> None:
    office = staffed()
    office.customers.add({"source": "erp", "reference": "1", "name": "老客户", "traits": {}})
    office.do(claim(1, 1))
    assert office.owner(1) == 1


def test_one_owns_so_many_claimed_customers_at_once() -> None:
    """Four at most; one that a manager gave is none that was claimed, one given back makes room."""
    office = pooled(6, capacities=(50, 5, 5))
    office.do(ReassignCustomer(customer(6), staff(1), "他熟"))
    for number in range(1, 5):
        office.day += 1
        office.do(claim(number, 1))
    office.day += 1
    assert office.refused(claim(5, 1)) == "CLAIM_QUOTA_HELD"
    office.do(ReleaseCustomer(customer(1), "不做了"), claim(5, 1))


def test_cooldown_holds_for_who_had_the_customer_and_nobody_else() -> None:
    office = pooled(1)
    office.do(claim(1, 1), ReleaseCustomer(customer(1), "不做了"))
    assert office.refused(claim(1, 1)) == "CLAIM_COOLDOWN"
    office.do(claim(1, 2))


@pytest.mark.parametrize(("who", "code"), [(6, "STAFF_OWNS_NOTHING"), (9, "STAFF_UNKNOWN"), (1, "STAFF_ABSENT")])
def test_who_can_own_nothing_claims_nothing(who: int, code: str) -> None:
    office = pooled(1)
    office.do(RecordAbsence(staff(1), day_text(TODAY), day_text(TODAY + 1)))
    assert office.refused(claim(1, who)) == code


def test_there_are_no_quotas_where_the_terms_have_none() -> None:
    office = pooled(
        8, Rules(replace(TERMS, claims_per_day=0, claims_held_max=0, cooldown_days=0)), capacities=(9, 5, 5)
    )
    office.do(*(claim(n, 1) for n in range(1, 9)), ReleaseCustomer(customer(1), "不做了"), claim(1, 1))
    assert office.state.load[1] == 8


def test_a_claim_that_history_made_is_dropped_where_somebody_has_the_customer() -> None:
    office = pooled(1)
    office.do(claim(1, 3))
    state, _, dropped = office.replayed(Rules())
    assert (dropped, state.holding(1).owner) == (1, 1)
    assert state.claims == {}


# Releases and reassignments.


def test_what_is_in_the_pool_can_not_be_given_back() -> None:
    office = pooled(1)
    assert office.refused(ReleaseCustomer(customer(1), "不做了")) == "ASSIGNMENT_POOLED"
    office.do(claim(1, 1))
    assert office.refused(ReleaseCustomer(customer(1), "")) == "TEXT_INVALID"


def test_a_release_is_repeated_under_other_rules_only_for_who_released() -> None:
    """History gave the customer to 1, who gave it back; the other rules give it to 3, who never did."""
    office = staffed()
    office.do(lead("a"), ReleaseCustomer(customer(1), "不做了"))

    class Third(Rules):
        def choose(self, *given: object, **more: object):  # pyright: ignore[reportIncompatibleMethodOverride]
            return Rules.choose(self, *given, **more)._replace(staff=3)  # pyright: ignore[reportArgumentType]

    state, _, dropped = office.replayed(Third())
    assert (dropped, state.holding(1).owner) == (1, 3)


def test_a_manager_may_give_a_customer_beyond_what_somebody_can_own_but_not_to_who_is_away() -> None:
    office = pooled(2)
    office.do(ChangeStaff(staff(1), {"capacity": 0}), RecordAbsence(staff(2), day_text(TODAY), day_text(TODAY)))
    office.do(ReassignCustomer(customer(1), staff(1), "只有他会"))
    assert office.owner(1) == 1
    assert office.refused(ReassignCustomer(customer(1), staff(2), "离得近")) == "STAFF_ABSENT"
    assert office.refused(ReassignCustomer(customer(1), staff(1), "离得近")) == "ASSIGNMENT_SAME"
    assert office.refused(ReassignCustomer(customer(1), staff(6), "离得近")) == "STAFF_OWNS_NOTHING"


def test_a_customer_that_is_reassigned_goes_with_its_work() -> None:
    office = staffed()
    office.do(
        lead("a"),
        lead("b"),
        AddCollaborator(customer(1), staff(2)),
        AddCollaborator(customer(1), staff(3)),
        BeginNurture(customer(1), 60),
        OpenOpportunity(customer(1), staff(1), "二桥", "lead"),
        OpenOpportunity(customer(1), staff(3), "三桥", "lead"),
        HandTask(customer(1), staff(1), "估算", day_text(TODAY + 9), "technical"),
        RecordFollowUp(customer(1), staff(1), "谈了", next_step="再谈", next_due_on=day_text(TODAY + 20)),
        ReassignCustomer(customer(1), staff(2), "他熟"),
    )
    holding = office.state.holding(1)
    assert (holding.owner, holding.collaborators, holding.rhythm_days) == (2, {3}, 60)
    assert (holding.due_day, holding.next_due_day) == (TODAY + 60, TODAY + 20)
    assert [office.state.opportunities[n].staff for n in (1, 2)] == [2, 3]
    assert office.state.tasks[1].staff == 2


def test_what_is_reassigned_and_not_nurtured_gets_its_days_anew() -> None:
    office = staffed()
    office.do(lead("a"))
    office.day += 5
    office.do(ReassignCustomer(customer(1), staff(2), "他熟"))
    holding = office.state.holding(1)
    assert (holding.due_day, holding.protected_day) == (TODAY + 5 + 15, TODAY + 5 + 30)


def test_what_comes_out_of_the_pool_begins_anew_but_for_the_work_of_its_last_owner() -> None:
    office = staffed()
    office.do(
        lead("a"),
        AddCollaborator(customer(1), staff(2)),
        BeginNurture(customer(1), 60),
        OpenOpportunity(customer(1), staff(1), "二桥", "lead"),
        ReleaseCustomer(customer(1), "不做了"),
    )
    assert office.state.opportunities[1].staff == 1
    office.do(claim(1, 3))
    holding = office.state.holding(1)
    assert (holding.collaborators, holding.rhythm_days, holding.due_day) == (frozenset(), 0, TODAY + 15)
    assert office.state.opportunities[1].staff == 3


def test_the_rules_are_asked_for_a_customer_in_the_pool_and_asked_again_in_a_replay() -> None:
    office = pooled(1)
    assert office.do(AssignCustomer(customer(1))).code == ""
    assert office.owner(1) == 1
    assert office.refused(AssignCustomer(customer(1))) == "ASSIGNMENT_OWNED"
    state, decided, _ = office.replayed()
    # Here the rules found somebody at once: what was asked for later can't be any more.
    assert (state.holding(1).owner, [d.fields["why"] for d in decided]) == (1, ["arrival"])


def test_where_the_rules_find_nobody_the_answer_says_so() -> None:
    office = pooled(1)
    office.rules.nobody = True
    answer = office.do(AssignCustomer(customer(1)))
    assert (answer.status, answer.code, office.owner(1)) == ("accepted", "ASSIGNMENT_NOBODY", 0)


# Collaborators and nurture.


def test_collaborators_work_beside_an_owner() -> None:
    office = pooled(1)
    assert office.refused(AddCollaborator(customer(1), staff(2))) == "ASSIGNMENT_POOLED"
    office.do(claim(1, 1), AddCollaborator(customer(1), staff(6)))
    assert office.refused(AddCollaborator(customer(1), staff(1))) == "ASSIGNMENT_SAME"
    assert office.do(AddCollaborator(customer(1), staff(6))).status == "duplicate"
    office.do(RemoveCollaborator(customer(1), staff(6)))
    assert office.refused(RemoveCollaborator(customer(1), staff(6))) == "ASSIGNMENT_NO_COLLABORATOR"
    assert office.state.load[6] == 0


def test_nurture_has_the_rhythm_of_the_terms_where_none_is_said() -> None:
    office = pooled(1)
    assert office.refused(BeginNurture(customer(1))) == "ASSIGNMENT_POOLED"
    office.do(claim(1, 1), BeginNurture(customer(1)))
    assert (office.state.holding(1).rhythm_days, office.state.holding(1).due_day) == (90, TODAY + 90)
    assert office.do(BeginNurture(customer(1), 90)).status == "duplicate"
    assert office.refused(BeginNurture(customer(1), -1)) == "NUMBER_INVALID"


def test_once_nurture_ends_the_ordinary_deadline_holds_from_that_day_on() -> None:
    office = pooled(1)
    office.do(claim(1, 1))
    assert office.refused(EndNurture(customer(1))) == "ASSIGNMENT_NOT_NURTURED"
    office.do(BeginNurture(customer(1), 60))
    office.day += 50
    office.do(EndNurture(customer(1)))
    assert (office.state.holding(1).rhythm_days, office.state.holding(1).due_day) == (0, TODAY + 50 + 15)


# Taking back.


def test_a_batch_that_is_refused_leaves_nothing_behind() -> None:
    office = pooled(3)
    before = dump(office.state)
    draft = office.draft()
    command_decide(draft, claim(1, 1))
    command_decide(draft, lead("new", staff=staff(2)))
    command_decide(draft, ReleaseCustomer(customer(1), "不做了"))
    office.state.journal.rollback()
    assert dump(office.state) == before
    assert office.state.customer_count() == 3

"""How a customer comes to an owner, whatever led to it (the rules choose, or somebody was named), or goes to the pool.

Every decision about ownership is drafted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.errors import Refused
from ledger.domain.relations.dossier import entries_of
from ledger.domain.relations.drafts import Draft
from ledger.domain.relations.holdings import KEEPS
from ledger.domain.relations.ids import opportunity_id, staff_id, task_id
from ledger.domain.relations.policy import Choice, Wanted
from ledger.domain.relations.records import NONE, Staff, Standing
from ledger.domain.relations.state import Relations
from ledger.domain.values import day_text

OWNERS: Final = frozenset({"seller", "manager", "executive"})
"""The roles that own customers. Support and site staff work with what is handed to them."""

_NONE_KNOWN: Final[frozenset[str]] = frozenset()

_GOES_ALONG: Final = frozenset({"arrival", "asked", "claim", "reassignment", "collision"})
"""Why a customer gets an owner to whom the last one's open work with it goes along. Handovers and merging do it
themselves."""


def owner_possible(draft: Draft, number: int, field: str) -> Staff:
    """The member of staff of this number, who can be given a customer today. Raises Refused.

    Nobody is who has left, is leaving, is on leave (a deadline would run with nobody to keep it), or works with what
    others hand them. Capacity binds rules and claims; a manager who names somebody may go beyond it.
    """
    staff, day = draft.state.staff.get(number), draft.context.day
    if staff is None:
        raise Refused("STAFF_UNKNOWN", "nobody has this id; enrol them first", field)
    if not staff.is_here(day):
        raise Refused("STAFF_NOT_HERE", "does not belong to the firm today; name somebody who does", field)
    if staff.last_day != NONE:
        raise Refused("STAFF_LEAVING", "leaves the firm and gets no customers any more; name somebody else", field)
    if staff.is_absent(day):
        raise Refused("STAFF_ABSENT", "is on leave today; name somebody who is here", field)
    if staff.role not in OWNERS:
        raise Refused("STAFF_OWNS_NOTHING", "support and site staff own no customers; add them to it instead", field)
    return staff


def owner_free(draft: Draft, number: int) -> bool:
    """Whether somebody can be given a customer today without going beyond what they can own."""
    try:
        staff = owner_possible(draft, number, "staff")
    except Refused:
        return False
    return draft.state.load[number] < staff.capacity


def wanted_of(draft: Draft, customer: int, previous: int, not_staff: frozenset[int] = frozenset()) -> Wanted:
    """What rules weigh of a customer, its last lead among it."""
    state = draft.state
    traits = state.traits(customer)
    lead = state.arrived.get(customer, {})
    return Wanted(
        customer=customer,
        traits=traits,
        needs=lead.get("needs", {}),
        amount=lead.get("amount", 0),
        channel=lead.get("channel", ""),
        knowledge=_knowledge(state, customer, traits),
        # Whoever is registered only now has no points yet.
        standing=Standing() if customer in state.fresh else draft.context.standing(customer),
        previous=previous,
        # Until their last day they are here, but what they get now would be handed over by nobody.
        not_staff=not_staff.union(state.leaving) if state.leaving else not_staff,
    )


def _knowledge(state: Relations, customer: int, traits: Mapping[str, str]) -> frozenset[str]:
    if not state.knowledge and not state.region_knowledge:
        return _NONE_KNOWN
    return frozenset(f"{entry.kind}:{entry.value}" for entry in entries_of(state, customer, traits))


def assign_by_rules(
    draft: Draft, customer: int, why: str, cause: int, *, not_staff: frozenset[int] = frozenset()
) -> int:
    """Have the rules choose an owner; the pool where they find nobody, for a handover because of it. Returns whom."""
    context = draft.context
    holding = draft.state.holding(customer)
    wanted = wanted_of(draft, customer, holding.owner or holding.former, not_staff)
    choice = context.policy.choose(draft.state, wanted, context.day, detail=context.detail)
    if choice.staff:
        assign(draft, customer, choice.staff, why, cause, choice)
    else:
        pool(draft, customer, "handover" if why == "handover" else "no_candidate", cause, choice)
    return choice.staff


def assign(draft: Draft, customer: int, staff: int, why: str, cause: int, choice: Choice | None = None) -> None:
    """Give a customer to somebody whom the rules chose (`choice`), or who was named."""
    state, context = draft.state, draft.context
    before, terms = state.holding(customer), context.policy.terms
    protection_days, follow_up_days = (
        (choice.protection_days, choice.follow_up_days) if choice else (terms.protection_days, terms.follow_up_days)
    )
    keeps_rhythm = before.owner and before.rhythm_days and why in KEEPS
    draft.decide(
        "CustomerAssigned",
        customer,
        cause,
        staff=staff_id(staff),
        team=state.staff[staff].team,
        why=why,
        protected_until=day_text(context.day + protection_days) if protection_days else "",
        due_on=_text(before.due_day) if keeps_rhythm
        else day_text(context.day + follow_up_days) if follow_up_days else "",
        **_chosen(draft, choice),
        score=choice.score if choice else 0,
        turn=list(choice.turn) if choice else [],
    )  # fmt: skip
    if why in _GOES_ALONG:
        _work_goes_along(draft, customer, before.owner or before.former, staff, cause)


def pool(draft: Draft, customer: int, why: str, cause: int, choice: Choice | None = None) -> None:
    """Give a customer to the pool."""
    owner = draft.state.holding(customer).owner
    draft.decide("CustomerPooled", customer, cause, staff=staff_id(owner), why=why, **_chosen(draft, choice))


def _chosen(draft: Draft, choice: Choice | None) -> dict[str, Any]:
    if choice is None:
        return {"rule": "", "rule_set": "", "candidates": []}
    return {"rule": choice.rule, "rule_set": draft.context.policy.rule_set, "candidates": list(choice.candidates)}


def _work_goes_along(draft: Draft, customer: int, last: int, staff: int, cause: int) -> None:
    """What the last owner (or nobody) has open with a customer goes to the new one: opportunities, and tasks that they
    handed."""
    state = draft.state
    for who in (0, last) if last not in (0, staff) else (0,):
        if not state.opportunities_of.size(who) and not state.tasks_of.size(who):
            continue
        for number in sorted(state.opportunities_of.of(who)):
            if state.standing_for(state.opportunities[number].customer) == customer:
                draft.decide(
                    "OpportunityReassigned", customer, cause, opportunity=opportunity_id(number), staff=staff_id(staff)
                )
        for number in sorted(state.tasks_of.of(who)):
            task = state.tasks[number]
            if task.staff == who and state.standing_for(task.customer) == customer:
                draft.decide(
                    "TaskReassigned", customer, cause, task=task_id(number), staff=staff_id(staff), to=staff_id(task.to)
                )


def _text(day: int) -> str:
    return "" if day == NONE else day_text(day)

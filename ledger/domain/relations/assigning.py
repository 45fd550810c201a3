"""How a customer comes to an owner, whatever led to it (the rules choose, or somebody was named), or goes to the pool.

Every decision about ownership is drafted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.domain.errors import Refused
from ledger.domain.relations.dossier import entries_of
from ledger.domain.relations.drafts import Draft
from ledger.domain.relations.holdings import KEEPS
from ledger.domain.relations.ids import opportunity_id, staff_id, task_id
from ledger.domain.relations.policy import NAMED, Choice, Wanted
from ledger.domain.relations.records import NOBODY, NONE, Holding, Staff, Standing, new
from ledger.domain.relations.state import Relations

OWNERS: Final = frozenset({"seller", "manager", "executive"})
"""The roles that own customers. Support and site staff work with what is handed to them."""

_NONE_KNOWN: Final[frozenset[str]] = frozenset()
_NO_NEEDS: Final[Mapping[str, str]] = {}

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


def is_cooling(draft: Draft, holding: Holding, staff: int) -> bool:
    """Whether somebody had a customer of the pool until lately, so that it is the time for others."""
    cooldown_days = draft.context.policy.terms.cooldown_days
    return bool(staff) and holding.former == staff and draft.context.day < holding.pooled_day + cooldown_days


def cooling_of(draft: Draft, holding: Holding) -> int:
    """Whom rules pass over because they had a customer of the pool until lately; 0 for nobody."""
    is_kept = draft.context.policy.terms.cooldown_by_rules and is_cooling(draft, holding, holding.former)
    return holding.former if is_kept else 0


def wanted_of(
    draft: Draft, customer: int, previous: int, not_staff: frozenset[int] = frozenset(), cooling: int = 0
) -> Wanted:
    """What rules weigh of a customer, its last lead among it. `cooling` may not have it yet, nor may `not_staff`."""
    state = draft.state
    traits = state.traits(customer)
    lead = state.arrived.get(customer)
    needs, amount, channel = (lead.needs, lead.amount, lead.channel) if lead else (_NO_NEEDS, 0, "")
    knowledge = _knowledge(state, customer, traits) if state.knowledge or state.region_knowledge else _NONE_KNOWN
    # Whoever is registered only now has no points yet.
    standing = Standing() if customer in state.fresh else draft.context.standing(customer)
    if state.leaving:
        # Until their last day they are here, but what they get now would be handed over by nobody.
        not_staff = not_staff.union(state.leaving)
    if cooling:
        not_staff = not_staff.union((cooling,))
    return new(Wanted, (customer, traits, needs, amount, channel, knowledge, standing, previous, not_staff, cooling))


def _knowledge(state: Relations, customer: int, traits: Mapping[str, str]) -> frozenset[str]:
    return frozenset(f"{entry.kind}:{entry.value}" for entry in entries_of(state, customer, traits))


def assign_by_rules(
    draft: Draft, customer: int, why: str, cause: int, *, not_staff: frozenset[int] = frozenset(), cooling: int = 0
) -> int:
    """Have the rules choose an owner; the pool where they find nobody, for a handover because of it. Returns whom.

    `cooling`: who had the customer that it seems to be until lately, where that is another one.
    """
    context = draft.context
    holding = draft.state.holdings.get(customer, NOBODY)
    wanted = wanted_of(
        draft, customer, holding.owner or holding.former, not_staff, cooling_of(draft, holding) or cooling
    )
    choice = context.policy.choose(draft.state, wanted, context.day, detail=context.detail)
    if choice.staff:
        assign(draft, customer, choice.staff, why, cause, choice)
    else:
        pool(draft, customer, "handover" if why == "handover" else "no_candidate", cause, choice)
    return choice.staff


def assign(draft: Draft, customer: int, staff: int, why: str, cause: int, choice: Choice = NAMED) -> None:
    """Give a customer to somebody whom the rules chose (`choice`), or who was named."""
    state, context = draft.state, draft.context
    before, day = state.holdings.get(customer, NOBODY), context.day
    source = context.policy.terms if choice is NAMED else choice
    protection_days, follow_up_days = source.protection_days, source.follow_up_days
    if before.rhythm_days and before.owner and why in KEEPS:
        due_day = before.due_day
    else:
        due_day = day + follow_up_days if follow_up_days else NONE
    draft.give(
        customer, cause, staff, state.staff[staff].team, why, day + protection_days if protection_days else NONE,
        due_day, choice,
    )  # fmt: skip
    if why in _GOES_ALONG and (state.opportunities or state.tasks):
        _work_goes_along(draft, customer, before.owner or before.former, staff, cause)


def as_it_was(draft: Draft, customer: int, why: str, cause: int, holding: Holding) -> None:
    """Decide that a customer stands as a holding says, which the fold has ready."""
    draft.give(customer, cause, holding.owner, holding.team, why, holding.protected_day, holding.due_day, NAMED)


def pool(draft: Draft, customer: int, why: str, cause: int, choice: Choice = NAMED) -> None:
    """Give a customer to the pool."""
    draft.pool(customer, cause, draft.state.holdings.get(customer, NOBODY).owner, why, choice)


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

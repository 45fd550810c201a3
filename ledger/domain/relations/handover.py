"""All that somebody owns and has to do goes to others in one command, and comes back in one.

Customers go to one person or each to whom the rules choose, with their collaborators, their rhythm and their next step;
where rules find nobody, to the pool. The work with a customer (opportunities, tasks that were handed to others) goes to
who has the customer then; tasks that were to be done go to the person named, otherwise back to their department.

Undone, everything is as it was before. What others changed meanwhile stays: a customer that somebody else got since, or
that came to the pool, stays there with its work; a talk, a collaborator or a rhythm that was added since is kept. Also
who has left by then gets back what they had, so that it can be handed over to somebody else.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ledger.domain.commands import Answer, HandOver, UndoHandover
from ledger.domain.errors import Refused
from ledger.domain.relations.assigning import as_it_was, assign, assign_by_rules, owner_possible
from ledger.domain.relations.checks import staff_named, text_optional, text_required
from ledger.domain.relations.drafts import Draft, admits, decides, reacts
from ledger.domain.relations.holdings import count_put, count_read, merged_back
from ledger.domain.relations.ids import opportunity_id, staff_id, staff_number, task_id
from ledger.domain.relations.ownership import REASON_LENGTH_MAX
from ledger.domain.relations.records import NONE, Fields, Handed, Handover, Holding
from ledger.domain.relations.state import Happened, Relations, evolves

KINDS: Final = ("leaving", "leave")
_BEYOND: Final = ("{} then has {} customers, beyond a capacity of {}", "{}将有{}个客户，超出其容量{}")
_SOONER: Final = ("the protection of {} customers ends sooner than before", "{}个客户的保护期将早于原定结束")


@decides(HandOver)
def _hand_over(draft: Draft, command: HandOver) -> Answer:
    if command.kind not in KINDS:
        raise Refused("ASSIGNMENT_HANDOVER_INVALID", f"kind must be one of {', '.join(KINDS)}", "kind")
    reason = text_optional(command.reason, REASON_LENGTH_MAX, "reason")
    staff = staff_named(draft.state, command.staff).number
    to = staff_named(draft.state, command.to, "to").number if command.to else 0
    _hand_over_check(draft, staff, to, command.kind)
    if not _has_anything(draft.state, staff):
        return _handed_already(draft.state, staff, to)
    told = _told(draft, staff, to) if to else ""
    position = draft.input(
        "PortfolioHandedOver", 0, staff=staff_id(staff), to=staff_id(to), kind=command.kind, reason=reason
    )
    return Answer("accepted", draft.state.position, id=str(position), reason=told)


def _has_anything(state: Relations, staff: int) -> bool:
    work = (state.opportunities_of.of(staff), state.tasks_of.of(staff), state.tasks_of.of(-staff))
    return bool(state.owned.size(staff)) or any(work)


def _handed_already(state: Relations, staff: int, to: int) -> Answer:
    """The same again is the handover that there was. Raises Refused where there was none."""
    done = [h.position for h in state.handovers.values() if (h.staff, h.to) == (staff, to) and not h.is_undone]
    if not done:
        raise Refused("ASSIGNMENT_HANDOVER_INVALID", "has no customers and no work to hand over", "staff")
    return Answer("duplicate", state.position, id=str(max(done)))


def _told(draft: Draft, staff: int, to: int) -> str:
    """What whoever names somebody should know: that they come to have more than they can, and what protection ends
    sooner than it did."""
    state, context = draft.state, draft.context
    customers = state.owned.of(staff)
    owned, capacity = state.owned.size(to) + len(customers), state.staff[to].capacity
    days = context.policy.terms.protection_days
    until = context.day + days if days else NONE
    sooner = sum(state.holding(customer).protected_day > max(until, context.day) for customer in customers)
    told = [_BEYOND[0].format(staff_id(to), owned, capacity)] if owned > capacity else []
    return "; ".join([*told, *([_SOONER[0].format(sooner)] if sooner else [])])


def handover_answer_chinese(reason: str) -> str:
    """What such an answer tells, which is kept in English, in Chinese; as it is where it is another."""
    said: list[str] = []
    for part in reason.split("; "):
        for english, chinese in (_BEYOND, _SOONER):
            found = re.fullmatch(re.escape(english).replace(r"\{\}", "(.+)"), part)
            if found:
                said.append(chinese.format(*found.groups()))
                break
        else:
            return reason
    return "；".join(said)


def _hand_over_check(draft: Draft, number: int, to: int, kind: str) -> None:
    """Who leaves must be known to leave, so that nothing new comes to them afterwards. Raises Refused."""
    if kind == "leaving" and draft.state.staff[number].last_day == NONE:
        raise Refused("STAFF_NOT_LEAVING", "record first when they leave, then hand over", "staff")
    if to == number:
        raise Refused("ASSIGNMENT_SAME", "name somebody else to hand over to", "to")
    if to:
        owner_possible(draft, to, "to")


@admits("PortfolioHandedOver")
def _hand_over_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _hand_over_check(draft, staff_number(fields["staff"]), staff_number(fields["to"]), fields["kind"])


@evolves("PortfolioHandedOver")
def _was_handed_over(state: Relations, event: Happened) -> None:
    staff = staff_number(event.fields["staff"])
    customers = tuple(sorted(state.owned.of(staff)))
    for customer in customers:
        holding = state.holding(customer)
        state.handed.put(customer, Handed(event.position, holding, holding, state.handed.get(customer)))
    opportunities = tuple(
        (n, _owner_of(state, state.opportunities[n].customer)) for n in sorted(state.opportunities_of.of(staff))
    )
    tasks = tuple(
        (n, _owner_of(state, task.customer), task.staff, task.to)
        for n in sorted({*state.tasks_of.of(staff), *state.tasks_of.of(-staff)})
        for task in [state.tasks[n]]
    )
    to = staff_number(event.fields["to"])
    state.handovers.put(event.position, Handover(event.position, staff, to, customers, opportunities, tasks))


@reacts("PortfolioHandedOver")
def _on_hand_over(draft: Draft, event: Happened) -> None:
    state, cause = draft.state, event.position
    handover = state.handovers[cause]
    leaver = handover.staff
    for customer in handover.customers:
        if handover.to:
            assign(draft, customer, handover.to, "handover", cause)
        else:
            assign_by_rules(draft, customer, "handover", cause, not_staff=frozenset({leaver}))
    for number, owner in handover.opportunities:
        customer = state.standing_for(state.opportunities[number].customer)
        heir = _heir(handover, owner, state.holding(customer))
        draft.decide("OpportunityReassigned", customer, cause, opportunity=opportunity_id(number), staff=staff_id(heir))
    for number, owner, handed_by, to_do in handover.tasks:
        customer = state.standing_for(state.tasks[number].customer)
        heir = _heir(handover, owner, state.holding(customer))
        draft.decide(
            "TaskReassigned", customer, cause, task=task_id(number),
            staff=staff_id(heir if handed_by == leaver else handed_by),
            to=staff_id(handover.to if to_do == leaver else to_do),
        )  # fmt: skip


def _owner_of(state: Relations, customer: int) -> int:
    return state.holding(state.standing_for(customer)).owner


def _heir(handover: Handover, owner: int, holding: Holding) -> int:
    """Who gets the work with a customer: whoever it was handed over to, or has the customer anyway; 0 for nobody."""
    return handover.to or (holding.owner if owner == handover.staff else owner)


@decides(UndoHandover)
def _undo(draft: Draft, command: UndoHandover) -> Answer:
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    handover = _undo_check(draft, command.handover)
    draft.input("HandoverUndone", 0, staff=staff_id(handover.staff), undoes=handover.position, reason=reason)
    return Answer("accepted", draft.state.position, id=str(handover.position))


def _undo_check(draft: Draft, position: int) -> Handover:
    handover = draft.state.handovers.get(position)
    if handover is None:
        raise Refused("ASSIGNMENT_HANDOVER_UNKNOWN", "there is no handover at this position", "handover")
    if handover.is_undone:
        raise Refused("ASSIGNMENT_HANDOVER_UNDONE", "this handover was undone already", "handover")
    return handover


@admits("HandoverUndone")
def _undo_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _undo_check(draft, fields["undoes"])


@evolves("HandoverUndone")
def _was_undone(state: Relations, event: Happened) -> None:
    """Have what the decisions to come give back ready: where counts and customers stand as the handover left them."""
    position = int(event.fields["undoes"])
    handover = state.handovers[position]
    state.handovers.put(position, replace(handover, is_undone=True))
    for customer in handover.customers:
        handed = state.handed.get(customer)
        if handed is None or handed.position != position:
            continue
        state.restoring.put(customer, merged_back(handed.before, handed.after, state.holding(customer)))
        if handed.earlier is None:
            state.handed.drop(customer)
        else:
            state.handed.put(customer, handed.earlier)
    for (rotation, staff), moved in state.turns_handed.get(position, {}).items():
        if count_read(state, rotation, staff) == moved.after:
            count_put(state, rotation, staff, moved.before)
    state.turns_handed.drop(position)


@reacts("HandoverUndone")
def _on_undo(draft: Draft, event: Happened) -> None:
    state, cause = draft.state, event.position
    handover = state.handovers[int(event.fields["undoes"])]
    leaver = handover.staff
    # Work first: who has a customer still tells who got its work.
    for number, owner in handover.opportunities:
        opportunity = state.opportunities[number]
        customer = state.standing_for(opportunity.customer)
        heir = _heir(handover, owner, state.holding(customer))
        if opportunity.is_open and opportunity.staff == heir and _comes_back(state, handover, owner, customer):
            draft.decide(
                "OpportunityReassigned", customer, cause, opportunity=opportunity_id(number), staff=staff_id(leaver)
            )
    for number, owner, handed_by, to_do in handover.tasks:
        task = state.tasks[number]
        customer = state.standing_for(task.customer)
        if not task.is_open or not _comes_back(state, handover, owner, customer):
            continue
        heir = _heir(handover, owner, state.holding(customer))
        staff = leaver if handed_by == leaver and task.staff == heir else task.staff
        to = leaver if to_do == leaver and task.to == handover.to else task.to
        if (staff, to) != (task.staff, task.to):
            draft.decide(
                "TaskReassigned", customer, cause, task=task_id(number), staff=staff_id(staff), to=staff_id(to)
            )
    for customer in handover.customers:
        holding = state.restoring.get(customer)
        if holding is not None:
            as_it_was(draft, customer, "handover_undone", cause, holding)


def _comes_back(state: Relations, handover: Handover, owner: int, customer: int) -> bool:
    """Whether the work with a customer comes back: the customer does, or it never went."""
    return owner != handover.staff or customer in state.restoring

"""How a customer is cared for meanwhile: collaborators beside the owner, and nurture, for those who buy slowly."""

from __future__ import annotations

from typing import Final

from ledger.domain.commands import AddCollaborator, Answer, BeginNurture, EndNurture, RemoveCollaborator
from ledger.domain.errors import Refused
from ledger.domain.relations.checks import customer_named, number_checked, staff_here, staff_named, text_optional
from ledger.domain.relations.drafts import Draft, admits, decides
from ledger.domain.relations.holdings import hold
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.relations.ownership import REASON_LENGTH_MAX, holding_owned
from ledger.domain.relations.records import NONE, Fields
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id

RHYTHM_DAYS_MAX: Final = 3_650


@decides(AddCollaborator)
def _add(draft: Draft, command: AddCollaborator) -> Answer:
    customer = customer_named(draft.state, command.customer)
    staff = staff_here(draft, command.staff)
    if staff.number in draft.state.holding(customer).collaborators:
        return Answer("duplicate", draft.state.position, customer_id(customer))
    _add_check(draft, customer, staff.number)
    position = draft.input("CollaboratorAdded", customer, staff=staff_id(staff.number))
    return Answer("accepted", position, customer_id(customer))


def _add_check(draft: Draft, customer: int, staff: int) -> None:
    if holding_owned(draft, customer).owner == staff:
        raise Refused("ASSIGNMENT_SAME", "has this customer already; name somebody else", "staff")


@admits("CollaboratorAdded")
def _add_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _add_check(draft, customer, staff_number(fields["staff"]))


@evolves("CollaboratorAdded")
def _added(state: Relations, event: Happened) -> None:
    holding = state.holding(event.customer)
    staff = staff_number(event.fields["staff"])
    hold(state, event.customer, holding._replace(collaborators=holding.collaborators | {staff}))


@decides(RemoveCollaborator)
def _remove(draft: Draft, command: RemoveCollaborator) -> Answer:
    customer = customer_named(draft.state, command.customer)
    staff = staff_named(draft.state, command.staff)
    _remove_check(draft, customer, staff.number)
    position = draft.input("CollaboratorRemoved", customer, staff=staff_id(staff.number))
    return Answer("accepted", position, customer_id(customer))


def _remove_check(draft: Draft, customer: int, staff: int) -> None:
    if staff not in draft.state.holding(customer).collaborators:
        raise Refused("ASSIGNMENT_NO_COLLABORATOR", "does not work with this customer beside its owner", "staff")


@admits("CollaboratorRemoved")
def _remove_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _remove_check(draft, customer, staff_number(fields["staff"]))


@evolves("CollaboratorRemoved")
def _removed(state: Relations, event: Happened) -> None:
    holding = state.holding(event.customer)
    staff = staff_number(event.fields["staff"])
    hold(state, event.customer, holding._replace(collaborators=holding.collaborators - {staff}))


@decides(BeginNurture)
def _nurture(draft: Draft, command: BeginNurture) -> Answer:
    customer = customer_named(draft.state, command.customer)
    reason = text_optional(command.reason, REASON_LENGTH_MAX, "reason")
    days = number_checked(command.rhythm_days, 0, RHYTHM_DAYS_MAX, "rhythm_days")
    days = days or draft.context.policy.terms.nurture_rhythm_days
    if not days:
        raise Refused("ASSIGNMENT_RHYTHM_MISSING", "say every how many days it is followed up", "rhythm_days")
    if holding_owned(draft, customer).rhythm_days == days:
        return Answer("duplicate", draft.state.position, customer_id(customer))
    position = draft.input("NurtureBegun", customer, rhythm_days=days, reason=reason)
    return Answer("accepted", position, customer_id(customer))


@admits("NurtureBegun")
def _nurture_admit(draft: Draft, customer: int, fields: Fields) -> None:
    holding_owned(draft, customer)


@evolves("NurtureBegun")
def _nurtured(state: Relations, event: Happened) -> None:
    days = int(event.fields["rhythm_days"])
    holding = state.holding(event.customer)
    hold(state, event.customer, holding._replace(rhythm_days=days, due_day=event.day + days, announced_day=NONE))


@decides(EndNurture)
def _end(draft: Draft, command: EndNurture) -> Answer:
    customer = customer_named(draft.state, command.customer)
    reason = text_optional(command.reason, REASON_LENGTH_MAX, "reason")
    _end_check(draft, customer)
    position = draft.input("NurtureEnded", customer, reason=reason)
    return Answer("accepted", position, customer_id(customer))


def _end_check(draft: Draft, customer: int) -> None:
    if not holding_owned(draft, customer).rhythm_days:
        raise Refused("ASSIGNMENT_NOT_NURTURED", "this customer isn't nurtured", "customer")


@admits("NurtureEnded")
def _end_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _end_check(draft, customer)


@evolves("NurtureEnded")
def _ended(state: Relations, event: Happened) -> None:
    holding = state.holding(event.customer)
    days = holding.follow_up_days
    hold(
        state,
        event.customer,
        holding._replace(rhythm_days=0, due_day=event.day + days if days else NONE, announced_day=NONE),
    )

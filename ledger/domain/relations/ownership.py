"""Changes of owner that people ask for: a customer is claimed from the pool, given back to it, reassigned, or the rules
are asked to choose."""

from __future__ import annotations

from typing import Final

from ledger.domain.commands import Answer, AssignCustomer, ClaimCustomer, ReassignCustomer, ReleaseCustomer
from ledger.domain.errors import Refused
from ledger.domain.relations.assigning import assign, assign_by_rules, is_cooling, owner_possible, pool
from ledger.domain.relations.checks import customer_named, text_required
from ledger.domain.relations.drafts import Draft, admits, decides, reacts
from ledger.domain.relations.holdings import followed
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.relations.records import Fields, Holding
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id

__all__ = ["followed", "holding_owned", "not_disputed"]

REASON_LENGTH_MAX: Final = 1_000


def holding_owned(draft: Draft, customer: int) -> Holding:
    """Who has a customer. Raises Refused where it is in the pool."""
    holding = draft.state.holding(customer)
    if not holding.owner:
        raise Refused("ASSIGNMENT_POOLED", "nobody has this customer; claim it, or have it assigned", "customer")
    return holding


def not_disputed(draft: Draft, customer: int) -> None:
    """Raises Refused where a collision of the customer waits for its ruling."""
    if draft.state.disputes.size(customer):
        raise Refused(
            "COLLISION_OPEN", "who has this customer waits for a manager's ruling; have the collision ruled", "customer"
        )


@decides(ClaimCustomer)
def _claim(draft: Draft, command: ClaimCustomer) -> Answer:
    customer = customer_named(draft.state, command.customer)
    staff = staff_number(command.staff)
    _claim_check(draft, customer, staff)
    position = draft.input("CustomerClaimed", customer, staff=staff_id(staff))
    return Answer("accepted", position, customer_id(customer))


def _claim_check(draft: Draft, customer: int, number: int) -> None:
    """Whether somebody can have this customer of the pool today. Raises Refused."""
    state, terms, day = draft.state, draft.context.policy.terms, draft.context.day
    staff = owner_possible(draft, number, "staff")
    holding = state.holding(customer)
    if holding.owner == number:
        raise Refused("CLAIM_OWN", "has this customer already", "customer")
    if holding.owner:
        raise Refused("CLAIM_TAKEN", "somebody has this customer; only customers in the pool are claimed", "customer")
    not_disputed(draft, customer)
    if state.load[number] >= staff.capacity:
        raise Refused("CLAIM_FULL", "owns as many customers as they can; give one back first", "staff")
    if terms.claims_per_day and state.claims.get((number, day), 0) >= terms.claims_per_day:
        raise Refused("CLAIM_QUOTA_DAY", "has claimed as many customers today as one may; claim it tomorrow", "staff")
    if terms.claims_held_max and state.claimed[number] >= terms.claims_held_max:
        raise Refused("CLAIM_QUOTA_HELD", "owns as many claimed customers as one may; give one back first", "staff")
    if is_cooling(draft, holding, number):
        raise Refused(
            "CLAIM_COOLDOWN", "had this customer until lately; claim it when the time for others is over", "staff"
        )


@admits("CustomerClaimed")
def _claim_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _claim_check(draft, customer, staff_number(fields["staff"]))


@evolves("CustomerClaimed")
def _was_claimed(state: Relations, event: Happened) -> None:
    # Counted by the claim, not by what is still owned: giving a customer back frees nothing today.
    key = (staff_number(event.fields["staff"]), event.day)
    state.claims.put(key, state.claims.get(key, 0) + 1)


@reacts("CustomerClaimed")
def _on_claim(draft: Draft, event: Happened) -> None:
    assign(draft, event.customer, staff_number(event.fields["staff"]), "claim", event.position)


@decides(ReleaseCustomer)
def _release(draft: Draft, command: ReleaseCustomer) -> Answer:
    customer = customer_named(draft.state, command.customer)
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    owner = holding_owned(draft, customer).owner
    position = draft.input("CustomerReleased", customer, staff=staff_id(owner), reason=reason)
    return Answer("accepted", position, customer_id(customer))


@admits("CustomerReleased")
def _release_admit(draft: Draft, customer: int, fields: Fields) -> None:
    if holding_owned(draft, customer).owner != staff_number(fields["staff"]):
        raise Refused("ASSIGNMENT_NOT_THEIRS", "somebody else has this customer", "staff")


@reacts("CustomerReleased")
def _on_release(draft: Draft, event: Happened) -> None:
    pool(draft, event.customer, "released", event.position)


@decides(ReassignCustomer)
def _reassign(draft: Draft, command: ReassignCustomer) -> Answer:
    customer = customer_named(draft.state, command.customer)
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    staff = staff_number(command.staff)
    _reassign_check(draft, customer, staff)
    position = draft.input("CustomerReassigned", customer, staff=staff_id(staff), reason=reason)
    return Answer("accepted", position, customer_id(customer))


def _reassign_check(draft: Draft, customer: int, number: int) -> None:
    """A manager who says why may give a customer to anybody who can own one: also a protected one, also beyond what
    they can own, also one of the pool. Raises Refused."""
    if draft.state.holding(customer).owner == number:
        raise Refused("ASSIGNMENT_SAME", "has this customer already", "staff")
    owner_possible(draft, number, "staff")


@admits("CustomerReassigned")
def _reassign_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _reassign_check(draft, customer, staff_number(fields["staff"]))


@reacts("CustomerReassigned")
def _on_reassign(draft: Draft, event: Happened) -> None:
    assign(draft, event.customer, staff_number(event.fields["staff"]), "reassignment", event.position)


@decides(AssignCustomer)
def _ask(draft: Draft, command: AssignCustomer) -> Answer:
    customer = customer_named(draft.state, command.customer)
    _ask_check(draft, customer)
    position = draft.input("AssignmentAsked", customer)
    if draft.state.holding(customer).owner:
        return Answer("accepted", position, customer_id(customer))
    return Answer(
        "accepted", position, customer_id(customer), code="ASSIGNMENT_NOBODY",
        reason="the rules find nobody who can have it; it stays in the pool",
    )  # fmt: skip


def _ask_check(draft: Draft, customer: int) -> None:
    if draft.state.holding(customer).owner:
        raise Refused(
            "ASSIGNMENT_OWNED", "somebody has this customer; only customers in the pool are assigned", "customer"
        )
    not_disputed(draft, customer)


@admits("AssignmentAsked")
def _ask_admit(draft: Draft, customer: int, fields: Fields) -> None:
    _ask_check(draft, customer)


@reacts("AssignmentAsked")
def _on_ask(draft: Draft, event: Happened) -> None:
    assign_by_rules(draft, event.customer, "asked", event.position)

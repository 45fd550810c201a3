"""Two want one customer: found when a lead is reported, settled by the rules or ruled by a manager."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ledger.domain.commands import Answer, RuleCollision
from ledger.domain.errors import Refused
from ledger.domain.relations.assigning import assign, assign_by_rules, owner_possible
from ledger.domain.relations.checks import staff_named, text_required
from ledger.domain.relations.drafts import Draft, admits, decides, reacts
from ledger.domain.relations.ids import collision_id, collision_number, staff_id, staff_number
from ledger.domain.relations.records import NONE, Collision, Fields
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id, customer_number

REASON_LENGTH_MAX: Final = 1_000

_TOLD: Final = {
    ("exact", False): (
        "this is a customer of team {team}; it stays with them",
        "这是团队 {team} 的客户，仍归其所有",
    ),
    ("exact", True): (
        "this is a customer of team {team}; a manager rules who has it",
        "这是团队 {team} 的客户，归属待经理裁定",
    ),
    ("likely", False): (
        "this seems to be a customer of team {team}; it stays with them",
        "这疑似团队 {team} 的客户，仍归其所有",
    ),
    ("likely", True): (
        "this seems to be a customer of team {team}; a manager rules who has it",
        "这疑似团队 {team} 的客户，归属待经理裁定",
    ),
}
"""What who reported is told, by certainty and whether it is to be ruled; in English and in Chinese."""


def collide(draft: Draft, lead: Happened, customer: int, matched: int) -> None:
    """Find that a lead's customer is, or seems to be, one that somebody has; settle it where the rules do."""
    state, policy = draft.state, draft.context.policy
    holder = staff_id(state.holding(matched).owner)
    is_exact = customer == matched
    collision = collision_id(lead.position)
    draft.decide(
        "CollisionFound",
        customer,
        lead.position,
        collision=collision,
        holder=holder,
        asker=lead.fields["staff"],
        certainty="exact" if is_exact else "likely",
        matched=customer_id(matched),
        matches=[list(match) for match in lead.fields["matches"]],
        project=lead.fields["project"],
    )
    if is_exact and policy.terms.collision_by_rules:
        draft.decide(
            "CollisionSettled", customer, lead.position, collision=collision, owner=holder, rule_set=policy.rule_set
        )


def collision_answer(draft: Draft, status: str, number: int) -> Answer:
    """What who reported the lead is told: that it is taken, by which team; the customer only once it is theirs."""
    state = draft.state
    collision = state.collisions[number]
    if collision.owner == collision.asker:
        return Answer(status, state.position, customer_id(state.standing_for(collision.customer)), collision_id(number))
    team = state.staff[collision.holder].team
    told, _ = _TOLD[collision.certainty, collision.owner == NONE]
    return Answer(
        status, state.position, id=collision_id(number), code="COLLISION_FOUND", reason=told.format(team=team)
    )


def collision_answer_chinese(reason: str) -> str:
    """The reason of such an answer, which is kept in English, in Chinese; as it is where it is another."""
    for english, chinese in _TOLD.values():
        before, after = english.split("{team}")
        if reason.startswith(before) and reason.endswith(after):
            return chinese.format(team=reason[len(before) : -len(after)])
    return reason


@evolves("CollisionFound")
def _found(state: Relations, event: Happened) -> None:
    said = event.fields
    number = collision_number(said["collision"])
    collision = Collision(
        number, event.customer, customer_number(said["matched"]), staff_number(said["holder"]),
        staff_number(said["asker"]), said["certainty"], tuple((kind, score) for kind, score in said["matches"]),
        said["project"], event.position,
    )  # fmt: skip
    state.collisions.put(number, collision)
    state.disputes.add(event.customer, number)


@decides(RuleCollision)
def _rule(draft: Draft, command: RuleCollision) -> Answer:
    state = draft.state
    number = collision_number(command.collision)
    collision = _rule_check(draft, number)
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    owner = staff_named(state, command.owner, "owner").number
    has_it = state.holding(state.standing_for(collision.matched)).owner
    if owner not in (collision.asker, collision.holder, has_it):
        raise Refused("COLLISION_OWNER_INVALID", "name who asked for the customer, or who has it", "owner")
    if owner == collision.asker:
        owner_possible(draft, owner, "owner")
    customer = state.standing_for(collision.customer)
    position = draft.input(
        "CollisionRuled", customer, collision=collision_id(number), owner=staff_id(owner), reason=reason
    )
    return Answer("accepted", position, customer_id(customer), collision_id(number))


def _rule_check(draft: Draft, number: int) -> Collision:
    collision = draft.state.collisions.get(number)
    if collision is None:
        raise Refused("COLLISION_UNKNOWN", "there is no collision of this id", "collision")
    if collision.owner != NONE:
        raise Refused("COLLISION_RULED", "this collision is ruled already; reassign the customer instead", "collision")
    return collision


@admits("CollisionRuled")
def _rule_admit(draft: Draft, customer: int, fields: Fields) -> None:
    collision = _rule_check(draft, collision_number(fields["collision"]))
    if staff_number(fields["owner"]) == collision.asker:
        owner_possible(draft, collision.asker, "owner")


@evolves("CollisionRuled", "CollisionSettled")
def _ruled(state: Relations, event: Happened) -> None:
    number = collision_number(event.fields["collision"])
    collision = state.collisions[number]
    state.collisions.put(number, replace(collision, owner=staff_number(event.fields["owner"])))
    state.disputes.drop(collision.customer, number)


@reacts("CollisionRuled")
def _on_ruling(draft: Draft, event: Happened) -> None:
    """Ruled for who asked, they get the customer. Otherwise it is of whoever has the one that it is or seems to be by
    now; where that is nobody any more, and nobody has this one, the rules choose."""
    state = draft.state
    collision = state.collisions[collision_number(event.fields["collision"])]
    customer = state.standing_for(collision.customer)
    owner = state.holding(customer).owner
    if collision.owner == collision.asker:
        winner = collision.asker
    else:
        winner = state.holding(state.standing_for(collision.matched)).owner
    if winner and winner != owner:
        assign(draft, customer, winner, "collision", event.position)
    elif not winner and not owner:
        assign_by_rules(draft, customer, "collision", event.position)

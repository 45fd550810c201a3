"""Leads that arrive: of new customers and of known ones. Where somebody reports what is somebody else's, they collide.

Who reports a lead learns of a collision that the customer is taken, and by which team; not who has it, nor which
customer it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.book import TRAITS
from ledger.domain.commands import Answer, ReportLead
from ledger.domain.errors import Refused
from ledger.domain.relations.assigning import assign, assign_by_rules, cooling_of, owner_free, pool
from ledger.domain.relations.checks import (
    amount_checked,
    customer_named,
    phone_checked,
    staff_here,
    text_optional,
    text_required,
)
from ledger.domain.relations.collisions import collide, collision_answer
from ledger.domain.relations.drafts import Draft, decides, reacts
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.relations.names import credit_code_parse
from ledger.domain.relations.profile import PHONE_LENGTH_MAX, phone_keep
from ledger.domain.relations.records import NOBODY, Arrived, Lead, Match, new
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id, customer_number

REFERENCE_LENGTH_MAX: Final = 200
NAME_LENGTH_MAX: Final = 200
WORD_LENGTH_MAX: Final = 60
VALUE_LENGTH_MAX: Final = 100
NEEDS_MAX: Final = 50

_EXACT: Final = 100
_SPEAKS: Final = {"credit_code": 0, "registered_name": 1, "phone": 2, "project": 3, "same_sound": 4, "similar_name": 5}
"""Of two customers that a lead matches alike, the one that the better evidence speaks for."""


@decides(ReportLead)
def _report(draft: Draft, command: ReportLead) -> Answer:
    state = draft.state
    source = text_required(command.source, REFERENCE_LENGTH_MAX, "source")
    reference = text_required(command.lead, REFERENCE_LENGTH_MAX, "lead")
    known = state.leads.get((source, reference))
    if known is not None:
        return _answer(draft, "duplicate", known)
    name = text_required(command.name, NAME_LENGTH_MAX, "name")
    staff = staff_here(draft, command.staff).number if command.staff else 0
    credit_code = _credit_code(command.credit_code)
    phone = phone_checked(command.phone, PHONE_LENGTH_MAX)
    project = text_optional(command.project, NAME_LENGTH_MAX, "project")
    traits = _traits(command.traits)
    said: dict[str, Any] = {
        "source": source,
        "lead": reference,
        "channel": text_optional(command.channel, WORD_LENGTH_MAX, "channel"),
        "staff": staff_id(staff),
        "project": project,
        "amount": amount_checked(command.amount, "amount"),
        "needs": _needs(command.needs),
    }
    customer, matches = _known(draft, command, name, credit_code, phone, project)
    is_new = not customer
    if is_new:
        customer = draft.register(source, reference, name, traits)
        if credit_code:
            draft.input("ProfileChanged", customer, changes={"credit_code": credit_code})
    draft.input(
        "LeadArrived",
        customer,
        **said,
        is_new=is_new,
        matched=customer_id(matches[0].customer) if matches else "",
        matches=[[match.kind, match.score] for match in matches],
    )
    if phone:
        phone_keep(draft, customer, phone)
    return _answer(draft, "accepted", state.leads[source, reference])


def _answer(draft: Draft, status: str, lead: Lead) -> Answer:
    if lead.collision:
        return collision_answer(draft, status, lead.collision)
    customer = customer_id(draft.state.standing_for(lead.customer))
    return Answer(status, draft.state.position, customer, customer)


def _known(
    draft: Draft, command: ReportLead, name: str, credit_code: str, phone: str, project: str
) -> tuple[int, list[Match]]:
    """The customer that a lead is, 0 where it is none for sure; and what speaks for that, or for what it may be."""
    state = draft.state
    if command.customer:
        return customer_named(state, command.customer), []
    number = state.find(f"{command.source.strip()}:{command.lead.strip()}")
    if number:
        return state.standing_for(number), []
    found: list[Match] = []
    if credit_code in state.credit_codes:
        found.append(Match(state.credit_codes[credit_code], "credit_code", _EXACT))
    if draft.context.matcher is not None:
        found += draft.context.matcher.matches(name, credit_code, phone, project)
    found = [Match(state.standing_for(match.customer), match.kind, match.score) for match in dict.fromkeys(found)]
    found.sort(key=lambda match: (-match.score, _SPEAKS[match.kind], match.customer))
    if not found or found[0].score < draft.context.policy.terms.collision_likely_score:
        return 0, []
    best = found[0]
    matches = [match for match in found if match.customer == best.customer]
    return (best.customer if best.score >= _EXACT else 0), matches


def _credit_code(raw: object) -> str:
    if raw == "":
        return ""
    try:
        return credit_code_parse(raw)
    except ValueError as error:
        raise Refused("CUSTOMER_CREDIT_CODE_INVALID", f"credit_code {error}", "credit_code") from None


def _traits(raw: Mapping[str, str]) -> dict[str, str]:
    if not set(TRAITS).issuperset(raw):
        raise Refused("TRAIT_UNKNOWN", f"rules weigh {', '.join(TRAITS)} only", "traits")
    return {name: text_required(value, VALUE_LENGTH_MAX, name) for name, value in raw.items() if value}


def _needs(raw: Mapping[str, str]) -> dict[str, str]:
    if len(raw) > NEEDS_MAX:
        raise Refused("TEXT_INVALID", f"needs are at most {NEEDS_MAX}", "needs")
    return {
        text_required(name, VALUE_LENGTH_MAX, "needs"): text_required(value, VALUE_LENGTH_MAX, "needs")
        for name, value in raw.items()
    }


@evolves("LeadArrived")
def _arrived(state: Relations, event: Happened) -> None:
    said = event.fields
    collides = _collides(state, event)
    key = said["source"], said["lead"]
    state.leads.put(key, new(Lead, (event.customer, event.position if collides else 0)))
    # What somebody else reports of a customer that has its owner says nothing about their business with it.
    if said["is_new"] or not collides:
        arrived = (*key, said["channel"], said["staff"], said["project"], said["amount"], said["needs"])
        state.arrived.put(event.customer, new(Arrived, arrived))


def _collides(state: Relations, event: Happened) -> bool:
    """Whether a lead is reported by somebody who does not serve the customer that it is or seems to be, and others
    do."""
    if not event.fields["staff"]:
        return False
    asker = staff_number(event.fields["staff"])
    holding = state.holding(_matched(state, event))
    return holding.owner not in (0, asker) and asker not in holding.collaborators


def _matched(state: Relations, event: Happened) -> int:
    return state.standing_for(customer_number(event.fields["matched"]) or event.customer)


@reacts("LeadArrived")
def _on_arrival(draft: Draft, event: Happened) -> None:
    """A customer that somebody has stays with them. Who reports what is somebody else's collides with them; who reports
    a new customer has it, unless rules choose for these too, or it seems to be one that they had until lately. For all
    others the rules choose."""
    state, said = draft.state, event.fields
    customer = state.standing_for(event.customer) if state.merged else event.customer
    if said["staff"] and state.leads[said["source"], said["lead"]].collision == event.position:
        matched = _matched(state, event)
        if matched != customer and not state.holding(customer).owner:
            pool(draft, customer, "disputed", event.position)
        collide(draft, event, customer, matched)
        return
    if state.holdings.get(customer, NOBODY).owner or state.disputes.size(customer):
        return
    asker = staff_number(said["staff"]) if said["is_new"] and said["staff"] else 0
    # Who gave a customer back doesn't get it by reporting it under a name that is nearly the same.
    cooling = cooling_of(draft, state.holdings.get(_matched(state, event), NOBODY)) if said["matched"] else 0
    by_rules = draft.context.policy.terms.reported_by_rules or asker == cooling
    if asker and not by_rules and owner_free(draft, asker):
        assign(draft, customer, asker, "arrival", event.position)
    else:
        assign_by_rules(draft, customer, "arrival", event.position, cooling=cooling)

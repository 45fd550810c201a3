"""Talks with customers and chances of contracts: recorded by who serves the customer, counted for whoever does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ledger.domain.commands import Answer, ChangeOpportunity, OpenOpportunity, RecordFollowUp
from ledger.domain.errors import Refused
from ledger.domain.relations import ownership
from ledger.domain.relations.assigning import owner_possible
from ledger.domain.relations.checks import (
    amount_checked,
    customer_named,
    day_optional,
    number_checked,
    staff_here,
    text_optional,
    text_required,
)
from ledger.domain.relations.drafts import Draft, decides
from ledger.domain.relations.ids import (
    opportunity_id,
    opportunity_number,
    project_id,
    project_number,
    staff_id,
    staff_number,
)
from ledger.domain.relations.reach import serves
from ledger.domain.relations.records import NONE, Opportunity, Staff
from ledger.domain.relations.stages import OUTCOME_IDS, STAGE_IDS, STAGES_END
from ledger.domain.relations.state import Happened, Relations, changes_checked, evolves
from ledger.domain.values import customer_id, day_parse, day_text

SAID_LENGTH_MAX: Final = 4_000
NAME_LENGTH_MAX: Final = 200
WORD_LENGTH_MAX: Final = 60
SATISFACTION_MAX: Final = 5
CARRIED_OVER: Final = "随商机迁入 · carried over"
"""Why an owner was named, or an opportunity ended, where the other system says no more."""
_CHANGED: Final = frozenset({"stage", "amount", "probability_percent", "expected_on", "name"})


def serving(draft: Draft, text: str, customer: int) -> Staff:
    """The member of staff with this id, who serves the customer. Raises Refused."""
    staff = staff_here(draft, text)
    if not serves(draft.state, staff, customer):
        raise Refused(
            "CUSTOMER_NOT_SERVED",
            "only the owner, a collaborator or a manager does this; have the customer assigned, or be added to it",
            "staff",
        )
    return staff


@decides(RecordFollowUp)
def _follow_up(draft: Draft, command: RecordFollowUp) -> Answer:
    state = draft.state
    customer = customer_named(state, command.customer)
    staff = serving(draft, command.staff, customer)
    said = text_required(command.said, SAID_LENGTH_MAX, "said")
    channel = text_optional(command.channel, WORD_LENGTH_MAX, "channel")
    if command.outcome not in OUTCOME_IDS:
        raise Refused("TEXT_INVALID", f"outcome must be one of {', '.join(OUTCOME_IDS)}", "outcome")
    satisfaction = number_checked(command.satisfaction, 0, SATISFACTION_MAX, "satisfaction")
    next_step = text_optional(command.next_step, SAID_LENGTH_MAX, "next_step")
    next_due = day_optional(command.next_due_on, "next_due_on")
    if next_due != NONE and not next_step:
        raise Refused("TEXT_INVALID", "next_step must say what is due", "next_step")
    if next_due != NONE and next_due < draft.context.day:
        raise Refused("DATE_INVALID", "next_due_on lies in the past", "next_due_on")
    opportunity = _opportunity_of(state, command.opportunity, customer)
    position = draft.input(
        "FollowUpRecorded", customer, staff=staff_id(staff.number), channel=channel, said=said, next_step=next_step,
        next_due_on=_day(next_due), outcome=command.outcome, opportunity=opportunity, satisfaction=satisfaction,
        next_step_done=command.next_step_done,
    )  # fmt: skip
    return Answer("accepted", position, customer_id(customer))


@decides(OpenOpportunity)
def _open(draft: Draft, command: OpenOpportunity) -> Answer:
    state = draft.state
    source = text_optional(command.source, NAME_LENGTH_MAX, "source")
    reference = text_optional(command.reference, NAME_LENGTH_MAX, "reference")
    if bool(source) != bool(reference):
        raise Refused("TEXT_INVALID", "source and reference are given together, or neither", "reference")
    customer = customer_named(state, command.customer)
    known = state.opportunity_references.get((source, reference), 0) if source else 0
    if known:
        if state.standing_for(state.opportunities[known].customer) != customer:
            raise Refused(
                "OPPORTUNITY_REFERENCE_TAKEN", "this reference is another customer's opportunity", "reference"
            )
        if command.carried_over:
            return _carry_on(draft, command, customer, known)
        return Answer("duplicate", state.position, customer_id(customer), opportunity_id(known))
    name = text_required(command.name, NAME_LENGTH_MAX, "name")
    stage = _stage(command.stage)
    if stage in STAGES_END:
        raise Refused("OPPORTUNITY_STAGE_INVALID", "open it at a stage before the end, then end it", "stage")
    opened_on, ended_on = _days_past(draft, command, draft.context.day)
    channel = text_optional(command.channel, WORD_LENGTH_MAX, "channel")
    staff = _joining(draft, command, customer) if command.carried_over else serving(draft, command.staff, customer)
    number = len(state.opportunities) + 1
    position = draft.input(
        "OpportunityOpened", customer, opportunity=opportunity_id(number), staff=staff_id(staff.number), name=name,
        project=_project_of(state, command.project, customer), channel=channel or _channel(state, customer),
        stage=stage, amount=amount_checked(command.amount, "amount"),
        probability_percent=number_checked(command.probability_percent, 0, 100, "probability_percent"),
        expected_on=_day(day_optional(command.expected_on, "expected_on")), source=source, reference=reference,
        occurred_on=opened_on,
    )  # fmt: skip
    if command.end:
        position = _end(draft, command, customer, number, ended_on)
    return Answer("accepted", position, customer_id(customer), opportunity_id(number))


def _days_past(draft: Draft, command: OpenOpportunity, opened_last: int) -> tuple[str, str]:
    """The days on which an opportunity began and ended, "" for today; where the first isn't said it was `opened_last`.
    Raises Refused."""
    today = draft.context.day
    opened, ended = day_optional(command.opened_on, "opened_on"), day_optional(command.ended_on, "ended_on")
    for day, field in ((opened, "opened_on"), (ended, "ended_on")):
        if day > today:
            raise Refused("DATE_INVALID", f"{field} lies in the future", field)
    if command.end not in ("", *STAGES_END):
        raise Refused("OPPORTUNITY_STAGE_INVALID", f"end must be one of {', '.join(sorted(STAGES_END))}", "end")
    if ended != NONE and not command.end:
        raise Refused("OPPORTUNITY_STAGE_INVALID", "say how it ended, or leave ended_on out", "end")
    if ended != NONE and ended < (opened_last if opened == NONE else opened):
        raise Refused("DATE_INVALID", "ended_on must not lie before opened_on", "ended_on")
    return _day(opened), _day(ended)


def _joining(draft: Draft, command: OpenOpportunity, customer: int) -> Staff:
    """Who has an opportunity in another system: from now on the owner of its customer, where nobody was, or else a
    collaborator. Raises Refused."""
    state = draft.state
    staff, holding = staff_here(draft, command.staff), state.holding(customer)
    if staff.number == holding.owner or staff.number in holding.collaborators:
        return staff
    if holding.owner:
        draft.input("CollaboratorAdded", customer, staff=staff_id(staff.number))
        return staff
    ownership.not_disputed(draft, customer)
    owner_possible(draft, staff.number, "staff")
    reason = f"{CARRIED_OVER} {command.source.strip()}:{command.reference.strip()}".rstrip(": ")
    draft.input("CustomerReassigned", customer, staff=staff_id(staff.number), reason=reason)
    return staff


def _carry_on(draft: Draft, command: OpenOpportunity, customer: int, number: int) -> Answer:
    """What has changed, in the other system, of an opportunity that was carried over. Raises Refused."""
    stands = draft.state.opportunities[number].stage
    if command.end and stands == command.end:
        return Answer("duplicate", draft.state.position, customer_id(customer), opportunity_id(number))
    _, ended_on = _days_past(draft, command, NONE)
    said: dict[str, Any] = {
        "name": command.name, "stage": command.end or command.stage, "amount": command.amount,
        "expected_on": command.expected_on,
    }  # fmt: skip
    if not command.end:
        said["probability_percent"] = command.probability_percent
    reason = command.reason or (CARRIED_OVER if command.end or stands == "lost" else "")
    return _changed_by(draft, ChangeOpportunity(opportunity_id(number), said, reason), ended_on)


def _end(draft: Draft, command: OpenOpportunity, customer: int, number: int, ended_on: str) -> int:
    """End an opportunity that was just opened. Returns the position."""
    reason = text_optional(command.reason, SAID_LENGTH_MAX, "reason")
    if not reason and not command.carried_over:
        raise Refused("OPPORTUNITY_REASON_MISSING", "say why it ends", "reason")
    changes = {"stage": command.end, "probability_percent": 100 if command.end == "won" else 0}
    return draft.input(
        "OpportunityChanged", customer, opportunity=opportunity_id(number), changes=changes,
        reason=reason or CARRIED_OVER, occurred_on=ended_on,
    )  # fmt: skip


@decides(ChangeOpportunity)
def _change(draft: Draft, command: ChangeOpportunity) -> Answer:
    return _changed_by(draft, command, "")


def _changed_by(draft: Draft, command: ChangeOpportunity, occurred_on: str) -> Answer:
    """Change an opportunity as of a day; "" for today. Raises Refused."""
    state = draft.state
    opportunity = state.opportunities.get(opportunity_number(command.opportunity))
    if opportunity is None:
        raise Refused("OPPORTUNITY_UNKNOWN", "no opportunity has this id; open it first", "opportunity")
    customer = state.standing_for(opportunity.customer)
    if opportunity.stage == "won":
        raise Refused("OPPORTUNITY_WON", "it is won and can't change any more; open another one", "opportunity")
    reason = text_optional(command.reason, SAID_LENGTH_MAX, "reason")
    changes = {k: v for k, v in _changes(command.changes).items() if v != _as_stands(opportunity, k)}
    if not changes:
        return Answer("duplicate", state.position, customer_id(customer), opportunity_id(opportunity.number))
    stage = changes.get("stage", opportunity.stage)
    if opportunity.stage == "lost" and stage == "lost":
        raise Refused("OPPORTUNITY_LOST", "it is lost; take it up again at another stage first", "stage")
    if (stage in STAGES_END or opportunity.stage == "lost") and not reason:
        raise Refused("OPPORTUNITY_REASON_MISSING", "say why it ends, or is taken up again", "reason")
    if stage in STAGES_END:
        changes["probability_percent"] = 100 if stage == "won" else 0
    position = draft.input(
        "OpportunityChanged", customer, opportunity=opportunity_id(opportunity.number), changes=changes, reason=reason,
        occurred_on=occurred_on,
    )  # fmt: skip
    return Answer("accepted", position, customer_id(customer), opportunity_id(opportunity.number))


def _changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as the event has them. Raises Refused."""
    if not _CHANGED.issuperset(changes):
        raise Refused("OPPORTUNITY_INVALID", f"what changes is one of {', '.join(sorted(_CHANGED))}", "changes")
    return {
        name: _stage(value) if name == "stage"
        else amount_checked(value, name) if name == "amount"
        else number_checked(value, 0, 100, name) if name == "probability_percent"
        else _day(day_optional(value, name)) if name == "expected_on"
        else text_required(value, NAME_LENGTH_MAX, name)
        for name, value in changes.items()
    }  # fmt: skip


def _as_stands(opportunity: Opportunity, name: str) -> Any:
    return _day(opportunity.expected_day) if name == "expected_on" else getattr(opportunity, name)


def _stage(raw: object) -> str:
    if raw not in STAGE_IDS:
        raise Refused("OPPORTUNITY_STAGE_INVALID", f"stage must be one of {', '.join(STAGE_IDS)}", "stage")
    return str(raw)


def _opportunity_of(state: Relations, text: str, customer: int) -> str:
    """The id of an opportunity of this customer, "" for none. Raises Refused."""
    if not text:
        return ""
    opportunity = state.opportunities.get(opportunity_number(text))
    if opportunity is None or state.standing_for(opportunity.customer) != customer:
        raise Refused("OPPORTUNITY_UNKNOWN", "this customer has no opportunity of this id", "opportunity")
    return text


def _project_of(state: Relations, text: str, customer: int) -> str:
    """The id of a project of this customer, "" for none. Raises Refused."""
    if not text:
        return ""
    project = state.projects.get(project_number(text))
    if project is None or state.standing_for(project.customer) != customer:
        raise Refused("PROJECT_UNKNOWN", "this customer has no project of this id", "project")
    return project_id(project.number)


def _channel(state: Relations, customer: int) -> str:
    """How the customer's last lead came."""
    arrived = state.arrived.get(customer)
    return arrived.channel if arrived else ""


def _day(day: int) -> str:
    return "" if day == NONE else day_text(day)


@evolves("FollowUpRecorded")
def _followed(state: Relations, event: Happened) -> None:
    ownership.followed(state, event)


@evolves("OpportunityOpened")
def _opened(state: Relations, event: Happened) -> None:
    said = event.fields
    number, staff = opportunity_number(said["opportunity"]), staff_number(said["staff"])
    state.opportunities.put(
        number,
        Opportunity(
            number, event.customer, staff, said["name"], said["project"], said["channel"], said["stage"],
            said["amount"], said["probability_percent"], _day_number(said["expected_on"]), event.day, event.day,
        ),
    )  # fmt: skip
    state.opportunities_of.add(staff, number)
    if said["source"]:
        state.opportunity_references.put((said["source"], said["reference"]), number)


@evolves("OpportunityChanged")
def _changed(state: Relations, event: Happened) -> None:
    opportunity = state.opportunities[opportunity_number(event.fields["opportunity"])]
    changes = dict(changes_checked(event.fields["changes"], _CHANGED))
    if "expected_on" in changes:
        changes["expected_day"] = _day_number(changes.pop("expected_on"))
    if "stage" in changes:
        changes |= {"stage_day": event.day, "is_open": changes["stage"] not in STAGES_END}
    changed = replace(opportunity, **changes)
    state.opportunities.put(changed.number, changed)
    if changed.is_open:
        state.opportunities_of.add(changed.staff, changed.number)
    else:
        state.opportunities_of.drop(changed.staff, changed.number)


@evolves("OpportunityReassigned")
def _reassigned(state: Relations, event: Happened) -> None:
    opportunity = state.opportunities[opportunity_number(event.fields["opportunity"])]
    staff = staff_number(event.fields["staff"])
    state.opportunities.put(opportunity.number, replace(opportunity, staff=staff))
    state.opportunities_of.drop(opportunity.staff, opportunity.number)
    if opportunity.is_open:
        state.opportunities_of.add(staff, opportunity.number)


def _day_number(text: str) -> int:
    return day_parse(text) if text else NONE

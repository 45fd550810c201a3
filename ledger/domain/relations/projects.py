"""Projects of a customer, several at different stages: who takes part, who works on site, and their key nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from ledger.domain.commands import Answer, RecordProject, SetMilestone
from ledger.domain.errors import Refused
from ledger.domain.relations.checks import (
    amount_checked,
    customer_named,
    day_optional,
    day_required,
    staff_named,
    text_optional,
    text_required,
)
from ledger.domain.relations.drafts import Draft, decides
from ledger.domain.relations.ids import project_id, project_number, staff_id, staff_number
from ledger.domain.relations.records import NONE, Project
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id, customer_number, day_parse, day_text

NAME_LENGTH_MAX: Final = 200
WORD_LENGTH_MAX: Final = 60
PARTIES_MAX: Final = 100
SITE_TEAM_MAX: Final = 500
MILESTONES_MAX: Final = 500


@decides(RecordProject)
def _record(draft: Draft, command: RecordProject) -> Answer:
    state = draft.state
    customer = customer_named(state, command.customer)
    number, stands_at = len(state.projects) + 1, customer
    known = None
    if command.project:
        known = _project_named(state, command.project)
        if state.standing_for(known.customer) != customer:
            raise Refused("PROJECT_ELSEWHERE", "is a project of another customer; record it here anew", "project")
        number, stands_at = known.number, known.customer
    new = Project(
        number,
        stands_at,
        text_required(command.name, NAME_LENGTH_MAX, "name"),
        text_optional(command.stage, WORD_LENGTH_MAX, "stage"),
        text_optional(command.region, WORD_LENGTH_MAX, "region"),
        amount_checked(command.amount, "amount"),
        _parties(state, command.parties),
        _site_team(state, command.site_team),
        known.milestones if known else {},
    )
    if new == known:
        return Answer("duplicate", state.position, customer_id(customer), project_id(number))
    position = draft.input(
        "ProjectRecorded", stands_at, project=project_id(number), name=new.name, stage=new.stage, region=new.region,
        amount=new.amount, parties=[list(party) for party in new.parties],
        site_team=[staff_id(staff) for staff in new.site_team],
    )  # fmt: skip
    return Answer("accepted", position, customer_id(customer), project_id(number))


def _project_named(state: Relations, text: str) -> Project:
    """The project with this id. Raises Refused."""
    project = state.projects.get(project_number(text))
    if project is None:
        raise Refused("PROJECT_UNKNOWN", "no project has this id; record the project first", "project")
    return project


def _parties(state: Relations, raw: object) -> tuple[tuple[str, str], ...]:
    """Parties in the order given: each a role, and a customer's id or a name."""
    if not isinstance(raw, (list, tuple)) or len(cast(Sequence[object], raw)) > PARTIES_MAX:
        raise Refused("PROJECT_PARTIES_INVALID", f"parties are a list of at most {PARTIES_MAX}", "parties")
    parties: list[tuple[str, str]] = []
    for party in cast(Sequence[object], raw):
        if not isinstance(party, (list, tuple)) or len(cast(Sequence[object], party)) != 2:
            raise Refused("PROJECT_PARTIES_INVALID", "a party is a role and who it is", "parties")
        role, who = cast(Sequence[object], party)
        name = text_required(who, NAME_LENGTH_MAX, "parties")
        number = state.find(name)
        if not number and customer_number(name):
            raise Refused("CUSTOMER_UNKNOWN", "a party names a customer that isn't registered", "parties")
        parties.append((text_required(role, WORD_LENGTH_MAX, "parties"), customer_id(number) if number else name))
    return tuple(dict.fromkeys(parties))


def _site_team(state: Relations, raw: object) -> tuple[int, ...]:
    if not isinstance(raw, (list, tuple)) or len(cast(Sequence[object], raw)) > SITE_TEAM_MAX:
        raise Refused("PROJECT_SITE_TEAM_INVALID", f"a site team is a list of at most {SITE_TEAM_MAX}", "site_team")
    ids = [text_required(staff, WORD_LENGTH_MAX, "site_team") for staff in cast(Sequence[object], raw)]
    return tuple(sorted({staff_named(state, staff, "site_team").number for staff in ids}))


@evolves("ProjectRecorded")
def _recorded(state: Relations, event: Happened) -> None:
    said = event.fields
    number = project_number(said["project"])
    known = state.projects.get(number)
    state.projects.put(
        number,
        Project(
            number, event.customer, said["name"], said["stage"], said["region"], said["amount"],
            tuple((role, who) for role, who in said["parties"]),
            tuple(staff_number(staff) for staff in said["site_team"]), known.milestones if known else {},
        ),
    )  # fmt: skip


@decides(SetMilestone)
def _set(draft: Draft, command: SetMilestone) -> Answer:
    state = draft.state
    project = _project_named(state, command.project)
    milestone = text_required(command.milestone, WORD_LENGTH_MAX, "milestone")
    name = text_required(command.name, NAME_LENGTH_MAX, "name")
    due_day, reached_day = day_required(command.due_on, "due_on"), day_optional(command.reached_on, "reached_on")
    if reached_day > draft.context.day:
        raise Refused("DATE_INVALID", "reached_on lies in the future", "reached_on")
    customer = customer_id(state.standing_for(project.customer))
    if project.milestones.get(milestone) == (name, due_day, reached_day):
        return Answer("duplicate", state.position, customer, command.project)
    if milestone not in project.milestones and len(project.milestones) >= MILESTONES_MAX:
        raise Refused("PROJECT_MILESTONES_FULL", f"a project has at most {MILESTONES_MAX} milestones", "milestone")
    position = draft.input(
        "MilestoneSet", project.customer, project=command.project, milestone=milestone, name=name,
        due_on=day_text(due_day), reached_on="" if reached_day == NONE else day_text(reached_day),
    )  # fmt: skip
    return Answer("accepted", position, customer, command.project)


@evolves("MilestoneSet")
def _was_set(state: Relations, event: Happened) -> None:
    said = event.fields
    project = state.projects[project_number(said["project"])]
    milestone, due_day = said["milestone"], day_parse(said["due_on"])
    reached_day = day_parse(said["reached_on"]) if said["reached_on"] else NONE
    before = project.milestones.get(milestone)
    key = "milestone", project.number, milestone
    if before is not None:
        state.work_due.drop(before[1], key)
    if reached_day == NONE:
        state.work_due.add(due_day, key)
    milestones = {**project.milestones, milestone: (said["name"], due_day, reached_day)}
    state.projects.put(project.number, replace(project, milestones=milestones))

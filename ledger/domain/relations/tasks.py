"""Tasks that are handed to other departments: accepted, made progress with, done or declined, due on a day."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ledger.domain.commands import Answer, HandTask, MoveTask
from ledger.domain.errors import Refused
from ledger.domain.relations.checks import (
    customer_named,
    day_required,
    number_checked,
    staff_here,
    text_optional,
    text_required,
)
from ledger.domain.relations.drafts import Draft, decides
from ledger.domain.relations.ids import opportunity_id, opportunity_number, staff_id, staff_number, task_id, task_number
from ledger.domain.relations.reach import manages, serves, within
from ledger.domain.relations.records import Staff, Task
from ledger.domain.relations.stages import TASK_STATES_NEXT
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id, day_parse, day_text

TITLE_LENGTH_MAX: Final = 200
NOTE_LENGTH_MAX: Final = 4_000


def concerns(state: Relations, staff: Staff, task: Task) -> bool:
    """Whether a task was handed to somebody: to them, or to their department while nobody there has accepted it."""
    return task.to == staff.number if task.to else within(state, staff.team, task.department)


@decides(HandTask)
def _hand(draft: Draft, command: HandTask) -> Answer:
    state = draft.state
    customer = customer_named(state, command.customer)
    staff = staff_here(draft, command.staff)
    if not serves(state, staff, customer) and not _has_task(state, staff, customer):
        raise Refused(
            "CUSTOMER_NOT_SERVED",
            "only the owner, a collaborator, a manager, or who has a task of this customer hands one on",
            "staff",
        )
    to = staff_here(draft, command.to, "to") if command.to else None
    department = command.department or (to.team if to else "")
    if department not in state.teams:
        raise Refused("TASK_DEPARTMENT_UNKNOWN", "name a declared team, or somebody who belongs to one", "department")
    if to and not within(state, to.team, department):
        raise Refused("TASK_MEMBER_ELSEWHERE", "belongs to another department; name only the person", "to")
    due_day = day_required(command.due_on, "due_on")
    if due_day < draft.context.day:
        raise Refused("DATE_INVALID", "due_on lies in the past", "due_on")
    opportunity = state.opportunities.get(opportunity_number(command.opportunity))
    if command.opportunity and (opportunity is None or state.standing_for(opportunity.customer) != customer):
        raise Refused("OPPORTUNITY_UNKNOWN", "this customer has no opportunity of this id", "opportunity")
    number = len(state.tasks) + 1
    position = draft.input(
        "TaskHanded", customer, task=task_id(number), staff=staff_id(staff.number), department=department,
        to=staff_id(to.number if to else 0), title=text_required(command.title, TITLE_LENGTH_MAX, "title"),
        due_on=day_text(due_day), opportunity=opportunity_id(opportunity.number if opportunity else 0),
    )  # fmt: skip
    return Answer("accepted", position, customer_id(customer), task_id(number))


@decides(MoveTask)
def _move(draft: Draft, command: MoveTask) -> Answer:
    state = draft.state
    task = state.tasks.get(task_number(command.task))
    if task is None:
        raise Refused("TASK_UNKNOWN", "no task has this id; hand it first", "task")
    customer = state.standing_for(task.customer)
    staff = staff_here(draft, command.staff)
    note = text_optional(command.note, NOTE_LENGTH_MAX, "note")
    progress = number_checked(command.progress_percent, 0, 100, "progress_percent")
    if not task.is_open:
        raise Refused("TASK_ENDED", "it is done or declined already; hand another one", "task")
    nexts = TASK_STATES_NEXT[task.state]
    if command.state not in nexts:
        raise Refused("TASK_STATE_INVALID", f"from {task.state} it moves to {' or '.join(nexts)}", "state")
    # Who handed it may take it back, but not do it in the place of who has to.
    takes_back = command.state == "declined" and staff.number == task.staff
    if not (concerns(state, staff, task) or takes_back or _leads(state, staff, task, customer)):
        raise Refused(
            "TASK_NOT_THEIRS",
            "only who it was handed to moves it, their manager, or, to decline it, who handed it",
            "staff",
        )
    if command.state == "declined" and not note:
        raise Refused("TASK_NOTE_MISSING", "say in the note why it is declined", "note")
    if command.state == "done":
        progress = 100
    elif command.state == "declined":
        progress = task.progress_percent
    if (command.state, progress, note) == (task.state, task.progress_percent, ""):
        return Answer("duplicate", state.position, customer_id(customer), task_id(task.number))
    position = draft.input(
        "TaskMoved", customer, task=task_id(task.number), state=command.state, staff=staff_id(staff.number),
        progress_percent=progress, note=note,
    )  # fmt: skip
    return Answer("accepted", position, customer_id(customer), task_id(task.number))


def _has_task(state: Relations, staff: Staff, customer: int) -> bool:
    """Whether somebody has an open task of this customer to do."""
    return any(state.standing_for(state.tasks[n].customer) == customer for n in state.tasks_of.of(-staff.number))


def _leads(state: Relations, staff: Staff, task: Task, customer: int) -> bool:
    """Whether somebody manages the customer, or the department that has the task."""
    in_department = staff.role == "manager" and within(state, staff.team, task.department)
    return in_department or manages(state, staff, customer)


def _put(state: Relations, before: Task | None, task: Task) -> None:
    """Keep a task, and who has an open one, and when it is due."""
    state.tasks.put(task.number, task)
    if before is not None and before.is_open:
        state.tasks_of.drop(before.staff, before.number)
        state.tasks_of.drop(-before.to, before.number)
        state.work_due.drop(before.due_day, ("task", before.number, ""))
    if task.is_open:
        state.tasks_of.add(task.staff, task.number)
        if task.to:
            state.tasks_of.add(-task.to, task.number)
        state.work_due.add(task.due_day, ("task", task.number, ""))


@evolves("TaskHanded")
def _handed(state: Relations, event: Happened) -> None:
    said = event.fields
    number = task_number(said["task"])
    task = Task(
        number, event.customer, staff_number(said["staff"]), said["department"], staff_number(said["to"]),
        said["title"], day_parse(said["due_on"]), "handed", 0, opportunity_number(said["opportunity"]),
    )  # fmt: skip
    _put(state, None, task)


@evolves("TaskMoved")
def _moved(state: Relations, event: Happened) -> None:
    said = event.fields
    task = state.tasks[task_number(said["task"])]
    # Who accepts for a department has it from then on.
    to = task.to or (staff_number(said["staff"]) if said["state"] == "accepted" else 0)
    _put(state, task, replace(task, state=said["state"], progress_percent=said["progress_percent"], to=to))


@evolves("TaskReassigned")
def _reassigned(state: Relations, event: Happened) -> None:
    said = event.fields
    task = state.tasks[task_number(said["task"])]
    _put(state, task, replace(task, staff=staff_number(said["staff"]), to=staff_number(said["to"])))

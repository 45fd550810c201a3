"""The work with customers: opportunities, talks, next steps, tasks, reminders."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.input import Cursor, Limit, MinPosition, Text, json_response
from api.routes.relations.documents import (
    follow_up_document,
    opportunity_document,
    reminder_document,
    stage_document,
    task_document,
)
from api.routes.relations.refusals import NUMBER_LAST, opportunity_unknown, task_unknown
from api.routes.relations.rows.work import FollowUpBody, OpportunityBody, OpportunityDetailBody, ReminderBody, TaskBody
from api.routes.relations.seeing import (
    LIST_ERRORS,
    PREFIX,
    READ_ERRORS,
    asked_of,
    day_now,
    number_given,
    page_response,
    rows_seen,
    seen,
)
from api.routing import Router
from api.schemas import Page
from ledger.domain.relations.ids import opportunity_number, staff_number, task_number
from ledger.domain.values import customer_number
from projections.relations.dealings import (
    follow_ups_read,
    next_steps_read,
    opportunities_read,
    stages_read,
    tasks_read,
)
from projections.relations.reminders import reminders_read
from projections.relations.scopes import Scope

router = Router(tags=["relations"])

CustomerId = Annotated[str | None, Query(max_length=40, description="A customer, by id.", examples=["C-000001"])]
StaffId = Annotated[str | None, Query(max_length=40, description="A member of staff, by id.", examples=["S-000001"])]



@router.get(
    f"{PREFIX}/opportunities",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[OpportunityBody],
    summary="Opportunities of the customers that one sees",
    description="The latest first.",
)
async def relations_opportunities(
    request: Request,
    customer: CustomerId = None,
    staff: StaffId = None,
    team: Text = None,
    stage: Text = None,
    channel: Text = None,
    only_open: bool = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Opportunities of the customers that one sees."""
    asked = asked_of(
        request, customer=customer, staff=staff, team=team, stage=stage, channel=channel, only_open=only_open,
        limit=limit, min_position=min_position,
    )  # fmt: skip
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], opportunities_read,
        customer=number_given(p["customer"], customer_number, "customer"),
        staff=number_given(p["staff"], staff_number, "staff"), team=p["team"], stage=p["stage"],
        channel=p["channel"], only_open=p["only_open"], before=asked.at or NUMBER_LAST, limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, opportunity_document, lambda row: row.number)


@router.get(
    f"{PREFIX}/opportunities/{{opportunity}}",
    permission=Permission.RELATIONS_READ,
    errors=("OPPORTUNITY_UNKNOWN", *READ_ERRORS),
    response_model=OpportunityDetailBody,
    summary="An opportunity with the stages it went through",
)
async def relations_opportunity(request: Request, opportunity: str, min_position: MinPosition = None) -> Response:
    """An opportunity with the stages it went through."""
    number = opportunity_number(opportunity)

    def look(connection: Connection[Any], scope: Scope) -> dict[str, Any]:
        rows = opportunities_read(connection, scope, number=number, limit=1) if 0 < number <= NUMBER_LAST else []
        if not rows:
            raise opportunity_unknown()
        stages = stages_read(connection, scope, number)
        return {**opportunity_document(rows[0]), "stages": [stage_document(row) for row in stages]}

    return json_response(await seen(request, min_position, opportunities_read.views, look))


@router.get(
    f"{PREFIX}/follow_ups",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[FollowUpBody],
    summary="Talks with the customers that one sees",
    description="The latest first.",
)
async def relations_follow_ups(
    request: Request,
    customer: CustomerId = None,
    staff: StaffId = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Talks with the customers that one sees."""
    asked = asked_of(request, customer=customer, staff=staff, limit=limit, min_position=min_position)
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], follow_ups_read, customer=number_given(p["customer"], customer_number, "customer"),
        staff=number_given(p["staff"], staff_number, "staff"), before=asked.at or NUMBER_LAST, limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, follow_up_document, lambda row: row.position)


@router.get(
    f"{PREFIX}/staff/{{staff}}/next_steps",
    permission=Permission.RELATIONS_READ,
    errors=READ_ERRORS,
    response_model=Page[FollowUpBody],
    summary="What somebody agreed on last with each of their customers",
    description="The first due first, at most `limit` of them. A step stands until another comes next, a talk says that"
    " it is done (`next_step_done`), or the customer goes to the pool. Where a manager or a handover gives the customer"
    " on, the step goes with it.",
)
async def relations_next_steps(
    request: Request, staff: str, limit: Limit = 100, min_position: MinPosition = None
) -> Response:
    """What somebody agreed on last with each of their customers."""
    asked = asked_of(request, limit=limit)
    number = number_given(staff, staff_number, "staff") or 0
    rows = await rows_seen(request, min_position, next_steps_read, number, limit=limit)
    return page_response(request, asked, rows, follow_up_document, lambda row: row.position)


@router.get(
    f"{PREFIX}/tasks",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[TaskBody],
    summary="Tasks",
    description="Of customers that one sees, and those that one handed or has to do, or one's department. The latest"
    " first.",
)
async def relations_tasks(
    request: Request,
    customer: CustomerId = None,
    staff: StaffId = None,
    doer: StaffId = None,
    department: Text = None,
    only_open: bool = False,
    overdue: bool = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Tasks."""
    asked = asked_of(
        request, customer=customer, staff=staff, doer=doer, department=department, only_open=only_open,
        overdue=overdue, limit=limit, min_position=min_position,
    )  # fmt: skip
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], tasks_read, customer=number_given(p["customer"], customer_number, "customer"),
        staff=number_given(p["staff"], staff_number, "staff"), doer=number_given(p["doer"], staff_number, "doer"),
        department=p["department"], only_open=p["only_open"],
        overdue_on=await day_now(request) if p["overdue"] else None, before=asked.at or NUMBER_LAST,
        limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, task_document, lambda row: row.number)


@router.get(
    f"{PREFIX}/tasks/{{task}}",
    permission=Permission.RELATIONS_READ,
    errors=("TASK_UNKNOWN", *READ_ERRORS),
    response_model=TaskBody,
    summary="A task",
)
async def relations_task(request: Request, task: str, min_position: MinPosition = None) -> Response:
    """A task."""
    number = task_number(task)
    if not 0 < number <= NUMBER_LAST:
        raise task_unknown()
    rows = await rows_seen(request, min_position, tasks_read, number=number, limit=1)
    if not rows:
        raise task_unknown()
    return json_response(task_document(rows[0]))


@router.get(
    f"{PREFIX}/reminders",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[ReminderBody],
    summary="What was said to be due",
    description="Of customers that one sees, and of one's own tasks; the latest first. `only_open=false`: also what was"
    " done meanwhile.",
)
async def relations_reminders(
    request: Request,
    customer: CustomerId = None,
    staff: StaffId = None,
    kind: Text = None,
    only_open: bool = True,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """What was said to be due."""
    asked = asked_of(
        request, customer=customer, staff=staff, kind=kind, only_open=only_open, limit=limit, min_position=min_position
    )
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], reminders_read, await day_now(request),
        staff=number_given(p["staff"], staff_number, "staff"),
        customer=number_given(p["customer"], customer_number, "customer"),
        kinds=None if p["kind"] is None else [p["kind"]], only_open=p["only_open"], before=asked.at,
        limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, reminder_document, lambda row: row.position)

"""Figures of the work with customers: workload, funnel, sources, performance, of people and teams."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.input import Cursor, Day, Limit, MinPosition, Text, json_response
from api.routes.relations.documents import (
    performance_document,
    source_document,
    stage_figures_document,
    team_workload_document,
    workload_document,
)
from api.routes.relations.rows.owners import TeamWorkloadBody, WorkloadBody
from api.routes.relations.rows.work import PerformanceBody, SourceBody, StageFiguresBody, TeamPerformanceBody
from api.routes.relations.seeing import (
    LIST_ERRORS,
    PREFIX,
    READ_ERRORS,
    asked_of,
    day_given,
    day_now,
    number_given,
    page_response,
    rows_seen,
)
from api.routing import Router
from api.schemas import Page
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_number
from projections.relations.figures import (
    Span,
    funnel_read,
    performance_read,
    performance_teams_read,
    sources_read,
)
from projections.relations.portfolios import workload_read, workload_teams_read

router = Router(tags=["relations"])

StaffId = Annotated[str | None, Query(max_length=40, description="A member of staff, by id.", examples=["S-000001"])]



def span_of(first: str | None, last: str | None, today: int) -> Span:
    """The days from `first` (1970-01-01 without one) to `last` (today). Raises Refused (DATE_INVALID)."""
    since, until = day_given(first, "from"), day_given(last, "to")
    span = Span(0 if since is None else since, today if until is None else until)
    if span.first > span.last:
        raise Refused("DATE_INVALID", "from lies after to", "from")
    return span


def _whole(data: list[dict[str, Any]]) -> Response:
    return json_response({"data": data, "next": None, "previous": None, "has_more": False})


First = Annotated[Day, Query(alias="from")]
Last = Annotated[Day, Query(alias="to")]


@router.get(
    f"{PREFIX}/workload",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[WorkloadBody],
    summary="How much people have to do",
    description="Oneself, and whom one leads.",
)
async def relations_workload(
    request: Request,
    staff: StaffId = None,
    team: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """How much people have to do."""
    asked = asked_of(request, staff=staff, team=team, limit=limit, min_position=min_position)
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], workload_read, await day_now(request),
        staff=number_given(p["staff"], staff_number, "staff"), team=p["team"], after=asked.at or 0,
        limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, workload_document, lambda row: row.staff)


@router.get(
    f"{PREFIX}/workload/teams",
    permission=Permission.RELATIONS_READ,
    errors=READ_ERRORS,
    response_model=Page[TeamWorkloadBody],
    summary="How much teams have to do",
    description="Each with those below it, of the people that one leads.",
)
async def relations_workload_teams(request: Request, min_position: MinPosition = None) -> Response:
    """How much teams have to do."""
    rows = await rows_seen(request, min_position, workload_teams_read, await day_now(request))
    return _whole([team_workload_document(row) for row in rows])


@router.get(
    f"{PREFIX}/funnel",
    permission=Permission.RELATIONS_READ,
    errors=("DATE_INVALID", *READ_ERRORS),
    response_model=Page[StageFiguresBody],
    summary="The funnel of the opportunities opened in a span of days",
    description="Stage by stage; shares in basis points, rounded down.",
)
async def relations_funnel(
    request: Request,
    first: First = None,
    last: Last = None,
    team: Text = None,
    staff: StaffId = None,
    region: Text = None,
    channel: Text = None,
    min_position: MinPosition = None,
) -> Response:
    """The funnel."""
    day = await day_now(request)
    rows = await rows_seen(
        request, min_position, funnel_read, span_of(first, last, day), day, team=team,
        staff=number_given(staff, staff_number, "staff"), region=region, channel=channel,
    )  # fmt: skip
    return _whole([stage_figures_document(row) for row in rows])


@router.get(
    f"{PREFIX}/sources",
    permission=Permission.RELATIONS_READ,
    errors=("DATE_INVALID", *READ_ERRORS),
    response_model=Page[SourceBody],
    summary="What came through each channel, and what became of it",
)
async def relations_sources(
    request: Request, first: First = None, last: Last = None, region: Text = None, min_position: MinPosition = None
) -> Response:
    """What came through each channel."""
    span = span_of(first, last, await day_now(request))
    rows = await rows_seen(request, min_position, sources_read, span, region=region)
    return _whole([source_document(row) for row in rows])


@router.get(
    f"{PREFIX}/performance",
    permission=Permission.RELATIONS_READ,
    errors=("DATE_INVALID", *LIST_ERRORS),
    response_model=Page[PerformanceBody],
    summary="How people do: success, response time, satisfaction",
    description="Oneself, and whom one leads.",
)
async def relations_performance(
    request: Request,
    first: First = None,
    last: Last = None,
    staff: StaffId = None,
    team: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """How people do."""
    asked = asked_of(
        request, first=first, last=last, staff=staff, team=team, limit=limit, min_position=min_position
    )
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], performance_read, span_of(p["first"], p["last"], await day_now(request)),
        staff=number_given(p["staff"], staff_number, "staff"), team=p["team"], after=asked.at or 0,
        limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, performance_document, lambda row: row.staff)


@router.get(
    f"{PREFIX}/performance/teams",
    permission=Permission.RELATIONS_READ,
    errors=("DATE_INVALID", *READ_ERRORS),
    response_model=Page[TeamPerformanceBody],
    summary="How teams do",
    description="Each with those below it, of the people that one leads.",
)
async def relations_performance_teams(
    request: Request, first: First = None, last: Last = None, min_position: MinPosition = None
) -> Response:
    """How teams do."""
    span = span_of(first, last, await day_now(request))
    rows = await rows_seen(request, min_position, performance_teams_read, span)
    return _whole([performance_document(row) for row in rows])

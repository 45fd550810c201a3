"""Who there is at the firm: people, teams, leave; and collisions between them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import LedgerOf, in_thread
from api.input import Cursor, Limit, MinPosition, Text, json_response, list_response
from api.reading import narrators_of, rulebook_of
from api.routes.relations.documents import (
    absence_document,
    collision_document,
    evidence_document,
    staff_document,
    team_document,
)
from api.routes.relations.refusals import NUMBER_LAST, collision_unknown
from api.routes.relations.rows.owners import AbsenceBody, CollisionBody, EvidenceBody, StaffBody, TeamBody
from api.routes.relations.seeing import (
    LIST_ERRORS,
    PREFIX,
    READ_ERRORS,
    asked_of,
    day_now,
    number_given,
    opened_staff,
    page_response,
    rows_seen,
    seen,
)
from api.routing import Router, denied
from api.schemas import Page
from ledger.domain.relations.ids import collision_number, staff_number
from projections.relations.arrivals import EvidenceRow, collisions_read, evidence_read, ruling_refusal
from projections.relations.scopes import Scope
from projections.relations.staff import StaffRow, TeamRow, absences_read, staff_read, teams_read

router = Router(tags=["relations"])

StaffId = Annotated[str | None, Query(max_length=40, description="A member of staff, by id.", examples=["S-000001"])]



@router.get(
    f"{PREFIX}/staff",
    permission=Permission.RELATIONS_READ,
    errors=("SEAL_BROKEN", *LIST_ERRORS),
    response_model=Page[StaffBody],
    summary="Who is on the staff",
    description="By number; of `team`, with the teams below it. Of somebody who was erased the name is null.",
)
async def relations_staff(
    request: Request,
    ledger: LedgerOf,
    team: Text = None,
    staff: StaffId = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Who is on the staff."""
    asked = asked_of(request, team=team, staff=staff, limit=limit, min_position=min_position)
    p = asked.params
    number = number_given(p["staff"], staff_number, "staff")

    def look(connection: Connection[Any], scope: Scope) -> list[StaffRow]:
        return staff_read(connection, number=number, team=p["team"], after=asked.at or 0, limit=p["limit"] + 1)

    rows = await seen(request, p["min_position"], staff_read.views, look)
    said = await in_thread(request, opened_staff, ledger, rows)
    return page_response(
        request, asked, rows, lambda row: staff_document(row, said.get(row.number)), lambda row: row.number
    )


@router.get(
    f"{PREFIX}/teams",
    permission=Permission.RELATIONS_READ,
    errors=READ_ERRORS,
    response_model=Page[TeamBody],
    summary="The teams, as a tree",
)
async def relations_teams(request: Request, min_position: MinPosition = None) -> Response:
    """The teams."""

    def look(connection: Connection[Any], scope: Scope) -> list[TeamRow]:
        return teams_read(connection)

    rows = await seen(request, min_position, teams_read.views, look)
    return list_response([team_document(row) for row in rows])


@router.get(
    f"{PREFIX}/absences",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[AbsenceBody],
    summary="Who is on leave now or later",
    description="Oneself, and whom one leads; in order of the first day.",
)
async def relations_absences(
    request: Request,
    staff: StaffId = None,
    limit: Limit = 1_000,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Who is on leave."""
    asked = asked_of(request, staff=staff, limit=limit, min_position=min_position)
    p = asked.params
    more: dict[str, Any] = {} if asked.at is None else {"after": tuple(asked.at)}
    rows = await rows_seen(
        request, p["min_position"], absences_read, await day_now(request),
        staff=number_given(p["staff"], staff_number, "staff"), limit=p["limit"] + 1, **more,
    )  # fmt: skip
    return page_response(request, asked, rows, absence_document, lambda row: (row.first_day, row.staff))


@router.get(
    f"{PREFIX}/collisions",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[CollisionBody],
    summary="Collisions",
    description="Of customers that one sees, and those that one is a side of; the latest first. Of a side that one may"
    " not see there is the team, and nothing else.",
)
async def relations_collisions(
    request: Request,
    only_open: bool = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Collisions."""
    asked = asked_of(request, only_open=only_open, limit=limit, min_position=min_position)
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], collisions_read, only_open=p["only_open"], before=asked.at, limit=p["limit"] + 1
    )
    return page_response(request, asked, rows, collision_document, lambda row: row.number)


@router.get(
    f"{PREFIX}/collisions/{{collision}}",
    permission=Permission.RELATIONS_READ,
    errors=("COLLISION_UNKNOWN", *READ_ERRORS),
    response_model=CollisionBody,
    summary="A collision",
)
async def relations_collision(request: Request, collision: str, min_position: MinPosition = None) -> Response:
    """A collision."""
    number = collision_number(collision)
    if not 0 < number <= NUMBER_LAST:
        raise collision_unknown()
    rows = await rows_seen(request, min_position, collisions_read, number=number, limit=1)
    if not rows:
        raise collision_unknown()
    return json_response(collision_document(rows[0]))


@router.get(
    f"{PREFIX}/collisions/{{collision}}/evidence",
    permission=Permission.RELATIONS_READ,
    errors=("COLLISION_UNKNOWN", *LIST_ERRORS),
    response_model=Page[EvidenceBody],
    summary="What both sides of a collision did, in order of time",
    description="For who may rule it: who leads both sides and is neither. `side` is `holder` or `asker`, \"\" for what"
    " neither did.",
)
async def relations_evidence(
    request: Request,
    collision: str,
    limit: Limit = 1_000,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """What both sides of a collision did."""
    asked = asked_of(request, limit=limit, min_position=min_position)
    more: dict[str, Any] = {} if asked.at is None else {"after": tuple(asked.at)}
    number = collision_number(collision)
    if not 0 < number <= NUMBER_LAST:
        raise collision_unknown()

    def look(connection: Connection[Any], scope: Scope) -> list[EvidenceRow]:
        rows = collisions_read(connection, scope, number=number, limit=1)
        if not rows:
            raise collision_unknown()
        if reason := ruling_refusal(scope, rows[0]):
            raise denied(reason)
        return evidence_read(connection, scope, number, limit=asked.size + 1, **more)

    rows = await seen(request, asked.params["min_position"], evidence_read.views, look)
    narrators = narrators_of(await rulebook_of(request))
    return page_response(
        request, asked, rows, lambda row: evidence_document(row, narrators), lambda row: (row.position, row.customer)
    )

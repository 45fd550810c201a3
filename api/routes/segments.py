"""Customers by tag, grade, tier and activity, page by page and as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.access.roles import Permission
from api.core import core_of, read, read_placed
from api.input import Cursor, Limit, MinPosition, json_response
from api.reading import Name, Trait, rulebook_of, today
from api.routing import Router
from api.schemas import Points, ReportPage
from ledger.domain.values import day_of
from ledger.log.pages import Seek
from projections.reports import Segment, segment_read
from projections.segment_file import segment_head, segment_lines

router = Router(tags=["reports"])

EXPORT_PAGE: Final = 1_000
CSV_EXAMPLE: Final = (
    "\ufeffcustomer,name,region,industry,customer_type,scale,balance,tier,grade,tags,last_active_on\r\n"
    "C-000001,华东建设集团,east,housing,state_owned,large,240.00,gold,a,strategic,2026-01-17\r\n"
)
LINES_EXAMPLE: Final = (
    '{"customer":"C-000001","name":"华东建设集团","region":"east","industry":"housing","customer_type":"state_owned",'
    '"scale":"large","balance":"240.00","tier":"gold","grade":"a","tags":["strategic"],"last_active_on":"2026-01-17"}\n'
)
Days = Annotated[int | None, Query(ge=1, le=36_500)]


class SegmentBody(BaseModel):
    """A customer of a segment. `last_active_on` is the last day on which a fact was booked."""

    customer: str
    name: str
    region: str
    industry: str
    customer_type: str
    scale: str
    balance: str = Points
    tier: str | None
    grade: str | None
    tags: list[str]
    last_active_on: str | None


_SEGMENT_DESCRIPTION: Final = (
    "Of a tag, grade, tier, region, industry; with `active_days` only those with a fact booked in the last so many"
    " days, with `inactive_days` only those without. Who has no tier decided yet is on the one it began on, or,"
    " where the rules in force haven't that, on their lowest. A name that no rule set of the ledger has is refused,"
    " with those that there are."
)


@router.get(
    "/v1/ledgers/{ledger}/reports/segment",
    permission=Permission.VIEWS_READ,
    errors=("CURSOR_INVALID", "STANDING_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[SegmentBody],
    summary="Customers by tag, grade, tier and activity",
    description=_SEGMENT_DESCRIPTION,
)
async def segment(
    request: Request,
    tag: Name = None,
    grade: Name = None,
    tier: Name = None,
    region: Trait = None,
    industry: Trait = None,
    active_days: Days = None,
    inactive_days: Days = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Customers by tag, grade, tier and activity."""
    pages = core_of(request).pages
    asked = pages.asked(request, {
        "tag": tag, "grade": grade, "tier": tier, "region": region, "industry": industry, "active_days": active_days,
        "inactive_days": inactive_days, "limit": limit, "min_position": min_position,
    })  # fmt: skip
    wanted = await _segment(request, dict(asked.params))
    rows, position = await read_placed(
        request, asked.params["min_position"], segment_read, wanted, seek=asked.seek, limit=asked.size + 1
    )
    page = pages.listed(request, asked, rows, lambda row: (row.customer,), lambda row: row.document())
    return json_response({**page, "position": position})


@router.get(
    "/v1/ledgers/{ledger}/reports/segment/export",
    permission=Permission.VIEWS_READ,
    errors=("STANDING_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_class=Response,
    responses={
        200: {
            "description": "A line for each customer.",
            "headers": {
                "Position": {"description": "The log is contained up to here at least.", "schema": {"type": "integer"}}
            },
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
                "application/x-ndjson": {"schema": {"type": "string"}, "example": LINES_EXAMPLE},
            },
        }
    },
    summary="A segment as a file",
    description=_SEGMENT_DESCRIPTION + " CSV is UTF-8 with a byte order mark, as spreadsheets want it, and no cell"
    " begins as a formula; NDJSON is for programs.",
)
async def segment_export(
    request: Request,
    file: Annotated[Literal["csv", "ndjson"], Query()] = "csv",
    tag: Name = None,
    grade: Name = None,
    tier: Name = None,
    region: Trait = None,
    industry: Trait = None,
    active_days: Days = None,
    inactive_days: Days = None,
    min_position: MinPosition = None,
) -> Response:
    """A segment as a file."""
    wanted = await _segment(request, {
        "tag": tag, "grade": grade, "tier": tier, "region": region, "industry": industry, "active_days": active_days,
        "inactive_days": inactive_days,
    })  # fmt: skip
    # The first page is read before the answer begins, so that a failure is still a problem document.
    first, position = await read_placed(request, min_position, segment_read, wanted, limit=EXPORT_PAGE)

    async def lines() -> AsyncIterator[bytes]:
        rows = first
        if file == "csv":
            yield segment_head()
        while rows:
            if file == "csv":
                yield segment_lines(rows)
            else:
                yield b"".join(orjson.dumps(row.document(), option=orjson.OPT_APPEND_NEWLINE) for row in rows)
            if len(rows) < EXPORT_PAGE:
                return
            rows = await read(request, segment_read, wanted, seek=Seek((rows[-1].customer,)), limit=EXPORT_PAGE)

    media_type = "text/csv" if file == "csv" else "application/x-ndjson"
    headers = {"Content-Disposition": f"attachment; filename=segment.{file}", "Position": str(position)}
    return StreamingResponse(lines(), media_type=media_type, headers=headers)


async def _segment(request: Request, params: dict[str, Any]) -> Segment:
    rulebook = await rulebook_of(request)
    rulebook.standing_check(params["tag"], params["grade"], params["tier"])
    day = day_of(today(request, rulebook))
    active, inactive = params["active_days"], params["inactive_days"]
    return Segment(
        params["tag"], params["grade"], params["tier"], params["region"], params["industry"],
        None if active is None else day - active + 1, None if inactive is None else day - inactive + 1,
        rulebook.levels(day),
    )  # fmt: skip

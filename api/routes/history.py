"""Every event of a customer, in order, in words."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, read
from api.input import Cursor, Day, Limit, MinPosition, json_response
from api.reading import Instant, customer_known, history_document, moment_of, narrators_of, rulebook_of
from api.routing import Router
from api.schemas import Page, Points
from projections.as_of import history_then

router = Router(tags=["points"])

Order = Literal["position:asc", "position:desc"]


class HistoryBody(BaseModel):
    """An event of a customer with who, why, by which rule and what arithmetic, in both languages.

    `points` is null where it moves none; `balance` is the one after it in order of the log. `cause` is the position of
    the input that led to it, 0 for an input itself.
    """

    position: int
    event: str
    occurred_at: str
    booked_on: str | None
    recorded_at: str
    actor: str
    cause: int
    rule: str | None
    rule_set: str | None
    points: str | None
    balance: str = Points
    explanation: dict[str, str]


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/history",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "DATE_INVALID", "CURSOR_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=Page[HistoryBody],
    summary="Every event of a customer, in order",
)
async def history(
    request: Request,
    customer: str,
    sort: Annotated[Order, Query(description="By position, upwards or downwards.")] = "position:asc",
    as_of: Day = None,
    as_known_at: Instant = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Every event of a customer, in order."""
    number = await customer_known(request, customer, min_position, history_then)
    rulebook = await rulebook_of(request)
    pages = core_of(request).pages
    asked = pages.asked(request, {
        "sort": sort, "as_of": as_of, "as_known_at": as_known_at, "limit": limit, "min_position": min_position,
    })  # fmt: skip
    moment = moment_of(asked.params["as_of"], asked.params["as_known_at"], rulebook.book.timezone)
    downwards = asked.params["sort"] == "position:desc"
    rows = await read(
        request, history_then, number, moment, seek=asked.seek, newest_first=downwards, limit=asked.size + 1
    )
    narrators = narrators_of(rulebook)
    return json_response(
        pages.listed(request, asked, rows, lambda row: (row.position,), lambda row: history_document(row, narrators))
    )

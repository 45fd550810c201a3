"""What a customer is entitled to at a stage of the business, and what was used of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, read, read_placed, views_reached
from api.input import Cursor, Limit, MinPosition, Text, json_response, list_response
from api.reading import customer_known, customer_number_of, rulebook_of, today
from api.routes.redemptions import Title, holder_now, terms_of
from api.routing import Router
from api.schemas import Page, ReportPage
from ledger.domain.values import day_of
from ledger.rules.redemption.told import entitlement_documents
from projections.entitlements import used_read, uses_read
from projections.redemptions import holder_read

router = Router(tags=["redemptions"])

Stage = Annotated[
    Literal["bidding", "construction", "settlement"] | None, Query(description="A stage of the business.")
]


class EntitlementBody(BaseModel):
    """What a customer is entitled to at a stage of the business, and why; how often it used it, and still may."""

    entitlement: str
    stage: str
    title: Title
    reason: Title
    entitled: bool
    lacking: list[Title] = Field(description="Which conditions don't hold, with what is there; empty where all do.")
    window: Literal["month", "quarter", "year", "lifetime"] | None = Field(description="In which `times` counts.")
    times: int | None = Field(description="How often each customer may use it in a window; null: as often as it likes.")
    used: int = Field(description="How often it did in this window; without a limit ever.")
    left: int | None


class EntitlementUseBody(BaseModel):
    """A use of an entitlement."""

    position: int
    customer: str
    entitlement: str
    stage: str
    booked_on: str
    rule_set: str
    reference: str
    actor: str
    recorded_at: str


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/entitlements",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=Page[EntitlementBody],
    summary="What a customer is entitled to at a stage of the business, and why",
)
async def customer_entitlements(
    request: Request, customer: str, stage: Stage = None, min_position: MinPosition = None
) -> Response:
    """What a customer is entitled to at a stage of the business, and why."""
    number = await customer_known(request, customer, min_position, holder_read)
    await views_reached(request, used_read.views, min_position)
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    used = await read(request, used_read, number)
    return list_response(
        entitlement_documents(terms_of(rulebook, day).entitlements, await holder_now(request, number), stage, used, day)
    )


@router.get(
    "/v1/ledgers/{ledger}/entitlements/uses",
    permission=Permission.VIEWS_READ,
    errors=("CUSTOMER_UNKNOWN", "CURSOR_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[EntitlementUseBody],
    summary="Which customer used which entitlement, when, at which stage; the latest first",
)
async def entitlement_uses(
    request: Request,
    of_customer: Annotated[str | None, Query(max_length=40, examples=["C-000001"])] = None,
    entitlement: Text = None,
    stage: Stage = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Which customer used which entitlement, the latest first."""
    number = None if of_customer is None else customer_number_of(of_customer)
    return await _uses_listed(request, number, entitlement, stage, limit, min_position)


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/entitlements/uses",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "CURSOR_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[EntitlementUseBody],
    summary="Which entitlements a customer used, the latest first",
)
async def customer_entitlement_uses(
    request: Request,
    customer: str,
    entitlement: Text = None,
    stage: Stage = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Which entitlements a customer used, the latest first."""
    number = await customer_known(request, customer, min_position, uses_read)
    return await _uses_listed(request, number, entitlement, stage, limit, min_position)


async def _uses_listed(
    request: Request, customer: int | None, entitlement: str | None, stage: str | None, limit: int, wanted: int | None
) -> Response:
    pages = core_of(request).pages
    asked = pages.asked(
        request,
        {"customer": customer, "entitlement": entitlement, "stage": stage, "limit": limit, "min_position": wanted},
    )
    p = asked.params
    rows, position = await read_placed(
        request, p["min_position"], uses_read, customer=p["customer"], entitlement=p["entitlement"], stage=p["stage"],
        seek=asked.seek, limit=asked.size + 1,
    )  # fmt: skip
    page = pages.listed(request, asked, rows, lambda row: (row.position,), lambda row: row.document())
    return json_response({**page, "position": position})

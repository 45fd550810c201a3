"""What programme managers watch: campaigns and what they came to, alerts with the events behind them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, read_placed
from api.input import Cursor, Day, Limit, MinPosition, json_response
from api.reading import day_of_text, rulebook_of, today
from api.routing import Router
from api.schemas import Points, ReportPage
from ledger.domain.errors import Refused
from ledger.domain.values import date_of, day_of
from projections.alerts import METHOD, WINDOW_DAYS, Kind, alert_key, alerts_listed
from projections.campaigns import campaign_report, campaigns_read

router = Router(tags=["reports"])


class CampaignBody(BaseModel):
    """A rule with effective dates and what it came to; points net of corrections, `awards` are those that stand."""

    rule_set: str
    rule: str
    title: dict[str, str]
    effective_from: str | None
    effective_to: str | None
    proposed: int
    customers: int
    awards: int
    points: str = Points
    position_first: int | None
    position_last: int | None


class CampaignMonthBody(BaseModel):
    """A campaign's month."""

    month: str
    awards: int
    points: str = Points


class CampaignCustomerBody(BaseModel):
    """What a customer got from a campaign."""

    customer: str
    name: str
    awards: int
    points: str = Points
    position_first: int
    position_last: int


class CampaignDetail(CampaignBody):
    """A campaign with its months and who got most from it; it contains the log up to `position` at least."""

    months: list[CampaignMonthBody]
    best: list[CampaignCustomerBody]
    position: int


@router.get(
    "/v1/ledgers/{ledger}/reports/campaigns",
    permission=Permission.VIEWS_READ,
    errors=("CURSOR_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[CampaignBody],
    summary="Campaigns: rules with effective dates",
)
async def campaigns(
    request: Request, limit: Limit = 100, cursor: Cursor = None, min_position: MinPosition = None
) -> Response:
    """Campaigns: rules with effective dates."""
    pages = core_of(request).pages
    asked = pages.asked(request, {"limit": limit, "min_position": min_position})
    rows, position = await read_placed(
        request, asked.params["min_position"], campaigns_read, seek=asked.seek, limit=asked.size + 1
    )
    page = pages.listed(request, asked, rows, lambda row: (row.proposed, row.rule), lambda row: row.document())
    return json_response({**page, "position": position})


@router.get(
    "/v1/ledgers/{ledger}/reports/campaigns/{rule_set}/{rule}",
    permission=Permission.VIEWS_READ,
    errors=("CAMPAIGN_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=CampaignDetail,
    summary="A campaign's report",
)
async def campaign(request: Request, rule_set: str, rule: str, min_position: MinPosition = None) -> Response:
    """A campaign's report."""
    found, position = await read_placed(request, min_position, campaign_report, (rule_set, rule))
    if found is None:
        reason = "no rule of this id has effective dates; GET …/reports/campaigns lists them"
        raise Refused("CAMPAIGN_UNKNOWN", reason, "rule")
    whole, months, best = found
    return json_response({
        **whole.document(), "position": position, "months": [m.document() for m in months],
        "best": [c.document() for c in best],
    })  # fmt: skip


class AlertBody(BaseModel):
    """An alert. `value` is what was found (points lost, or complaints), `compared` what it is held against (the balance
    before, or the complaints of three windows before), `positions` the events behind it."""

    kind: str
    customer: str
    name: str
    window_from: str
    window_to: str
    value: str
    compared: str
    method: dict[str, str]
    positions: list[int]


@router.get(
    "/v1/ledgers/{ledger}/reports/alerts",
    permission=Permission.VIEWS_READ,
    errors=("CURSOR_INVALID", "DATE_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[AlertBody],
    summary="Who lost points sharply, who complains more than usual",
    description=f"Points plunge: {METHOD.words('points_plunge')['en']}. Complaint surge:"
    f" {METHOD.words('complaint_surge')['en']}. As of the end of `on`, by the days facts were booked on. Those who"
    " lost points come first, then those who complain, each the gravest first.",
)
async def alerts(
    request: Request,
    kind: Annotated[Kind | None, Query(description="One kind; without it both.")] = None,
    on: Day = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Who lost points sharply, who complains more than usual."""
    rulebook = await rulebook_of(request)
    pages = core_of(request).pages
    asked = pages.asked(request, {"kind": kind, "on": on, "limit": limit, "min_position": min_position})
    day = day_of_text(asked.params["on"], "on") or today(request, rulebook)
    if day < date_of(0) + timedelta(days=WINDOW_DAYS):
        raise Refused("DATE_INVALID", "on lies before any ledger", "on")
    chosen: Kind | None = asked.params["kind"]
    found, position = await read_placed(
        request, asked.params["min_position"], alerts_listed, chosen, day_of(day), seek=asked.seek, limit=asked.size + 1
    )
    page = pages.listed(request, asked, found, alert_key, lambda a: a.document())
    return json_response({**page, "position": position})

"""Reports over many customers: leaderboards, points by region and industry, inflation, the case's own measures."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, read_placed
from api.input import Cursor, Limit, MinPosition, json_response, list_response
from api.reading import Trait, rulebook_of, today
from api.routing import Router
from api.schemas import Points, ReportPage
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import MONTH_PATTERN, in_words
from ledger.domain.values import day_of, month_of
from projections.reports import (
    EVER,
    By,
    Months,
    heatmap_read,
    inflation_read,
    leaders_of_balance,
    leaders_of_months,
    measures_read,
    months_parse,
    periods_asked,
    periods_between,
    standing_read,
)

router = Router(tags=["reports"])

PERIODS_MAX: Final = 120
_STEPS: Final = {"month": 1, "quarter": 3, "year": 12}

Period = Annotated[
    str,
    Query(
        pattern=in_words(
            r"^([0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?|all)$",
            "a year (2026), a quarter (2026-Q1), a month (2026-03) or all",
        ),
        examples=["2026-Q1"],
        description="A year (2026), a quarter (2026-Q1), a month (2026-03) or `all`.",
    ),
]  # fmt: skip
Month = Annotated[
    str | None, Query(pattern=MONTH_PATTERN, examples=["2026-01"], description="A month, YYYY-MM.")
]


class LeaderBody(BaseModel):
    """A place on a leaderboard. `value` is points, or CNY for contribution. Equals share a rank. A customer that was
    merged into another keeps its place with what was recorded for it; `merged_into` names the other."""

    rank: int
    customer: str
    name: str
    region: str
    industry: str
    value: str
    merged_into: str | None


@router.get(
    "/v1/ledgers/{ledger}/reports/leaderboard",
    permission=Permission.VIEWS_READ,
    errors=("CURSOR_INVALID", "PERIOD_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[LeaderBody],
    summary="The best customers by points, contribution or balance",
    description="`points` are those granted in the period, net of what corrections took back; `contribution` is the sum"
    " of signed contracts' amounts in CNY; `balance` is the one now, so it takes no period. Equals share a rank, among"
    " them the lower number stands first. Who comes to 0.00 or less (a balance in debt, say) is left out.",
)
async def leaderboard(
    request: Request,
    by: Annotated[By, Query()] = "points",
    period: Period = "all",
    region: Trait = None,
    industry: Trait = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """The best customers by points, contribution or balance."""
    pages = core_of(request).pages
    asked = pages.asked(request, {
        "by": by, "period": period, "region": region, "industry": industry, "limit": limit,
        "min_position": min_position,
    })  # fmt: skip
    params = asked.params
    wanted, months, by = params["min_position"], _months(params["period"]), params["by"]
    chosen: dict[str, Any] = {
        "region": params["region"], "industry": params["industry"], "seek": asked.seek, "limit": asked.size + 1,
    }  # fmt: skip
    if by == "balance" and months != EVER:
        raise Refused("PERIOD_INVALID", "balance is the one now; ask for it without a period, or by points", "period")
    if by == "balance":
        rows, position = await read_placed(request, wanted, leaders_of_balance, **chosen)
    else:
        rows, position = await read_placed(request, wanted, leaders_of_months, by, months, **chosen)
    page = pages.listed(request, asked, rows, lambda row: (-row.value, row.customer), lambda row: row.document(by))
    return json_response({**page, "position": position})


class HeatBody(BaseModel):
    """A month of a region and industry. Points net of corrections, contribution in CNY."""

    month: str
    region: str
    industry: str
    customers: int
    granted: str = Points
    deducted: str = Points
    expired: str = Points
    redeemed: str = Points
    contribution: str


@router.get(
    "/v1/ledgers/{ledger}/reports/regions",
    permission=Permission.VIEWS_READ,
    errors=("CURSOR_INVALID", "PERIOD_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[HeatBody],
    summary="Points by region and industry, month by month",
)
async def regions(
    request: Request,
    period: Period = "all",
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Points by region and industry, month by month."""
    pages = core_of(request).pages
    asked = pages.asked(request, {"period": period, "limit": limit, "min_position": min_position})
    rows, position = await read_placed(
        request, asked.params["min_position"], heatmap_read, _months(asked.params["period"]), seek=asked.seek,
        limit=asked.size + 1,
    )  # fmt: skip
    page = pages.listed(
        request, asked, rows, lambda row: (row.month, row.region, row.industry), lambda row: row.document()
    )
    return json_response({**page, "position": position})


class InflationBody(BaseModel):
    """A month of the programme: what was issued and what left it, with its sign; all that is outstanding at its end."""

    month: str
    granted: str = Points
    deducted: str = Points
    reversed: str = Points
    expired: str = Points
    redeemed: str = Points
    debt: str = Points
    outstanding: str = Points
    debt_total: str = Points


@router.get(
    "/v1/ledgers/{ledger}/reports/inflation",
    permission=Permission.VIEWS_READ,
    errors=("PERIOD_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[InflationBody],
    summary="Points issued, redeemed and expired, month by month",
    description="`outstanding` is the sum of all balances at the month's end, what is held among them. `redeemed` is"
    " net of what came back.",
)
async def inflation(request: Request, period: Period = "all", min_position: MinPosition = None) -> Response:
    """Points issued, redeemed and expired, month by month."""
    rows, position = await read_placed(request, min_position, inflation_read, _months(period))
    return list_response([row.document() for row in rows], position=position)


class StandingBody(BaseModel):
    """How many customers bear a tag, grade or tier."""

    kind: str
    name: str
    title: dict[str, str] | None
    customers: int


@router.get(
    "/v1/ledgers/{ledger}/reports/standing",
    permission=Permission.VIEWS_READ,
    errors=("VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[StandingBody],
    summary="How many customers bear each tag, credit grade and tier",
    description="Who has no tier decided yet is on the one it began on, or, where the rules in force haven't that, on"
    " their lowest.",
)
async def standing(request: Request, min_position: MinPosition = None) -> Response:
    """How many customers bear each tag, credit grade and tier."""
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    rules = rulebook.in_force(day)
    titles: dict[tuple[str, str], dict[str, str]] = {}
    if rules is not None:
        titles |= {("tag", t.id): {"zh": t.title.zh, "en": t.title.en} for t in rules.tags}
        grades = rules.credit.grades if rules.credit else []
        titles |= {("grade", g.id): {"zh": g.title.zh, "en": g.title.en} for g in grades}
        levels = rules.tiers.levels if rules.tiers else []
        titles |= {("tier", lv.id): {"zh": lv.title.zh, "en": lv.title.en} for lv in levels}
    rows, position = await read_placed(request, min_position, standing_read, rulebook.levels(day))
    data = [
        {"kind": r.kind, "name": r.name, "title": titles.get((r.kind, r.name)), "customers": r.customers}
        for r in rows
    ]  # fmt: skip
    return list_response(data, position=position)


class MeasuresBody(BaseModel):
    """The measures of a period, each with the sums it comes from. Shares are percent with two decimals, null of
    nothing; hours and scores have one decimal. docs/views.md has the definitions."""

    period_from: str
    period_to: str
    customers: int
    active: int
    activity_percent: str | None
    signing: int
    returning: int
    repeat_percent: str | None
    contracts: int
    contribution: str
    top_tenth_percent: str | None
    projects: int
    complaints: int
    complaints_major: int
    complaint_percent: str | None
    responses: int
    response_hours_average: str | None
    response_prompt_percent: str | None
    answers: int
    satisfaction_average: str | None
    satisfaction_percent: str | None
    scores: int
    score_average: str | None


@router.get(
    "/v1/ledgers/{ledger}/reports/measures",
    permission=Permission.VIEWS_READ,
    errors=("PERIOD_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[MeasuresBody],
    summary="Repeat cooperation, activity, satisfaction and complaint rate by period",
    description="Of every month, quarter or year that `month_from` to `month_to` touches, both included, each whole;"
    f" the last twelve months without, at most {PERIODS_MAX} periods. A span that ends before it begins, or is only a"
    " part of one quarter or year, is refused (`PERIOD_INVALID`).",
)
async def measures(
    request: Request,
    by: Annotated[Literal["month", "quarter", "year"], Query()] = "quarter",
    month_from: Month = None,
    month_to: Month = None,
    min_position: MinPosition = None,
) -> Response:
    """Repeat cooperation, activity, satisfaction and complaint rate by period."""
    now = month_of(day_of(today(request, await rulebook_of(request))))
    last = now if month_to is None else _months(month_to).last
    first = last - 11 if month_from is None else _months(month_from).first
    chosen = periods_between if month_from is None or month_to is None else periods_asked
    try:
        periods = chosen(max(first, 0), last, _STEPS[by])
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"month_from to month_to {error}", "month_from") from None
    if len(periods) > PERIODS_MAX:
        raise Refused("PERIOD_INVALID", f"month_from to month_to must hold 1 to {PERIODS_MAX} periods", "month_from")
    (count, found), position = await read_placed(request, min_position, measures_read, periods)
    return list_response([m.document(p, count) for p, m in zip(periods, found, strict=True)], position=position)


def _months(period: str) -> Months:
    try:
        return months_parse(period)
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"period {error}", "period") from None

"""Reads of finance: the reconciliation of a month, what waits for approval, the liability, the journal, honours."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from psycopg import Connection
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.access.roles import Permission
from api.core import context_of, read
from api.input import Limit, json_response
from api.reading import day_of_text, rulebook_of, today
from api.routes.finance.asking import PREFIX, Period, month_of_text, settling, value_on
from api.routing import Router
from ledger.domain.errors import Refused
from ledger.domain.valuation import PointValue
from ledger.domain.values import customer_number, day_of
from projections.customers import customer_read
from projections.events import event_read
from projections.finance.beancount import beancount_text
from projections.finance.honours import PUBLICATION, Place, places_of, public_list
from projections.finance.journal import COLUMNS, entries, journal_check
from projections.finance.liability import liability_read
from projections.finance.sheets import csv_text
from reconciliation.report import proposals_document, report_of

router = Router(tags=["finance"])

DAYS_MAX: Final = 1_100
_DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
Day = Annotated[str | None, Query(pattern=_DAY, examples=["2025-06-30"], description="A day, YYYY-MM-DD.")]


_SIDE: Final = {"opening": "0.00", "claimed": "325.00", "settled": "275.00", "ruled": "0.00", "open": "50.00"}
_ITEM: Final[dict[str, Any]] = {
    "item": "R-000001/1", "side": "redemptions", "kind": "missing_payment", "customer": "C-000001",
    "date": "2025-06-02", "age_days": 28, "amount": "50.00", "settled": "0.00", "ruled": "0.00", "open": "50.00",
    "late_from": None, "evidence": {"reference": "FP-77"}, "candidates": [], "repeats": "",
    "sentence": {"zh": "没有任何付款抵扣这 50.00 元。", "en": "No payment took these 50.00 CNY off."},
}  # fmt: skip
_MATCHED: Final[dict[str, Any]] = {
    "settlement": "M-000001", "state": "matched", "rule": "reference", "score": 100, "period": "2025-06",
    "amount": "275.00", "redemptions": [{"item": "R-000002/1", "amount": "275.00"}],
    "payments": [{"item": "bank:PAY-2", "amount": "275.00"}], "proposed_by": "", "reason": "",
    "evidence": [{"what": "reference", "redemption": "r-000002", "payment": "r-000002"}],
}  # fmt: skip


class ReportBody(BaseModel):
    """The reconciliation of a month; amounts are CNY. On each side opening + claimed - settled - ruled = open, and
    where the open items don't come to that, `adds_up` is false and `faults` say by how much. Of many items the first
    are told, `counts` of all."""

    period: str = Field(examples=["2025-06"])
    signed_off: bool = Field(examples=[False])
    adds_up: bool = Field(examples=[True])
    faults: list[str] = Field(examples=[[]])
    sha256: str
    redemptions: dict[str, str] = Field(examples=[_SIDE])
    payments: dict[str, str] = Field(examples=[_SIDE])
    counts: dict[str, int] = Field(examples=[{"missing_payment": 1}])
    open: list[dict[str, Any]] = Field(examples=[[_ITEM]])
    matched: list[dict[str, Any]] = Field(examples=[[_MATCHED]])
    undone: list[dict[str, Any]] = Field(examples=[[]])


@router.get(
    f"{PREFIX}/reconciliation",
    permission=Permission.FINANCE_READ,
    errors=("PERIOD_INVALID", "COLUMNS_BEHIND"),
    response_model=ReportBody,
    summary="The reconciliation of a month",
    description="What is open at the month's end, of which kind, since when and why; what was matched in it. Reading"
    " records nothing.",
)
async def reconciliation_read(request: Request, period: Period, limit: Limit = 1_000) -> Response:
    """The reconciliation of a month."""
    month = month_of_text(period)
    state = await settling(request)
    return json_response(report_shortened(report_of(state.settlement, month).document(), limit))


def report_shortened(document: dict[str, Any], limit: int) -> dict[str, Any]:
    """A report with at most so many items in each list."""
    return {**document, **{name: document[name][:limit] for name in ("open", "matched", "undone")}}


class ProposalsBody(BaseModel):
    """What waits for another person's approval: matches (settlement M-…) and rulings (ruling Q-…)."""

    data: list[dict[str, Any]] = Field(examples=[[{**_MATCHED, "state": "proposed", "period": None}]])


@router.get(
    f"{PREFIX}/proposals",
    permission=Permission.FINANCE_READ,
    errors=("COLUMNS_BEHIND",),
    response_model=ProposalsBody,
    summary="Matches and rulings that wait for approval",
)
async def proposals_list(request: Request, limit: Limit = 1_000) -> Response:
    """Matches and rulings that wait for approval."""
    state = await settling(request)
    return json_response({"data": proposals_document(state.settlement)[:limit]})


_DAY_TOLD: Final = {"date": "2025-06-30", "opening": "700.00", "closing": "700.00", "closing_cny": "35.00"}
_SHARE: Final = {"part": "2027-01", "points": "700.00", "held": "0.00", "cny": "35.00"}


class LiabilityBody(BaseModel):
    """The liability of points over some days. Each day: opening + flows = closing = available + held, in points and
    CNY. Parts come to the last day's closing."""

    position: int
    point_value: dict[str, str] = Field(examples=[{"points": "1000.00", "money": "50.00"}])
    adds_up: bool = Field(examples=[True])
    faults: list[str] = Field(examples=[[]])
    days: list[dict[str, Any]] = Field(examples=[[_DAY_TOLD]])
    ages: list[dict[str, Any]] = Field(examples=[[_SHARE]])
    expiries: list[dict[str, Any]] = Field(examples=[[_SHARE]])
    breakage: dict[str, Any] = Field(examples=[{"rate_percent": "12.50", "points": "87.50", "cny": "4.37"}])
    debt: str = Field(examples=["0.00"])


@router.get(
    f"{PREFIX}/liability",
    permission=Permission.FINANCE_READ,
    errors=("DATE_INVALID",),
    response_model=LiabilityBody,
    summary="The liability of points, day by day",
    description=f"From a day to a day, both included, at most {DAYS_MAX}; without, today. Read from the log itself.",
)
async def liability_days(request: Request, day_from: Day = None, day_to: Day = None) -> Response:
    """The liability of points, day by day."""
    last = day_of_text(day_to, "day_to") or today(request, await rulebook_of(request))
    first = day_of_text(day_from, "day_from") or last
    if not 0 <= (last - first).days < DAYS_MAX:
        raise Refused("DATE_INVALID", f"day_from to day_to must hold 1 to {DAYS_MAX} days", "day_from")
    value = await value_on(request, day_of(last))
    found = await read(request, liability_read, value, day_of(first), day_of(last))
    return json_response(found.document())


@router.get(
    f"{PREFIX}/journal",
    permission=Permission.FINANCE_READ,
    errors=("DATE_INVALID",),
    responses={
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": ",".join(COLUMNS)},
                "text/plain": {"schema": {"type": "string"}, "example": 'option "operating_currency" "CNY"'},
            }
        }
    },
    response_class=Response,
    summary="The journal of postings",
    description="Every posting in points and CNY, what is booked up to a day where `as_of` says one. CSV, or Beancount"
    " text that `bean-check` accepts.",
)
async def journal_read(
    request: Request,
    format: Annotated[Literal["csv", "beancount"], Query(description="The form.")] = "csv",
    as_of: Day = None,
) -> Response:
    """The journal of postings."""
    chosen = day_of_text(as_of, "as_of")
    day = None if chosen is None else day_of(chosen)
    value = await value_on(request, day_of(chosen or today(request, await rulebook_of(request))))
    ledger = context_of(request).ledger
    assert ledger is not None
    text = await read(request, _journal, ledger.name, value, day, format == "beancount")
    kind = "text/plain" if format == "beancount" else "text/csv"
    return StreamingResponse(iter(text), media_type=f"{kind}; charset=utf-8")


def _journal(connection: Connection[Any], ledger: str, value: PointValue, day: int | None, beans: bool) -> list[str]:
    found = entries(connection, value, day_last=day)
    if beans:
        return list(beancount_text(ledger, found))
    rows = (row for entry in found for row in entry.rows())
    return list(csv_text(COLUMNS, rows, ("position", "points", "cny")))


class CheckBody(BaseModel):
    """The trial balance: points in each account, which come to zero; `fault` is empty where the books balance."""

    balanced: bool = Field(examples=[True])
    position: int
    events: int
    customers: int
    accounts: dict[str, str] = Field(examples=[{"issuance": "-700.00", "available": "700.00"}])
    sum: str = Field(examples=["0.00"])
    fault: str = Field(examples=[""])


@router.get(
    f"{PREFIX}/journal/check",
    permission=Permission.FINANCE_READ,
    errors=("DATE_INVALID",),
    response_model=CheckBody,
    summary="Whether the books balance",
    description="Posts everything again, up to a day where `as_of` says one, and holds customers' balances against it.",
)
async def journal_checked(request: Request, as_of: Day = None) -> Response:
    """Whether the books balance."""
    chosen = day_of_text(as_of, "as_of")
    found = await read(request, journal_check, day_last=None if chosen is None else day_of(chosen))
    return json_response(found.document())


class HonoursBody(BaseModel):
    """The best customers of a year for a website: named are those who agreed to publication."""

    year: int = Field(examples=[2025])
    title: dict[str, str] = Field(examples=[{"zh": "2025年度金牌合作伙伴", "en": "Gold Partners of 2025"}])
    measure: dict[str, str] = Field(examples=[{"zh": "当年积分", "en": "Points of the year"}])
    places: list[dict[str, Any]] = Field(examples=[[{"rank": 1, "name": "甲路桥", "points": "500.00"}]])


@router.get(
    f"{PREFIX}/honours/{{year}}",
    permission=Permission.VIEWS_READ,
    errors=("COLUMNS_BEHIND", "HONOURS_UNKNOWN"),
    response_model=HonoursBody,
    summary="The public list of a year's best customers",
    description="As recorded by `plumbline honours`; consent is as it stands now.",
)
async def honours_read(request: Request, year: Annotated[int, Path(ge=1970, le=2149)]) -> Response:
    """The public list of a year's best customers."""
    position = (await settling(request)).settlement.honours.get(year)
    if position is None:
        raise Refused("HONOURS_UNKNOWN", "nobody was honoured for this year yet; `plumbline honours` does", "year")
    places, consented = await read(request, _honoured, position)
    return json_response(public_list(year, places, consented))


def _honoured(connection: Connection[Any], position: int) -> tuple[list[Place], set[str]]:
    event = event_read(connection, position)
    assert event is not None
    places = places_of(event.state)
    found = {p.customer: customer_read(connection, customer_number(p.customer)) for p in places}
    return places, {name for name, row in found.items() if row is not None and PUBLICATION in row.consents}

"""Reads of finance: the reconciliation of a month, what waits for approval, the liability, the journal, honours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.access.roles import Permission
from api.core import context_of, core_of, read, views_reached
from api.input import Cursor, Limit, json_response
from api.reading import day_of_text, rulebook_of, today
from api.routes.finance.asking import (
    PREFIX,
    Period,
    client_gone,
    month_of_text,
    read_long,
    settling,
    settling_page,
)
from api.routes.finance.bodies import (
    CheckBody,
    HonoursBody,
    LiabilityBody,
    OpenItemBody,
    ProposalBody,
    ReportBody,
    SettlementBody,
)
from api.routing import Router
from api.schemas import Page
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import DAY_PATTERN, MONTH_PATTERN
from ledger.domain.relations.state import Relations
from ledger.domain.settlement.records import Match
from ledger.domain.values import customer_number, day_of
from projections.customers import CustomersView, customer_read
from projections.events import event_read
from projections.finance.beancount import beancount_text
from projections.finance.honours import PUBLICATION, Place, places_of, public_list
from projections.finance.journal import COLUMNS, entries, journal_check
from projections.finance.liability import liability_read
from projections.finance.reading import position_head, value_on
from projections.finance.sheets import csv_text, text_parts
from reconciliation.proposals import proposals_of
from reconciliation.report import match_document, report_of

router = Router(tags=["finance"])

DAYS_MAX: Final = 1_100
PeriodPath = Annotated[str, Path(pattern=MONTH_PATTERN, examples=["2025-06"], description="A month, YYYY-MM.")]
Day = Annotated[str | None, Query(pattern=DAY_PATTERN, examples=["2025-06-30"], description="A day, YYYY-MM-DD.")]


@router.get(
    f"{PREFIX}/reconciliation",
    permission=Permission.FINANCE_READ,
    errors=("PERIOD_INVALID", "COLUMNS_BEHIND"),
    response_model=ReportBody,
    summary="The reconciliation of a month",
    description="What is open at the month's end, of which kind, since when and why; what was matched in it. Reading"
    " records nothing. Of each list the first `limit`; the whole of it lies below, page by page.",
)
async def reconciliation_read(request: Request, period: Period, limit: Limit = 1_000) -> Response:
    """The reconciliation of a month."""
    month = month_of_text(period)
    found = await settling(request, lambda state: report_of(state.settlement, month).document())
    return json_response(report_shortened(found, limit))


@router.get(
    f"{PREFIX}/reconciliation/{{period}}/open",
    permission=Permission.FINANCE_READ,
    errors=("PERIOD_INVALID", "COLUMNS_BEHIND", "CURSOR_INVALID"),
    response_model=Page[OpenItemBody],
    summary="What is open at a month's end, page by page",
)
async def reconciliation_open(
    request: Request, period: PeriodPath, limit: Limit = 1_000, cursor: Cursor = None
) -> Response:
    """What is open at a month's end."""
    asked, month = core_of(request).pages.asked(request, {"limit": limit}), month_of_text(period)
    return await settling_page(
        request, asked, lambda state: report_of(state.settlement, month).lines, lambda line: line.place,
        lambda line: line.document(),
    )  # fmt: skip


@router.get(
    f"{PREFIX}/reconciliation/{{period}}/{{state}}",
    permission=Permission.FINANCE_READ,
    errors=("PERIOD_INVALID", "COLUMNS_BEHIND", "CURSOR_INVALID"),
    response_model=Page[SettlementBody],
    summary="What was matched in a month, or undone, page by page",
)
async def reconciliation_matches(
    request: Request,
    period: PeriodPath,
    state: Literal["matched", "undone"],
    limit: Limit = 1_000,
    cursor: Cursor = None,
) -> Response:
    """What was matched in a month, or undone."""
    asked, month = core_of(request).pages.asked(request, {"limit": limit}), month_of_text(period)

    def look(relations: Relations) -> list[Match]:
        report = report_of(relations.settlement, month)
        return sorted(report.matches if state == "matched" else report.undone, key=lambda match: match.number)

    return await settling_page(
        request, asked, look, lambda match: (match.number,), lambda match: match_document(match, state)
    )


def report_shortened(document: dict[str, Any], limit: int) -> dict[str, Any]:
    """A report with at most so many items in each list."""
    return {**document, **{name: document[name][:limit] for name in ("open", "matched", "undone")}}


@router.get(
    f"{PREFIX}/proposals",
    permission=Permission.FINANCE_READ,
    errors=("COLUMNS_BEHIND", "CURSOR_INVALID"),
    response_model=Page[ProposalBody],
    summary="Matches and rulings that wait for approval",
    description="With the items they take and whose those are. `across_customers` says that they are several"
    " customers', `stale` that less is open by now than is taken: it can only be declined then. `sentence` says both.",
)
async def proposals_list(request: Request, limit: Limit = 1_000, cursor: Cursor = None) -> Response:
    """Matches and rulings that wait for approval."""
    asked = core_of(request).pages.asked(request, {"limit": limit})
    return await settling_page(
        request, asked, lambda state: proposals_of(state.settlement), lambda proposal: proposal.place,
        lambda proposal: proposal.document(),
    )  # fmt: skip


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
    value = await read(request, value_on, (await rulebook_of(request)).book, day_of(last))
    found = await read_long(request, liability_read, value, day_of(first), day_of(last))
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
    description="Every posting in points and CNY, what is posted up to a day where `as_of` says one. CSV, or Beancount"
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
    rulebook = await rulebook_of(request)
    value = await read(request, value_on, rulebook.book, day_of(chosen or today(request, rulebook)))
    ledger = context_of(request).ledger
    assert ledger is not None
    # Read page by page, each on a connection that goes back before the next: who reads slowly keeps none.
    stop = await read(request, position_head)
    found = entries(ledger.recorder.datastore.get_connection, value, day_last=day, stop=stop)
    if format == "beancount":
        kind, lines = "text/plain", beancount_text(ledger.name, found)
    else:
        rows = (row for entry in found for row in entry.rows())
        kind, lines = "text/csv", csv_text(COLUMNS, rows, ("position", "points", "cny"))
    parts, turns, gone = text_parts(lines), core_of(request).finance, partial(client_gone, request)
    first = await turns.run(lambda: next(parts, ""), gone=gone)

    async def told() -> AsyncIterator[str]:
        part = first
        while part:
            yield part
            part = await turns.run(lambda: next(parts, ""), begun=True, gone=gone)

    return StreamingResponse(told(), media_type=f"{kind}; charset=utf-8")


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
    found = await read_long(request, journal_check, day_last=None if chosen is None else day_of(chosen))
    return json_response(found.document())


@router.get(
    f"{PREFIX}/honours/{{year}}",
    permission=Permission.VIEWS_READ,
    errors=("COLUMNS_BEHIND", "HONOURS_UNKNOWN", "VIEW_BEHIND"),
    response_model=HonoursBody,
    summary="The public list of a year's best customers",
    description="As recorded by `plumbline honours`; consent is as it stands now.",
)
async def honours_read(request: Request, year: Annotated[int, Path(ge=1970, le=2149)]) -> Response:
    """The public list of a year's best customers."""
    position = await settling(request, lambda state: state.settlement.honours.get(year))
    if position is None:
        raise Refused("HONOURS_UNKNOWN", "nobody was honoured for this year yet; `plumbline honours` does", "year")
    # Consents given before it must be seen.
    await views_reached(request, (CustomersView.name,), position)
    places, consented = await read(request, _honoured, position)
    return json_response(public_list(year, places, consented))


def _honoured(connection: Connection[Any], position: int) -> tuple[list[Place], set[str]]:
    event = event_read(connection, position)
    assert event is not None
    places = places_of(event.state)
    found = {p.customer: customer_read(connection, customer_number(p.customer)) for p in places}
    return places, {name for name, row in found.items() if row is not None and PUBLICATION in row.consents}

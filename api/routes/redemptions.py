"""What can be redeemed, what was, what is in stock."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import context_of, core_of, principal_of, read, read_placed
from api.input import Cursor, Limit, MinPosition, Text, json_response, list_response
from api.reading import customer_known, customer_number_of, rulebook_of, today
from api.routing import Router
from api.schemas import Page, Points, ReportPage
from ledger.domain.commands import Request as Asking, ReserveRedemption
from ledger.domain.errors import Refused
from ledger.domain.redemption.quoting import Asked, quote
from ledger.domain.redemption.state import Redemptions, redemption_number
from ledger.domain.redemption.terms import Holder, Terms
from ledger.domain.values import day_of
from ledger.rules.redemption.terms import redemption_terms
from ledger.rules.redemption.told import catalogue_documents, quote_document
from projections.balances import balance_read
from projections.redemptions import holder_read, redemptions_read, stock_read
from projections.rulebook import Rulebook
from projections.tiers import tiers_read

router = Router(tags=["redemptions"])

State = Annotated[Literal["held", "committed", "freed", "reversed"] | None, Query(description="How it stands.")]
RedemptionId = Annotated[str, Path(max_length=40, description="R-000001", examples=["R-000001"])]
Title = dict[str, str]
_WRITER = ("WRITER_UNAVAILABLE", "WRITER_STOPPED")
"""What a read may answer that asks the writer."""


class PriceBody(BaseModel):
    """What one of an offer costs; variant "" where there are none."""

    variant: str
    points: str = Points
    title: Title | None


class StepBody(BaseModel):
    """From so many points on they are worth so much (CNY), and more in proportion."""

    points: str = Points
    money: str


class OfferLimitBody(BaseModel):
    """How often, and for how many points, each customer may redeem an offer in a window; null where not limited."""

    window: str
    times: int | None
    points: str | None


class QuotaBody(BaseModel):
    """So many units in a window, for all customers together."""

    units: int
    window: str


class OfferBody(BaseModel):
    """What points can be redeemed for, as the rules in force say: `words` what it is and costs, `conditions` who
    may have it and when. `multiple_of` is of an offset, `unit` and `quota` of a service."""

    offer: str
    kind: str
    title: Title
    words: Title
    conditions: Title
    prices: list[PriceBody]
    steps: list[StepBody]
    tiers: list[str]
    multiple_of: str | None
    limits: list[OfferLimitBody]
    unit: Title | None
    quota: QuotaBody | None
    supplier: str
    delivery: Title | None
    hold_days: int
    valid_days: int
    effective_from: str | None
    effective_to: str | None
    open: bool


class StockBody(BaseModel):
    """What there is of a gift's variant; `free` is what is not held."""

    offer: str
    variant: str
    on_hand: int
    held: int
    free: int


class PartBody(BaseModel):
    """A committed part, and what was taken back of it."""

    part: int
    position: int
    booked_on: str
    points: str = Points
    quantity: int
    money: str
    reference: str
    valid_until: str | None
    returned: str = Points
    quantity_returned: int
    money_returned: str


class RedemptionBody(BaseModel):
    """A redemption as it stands."""

    redemption: str
    customer: str
    position: int
    offer: str
    kind: str
    variant: str
    quantity: int
    points: str = Points
    money: str
    rule_set: str
    booked_on: str
    held_until: str
    reference: str
    project: str
    state: str
    held: str = Points
    freed: str = Points
    spent: str = Points
    returned: str = Points
    parts: list[PartBody]


class ObstacleBody(BaseModel):
    """One thing that stands in the way, as a refusal would say it."""

    code: str
    reason: str
    field: str
    missing: str = Field(description="How much is missing, of what `field` counts; empty where nothing is counted.")
    sentence: Title


class QuoteBody(BaseModel):
    """What something would cost a customer now, and what stands in the way. Nothing is held by it."""

    customer: str
    offer: str
    kind: str
    variant: str
    quantity: int
    points: str = Points
    money: str
    rule_set: str
    held_until: str
    available: str = Points
    points_missing: str = Points
    possible: bool
    obstacles: list[ObstacleBody] = Field(description="Everything that stands in the way; empty where it is possible.")


@router.get(
    "/v1/ledgers/{ledger}/catalogue",
    permission=Permission.VIEWS_READ,
    response_model=Page[OfferBody],
    summary="What points can be redeemed for",
    description="By the rules in force today.",
)
async def catalogue(request: Request) -> Response:
    """What points can be redeemed for."""
    return await _catalogue(request)


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/catalogue",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN",),
    response_model=Page[OfferBody],
    summary="What points can be redeemed for, for a customer's own key",
    description="Offers for other tiers are left out.",
)
async def customer_catalogue(request: Request, customer: str) -> Response:
    """What a customer's points can be redeemed for."""
    number = await customer_known(request, customer, None, tiers_read)
    holder = await holder_now(request, number)
    return await _catalogue(request, holder.tier)


async def _catalogue(request: Request, tier: str | None = None) -> Response:
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    rules, terms = rulebook.in_force(day), terms_of(rulebook, day)
    found = [] if rules is None else catalogue_documents(rules, terms, day)
    return list_response([o for o in found if tier is None or not o["tiers"] or tier in o["tiers"]])


@router.get(
    "/v1/ledgers/{ledger}/stock",
    permission=Permission.VIEWS_READ,
    errors=("VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[StockBody],
    summary="What is in stock",
)
async def stock(request: Request, min_position: MinPosition = None) -> Response:
    """What is in stock."""
    rows, position = await read_placed(request, min_position, stock_read)
    return list_response([row.document() for row in rows], position=position)


@router.get(
    "/v1/ledgers/{ledger}/redemptions",
    permission=Permission.VIEWS_READ,
    errors=("CUSTOMER_UNKNOWN", "CURSOR_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[RedemptionBody],
    summary="Redemptions, the latest first",
)
async def redemptions(
    request: Request,
    of_customer: Annotated[str | None, Query(max_length=40, examples=["C-000001"])] = None,
    offer: Text = None,
    state: State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Redemptions, the latest first."""
    number = None if of_customer is None else customer_number_of(of_customer)
    return await _listed(request, number, offer, state, limit, min_position)


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/redemptions",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "CURSOR_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=ReportPage[RedemptionBody],
    summary="A customer's redemptions, the latest first",
)
async def customer_redemptions(
    request: Request,
    customer: str,
    offer: Text = None,
    state: State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """A customer's redemptions, the latest first."""
    number = await customer_known(request, customer, min_position, redemptions_read)
    return await _listed(request, number, offer, state, limit, min_position)


async def _listed(
    request: Request, customer: int | None, offer: str | None, state: str | None, limit: int, wanted: int | None
) -> Response:
    pages = core_of(request).pages
    asked = pages.asked(
        request, {"customer": customer, "offer": offer, "state": state, "limit": limit, "min_position": wanted}
    )
    p = asked.params
    rows, position = await read_placed(
        request, p["min_position"], redemptions_read, customer=p["customer"], offer=p["offer"], state=p["state"],
        seek=asked.seek, limit=asked.size + 1,
    )  # fmt: skip
    page = pages.listed(request, asked, rows, lambda row: (row.number,), lambda row: row.document())
    return json_response({**page, "position": position})


@router.get(
    "/v1/ledgers/{ledger}/redemptions/{redemption}",
    permission=Permission.VIEWS_READ,
    errors=("REDEMPTION_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=RedemptionBody,
    summary="One redemption with its parts",
)
async def redemption_one(request: Request, redemption: RedemptionId, min_position: MinPosition = None) -> Response:
    """One redemption with its parts."""
    rows, _ = await read_placed(request, min_position, redemptions_read, number=redemption_number(redemption), limit=1)
    if not rows:
        raise Refused("REDEMPTION_UNKNOWN", "no redemption has this id", "redemption")
    return json_response(rows[0].document())


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/quote",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "OFFER_UNKNOWN", "VARIANT_UNKNOWN", "POINTS_INVALID", "NUMBER_INVALID", *_WRITER),
    response_model=QuoteBody,
    summary="What a redemption would cost, and what stands in the way",
    description="Decided by the writer as a reservation would be; nothing is held by it.",
)
async def customer_quote(
    request: Request,
    customer: str,
    offer: Annotated[str, Query(max_length=100, examples=["cash"])],
    variant: Annotated[str, Query(max_length=100)] = "",
    quantity: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    points: Annotated[str, Query(max_length=40, examples=["1000"])] = "",
) -> Response:
    """What a redemption would cost, and what stands in the way."""
    number = await customer_known(request, customer, None, balance_read)
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    ledger = context_of(request).ledger
    assert ledger is not None
    asked = Asked(offer, variant, quantity, points)
    # What it costs follows from the rules alone; what stands in the way, the writer knows.
    cost = quote(Redemptions(), terms_of(rulebook, day), asked, number, Holder(), day)
    command = ReserveRedemption(customer, offer, variant, quantity, points)
    [rehearsal] = await ledger.rehearse([Asking(command, principal_of(request).actor)])
    # Where the writer runs in this process, what can be spent is told as of the same moment as the obstacles.
    account = ledger.account(number)
    if account is not None:
        available = account.available(day)
    else:
        available = (await read(request, balance_read, number, day)).available
    return json_response({"customer": customer, **quote_document(cost, rehearsal, available)})


def terms_of(rulebook: Rulebook, day: int) -> Terms:
    """What the rules in force on a day say about redemption."""
    rules = rulebook.in_force(day)
    return Terms() if rules is None else redemption_terms(rulebook.book.in_force(day) or "", rules)


async def holder_now(request: Request, number: int) -> Holder:
    """A customer as redemption sees it, as the views have it today."""
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    rules = rulebook.in_force(day)
    ladder = rules.tiers if rules is not None else None
    return await read(request, holder_read, ladder, number, day)

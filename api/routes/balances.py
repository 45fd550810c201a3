"""What one customer has: balance, totals, tier, tags, history; now, as of a day, as known at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import context_of, core_of, in_thread, read, views_reached
from api.gathering import Gathering
from api.input import DAY_PATTERN, Cursor, Day, Limit, MinPosition, json_response
from api.ports import LedgerPort
from api.reading import (
    INSTANT_PATTERN,
    Instant,
    customer_number_of,
    customer_unknown,
    history_document,
    local_date,
    moment_of,
    narrators_of,
    rulebook_of,
    rules_in_force,
    today,
)
from api.routing import Parameter, Router
from api.schemas import Page, Points
from ledger.domain.errors import Refused
from ledger.domain.values import date_of, day_of, month_last_day, month_of, points_text
from projections.as_of import AccountRow, account_then, accounts_read, history_then, standing_then, totals_read
from projections.customers import customer_read
from projections.places import Reader
from projections.tiers import tier_read

router = Router(tags=["points"])

POSITION_MAX: Final = 2**63 - 1
TIMEZONE_USUAL: Final = "Asia/Shanghai"
Order = Literal["position:asc", "position:desc"]


class LotBody(BaseModel):
    """Points that expire together; null: they never do."""

    expires_on: str | None
    points: str = Points


class BalanceBody(BaseModel):
    """What a customer has. `available` leaves out lots past their date that no month end has taken yet."""

    customer: str
    position: int
    balance: str = Points
    available: str = Points
    debt: str = Points
    expiring_30_days: str = Points
    expiring_90_days: str = Points
    lots: list[LotBody]


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/balance",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "DATE_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    lean=True,
    query=(
        Parameter(
            "min_position", "Wait until the answer contains this position of the log.",
            {"type": "integer", "minimum": 0, "maximum": POSITION_MAX},
        ),
        Parameter(
            "as_of", "Count what was booked up to the end of this day, YYYY-MM-DD.",
            {"type": "string", "pattern": DAY_PATTERN},
        ),
        Parameter(
            "as_known_at", "Count only what had been recorded by this time (with its offset).",
            {"type": "string", "pattern": INSTANT_PATTERN, "maxLength": 40},
        ),
    ),
    response_model=BalanceBody,
    summary="A customer's balance, now or at another time",
    description="Now, unless a time is given. Where the writer runs in the same process, its memory answers, as of the"
    " last commit. `as_of` counts what was booked up to the end of that day, whenever it was recorded; `as_known_at`"
    " what had been recorded by that time, whatever day it is booked on; both together say what the books then said"
    " about that day. `position` is then that of the last event counted, and what expires is told from that day on.",
)  # fmt: skip
async def balance(request: Request) -> Response:
    """A customer's balance."""
    ledger = context_of(request).ledger
    assert ledger is not None
    number = customer_number_of(request.scope["path_params"]["customer"])
    wanted = 0
    if request.scope["query_string"]:
        wanted = _min_position(request)
        as_of, as_known_at = _once(request, "as_of", DAY_PATTERN), _once(request, "as_known_at", INSTANT_PATTERN)
        if as_of is not None or as_known_at is not None:
            return await _balance_then(request, as_of, as_known_at, wanted)
    account = ledger.account(number)
    if account is not None and account.position >= wanted:
        found = AccountRow(number, account.balance, account.debt, account.lots, account.position)
    else:
        found = await _from_view(request, ledger, number, wanted)
    return _balance_response(request.scope["path_params"]["customer"], found, _day_number(request))


async def _from_view(request: Request, ledger: LedgerPort, number: int, wanted: int) -> AccountRow:
    gatherings = core_of(request).balances
    gathering = gatherings.get(ledger.schema)
    if gathering is None:

        async def look_up(numbers: Sequence[int]) -> dict[int, AccountRow]:
            def run() -> dict[int, AccountRow]:
                with ledger.recorder.datastore.get_connection() as connection:
                    return accounts_read(connection, numbers)

            return await in_thread(request, run)

        gathering = gatherings[ledger.schema] = Gathering(look_up)
    found = await gathering.find(number)
    if wanted and (found is None or found.position < wanted):
        # Perhaps it was registered a moment ago: the view is waited for, then asked once more.
        await views_reached(request, accounts_read.views, wanted)
        found = await gathering.find(number)
    if found is None:
        raise customer_unknown()
    return found


async def _balance_then(request: Request, as_of: str | None, as_known_at: str | None, wanted: int) -> Response:
    customer: str = request.scope["path_params"]["customer"]
    moment = moment_of(as_of, as_known_at, (await rulebook_of(request)).book.timezone)
    number = await _known(request, customer, wanted, account_then)
    found = await read(request, account_then, number, moment)
    day = moment.as_of
    if day is None and moment.as_known_at is not None:
        day = local_date(moment.as_known_at, moment.timezone)
    return _balance_response(customer, found, _day_number(request) if day is None else day_of(day))


def _once(request: Request, name: str, pattern: str) -> str | None:
    """A query parameter that stands at most once and is written as it should be. Raises Refused (INPUT_INVALID)."""
    values = request.query_params.getlist(name)
    if not values:
        return None
    if len(values) > 1 or len(values[0]) > 40 or re.search(pattern, values[0]) is None or "\n" in values[0]:
        raise Refused("INPUT_INVALID", f"{name} must stand once, in the form that the documentation shows", name)
    return values[0]


def _min_position(request: Request) -> int:
    values = request.query_params.getlist("min_position")
    if not values:
        return 0
    text = values[0]
    if len(values) > 1 or not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= POSITION_MAX):
        raise Refused("INPUT_INVALID", "min_position must be a position of the log, 0 or more", "min_position")
    return int(text)


def _day_number(request: Request) -> int:
    """Today where the books are kept (as far as read yet): only which lots are past their date hangs on it."""
    core = core_of(request)
    context = context_of(request)
    assert context.ledger is not None
    now = core.ledgers.clock()
    minute = int(now.timestamp()) // 60
    key = context.ledger.schema
    known = core.days.get(key)
    if known is None or known[0] != minute:
        rulebook = core.rulebooks.get(key)
        zone = ZoneInfo(rulebook.book.timezone if rulebook is not None else TIMEZONE_USUAL)
        known = core.days[key] = (minute, day_of(now.astimezone(zone).date()))
    return known[1]


def _balance_response(customer: str, found: AccountRow, day: int) -> Response:
    month = month_of(day)
    ends = [(None if m is None else month_last_day(m), p) for m, p in found.lots]
    past = sum(p for m, p in found.lots if m is not None and m < month)
    due = [(end - day, p) for end, p in ends if end is not None and end >= day]
    return Response(
        orjson.dumps({
            "customer": customer,
            "position": found.position,
            "balance": points_text(found.balance),
            "available": points_text(found.balance - past),
            "debt": points_text(found.debt),
            "expiring_30_days": points_text(sum(p for days, p in due if days <= 30)),
            "expiring_90_days": points_text(sum(p for days, p in due if days <= 90)),
            "lots": [
                {"expires_on": None if end is None else date_of(end).isoformat(), "points": points_text(p)}
                for end, p in ends
            ],
        }),
        media_type="application/json",
    )  # fmt: skip


class TotalsBody(BaseModel):
    """What a customer's events come to: balance = granted + deducted + reversed + expired, each with its sign."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    balance: str = Points
    granted: str = Points
    deducted: str = Points
    reversed: str = Points
    expired: str = Points
    events: int
    position: int


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/totals",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "DATE_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=TotalsBody,
    summary="A customer's points now or at another time",
    description="`as_of` counts what was booked up to the end of that day, `as_known_at` what had been recorded by"
    " that time; both together say what the books then said about that day.",
)
async def totals(
    request: Request, customer: str, as_of: Day = None, as_known_at: Instant = None, min_position: MinPosition = None
) -> Response:
    """A customer's points now or at another time."""
    number = await _known(request, customer, min_position, totals_read)
    moment = moment_of(as_of, as_known_at, (await rulebook_of(request)).book.timezone)
    found = await read(request, totals_read, number, moment)
    return json_response({
        "customer": customer, "as_of": as_of, "as_known_at": as_known_at, "balance": points_text(found.balance),
        "granted": points_text(found.granted), "deducted": points_text(found.deducted),
        "reversed": points_text(found.reversed), "expired": points_text(found.expired), "events": found.events,
        "position": found.position,
    })  # fmt: skip


class TierBody(BaseModel):
    """Where a customer stands. `earned` is what counts in the ladder's window of the day, `points_missing` what the
    next tier still asks for; both null where the tier is asked for at another time."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    tier: str | None
    tier_title: dict[str, str] | None
    since: str | None
    position: int
    earned: str | None
    tier_next: str | None
    points_missing: str | None


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/tier",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "DATE_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=TierBody,
    summary="A customer's tier now or at another time",
)
async def tier(
    request: Request, customer: str, as_of: Day = None, as_known_at: Instant = None, min_position: MinPosition = None
) -> Response:
    """A customer's tier now or at another time."""
    now = as_of is None and as_known_at is None
    number = await _known(request, customer, min_position, tier_read if now else standing_then)
    rulebook = await rulebook_of(request)
    moment = moment_of(as_of, as_known_at, rulebook.book.timezone)
    day = moment.as_of or today(request, rulebook)
    rules = rules_in_force(rulebook, day_of(day))
    ladder = rules.tiers if rules else None
    document: dict[str, Any] = {"customer": customer, "as_of": as_of, "as_known_at": as_known_at}
    if now:
        row = await read(request, tier_read, ladder, number, day_of(day))
        document |= {
            "tier": row.tier, "since": row.tier_since.isoformat() if row.tier_since else None, "position": row.position,
            "earned": points_text(row.earned), "tier_next": row.tier_next,
            "points_missing": None if row.points_missing is None else points_text(row.points_missing),
        }  # fmt: skip
    else:
        found = await read(request, standing_then, number, moment)
        name = found.tier or (ladder.levels[0].id if ladder else None)
        document |= {
            "tier": name, "since": found.tier_since.isoformat() if found.tier_since else None,
            "position": found.tier_position, "earned": None, "tier_next": None, "points_missing": None,
        }  # fmt: skip
    level = next((lv for lv in ladder.levels if lv.id == document["tier"]), None) if ladder else None
    document["tier_title"] = None if level is None else {"zh": level.title.zh, "en": level.title.en}
    return json_response(document)


class TagBody(BaseModel):
    """A tag with its titles."""

    tag: str
    title: dict[str, str]


class TagsBody(BaseModel):
    """The tags that a customer bears and its credit grade, as the engine decided them, and where in the log."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    tags: list[TagBody]
    tags_position: int
    grade: str | None
    grade_position: int


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/tags",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "DATE_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=TagsBody,
    summary="A customer's tags and credit grade, now or at another time",
)
async def tags(
    request: Request, customer: str, as_of: Day = None, as_known_at: Instant = None, min_position: MinPosition = None
) -> Response:
    """A customer's tags and credit grade, now or at another time."""
    number = await _known(request, customer, min_position, standing_then)
    rulebook = await rulebook_of(request)
    moment = moment_of(as_of, as_known_at, rulebook.book.timezone)
    found = await read(request, standing_then, number, moment)
    rules = rules_in_force(rulebook, day_of(moment.as_of or today(request, rulebook)))
    titles = {t.id: {"zh": t.title.zh, "en": t.title.en} for t in rules.tags} if rules else {}
    return json_response({
        "customer": customer, "as_of": as_of, "as_known_at": as_known_at,
        "tags": [{"tag": t, "title": titles.get(t, {"zh": t, "en": t})} for t in found.tags],
        "tags_position": found.tags_position, "grade": found.grade, "grade_position": found.grade_position,
    })  # fmt: skip


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
    number = await _known(request, customer, min_position, history_then)
    rulebook = await rulebook_of(request)
    pages = core_of(request).pages
    asked = pages.asked(request, {
        "sort": sort, "as_of": as_of, "as_known_at": as_known_at, "limit": limit, "min_position": min_position,
    })  # fmt: skip
    moment = moment_of(asked.params["as_of"], asked.params["as_known_at"], rulebook.book.timezone)
    downwards = asked.params["sort"] == "position:desc"
    rows = await read(
        request, history_then, number, moment, start=asked.at, newest_first=downwards,
        limit=asked.params["limit"] + 1,
    )  # fmt: skip
    shown = rows[: asked.params["limit"]]
    narrators = narrators_of(rulebook)
    data = [history_document(row, narrators) for row in shown]
    after = shown[-1].position if len(rows) > len(shown) else None
    return json_response(pages.page(request, asked, data, after=after))


async def _known(request: Request, customer: str, min_position: int | None, reader: Reader[..., Any]) -> int:
    """The number of a customer that is there, with what a reader looks at up to a position, too.

    Raises Refused (CUSTOMER_UNKNOWN), ViewBehind, PositionAhead.
    """
    number = customer_number_of(customer)
    await views_reached(request, (*customer_read.views, *reader.views), min_position)
    if await read(request, customer_read, number) is None:
        raise customer_unknown()
    return number


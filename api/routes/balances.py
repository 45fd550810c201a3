"""What one customer has: balance and totals; now, as of a day, as known at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo

import anyio.to_thread
import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import MergedKnown, context_of, core_of, read, read_placed, views_reached
from api.gathering import Gathering
from api.input import Day, MinPosition, json_response
from api.ports import LedgerPort
from api.reading import (
    INSTANT_PATTERN,
    Instant,
    customer_known,
    customer_number_of,
    customer_unknown,
    day_asked,
    moment_of,
    rulebook_of,
)
from api.routing import Parameter, Router
from api.schemas import Points
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import DAY_PATTERN, pattern_told
from ledger.domain.values import date_of, day_of, month_last_day, month_of, points_text
from projections.as_of import (
    AccountRow,
    account_then,
    accounts_read,
    totals_read,
)
from projections.merged import Merged, merged_between, merged_read

router = Router(tags=["points"])

POSITION_MAX: Final = 2**63 - 1
MERGED_SECONDS: Final = 1.0
TIMEZONE_USUAL: Final = "Asia/Shanghai"


class LotBody(BaseModel):
    """Points that expire together; null: they never do."""

    expires_on: str | None
    points: str = Points


class TogetherBody(BaseModel):
    """What a customer and those that it stands for have, added up. Each spends its own."""

    balance: str = Points
    available: str = Points
    held: str = Points
    debt: str = Points


class BalanceBody(BaseModel):
    """What a customer has. `available` leaves out what is held by reservations, and lots past their date that no month
    end has taken yet. Points stay where they were earned: `merged_into` is the customer that this one was found to be,
    `members` are those that it stands for, `together` what all of these have, null where it stands for nobody. They are
    those of now, as the views have them, a second old at most, and no older than `min_position`; of another time
    nothing is said of them."""

    customer: str
    position: int
    balance: str = Points
    available: str = Points
    held: str = Points
    debt: str = Points
    expiring_30_days: str = Points
    expiring_90_days: str = Points
    lots: list[LotBody]
    merged_into: str | None
    members: list[str]
    together: TogetherBody | None


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
    " about that day. `position` is then that of the last event counted, and what expires is told from that day on."
    " Where `as_of` leaves out what was recorded before something that counts, lots, held and debt are what the"
    " ledger's rules make of what counts: none is below zero, and lots + held - debt is the balance.",
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
    found = await _found(request, ledger, number, wanted)
    merged, day = await _merged(request, ledger, wanted), _day_number(request)
    members = [await _found(request, ledger, m, wanted) for m in merged.members.get(number, ())]
    return _balance_response(request.scope["path_params"]["customer"], found, day, merged, members)


async def _found(request: Request, ledger: LedgerPort, number: int, wanted: int) -> AccountRow:
    account = ledger.account(number)
    if account is not None and account.position >= wanted:
        return AccountRow(number, account.balance, account.debt, account.lots, account.position, account.held)
    return await _from_view(request, ledger, number, wanted)


async def _merged(request: Request, ledger: LedgerPort, wanted: int) -> Merged:
    """The mergings that stand in the views, looked at once a second, and as of a position that the log has reached.

    Raises ViewBehind.
    """
    known, now = core_of(request).merged, monotonic()
    found = known.get(ledger.schema)
    if found is not None and found.ledger is not ledger:
        found = None
    if found is None or now - found.at > MERGED_SECONDS:
        if found is not None:
            # Others go on with what was known while one looks.
            known[ledger.schema] = replace(found, at=now)
        merged, position = await read_placed(request, None, merged_read)
        found = _kept(known, MergedKnown(ledger, now, position, merged))
    if found.position < wanted:
        # Hardly ever has anybody been merged since: the log says so, and the view need not be waited for.
        if await read(request, merged_between, found.position, wanted):
            merged, position = await read_placed(request, wanted, merged_read)
            found = _kept(known, MergedKnown(ledger, now, position, merged))
        else:
            found = _kept(known, replace(found, position=wanted))
    return found.merged


def _kept(known: dict[str, MergedKnown], found: MergedKnown) -> MergedKnown:
    """Keep what was found unless what is known is of a later position."""
    before = known.get(found.ledger.schema)
    if before is None or before.ledger is not found.ledger or before.position <= found.position:
        known[found.ledger.schema] = found
    return found


async def _from_view(request: Request, ledger: LedgerPort, number: int, wanted: int) -> AccountRow:
    core = core_of(request)
    known = core.balances.get(ledger.schema)
    if known is None or known[0] is not ledger:

        async def look_up(numbers: Sequence[int]) -> dict[int, AccountRow]:
            def run() -> dict[int, AccountRow]:
                with ledger.recorder.datastore.get_connection() as connection:
                    return accounts_read(connection, numbers)

            return await anyio.to_thread.run_sync(run, limiter=core.threads)

        known = core.balances[ledger.schema] = ledger, Gathering(look_up)
    gathering = known[1]
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
    rulebook = await rulebook_of(request)
    moment = moment_of(as_of, as_known_at, rulebook.book.timezone)
    number = await customer_known(request, customer, wanted, account_then)
    found = await read(request, account_then, number, moment, rulebook)
    return _balance_response(customer, found, day_asked(request, rulebook, moment), Merged(), [])


def _once(request: Request, name: str, pattern: str) -> str | None:
    """A query parameter that stands at most once and is written as it should be. Raises Refused (INPUT_INVALID)."""
    values = request.query_params.getlist(name)
    if not values:
        return None
    if len(values) > 1:
        raise Refused("INPUT_INVALID", f"{name} stands more than once; send it once", name)
    if len(values[0]) > 40 or re.search(pattern, values[0]) is None or "\n" in values[0]:
        raise Refused("INPUT_INVALID", f"{name} {pattern_told(pattern)}", name)
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


def _past(found: AccountRow, day: int) -> int:
    """What lies in lots that are past their date."""
    return sum(p for m, p in found.lots if m is not None and m < month_of(day))


def _together(family: Sequence[AccountRow], day: int) -> dict[str, str]:
    return {
        "balance": points_text(sum(a.balance for a in family)),
        "available": points_text(sum(a.balance - a.held - _past(a, day) for a in family)),
        "held": points_text(sum(a.held for a in family)), "debt": points_text(sum(a.debt for a in family)),
    }  # fmt: skip


def _balance_response(
    customer: str, found: AccountRow, day: int, merged: Merged, members: Sequence[AccountRow]
) -> Response:
    ends = [(None if m is None else month_last_day(m), p) for m, p in found.lots]
    due = [(end - day, p) for end, p in ends if end is not None and end >= day]
    return Response(
        orjson.dumps({
            "customer": customer,
            "position": found.position,
            "balance": points_text(found.balance),
            "available": points_text(found.balance - found.held - _past(found, day)),
            "held": points_text(found.held),
            "debt": points_text(found.debt),
            "expiring_30_days": points_text(sum(p for days, p in due if days <= 30)),
            "expiring_90_days": points_text(sum(p for days, p in due if days <= 90)),
            "lots": [
                {"expires_on": None if end is None else date_of(end).isoformat(), "points": points_text(p)}
                for end, p in ends
            ],
            **merged.document(found.customer),
            "together": _together([found, *members], day) if members else None,
        }),
        media_type="application/json",
    )  # fmt: skip


class TotalsBody(BaseModel):
    """What a customer's events come to: balance = granted + deducted + reversed + expired + redeemed, each with its
    sign; redeemed is net of what came back."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    balance: str = Points
    granted: str = Points
    deducted: str = Points
    reversed: str = Points
    expired: str = Points
    redeemed: str = Points
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
    number = await customer_known(request, customer, min_position, totals_read)
    moment = moment_of(as_of, as_known_at, (await rulebook_of(request)).book.timezone)
    found = await read(request, totals_read, number, moment)
    return json_response({
        "customer": customer, "as_of": as_of, "as_known_at": as_known_at, "balance": points_text(found.balance),
        "granted": points_text(found.granted), "deducted": points_text(found.deducted),
        "reversed": points_text(found.reversed), "expired": points_text(found.expired),
        "redeemed": points_text(found.redeemed), "events": found.events, "position": found.position,
    })  # fmt: skip

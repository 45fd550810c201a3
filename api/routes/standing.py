"""Where a customer stands: tier, tags, credit grade; now, as of a day, as known at a time."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import read
from api.input import Day, MinPosition, json_response
from api.reading import Instant, customer_known, day_asked, day_since, moment_of, rulebook_of
from api.routing import Router
from ledger.domain.values import day_text, points_text
from ledger.rules.document import Ladder
from projections.standing.reading import Standing, standing_then
from projections.tiers import tier_on, tier_read

router = Router(tags=["points"])


class TierBody(BaseModel):
    """Where a customer stands: as last decided; before, on the tier it began on (the lowest when its first fact came),
    or, where the ladder that was in force hasn't that, on its lowest; null where there was no ladder, or the books knew
    nothing of the customer by then, neither its registration nor a fact. `since` is the day, in the ledger's time zone,
    of what led to the tier: of the fact, or the first after the window whose review did; at another time the first day,
    as far as was known, as of which it is on that tier and stays. `position` is where the log says so; at another time,
    where it nowhere does, that of the fact or close that leads to it. `earned` is what counts in the ladder's window of
    the day, `points_missing` what the next tier still asks for; both null where the tier is asked for at another
    time."""

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
    description="As of a day it is what the ladder's rules make of the points booked up to it, in the order of the log:"
    " one rises on the day as of which the points that count reach a level, whenever they were recorded, and falls on"
    " the first day after a window whose close had its tier reviewed. Nothing booked later has a part in it.",
)
async def tier(
    request: Request, customer: str, as_of: Day = None, as_known_at: Instant = None, min_position: MinPosition = None
) -> Response:
    """A customer's tier now or at another time."""
    now = as_of is None and as_known_at is None
    number = await customer_known(request, customer, min_position, tier_read if now else standing_then)
    rulebook = await rulebook_of(request)
    moment = moment_of(as_of, as_known_at, rulebook.book.timezone)
    day = day_asked(request, rulebook, moment)
    rules = rulebook.in_force(day, moment.as_known_at)
    ladder = rules.tiers if rules else None
    document: dict[str, Any] = {"customer": customer, "as_of": as_of, "as_known_at": as_known_at}
    if now:
        row = await read(request, tier_read, ladder, number, day)
        document |= {
            "tier": row.tier, "since": day_since(row.tier_since, moment.timezone), "position": row.position,
            "earned": points_text(row.earned), "tier_next": row.tier_next,
            "points_missing": None if row.points_missing is None else points_text(row.points_missing),
        }  # fmt: skip
    else:
        found = await read(request, standing_then, number, moment, rulebook)
        since = None if found.tier_since is None else day_text(found.tier_since)
        document |= {
            "tier": _tier_then(found, ladder), "since": since,
            "position": found.tier_position, "earned": None, "tier_next": None, "points_missing": None,
        }  # fmt: skip
    level = next((lv for lv in ladder.levels if lv.id == document["tier"]), None) if ladder else None
    document["tier_title"] = None if level is None else {"zh": level.title.zh, "en": level.title.en}
    return json_response(document)


def _tier_then(found: Standing, ladder: Ladder | None) -> str | None:
    """The tier it is on: where it was on no other than it began on, that one, or the lowest of a ladder without it."""
    if found.tier_since is not None:
        return found.tier
    return (tier_on(ladder, found.tier) or None) if found.known else None


class TagBody(BaseModel):
    """A tag with its titles."""

    tag: str
    title: dict[str, str]


class TagsBody(BaseModel):
    """The tags that a customer bears and its credit grade, and where in the log they were decided; at another time,
    where no decision there says so, where the fact or close stands that leads to them."""

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
    description="As of a day they are what the rules make of the facts booked up to it, in the order of the log, and of"
    " their points: one that came late counts from its day on, and nothing booked later has a part in it.",
)
async def tags(
    request: Request, customer: str, as_of: Day = None, as_known_at: Instant = None, min_position: MinPosition = None
) -> Response:
    """A customer's tags and credit grade, now or at another time."""
    number = await customer_known(request, customer, min_position, standing_then)
    rulebook = await rulebook_of(request)
    moment = moment_of(as_of, as_known_at, rulebook.book.timezone)
    found = await read(request, standing_then, number, moment, rulebook)
    rules = rulebook.in_force(day_asked(request, rulebook, moment), moment.as_known_at)
    titles = {t.id: {"zh": t.title.zh, "en": t.title.en} for t in rules.tags} if rules else {}
    return json_response({
        "customer": customer, "as_of": as_of, "as_known_at": as_known_at,
        "tags": [{"tag": t, "title": titles.get(t, {"zh": t, "en": t})} for t in found.tags],
        "tags_position": found.tags_position, "grade": found.grade, "grade_position": found.grade_position,
    })  # fmt: skip

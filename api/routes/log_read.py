"""The log by position, ledgers and how far their views have followed."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Path, Query
from psycopg import Connection
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import CoreOf, LedgerOf, PrincipalOf, core_of, read
from api.input import Cursor, Limit, json_response, list_response
from api.reading import rulebook_of
from api.routing import Router
from api.schemas import Page
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from ledger.domain.values import day_text
from ledger.log.pages import page_of
from projections.events import EventRead, event_read, events_read, position_head
from projections.places import ViewStatus, views_status

router = Router(tags=["log"])

LINES: Final = "application/x-ndjson"
LINES_EXAMPLE: Final = (
    '{"position":42,"stream":"C-000001","version":3,"event":"PointsGranted","state":{"rule":"contract_signed",'
    '"points":24000}}\n'
)
SCAN_EVENTS_MAX: Final = 50_000
"""How far one page looks for events of the names asked for."""
Position = Annotated[int, Path(ge=1, le=2**63 - 1, description="A position of the log.")]


class EventBody(BaseModel):
    """An event as it stands in the log; GET /v1/schemas/events.<event> says what `state` holds."""

    position: int
    stream: str
    version: int
    event: str
    state: dict[str, Any]


class EventsPage(Page[EventBody]):
    """A page of events. `position_last` is how far this page has looked: go on after it even if `data` is empty."""

    position_last: int
    position_head: int


@router.get(
    "/v1/ledgers/{ledger}/events",
    permission=Permission.EVENTS_READ,
    errors=("CURSOR_INVALID", "EVENT_TYPE_UNKNOWN"),
    response_model=EventsPage,
    responses={
        200: {
            "content": {"application/json": {}, LINES: {"schema": {"type": "string"}, "example": LINES_EXAMPLE}},
            "headers": {
                name: {"description": f"With `format=ndjson`: {words}.", "schema": {"type": "integer"}}
                for name, words in (("Position-Last", "how far was looked"), ("Position-Head", "where the log ends"))
            },
        }
    },
    summary="Events in order of position",
    description="Positions have no gaps: who reads page after page misses nothing. `event` keeps those of one name; a"
    f" page then looks at {SCAN_EVENTS_MAX:,} positions at most, so it may be empty and still have a next. With"
    " `format=ndjson` the answer is a line for each event; go on with `after` = the header Position-Last.",
)
async def events_list(
    request: Request,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Events after this position.")] = 0,
    event: Annotated[str | None, Query(max_length=100, description="Only events of this name.")] = None,
    format: Annotated[Literal["json", "ndjson"], Query(description="A page, or a line for each event.")] = "json",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Events in order of position."""
    pages = core_of(request).pages
    asked = pages.asked(request, {"after": after, "event": event, "format": format, "limit": limit})
    name: str | None = asked.params["event"]
    if name is not None and name not in REGISTRY:
        raise Refused("EVENT_TYPE_UNKNOWN", "no event has this name; GET /v1/schemas lists them", "event")
    # The page reaches from after `first` to `last`: as far as it was looked, or as the events that it holds.
    floor: int = asked.params["after"]
    first: int = floor if asked.at is None else asked.at
    size, back = asked.size, asked.backwards

    def look(connection: Connection[Any]) -> tuple[int, int, int, list[EventRead]]:
        head = position_head(connection)
        scan = SCAN_EVENTS_MAX if name is not None else head
        low, high = (max(floor, first - scan), first) if back else (first, max(first, min(head, first + scan)))
        topics = None if name is None else [name]
        return head, low, high, events_read(connection, after=low, stop=high, topics=topics, limit=size, last=back)

    head, first, last, found = await read(request, look)
    if len(found) == size:
        first, last = (found[0].position - 1, last) if back else (first, found[-1].position)
    if asked.params["format"] == "ndjson":
        lines = b"".join(orjson.dumps(_event(e), option=orjson.OPT_APPEND_NEWLINE) for e in found)
        return Response(lines, 200, {"Position-Last": str(last), "Position-Head": str(head)}, LINES)
    page = pages.page(
        request, asked, [_event(e) for e in found], after=last if last < head else None,
        before=first if first > floor else None,
    )  # fmt: skip
    return json_response({**page, "position_last": last, "position_head": head})


@router.get(
    "/v1/ledgers/{ledger}/events/{position}",
    permission=Permission.EVENTS_READ,
    errors=("EVENT_UNKNOWN",),
    response_model=EventBody,
    summary="The event at a position",
)
async def event(request: Request, position: Position) -> Response:
    """The event at a position."""
    found = await read(request, event_read, position)
    if found is None:
        raise Refused("EVENT_UNKNOWN", "the log has no event at this position", "position")
    return json_response(_event(found))


class LedgerBody(BaseModel):
    """A set of books. `closed_through` is the last closed day, `closed` whether it is closed for good."""

    ledger: str
    timezone: str
    position: int
    closed: bool
    closed_through: str | None
    rule_sets: int
    fact_types: int


class LedgerName(BaseModel):
    """A ledger's name."""

    ledger: str


class ViewBody(BaseModel):
    """How far a view has followed the log, and why it stopped where it did. `followed` says whether any process follows
    the ledger's views now; where it is false, those that are behind stay so."""

    view: str
    position: int
    behind: int
    status: str
    error: str | None
    updated_at: str
    followed: bool


@router.get(
    "/v1/ledgers",
    permission=Permission.LEDGERS_READ,
    errors=("CURSOR_INVALID",),
    response_model=Page[LedgerName],
    summary="The ledgers",
)
async def ledgers_list(
    request: Request, core: CoreOf, principal: PrincipalOf, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """The ledgers."""
    asked = core.pages.asked(request, {"limit": limit})
    names = [n for n in await core.ledgers.names() if principal.ledgers is None or n in principal.ledgers]
    found = page_of(names, lambda name: (name,), asked.seek, asked.size + 1)
    return json_response(
        core.pages.listed(request, asked, found, lambda name: (name,), lambda name: {"ledger": name})
    )


@router.get(
    "/v1/ledgers/{ledger}",
    permission=Permission.LEDGERS_READ,
    response_model=LedgerBody,
    summary="A ledger as it stands",
)
async def ledger(request: Request, ledger: LedgerOf) -> Response:
    """A ledger as it stands."""
    book = (await rulebook_of(request)).book
    head = await read(request, position_head)
    return json_response({
        "ledger": ledger.name, "timezone": book.timezone, "position": head, "closed": book.closed,
        "closed_through": None if book.closed_day < 0 else day_text(book.closed_day),
        "rule_sets": len(book.rule_sets), "fact_types": len(book.fact_types),
    })  # fmt: skip


@router.get(
    "/v1/ledgers/{ledger}/views",
    permission=Permission.LEDGERS_READ,
    response_model=Page[ViewBody],
    summary="How far each view has followed the log",
)
async def views_list(request: Request) -> Response:
    """How far each view has followed the log."""
    data = [_view(v) for v in await read(request, views_status)]
    return list_response(data)


def _event(found: EventRead) -> dict[str, Any]:
    return {
        "position": found.position, "stream": found.stream, "version": found.version, "event": found.event,
        "state": found.state,
    }  # fmt: skip


def _view(found: ViewStatus) -> dict[str, Any]:
    return {
        "view": found.name, "position": found.position, "behind": found.behind, "status": found.status,
        "error": found.error, "updated_at": found.updated_at.isoformat(),
        "followed": found.followed,
    }  # fmt: skip

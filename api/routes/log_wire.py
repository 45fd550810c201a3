"""The log in the form in which it goes on the wire: what subscribers read where the stream doesn't have it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query
from psycopg import Connection
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import LedgerOf, read
from api.input import Limit
from api.routes.log_read import SCAN_EVENTS_MAX
from api.routing import Router
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from projections.events import event_rows_read, position_head
from streams.messages import Message, message_of

router = Router(tags=["log"])

BATCH: Final = "application/cloudevents-batch+json"
_ATTRIBUTE: Final = "ce-"


class CloudEvent(BaseModel):
    """An event as its message on NATS has it: the attributes are that message's headers without `ce-`, `data` its body.

    `subject` is the customer's id, and missing where the event is no customer's. `position` is text, since an integer
    of CloudEvents has 32 bits.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str
    datacontenttype: str
    dataschema: str
    position: str
    ledger: str
    data: dict[str, Any]


SCHEMA: Final = {"type": "array", "items": CloudEvent.model_json_schema()}
EXAMPLE: Final = {
    "specversion": "1.0", "id": "main/42", "source": "/ledgers/main", "type": "PointsGranted", "subject": "C-000001",
    "time": "2026-02-03T04:05:06+00:00", "datacontenttype": "application/json",
    "dataschema": "plumbline:/schemas/events/PointsGranted/1", "position": "42", "ledger": "main",
    "data": {"rule": "contract_signed", "points": 24000},
}  # fmt: skip


@router.get(
    "/v1/ledgers/{ledger}/cloudevents",
    permission=Permission.EVENTS_READ,
    errors=("EVENT_TYPE_UNKNOWN",),
    responses={
        200: {
            "content": {BATCH: {"schema": SCHEMA, "example": [EXAMPLE]}},
            "headers": {
                name: {"description": f"{words}.", "schema": {"type": "integer"}}
                for name, words in (
                    ("Position-Last", "How far was looked: go on after it even if no event was found"),
                    ("Position-Head", "Where the log ends"),
                )
            },
        }
    },
    response_class=Response,
    summary="Events as they go on the wire",
    description="The messages of the ledger's stream, in order of position, as a batch of CloudEvents: for subscribers"
    " whose stream is gone or begins later. Ids, no names and no text of people. Go on with `after` = the header"
    f" Position-Last. Of some types, a page looks at {SCAN_EVENTS_MAX:,} positions at most, so it may be empty.",
)
async def events_wire(
    request: Request,
    ledger: LedgerOf,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Events after this position.")] = 0,
    event: Annotated[
        list[str] | None, Query(max_length=100, description="Only events of these names; may be given several times.")
    ] = None,
    limit: Limit = 100,
) -> Response:
    """Events as they go on the wire."""
    if event is not None and not REGISTRY.keys() >= set(event):
        raise Refused("EVENT_TYPE_UNKNOWN", "no event has this name; GET /v1/schemas lists them", "event")

    def look(connection: Connection[Any]) -> tuple[int, int, bytes]:
        head = position_head(connection)
        stop = max(after, head if event is None else min(head, after + SCAN_EVENTS_MAX))
        rows = event_rows_read(connection, after=after, stop=stop, topics=event, limit=limit)
        last = rows[-1][0] if len(rows) == limit else stop
        return head, last, orjson.dumps([_document(message_of(ledger.name, row)) for row in rows])

    head, last, batch = await read(request, look)
    return Response(batch, 200, {"Position-Last": str(last), "Position-Head": str(head)}, BATCH)


def _document(message: Message) -> dict[str, Any]:
    """A message as a CloudEvent in JSON."""
    attributes = {name.removeprefix(_ATTRIBUTE): value for name, value in message.headers.items()}
    return {**attributes, "data": orjson.Fragment(message.body)}

"""The schemas of events as other programs get them, and the AsyncAPI document of the streams. Open to everybody: they
say what events look like, and of no event that there is one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from api.access.roles import Permission
from api.event_streams import asyncapi
from api.input import json_response, list_response
from api.routing import Router
from api.schemas import Page
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from streams.event_schemas import published
from streams.messages import schema_uri
from streams.words import EVENTS

router = Router(tags=["streams"])


class EventSchemaBody(BaseModel):
    """A published schema of an event's message."""

    event: str = Field(examples=["PointsGranted"])
    version: int = Field(examples=[1])
    title: dict[str, str] = Field(examples=[{"zh": "积分发放", "en": "points granted"}])
    uri: str = Field(
        description="What messages name it by (`ce-dataschema`).",
        examples=["plumbline:/schemas/events/PointsGranted/1"],
    )
    href: str = Field(examples=["/schemas/events/PointsGranted/1"])
    current: bool = Field(
        description="Whether events are published by it now; others are of messages already there.", examples=[True]
    )


@router.get(
    "/schemas/events",
    permission=Permission.PUBLIC,
    response_model=Page[EventSchemaBody],
    summary="The published schemas of events on the streams",
)
async def event_schemas_list() -> Response:
    """The published schemas of events on the streams."""
    data = [
        {
            "event": event,
            "version": version,
            "title": dict(zip(("zh", "en"), EVENTS[event], strict=True)),
            "uri": f"{_root(event)}/{version}",
            "href": f"/schemas/events/{event}/{version}",
            "current": version == REGISTRY[event].class_version,
        }
        for event, versions in published().items()
        for version in versions
    ]
    return list_response(data)


@router.get(
    "/schemas/events/{event}/{version}",
    permission=Permission.PUBLIC,
    errors=("SCHEMA_UNKNOWN",),
    response_model=dict[str, Any],
    responses={
        200: {
            "description": "The schema.",
            "content": {"application/json": {"example": {"title": "DayClosed", "type": "object", "properties": {}}}},
        }
    },
    summary="The schema of an event's message",
)
async def event_schema_published(event: str, version: str) -> Response:
    """The JSON Schema (2020-12) of an event's body, as messages of that version have it."""
    text = _texts().get((event, version))
    if text is None:
        raise Refused("SCHEMA_UNKNOWN", "no such schema; GET /schemas/events lists them", "event")
    return Response(text, media_type="application/json")


@router.get(
    "/schemas/asyncapi.json",
    permission=Permission.PUBLIC,
    response_model=dict[str, Any],
    responses={
        200: {
            "description": "The document.",
            "content": {"application/json": {"example": {"asyncapi": "3.1.0", "channels": {}, "operations": {}}}},
        }
    },
    summary="The AsyncAPI document of the streams",
)
async def asyncapi_read() -> Response:
    """The AsyncAPI 3 document: subjects, messages, headers, who may use them."""
    return json_response(asyncapi())


@lru_cache(maxsize=1)
def _texts() -> dict[tuple[str, str], bytes]:
    return {(event, str(version)): text for event, found in published().items() for version, text in found.items()}


def _root(event: str) -> str:
    return schema_uri(event).rpartition("/")[0]

"""Schemas of events and the AsyncAPI document, as other programs get them: with no key, and just as published."""

from __future__ import annotations

import pytest

from api.event_streams import asyncapi
from ledger.domain.events import REGISTRY
from streams.event_schemas import published
from streams.messages import SCHEMA_ROOT, schema_uri
from tests.integration.api.serving import Api


def test_every_published_schema_is_listed_and_read_where_its_uri_says(api: Api) -> None:
    listed = api.get("/schemas/events", key=None).json()["data"]
    assert {(s["event"], s["version"]) for s in listed} == {(e, v) for e, found in published().items() for v in found}
    for entry in listed:
        assert entry["href"] == entry["uri"].removeprefix("plumbline:")
    for entry in listed[::9]:
        answer = api.get(entry["href"], key=None)
        assert answer.content == published()[entry["event"]][entry["version"]]
        assert answer.json()["$id"] == entry["uri"]
    assert {s["uri"] for s in listed if s["current"]} == {schema_uri(topic) for topic in REGISTRY}
    [granted] = [s for s in listed if s["event"] == "PointsGranted"]
    assert granted["uri"] == f"{SCHEMA_ROOT}/PointsGranted/1"
    assert granted["title"] == {"zh": "积分发放", "en": "points granted"}


@pytest.mark.parametrize(
    "path", ["PointsGranted/2", "PointsGranted/0", "PointsGranted/1.json", "PointsGranted/x", "Nothing/1", "..%2F/1"]
)
def test_a_schema_that_was_never_published_is_not_there(api: Api, path: str) -> None:
    answer = api.get(f"/schemas/events/{path}", key=None)
    assert answer.status_code == 404
    if "%2F" not in path:
        assert answer.json()["code"] == "SCHEMA_UNKNOWN"


def test_the_asyncapi_document_is_served_as_it_is_made(api: Api) -> None:
    answer = api.get("/schemas/asyncapi.json", key=None)
    assert answer.json() == asyncapi()

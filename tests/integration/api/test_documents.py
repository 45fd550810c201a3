"""What is the same for everybody and for ever is made once, and never on the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import openapi
from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def test_the_document_is_made_once_and_beside_the_event_loop_and_given_to_everybody(
    ledgers: LedgersHere, access: AccessStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def make(app: FastAPI) -> dict[str, Any]:
        made.append(threading.get_ident())
        return {"openapi": "3.1.0", "title": "名"}

    monkeypatch.setattr(openapi, "_document", make)

    async def run() -> None:
        async with client_of(app_create(ledgers, access, ApiSettings())) as client:
            answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(5)))
            answers.append(await client.get("/openapi.json"))
        assert {(a.status_code, a.headers["content-type"]) for a in answers} == {(200, "application/json")}
        assert {a.text for a in answers} == {'{"openapi":"3.1.0","title":"名"}'}
        assert len(made) == 1 and made[0] != threading.get_ident()

    asyncio.run(run())


def test_a_process_without_the_api_gives_no_document(ledgers: LedgersHere, access: AccessStore) -> None:
    async def run() -> None:
        async with client_of(app_create(ledgers, access, ApiSettings(), watched_only=True)) as client:
            answer = await client.get("/openapi.json")
        assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_UNKNOWN")

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/mappings", "/v1/schemas/rule-set", "/v1/schemas/events.DayClosed", "/schemas/problems"])
def test_what_is_the_same_for_ever_is_made_once(api: Api, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = api.get(path)
    assert first.status_code == 200
    for made in ("imports.mapping_load", "rules_read.rules_schema", "rules_read.event_schema", "problem_codes.problem_words"):
        monkeypatch.delattr(f"api.routes.{made}")
    assert api.get(path).content == first.content

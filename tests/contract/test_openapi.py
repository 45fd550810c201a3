"""The OpenAPI document is whole: every operation is named, described, exemplified, and says how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.problems import STATUSES
from api.routing import Route
from api.settings import ApiSettings
from tests.integration.api.ports import LedgersHere


@pytest.fixture(scope="module")
def app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    access = AccessStore(database_url)
    folder: Path = tmp_path_factory.mktemp("columns")
    yield app_create(LedgersHere(database_url, folder), access, ApiSettings())
    access.close()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "$ref":
                yield part
            else:
                yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def test_every_operation_is_named_described_and_says_how_it_fails(app: Any) -> None:
    document = app.openapi()
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names)) == sum(isinstance(r, Route) for r in app.routes)
    for where, operation in operations(document):
        assert operation["summary"] and operation["x-permission"], where
        codes: set[str] = set()
        for status, response in operation["responses"].items():
            assert response["description"], where
            if int(status) < 400:
                assert response["content"], where
                continue
            problem = response["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
            codes |= problem["examples"].keys()
            assert all(STATUSES.get(code, 422) == int(status) for code in problem["examples"])
        if operation["x-permission"] != "public":
            assert {"KEY_MISSING", "KEY_UNKNOWN", "PERMISSION_DENIED", "RATE_EXCEEDED", "INPUT_INVALID"} <= codes, where
        if where.startswith("post") and "requestBody" in operation:
            [content] = operation["requestBody"]["content"].values()
            assert "example" in content or "$ref" in content["schema"], where


def test_writes_of_a_ledger_take_an_idempotency_key_and_a_dry_run(app: Any) -> None:
    for route in app.routes:
        if isinstance(route, Route) and route.spec.writes:
            operation = app.openapi()["paths"][route.path_format][route.spec.method.lower()]
            assert {"Idempotency-Key", "dry_run"} <= {p["name"] for p in operation["parameters"]}
            assert {"200", "201"} <= operation["responses"].keys()


def test_everything_referred_to_is_there(app: Any) -> None:
    document = app.openapi()
    found = set(references(document))
    assert found
    for reference in found:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_path_parameter_is_declared(app: Any) -> None:
    for route in app.routes:
        if isinstance(route, Route):
            operation = app.openapi()["paths"][route.path_format][route.spec.method.lower()]
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(route.param_convertors), route.path

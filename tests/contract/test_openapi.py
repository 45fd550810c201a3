"""The OpenAPI document is whole: every operation is named, described, exemplified, and says how it fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.access.keys import AccessStore
from api.app import app_create
from api.problems import STATUSES
from api.routing import Route
from api.settings import ApiSettings
from ledger.domain.problem_words import words_of
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


def examples(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every example of a body or answer that is no failure: where, its schema, and the example; None where there is
    none."""
    for where, operation in operations(document):
        contents = list(operation.get("requestBody", {}).get("content", {}).items())
        for status, response in operation["responses"].items():
            contents += response["content"].items() if status < "300" else []
        for media_type, content in contents:
            given = content.get("examples", {"": {"value": content.get("example")}})
            for example in given.values():
                yield f"{where} {media_type}", content["schema"], example["value"]


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
            assert "Content-Language" in response["headers"], where
            for code, example in problem["examples"].items():
                words = words_of(code, "en")
                assert (example["value"]["title"], example["value"]["advice"]) == (words.title, words.advice)
        if operation["x-permission"] != "public":
            assert {"KEY_MISSING", "KEY_UNKNOWN", "PERMISSION_DENIED", "RATE_EXCEEDED", "INPUT_INVALID"} <= codes, where


def test_every_body_and_every_answer_has_an_example_that_fits_its_schema(app: Any) -> None:
    document = app.openapi()
    components = document["components"]
    count = 0
    for where, schema, example in examples(document):
        if schema.get("format") == "binary":
            continue
        assert schema, where
        if example is None:
            example = components["schemas"][schema["$ref"].rpartition("/")[2]]["examples"][0]
        errors = [e.message for e in Draft202012Validator({**schema, "components": components}).iter_errors(example)]
        assert errors == [], (where, errors)
        count += 1
    assert count > 110


@pytest.mark.parametrize(
    ("model", "member", "form"),
    [
        ("ReplayBody", "rules", "RuleSet"), ("ReplayBody", "assignment_rules", "AssignmentRules"), ("ImportBody", "mapping", "FileMapping"),
        ("RuleSetDetail", "document", "RuleSet"), ("FactTypeBody", "document", "FactType"),
    ],
)  # fmt: skip
def test_documents_have_their_own_schemas(app: Any, model: str, member: str, form: str) -> None:
    schemas = app.openapi()["components"]["schemas"]
    assert f"#/components/schemas/{form}" in set(references(schemas[model]["properties"][member]))
    assert len(schemas[form]["properties"]) > 3
    assert "x-document" not in str(schemas)


def test_rule_sets_fact_types_and_files_say_what_they_are_sent_as(app: Any) -> None:
    paths = app.openapi()["paths"]
    bodies = {
        path: {m: c["schema"] for m, c in paths[f"/v1/ledgers/{{ledger}}/{path}"]["post"]["requestBody"]["content"].items()}
        for path in ("rule-sets", "fact-types", "imports")
    }
    assert bodies["rule-sets"] == {"application/json": {"$ref": "#/components/schemas/RuleSet"}}
    assert bodies["fact-types"] == {"application/json": {"$ref": "#/components/schemas/FactType"}}
    assert bodies["imports"].keys() == {
        "text/csv", "application/json", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }  # fmt: skip


KEYLESS = {
    "reconcile": "asked again it finds nothing more",
    "facts_bulk": "each line carries its own",
    **dict.fromkeys(["key_create", "sender_create", "sender_rotation", "webhook_make", "webhook_secret"], "the secret is shown once"),
    "relations_lead_check": "it records nothing",
    "webhook_receive": "the message's own id is its key",
    **dict.fromkeys(["key_revoke", "sender_mapping", "sender_revocation", "webhook_remove", "replay_cancel", "import_cancel", "rebuild_cancel"], "has one effect anyway"),
}
"""The operations that change something and take no Idempotency-Key, and why."""


def test_whatever_changes_something_has_a_dry_run_and_takes_an_idempotency_key(app: Any) -> None:
    keyless: set[str] = set()
    for route in app.routes:
        if not isinstance(route, Route) or route.spec.method == "GET":
            continue
        operation = app.openapi()["paths"][route.path_format][route.spec.method.lower()]
        names = {p["name"] for p in operation["parameters"]}
        assert "dry_run" in names, route.path
        if "Idempotency-Key" not in names:
            assert route.spec.keyless
            keyless.add(operation["operationId"])
        success = {status for status in operation["responses"] if status < "300"}
        assert all(
            "Idempotency-Hit" in operation["responses"][status].get("headers", {}) for status in success
        ) is (operation["operationId"] not in KEYLESS)
    assert keyless == KEYLESS.keys()


def test_everything_referred_to_is_there(app: Any) -> None:
    document = app.openapi()
    found = set(references(document))
    assert found
    for reference in found:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_parameter_of_a_query_says_what_it_means(app: Any) -> None:
    named = [(where, p) for where, o in operations(app.openapi()) for p in o.get("parameters", ()) if p["in"] == "query"]
    assert len(named) > 300
    assert [(where, p["name"]) for where, p in named if not p.get("description", "").endswith((".", ")"))] == []


def test_every_path_parameter_is_declared(app: Any) -> None:
    for route in app.routes:
        if isinstance(route, Route):
            operation = app.openapi()["paths"][route.path_format][route.spec.method.lower()]
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(route.param_convertors), route.path

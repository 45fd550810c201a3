"""The client knows the whole API: a call for every operation, and a result that has every member of the answer."""

from __future__ import annotations

import inspect
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from plumbline_client import Admin, Call, Ledger
from plumbline_client.calls import rehearsed
from plumbline_client.core import LINES
from plumbline_client.forms import form_members
from plumbline_client.results import LeadRehearsal, Rehearsal
from plumbline_client.subscribing import EVENT_TYPES

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.events import REGISTRY
from tests.integration.api.ports import LedgersHere

NOT_CALLED = {"health", "metrics", "webhook_receive"}
"""For load balancers, Prometheus, and systems that send webhooks: they ask for themselves."""
OF_THE_CLIENT = {"cursor", "min_position", "dry_run", "Idempotency-Key", "format"}
"""Parameters that a client sets itself, or that only programs without it need."""
IN_THE_BODY = {"import_start": {"mapping", "filename"}}
"""Parameters that the client sends in the body."""
BY_THE_HEADER = {"key", "registration"}
DOCUMENTS = {"fact_type_declare", "rule_set_propose"}
"""Their body is a whole document, as the caller has it."""
HERE_ONLY = {"Answer": {"hit"}, "LeadAnswer": {"hit"}}
SAMPLES: dict[str, Any] = {
    "facts": [{"external_id": "1"}], "content": b"x", "position": 1, "ids": [1], "cells": {1: {"a": "b"}}, "limit": 10,
    "after": 1, "active_days": 1, "inactive_days": 1, "customers": ["C-000001"], "ledgers": ["main"],
    "staff": "S-000001", "attributes": {"amount": 1}, "document": {"id": "x"}, "rules": {"id": "x"}, "assignment_rules": {"rules": []}, "traits": {"region": "x"},
    "changes": {"name": "x"}, "skills": {"x": 1}, "needs": {"x": "x"}, "redemptions": [("x", "1")], "payments": [("x", "1")], "year": 2025, "parties": [("x", "x")], "site_team": ["x"],
    "registration": {"source": "x", "reference": "x", "name": "x"},
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A call as a method makes it with every argument given, and the operation it is of."""

    method: str
    call: Call[Any]
    operation: dict[str, Any]


@pytest.fixture(scope="module")
def document(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    access = AccessStore(database_url)
    folder: Path = tmp_path_factory.mktemp("columns")
    yield app_create(LedgersHere(database_url, folder), access, ApiSettings()).openapi()
    access.close()


@pytest.fixture(scope="module")
def made(document: dict[str, Any]) -> list[Made]:
    return [Made(name, call, operation_of(document, call)) for name, call in calls()]


def calls() -> Iterator[tuple[str, Any]]:
    """Every call of both classes, once for each value of a choice among several paths."""
    for owner in (Ledger("main"), Admin()):
        for name, method in inspect.getmembers(owner, callable):
            if name.startswith("_"):
                continue
            hints = get_type_hints(method)
            parameters = inspect.signature(method).parameters
            choices = [values_of(n, hints[n]) for n in parameters]
            for values in itertools.product(*choices):
                given = dict(zip(parameters, values, strict=True))
                yield name, method(**given.pop("attributes", {}), **given)


def values_of(name: str, hint: Any) -> list[Any]:
    some = [a for a in get_args(hint) if a is not type(None)]
    literal = hint if get_origin(hint) is Literal else next((a for a in some if get_origin(a) is Literal), None)
    if literal is not None:
        return list(get_args(literal))
    return [True] if hint is bool else [SAMPLES.get(name, "x")]


def operation_of(document: dict[str, Any], call: Call[Any]) -> dict[str, Any]:
    """The operation of a call; the one with the fewest parts that vary where several paths fit."""
    fitting = [
        (path.count("{"), methods[call.method.lower()])
        for path, methods in document["paths"].items()
        if call.method.lower() in methods and re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", path), call.path)
    ]
    assert fitting, f"{call.method} {call.path} is no operation"
    return min(fitting, key=lambda entry: entry[0])[1]


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def differences(document: dict[str, Any], form: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """Where a form of the client and a schema of the document are not alike."""
    schema = resolved(document, schema)
    some = [a for a in get_args(form) if a is not type(None)]
    if "anyOf" in schema and type(None) in get_args(form):
        [schema] = [s for s in schema["anyOf"] if s.get("type") != "null"]
        yield from differences(document, some[0], schema, where)
    elif get_origin(form) in (list, tuple):
        yield from differences(document, some[0], schema.get("items", {}), f"{where}[]")
    elif is_dataclass(get_origin(form) or form):
        members = form_members(form)
        of_service = schema.get("properties")
        if of_service is None:
            assert schema.get("additionalProperties") is True, where  # rows of a result, which the document leaves open
            return
        known = members.keys() - HERE_ONLY.get(getattr(form, "__name__", ""), set()) | {"previous"}
        for name in sorted(known ^ (of_service.keys() | {"previous"})):
            yield f"{where}.{name}"
        for name in members.keys() & of_service.keys():
            yield from differences(document, members[name], of_service[name], f"{where}.{name}")


def test_every_operation_has_a_call(document: dict[str, Any], made: list[Made]) -> None:
    operations = {o["operationId"] for methods in document["paths"].values() for o in methods.values()}
    assert operations >= NOT_CALLED
    assert operations - {m.operation["operationId"] for m in made} == NOT_CALLED


def test_every_parameter_can_be_given_and_none_is_made_up(made: list[Made]) -> None:
    given: dict[str, set[str]] = {}
    there: dict[str, set[str]] = {}
    for m in made:
        name = m.operation["operationId"]
        given[name] = given.get(name, set()) | {p for p, value in m.call.params.items() if value is not None}
        there[name] = {p["name"] for p in m.operation.get("parameters", []) if p["in"] in ("query", "header")}
    for name, parameters in there.items():
        ours = OF_THE_CLIENT | IN_THE_BODY.get(name, set())
        assert given[name] - ours == parameters - ours, name
        assert given[name] <= parameters, name


def test_every_member_of_a_body_can_be_given_and_none_is_made_up(document: dict[str, Any], made: list[Made]) -> None:
    given: dict[str, set[str]] = {}
    there: dict[str, set[str]] = {}
    for m in made:
        content = m.operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = resolved(document, content.get("schema", {}))
        name = m.operation["operationId"]
        if "properties" in schema and m.call.body and m.call.content_type != LINES and name not in DOCUMENTS:
            given[name] = given.get(name, set()) | json.loads(m.call.body).keys()
            there[name] = set(schema["properties"])
    assert len(given) > 10
    for name, members in there.items():
        assert given[name] - BY_THE_HEADER == members - BY_THE_HEADER, name


def test_reads_wait_for_what_was_written_wherever_the_service_can(made: list[Made]) -> None:
    for m in made:
        waits = "min_position" in {p["name"] for p in m.operation.get("parameters", [])}
        assert m.call.waits is waits, m.method


def test_every_result_has_every_member_of_the_answer(document: dict[str, Any], made: list[Made]) -> None:
    compared: set[str] = set()
    for m in made:
        success = max(status for status in m.operation["responses"] if status < "300")
        schema = m.operation["responses"][success]["content"].get("application/json", {}).get("schema")
        if schema is not None and m.call.form is not bytes:
            assert list(differences(document, m.call.form, schema, m.method)) == []
            compared.add(m.method)
    assert len(compared) > 40


def test_a_rehearsal_has_every_member_of_the_answer(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["RehearsalBody"]
    assert list(differences(document, Rehearsal, schema, "rehearsal")) == []
    schema = document["components"]["schemas"]["LeadRehearsalBody"]
    assert rehearsed(Ledger("main").lead_report("web", "1", "x")).form is LeadRehearsal
    assert list(differences(document, LeadRehearsal, schema, "rehearsal")) == []


def test_the_comparison_finds_what_it_is_for(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["BalanceBody"]
    call = Ledger("main").tier("C-000001")
    assert "tier.lots" in set(differences(document, call.form, schema, "tier"))


def test_the_client_knows_every_type_of_event() -> None:
    assert set(REGISTRY) == EVENT_TYPES

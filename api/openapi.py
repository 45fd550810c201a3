"""The OpenAPI document: FastAPI's, with bodies, keys and error codes as the routes declare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.access.roles import Permission
from api.problems import MEDIA_TYPE, problem_document, status_of
from api.routing import Route, RouteSpec
from api.schemas import Problem

COMMON: Final = ("INPUT_INVALID", "TEXT_INVALID", "PARAMETER_UNKNOWN", "OVERLOADED", "INTERNAL_ERROR")
KEYED: Final = (
    "KEY_MISSING", "KEY_UNKNOWN", "PERMISSION_DENIED", "RATE_EXCEEDED", "DATABASE_UNREACHABLE",
)  # fmt: skip
WITH_BODY: Final = ("DOCUMENT_INVALID", "BODY_TOO_LARGE")
WRITES: Final = (
    "KEY_INVALID", "IDEMPOTENCY_CONFLICT", "LEDGER_CLOSED", "WRITER_UNAVAILABLE", "WRITER_STOPPED", "LOG_MOVING",
    "LEDGER_STATE_DIFFERS",
)  # fmt: skip
DESCRIPTION: Final = """
The ledger of points over HTTP. Every request but /health and /ready carries `Authorization: Bearer plk_…`.

Writes take `Idempotency-Key` and `dry_run=true`. Reads take `min_position`, the `position` of an answer, to see
one's own write. Points and money are decimal text, never floating point. Failures are problem documents whose
`code` is stable.
"""


def openapi_install(app: FastAPI) -> None:
    """Let the app give our document at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]


def codes_of(spec: RouteSpec) -> list[str]:
    """Every code that a route may answer."""
    codes = [*COMMON, *spec.errors]
    if spec.permission is not Permission.PUBLIC:
        codes += KEYED
    if "{ledger}" in spec.path:
        codes += ("LEDGER_UNKNOWN", "LEDGER_UNAVAILABLE")
    if spec.method == "POST":
        codes += WITH_BODY
    if spec.writes:
        codes += WRITES
    return sorted(set(codes))


def _document(app: FastAPI) -> dict[str, Any]:
    routes = [route for route in app.routes if isinstance(route, Route)]
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    components: dict[str, Any] = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _schema_add(schemas, Problem.model_json_schema(ref_template="#/components/schemas/{model}"), "Problem")
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "A key of the API."}}
    for route in routes:
        spec = route.spec
        operation: dict[str, Any] = document["paths"][route.path_format][spec.method.lower()]
        operation["x-permission"] = spec.permission.value
        operation["security"] = [] if spec.permission is Permission.PUBLIC else [{"key": []}]
        given: list[Any] = operation.get("parameters", [])
        missing = [n for n in route.param_convertors if n not in {p["name"] for p in given}]
        operation["parameters"] = [
            *map(_path_parameter, missing),
            *given,
            *(parameter.document() for parameter in spec.parameters),
        ]
        _body_add(operation, schemas, spec)
        _errors_add(operation, codes_of(spec))
        if spec.writes:
            hit = {"description": "`true` where the first answer was given again.", "schema": {"type": "string"}}
            for status in ("200", "201"):
                if status in operation["responses"]:
                    operation["responses"][status].setdefault("headers", {})["Idempotency-Hit"] = hit
    return document


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _schema_add(schemas: dict[str, Any], schema: dict[str, Any], name: str) -> None:
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema


def _body_add(operation: dict[str, Any], schemas: dict[str, Any], spec: RouteSpec) -> None:
    if spec.body is None and spec.body_example is None:
        return
    content: dict[str, Any] = {"schema": {"type": "object"}}
    if spec.body is not None:
        schema = spec.body.model_json_schema(ref_template="#/components/schemas/{model}")
        _schema_add(schemas, schema, spec.body.__name__)
        content["schema"] = {"$ref": f"#/components/schemas/{spec.body.__name__}"}
    elif isinstance(spec.body_example, str):
        content["schema"] = {"type": "string"}
    if spec.body_example is not None:
        content["example"] = spec.body_example
    operation["requestBody"] = {"required": True, "content": {spec.body_media_type: content}}


def _errors_add(operation: dict[str, Any], codes: Sequence[str]) -> None:
    responses: dict[str, Any] = operation["responses"]
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(status_of(code), []).append(code)
    responses.pop("422", None)
    for status, found in sorted(by_status.items()):
        existing = responses.get(str(status))
        content = dict(existing.get("content", {})) if existing else {}
        content[MEDIA_TYPE] = {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "examples": {
                code: {"value": problem_document(code, "says what is wrong and what to do", "", "5f2c9d-1a")}
                for code in found
            },
        }
        entry: dict[str, Any] = {"description": "One of " + ", ".join(found) + ".", "content": content}
        if status in (429, 503):
            entry["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
            }
        responses[str(status)] = entry

"""The OpenAPI document: FastAPI's, with bodies, keys and error codes as the routes declare them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import in_thread
from api.examples import Examples
from api.languages import TAGS
from api.parameters import described
from api.problems import MEDIA_TYPE, problem_document, status_of
from api.routing import MediaBody, Route, RouteSpec
from api.schemas import DOCUMENT, Problem
from connectors.files.mapping import FileMapping
from ledger.domain.fact_types import FactType
from ledger.rules.document import RuleSet

COMMON: Final = (
    "INPUT_INVALID", "TEXT_INVALID", "PARAMETER_UNKNOWN", "REQUEST_SLOW", "HEAD_TOO_LARGE", "OVERLOADED",
    "INTERNAL_ERROR",
)  # fmt: skip
KEYED: Final = (
    "KEY_MISSING", "KEY_UNKNOWN", "PERMISSION_DENIED", "RATE_EXCEEDED", "DATABASE_UNREACHABLE",
)  # fmt: skip
WITH_BODY: Final = ("DOCUMENT_INVALID", "BODY_TOO_LARGE")
WITH_KEY: Final = ("KEY_INVALID", "IDEMPOTENCY_CONFLICT")
WRITES: Final = (
    "LEDGER_CLOSED", "WRITER_UNAVAILABLE", "WRITER_STOPPED", "LOG_MOVING", "LEDGER_STATE_DIFFERS",
)  # fmt: skip
DOCUMENTS: Final = (RuleSet, FactType, FileMapping)
DESCRIPTION: Final = """
The ledger of points over HTTP. Every request but /health, /ready, signed webhooks and those below /schemas carries
`Authorization: Bearer plk_…`.

Writes take `Idempotency-Key` and `dry_run=true`. Reads take `min_position`, the `position` of an answer, to see
one's own write. Points and money are decimal text, never floating point. Failures are problem documents whose
`code` is stable; `title` and `advice` come in Chinese or English, as `Accept-Language` prefers.
"""


def openapi_install(app: FastAPI, *, told: bool) -> None:
    """Let the app make our document; `told`: and give it to everybody at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue]
    if told:
        app.router.add_route("/openapi.json", _telling(app), include_in_schema=False)


def _telling(app: FastAPI) -> Callable[[Request], Awaitable[Response]]:
    """The route of the document: it takes seconds to make, so that is done once and beside the event loop."""
    making = asyncio.Lock()
    made: bytes | None = None

    async def openapi_read(request: Request) -> Response:
        nonlocal made
        if made is None:
            async with making:
                if made is None:
                    made = await in_thread(request, lambda: orjson.dumps(_document(app)))
        return Response(made, media_type="application/json")

    return openapi_read


def codes_of(spec: RouteSpec) -> list[str]:
    """Every code that a route may answer."""
    codes = [*COMMON, *spec.errors]
    if spec.permission is not Permission.PUBLIC:
        codes += KEYED
    if "{ledger}" in spec.path and spec.permission is not Permission.PUBLIC:
        codes += ("LEDGER_UNKNOWN", "LEDGER_UNAVAILABLE")
    if spec.bodies:
        codes += WITH_BODY
    if spec.keyed:
        codes += WITH_KEY
    if spec.keyless:
        codes.append("KEY_UNSUPPORTED")
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
    for model in (Problem, *DOCUMENTS):
        _model_add(schemas, model)
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
            *map(described, given),
            *(parameter.document() for parameter in spec.parameters),
        ]
        _bodies_add(operation, schemas, spec.bodies)
        _errors_add(operation, codes_of(spec))
        if spec.keyed:
            hit = {"description": "`true` where the first answer was given again.", "schema": {"type": "string"}}
            for status in ("200", "201", "202"):
                if status in operation["responses"]:
                    operation["responses"][status].setdefault("headers", {})["Idempotency-Hit"] = hit
    _documents_refer(schemas)
    examples = Examples(schemas)
    for route in routes:
        _examples_add(document["paths"][route.path_format][route.spec.method.lower()], examples)
    return document


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _model_add(schemas: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """A reference to a model's schema, which is entered with all that it is made of."""
    name = model.__name__
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    for part, found in {**schema.pop("$defs", {}), name: schema}.items():
        known = schemas.setdefault(part, found)
        assert known == found, f"two models are called {part}"
    return {"$ref": f"#/components/schemas/{name}"}


def _documents_refer(schema: Any) -> None:
    """Where a member holds a document, let it have that document's schema."""
    if isinstance(schema, list):
        for part in cast(list[Any], schema):
            _documents_refer(part)
    if not isinstance(schema, dict):
        return
    found = cast(dict[str, Any], schema)
    for part in found.values():
        _documents_refer(part)
    name = found.pop(DOCUMENT, None)
    if name is not None:
        forms: list[dict[str, Any]] = found.get("anyOf", [found])
        [form] = [form for form in forms if form.get("type") == "object"]
        for member in ("type", "additionalProperties"):
            form.pop(member, None)
        form["$ref"] = f"#/components/schemas/{name}"


def _bodies_add(operation: dict[str, Any], schemas: dict[str, Any], bodies: Sequence[MediaBody]) -> None:
    contents: dict[str, Any] = {}
    for body in bodies:
        content: dict[str, Any] = {"schema": body.schema}
        if body.model is not None:
            content["schema"] = _model_add(schemas, body.model)
        if body.example is not None:
            content["example"] = body.example
        contents[body.media_type] = content
    if contents:
        operation["requestBody"] = {"required": True, "content": contents}


def _examples_add(operation: dict[str, Any], examples: Examples) -> None:
    """An example of every answer that is no failure; of one that has several forms, each."""
    for status, response in operation["responses"].items():
        for content in response["content"].values() if status < "300" else ():
            if "example" in content:
                continue
            forms: list[dict[str, Any]] = content["schema"].get("anyOf", [])
            if forms:
                content["examples"] = {
                    form["$ref"].rpartition("/")[2]: {"value": examples.of(form)} for form in forms
                }
            else:
                content["example"] = examples.of(content["schema"])


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
        headers: dict[str, Any] = {
            "Content-Language": {
                "description": "Of `title` and `advice`, as Accept-Language prefers.",
                "schema": {"type": "string", "enum": list(TAGS.values())},
            }
        }
        if status in (429, 503):
            headers["Retry-After"] = {
                "description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0},
            }
        entry: dict[str, Any] = {
            "description": "One of " + ", ".join(found) + ".", "content": content, "headers": headers,
        }
        responses[str(status)] = entry

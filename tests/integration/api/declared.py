"""Whether an answer is one that the OpenAPI document declares for its route: status, code, and form."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from api.openapi import codes_of
from api.problems import MEDIA_TYPE
from api.routing import Route

UNDECLARED = frozenset({"ROUTE_UNKNOWN", "METHOD_NOT_ALLOWED"})
"""Answers of no route."""
LINES = "application/x-ndjson"


_documents: list[dict[str, Any]] = []
"""The document is the same of every app, and takes a second to make."""


def closed(schema: Any) -> Any:
    """The same schemas, where an object has no members but those that are declared: clients may be given more by a newer
    service, but none that its own document keeps quiet about."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


class Declared:
    """What one app declares."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        if not _documents:
            _documents.append(closed(app.openapi()))
        self._document = _documents[0]
        self._validators: dict[tuple[str, str, int], Draft202012Validator] = {}

    def check(self, answer: httpx.Response) -> None:
        """Raises AssertionError for an answer that isn't declared."""
        method, path = answer.request.method, answer.request.url.path
        routes = (r for r in self.app.routes if isinstance(r, Route) and r.spec.method == method)
        route = next((r for r in routes if r.path_regex.match(path)), None)
        if route is None:
            return
        where = f"{method} {route.path} answered {answer.status_code}: {answer.text[:300]}"
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if answer.status_code >= 400 and media_type == MEDIA_TYPE:
            code = answer.json()["code"]
            assert code in UNDECLARED or code in codes_of(route.spec), where
            return
        operation = self._document["paths"][route.path_format][method.lower()]
        declared = operation["responses"].get(str(answer.status_code))
        assert declared is not None and media_type in declared["content"], where
        if media_type == LINES and route.path.endswith("/bulk"):
            codes = {line["code"] for line in map(orjson.loads, answer.content.splitlines()) if "code" in line}
            assert codes <= {*codes_of(route.spec), "ATOMIC_REFUSED"}, (where, codes)
        if media_type == "application/json":
            validator = self._validator(route.path_format, method, answer.status_code, declared)
            errors = [f"{list(e.path)}: {e.message[:300]}" for e in validator.iter_errors(answer.json())]
            assert errors == [], (where, errors[:3])

    def _validator(self, path: str, method: str, status: int, declared: dict[str, Any]) -> Draft202012Validator:
        key = path, method, status
        if key not in self._validators:
            schema = declared["content"]["application/json"].get("schema", {})
            components = self._document["components"]
            self._validators[key] = Draft202012Validator({**schema, "components": components})
        return self._validators[key]

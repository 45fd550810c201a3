"""Routes that can't be declared without a permission, and the check that runs before each of them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.access.keys import Principal, StrangersMany
from api.access.roles import Permission
from api.core import Context, Core, core_of
from api.middleware import PROBES, SEAT
from api.ports import LedgerMissing
from api.problems import RetryLater
from ledger.domain.errors import Refused

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

LEDGER_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,55}")
"""What a ledger may be called; with its prefix it names a schema of the database."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header of a route that reads it itself, for the OpenAPI document."""

    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"

    def document(self) -> dict[str, Any]:
        """Its entry in OpenAPI."""
        return {
            "name": self.name,
            "in": self.place,
            "required": False,
            "description": self.description,
            "schema": self.schema,
        }


@dataclass(frozen=True, slots=True)
class MediaBody:
    """A form that a route takes its body in: as a model, or else by a schema of its own."""

    media_type: str
    model: type[BaseModel] | None = None
    example: Any = None
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """What a route declares beyond FastAPI's own: permission, error codes, bodies, parameters read by hand.

    `keyless` says why a route that changes something takes no Idempotency-Key.
    """

    method: str
    path: str
    permission: Permission
    errors: tuple[str, ...] = ()
    bodies: tuple[MediaBody, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    writes: bool = False
    keyless: str = ""
    lean: bool = False

    @property
    def changes(self) -> bool:
        """Whether it is there to change something."""
        return self.method != "GET"

    @property
    def keyed(self) -> bool:
        """Whether it takes an Idempotency-Key."""
        return self.changes and not self.keyless


KEY_PARAMETER: Final = Parameter(
    "Idempotency-Key",
    "Your own name for this request, at most 200 printable ASCII characters. The same key with the same content gives"
    " the first answer again (with `Idempotency-Hit: true`), with other content a 422.",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "header",
)
TRUTH: Final = {"type": "string", "enum": ["true", "false"], "default": "false"}
DRY_RUN_PARAMETER: Final = Parameter(
    "dry_run", "With `true` nothing is done: the answer tells what would be, with the same refusals.", TRUTH
)


class Router:
    """Declares routes; `add_to` puts them into an app. Every method asks for a permission."""

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = list(tags)
        self._routes: list[tuple[RouteSpec, Callable[..., Any], dict[str, Any]]] = []

    def get(self, path: str, *, permission: Permission, **more: Any) -> Callable[[Endpoint], Endpoint]:
        """A GET route; see `route` for what else may be given."""
        return self.route("GET", path, permission=permission, **more)

    def post(self, path: str, *, permission: Permission, **more: Any) -> Callable[[Endpoint], Endpoint]:
        """A POST route; see `route` for what else may be given."""
        return self.route("POST", path, permission=permission, **more)

    def delete(self, path: str, *, permission: Permission, **more: Any) -> Callable[[Endpoint], Endpoint]:
        """A DELETE route; see `route` for what else may be given."""
        return self.route("DELETE", path, permission=permission, **more)

    def route(
        self,
        method: str,
        path: str,
        *,
        permission: Permission,
        errors: Sequence[str] = (),
        body: type[BaseModel] | None = None,
        body_example: Any = None,
        bodies: Sequence[MediaBody] = (),
        query: Sequence[Parameter] = (),
        writes: bool = False,
        keyless: str = "",
        lean: bool = False,
        **fastapi: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a route.

        `errors` are the domain codes it may answer beside those common to all. `body` is that in JSON, `bodies` are
        other forms of it. A route that changes something has a dry run, and takes an Idempotency-Key unless `keyless`
        says why not; `writes`: it is a command of a log. `lean` calls the handler with the request alone; it returns a
        Response, and names its query parameters in `query`. Everything else is FastAPI's (summary, response_model,
        responses, operation_id …).
        """
        forms = [MediaBody("application/json", body, body_example)] if body is not None else []
        spec = RouteSpec(
            method, path, permission, tuple(errors), (*forms, *bodies), writes=writes, keyless=keyless, lean=lean
        )
        more = [KEY_PARAMETER] if spec.keyed else []
        if spec.changes and all(parameter.name != "dry_run" for parameter in query):
            more.append(DRY_RUN_PARAMETER)
        spec = replace(spec, parameters=(*query, *more))

        def declare(endpoint: Endpoint) -> Endpoint:
            self._routes.append((spec, endpoint, fastapi))
            return endpoint

        return declare

    def add_to(self, app: FastAPI) -> None:
        """Put the routes into an app."""
        for spec, endpoint, fastapi in self._routes:
            name = getattr(endpoint, "__name__", None)
            options: dict[str, Any] = {"tags": self.tags, "operation_id": name, **fastapi}
            app.router.add_api_route(
                spec.path, endpoint, methods=[spec.method], route_class_override=_route_class(spec), **options
            )


class Route(APIRoute):
    """A route with its permission: nothing of it runs before the key was checked."""

    spec: RouteSpec

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The handler behind the check."""
        inner: Callable[[Request], Awaitable[Response]]
        inner = self.endpoint if self.spec.lean else super().get_route_handler()
        spec = self.spec
        queries = {p.name for p in spec.parameters if p.place == "query"}
        queries |= {p.alias for p in self.dependant.query_params}

        async def handle(request: Request) -> Response:
            await _admit(request, spec, queries)
            return await inner(request)

        return handle


def _route_class(spec: RouteSpec) -> type[Route]:
    return type("Route", (Route,), {"spec": spec})


def denied(reason: str) -> Refused:
    """The refusal of a key that may not do this."""
    return Refused("PERMISSION_DENIED", reason, "authorization")


async def _admit(request: Request, spec: RouteSpec, queries: set[str]) -> None:
    """Check the key, what it may do, and that path and query are plain; open the ledger. Raises Refused."""
    scope = request.scope
    core = core_of(request)
    if spec.permission is Permission.PUBLIC:
        scope["plumbline"] = Context(core, scope.get("request_id", ""), None, None)
        _query_check(request, queries)
        return
    principal = await principal_admit(request)
    if spec.permission not in principal.permissions:
        raise denied(f"a key of the role {principal.role} may not do this; it takes {spec.permission}")
    if spec.keyless and any(name == b"idempotency-key" for name, _ in scope["headers"]):
        raise Refused("KEY_UNSUPPORTED", f"this takes no Idempotency-Key: {spec.keyless}", "Idempotency-Key")
    params: dict[str, Any] = scope["path_params"]
    _query_check(request, queries)
    _path_check(params)
    if principal.customer is not None and params.get("customer") != principal.customer:
        raise denied("this key shows one customer's own data only")
    context = Context(core, scope.get("request_id", ""), principal, None)
    if scope["path"] not in PROBES:
        _seat_take(scope, core, principal.key_id)
    name = params.get("ledger")
    if name is not None:
        if principal.ledgers is not None and name not in principal.ledgers:
            raise denied("this key is not for this ledger")
        if LEDGER_NAME.fullmatch(name) is None:
            raise LedgerMissing("no ledger can have this name; GET /v1/ledgers lists those there are")
        context.ledger = await core.ledgers.open(name)
    scope["plumbline"] = context


def _seat_take(scope: Scope, core: Core, key_id: str) -> None:
    """Count a request as under way until its answer is out. Raises RetryLater."""
    if not core.under_way.take(key_id):
        raise RetryLater("RATE_EXCEEDED", "too many requests of this key are under way; wait for their answers")
    scope[SEAT] = partial(core.under_way.give_back, key_id)


async def principal_admit(request: Request) -> Principal:
    """Who comes with the request's key. Raises Refused, RetryLater where it, or its address, comes too often."""
    core = core_of(request)
    try:
        principal = await core.access.principal_find(_secret_of(request), address_of(request))
    except StrangersMany as many:
        raise RetryLater("RATE_EXCEEDED", "too many unknown keys were sent; come again later", many.seconds) from None
    if principal is None:
        raise Refused(
            "KEY_UNKNOWN", "this key is unknown, revoked or past its end; ask an admin for one", "authorization"
        )
    wait = core.rates.take(principal.key_id)
    if wait:
        raise RetryLater("RATE_EXCEEDED", "this key asks too often; slow down", wait)
    return principal


def address_of(request: Request) -> str:
    """Where a request comes from; "" where that isn't known."""
    client = request.scope.get("client")
    return client[0] if client else ""


def _secret_of(request: Request) -> str:
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            kind, _, secret = value.partition(b" ")
            if kind.lower() == b"bearer" and 0 < len(secret) <= 200:
                return secret.decode("latin-1")
    raise Refused("KEY_MISSING", "send the header Authorization: Bearer plk_… with your key", "authorization")


def _query_check(request: Request, queries: set[str]) -> None:
    if not request.scope["query_string"]:
        return
    for name, value in request.query_params.multi_items():
        if name not in queries:
            raise Refused(
                "PARAMETER_UNKNOWN", f"this route takes only {', '.join(sorted(queries)) or 'no'} parameters", "query"
            )
        if not text_is_plain(value):
            raise Refused("TEXT_INVALID", f"{name} contains a character that can't be stored", name)


def _path_check(params: dict[str, Any]) -> None:
    for name, value in params.items():
        if isinstance(value, str) and (len(value) > 1_000 or not text_is_plain(value)):
            raise Refused("TEXT_INVALID", f"{name} is too long or contains a character that can't be stored", name)


def text_is_plain(text: str) -> bool:
    """Whether text can be stored: no NUL character, no half of a surrogate pair."""
    if "\0" in text:
        return False
    return text.isascii() or not any(0xD800 <= ord(c) < 0xE000 for c in text)

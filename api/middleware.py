"""Around every request, as plain ASGI: its id, its time, the limit of how many run at once, the last resort."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from api.problems import problem_response
from api.settings import ApiSettings
from ledger.domain.errors import PlumblineError

REQUEST_ID_HEADER = b"x-request-id"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,100}")
SLOW: Final = "plumbline.slow"
"""In the scope of a request whose body came too slowly: whoever holds the connection puts it there, and wakes who
waits for the body."""
SEAT: Final = "plumbline.seat"
"""In the scope of a request that holds a seat among its key's: how it is given back."""
PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
"""Whoever watches the service must reach it, above all when it has too much to do."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_log: Any = structlog.get_logger("plumbline.http")


class RequestSlow(PlumblineError):
    """A request comes in so slowly that it takes the place of others."""

    code = "REQUEST_SLOW"


class Surroundings:
    """The middleware. Takes `X-Request-Id` where one came, and sends it back; ends one whose body doesn't come."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._under_way = 0
        metrics.under_way.set_function(lambda: self._under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = self._request_id(scope)
        scope["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        async def receive_soon() -> Message:
            message = await receive()
            if SLOW in scope:
                raise RequestSlow("the body came too slowly; send it again, in parts where the line is slow")
            return message

        counted = scope["path"] not in PROBES
        self._under_way += counted
        try:
            if counted and self._under_way > self.settings.concurrent_max:
                await problem_response(
                    Request(scope), "OVERLOADED", "too many requests are under way; send it again in a second"
                )(scope, receive, send_with_id)
            else:
                await self.app(scope, receive_soon, send_with_id)
        except Exception as error:
            _log.error("request failed", path=_route(scope), exc_info=error)
            if status:
                raise  # the head is out: only a broken connection can still tell the client
            await problem_response(
                Request(scope), "INTERNAL_ERROR", "the service failed at this; its log has the cause under request_id"
            )(scope, receive, send_with_id)
        finally:
            self._under_way -= counted
            if SEAT in scope:
                scope[SEAT]()
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self.metrics.observe(method, _route(scope), status, seconds)
            if self.settings.log_requests or status >= 500:
                self._tell(scope, request_id, method, status, seconds)

    def _tell(self, scope: Scope, request_id: str, method: str, status: int, seconds: float) -> None:
        """Write the line of a request: who asked, what came of it, and for a command where it stands in the log."""
        fields: dict[str, Any] = {
            "event": "request", "level": "info", "request_id": request_id, "method": method, "route": _route(scope),
            "status": status, "seconds": round(seconds, 5),
        }  # fmt: skip
        context = scope.get("plumbline")
        if context is not None:
            if context.principal is not None:
                fields["key_id"] = context.principal.key_id
            if context.ledger is not None:
                fields["ledger"] = context.ledger.name
            fields.update(context.noted)
        if self.settings.request_log is not None:
            self.settings.request_log(fields)
        else:
            _log.info(**fields)

    def _request_id(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == REQUEST_ID_HEADER and _REQUEST_ID.fullmatch(value):
                return value.decode()
        return f"{self._prefix}-{next(self._numbers):x}"


def _route(scope: Scope) -> str:
    """The route's pattern, never the path itself: that would make a label of every customer."""
    return getattr(scope.get("route"), "path", "none")

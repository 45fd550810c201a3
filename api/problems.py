"""Every failure as a problem document (RFC 9457): the domain's code, its words in the language asked for, never the
input itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import psycopg
import structlog
from eventsourcing.persistence import InterfaceError, OperationalError
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from api.languages import HEADER, TAGS, language_of
from ledger.domain.errors import DocumentInvalid, PlumblineError, Problem, Refused
from ledger.domain.pattern_words import reason_of
from ledger.domain.problem_words import Language, words_of
from ledger.log.reasons import database_reason

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 1
UNPROCESSABLE: Final = 422

STATUSES: Final[Mapping[str, int]] = {
    "DOCUMENT_INVALID": 400,
    "CURSOR_INVALID": 400,
    "KEY_MISSING": 401,
    "KEY_UNKNOWN": 401,
    "SIGNATURE_REFUSED": 401,
    "PERMISSION_DENIED": 403,
    "ADJUSTMENT_DENIED": 403,
    "RULESET_SELF_APPROVAL": 403,
    "ROUTE_UNKNOWN": 404,
    "LEDGER_UNKNOWN": 404,
    "CUSTOMER_UNKNOWN": 404,
    "FACT_UNKNOWN": 404,
    "REDEMPTION_UNKNOWN": 404,
    "OFFER_UNKNOWN": 404,
    "ENTITLEMENT_UNKNOWN": 404,
    "STAFF_UNKNOWN": 404,
    "PERSON_UNKNOWN": 404,
    "PROJECT_UNKNOWN": 404,
    "OPPORTUNITY_UNKNOWN": 404,
    "TASK_UNKNOWN": 404,
    "COLLISION_UNKNOWN": 404,
    "ASSIGNMENT_HANDOVER_UNKNOWN": 404,
    "RULESET_UNKNOWN": 404,
    "REPLAY_UNKNOWN": 404,
    "IMPORT_UNKNOWN": 404,
    "REBUILD_UNKNOWN": 404,
    "VIEW_UNKNOWN": 404,
    "CAMPAIGN_UNKNOWN": 404,
    "AWARD_UNKNOWN": 404,
    "EVENT_UNKNOWN": 404,
    "FACT_TYPE_UNKNOWN": 404,
    "SCHEMA_UNKNOWN": 404,
    "MAPPING_NOT_FOUND": 404,
    "QUARANTINE_ROW_UNKNOWN": 404,
    "API_KEY_UNKNOWN": 404,
    "SENDER_UNKNOWN": 404,
    "WEBHOOK_UNKNOWN": 404,
    "WEBHOOK_LETTER_UNKNOWN": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_SLOW": 408,
    "LEDGER_CLOSED": 409,
    "REBUILD_BUSY": 409,
    "ATOMIC_REFUSED": 409,
    "FACT_ONCE_ONLY": 409,
    "FACT_TYPE_CONFLICT": 409,
    "RULESET_NOT_APPROVED": 409,
    "POINTS_INSUFFICIENT": 409,
    "STOCK_INSUFFICIENT": 409,
    "QUOTA_REACHED": 409,
    "LIMIT_REACHED": 409,
    "HOLD_OVER": 409,
    "PART_REVERSED": 409,
    "OFFER_OVER": 409,
    "OFFER_NOT_ADMITTED": 409,
    "ENTITLEMENT_NOT_HELD": 409,
    "ASSIGNMENT_OWNED": 409,
    "ASSIGNMENT_POOLED": 409,
    "CLAIM_TAKEN": 409,
    "CLAIM_OWN": 409,
    "COLLISION_OPEN": 409,
    "COLLISION_RULED": 409,
    "CUSTOMER_MERGED": 409,
    "TASK_ENDED": 409,
    "RULESET_NONE_IN_FORCE": 409,
    "DAY_NOT_OVER": 409,
    "SENDER_EXISTS": 409,
    "WEBHOOK_EXISTS": 409,
    "WEBHOOK_MANY": 409,
    "SENDER_REVOKED": 409,
    "BODY_TOO_LARGE": 413,
    "ATOMIC_TOO_LARGE": 413,
    "RATE_EXCEEDED": 429,
    "HEAD_TOO_LARGE": 431,
    "COMMAND_FAILED": 500,
    "INTERNAL_ERROR": 500,
    "PLUMBLINE_ERROR": 500,
    "SEAL_BROKEN": 500,
    "OVERLOADED": 503,
    "WRITER_UNAVAILABLE": 503,
    "WRITER_STOPPED": 503,
    "LOG_MOVING": 503,
    "DAYS_NOT_CLOSED": 503,
    "DATABASE_UNREACHABLE": 503,
    "LEDGER_LEASED": 503,
    "LEDGER_UNAVAILABLE": 503,
    "LEDGER_STATE_DIFFERS": 503,
    "VIEW_BEHIND": 503,
    "VIEW_FAILED": 503,
    "COLUMNS_BEHIND": 503,
    "COLUMNS_BUSY": 503,
    "COLUMNS_DAMAGED": 503,
    "MIGRATION_FAILED": 503,
}
"""The HTTP status of each code; any other code is a refusal of what was sent: 422."""


DATABASE_LOST: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""What a database that can't be reached raises."""


class RetryLater(PlumblineError):
    """The service cannot take this now; `seconds` says when to come again."""

    def __init__(self, code: str, reason: str, seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(reason)
        self.code = code
        self.seconds = seconds


def status_of(code: str) -> int:
    """The HTTP status that belongs to a code."""
    return STATUSES.get(code, UNPROCESSABLE)


def problem_document(
    code: str, detail: str, field: str, request_id: str, language: Language = "en"
) -> dict[str, Any]:
    """The members of a problem document, title and advice in this language."""
    words = words_of(code, language)
    return {
        "type": f"urn:plumbline:problem:{code}",
        "title": words.title,
        "status": status_of(code),
        "detail": detail,
        "code": code,
        "field": field,
        "request_id": request_id,
        "advice": words.advice,
    }


def problem_response(
    request: Request,
    code: str,
    detail: str,
    field: str = "",
    *,
    errors: Sequence[Problem] = (),
    retry_after: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as an answer. `errors` names every fault where there are several."""
    language = language_of(request)
    document = problem_document(code, detail, field, _request_id(request), language)
    if len(errors) > 1:
        document["errors"] = [{"field": e.field, "reason": e.reason} for e in errors[:100]]
    more = {"Content-Language": TAGS[language], "Vary": HEADER, **(headers or {})}
    if retry_after is None and document["status"] in (429, 503):
        retry_after = RETRY_AFTER_SECONDS
    if retry_after is not None:
        more["Retry-After"] = str(retry_after)
    if document["status"] == 408:
        more["Connection"] = "close"  # the rest of what is being sent is for nobody
    if document["status"] == 401:
        more["WWW-Authenticate"] = 'Bearer realm="plumbline"'
    # A reason may quote a name that holds half a surrogate pair; JSON can't.
    safe = {k: _encodable(v) if isinstance(v, str) else v for k, v in document.items()}
    return Response(orjson.dumps(safe), status_of(code), more, MEDIA_TYPE)


def handlers_add(app: FastAPI) -> None:
    """Let the app answer every failure known here as a problem document."""
    app.add_exception_handler(PlumblineError, _plumbline)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    for error in DATABASE_LOST:
        app.add_exception_handler(error, _database)


def _request_id(request: Request) -> str:
    return request.scope.get("request_id", "")


async def _plumbline(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlumblineError)
    if isinstance(error, Refused):
        return problem_response(request, error.code, error.reason, error.field)
    if isinstance(error, DocumentInvalid):
        first = error.problems[0] if error.problems else Problem("body", "is not valid")
        detail = f"{first.field}: {first.reason}"
        return problem_response(request, error.code, detail, first.field, errors=error.problems)
    if isinstance(error, RetryLater):
        return problem_response(request, error.code, str(error), retry_after=error.seconds)
    if status_of(error.code) >= 500:
        structlog.get_logger(__name__).warning("request not served", code=error.code, request_id=_request_id(request))
    return problem_response(request, error.code, str(error), error.field)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [Problem(field_of(e["loc"][1:]), reason_of(e)) for e in error.errors()]
    first = found[0] if found else Problem("", "the request is not valid")
    return problem_response(
        request, "INPUT_INVALID", f"{first.field}: {first.reason}", first.field, errors=found
    )


def field_of(location: Sequence[Any]) -> str:
    """A place in an input as text: `lots.0.points`."""
    return ".".join(str(part)[:64] for part in location)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {404: "ROUTE_UNKNOWN", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
    details = {
        "ROUTE_UNKNOWN": "there is nothing at this path; /openapi.json lists what there is",
        "METHOD_NOT_ALLOWED": "this path doesn't take this method; the Allow header names those it takes",
        "BODY_TOO_LARGE": "the body is too large; send it in parts",
        "INPUT_INVALID": "the request can't be read",
    }
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # A path may have several routes, of which the framework names the first alone.
        routes = (r for r in request.app.routes if r.matches(request.scope)[0] is not Match.NONE)
        headers["Allow"] = ", ".join(sorted({m for route in routes for m in getattr(route, "methods", None) or ()}))
    code = codes.get(error.status_code, "INPUT_INVALID" if error.status_code < 500 else "INTERNAL_ERROR")
    return problem_response(request, code, details.get(code, ""), headers=headers)


async def _database(request: Request, error: Exception) -> Response:
    structlog.get_logger(__name__).warning(
        "database unreachable", error=type(error).__name__, reason=database_reason(error),
        request_id=_request_id(request),
    )  # fmt: skip
    return problem_response(
        request, "DATABASE_UNREACHABLE", "the database can't be reached now; send the request again later"
    )


async def _disconnected(request: Request, error: Exception) -> Response:
    # Nobody reads this answer; it only ends the request without a trace in the error log.
    return problem_response(request, "INPUT_INVALID", "the client went away")


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

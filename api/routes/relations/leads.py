"""Leads: reported, or only looked up. Whoever's customer it is already, the answer says that it is taken and by which
team, and nothing else; so that nobody tries out names, how often one may ask is bounded, and each is logged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, Literal

import structlog
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import context_of, principal_of
from api.input import body_read, flag, idempotency_key, json_response
from api.routes.relations.asking import allowed, look_up_take
from api.routes.relations.seeing import PREFIX, seen
from api.routes.relations.writes import ERRORS, body_of
from api.routing import Router
from api.schemas import AnswerBody, RehearsalBody
from api.writing import answer_document, refusal_response_of
from ledger.domain.commands import Answer, ReportLead, Request as Asked
from ledger.domain.values import customer_number
from projections.relations.profiles import customers_seen
from projections.relations.scopes import Scope

router = Router(tags=["relations"])

TAKEN: Final = "COLLISION_FOUND"
_LEAD_ERRORS: Final = (
    "CUSTOMER_UNKNOWN", "STAFF_UNKNOWN", "STAFF_NOT_HERE", "TRAIT_UNKNOWN", "CUSTOMER_CREDIT_CODE_INVALID",
    "AMOUNT_INVALID", "PERSON_PHONE_INVALID", *ERRORS,
)  # fmt: skip
_BODY: Final = body_of(ReportLead)
_EXAMPLE: Final[dict[str, Any]] = {
    "source": "web", "lead": "L-1", "name": "华东建设集团", "channel": "fair", "traits": {"region": "east"},
    "staff": "S-000001",
}  # fmt: skip


class LeadBody(AnswerBody):
    """What came of a lead. Where it is somebody's already, `code` is COLLISION_FOUND, `reason` says of which team, and
    `customer` is empty."""

    model_config = ConfigDict(json_schema_extra={
        "examples": [
            {"status": "accepted", "position": 44, "customer": "", "id": "X-000042", "points": "0.00",
             "code": "COLLISION_FOUND", "reason": "this is a customer of team one; it stays with them"},
        ]
    })  # fmt: skip

    code: str = Field(description="COLLISION_FOUND, or empty.", examples=["", "COLLISION_FOUND"])
    reason: str


class LeadRehearsalBody(RehearsalBody):
    """What a dry run of a lead tells; to keys of staff no events."""

    answer: LeadBody  # pyright: ignore[reportIncompatibleVariableOverride]


class LeadCheckBody(BaseModel):
    """Whether a lead is somebody's already."""

    taken: bool
    code: Literal["", "COLLISION_FOUND"]
    reason: str = Field(description="Of which team it is.", examples=["this is a customer of team one; …"])


def _document(answer: Answer) -> dict[str, Any]:
    return {**answer_document(answer), "code": answer.code, "reason": answer.reason}


def _looked_up(request: Request, answer: Answer, command: ReportLead) -> None:
    """Log that a lead was looked up: which key did, and what it learned; no names."""
    structlog.get_logger(__name__).info(
        "lead looked up", key=principal_of(request).key_id, staff=command.staff,
        request_id=context_of(request).request_id, taken=answer.code == TAKEN,
    )  # fmt: skip


async def _sees(request: Request, customer: str) -> bool:
    def look(connection: Connection[Any], scope: Scope) -> bool:
        return bool(customers_seen(connection, scope, numbers=[customer_number(customer)], limit=1))

    return await seen(request, None, customers_seen.views, look)


async def _command(request: Request) -> ReportLead:
    body = await body_read(request, _BODY)
    return await allowed(request, ReportLead(**body.model_dump()))


@router.post(
    f"{PREFIX}/leads",
    permission=Permission.RELATIONS_WRITE,
    errors=_LEAD_ERRORS,
    body=_BODY,
    body_example=_EXAMPLE,
    writes=True,
    summary="Report a lead",
    description="Of a customer that is registered by it, or of a known one. The same (source, lead) once. The phone"
    " is kept sealed, as that of a contact without a name. A key of staff reports for itself, as often as it may look"
    " leads up; its dry run tells no events.",
    status_code=201,
    responses={
        200: {"model": LeadBody | LeadRehearsalBody, "description": "It was there already, or is a dry run."},
        201: {"model": LeadBody, "description": "It was recorded."},
    },
)
async def relations_lead_report(request: Request) -> Response:
    """Report a lead."""
    principal, context = principal_of(request), context_of(request)
    assert context.ledger is not None
    key = idempotency_key(request)
    command = await _command(request)
    if principal.staff is not None:
        look_up_take(request)
    asked = Asked(command, principal.actor)
    if key:
        asked = replace(asked, client=principal.key_id, key=key)
    context.noted["command"] = "ReportLead"
    context.noted["command_key"] = asked.key
    events: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    dry_run = flag(request, "dry_run")
    if dry_run:
        [rehearsal] = await context.ledger.rehearse([asked])
        answer = rehearsal.answer
        if principal.staff is None:
            events, counts = list(rehearsal.events), dict(rehearsal.counts)
    else:
        [answer] = await context.ledger.submit([asked])
        context.noted["position"] = answer.position
    _looked_up(request, answer, command)
    if answer.status == "refused":
        return refusal_response_of(request, answer)
    if answer.status == "duplicate" and principal.staff is not None and not await _sees(request, answer.customer):
        # Somebody else reported it under this name; which customer it is, is not theirs to know.
        answer = replace(answer, customer="", id="" if answer.id == answer.customer else answer.id)
    if dry_run:
        return json_response({"dry_run": True, "answer": _document(answer), "events": events, "counts": counts})
    headers = {"Idempotency-Hit": "true"} if answer.hit else None
    status = 201 if answer.status == "accepted" and not answer.hit else 200
    return json_response(_document(answer), status, headers)


@router.post(
    f"{PREFIX}/leads/check",
    permission=Permission.RELATIONS_WRITE,
    errors=(*_LEAD_ERRORS, "LEDGER_CLOSED", "WRITER_UNAVAILABLE", "WRITER_STOPPED", "LOG_MOVING"),
    body=_BODY,
    body_example=_EXAMPLE,
    keyless="it records nothing, and looks anew each time",
    summary="Look up whether a lead is somebody's already",
    description="Nothing is recorded. How often a key may ask is bounded, and each time is logged.",
    response_model=LeadCheckBody,
)
async def relations_lead_check(request: Request) -> Response:
    """Look up whether a lead is somebody's already."""
    principal, context = principal_of(request), context_of(request)
    assert context.ledger is not None
    command = await _command(request)
    look_up_take(request)
    [rehearsal] = await context.ledger.rehearse([Asked(command, principal.actor)])
    answer = rehearsal.answer
    _looked_up(request, answer, command)
    if answer.status == "refused":
        return refusal_response_of(request, answer)
    return json_response({"taken": answer.code == TAKEN, "code": answer.code, "reason": answer.reason})

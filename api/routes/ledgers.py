"""Ledgers: created, closed for good; and their days, closed one after the other."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import CoreOf, PrincipalOf
from api.input import Body, body_read, flag
from api.once import answered_once
from api.routing import LEDGER_NAME, Router, denied
from api.schemas import WRITE_RESPONSES
from api.writing import answer_document, command_send
from ledger.domain.commands import Answer, CloseDays, CloseLedger
from ledger.domain.errors import Refused

router = Router(tags=["ledgers"])


class LedgerCreateBody(Body):
    """A new ledger."""

    name: str = Field(description="Lower-case letters, digits and _, beginning with a letter.", examples=["main"])
    history_complete: bool = Field(
        default=False,
        description="Nothing of earlier months is going to come: the service closes days from the beginning. Without,"
        " it begins once a person has closed the first.",
    )


class LedgerCloseBody(Body):
    """Why a ledger is closed."""

    reason: str = Field(min_length=1, max_length=1_000)


class DaysCloseBody(Body):
    """Through which day time passes."""

    through: str = Field(description="A date that is over, YYYY-MM-DD.", examples=["2026-01-31"])


@router.post(
    "/v1/ledgers",
    permission=Permission.LEDGERS_WRITE,
    errors=("LEDGER_NAME_INVALID", "WRITER_UNAVAILABLE"),
    body=LedgerCreateBody,
    body_example={"name": "main"},
    summary="Create a ledger",
    description="It begins with the standard fact types and rules, approved by the key's actor. One of this name that"
    " is there already is left as it is (200), so the request may be repeated.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def ledger_create(request: Request, core: CoreOf, principal: PrincipalOf) -> Response:
    """Create a ledger."""
    body = await body_read(request, LedgerCreateBody)
    if principal.ledgers is not None and body.name not in principal.ledgers:
        raise denied("this key is not for this ledger")
    if LEDGER_NAME.fullmatch(body.name) is None:
        raise Refused(
            "LEDGER_NAME_INVALID",
            "name must be lower-case letters, digits and _, beginning with a letter, at most 56 characters",
            "name",
        )
    dry_run = flag(request, "dry_run")

    async def work() -> tuple[int, dict[str, Any]]:
        known = body.name in await core.ledgers.names()
        answer = answer_document(Answer("duplicate" if known else "accepted", id=body.name))
        if dry_run:
            return 200, {"dry_run": True, "answer": answer, "events": [], "counts": {}}
        await core.ledgers.create(body.name, principal.actor, history_complete=body.history_complete)
        return 200 if known else 201, answer

    return await answered_once(request, body.model_dump(), work)


@router.post(
    "/v1/ledgers/{ledger}/close",
    permission=Permission.LEDGERS_WRITE,
    errors=("REASON_MISSING", "COMMAND_FAILED"),
    body=LedgerCloseBody,
    body_example={"reason": "The firm was merged; its customers go on in the ledger main."},
    writes=True,
    summary="Close a ledger for good",
    description="From then on every command is refused with LEDGER_CLOSED; reads go on.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def ledger_close(request: Request) -> Response:
    """Close a ledger for good."""
    return await command_send(request, CloseLedger((await body_read(request, LedgerCloseBody)).reason))


@router.post(
    "/v1/ledgers/{ledger}/days/close",
    permission=Permission.DAYS_CLOSE,
    errors=("DATE_INVALID", "DAY_NOT_OVER", "DAYS_NOT_CLOSED", "REHEARSAL_TOO_LARGE", "COMMAND_FAILED"),
    body=DaysCloseBody,
    body_example={"through": "2026-01-31"},
    writes=True,
    summary="Close days",
    description="Lets time pass through a date: points expire and tiers are reviewed at the end of each month.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def days_close(request: Request) -> Response:
    """Let time pass."""
    return await command_send(request, CloseDays((await body_read(request, DaysCloseBody)).through))

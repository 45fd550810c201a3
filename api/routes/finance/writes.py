"""What finance does over HTTP: match by rule, propose, approve, decline, undo, sign off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final

from pydantic import Field, create_model
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import context_of, principal_of
from api.input import Body, body_read, flag, json_response
from api.routes.finance.asking import PREFIX, month_of_text, settling
from api.routes.finance.bodies import ReconciledBody
from api.routes.finance.reads import report_shortened
from api.routing import Router
from api.schemas import WRITE_RESPONSES
from api.writing import command_send
from ledger.domain import commands as domain
from ledger.domain.commands import (
    ApproveProposal,
    DeclineProposal,
    ProposeMatch,
    ProposeRuling,
    SettlementCommand,
    SignPeriodOff,
    UndoSettlement,
)
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import MONTH_PATTERN
from ledger.domain.relations.state import Relations
from ledger.domain.values import month_last_day
from ledger.writer.forms import fields_load
from reconciliation.reconciling import commands_of, found_in, rehearsed
from reconciliation.report import report_of

router = Router(tags=["finance"])

SUBMITTED_TOGETHER: Final = 500
LINES_MAX: Final = 1_000


class ReconcileBody(Body):
    """The month up to whose end is matched."""

    period: Annotated[str, Field(pattern=MONTH_PATTERN)]


@router.post(
    f"{PREFIX}/reconciliation",
    permission=Permission.FINANCE_WRITE,
    errors=("PERIOD_INVALID", "COLUMNS_BEHIND", "MATCH_EXCEEDS", "MATCH_UNDONE"),
    body=ReconcileBody,
    body_example={"period": "2025-06"},
    keyless="asked again it finds nothing more to match, and records nothing",
    response_model=ReconciledBody,
    summary="Match payments with redemptions up to a month's end",
    description="Rules match where one reading alone is sensible; what is left is listed with candidates for people.",
)
async def reconcile(request: Request) -> Response:
    """Match payments with redemptions up to a month's end."""
    given = await body_read(request, ReconcileBody)
    month, dry_run = month_of_text(given.period), flag(request, "dry_run")
    actor = principal_of(request).actor
    found, document = await settling(request, lambda state: _reconciled(state, month, actor))
    if not dry_run:
        ledger = context_of(request).ledger
        assert ledger is not None
        commands = commands_of(found)
        for first in range(0, len(commands), SUBMITTED_TOGETHER):
            part = [domain.Request(command, actor) for command in commands[first : first + SUBMITTED_TOGETHER]]
            for answer in await ledger.submit(part):
                if answer.status == "refused":
                    raise Refused(answer.code, answer.reason, answer.field)
    return json_response({**report_shortened(document, LINES_MAX), "matched_now": len(found), "dry_run": dry_run})


def _reconciled(state: Relations, month: int, actor: str) -> tuple[list[Any], dict[str, Any]]:
    """What rules find, and the report once that is recorded."""
    found = found_in(state.settlement, month)
    rehearsed(state, commands_of(found), month_last_day(month), actor)
    return found, report_of(state.settlement, month).document()


@dataclass(frozen=True, slots=True)
class Write:
    """A route that sends one command. `path` stands behind the prefix; a field named in it isn't in the body."""

    command: type[SettlementCommand]
    name: str
    path: str
    summary: str
    example: Mapping[str, Any]
    errors: tuple[str, ...]
    description: str
    in_path: frozenset[str] = field(default=frozenset())


def _write(
    command: type[SettlementCommand], name: str, path: str, summary: str, example: Mapping[str, Any], *errors: str,
    description: str,
) -> Write:  # fmt: skip
    in_path = frozenset(f.name for f in fields(command) if "{" + f.name + "}" in path)
    return Write(command, name, path, summary, example, errors, description, in_path)


_FORM: Final = ("TEXT_INVALID", "NUMBER_INVALID", "VALUE_INVALID", "AMOUNT_INVALID")
_MATCH: Final = ("MATCH_EMPTY", "MATCH_TWICE", "MATCH_UNEQUAL", "MATCH_EXCEEDS", "ITEM_UNKNOWN")
_PROPOSAL: Final = ("PROPOSAL_UNKNOWN", "PROPOSAL_DECIDED")
WRITES: Final = (
    _write(
        ProposeMatch, "match_propose", "/matches", "Propose that payments settle redemptions",
        {"redemptions": [["R-000001/1", "50.00"]], "payments": [["bank:PAY-1", "50.00"]], "reason": "见回单"}, *_MATCH,
        "PROPOSAL_WAITING",
        description="Names and amounts in CNY; both sides come to the same. It settles nothing until another approves.",
    ),
    _write(
        ProposeRuling, "ruling_propose", "/rulings", "Propose what becomes of an open item",
        {"item": "R-000001/1", "outcome": "written_off", "amount": "5.00", "reason": "尾差"},
        "ITEM_UNKNOWN", "RULING_OUTCOME_INVALID", "RULING_EXCEEDS", "PROPOSAL_WAITING",
        description="written_off, explained or charged. It closes nothing until another approves.",
    ),
    _write(
        ApproveProposal, "proposal_approve", "/proposals/{proposal}/approve", "Approve what another proposed", {},
        *_PROPOSAL, "PROPOSAL_OWN", "MATCH_EXCEEDS", "RULING_EXCEEDS", "ITEM_UNKNOWN",
        description="Booked in the last month of what it is about, or where that was signed off, in the next.",
    ),
    _write(
        DeclineProposal, "proposal_decline", "/proposals/{proposal}/decline", "Decline what was proposed",
        {"reason": "不是这笔"}, *_PROPOSAL, description="It stays in the log as declined.",
    ),
    _write(
        UndoSettlement, "settlement_undo", "/settlements/{settlement}/undo", "Take a match or a ruling back",
        {"reason": "匹配有误"}, "SETTLEMENT_UNKNOWN", "SETTLEMENT_NOT_IN_FORCE",
        description="What it settled is open again; rules leave the items of a match to people from then on.",
    ),
    _write(
        SignPeriodOff, "period_sign_off", "/periods/{period}/sign_off", "Sign a month off",
        {"sha256": "0" * 64, "redeemed": "1000.00", "settled": "900.00", "open": "100.00"},
        "PERIOD_INVALID", "PERIOD_SIGNED", "PERIOD_OPEN", "PERIOD_MOVED",
        description="With the figures of its side of redemptions (`settled` is what was settled or ruled on) and the"
        " SHA-256 of the report that is signed. What comes later is booked in the next month.",
    ),
)  # fmt: skip
"""All of them. Matches by rule and honours are found by the ledger itself, and can't be sent."""


def _endpoint(write: Write, body: type[Body]) -> Callable[[Request], Any]:
    async def send(request: Request) -> Response:
        given = await body_read(request, body)
        named = {name: request.path_params[name] for name in write.in_path}
        return await command_send(request, write.command(**fields_load(write.command, given.model_dump()), **named))

    send.__name__ = write.name
    return send


for _each in WRITES:
    _members: dict[str, Any] = {
        f.name: (list[list[str]] if f.name in ("redemptions", "payments") else str, ...)
        for f in fields(_each.command)
        if f.name not in _each.in_path
    }
    _body = create_model(f"{_each.command.__name__}Body", __base__=Body, __doc__=_each.command.__doc__, **_members)
    router.post(
        PREFIX + _each.path,
        permission=Permission.FINANCE_WRITE,
        errors=(*_each.errors, *_FORM),
        body=_body,
        body_example=dict(_each.example),
        writes=True,
        summary=_each.summary,
        description=_each.description,
        status_code=201,
        responses=WRITE_RESPONSES,
    )(_endpoint(_each, _body))

"""Fact types and rule sets: declared, proposed, approved by another person, activated."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of
from api.input import Body, body_read, json_read
from api.routing import Router
from api.schemas import WRITE_RESPONSES
from api.writing import command_send
from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, DeclareFactType, ProposeRuleSet
from ledger.domain.errors import Refused
from ledger.domain.fact_types import FactType
from ledger.domain.forms import names_known
from ledger.rules.document import RuleSet

router = Router(tags=["rules"])

FACT_TYPE_EXAMPLE = {"id": "site_visited", "title": {"zh": "现场回访", "en": "Site visited"}}
RULE_SET_EXAMPLE = {
    "id": "visits",
    "title": {"zh": "回访规则", "en": "Visits"},
    "expiry_months": 24,
    "rules": [
        {"id": "login", "title": {"zh": "登录", "en": "Login"}, "fact": "login", "award": {"points": 1}},
    ],
}


class RuleSetApproveBody(Body):
    """What the approval rests on."""

    run: str | None = Field(default=None, max_length=100, description="The id of the replay that was looked at.")


class RuleSetActivateBody(Body):
    """From when on the rule set decides."""

    effective_from: str = Field(description="A date, YYYY-MM-DD.", examples=["2026-02-01"])


async def _document(request: Request, model: type[BaseModel]) -> dict[str, Any]:
    document = await json_read(request, core_of(request).settings.document_bytes_max, names_known(model))
    if not isinstance(document, dict):
        raise Refused("DOCUMENT_INVALID", "the body is no JSON object", "body")
    return cast(dict[str, Any], document)


@router.post(
    "/v1/ledgers/{ledger}/fact-types",
    permission=Permission.RULES_PROPOSE,
    errors=("FACT_TYPE_INVALID", "FACT_TYPE_CONFLICT", "COMMAND_FAILED"),
    body=FactType,
    body_example=FACT_TYPE_EXAMPLE,
    writes=True,
    summary="Declare a fact type",
    description="A new one, or new optional attributes and values of one that is there.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def fact_type_declare(request: Request) -> Response:
    """Declare a fact type."""
    return await command_send(request, DeclareFactType(await _document(request, FactType)))


@router.post(
    "/v1/ledgers/{ledger}/rule-sets",
    permission=Permission.RULES_PROPOSE,
    errors=("RULESET_INVALID", "COMMAND_FAILED"),
    body=RuleSet,
    body_example=RULE_SET_EXAMPLE,
    writes=True,
    summary="Propose a rule set",
    description="It decides nothing until another person has approved it and it is activated.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def rule_set_propose(request: Request) -> Response:
    """Propose a rule set."""
    return await command_send(request, ProposeRuleSet(await _document(request, RuleSet)))


@router.post(
    "/v1/ledgers/{ledger}/rule-sets/{rule_set}/approve",
    permission=Permission.RULES_APPROVE,
    errors=("RULESET_UNKNOWN", "RULESET_SELF_APPROVAL", "RUN_INVALID", "COMMAND_FAILED"),
    body=RuleSetApproveBody,
    body_example={"run": None},
    writes=True,
    summary="Approve a rule set",
    description="By another actor than the proposer.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def rule_set_approve(request: Request, rule_set: str) -> Response:
    """Approve a rule set."""
    body = await body_read(request, RuleSetApproveBody)
    return await command_send(request, ApproveRuleSet(rule_set, body.run))


@router.post(
    "/v1/ledgers/{ledger}/rule-sets/{rule_set}/activate",
    permission=Permission.RULES_APPROVE,
    errors=("RULESET_UNKNOWN", "RULESET_NOT_APPROVED", "RULESET_INVALID", "DATE_INVALID", "COMMAND_FAILED"),
    body=RuleSetActivateBody,
    body_example={"effective_from": "2026-02-01"},
    writes=True,
    summary="Activate a rule set",
    description="It decides the facts booked from this date on that are recorded from now on.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def rule_set_activate(request: Request, rule_set: str) -> Response:
    """Activate a rule set."""
    body = await body_read(request, RuleSetActivateBody)
    return await command_send(request, ActivateRuleSet(rule_set, body.effective_from))

"""Replays, asked for: other rules over the same facts, or the proof that the record is reproduced."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, in_thread, read
from api.input import Body, body_check, flag, json_read
from api.jobs.replaying import assignment_work, candidate_work, recorded_work
from api.jobs.runner import Work
from api.reading import customer_number_of, customer_unknown, day_of_text, rulebook_of
from api.routes.jobs import JOB_RESPONSES, JobBody, job_begin, job_rehearsed, ledger_of
from api.routing import Router
from api.schemas import DOCUMENT
from ledger.domain.errors import DocumentInvalid, Refused
from ledger.domain.forms import names_known
from ledger.domain.values import customer_id, day_of
from ledger.rules.document import RuleSet, canonical_bytes
from ledger.writer.orders import activations_of, rule_set_check
from projections.as_of import accounts_read
from projections.events import position_head
from projections.rulebook import Rulebook
from replay.ownership.what_if import assignment_replaced
from replay.scenario import Scenario

router = Router(tags=["jobs"])

EXPLAINED_MAX: Final = 20


class ReplayBody(Body):
    """Which rules to try: a document, or a rule set of the ledger by its id; over all facts, or over those booked from
    a day on. Or other assignment rules: beside such rules in the place of theirs, alone in the place of those that were
    in force. Or, with `recorded`, the rules that were in force: does the record come out again?"""

    rules: dict[str, Any] | None = Field(
        default=None, description="A rule document.", json_schema_extra={DOCUMENT: "RuleSet"}
    )
    rule_set: str | None = Field(default=None, max_length=100, description="A rule set of the ledger.")
    assignment_rules: dict[str, Any] | None = Field(
        default=None, description="The assignment section of a rule document.",
        json_schema_extra={DOCUMENT: "AssignmentRules"},
    )  # fmt: skip
    recorded: bool = Field(default=False, description="Decide everything again by the rules then in force.")
    day_from: str | None = Field(default=None, description="A date, YYYY-MM-DD.", examples=["2026-01-01"])
    customers: list[str] = Field(
        default_factory=list[str], max_length=EXPLAINED_MAX, examples=[["C-000001"]],
        description="Customers for whom the result says the clause behind every changed point.",
    )  # fmt: skip


_NAMES: Final = names_known(ReplayBody) | names_known(RuleSet)


@router.post(
    "/v1/ledgers/{ledger}/replays",
    permission=Permission.REPLAYS_RUN,
    errors=(
        "CUSTOMER_UNKNOWN", "RULESET_UNKNOWN", "RULESET_INVALID", "DATE_INVALID", "REPLAY_INVALID", "COLUMNS_BEHIND",
        "COLUMNS_DAMAGED",
    ),
    body=ReplayBody,
    body_example={"rule_set": "RS-0002", "day_from": None},
    summary="Try other rules over the same facts",
    description="Runs beside everything else, over all that the log held when it was asked for, or more: it waits for"
    " the columns, and fails with COLUMNS_BEHIND where they stand still before that. The result compares the recorded"
    " rules with the candidate, and `…/customers` has every customer that changes. Its `run_id` and `digest` pin it: an"
    " approval may name the run. `examples` has the clause behind every changed point, of those who gain and lose most"
    " and of those in `customers`. Where customers are served, `ownership` in it compares who would have whom, and"
    " `…/owners` has every customer that would be somebody else's, with the rule on both sides; of assignment rules"
    " alone that is the result, pinned by its `digest` and `position`. With `recorded` the result counts the decisions,"
    " and in `ownership` the changes of owner, that differ from the record: 0 of both is the proof.",
    status_code=202,
    response_model=JobBody,
    responses=JOB_RESPONSES,
)  # fmt: skip
async def replay_start(request: Request) -> Response:
    """Try other rules over the same facts."""
    body = body_check(await json_read(request, core_of(request).settings.document_bytes_max, _NAMES), ReplayBody)
    rulebook = await rulebook_of(request)
    points = (body.rules is not None) + (body.rule_set is not None)
    if points > 1 or body.recorded is bool(points or body.assignment_rules is not None):
        reason = "give rules or rule_set, assignment_rules, or one of the first with the last; or recorded alone"
        raise Refused("REPLAY_INVALID", reason, "rules")
    if not points and (body.day_from is not None or body.customers):
        raise Refused("REPLAY_INVALID", "day_from and customers go with rules or rule_set", "day_from")
    begin = _candidate if points else _recorded if body.recorded else _assignment
    asked, work = await begin(request, body, rulebook)
    return job_rehearsed(asked) if flag(request, "dry_run") else await job_begin(request, "replay", asked, work)


async def _recorded(request: Request, body: ReplayBody, rulebook: Rulebook) -> tuple[dict[str, Any], Work]:
    return {"recorded": True}, recorded_work(ledger_of(request), await read(request, position_head))


async def _assignment(request: Request, body: ReplayBody, rulebook: Rulebook) -> tuple[dict[str, Any], Work]:
    section = body.assignment_rules
    assert section is not None
    recorded = Scenario("recorded", tuple(activations_of(rulebook.book)))
    try:
        await in_thread(request, assignment_replaced, recorded, section)
    except DocumentInvalid as invalid:
        raise Refused("RULESET_INVALID", str(invalid), invalid.problems[0].field) from None
    work = assignment_work(ledger_of(request), await read(request, position_head), section)
    return {"assignment_sha256": sha256(canonical_bytes(section)).hexdigest()}, work


async def _candidate(request: Request, body: ReplayBody, rulebook: Rulebook) -> tuple[dict[str, Any], Work]:
    ledger, head = ledger_of(request), await read(request, position_head)
    document = body.rules
    if body.rule_set is not None:
        entry = rulebook.book.rule_sets.get(body.rule_set)
        if entry is None:
            raise Refused("RULESET_UNKNOWN", "no such rule set; GET …/rule-sets lists them", "rule_set")
        document = entry.document
    assert document is not None
    if body.assignment_rules is not None:
        document = {**document, "assignment": body.assignment_rules}
    rules: RuleSet = await in_thread(request, rule_set_check, document, rulebook.book)
    day = day_of_text(body.day_from, "day_from")
    numbers = [customer_number_of(customer) for customer in body.customers]
    if len(await read(request, accounts_read, numbers)) < len(set(numbers)):
        raise customer_unknown()
    explained = [customer_id(n) for n in numbers]
    asked = {
        "rule_set": body.rule_set, "rules_sha256": rules.sha256, "day_from": body.day_from, "customers": explained,
    }  # fmt: skip
    return asked, candidate_work(ledger, head, rules, None if day is None else day_of(day), explained)

"""Sends commands to the writer and makes answers of what came of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from api.core import context_of, principal_of
from api.input import flag, idempotency_key
from api.problems import problem_response
from ledger.domain.commands import Answer, Command, RecordFact, Request
from ledger.domain.errors import Problem, Refused
from ledger.domain.values import points_text
from ledger.writer.fact_line import field_of_fact

KEY_HEADER: Final = "Idempotency-Key"


def answer_document(answer: Answer) -> dict[str, Any]:
    """An answer that is no refusal, for JSON."""
    document: dict[str, Any] = {
        "status": answer.status,
        "position": answer.position,
        "customer": answer.customer,
        "id": answer.id,
        "points": points_text(answer.points),
    }
    if answer.moves:
        document["moves"] = [
            {**move, "points": points_text(move["points"]), "awards": _in_text(move["awards"]),
             "reversals": _in_text(move["reversals"])}
            for move in answer.moves
        ]  # fmt: skip
    return document


def _in_text(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**part, "points": points_text(part["points"])} for part in parts]


async def command_send(request: HttpRequest, command: Command) -> Response:
    """Carry out one command as the key's actor, or rehearse it where the request is a dry run."""
    return await request_send(request, Request(command, principal_of(request).actor), flag(request, "dry_run"))


async def request_send(request: HttpRequest, asked: Request, dry_run: bool) -> Response:
    """Carry out or rehearse a request of the domain, under the Idempotency-Key where one came."""
    context = context_of(request)
    ledger, principal = context.ledger, context.principal
    assert ledger is not None and principal is not None
    key = idempotency_key(request)
    if key:
        if asked.key and asked.key != key:
            raise Refused("KEY_INVALID", "the body's key and the header Idempotency-Key differ; send one", KEY_HEADER)
        asked = replace(asked, client=principal.key_id, key=key)
    context.noted["command"] = type(asked.command).__name__
    context.noted["command_key"] = asked.key
    if dry_run:
        [rehearsal] = await ledger.rehearse([asked])
        if rehearsal.answer.status == "refused":
            return refusal_response_of(request, _field_named(rehearsal.answer, asked, key))
        body = {
            "dry_run": True, "answer": answer_document(rehearsal.answer), "events": rehearsal.events,
            "counts": rehearsal.counts,
        }  # fmt: skip
        return Response(orjson.dumps(body, default=str), 200, media_type="application/json")
    [answer] = await ledger.submit([asked])
    return answer_response(request, _field_named(answer, asked, key))


def _field_named(answer: Answer, asked: Request, key: str) -> Answer:
    """A refusal with its field as this request has it; `key` came in the header."""
    field = answer.field
    if field == "key" and key:
        field = KEY_HEADER
    elif isinstance(asked.command, RecordFact):
        field = field_of_fact(field)
    return answer if field == answer.field else replace(answer, field=field)


def answer_response(request: HttpRequest, answer: Answer) -> Response:
    """An answer over HTTP: 201 for what is new, 200 for the others, a problem for a refusal."""
    context_of(request).noted["position"] = answer.position
    if answer.status == "refused":
        return refusal_response_of(request, answer)
    headers = {"Idempotency-Hit": "true"} if answer.hit else None
    status = 201 if answer.status == "accepted" and not answer.hit else 200
    return Response(orjson.dumps(answer_document(answer)), status, headers, "application/json")


def refusal_response_of(request: HttpRequest, answer: Answer) -> Response:
    """A refusal of the writer as a problem."""
    headers = {"Idempotency-Hit": "true"} if answer.hit else None
    faults = [Problem(o["field"], o["reason"]) for o in answer.obstacles or ()]
    return problem_response(request, answer.code, answer.reason, answer.field, errors=faults, headers=headers)

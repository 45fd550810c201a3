"""Answers as they are kept under a request's idempotency key, for ever."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Final

import orjson

from ledger.domain.commands import Answer, Request, personal_fields
from ledger.log.types import AnswerEntry

KEY_CONFLICT: Final = Answer(
    "refused", code="IDEMPOTENCY_CONFLICT", reason="this key was used for another request; take a new one", field="key"
)


def request_sha256(request: Request) -> bytes:
    """The SHA-256 of the canonical request: its command, without who asked and when, and without what is personal."""
    command = asdict(request.command)
    for name in personal_fields(request.command):
        del command[name]
    body = [type(request.command).__name__, command]
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS, default=str)).digest()


def answer_entry(request: Request, answer: Answer) -> AnswerEntry:
    """An answer as it is stored under the request's key."""
    told = {k: v for k, v in asdict(answer).items() if k not in ("hit", "obstacles")}
    if answer.moves is None:
        del told["moves"]
    body = orjson.dumps(told)
    return AnswerEntry(request.client, request.key, request_sha256(request), body, answer.position)


def answer_again(request: Request, entry: AnswerEntry) -> Answer:
    """The first answer once more; a refusal where the same key came with another request."""
    if entry.request_sha256 != request_sha256(request):
        return KEY_CONFLICT
    return replace(Answer(**orjson.loads(entry.body)), hit=True)

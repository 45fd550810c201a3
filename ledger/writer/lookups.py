"""What the log knows already of requests that are to be decided."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ledger.domain.commands import Answer, RecordFact, Request
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry, FactEntry
from ledger.writer.answers import answer_again
from ledger.writer.facts import fact_key


def look_up(
    recorder: LogRecorder,
    requests: Sequence[Request],
    known: dict[UUID, list[FactEntry]],
    stored: dict[tuple[str, str], AnswerEntry],
) -> None:
    """Find out together which facts and which answers of these requests the log has already."""
    keys = {
        fact_key(r.command.source.strip(), r.command.external_id.strip())
        for r in requests
        if isinstance(r.command, RecordFact) and is_text(r.command.source) and is_text(r.command.external_id)
    }
    for entry in recorder.select_facts(list(keys)):
        known.setdefault(entry.key, []).append(entry)
    look_up_answers(recorder, requests, stored)


def look_up_answers(
    recorder: LogRecorder, requests: Sequence[Request], stored: dict[tuple[str, str], AnswerEntry]
) -> None:
    """Find out together which answers of these requests the log has already."""
    pairs = {(r.client, r.key) for r in requests if r.key and is_text(r.client) and is_text(r.key)}
    for answer in recorder.select_answers(list(pairs)) if pairs else ():
        stored[(answer.client, answer.key)] = answer


def answered(recorder: LogRecorder, request: Request) -> Answer | None:
    """The first answer to a request with an idempotency key, if it was given one."""
    if not request.key:
        return None
    found = recorder.select_answers([(request.client, request.key)])
    return answer_again(request, found[0]) if found else None


def is_text(raw: object) -> bool:
    """Whether this is text that Postgres can hold."""
    if not isinstance(raw, str) or "\0" in raw:
        return False
    return raw.isascii() or not any(0xD800 <= ord(c) < 0xE000 for c in raw)

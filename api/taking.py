"""Facts as JSON on their way in, over HTTP and NATS alike: read strictly, and answered by a line each."""

from __future__ import annotations

from typing import Any, Final

import orjson

from api.writing import answer_document
from ledger.domain.commands import Answer, Request
from ledger.domain.documents import json_parse
from ledger.domain.errors import DocumentInvalid, Refused
from ledger.writer.fact_line import field_of_fact, request_of_document

MEDIA_TYPE: Final = "application/x-ndjson"
"""Many facts, one in each line."""
AGAIN: Final = "again"
"""The status of a fact that could not be carried out now: nothing was recorded or it is unknown, send it again."""

Item = Request | Answer
"""What a fact asks for, or its refusal where it can't be read."""


def fact_take(data: bytes, place: str, actor: str, client: str, *, may_adjust: bool) -> Item:
    """The request of a fact's JSON, as this actor may ask it. `place` says what was read ("body", "line")."""
    try:
        return request_of_document(json_parse(data, place), actor=actor, client=client, may_adjust=may_adjust)
    except Refused as refusal:
        return Answer("refused", code=refusal.code, reason=refusal.reason, field=refusal.field)
    except DocumentInvalid as invalid:
        first = invalid.problems[0]
        return Answer("refused", code=invalid.code, reason=first.reason, field=first.field)


def line_too_long(bytes_max: int) -> Answer:
    """The refusal of a line past the limit, which was not read."""
    return Answer(
        "refused", code="BODY_TOO_LARGE", reason=f"the line is longer than {bytes_max} bytes; shorten it", field="line"
    )


def result_document(answer: Answer) -> dict[str, Any]:
    """What became of a fact, for JSON."""
    document: dict[str, Any]
    if answer.status in ("refused", AGAIN):
        document = {"status": answer.status, "code": answer.code, "reason": answer.reason,
                    "field": field_of_fact(answer.field)}  # fmt: skip
    else:
        document = answer_document(answer)
    if answer.hit:
        document["hit"] = True
    return document


def result_line(number: int, answer: Answer) -> bytes:
    """The same as a line, with the number of the line it answers."""
    return orjson.dumps({"line": number, **result_document(answer)}, option=orjson.OPT_APPEND_NEWLINE)

"""Facts as JSON on their way in, over HTTP and NATS alike: read strictly, and answered by a line each."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Final

import orjson

from api.problems import DATABASE_LOST
from api.writing import answer_document
from ledger.domain.commands import Answer, Request
from ledger.domain.documents import json_parse
from ledger.domain.errors import Refused
from ledger.domain.json_places import JsonInvalid
from ledger.log.recorder import LogRecorder
from ledger.writer.fact_line import FACT_NAMES, fact_names, field_of_fact, request_of_document
from projections.rulebook import Rulebook, rulebook_read

MEDIA_TYPE: Final = "application/x-ndjson"
"""Many facts, one in each line."""
AGAIN: Final = "again"
"""The status of a fact that could not be carried out now: nothing was recorded or it is unknown, send it again."""

Names = Callable[[], Container[str]]
Item = Request | Answer
"""What a fact asks for, or its refusal where it can't be read."""


def fact_take(
    data: bytes, place: str, actor: str, client: str, *, may_adjust: bool, names: Names
) -> Item:
    """The request of a fact's JSON, as this actor may ask it. `place` says what was read ("body", "line"), `names`
    which names may be told where it is no JSON."""
    try:
        return request_of_document(json_parse(data, place), actor=actor, client=client, may_adjust=may_adjust)
    except Refused as refusal:
        return Answer("refused", code=refusal.code, reason=refusal.reason, field=refusal.field)
    except JsonInvalid as invalid:
        [told] = invalid.named(names()).problems
        return Answer("refused", code=invalid.code, reason=told.reason, field=told.field)


class LedgerNames:
    """The names in facts of a ledger, looked up where they are asked for, once; those that every ledger has, where its
    database can't be asked now. Called in a thread."""

    def __init__(self, recorder: LogRecorder, known: Rulebook | None = None) -> None:
        self._recorder = recorder
        self._known = known
        self._names: frozenset[str] | None = None

    def __call__(self) -> frozenset[str]:
        """The names."""
        if self._names is None:
            try:
                with self._recorder.datastore.get_connection() as connection:
                    self._names = fact_names(rulebook_read(connection, self._known).book.fact_types)
            except DATABASE_LOST:
                self._names = FACT_NAMES
        return self._names


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

"""Facts in bulk: a line of JSON for each, an answer line for each, in the same order."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import IO, Final

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from api.access.keys import Principal
from api.access.roles import Permission
from api.core import LedgerOf, core_of, in_thread, principal_of
from api.input import flag
from api.ports import LedgerPort
from api.problems import DATABASE_LOST
from api.routes.facts import ERRORS, EXAMPLE
from api.routing import TRUTH, MediaBody, Parameter, Router
from api.taking import MEDIA_TYPE, Item, LedgerNames, fact_take, line_too_long, result_line
from ledger.domain.commands import Answer, Request
from ledger.domain.errors import PlumblineError, Refused

router = Router(tags=["facts"])

ATOMIC_LINES_MAX: Final = 5_000
_SPOOL_BYTES: Final = 1_000_000
RESULTS_EXAMPLE: Final = (
    '{"line":1,"status":"accepted","position":42,"customer":"C-000001","id":"HT-2026-0117","points":"240.00"}\n'
    '{"line":2,"status":"refused","code":"CUSTOMER_UNKNOWN","reason":"no customer has this id; register the customer'
    ' first","field":"customer"}\n'
)

Line = tuple[int, bytes | None]
"""A line's number in the body, from 1, and what it holds; None where it is too long."""


@router.post(
    "/v1/ledgers/{ledger}/facts/bulk",
    permission=Permission.FACTS_WRITE,
    errors=(*ERRORS, "ATOMIC_TOO_LARGE"),
    bodies=(MediaBody(MEDIA_TYPE, example=orjson.dumps(EXAMPLE).decode() + "\n"),),
    keyless="each line carries a key of its own",
    writes=True,
    query=(
        Parameter("atomic", f"All or none; at most {ATOMIC_LINES_MAX} lines.", TRUTH),
        Parameter("dry_run", "Nothing is recorded; the lines tell what would be answered.", TRUTH),
    ),
    summary="Record many facts",
    description="NDJSON in, one result line per line out: `status` and `position`, or `refused` with a code; `line` is"
    " the line's number in the body, blank ones counted, though they have no answer. Any number of lines; a line may"
    " carry its own idempotency `key`. One that is too long is refused by itself. The answer begins when the last line"
    " has come. Where the writer is lost on the way, the lines left are refused with its code: send them again, none"
    " counts twice.",
    responses={
        200: {
            "description": "A result for each line.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": RESULTS_EXAMPLE}},
        }
    },
    response_class=Response,
)
async def facts_bulk(request: HttpRequest, ledger: LedgerOf) -> Response:
    """Read lines and send them in batches; two batches are under way at most, so memory stays flat."""
    settings = core_of(request).settings
    principal = principal_of(request)
    atomic, dry_run = flag(request, "atomic"), flag(request, "dry_run")
    names = LedgerNames(ledger.recorder, core_of(request).rulebooks.get(ledger.schema))
    # One line more than may come: whether it does is known before anything is sent.
    size = ATOMIC_LINES_MAX + 1 if atomic or dry_run else settings.bulk_lines
    # The answers wait in a file: a client that reads only after it has sent everything must not block both sides.
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - the answer closes it
    task: asyncio.Task[bytes] | None = None
    try:
        async for lines in _batches(request, size, settings.line_bytes_max):
            if (atomic or dry_run) and len(lines) > ATOMIC_LINES_MAX:
                raise Refused(
                    "ATOMIC_TOO_LARGE", f"atomic and dry_run take at most {ATOMIC_LINES_MAX} lines; send fewer", "body"
                )
            items = await in_thread(request, _parse, lines, settings.line_bytes_max, principal, names)
            if task is not None:
                spool.write(await task)
            task = asyncio.create_task(_batch_send(ledger, items, atomic, dry_run, first=task is None))
        if task is not None:
            spool.write(await task)
    except BaseException:
        if task is not None:
            # What was handed to the writer goes on; nobody is left to read its answers.
            task.cancel()
        spool.close()
        raise
    spool.seek(0)
    return StreamingResponse(_chunks(spool), media_type=MEDIA_TYPE)


async def _batches(request: HttpRequest, lines_max: int, bytes_max: int) -> AsyncIterator[list[Line]]:
    """The lines of the body that aren't blank, in lists. What is longer than `bytes_max` is not kept."""
    lines: list[Line] = []
    number, rest, skipping = 1, b"", False
    async for chunk in request.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if skipping or len(line) > bytes_max:
                lines.append((number, None))
                skipping = False
            elif line.strip():
                lines.append((number, line))
            number += 1
        if skipping or len(rest) > bytes_max:
            rest, skipping = b"", True
        while len(lines) >= lines_max:
            yield lines[:lines_max]
            lines = lines[lines_max:]
    if skipping:
        lines.append((number, None))
    elif rest.strip():
        lines.append((number, rest))
    if lines:
        yield lines


def _parse(
    lines: Sequence[Line], bytes_max: int, principal: Principal, names: LedgerNames
) -> list[tuple[int, Item]]:
    def item(line: bytes | None) -> Item:
        if line is None:
            return line_too_long(bytes_max)
        actor, client = principal.actor, principal.key_id
        return fact_take(line, "line", actor, client, may_adjust=principal.may_adjust, names=names)

    return [(number, item(line)) for number, line in lines]


async def _batch_send(
    ledger: LedgerPort, items: Sequence[tuple[int, Item]], atomic: bool, dry_run: bool, *, first: bool
) -> bytes:
    """Result lines of a batch. `first`: no other was handed in before it."""
    requests = [item for _, item in items if isinstance(item, Request)]
    unreadable = atomic and len(requests) < len(items)
    if requests and (unreadable or dry_run):
        answers = [rehearsal.answer for rehearsal in await ledger.rehearse(requests)]
        if unreadable or (atomic and any(answer.status == "refused" for answer in answers)):
            answers = [a if a.status == "refused" else _atomic_refused() for a in answers]
    elif requests:
        answers = await _submit(ledger, requests, atomic, first)
    else:
        answers = []
    given = iter(answers)
    return b"".join(result_line(number, next(given) if isinstance(item, Request) else item) for number, item in items)


async def _submit(ledger: LedgerPort, requests: list[Request], atomic: bool, first: bool) -> list[Answer]:
    """Answers of the writer. Once lines before were handed in, its loss is told line by line."""
    try:
        answers = await ledger.submit(requests, atomic=atomic)
        if not any(answer.code == "ATOMIC_REFUSED" for answer in answers):
            return answers
        # One fault may have kept the writer from looking at the other lines: each is told its own.
        told = await ledger.rehearse(requests)
        return [
            again.answer if own.code == "ATOMIC_REFUSED" and again.answer.status == "refused" else own
            for own, again in zip(answers, told, strict=True)
        ]
    except (PlumblineError, *DATABASE_LOST) as error:
        if first:
            raise
        code = error.code if isinstance(error, PlumblineError) else "DATABASE_UNREACHABLE"
        reason = "no answer of the writer; whether it was recorded is unknown, send the line again"
        return [Answer("refused", code=code, reason=reason)] * len(requests)


def _atomic_refused() -> Answer:
    return Answer("refused", code="ATOMIC_REFUSED", reason="another line was refused, so none was recorded")


async def _chunks(spool: IO[bytes]) -> AsyncIterator[bytes]:
    with spool:
        while chunk := spool.read(65_536):
            yield chunk

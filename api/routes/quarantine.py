"""Rows of files that were refused: listed, tried again with mended cells, dismissed with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import LedgerOf, core_of, in_thread, principal_of
from api.input import Body, Cursor, Language, Limit, body_read, flag, json_response
from api.once import answered_once
from api.reading import rulebook_of
from api.routing import Router
from api.schemas import Page
from connectors.files.quarantine import resolved_documents
from ledger.domain.commands import Answer, Request as Asked
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import in_words

router = Router(tags=["imports"])

RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]


class DateCell(BaseModel):
    """A date cell of a workbook, or one with a time."""

    date: str = Field(examples=["2026-01-17"])


class QuarantineRowBody(BaseModel):
    """A refused row, while it is open with its cells as they stood in the file."""

    id: int
    source: str
    file: str
    row: int
    field: str
    reason: str
    raw: dict[str, str | DateCell | None] = Field(
        description="Cells by header; a workbook's dates as objects. Empty once the row is resolved: they are gone."
    )
    mapping: str
    actor: str
    recorded_at: str
    resolved_at: str | None
    resolution: str | None


class RetryBody(Body):
    """Which rows to try again, and cells to exchange for this attempt: {"id": {"header": "cell"}}."""

    ids: list[RowId] = Field(min_length=1, max_length=1_000)
    cells: dict[str, dict[str, str | None]] = Field(default_factory=dict[str, dict[str, str | None]], max_length=1_000)


class DismissBody(Body):
    """Which rows will never be submitted, and why."""

    ids: list[RowId] = Field(min_length=1, max_length=1_000)
    reason: str = Field(min_length=1, max_length=1_000, pattern=in_words(r"\S", "text that isn't blank"))


class StillRefused(BaseModel):
    """A row that stays open, with the reason of today."""

    id: int
    file: str
    row: int
    field: str
    reason: str


class ResolvedRow(BaseModel):
    """A row that was resolved before, and how."""

    id: int
    resolution: str


class RetryAnswer(BaseModel):
    """What came of the attempt, or would come of it. `resolved` are those that were no longer open."""

    dry_run: bool
    retried: int
    accepted: int
    duplicates: int
    corrected: int
    rejected: list[StillRefused]
    resolved: list[ResolvedRow]
    position: int


class DismissAnswer(BaseModel):
    """The rows that were dismissed, or would be, and those that were no longer open."""

    dry_run: bool
    dismissed: list[int]
    resolved: list[ResolvedRow]


@router.get(
    "/v1/ledgers/{ledger}/quarantine",
    permission=Permission.IMPORTS_READ,
    errors=("CURSOR_INVALID",),
    response_model=Page[QuarantineRowBody],
    summary="Rows that were refused",
)
async def quarantine_list(
    request: Request,
    ledger: LedgerOf,
    state: Annotated[
        str,
        Query(pattern=in_words("^(open|all)$", "open or all"), description="`open`, or `all`: resolved ones too."),
    ] = "open",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Rows that were refused."""
    pages = core_of(request).pages
    asked = pages.asked(request, {"state": state, "limit": limit})
    rows = await in_thread(
        request, ledger.quarantine.list, open_only=asked.params["state"] == "open", seek=asked.seek,
        limit=asked.size + 1,
    )  # fmt: skip
    return json_response(pages.listed(request, asked, rows, lambda row: (row.id,), lambda row: row.document()))


@router.post(
    "/v1/ledgers/{ledger}/quarantine/retry",
    permission=Permission.IMPORTS_WRITE,
    errors=("QUARANTINE_ROW_UNKNOWN", "CELLS_INVALID", "LEDGER_CLOSED", "WRITER_UNAVAILABLE"),
    body=RetryBody,
    body_example={"ids": [1], "cells": {"1": {"金额": "1000000"}}},
    response_model=RetryAnswer,
    summary="Try refused rows again",
    description="By the mappings of today, or the document that came with the file, with cells exchanged where they are"
    " given; what is recorded is resolved, and its cells are forgotten. Rows that were resolved before are only named:"
    " to ask again does no harm.",
)
async def quarantine_retry(request: Request, ledger: LedgerOf, language: Language = "en") -> Response:
    """Try refused rows again."""
    body = await body_read(request, RetryBody)
    dry_run = flag(request, "dry_run")
    known = {str(i): i for i in body.ids}
    if not body.cells.keys() <= known.keys():
        raise Refused("CELLS_INVALID", "cells are given for a row that is not among ids", "cells")
    rulebook = await rulebook_of(request)
    loop = asyncio.get_running_loop()

    async def rehearse(requests: Sequence[Asked]) -> list[Answer]:
        return [rehearsal.answer for rehearsal in await ledger.rehearse(requests)]

    def submit(requests: Sequence[Asked]) -> list[Answer]:
        sent = rehearse(requests) if dry_run else ledger.submit(requests)
        return asyncio.run_coroutine_threadsafe(sent, loop).result()

    def retry() -> dict[str, Any]:
        return ledger.quarantine.retry(
            submit, rulebook.book.fact_types.get, actor=principal_of(request).actor,
            resolved_at=core_of(request).ledgers.clock(), ids=body.ids,
            raw_override={known[i]: cells for i, cells in body.cells.items()}, language=language, dry_run=dry_run,
        ).document()  # fmt: skip

    async def work() -> tuple[int, dict[str, Any]]:
        return 200, {"dry_run": dry_run, **await in_thread(request, retry)}

    return await answered_once(request, body.model_dump(), work)


@router.post(
    "/v1/ledgers/{ledger}/quarantine/dismiss",
    permission=Permission.IMPORTS_WRITE,
    errors=("QUARANTINE_ROW_UNKNOWN",),
    body=DismissBody,
    body_example={"ids": [1], "reason": "A test row of the ERP."},
    response_model=DismissAnswer,
    summary="Dismiss refused rows",
    description="Their cells are forgotten; the same row is known again when it comes. Rows that were resolved before"
    " are only named: to ask again does no harm.",
)
async def quarantine_dismiss(request: Request, ledger: LedgerOf) -> Response:
    """Dismiss refused rows."""
    body = await body_read(request, DismissBody)
    dry_run = flag(request, "dry_run")

    async def work() -> tuple[int, dict[str, Any]]:
        closed, before = await in_thread(
            request, ledger.quarantine.dismiss, body.ids, reason=body.reason, actor=principal_of(request).actor,
            resolved_at=core_of(request).ledgers.clock(), dry_run=dry_run,
        )  # fmt: skip
        return 200, {"dry_run": dry_run, "dismissed": closed, "resolved": resolved_documents(before)}

    return await answered_once(request, body.model_dump(), work)

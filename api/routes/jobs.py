"""Replays, imports and rebuilds as resources: asked for, followed, read, cancelled."""

from __future__ import annotations

import asyncio
import base64
import binascii
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, cast

from psycopg import Connection
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import context_of, core_of, in_thread, principal_of, read
from api.input import Body, Cursor, Limit, body_bytes, body_check, flag, json_read, json_response, list_response
from api.jobs.replaying import candidate_work, recorded_work
from api.jobs.runner import JobDone, Progress, Work
from api.jobs.store import Job, job_cancel, job_find, job_rows, jobs_list
from api.ports import LedgerPort
from api.reading import customer_number_of, customer_unknown, day_of_text, rulebook_of
from api.routing import Parameter, Router
from api.schemas import Page
from connectors.files.importing import ImportReport, import_files
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_load, mapping_names, mapping_parse
from connectors.files.messages import Language
from ledger.domain.commands import Answer, Request as Asked
from ledger.domain.documents import json_parse
from ledger.domain.errors import Refused
from ledger.domain.fact_types import FactType
from ledger.domain.values import customer_id, day_of
from ledger.writer.orders import rule_set_check
from projections import views
from projections.as_of import accounts_read
from projections.events import position_head
from projections.follower import Follower

router = Router(tags=["jobs"])

REJECTED_SHOWN: Final = 20
EXPLAINED_MAX: Final = 20
FILENAME_BYTES_MAX: Final = 240
Kind = Literal["replay", "import", "rebuild"]
_UNKNOWN: Final[dict[str, str]] = {
    "replay": "REPLAY_UNKNOWN", "import": "IMPORT_UNKNOWN", "rebuild": "REBUILD_UNKNOWN",
}  # fmt: skip


class JobBody(BaseModel):
    """A job. `progress_done` of `progress_of` parts are through; `error` has `code` and `reason` where it failed."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    request: dict[str, Any]
    created_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    progress_done: int
    progress_of: int
    error: dict[str, Any] | None
    result: dict[str, Any] | None


class ReplayBody(Body):
    """Which rules to try: a document, or a rule set of the ledger by its id; over all facts, or over those booked from
    a day on. Or, with `recorded`, the rules that were in force: does the record come out again?"""

    rules: dict[str, Any] | None = Field(default=None, description="A rule document.")
    rule_set: str | None = Field(default=None, max_length=100, description="A rule set of the ledger.")
    recorded: bool = Field(default=False, description="Decide everything again by the rules then in force.")
    day_from: str | None = Field(default=None, description="A date, YYYY-MM-DD.", examples=["2026-01-01"])
    customers: list[str] = Field(
        default_factory=list[str], max_length=EXPLAINED_MAX, examples=[["C-000001"]],
        description="Customers for whom the result says the clause behind every changed point.",
    )  # fmt: skip


class ImportBody(Body):
    """A file in JSON: its content in base64, and a mapping by name or as a document."""

    filename: str = Field(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]+$")
    content: str = Field(description="The file's bytes in base64.")
    mapping: str | dict[str, Any]


class MappingBody(BaseModel):
    """A built-in mapping."""

    mapping: str
    title: dict[str, str]
    source: str


_ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": JobBody, "description": "It waits or runs; follow it."}
}


def _ledger(request: Request) -> LedgerPort:
    ledger = context_of(request).ledger
    assert ledger is not None
    return ledger


async def _begin(
    request: Request, kind: Kind, asked: dict[str, Any], work: Work, close: Callable[[], None] = lambda: None
) -> Response:
    job = await core_of(request).jobs.start(_ledger(request), kind, asked, principal_of(request).actor, work, close)
    return _job_response(await read(request, job_find, kind, job, _UNKNOWN[kind]), 202)


def _job_response(job: Job, status: int = 200) -> Response:
    return json_response({**job.document(), "result": job.result}, status)


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
    " approval may name the run."
    " `examples` has the clause behind every changed point, of those who gain and lose most and of those in"
    " `customers`. With `recorded` the result counts the decisions that differ from the record: 0 is the proof.",
    status_code=202,
    response_model=JobBody,
    responses=_ACCEPTED,
)
async def replay_start(request: Request) -> Response:
    """Try other rules over the same facts."""
    body = body_check(await json_read(request, core_of(request).settings.document_bytes_max), ReplayBody)
    rulebook = await rulebook_of(request)
    if (body.rules is not None) + (body.rule_set is not None) + body.recorded != 1:
        raise Refused("REPLAY_INVALID", "give either rules, or rule_set, or recorded", "rules")
    ledger = _ledger(request)
    head = await read(request, position_head)
    if body.recorded:
        if body.day_from is not None or body.customers:
            raise Refused("REPLAY_INVALID", "recorded takes neither day_from nor customers", "recorded")
        return await _begin(request, "replay", {"recorded": True}, recorded_work(ledger, head))
    document = body.rules
    if body.rule_set is not None:
        entry = rulebook.book.rule_sets.get(body.rule_set)
        if entry is None:
            raise Refused("RULESET_UNKNOWN", "no such rule set; GET …/rule-sets lists them", "rule_set")
        document = entry.document
    assert document is not None
    rules = await in_thread(request, rule_set_check, document, rulebook.book)
    day = day_of_text(body.day_from, "day_from")
    numbers = [customer_number_of(customer) for customer in body.customers]
    if len(await read(request, accounts_read, numbers)) < len(set(numbers)):
        raise customer_unknown()
    explained = [customer_id(n) for n in numbers]
    work = candidate_work(ledger, head, rules, None if day is None else day_of(day), explained)
    asked = {
        "rule_set": body.rule_set, "rules_sha256": rules.sha256, "day_from": body.day_from,
        "customers": explained,
    }  # fmt: skip
    return await _begin(request, "replay", asked, work)


@router.post(
    "/v1/ledgers/{ledger}/imports",
    permission=Permission.IMPORTS_WRITE,
    errors=("MAPPING_NOT_FOUND", "IMPORT_INVALID", "FILE_REFUSED", "LEDGER_CLOSED", "WRITER_UNAVAILABLE"),
    body_example="项目,金额\n",
    body_media_type="text/csv",
    query=(
        Parameter("mapping", "A built-in mapping; with a JSON body the body names it.",
                  {"type": "string", "maxLength": 100}),
        Parameter("filename", "What the file is called in the quarantine.", {"type": "string", "maxLength": 200}),
        Parameter("dry_run", "Read and check, record nothing.",
                  {"type": "string", "enum": ["true", "false"], "default": "false"}),
        Parameter("language", "The language of the reasons why rows are refused.",
                  {"type": "string", "enum": ["zh", "en"], "default": "en"}),
    ),
    summary="Import a file",
    description="The body is the file itself (CSV in any usual encoding, or XLSX), or JSON with `filename`, `content`"
    " (base64) and `mapping` (a name or a whole document). Good rows go in, the others into the quarantine, each with"
    " field and reason; the same file twice records nothing twice.",
    status_code=202,
    response_model=JobBody,
    responses=_ACCEPTED,
)  # fmt: skip
async def import_start(request: Request) -> Response:
    """Import a file."""
    dry_run, language = flag(request, "dry_run"), _language(request)
    core_of(request).jobs.room_check()
    mapping, filename, content = await _import_read(request)
    rulebook = await rulebook_of(request)
    ledger, principal = _ledger(request), principal_of(request)
    loop = asyncio.get_running_loop()
    now = core_of(request).ledgers.clock()

    def submit(requests: Sequence[Asked]) -> list[Answer]:
        return asyncio.run_coroutine_threadsafe(ledger.submit(requests), loop).result()

    def fact_type_of(name: str) -> FactType | None:
        return rulebook.book.fact_types.get(name)

    # On disk, not in memory: many files may wait for their turn.
    folder = tempfile.TemporaryDirectory(prefix="plumbline-import-")
    path = Path(folder.name) / filename

    def work(progress: Progress) -> JobDone:
        report = import_files(
            submit, [(mapping, path)], fact_type_of, actor=principal.actor, recorded_at=now,
            progress=lambda stage, done, total: progress(done, total or 0), quarantine=ledger.quarantine,
            dry_run=dry_run, language=language,
        )  # fmt: skip
        return _import_done(report)

    asked = {
        "mapping": mapping.id, "filename": filename, "bytes": len(content), "dry_run": dry_run, "language": language,
    }  # fmt: skip
    try:
        await in_thread(request, path.write_bytes, content)
        return await _begin(request, "import", asked, work, folder.cleanup)
    except BaseException:
        folder.cleanup()
        raise


def _language(request: Request) -> Language:
    values = request.query_params.getlist("language") or ["en"]
    if values == ["zh"]:
        return "zh"
    if values == ["en"]:
        return "en"
    raise Refused("INPUT_INVALID", "language must be zh or en", "language")


async def _import_read(request: Request) -> tuple[FileMapping, str, bytes]:
    """Mapping, file name and bytes of an import. Raises Refused."""
    data = await body_bytes(request, core_of(request).settings.import_bytes_max)
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        body = body_check(json_parse(data, "body"), ImportBody)
        try:
            content = base64.b64decode(body.content, validate=True)
        except (binascii.Error, ValueError):
            raise Refused("IMPORT_INVALID", "content must be base64", "content") from None
        chosen: str | dict[str, Any] = body.mapping
        filename = body.filename
    else:
        content, chosen = data, request.query_params.get("mapping", "")
        filename = request.query_params.get("filename", "upload.csv")
    if not 0 < len(filename.encode()) <= FILENAME_BYTES_MAX or filename in (".", ".."):
        raise Refused("IMPORT_INVALID", f"filename must have 1 to {FILENAME_BYTES_MAX} bytes", "filename")
    if any(c in "/\\" or ord(c) < 32 for c in filename):
        raise Refused("IMPORT_INVALID", "filename must be a plain name", "filename")
    if not content:
        raise Refused("IMPORT_INVALID", "the file is empty", "content")
    if isinstance(chosen, dict):
        return mapping_parse(chosen), filename, content
    if chosen not in mapping_names():
        raise Refused("MAPPING_NOT_FOUND", "no such mapping is built in; GET /v1/mappings lists them", "mapping")
    return mapping_load(chosen), filename, content


def _import_done(report: ImportReport) -> JobDone:
    document = report.document()
    rejected = cast(list[dict[str, Any]], document.pop("rejected"))
    return JobDone({**document, "rejected_count": len(rejected), "rejected": rejected[:REJECTED_SHOWN]}, rejected)


@router.get(
    "/v1/mappings",
    permission=Permission.IMPORTS_READ,
    response_model=Page[MappingBody],
    summary="The built-in mappings of files",
)
async def mappings_list() -> Response:
    """The built-in mappings of files."""
    found = [mapping_load(name) for name in mapping_names()]
    data = [{"mapping": m.id, "title": m.title.model_dump(), "source": m.source} for m in found]
    return list_response(data)


@router.post(
    "/v1/ledgers/{ledger}/views/{view}/rebuild",
    permission=Permission.VIEWS_REBUILD,
    errors=("VIEW_UNKNOWN",),
    summary="Build a view anew beside the one that is read",
    description="Its readers, and the other views, go on meanwhile.",
    status_code=202,
    response_model=JobBody,
    responses=_ACCEPTED,
)
async def rebuild_start(request: Request, view: str) -> Response:
    """Build a view anew beside the one that is read."""
    ledger = _ledger(request)
    names = [v.name for v in views(ledger.columns_folder)]
    if view not in names:
        raise Refused("VIEW_UNKNOWN", "no such view; GET …/views lists them", "view")

    def work(progress: Progress) -> JobDone:
        follower = Follower(ledger.recorder, views(ledger.columns_folder))
        try:
            return JobDone({"position": follower.rebuild(view, lambda name, done, of: progress(done, of))})
        finally:
            follower.close()

    return await _begin(request, "rebuild", {"view": view}, work)


def _job_routes(kind: Kind, path: str, rows: str, permission: Permission, cancel: Permission) -> None:
    """The routes by which jobs of one kind are listed, read and cancelled."""

    @router.get(
        path, permission=permission, errors=("CURSOR_INVALID",), response_model=Page[JobBody],
        operation_id=f"{kind}s_list", summary=f"{kind.capitalize()}s, the newest first",
    )  # fmt: skip
    async def listed(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:  # pyright: ignore[reportUnusedFunction]
        pages = core_of(request).pages
        asked = pages.asked(request, {"limit": limit})
        size: int = asked.params["limit"]
        at = None if asked.at is None else (datetime.fromisoformat(asked.at[0]), cast(str, asked.at[1]))
        found = await read(request, jobs_list, kind, size + 1, at)
        last = found[size - 1] if len(found) > size else None
        after = None if last is None else (last.created_at.isoformat(), last.id)
        data = [{**job.document(), "result": None} for job in found[:size]]
        return json_response(pages.page(request, asked, data, after=after))

    @router.get(
        path + "/{job}", permission=permission, errors=(_UNKNOWN[kind],), response_model=JobBody,
        operation_id=kind, summary=f"A {kind} with its progress and result",
    )  # fmt: skip
    async def one(request: Request, job: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _job_response(await read(request, job_find, kind, job, _UNKNOWN[kind]))

    @router.delete(
        path + "/{job}", permission=cancel, errors=(_UNKNOWN[kind],), response_model=JobBody,
        operation_id=f"{kind}_cancel", summary=f"Cancel a {kind}",
        description="What an import has recorded stays recorded; send the file again for the rest.",
    )  # fmt: skip
    async def cancelled(request: Request, job: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        await read(request, job_find, kind, job, _UNKNOWN[kind])
        await read(request, _cancel, kind, job)
        return _job_response(await read(request, job_find, kind, job, _UNKNOWN[kind]))

    if rows:

        @router.get(
            path + "/{job}/" + rows, permission=permission, errors=(_UNKNOWN[kind], "CURSOR_INVALID"),
            response_model=Page[dict[str, Any]], operation_id=f"{kind}_{rows}",
            summary=f"The {rows} of a {kind}'s result",
        )  # fmt: skip
        async def result_rows(  # pyright: ignore[reportUnusedFunction]
            request: Request, job: str, limit: Limit = 100, cursor: Cursor = None
        ) -> Response:
            pages = core_of(request).pages
            asked = pages.asked(request, {"limit": limit})
            size: int = asked.params["limit"]
            await read(request, job_find, kind, job, _UNKNOWN[kind])
            found = await read(request, job_rows, job, asked.at or 0, size + 1)
            after = found[size - 1][0] if len(found) > size else None
            return json_response(pages.page(request, asked, [row for _, row in found[:size]], after=after))


def _cancel(connection: Connection[Any], kind: str, job: str) -> None:
    job_cancel(connection, kind, job)


_job_routes("replay", "/v1/ledgers/{ledger}/replays", "customers", Permission.REPLAYS_READ, Permission.REPLAYS_RUN)
_job_routes("import", "/v1/ledgers/{ledger}/imports", "rejected", Permission.IMPORTS_READ, Permission.IMPORTS_WRITE)
_job_routes("rebuild", "/v1/ledgers/{ledger}/rebuilds", "", Permission.LEDGERS_READ, Permission.VIEWS_REBUILD)

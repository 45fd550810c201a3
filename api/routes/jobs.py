"""Replays, imports and rebuilds as resources: asked for, followed, read, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from psycopg import Connection
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.kept import request_sha256
from api.access.roles import Permission
from api.core import context_of, core_of, principal_of, read
from api.input import Cursor, Limit, flag, idempotency_key, json_response
from api.jobs.runner import JobDone, Progress, Work
from api.jobs.store import Job, JobKey, job_cancel, job_find, job_rows, jobs_list
from api.ports import LedgerPort
from api.routing import Router
from api.schemas import Page, Points
from ledger.domain.errors import Refused
from projections import VIEW_NAMES, views
from projections.follower import Follower
from projections.rebuilding import RebuildBusy, rebuild_runs

router = Router(tags=["jobs"])

Row = TypeVar("Row", bound=BaseModel)
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


class JobRehearsalBody(BaseModel):
    """What a dry run tells: the job that would be begun."""

    dry_run: Literal[True]
    request: dict[str, Any]


class ReplayChangeBody(BaseModel):
    """A customer whose balance or tier a candidate changes."""

    customer: str
    name: str
    balance: str = Points
    balance_candidate: str = Points
    change: str = Points
    tier: str
    tier_candidate: str


class ReplayOwnerBody(BaseModel):
    """A customer whose owner a candidate changes; null is the pool. Each with why, and by which rule, it came to be
    theirs."""

    customer: str
    name: str
    owner: str | None
    why: str
    rule: str = Field(description="Empty where no rule chose.")
    owner_then: str | None
    why_then: str
    rule_then: str


class RejectedRowBody(BaseModel):
    """A row that an import refused, its number as a spreadsheet shows it."""

    file: str
    row: int
    field: str
    reason: str


JOB_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": JobRehearsalBody, "description": "A dry run: it could be begun."},
    202: {"model": JobBody, "description": "It waits or runs; follow it."},
}
"""The answers of every route that begins a job and has a dry run of its own."""


def ledger_of(request: Request) -> LedgerPort:
    """The ledger of the path."""
    ledger = context_of(request).ledger
    assert ledger is not None
    return ledger


async def job_begin(
    request: Request, kind: Kind, asked: dict[str, Any], work: Work, close: Callable[[], None] = lambda: None,
    *, content: str = "",
) -> Response:
    """Let work run as a job when its turn comes, or give again the job that was begun under the Idempotency-Key.

    `asked` is what the job says was asked for, `content` the digest of what else was sent. Raises as JobRunner.start.
    """  # fmt: skip
    principal, key = principal_of(request), idempotency_key(request)
    ledger = ledger_of(request)
    job_key = JobKey(principal.key_id, key, request_sha256(kind, ledger.name, asked, content)) if key else None
    job, new = await core_of(request).jobs.start(ledger, kind, asked, principal.actor, work, close, job_key)
    found = await read(request, job_find, kind, job, _UNKNOWN[kind])
    return _job_response(found, 202, None if new else {"Idempotency-Hit": "true"})


def job_rehearsed(asked: dict[str, Any]) -> Response:
    """What a dry run tells."""
    return json_response({"dry_run": True, "request": asked})


def _job_response(job: Job, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return json_response({**job.document(), "result": job.result}, status, headers)


@router.post(
    "/v1/ledgers/{ledger}/views/{view}/rebuild",
    permission=Permission.VIEWS_REBUILD,
    errors=("VIEW_UNKNOWN", "REBUILD_BUSY"),
    summary="Build a view anew beside the one that is read",
    description="Its readers, and the other views, go on meanwhile. One rebuild of a view at a time; one that failed"
    " is followed again afterwards.",
    status_code=202,
    response_model=JobBody,
    responses=JOB_RESPONSES,
)
async def rebuild_start(request: Request, view: str) -> Response:
    """Build a view anew beside the one that is read."""
    ledger = ledger_of(request)
    if view not in VIEW_NAMES:
        raise Refused("VIEW_UNKNOWN", "no such view; GET …/views lists them", "view")
    if await read(request, rebuild_runs, ledger.schema, view):
        raise RebuildBusy(view)

    def work(progress: Progress) -> JobDone:
        follower = Follower(ledger.recorder, views(ledger.columns_folder))
        try:
            return JobDone({"position": follower.rebuild(view, lambda name, done, of: progress(done, of))})
        finally:
            follower.close()

    asked = {"view": view}
    return job_rehearsed(asked) if flag(request, "dry_run") else await job_begin(request, "rebuild", asked, work)


def _job_routes(
    kind: Kind, path: str, permission: Permission, cancel: Permission, lists: Mapping[str, type[BaseModel]]
) -> None:
    """The routes by which jobs of one kind are listed, read and cancelled; `lists` are those of its result."""

    @router.get(
        path, permission=permission, errors=("CURSOR_INVALID",), response_model=Page[JobBody],
        operation_id=f"{kind}s_list", summary=f"{kind.capitalize()}s, the newest first",
    )  # fmt: skip
    async def listed(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:  # pyright: ignore[reportUnusedFunction]
        pages = core_of(request).pages
        asked = pages.asked(request, {"limit": limit})
        found = await read(request, jobs_list, kind, asked.seek, asked.size + 1)

        def key(job: Job) -> tuple[str, str]:
            return job.created_at.isoformat(), job.id

        return json_response(pages.listed(request, asked, found, key, lambda job: {**job.document(), "result": None}))

    @router.get(
        path + "/{job}", permission=permission, errors=(_UNKNOWN[kind],), response_model=JobBody,
        operation_id=kind, summary=f"A {kind} with its progress and result",
    )  # fmt: skip
    async def one(request: Request, job: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        return _job_response(await read(request, job_find, kind, job, _UNKNOWN[kind]))

    @router.delete(
        path + "/{job}", permission=cancel, errors=(_UNKNOWN[kind],), response_model=JobBody,
        keyless="to cancel a job again does nothing more",
        operation_id=f"{kind}_cancel", summary=f"Cancel a {kind}",
        description="What an import has recorded stays recorded; send the file again for the rest.",
    )  # fmt: skip
    async def cancelled(request: Request, job: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        await read(request, job_find, kind, job, _UNKNOWN[kind])
        if not flag(request, "dry_run"):
            await read(request, _cancel, kind, job)
        return _job_response(await read(request, job_find, kind, job, _UNKNOWN[kind]))

    for name, row in lists.items():
        _rows_route(kind, path, permission, name, row)


def _rows_route(kind: Kind, path: str, permission: Permission, name: str, row: type[Row]) -> None:
    """The route by which one list of a job's result is read."""

    @router.get(
        path + "/{job}/" + name, permission=permission, errors=(_UNKNOWN[kind], "CURSOR_INVALID"),
        response_model=Page[row], operation_id=f"{kind}_{name}", summary=f"The {name} of a {kind}'s result",
    )  # fmt: skip
    async def result_rows(  # pyright: ignore[reportUnusedFunction]
        request: Request, job: str, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        pages = core_of(request).pages
        asked = pages.asked(request, {"limit": limit})
        await read(request, job_find, kind, job, _UNKNOWN[kind])
        found = await read(request, job_rows, job, name, asked.seek, asked.size + 1)
        return json_response(pages.listed(request, asked, found, lambda entry: entry[:1], lambda entry: entry[1]))


def _cancel(connection: Connection[Any], kind: str, job: str) -> None:
    job_cancel(connection, kind, job)


_job_routes(
    "replay", "/v1/ledgers/{ledger}/replays", Permission.REPLAYS_READ, Permission.REPLAYS_RUN,
    {"customers": ReplayChangeBody, "owners": ReplayOwnerBody},
)  # fmt: skip
_job_routes(
    "import", "/v1/ledgers/{ledger}/imports", Permission.IMPORTS_READ, Permission.IMPORTS_WRITE,
    {"rejected": RejectedRowBody},
)  # fmt: skip
_job_routes("rebuild", "/v1/ledgers/{ledger}/rebuilds", Permission.LEDGERS_READ, Permission.VIEWS_REBUILD, {})

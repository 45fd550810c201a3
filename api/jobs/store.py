"""Jobs as they are kept: in the ledger's schema, beside the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from psycopg import Connection
from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from api.access.kept import idempotency_conflict
from ledger.domain.errors import Refused
from ledger.log.pages import Seek, page_read
from ledger.log.queries import queries_load

_QUERIES = queries_load("api.jobs", "jobs.sql")
LOST_AFTER: Final = timedelta(seconds=30)
KEPT_MAX: Final = 200
"""So many finished jobs of a kind are kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `silent` is how long ago its process last said that it lives."""

    id: str
    kind: str
    state: str
    request: dict[str, Any]
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    beat_at: datetime
    progress_done: int
    progress_of: int
    cancelling: bool
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    silent: timedelta

    @property
    def lost(self) -> bool:
        """Whether its process is gone."""
        return self.state in ("queued", "running") and self.silent > LOST_AFTER

    def document(self) -> dict[str, Any]:
        """The job for JSON, without its result."""
        error = self.error
        if self.lost:
            reason = "the process that ran it is gone; ask for it again, under another Idempotency-Key"
            error = {"code": "JOB_LOST", "reason": reason, "field": ""}
        return {
            "id": self.id, "state": "failed" if self.lost else self.state, "request": self.request,
            "created_by": self.created_by, "created_at": self.created_at.isoformat(),
            "started_at": self.started_at.isoformat() if self.started_at else None,
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
            "progress_done": self.progress_done, "progress_of": self.progress_of, "error": error,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobKey:
    """Under which Idempotency-Key of which key of the API a job is asked for, and the SHA-256 of all that is asked."""

    client: str
    key: str
    request_sha256: bytes


def job_insert(
    connection: Connection[Any],
    job: str,
    kind: str,
    request: dict[str, Any],
    created_by: str,
    key: JobKey | None = None,
) -> str:
    """Enter a job that waits, and forget the oldest finished ones of its kind; its id. Under a key that there is a job
    of already nothing is entered, and the id is that job's. Raises Refused (IDEMPOTENCY_CONFLICT)."""
    with connection.transaction():
        values = {
            "id": job, "kind": kind, "request": Jsonb(request, _dumps), "created_by": created_by,
            "client": key and key.client, "key": key and key.key, "request_sha256": key and key.request_sha256,
        }  # fmt: skip
        entered = connection.execute(_QUERIES["job_insert"], values).fetchone()
        if entered is not None:
            connection.execute(_QUERIES["jobs_trim"], {"kind": kind, "keep": KEPT_MAX})
            return job
    assert key is not None
    found = job_of_key(connection, key)
    # Where it was forgotten between the two, whoever asked for it has long been answered.
    return found if found is not None else job_insert(connection, job, kind, request, created_by, key)


def job_of_key(connection: Connection[Any], key: JobKey) -> str | None:
    """The job that was asked for under a key, as long as it is kept. Raises Refused (IDEMPOTENCY_CONFLICT)."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["job_of_key"], {"client": key.client, "key": key.key}).fetchone()
    if row is None:
        return None
    if bytes(row[1]) != key.request_sha256:
        raise idempotency_conflict()
    return row[0]


def job_find(connection: Connection[Any], kind: str, job: str, code: str) -> Job:
    """A job. Raises Refused with `code`."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        found = cursor.execute(_QUERIES["job_find"], {"id": job, "kind": kind}).fetchone()
    if found is None:
        raise Refused(code, f"there is no such {kind}; the list names those there are", "job")
    return found


def jobs_list(connection: Connection[Any], kind: str, seek: Seek, limit: int) -> list[Job]:
    """Up to `limit` jobs, the newest first. Key: (created_at, id)."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        query = _QUERIES["jobs_list"]
        return page_read(cursor, query, ("created_at", "id"), {"kind": kind}, seek, limit, descending=True)


def job_start(connection: Connection[Any], job: str) -> bool:
    """Let it run; False where it was cancelled before."""
    return connection.execute(_QUERIES["job_start"], {"id": job}).fetchone() is not None


def job_beat(connection: Connection[Any], job: str, done: int, of: int) -> bool:
    """Say that it lives and how far it is; False where it is to stop."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["job_beat"], {"id": job, "done": done, "of": of}).fetchone()
    return row is not None and not row[0]


def job_finish(
    connection: Connection[Any],
    job: str,
    state: str,
    result: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
    rows: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """What came of it, with the rows of its result (`row_text`), list by list. Of a job that has ended nothing changes,
    so where the answer was lost it may be said again."""
    with connection.transaction():
        values = {
            "id": job, "state": state, "result": None if result is None else Jsonb(result, _dumps),
            "error": None if error is None else Jsonb(error, _dumps),
        }  # fmt: skip
        if connection.execute(_QUERIES["job_finish"], values).fetchone() is None:
            return
        with connection.cursor() as cursor, cursor.copy(_QUERIES["job_rows_copy"]) as copy:
            for name, texts in (rows or {}).items():
                for number, text in enumerate(texts, 1):
                    copy.write_row((job, name, number, text))


def row_text(row: Mapping[str, Any]) -> str:
    """A row of a result as it is kept."""
    return _dumps(row)


def job_cancel(connection: Connection[Any], kind: str, job: str) -> None:
    """Ask it to stop; one that waits is cancelled at once."""
    connection.execute(_QUERIES["job_cancel"], {"id": job, "kind": kind})


def job_rows(
    connection: Connection[Any], job: str, name: str, seek: Seek, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Up to `limit` rows of a list of a job's result with their numbers, which are the key."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = page_read(cursor, _QUERIES["job_rows"], ("number",), {"job": job, "list": name}, seek, limit)
    return [(number, row) for number, row in rows]


def _dumps(data: Any) -> str:
    return orjson.dumps(data, default=str).decode()

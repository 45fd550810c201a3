"""Runs jobs in this process, a few at a time, each in a thread of its own."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import structlog
from eventsourcing.persistence import InterfaceError, OperationalError

from api.jobs.store import JobKey, job_beat, job_finish, job_insert, job_start, row_text
from api.ports import LedgerPort
from api.problems import RetryLater
from ledger.domain.errors import DocumentInvalid, PlumblineError, Refused

RUNNING_MAX: Final = 1
"""A replay takes every core there is; a second one would only make both late."""
WAITING_MAX: Final = 20
BEAT_SECONDS: Final = 2.0
FINISH_SECONDS_MAX: Final = 60.0
"""How long it is tried to write what came of a job, where the database is away."""
FINISH_PAUSE_SECONDS: Final = 0.5
STOP_SECONDS: Final = 15.0
"""How long the end of the process waits for jobs to notice it; what has not by then is seen as lost later."""

_log: Any = structlog.get_logger("plumbline.jobs")


@dataclass(slots=True)
class JobDone:
    """What a job came to: a document, and lists of rows that are read page by page."""

    result: dict[str, Any]
    rows: Mapping[str, Iterable[dict[str, Any]]] = field(default_factory=dict[str, Iterable[dict[str, Any]]])


class JobCancelled(Exception):
    """Raised inside a job by its progress once somebody has cancelled it, or the service stops."""


Progress = Callable[[int, int], None]
Work = Callable[[Progress], JobDone]


class JobRunner:
    """The jobs of one process. Belongs to one event loop."""

    def __init__(self) -> None:
        self._running = asyncio.Semaphore(RUNNING_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = threading.Event()

    def room_check(self) -> None:
        """Raises RetryLater where too many jobs wait, or the process is about to end."""
        if len(self._tasks) >= WAITING_MAX or self._stopping.is_set():
            raise RetryLater("OVERLOADED", "too many replays and imports wait; come again later", 30)

    async def start(
        self,
        ledger: LedgerPort,
        kind: str,
        request: dict[str, Any],
        actor: str,
        work: Work,
        close: Callable[[], None] = lambda: None,
        key: JobKey | None = None,
    ) -> tuple[str, bool]:
        """Enter a job and let it run when its turn comes; its id, and True. `close` is called in the end, whether it
        ran or not, also where this raises. Under a key that there is a job of already it is that one's id, and False.

        Raises RetryLater as `room_check` does, and Refused.
        """
        job = "J-" + secrets.token_hex(8)

        def enter() -> str:
            with ledger.recorder.datastore.get_connection() as connection:
                return job_insert(connection, job, kind, request, actor, key)

        try:
            self.room_check()
            entered = await asyncio.to_thread(enter)
        except BaseException:
            close()
            raise
        if entered != job:
            await asyncio.to_thread(close)
            return entered, False
        task = asyncio.create_task(self._wait(ledger, job, work, close))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job, True

    async def stop(self) -> None:
        """Let every job end as failed, with the code JOB_STOPPED, at its next sign of progress."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)

    async def _wait(self, ledger: LedgerPort, job: str, work: Work, close: Callable[[], None]) -> None:
        waiting = asyncio.create_task(self._beat_waiting(ledger, job))
        turn = asyncio.create_task(self._running.acquire())
        try:
            await asyncio.wait((waiting, turn), return_when=asyncio.FIRST_COMPLETED)
            if turn.done():
                waiting.cancel()
                try:
                    await asyncio.to_thread(_run, ledger, job, work, self._stopping)
                finally:
                    self._running.release()
        except Exception as error:
            # The database was away when the end was to be written: the job will be seen as lost.
            _log.error("job not finished", job=job, exc_info=error)
        finally:
            waiting.cancel()
            turn.cancel()
            await asyncio.to_thread(close)

    async def _beat_waiting(self, ledger: LedgerPort, job: str) -> None:
        """Say that a job lives that waits for its turn, until somebody cancels it."""

        def beat() -> bool:
            with ledger.recorder.datastore.get_connection() as connection:
                return job_beat(connection, job, 0, 0)

        waits = True
        while waits:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                waits = await asyncio.to_thread(beat)
            except Exception as error:
                _log.info("job could not beat", job=job, error=type(error).__name__)


def _run(ledger: LedgerPort, job: str, work: Work, stopping: threading.Event) -> None:
    datastore = ledger.recorder.datastore
    with datastore.get_connection() as connection:
        if not job_start(connection, job):
            return
    beats = _Beats(ledger, job, stopping)
    try:
        beats.progress(0, 0)
        done = work(beats.progress)
        rows = {name: [row_text(row) for row in listed] for name, listed in done.rows.items()}
        ended = _Ended("done", done.result, None, rows)
    except JobCancelled:
        ended = _Ended("failed", error=_STOPPED) if stopping.is_set() else _Ended("cancelled")
    except Exception as error:
        ended = _Ended("failed", error=_error_document(error, job))
    beats.stop()
    try:
        _finish(ledger, job, stopping, ended)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        _finish(ledger, job, stopping, _Ended("failed", error=_error_document(error, job)))


class _Ended(NamedTuple):
    """What came of a job."""

    state: str
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    rows: Mapping[str, Sequence[str]] | None = None


_STOPPED: Final = {
    "code": "JOB_STOPPED", "field": "",
    "reason": "the service was stopped meanwhile; ask for it again, under another Idempotency-Key",
}  # fmt: skip


def _finish(ledger: LedgerPort, job: str, stopping: threading.Event, ended: _Ended) -> None:
    """Write what came of a job; said again for a while where the database is away, as work of minutes hangs on it."""
    deadline = time.monotonic() + FINISH_SECONDS_MAX
    while True:
        try:
            with ledger.recorder.datastore.get_connection() as connection:
                return job_finish(connection, job, *ended)
        except (InterfaceError, OperationalError) as away:
            if stopping.is_set() or time.monotonic() >= deadline:
                raise
            _log.info("job could not finish yet", job=job, error=type(away).__name__)
        stopping.wait(FINISH_PAUSE_SECONDS)


def _error_document(error: Exception, job: str) -> dict[str, Any]:
    if isinstance(error, Refused):
        return {"code": error.code, "reason": error.reason, "field": error.field}
    if isinstance(error, DocumentInvalid):
        return {"code": error.code, "reason": str(error), "field": error.problems[0].field if error.problems else ""}
    if isinstance(error, PlumblineError):
        return {"code": error.code, "reason": str(error), "field": ""}
    _log.error("job failed", job=job, exc_info=error)
    reason = f"failed with {type(error).__name__}; the service's log has the cause"
    return {"code": "JOB_FAILED", "reason": reason, "field": ""}


class _Beats:
    """Says every now and then that a job lives and how far it is, from a thread of its own: the work itself may be
    long in one place."""

    def __init__(self, ledger: LedgerPort, job: str, stopping: threading.Event) -> None:
        self._ledger = ledger
        self._job = job
        self._service_stopping = stopping
        self._at = (0, 0)
        self._cancelled = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"job-{job}", daemon=True)
        self._started = time.monotonic()
        self._thread.start()

    def progress(self, done: int, of: int) -> None:
        """How far the work is. Raises JobCancelled."""
        self._at = (done, of)
        if self._cancelled or self._service_stopping.is_set():
            raise JobCancelled

    def stop(self) -> None:
        """Beat once more, then no longer."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._thread.join()
            self._beat()

    def _run(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS if time.monotonic() - self._started > BEAT_SECONDS else 0.2):
            self._beat()

    def _beat(self) -> None:
        try:
            with self._ledger.recorder.datastore.get_connection() as connection:
                if not job_beat(connection, self._job, *self._at):
                    self._cancelled = True
        except Exception as error:
            _log.info("job could not beat", job=self._job, error=type(error).__name__)

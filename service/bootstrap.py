"""The one place that wires everything: settings, servers, the log, the writer, the views."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from connectors.files.quarantine import Quarantine
from ledger.domain.commands import Answer, CloseDays, Request
from ledger.domain.errors import LedgerMissing, PlumblineError, Refused
from ledger.domain.events import STREAM_CALENDAR
from ledger.domain.values import day_of, day_text, month_last_day, month_of
from ledger.log.codec import state_of
from ledger.log.columns.reader import STILL_SECONDS_MAX, Columns, ColumnsBehind
from ledger.log.connecting import connect
from ledger.log.lease import Lease
from ledger.log.migrate import ledger_schema_create, ledger_schemas
from ledger.log.reasons import database_reason
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import LedgerState, Writer
from ledger.writer.state import columns_check
from projections import views
from projections.columns import ColumnsView
from projections.follower import Follower
from projections.passing import passing
from projections.places import ViewBehind, ViewFailed, views_failed
from service.collecting import collecting_seldom
from service.embedded import database_url
from service.settings import Settings

SCHEMA_PREFIX = "ledger_"
TIMEZONE_DEFAULT = "Asia/Shanghai"
LEASE_WAIT_SECONDS = 30.0

Progress = Callable[[int, int], None]


def clock() -> datetime:
    """Now. The only clock; everything below is handed its time."""
    return datetime.now(UTC)


def today_in(zone: ZoneInfo) -> int:
    """The day number of today in a time zone."""
    return day_of(clock().astimezone(zone).date())


class LedgerHandle:
    """One open ledger: its log, its views, and the writer when it is asked for."""

    def __init__(self, settings: Settings, name: str, url: str, recorder: LogRecorder) -> None:
        self.settings = settings
        self.name = name
        self.schema = SCHEMA_PREFIX + name
        self.database_url = url
        self.recorder = recorder
        self.columns_folder: Path = settings.columns_folder(name)
        self.failed: dict[str, ViewFailed] = {}
        """The views that `follow` could not bring on, and why. Who reads one by `reading` or `columns` is told so."""

    @contextmanager
    def follower(self, *, columns_only: bool = False) -> Generator[Follower]:
        """The follower of all views, or of the columns alone, for as long as it is needed."""
        followed = [ColumnsView(self.columns_folder)] if columns_only else views(self.columns_folder)
        follower = Follower(self.recorder, followed)
        try:
            yield follower
        finally:
            follower.close()

    def follow(self, progress: Progress = lambda done, of: None, *, columns_only: bool = False) -> None:
        """Bring every view to the head of the log, or the columns alone: they are all that writing and replay need. One
        that failed stops alone.

        Raises ColumnsBehind where another process holds the columns and doesn't move them.
        """
        with self.follower(columns_only=columns_only) as follower:
            target = self.recorder.position_head()
            seen, moved = -1, time.monotonic()
            while True:
                failed = follower.follow_once(target, lambda view, done, of: progress(done, of))
                # Another process may be writing the columns just now: it brings them on, or lets go.
                position = Columns.open(self.columns_folder).position
                if ColumnsView.name in failed or position >= target:
                    break
                if position != seen:
                    seen, moved = position, time.monotonic()
                elif time.monotonic() - moved > STILL_SECONDS_MAX:
                    raise ColumnsBehind(
                        f"another process holds the columns of {self.name} and they don't reach position {target}; "
                        "wait for it, or stop it"
                    )
                time.sleep(0.05)
            places = {lag.name: lag.position for lag in follower.lag()} if failed else {}
            tried = follower.views
        kept = {name: error for name, error in self.failed.items() if name not in tried}
        self.failed = kept | {name: ViewFailed(name, places[name], error) for name, error in failed.items()}

    def follow_written(self) -> list[PlumblineError]:
        """Bring every view on after something was recorded. What stood in the way, to be told beside what was recorded:
        none of it is raised."""
        try:
            self.follow()
        except PlumblineError as error:
            return [error, *self.failed.values()]
        except Exception as error:
            if not passing(error):
                raise
            reason = database_reason(error)
            return [ViewBehind(f"the views could not be brought on just now ({reason}); they catch up later")]
        return list(self.failed.values())

    def columns(self) -> Columns:
        """The columns as they stand. Raises ViewFailed where `follow` could not bring them on."""
        if ColumnsView.name in self.failed:
            raise self.failed[ColumnsView.name]
        return Columns.open(self.columns_folder)

    @contextmanager
    def reading(self) -> Generator[Connection[DictRow]]:
        """A connection to read the views by. A reader of one that `follow` could not bring on raises ViewFailed."""
        with self.recorder.datastore.get_connection() as connection, views_failed(self.failed):
            yield connection

    @property
    def zone(self) -> ZoneInfo:
        """The ledger's time zone, which its first event has for good."""
        [(_, _, _, topic, data)] = self.recorder.select_range(0, 1)
        return ZoneInfo(state_of(topic, data)["timezone"])

    @property
    def today(self) -> int:
        """The day number of today in the ledger's time zone."""
        return today_in(self.zone)

    @property
    def quarantine(self) -> Quarantine:
        """What was refused and waits for a person."""
        return Quarantine(self.recorder.datastore)

    @contextmanager
    def writing(self, actor: str, wait_seconds: float = LEASE_WAIT_SECONDS) -> Generator[Writer]:
        """The writer, for as long as this process holds the ledger's lease. Views are brought up to date after it."""
        holder = f"{actor} pid {os.getpid()}"
        with Lease.take(self.database_url, self.schema, holder, wait_seconds) as lease:
            columns = Columns.open(self.columns_folder)
            state = LedgerState.load(columns if columns.position else None, self.recorder)
            with Writer(self.recorder, state, clock, lease.held) as writer, collecting_seldom():
                writer.open_books(self.name, TIMEZONE_DEFAULT, actor)
                yield writer


def ledger_names(settings: Settings) -> list[str]:
    """The ledgers of this database."""
    schemas = ledger_schemas(database_url(settings))
    return sorted(s.removeprefix(SCHEMA_PREFIX) for s in schemas if s.startswith(SCHEMA_PREFIX))


@contextmanager
def ledger_open(
    settings: Settings,
    name: str,
    actor: str,
    *,
    create: bool = False,
    history_complete: bool = False,
    rebuilding: bool = False,
) -> Generator[LedgerHandle]:
    """An open ledger, its schema brought up to date. With `create`, one that isn't there yet is made; with
    `history_complete` its days are closed from the beginning: nothing of earlier months is going to come. Days of a
    ledger of which some are closed stay as they are.

    Raises LedgerMissing; StateDiffers where its columns were built from another log (unless `rebuilding`).
    """
    settings.columns_folder(name)
    url = database_url(settings)
    schema = SCHEMA_PREFIX + name
    known = schema in ledger_schemas(url)
    if not known and not create:
        raise LedgerMissing(
            f"there is no ledger {name}; make it with `plumbline ledgers create {name}`, or import into it"
        )
    ledger_schema_create(url, schema)
    recorder = recorder_open(url, schema)
    try:
        handle = LedgerHandle(settings, name, url, recorder)
        if not rebuilding:
            columns_check(handle.columns(), recorder)
        if recorder.position_head() == 0 or (history_complete and days_never_closed(recorder)):
            with handle.writing(actor) as writer:
                # A start that died between the two has left the books open and no day closed.
                if history_complete and days_never_closed(recorder):
                    history_closed_check(writer.submit([history_close(actor)]))
        yield handle
    finally:
        recorder.close()


def days_never_closed(recorder: LogRecorder) -> bool:
    """Whether no day of the ledger was ever closed."""
    return not recorder.select_stream_back(STREAM_CALENDAR, 2**31 - 1, 1)


def history_close(actor: str) -> Request:
    """What closes the month before this one, as the first; from then on the service closes daily."""
    month_before = month_of(today_in(ZoneInfo(TIMEZONE_DEFAULT))) - 1
    return Request(CloseDays(day_text(month_last_day(month_before))), actor)


def history_closed_check(answers: list[Answer]) -> None:
    """Raises Refused where that was refused."""
    for answer in answers:
        if answer.status == "refused":
            raise Refused(answer.code, answer.reason, answer.field)


def ledger_drop(settings: Settings, name: str) -> None:
    """Throw a ledger away, log and all. For the demo's own ledger and for tests; no command offers it."""
    url = database_url(settings)
    with connect(url, autocommit=True) as connection:
        schema = SCHEMA_PREFIX + name
        if schema in ledger_schemas(url):
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(schema)))
    shutil.rmtree(settings.columns_folder(name), ignore_errors=True)

"""Holds a ledger's lease and its writer; while another process holds it, stays warm and waits."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import structlog
from eventsourcing.persistence import InterfaceError, OperationalError

from connectors.files.quarantine import Quarantine
from ledger.domain.commands import CloseDays, Request
from ledger.domain.errors import PlumblineError
from ledger.domain.values import day_of, day_text
from ledger.log.columns.reader import Columns
from ledger.log.lease import Lease, LeaseHeld
from ledger.log.reasons import database_reason
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import LedgerState, Writer, WriterStopped
from service.bootstrap import SCHEMA_PREFIX, clock
from service.serving.purging import PURGE_NEVER, PurgeRule, Purging
from service.settings import Settings

ACTOR_SERVICE: Final = "plumbline-serve"
LEASE_WAIT_SECONDS: Final = 1.0
"""How long a standby waits for the lease between two looks at the log: it gets the lease the moment it is free."""
LEASE_CHECK_SECONDS: Final = 0.25
"""How often the holder asks whether it still holds. An append of a holder that doesn't know yet that it is none is
harmless: its expected position, or that of the next holder, is then wrong, and one of them decides again."""
AGAIN_SECONDS: Final = 0.5
AGAIN_SECONDS_MAX: Final = 10.0
CLOSE_CHECK_SECONDS: Final = 30.0
DAYS_BEHIND_MAX: Final = 62
"""How many days the service closes by itself at most: those of this month and the one before."""
WARN_SECONDS: Final = 86_400.0
"""How often it is said that a ledger is never closed, or not up to lately."""
POOL_SIZE: Final = 3
POOL_WAIT_SECONDS: Final = 2.0
DATABASE_LOST: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)

_log: Any = structlog.get_logger("plumbline.keeper")


@dataclass(frozen=True, slots=True)
class CloseRule:
    """Whether days are closed by the service, and how many days after they are over.

    A ledger that was never closed is left alone, and so is one whose days are closed only up to some time ago: until a
    person has closed the days up to lately, its history may still be coming, and would be booked late.
    """

    after_days: int | None = 1

    def through(self, now: datetime, timezone: str, closed_day: int) -> str | None:
        """The last day to close now, YYYY-MM-DD; None where there is nothing to close. `closed_day` counts from 1970,
        below 0 where nothing was closed yet."""
        if closed_day < 0 or self.is_behind(now, timezone, closed_day):
            return None
        last = self._last(now, timezone)
        return day_text(last) if last is not None and last > closed_day else None

    def is_behind(self, now: datetime, timezone: str, closed_day: int) -> bool:
        """Whether so many days are to be closed that a person has to say that nothing of them is missing."""
        last = self._last(now, timezone)
        return last is not None and last - closed_day > DAYS_BEHIND_MAX

    def _last(self, now: datetime, timezone: str) -> int | None:
        if self.after_days is None:
            return None
        return day_of((now.astimezone(ZoneInfo(timezone)) - timedelta(days=self.after_days)).date())


class Keeper:
    """One ledger's writer in this process. `writer` is there while the lease is held.

    The state is read by `reading`, which others use, too; the writer has connections of its own, which nobody else can
    take. `changed(writer)` is called from the keeper's thread when a writer begins, with None when it has ended.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        database_url: str,
        reading: LogRecorder,
        close_rule: CloseRule,
        changed: Callable[[Writer | None], None],
        purge_rule: PurgeRule = PURGE_NEVER,
    ) -> None:
        self.name = name
        self.writer: Writer | None = None
        self.status = "starting"
        """A word for people: starting, standby, writing, or why there is no writer."""
        self._settings = settings
        self._database_url = database_url
        self._reading = reading
        self._schema = SCHEMA_PREFIX + name
        self._close_rule = close_rule
        self._warn_at = 0.0
        self._changed = changed
        self._purging = Purging(name, Quarantine(reading.datastore), purge_rule, ACTOR_SERVICE)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"keeper-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what waits, let the lease go, end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        again = AGAIN_SECONDS
        while not self._stopping.is_set():
            try:
                self._keep()
                again = AGAIN_SECONDS
            except DATABASE_LOST as error:
                self.status = "the database can't be reached"
                _log.warning(
                    "database lost", ledger=self.name, error=type(error).__name__, reason=database_reason(error)
                )
                again = AGAIN_SECONDS
            except PlumblineError as error:
                # Nothing is written on a state that is not the log's; it is built anew and compared again.
                self.status = f"{error.code}: {error}"
                _log.error("no writer", ledger=self.name, code=error.code, reason=str(error))
                again = min(again * 2, AGAIN_SECONDS_MAX)
            except Exception as error:
                self.status = f"failed: {type(error).__name__}"
                _log.error("keeper failed", ledger=self.name, exc_info=error)
                again = min(again * 2, AGAIN_SECONDS_MAX)
            self._stopping.wait(again)

    def _keep(self) -> None:
        """Load, wait for the lease, write until it is gone; returns when it is time to begin anew."""
        if self._reading.position_head() == 0:
            # Whoever creates a ledger opens its books under their own name.
            self.status = "the books are not opened yet"
            return
        columns = Columns.open(self._settings.columns_folder(self.name))
        state = LedgerState.load(columns if columns.position else None, self._reading)
        state.warm()
        holder = f"serve {socket.gethostname()} pid {os.getpid()}"
        while not self._stopping.is_set():
            try:
                lease = Lease.take(self._database_url, self._schema, holder, LEASE_WAIT_SECONDS)
            except LeaseHeld:
                self.status = "standby"
                state.catch_up(self._reading)
                continue
            with lease, recorder_open(self._database_url, self._schema, pool_size=POOL_SIZE) as recorder:
                recorder.datastore.pool.timeout = POOL_WAIT_SECONDS
                state.catch_up(recorder)
                self._write(Writer(recorder, state, clock, lease.alive), lease)
                return

    def _write(self, writer: Writer, lease: Lease) -> None:
        self.writer = writer
        self.status = "writing"
        _log.info("writer begins", ledger=self.name, position=writer.position)
        self._changed(writer)
        # What was just loaded stays: no collection needs to walk through it again, at a tenth of a second each.
        gc.collect()
        gc.freeze()
        try:
            close_at = 0.0
            while not self._stopping.wait(LEASE_CHECK_SECONDS):
                if writer.failed is not None:
                    raise writer.failed
                if not lease.held():
                    _log.warning("lease lost", ledger=self.name)
                    break
                now = clock()
                if now.timestamp() >= close_at:
                    close_at = now.timestamp() + CLOSE_CHECK_SECONDS
                    self._days_close(writer, now)
                self._purging.look(now, writer.state.book.timezone)
        finally:
            self.writer = None
            self.status = "stopped"
            self._changed(None)
            if self._stopping.is_set():
                writer.stop()
            else:
                writer.abort()
            _log.info("writer ended", ledger=self.name, position=writer.position)

    def _days_close(self, writer: Writer, now: datetime) -> None:
        book = writer.state.book
        if book.closed:
            return
        if self._close_rule.is_behind(now, book.timezone, book.closed_day) and now.timestamp() >= self._warn_at:
            self._warn_at = now.timestamp() + WARN_SECONDS
            if book.closed_day < 0:
                event, reason = "days never closed", "nobody has said up to when the history is complete;"
            else:
                event = "days not closed up to lately"
                reason = f"more than {DAYS_BEHIND_MAX} days are open, and history may still be coming; once it is complete,"
            _log.warning(event, ledger=self.name, reason=f"{reason} plumbline close --through DATE says it")
        through = self._close_rule.through(now, book.timezone, book.closed_day)
        if through is None:
            return
        try:
            [answer] = writer.submit([Request(CloseDays(through), ACTOR_SERVICE)])
        except (WriterStopped, *DATABASE_LOST) as error:
            _log.warning("days not closed", ledger=self.name, through=through, error=type(error).__name__, reason=database_reason(error))
            return
        if answer.status == "refused":
            _log.error("days not closed", ledger=self.name, through=through, code=answer.code, reason=answer.reason)
        else:
            _log.info("days closed", ledger=self.name, through=through, position=answer.position)

"""Feeds the views: reads the log by position, hands over batches, stores each view's position in the same
transaction.

Each view goes at its own pace from its own position: a new one fills itself from the first event, one that
fails stops alone. Two followers may run at once; a view's row in the table `view` decides who of them moves
it on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final, Protocol, runtime_checkable

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from ledger.log.codec import state_of
from ledger.log.columns.store import ColumnsBusy
from ledger.log.queries import queries_load
from ledger.log.recorder import LogRecorder
from projections.view import Batch, View

Progress = Callable[[str, int, int], None]
"""(view, its position, the position it is to reach)"""

_QUERIES = queries_load("projections.sql", "follower.sql")
_WAIT_SECONDS: Final = 0.5
_RECONNECT_SECONDS: Final = 0.5
_ERROR_LENGTH_MAX: Final = 2000


@runtime_checkable
class OwnPosition(Protocol):
    """A view that keeps its position itself, because it writes elsewhere than in the transaction."""

    def position_own(self) -> int:
        """The last position it has stored durably. Raises ColumnsBusy where another process writes it."""
        ...

    def rebuild_own(self, recorder: LogRecorder, until: int, progress: Progress) -> None:
        """Build it anew up to a position; its readers see the old one until the new one is whole."""
        ...

    def caught_up(self) -> None:
        """Nothing waits: a good time to tidy."""
        ...

    def close(self) -> None:
        """Let others write it."""
        ...


@dataclass(frozen=True, slots=True)
class ViewLag:
    """Where a view stands. `seconds`: how long ago the first event it has not seen was recorded, 0 when it
    has all."""

    name: str
    position: int
    behind: int
    seconds: float
    status: str
    error: str | None
    updated_at: datetime


def _quiet(view: str, position: int, target: int) -> None:
    """No progress shown."""


class Follower:
    """Follows one ledger with some views. One thread at a time; close it after use."""

    def __init__(self, recorder: LogRecorder, views: Sequence[View]) -> None:
        """Views that failed before are tried again. Raises ValueError where two have one name."""
        if len({view.name for view in views}) != len(views):
            raise ValueError("two views have the same name")
        self.recorder = recorder
        self.views = {view.name: view for view in views}
        self._positions: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._applied_at: dict[str, float] = {}

    def follow_once(self, until: int | None = None, progress: Progress = _quiet) -> dict[str, str]:
        """Bring every view to `until` (default: the head as it is now). Returns the errors of views that
        failed.

        A view that another process writes is left to it.
        """
        target = self.recorder.position_head() if until is None else until
        waiting = set(self.views)
        while waiting:
            batches: dict[tuple[int, int], Batch] = {}
            for name in [n for n in self.views if n in waiting]:
                if not self._step(self.views[name], target, batches, progress):
                    waiting.discard(name)
        for view in self.views.values():
            self._tidy(view)
        return dict(self._failed)

    def follow(self, stop: Event, progress: Progress = _quiet) -> None:
        """Follow the log until `stop` is set, woken by each append. Survives a database that goes away and
        returns."""
        while not stop.is_set():
            try:
                with self.recorder.datastore.get_connection() as listening:
                    listening.execute(SQL("LISTEN {}").format(Identifier(self.recorder.channel_name)))
                    try:
                        self._follow(listening, stop, progress)
                    finally:
                        if not listening.closed:
                            listening.execute("UNLISTEN *")
            except (OperationalError, InterfaceError):
                self._positions.clear()
                stop.wait(_RECONNECT_SECONDS)

    def rebuild(self, name: str, progress: Progress = _quiet) -> int:
        """Build a view anew beside the one that is read, then put it in its place in one transaction;
        returns its position. Its readers, and the other views, go on meanwhile. Raises KeyError for an
        unknown view, and whatever the view raises: then everything stays as it was."""
        view = self.views[name]
        if isinstance(view, OwnPosition):
            view.rebuild_own(self.recorder, self.recorder.position_head(), progress)
            position = view.position_own()
            with self._transaction() as (connection, _):
                connection.execute(_QUERIES["view_ensure"], {"name": name})
                connection.execute(_QUERIES["view_moved"], {"name": name, "position": position})
        else:
            position = self._rebuild_tables(view, progress)
        self._failed.pop(name, None)
        self._positions[name] = position
        return position

    def lag(self) -> list[ViewLag]:
        """Where the views stand, by name."""
        head = self.recorder.position_head()
        found: list[ViewLag] = []
        with self._transaction() as (connection, _):
            for name in self.views:
                connection.execute(_QUERIES["view_ensure"], {"name": name})
            rows = connection.cursor(row_factory=tuple_row).execute(_QUERIES["view_positions"]).fetchall()
        for name, position, status, error, updated_at in rows:
            if name in self.views:
                seconds = self._seconds_behind(position)
                behind = max(0, head - position)
                found.append(ViewLag(name, position, behind, seconds, status, error, updated_at))
        return found

    def close(self) -> None:
        """Let go of what views hold open."""
        for view in self.views.values():
            if isinstance(view, OwnPosition):
                view.close()

    def _follow(self, listening: Connection[Any], stop: Event, progress: Progress) -> None:
        while not stop.is_set():
            target = self.recorder.position_head()
            batches: dict[tuple[int, int], Batch] = {}
            moved = False
            for view in self.views.values():
                since = time.monotonic() - self._applied_at.get(view.name, 0.0)
                if view.name not in self._failed and since >= view.pause_seconds:
                    if self._step(view, target, batches, progress):
                        moved = True
                        self._applied_at[view.name] = time.monotonic()
                    else:
                        self._tidy(view)
            if not moved:
                for _ in listening.notifies(timeout=_WAIT_SECONDS, stop_after=1):
                    pass

    def _step(
        self, view: View, target: int, batches: dict[tuple[int, int], Batch], progress: Progress
    ) -> bool:
        """One batch for one view; False when there was nothing to do, or nothing can be done."""
        if view.name in self._failed:
            return False
        try:
            position = self._position(view)
        except ColumnsBusy:
            return False
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            self._fail(view, error)
            return False
        if position >= target:
            return False
        key = (position, view.batch_events)
        if key not in batches:
            batches[key] = Batch(self.recorder.select_range(*key, stop=target))
        batch = batches[key]
        failure: Exception | None = None
        with self.recorder.datastore.get_connection() as connection:
            try:
                with connection.transaction():
                    if not self._apply(view, position, batch, connection):
                        return True
            except Exception as error:
                if connection.closed:
                    raise
                failure = error
        if failure is not None:
            self._fail(view, failure)
            return False
        self._positions[view.name] = batch.position_last
        progress(view.name, batch.position_last, target)
        return True

    def _apply(self, view: View, position: int, batch: Batch, connection: Connection[Any]) -> bool:
        """Apply and store the position; False where another follower was here first."""
        if not isinstance(view, OwnPosition):
            stored = _locked(connection, view.name)
            if stored != position:
                self._positions[view.name] = stored
                return False
        view.apply(batch, connection)
        connection.execute(_QUERIES["view_moved"], {"name": view.name, "position": batch.position_last})
        return True

    def _position(self, view: View) -> int:
        position = self._positions.get(view.name)
        if position is None:
            with self._transaction() as (connection, _):
                connection.execute(_QUERIES["view_ensure"], {"name": view.name})
                position = _locked(connection, view.name)
                if isinstance(view, OwnPosition):
                    position = view.position_own()
                    connection.execute(_QUERIES["view_moved"], {"name": view.name, "position": position})
            self._positions[view.name] = position
        return position

    def _fail(self, view: View, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}".replace("\x00", "")[:_ERROR_LENGTH_MAX]
        self._failed[view.name] = text
        self._positions.pop(view.name, None)
        with self._transaction() as (connection, _):
            connection.execute(_QUERIES["view_failed"], {"name": view.name, "error": text})

    def _tidy(self, view: View) -> None:
        if isinstance(view, OwnPosition) and view.name not in self._failed and view.name in self._positions:
            try:
                view.caught_up()
            except Exception as error:
                self._fail(view, error)

    def _rebuild_tables(self, view: View, progress: Progress) -> int:
        names = {"name": view.name}
        schema = self.recorder.datastore.schema
        with self._transaction() as (connection, cursor):
            connection.execute(_QUERIES["view_ensure"], names)
            row = cursor.execute(_QUERIES["shadow_create"], names).fetchone()
            assert row is not None
            shadow = row[0]
        position = 0

        def fill(connection: Connection[Any], position: int, target: int) -> int:
            connection.execute(_QUERIES["shadow_use"], {"shadow": shadow, "schema": schema})
            batch = Batch(self.recorder.select_range(position, view.batch_events, stop=target))
            view.apply(batch, connection)
            progress(view.name, batch.position_last, target)
            return batch.position_last

        target = self.recorder.position_head()
        while position < target:
            with self._transaction() as (connection, _):
                position = fill(connection, position, target)
        with self._transaction() as (connection, _):
            # From here on the old one stands still, and the new one must not stand before it.
            target = _locked(connection, view.name)
            while position < target:
                position = fill(connection, position, target)
            connection.execute(_QUERIES["shadow_swap"], names)
            connection.execute(_QUERIES["view_moved"], {**names, "position": position})
        return position

    def _seconds_behind(self, position: int) -> float:
        rows = self.recorder.select_range(position, 1)
        if not rows:
            return 0.0
        recorded_at = datetime.fromisoformat(state_of(rows[0][3], rows[0][4])["recorded_at"])
        return max(0.0, (datetime.now(UTC) - recorded_at).total_seconds())

    @contextmanager
    def _transaction(self) -> Generator[tuple[Connection[Any], psycopg.Cursor[Any]]]:
        with (
            self.recorder.datastore.get_connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            yield connection, cursor


def _locked(connection: Connection[Any], name: str) -> int:
    """The view's position, its row locked until the transaction ends."""
    row = connection.cursor(row_factory=tuple_row).execute(_QUERIES["view_lock"], {"name": name}).fetchone()
    if row is None:
        raise LookupError(f"the view {name} is not entered in the table of views; start the follower again")
    return row[0]

"""Feeds the views: reads the log by position, hands over batches, stores each view's position in the same
transaction.

Each view goes at its own pace from its own position: a new one fills itself from the first event, one that
fails stops alone. Two followers may run at once; a view's row in the table `view` decides who of them moves
it on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any, Final, cast

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from ledger.log.arrays import TextArray
from ledger.log.collector import collection_deferred
from ledger.log.columns.store import ColumnsBusy
from ledger.log.queries import queries_load
from ledger.log.recorder import LogRecorder
from projections.batches import Batches
from projections.lags import ViewLag, lags_read
from projections.passing import connection_lost, passing
from projections.rebuilding import rebuild_lock, rebuild_runs, tables_rebuild, transaction, view_locked
from projections.view import Batch, OwnPosition, Progress, TopicsOnly, View

_QUERIES = queries_load("projections.sql", "follower.sql")
_WAIT_SECONDS: Final = 0.5
_RECONNECT_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 0.1
_AGAIN_SECONDS_MAX: Final = 10.0
_ERROR_LENGTH_MAX: Final = 2000
_STEPS_AT_ONCE: Final = 2
_LOOK_SECONDS: Final = 1.0
"""How often a follower looks what others have done to its views."""
_LEND_SECONDS_MAX: Final = 30.0
"""How long a rebuild waits for the follower to let go of what it holds open: it may have a batch under way."""


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
        self._batches = Batches(recorder)
        self._reading = Lock()
        self._entered = False
        self._lent: set[str] = set()
        self._looked_at = 0.0
        self._seen: tuple[float, list[ViewLag]] = 0.0, []
        """When it was last looked where the views stand, and where."""
        self.trying_again: dict[str, str] = {}
        """Views whose last batch met an error that passes by itself, and which; they are tried again."""
        self._again: dict[str, tuple[int, float]] = {}
        self._threads = ThreadPoolExecutor(_STEPS_AT_ONCE, thread_name_prefix="view")

    def follow_once(self, until: int | None = None, progress: Progress = _quiet) -> dict[str, str]:
        """Bring every view to `until` (default: the head as it is now). Returns the errors of views that
        failed.

        A view that another process writes is left to it. Deadlocks and timeouts are tried again; raises what the
        driver raises where the database goes away.
        """
        target = self.recorder.position_head() if until is None else until
        waiting = set(self.views)
        while waiting:
            stepped = self._steps([v for n, v in self.views.items() if n in waiting], target, progress)
            waiting = {name for name, again in stepped.items() if again}
            if waiting and waiting <= self.trying_again.keys():
                time.sleep(_AGAIN_SECONDS)
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
                    listening.execute(_QUERIES["follow_lock"])
                    try:
                        self._follow(listening, stop, progress)
                    finally:
                        if not listening.closed:
                            listening.execute("UNLISTEN *")
                            listening.execute(_QUERIES["follow_release"])
            except Exception as error:
                if not passing(error):
                    raise
                self._positions.clear()
                stop.wait(_RECONNECT_SECONDS)

    def rebuild(self, name: str, progress: Progress = _quiet) -> int:
        """Build a view anew beside the one that is read, then put it in its place in one transaction;
        returns its position. Its readers, and the other views, go on meanwhile. Raises KeyError for an
        unknown view, RebuildBusy where another rebuilds it, and ViewFailed where the view can't take in an event: then
        everything stays as it was."""
        view = self.views[name]
        with rebuild_lock(self.recorder.datastore, name):
            if isinstance(view, OwnPosition):
                position = self._rebuild_own(view, name, progress)
            else:
                position = tables_rebuild(self.recorder, view, progress)
        self._failed.pop(name, None)
        self._positions[name] = position
        return position

    def lag(self) -> list[ViewLag]:
        """Where the views stand, by name, whoever moves them: one short query. From any thread."""
        names = list(self.views)
        with transaction(self.recorder.datastore) as (connection, cursor):
            if not self._entered:
                for name in names:
                    connection.execute(_QUERIES["view_ensure"], {"name": name})
                self._entered = True
            return lags_read(cursor, names)

    def lag_seen(self, seconds: float) -> list[ViewLag]:
        """`lag`, up to so many seconds old: where the follower has just looked itself, no other connection is taken."""
        at, lags = self._seen
        return lags if lags and time.monotonic() - at <= seconds else self.lag()

    def close(self) -> None:
        """Let go of what views hold open."""
        self._threads.shutdown()
        self._batches.close()
        for view in self.views.values():
            if isinstance(view, OwnPosition):
                view.close()

    def _follow(self, listening: Connection[Any], stop: Event, progress: Progress) -> None:
        while not stop.is_set():
            # On the connection that is held in any case: a follower that has nothing to do takes no other.
            target = self.recorder.position_head(listening)
            if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
                self._look(listening)
                self._looked_at = time.monotonic()
            due = [view for view in self._followed() if not self._gathers_seconds(view, target)]
            stepped = self._steps(due, target, progress)
            for name, again in stepped.items():
                if again:
                    self._applied_at[name] = time.monotonic()
                else:
                    self._tidy(self.views[name])
            if not any(again and name not in self.trying_again for name, again in stepped.items()):
                self._wait(listening, stop, target)

    def _wait(self, listening: Connection[Any], stop: Event, target: int) -> None:
        """Wait until a view may take in what comes. While all of them gather, nobody asks what came."""
        left = {view.name: self._gathers_seconds(view, target) for view in self._followed()}
        first = min(left.values(), default=0.0)
        if first:
            stop.wait(first)
            return
        behind = [seconds for name, seconds in left.items() if seconds and self._positions.get(name, -1) < target]
        for _ in listening.notifies(timeout=min([_WAIT_SECONDS, *behind]), stop_after=1):
            pass

    def _followed(self) -> list[View]:
        return [view for name, view in self.views.items() if name not in self._failed and name not in self._lent]

    def _gathers_seconds(self, view: View, target: int) -> float:
        """For how long a view still gathers events; 0 once a whole batch waits for it."""
        if target - self._positions.get(view.name, target) >= view.batch_events:
            return 0.0
        return max(0.0, self._applied_at.get(view.name, 0.0) + view.pause_seconds - time.monotonic())

    def _look(self, connection: Connection[Any]) -> None:
        """See what others have done: a view that failed here and was rebuilt by another goes on; one that keeps files
        is let go of while another rebuilds it."""
        own = [name for name, view in self.views.items() if isinstance(view, OwnPosition)]
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            if self._failed:
                failed = cursor.execute(_QUERIES["views_failed"], {"names": list(self._failed)}).fetchall()
                for name in self._failed.keys() - {name for (name,) in failed}:
                    del self._failed[name]
            self._seen = time.monotonic(), lags_read(cursor, list(self.views))
            lent = {name for name in own if rebuild_runs(connection, self.recorder.datastore.schema, name)}
        for name in lent:
            self._positions.pop(name, None)
            cast(OwnPosition, self.views[name]).close()
        self._lent = lent

    def _steps(self, views: Sequence[View], target: int, progress: Progress) -> dict[str, bool]:
        """One batch for each of some views, two at a time: while the database stores one, another is added up."""
        batches: dict[tuple[int, int], Batch] = {}
        stepped = {view.name: False for view in views}
        views = [view for view in views if self._positions.get(view.name, -1) < target]
        for name in self._passed_by(views, target, batches):
            progress(name, self._positions[name], target)
            stepped[name] = True
        views = [view for view in views if not stepped[view.name]]
        if len(views) < 2:
            return stepped | {view.name: self._step(view, target, batches, progress) for view in views}
        steps = {v.name: self._threads.submit(self._step, v, target, batches, progress) for v in views}
        wait(steps.values())
        return stepped | {name: step.result() for name, step in steps.items()}

    def _passed_by(self, views: Sequence[View], target: int, batches: dict[tuple[int, int], Batch]) -> list[str]:
        """Move those on that nothing in their next batch concerns, in one round trip for all that stand together."""
        together: dict[tuple[int, int], list[str]] = {}
        for view in views:
            position = self._positions.get(view.name)
            if position is not None and view.name not in self._again and isinstance(view, TopicsOnly):
                together.setdefault((position, view.batch_events), []).append(view.name)
        passed: list[str] = []
        for (position, _), names in together.items():
            try:
                batch = self._batch(self.views[names[0]], position, target, batches)
                names = [name for name in names if not batch.concerns(self.views[name])]
                if names:
                    with self.recorder.datastore.get_connection() as connection:
                        moved = self._moved_on(connection, names, position, batch.position_last)
                    self._positions.update(dict.fromkeys(moved, batch.position_last))
                    passed += moved
            except Exception as error:
                if connection_lost(error):
                    raise
                # Anything else each view's own step meets again, and says of that view what is to be said.
        return passed

    def _step(self, view: View, target: int, batches: dict[tuple[int, int], Batch], progress: Progress) -> bool:
        """One batch for one view; False when there was nothing to do, or nothing can be done."""
        name = view.name
        if name in self._failed:
            return False
        if name in self._again and time.monotonic() < self._again[name][1]:
            return True
        connection: Connection[Any] | None = None
        try:
            position = self._position(view)
            if position >= target:
                self._recovered(name)
                return False
            batch = self._batch(view, position, target, batches)
            with self.recorder.datastore.get_connection() as connection, connection.transaction():
                if not self._apply(view, position, batch, connection):
                    return True
        except ColumnsBusy:
            return False
        except Exception as error:
            self._positions.pop(name, None)  # some may be stored, or nothing; the next step looks
            if connection_lost(error, connection):
                raise
            if passing(error, connection):
                self._try_again(name, error)
                return True
            self._fail(view, error)
            return False
        self._recovered(name)
        self._positions[name] = batch.position_last
        progress(name, batch.position_last, target)
        return True

    def _batch(self, view: View, position: int, target: int, batches: dict[tuple[int, int], Batch]) -> Batch:
        """The next events for a view; views at one position share them."""
        key = (position, view.batch_events)
        with self._reading:
            batch = batches.get(key)
            if batch is None:
                shared = not isinstance(view, OwnPosition)
                batch = batches[key] = self._batches.read(*key, stop=target, ahead=shared)
            return batch

    def _try_again(self, name: str, error: Exception) -> None:
        """Put a view off for a moment, a longer one each time."""
        times = self._again.get(name, (0, 0.0))[0] + 1
        wait = min(_AGAIN_SECONDS_MAX, _AGAIN_SECONDS * 2 ** min(times - 1, 10))
        self._again[name] = (times, time.monotonic() + wait)
        self.trying_again[name] = _error_text(error)

    def _recovered(self, name: str) -> None:
        self._again.pop(name, None)
        self.trying_again.pop(name, None)

    def _apply(self, view: View, position: int, batch: Batch, connection: Connection[Any]) -> bool:
        """Apply and store the position; False where another follower was here first."""
        if isinstance(view, OwnPosition):
            view.apply(batch, connection)
            connection.execute(_QUERIES["view_moved"], {"name": view.name, "position": batch.position_last})
            return True
        if not self._moved_on(connection, [view.name], position, batch.position_last):
            return False
        if batch.concerns(view):
            # Not for a view with files: it merges them now and then, which takes too long to put anything off.
            with collection_deferred():
                view.apply(batch, connection)
        return True

    def _moved_on(self, connection: Connection[Any], names: Sequence[str], before: int, position: int) -> list[str]:
        """Those of some views that still stood at a position, now at another. Where the others stand is looked up when
        it is needed: another follower moves them."""
        params = {"names": TextArray(names), "before": before, "position": position}
        with connection.cursor(row_factory=tuple_row) as cursor:
            moved = [name for (name,) in cursor.execute(_QUERIES["views_moved_on"], params)]
        for name in set(names).difference(moved):
            self._positions.pop(name, None)
        return moved

    def _position(self, view: View) -> int:
        position = self._positions.get(view.name)
        if position is None:
            with transaction(self.recorder.datastore) as (connection, _):
                connection.execute(_QUERIES["view_ensure"], {"name": view.name})
                position = view_locked(connection, view.name)
                if isinstance(view, OwnPosition):
                    position = view.position_own()
                    connection.execute(_QUERIES["view_moved"], {"name": view.name, "position": position})
            self._positions[view.name] = position
        return position

    def _rebuild_own(self, view: OwnPosition, name: str, progress: Progress) -> int:
        deadline = time.monotonic() + _LEND_SECONDS_MAX
        while True:
            try:
                position = view.rebuild_own(self.recorder, self.recorder.position_head(), progress)
                break
            except ColumnsBusy:
                # A follower that sees the rebuild's lock lets go.
                if time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_SECONDS)
        with transaction(self.recorder.datastore) as (connection, _):
            connection.execute(_QUERIES["view_ensure"], {"name": name})
            connection.execute(_QUERIES["view_moved"], {"name": name, "position": position})
        return position

    def _fail(self, view: View, error: Exception) -> None:
        text = _error_text(error)
        self._recovered(view.name)
        self._positions.pop(view.name, None)
        # First where others see it: without that the view is tried again, and fails again.
        with transaction(self.recorder.datastore) as (connection, _):
            connection.execute(_QUERIES["view_failed"], {"name": view.name, "error": text})
        self._failed[view.name] = text

    def _tidy(self, view: View) -> None:
        if isinstance(view, OwnPosition) and view.name not in self._failed and view.name in self._positions:
            try:
                view.caught_up()
            except Exception as error:
                if connection_lost(error):
                    raise
                self._fail(view, error)


def _error_text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:_ERROR_LENGTH_MAX]

"""Builds the tables of one view anew beside those that are read, then puts them in their place in one transaction.

One rebuild of a view at a time: whoever builds holds a lock of the database from the first event to the end. Whether
the tables that are filled are still its own is looked at again before each commit, should that lock be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.errors import PlumblineError
from ledger.log.collector import collection_deferred
from ledger.log.datastore import LogDatastore
from ledger.log.queries import queries_load
from ledger.log.recorder import LogRecorder
from projections.batches import Batches
from projections.passing import passing
from projections.places import ViewFailed
from projections.view import Batch, Progress, Summing, TopicsOnly, View

_QUERIES = queries_load("projections.sql", "follower.sql")
_TIMES: Final = 5
"""So many more positions at once where a rebuild reads some events of them only."""
SUMS_MAX: Final = 200_000
"""Of a view that adds up, so many rows are kept in memory before they are stored, and those of one batch more."""


class RebuildBusy(PlumblineError):
    """A view is being built anew already."""

    code = "REBUILD_BUSY"

    def __init__(self, view: str) -> None:
        super().__init__(f"the view {view} is being rebuilt already; wait until that is done")


@contextmanager
def rebuild_lock(datastore: LogDatastore, view: str) -> Generator[None]:
    """While this lasts, nobody else rebuilds the view. Raises RebuildBusy."""
    names = {"schema": datastore.schema, "name": view}
    with datastore.get_connection() as connection:
        if not _scalar(connection, "rebuild_try", names):
            raise RebuildBusy(view)
        try:
            yield
        finally:
            # A lost connection has let go already.
            with suppress(psycopg.OperationalError):
                connection.execute(_QUERIES["rebuild_release"], names)


def rebuild_runs(connection: Connection[Any], schema: str, view: str) -> bool:
    """Whether somebody rebuilds a view just now."""
    return _scalar(connection, "rebuild_runs", {"schema": schema, "name": view})


def tables_rebuild(recorder: LogRecorder, view: View, progress: Progress) -> int:
    """Rebuild a view; the position it is built to. To be called with its `rebuild_lock` held.

    Raises RebuildBusy where another rebuild has taken the tables away, ViewFailed where the view can't take in an
    event: then everything stays as it was.
    """
    names = {"name": view.name}
    datastore = recorder.datastore
    with transaction(datastore) as (connection, _), errors_own(view.name, 0):
        connection.execute(_QUERIES["view_ensure"], names)
        shadow: str = _scalar(connection, "shadow_create", names)
        path = {"shadow": shadow, "schema": datastore.schema}
        connection.execute(_QUERIES["shadow_use"], path)
        tables = _tables(connection, view.name)
    position = 0
    topics = view.topics if isinstance(view, TopicsOnly) else None
    limit = view.batch_events * (1 if topics is None else _TIMES)
    batches = Batches(recorder)

    take, store = _taker(view)

    def fill(connection: Connection[Any], position: int, target: int) -> int:
        connection.execute(_QUERIES["shadow_use"], path)
        batch = batches.read(position, limit, target, topics=topics)
        with collection_deferred(), errors_own(view.name, position):
            if batch.events:
                take(batch, connection)
            if batch.position_last == target:
                store(connection)
        _tables_check(connection, view.name, tables)
        progress(view.name, batch.position_last, target)
        return batch.position_last

    try:
        target = recorder.position_head()
        while position < target:
            with transaction(datastore) as (connection, _):
                position = fill(connection, position, target)
        with transaction(datastore) as (connection, _):
            # From here on the old one stands still, and the new one must not stand before it.
            target = view_locked(connection, view.name)
            while position < target:
                position = fill(connection, position, target)
            connection.execute(_QUERIES["shadow_swap"], names)
            _tables_check(connection, view.name, tables)
            connection.execute(_QUERIES["view_moved"], {**names, "position": position})
    finally:
        batches.close()
    return position


def _taker(view: View) -> tuple[Callable[[Batch, Connection[Any]], None], Callable[[Connection[Any]], None]]:
    """How a rebuild has a view take a batch in, and store what is kept yet."""
    if not isinstance(view, Summing):
        return view.apply, lambda _: None
    sums = view.sums()

    def store(connection: Connection[Any]) -> None:
        nonlocal sums
        sums.store(connection)
        sums = view.sums()

    def take(batch: Batch, connection: Connection[Any]) -> None:
        sums.take(batch)
        if len(sums) >= SUMS_MAX:
            store(connection)

    return take, store


@contextmanager
def errors_own(view: str, position: int) -> Generator[None]:
    """What a view at this position raises of its own is raised as ViewFailed; what passes by itself, as it is."""
    try:
        yield
    except Exception as error:
        if passing(error):
            raise
        raise ViewFailed(view, position, f"{type(error).__name__}: {error}") from error


@contextmanager
def transaction(datastore: LogDatastore) -> Generator[tuple[Connection[Any], psycopg.Cursor[Any]]]:
    """A transaction of its own, with a cursor that gives tuples."""
    with (
        datastore.get_connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        yield connection, cursor


def view_locked(connection: Connection[Any], name: str) -> int:
    """The view's position, its row locked until the transaction ends."""
    row = connection.cursor(row_factory=tuple_row).execute(_QUERIES["view_lock"], {"name": name}).fetchone()
    if row is None:
        raise LookupError(f"the view {name} is not entered in the table of views; start the follower again")
    return row[0]


def _tables(connection: Connection[Any], view: str) -> Sequence[int]:
    """Which tables the names of a view's tables mean in this transaction."""
    return _scalar(connection, "view_tables", {"name": view})


def _tables_check(connection: Connection[Any], view: str, tables: Sequence[int]) -> None:
    """Raises RebuildBusy unless the names still mean these tables. One that is dropped never comes back: if they do
    now, they did for all that this transaction has written."""
    if _tables(connection, view) != tables:
        raise RebuildBusy(view)


def _scalar(connection: Connection[Any], query: str, params: dict[str, Any]) -> Any:
    row = connection.cursor(row_factory=tuple_row).execute(_QUERIES[query], params).fetchone()
    assert row is not None
    return row[0]

"""The columns as a view: Parquet files that replay reads, with their position in their own manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.values import customer_number
from ledger.log.codec import state_of
from ledger.log.columns.builder import ColumnsBuilder, Fetch
from ledger.log.columns.store import ColumnsStore
from ledger.log.queries import queries_load
from ledger.log.recorder import LogRecorder
from projections.rebuilding import errors_own
from projections.view import Batch

_QUERIES = queries_load("projections.sql", "columns.sql")


class ColumnsView:
    """Writes the columns into a folder. From the first event it takes until `close`, no other process can."""

    name = "columns"
    batch_events = 50_000
    pause_seconds = 3.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store: ColumnsStore | None = None
        self._builder: ColumnsBuilder | None = None

    def position_own(self) -> int:
        """The manifest's position. Raises ColumnsBusy, ColumnsDamaged."""
        return self._opened().position

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Write a segment. It is durable when this returns, whatever becomes of the transaction."""
        store = self._opened()
        try:
            self._store_batch(store, batch, _fetch_from(transaction))
            store.compact()
        except BaseException:
            self._builder = None  # it may stand between two events: begin again from what is stored
            raise

    def rebuild_own(
        self, recorder: LogRecorder, until: int, progress: Callable[[str, int, int], None]
    ) -> int:
        """Write all segments anew beside the old ones; one new manifest puts them in their place. Its position.

        Raises ViewFailed where an event or the disk stands in the way.
        """
        self.close()
        with ColumnsStore(self.folder, rebuild=True) as store:
            while store.position < until:
                batch = Batch(recorder.select_range(store.position, self.batch_events, stop=until))
                with recorder.datastore.get_connection() as connection, errors_own(self.name, store.position):
                    self._store_batch(store, batch, _fetch_from(connection))
                store.compact()
                progress(self.name, store.position, until)
            store.compact(idle=True)
            store.rebuilt()
        self._builder = None
        return store.position

    def caught_up(self) -> None:
        """Merge segments while nothing waits."""
        self._opened().compact(idle=True)

    def close(self) -> None:
        """Let another process write the columns."""
        store, self._store, self._builder = self._store, None, None
        if store is not None:
            store.close()

    def _opened(self) -> ColumnsStore:
        if self._store is None:
            self._store = ColumnsStore(self.folder)
        return self._store

    def _store_batch(self, store: ColumnsStore, batch: Batch, fetch: Fetch) -> None:
        if self._builder is None:
            self._builder = store.builder()
        builder = self._builder
        data = builder.apply((e for e in batch.events if e[0] > builder.book.position), fetch)
        store.append(data, builder.book, builder.vocabulary)


def _fetch_from(connection: Connection[Any]) -> Fetch:
    def fetch(position: int) -> tuple[int, Mapping[str, Any]]:
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(_QUERIES["event"], {"position": position}).fetchone()
        if row is None:
            raise LookupError(f"the log has no event at position {position}")
        stream, topic, state = row
        return customer_number(stream), state_of(topic, state)

    return fetch

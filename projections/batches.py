"""Reads the log in batches, the next one while the present one is being stored."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, cast

from psycopg.rows import tuple_row

from ledger.log.collector import collection_deferred
from ledger.log.queries import queries_load
from ledger.log.recorder import EventRow, LogRecorder
from projections.view import Batch

_QUERIES = queries_load("projections.sql", "follower.sql")
_GROUPS_MAX: Final = 4

_Key = tuple[int, int, int]


class Batches:
    """Batches of one log for whoever goes through it in order. One thread at a time; close it after use."""

    def __init__(self, recorder: LogRecorder) -> None:
        self.recorder = recorder
        self._ahead: dict[_Key, Future[Batch]] = {}
        self._thread: ThreadPoolExecutor | None = None

    def read(
        self, after: int, limit: int, stop: int, *, topics: Sequence[str] | None = None, ahead: bool = True
    ) -> Batch:
        """The next events after a position, at most `limit` positions and none beyond `stop`; `after` < `stop`.

        With `topics` only events of these names, but the batch reaches as far as without. `ahead`: decode it, and begin
        to read what follows, to be asked for with the same arguments.
        """
        group = hash(None if topics is None else tuple(topics))
        waiting = self._ahead.pop((after, limit, group), None)
        batch = self._read_decoded(after, limit, stop, topics, ahead) if waiting is None else waiting.result()
        if ahead and batch.position_last < stop:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="log-ahead")
            if len(self._ahead) >= _GROUPS_MAX:
                self._forget()
            self._ahead[batch.position_last, limit, group] = self._thread.submit(
                self._read_decoded, batch.position_last, limit, stop, topics, True
            )
        return batch

    def close(self) -> None:
        """Wait for what is being read, and forget it."""
        self._forget()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()

    def _forget(self) -> None:
        for future in self._ahead.values():
            future.cancel()
        self._ahead.clear()

    def _read_decoded(self, after: int, limit: int, stop: int, topics: Sequence[str] | None, decode: bool) -> Batch:
        batch = self._read(after, limit, stop, topics)
        if not decode:
            return batch
        # An event that cannot be read stops the views that look at it, not the reading: they meet it again.
        with suppress(Exception), collection_deferred():
            _ = batch.of_customers
        return batch

    def _read(self, after: int, limit: int, stop: int, topics: Sequence[str] | None) -> Batch:
        if topics is None:
            return Batch(self.recorder.select_range(after, limit, stop=stop))
        last = min(after + limit, stop)  # positions have no gaps
        with (
            self.recorder.datastore.get_connection() as connection,
            connection.cursor(binary=True, row_factory=tuple_row) as cursor,
        ):
            params = {"after": after, "last": last, "topics": list(topics)}
            rows = cursor.execute(_QUERIES["events_of_topics"], params, prepare=True).fetchall()
        return Batch(cast(list[EventRow], rows), position_last=last)

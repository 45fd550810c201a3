"""Positions in SQLite. Needs nothing beyond Python."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plumbline_client.subscribing.places import BlockingPositions, Place, statements
from plumbline_client.subscribing.subscription import Subscription

_SQL = statements("sqlite")
BUSY_SECONDS = 30.0


class SqlitePositions(BlockingPositions[sqlite3.Connection]):
    """Keeps places in the table `plumbline_position` of a file, and makes that table where it is missing.

    A handler gets the connection, within the transaction. Of several processes with the same subscription one works,
    the others wait until it ends: it holds a lock on a second file beside (`<file>.<ledger>.<subscription>.lock`).
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self._path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None

    def claim(self, subscription: Subscription) -> Place | None:
        """See `BlockingPositions`."""
        self._lock = self._lock or self._locked(subscription)
        if self._lock is None:
            return None
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_SQL["create"])
        names = _names(subscription)
        fresh = {**names, "position": subscription.after, "follows": subscription.follows}
        self._connection.execute(_SQL["begin"], fresh)
        return Place(*self._connection.execute(_SQL["read"], names).fetchone())

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """See `BlockingPositions`."""
        assert self._connection is not None, "the store is not open"
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            # Some errors of SQLite have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def place_move(
        self, transaction: sqlite3.Connection, subscription: Subscription, before: Place, after: Place
    ) -> bool:
        """See `BlockingPositions`."""
        moved_to = {"position": after.position, "durable": after.durable, "before": before.position}
        return transaction.execute(_SQL["move"], {**_names(subscription), **moved_to}).rowcount == 1

    def release(self) -> None:
        """See `BlockingPositions`."""
        for connection in (self._connection, self._lock):
            if connection is not None:
                connection.close()
        self._connection = self._lock = None

    def _locked(self, subscription: Subscription) -> sqlite3.Connection | None:
        """A lock that ends with this process, as SQLite itself locks files on every platform."""
        name = f"{self._path.name}.{subscription.ledger}.{subscription.name}.lock"
        lock = sqlite3.connect(self._path.with_name(name), timeout=0.0, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            lock.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return None
        return lock


def _names(subscription: Subscription) -> dict[str, Any]:
    return {"subscription": subscription.name, "ledger": subscription.ledger}

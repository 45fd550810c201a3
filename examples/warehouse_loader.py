"""Loads a ledger's events into a warehouse: DuckDB for what is recent, Parquet files for the rest. 数据仓库装载。

New events go into the table `recent`, with the position in the same transaction. When it has enough of them they are
written to a Parquet file, and leave the table in the transaction that enters the file: so the view `events` has each
event once, whatever is killed when. Files are named for their positions; one that is not entered is overwritten.

    python warehouse_loader.py --folder warehouse --nats "$PLUMBLINE_NATS_URL"
    duckdb warehouse/warehouse.duckdb 'SELECT type, count(*) FROM events GROUP BY type'
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
from plumbline_client.subscribing import BlockingPositions, LedgerEvent, Place, Subscriber, Subscription

FILE_EVENTS: Final = 100_000
BATCH_EVENTS: Final = 1_000
TABLES: Final = """
CREATE TABLE IF NOT EXISTS recent (
    position BIGINT, id VARCHAR, type VARCHAR, customer VARCHAR, recorded TIMESTAMPTZ, dataschema VARCHAR, data JSON
);
CREATE TABLE IF NOT EXISTS file (name VARCHAR, position_first BIGINT, position_last BIGINT);
CREATE TABLE IF NOT EXISTS place (
    subscription VARCHAR, ledger VARCHAR, position BIGINT, durable VARCHAR, follows VARCHAR
);
CREATE OR REPLACE VIEW events AS SELECT * FROM recent;
"""

INSERT: Final = """
INSERT INTO recent SELECT
    unnest($1::BIGINT[]), unnest($2::VARCHAR[]), unnest($3::VARCHAR[]), unnest($4::VARCHAR[]),
    unnest($5::TIMESTAMPTZ[]), unnest($6::VARCHAR[]), unnest($7::JSON[])
"""


class Warehouse(BlockingPositions[duckdb.DuckDBPyConnection]):
    """A folder with a DuckDB database, which keeps the place as well, and Parquet files. DuckDB lets one process in."""

    def __init__(self, folder: Path, file_events: int = FILE_EVENTS) -> None:
        super().__init__()
        self._folder = folder
        self._file_events = file_events
        self._connection: duckdb.DuckDBPyConnection | None = None

    def claim(self, subscription: Subscription) -> Place | None:
        """Open the database; None while another process has it."""
        names = [subscription.name, subscription.ledger]
        if self._connection is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = duckdb.connect(self._folder / "warehouse.duckdb")
            except duckdb.IOException:
                return None
            self._connection.execute(TABLES)
            self._view(self._connection)
        query = "SELECT position, durable, follows FROM place WHERE subscription = ? AND ledger = ?"
        found = self._connection.execute(query, names).fetchone()
        if found is not None:
            return Place(*found)
        place = Place(subscription.after, "", subscription.follows)
        row = [*names, place.position, place.durable, place.follows]
        self._connection.execute("INSERT INTO place VALUES (?, ?, ?, ?, ?)", row)
        return place

    @contextmanager
    def transaction(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A transaction of the database."""
        assert self._connection is not None, "the warehouse is not open"
        self._connection.begin()
        try:
            yield self._connection
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def place_move(
        self, transaction: duckdb.DuckDBPyConnection, subscription: Subscription, before: Place, after: Place
    ) -> bool:
        """Set the place if it is still where it was."""
        moved = transaction.execute(
            "UPDATE place SET position = ?, durable = ? WHERE subscription = ? AND ledger = ? AND position = ?",
            [after.position, after.durable, subscription.name, subscription.ledger, before.position],
        ).fetchone()
        return moved == (1,)

    def release(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def load(self, events: Sequence[LedgerEvent], transaction: duckdb.DuckDBPyConnection) -> None:
        """The handler: put events into the table, and empty that into a file when it is full."""
        data = [json.dumps(e.data, ensure_ascii=False) for e in events]
        # A column at a time: row by row it takes a hundred times as long.
        transaction.execute(INSERT, [
            [e.position for e in events], [e.id for e in events], [e.type for e in events],
            [e.customer for e in events], [e.time.isoformat() for e in events], [e.dataschema for e in events], data,
        ])  # fmt: skip
        count, first, last = self._one(transaction, "SELECT count(*), min(position), max(position) FROM recent")
        if count >= self._file_events:
            self._rotate(transaction, first, last)

    def _rotate(self, transaction: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
        name = f"events-{first:012d}-{last:012d}.parquet"
        there, beside = self._folder / name, self._folder / f"{name}.new"
        transaction.execute(f"COPY (FROM recent ORDER BY position) TO '{beside}' (FORMAT parquet, COMPRESSION zstd)")
        # On the disk before the database says that it is there.
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(there)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        transaction.execute("INSERT INTO file VALUES (?, ?, ?)", [name, first, last])
        transaction.execute("DELETE FROM recent")
        self._view(transaction)

    def _view(self, connection: duckdb.DuckDBPyConnection) -> None:
        """`events`: the files that are entered, and the table."""
        names = [name for (name,) in connection.execute("SELECT name FROM file ORDER BY position_first").fetchall()]
        if names:
            files = ", ".join(f"'{self._folder.absolute() / name}'" for name in names)
            connection.execute(
                f"CREATE OR REPLACE VIEW events AS FROM read_parquet([{files}]) UNION ALL FROM recent"
            )

    def _one(self, connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
        found = connection.execute(query).fetchone()
        assert found is not None
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the warehouse lies")
    parser.add_argument("--nats", required=True, help="nats://user:password@host:port")
    parser.add_argument("--domain", default="", help="JetStream's: plumbline, where the login is of the account file")
    parser.add_argument("--ledger", default="main")
    parser.add_argument("--file-events", type=int, default=FILE_EVENTS, help="how many events a file has")
    parser.add_argument("--ack-seconds", type=float, default=10, help="when what a killed one had fetched comes again")
    given = parser.parse_args()
    warehouse = Warehouse(given.folder, given.file_events)
    Subscriber(
        Subscription(given.ledger, "warehouse_loader"), warehouse, url=given.nats, domain=given.domain,
        handler_many=warehouse.load, batch_events_max=BATCH_EVENTS, create=True, ack_seconds=given.ack_seconds,
    ).run_blocking()  # fmt: skip


if __name__ == "__main__":
    main()

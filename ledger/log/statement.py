"""One statement of a fixed form, sent as it goes over the line.

Of an append of one fact, what the driver does between values and that form takes as long as all else in this process:
it looks each value's type up, keeps the statement among others, and makes ready for results of any shape.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import Connection, generators
from psycopg.adapt import Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from ledger.log.connecting import WatchedConnection

_PLACEHOLDER: Final = re.compile(rb"%b")


class Statement:
    """A statement with binary placeholders (%b), all of its types given in it, and of one row. Each connection prepares
    it once, under `name`."""

    def __init__(self, name: str, query: bytes) -> None:
        number = count(1)
        self._query, self._parameters = _PLACEHOLDER.subn(lambda _: b"$%d" % next(number), query)
        self._formats = [Format.BINARY] * self._parameters
        self._name = name.encode()

    def row(self, connection: Connection[Any], values: Sequence[bytes | None]) -> StatementRow:
        """Run it with values in PostgreSQL's binary form, in the connection's transaction where one was begun; its row.

        Raises the driver's errors.
        """
        assert isinstance(connection, WatchedConnection)
        assert connection.autocommit and len(values) == self._parameters
        with connection.lock:
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                # Not prepared: one that is gone would end the transaction.
                connection.pgconn.send_query_params(
                    self._query, values, param_formats=self._formats, result_format=Format.BINARY
                )
                return self._row(connection)
            try:
                return self._prepared_row(connection, values)
            except InvalidSqlStatementName:
                # The driver has all let go that are prepared on a connection, after a ROLLBACK and some others.
                connection.statements.clear()
                return self._prepared_row(connection, values)

    def _prepared_row(self, connection: WatchedConnection[Any], values: Sequence[bytes | None]) -> StatementRow:
        if self._name not in connection.statements:
            connection.pgconn.send_prepare(self._name, self._query)
            self._result(connection, ExecStatus.COMMAND_OK)
            connection.statements.add(self._name)
        connection.pgconn.send_query_prepared(self._name, values, self._formats, Format.BINARY)
        return self._row(connection)

    def _row(self, connection: Connection[Any]) -> StatementRow:
        return StatementRow(connection, self._result(connection, ExecStatus.TUPLES_OK))

    def _result(self, connection: Connection[Any], expected: ExecStatus) -> PGresult:
        [result] = connection.wait(_results(connection.pgconn))
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result, encoding=connection.info.encoding)
        if result.status != expected:
            raise psycopg.InternalError(f"{self._name.decode()} ended with {ExecStatus(result.status).name}")
        return result


class StatementRow:
    """The one row of a statement."""

    def __init__(self, connection: Connection[Any], result: PGresult) -> None:
        self._connection = connection
        self._result = result

    def bigint(self, column: int) -> int:
        """An integer that is there."""
        value = self._result.get_value(0, column)
        assert value is not None
        return int.from_bytes(value, "big", signed=True)

    def text(self, column: int) -> str:
        """A text that is there."""
        value = self._result.get_value(0, column)
        assert value is not None
        return value.decode()

    def values(self) -> tuple[Any, ...]:
        """All of it, as the driver reads it."""
        transformer = Transformer(self._connection)
        transformer.set_pgresult(self._result)
        [row] = transformer.load_rows(0, 1, tuple)
        return row


def _results(pgconn: PGconn) -> Generator[Any, Any, list[PGresult]]:
    return (yield from generators.execute(pgconn))

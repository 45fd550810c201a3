"""Connections to one ledger: the library's datastore on any Postgres URL, in the application's role."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from eventsourcing.postgres import ConnectionPool, PostgresDatastore
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import PoolTimeout

from ledger.log.abandoning import abandoned_check
from ledger.log.arrays import arrays_register
from ledger.log.connecting import WatchedConnection, pulse_of
from ledger.log.migrate import schema_name_check
from ledger.log.queries import queries_load
from ledger.log.reasons import database_reason

IDLE_SECONDS: Final = 5.0
"""What nobody has used for so long goes back to the database, one connection at a time, down to none: a server has a
few hundred for all ledgers of all processes."""
RECONNECT_SECONDS: Final = 2.0
"""How long a failed connection is tried again before whoever asks next begins anew. The pool waits twice as long after
each failure, so that a database that was away for minutes would be missed for as many more."""

AGAIN_SECONDS: Final = 2.0
"""For how long a question is asked again where the connection is lost."""
AGAIN_PAUSE_SECONDS: Final = 0.2

_QUERIES = queries_load("ledger.log", "queries.sql")

P = ParamSpec("P")
T = TypeVar("T")

# An append holds the head's lock, so a transaction that goes to sleep stops every writer: the server ends it.
_IDLE_IN_TRANSACTION_MS = 60_000


class LogDatastore(PostgresDatastore):
    """A pool of connections whose search path is the ledger's schema and whose role is `plumbline_app`.

    The library takes a database apart into name, host, port, user and password; this takes any libpq URL, so
    that sockets, TLS settings and service files work. Raises ValueError when `schema` is no possible schema
    of a ledger.
    """

    def __init__(self, database_url: str, schema: str, *, pool_size: int = 4) -> None:
        schema_name_check(schema)
        super().__init__("", "", "", "", "", schema=schema, originator_id_type="text")
        self.database_url = database_url
        self.pool = _Pool(
            database_url,
            connection_class=WatchedConnection[DictRow],
            kwargs={"row_factory": dict_row, "client_encoding": "utf8"},  # that of our binary text
            min_size=0,
            max_size=pool_size,
            max_idle=IDLE_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
            configure=_configure_with(schema),
            check=_connection_check,
            timeout=30.0,
        )

    def register_type_adapters(self) -> None:
        """Nothing to register: the library's composite types are not used here, plain arrays are."""


def asked_again(ask: Callable[P, T]) -> Callable[P, T]:
    """What does no harm when done twice, tried again for a moment where the connection is lost. Who has waited longer
    already, for a connection or for a silent database, is told at once."""

    @wraps(ask)
    def again(*args: P.args, **keywords: P.kwargs) -> T:
        deadline = time.monotonic() + AGAIN_SECONDS
        while True:
            try:
                return ask(*args, **keywords)
            except (InterfaceError, OperationalError):
                if time.monotonic() >= deadline:
                    raise
                abandoned_check()
            time.sleep(AGAIN_PAUSE_SECONDS)

    return again


class _Pool(ConnectionPool[Connection[DictRow]]):
    """Who waited in vain is told why the database lets nobody in, not only that the pool has nothing to give. While it
    is known that the database is silent, nobody waits."""

    _refused: str | None = None
    """What the last attempt to connect met; None where it went well."""

    def getconn(self, timeout: float | None = None) -> Connection[DictRow]:
        """A connection. Raises PoolTimeout with the reason, DatabaseSilent."""
        assert isinstance(self.conninfo, str)
        pulse_of(self.conninfo).check()
        try:
            return super().getconn(timeout)
        except PoolTimeout as error:
            if self._refused is None:
                raise
            raise PoolTimeout(f"{error}: {self._refused}") from None

    def _connect(self, timeout: float | None = None) -> Connection[DictRow]:
        try:
            connection = super()._connect(timeout)
        except psycopg.Error as error:
            self._refused = database_reason(error)
            raise
        self._refused = None
        return connection


def _configure_with(schema: str) -> Any:
    # A function of its own rather than a method, so that the pool holds no reference to the datastore.
    def configure(connection: Connection[DictRow]) -> None:
        connection.autocommit = True
        arrays_register(connection)
        connection.execute(
            _QUERIES["session_configure"],
            {"schema": schema, "idle_in_transaction_ms": str(_IDLE_IN_TRANSACTION_MS)},
        )

    return configure


def _connection_check(connection: Connection[DictRow]) -> None:
    # A server that went away has closed the socket: looking at what has arrived tells, without asking the
    # server. So a restart costs no failed append, and a healthy connection no round trip. Twice, because the
    # first look may find the server's parting words, and only the next the end.
    for _ in range(2):
        connection.pgconn.consume_input()

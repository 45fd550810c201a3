"""The one way to connect to PostgreSQL: nobody waits for ever for a database that has fallen silent.

A server that is gone closes its sockets, or the network says so. One that is stopped, frozen or cut off says nothing at
all, and a query would wait until it comes back. A query may also just be long. So whoever has waited for a while asks
whether the database still takes connections: while it does, they wait on; where it doesn't, they give their own up, as
one that was lost. What they had sent may have been carried out all the same, or may be yet.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Any, Final, Self

import psycopg
from psycopg import Connection
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo
from psycopg.rows import Row, TupleRow

from ledger.log.abandoning import LOOK_SECONDS, left_of_work

CONNECT_SECONDS: Final = 3
"""How long a connection may take before a database is taken for silent, where neither the URL (`connect_timeout`) nor
PGCONNECT_TIMEOUT says it. Who has waited half as long for an answer asks for one."""
FRESH_SECONDS: Final = 1.0
"""How long it is believed that the database is silent, or isn't, before it is asked again."""

_PARAMETERS: Final = {
    # A machine that is gone is noticed in 11 seconds by who waits for it, in half a minute by who sends to it. For the
    # asynchronous connections, too, which watch nothing.
    "keepalives": "1", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}  # fmt: skip
_TIMEOUT_VARIABLE: Final = "PGCONNECT_TIMEOUT"


class DatabaseSilent(psycopg.OperationalError):
    """The database takes connections, if any, and answers nothing."""


def connection_parameters(database_url: str) -> dict[str, Any]:
    """What every connection is made with beside its URL; what the URL says itself goes before."""
    wanted: dict[str, Any] = dict(_PARAMETERS)
    if not os.environ.get(_TIMEOUT_VARIABLE):
        wanted["connect_timeout"] = str(CONNECT_SECONDS)
    return {**wanted, **{k: v for k, v in conninfo_to_dict(database_url).items() if k in wanted}}


def connect(database_url: str, **keywords: Any) -> Connection[TupleRow]:
    """A watched connection; keywords as `psycopg.connect` takes them. Raises DatabaseSilent where it is known that the
    database is silent, else what the driver raises."""
    return WatchedConnection[TupleRow].connect(database_url, **keywords)


class WatchedConnection(Connection[Row]):
    """A connection that is given up once its database is silent: whoever waits gets DatabaseSilent; it is closed."""

    _pulse: Pulse | None = None

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.statements: set[bytes] = set()
        """Those prepared on it by name; see `ledger.log.statement`."""

    @classmethod
    def connect(cls, conninfo: str = "", **keywords: Any) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As `connect` of this module."""
        pulse = pulse_of(conninfo)
        pulse.check()
        connection = pulse.connected(super().connect, {**connection_parameters(conninfo), **keywords})
        connection._pulse = pulse
        return connection

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """The driver's own wait, cut into pieces. Raises DatabaseSilent, QueryCanceled where the work was abandoned."""
        pulse = self._pulse
        if pulse is None or timeout is not None:  # who gives a time of their own comes back by themselves
            return super().wait(gen, interval, timeout)
        left = left_of_work()
        waited_seconds = 0.0
        while True:
            piece_seconds = pulse.patience_seconds if left is None else min(LOOK_SECONDS, pulse.patience_seconds)
            try:
                return super().wait(gen, interval, piece_seconds)
            except psycopg.errors._WaitTimeout:  # pyright: ignore[reportPrivateUsage]  # as `wait` documents it
                if left is not None and left.is_set():
                    left = None
                    with suppress(psycopg.Error):  # where it can't be cancelled it is waited for
                        self.cancel_safe(timeout=pulse.patience_seconds)
                waited_seconds += piece_seconds
                if waited_seconds < pulse.patience_seconds:
                    continue
                waited_seconds = 0.0
                if pulse.silent():
                    self.close()
                    raise DatabaseSilent(pulse.told) from None


class Pulse:
    """Whether one database takes connections, asked by one of those who want to know, for all of them."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._parameters = connection_parameters(database_url)
        self._connect_seconds: float = timeout_from_conninfo({**conninfo_to_dict(database_url), **self._parameters})
        self.patience_seconds = self._connect_seconds / 2
        """How long who waits for an answer waits before they ask."""
        self.silent_lately = False
        """What was found last."""
        self._asked_at = float("-inf")
        self._asking = threading.Lock()

    @property
    def told(self) -> str:
        """What is told to those who give up."""
        return f"the database has been silent for more than {self._connect_seconds:g} seconds"

    def check(self) -> None:
        """Raise DatabaseSilent where the database was silent and still is."""
        if self.silent_lately and self.silent():
            raise DatabaseSilent(self.told)

    def silent(self) -> bool:
        """Whether the database is silent, as known for FRESH_SECONDS at most; while one asks, what was known before."""
        if self._asking.acquire(blocking=False):
            try:
                if time.monotonic() - self._asked_at >= FRESH_SECONDS:
                    self._ask()
            finally:
                self._asking.release()
        return self.silent_lately

    def connected(self, connect: Any, parameters: dict[str, Any]) -> Any:
        """A connection made by `connect`. Raises what it raises, having noted whether that was for silence."""
        try:
            connection = connect(self._database_url, **parameters)
        except psycopg.errors.ConnectionTimeout:
            self._note(silent=True)
            raise
        except psycopg.OperationalError:
            # Somebody said no: the server itself, or the machine where none runs. Connections to such a one break.
            self._note(silent=False)
            raise
        self._note(silent=False)
        return connection

    def _ask(self) -> None:
        try:
            self.connected(psycopg.connect, self._parameters).close()
        except psycopg.OperationalError:
            return  # noted

    def _note(self, *, silent: bool) -> None:
        self._asked_at = time.monotonic()
        self.silent_lately = silent


_pulses: dict[str, Pulse] = {}


def pulse_of(database_url: str) -> Pulse:
    """The one pulse of a database in this process."""
    return _pulses.get(database_url) or _pulses.setdefault(database_url, Pulse(database_url))

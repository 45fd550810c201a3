"""The writer's lease: of all processes, at most one appends to a ledger."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from ledger.domain.errors import PlumblineError
from ledger.log.connecting import connect
from ledger.log.migrate import schema_name_check
from ledger.log.queries import queries_load

_QUERIES = queries_load("ledger.log", "queries.sql")
_APPLICATION_PREFIX = "plumbline-writer:"
# Postgres cuts application names at 63 bytes.
_HOLDER_SIZE_MAX = 63 - len(_APPLICATION_PREFIX)

LEASE_SECONDS: Final = 10.0
"""A holder whom the server has not told for so long that it holds the lease writes nothing: the server may have given
it to another soon after. A server keeps it for at least idle + interval × count = 11 seconds after it last heard of the
holder, and not for longer than that, whether it waits for the holder or for what it has sent to be acknowledged."""
_KEEPALIVES_IDLE_SECONDS = 5
_KEEPALIVES_INTERVAL_SECONDS = 2
_KEEPALIVES_COUNT = 3
_UNACKNOWLEDGED_MS = 11_000


class LeaseHeld(PlumblineError):
    """Another process holds the lease.

    `holder` is the name it gave, `since` the moment its session began; both None when it let go just then, or
    when this login may not see the other's session.
    """

    code = "LEDGER_LEASED"

    def __init__(self, schema: str, holder: str | None, since: datetime | None) -> None:
        self.holder = holder
        self.since = since
        who = "another process" if holder is None else holder
        when = "" if since is None else f" since {since.isoformat(timespec='seconds')}"
        super().__init__(
            f"The ledger in schema {schema} has a writer already: {who}{when}. Send your commands to it, or"
            " stop it and try again; its lease lapses by itself when its process ends."
        )


class Lease:
    """A session-level advisory lock on a connection of its own; it lapses when the process dies.

    Keeps ordinary life orderly, not proof against a holder cut off from the database that has not noticed
    yet: that one is stopped by the expected position of its appends.
    """

    def __init__(self, connection: psycopg.Connection[Any], schema: str, holder: str) -> None:
        """Use `Lease.take`."""
        self._connection = connection
        self.schema = schema
        self.holder = holder
        self._until = float("-inf")

    @classmethod
    def take(cls, database_url: str, schema: str, holder: str, wait_seconds: float = 0.0) -> Self:
        """Takes the lease, waiting up to `wait_seconds` for another to let go.

        `holder` is what others are told: printable ASCII is kept, the rest becomes "?", 46 characters at
        most. Raises LeaseHeld; ValueError for an impossible schema; psycopg.OperationalError without a
        database.
        """
        schema_name_check(schema)
        holder = "".join(c if c.isascii() and c.isprintable() else "?" for c in holder)[:_HOLDER_SIZE_MAX]
        connection = connect(
            database_url,
            autocommit=True,
            application_name=_APPLICATION_PREFIX + holder,
            keepalives=1,
            keepalives_idle=_KEEPALIVES_IDLE_SECONDS,
            keepalives_interval=_KEEPALIVES_INTERVAL_SECONDS,
            keepalives_count=_KEEPALIVES_COUNT,
            tcp_user_timeout=_UNACKNOWLEDGED_MS,
        )
        try:
            if not _lock(connection, schema, wait_seconds):
                row = connection.execute(_QUERIES["lease_holder"], {"schema": schema}).fetchone()
                name, since = row if row is not None else (None, None)
                raise LeaseHeld(schema, name and name.removeprefix(_APPLICATION_PREFIX), since)
        except BaseException:
            connection.close()
            raise
        return cls(connection, schema, holder)

    def held(self) -> bool:
        """Whether the lease is still ours, asked of the server.

        False once the connection is lost or released, or the server is silent: who asks doesn't wait for it until the
        lease is another's.
        """
        asked = time.monotonic()
        try:
            row = self._connection.execute(_QUERIES["lease_mine"], {"schema": self.schema}).fetchone()
        except psycopg.OperationalError:
            row = None
        held = row == (True,)
        self._until = asked + LEASE_SECONDS if held else float("-inf")
        return held

    def alive(self) -> bool:
        """Whether the lease is ours as far as known within LEASE_SECONDS; else it is asked. From any thread."""
        return time.monotonic() < self._until or self.held()

    def release(self) -> None:
        """Lets go; the next may write. Does nothing when the lease is gone already."""
        # Unlock first: closing alone frees the lock only when the server gets round to it.
        if not self._connection.closed:
            # A lost connection is no error here: the lease is lost with it, as was asked for.
            with suppress(psycopg.OperationalError):
                self._connection.execute(_QUERIES["lease_release"], {"schema": self.schema})
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _lock(connection: psycopg.Connection[Any], schema: str, wait_seconds: float) -> bool:
    connection.execute(
        _QUERIES["lease_session_configure"],
        {
            # 0 would mean to wait for ever.
            "lock_timeout_ms": str(max(1, round(wait_seconds * 1000))),
            "keepalives_idle_seconds": str(_KEEPALIVES_IDLE_SECONDS),
            "keepalives_interval_seconds": str(_KEEPALIVES_INTERVAL_SECONDS),
            "keepalives_count": str(_KEEPALIVES_COUNT),
            "unacknowledged_ms": str(_UNACKNOWLEDGED_MS),
        },
    )
    row = connection.execute(_QUERIES["lease_try"], {"schema": schema}).fetchone()
    if row == (True,):
        return True
    if wait_seconds <= 0:
        return False
    try:
        connection.execute(_QUERIES["lease_wait"], {"schema": schema})
    except psycopg.errors.LockNotAvailable:
        return False
    return True

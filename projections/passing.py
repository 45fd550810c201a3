"""Which errors pass by themselves: the database is away, or two transactions met. All others are the view's own."""

from __future__ import annotations

from typing import Final

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg import Connection

_CLASSES: Final = frozenset({"08", "40"})
"""Connection lost; rolled back for another transaction (serialization failure, deadlock)."""
_STATES: Final = frozenset(
    {
        "25P03",  # idle in a transaction for too long
        "25P04",  # transaction timeout
        "53300",  # too many connections
        "55P03",  # lock not available
        "57014",  # cancelled, or statement timeout
        "57P01",  # shut down by the administrator
        "57P02",  # crash of another backend
        "57P03",  # starting up or shutting down
        "57P05",  # idle session timeout
    }
)


def connection_lost(error: BaseException, connection: Connection[object] | None = None) -> bool:
    """Whether the database went away under an error, so that nothing can be done before it is back."""
    if connection is not None and connection.closed:
        return True
    cause = _database_error(error)
    if cause is None:
        # The library's own words for the same, where it found no connection to ask.
        return isinstance(error, OperationalError | InterfaceError)
    state = cause.sqlstate
    if state is None:
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith(("08", "57P")) or state == "53300"


def passing(error: BaseException, connection: Connection[object] | None = None) -> bool:
    """Whether the same may well succeed a little later: a lost connection, a deadlock, a timeout, a shutdown.

    A full disk does not pass by itself, nor does anything that the view raises.
    """
    if connection_lost(error, connection):
        return True
    cause = _database_error(error)
    state = cause.sqlstate if cause is not None else None
    return state is not None and (state[:2] in _CLASSES or state in _STATES)


def _database_error(error: BaseException | None) -> psycopg.Error | None:
    """The driver's error, which the library wraps in its own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, psycopg.Error):
            return error
        seen.add(id(error))
        error = error.__cause__
    return None

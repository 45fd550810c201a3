"""The log itself, page by page, for those who follow it over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.log.codec import state_of
from ledger.log.pages import Seek, page_read
from ledger.log.queries import queries_load
from ledger.log.recorder import EventRow

POSITION_MAX: Final = 2**63 - 1
_QUERIES = queries_load("projections.sql", "reading.sql")


@dataclass(frozen=True, slots=True)
class EventRead:
    """One event as it stands in the log."""

    position: int
    stream: str
    version: int
    event: str
    state: dict[str, Any]


def events_read(
    connection: Connection[Any],
    *,
    after: int = 0,
    stop: int = POSITION_MAX,
    topics: Sequence[str] | None = None,
    limit: int = 100,
    last: bool = False,
) -> list[EventRead]:
    """Up to `limit` events with `after` < position ≤ `stop`, of these names or of all, in order: the first of them, or
    the last."""
    rows = event_rows_read(connection, after=after, stop=stop, topics=topics, limit=limit, last=last)
    return [_event(row) for row in rows]


def event_rows_read(
    connection: Connection[Any],
    *,
    after: int = 0,
    stop: int = POSITION_MAX,
    topics: Sequence[str] | None = None,
    limit: int = 100,
    last: bool = False,
) -> list[EventRow]:
    """The same, as they are stored."""
    params = {"after": after, "stop": stop, "topics": None if topics is None else list(topics)}
    with connection.cursor(row_factory=tuple_row) as cursor:
        query = _QUERIES["events_between"]
        rows = page_read(cursor, query, ("notification_id",), params, Seek(backwards=last), limit)
    return [(position, stream, version, topic, bytes(state)) for position, stream, version, topic, state in rows]


def event_read(connection: Connection[Any], position: int) -> EventRead | None:
    """The event at a position; None where the log has none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["event_one"], {"position": position}).fetchone()
    return None if row is None else _event(row)


def position_head(connection: Connection[Any]) -> int:
    """The position of the last event."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["position_head"]).fetchone()
    assert row is not None
    return row[0]


def _event(row: tuple[Any, ...]) -> EventRead:
    position, stream, version, topic, state = row
    return EventRead(position, stream, version, topic, state_of(topic, bytes(state)))

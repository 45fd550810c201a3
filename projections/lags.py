"""How far views are behind, and whether anybody follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from ledger.log.codec import state_of
from ledger.log.queries import queries_load

_QUERIES = queries_load("projections.sql", "follower.sql")


@dataclass(frozen=True, slots=True)
class ViewLag:
    """Where a view stands. `seconds`: how long ago the first event it has not seen was recorded, 0 when it
    has all."""

    name: str
    position: int
    behind: int
    seconds: float
    status: str
    error: str | None
    updated_at: datetime


def lags_read(cursor: Cursor[Any], names: Sequence[str]) -> list[ViewLag]:
    """Where these views stand, by name; one that was never followed at 0. The cursor gives tuples."""
    rows = cursor.execute(_QUERIES["views_lag"], {"names": list(names)}).fetchall()
    return [
        ViewLag(name, position, behind, _seconds_since(topic, state), status, error, updated_at)
        for name, position, behind, status, error, updated_at, topic, state in rows
    ]


def views_followed(connection: Connection[Any]) -> bool:
    """Whether a process follows the ledger of this connection now: it holds a lock as long as its connection lives."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["views_followed"]).fetchone()
    assert row is not None
    return bool(row[0])


def _seconds_since(topic: str | None, state: bytes | None) -> float:
    """How long ago an event was recorded; 0 without one."""
    if topic is None or state is None:
        return 0.0
    recorded_at = datetime.fromisoformat(state_of(topic, state)["recorded_at"])
    return max(0.0, (datetime.now(UTC) - recorded_at).total_seconds())

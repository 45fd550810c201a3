"""The view `timeline`: everything about a customer in order, before the contract and after, for those who see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.events import RELATIONS_TOPICS
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.places import reads
from projections.relations.rows import columns
from projections.relations.scopes import Reads, Scope
from projections.view import BATCH_EVENTS, Batch

_QUERIES = queries_load("projections.sql", "timeline.sql")
READS: Final = Reads("reads_timeline.sql", "timeline", "history")


@dataclass(slots=True)
class _EntryRow:
    customer: int
    position: int
    topic: str
    occurred_at: str
    recorded_at: str
    actor: str
    cause: int


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """An event about a customer, or about one that was found to be it. `state` has its fields as the log has them."""

    position: int
    customer: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    cause: int
    state: dict[str, Any]


class TimelineView:
    """Keeps the table `timeline`."""

    name = "timeline"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = tuple(sorted(RELATIONS_TOPICS))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter the events."""
        rows = [
            _EntryRow(
                e.customer, e.position, e.topic, e.state["occurred_at"], e.state["recorded_at"], e.state["actor"],
                e.state["cause"],
            )
            for e in batch.of(RELATIONS_TOPICS)
        ]  # fmt: skip
        if rows:
            transaction.execute(_QUERIES["timeline_store"], columns(rows))


@reads(*READS.views)
def timeline_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    topics: Sequence[str] | None = None,
    positions: Sequence[int] | None = None,
    books: bool = True,
    newest_first: bool = False,
    start: int | None = None,
    limit: int = 100,
) -> list[TimelineRow]:
    """Up to `limit` events about a customer that one sees, beyond the position `start`; with `books` its facts and
    points among them. `topics`, `positions`: only these."""
    if start is None:
        start = 2**63 - 1 if newest_first else 0
    params = {
        "customer": customer, "topics": None if topics is None else list(topics), "books": books,
        "positions": None if positions is None else list(positions), "newest_first": newest_first,
        "from": start, "limit": limit,
    }  # fmt: skip
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(READS.query("timeline", scope), {**scope.params, **params}, prepare=False).fetchall()
    return [TimelineRow(*row[:-1], state=state_of(row[2], bytes(row[-1]))) for row in rows]

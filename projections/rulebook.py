"""The book without customers and staff: time zone, fact types, rule sets, the last closed day. A few small streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.book import STREAMS, Book
from ledger.domain.events import STREAM_CALENDAR, STREAM_STAFF
from ledger.log.codec import state_of
from ledger.log.queries import queries_load

_QUERIES = queries_load("projections.sql", "reading.sql")
_STREAMS: Final = [stream for stream in STREAMS if stream != STREAM_STAFF]
_SELDOM: Final = [stream for stream in _STREAMS if stream != STREAM_CALENDAR]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A book that knows no customers, and the versions of the streams it was read from. Never changed."""

    book: Book
    versions: tuple[tuple[str, int], ...]


def rulebook_read(connection: Connection[Any], known: Rulebook | None = None) -> Rulebook:
    """The rule book as of now; `known` itself where nothing has changed since."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_QUERIES["rulebook_versions"], {"streams": _STREAMS}, prepare=True).fetchall()
        versions = tuple(sorted((stream, version) for stream, version in found))
        if known is not None and known.versions == versions:
            return known
        events = cursor.execute(
            _QUERIES["rulebook_events"],
            {"streams": _SELDOM, "calendar": STREAM_CALENDAR, "calendar_version": dict(versions)[STREAM_CALENDAR]},
        ).fetchall()
    book = Book()
    for position, stream, version, topic, data in events:
        book.apply_general(position, stream, version, topic, state_of(topic, bytes(data)))
    return Rulebook(book, versions)

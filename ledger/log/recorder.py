"""Appends to the log of one ledger and reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from struct import Struct
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

from eventsourcing.persistence import (
    InternalError,
    NotSupportedError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresSubscription
from psycopg import Connection
from psycopg.rows import DictRow, TupleRow, tuple_row
from psycopg.sql import SQL, Identifier
from psycopg.types.numeric import Int8

from ledger.log.arrays import TextArray, UuidArray, bigint_array, bytea_array, integer_array, text_array, uuid_array
from ledger.log.checks import entries_check, events_check, positions_check, texts_check
from ledger.log.datastore import LogDatastore, asked_again
from ledger.log.migrate import ledger_schema_create
from ledger.log.queries import queries_load
from ledger.log.statement import Statement
from ledger.log.types import (
    AnswerEntry,
    AnyStoredEvent,
    Appended,
    AppendOutcome,
    EntriesKnown,
    FactEntry,
    PositionMoved,
)

EventRow = tuple[int, str, int, str, bytes]
"""(position, originator_id, originator_version, topic, state)"""

_QUERIES = queries_load("ledger.log", "queries.sql")
_APPEND = Statement("log_append", _QUERIES["append"])
_BIGINT = Struct("!q")
_POSITION_MAX = 2**63 - 1


class LogRecorder(PostgresApplicationRecorder):
    """The library's application recorder on a ledger's schema, with appends of our own.

    Positions (the library's notification ids) are gapless, and commit order is position order. Errors of the
    database come as the library's: IntegrityError where an (originator_id, originator_version) is there
    already, OperationalError or InterfaceError where the connection is lost.

    **A lost connection leaves the outcome of an append open**, and no append is repeated in here. The caller
    repeats it with the same arguments: if the first one was committed, or comes through meanwhile, the second
    finds its answers or facts (EntriesKnown) or a log that has moved (PositionMoved), and stores nothing. Then
    the caller looks for its events where they were to stand, before it decides anything again. `insert_events`,
    which expects no position, must not be repeated unseen.
    """

    datastore: LogDatastore

    def __init__(self, datastore: LogDatastore) -> None:
        super().__init__(datastore, events_table_name="event")
        # Channels belong to the whole database: the schema's name keeps ledgers apart, as log_append does.
        self.channel_name = datastore.schema

    def create_table(self) -> None:
        """Creates the ledger's schema and brings it up to date.

        Raises MigrationError; see `ledger.log.migrate`.
        """
        ledger_schema_create(self.datastore.database_url, self.datastore.schema)

    def append(
        self,
        events: Sequence[AnyStoredEvent],
        *,
        position_expected: int,
        answers: Sequence[AnswerEntry] = (),
        facts: Sequence[FactEntry] = (),
    ) -> AppendOutcome:
        """Stores events, answers and facts together, or nothing, in one statement and one round trip.

        `position_expected` is the head at which the caller decided. Known entries are told before a moved
        position. Raises ValueError, before anything is sent, for text that Postgres cannot hold, for entries
        whose position lies outside what this append would store, and for more than 256 MiB of state (use
        `append_chunks`); IntegrityError for an event, answer or fact given twice or an event that is there
        already.
        """
        events_check(events)
        entries_check(answers, facts)
        positions_check(answers, facts, position_expected, position_expected + len(events))
        with self.datastore.get_connection() as connection:
            return _append(connection, events, position_expected, answers, facts)

    def append_chunks(
        self,
        chunks: Iterable[Sequence[AnyStoredEvent]],
        *,
        position_expected: int,
        answers: Sequence[AnswerEntry] = (),
        facts: Sequence[FactEntry] = (),
        statement_size_events: int = 10_000,
        statement_size_bytes: int = 32 * 1024 * 1024,
    ) -> AppendOutcome:
        """`append` for very large batches: several statements in one transaction, so still all or nothing.

        The events are sent in statements of at most `statement_size_events`, and of `statement_size_bytes` of
        state unless one event alone is larger; all answers and facts go with the first. Other appends wait
        meanwhile, and the server ends a transaction for which `chunks` yields nothing for a minute. Raises
        what `append` raises; an error on the way, also one raised by `chunks`, rolls everything back.
        """
        entries_check(answers, facts)
        positions_check(
            answers, facts, position_expected, _POSITION_MAX
        )  # the end is known only after the last
        slices = _slices(chunks, statement_size_events, statement_size_bytes)
        with self.datastore.get_connection() as connection, connection.transaction():
            events_first: Sequence[AnyStoredEvent] = next(slices, ())
            events_check(events_first)
            outcome = _append(connection, events_first, position_expected, answers, facts)
            if not isinstance(outcome, Appended):
                return outcome
            position_last = outcome.position_last
            for events in slices:
                events_check(events)
                further = _append(connection, events, position_last, (), ())
                if not isinstance(further, Appended):
                    raise InternalError(
                        f"The head moved from {position_last} within a transaction that holds its lock:"
                        f" {further}."
                        " Something else than log_append writes to this schema; find it before going on."
                    )
                position_last = further.position_last
            positions_check(answers, facts, position_expected, position_last)
            return Appended(outcome.position_first, position_last)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's port: appends wherever the log stands and returns the positions, None without events.

        Not repeated after a lost connection; see the class. Raises NotSupportedError for the extra arguments
        by which the library's process recorders store tracking records: views keep their own positions here.
        """
        if kwargs:
            raise NotSupportedError(
                f"The log stores events only, not {', '.join(kwargs)}; store that with the view."
            )
        if not stored_events:
            return None
        events_check(stored_events)
        with self.datastore.get_connection() as connection:
            outcome = _append(connection, stored_events, None, (), ())
        if not isinstance(outcome, Appended):
            raise InternalError(
                f"An append without expectations was turned down ({outcome}); migrate the schema."
            )
        return list(range(outcome.position_first, outcome.position_last + 1))

    @asked_again
    def select_range(self, after: int, limit: int, stop: int | None = None) -> list[EventRow]:
        """Up to `limit` events with `after` < position ≤ `stop`, in order; without `stop` up to the head."""
        params = (Int8(after), Int8(_POSITION_MAX if stop is None else stop), Int8(limit))
        return cast(list[EventRow], self._select("select_range", params))

    @asked_again
    def select_stream_back(self, stream: str, before: int, limit: int) -> list[tuple[int, str, bytes]]:
        """Up to `limit` events of a stream below a version, the last first: (version, topic, state) each."""
        params = (stream, Int8(before), Int8(limit))
        return cast(list[tuple[int, str, bytes]], self._select("select_stream_back", params))

    @asked_again
    def select_answers(self, pairs: Sequence[tuple[str, str]]) -> list[AnswerEntry]:
        """The stored answers among the (client, key) pairs, oldest first.

        Raises ValueError as `append` does.
        """
        clients = TextArray([client for client, _ in pairs])
        keys = TextArray([key for _, key in pairs])
        texts_check("answer client", clients)
        texts_check("answer key", keys)
        return [AnswerEntry(*row) for row in self._select("select_answers", (clients, keys))]

    @asked_again
    def select_facts(self, keys: Sequence[UUID]) -> list[FactEntry]:
        """All stored versions of the facts, by key and version."""
        return [FactEntry(*row) for row in self._select("select_facts", (UuidArray(keys),))]

    def position_head(self, connection: Connection[Any] | None = None) -> int:
        """The position of the last event; 0 while there is none.

        Asked on a `connection` that one holds already, it raises the driver's errors, and tries nothing again.
        """
        if connection is None:
            return self._position_head()
        with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
            [(position,)] = cursor.execute(_QUERIES["position_head"], prepare=True).fetchall()
        return position

    @asked_again
    def _position_head(self) -> int:
        [(position,)] = self._select("position_head", ())
        return position

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> PostgresSubscription:
        """The library's subscription.

        Yields events after `gt` for ever. Occupies one connection of the pool.
        """
        return LogSubscription(self, gt=gt, topics=topics)

    def close(self) -> None:
        """Closes the connections."""
        self.datastore.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _select(self, query: str, params: Sequence[Any]) -> list[TupleRow]:
        with (
            self.datastore.get_connection() as connection,
            connection.cursor(binary=True, row_factory=tuple_row) as cursor,
        ):
            return cursor.execute(_QUERIES[query], params, prepare=True).fetchall()


class LogSubscription(PostgresSubscription):
    """The library's subscription, with two gaps closed.

    An event committed between the first look and LISTEN is found at once, not with the next event; and no
    listening connection is left in the pool, where it would hoard every later notification in memory.
    """

    def _listen(self) -> None:
        # Runs on a thread of its own, so an error is kept for whoever iterates, as the library does.
        try:
            with self._recorder.datastore.get_connection() as connection:
                connection.execute(SQL("LISTEN {}").format(Identifier(self._recorder.channel_name)))
                self._has_been_notified.set()
                while not self._has_been_stopped and self._thread_error is None:
                    for _ in connection.notifies(timeout=0.1, stop_after=1):
                        self._has_been_notified.set()
                connection.execute("UNLISTEN *")
        except BaseException as error:
            if self._thread_error is None:
                self._thread_error = error
            self.stop()


def recorder_open(database_url: str, schema: str, *, pool_size: int = 4) -> LogRecorder:
    """Opens the log in `schema`; close it after use. A subscription takes a connection of the pool.

    Raises ProgrammingError when the schema holds no ledger, OperationalError when the database cannot be
    reached, ValueError when the name cannot be that of a ledger's schema.
    """
    recorder = LogRecorder(LogDatastore(database_url, schema, pool_size=pool_size))
    try:
        with (
            recorder.datastore.get_connection() as connection,
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            found = cursor.execute(_QUERIES["ledger_exists"]).fetchone()
        if found != (True,):
            raise ProgrammingError(
                f"There is no ledger in schema {schema} of this database; create it first."
            )
    except BaseException:
        recorder.close()
        raise
    return recorder


def _append(
    connection: Connection[DictRow],
    events: Sequence[AnyStoredEvent],
    position_expected: int | None,
    answers: Sequence[AnswerEntry],
    facts: Sequence[FactEntry],
) -> AppendOutcome:
    row = _APPEND.row(
        connection,
        (
            text_array([event.originator_id for event in events]),  # pyright: ignore[reportArgumentType] - checked
            bigint_array([event.originator_version for event in events]),
            text_array([event.topic for event in events]),
            bytea_array([event.state for event in events]),
            None if position_expected is None else _BIGINT.pack(position_expected),
            text_array([answer.client for answer in answers]),
            text_array([answer.key for answer in answers]),
            bytea_array([answer.request_sha256 for answer in answers]),
            bytea_array([answer.body for answer in answers]),
            bigint_array([answer.position for answer in answers]),
            uuid_array([fact.key for fact in facts]),
            integer_array([fact.version for fact in facts]),
            bytea_array([fact.content_sha256 for fact in facts]),
            bigint_array([fact.position for fact in facts]),
        ),
    )
    outcome = row.text(0)
    if outcome == "appended":
        return Appended(row.bigint(1), row.bigint(2))
    if outcome == "moved":
        return PositionMoved(row.bigint(3))
    known = row.values()
    return EntriesKnown(
        [AnswerEntry(*values) for values in _rows(known[4:9])],
        [FactEntry(*values) for values in _rows(known[9:13])],
        row.bigint(3),
    )


def _rows(columns: Sequence[list[Any] | None]) -> Iterator[tuple[Any, ...]]:
    # Parallel arrays back into rows; an aggregate over nothing is NULL.
    return zip(*(column or () for column in columns), strict=True)


def _slices(
    chunks: Iterable[Sequence[AnyStoredEvent]], size_events: int, size_bytes: int
) -> Iterator[list[AnyStoredEvent]]:
    gathered: list[AnyStoredEvent] = []
    gathered_bytes = 0
    for event in chain.from_iterable(chunks):
        if gathered and (len(gathered) >= size_events or gathered_bytes + len(event.state) > size_bytes):
            yield gathered
            gathered, gathered_bytes = [], 0
        gathered.append(event)
        gathered_bytes += len(event.state)
    if gathered:
        yield gathered

"""What a view is: something that follows the log batch by batch, and what its readers may ask for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, Protocol

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.errors import PlumblineError
from ledger.domain.events import RELATIONS_TOPICS, STREAM_STAFF
from ledger.domain.values import customer_number, day_parse, month_of
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from ledger.log.recorder import EventRow

_QUERIES = queries_load("projections.sql", "follower.sql")
_POLL_SECONDS: Final = 0.02
WAIT_SECONDS_DEFAULT: Final = 3.0
_OF_RELATIONS: Final = RELATIONS_TOPICS | {"CustomerRegistered", "CustomerChanged"}
BATCH_EVENTS: Final = 10_000
"""What views ask for: those of one size share what is read and decoded. More makes fewer and fuller statements, and
takes some 4 KB of memory an event."""


class CustomerEvent(NamedTuple):
    """An event in a customer's stream, decoded; `customer` 0: in the stream `staff`."""

    position: int
    customer: int
    version: int
    topic: str
    state: dict[str, Any]


class Batch:
    """Consecutive events of the log, decoded once for all views that look at them."""

    def __init__(self, events: Sequence[EventRow], *, position_last: int | None = None) -> None:
        """`position_last` is that of the last event, or further where events were left out that nobody wants."""
        self.events = events
        self.position_last = events[-1][0] if position_last is None else position_last
        """How far it reaches."""

    @cached_property
    def topics(self) -> frozenset[str]:
        """The names of the events."""
        return frozenset([topic for _, _, _, topic, _ in self.events])

    @cached_property
    def of_customers(self) -> list[CustomerEvent]:
        """The events in customers' streams."""
        number_of = _customer_number
        return [
            CustomerEvent(position, number, version, topic, state_of(topic, state))
            for position, stream, version, topic, state in self.events
            if (number := number_of(stream))
        ]

    @cached_property
    def of_relations(self) -> list[CustomerEvent]:
        """The events about relations and about who customers are, of customers' streams and of the stream `staff`."""
        of_staff = [
            CustomerEvent(position, 0, version, topic, state_of(topic, state))
            for position, stream, version, topic, state in self.events
            if stream == STREAM_STAFF
        ]
        found = [e for e in self.of_customers if e.topic in _OF_RELATIONS]
        return sorted(of_staff + found) if of_staff else found


# Working a number out of its text takes as long as reading the event's JSON.
_customer_number = lru_cache(maxsize=65_536)(customer_number)


@lru_cache(maxsize=4_096)
def day_of_time(text: str) -> int:
    """The day, in the ledger's time zone, of a time as events write it."""
    return day_parse(text[:10])


@lru_cache(maxsize=4_096)
def month_of_date(text: str) -> int:
    """The month, counted from 1970-01, of a date as events write it. ValueError where it is none."""
    return month_of(day_parse(text))


class View(Protocol):
    """Follows the log. `apply` is called with each next batch, in the transaction that also stores the
    view's position.

    What `apply` writes, it writes in `transaction` with unqualified names, so that a rebuild can send it to
    other tables. What it keeps in memory from one call to the next must follow from the log alone, and from a
    position that it checks: the transaction may be rolled back, another process may go on, and a rebuild begins
    again. A view that cannot write there (files) says its own position in `position_own` and is rebuilt by
    `rebuild_own`.

    A view may have `topics`, the names of the events that it looks at: then a rebuild reads no others, and it is not
    called with a batch that has none of them.
    """

    name: str
    batch_events: int
    """How many events at once, at most."""
    pause_seconds: float
    """How long to gather events between two batches when following."""

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Take in the next events. Whatever it raises stops this view, and no other."""
        ...


class ViewBehind(PlumblineError):
    """A view has not reached the position that a reader asked for."""

    code = "VIEW_BEHIND"


class PositionAhead(PlumblineError):
    """A reader asked for a position that the log itself has not reached."""

    code = "POSITION_AHEAD"


def view_wait(
    connection: Connection[Any],
    name: str,
    min_position: int,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> int:
    """Wait until a view has reached a position, so that a caller sees its own write; returns where the view
    stands.

    Raises ViewBehind when the time is over, or at once where the view has failed; PositionAhead where the log itself is
    not so far.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(_QUERIES["view_status"], {"name": name}).fetchone()
        assert row is not None
        position, status, error, head = row
        position = position or 0
        if position >= min_position:
            return position
        place = f"The view {name} stands at position {position}, not yet at {min_position}"
        if min_position > head:
            raise PositionAhead(f"The log ends at position {head}; min_position asks for {min_position}.")
        if status == "failed":
            raise ViewBehind(f"{place}, and it has failed: {error}. See `plumbline status`.")
        if time.monotonic() >= deadline:
            raise ViewBehind(
                f"{place}, after {timeout_seconds:g} seconds; try again, or see `plumbline status`"
                " whether it is followed."
            )
        time.sleep(_POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """Where a view stands, as the table of views says; `behind` counts the events it has not seen."""

    name: str
    position: int
    behind: int
    status: str
    error: str | None
    updated_at: datetime


def views_status(connection: Connection[Any]) -> list[ViewStatus]:
    """Every view that was ever followed, by name."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [ViewStatus(*row) for row in cursor.execute(_QUERIES["views_status"])]

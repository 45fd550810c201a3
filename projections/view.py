"""What a view is: something that follows the log batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from psycopg import Connection

from ledger.domain.events import RELATIONS_TOPICS, STREAM_STAFF
from ledger.domain.values import customer_number, day_parse, month_of
from ledger.log.arrays import BigintArray
from ledger.log.codec import state_of
from ledger.log.recorder import EventRow, LogRecorder

_OF_RELATIONS: Final = RELATIONS_TOPICS | {"CustomerRegistered", "CustomerChanged"}
BATCH_EVENTS: Final = 10_000
"""What views ask for: those of one size share what is read and decoded. More makes fewer and fuller statements, and
takes some 4 KB of memory an event."""


Progress = Callable[[str, int, int], None]
"""(view, its position, the position it is to reach)"""


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

    def concerns(self, view: View) -> bool:
        """Whether a view is to be called with it."""
        return not isinstance(view, TopicsOnly) or not self.topics.isdisjoint(view.topics)

    def of(self, topics: Collection[str]) -> list[CustomerEvent]:
        """The events of these names in customers' streams, in order."""
        if self.topics.issubset(topics):
            return self.of_customers
        found = [events for topic in topics if (events := self._of_topic.get(topic))]
        return found[0] if len(found) == 1 else sorted(chain.from_iterable(found), key=itemgetter(0))

    @cached_property
    def _of_topic(self) -> dict[str, list[CustomerEvent]]:
        """Sorted once for all views, most of which look at a few names only."""
        found: dict[str, list[CustomerEvent]] = {topic: [] for topic in self.topics}
        for event in self.of_customers:
            found[event.topic].append(event)
        return found

    @cached_property
    def of_relations(self) -> list[CustomerEvent]:
        """The events about relations and about who customers are, of customers' streams and of the stream `staff`."""
        of_staff = [
            CustomerEvent(position, 0, version, topic, state_of(topic, state))
            for position, stream, version, topic, state in self.events
            if stream == STREAM_STAFF
        ]
        found = self.of(_OF_RELATIONS)
        return sorted(of_staff + found) if of_staff else found


# Working a number out of its text takes as long as reading the event's JSON.
_customer_number = lru_cache(maxsize=65_536)(customer_number)


@lru_cache(maxsize=4_096)
def day_of_time(text: str) -> int:
    """The day, in the ledger's time zone, of a time as events write it."""
    return day_parse(text[:10])


def day_expired(state: Mapping[str, Any]) -> int:
    """The day that an expiry is booked on: that of the close that took the points, which occurred at its end. It is the
    lot's last day, but where points came back to a lot that was already over, a later one."""
    return max(day_parse(state["expired_on"]), day_of_time(state["occurred_at"]) - 1)


def bigints(rows: Iterable[object], names: Sequence[str]) -> dict[str, BigintArray]:
    """Integer fields of some rows, at least one, as an array for each; two names or more."""
    return dict(zip(names, map(BigintArray, zip(*map(attrgetter(*names), rows), strict=True)), strict=True))


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
    """How long to gather events between two batches when following, unless a whole batch waits before."""

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Take in the next events. Whatever it raises stops this view, and no other."""
        ...


@runtime_checkable
class TopicsOnly(Protocol):
    """A view that looks at events of some names only: a rebuild reads no others, and a batch without any of them is
    passed by."""

    topics: Sequence[str]


class Sums(Protocol):
    """What events come to before it is stored; its length says how many rows it will take."""

    def __len__(self) -> int: ...

    def take(self, batch: Batch) -> None:
        """Take in the next events."""
        ...

    def store(self, transaction: Connection[Any]) -> None:
        """Store it, once."""
        ...


@runtime_checkable
class Summing(Protocol):
    """A view that only adds up: a rebuild stores once what many batches come to, so that a customer's row is written
    once, not with every batch that touches it."""

    def sums(self) -> Sums:
        """Nothing yet."""
        ...


@runtime_checkable
class OwnPosition(Protocol):
    """A view that keeps its position itself, because it writes elsewhere than in the transaction."""

    def position_own(self) -> int:
        """The last position it has stored durably. Raises ColumnsBusy where another process writes it."""
        ...

    def rebuild_own(self, recorder: LogRecorder, until: int, progress: Progress) -> int:
        """Build it anew up to a position, or to where it stands; its readers see the old one until the new one is
        whole. Returns its position. Raises ColumnsBusy where another process writes it."""
        ...

    def caught_up(self) -> None:
        """Nothing waits: a good time to tidy."""
        ...

    def close(self) -> None:
        """Let others write it."""
        ...

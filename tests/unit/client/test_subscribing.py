"""What a subscriber does without any server: order, names, events, patience."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st
from plumbline_client.subscribing import (
    EventInvalid,
    LedgerEvent,
    Patience,
    Place,
    Subscriber,
    Subscription,
    event_of_document,
    event_of_message,
)
from plumbline_client.subscribing.ordering import Hole, Ordering
from plumbline_client.subscribing.places import PositionStore, Work
from plumbline_client.subscribing.sqlite import SqlitePositions
from plumbline_client.subscribing.taking import Taking

from streams.messages import message_of
from streams.subjects import event_subject, event_subjects, stream_name
from tests.subscribing import event_row


@dataclass(frozen=True)
class Given:
    """A delivery."""

    position: int
    number: int
    redelivered: bool = False
    pending: int = 0


class Server:
    """A durable consumer as the server keeps it, over positions that it delivers one by one, and its acknowledgements."""

    def __init__(self, positions: Sequence[int], end: int) -> None:
        self.number = self.floor = self.floor_number = self.looked = 0
        self.waiting: dict[int, int] = {}
        self.again: list[int] = []
        self.rest = list(positions)
        self.end = end

    def deliver(self) -> Given | None:
        """The next: what comes again goes before what is new."""
        redelivered = bool(self.again)
        if not self.again and not self.rest:
            return None
        position = self.again.pop(0) if self.again else self.rest.pop(0)
        self.number += 1
        self.waiting.setdefault(position, self.number)
        self.looked = max(self.looked, position) if self.rest else self.end
        return Given(position, self.number, redelivered, len(self.rest))

    def acknowledge(self, position: int) -> None:
        """Measured at the server: the floor goes to just before what waits next, or to where it has looked."""
        number = self.waiting.pop(position, None)
        self.again = [p for p in self.again if p != position]
        if number is None:
            return
        if not self.waiting:
            self.floor, self.floor_number = self.looked, self.number
        elif number == self.floor_number + 1:
            first = min(self.waiting)
            self.floor, self.floor_number = first - 1, self.waiting[first] - 1

    def expire(self) -> None:
        """Whatever is not acknowledged comes again."""
        self.again = sorted(self.waiting)


@settings(deadline=None)
@given(
    count=st.integers(1, 30), whole=st.booleans(), step=st.integers(2, 4), batch=st.integers(1, 3),
    luck=st.lists(st.sampled_from(["lost", "expire", "ask", "settle", "settle die", "settle done", "crash", "die", "", "", ""]), max_size=60),
)  # fmt: skip
@example(count=3, whole=False, step=3, batch=1, luck=["lost", "", "", "expire", "", "", "settle done"])
@example(count=3, whole=False, step=3, batch=1, luck=["die", "expire", "", "settle done"])
def test_whatever_is_lost_or_comes_again_events_are_handled_in_order_and_once(
    count: int, whole: bool, step: int, batch: int, luck: list[str]
) -> None:
    positions = [p if whole else p * step for p in range(1, count + 1)]
    server = Server(positions, end=positions[-1] + (0 if whole else step - 1))
    order: Ordering[Given] = Ordering(0, 0, 0, whole=whole)
    handled: list[int] = []
    answer: tuple[int, int] | None = None
    place = Place(0, "made", "everything")

    def another() -> Ordering[Given]:
        """A new process: it knows its place, and how the durable stands, whose floor must not seem somebody else's."""
        assert server.floor <= place.position or server.floor_number <= place.number
        return Ordering(place.position, server.number, len(server.waiting), whole=whole)

    # After all that has happened, things go well until everything is handled.
    for chance in [*luck, *["expire", *["settle"] * (count + 2)] * 3]:
        if chance == "expire":
            server.expire()
        elif chance == "crash":
            order, answer = another(), None
        elif chance == "ask":
            # The answer may arrive after what was delivered later.
            answer = server.number, len(server.waiting)
        elif chance.startswith("settle") and not order.settled:
            order.settle(*(answer or (server.number, len(server.waiting))))
            answer = None
        if owed := order.owed():
            through, number = order.clear(order.position)
            place = place.moved(through, number=number)
            dies = chance.endswith("die")
            for known in owed[: 1 if dies else None]:
                server.acknowledge(known.position)
            if dies:
                order, answer = another(), None
        delivery = server.deliver()
        if chance == "lost":
            continue
        if delivery is not None:
            order.add(delivery)
        for known in order.again():
            server.acknowledge(known.position)
        while ready := order.ready(batch):
            handled += [d.position for d in ready]
            through, number = order.clear(ready[-1].position)
            place = place.moved(through, number=number)
            for done in order.advance(place.position):
                if not chance.endswith("die"):
                    server.acknowledge(done.position)
            if chance.endswith(("die", "done")):
                # Killed before it acknowledged, or after.
                order, answer = another(), None
                break
        assert order.hole is None
    assert handled == positions


def test_a_position_that_does_not_come_is_a_hole_once_nothing_else_is_on_its_way() -> None:
    order: Ordering[Given] = Ordering(4, 0, 0, whole=True)
    order.add(Given(6, 1))
    assert order.ready(9) == []
    assert order.hole == Hole(4, 6)
    assert order.advance(5) == [] and order.hole is None
    assert [d.position for d in order.ready(9)] == [6]
    waits: Ordering[Given] = Ordering(4, 7, 1, whole=True)
    waits.add(Given(6, 8))
    assert waits.hole is None  # 5 is what somebody has not acknowledged
    waits.settle(8, 2)
    assert not waits.settled
    waits.settle(8, 1)
    assert waits.hole == Hole(4, 6)


def test_among_some_events_a_count_that_falls_by_more_than_one_is_a_hole() -> None:
    order: Ordering[Given] = Ordering(0, 0, 0, whole=False)
    order.add(Given(10, 1, pending=5))
    order.add(Given(20, 2, pending=9))  # five more have come
    assert order.hole is None
    order.add(Given(40, 3, pending=7))
    assert order.hole == Hole(20, 40)


@given(ledger=st.just("main"), kind=st.sampled_from(["PointsGranted", "DayClosed"]), customer=st.text(min_size=1, max_size=9))
def test_subjects_are_those_that_the_relay_publishes_to(ledger: str, kind: str, customer: str) -> None:
    if any(0xD800 <= ord(c) < 0xE000 for c in customer):
        return
    one = Subscription(ledger, "x", types=(kind,), customers=(customer,))
    assert one.subjects == (event_subject(ledger, kind, customer),)
    assert Subscription(ledger, "x").subjects == (event_subjects(ledger),) and one.stream == stream_name(ledger)
    assert Subscription(ledger, "x", types=(kind,)).subjects == (f"plumbline.{ledger}.event.{kind}.*",)


@pytest.mark.parametrize("given_wrong", [{"ledger": "Main"}, {"ledger": "a.b"}, {"name": "a b"}, {"name": ""}, {"types": ("",)}, {"after": -1}])
def test_a_subscription_of_no_such_name_is_refused(given_wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Subscription(**{"ledger": "main", "name": "billing", **given_wrong})


def test_a_durable_of_types_that_there_are_not_is_never_made(tmp_path: Path) -> None:
    """The server would take any, and the subscriber would wait for ever."""

    def subscriber(*types: str, create: bool) -> Subscriber[Any]:
        store = SqlitePositions(tmp_path / "positions.sqlite")
        following = Subscription("main", "billing", types=types)
        return Subscriber(following, store, url="nats://127.0.0.1:1", handler=lambda event, connection: None, create=create)

    with pytest.raises(ValueError, match=r"hold what is no type of event; there are .*DayClosed, .*PointsGranted, "):
        subscriber("PointsGranted", "Nix", create=True)
    assert subscriber("PointsGranted", "DayClosed", create=True).subscription.types == ("PointsGranted", "DayClosed")
    # One that an operator has made may be of a newer server's.
    assert subscriber("Nix", create=False).subscription.types == ("Nix",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ce-specversion": "0.3"}, "CloudEvents"), ({"ce-position": None}, "position"), ({"ce-position": "x"}, "position"),
        ({"ce-time": "yesterday"}, "time"), ({"ce-id": None}, "id"),
    ],
)  # fmt: skip
def test_a_message_that_is_no_event_is_refused(change: dict[str, str | None], reason: str) -> None:
    message = message_of("main", event_row(4))
    headers = {name: value for name, value in (message.headers | change).items() if value is not None}
    with pytest.raises(EventInvalid, match=reason):
        event_of_message(headers, message.body)
    for body in (b"", b"[]", b"{"):
        with pytest.raises(EventInvalid):
            event_of_message(message.headers, body)
    with pytest.raises(EventInvalid):
        event_of_document([])


class Memory(PositionStore[list[int]]):
    """A store that fails when it is told to."""

    def __init__(self, failures: list[str]) -> None:
        self.place = Place(0, "", "")
        self.kept: list[int] = []
        self.failures = failures

    async def open(self, subscription: Subscription) -> Place:
        return self.place

    async def move(self, subscription: Subscription, before: Place, after: Place, work: Work[list[int]]) -> None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise OSError("connection refused")
        written: list[int] = []
        assert work(written) is None
        if failure == "commit":
            raise OSError("connection lost")
        self.kept += written
        self.place = after
        if failure == "answer":
            raise OSError("connection lost after the commit")

    async def close(self) -> None: ...


def write(events: Sequence[LedgerEvent], transaction: list[int]) -> None:
    transaction.extend(event.position for event in events)


@given(st.lists(st.sampled_from(["before", "commit", "answer", ""]), max_size=12), st.integers(1, 4))
def test_however_the_store_fails_events_take_effect_once(failures: list[str], size: int) -> None:
    events = [event_of_message(m.headers, m.body) for m in (message_of("main", event_row(p)) for p in range(1, 9))]
    store = Memory(list(failures))

    async def run() -> None:
        # What the store can't do is no fault of an event: one attempt of the handler would be allowed.
        patience = Patience(attempts_max=1, wait_seconds_first=0.0)
        taking = Taking(Subscription("main", "x"), store, write, None, patience, asyncio.Event())
        await taking.open()
        for first in range(0, len(events), size):
            await taking.take(events[first : first + size])
        assert taking.place.position == 8

    asyncio.run(run())
    assert store.kept == [1, 2, 3, 4, 5, 6, 7, 8]


def test_waits_double_up_to_the_longest() -> None:
    patience = Patience(wait_seconds_first=1, wait_seconds_max=10)
    for attempt, longest in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (500, 10)):
        assert longest / 2 <= patience.wait_seconds(attempt) <= longest


def test_a_subscriber_has_one_handler() -> None:
    with pytest.raises(ValueError, match="handler"):
        Subscriber(Subscription("main", "x"), Memory([]), url="nats://127.0.0.1:1")


def test_the_client_alone_needs_no_client_of_nats_or_postgres() -> None:
    client = Path(__file__).parents[3] / "client"
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import plumbline_client;"
        " assert not {'nats', 'psycopg'} & sys.modules.keys();"
        " import plumbline_client.subscribing.sqlite; assert 'nats' in sys.modules and 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(client)], check=True)


def test_a_subscriber_that_waits_for_another_process_can_be_told_to_stop(tmp_path: Path) -> None:
    subscription = Subscription("main", "billing")

    async def whole() -> None:
        other = SqlitePositions(tmp_path / "consumer.db")
        await other.open(subscription)
        store = SqlitePositions(tmp_path / "consumer.db")
        waiting = Subscriber(subscription, store, url="nats://127.0.0.1:1", handler=lambda event, transaction: None)
        asyncio.get_running_loop().call_later(0.05, waiting.stop)
        await asyncio.wait_for(waiting.run(), 5)
        await other.close()

    asyncio.run(whole())

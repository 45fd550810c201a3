"""The durable consumer against a real NATS server: everything once, in order, whatever happens on the way."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from plumbline_client.subscribing import (
    DurableDiffers,
    DurableShared,
    EventInvalid,
    GapFound,
    HandlerFailed,
    LedgerEvent,
    Patience,
    Subscriber,
    Subscription,
    SubscriptionChanged,
)
from plumbline_client.subscribing.postgres import PostgresPositions
from plumbline_client.subscribing.sqlite import SqlitePositions
from psycopg.sql import SQL, Identifier

from tests.ledgers import NOW
from tests.subscribing import (
    expected,
    reached,
    running,
    sqlite_book,
    sqlite_booked,
    sqlite_made,
    stream_open,
)

pytestmark = pytest.mark.anyio
QUICK: dict[str, Any] = {"ack_seconds": 1.0, "idle_seconds": 0.3, "create": True}


def subscriber_of(
    ledger: str, url: str, file: Path, *, name: str = "billing", handler: Any = sqlite_book, **more: Any
) -> Subscriber[Any]:
    """A subscriber that writes to a file; `types` and `customers` are its subscription's."""
    follows = {n: more.pop(n) for n in ("types", "customers", "after") if n in more}
    given = {**QUICK, "handler": handler, **more}
    return Subscriber(Subscription(ledger, name, **follows), SqlitePositions(file), url=url, **given)


async def test_a_consumer_gets_what_was_there_and_what_comes_and_goes_on_where_it_stopped(
    broker_url: str, file: Path
) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(10)
        for last in (15, 20):
            async with running(subscriber_of(stream.ledger, broker_url, file)) as subscriber:
                await stream.more(5)
                await reached(subscriber, last)
        assert sqlite_booked(file) == expected(20)
        durable = await stream.durable("billing")
        assert (durable.ack_floor.stream_seq, durable.num_ack_pending, durable.num_redelivered) == (20, 0, 0)


async def test_events_are_handed_over_with_all_that_the_message_says(broker_url: str, file: Path) -> None:
    found: list[LedgerEvent] = []
    async with stream_open(broker_url) as stream:
        await stream.more(4)
        handler = lambda event, _: found.append(event)  # noqa: E731
        async with running(subscriber_of(stream.ledger, broker_url, file, handler=handler)) as subscriber:
            await reached(subscriber, 4)
    deducted, _, closed, granted = found
    assert (deducted.position, deducted.type, deducted.customer) == (1, "PointsDeducted", "C-000002")
    assert (granted.id, granted.ledger) == (f"{stream.ledger}/4", stream.ledger)
    assert granted.dataschema == "plumbline:/schemas/events/PointsGranted/1"
    assert granted.time == NOW + timedelta(seconds=4) and granted.data["points"] == 4
    assert "actor" not in granted.data and closed.customer is None


async def test_with_postgres_a_batch_and_its_position_are_one_transaction(broker_url: str, database_url: str) -> None:
    """Five thousand events came while it was away."""
    async with stream_open(broker_url) as stream, await psycopg.AsyncConnection.connect(database_url) as reader:
        table = Identifier(f"booked_{stream.ledger}")
        await reader.execute(SQL("CREATE TABLE {} (position bigint, type text, customer text)").format(table))
        await reader.commit()
        await stream.more(5_000)
        sizes: list[int] = []
        seen = SQL(
            "SELECT (SELECT count(*) FROM {}), (SELECT position FROM plumbline_position WHERE ledger = %s)"
        ).format(table)

        async def book(events: Sequence[LedgerEvent], connection: psycopg.AsyncConnection[Any]) -> None:
            sizes.append(len(events))
            into = SQL("COPY {} FROM STDIN").format(table)
            async with connection.cursor() as cursor, cursor.copy(into) as copy:
                for event in events:
                    await copy.write_row((event.position, event.type, event.customer))
            # Seen from outside, neither the events nor the position are there yet.
            row = await (await reader.execute(seen, (stream.ledger,))).fetchone()
            assert row is not None and row[0] == row[1] == sum(sizes[:-1])
            await reader.commit()

        store = PostgresPositions(database_url)
        subscriber = Subscriber(
            Subscription(stream.ledger, "billing"), store, url=broker_url, handler_many=book, batch_events_max=500, **QUICK
        )
        async with running(subscriber):
            await reached(subscriber, 5_000)
        rows = await (await reader.execute(SQL("SELECT position, type, customer FROM {}").format(table))).fetchall()
        assert rows == expected(5_000) and max(sizes) <= 500 and len(sizes) < 100


@pytest.mark.parametrize("follows", [{"types": ("PointsGranted", "TierChanged")}, {"customers": ("C-000003",)}, {"types": ("DayClosed",)}])
async def test_a_consumer_of_some_gets_those_and_knows_how_far_it_has_seen(
    broker_url: str, file: Path, follows: dict[str, Any]
) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(41)
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            # The last event is none of those it follows: the server says that it has looked so far.
            await reached(subscriber, 41)
            await stream.more(9)
            await reached(subscriber, 50)
            assert subscriber.seen == 50 >= subscriber.position == expected(50, **follows)[-1][0]
        assert sqlite_booked(file) == expected(50, **follows)


async def test_what_comes_again_is_known_by_its_position_and_acknowledged(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(10)
        async with running(subscriber_of(stream.ledger, broker_url, file)) as subscriber:
            await reached(subscriber, 10)
        # Made anew, the durable delivers everything from the beginning.
        await stream.durable_remove("billing")
        await stream.durable_make("billing")
        await stream.more(2)
        async with running(subscriber_of(stream.ledger, broker_url, file)) as subscriber:
            await reached(subscriber, 12)
        assert sqlite_booked(file) == expected(12)
        assert (await stream.durable("billing")).ack_floor.stream_seq == 12


@pytest.mark.parametrize("types", [(), ("PointsGranted", "DayClosed")])
async def test_what_a_dead_process_had_fetched_comes_before_what_is_newer(
    broker_url: str, file: Path, types: tuple[str, ...]
) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(20)
        subjects = Subscription(stream.ledger, "billing", types=types).subjects
        await stream.durable_make("billing", *subjects, ack_wait=1)
        assert len(await stream.fetch("billing", 5)) == 5  # and nobody will ever acknowledge them
        async with running(subscriber_of(stream.ledger, broker_url, file, types=types)) as subscriber:
            await stream.more(4)
            await reached(subscriber, 24)
        assert sqlite_booked(file) == expected(24, types=types)


async def test_a_slow_handler_keeps_its_events_by_signs_of_life(broker_url: str, file: Path) -> None:
    def slow(event: LedgerEvent, connection: sqlite3.Connection) -> None:
        time.sleep(4.5 if event.position == 2 else 0)
        sqlite_book(event, connection)

    async with stream_open(broker_url) as stream:
        await stream.more(3)
        async with running(
            subscriber_of(stream.ledger, broker_url, file, handler=slow, ack_seconds=2.0)
        ) as subscriber:
            await reached(subscriber, 3)
        assert sqlite_booked(file) == expected(3)
        durable = await stream.durable("billing")
        assert durable.delivered.consumer_seq == 3  # none was delivered a second time


async def test_a_handler_that_fails_is_asked_again_and_nothing_of_its_attempts_stays(broker_url: str, file: Path) -> None:
    failures = iter([True, True, False])

    def sometimes(event: LedgerEvent, connection: sqlite3.Connection) -> None:
        sqlite_book(event, connection)
        if event.position == 5 and next(failures):
            raise ValueError("not now")

    async with stream_open(broker_url) as stream:
        await stream.more(8)
        patience = Patience(wait_seconds_first=0.02)
        async with running(
            subscriber_of(stream.ledger, broker_url, file, handler=sometimes, patience=patience, batch_events_max=4)
        ) as subscriber:
            await reached(subscriber, 8)
        assert sqlite_booked(file) == expected(8)
        assert next(failures, None) is None


def refuse_five(event: LedgerEvent, connection: sqlite3.Connection) -> None:
    """A handler that one event is poison for."""
    sqlite_book(event, connection)
    if event.position == 5:
        raise ValueError("never")


async def test_an_event_that_is_refused_for_good_stops_the_consumer_before_it(broker_url: str, file: Path) -> None:
    patience = Patience(attempts_max=3, wait_seconds_first=0.02)
    async with stream_open(broker_url) as stream:
        await stream.more(8)
        with pytest.raises(HandlerFailed) as failed:
            await subscriber_of(
                stream.ledger, broker_url, file, handler=refuse_five, patience=patience, batch_events_max=4
            ).run()
        assert (failed.value.event.position, failed.value.attempts) == (5, 3)
        assert isinstance(failed.value.__cause__, ValueError)
        assert sqlite_booked(file) == expected(4)
        # Put right, it goes on with that event, and at once: what was fetched was given back.
        async with running(subscriber_of(stream.ledger, broker_url, file)) as subscriber:
            await reached(subscriber, 8)
        assert sqlite_booked(file) == expected(8)


async def test_an_event_that_is_refused_for_good_can_be_put_aside(broker_url: str, file: Path) -> None:
    def aside(event: LedgerEvent, error: Exception, connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE aside (position INTEGER, reason TEXT)")
        connection.execute("INSERT INTO aside VALUES (?, ?)", (event.position, str(error)))

    patience = Patience(attempts_max=2, wait_seconds_first=0.02)
    async with stream_open(broker_url) as stream:
        await stream.more(8)
        async with running(
            subscriber_of(stream.ledger, broker_url, file, handler=refuse_five, park=aside, patience=patience)
        ) as subscriber:
            await reached(subscriber, 8)
    assert sqlite_booked(file) == [e for e in expected(8) if e[0] != 5]
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT * FROM aside").fetchall() == [(5, "never")]
    connection.close()


async def test_an_event_missing_in_the_middle_of_the_stream_is_found(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(20)
        await stream.delete(5)
        with pytest.raises(GapFound) as found:
            await asyncio.wait_for(subscriber_of(stream.ledger, broker_url, file).run(), 20)
        assert (found.value.after, found.value.before) == (4, 6)
        assert sqlite_booked(file) == expected(4)


async def test_among_some_types_the_count_of_what_is_to_come_tells_of_a_missing_event(
    broker_url: str, file: Path
) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(20)
        handling, deleted = threading.Event(), threading.Event()

        def wait(event: LedgerEvent, connection: sqlite3.Connection) -> None:
            sqlite_book(event, connection)
            handling.set()
            assert deleted.wait(20)

        subscriber = subscriber_of(stream.ledger, broker_url, file, types=("PointsGranted",), handler=wait)
        # One at a time: of 4, 8, 12, 16 and 20 the server has given only the first when 8 vanishes.
        await stream.durable_make("billing", *subscriber.subscription.subjects, max_ack_pending=1)
        task = asyncio.create_task(subscriber.run())
        assert await asyncio.to_thread(handling.wait, 20)
        await stream.delete(8)
        deleted.set()
        with pytest.raises(GapFound) as found:
            await asyncio.wait_for(task, 20)
        assert (found.value.after, found.value.before) == (4, 12)
        assert sqlite_booked(file) == expected(4, types=("PointsGranted",))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_two_processes_one_works_and_the_other_takes_over(
    broker_url: str, database_url: str, file: Path, kind: str
) -> None:
    taken: list[int] = []

    def take(event: LedgerEvent, _: Any) -> None:
        taken.append(event.position)

    def store() -> Any:
        return SqlitePositions(file) if kind == "sqlite" else PostgresPositions(database_url)

    async with stream_open(broker_url) as stream:
        first, second = (
            Subscriber(
                Subscription(stream.ledger, "billing"),
                store(),
                url=broker_url, handler=take, **QUICK,
            )
            for _ in range(2)
        )  # fmt: skip
        async with running(first):
            await stream.more(3)
            await reached(first, 3)
            async with running(second):
                await stream.more(3)
                await reached(first, 6)
                assert second.position == 0
                first.stop()
                await stream.more(3)
                await reached(second, 9)
        assert taken == list(range(1, 10))


async def test_a_durable_that_is_set_up_otherwise_is_refused(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(3)
        await stream.durable_make("wide")
        await stream.durable_make("hasty", max_deliver=3)
        with pytest.raises(DurableDiffers, match="it follows"):
            await subscriber_of(stream.ledger, broker_url, file, name="wide", types=("DayClosed",)).run()
        with pytest.raises(DurableDiffers, match="max_deliver"):
            await subscriber_of(stream.ledger, broker_url, file, name="hasty").run()


@pytest.mark.parametrize("how", [{"deliver_policy": "by_start_sequence", "opt_start_seq": 101}, {"deliver_policy": "new"}])
async def test_a_durable_that_begins_late_is_no_loss_and_is_followed_by_who_says_from_where(
    broker_url: str, file: Path, how: dict[str, Any]
) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(100)
        await stream.durable_make("late", **how)
        await stream.more(10)
        with pytest.raises(DurableDiffers, match=r"late begins after 100; give the Subscription after=100 \(or .*History"):
            await subscriber_of(stream.ledger, broker_url, file, name="late").run()
        assert sqlite_booked(file) == []
        # As told, with the same store: nothing had taken effect.
        async with running(subscriber_of(stream.ledger, broker_url, file, name="late", after=100)) as subscriber:
            await reached(subscriber, 110)
        assert sqlite_booked(file) == expected(110, first=101)


async def test_a_durable_that_begins_after_where_a_subscription_stands_is_told_apart(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(10)
        async with running(subscriber_of(stream.ledger, broker_url, file, name="late")) as subscriber:
            await reached(subscriber, 10)
        await stream.more(90)
        await stream.durable_remove("late")
        await stream.durable_make("late", deliver_policy="by_start_sequence", opt_start_seq=101)
        with pytest.raises(DurableDiffers, match="begins after 100, and this subscription stands at 10"):
            await subscriber_of(stream.ledger, broker_url, file, name="late", after=100).run()
        assert sqlite_booked(file) == expected(10)


async def test_what_was_acknowledged_elsewhere_is_not_called_a_loss_of_the_stream(
    broker_url: str, file: Path, tmp_path: Path
) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(10)
        async with running(subscriber_of(stream.ledger, broker_url, file)) as subscriber:
            await reached(subscriber, 10)
        while (await stream.durable("billing")).ack_floor.stream_seq < 10:
            await asyncio.sleep(0.02)
        with pytest.raises(GapFound, match="between the positions 0 and 11 was acknowledged"):
            await subscriber_of(stream.ledger, broker_url, sqlite_made(tmp_path / "other.db")).run()


async def test_the_floor_of_a_durable_of_some_types_lies_ahead_and_that_is_no_gap(broker_url: str, file: Path) -> None:
    def until_seven(event: LedgerEvent, connection: sqlite3.Connection) -> None:
        assert event.position != 7
        sqlite_book(event, connection)

    # 3, 4, 7, 8 and so on: after 4 the server's floor is 6, just before what waits next.
    follows: dict[str, Any] = {"types": ("PointsGranted", "DayClosed")}
    async with stream_open(broker_url) as stream:
        await stream.more(18)
        once = Patience(attempts_max=1)
        with pytest.raises(HandlerFailed):
            await subscriber_of(stream.ledger, broker_url, file, handler=until_seven, patience=once, **follows).run()
        durable = await stream.durable("billing")
        assert (durable.ack_floor.stream_seq, sqlite_booked(file)) == (6, expected(4, **follows))
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            await reached(subscriber, 18)
        await stream.more(6)
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            await reached(subscriber, 24)
        assert sqlite_booked(file) == expected(24, **follows)


async def test_what_somebody_else_acknowledged_among_some_types_is_found_missing(broker_url: str, file: Path) -> None:
    follows: dict[str, Any] = {"types": ("PointsGranted", "DayClosed")}
    async with stream_open(broker_url) as stream:
        await stream.more(18)
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            await reached(subscriber, 18)
        await stream.more(4)
        (nineteen,) = await stream.fetch("billing", 1)
        await nineteen.ack_sync()
        with pytest.raises(GapFound, match="between the positions 16 and 20 was acknowledged"):
            await subscriber_of(stream.ledger, broker_url, file, **follows).run()


async def test_a_durable_made_again_while_its_stream_is_still_filling_loses_nothing(broker_url: str, file: Path) -> None:
    follows: dict[str, Any] = {"types": ("PointsGranted", "DayClosed")}
    async with stream_open(broker_url) as stream:
        await stream.more(40)
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            await reached(subscriber, 40)
        await stream.remove()
        await stream.make()
        await stream.more(10)
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            while await stream.durable("billing") is None:
                await asyncio.sleep(0.02)
            await stream.more(40)
            # The server counts what lies before the durable's beginning as well, until it finds nothing more to give.
            await reached(subscriber, 50)
            for position in (58, 66, 74):
                await stream.more(8)
                await reached(subscriber, position)
        assert sqlite_booked(file) == expected(74, **follows)


@pytest.mark.parametrize("more", [0, 1])
async def test_a_durable_made_again_with_its_stream_is_known_by_what_it_succeeds(
    broker_url: str, file: Path, more: int
) -> None:
    follows: dict[str, Any] = {"types": ("PointsGranted", "DayClosed")}
    async with stream_open(broker_url) as stream:
        await stream.more(18)
        async with running(subscriber_of(stream.ledger, broker_url, file, **follows)) as subscriber:
            await reached(subscriber, 18)
        before = await stream.durable("billing")
        number = before.ack_floor.consumer_seq
        assert (subscriber.position, number) == (16, 8)
        created = sqlite3.connect(file).execute("SELECT durable FROM plumbline_position").fetchone()[0].partition(" ")[0]
        await stream.durable_remove("billing")
        # It begins after 18, and 17 and 18 are not followed; with one delivery more somebody else had one of them.
        subjects = Subscription(stream.ledger, "billing", **follows).subjects
        metadata = {"plumbline_succeeds": created, "plumbline_succeeds_number": str(number + more)}
        begins: dict[str, Any] = {"deliver_policy": "by_start_sequence", "opt_start_seq": 19, "metadata": metadata}
        await stream.durable_make("billing", *subjects, **begins)
        await stream.more(4)
        again = subscriber_of(stream.ledger, broker_url, file, **follows)
        if more:
            with pytest.raises(DurableDiffers, match=r"stands at 16.*subscribers remove billing.*--after 16"):
                await again.run()
            return
        async with running(again):
            await reached(again, 22)
        assert sqlite_booked(file) == expected(22, **follows)


async def test_a_stream_that_begins_later_has_lost_what_was_before(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url, make=False) as stream:
        await stream.make(first=51)
        await stream.more(10)
        with pytest.raises(GapFound, match="the stream has lost what lies between the positions 0 and 51"):
            await subscriber_of(stream.ledger, broker_url, file).run()


async def test_a_message_that_is_no_event_is_named_with_what_to_do(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(4)
        await stream.client.jetstream().publish(f"plumbline.{stream.ledger}.event.PointsGranted.C-000001", b"{}")
        with pytest.raises(EventInvalid, match=rf"the message 5 of {stream.name} is no event.*plumbline streams check"):
            await subscriber_of(stream.ledger, broker_url, file).run()


async def test_a_subscription_that_follows_something_else_than_before_is_refused(broker_url: str, file: Path) -> None:
    async with stream_open(broker_url) as stream:
        await stream.more(3)
        async with running(subscriber_of(stream.ledger, broker_url, file, types=("DayClosed",))) as subscriber:
            await reached(subscriber, 3)
        with pytest.raises(SubscriptionChanged, match="another name"):
            await subscriber_of(stream.ledger, broker_url, file, types=("DayClosed", "TierChanged")).run()


async def test_two_stores_at_one_durable_are_found_out(
    broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plumbline_client.subscribing.subscriber.SHARED_ACK_WAITS", 1)
    monkeypatch.setattr("plumbline_client.subscribing.subscriber.SHARED_SECONDS", 0.5)
    files = [sqlite_made(tmp_path / "a.db"), sqlite_made(tmp_path / "b.db")]
    async with stream_open(broker_url) as stream:
        tasks = [asyncio.create_task(subscriber_of(stream.ledger, broker_url, f, ack_seconds=0.5).run()) for f in files]
        await asyncio.sleep(0.5)
        await stream.more(400)
        done, rest = await asyncio.wait(tasks, timeout=20, return_when=asyncio.FIRST_EXCEPTION)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        found = [task.exception() for task in done]
        assert [e for e in found if isinstance(e, DurableShared | GapFound)] == found != []

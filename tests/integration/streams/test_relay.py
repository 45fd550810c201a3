"""The relay on real servers: every event once and in order, standing by, waiting, and stopping where stream and log
disagree."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
from nats.js.manager import JetStreamManager

from ledger.domain.commands import RegisterCustomer, Request
from service.settings import Settings
from streams import connection as connection_module, relay as relaying_module
from streams.connection import Connection
from streams.cursor import cursor_read
from streams.faults import MessageTooLarge, StreamDiffers, StreamMissing
from streams.messages import message_of
from streams.publishing import Overtaken, Publisher
from streams.relay import Relay, RelayState
from streams.setup import config_events
from streams.subjects import event_subject, stream_name
from streams.tail import tail_open
from tests.ledgers import Books, books_open, fact
from tests.nats_servers import nats_server
from tests.streaming import on_nats, relaying, set_up, stream_check, stream_last, stream_wait, until


@pytest.fixture
def ledger() -> str:
    """A name of its own: all tests share a NATS server."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def schema(ledger: str) -> str:
    return f"ledger_{ledger}"


@pytest.fixture
def books(database_url: str, schema: str) -> Iterator[Books]:
    with books_open(database_url, schema) as opened:
        opened.register("a", "b")
        yield opened


def logins(name: str, count: int) -> list[Request]:
    return [Request(fact(f"{name}/{i}", "login", "2026-10-05", f"C-00000{i % 2 + 1}"), "bob") for i in range(count)]


def relay_of(ledger: str, schema: str, database_url: str, nats_url: str) -> Relay:
    return Relay(ledger, schema, database_url, nats_url, standby_seconds=0)


def test_what_was_written_before_and_meanwhile_is_in_the_stream_once_and_a_later_relay_goes_on(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books
) -> None:
    # With the embedded server nobody has to set the stream up.
    with relaying(settings, ledger, database_url, nats_url) as first:
        for number in range(20):
            books.writer.submit(logins(f"first{number}", 7))
        until(lambda: first.relay is not None and first.relay.position == books.position)
        assert first.state is RelayState.RELAYING
    assert first.state is RelayState.ENDED
    books.writer.submit(logins("between", 100))
    assert stream_check(nats_url, ledger, books.recorder, whole=False) < books.position
    with relaying(settings, ledger, database_url, nats_url):
        stream_wait(nats_url, ledger, books.position)
    assert stream_check(nats_url, ledger, books.recorder) == books.position > 240


def test_a_second_relay_stands_by_and_goes_on_when_the_first_ends(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books
) -> None:
    with relaying(settings, ledger, database_url, nats_url) as first:
        stream_wait(nats_url, ledger, books.position)
        with relaying(settings, ledger, database_url, nats_url) as second:
            # Both find nothing to do; the next event decides who of them does it.
            until(lambda: second.state is RelayState.RELAYING)
            deadline = time.monotonic() + 30
            while {first.state, second.state} != {RelayState.RELAYING, RelayState.STANDBY}:
                assert time.monotonic() < deadline, (first.state, second.state)
                books.writer.submit(logins(secrets.token_hex(3), 5))
            first.stop()
            books.writer.submit(logins("after", 5))
            stream_wait(nats_url, ledger, books.position)
            until(lambda: second.state is RelayState.RELAYING)
    stream_check(nats_url, ledger, books.recorder)


def test_relays_that_race_neither_double_nor_interleave(
    database_url: str, nats_url: str, ledger: str, schema: str, books: Books
) -> None:
    set_up(nats_url, ledger)
    books.writer.submit(logins("many", 600))

    async def race() -> None:
        relays = [relay_of(ledger, schema, database_url, nats_url) for _ in range(4)]
        await asyncio.gather(*(r.run_until(books.position) for r in relays))
        assert {r.position for r in relays} == {books.position}

    asyncio.run(race())
    stream_check(nats_url, ledger, books.recorder)


def test_a_publisher_that_was_overtaken_stops_at_its_first_message(nats_url: str, ledger: str, books: Books) -> None:
    set_up(nats_url, ledger)
    messages = [message_of(ledger, event) for event in books.recorder.select_range(0, 10)]

    async def work(connection: Connection) -> None:
        async with Publisher(connection, stream_name(ledger), 0) as first:
            for message in messages:
                await first.publish(message)
            await first.settled()
        assert first.acked == 10
        async with Publisher(connection, stream_name(ledger), 0) as second:
            await second.publish(messages[0])
            with pytest.raises(Overtaken):
                await second.settled()
        # An expected sequence that lies ahead is no better.
        async with Publisher(connection, stream_name(ledger), 11) as third:
            [event] = books.recorder.select_range(11, 1)
            await third.publish(message_of(ledger, event))
            with pytest.raises(Overtaken):
                await third.settled()

    on_nats(nats_url, work)
    assert stream_check(nats_url, ledger, books.recorder, whole=False) == 10


def test_a_log_that_was_restored_from_an_older_backup_stops_the_relay(
    database_url: str, nats_url: str, ledger: str, schema: str, books: Books, schema_name: str
) -> None:
    set_up(nats_url, ledger)
    books.writer.submit(logins("later", 10))
    asyncio.run(relay_of(ledger, schema, database_url, nats_url).run_until(books.position))
    with books_open(database_url, schema_name) as restored:
        # The log of that name is another one now, and shorter than the stream.
        with pytest.raises(StreamDiffers, match=f"ends at position {books.position}, the log at {restored.position}"):
            asyncio.run(relay_of(ledger, schema_name, database_url, nats_url).run_until(1_000))
        restored.register(*(f"k{i}" for i in range(40)))
        assert restored.position > books.position
        # It went on and is longer: what tells is the event itself.
        with pytest.raises(StreamDiffers, match="is not the log's event at that position"):
            asyncio.run(relay_of(ledger, schema_name, database_url, nats_url).run_until(1_000))
    assert stream_last(nats_url, ledger) == books.position


def test_a_message_that_no_relay_published_stops_every_relay(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books
) -> None:
    set_up(nats_url, ledger)

    async def forge(connection: Connection) -> None:
        await connection.client.jetstream().publish(event_subject(ledger, "PointsGranted", "C-000001"), b"{}")

    on_nats(nats_url, forge)
    with relaying(settings, ledger, database_url, nats_url) as found:
        until(lambda: found.state is RelayState.STOPPED)
        assert found.relay is not None and "ce-id differs" in found.relay.reason
    assert stream_last(nats_url, ledger) == 1 < books.position


def test_without_a_stream_the_relay_says_what_to_run_and_goes_on_once_that_was_done(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying_module, "STOPPED_AGAIN_SECONDS", 0.1)
    external = replace(settings, nats_url=nats_url)
    with relaying(external, ledger, database_url, nats_url) as found:
        until(lambda: found.state is RelayState.STOPPED)
        assert found.relay is not None and "plumbline streams setup" in found.relay.reason
        set_up(nats_url, ledger)
        stream_wait(nats_url, ledger, books.position)


def test_while_the_broker_is_away_no_write_fails_and_afterwards_all_is_relayed(
    settings: Settings, database_url: str, ledger: str, books: Books, tmp_path: Path
) -> None:
    with nats_server(tmp_path) as server:
        set_up(server.url, ledger)
        external = replace(settings, nats_url=server.url)
        with relaying(external, ledger, database_url, server.url) as found:
            stream_wait(server.url, ledger, books.position)
            server.kill()
            before, ends = books.position, time.monotonic() + 2.0
            number = 0
            while time.monotonic() < ends:
                answers = books.writer.submit(logins(f"away{number}", 5))
                assert {answer.status for answer in answers} == {"accepted"}
                number += 1
            assert found.state is RelayState.WAITING and found.relay is not None
            assert found.relay.position == before < books.position
            until(lambda: found.relay is not None and found.relay.behind is not None and found.relay.behind.positions > 0)
            server.start()
            stream_wait(server.url, ledger, books.position)
        stream_check(server.url, ledger, books.recorder)


def test_an_event_that_is_larger_than_a_message_may_be_stops_the_relay(
    database_url: str, ledger: str, schema: str, books: Books, tmp_path: Path
) -> None:
    with nats_server(tmp_path, payload_max="4200") as server:
        set_up(server.url, ledger)
        with pytest.raises(MessageTooLarge, match=r"set its max_payload to 8MB"):
            asyncio.run(relay_of(ledger, schema, database_url, server.url).run_until(books.position))


def test_a_subject_with_any_customer_belongs_to_the_stream(ledger: str) -> None:
    [subjects] = config_events(ledger).subjects or []
    assert event_subject(ledger, "FactRecorded", None).startswith(subjects[:-1])


def test_who_waits_for_events_is_woken_though_what_was_told_before_was_dropped(
    database_url: str, schema: str, books: Books
) -> None:
    async def work() -> None:
        async with tail_open(database_url, schema) as tail:
            head = books.position
            waiting = asyncio.create_task(tail.next(head))
            await asyncio.sleep(0.05)
            began = time.monotonic()
            answers = await asyncio.to_thread(books.writer.submit, [Request(RegisterCustomer("crm", "z", "Z", {}), "bob")])
            assert answers[0].status == "accepted"
            assert [row[0] for row in await waiting] == [*range(head + 1, books.position + 1)]
            assert time.monotonic() - began < 0.4
            await asyncio.to_thread(books.writer.submit, logins("dropped", 3))
            await tail.notifications_drop()
            rows = await tail.next(head + 1)
            assert rows[-1][0] == books.position
            assert (await tail.behind(books.position)).positions == 0

    asyncio.run(work())


async def emptied(connection: Connection, ledger: str) -> None:
    """As by hand, under the account of operations: the stream deleted, and made again with the same settings."""
    await connection.manager.delete_stream(stream_name(ledger))
    await connection.manager.add_stream(config_events(ledger))


def test_an_idle_relay_notices_that_its_stream_was_emptied_and_fills_it_again(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books
) -> None:
    external = replace(settings, nats_url=nats_url)
    set_up(nats_url, ledger)
    with relaying(external, ledger, database_url, nats_url) as found, structlog.testing.capture_logs() as logs:
        until(lambda: found.state is RelayState.RELAYING and found.relay is not None and found.relay.position == books.position)
        on_nats(nats_url, lambda connection: emptied(connection, ledger))
        # Nothing is written, and the connection stays up.
        stream_wait(nats_url, ledger, books.position, 15)
        until(lambda: found.state is RelayState.RELAYING and found.relay is not None and found.relay.position == books.position)
    stream_check(nats_url, ledger, books.recorder)
    lost = [entry for entry in logs if entry["event"] == "stream lost its end"]
    assert [(entry["position"], entry["position_before"]) for entry in lost] == [(0, books.position)]


def test_a_stream_that_is_made_anew_stops_no_relay_neither_the_one_that_publishes_nor_one_that_stands_by(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books
) -> None:
    set_up(nats_url, ledger)
    external = replace(settings, nats_url=nats_url)
    with (
        structlog.testing.capture_logs() as logs,
        relaying(external, ledger, database_url, nats_url) as first,
        relaying(external, ledger, database_url, nats_url) as second,
    ):
        both = (first, second)
        until(lambda: all(r.relay is not None and r.relay.position == books.position for r in both))
        on_nats(nats_url, lambda connection: connection.manager.delete_stream(stream_name(ledger)))
        until(lambda: all(r.state is RelayState.WAITING for r in both))
        assert all(r.relay is not None and "made anew" in r.relay.reason for r in both)
        set_up(nats_url, ledger)
        stream_wait(nats_url, ledger, books.position)
        until(lambda: {r.state for r in both} <= {RelayState.RELAYING, RelayState.STANDBY})
    assert "relay stopped" not in {entry["event"] for entry in logs}
    stream_check(nats_url, ledger, books.recorder)


def test_a_stream_that_is_gone_stops_an_idle_relay_and_all_of_the_log_lags(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying_module, "GONE_SECONDS", 0.5)
    set_up(nats_url, ledger)
    with relaying(replace(settings, nats_url=nats_url), ledger, database_url, nats_url) as found:
        until(lambda: found.state is RelayState.RELAYING and found.relay is not None and found.relay.position == books.position)
        on_nats(nats_url, lambda connection: connection.manager.delete_stream(stream_name(ledger)))
        until(lambda: found.state is RelayState.STOPPED, 15)
        relay = found.relay
        assert relay is not None and "plumbline streams setup" in relay.reason and relay.position == 0
        until(lambda: relay.behind is not None and relay.behind.positions == books.position, 15)
        assert relay.behind is not None and relay.behind.seconds > 0


def test_a_purge_stops_an_idle_relay(settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books) -> None:
    loose = replace(config_events(ledger), deny_purge=False)
    on_nats(nats_url, lambda connection: connection.manager.add_stream(loose))
    with relaying(replace(settings, nats_url=nats_url), ledger, database_url, nats_url) as found:
        until(lambda: found.state is RelayState.RELAYING and found.relay is not None and found.relay.position == books.position)
        on_nats(nats_url, lambda connection: connection.manager.purge_stream(stream_name(ledger)))
        until(lambda: found.state is RelayState.STOPPED, 15)
        assert found.relay is not None and "it was purged" in found.relay.reason


async def foreign_published(connection: Connection, subject: str, headers: dict[str, str] | None = None) -> int:
    answer = await connection.client.jetstream().publish(subject, b"{}", headers=headers)
    return answer.seq


@pytest.mark.parametrize("forged", [False, True])
def test_a_foreign_message_stops_an_idle_relay_at_its_place_and_no_event_is_left_out(
    settings: Settings, database_url: str, nats_url: str, ledger: str, books: Books, monkeypatch: pytest.MonkeyPatch, forged: bool
) -> None:
    monkeypatch.setattr(relaying_module, "STOPPED_AGAIN_SECONDS", 0.1)
    with relaying(settings, ledger, database_url, nats_url) as found:
        until(lambda: found.state is RelayState.RELAYING and found.relay is not None and found.relay.position == books.position)
        head = books.position
        # Forged: under the very id of the event that comes next, which alone stops nothing that is sent behind it.
        headers = {"Nats-Msg-Id": f"{ledger}/{head + 1}"} if forged else None
        subject = event_subject(ledger, "Fake", "C-1")
        assert on_nats(nats_url, lambda connection: foreign_published(connection, subject, headers)) == head + 1
        books.writer.submit(logins("both", 2))
        assert books.position >= head + 2
        # It may have looked before the log had an event of that place.
        differs = f"{head + 1}, is not the log's event at that position (ce-id differs)"
        until(lambda: found.state is RelayState.STOPPED and found.relay is not None and differs in found.relay.reason)
        assert found.relay is not None
        assert "plumbline streams check" in found.relay.reason and "plumbline streams rebuild" in found.relay.reason
        last = stream_last(nats_url, ledger)
        # It looks again and again, and finds no reason to go on.
        time.sleep(1.0)
        assert found.state is RelayState.STOPPED and stream_last(nats_url, ledger) == last
    if not forged:
        assert last == head + 1


def test_a_server_knows_the_last_id_after_its_window_and_after_a_restart(ledger: str, books: Books, tmp_path: Path) -> None:
    """What the relay relies on in the server."""
    messages = [message_of(ledger, event) for event in books.recorder.select_range(0, 3)]
    for message in messages:
        message.headers["Nats-Msg-Id"] = message.headers["ce-id"]
        if message.position > 1:
            message.headers["Nats-Expected-Last-Msg-Id"] = f"{ledger}/{message.position - 1}"

    async def publish(connection: Connection, position: int) -> int:
        message = messages[position - 1]
        answer = await connection.client.jetstream().publish(message.subject, message.body, headers=message.headers)
        return answer.seq

    with nats_server(tmp_path) as server:
        set_up(server.url, ledger)
        for position in (1, 2, 3):
            assert on_nats(server.url, lambda connection, p=position: publish(connection, p)) == position
            time.sleep(0.5)
            if position == 2:
                server.kill()
                server.start()


def test_a_stream_that_is_made_anew_between_two_questions_is_gone_and_not_taken_for_purged(
    nats_url: str, database_url: str, ledger: str, schema: str, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(nats_url, ledger)
    asyncio.run(relay_of(ledger, schema, database_url, nats_url).run_until(books.position))

    class Rebuilding(JetStreamManager):
        """Somebody rebuilds the stream just before a message is read."""

        async def get_msg(self, *args: Any, **more: Any) -> Any:
            await self.delete_stream(stream_name(ledger))
            await self.add_stream(config_events(ledger))
            return await super().get_msg(*args, **more)

    monkeypatch.setattr(connection_module, "JetStreamManager", Rebuilding)

    async def work(connection: Connection) -> None:
        async with tail_open(database_url, schema) as tail:
            with pytest.raises(StreamMissing, match="made anew just now"):
                await cursor_read(connection, ledger, tail)

    on_nats(nats_url, work)

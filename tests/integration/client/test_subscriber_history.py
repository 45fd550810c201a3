"""Where the stream is gone or begins later, a subscriber reads the API's pages, and goes on live without hole or double."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from plumbline_client import ApiError, AsyncPlumbline, Retries
from plumbline_client.subscribing import (
    EventInvalid,
    History,
    LedgerEvent,
    LogBehind,
    Subscriber,
    Subscription,
    event_of_message,
)
from plumbline_client.subscribing.sqlite import SqlitePositions

from api.access.keys import AccessStore
from api.access.roles import Role
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import RegisterCustomer
from streams.messages import message_of
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.ledgers import fact
from tests.subscribing import Stream, ledger_name, reached, running, sqlite_book, sqlite_booked, stream_open

pytestmark = pytest.mark.anyio


class Away(httpx.ASGITransport):
    """An application that can't be reached, or says that it can't answer, before it can."""

    def __init__(self, app: FastAPI, answers: Sequence[int]) -> None:
        super().__init__(app)
        self._answers = list(answers)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The next of the answers, or the application's."""
        answer = self._answers.pop(0) if self._answers else None
        if answer == 0:
            raise httpx.ConnectError("refused", request=request)
        return await super().handle_async_request(request) if answer is None else httpx.Response(answer)


class Served:
    """A ledger with its API, and a stream that is filled from its log when a test says so."""

    def __init__(self, ledger: LedgerHere, app: FastAPI, key: str) -> None:
        self.ledger = ledger
        self._app = app
        self._key = key
        self._facts = 0

    @property
    def head(self) -> int:
        """Where the log ends."""
        return self.ledger.books.position

    def write(self, count: int) -> None:
        """So many facts, and what comes of them."""
        for _ in range(count):
            self._facts += 1
            attributes: dict[str, Any] = {"amount": 1_000_000} if self._facts % 2 else {}
            kind = "contract_signed" if attributes else "login"
            self.ledger.books.do(fact(f"f{self._facts}", kind, "2026-01-05", f"C-00000{self._facts % 3 + 1}", **attributes))

    @asynccontextmanager
    async def history(self, page_events: int = 7, *answers: int) -> AsyncIterator[History]:
        """The API, with the key of a service. First requests get other `answers`: a status, or 0 for none at all."""
        transport = Away(self._app, answers)
        retries = Retries(attempts_max=1)
        async with AsyncPlumbline("http://test", self._key, transport=transport, retries=retries) as plumbline:
            yield History(plumbline, page_events=page_events)

    async def relay(self, stream: Stream) -> None:
        """Publish what the stream doesn't have yet."""
        while rows := self.ledger.recorder.select_range(stream.position, 1_000):
            await stream.publish(rows)

    def expected(self, subscription: Subscription) -> list[tuple[int, str, str | None]]:
        """What a subscription should get of the log as it stands."""
        events = [self.wire(p) for p in range(1, self.head + 1)]
        return [(e.position, e.type, e.customer) for e in events if subscription.matches(e)]

    def wire(self, position: int) -> LedgerEvent:
        """The event at a position as its message has it."""
        [row] = self.ledger.recorder.select_range(position - 1, 1)
        message = message_of(self.ledger.name, row)
        return event_of_message(message.headers, message.body)


@pytest.fixture(scope="module")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One ledger for all tests, which goes on growing; the stream is each test's own."""
    here, access = LedgersHere(database_url, tmp_path_factory.mktemp("columns")), AccessStore(database_url)
    _, key = access.key_create("billing", Role.SERVICE)
    ledger = here.make(ledger_name())
    ledger.books.send(*(RegisterCustomer("crm", r, f"{r} 公司") for r in "abc"))
    found = Served(ledger, app_create(here, access, ApiSettings()), key)
    found.write(10)
    yield found
    here.close()
    access.close()


def subscriber_of(
    served: Served, url: str, file: Path, history: History | None, **more: Any
) -> Subscriber[sqlite3.Connection]:
    follows = {n: more.pop(n) for n in ("types", "customers") if n in more}
    return Subscriber(
        Subscription(served.ledger.name, "billing", **follows), SqlitePositions(file), url=url,
        **{"handler": sqlite_book, "history": history, "create": True, "idle_seconds": 0.3, **more},
    )  # fmt: skip


async def test_an_event_looks_the_same_from_the_api_and_from_the_stream(served: Served) -> None:
    subscription = Subscription(served.ledger.name, "billing")
    async with served.history() as history:
        pages = [page async for page in history.pages(subscription, 0, None)]
    assert len(pages) > 3
    events = [event for page in pages for event in page.events]
    assert events == [served.wire(p) for p in range(1, served.head + 1)]
    assert {e.customer for e in events} == {None, "C-000001", "C-000002", "C-000003"}
    assert "公司" not in str(events)


@pytest.mark.parametrize("follows", [{}, {"types": ("PointsGranted",)}, {"customers": ("C-000002",)}])
async def test_a_stream_that_is_wiped_and_rebuilt_leaves_neither_hole_nor_double(
    broker_url: str, served: Served, file: Path, follows: dict[str, Any]
) -> None:
    async with served.history() as history, stream_open(broker_url, served.ledger.name) as stream:
        await served.relay(stream)
        subscriber = subscriber_of(served, broker_url, file, history, batch_events_max=4, **follows)
        async with running(subscriber):
            await reached(subscriber, served.head)
            await stream.remove()
            served.write(4)
            # There is no stream: it follows the API.
            await reached(subscriber, served.head)
            await stream.make()
            served.write(4)
            await served.relay(stream)
            served.write(2)
            await served.relay(stream)
            await reached(subscriber, served.head)
        assert sqlite_booked(file) == served.expected(subscriber.subscription)


@pytest.mark.parametrize("types", [(), ("PointsGranted", "FactRecorded")])
async def test_what_lies_before_the_beginning_of_the_stream_comes_from_the_api(
    broker_url: str, served: Served, file: Path, types: tuple[str, ...]
) -> None:
    async with served.history() as history, stream_open(broker_url, served.ledger.name, make=False) as stream:
        await stream.make(first=served.head - 5)
        await served.relay(stream)
        subscriber = subscriber_of(served, broker_url, file, history, types=types)
        # The operator's durable begins where the stream does.
        await stream.durable_make(
            "billing", *subscriber.subscription.subjects, deliver_policy="by_start_sequence", opt_start_seq=served.head - 5
        )
        async with running(subscriber):
            served.write(3)
            await served.relay(stream)
            await reached(subscriber, served.head)
        assert sqlite_booked(file) == served.expected(subscriber.subscription)


async def test_what_was_deleted_from_the_middle_comes_from_the_api(
    broker_url: str, served: Served, file: Path
) -> None:
    async with served.history() as history, stream_open(broker_url, served.ledger.name) as stream:
        await served.relay(stream)
        for position in (3, 4, served.head - 1):
            await stream.delete(position)
        subscriber = subscriber_of(served, broker_url, file, history)
        async with running(subscriber):
            await reached(subscriber, served.head)
        assert sqlite_booked(file) == served.expected(subscriber.subscription)


async def test_a_consumer_whose_database_was_restored_gets_again_what_it_had_acknowledged(
    broker_url: str, served: Served, file: Path
) -> None:
    async with served.history() as history, stream_open(broker_url, served.ledger.name) as stream:
        await served.relay(stream)
        async with running(subscriber_of(served, broker_url, file, history)) as subscriber:
            await reached(subscriber, served.head)
        with sqlite3.connect(file) as connection:
            connection.execute("DELETE FROM booked WHERE position > 5")
            connection.execute("UPDATE plumbline_position SET position = 5")
        connection.close()
        subscriber = subscriber_of(served, broker_url, file, history)
        async with running(subscriber):
            await reached(subscriber, served.head)
        assert sqlite_booked(file) == served.expected(subscriber.subscription)


async def test_without_a_stream_an_api_that_is_away_is_waited_for(
    broker_url: str, served: Served, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plumbline_client.subscribing.subscriber.AGAIN_SECONDS", 0.02)
    async with served.history(7, 0, 503) as history, stream_open(broker_url, served.ledger.name, make=False):
        following = subscriber_of(served, broker_url, file, history, create=False)
        async with running(following):
            await reached(following, served.head)
        assert sqlite_booked(file) == served.expected(following.subscription)


async def test_what_the_api_refuses_ends_a_subscriber(broker_url: str, served: Served, file: Path) -> None:
    async with served.history(7, 403) as history, stream_open(broker_url, served.ledger.name, make=False):
        with pytest.raises(ApiError):
            await subscriber_of(served, broker_url, file, history, create=False).run()


async def test_a_subscriber_that_is_told_to_stop_reads_no_further_in_the_history(
    broker_url: str, served: Served, file: Path
) -> None:
    async def stop() -> None:
        following.stop()

    def stop_at_three(event: LedgerEvent, connection: sqlite3.Connection) -> None:
        sqlite_book(event, connection)
        if event.position == 3:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(5)

    loop = asyncio.get_running_loop()
    async with served.history() as history, stream_open(broker_url, served.ledger.name, make=False):
        following = subscriber_of(served, broker_url, file, history, create=False, handler=stop_at_three)
        await asyncio.wait_for(following.run(), 5)
    assert [position for position, _, _ in sqlite_booked(file)] == [1, 2, 3]


async def test_a_ledger_that_ends_before_the_stored_position_is_another_one(
    broker_url: str, served: Served, file: Path
) -> None:
    subscription = Subscription(served.ledger.name, "billing", after=served.head + 1)
    async with served.history() as history:
        with pytest.raises(LogBehind, match="older backup"):
            await Subscriber(
                subscription, SqlitePositions(file), url=broker_url, handler=sqlite_book, history=history
            ).run()
        with pytest.raises(LogBehind, match="not of the same ledger"):
            _ = [page async for page in history.pages(Subscription(served.ledger.name, "x"), 0, served.head + 1)]


async def test_a_page_that_leaves_an_event_out_is_refused(served: Served) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        headers = {
            "content-type": "application/cloudevents-batch+json", "position-last": "3", "position-head": "3",
        }  # fmt: skip
        return httpx.Response(200, headers=headers, content=b"[]")

    async with AsyncPlumbline("http://test", "k", transport=httpx.MockTransport(answer)) as plumbline:
        with pytest.raises(EventInvalid, match="next part"):
            _ = [page async for page in History(plumbline).pages(Subscription("main", "x"), 0, None)]

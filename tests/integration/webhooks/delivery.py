"""Webhooks of a ledger of a test's own, and somebody who delivers them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from ledger.log.pages import BEGINNING
from streams.messages import message_of
from tests.ledgers import Books
from webhooks.addresses import networks_of
from webhooks.backoff import Retries
from webhooks.calling import Caller
from webhooks.delivering import Deliverer, Parts
from webhooks.subscriptions import (
    AttemptRow,
    DeadLetter,
    Webhook,
    WebhookAsked,
    asked_checked,
    attempts_list,
    dead_list,
    webhook_create,
    webhook_find,
)

LOOPBACK = networks_of("127.0.0.0/8")
QUICK = Retries(first_seconds=0.04, factor=2, seconds_max=0.2)


def parts(retries: Retries = QUICK, **more: Any) -> Parts:
    """What a test delivers with: quick retries, a jitter that is always in the middle."""

    def caller() -> Caller:
        return Caller(networks=LOOPBACK, answer_seconds=10.0)

    return replace(Parts(message_of, caller, lambda: datetime.now(UTC), lambda: 0.5, retries, 0.05), **more)


class Hooks:
    """The webhooks of some books."""

    def __init__(self, books: Books, database_url: str) -> None:
        self.books = books
        self.database_url = database_url
        self.schema = books.recorder.datastore.schema

    def use(self, function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        """What a function of a connection comes to."""
        with self.books.recorder.datastore.get_connection() as connection:
            found: Connection[DictRow] = connection
            return function(found, *args, **keywords)

    def make(self, name: str, url: str, from_position: int | None = None, **more: Any) -> str:
        """A webhook; its secret."""
        asked = asked_checked(WebhookAsked(more.pop("kind", "event"), url, **more), LOOPBACK)
        return self.use(webhook_create, name, asked, "ann", from_position)

    def find(self, name: str) -> Webhook:
        return self.use(webhook_find, name)

    def attempts(self, name: str) -> list[AttemptRow]:
        """The oldest first."""
        return self.use(attempts_list, name, BEGINNING, 10_000)[::-1]

    def dead(self, name: str, everything: bool = False) -> list[DeadLetter]:
        return self.use(dead_list, name, everything, BEGINNING, 10_000)

    def until(self, name: str, reached: Callable[[Webhook], bool], seconds: float = 20.0) -> Webhook:
        """The webhook once it is so."""
        deadline = time.monotonic() + seconds
        while not reached(found := self.find(name)):
            assert time.monotonic() < deadline, found
            time.sleep(0.01)
        return found

    def told(self, name: str) -> Webhook:
        """The webhook once it has been told everything."""
        head = self.books.position
        return self.until(name, lambda w: w.position >= head)

    @contextmanager
    def delivered(self, delivered_with: Parts | None = None) -> Iterator[Deliverer]:
        """With a process' part that delivers."""
        ready = threading.Event()
        holder: list[Any] = []

        async def run() -> None:
            stop = asyncio.Event()
            deliverer = Deliverer(self.database_url, self.schema, "main", delivered_with or parts())
            holder.extend((deliverer, stop, asyncio.get_running_loop()))
            ready.set()
            await deliverer.run(stop)

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert ready.wait(10)
        deliverer, stop, loop = holder
        try:
            yield deliverer
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(20)
            assert not thread.is_alive()

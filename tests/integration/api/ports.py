"""The API over writers in this process: what its tests are served by, without the service around it."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from connectors.files.quarantine import Quarantine
from ledger.domain.commands import Answer, Rehearsal, Request
from ledger.domain.errors import LedgerMissing
from ledger.log.recorder import LogRecorder
from ledger.writer import Account
from projections import views
from projections.follower import Follower
from tests.ledgers import NOW, Books, books_open


class LedgerHere:
    """One ledger with its writer."""

    def __init__(self, name: str, books: Books, schema: str, database_url: str, folder: Path) -> None:
        self.name = name
        self.books = books
        self.schema = schema
        self.database_url = database_url
        self.columns_folder = folder / name
        self.fails: Exception | None = None
        self.writes_here = True

    @property
    def recorder(self) -> LogRecorder:
        return self.books.recorder

    @property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.recorder.datastore)

    async def submit(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        if self.fails is not None:
            raise self.fails
        return await asyncio.wrap_future(self.books.writer.submit_later(requests, atomic=atomic))

    async def rehearse(self, requests: Sequence[Request]) -> list[Rehearsal]:
        if self.fails is not None:
            raise self.fails
        return await asyncio.wrap_future(self.books.writer.rehearse_later(requests))

    def follow(self, *names: str) -> None:
        """Bring its views, or these alone, to the head of the log."""
        follower = Follower(self.recorder, [v for v in views(self.columns_folder) if not names or v.name in names])
        try:
            assert follower.follow_once() == {}
        finally:
            follower.close()

    @contextmanager
    def followed(self) -> Iterator[None]:
        """With a follower that keeps its views up to date."""
        stop = threading.Event()
        follower = Follower(self.recorder, views(self.columns_folder))
        thread = threading.Thread(target=follower.follow, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            follower.close()

    def account(self, number: int) -> Account | None:
        if not self.writes_here:
            return None
        return self.books.writer.account(number)


class LedgersHere:
    """Ledgers by name, each in a schema of its own; `close` ends them."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url = database_url
        self.folder = folder
        self.ledgers: dict[str, LedgerHere] = {}
        self.histories_complete: set[str] = set()
        self.parts: dict[str, bool | str] = {"database": True}
        self._stack = ExitStack()

    async def names(self) -> list[str]:
        return sorted(self.ledgers)

    async def open(self, name: str, *, look: bool = True) -> LedgerHere:
        if name not in self.ledgers:
            raise LedgerMissing("there is no such ledger; POST /v1/ledgers makes it")
        return self.ledgers[name]

    async def create(self, name: str, actor: str, *, history_complete: bool = False) -> LedgerHere:
        self.histories_complete |= {name} if history_complete else set()
        return self.ledgers.get(name) or await asyncio.to_thread(self.make, name)

    def make(self, name: str) -> LedgerHere:
        """A ledger whose books alice has opened."""
        schema = f"t_{secrets.token_hex(6)}"
        books = self._stack.enter_context(books_open(self.database_url, schema))
        ledger = self.ledgers[name] = LedgerHere(name, books, schema, self.database_url, self.folder)
        return ledger

    def clock(self) -> datetime:
        return NOW

    async def ready(self) -> dict[str, bool | str]:
        return self.parts

    def close(self) -> None:
        self._stack.close()

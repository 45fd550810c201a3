"""The way to a writer and back: whoever waits is answered, whatever goes wrong on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ledger.domain.commands import RegisterCustomer, Request
from service.serving.handover import Handover
from tests.ledgers import Books


def test_all_who_wait_are_told_where_the_writer_takes_nothing_and_the_next_are_served(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = books.writer.submit_later

    def broken(*_: Any, **__: Any) -> Any:
        monkeypatch.setattr(books.writer, "submit_later", real)
        raise MemoryError

    monkeypatch.setattr(books.writer, "submit_later", broken)

    async def run() -> None:
        handover = Handover(asyncio.get_running_loop(), books.writer)
        asked = [[Request(RegisterCustomer("crm", f"r{n}", "A", {}), "bob")] for n in range(3)]
        told = await asyncio.wait_for(
            asyncio.gather(*(handover.submit(requests) for requests in asked), return_exceptions=True), 30
        )
        assert [type(error) for error in told] == [MemoryError] * 3
        [answer] = await asyncio.wait_for(handover.submit(asked[0]), 30)
        assert answer.status == "accepted"

    asyncio.run(run())

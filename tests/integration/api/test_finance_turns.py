"""What finance reads takes turns: it keeps no other request waiting, and the journal is never held in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from starlette.requests import ClientDisconnect

from api.access.keys import AccessStore
from api.app import app_create
from api.problems import RetryLater
from api.routes.finance import asking, reads
from api.settings import ApiSettings
from api.turns import Turns
from ledger.domain.valuation import VALUE_DEFAULT
from ledger.log.abandoning import Abandoned, abandonable
from ledger.log.columns.reader import Columns
from projections.finance import journal, reading, sheets
from projections.finance.beancount import beancount_text
from projections.finance.journal import COLUMNS, entries
from projections.finance.sheets import csv_text
from reconciliation import reconciling
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact

FINANCE = "/v1/ledgers/main/finance"
FACTS = 40


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    ledgers = LedgersHere(database_url, tmp_path_factory.mktemp("columns"))
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    here.books.register("a")
    here.books.send(*(fact(f"c{n}", "contract_signed", "2026-10-01", amount="100000") for n in range(FACTS)))
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    app = app_create(ledger.ledgers, access, ApiSettings(threads=1))  # type: ignore[attr-defined]
    with Api(app, access) as served:
        yield served
    access.close()


@contextmanager
def taken(turns: Turns, count: int, api: Api) -> Iterator[None]:
    """Hold so many turns."""
    go, held = threading.Event(), threading.Semaphore(0)

    def hold() -> None:
        held.release()
        assert go.wait(60)

    with ThreadPoolExecutor(count) as threads:
        holding: list[Future[None]] = [threads.submit(api._portal.call, turns.run, hold) for _ in range(count)]
        for _ in range(count):
            assert held.acquire(timeout=60)
        try:
            yield
        finally:
            go.set()
        for one in holding:
            one.result(60)


@pytest.mark.parametrize(
    "path", ["liability", "journal", "journal/check", "proposals", "reconciliation?period=2026-10", "honours/2026"]
)
def test_who_waits_too_long_for_a_turn_is_told_when_to_come_again_and_other_reads_go_on(api: Api, path: str) -> None:
    turns = api.app.state.core.finance = Turns(2, wait_seconds=0.05)
    with taken(turns, 2, api):
        told = api.get(f"{FINANCE}/{path}")
        assert (told.status_code, told.json()["code"], told.headers["Retry-After"]) == (503, "OVERLOADED", "10")
        # The one thread of the other reads is free, and so is the wait for what was written.
        listed = api.get("/v1/ledgers/main/customers", params={"min_position": 1})
        assert listed.status_code == 200 and len(listed.json()["data"]) == 1
        matching = api.post(f"{FINANCE}/reconciliation", json={"period": "2026-10"})
        assert matching.json()["code"] == "OVERLOADED"
    later = api.get(f"{FINANCE}/{path}")
    assert later.status_code == 200 or later.json()["code"] == "HONOURS_UNKNOWN", later.text


def test_two_read_at_once_and_of_those_that_wait_no_more_than_may() -> None:
    async def run() -> None:
        turns, go = Turns(2, waiting_max=1, wait_seconds=60.0), threading.Event()
        running = [asyncio.create_task(turns.run(go.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        waits = asyncio.create_task(turns.run(lambda: "done"))
        await asyncio.sleep(0)
        with pytest.raises(RetryLater, match="come again later"):
            await turns.run(lambda: "too many")
        # Who has begun to answer is not sent away.
        begun = asyncio.create_task(turns.run(lambda: "begun", begun=True))
        await asyncio.sleep(0)
        assert not waits.done() and not begun.done()
        go.set()
        assert [await task for task in running] == [True, True]
        assert [await waits, await begun] == ["done", "begun"]
        assert await turns.run(lambda: "free") == "free"

    asyncio.run(run())


def test_a_turn_is_given_back_by_a_read_that_fails() -> None:
    async def run() -> None:
        turns = Turns(1, wait_seconds=0.05)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await turns.run(lambda: 1 // 0)

    asyncio.run(run())


def test_who_goes_away_gives_up_the_place_in_the_row_and_the_turn_and_its_query_is_cancelled(ledger: LedgerHere) -> None:
    datastore, began = ledger.recorder.datastore, threading.Event()

    def sleep() -> None:
        with datastore.get_connection() as connection:
            began.set()
            connection.execute("SELECT pg_sleep(600)")

    async def run() -> None:
        turns, gone, nobody = Turns(1, waiting_max=1, wait_seconds=60.0), asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(turns.run(sleep, gone=lambda: _returned(gone)))
        assert await asyncio.to_thread(began.wait, 60)
        left = asyncio.create_task(turns.run(lambda: "left", gone=lambda: _returned(gone)))
        await asyncio.sleep(0)
        with pytest.raises(RetryLater):
            await turns.run(lambda: "too many")
        gone.set()
        for task in (running, left):
            with pytest.raises(ClientDisconnect):
                await task
        # The only turn is free, and the connection is whole.
        one = turns.run(partial(ledger.recorder.select_range, 0, 1), gone=lambda: _returned(nobody))
        assert len(await one) == 1
        with pytest.raises(ZeroDivisionError):
            await turns.run(lambda: 1 // 0, gone=lambda: _returned(nobody))

    asyncio.run(run())
    with datastore.get_connection() as connection:
        found = connection.execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'").fetchall()
    assert found == []


async def _returned(gone: asyncio.Event) -> None:
    await gone.wait()


@pytest.mark.parametrize("read", ["movements", "state_current"])
def test_what_goes_through_the_whole_log_looks_between_two_pages_whether_anybody_waits(
    ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, read: str
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 5)
    monkeypatch.setattr(reconciling, "_FOLDED_AT_ONCE", 5)
    left, seen = threading.Event(), 0
    select_range = ledger.recorder.select_range

    def selected(*args: Any, **keywords: Any) -> Any:
        nonlocal seen
        seen += 5
        left.set()
        return select_range(*args, **keywords)

    def work() -> None:
        nonlocal seen
        if read == "movements":
            for _ in reading.movements(ledger.recorder.datastore.get_connection):
                seen += 1
                left.set()
        else:
            monkeypatch.setattr(ledger.recorder, "select_range", selected)
            reconciling.state_current(Columns.open(tmp_path), ledger.recorder, "Asia/Shanghai")

    with pytest.raises(Abandoned):
        abandonable(work, left)
    assert 0 < seen <= 5


@pytest.mark.parametrize("path", ["liability", "journal/check", "proposals", "journal"])
def test_a_read_over_http_ends_when_the_connection_does(
    api: Api, ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    api.app.state.core.finance = Turns(1, wait_seconds=30.0)
    sent: list[Any] = []

    def slow(connection: Any, *args: Any, **keywords: Any) -> Any:
        with ledger.recorder.datastore.get_connection() as own:
            began.set()
            own.execute("SELECT pg_sleep(600)")

    async def read() -> None:
        first = True

        async def receive() -> Any:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            while not began.is_set():
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {api.keys['admin']}".encode())]
        await api.app({"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "headers": headers,
                       "path": f"{FINANCE}/{path}", "raw_path": f"{FINANCE}/{path}".encode(), "root_path": "",
                       "query_string": b"", "scheme": "http", "server": ("test", 80), "client": ("test", 1)}, receive, send)  # fmt: skip

    began = threading.Event()
    with monkeypatch.context() as slowed:
        for module, name in ((reads, "liability_read"), (reads, "journal_check"), (asking, "state_current"), (journal, "movements")):
            slowed.setattr(module, name, slow)
        api._portal.call(read)
    assert began.is_set()
    assert api.get(f"{FINANCE}/{path}").status_code == 200


@pytest.mark.parametrize("form", ["csv", "beancount"])
def test_the_journal_is_read_page_by_page_as_it_is_sent_and_no_connection_is_held_meanwhile(
    ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 5)
    monkeypatch.setattr(sheets, "_PART", 100)
    opened = held = 0

    @contextmanager
    def connected() -> Iterator[Connection[Any]]:
        nonlocal opened, held
        opened, held = opened + 1, held + 1
        lent: AbstractContextManager[Connection[Any]] = ledger.recorder.datastore.get_connection()
        with lent as connection:
            yield connection
        held -= 1

    found = entries(connected, VALUE_DEFAULT)
    rows = (row for entry in found for row in entry.rows())
    lines = csv_text(COLUMNS, rows, ()) if form == "csv" else beancount_text("main", found)
    parts = sheets.text_parts(lines)
    first = "".join(islice(parts, 3))
    assert (opened, held) == (1, 0) and first
    rest: list[str] = []
    for part in parts:
        assert held == 0 and part
        rest.append(part)
    assert opened == FACTS // 5 + 1
    text = first + "".join(rest)
    assert text.count("PointsGranted") == (2 if form == "csv" else 1) * FACTS


def test_the_journal_over_http_is_whole_and_keeps_to_the_log_as_it_was_when_it_was_asked_for(
    api: Api, ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = api.get(f"{FINANCE}/journal").text
    monkeypatch.setattr(reading, "_PAGE", 3)
    monkeypatch.setattr(sheets, "_PART", 100)
    assert api.get(f"{FINANCE}/journal").text == whole
    assert len(whole.splitlines()) == 1 + 2 * FACTS
    beans = api.get(f"{FINANCE}/journal", params={"format": "beancount"}).text
    assert beans.count(" * ") == FACTS and "Liabilities:Points:Available  -" in beans.splitlines()[-6]

"""Reads that wait for a position: together, without threads or connections, and for every view they look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError

from api.access.keys import AccessStore
from api.app import app_create
from api.arrivals import Arrivals
from api.settings import ApiSettings
from projections.places import Place, Places, PositionAhead, ViewBehind
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.integration.test_reports import live
from tests.ledgers import books_open, fact

MAIN = "/v1/ledgers/main"


class Views:
    """Views that stand where a test says; `looks` counts how often somebody asked."""

    def __init__(self, **positions: int) -> None:
        self.positions, self.head, self.status, self.looks = positions, 100, "running", 0

    async def look(self, names: Sequence[str]) -> Places:
        self.looks += 1
        found = Places({n: Place(self.positions[n], self.status, "broken") for n in names}, self.head)
        await asyncio.sleep(0.005)
        return found


def test_many_who_wait_are_served_by_few_looks() -> None:
    async def run() -> None:
        here = Views(a=1, b=1)
        arrivals = Arrivals(here.look)
        waiting = [asyncio.create_task(arrivals.wait(("a", "b"), 50)) for _ in range(500)]
        await asyncio.sleep(0.1)
        here.positions["a"] = 60
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in waiting)
        here.positions["b"] = 50
        await asyncio.gather(*waiting)
        assert here.looks < 25
        await arrivals.wait(("a",), 60)

    asyncio.run(run())


def test_who_comes_during_a_look_is_served_by_the_next_one() -> None:
    async def run() -> None:
        here = Views(a=99)
        arrivals = Arrivals(here.look)
        first = asyncio.create_task(arrivals.wait(("a",), 90))
        await asyncio.sleep(0.001)
        # Written after the look began: what that found knows neither the log nor the view of now.
        here.positions["a"] = here.head = 101
        await arrivals.wait(("a",), 101)
        await first
        assert here.looks == 2

    asyncio.run(run())


def test_what_cannot_be_waited_for_is_said() -> None:
    async def run() -> None:
        here = Views(a=10)
        arrivals = Arrivals(here.look)
        with pytest.raises(PositionAhead):
            await arrivals.wait(("a",), 101)
        with pytest.raises(ViewBehind, match="stands at position 10, not yet at 20, after"):
            await arrivals.wait(("a",), 20, 0.05)
        here.status = "failed"
        began = time.monotonic()
        with pytest.raises(ViewBehind, match="it has failed") as raised:
            await arrivals.wait(("a",), 20)
        assert "broken" not in str(raised.value)  # that may quote anything, and is told where views are looked at
        assert time.monotonic() - began < 1
        await arrivals.wait(("a",), 10)
        with pytest.raises(KeyError):
            await arrivals.wait(("nothing",), 1)
        await arrivals.wait(("a",), 10)

    asyncio.run(run())


@pytest.fixture
def ledger(database_url: str, tmp_path: Path) -> Iterator[LedgerHere]:
    ledgers = LedgersHere(database_url, tmp_path)
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    live(here.books, seed=5, facts=30)
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    settings = ApiSettings(threads=2)
    with Api(app_create(ledger.ledgers, access, settings), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


def test_reads_that_wait_hold_up_no_others(api: Api, ledger: LedgerHere) -> None:
    answer = ledger.books.do(fact("late", "login", "2025-12-06", "C-000002"))
    wanted = {"min_position": answer.position}
    with ThreadPoolExecutor(12) as threads:
        waiting = [
            threads.submit(api.get, f"{MAIN}/{path}", params=wanted)
            for path in ("customers/C-000001/history", "customers/C-000001/tier", "reports/segment") * 4
        ]
        time.sleep(0.3)
        began = time.monotonic()
        for _ in range(5):
            assert api.get(f"{MAIN}/customers/C-000001/totals").status_code == 200
        assert time.monotonic() - began < 1.5
        assert not any(future.done() for future in waiting)
        ledger.follow()
        assert {future.result().status_code for future in waiting} == {200}


@pytest.mark.parametrize(
    ("path", "params", "seen"),
    [
        ("customers", {"search": "new"}, ("search", "customers", "profile")),
        ("reports/leaderboard", {}, ("activity", "customers", "profile")),
        ("reports/leaderboard", {"by": "balance"}, ("balances", "customers", "profile")),
        ("reports/regions", {}, ("activity", "customers")),
        ("reports/segment", {}, ("customers", "balances", "tiers", "activity")),
    ],
)
def test_every_view_that_is_joined_is_waited_for(
    api: Api, ledger: LedgerHere, path: str, params: dict[str, Any], seen: tuple[str, ...]
) -> None:
    ledger.books.register("new")
    ledger.books.do(fact("n1", "contract_signed", "2025-12-07", "C-000013", amount=900_000_000))
    position = ledger.books.position
    wanted = {**params, "min_position": position}
    ledger.follow(*seen[:-1])
    behind = api.get(f"{MAIN}/{path}", params=wanted)
    assert (behind.status_code, behind.json()["code"]) == (503, "VIEW_BEHIND")
    assert f"The view {seen[-1]} stands" in behind.json()["detail"]
    ledger.follow(seen[-1])
    found = api.get(f"{MAIN}/{path}", params=wanted).json()
    assert "C-000013" in [row.get("customer") for row in found["data"]] or path == "reports/regions"
    if path.startswith("reports"):
        assert found["position"] == position


def test_balances_of_a_ledger_that_was_made_anew_under_its_name_are_read_from_the_new_one(
    api: Api, ledger: LedgerHere, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledgers: LedgersHere = ledger.ledgers  # type: ignore[attr-defined]
    first = ledgers.make("anew")
    first.books.register("a")
    first.follow()
    first.writes_here = False
    assert api.get("/v1/ledgers/anew/customers/C-000001/balance").status_code == 200
    # As when another process drops and makes it: of the first, no connection is left.
    def gone() -> None:
        raise OperationalError("the pool is closed")

    monkeypatch.setattr(first.recorder.datastore, "get_connection", gone)
    with books_open(database_url, first.schema) as books:
        ledgers.ledgers["anew"] = again = LedgerHere("anew", books, first.schema, database_url, tmp_path)
        again.writes_here = False
        answer = api.get("/v1/ledgers/anew/customers/C-000001/balance")
        assert (answer.status_code, answer.json()["balance"]) == (200, "0.00")
    monkeypatch.undo()

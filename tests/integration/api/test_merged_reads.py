"""Merged customers say so wherever points are read: what each earned stays where it was earned. 50 points a project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import CustomerReference, MergeCustomers, UnmergeCustomers
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact

MAIN = "/v1/ledgers/main"
A, B, OTHER = "C-000001", "C-000002", "C-000003"


@pytest.fixture
def ledger(database_url: str, tmp_path: Any) -> Iterator[LedgerHere]:
    ledgers = LedgersHere(database_url, tmp_path)
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    books = here.books
    books.register("a", "b", "other")
    for n, customer in enumerate((A, B, B, OTHER)):
        books.do(fact(f"p{n}", "project_completed", "2026-10-02", customer))
    books.do(MergeCustomers(A, B, "one firm"))
    # From now on what comes for b is a's.
    books.do(fact("later", "project_completed", "2026-10-03", CustomerReference("crm", "b")))
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledger.ledgers, access, ApiSettings()), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


def told(document: dict[str, Any]) -> tuple[str | None, list[str]]:
    return document["merged_into"], document["members"]


def test_customers_balances_and_places_tell_who_was_merged_into_whom(
    api: Api, ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.balances.MERGED_SECONDS", 0.0)
    wanted = {A: (None, [B]), B: (A, []), OTHER: (None, [])}
    for customer, expected in wanted.items():
        assert told(api.get(f"{MAIN}/customers/{customer}").json()) == expected
        assert told(api.get(f"{MAIN}/customers/{customer}/balance").json()) == expected
    for params in ({}, {"search": "公司"}):
        rows = api.get(f"{MAIN}/customers", params=params).json()["data"]
        assert {row["customer"]: told(row) for row in rows} == wanted
    [row] = api.get(f"{MAIN}/customers", params={"source": "crm", "reference": "b"}).json()["data"]
    assert told(row) == wanted[B]
    # a earned 50 and got b's later 50; b's two of before stay b's: 100 each, 200 together.
    survivor, merged = (api.get(f"{MAIN}/customers/{c}/balance").json() for c in (A, B))
    assert (survivor["balance"], merged["balance"], merged["together"]) == ("100.00", "100.00", None)
    assert survivor["together"] == {"balance": "200.00", "available": "200.00", "held": "0.00", "debt": "0.00"}
    then = api.get(f"{MAIN}/customers/{A}/balance", params={"as_of": "2026-10-31"}).json()
    assert (told(then), then["together"]) == ((None, []), None)
    for by in ("points", "contribution", "balance"):
        rows = api.get(f"{MAIN}/reports/leaderboard", params={"by": by}).json()["data"]
        assert {row["customer"]: row["merged_into"] for row in rows}.get(B, A) == A
        assert all(row["merged_into"] is None for row in rows if row["customer"] != B)
    ledger.books.do(UnmergeCustomers(B, "two firms"))
    ledger.follow()
    assert [told(api.get(f"{MAIN}/customers/{c}/balance").json()) for c in (A, B)] == [(None, []), (None, [])]
    assert told(api.get(f"{MAIN}/customers/{A}").json()) == (None, [])


def test_a_balance_that_contains_a_position_tells_the_mergings_up_to_it(api: Api, ledger: LedgerHere) -> None:
    books, path = ledger.books, f"{MAIN}/customers/{A}/balance"
    # Known from now on, for a second.
    assert told(api.get(path).json()) == (None, [B])
    undone = books.do(UnmergeCustomers(B, "two firms")).position
    behind = api.get(path, params={"min_position": undone})
    assert (behind.status_code, behind.json()["code"]) == (503, "VIEW_BEHIND")
    following = threading.Timer(0.3, ledger.follow)
    following.start()
    assert told(api.get(path, params={"min_position": undone}).json()) == (None, [])
    following.join()
    # Where nobody was merged since, nobody waits for the view: this event is not in it yet, but in the writer's memory.
    login = books.do(fact("n1", "login", "2026-10-04", A)).position
    account = api.get(path, params={"min_position": login}).json()
    assert account["position"] >= login and told(account) == (None, [])
    again = books.do(MergeCustomers(A, B, "one firm after all")).position
    ledger.follow()
    found = api.get(path, params={"min_position": again}).json()
    assert told(found) == (None, [B])
    assert found["together"]["balance"] == "200.00"
    assert told(api.get(f"{MAIN}/customers/{B}/balance", params={"min_position": again}).json()) == (A, [])

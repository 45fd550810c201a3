"""A tier at another time: by the ladder as it was known then, and none before there was one or the customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import CloseDays
from ledger.standard import rules_standard
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.integration.test_writer_rules import activate
from tests.ledgers import NOW, fact


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    """A customer registered two days after the books were opened; three days later another ladder, from January on."""
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers = LedgersHere(database_url, folder)
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    here.books.now = NOW + timedelta(days=2)
    here.books.register("a")
    here.books.do(fact("f1", "login", "2026-06-01"))
    document: dict[str, Any] = rules_standard()
    levels = [{"id": "stone", "title": {"zh": "石", "en": "Stone"}, "points": 0}, *document["tiers"]["levels"][1:]]
    here.books.now = NOW + timedelta(days=5)
    document |= {"id": "stones", "tiers": {**document["tiers"], "levels": levels}, "tags": []}
    document.pop("assignment")  # it names tiers of the standard ladder
    activate(here.books, document, "2026-01-01")
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture(scope="module")
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledger.ledgers, access, ApiSettings()), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


@pytest.mark.parametrize(
    ("as_of", "days_known", "tier"),
    [
        (None, None, "stone"),
        # Known to be so by now; the fact of June is booked there, though the customer was registered later.
        ("2026-06-01", None, "stone"), ("2026-05-31", None, None), ("1999-12-31", None, None),
        # As it was known: before the other ladder, before the customer, before the books.
        (None, 5, "stone"), (None, 4, "bronze"), ("2026-06-01", 4, "bronze"), (None, 1, None), (None, -1, None),
        ("2026-06-01", 1, None), ("2026-05-31", 5, None),
    ],
)  # fmt: skip
def test_a_tier_is_told_by_the_ladder_that_was_known_of_a_customer_that_was_there(
    api: Api, as_of: str | None, days_known: int | None, tier: str | None
) -> None:
    params = {} if as_of is None else {"as_of": as_of}
    if days_known is not None:
        params["as_known_at"] = (NOW + timedelta(days=days_known)).isoformat()
    found = api.get("/v1/ledgers/main/customers/C-000001/tier", params=params)
    assert found.status_code == 200, found.text
    assert found.json()["tier"] == tier
    assert (found.json()["tier_title"] is None) == (tier is None)


def test_since_is_the_day_of_what_led_to_the_tier_where_the_books_are_kept(api: Api, ledger: LedgerHere) -> None:
    # 5,000 points and more are gold: by a day that was said, and by a moment that is the next day in Shanghai.
    for n, (occurred, since) in enumerate((("2026-03-15", "2026-03-15"), ("2026-03-15T18:30:00+00:00", "2026-03-16"))):
        [customer] = ledger.books.register(f"since{n}")
        signed = ledger.books.do(fact(f"since{n}", "contract_signed", occurred, customer, amount=30_000_000))
        assert signed.status == "accepted", signed
        ledger.follow()
        for params in ({}, {"as_of": "2026-10-31"}):
            found = api.get(f"/v1/ledgers/main/customers/{customer}/tier", params=params).json()
            assert (found["tier"], found["since"]) == ("gold", since), found


def test_one_rises_on_the_day_as_of_which_the_points_reach_a_tier_whatever_came_late(api: Api, ledger: LedgerHere) -> None:
    [customer] = ledger.books.register("late")
    # 800 points of May, then 200 of March: 1,000 are silver, from the day in May on that both are there.
    for n, (occurred, amount) in enumerate((("2026-05-10", 4_000_000), ("2026-03-01", 1_000_000))):
        ledger.books.do(fact(f"late{n}", "contract_signed", occurred, customer, amount=amount))
        ledger.books.now += timedelta(hours=1)
    ledger.follow()
    path = f"/v1/ledgers/main/customers/{customer}"
    assert api.get(f"{path}/balance", params={"as_of": "2026-03-01"}).json()["balance"] == "200.00"
    before = (ledger.books.now - timedelta(minutes=90)).isoformat()
    asked: list[tuple[dict[str, str], str, str | None]] = [
        ({"as_of": "2026-03-01"}, "stone", None), ({"as_of": "2026-05-09"}, "stone", None),
        ({"as_of": "2026-05-10"}, "silver", "2026-05-10"), ({"as_of": "2026-10-31"}, "silver", "2026-05-10"),
        # Before the contract of March was recorded there were 800, whatever day is asked about.
        ({"as_of": "2026-10-31", "as_known_at": before}, "stone", None), ({"as_known_at": before}, "stone", None),
    ]  # fmt: skip
    for params, tier, since in asked:
        found = api.get(f"{path}/tier", params=params).json()
        assert (found["tier"], found["since"]) == (tier, since), (params, found)
    # As of now the view tells the fact that led to it, in the log's own words.
    now = api.get(f"{path}/tier").json()
    then = api.get(f"{path}/tier", params={"as_of": "2026-10-31"}).json()
    assert (now["tier"], now["since"], now["position"]) == ("silver", "2026-03-01", then["position"])


def test_a_tier_that_no_decision_tells_of_names_the_fact_that_leads_to_it(api: Api, ledger: LedgerHere) -> None:
    [customer] = ledger.books.register("led")
    path = f"/v1/ledgers/main/customers/{customer}"
    # 6,000 points of June are gold at once; 1,000 of March came later and moved nothing, but are silver as of March.
    for n, (occurred, amount) in enumerate((("2026-06-01", 30_000_000), ("2026-03-01", 5_000_000))):
        signed = ledger.books.do(fact(f"led{n}", "contract_signed", occurred, customer, amount=amount))
    ledger.follow()
    found = api.get(f"{path}/tier", params={"as_of": "2026-05-31"}).json()
    recorded = api.get(f"{path}/history", params={"sort": "position:desc"}).json()["data"]
    [position] = [row["position"] for row in recorded if row["event"] == "FactRecorded"][:1]
    assert position < signed.position
    assert (found["tier"], found["since"], found["position"]) == ("silver", "2026-03-01", position)


def test_a_fact_of_a_closed_month_counts_from_the_day_that_it_is_booked_on(api: Api, ledger: LedgerHere) -> None:
    [customer] = ledger.books.register("booked")
    ledger.books.do(CloseDays("2025-12-31"))
    # 1,000 points of December are booked on 1 January.
    ledger.books.do(fact("booked", "contract_signed", "2025-12-20", customer, amount=5_000_000))
    ledger.follow()
    path = f"/v1/ledgers/main/customers/{customer}/tier"
    said = [api.get(path, params={"as_of": day}).json() for day in ("2025-12-31", "2026-01-01")]
    assert [(tier["tier"], tier["since"]) for tier in said] == [(None, None), ("silver", "2026-01-01")]
    # Nor does the history as of December tell of the tier without its fact.
    told = api.get(f"/v1/ledgers/main/customers/{customer}/history", params={"as_of": "2025-12-31"}).json()
    assert told["data"] == []


def test_a_registered_customer_is_on_the_lowest_tier_before_its_first_fact(api: Api, ledger: LedgerHere) -> None:
    [customer] = ledger.books.register("unbooked")
    ledger.follow()
    path = f"/v1/ledgers/main/customers/{customer}/tier"
    # Registered on 2026-11-06: known from that day on.
    said = [api.get(path, params={"as_of": day}).json() for day in ("2026-11-05", "2026-11-06")]
    assert [(tier["tier"], tier["since"]) for tier in said] == [(None, None), ("stone", None)]


def test_who_never_rose_stays_on_the_tier_it_began_on_under_a_new_lowest_one(api: Api, ledger: LedgerHere) -> None:
    old, new = ledger.books.register("began on stone", "begins on sand")
    ledger.books.do(fact("s1", "login", "2026-10-10", old))
    document: dict[str, Any] = rules_standard()
    sand, stone = ({"id": lv, "title": {"zh": lv, "en": lv}, "points": p} for lv, p in (("sand", 0), ("stone", 500)))
    document |= {"id": "sands", "tags": []}
    document["tiers"] |= {"levels": [sand, stone, *document["tiers"]["levels"][1:]]}
    document.pop("assignment")
    activate(ledger.books, document, "2026-10-20")
    ledger.books.do(fact("s2", "login", "2026-10-25", new))
    ledger.follow()
    for customer, tier in ((old, "stone"), (new, "sand")):
        path = f"/v1/ledgers/main/customers/{customer}"
        assert ledger.books.account(customer)["tier"] == tier
        assert api.get(f"{path}/tier").json()["tier"] == api.get(f"{path}/tier/explanation").json()["tier"] == tier
        then = api.get(f"{path}/tier", params={"as_of": "2026-11-06"}).json()
        assert (then["tier"], then["since"]) == (tier, None)
    counts = api.get("/v1/ledgers/main/reports/standing").json()["data"]
    named = {row["name"]: row["customers"] for row in counts if row["kind"] == "tier"}
    for tier in ("stone", "sand"):
        found = api.get("/v1/ledgers/main/reports/segment", params={"tier": tier}).json()["data"]
        assert len(found) == named[tier] and (old if tier == "stone" else new) in [row["customer"] for row in found]

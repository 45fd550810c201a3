"""What the read routes answer, beside what the books say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import ChangeCustomer, CloseDays, RegisterCustomer
from ledger.domain.values import points_text
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact

CUSTOMER = "/v1/ledgers/main/customers/C-000001"


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    """Two customers; the first with contracts, a correction, a complaint and a closed month."""
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers = LedgersHere(database_url, folder)
    here = ledgers.make("main")
    books = here.books
    names = ("重庆长江建设集团有限公司", "上海（市）建工一局")
    books.send(*(RegisterCustomer("crm", f"r{i}", n, {"region": "east"}) for i, n in enumerate(names)))
    books.do(fact("c1", "contract_signed", "2025-01-10", "C-000001", amount=1_000_000))
    books.do(fact("c1", "contract_signed", "2025-01-10", "C-000001", amount=600_000))
    books.do(fact("q1", "complaint_filed", "2025-02-03", "C-000001", severity="major"))
    books.do(CloseDays("2025-02-28"))
    books.do(fact("c2", "contract_signed", "2025-03-05", "C-000001", amount=500_000))
    here.ledgers = ledgers  # type: ignore[attr-defined]
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture(scope="module")
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledger.ledgers, access, ApiSettings()), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


def ok(api: Api, path: str, **more: Any) -> Any:
    answer = api.get(path, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_balance_is_the_same_from_memory_and_from_the_view(api: Api, ledger: LedgerHere) -> None:
    from_memory = ok(api, f"{CUSTOMER}/balance")
    ledger.writes_here = False
    try:
        from_view = ok(api, f"{CUSTOMER}/balance")
    finally:
        ledger.writes_here = True
    assert from_memory == from_view
    assert from_memory["balance"] == points_text(ledger.books.balance())
    assert sum(float(lot["points"]) for lot in from_memory["lots"]) == float(from_memory["balance"])


def test_a_read_with_min_position_sees_its_own_write(api: Api, ledger: LedgerHere) -> None:
    answer = ledger.books.do(fact("late", "login", "2025-03-06", "C-000002"))
    ledger.writes_here = False
    try:
        behind = api.get("/v1/ledgers/main/customers/C-000002/balance", params={"min_position": answer.position + 9_999})
        assert (behind.status_code, behind.json()["code"], behind.json()["field"]) == (422, "POSITION_AHEAD", "min_position")
        behind = api.get("/v1/ledgers/main/customers/C-000002/balance", params={"min_position": answer.position})
        assert (behind.status_code, behind.json()["code"], behind.json()["field"]) == (503, "VIEW_BEHIND", "min_position")
        assert behind.headers["retry-after"] == "1"
        assert "no process follows this ledger now" in behind.json()["detail"]
        ledger.follow()
        found = ok(api, "/v1/ledgers/main/customers/C-000002/balance", params={"min_position": answer.position})
        assert found["position"] >= answer.position
    finally:
        ledger.writes_here = True


def test_totals_add_up_and_tell_what_was_known_when(api: Api, ledger: LedgerHere) -> None:
    now = ok(api, f"{CUSTOMER}/totals")
    parts = [float(now[k]) for k in ("granted", "deducted", "reversed", "expired")]
    assert float(now["balance"]) == pytest.approx(sum(parts))
    assert now["balance"] == points_text(ledger.books.balance())
    # 2 points for each full 10,000 CNY: by the end of January only the first contract counts, at 600,000 CNY.
    january = ok(api, f"{CUSTOMER}/totals", params={"as_of": "2025-01-31"})
    assert january["balance"] == "120.00"
    history = ok(api, f"{CUSTOMER}/history")["data"]
    first_award = next(row for row in history if row["event"] == "PointsGranted")
    assert first_award["points"] == "200.00"
    before = ok(api, f"{CUSTOMER}/totals", params={"as_known_at": "2000-01-01T00:00:00+08:00"})
    assert (before["balance"], before["events"]) == ("0.00", 0)
    for bad in ({"as_of": "2025-02-30"}, {"as_known_at": "2025-13-01T00:00:00Z"}):
        assert api.get(f"{CUSTOMER}/totals", params=bad).json()["code"] == "DATE_INVALID"


def test_a_balance_of_another_time_adds_up_lot_by_lot(api: Api, ledger: LedgerHere) -> None:
    now = ok(api, f"{CUSTOMER}/balance")
    history = ok(api, f"{CUSTOMER}/history", params={"limit": 1000})["data"]
    later = ok(api, f"{CUSTOMER}/balance", params={"as_of": "2099-01-01"})
    assert {k: later[k] for k in ("balance", "debt", "lots")} == {k: now[k] for k in ("balance", "debt", "lots")}
    for day in ("2025-01-31", "2025-02-03", "2025-02-28", "2025-03-05"):
        then = ok(api, f"{CUSTOMER}/balance", params={"as_of": day})
        assert then["balance"] == ok(api, f"{CUSTOMER}/totals", params={"as_of": day})["balance"]
        assert sum(float(lot["points"]) for lot in then["lots"]) - float(then["debt"]) == float(then["balance"])
    for row in history:
        then = ok(api, f"{CUSTOMER}/balance", params={"as_known_at": row["recorded_at"]})
        last = [r for r in history if r["recorded_at"] <= row["recorded_at"]][-1]
        assert then["balance"] == last["balance"]
    assert ok(api, f"{CUSTOMER}/balance", params={"as_of": "1999-12-31"})["lots"] == []
    for bad, code in (("2025-02-30", "DATE_INVALID"), ("today", "INPUT_INVALID"), ("2025-01-01\n", "INPUT_INVALID")):
        assert api.get(f"{CUSTOMER}/balance", params={"as_of": bad}).json()["code"] == code
    for bad in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        assert api.get(f"{CUSTOMER}/balance", params={"as_known_at": bad}).status_code in (200, 422)
    assert api.get("/v1/ledgers/main/customers/C-000999/balance", params={"as_of": "2025-01-31"}).status_code == 404


def test_a_day_is_told_as_a_day_and_a_moment_with_its_offset(api: Api) -> None:
    history = ok(api, f"{CUSTOMER}/history", params={"limit": 1000})["data"]
    events = {e["position"]: e for e in ok(api, "/v1/ledgers/main/events", params={"limit": 1000})["data"]}
    fact_days = [row["occurred_at"] for row in history if row["event"] == "FactRecorded"]
    assert fact_days and all(len(day) == len("2025-01-17") for day in fact_days)
    assert all(row["recorded_at"].endswith("+08:00") for row in history)
    for row in history:
        if row["position"] in events:
            assert row["occurred_at"] == events[row["position"]]["state"]["occurred_at"]


def test_history_pages_meet_without_gap_or_overlap_in_both_orders(api: Api) -> None:
    whole = ok(api, f"{CUSTOMER}/history", params={"limit": 1000})["data"]
    assert len(whole) > 8
    for sort in ("position:asc", "position:desc"):
        page = ok(api, f"{CUSTOMER}/history", params={"limit": 3, "sort": sort})
        rows = page["data"]
        while page["has_more"]:
            page = ok(api, f"{CUSTOMER}/history", params={"cursor": page["next"]})
            rows += page["data"]
        assert rows == (whole if sort == "position:asc" else whole[::-1])
    assert all(row["explanation"]["zh"] and row["explanation"]["en"] for row in whole)


def test_an_award_explains_itself_with_its_fact_and_its_reversal(api: Api) -> None:
    history = ok(api, f"{CUSTOMER}/history")["data"]
    award = next(row for row in history if row["event"] == "PointsGranted")
    found = ok(api, f"{CUSTOMER}/awards/{award['position']}/explanation")
    assert found["award"] == award
    assert found["fact"]["position"] == award["cause"] and found["fact"]["event"] == "FactRecorded"
    assert found["rule"]["clause"]["zh"] and found["arithmetic"]["units"] == 100
    reversal = next(row for row in history if row["event"] == "PointsReversed")
    assert found["reversed_at"] == reversal["position"]
    assert api.get(f"{CUSTOMER}/awards/{award['cause']}/explanation").json()["code"] == "AWARD_UNKNOWN"


def test_a_balance_and_a_tier_explain_themselves_in_sums(api: Api) -> None:
    balance = ok(api, f"{CUSTOMER}/balance/explanation")
    assert sum(float(r["points"]) for r in balance["by_rule"]) == pytest.approx(float(balance["balance"]))
    assert sum(float(lot["points"]) for lot in balance["lots"]) - float(balance["debt"]) == float(balance["balance"])
    tier = ok(api, f"{CUSTOMER}/tier/explanation")
    assert tier["tier"] and tier["levels"]
    assert sum(float(r["points"]) for r in tier["by_rule"]) == float(tier["earned"])
    assert ok(api, f"{CUSTOMER}/tier")["tier"] == tier["tier"]
    assert ok(api, f"{CUSTOMER}/tags")["customer"] == "C-000001"


@pytest.mark.parametrize("ahead", ["history", "balances", "tiers"])
def test_explanations_add_up_whichever_view_is_ahead_of_the_others(api: Api, ledger: LedgerHere, ahead: str) -> None:
    ledger.books.do(fact(f"more-{ahead}", "contract_signed", "2026-03-07", "C-000001", amount=700_000))
    ledger.books.do(fact(f"less-{ahead}", "complaint_filed", "2026-03-08", "C-000001", severity="major"))
    ledger.follow(ahead)
    balance = ok(api, f"{CUSTOMER}/balance/explanation")
    assert sum(float(lot["points"]) for lot in balance["lots"]) - float(balance["debt"]) == float(balance["balance"])
    assert sum(float(r["points"]) for r in balance["by_rule"]) == pytest.approx(float(balance["balance"]))
    tier = ok(api, f"{CUSTOMER}/tier/explanation")
    assert sum(float(r["points"]) for r in tier["by_rule"]) == float(tier["earned"])
    ledger.follow()
    assert ok(api, f"{CUSTOMER}/balance/explanation")["balance"] == ok(api, f"{CUSTOMER}/balance")["balance"]
    whole, told = ok(api, f"{CUSTOMER}/tier"), ok(api, f"{CUSTOMER}/tier/explanation")
    assert {k: told[k] for k in ("tier", "earned", "tier_next", "points_missing")} == {
        k: whole[k] for k in ("tier", "earned", "tier_next", "points_missing")
    }


@pytest.mark.parametrize("text", ["长江建设", "chongqingchangjiang", "cqcj", "CQCJ", "重庆 长江", "集团有限公司"])
def test_a_customer_is_found_by_part_of_its_name_pinyin_or_initials(api: Api, text: str) -> None:
    found = ok(api, "/v1/ledgers/main/customers", params={"search": text})
    assert [c["customer"] for c in found["data"]] == ["C-000001"]


def test_customers_are_listed_narrowed_and_found_by_reference(api: Api, ledger: LedgerHere) -> None:
    assert [c["customer"] for c in ok(api, "/v1/ledgers/main/customers")["data"]] == ["C-000001", "C-000002"]
    page = ok(api, "/v1/ledgers/main/customers", params={"limit": 1, "region": "east"})
    assert page["has_more"]
    assert [c["customer"] for c in ok(api, "/v1/ledgers/main/customers", params={"cursor": page["next"]})["data"]] == ["C-000002"]
    named = ok(api, "/v1/ledgers/main/customers", params={"source": "crm", "reference": "r1"})
    assert [c["customer"] for c in named["data"]] == ["C-000002"]
    assert ok(api, "/v1/ledgers/main/customers", params={"search": "没有这家"})["data"] == []
    assert api.get("/v1/ledgers/main/customers", params={"search": "x", "region": "east"}).json()["code"] == "SEARCH_INVALID"
    ledger.books.do(ChangeCustomer("C-000002", "天津港务", {}))
    ledger.follow()
    assert [c["customer"] for c in ok(api, "/v1/ledgers/main/customers", params={"search": "tjgw"})["data"]] == ["C-000002"]
    assert ok(api, "/v1/ledgers/main/customers", params={"search": "上海"})["data"] == []
    detail = ok(api, "/v1/ledgers/main/customers/C-000002")
    assert detail["references"] == [{"source": "crm", "reference": "r1"}]


def test_a_missing_customer_is_a_404_everywhere(api: Api) -> None:
    for part in ("", "/balance", "/totals", "/tier", "/tags", "/history", "/balance/explanation", "/tier/explanation"):
        for who in ("C-000999", "C-99999999999999999999", "nobody"):
            answer = api.get(f"/v1/ledgers/main/customers/{who}{part}")
            assert (answer.status_code, answer.json()["code"]) == (404, "CUSTOMER_UNKNOWN"), (who, part)


def test_events_come_in_order_of_position_without_gaps(api: Api, ledger: LedgerHere) -> None:
    head = ledger.books.position
    positions: list[int] = []
    page = ok(api, "/v1/ledgers/main/events", params={"limit": 7})
    while True:
        positions += [e["position"] for e in page["data"]]
        if not page["has_more"]:
            break
        page = ok(api, "/v1/ledgers/main/events", params={"cursor": page["next"]})
    assert positions == list(range(1, head + 1))
    only = ok(api, "/v1/ledgers/main/events", params={"event": "FactRecorded"})
    assert {e["event"] for e in only["data"]} == {"FactRecorded"} and only["position_last"] == head
    assert ok(api, f"/v1/ledgers/main/events/{head}")["position"] == head
    after, lines = 0, list[Any]()
    while after < head:
        answer = api.get("/v1/ledgers/main/events", params={"format": "ndjson", "after": after, "limit": 7})
        assert answer.headers["content-type"] == "application/x-ndjson" and int(answer.headers["position-head"]) == head
        lines += [orjson.loads(line) for line in answer.content.splitlines()]
        after = int(answer.headers["position-last"])
    assert [e["position"] for e in lines] == positions
    assert api.get(f"/v1/ledgers/main/events/{head + 1}").json()["code"] == "EVENT_UNKNOWN"
    assert api.get("/v1/ledgers/main/events", params={"event": "Nothing"}).json()["code"] == "EVENT_TYPE_UNKNOWN"


def test_rule_sets_are_listed_told_in_words_and_compared(api: Api, ledger: LedgerHere) -> None:
    [standard] = ok(api, "/v1/ledgers/main/rule-sets")["data"]
    assert standard["state"] == "active" and standard["in_force"]
    detail = ok(api, f"/v1/ledgers/main/rule-sets/{standard['rule_set']}")
    assert all(w["clause"]["zh"] for w in detail["words"])
    document = {**detail["document"], "id": "stricter", "expiry_months": 12}
    rules = [dict(r) for r in document["rules"]]
    dropped, changed = rules.pop(), rules[0]
    changed["title"] = {"zh": "改名", "en": "Renamed"}
    document["rules"] = rules
    proposed = api.post("/v1/ledgers/main/rule-sets", json=document)
    assert proposed.status_code == 201
    stricter = proposed.json()["id"]
    found = ok(api, f"/v1/ledgers/main/rule-sets/{standard['rule_set']}/diff/{stricter}")["changes"]
    kinds = {(c["kind"], c["part"], c["id"]) for c in found}
    assert ("removed", "rules", dropped["id"]) in kinds
    assert ("changed", "rules", changed["id"]) in kinds
    assert any("改名" in c["zh"] and "Renamed" in c["en"] for c in found)
    same = ok(api, f"/v1/ledgers/main/rule-sets/{stricter}/diff/{stricter}")
    assert same["changes"] == []
    assert api.get("/v1/ledgers/main/rule-sets/none").status_code == 404
    assert len(ok(api, "/v1/ledgers/main/fact-types", params={"limit": 1})["data"]) == 1


def test_every_schema_that_is_listed_is_there(api: Api) -> None:
    names = [s["href"] for s in ok(api, "/v1/schemas")["data"]]
    assert len(names) > 15
    for href in names:
        assert ok(api, href)["type"] == "object"
    assert api.get("/v1/schemas/events.Nothing").json()["code"] == "SCHEMA_UNKNOWN"


def test_a_ledger_and_its_views_say_where_they_stand(api: Api, ledger: LedgerHere) -> None:
    assert ok(api, "/v1/ledgers")["data"] == [{"ledger": "main"}]
    found = ok(api, "/v1/ledgers/main")
    assert (found["position"], found["closed_through"]) == (ledger.books.position, "2025-02-28")
    ledger.follow()
    views = ok(api, "/v1/ledgers/main/views")["data"]
    assert {"balances", "history", "search"} <= {v["view"] for v in views}
    assert all((v["behind"], v["status"], v["followed"]) == (0, "running", False) for v in views)
    with ledger.followed():
        while not ok(api, "/v1/ledgers/main/views")["data"][0]["followed"]:
            time.sleep(0.02)

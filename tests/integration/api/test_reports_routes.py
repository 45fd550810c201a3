"""Reports over HTTP: what they answer, page by page, and as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import RegisterCustomer
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.integration.test_reports import CUSTOMERS, live
from tests.ledgers import fact

REPORTS = "/v1/ledgers/main/reports"


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    ledgers = LedgersHere(database_url, tmp_path_factory.mktemp("columns"))
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    live(here.books, seed=11, facts=120)
    here.books.do(RegisterCustomer("crm", "formula", "=1+1", {"region": "@east"}))
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture(scope="module")
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledger.ledgers, access, ApiSettings()), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


def whole(api: Api, path: str, **params: Any) -> list[Any]:
    """A list, page after page."""
    page = api.get(path, params=params).json()
    rows = page["data"]
    while page["has_more"]:
        page = api.get(path, params={"cursor": page["next"]}).json()
        rows += page["data"]
    return rows


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("leaderboard", {}), ("leaderboard", {"by": "contribution", "period": "2025"}),
        ("leaderboard", {"by": "balance"}), ("regions", {"period": "2025"}), ("segment", {}),
        ("alerts", {"on": "2025-06-30"}), ("alerts", {"on": "2025-06-30", "kind": "complaint_surge"}),
    ],
)  # fmt: skip
def test_pages_of_a_report_meet_without_gap_or_overlap(api: Api, path: str, params: dict[str, str]) -> None:
    at_once = whole(api, f"{REPORTS}/{path}", limit=1000, **params)
    assert whole(api, f"{REPORTS}/{path}", limit=2, **params) == at_once
    if path != "alerts":
        assert len(at_once) > 3


@pytest.mark.parametrize("trait", ["region", "industry"])
def test_an_empty_trait_asks_for_customers_of_whom_none_is_known(api: Api, trait: str) -> None:
    everyone = whole(api, f"{REPORTS}/segment")
    none = [row for row in everyone if row[trait] == ""]
    assert len(none) < len(everyone) and (none or trait == "region")
    assert whole(api, f"{REPORTS}/segment", limit=1, **{trait: ""}) == none
    board = whole(api, f"{REPORTS}/leaderboard", by="balance", limit=1, **{trait: ""})
    assert {row["customer"] for row in board} <= {row["customer"] for row in none}
    listed = api.get("/v1/ledgers/main/customers", params={trait: ""}).json()["data"]
    assert [row["customer"] for row in listed] == [row["customer"] for row in none]


def test_every_report_answers(api: Api) -> None:
    [campaign] = api.get(f"{REPORTS}/campaigns").json()["data"]
    detail = api.get(f"{REPORTS}/campaigns/{campaign['rule_set']}/{campaign['rule']}").json()
    assert detail["title"]["zh"] == "春季登录" and sum(m["awards"] for m in detail["months"]) == detail["awards"]
    assert api.get(f"{REPORTS}/campaigns/x/y").json()["code"] == "CAMPAIGN_UNKNOWN"
    months = api.get(f"{REPORTS}/inflation", params={"period": "2025"}).json()["data"]
    assert months and all(m["month"].startswith("2025-") for m in months)
    assert {s["kind"] for s in api.get(f"{REPORTS}/standing").json()["data"]} >= {"tier"}
    span = {"by": "quarter", "month_from": "2025-01", "month_to": "2025-12"}
    measures = api.get(f"{REPORTS}/measures", params=span).json()["data"]
    assert [m["period_from"] for m in measures] == ["2025-01", "2025-04", "2025-07", "2025-10"]
    assert all(m["activity_percent"] is not None for m in measures)


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("measures", {"month_from": "1971-01", "by": "month"}, "PERIOD_INVALID"),
        ("measures", {"month_from": "2026-01", "month_to": "2025-01"}, "PERIOD_INVALID"),
        ("measures", {"by": "year", "month_from": "2025-12", "month_to": "2025-01"}, "PERIOD_INVALID"),
        ("measures", {"by": "quarter", "month_from": "2025-03", "month_to": "2025-01"}, "PERIOD_INVALID"),
        ("measures", {"by": "year", "month_from": "2025-04", "month_to": "2025-06"}, "PERIOD_INVALID"),
        ("measures", {"by": "quarter", "month_from": "2099-01"}, "PERIOD_INVALID"),
        ("leaderboard", {"period": "2025-99"}, "INPUT_INVALID"),
        ("leaderboard", {"period": "0000"}, "PERIOD_INVALID"),
        ("leaderboard", {"by": "balance", "period": "2020"}, "PERIOD_INVALID"),
        ("alerts", {"on": "2025-02-30"}, "DATE_INVALID"),
        ("alerts", {"on": "0001-01-01"}, "DATE_INVALID"),
        ("segment", {"active_days": "0"}, "INPUT_INVALID"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(api: Api, path: str, params: dict[str, str], code: str) -> None:
    answer = api.get(f"{REPORTS}/{path}", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


def test_who_has_no_tier_decided_yet_is_on_the_lowest_one_everywhere(api: Api, ledger: LedgerHere) -> None:
    rows = whole(api, f"{REPORTS}/segment")
    tiers = [api.get(f"/v1/ledgers/main/customers/{row['customer']}/tier").json()["tier"] for row in rows]
    assert [row["tier"] for row in rows] == tiers and None not in tiers
    # Whoever only registered has no tier in any event.
    assert rows[-1]["name"] == "=1+1" and tiers[-1] == "bronze"
    bronze = whole(api, f"{REPORTS}/segment", tier="bronze")
    assert bronze == [row for row in rows if row["tier"] == "bronze"] and bronze
    standing = {(s["kind"], s["name"]): s for s in api.get(f"{REPORTS}/standing").json()["data"]}
    assert standing["tier", "bronze"]["customers"] == len(bronze) and standing["tier", "bronze"]["title"]["zh"]
    assert sum(s["customers"] for (kind, _), s in standing.items() if kind == "tier") == len(rows)
    exported = api.get(f"{REPORTS}/segment/export", params={"file": "ndjson", "tier": "bronze"}).text.splitlines()
    assert [json.loads(line) for line in exported] == bronze


@pytest.mark.parametrize("path", ["segment", "segment/export"])
@pytest.mark.parametrize(("kind", "there"), [("tier", "bronze"), ("tag", "strategic"), ("grade", "a")])
def test_a_name_that_no_rule_set_has_is_refused_with_those_that_there_are(
    api: Api, path: str, kind: str, there: str
) -> None:
    answer = api.get(f"{REPORTS}/{path}", params={kind: "brnoze"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "STANDING_UNKNOWN", kind)
    assert f" {there}" in answer.json()["detail"] and "brnoze" not in answer.text


def test_alerts_of_both_kinds_are_told_unless_one_is_asked_for(api: Api, ledger: LedgerHere) -> None:
    for n, day in enumerate(("03", "04", "05")):
        complaint = fact(f"surge{n}", "complaint_filed", f"2026-10-{day}", "C-000001", severity="minor")
        assert ledger.books.do(complaint).status == "accepted"
    # 20,000 points, of which 12,000 go within the window.
    for external_id, day, points in (("up", "08-05", "20000"), ("down", "10-06", "-12000")):
        moved = fact(external_id, "manual_adjustment", f"2026-{day}", "C-000002", points=points, reason="x")
        assert ledger.books.do(moved).status == "accepted"
    ledger.follow()
    of = {"on": "2026-10-10"}
    both = api.get(f"{REPORTS}/alerts", params=of).json()["data"]
    each = [
        api.get(f"{REPORTS}/alerts", params={**of, "kind": kind}).json()["data"]
        for kind in ("points_plunge", "complaint_surge")
    ]
    assert all(each) and both == each[0] + each[1]
    assert whole(api, f"{REPORTS}/alerts", limit=1, **of) == both
    last = api.get(f"{REPORTS}/alerts", params={**of, "limit": 1}).json()
    for _ in both[1:]:
        last = api.get(f"{REPORTS}/alerts", params={"cursor": last["next"]}).json()
    back = api.get(f"{REPORTS}/alerts", params={"cursor": last["previous"]}).json()["data"]
    assert back == both[-2:-1]


def test_a_segment_is_exported_as_a_file_in_which_nothing_is_a_formula(api: Api) -> None:
    answer = api.get(f"{REPORTS}/segment/export")
    assert answer.headers["content-disposition"] == "attachment; filename=segment.csv"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == CUSTOMERS + 1
    assert (rows[-1]["name"], rows[-1]["region"]) == ("'=1+1", "'@east")
    lines = api.get(f"{REPORTS}/segment/export", params={"file": "ndjson"}).text.splitlines()
    assert [json.loads(line) for line in lines] == whole(api, f"{REPORTS}/segment")
    assert api.get(f"{REPORTS}/segment/export", key="customer").status_code == 403

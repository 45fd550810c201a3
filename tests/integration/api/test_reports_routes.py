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
        ("leaderboard", {"period": "2025-99"}, "INPUT_INVALID"),
        ("leaderboard", {"period": "0000"}, "PERIOD_INVALID"),
        ("alerts", {"on": "2025-02-30"}, "DATE_INVALID"),
        ("alerts", {"on": "0001-01-01"}, "DATE_INVALID"),
        ("segment", {"active_days": "0"}, "INPUT_INVALID"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(api: Api, path: str, params: dict[str, str], code: str) -> None:
    answer = api.get(f"{REPORTS}/{path}", params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


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

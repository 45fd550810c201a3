"""Replays, imports and rebuilds over HTTP, from the request to the result."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
import yaml

from api.access.keys import AccessStore
from api.app import app_create
from api.routes import jobs as jobs_routes
from api.settings import ApiSettings
from ledger.domain.commands import CloseDays
from ledger.log.columns import reader
from ledger.standard import rules_standard_text
from projections.rebuilding import rebuild_lock
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers = LedgersHere(database_url, folder)
    here = ledgers.make("main")
    here.books.register("a", "b")
    for n in range(20):
        here.books.do(fact(f"c{n}", "contract_signed", f"2025-01-{n + 1:02d}", f"C-00000{n % 2 + 1}", amount=1_000_000))
    here.books.do(CloseDays("2025-01-31"))
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


def finished(api: Api, path: str) -> Any:
    deadline = time.monotonic() + 60
    while True:
        job = api.get(path).json()
        if job["state"] not in ("queued", "running"):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def halved() -> dict[str, Any]:
    """The standard rules with contracts worth half."""
    document = yaml.safe_load(rules_standard_text())
    for rule in document["rules"]:
        if rule["fact"] == "contract_signed" and "per_unit" in rule["award"]:
            rule["award"]["per_unit"]["points"] = 1
    document["id"] = "halved"
    return document


def test_a_replay_runs_beside_requests_and_compares_exactly(api: Api, ledger: LedgerHere) -> None:
    started = api.post("/v1/ledgers/main/replays", json={"rules": halved()})
    assert started.status_code == 202, started.text
    job = finished(api, f"/v1/ledgers/main/replays/{started.json()['id']}")
    assert job["state"] == "done", job
    result = job["result"]
    # 20 contracts of 1,000,000 CNY: 100 full units each, 2 points a unit as recorded, 1 in the candidate.
    assert (result["recorded"]["granted"], result["candidate"]["granted"]) == ("4000.00", "2000.00")
    assert result["run_id"] and result["digest"] and job["progress_done"] == job["progress_of"] > 0
    rows = api.get(f"/v1/ledgers/main/replays/{job['id']}/customers", params={"limit": 1}).json()
    assert rows["has_more"] and rows["data"][0]["change"] == "-1000.00"
    more = api.get(f"/v1/ledgers/main/replays/{job['id']}/customers", params={"cursor": rows["next"]}).json()
    assert {rows["data"][0]["customer"], more["data"][0]["customer"]} == {"C-000001", "C-000002"}
    assert api.get("/v1/ledgers/main/replays").json()["data"][0]["id"] == job["id"]


def test_a_replay_says_the_clause_behind_every_changed_point(api: Api) -> None:
    asked = {"rules": halved(), "customers": ["C-000002"]}
    started = api.post("/v1/ledgers/main/replays", json=asked)
    assert started.status_code == 202, started.text
    result = finished(api, f"/v1/ledgers/main/replays/{started.json()['id']}")["result"]
    assert [e["customer"] for e in result["examples"]] == ["C-000002", "C-000001"]
    [first, *_] = result["examples"][0]["decisions"]
    assert (first["points"], first["points_candidate"]) == ("200.00", "100.00")
    assert len(result["examples"][0]["decisions"]) == result["examples"][0]["decisions_changed"] == 10
    assert first["clause"]["zh"] != first["clause_candidate"]["zh"] and first["clause"]["en"] != first["clause"]["zh"]
    missing = api.post("/v1/ledgers/main/replays", json={**asked, "customers": ["C-000999"]})
    assert (missing.status_code, missing.json()["code"]) == (404, "CUSTOMER_UNKNOWN")


def test_the_record_comes_out_again_by_the_rules_then_in_force(api: Api) -> None:
    started = api.post("/v1/ledgers/main/replays", json={"recorded": True})
    job = finished(api, f"/v1/ledgers/main/replays/{started.json()['id']}")
    assert (job["result"]["kind"], job["result"]["differences"], job["result"]["facts"]) == ("recorded", 0, 20), job
    both = api.post("/v1/ledgers/main/replays", json={"recorded": True, "rules": halved()})
    assert both.json()["code"] == "REPLAY_INVALID"


def test_a_replay_waits_for_the_columns_to_hold_what_the_log_holds(api: Api, ledger: LedgerHere) -> None:
    ledger.books.do(fact("late", "contract_signed", "2025-02-01", "C-000001", amount=10_000))
    head = ledger.books.position
    jobs = [api.post("/v1/ledgers/main/replays", json=asked).json()["id"] for asked in ({"recorded": True}, {"rules": halved()})]
    time.sleep(0.5)
    assert {api.get(f"/v1/ledgers/main/replays/{job}").json()["result"] for job in jobs} == {None}
    ledger.follow()
    for job in jobs:
        found = finished(api, f"/v1/ledgers/main/replays/{job}")
        assert found["result"]["position"] >= head and found["result"]["facts"] == 21, found


@pytest.mark.parametrize("asked", [{"recorded": True}, {"rules": {}}], ids=["recorded", "candidate"])
def test_a_replay_proves_nothing_where_columns_are_missing(
    api: Api, ledger: LedgerHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr(ledger, "columns_folder", tmp_path / "nothing")
    monkeypatch.setattr(reader, "STILL_SECONDS_MAX", 0.5)
    started = api.post("/v1/ledgers/main/replays", json={**asked, "rules": halved()} if "rules" in asked else asked)
    job = finished(api, f"/v1/ledgers/main/replays/{started.json()['id']}")
    assert (job["state"], job["error"]["code"], job["result"]) == ("failed", "COLUMNS_BEHIND", None)
    assert "follower" in job["error"]["reason"] and str(tmp_path) not in job["error"]["reason"]


def test_a_replay_proves_nothing_over_the_columns_of_another_log(
    api: Api, ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ledger.ledgers.make("other")  # type: ignore[attr-defined]
    other.books.register(*(f"o{n}" for n in range(ledger.books.position)))
    other.follow()
    monkeypatch.setattr(ledger, "columns_folder", other.columns_folder)
    started = api.post("/v1/ledgers/main/replays", json={"recorded": True})
    job = finished(api, f"/v1/ledgers/main/replays/{started.json()['id']}")
    assert (job["state"], job["error"]["code"]) == ("failed", "LEDGER_STATE_DIFFERS")


def test_a_replay_of_impossible_rules_is_refused_at_once(api: Api) -> None:
    answer = api.post("/v1/ledgers/main/replays", json={"rules": {"id": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "RULESET_INVALID")
    assert api.post("/v1/ledgers/main/replays", json={}).json()["code"] == "REPLAY_INVALID"
    assert api.get("/v1/ledgers/main/replays/J-none").json()["code"] == "REPLAY_UNKNOWN"
    assert api.post("/v1/ledgers/main/replays", json={"rules": halved()}, key="auditor").status_code == 403


TENDERS = (
    "工程类型,标段名称,招标人,中标单位,中标价(元),公示日期\n"
    "房建市政,一标段(标段编号 AB-202501CD-000000001),甲区住建局,乙建,2000000.00,2025-02-03\n"
    "水利工程,二标段(标段编号 AB-202501CD-000000002),丙水务局,丁建,95.70,2025-02-04\n"
    "交通工程,三标段(标段编号 AB-202501CD-000000003),戊交通局,己建,500000.00,2025-02-05\n"
)


def test_an_import_records_good_rows_and_keeps_the_others_with_their_reason(api: Api, ledger: LedgerHere) -> None:
    assert "tenders" in [m["mapping"] for m in api.get("/v1/mappings").json()["data"]]
    query = {"mapping": "tenders", "filename": "notices.csv"}
    started = api.post("/v1/ledgers/main/imports", params=query, content=TENDERS.encode())
    assert started.status_code == 202, started.text
    job = finished(api, f"/v1/ledgers/main/imports/{started.json()['id']}")
    assert job["state"] == "done", job
    assert {k: job["result"][k] for k in ("read", "accepted", "rejected_count")} == {
        "read": 3, "accepted": 2, "rejected_count": 1,
    }  # fmt: skip
    [rejected] = api.get(f"/v1/ledgers/main/imports/{job['id']}/rejected").json()["data"]
    assert (rejected["row"], rejected["field"], rejected["file"]) == (3, "中标价(元)", "notices.csv")

    encoded = {"filename": "again.csv", "content": base64.b64encode(TENDERS.encode()).decode(), "mapping": "tenders"}
    again = api.post("/v1/ledgers/main/imports", json=encoded)
    job = finished(api, f"/v1/ledgers/main/imports/{again.json()['id']}")
    assert (job["result"]["accepted"], job["result"]["duplicates"]) == (0, 2)

    headers = {"content-type": "application/pdf"}
    answer = api.post("/v1/ledgers/main/imports", params=query, content=TENDERS.encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "IMPORT_INVALID", "content-type")
    answer = api.post("/v1/ledgers/main/imports", params={"mapping": "nothing"}, content=b"x")
    assert answer.json()["code"] == "MAPPING_NOT_FOUND"
    assert api.post("/v1/ledgers/main/imports", json={**encoded, "content": "%%%"}).json()["code"] == "IMPORT_INVALID"
    for name in ("../x.csv", "..", "", "名" * 100):
        answer = api.post("/v1/ledgers/main/imports", params={**query, "filename": name}, content=b"x")
        assert answer.json()["code"] == "IMPORT_INVALID"
        if name:
            answer = api.post("/v1/ledgers/main/imports", json={**encoded, "filename": name})
            assert answer.status_code == 422, answer.text

    query = {"mapping": "tenders", "language": "zh", "dry_run": "true"}
    tried = api.post("/v1/ledgers/main/imports", params=query, content=TENDERS.encode())
    job = finished(api, f"/v1/ledgers/main/imports/{tried.json()['id']}")
    [rejected] = job["result"]["rejected"]
    assert rejected["reason"] and not rejected["reason"].isascii()
    assert api.post("/v1/ledgers/main/imports", params={**query, "language": "fr"}, content=b"x").status_code == 422


def test_an_import_that_has_begun_runs_though_whoever_asked_for_it_was_told_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = jobs_routes.job_find

    def away(*_: Any) -> Any:
        monkeypatch.setattr(jobs_routes, "job_find", real)
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(jobs_routes, "job_find", away)
    query, headers = {"mapping": "tenders", "filename": "late.csv"}, {"Idempotency-Key": "import-cut"}
    told = api.post("/v1/ledgers/main/imports", params=query, content=TENDERS.encode(), headers=headers)
    assert (told.status_code, told.json()["code"]) == (503, "DATABASE_UNREACHABLE")
    again = api.post("/v1/ledgers/main/imports", params=query, content=TENDERS.encode(), headers=headers)
    assert again.status_code == 202 and again.headers["Idempotency-Hit"] == "true"
    job = finished(api, f"/v1/ledgers/main/imports/{again.json()['id']}")
    assert (job["state"], job["error"]) == ("done", None)


def test_an_import_of_people_and_what_they_sell_says_what_it_made(api: Api, ledger: LedgerHere) -> None:
    def imported(mapping: str, text: str, **more: str) -> dict[str, Any]:
        query = {"mapping": mapping, "filename": "crm.csv", **more}
        started = api.post("/v1/ledgers/main/imports", params=query, content=text.encode())
        assert started.status_code == 202, started.text
        return finished(api, f"/v1/ledgers/main/imports/{started.json()['id']}")["result"]

    people = "sales_agent,manager,regional_office\n甲,乙,East\n丙,乙,East\n"
    tried = imported("sales_teams", people, dry_run="true")
    assert (tried["accepted"], tried["became"], ledger.books.state.relations.staff) == (2, {"staff": 3, "team": 1}, {})
    assert imported("sales_teams", people)["became"] == {"staff": 3, "team": 1}
    header = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
    sold = header + "A1,甲,GTXPro,某某建设,Won,2016-01-02,2016-02-03,500\nA2,丙,MG,,Engaging,2016-01-03,,\n"
    before = imported("opportunities", sold)
    assert (before["accepted"], before["rejected_count"]) == (0, 2)
    assert {r["field"] for r in before["rejected"]} == {"account"}
    accounts = "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n某某建设,,,,12,,\n"
    assert imported("accounts", accounts)["became"] == {"customer": 1, "profile": 1}
    [waiting] = [row for row in api.get("/v1/ledgers/main/quarantine").json()["data"] if row["raw"].get("account")]
    retried = api.post("/v1/ledgers/main/quarantine/retry", json={"ids": [waiting["id"]]}).json()
    assert (retried["accepted"], retried["rejected"]) == (1, [])
    relations = ledger.books.state.relations
    assert [(o.name, o.stage) for o in relations.opportunities.values()] == [("GTX Pro", "won")]
    assert imported("opportunities", sold)["duplicates"] == 1
    [last] = [row for row in api.get("/v1/ledgers/main/quarantine").json()["data"] if row["raw"].get("product")]
    dismissed = api.post("/v1/ledgers/main/quarantine/dismiss", json={"ids": [last["id"]], "reason": "no account"})
    assert dismissed.json()["dismissed"] == [last["id"]]


def test_a_date_cell_of_a_workbook_waits_as_a_date(api: Api, tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(TENDERS.splitlines()[0].split(","))
    sheet.append(["房建市政", "无编号", "甲区住建局", "乙建", "1", date(2025, 2, 6)])
    workbook.save(tmp_path / "dates.xlsx")
    query = {"mapping": "tenders", "filename": "dates.xlsx"}
    started = api.post("/v1/ledgers/main/imports", params=query, content=(tmp_path / "dates.xlsx").read_bytes())
    finished(api, f"/v1/ledgers/main/imports/{started.json()['id']}")
    [row] = [r for r in api.get("/v1/ledgers/main/quarantine").json()["data"] if r["file"] == "dates.xlsx"]
    assert row["raw"]["公示日期"] == {"date": "2025-02-06T00:00:00"}
    assert api.post("/v1/ledgers/main/quarantine/dismiss", json={"ids": [row["id"]], "reason": "x"}).status_code == 200


def test_the_quarantine_is_listed_retried_with_mended_cells_and_dismissed(api: Api, ledger: LedgerHere) -> None:
    [row] = api.get("/v1/ledgers/main/quarantine").json()["data"]
    assert row["raw"]["中标价(元)"] == "95.70"
    tried = api.post("/v1/ledgers/main/quarantine/retry", json={"ids": [row["id"]]}).json()
    assert [r["id"] for r in tried["rejected"]] == [row["id"]]
    cells = {str(row["id"]): {"中标价(元)": "957000"}}
    mended = api.post("/v1/ledgers/main/quarantine/retry", json={"ids": [row["id"]], "cells": cells}).json()
    assert (mended["accepted"], mended["rejected"]) == (1, [])
    assert api.get("/v1/ledgers/main/quarantine").json()["data"] == []
    resolved = api.get("/v1/ledgers/main/quarantine", params={"state": "all"}).json()["data"]
    assert row["id"] in {r["id"] for r in resolved} and all(r["resolved_at"] for r in resolved)
    unknown = {"ids": [999_999], "reason": "x"}
    assert api.post("/v1/ledgers/main/quarantine/dismiss", json=unknown).status_code == 404
    assert api.post("/v1/ledgers/main/quarantine/retry", json={"ids": []}).json()["code"] == "INPUT_INVALID"


def test_a_view_is_built_anew_beside_the_live_one(api: Api) -> None:
    before = api.get("/v1/ledgers/main/customers/C-000001/balance/explanation").json()
    started = api.post("/v1/ledgers/main/views/balances/rebuild")
    assert started.status_code == 202, started.text
    job = finished(api, f"/v1/ledgers/main/rebuilds/{started.json()['id']}")
    assert job["state"] == "done", job
    assert api.get("/v1/ledgers/main/customers/C-000001/balance/explanation").json() == before
    assert api.post("/v1/ledgers/main/views/nothing/rebuild").json()["code"] == "VIEW_UNKNOWN"


def test_a_rebuild_that_an_event_stops_says_which_view_and_where(api: Api, ledger: LedgerHere, database_url: str) -> None:
    def balance(change: str) -> None:
        with psycopg.connect(database_url, options=f"-c search_path={ledger.schema}", autocommit=True) as connection:
            connection.execute(f"ALTER TABLE balance {change}".encode())

    balance("ADD CONSTRAINT poison CHECK (balance < 0) NOT VALID")
    try:
        started = api.post("/v1/ledgers/main/views/balances/rebuild").json()
        job = finished(api, f"/v1/ledgers/main/rebuilds/{started['id']}")
    finally:
        balance("DROP CONSTRAINT poison")
    assert (job["state"], job["error"]["code"]) == ("failed", "VIEW_FAILED"), job
    assert "the view balances can't take in what follows position 0" in job["error"]["reason"]


def test_a_view_that_is_being_rebuilt_is_not_rebuilt_again(api: Api, ledger: LedgerHere) -> None:
    with rebuild_lock(ledger.recorder.datastore, "balances"):
        refused = api.post("/v1/ledgers/main/views/balances/rebuild")
    assert (refused.status_code, refused.json()["code"]) == (409, "REBUILD_BUSY")
    assert "wait until that is done" in refused.json()["detail"]


def test_the_columns_are_rebuilt_while_they_are_followed(api: Api, ledger: LedgerHere) -> None:
    with ledger.followed():
        time.sleep(1.0)
        started = api.post("/v1/ledgers/main/views/columns/rebuild")
        job = finished(api, f"/v1/ledgers/main/rebuilds/{started.json()['id']}")
    assert (job["state"], job["result"]) == ("done", {"position": ledger.books.position}), job


def test_a_job_whose_process_is_gone_says_so(api: Api, ledger: LedgerHere) -> None:
    with ledger.recorder.datastore.get_connection() as connection:
        connection.execute(
            "INSERT INTO job (id, kind, state, request, created_by, beat_at)"
            " VALUES ('J-lost', 'replay', 'running', '{}', 'x', now() - interval '1 minute')"
        )
    job = api.get("/v1/ledgers/main/replays/J-lost").json()
    assert (job["state"], job["error"]["code"]) == ("failed", "JOB_LOST")


def test_a_job_that_waits_is_cancelled_at_once(api: Api, ledger: LedgerHere) -> None:
    with ledger.recorder.datastore.get_connection() as connection:
        connection.execute(
            "INSERT INTO job (id, kind, state, request, created_by) VALUES ('J-wait', 'import', 'queued', '{}', 'x')"
        )
    assert api.send("DELETE", "/v1/ledgers/main/imports/J-wait").json()["state"] == "cancelled"
    assert api.send("DELETE", "/v1/ledgers/main/imports/J-none").status_code == 404

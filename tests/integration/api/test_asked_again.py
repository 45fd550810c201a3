"""What is asked for again, under its Idempotency-Key or without one, has one effect; a dry run has none."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from connectors.files.mapping_loading import mapping_load
from ledger.domain.commands import CloseDays
from ledger.domain.documents import json_parse
from ledger.standard import rules_standard
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact

BASE = "/v1/ledgers/main"
ROWS = (
    "fact_type,external_id,customer,occurred,customer_name\n"
    "login,{0}-1,K1,2025-02-03,甲公司\n"
    "login,{0}-2,K1,no date,甲公司\n"
)


@pytest.fixture(scope="module")
def ledgers(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgersHere]:
    folder: Path = tmp_path_factory.mktemp("columns")
    here = LedgersHere(database_url, folder)
    main = here.make("main")
    main.books.register("a")
    main.books.do(fact("c", "contract_signed", "2025-01-05", amount=1_000_000))
    main.books.do(CloseDays("2025-01-31"))
    main.follow()
    yield here
    here.close()


@pytest.fixture(scope="module")
def main(ledgers: LedgersHere) -> LedgerHere:
    return ledgers.ledgers["main"]


@pytest.fixture(scope="module")
def api(ledgers: LedgersHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledgers, access, ApiSettings()), access) as served:
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


def imported(api: Api, name: str, **more: Any) -> Any:
    """An import of two rows, one of them wrong, done."""
    query = {"mapping": "facts", "filename": f"{name}.csv"}
    started = api.post(f"{BASE}/imports", params=query, content=ROWS.format(name).encode(), **more)
    assert started.status_code == 202, started.text
    return finished(api, f"{BASE}/imports/{started.json()['id']}")


def refused_row(api: Api, name: str) -> int:
    """The row of an import that waits in the quarantine."""
    imported(api, name)
    return next(r["id"] for r in api.get(f"{BASE}/quarantine").json()["data"] if r["file"] == f"{name}.csv")


def begun(kind: str, number: int) -> tuple[str, dict[str, Any]]:
    """A request that begins a job of a kind; the number makes it another one."""
    if kind == "replays":
        return f"{BASE}/replays", {"json": {"rules": {**rules_standard(), "id": f"r{number}"}}}
    if kind == "rebuilds":
        return f"{BASE}/views/{('balances', 'history')[number]}/rebuild", {}
    return f"{BASE}/imports?mapping=facts", {"content": ROWS.format(f"{kind}{number}").encode()}


@pytest.mark.parametrize("kind", ["replays", "imports", "rebuilds"])
def test_a_job_asked_for_again_under_its_key_is_the_same_job(api: Api, kind: str) -> None:
    path, more = begun(kind, 0)
    headers = {"Idempotency-Key": f"job-{kind}"}
    before = len(api.get(f"{BASE}/{kind}").json()["data"])
    first = api.post(path, headers=headers, **more)
    assert first.status_code == 202 and "Idempotency-Hit" not in first.headers, first.text
    finished(api, f"{BASE}/{kind}/{first.json()['id']}")
    again = api.post(path, headers=headers, **more)
    assert (again.status_code, again.headers["Idempotency-Hit"]) == (202, "true")
    assert (again.json()["id"], again.json()["state"]) == (first.json()["id"], "done")
    assert len(api.get(f"{BASE}/{kind}").json()["data"]) == before + 1
    other_path, other = begun(kind, 1)
    conflict = api.post(other_path, headers=headers, **other)
    assert (conflict.status_code, conflict.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    # Another key of the API has idempotency keys of its own.
    assert api.post(path, headers=headers, key="operator", **more).json()["id"] != first.json()["id"]


def test_many_who_ask_at_once_for_a_job_under_one_key_get_one_job(api: Api) -> None:
    path, more = begun("imports", 7)
    with ThreadPoolExecutor(10) as pool:
        ask = partial(api.post, headers={"Idempotency-Key": "at-once"}, **more)
        answers = list(pool.map(ask, [path] * 10))
    assert {a.status_code for a in answers} == {202} and len({a.json()["id"] for a in answers}) == 1
    assert sum("Idempotency-Hit" not in a.headers for a in answers) == 1


@pytest.mark.parametrize("kind", ["replays", "rebuilds"])
def test_a_dry_run_of_a_job_begins_none_and_refuses_the_same(api: Api, kind: str) -> None:
    path, more = begun(kind, 0)
    before = api.get(f"{BASE}/{kind}").json()["data"]
    dry = api.post(f"{path}?dry_run=true", **more)
    assert dry.status_code == 200 and dry.json()["dry_run"] is True and dry.json()["request"]
    assert api.get(f"{BASE}/{kind}").json()["data"] == before
    assert api.post(f"{BASE}/replays?dry_run=true", json={"rule_set": "RS-9999"}).json()["code"] == "RULESET_UNKNOWN"
    assert api.post(f"{BASE}/views/none/rebuild?dry_run=true").json()["code"] == "VIEW_UNKNOWN"


def test_a_retry_whose_answer_was_lost_is_answered_when_it_is_sent_again(api: Api, main: LedgerHere) -> None:
    row = refused_row(api, "lost")
    body = {"ids": [row], "cells": {str(row): {"occurred": "2025-02-04"}}}
    dry = api.post(f"{BASE}/quarantine/retry?dry_run=true", json=body).json()
    assert (dry["dry_run"], dry["accepted"], dry["rejected"]) == (True, 1, [])
    before = main.books.position
    headers = {"Idempotency-Key": "retry"}
    first = api.post(f"{BASE}/quarantine/retry", json=body, headers=headers)
    assert (first.json()["accepted"], first.json()["resolved"]) == (1, [])
    position = main.books.position
    assert position > before
    again = api.post(f"{BASE}/quarantine/retry", json=body, headers=headers)
    assert again.headers["Idempotency-Hit"] == "true" and again.json() == first.json()
    other = api.post(f"{BASE}/quarantine/retry", json={"ids": [row]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    keyless = api.post(f"{BASE}/quarantine/retry", json=body).json()
    assert keyless["retried"] == 0
    [resolved] = keyless["resolved"]
    assert resolved["id"] == row and resolved["resolution"].startswith("accepted at position")
    assert main.books.position == position
    assert api.post(f"{BASE}/quarantine/retry", json={"ids": [999_999]}).json()["code"] == "QUARANTINE_ROW_UNKNOWN"


def test_a_dismissal_is_rehearsed_done_once_and_answered_again(api: Api) -> None:
    row = refused_row(api, "dismissed")
    path, body, headers = f"{BASE}/quarantine/dismiss", {"ids": [row], "reason": "a test"}, {"Idempotency-Key": "dis"}
    assert api.post(f"{path}?dry_run=true", json=body).json()["dismissed"] == [row]
    first = api.post(path, json=body, headers=headers)
    assert first.json() == {"dry_run": False, "dismissed": [row], "resolved": []}
    again = api.post(path, json=body, headers=headers)
    assert again.headers["Idempotency-Hit"] == "true" and again.json() == first.json()
    keyless = api.post(path, json=body).json()
    assert keyless["dismissed"] == [] and keyless["resolved"][0]["resolution"] == "dismissed by admin-person: a test"


def test_rows_refused_by_a_document_are_tried_again_by_it_though_a_built_in_mapping_bears_its_name(
    api: Api, main: LedgerHere
) -> None:
    document = mapping_load("facts").document()
    document["source"] = "their_erp"
    body = {
        "filename": "theirs.csv", "content": base64.b64encode(ROWS.format("theirs").encode()).decode(),
        "mapping": document,
    }  # fmt: skip
    started = api.post(f"{BASE}/imports", json=body).json()
    assert finished(api, f"{BASE}/imports/{started['id']}")["result"]["accepted"] == 1
    [row] = [r for r in api.get(f"{BASE}/quarantine").json()["data"] if r["file"] == "theirs.csv"]
    cells = {str(row["id"]): {"occurred": "2025-02-05"}}
    tried = api.post(f"{BASE}/quarantine/retry", json={"ids": [row["id"]], "cells": cells}).json()
    assert tried["accepted"] == 1, tried
    sources = [s["source"] for _, _, name, s in main.books.log(main.books.position - 3) if name == "FactRecorded"]
    assert sources[-1] == "their_erp"


def test_a_ledger_made_again_under_its_key_is_the_first_answer(api: Api, ledgers: LedgersHere) -> None:
    headers = {"Idempotency-Key": "ledger"}
    first = api.post("/v1/ledgers", json={"name": "once"}, headers=headers)
    again = api.post("/v1/ledgers", json={"name": "once"}, headers=headers)
    assert (first.status_code, again.status_code, again.headers["Idempotency-Hit"]) == (201, 200, "true")
    assert first.json() == again.json()
    other = api.post("/v1/ledgers", json={"name": "another"}, headers=headers)
    assert other.json()["code"] == "IDEMPOTENCY_CONFLICT" and "another" not in ledgers.ledgers


def test_a_key_is_rehearsed_and_takes_no_key_of_its_own(api: Api, access_keys: int) -> None:
    body = {"actor": "erp", "role": "service", "ledgers": ["main"]}
    dry = api.post("/v1/keys?dry_run=true", json=body)
    assert dry.json() == {"dry_run": True, "key": {**body, "customer": None, "staff": None, "expires_at": None}}
    assert api.post("/v1/keys?dry_run=true", json={**body, "role": "king"}).json()["code"] == "KEY_REQUEST_INVALID"
    assert len(api.access.keys_list()) == access_keys
    made = api.post("/v1/keys", json=body).json()
    assert api.send("DELETE", f"/v1/keys/{made['id']}?dry_run=true").json()["revoked_at"] is None
    assert api.get(f"{BASE}", key=made["secret"]).status_code == 200
    assert api.send("DELETE", "/v1/keys/K-none?dry_run=true").json()["code"] == "API_KEY_UNKNOWN"


@pytest.fixture
def access_keys(api: Api) -> int:
    return len(api.access.keys_list())


def test_a_job_that_is_to_be_cancelled_is_not_on_a_dry_run(api: Api, main: LedgerHere) -> None:
    with main.recorder.datastore.get_connection() as connection:
        connection.execute(
            "INSERT INTO job (id, kind, state, request, created_by) VALUES ('J-dry', 'import', 'queued', '{}', 'x')"
        )
    assert api.send("DELETE", f"{BASE}/imports/J-dry?dry_run=true").json()["state"] == "queued"
    assert api.send("DELETE", f"{BASE}/imports/J-dry").json()["state"] == "cancelled"


def test_a_file_in_base64_is_the_file_and_nothing_else_is_taken_for_one(api: Api, main: LedgerHere) -> None:
    many = "fact_type,external_id,customer,occurred,customer_name\n" + "".join(
        f"login,many-{n},K1,2025-02-03,{'甲' * 40}\n" for n in range(12_000)
    )
    encoded = base64.b64encode(many.encode()).decode()
    assert len(encoded) > 2_000_000
    body = {"filename": "many.csv", "content": encoded, "mapping": "facts"}
    started = api.post(f"{BASE}/imports?dry_run=true", json=body).json()
    assert started["request"]["bytes"] == len(many.encode())
    assert finished(api, f"{BASE}/imports/{started['id']}")["result"]["read"] == 12_000
    for wrong in (encoded[:-1], encoded[: 1 << 20][:-2] + "==" + encoded[1 << 20 :], encoded[:100] + "%" + encoded[101:]):
        assert api.post(f"{BASE}/imports", json={**body, "content": wrong}).json()["code"] == "IMPORT_INVALID"


def slow_body(begun: threading.Event, go: threading.Event) -> Any:
    """A body that begins, and ends when it may."""

    async def pieces() -> Any:
        yield b"fact_type,external_id\n"
        begun.set()
        while not go.is_set():
            await asyncio.sleep(0.01)

    return pieces()


def test_only_so_many_files_come_in_at_once_and_half_of_them_of_one_key(
    ledgers: LedgersHere, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.imports.RECEIVING_WAIT_SECONDS", 0.1)
    few = app_create(ledgers, api.access, ApiSettings(imports_receiving_max=2))
    begun, go, path = threading.Event(), threading.Event(), f"{BASE}/imports?mapping=facts"
    with Api(few, api.access) as served, ThreadPoolExecutor(2) as pool:
        first = pool.submit(served.post, path, content=slow_body(begun, go))
        assert begun.wait(60)
        second = served.post(path, content=b"x")
        assert (second.status_code, second.json()["code"]) == (503, "OVERLOADED")
        assert served.post(path, content=b"x", key="operator").status_code == 202
        go.set()
        assert first.result().status_code == 202
        assert served.post(path, content=b"x").status_code == 202


def test_slow_bodies_of_one_key_leave_others_their_place(ledgers: LedgersHere, api: Api) -> None:
    few = app_create(ledgers, api.access, ApiSettings(concurrent_max=2))
    begun, go = threading.Event(), threading.Event()
    with Api(few, api.access) as served, ThreadPoolExecutor(1) as pool:
        first = pool.submit(served.post, f"{BASE}/facts/bulk", content=slow_body(begun, go))
        assert begun.wait(60)
        refused = served.get(f"{BASE}/customers")
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "RATE_EXCEEDED", "1")
        # Whoever watches the service gets through under the same key.
        assert served.get("/metrics").status_code == 200
        assert served.get(f"{BASE}/customers", key="operator").status_code == 200
        go.set()
        assert first.result().status_code == 200
        assert served.get(f"{BASE}/customers").status_code == 200


def test_a_large_body_is_parsed_beside_other_requests_and_too_many_values_not_at_all(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []

    def parse(data: bytes, name: str) -> Any:
        parsed.append(threading.get_ident())
        return json_parse(data, name)

    monkeypatch.setattr("api.input.json_parse", parse)
    for count in (10, 40_000):
        answer = api.post(f"{BASE}/rule-sets", content=b"[" + b",".join([b'{"a":1}'] * count) + b"]")
        assert (answer.status_code, answer.json()["detail"]) == (400, "the body is no JSON object")
    assert len(set(parsed)) == 2
    refused = api.post(f"{BASE}/rule-sets", content=b"[" + b",".join([b'{"a":1}'] * 60_000) + b"]")
    assert refused.json()["detail"] == "body: holds more than 100000 values"

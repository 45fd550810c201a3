"""Writes over HTTP: answers, idempotency, dry runs, bulk, and what happens where the writer is away."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson
import psycopg
import pytest
from eventsourcing.persistence import DataError
from fastapi import FastAPI
from prometheus_client import Gauge

from api.app import app_create
from api.settings import ApiSettings
from connectors.files.fact_cells import fact_refused
from ledger.domain.errors import WriterUnavailable
from ledger.writer.closing import DaysNotClosed
from ledger.writer.submissions import LogMoving
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api

FACTS = "/v1/ledgers/main/facts"
_numbers = itertools.count()


def fact(**more: Any) -> dict[str, Any]:
    """A new fact worth 50 points."""
    return {
        "source": "crm", "external_id": f"w-{next(_numbers)}", "fact_type": "project_completed",
        "customer": "C-000001", "occurred_at": "2026-10-01", **more,
    }  # fmt: skip


@pytest.fixture
def main(ledgers: LedgersHere) -> LedgerHere:
    return ledgers.ledgers["main"]


def lines_of(answer: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in answer.content.splitlines()]


def test_a_fact_is_recorded_once_and_corrected(api: Api, main: LedgerHere) -> None:
    balance = main.books.balance()
    body = fact(fact_type="contract_signed", attributes={"amount": "100000.00"})
    first = api.post(FACTS, json=body)
    assert first.status_code == 201
    assert first.json() == {
        "status": "accepted", "position": first.json()["position"], "customer": "C-000001",
        "id": body["external_id"], "points": "20.00",
    }  # fmt: skip
    assert [name for _, _, name, _ in main.books.log(first.json()["position"] - 2)][-2:] == ["FactRecorded", "PointsGranted"]
    again = api.post(FACTS, json=body)
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    path = f"{FACTS}/crm/{body['external_id']}/correct"
    new = {k: v for k, v in body.items() if k not in ("source", "external_id")} | {"attributes": {"amount": "50000"}}
    corrected = api.post(path, json=new)
    assert (corrected.status_code, corrected.json()["status"]) == (200, "corrected")
    assert main.books.balance() == balance + 1000
    assert api.post(f"{FACTS}/crm/none/correct", json=new).json()["code"] == "FACT_UNKNOWN"
    assert api.post(path, json={**new, "source": "other"}).json()["code"] == "FACT_INVALID"


def test_a_correction_to_another_customer_tells_what_each_of_them_loses_and_gets(api: Api, main: LedgerHere) -> None:
    old = fact(fact_type="project_completed", customer="C-000001", attributes={})
    assert "moves" not in api.post(FACTS, json=old).json()
    new, headers = {**old, "customer": "C-000002"}, {"Idempotency-Key": "moved"}
    dry = api.post(FACTS + "?dry_run=true", json=new).json()["answer"]
    answer = api.post(FACTS, json=new, headers=headers).json()
    assert (answer["status"], answer["customer"], answer["points"]) == ("corrected", "C-000002", "0.00")
    events = {p: (s, n, d["points"]) for p, s, n, d in main.books.log() if n in ("PointsGranted", "PointsReversed")}

    def told(name: str, part: dict[str, Any]) -> tuple[str, str, int]:
        return events[part["position"]][0], name, round(float(part["points"]) * 100)

    assert [(m["customer"], m["points"], len(m["awards"]), len(m["reversals"])) for m in answer["moves"]] == [
        ("C-000001", "-50.00", 0, 1), ("C-000002", "50.00", 1, 0)
    ]  # fmt: skip
    taken, given = answer["moves"][0]["reversals"][0], answer["moves"][1]["awards"][0]
    assert told("PointsReversed", taken) == events[taken["position"]] and told("PointsGranted", given) == events[given["position"]]
    assert dry == answer and api.post(FACTS, json=new, headers=headers).json() == answer
    [line] = lines_of(api.post(FACTS + "/bulk", content=orjson.dumps(old)))
    assert line["status"] == "duplicate"
    [line] = lines_of(api.post(FACTS + "/bulk", content=orjson.dumps({**old, "revert": True})))
    assert {m["customer"]: m["points"] for m in line["moves"]} == {"C-000001": "50.00", "C-000002": "-50.00"}


def test_the_actor_of_the_log_is_the_keys(api: Api, main: LedgerHere) -> None:
    position = api.post(FACTS, key="service", json=fact()).json()["position"]
    entries = main.books.log(position - 5)
    assert [s["actor"] for _, _, name, s in entries if name == "FactRecorded"][-1] == "service-person"


def test_a_repeated_key_gives_the_first_answer_and_another_body_a_422(api: Api, main: LedgerHere) -> None:
    body, headers = fact(), {"Idempotency-Key": "same"}
    first = api.post(FACTS, json=body, headers=headers)
    before = main.books.position
    again = api.post(FACTS, json=body, headers=headers)
    assert first.status_code == 201 and "Idempotency-Hit" not in first.headers
    assert again.headers["Idempotency-Hit"] == "true" and again.json() == first.json()
    other = api.post(FACTS, json=fact(), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    assert main.books.position == before
    # Another key of the API has idempotency keys of its own.
    assert api.post(FACTS, key="service", json=fact(), headers=headers).status_code == 201


def test_a_dry_run_tells_what_would_be_appended_and_refuses_the_same(api: Api, main: LedgerHere) -> None:
    body, before = fact(), main.books.position
    dry = api.post(FACTS + "?dry_run=true", json=body)
    assert dry.status_code == 200 and main.books.position == before
    assert [e["event"] for e in dry.json()["events"]] == ["FactRecorded", "PointsGranted"]
    assert dry.json()["answer"]["points"] == "50.00"
    bad = fact(customer="C-999999")
    wet, dry = api.post(FACTS, json=bad), api.post(FACTS + "?dry_run=true", json=bad)
    assert (wet.status_code, wet.json()["code"]) == (dry.status_code, dry.json()["code"]) == (404, "CUSTOMER_UNKNOWN")
    assert api.post(FACTS, json=body).status_code == 201


def test_bulk_answers_every_line_in_order(api: Api, main: LedgerHere) -> None:
    good = [fact(customer="C-000002", fact_type="login", occurred_at=f"2026-10-{i % 28 + 1:02d}") for i in range(3_000)]
    lines = [orjson.dumps(f) for f in good]
    lines[10] = b"{broken"
    lines[20] = orjson.dumps({**good[20], "customer": "C-777777"})
    lines[30] = lines[29]
    answer = api.post(FACTS + "/bulk", content=b"\n".join(lines))
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/x-ndjson")
    results = lines_of(answer)
    assert [r["line"] for r in results] == list(range(1, 3_001))
    assert (results[10]["code"], results[20]["code"], results[30]["status"]) == (
        "DOCUMENT_INVALID", "CUSTOMER_UNKNOWN", "duplicate"
    )  # fmt: skip
    rest = [r for i, r in enumerate(results) if i not in (10, 20, 30)]
    assert all(r["status"] == "accepted" and r["position"] for r in rest)
    assert lines_of(api.post(FACTS + "/bulk", content=b"")) == []


def test_bulk_atomic_is_all_or_none(api: Api, main: LedgerHere) -> None:
    before = main.books.position
    for wrong in (orjson.dumps(fact(customer="C-777777")), b"{"):
        lines = [orjson.dumps(fact()), wrong, orjson.dumps(fact())]
        results = lines_of(api.post(FACTS + "/bulk?atomic=true", content=b"\n".join(lines)))
        assert [r["status"] for r in results] == ["refused"] * 3
        assert [r["code"] for r in results][::2] == ["ATOMIC_REFUSED"] * 2
    # A line that can't be read, one that no command may be, and one that the ledger refuses: each is told its own fault.
    faults = [b"{", orjson.dumps(fact(source="x" * 10_000)), orjson.dumps(fact(customer="C-777777")), orjson.dumps(fact())]
    for wrong in (faults, faults[1:], faults[2:]):
        results = lines_of(api.post(FACTS + "/bulk?atomic=true", content=b"\n".join(wrong)))
        assert [r["code"] for r in results][-2:] == ["CUSTOMER_UNKNOWN", "ATOMIC_REFUSED"]
        assert all(r["code"] != "ATOMIC_REFUSED" for r in results[:-1])
    assert main.books.position == before
    results = lines_of(api.post(FACTS + "/bulk?atomic=true", content=b"\n".join(orjson.dumps(fact()) for _ in range(3))))
    assert [r["status"] for r in results] == ["accepted"] * 3


def test_an_atomic_bulk_of_too_many_lines_records_none_of_them(api: Api, main: LedgerHere) -> None:
    async def too_many() -> Any:
        yield b"".join(orjson.dumps(fact()) + b"\n" for _ in range(5_000))
        await asyncio.sleep(0.5)
        yield orjson.dumps(fact())

    before = main.books.position
    answer = api.post(FACTS + "/bulk?atomic=true", content=too_many())
    assert (answer.status_code, answer.json()["code"]) == (413, "ATOMIC_TOO_LARGE")
    api.post(FACTS, json=fact())
    assert main.books.position == before + 2


def test_a_line_of_a_bulk_that_is_too_long_is_refused_by_itself(ledgers: LedgersHere, api: Api) -> None:
    small = app_create(ledgers, api.access, ApiSettings(line_bytes_max=500, bulk_lines=2))
    good = [orjson.dumps(fact()) for _ in range(5)]
    body = [good[0], b"", b"x" * 501, good[1], b"y" * 2_000_000, good[2], b" ", good[3], b"z" * 501, good[4], b"w" * 501]

    async def in_pieces() -> Any:
        whole = b"\n".join(body)
        for at in range(0, len(whole), 700):
            yield whole[at : at + 700]

    with Api(small, api.access) as served:
        results = lines_of(served.post(FACTS + "/bulk", content=in_pieces()))
    told = [(r["line"], r.get("code", r["status"])) for r in results]
    long = {3, 5, 9, 11}
    assert told == [(n, "BODY_TOO_LARGE" if n in long else "accepted") for n in (1, 3, 4, 5, 6, 8, 9, 10, 11)]


def test_a_refusal_names_fields_as_the_request_has_them(api: Api) -> None:
    late = fact(occurred_at="2031-01-01")
    wet, dry = api.post(FACTS, json=late), api.post(FACTS + "?dry_run=true", json=late)
    [line] = lines_of(api.post(FACTS + "/bulk", content=orjson.dumps(late)))
    assert [a["field"] for a in (wet.json(), dry.json(), line)] == ["occurred_at"] * 3
    api.post(FACTS, json=fact(), headers={"Idempotency-Key": "field-named"})
    again = api.post(FACTS, json=fact(), headers={"Idempotency-Key": "field-named"}).json()
    assert (again["code"], again["field"]) == ("IDEMPOTENCY_CONFLICT", "Idempotency-Key")
    keyed = {**fact(), "key": "in-body"}
    differing = api.post(FACTS, json=keyed, headers={"Idempotency-Key": "in-header"}).json()
    assert (differing["code"], differing["field"]) == ("KEY_INVALID", "Idempotency-Key")
    past = {"actor": "x", "role": "admin", "expires_at": "2001-01-01T00:00:00Z"}
    assert api.post("/v1/keys", json=past).json()["field"] == "expires_at"


def test_a_duplicate_has_the_id_of_the_first_answer(api: Api) -> None:
    body = fact()
    first, again = api.post(FACTS, json=body).json(), api.post(FACTS, json=body).json()
    assert (again["status"], again["id"]) == ("duplicate", first["id"]) and first["id"] == body["external_id"]


def test_a_correction_says_which_members_it_takes(api: Api) -> None:
    body = fact()
    api.post(FACTS, json=body)
    wrong = api.post(f"{FACTS}/{body['source']}/{body['external_id']}/correct", json=body).json()
    assert wrong["field"] == "body" and "fact_type, customer, occurred_at, attributes, revert" in wrong["detail"]


@pytest.mark.parametrize("first", [("erp", "a/s"), ("erp/a", "s"), ("erp", "a%2Fs"), ("facts", "erp/a")])
def test_a_correction_is_of_the_fact_whose_ids_the_path_spells(api: Api, first: tuple[str, str]) -> None:
    paths = {("erp", "a/s"): "erp/a%2fs", ("erp/a", "s"): "erp%2Fa/s", ("erp", "a%2Fs"): "erp/a%252Fs", ("facts", "erp/a"): "facts/erp%2Fa"}
    new = fact(fact_type="contract_signed", attributes={"amount": "990000"})
    number, new = new["external_id"], {k: v for k, v in new.items() if k not in ("source", "external_id")}
    source, name = first
    old = {**new, "source": source, "external_id": f"{name}-{number}", "attributes": {"amount": "100000"}}
    assert api.post(FACTS, json=old).status_code == 201
    for ids, path in paths.items():
        answer = api.post(f"{FACTS}/{path}-{number}/correct?dry_run=true", json=new).json()
        assert (answer.get("code") or answer["answer"]["status"]) == ("corrected" if ids == first else "FACT_UNKNOWN"), ids


@pytest.mark.parametrize("name", [".", "..", "/", "a/../b"])
def test_ids_of_dots_and_slashes_are_corrected_too(api: Api, name: str) -> None:
    spelt = name.replace(".", "%2E").replace("/", "%2F")
    new = {"fact_type": "contract_signed", "customer": "C-000001", "occurred_at": "2026-10-01"}
    for ids, path in (((name, f"n{name}"), f"{spelt}/n{spelt}"), ((f"n{name}", name), f"n{spelt}/{spelt}")):
        old = {**new, "source": ids[0], "external_id": ids[1], "attributes": {"amount": "100000"}}
        assert api.post(FACTS, json=old).status_code == 201
        answer = api.post(f"{FACTS}/{path}/correct", json={**new, "attributes": {"amount": "50000"}})
        assert (answer.status_code, answer.json()["status"]) == (200, "corrected")


@pytest.mark.parametrize("path", ["erp/a/s", "facts/b/facts/s", "erp//s", "erp%2Fa%2Fs"])
def test_a_slash_that_is_not_written_out_corrects_nothing(api: Api, path: str) -> None:
    for source, name in (("erp", "a/s"), ("erp/a", "s"), ("b", "s"), ("facts", "b/facts/s"), ("erp", "/s"), ("erp", "s")):
        api.post(FACTS, json=fact(source=source, external_id=name))
    new = {k: v for k, v in fact(occurred_at="2026-10-02").items() if k not in ("source", "external_id")}
    answer = api.post(f"{FACTS}/{path}/correct", json=new)
    assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_UNKNOWN")
    assert "POST …/facts corrects, too" in answer.json()["detail"]
    assert "%2F" in answer.json()["detail"]


def test_a_number_of_json_is_the_exact_decimal_that_stands_there(api: Api) -> None:
    body = orjson.dumps(fact(fact_type="contract_signed", attributes={"amount": 0})).replace(b":0}", b":10.10}")
    assert api.post(FACTS, content=body, headers={"Content-Type": "application/json"}).status_code == 201
    more = body.replace(b"10.10", b"10.101")
    assert api.post(FACTS, content=more, headers={"Content-Type": "application/json"}).json()["code"] == "FACT_INVALID"


def test_bulk_dry_run_records_nothing(api: Api, main: LedgerHere) -> None:
    before = main.books.position
    lines = [orjson.dumps(fact()), b"{"]
    results = lines_of(api.post(FACTS + "/bulk?dry_run=true", content=b"\n".join(lines)))
    assert [r["status"] for r in results] == ["accepted", "refused"] and main.books.position == before


def test_a_customer_is_registered_changed_and_consents(api: Api) -> None:
    base = "/v1/ledgers/main/customers"
    body = {"source": "crm", "reference": "new", "name": "新公司", "traits": {"region": "east"}}
    made = api.post(base, json=body)
    assert made.status_code == 201
    customer = made.json()["id"]
    assert api.post(base, json=body).json()["status"] == "duplicate"
    assert api.post(f"{base}/{customer}/change", json={"traits": {"region": "south"}}).status_code == 201
    assert api.post(f"{base}/C-888888/change", json={"name": "x"}).status_code == 404
    assert api.post(f"{base}/{customer}/consents", json={"purpose": "news", "given": True}).status_code == 201
    assert api.post(f"{base}/{customer}/consents", json={"purpose": "news", "given": 1}).json()["field"] == "given"


def test_a_rule_set_is_proposed_by_one_and_approved_by_another(api: Api) -> None:
    base = "/v1/ledgers/main"
    rules = {
        "id": "r", "title": {"zh": "规", "en": "R"}, "expiry_months": 24,
        "rules": [{"id": "login", "title": {"zh": "登", "en": "L"}, "fact": "login", "award": {"points": 1}}],
    }  # fmt: skip
    proposed = api.post(f"{base}/rule-sets", key="operator", json=rules)
    assert proposed.status_code == 201, proposed.text
    path = f"{base}/rule-sets/{proposed.json()['id']}"
    activation = {"effective_from": "2026-11-01"}
    assert api.post(f"{path}/activate", json=activation).json()["code"] == "RULESET_NOT_APPROVED"
    assert api.post(f"{path}/approve", key="operator", json={}).json()["code"] == "RULESET_SELF_APPROVAL"
    assert api.post(f"{path}/approve", json={}).status_code == 201
    assert api.post(f"{path}/activate?dry_run=true", json=activation).json()["events"][0]["event"] == "RuleSetActivated"
    assert api.post(f"{base}/rule-sets/RS-9999/approve", json={}).status_code == 404
    visited = {"id": "site_visited", "title": {"zh": "回访", "en": "Visited"}}
    assert api.post(f"{base}/fact-types", json=visited).status_code == 201
    assert api.post(f"{base}/fact-types", json={"id": "X!"}).json()["code"] == "FACT_TYPE_INVALID"


def test_a_ledger_is_created_lives_and_is_closed_for_good(api: Api, ledgers: LedgersHere) -> None:
    assert api.post("/v1/ledgers?dry_run=true", json={"name": "second"}).status_code == 200
    assert "second" not in ledgers.ledgers
    assert api.post("/v1/ledgers", json={"name": "second"}).status_code == 201
    assert api.post("/v1/ledgers", json={"name": "second"}).json()["status"] == "duplicate"
    assert api.post("/v1/ledgers", json={"name": "third", "history_complete": True}).status_code == 201
    assert ledgers.histories_complete == {"third"}
    assert api.post("/v1/ledgers", json={"name": "No Name"}).json()["code"] == "LEDGER_NAME_INVALID"
    base = "/v1/ledgers/second"
    assert api.post(f"{base}/days/close", json={"through": "2026-10-31"}).status_code == 201
    assert api.post(f"{base}/days/close", json={"through": "2026-11-01"}).json()["code"] == "DAY_NOT_OVER"
    assert api.post(f"{base}/close", json={"reason": "merged"}).status_code == 201
    refused = api.post(f"{base}/customers", json={"source": "c", "reference": "r", "name": "n"})
    assert (refused.status_code, refused.json()["code"]) == (409, "LEDGER_CLOSED")
    for params in ({"mapping": "facts"}, {"mapping": "facts", "dry_run": "true"}):
        headers = {"Content-Type": "text/csv"}
        refused = api.post(f"{base}/imports", content="fact_type\nlogin\n", headers=headers, params=params)
        assert (refused.status_code, refused.json()["code"]) == (409, "LEDGER_CLOSED")
    told: dict[str, Any] = {"source": "erp", "file": "message 1", "number": 1, "field": "customer", "reason": "names nobody", "actor": "erp"}
    ledgers.ledgers["second"].quarantine.put_many([fact_refused(orjson.dumps(fact()), **told)], ledgers.clock())
    for dry_run in ("true", "false"):
        refused = api.post(f"{base}/quarantine/retry", json={"ids": [1]}, params={"dry_run": dry_run})
        assert (refused.status_code, refused.json()["code"]) == (409, "LEDGER_CLOSED")
    [row] = api.get(f"{base}/quarantine").json()["data"]
    assert row["reason"] == "names nobody"
    assert api.post(f"{base}/quarantine/dismiss", json={"ids": [1], "reason": "moved"}).json()["dismissed"] == [1]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (WriterUnavailable("no writer now"), "WRITER_UNAVAILABLE"),
        (psycopg.OperationalError("gone"), "DATABASE_UNREACHABLE"),
        (LogMoving(), "LOG_MOVING"),
    ],
)
def test_a_writer_that_is_away_is_a_503_with_retry_after(
    api: Api, main: LedgerHere, failure: Exception, code: str
) -> None:
    main.fails = failure
    try:
        for path, body in ((FACTS, orjson.dumps(fact())), (FACTS + "/bulk", orjson.dumps(fact()))):
            answer = api.post(path, content=body)
            assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, code, "1")
    finally:
        main.fails = None
    assert api.post(FACTS, json=fact()).status_code == 201


def test_days_that_can_not_be_closed_are_told_by_a_code_of_their_own(api: Api, main: LedgerHere) -> None:
    main.fails = DaysNotClosed("look at the log")
    try:
        answer = api.post("/v1/ledgers/main/days/close", json={"through": "2026-10-31"})
    finally:
        main.fails = None
    assert (answer.status_code, answer.json()["code"]) == (503, "DAYS_NOT_CLOSED")


@pytest.mark.parametrize(
    "fault", [RuntimeError("secret detail"), psycopg.DataError("secret detail"), DataError("secret detail")]
)
def test_a_fault_of_ours_is_a_500_that_tells_nothing_and_request_ids_go_through(
    api: Api, main: LedgerHere, fault: Exception
) -> None:
    main.fails = fault
    try:
        answer = api.post(FACTS, json=fact(), headers={"X-Request-Id": "mine-1"})
    finally:
        main.fails = None
    assert answer.status_code == 500 and "secret detail" not in answer.text
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"] == "mine-1"
    assert api.get("/health", headers={"X-Request-Id": "no good\x7f"}).headers["X-Request-Id"] != "no good\x7f"


def test_health_readiness_and_figures(api: Api, ledgers: LedgersHere) -> None:
    assert api.get("/health", key=None).json() == {"status": "ok"}
    assert api.get("/ready", key=None).json() == {"ready": True, "parts": {}}
    assert api.get("/ready", key="plk_nobody").json()["code"] == "KEY_UNKNOWN"
    api.post(FACTS, json=fact())
    text = api.get("/metrics", key="auditor").text
    assert 'plumbline_http_requests_total{method="POST",route="/v1/ledgers/{ledger}/facts",status="201"}' in text


def test_readiness_names_parts_only_to_keys_that_may_know_them(
    ledgers: LedgersHere, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def ready() -> dict[str, bool | str]:
        asked.append(1)
        return {"database": True, "nats": "can't be reached", "writer main": True, "follower secret_one": "failed: X"}

    monkeypatch.setattr(ledgers, "ready", ready)
    _, mine = api.access.key_create("mine", "service", ["main"])
    with Api(app_create(ledgers, api.access, ApiSettings()), api.access) as served:
        answers = {key: served.get("/ready", key=key) for key in (None, "customer", mine, "auditor")}
    assert {a.status_code for a in answers.values()} == {503} and len(asked) == 1
    parts = {key: a.json()["parts"] for key, a in answers.items()}
    assert parts[None] == parts["customer"] == {}
    assert parts[mine] == {"database": True, "nats": "can't be reached", "writer main": True}
    assert parts["auditor"]["follower secret_one"] == "failed: X"


def test_figures_of_other_ledgers_are_not_shown_to_a_key_of_one(api: Api, app: FastAPI) -> None:
    position = Gauge("test_position", "Of a ledger.", ["ledger"], registry=app.state.core.metrics.registry)
    position.labels("main").set(1)
    position.labels("secret_one").set(2)
    _, mine = api.access.key_create("mine", "service", ["main"])
    assert "secret_one" in api.get("/metrics", key="service").text
    text = api.get("/metrics", key=mine).text
    assert 'test_position{ledger="main"} 1.0' in text and "plumbline_http_requests_total" in text
    assert "secret_one" not in text


def test_points_are_moved_by_hand_and_back_by_operators_only(api: Api, main: LedgerHere) -> None:
    by_hand = fact(fact_type="manual_adjustment", attributes={"points": "500", "reason": "goodwill"})
    before = main.books.position
    for path in (FACTS, FACTS + "?dry_run=true"):
        answer = api.post(path, key="service", json=by_hand)
        assert (answer.status_code, answer.json()["code"]) == (403, "ADJUSTMENT_DENIED")
    [line] = lines_of(api.post(FACTS + "/bulk", key="service", content=orjson.dumps(by_hand)))
    assert line["code"] == "ADJUSTMENT_DENIED" and main.books.position == before
    assert api.post(FACTS, key="operator", json=by_hand).json()["points"] == "500.00"
    # Nor is it taken back by recording something else under its id.
    other = {**by_hand, "fact_type": "login", "attributes": {}}
    assert api.post(FACTS, key="service", json=other).json()["code"] == "ADJUSTMENT_DENIED"
    path = f"{FACTS}/crm/{by_hand['external_id']}/correct"
    content = {k: v for k, v in other.items() if k not in ("source", "external_id")}
    assert api.post(path, key="service", json=content).json()["code"] == "ADJUSTMENT_DENIED"
    [line] = lines_of(api.post(FACTS + "/bulk?atomic=true", key="service", content=orjson.dumps(other)))
    assert line["code"] == "ADJUSTMENT_DENIED"
    assert api.post(FACTS, key="operator", json=other).json()["status"] == "corrected"


def test_fifty_requests_at_once_with_one_key_have_one_effect_and_one_answer(api: Api, main: LedgerHere) -> None:
    for number in range(4):
        before = main.books.balance()
        same = partial(api.post, content=orjson.dumps(fact()), headers={"Idempotency-Key": f"burst-{number}"})
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(same, [FACTS] * 50))
        assert {a.status_code for a in answers} <= {200, 201}
        assert len({a.text for a in answers}) == 1
        assert sum("Idempotency-Hit" not in a.headers for a in answers) == 1
        assert main.books.balance() == before + 5_000


def test_too_many_requests_under_way_are_told_to_come_again(ledgers: LedgersHere, api: Api) -> None:
    with Api(app_create(ledgers, api.access, ApiSettings(concurrent_max=0)), api.access) as full:
        answer = full.get("/v1/ledgers")
        # Whoever watches the service gets through.
        assert [full.get(path).status_code for path in ("/health", "/ready", "/metrics")] == [200] * 3
    assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
    assert answer.headers["Retry-After"] == "1"

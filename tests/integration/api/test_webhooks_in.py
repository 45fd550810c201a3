"""Facts by signed webhook: what is forged, late or replayed is refused alike, what is signed is mapped and goes in once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pytest
import structlog

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.errors import WriterUnavailable
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import NOW
from webhooks.signing import sign_all

SENDERS = "/v1/ledgers/main/webhooks/senders"
QUARANTINE = "/v1/ledgers/main/quarantine"
UNIX = int(NOW.timestamp())
MAPPING: dict[str, Any] = {
    "id": "erp_contracts",
    "title": {"zh": "合同", "en": "Contracts"},
    "source": "erp",
    "columns": {
        "number": {"type": "text", "headers": ["contract.number"], "length_max": 100},
        "signed": {"type": "date", "headers": ["contract.signed"], "formats": ["%Y-%m-%d"]},
        "amount": {"type": "number", "headers": ["contract.amount_wan"], "places": 6, "multiply": 10_000},
        "buyer": {"type": "text", "headers": ["buyer.id"], "length_max": 100},
        "buyer_name": {"type": "text", "headers": ["buyer.name"], "length_max": 100, "empty": True},
    },
    "customer": {
        "source": "erp", "reference": {"column": "buyer"}, "registration": {"name": {"column": "buyer_name"}},
    },
    "fact": {
        "type": {"constant": "contract_signed"}, "occurred": {"column": "signed"}, "external_id": {"column": "number"},
        "attributes": {"amount": {"column": "amount"}},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def ledgers(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgersHere]:
    folder: Path = tmp_path_factory.mktemp("columns")
    here = LedgersHere(database_url, folder)
    here.make("main").books.register("a")
    here.ledgers["main"].follow("rules")
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


def sender_made(api: Api, name: str, mapping: Any = None) -> str:
    """A new sender; its secret."""
    made = api.post(SENDERS, json={"name": name, "mapping": mapping or MAPPING})
    assert made.status_code == 201, made.text
    return made.json()["secret"]


def contract(number: str, **more: Any) -> dict[str, Any]:
    signed = {"number": number, "signed": "2026-10-05", "amount_wan": 120.5, **more}
    return {"contract": signed, "buyer": {"id": f"K-{number}", "name": "示例水务"}}


def told(
    api: Api, name: str, secret: str, document: Any, message_id: str, *, at: int = UNIX, query: str = ""
) -> httpx.Response:
    """The answer to a signed message."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    headers = sign_all([secret], message_id, at, body)
    return api.post(f"/v1/ledgers/main/webhooks/in/{name}{query}", key=None, content=body, headers=headers)


def logged(entries: list[Any]) -> list[tuple[str, str]]:
    return [(entry["sender"], entry["reason"]) for entry in entries if entry["event"] == "webhook refused"]


def test_a_signed_message_becomes_facts_and_is_answered_again_under_its_id(api: Api, main: LedgerHere) -> None:
    secret = sender_made(api, "good")
    first = told(api, "good", secret, contract("g1"), "m1")
    assert first.status_code == 200, first.text
    counts = {name: first.json()[name] for name in ("read", "accepted", "duplicates", "corrected", "rejected_count")}
    assert counts == {"read": 1, "accepted": 1, "duplicates": 0, "corrected": 0, "rejected_count": 0}
    [recorded] = [s for _, _, name, s in main.books.log() if name == "FactRecorded" and s["external_id"] == "g1"]
    # 120.5 万元 are 1,205,000 CNY.
    assert (recorded["source"], recorded["actor"]) == ("erp", "webhook:good")
    assert recorded["attributes"]["amount"] == 120_500_000
    position = main.books.position
    # Another attempt is signed at another time; a copy of the first would be a replay.
    again = told(api, "good", secret, contract("g1"), "m1", at=UNIX + 5)
    assert (again.status_code, again.headers["Idempotency-Hit"]) == (200, "true")
    assert again.json() == first.json()
    other = told(api, "good", secret, contract("g2"), "m1", at=UNIX + 6)
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (422, "IDEMPOTENCY_CONFLICT", "webhook-id")
    assert "key" not in other.json()["detail"] and "an id of its own" in other.json()["detail"]
    fresh = told(api, "good", secret, contract("g1"), "m2")
    assert (fresh.json()["accepted"], fresh.json()["duplicates"]) == (0, 1)
    assert main.books.position == position


def test_forged_late_replayed_and_unknown_are_refused_with_one_answer_and_a_reason_in_the_log(
    api: Api, main: LedgerHere
) -> None:
    secret = sender_made(api, "strict")
    body = orjson.dumps(contract("s1"))
    path = "/v1/ledgers/main/webhooks/in/strict"
    signed = sign_all([secret], "m1", UNIX, body)
    head = main.books.position

    def send(headers: dict[str, str], content: bytes = body, to: str = path) -> httpx.Response:
        return api.post(to, key=None, content=content, headers=headers)

    late, early = (sign_all([secret], "m1", UNIX + off, body) for off in (-301, 301))
    other = sign_all(["whsec_" + "A" * 43 + "="], "m1", UNIX, body)
    with structlog.testing.capture_logs() as entries:
        refused = [
            send(signed, body + b" "), send({**signed, "webhook-id": "m2"}), send(other), send({}), send(late),
            send(early), send({**signed, "webhook-timestamp": str(UNIX + 1)}),
            send(signed, to="/v1/ledgers/main/webhooks/in/nobody"), send(signed, to="/v1/ledgers/none/webhooks/in/strict"),
            send(signed, to="/v1/ledgers/main/webhooks/in/NO%00BODY"), send(signed, to="/v1/ledgers/%00/webhooks/in/x"),
        ]  # fmt: skip
        assert main.books.position == head
        assert send(signed).status_code == 200
        refused.append(send(signed))
    assert {answer.status_code for answer in refused} == {401}
    told_apart = {orjson.dumps({k: v for k, v in a.json().items() if k != "request_id"}) for a in refused}
    assert len(told_apart) == 1 and b"SIGNATURE_REFUSED" in next(iter(told_apart))
    assert logged(entries) == [
        *[("strict", "no signature fits")] * 3, ("strict", "webhook-id is missing"),
        ("strict", "it is older than 300 seconds"), ("strict", "it is more than 300 seconds in the future"),
        ("strict", "no signature fits"), ("nobody", "there is no such sender, or it was revoked"),
        ("strict", "there is no such sender, or it was revoked"), *[("", "there is no such sender, or it was revoked")],
        ("x", "there is no such sender, or it was revoked"), ("strict", "it has come before"),
    ]  # fmt: skip
    figures = api.get("/metrics", key="admin").text
    assert 'plumbline_webhook_messages_total{ledger="main",outcome="replayed"}' in figures


def test_of_copies_that_come_at_once_one_is_taken(api: Api, main: LedgerHere) -> None:
    secret = sender_made(api, "racing")
    body = orjson.dumps(contract("r1"))
    headers = sign_all([secret], "m1", UNIX, body)

    def send(_: int) -> int:
        return api.post("/v1/ledgers/main/webhooks/in/racing", key=None, content=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(send, range(8)))
    assert statuses == [200] + [401] * 7


def test_two_keys_are_good_while_they_change_and_the_old_one_stops(api: Api, ledgers: LedgersHere) -> None:
    old = sender_made(api, "turning")
    turned = api.post(f"{SENDERS}/turning/rotate", json={"overlap_hours": 1})
    assert turned.status_code == 201
    new, keys = turned.json()["secret"], turned.json()["keys"]
    assert [key["ends_at"] for key in keys] == [None, (NOW + timedelta(hours=1)).isoformat()]
    assert told(api, "turning", old, contract("t1"), "m1").status_code == 200
    assert told(api, "turning", new, contract("t2"), "m2").status_code == 200
    newest = api.post(f"{SENDERS}/turning/rotate", json={"overlap_hours": 1}).json()["secret"]
    # Never more than two: the first one ends when a third is made.
    assert told(api, "turning", old, contract("t3"), "m3").status_code == 401
    assert told(api, "turning", new, contract("t3"), "m3").status_code == 200
    at_once = api.post(f"{SENDERS}/turning/rotate", json={"overlap_hours": 0}).json()["secret"]
    assert told(api, "turning", newest, contract("t4"), "m4").status_code == 401
    assert told(api, "turning", at_once, contract("t4"), "m4").status_code == 200
    assert api.post(f"{SENDERS}/turning/revoke").json()["revoked_by"] == "admin-person"
    assert told(api, "turning", at_once, contract("t5"), "m5").status_code == 401
    assert api.post(f"{SENDERS}/turning/rotate", json={}).json()["code"] == "SENDER_REVOKED"
    assert api.post(SENDERS, json={"name": "turning", "mapping": MAPPING}).json()["code"] == "SENDER_EXISTS"


def test_a_key_that_was_ended_at_once_and_a_sender_that_was_revoked_open_nothing(api: Api) -> None:
    old = sender_made(api, "sudden")
    new = api.post(f"{SENDERS}/sudden/rotate", json={"overlap_hours": 0}).json()["secret"]
    assert told(api, "sudden", old, contract("e1"), "m1").status_code == 401
    assert told(api, "sudden", new, contract("e1"), "m1").status_code == 200
    api.post(f"{SENDERS}/sudden/revoke")
    assert {told(api, "sudden", secret, contract("e2"), "m2").status_code for secret in (old, new)} == {401}


def test_good_records_go_in_bad_ones_wait_in_the_quarantine_and_the_answer_counts_them(
    api: Api, main: LedgerHere
) -> None:
    secret = sender_made(api, "mixed")
    records = [contract("x1"), contract("x2", signed="yesterday"), "no object", contract("x3", amount_wan=None)]
    answer = told(api, "mixed", secret, records, "m1").json()
    assert (answer["read"], answer["accepted"], answer["rejected_count"]) == (4, 1, 3)
    assert [(r["row"], r["field"]) for r in answer["rejected"]] == [
        (2, "contract.signed"), (3, ""), (4, "contract.amount_wan"),
    ]  # fmt: skip
    rows = {r["row"]: r for r in api.get(QUARANTINE).json()["data"] if r["file"] == "webhook m1" and r["actor"] == "webhook:mixed"}
    assert set(rows) == {2, 3, 4}
    assert rows[2]["raw"]["contract.signed"] == "yesterday" and rows[3]["raw"] == {"+record": '"no object"'}
    body = {"ids": [rows[2]["id"]], "cells": {str(rows[2]["id"]): {"contract.signed": "2026-10-06"}}}
    assert api.post(f"{QUARANTINE}/retry", json=body).json()["accepted"] == 1
    # Sent again it is tried again: what went in is a duplicate, be it by the hand of who mended it.
    again = told(api, "mixed", secret, records, "m1", at=UNIX + 1).json()
    assert (again["accepted"], again["duplicates"], again["rejected_count"]) == (0, 1, 3)


def test_records_may_lie_in_a_member_and_be_known_by_the_message(api: Api, main: LedgerHere) -> None:
    mapping = deepcopy(MAPPING)
    mapping |= {"id": "erp_wrapped", "source": "wrapped", "records": "data.contracts"}
    mapping["columns"] |= {
        "message": {"type": "text", "headers": ["webhook-id"]}, "record": {"type": "text", "headers": ["webhook-record"]},
    }  # fmt: skip
    mapping["fact"]["external_id"] = {"columns": ["message", "record"]}
    secret = sender_made(api, "wrapped", mapping)
    same = contract("w1")
    document = {"type": "contracts", "data": {"contracts": [same, {**same, "webhook-id": "forged"}]}}
    assert told(api, "wrapped", secret, document, "m1").json()["accepted"] == 2
    ids = [s["external_id"] for _, _, name, s in main.books.log() if name == "FactRecorded" and s["source"] == "wrapped"]
    assert ids == ["m1/1", "m1/2"]
    missing = told(api, "wrapped", secret, {"data": {}}, "m2")
    assert (missing.status_code, missing.json()["code"]) == (400, "DOCUMENT_INVALID")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "DOCUMENT_INVALID"), (b'{"a": NaN}', 400, "DOCUMENT_INVALID"), (b"[" * 500, 400, "DOCUMENT_INVALID"),
        (b'{"a": 1, "a": 2}', 400, "DOCUMENT_INVALID"), (b'{"a": "\\ud800"}', 400, "DOCUMENT_INVALID"),
        (b"[" + b"{}," * 1_000 + b"{}]", 413, "BODY_TOO_LARGE"), (b"x" * 1_000_001, 413, "BODY_TOO_LARGE"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_with_a_reason(api: Api, body: bytes, status: int, code: str) -> None:
    if "unsafe" not in {s["name"] for s in api.get(SENDERS).json()["data"]}:
        _secrets["unsafe"] = sender_made(api, "unsafe")
    answer = told(api, "unsafe", _secrets["unsafe"], body, f"m{len(body)}{body[:20].hex()}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


_secrets: dict[str, str] = {}


def test_a_hostile_record_is_refused_by_itself_and_breaks_nothing(api: Api) -> None:
    secret = sender_made(api, "hostile")
    records = [
        {}, [], None, {"": {"": {"": ""}}}, {"+row": "x", **contract("h1")}, {f"k{n}": n for n in range(600)},
        {"contract.number": "h2", **contract("h2")}, {"CONTRACT.NUMBER": "h3", **contract("h3")}, contract("h4"),
        {"contract": {"number": ["a", {"b": "c"}]}, "buyer": {"id": "b"}}, contract("\ufffd"), contract("h7", amount_wan="1e5"),
    ]  # fmt: skip
    answer = told(api, "hostile", secret, records, "m1")
    assert answer.status_code == 200, answer.text
    rejected = {r["row"] for r in answer.json()["rejected"]}
    assert rejected == {1, 2, 3, 4, 6, 7, 8, 10, 11, 12}
    assert answer.json()["accepted"] == 2


def test_while_nobody_writes_a_message_may_come_again_as_it_is(api: Api, main: LedgerHere) -> None:
    secret = sender_made(api, "patient")
    main.fails = WriterUnavailable("no process writes")
    try:
        failed = told(api, "patient", secret, contract("p1"), "m1")
    finally:
        main.fails = None
    assert (failed.status_code, failed.json()["code"]) == (503, "WRITER_UNAVAILABLE")
    taken = told(api, "patient", secret, contract("p1"), "m1")
    assert (taken.status_code, taken.json()["accepted"]) == (200, 1)


def test_a_dry_run_records_nothing_and_uses_nothing_up(api: Api, main: LedgerHere) -> None:
    secret = sender_made(api, "dry")
    head = main.books.position
    document = [contract("d1"), contract("d2", signed="x")]
    dry = told(api, "dry", secret, document, "m1", query="?dry_run=true").json()
    assert (dry["dry_run"], dry["accepted"], dry["rejected_count"]) == (True, 1, 1)
    assert main.books.position == head
    assert "webhook:dry" not in {r["actor"] for r in api.get(QUARANTINE).json()["data"]}
    assert told(api, "dry", secret, document, "m1").json()["accepted"] == 1
    assert told(api, "dry", secret, document, "m1", query="?dry_run=true").status_code == 401


def test_a_sender_moves_no_points_by_hand(api: Api) -> None:
    mapping = deepcopy(MAPPING)
    mapping["id"] = "by_hand"
    mapping["fact"] |= {"type": {"constant": "manual_adjustment"}, "attributes": {
        "points": {"column": "amount"}, "reason": {"column": "number"},
    }}  # fmt: skip
    secret = sender_made(api, "byhand", mapping)
    answer = told(api, "byhand", secret, contract("b1", amount_wan=1), "m1").json()
    assert (answer["accepted"], answer["rejected_count"]) == (0, 1)
    assert "by hand" in answer["rejected"][0]["reason"]


def test_a_mapping_must_fit_and_may_be_changed(api: Api, main: LedgerHere) -> None:
    nameless, unfit, factless = (deepcopy(MAPPING) for _ in range(3))
    del nameless["fact"]["external_id"]
    unfit["fact"]["attributes"] = {"nothing": {"column": "amount"}}
    del factless["fact"]
    for mapping, words in ((nameless, "external_id"), (unfit, "fact.attributes"), (factless, "no fact")):
        refused = api.post(SENDERS, json={"name": "fitting", "mapping": mapping})
        assert refused.status_code == 400 and words in refused.json()["detail"], refused.text
    assert api.post(SENDERS, json={"name": "fitting", "mapping": "none"}).json()["code"] == "MAPPING_NOT_FOUND"
    assert api.post(SENDERS, json={"name": "Fitting", "mapping": "facts"}).json()["code"] == "SENDER_INVALID"
    assert api.post(f"{SENDERS}?dry_run=true", json={"name": "fitting", "mapping": MAPPING}).json()["dry_run"] is True
    secret = sender_made(api, "fitting", "facts")
    plain = {"fact_type": "login", "external_id": "f1", "customer": "c9", "occurred": "2026-10-05", "customer_name": "九"}
    assert told(api, "fitting", secret, plain, "m1").json()["accepted"] == 1
    assert told(api, "fitting", secret, contract("f2"), "m2").json()["rejected_count"] == 1
    changed = api.post(f"{SENDERS}/fitting/mapping", json={"mapping": MAPPING}).json()
    assert (changed["mapping"], changed["changed_by"]) == ("erp_contracts", "admin-person")
    assert told(api, "fitting", secret, contract("f2"), "m3").json()["accepted"] == 1
    shown = api.get(f"{SENDERS}/fitting").json()
    assert shown["document"]["source"] == "erp" and "secret" not in orjson.dumps(shown).decode()
    assert api.get(f"{SENDERS}/none").json()["code"] == "SENDER_UNKNOWN"
    assert api.post(f"{SENDERS}/none/revoke").json()["code"] == "SENDER_UNKNOWN"
    assert api.post(SENDERS, key="operator", json={"name": "x", "mapping": "facts"}).status_code == 403


def test_ids_are_forgotten_once_their_signature_is_too_old_for_them(
    api: Api, ledgers: LedgersHere, main: LedgerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = sender_made(api, "forgetful")

    def known() -> int:
        with psycopg.connect(main.database_url, options=f"-c search_path={main.schema}") as connection:
            row = connection.execute("SELECT count(*) FROM webhook_message WHERE sender = 'forgetful'").fetchone()
        assert row is not None
        return row[0]

    assert told(api, "forgetful", secret, contract("o1"), "m1").status_code == 200
    assert known() == 1
    later = NOW + timedelta(minutes=11)
    monkeypatch.setattr(ledgers, "clock", lambda: later)
    assert told(api, "forgetful", secret, contract("o1"), "m1").status_code == 401  # late
    assert told(api, "forgetful", secret, contract("o2"), "m2", at=int(later.timestamp())).status_code == 200
    assert known() == 1


def test_only_so_many_messages_come_in_at_once_and_no_address_has_all_the_seats(
    ledgers: LedgersHere, database_url: str
) -> None:
    access = AccessStore(database_url)
    path = "/v1/ledgers/main/webhooks/in/nobody"
    begun, go_on = threading.Event(), threading.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        begun.set()
        await asyncio.to_thread(go_on.wait, 60)
        yield b"}"

    with Api(app_create(ledgers, access, ApiSettings(webhooks_receiving_max=4)), access) as few, ThreadPoolExecutor(1) as pool:
        first = pool.submit(few.post, path, key=None, content=slow())
        try:
            assert begun.wait(60)
            second = few.post(path, key=None, content=b"{}")
            assert (second.status_code, second.json()["code"]) == (503, "OVERLOADED")
            assert few.get("/v1/ledgers").status_code == 200
        finally:
            go_on.set()
        assert first.result().status_code == 401
        assert few.post(path, key=None, content=b"{}").status_code == 401
    access.close()


def test_hosts_of_one_network_of_ipv6_send_on_one_account(ledgers: LedgersHere, database_url: str) -> None:
    access = AccessStore(database_url)
    settings = ApiSettings(requests_per_second=0.001, requests_burst=2)
    app = app_create(ledgers, access, settings)

    async def sent(host: str) -> int:
        transport = httpx.ASGITransport(app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.post("/v1/ledgers/main/webhooks/in/nobody", content=b"{}")).status_code

    async def run() -> list[int]:
        return [await sent(host) for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:9::", "2001:db8:0:1::1")]

    assert asyncio.run(run()) == [401, 401, 429, 401]
    access.close()


def test_whoever_sends_too_often_is_slowed_down(ledgers: LedgersHere, database_url: str) -> None:
    access = AccessStore(database_url)
    settings = ApiSettings(requests_per_second=0.001, requests_burst=2)
    with Api(app_create(ledgers, access, settings), access) as few:
        path = "/v1/ledgers/main/webhooks/in/nobody"
        assert [few.post(path, key=None, content=b"{}").status_code for _ in range(3)] == [401, 401, 429]
    access.close()

"""Webhooks over HTTP: made once with their secret, changed, paused, set back, tried; and who may do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from plumbline_client.subscribing import EVENT_TYPES

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api
from tests.integration.webhooks.delivery import LOOPBACK, Hooks
from tests.receiver import Answer, Receiver, receiving

PATH = "/v1/ledgers/main/webhooks"
URL = "https://hook.example/plumbline?key=of-theirs"


@pytest.fixture(scope="module")
def app(ledgers: LedgersHere, access: AccessStore) -> FastAPI:
    return app_create(ledgers, access, ApiSettings(webhook_networks=LOOPBACK))


@pytest.fixture(scope="module")
def hooks(ledgers: LedgersHere) -> Hooks:
    return Hooks(ledgers.ledgers["main"].books, ledgers.database_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


def make(api: Api, name: str, url: str = URL, **more: Any) -> dict[str, Any]:
    answer = api.post(PATH, json={"name": name, "url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def code(api: Api, method: str, path: str, status: int, **more: Any) -> str:
    answer = api.send(method, path, **more)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert "of-theirs" not in answer.text and problem["detail"]
    return f"{problem['code']} {problem['field']}".strip()


def test_a_webhook_is_made_once_and_its_secret_is_shown_this_once(api: Api) -> None:
    made = make(api, "once", types=["PointsGranted"])
    assert made["secret"].startswith("whsec_") and made["state"] == "active" and made["created_by"] == "admin-person"
    shown = api.get(f"{PATH}/once")
    assert shown.json() == {n: v for n, v in made.items() if n != "secret"}
    assert shown.json()["url"] == "https://hook.example/plumbline?…"
    assert code(api, "POST", PATH, 409, json={"name": "once", "url": URL}) == "WEBHOOK_EXISTS name"
    assert code(api, "POST", PATH, 422, json={"name": "k", "url": URL}, headers={"Idempotency-Key": "1"}) == "KEY_UNSUPPORTED Idempotency-Key"


def test_a_dry_run_makes_nothing_and_refuses_the_same(api: Api) -> None:
    rehearsed = api.post(f"{PATH}?dry_run=true", json={"name": "dry", "url": URL, "kind": "notice"})
    assert rehearsed.status_code == 200
    assert rehearsed.json()["webhook"] | {"url": ""} == {
        "name": "dry", "kind": "notice", "url": "", "types": [], "customers": [], "batch": "month", "consent": "given",
        "on_dead": "skip", "attempts_max": 10,
    }  # fmt: skip
    assert code(api, "GET", f"{PATH}/dry", 404) == "WEBHOOK_UNKNOWN webhook"
    make(api, "dry-taken")
    assert code(api, "POST", f"{PATH}?dry_run=true", 409, json={"name": "dry-taken", "url": URL}) == "WEBHOOK_EXISTS name"


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({"name": "Bad", "url": URL}, "WEBHOOK_INVALID name"),
        ({"name": "senders", "url": URL}, "WEBHOOK_INVALID name"),
        ({"name": "a", "url": "http://hook.example.of-theirs/#"}, "WEBHOOK_URL_INVALID url"),
        ({"name": "a", "url": "https://10.0.0.1/"}, "WEBHOOK_URL_INVALID url"),
        ({"name": "a", "url": "https://0xa000001/"}, "WEBHOOK_URL_INVALID url"),
        ({"name": "a", "url": "https://169.254.169.254/latest"}, "WEBHOOK_URL_INVALID url"),
        ({"name": "a", "url": URL, "types": ["PointsGranted", "of-theirs"]}, "WEBHOOK_INVALID types.1"),
        ({"name": "a", "url": URL, "types": ["PointsGranted"] * 201}, "WEBHOOK_INVALID types"),
        ({"name": "a", "url": URL, "customers": ["C-000001", "of-theirs"]}, "WEBHOOK_INVALID customers.1"),
        ({"name": "a", "url": URL, "batch": "day"}, "WEBHOOK_INVALID kind"),
        ({"name": "a", "url": URL, "kind": "notice", "types": ["PointsGranted"]}, "WEBHOOK_INVALID types"),
        ({"name": "a", "url": URL, "kind": "other"}, "INPUT_INVALID kind"),
        ({"name": "a", "url": URL, "attempts_max": 21}, "INPUT_INVALID attempts_max"),
        ({"name": "a", "url": URL, "from_position": 10**6}, "POSITION_AHEAD from_position"),
        ({"name": "a", "url": URL, "from_position": 0}, "INPUT_INVALID from_position"),
        ({"name": "a", "url": URL, "secret": "x"}, "INPUT_INVALID body"),
        ({"name": "a"}, "INPUT_INVALID url"),
    ],
)  # fmt: skip
def test_what_no_webhook_can_be_is_refused_with_its_field(api: Api, body: dict[str, Any], refused: str) -> None:
    assert code(api, "POST", PATH, 422, json=body) == refused


def test_a_customer_that_is_not_there_is_refused_and_nothing_is_made_or_changed(api: Api) -> None:
    asked = {"name": "unseen", "url": URL, "customers": ["C-000001", "C-999999"]}
    for path in (PATH, f"{PATH}?dry_run=true"):
        refused = api.post(path, json=asked)
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (404, "CUSTOMER_UNKNOWN", "customers.1")
        assert "999999" not in refused.text
    assert code(api, "GET", f"{PATH}/unseen", 404) == "WEBHOOK_UNKNOWN webhook"
    make(api, "unseen", customers=["C-000001"])
    for path in (f"{PATH}/unseen/change", f"{PATH}/unseen/change?dry_run=true"):
        assert code(api, "POST", path, 404, json={"customers": ["C-999999"]}) == "CUSTOMER_UNKNOWN customers.0"
    assert api.get(f"{PATH}/unseen").json()["customers"] == ["C-000001"]


def test_a_type_that_is_none_is_told_by_its_place_with_all_that_there_are(api: Api) -> None:
    refused = api.post(PATH, json={"name": "a", "url": URL, "types": ["PointsGranted", "PointsGrantd"]})
    assert refused.json()["detail"] == f"types.1 is no type of event; there are {', '.join(sorted(EVENT_TYPES))}"


def test_what_is_not_given_stays_as_it_is(api: Api) -> None:
    make(api, "change", types=["PointsGranted"], attempts_max=3)
    changed = api.post(f"{PATH}/change/change", json={"on_dead": "stop", "customers": ["C-000001"]}, key="operator").json()
    assert (changed["types"], changed["attempts_max"], changed["on_dead"]) == (["PointsGranted"], 3, "stop")
    assert (changed["customers"], changed["changed_by"]) == (["C-000001"], "operator-person")
    rehearsed = api.post(f"{PATH}/change/change?dry_run=true", json={"types": []}).json()
    assert rehearsed["types"] == [] and api.get(f"{PATH}/change").json()["types"] == ["PointsGranted"]
    assert api.post(f"{PATH}/change/change", json={"types": []}).json()["types"] == []
    assert code(api, "POST", f"{PATH}/change/change", 422, json={"kind": "notice"}) == "INPUT_INVALID body"
    assert code(api, "POST", f"{PATH}/change/change", 422, json={"batch": "day"}) == "WEBHOOK_INVALID kind"


def test_it_is_paused_and_resumed_and_under_one_key_once(api: Api) -> None:
    make(api, "pause")
    headers = {"Idempotency-Key": "pause-1"}
    assert api.post(f"{PATH}/pause/pause", headers=headers).json()["state"] == "paused"
    assert api.post(f"{PATH}/pause/resume?dry_run=true").json()["state"] == "paused"
    assert api.post(f"{PATH}/pause/resume").json()["state"] == "active"
    again = api.post(f"{PATH}/pause/pause", headers=headers)
    assert again.json()["state"] == "paused" and again.headers["idempotency-hit"] == "true"
    assert api.get(f"{PATH}/pause").json()["state"] == "active"


def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(api: Api, receiver: Receiver) -> None:
    old = make(api, "keys", receiver.url)["secret"]
    dry = api.post(f"{PATH}/keys/rotate?dry_run=true", json={})
    assert dry.status_code == 200 and "secret" not in dry.json()
    rotated = api.post(f"{PATH}/keys/rotate", json={"overlap_hours": 1})
    assert rotated.status_code == 201 and rotated.json()["secret_old_until"] is not None
    new = rotated.json()["secret"]
    assert new != old
    tried = api.post(f"{PATH}/keys/test").json()
    assert (tried["delivered"], tried["status"], tried["reason"]) == (True, 204, "")
    [got] = receiver.got
    assert got.verified(old) == got.verified(new) == tried["message"] and got.document["type"] == "WebhookTested"
    api.post(f"{PATH}/keys/rotate", json={"overlap_hours": 0})
    api.post(f"{PATH}/keys/test")
    with pytest.raises(Exception, match="no signature fits"):
        receiver.got[1].verified(old, new)


def test_a_test_tells_no_more_of_an_answer_than_its_status_and_a_dry_run_sends_nothing(api: Api, receiver: Receiver) -> None:
    receiver.answer = lambda count, got: Answer(500, b"of-theirs")
    make(api, "try", receiver.url)
    assert api.post(f"{PATH}/try/test?dry_run=true").json()["dry_run"] is True and receiver.got == []
    tried = api.post(f"{PATH}/try/test")
    assert tried.json()["reason"] == "answered 500" and "of-theirs" not in tried.text
    with receiving() as gone:
        url = gone.url
    make(api, "nobody", url)
    assert api.post(f"{PATH}/nobody/test").json()["reason"] == "the connection failed (ConnectError)"


def test_attempts_and_dead_letters_are_lists_and_a_letter_can_be_tried_again(api: Api, hooks: Hooks, receiver: Receiver) -> None:
    receiver.answer = lambda count, got: Answer(500)
    hooks.books.register("x", "y", "z")
    head = hooks.books.position
    make(api, "letters", receiver.url, from_position=head - 2, attempts_max=1)
    path = f"{PATH}/letters"
    with hooks.delivered():
        hooks.until("letters", lambda w: w.dead == 3)
        first = api.get(f"{path}/dead-letters?limit=2").json()
        assert [d["id"] for d in first["data"]] == [f"{head - 2}.0", f"{head - 1}.0"] and first["has_more"]
        rest = api.get(f"{path}/dead-letters", params={"cursor": first["next"]}).json()
        assert [d["message"] for d in rest["data"]] == [f"main/{head}"]
        attempts = api.get(f"{path}/attempts?limit=2").json()
        assert [(a["position"], a["outcome"], a["status"]) for a in attempts["data"]] == [(head, "dead", 500), (head - 1, "dead", 500)]
        more = api.get(f"{path}/attempts", params={"cursor": attempts["next"]}).json()
        assert [a["position"] for a in more["data"]] == [head - 2]
        receiver.answer = lambda count, got: Answer()
        letter = f"{head - 1}.0"
        assert api.post(f"{path}/dead-letters/{letter}/retry?dry_run=true").json()["state"] == "dead"
        assert api.post(f"{path}/dead-letters/{letter}/retry").json()["state"] == "waiting"
        hooks.until("letters", lambda w: w.dead == 2)
        assert [d["state"] for d in api.get(f"{path}/dead-letters?state=all").json()["data"]] == ["dead", "delivered", "dead"]
        for wrong in ("1.0", "x", "9" * 30 + ".0"):
            assert code(api, "POST", f"{path}/dead-letters/{wrong}/retry", 404) == "WEBHOOK_LETTER_UNKNOWN letter"
        replayed = api.post(f"{path}/replay", json={"from_position": head}).json()
        assert replayed["position"] == head - 1
        hooks.told("letters")
    assert code(api, "POST", f"{path}/replay", 422, json={"from_position": 10**6}) == "POSITION_AHEAD from_position"


def test_webhooks_are_listed_by_name_and_deleted(api: Api) -> None:
    for name in ("z-list", "y-list"):
        make(api, name)
    names: list[str] = []
    page = api.get(f"{PATH}?limit=2").json()
    while True:
        names += [w["name"] for w in page["data"]]
        if not page["has_more"]:
            break
        page = api.get(PATH, params={"cursor": page["next"]}).json()
    assert names == sorted(names) and {"y-list", "z-list"} <= set(names)
    assert api.send("DELETE", f"{PATH}/z-list?dry_run=true").json()["name"] == "z-list"
    assert api.send("DELETE", f"{PATH}/z-list").status_code == 200
    assert code(api, "DELETE", f"{PATH}/z-list", 404) == "WEBHOOK_UNKNOWN webhook"
    for path in ("", "/attempts", "/dead-letters"):
        assert code(api, "GET", f"{PATH}/z-list{path}", 404) == "WEBHOOK_UNKNOWN webhook"


def test_auditors_read_and_only_admins_and_operators_change(api: Api) -> None:
    make(api, "mine")
    assert api.get(f"{PATH}/mine", key="auditor").status_code == 200
    for role in ("service", "customer", "staff"):
        assert code(api, "GET", f"{PATH}/mine", 403, key=role).startswith("PERMISSION_DENIED")
    for role in ("auditor", "service", "customer", "staff"):
        for path in ("/pause", "/test", "/dead-letters/1.0/retry"):
            assert code(api, "POST", f"{PATH}/mine{path}", 403, key=role).startswith("PERMISSION_DENIED")
        assert code(api, "POST", PATH, 403, key=role, json={"name": "x", "url": URL}).startswith("PERMISSION_DENIED")

"""Replays of who serves whom, over HTTP: other assignment rules, a change of the points' rules, and the proof."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import AssignCustomer, ClaimCustomer, CloseDays
from ledger.log.columns.reader import Columns
from ledger.standard import rules_standard
from replay.ownership import run as ownership_running
from replay.ownership.what_if import assignment_what_if
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact
from tests.relations_firm import ASSIGNMENT, accepted, firm_found, lead

REPLAYS = "/v1/ledgers/main/replays"
TO_TWO: dict[str, Any] = {
    **ASSIGNMENT, "rules": [{**ASSIGNMENT["rules"][0], "id": "east_to_two", "candidates": {"teams": ["two"]}}]
}
"""The east to team two."""


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    """C-000001 to C-000003 of the east went to team one; C-000004, of nowhere, to the pool, from where S-000002 claimed
    it; C-000005 too, from where the rules gave it to team two once its 6,000 points had made it gold."""
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers = LedgersHere(database_url, folder)
    here = ledgers.make("main")
    books = here.books
    firm_found(books)
    for n in range(3):
        accepted(books.do(lead(f"L{n}", region="east")))
    accepted(books.do(lead("L3")))
    accepted(books.do(ClaimCustomer("C-000004", "S-000002")))
    accepted(books.do(lead("L4")))
    # 30,000,000 CNY: 3,000 full units of 2 points each; gold is from 5,000 on.
    accepted(books.do(fact("f", "contract_signed", "2026-10-30", "C-000005", amount=30_000_000)))
    accepted(books.do(AssignCustomer("C-000005")))
    accepted(books.do(CloseDays("2026-10-31")))
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


def begun(api: Api, asked: dict[str, Any], **more: Any) -> str:
    started = api.post(REPLAYS, json=asked, **more)
    assert started.status_code == 202, started.text
    return started.json()["id"]


def finished(api: Api, job: str, state: str = "done") -> Any:
    deadline = time.monotonic() + 60
    while (found := api.get(f"{REPLAYS}/{job}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert found["state"] == state, found
    return found


def owners(api: Api, job: str) -> list[dict[str, Any]]:
    """Every row, read one by one."""
    page = api.get(f"{REPLAYS}/{job}/owners", params={"limit": 1}).json()
    rows = page["data"]
    while page["next"] is not None:
        page = api.get(f"{REPLAYS}/{job}/owners", params={"cursor": page["next"]}).json()
        rows += page["data"]
    return rows


def test_other_assignment_rules_tell_who_would_have_whom_under_the_digest_of_the_command(
    api: Api, ledger: LedgerHere
) -> None:
    job = finished(api, begun(api, {"assignment_rules": TO_TWO}))
    result = job["result"]
    # The three of the east go from team one (S-000001, S-000003) to team two (S-000002, S-000004), by turns.
    assert (result["kind"], result["customers_changed"], result["position"]) == ("assignment", 4, ledger.books.position)
    assert result["moves"][0] == {"rule": "east", "rule_then": "east_to_two", "customers": 3}
    rows = owners(api, job["id"])
    assert [(r["customer"], r["owner"], r["rule"], r["rule_then"]) for r in rows] == [
        ("C-000001", "S-000001", "east", "east_to_two"), ("C-000002", "S-000003", "east", "east_to_two"),
        ("C-000003", "S-000001", "east", "east_to_two"), ("C-000005", "S-000004", "gold", ""),
    ]  # fmt: skip
    assert {r["owner_then"] for r in rows[:3]} == {"S-000002", "S-000004"} and rows[3]["owner_then"] is None
    assert rows[0]["name"] == "L0 建设集团"
    assert job["progress_done"] == job["progress_of"] > 0
    found = assignment_what_if(Columns.open(ledger.columns_folder), TO_TWO, 1, lambda done, of: None)
    assert (result["digest"], result["digest_recorded"]) == (found.candidate.digest, found.recorded.digest)
    assert job["request"]["assignment_sha256"]
    assert api.get(f"{REPLAYS}/{job['id']}/customers").json()["data"] == []


def test_rules_that_let_nobody_be_chosen_give_a_customer_to_the_pool(api: Api) -> None:
    nobody = {**TO_TWO, "rules": [{**TO_TWO["rules"][0], "candidates": {"teams": ["firm"], "roles": ["site"]}}]}
    rows = owners(api, begun_done(api, {"assignment_rules": nobody}))
    # The rule that found nobody is the one behind it; without a rule for gold customers, none is.
    assert [(r["customer"], r["owner_then"], r["rule_then"]) for r in rows] == [
        *((f"C-00000{n}", None, "east_to_two") for n in (1, 2, 3)), ("C-000005", None, "")
    ]  # fmt: skip


def begun_done(api: Api, asked: dict[str, Any]) -> str:
    job = begun(api, asked)
    finished(api, job)
    return job


def test_a_change_of_the_points_rules_shows_its_effect_on_owners(api: Api) -> None:
    rules = {**rules_standard(), "id": "halved", "assignment": ASSIGNMENT}
    rules["rules"] = [dict(rule) for rule in rules["rules"]]
    for rule in rules["rules"]:
        if rule["fact"] == "contract_signed" and "per_unit" in rule["award"]:
            rule["award"] = {"per_unit": {**rule["award"]["per_unit"], "points": 1}}
    job = finished(api, begun(api, {"rules": rules}))
    assert [r["customer"] for r in api.get(f"{REPLAYS}/{job['id']}/customers").json()["data"]] == ["C-000005"]
    # 3,000 points make it silver: then the rules find nobody for it.
    ownership = job["result"]["ownership"]
    assert job["result"]["kind"] == "candidate" and ownership["customers_changed"] == 1
    [row] = owners(api, job["id"])
    assert (row["customer"], row["rule"], row["owner_then"]) == ("C-000005", "gold", None)
    assert (job["progress_done"], job["progress_of"]) == (2_000, 2_000)


def test_rules_without_a_ladder_are_tried_too(api: Api) -> None:
    assignment = {**ASSIGNMENT, "rules": ASSIGNMENT["rules"][:1]}
    rules = {"id": "no_ladder", "title": {"zh": "无等级", "en": "No ladder"}, "rules": [], "assignment": assignment}
    job = finished(api, begun(api, {"rules": rules}))
    # Nobody has a tier, so nobody is gold, and no rule is left for such customers.
    assert [(r["customer"], r["owner_then"]) for r in owners(api, job["id"])] == [("C-000005", None)]
    assert {m["to"] for m in job["result"]["tier_matrix"]} == {""}


def test_rules_and_assignment_rules_are_tried_together(api: Api) -> None:
    rules = {**rules_standard(), "id": "other"}
    both = finished(api, begun(api, {"rules": rules, "assignment_rules": TO_TWO}))
    assert {r["rule_then"] for r in owners(api, both["id"])} == {"east_to_two", ""}
    alone = finished(api, begun(api, {"assignment_rules": TO_TWO}))
    assert both["result"]["ownership"]["digest"] == alone["result"]["digest"]


def test_the_proof_is_of_the_owners_too(api: Api) -> None:
    result = finished(api, begun(api, {"recorded": True}))["result"]
    assert (result["differences"], result["ownership"]["differences"]) == (0, 0)
    assert result["ownership"]["changes"] >= 5 and len(result["ownership"]["digest"]) == 64


def test_assignment_rules_that_cannot_be_are_refused_at_once_and_say_where(api: Api) -> None:
    for section, field in (
        ({"rules": [{"id": "x"}]}, "assignment.rules.0"),
        ({**TO_TWO, "rules": [{**TO_TWO["rules"][0], "when": {"tier": "at_least", "level": "nowhere"}}]}, ""),
        ({"wrong": 1}, "assignment"),
    ):  # fmt: skip
        answer = api.post(REPLAYS, json={"assignment_rules": section})
        assert (answer.status_code, answer.json()["code"]) == (422, "RULESET_INVALID"), answer.text
        assert answer.json()["field"].startswith(field) and "nowhere" not in answer.text
    for asked in (
        {"assignment_rules": TO_TWO, "recorded": True}, {"assignment_rules": TO_TWO, "day_from": "2026-01-01"},
        {"assignment_rules": TO_TWO, "customers": ["C-000001"]}, {"recorded": True, "day_from": "2026-01-01"},
        {"rules": {"id": "x"}, "rule_set": "RS-0001", "assignment_rules": TO_TWO},
    ):  # fmt: skip
        answer = api.post(REPLAYS, json=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "REPLAY_INVALID"), answer.text


def test_a_replay_of_owners_is_begun_by_who_may_and_once_under_a_key(api: Api) -> None:
    asked = {"assignment_rules": TO_TWO}
    for role in ("auditor", "service", "customer", "staff"):
        assert api.post(REPLAYS, json=asked, key=role).status_code == 403, role
    headers = {"Idempotency-Key": "owners-1"}
    job = begun(api, asked, key="operator", headers=headers)
    again = api.post(REPLAYS, json=asked, key="operator", headers=headers)
    assert (again.json()["id"], again.headers["Idempotency-Hit"]) == (job, "true")
    other = api.post(REPLAYS, json={"assignment_rules": ASSIGNMENT}, key="operator", headers=headers)
    assert other.json()["code"] == "IDEMPOTENCY_CONFLICT"
    finished(api, job)
    assert api.get(f"{REPLAYS}/{job}/owners", key="auditor").status_code == 200
    assert api.get(f"{REPLAYS}/{job}/owners", key="service").status_code == 403
    assert api.get(f"{REPLAYS}/J-none/owners").json()["code"] == "REPLAY_UNKNOWN"
    dry = api.post(REPLAYS, json=asked, params={"dry_run": "true"})
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)


def test_a_replay_of_owners_ends_where_it_is_cancelled(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership_running, "_PROGRESS_EVERY", 1)
    take = ownership_running._Run.take  # pyright: ignore[reportPrivateUsage]

    def slowly(self: Any, event: Any) -> None:
        time.sleep(0.3)
        take(self, event)

    monkeypatch.setattr(ownership_running._Run, "take", slowly)  # pyright: ignore[reportPrivateUsage]
    job = begun(api, {"assignment_rules": TO_TWO})
    deadline = time.monotonic() + 60
    while api.get(f"{REPLAYS}/{job}").json()["progress_done"] <= 1_000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert api.send("DELETE", f"{REPLAYS}/{job}").status_code == 200
    assert finished(api, job, "cancelled")["result"] is None
    assert api.get(f"{REPLAYS}/{job}/owners").json()["data"] == []

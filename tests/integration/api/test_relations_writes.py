"""Commands of relations over HTTP: who may do what, as a matrix, and what a lead reveals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.access.keys import AccessStore
from api.app import app_create
from api.routes.relations.may import MAY
from api.routes.relations.writes import WRITES
from api.settings import ApiSettings
from ledger.domain.commands import RELATIONS_COMMANDS, HandOver, ReportLead
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api
from tests.integration.api.test_relations_reads import AT, Firm
from tests.integration.test_relations_scopes import (
    CHIEF,
    EAST,
    EAST_MANAGER,
    HELPER,
    LAWYER,
    LEFT,
    SITE,
    TECH,
    TECH_CHIEF,
    WEST,
    WEST_MANAGER,
    A,
    B,
    C,
    D,
    cid,
    found,
    who,
)
from tests.relations_firm import accepted

PEOPLE = (EAST, HELPER, WEST, EAST_MANAGER, WEST_MANAGER, CHIEF, TECH, LAWYER, SITE, TECH_CHIEF)
WHY = {"reason": "试试"}
CHECKS = 5
DONE_BY = {"claim in the east", "claim in the west", "talk", "opportunity", "opportunity carried over", "task", "task moved"}
"""What somebody does: the office says who."""


@pytest.fixture(scope="module")
def firm(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers, access = LedgersHere(database_url, folder), AccessStore(database_url)
    ledger = ledgers.make("firm")
    found(ledger.books)
    handover = accepted(ledger.books.do(HandOver(who(EAST), who(HELPER), "leave", "休假")))
    assert handover.position
    ledger.follow()
    settings = ApiSettings(lead_checks_per_hour=1, lead_checks_burst=CHECKS)
    with Api(app_create(ledgers, access, settings), access) as api:
        yield Firm(api, ledger)
    ledgers.close()
    access.close()


def send(firm: Firm, key: int | str, path: str, body: dict[str, Any], **more: Any) -> Any:
    secret = firm.keys[key] if isinstance(key, int) else key
    return firm.api.post(f"{AT}{path}", key=secret, json=body, **more)


def rehearsed(firm: Firm, key: int | str, path: str, body: dict[str, Any]) -> Any:
    return send(firm, key, path, body, params={"dry_run": "true"})


def within(firm: Firm, person: int, path: str, body: dict[str, Any]) -> bool:
    """Whether a command is within somebody's reach: what the writer says of it then is another matter."""
    answer = rehearsed(firm, person, path, body)
    assert answer.status_code < 500, answer.text
    return answer.status_code not in (403, 404)


# Customer A was handed by EAST to HELPER; B is WEST's; C lies in the pool of the east, D of the west. SITE works at B.
REACH: dict[str, tuple[str, dict[str, Any], set[int]]] = {
    "claim in the east": (f"/customers/{cid(C)}/claim", {}, {EAST, HELPER, EAST_MANAGER, CHIEF, TECH_CHIEF}),
    "claim in the west": (f"/customers/{cid(D)}/claim", {}, {WEST, WEST_MANAGER, CHIEF, TECH_CHIEF}),
    "release": (f"/customers/{cid(A)}/release", WHY, {HELPER, EAST_MANAGER, CHIEF}),
    "release in the west": (f"/customers/{cid(B)}/release", WHY, {WEST, WEST_MANAGER, CHIEF}),
    "reassign": (f"/customers/{cid(A)}/reassign", {"staff": who(EAST), **WHY}, {EAST_MANAGER, CHIEF}),
    "reassign to the west": (f"/customers/{cid(A)}/reassign", {"staff": who(WEST), **WHY}, {CHIEF}),
    "assign": (f"/customers/{cid(D)}/assign", {}, {WEST_MANAGER, CHIEF, TECH_CHIEF}),
    "collaborator": (f"/customers/{cid(A)}/collaborators/add", {"staff": who(WEST)}, {HELPER, EAST_MANAGER, CHIEF}),
    "nurture": (f"/customers/{cid(A)}/nurture/begin", {"rhythm_days": 30}, {HELPER, EAST_MANAGER, CHIEF}),
    "profile": (f"/customers/{cid(B)}/profile", {"changes": {"needs": "慢"}}, {WEST, WEST_MANAGER, CHIEF, SITE}),
    "contact": (f"/customers/{cid(A)}/contacts", {"name": "李工"}, {HELPER, EAST_MANAGER, CHIEF}),
    "knowledge": (
        "/knowledge", {"kind": "gift", "value": "tea", "customer": cid(A)}, {HELPER, EAST_MANAGER, CHIEF}
    ),
    "knowledge of a person": (
        "/knowledge", {"kind": "gift", "value": "tea", "person": "P-000014"}, {HELPER, EAST_MANAGER, CHIEF}
    ),
    "knowledge of a region": (
        "/knowledge", {"kind": "gift", "value": "tea", "region": "east"}, {EAST, HELPER, EAST_MANAGER, CHIEF}
    ),
    "project": (f"/customers/{cid(A)}/projects", {"name": "路"}, {HELPER, EAST_MANAGER, CHIEF}),
    "project with another's customer": (
        f"/customers/{cid(A)}/projects", {"name": "路", "parties": [["甲方", cid(B)]]}, {CHIEF}
    ),
    "project with another's reference": (
        f"/customers/{cid(A)}/projects", {"name": "路", "parties": [["甲方", f"crm:{B}"]]}, {CHIEF}
    ),
    "milestone": (
        "/projects/J-000002/milestones", {"milestone": "roof", "name": "封顶", "due_on": "2026-12-01"},
        {WEST, WEST_MANAGER, CHIEF, SITE},
    ),
    "merge": (f"/customers/{cid(A)}/merge", {"merged": cid(C), **WHY}, {EAST_MANAGER, CHIEF}),
    "merge with another region": (f"/customers/{cid(A)}/merge", {"merged": cid(B), **WHY}, {CHIEF}),
    "unmerge": ("/customers/C-000006/unmerge", WHY, {EAST_MANAGER, CHIEF}),
    "erase": ("/people/P-000014/erase", WHY, {EAST_MANAGER, CHIEF}),
    "talk": (f"/customers/{cid(A)}/follow_ups", {"said": "谈了"}, {HELPER, EAST_MANAGER, CHIEF}),
    "opportunity": (
        f"/customers/{cid(B)}/opportunities", {"name": "标段", "stage": "lead"}, {WEST, WEST_MANAGER, CHIEF, SITE}
    ),
    "opportunity carried over": (
        f"/customers/{cid(B)}/opportunities", {"name": "标段", "stage": "lead", "carried_over": True}, set()
    ),
    "opportunity moved": (
        "/opportunities/O-000002/change", {"changes": {"amount": "5"}}, {WEST, WEST_MANAGER, CHIEF, SITE}
    ),
    "task": (
        f"/customers/{cid(A)}/tasks", {"title": "看", "due_on": "2027-01-01", "department": "technical"},
        {HELPER, EAST_MANAGER, CHIEF, TECH, TECH_CHIEF},
    ),
    "task moved": (
        "/tasks/T-000002/move", {"state": "accepted", "progress_percent": 20},
        {WEST, WEST_MANAGER, CHIEF, LAWYER, SITE},
    ),
    "ruling": ("/collisions/{collision}/rule", {"owner": who(WEST), **WHY}, {EAST_MANAGER, CHIEF}),
    "handover": (f"/staff/{who(HELPER)}/handover", {"to": who(EAST), "kind": "leave", **WHY}, {EAST_MANAGER, CHIEF}),
    "handover to the west": (f"/staff/{who(HELPER)}/handover", {"to": who(WEST), "kind": "leave"}, {CHIEF}),
    "handover undone": ("/handovers/undo", {"handover": 0, **WHY}, {EAST_MANAGER, CHIEF}),
    "enrol": ("/staff", {"source": "hr", "reference": "99", "name": "新人", "team": "one"}, {EAST_MANAGER, CHIEF}),
    "enrol an executive": (
        "/staff", {"source": "hr", "reference": "99", "name": "新人", "team": "one", "role": "executive"}, {CHIEF}
    ),
    "enrol for another region": (
        "/staff", {"source": "hr", "reference": "99", "name": "新人", "team": "one", "region": "west"}, {CHIEF}
    ),
    "change": (f"/staff/{who(EAST)}/change", {"changes": {"capacity": 9}}, {EAST_MANAGER, CHIEF}),
    "promote oneself": (f"/staff/{who(EAST_MANAGER)}/change", {"changes": {"role": "executive"}}, {CHIEF}),
    "move oneself": (f"/staff/{who(EAST_MANAGER)}/change", {"changes": {"region": "west"}}, {CHIEF}),
    "team below": ("/teams", {"team": "one b", "name": "一部乙", "parent": "one"}, {EAST_MANAGER, CHIEF}),
    "team of one's own": ("/teams", {"team": "one", "name": "一部", "parent": "one", "region": "west"}, {CHIEF}),
    "leave": (
        f"/staff/{who(EAST)}/absences", {"first_day": "2026-12-01", "last_day": "2026-12-02"},
        {EAST, EAST_MANAGER, CHIEF},
    ),
    "leave cancelled": (
        f"/staff/{who(EAST)}/absences/cancel", {"first_day": "2026-12-01"}, {EAST, EAST_MANAGER, CHIEF}
    ),
    "leaving cancelled": (f"/staff/{who(EAST)}/leaving/cancel", {}, {EAST_MANAGER, CHIEF}),
    "leaving": (f"/staff/{who(EAST)}/leaving", {"last_day": "2026-12-31"}, {EAST_MANAGER, CHIEF}),
}  # fmt: skip
"""What is tried, and within whose reach it lies."""


def test_the_evidence_of_a_collision_is_for_who_may_rule_it(firm: Firm) -> None:
    [collision] = [c for c in firm.data("/collisions", CHIEF) if c["asker"] == who(WEST)]
    path = f"{AT}/collisions/{collision['collision']}/evidence"
    codes = {p: firm.api.get(path, key=firm.keys[p]).status_code for p in PEOPLE}
    assert {p for p, code in codes.items() if code == 200} == {EAST_MANAGER, CHIEF}
    assert set(codes.values()) == {200, 403, 404}, "who sees it but may not rule, and who doesn't see it"
    assert codes[WEST] == 403
    for key in ("admin", "operator", "auditor", "service"):
        assert firm.api.get(path, key=key).status_code == 200
    told = firm.api.get(path, key=firm.keys[CHIEF]).json()["data"]
    assert [row["position"] for row in told] == sorted(row["position"] for row in told)
    [asked] = [row for row in told if row["event"] == "LeadArrived" and row["side"] == "asker"]
    assert asked["state"]["staff"] == who(WEST) and asked["explanation"]["zh"] and asked["explanation"]["en"]
    assert {"holder", "asker"} <= {row["side"] for row in told}
    assert firm.api.get(f"{AT}/collisions/X-999999/evidence", key="admin").json()["code"] == "COLLISION_UNKNOWN"


@pytest.mark.parametrize("name", REACH)
def test_who_may_do_what(firm: Firm, name: str) -> None:
    path, body, expected = REACH[name]
    if name == "handover undone":
        handed = [e for e in firm.ledger.books.log() if e[2] == "PortfolioHandedOver"]
        body = {**body, "handover": handed[0][0]}
    if "{collision}" in path:
        [row] = [c for c in firm.data("/collisions", CHIEF) if c["asker"] == who(WEST)]
        path = path.replace("{collision}", row["collision"])
    assert {p for p in PEOPLE if within(firm, p, path, body)} == expected
    if name in DONE_BY:
        body = {**body, "staff": who(CHIEF)}
    for key in ("operator", "admin"):
        assert rehearsed(firm, key, path, body).status_code not in (403, 404)
    for key in ("auditor", "service", "customer", LEFT):
        assert rehearsed(firm, key, path, body).json()["code"] == "PERMISSION_DENIED"


def test_every_command_has_a_route_and_stands_in_the_table() -> None:
    assert {w.command for w in WRITES} | {ReportLead} == set(RELATIONS_COMMANDS) == MAY.keys()
    for command, may in MAY.items():
        assert not may.doer or may.doer in {f.name for f in fields(command)}


def test_nobody_acts_for_somebody_else(firm: Firm) -> None:
    for path, body in (
        (f"/customers/{cid(C)}/claim", {}), (f"/customers/{cid(A)}/follow_ups", {"said": "谈了"}),
        ("/tasks/T-000002/move", {"state": "accepted"}), ("/leads", {"source": "s", "lead": "1", "name": "甲"}),
        (f"/customers/{cid(A)}/opportunities", {"name": "标段", "stage": "lead"}),
        (f"/customers/{cid(A)}/tasks", {"title": "看", "due_on": "2027-01-01"}),
    ):  # fmt: skip
        for person in (EAST, EAST_MANAGER, CHIEF):
            answer = rehearsed(firm, person, path, {**body, "staff": who(HELPER)})
            assert (answer.status_code, answer.json()["field"]) == (403, "authorization"), path


def test_another_s_customer_and_a_missing_one_are_refused_alike(firm: Firm) -> None:
    for path, body in (
        ("claim", {}), ("release", WHY), ("profile", {"changes": {}}), ("contacts", {"name": "李"}),
        ("follow_ups", {"said": "谈了"}), ("tasks", {"title": "看", "due_on": "2027-01-01"}),
    ):  # fmt: skip
        told = [rehearsed(firm, EAST, f"/customers/{c}/{path}", body).json() for c in (cid(B), "C-000099", "crm:2")]
        assert [t["code"] for t in told] == ["CUSTOMER_UNKNOWN"] * 3
        assert len({str({**t, "request_id": ""}) for t in told}) == 1


def test_what_was_just_claimed_can_be_worked_with_before_the_views_have_it(firm: Firm) -> None:
    with firm.ledger.followed():
        made = send(firm, WEST, f"/customers/{cid(D)}/claim", {}, headers={"Idempotency-Key": "mine"})
        assert made.status_code == 201, made.text
        talk = send(firm, WEST, f"/customers/{cid(D)}/follow_ups", {"said": "谈了"})
        assert talk.status_code == 201, talk.text
        gone = send(firm, WEST, f"/customers/{cid(D)}/release", WHY, headers={"Idempotency-Key": "gone"})
        assert gone.status_code == 201
        # It is theirs no more, and the same request is answered as it was.
        again = send(firm, WEST, f"/customers/{cid(D)}/release", WHY, headers={"Idempotency-Key": "gone"})
        assert (again.status_code, again.headers["Idempotency-Hit"]) == (200, "true")
        firm.data("/customers", WEST, min_position=gone.json()["position"])
        assert send(firm, WEST, f"/customers/{cid(D)}/release", WHY).status_code == 404


def test_a_lead_tells_that_it_is_taken_and_by_which_team_and_nothing_else(firm: Firm) -> None:
    lead = {"source": "web", "lead": "mine", "name": "客户2"}
    with structlog.testing.capture_logs() as logs:
        told = send(firm, EAST, "/leads/check", lead).json()
        tried = rehearsed(firm, EAST, "/leads", lead).json()
    assert (told["taken"], told["code"]) == (True, "COLLISION_FOUND") and "team two" in told["reason"]
    assert (tried["events"], tried["counts"], tried["answer"]["customer"]) == ([], {}, "")
    for text in (str(told), str(tried)):
        assert cid(B) not in text and who(WEST) not in text and "客户2" not in text
    seen = [entry for entry in logs if entry["event"] == "lead looked up"]
    assert [(e["staff"], e["taken"]) for e in seen] == [(who(EAST), True)] * 2 and all(e["key"] for e in seen)
    assert "客户" not in str(seen)
    assert send(firm, EAST, "/leads/check", {**lead, "name": "谁也没见过的企业"}).json()["taken"] is False


def test_a_used_idempotency_key_opens_nothing_that_is_out_of_reach(firm: Firm) -> None:
    used = {"Idempotency-Key": "used"}
    lead = {"source": "web", "lead": "used", "name": "客户1号之外的企业"}
    made = send(firm, HELPER, "/leads", lead, headers=used)
    assert made.status_code == 201, made.text
    firm.ledger.follow()
    # B is the west's: whatever is asked of it under the key is told as without one, and nothing of what is there.
    other = {**lead, "lead": "other", "customer": cid(B)}
    for path, body in (("/leads", other), (f"/customers/{cid(B)}/follow_ups", {"said": "谈了"})):
        for more in ({}, {"params": {"dry_run": "true"}}):
            told = send(firm, HELPER, path, body, headers=used, **more).json()
            assert (told["status"], told["code"]) == (404, "CUSTOMER_UNKNOWN"), told
    moved = send(firm, HELPER, f"/customers/{cid(A)}/reassign", {"staff": who(WEST), **WHY}, headers=used)
    assert (moved.status_code, moved.json()["code"]) == (403, "PERMISSION_DENIED")
    # What is within reach conflicts with the first request, which alone is answered again.
    talk = send(firm, HELPER, f"/customers/{cid(A)}/follow_ups", {"said": "谈了"}, headers=used)
    assert talk.json()["code"] == "IDEMPOTENCY_CONFLICT"
    again = send(firm, HELPER, "/leads", lead, headers=used)
    assert (again.status_code, again.headers["Idempotency-Hit"], again.json()) == (200, "true", made.json())


def test_a_lead_is_looked_up_without_an_idempotency_key(firm: Firm) -> None:
    lead = {"source": "web", "lead": "keyless", "name": "", "customer": cid(B)}
    told = send(firm, HELPER, "/leads/check", lead, headers={"Idempotency-Key": "looked"})
    assert (told.status_code, told.json()["code"]) == (422, "KEY_UNSUPPORTED")
    assert send(firm, HELPER, "/leads/check", lead).json()["code"] == "CUSTOMER_UNKNOWN"


def test_looking_up_leads_is_bounded_per_key(firm: Firm) -> None:
    lead = {"source": "web", "lead": "many", "name": "客户2"}
    codes = [send(firm, SITE, "/leads/check", lead).status_code for _ in range(CHECKS + 1)]
    assert codes == [200] * CHECKS + [429]
    assert send(firm, SITE, "/leads", lead).json()["code"] == "RATE_EXCEEDED"
    assert send(firm, WEST, "/leads/check", lead).status_code == 200
    # A code that somebody has would tell the same.
    code = {"changes": {"credit_code": "91310000132203821H"}}
    assert rehearsed(firm, SITE, f"/customers/{cid(B)}/profile", code).json()["code"] == "RATE_EXCEEDED"


def test_the_office_reports_leads_and_sees_what_would_be_appended(firm: Firm) -> None:
    lead = {"source": "web", "lead": "office", "name": "全新企业", "traits": {"region": "north"}}
    assert rehearsed(firm, "operator", "/leads", lead).json()["counts"]["LeadArrived"] == 1
    made = send(firm, "operator", "/leads", lead, headers={"Idempotency-Key": "lead"})
    assert made.status_code == 201 and made.json()["customer"].startswith("C-")
    again = send(firm, "operator", "/leads", lead, headers={"Idempotency-Key": "lead"})
    assert again.headers["Idempotency-Hit"] == "true" and again.json() == made.json()
    # Another reports it under the same name: which customer it is isn't theirs to know.
    firm.ledger.follow()
    told = send(firm, WEST, "/leads", lead).json()
    assert (told["status"], told["customer"], told["id"]) == ("duplicate", "", "")


@pytest.mark.parametrize("parties", [[["甲方"]], [["甲方", "市政院", "又一"]], [[]]])
@pytest.mark.parametrize("key", [EAST, "admin"])
def test_a_party_that_is_no_role_and_name_is_refused_whoever_sends_it(firm: Firm, key: int | str, parties: list[Any]) -> None:
    answer = send(firm, key, f"/customers/{cid(A)}/projects", {"name": "路", "parties": parties})
    assert answer.status_code == 422 and answer.json()["field"] == "parties", answer.text

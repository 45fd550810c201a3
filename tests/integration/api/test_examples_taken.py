"""The examples of the OpenAPI document, sent as they stand to a ledger under the standard rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.app import app_create
from api.routing import Route
from api.settings import ApiSettings
from ledger.domain.commands import DeclareTeam, EnrolStaff
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api
from tests.relations_firm import accepted

PARTS = {
    "ledger": "main", "customer": "C-000001", "merged": "C-000002", "staff": "S-000001", "rule_set": "RS-0001",
    "source": "crm", "external_id": "HT-2026-0117", "period": "2026-01",
}  # fmt: skip
MISSING = "nothing"
NOT_THERE = {
    "relations_absence_cancel": "STAFF_ABSENCE_MISSING", "relations_portfolio_hand_over": "STAFF_NOT_LEAVING",
    "relations_customers_unmerge": "CUSTOMER_NOT_MERGED", "relations_follow_up_record": "CUSTOMER_NOT_SERVED",
    "relations_collaborator_remove": "ASSIGNMENT_NO_COLLABORATOR", "relations_opportunity_open": "CUSTOMER_NOT_SERVED",
    "relations_task_hand": "CUSTOMER_NOT_SERVED", "match_propose": "ITEM_UNKNOWN", "ruling_propose": "ITEM_UNKNOWN",
    "proposal_approve": "PROPOSAL_UNKNOWN", "proposal_decline": "PROPOSAL_UNKNOWN",
    "settlement_undo": "SETTLEMENT_UNKNOWN", "period_sign_off": "PERIOD_OPEN",
}  # fmt: skip
"""What a new ledger doesn't have: these refusals say that the example itself is sound."""
OF_THE_RULES = {"ENTITLEMENT_UNKNOWN", "OFFER_UNKNOWN", "FACT_TYPE_UNKNOWN", "MAPPING_NOT_FOUND", "ROUTE_UNKNOWN"}
"""What the standard rules and the service have, or not at all."""


@pytest.fixture(scope="module")
def api(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder: Path = tmp_path_factory.mktemp("columns")
    ledgers, access = LedgersHere(database_url, folder), AccessStore(database_url)
    ledger = ledgers.make("main")
    books = ledger.books
    books.register("1", "2", "3")
    accepted(books.do(DeclareTeam("firm", "公司")))
    accepted(books.do(DeclareTeam("one", "一部", "firm", "east")))
    for number in "1234":
        accepted(books.do(EnrolStaff("hr", f"s{number}", f"员工{number}号", "one", phone=f"1390000000{number}")))
    ledger.follow()
    with Api(app_create(ledgers, access, ApiSettings()), access) as served:
        yield served
    ledgers.close()
    access.close()


def test_no_example_is_refused_for_what_it_holds(api: Api) -> None:
    document = api.app.openapi()
    found: dict[str, str] = {}
    sent = 0
    for route in api.app.routes:
        if not isinstance(route, Route):
            continue
        operation: dict[str, Any] = document["paths"][route.path_format][route.spec.method.lower()]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" not in content or "/webhooks/in/" in route.path:
            continue
        path = re.sub(r"\{(\w+)\}", lambda m: PARTS.get(m[1], MISSING), route.path_format)
        answer = api.send(route.spec.method, f"{path}?dry_run=true", json=content["example"])
        sent += 1
        code = answer.json().get("code", "") if answer.status_code >= 400 else ""
        if answer.status_code in (400, 422) or answer.status_code >= 500 or code in OF_THE_RULES:
            found[operation["operationId"]] = code
    assert found == NOT_THERE and sent > 60


def test_a_file_that_is_sent_without_a_mapping_is_asked_for_one(api: Api) -> None:
    operation = api.app.openapi()["paths"]["/v1/ledgers/{ledger}/imports"]["post"]
    text = operation["requestBody"]["content"]["text/csv"]["example"]
    given = {p["name"]: p["schema"]["examples"][0] for p in operation["parameters"] if "examples" in p["schema"]}
    assert given.keys() == {"mapping", "filename"}
    headers = {"Content-Type": "text/csv"}
    wrong = api.post("/v1/ledgers/main/imports", content=text, headers=headers).json()
    assert (wrong["code"], wrong["field"]) == ("MAPPING_NOT_FOUND", "mapping") and "mapping=facts" in wrong["detail"]
    assert api.post("/v1/ledgers/main/imports", content=text, headers=headers, params=given).status_code == 202

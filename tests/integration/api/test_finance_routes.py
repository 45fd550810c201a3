"""Finance over HTTP: reconcile, propose and approve by two people, sign off; liability and journal; who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import AccessStore
from api.access.roles import PERMISSIONS, Permission, Role
from api.app import app_create
from api.settings import ApiSettings
from ledger.domain.commands import AwardHonours, CloseDays, GiveConsent
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.integration.test_settlement import OCTOBER, redeem
from tests.ledgers import fact

FINANCE = "/v1/ledgers/main/finance"


@pytest.fixture(scope="module")
def ledger(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerHere]:
    ledgers = LedgersHere(database_url, tmp_path_factory.mktemp("columns"))
    here = ledgers.make("main")
    here.ledgers = ledgers  # type: ignore[attr-defined]
    here.books.register("a", "b")
    redeem(here.books, 1, 1, 50_00)
    redeem(here.books, 2, 2, 275_00)
    here.books.send(
        fact("c1", "contract_signed", f"{OCTOBER}-01", amount="2500000"),
        fact("p1", "payment_received", f"{OCTOBER}-09", amount="9950", offset_amount="50", reference="R-000001"),
        fact("p2", "payment_received", f"{OCTOBER}-10", "C-000002", amount="700", offset_amount="300", invoice="9"),
    )
    here.follow()
    yield here
    ledgers.close()


@pytest.fixture(scope="module")
def api(ledger: LedgerHere, database_url: str) -> Iterator[Api]:
    access = AccessStore(database_url)
    with Api(app_create(ledger.ledgers, access, ApiSettings()), access) as served:  # type: ignore[attr-defined]
        yield served
    access.close()


def test_finance_reads_auditor_operator_and_admin_and_only_the_last_two_write() -> None:
    read = {role for role, may in PERMISSIONS.items() if Permission.FINANCE_READ in may}
    write = {role for role, may in PERMISSIONS.items() if Permission.FINANCE_WRITE in may}
    assert read == {Role.ADMIN, Role.OPERATOR, Role.AUDITOR} and write == {Role.ADMIN, Role.OPERATOR}


def test_a_month_is_reconciled_once_what_is_left_goes_by_two_people_and_is_signed_off(
    api: Api, ledger: LedgerHere
) -> None:
    body = {"period": OCTOBER}
    dry = api.post(f"{FINANCE}/reconciliation", json=body, params={"dry_run": "true"}).json()
    assert dry["matched_now"] == 1 and dry["dry_run"] is True and ledger.books.state.relations.settlement.matches == {}
    done = api.post(f"{FINANCE}/reconciliation", json=body).json()
    assert done["matched_now"] == 1 and done["redemptions"]["open"] == "275.00" and done["adds_up"]
    # Nobody follows the log meanwhile: what settlement reads is the log's end all the same.
    again = api.post(f"{FINANCE}/reconciliation", json=body).json()
    assert again["matched_now"] == 0 and again["open"] == done["open"]
    read = api.get(f"{FINANCE}/reconciliation", params={"period": OCTOBER}).json()
    assert {item["item"]: item["kind"] for item in read["open"]} == {
        "R-000002/1": "missing_payment", "crm:p2": "missing_redemption",
    }  # fmt: skip

    proposed = api.post(
        f"{FINANCE}/matches",
        json={"redemptions": [["R-000002/1", "275.00"]], "payments": [["crm:p2", "275.00"]], "reason": "见回单"},
    )
    assert proposed.status_code == 201
    number = proposed.json()["id"]
    own = api.post(f"{FINANCE}/proposals/{number}/approve", json={})
    assert own.json()["code"] == "PROPOSAL_OWN"
    assert [p["settlement"] for p in api.get(f"{FINANCE}/proposals").json()["data"]] == [number]
    approved = api.post(f"{FINANCE}/proposals/{number}/approve", json={}, key="operator")
    assert approved.status_code == 201
    ruled = api.post(
        f"{FINANCE}/rulings", json={"item": "crm:p2", "outcome": "charged", "amount": "25.00", "reason": "补交"}
    ).json()
    assert api.post(f"{FINANCE}/proposals/{ruled['id']}/approve", json={}, key="operator").status_code == 201
    ledger.books.do(CloseDays(f"{OCTOBER}-31"))
    ledger.follow()
    read = api.get(f"{FINANCE}/reconciliation", params={"period": OCTOBER}).json()
    assert read["open"] == [] and read["payments"]["ruled"] == "25.00"
    figures = {"sha256": read["sha256"], "redeemed": "325.00", "settled": "325.00", "open": "0.00"}
    moved = api.post(f"{FINANCE}/periods/{OCTOBER}/sign_off", json={**figures, "open": "1.00"})
    assert moved.json()["code"] == "PERIOD_MOVED"
    assert api.post(f"{FINANCE}/periods/{OCTOBER}/sign_off", json=figures).status_code == 201
    undone = api.post(f"{FINANCE}/settlements/{number}/undo", json={"reason": "误"}).json()
    assert undone["status"] == "accepted"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("matches", {"redemptions": [["R-000001/1"]], "payments": [["crm:p1", "1"]], "reason": "r"}, "VALUE_INVALID"),
        ("matches", {"redemptions": [], "payments": [], "reason": "r"}, "MATCH_EMPTY"),
        ("rulings", {"item": "x", "outcome": "charged", "amount": "1", "reason": "r"}, "ITEM_UNKNOWN"),
        ("proposals/M-999999/approve", {}, "PROPOSAL_UNKNOWN"),
        ("settlements/x/undo", {"reason": "r"}, "SETTLEMENT_UNKNOWN"),
    ],
)
def test_what_is_wrong_is_refused_with_a_code(api: Api, path: str, body: Any, code: str) -> None:
    answer = api.post(f"{FINANCE}/{path}", json=body)
    assert 400 <= answer.status_code < 500 and answer.json()["code"] == code


def test_liability_and_journal_are_told_and_the_books_balance(api: Api) -> None:
    found = api.get(f"{FINANCE}/liability", params={"day_from": f"{OCTOBER}-01", "day_to": f"{OCTOBER}-31"}).json()
    assert len(found["days"]) == 31 and found["days"][-1]["closing"] == "500.00" and found["adds_up"]
    assert found["days"][-1]["closing_cny"] == "25.00"
    assert api.get(f"{FINANCE}/liability", params={"day_from": "2020-01-01"}).json()["code"] == "DATE_INVALID"
    assert api.get(f"{FINANCE}/journal/check").json()["sum"] == "0.00"
    text = api.get(f"{FINANCE}/journal", params={"format": "beancount"}).text
    assert "balance Liabilities:Points:Available  -500.00 POINTS" in text
    lines = api.get(f"{FINANCE}/journal", params={"as_of": f"{OCTOBER}-31"}).text.splitlines()
    # A head, and two postings each of two adjustments, holds and spendings, and of the contract.
    assert lines[0].startswith("position,date") and len(lines) == 1 + 2 * 7


def paged(api: Api, path: str) -> tuple[list[Any], list[Any]]:
    """A list forwards, an entry a page, and back again to its beginning."""
    page = api.get(f"{FINANCE}/{path}", params={"limit": 1}).json()
    pages = [page]
    while page["next"]:
        page = api.get(f"{FINANCE}/{path}", params={"cursor": page["next"]}).json()
        pages.append(page)
    back = [page]
    while page["previous"]:
        page = api.get(f"{FINANCE}/{path}", params={"cursor": page["previous"]}).json()
        back.append(page)
    return [row for p in pages for row in p["data"]], [row for p in reversed(back) for row in p["data"]]


def test_lists_of_finance_lead_to_their_end_and_back(database_url: str, tmp_path: Path) -> None:
    ledgers, access = LedgersHere(database_url, tmp_path), AccessStore(database_url)
    here = ledgers.make("main")
    here.books.register("a", "b")
    for number in range(1, 7):
        redeem(here.books, number, 1 + number % 2, 50_00)
    here.books.send(
        *(
            fact(f"p{n}", "payment_received", f"{OCTOBER}-0{n + 2}", amount="900", offset_amount="50", reference=f"R-00000{n * 2}")
            for n in (1, 2)
        ),
        fact("other", "payment_received", f"{OCTOBER}-09", amount="999", offset_amount="1"),
    )
    here.follow()
    with Api(app_create(ledgers, access, ApiSettings()), access) as api:
        assert api.post(f"{FINANCE}/reconciliation", json={"period": OCTOBER}).json()["matched_now"] == 2
        for n in (1, 3):
            ruling = {"item": f"R-00000{n}/1", "outcome": "charged", "amount": "1.00", "reason": "补交"}
            assert api.post(f"{FINANCE}/rulings", json=ruling).status_code == 201
        match = {"redemptions": [["R-000005/1", "1.00"]], "payments": [["crm:other", "1.00"]], "reason": "见回单"}
        assert api.post(f"{FINANCE}/matches", json=match).status_code == 201
        report = api.get(f"{FINANCE}/reconciliation", params={"period": OCTOBER}).json()
        first = api.get(f"{FINANCE}/reconciliation", params={"period": OCTOBER, "limit": 1}).json()
        for name, count in (("open", 5), ("matched", 2)):
            forwards, back = paged(api, f"reconciliation/{OCTOBER}/{name}")
            assert forwards == back == report[name] and len(forwards) == count and first[name] == forwards[:1]
        matched = [m["settlement"] for m in report["matched"]]
        for name in matched:
            assert api.post(f"{FINANCE}/settlements/{name}/undo", json={"reason": "误"}).status_code == 201
        forwards, back = paged(api, f"reconciliation/{OCTOBER}/undone")
        assert [m["settlement"] for m in forwards] == matched and forwards == back
        forwards, back = paged(api, "proposals")
        assert [p.get("settlement") or p["ruling"] for p in forwards] == ["M-000003", "Q-000001", "Q-000002"]
        assert forwards == back == api.get(f"{FINANCE}/proposals").json()["data"]
        assert api.get(f"{FINANCE}/reconciliation/{OCTOBER}/signed").json()["code"] == "INPUT_INVALID"
        assert api.get(f"{FINANCE}/reconciliation/2025-13/open").json()["code"] == "INPUT_INVALID"
        cursor = api.get(f"{FINANCE}/proposals", params={"limit": 1}).json()["next"]
        answer = api.get(f"{FINANCE}/reconciliation/{OCTOBER}/open", params={"cursor": cursor})
        assert answer.json()["code"] == "CURSOR_INVALID"
    ledgers.close()
    access.close()


def test_honours_name_those_who_agreed(api: Api, ledger: LedgerHere) -> None:
    ledger.follow()
    assert api.get(f"{FINANCE}/honours/2026").json()["code"] == "HONOURS_UNKNOWN"
    ledger.books.do(AwardHonours(2026, "points_earned", 1, (("1", "C-000001", "500"), ("2", "C-000002", "1"))))
    ledger.books.do(GiveConsent("C-000002", "publication"))
    ledger.follow()
    places = api.get(f"{FINANCE}/honours/2026").json()["places"]
    assert [p["name"] for p in places] == [None, "b 公司"]

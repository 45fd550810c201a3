"""Redemptions over HTTP: quoted, reserved, committed, voided, taken back; the catalogue, stock and entitlements."""

from __future__ import annotations

import pytest

from ledger.domain.commands import ReserveRedemption
from tests.catalogue import catalogue, catalogue_activate
from tests.integration.api.ports import LedgerHere, LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact

MAIN = "/v1/ledgers/main"
OWN = f"{MAIN}/customers/C-000001"


@pytest.fixture(scope="module")
def shop(ledgers: LedgersHere) -> LedgerHere:
    """Customer 1 has 200 points, customer 2 none."""
    main = ledgers.ledgers["main"]
    section = catalogue()
    section["offers"][4]["tiers"] = ["gold"]
    catalogue_activate(main.books, section)
    main.books.send(*(fact(f"r{i}", "project_completed", "2026-10-05") for i in range(4)))
    main.follow()
    return main


def test_a_redemption_goes_its_way_over_http(api: Api, shop: LedgerHere) -> None:
    stock = api.post(f"{MAIN}/stock", json={"offer": "workwear", "variant": "m", "quantity": 3, "reason": "到货"})
    assert stock.status_code == 201
    reserve = {"customer": "C-000001", "offer": "workwear", "variant": "m", "quantity": 2, "reference": "site 4"}
    dry = api.post(f"{MAIN}/redemptions?dry_run=true", json=reserve)
    assert [e["event"] for e in dry.json()["events"]] == ["RedemptionReserved", "PointsHeld"]
    held = api.post(f"{MAIN}/redemptions", json=reserve, headers={"Idempotency-Key": "r-1"})
    assert (held.status_code, held.json()["points"]) == (201, "80.00")
    again = api.post(f"{MAIN}/redemptions", json=reserve, headers={"Idempotency-Key": "r-1"})
    assert again.json() == held.json()
    number = held.json()["id"]
    path = f"{MAIN}/redemptions/{number}"
    part = api.post(f"{path}/commit", json={"quantity": 1, "reference": "slip 1"})
    assert (part.status_code, part.json()["points"]) == (201, "-40.00")
    too_much = api.post(f"{path}/commit", json={"quantity": 2})
    assert (too_much.status_code, too_much.json()["code"]) == (422, "PART_TOO_LARGE")
    assert api.post(f"{path}/void", json={"reason": "one is enough"}).status_code == 201
    over = api.post(f"{path}/commit", json={})
    assert (over.status_code, over.json()["code"]) == (409, "HOLD_OVER")
    back = api.post(f"{path}/reverse", json={"reason": "too small"})
    assert (back.status_code, back.json()["points"]) == (201, "40.00")
    shop.follow()
    found = api.get(f"{path}?min_position={back.json()['position']}").json()
    assert (found["state"], found["spent"], found["freed"], found["returned"]) == ("reversed", "40.00", "40.00", "40.00")
    assert found["parts"][0]["reference"] == "slip 1"
    assert api.get(f"{MAIN}/stock").json()["data"] == [
        {"offer": "workwear", "variant": "m", "on_hand": 3, "held": 0, "free": 3}
    ]
    balance = api.get(f"{OWN}/balance").json()
    assert (balance["balance"], balance["available"], balance["held"]) == ("200.00", "200.00", "0.00")
    unknown = api.get(f"{MAIN}/redemptions/R-000099")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "REDEMPTION_UNKNOWN")


def test_a_quote_says_the_cost_and_what_stands_in_the_way(api: Api, shop: LedgerHere) -> None:
    found = api.get(f"{OWN}/quote?offer=small&points=50").json()
    assert (found["points"], found["money"], found["possible"], found["obstacles"]) == ("50.00", "2.50", True, [])
    before = shop.books.position
    short = api.get(f"{OWN}/quote?offer=cash&points=5000").json()
    # 5,000 reach the second step: 275 CNY.
    assert (short["money"], short["possible"], short["points_missing"]) == ("275.00", False, "4800.00")
    [lacking] = short["obstacles"]
    assert lacking == {
        "code": "POINTS_INSUFFICIENT", "field": "points", "missing": "4800.00",
        "reason": "costs 5000.00 points, 200.00 can be spent: 4800.00 are missing",
        "sentence": {
            "zh": "需5000.00分，可用200.00分，缺4800.00分",
            "en": "costs 5000.00 points, 200.00 can be spent: 4800.00 are missing",
        },
    }  # fmt: skip
    assert [o["code"] for o in api.get(f"{OWN}/quote?offer=plaque").json()["obstacles"]] == ["OFFER_NOT_ADMITTED"]
    assert api.get(f"{OWN}/quote?offer=car").status_code == 404
    assert api.get(f"{OWN}/quote?offer=cash&points=x").json()["code"] == "POINTS_INVALID"
    both = api.get(f"{OWN}/quote?offer=cash&points=1000&quantity=2")
    assert (both.status_code, both.json()["code"]) == (422, "NUMBER_INVALID")
    assert shop.books.position == before
    refused = api.post(f"{MAIN}/redemptions", json={"customer": "C-000001", "offer": "cash", "points": "5000"})
    assert (refused.status_code, refused.json()["code"]) == (409, "POINTS_INSUFFICIENT")
    assert refused.json()["detail"].endswith("4800.00 are missing")


def test_a_quote_names_everything_that_stands_in_the_way_and_so_does_the_refusal(api: Api, shop: LedgerHere) -> None:
    found = api.get(f"{OWN}/quote?offer=plaque&quantity=11").json()
    # 11 of 20 points are 220; the customer has 200, and the plaque is for gold.
    assert [(o["code"], o["missing"]) for o in found["obstacles"]] == [
        ("OFFER_NOT_ADMITTED", ""), ("POINTS_INSUFFICIENT", "20.00"),
    ]  # fmt: skip
    assert found["possible"] is False and all(o["sentence"]["zh"] != o["sentence"]["en"] for o in found["obstacles"])
    hours = api.get(f"{OWN}/quote?offer=advice&quantity=12").json()
    # 12 hours cost 360 points, and 10 a month are to be had.
    assert [(o["code"], o["missing"]) for o in hours["obstacles"]] == [
        ("QUOTA_REACHED", "2"), ("POINTS_INSUFFICIENT", "160.00"),
    ]  # fmt: skip
    refused = api.post(f"{MAIN}/redemptions", json={"customer": "C-000001", "offer": "advice", "quantity": 12})
    assert (refused.status_code, refused.json()["code"]) == (409, "QUOTA_REACHED")
    assert [e["field"] for e in refused.json()["errors"]] == ["quantity", "points"]


def test_a_quote_counts_on_what_was_held_until_a_day_that_is_over(api: Api, shop: LedgerHere) -> None:
    [customer] = shop.books.register("late")
    shop.books.send(*(fact(f"late{i}", "project_completed", "2026-10-05", customer) for i in range(2)))
    on = ReserveRedemption(customer, "small", points="70", occurred_on="2026-10-05")
    assert shop.books.do(on).status == "accepted"
    shop.follow()
    late = f"{MAIN}/customers/{customer}"
    found = [api.get(f"{late}/quote?offer=small&points={points}").json() for points in (90, 101)]
    assert [(f["available"], f["points_missing"], f["possible"]) for f in found] == [
        ("100.00", "0.00", True), ("100.00", "1.00", False),
    ]  # fmt: skip
    assert api.get(f"{late}/quote?offer=plaque&quantity=4").json()["points_missing"] == "0.00", "the tier alone"
    answer = api.post(f"{MAIN}/redemptions", json={"customer": customer, "offer": "small", "points": "90"})
    assert answer.status_code == 201
    early = {"reason": "wrong", "occurred_on": "2026-10-06"}
    path = f"{MAIN}/redemptions/{answer.json()['id']}"
    assert api.post(f"{path}/commit", json={}).status_code == 201
    refused = api.post(f"{path}/reverse", json=early)
    assert (refused.status_code, refused.json()["code"]) == (422, "DATE_INVALID")


def test_the_catalogue_is_told_in_both_languages_and_to_customers_by_their_tier(api: Api, shop: LedgerHere) -> None:
    every = api.get(f"{MAIN}/catalogue").json()["data"]
    assert [o["offer"] for o in every] == ["cash", "workwear", "pen", "advice", "plaque", "small"]
    assert every[0]["words"]["en"].startswith("offset: 1000 points → 50 CNY")
    assert (every[1]["supplier"], every[1]["delivery"]) == ("x", {"zh": "site", "en": "site"})
    assert every[2]["delivery"] is None
    assert every[1]["prices"][1] == {"variant": "xl", "points": "45.00", "title": {"zh": "XL", "en": "XL"}}
    own = api.get(f"{OWN}/catalogue", key="customer").json()["data"]
    assert [o["offer"] for o in own] == ["cash", "workwear", "pen", "advice", "small"], "the plaque is for gold"


def test_entitlements_are_told_with_the_reason_and_used_while_they_hold(api: Api, shop: LedgerHere) -> None:
    shop.follow()
    [told] = api.get(f"{OWN}/entitlements?stage=bidding").json()["data"]
    assert (told["entitlement"], told["entitled"], told["reason"]["en"]) == ("priority_quote", True, "from 100 points")
    assert told["lacking"] == []
    assert api.get(f"{OWN}/entitlements?stage=settlement").json()["data"] == []
    [other] = api.get(f"{MAIN}/customers/C-000002/entitlements").json()["data"]
    assert other["entitled"] is False
    assert other["lacking"] == [{"zh": "余额 ≥ 100 分（现为0）", "en": "balance ≥ 100 points (it is 0)"}]
    use = {"entitlement": "priority_quote", "stage": "bidding", "reference": "T-1"}
    assert api.post(f"{OWN}/entitlements", json=use).status_code == 201
    refused = api.post(f"{MAIN}/customers/C-000002/entitlements", json=use)
    assert (refused.status_code, refused.json()["code"]) == (409, "ENTITLEMENT_NOT_HELD")


def test_uses_of_entitlements_are_listed_and_counted_against_their_limit(api: Api, shop: LedgerHere) -> None:
    # The catalogue lets each customer use it twice a month; the test before used it once.
    use = {"entitlement": "priority_quote", "stage": "bidding", "reference": "T-2"}
    second = api.post(f"{OWN}/entitlements", json=use)
    third = api.post(f"{OWN}/entitlements", json={**use, "reference": "T-3"})
    assert (second.status_code, third.status_code, third.json()["code"]) == (201, 409, "LIMIT_REACHED")
    shop.follow()
    [told] = api.get(f"{OWN}/entitlements?min_position={second.json()['position']}").json()["data"]
    assert (told["window"], told["times"], told["used"], told["left"]) == ("month", 2, 2, 0)
    page = api.get(f"{MAIN}/entitlements/uses?limit=1").json()
    rest = api.get(f"{MAIN}/entitlements/uses?cursor={page['next']}").json()
    assert [u["reference"] for u in [*page["data"], *rest["data"]]] == ["T-2", "T-1"]
    [row, _] = api.get(f"{OWN}/entitlements/uses?stage=bidding", key="customer").json()["data"]
    assert row == {
        "position": second.json()["position"], "customer": "C-000001", "entitlement": "priority_quote",
        "stage": "bidding", "booked_on": row["booked_on"], "rule_set": row["rule_set"], "reference": "T-2",
        "actor": row["actor"], "recorded_at": row["recorded_at"],
    }  # fmt: skip
    assert row["rule_set"].startswith("RS-") and row["booked_on"] == row["recorded_at"][:10]
    assert api.get(f"{MAIN}/entitlements/uses?stage=settlement").json()["data"] == []
    assert api.get(f"{MAIN}/entitlements/uses?of_customer=C-000002").json()["data"] == []
    assert api.get(f"{MAIN}/entitlements/uses", key="customer").status_code == 403


def test_customers_see_their_own_and_write_nothing(api: Api, shop: LedgerHere) -> None:
    api.post(f"{MAIN}/redemptions", json={"customer": "C-000001", "offer": "small", "points": "10"}, key="service")
    shop.follow()
    own = api.get(f"{OWN}/redemptions", key="customer")
    assert own.status_code == 200 and {r["customer"] for r in own.json()["data"]} == {"C-000001"}
    assert api.get(f"{OWN}/quote?offer=small&points=20", key="customer").json()["possible"] is True
    assert api.get(f"{OWN}/entitlements", key="customer").status_code == 200
    for path in (f"{MAIN}/customers/C-000002/redemptions", f"{MAIN}/redemptions", f"{MAIN}/stock"):
        assert api.get(path, key="customer").status_code == 403
    body = {"customer": "C-000001", "offer": "small", "points": "10"}
    for role, status in (("customer", 403), ("auditor", 403), ("staff", 403), ("operator", 201)):
        assert api.post(f"{MAIN}/redemptions", json=body, key=role).status_code == status
    assert api.get(f"{MAIN}/redemptions", key="auditor").status_code == 200


def test_redemptions_are_listed_the_latest_first_page_by_page(api: Api, shop: LedgerHere) -> None:
    shop.follow()
    first = api.get(f"{MAIN}/redemptions?limit=2").json()
    second = api.get(f"{MAIN}/redemptions?cursor={first['next']}").json()
    numbers = [r["redemption"] for r in [*first["data"], *second["data"]]]
    assert numbers == sorted(numbers, reverse=True) and len(first["data"]) == 2
    held = api.get(f"{MAIN}/redemptions?state=held&of_customer=C-000001&offer=small").json()["data"]
    assert held and {(r["state"], r["offer"]) for r in held} == {("held", "small")}


def test_what_happened_stands_in_the_history_in_words_and_is_explained(api: Api, shop: LedgerHere) -> None:
    shop.follow()
    rows = api.get(f"{OWN}/history?limit=200").json()["data"]
    held = next(r for r in rows if r["event"] == "PointsHeld")
    assert held["points"] is None and "冻结" in held["explanation"]["zh"]
    spent = next(r for r in rows if r["event"] == "PointsRedeemed")
    told = api.get(f"{OWN}/awards/{spent['position']}/explanation").json()
    assert told["award"]["points"] == "-40.00" and told["fact"]["event"] == "RedemptionCommitted"
    parts = api.get(f"{OWN}/balance/explanation").json()
    assert parts["redeemed"] == "0.00" and float(parts["held"]) > 0
    assert api.get(f"{OWN}/totals").json()["redeemed"] == "0.00"

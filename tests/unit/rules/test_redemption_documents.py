"""The section `redemption` of a rule set: what it takes, what it means, and in which words it is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.documents import yaml_parse
from ledger.domain.errors import DocumentInvalid
from ledger.domain.redemption.terms import Holder, Terms
from ledger.rules.differences import rule_sets_differences
from ledger.rules.document import RuleSet, rule_set_parse, schema
from ledger.rules.narrate_redemption import RedemptionWords
from ledger.rules.redemption.document import Entitlement, Offer, RedemptionRules
from ledger.rules.redemption.terms import condition_holds, condition_lacks, point_value, redemption_terms
from ledger.rules.redemption.told import catalogue_documents
from ledger.standard import rules_standard
from tests.catalogue import catalogue, words
from tests.unit.rules.play import level, rule, rule_set, tag

ROOT = Path(__file__).parents[3]


def rules_with(redemption: dict[str, Any] | None) -> RuleSet:
    more: dict[str, Any] = {} if redemption is None else {"redemption": redemption}
    ladder = {"window": "year", "levels": [level("low", 0), level("mid", 10), level("top", 20)]}
    return rule_set_parse(rule_set(rule(), tiers=ladder, tags=[tag("rich", {"balance": True, "at_least": 1})], **more))


def terms_with(**more: Any) -> Terms:
    return redemption_terms("RS-1", rules_with(catalogue(**more)))


def offer(**more: Any) -> dict[str, Any]:
    return {"offers": [{"id": "o", "kind": "gift", "title": words("o"), "points": 5, **more}]}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (offer(points=0), "is not above zero"),
        (offer(points=None), "says not how many points"),
        (offer(steps=[{"points": 1, "money": 1}]), "of kind gift has no steps"),
        (offer(kind="service", supplier="x"), "of kind service has no supplier"),
        (offer(kind="offset"), "of kind offset has no points"),
        (offer(kind="offset", points=None), "needs steps"),
        (offer(variants=[{"id": "a", "title": words("a")}] * 2), "two variants bear the same id"),
        (offer(limits=[{"window": "year"}]), "give times, points or both"),
        (offer(limits=[{"window": "year", "times": 1}] * 2), "one limit for each window"),
        (offer(effective_from="2026-02-01", effective_to="2026-01-01"), "lies before effective_from"),
        (offer(tiers=["mid", "gold"]), "names no tier that is declared"),
        ({"offers": offer()["offers"] * 2}, "bear the same id"),
        (
            offer(kind="offset", points=None, steps=[{"points": 10, "money": 1}, {"points": 20, "money": "1.99"}]),
            "gives less for a point",
        ),
        (
            offer(kind="offset", points=None, steps=[{"points": 10, "money": 1}, {"points": 10, "money": 2}]),
            "begin with the fewest",
        ),
        ({"entitlements": [{"id": "e", "stage": "bidding", "title": words("e"), "reason": words("r"),
                            "when": {"attribute": "x", "equals": 1}}]}, "looks at tier, tag, grade"),
        ({"entitlements": [{"id": "e", "stage": "bidding", "title": words("e"), "reason": words("r"),
                            "when": {"tag": "poor"}}]}, "names no tag that is declared"),
        ({"debt": "forgive"}, "recover"),
    ],
)  # fmt: skip
def test_a_catalogue_that_makes_no_sense_is_refused_with_the_reason(section: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        rules_with(section)
    assert said in str(refused.value)


def test_points_are_worth_what_the_highest_step_they_reach_says_rounded_down() -> None:
    cash = terms_with().offers["cash"]
    # 1,000 → 50; 4,990 × 50 ÷ 1,000 = 249.50; 5,000 → 275; 9,999.99 × 275 ÷ 5,000 = 549.99945; 10,000 → 600.
    worth = [cash.money(points) for points in (99_999, 100_000, 499_000, 500_000, 999_999, 1_000_000, 2_500_000)]
    assert worth == [0, 5_000, 24_950, 27_500, 54_999, 60_000, 150_000]


def test_the_document_becomes_what_the_domain_asks_for() -> None:
    terms = terms_with(hold_days=20, debt="negative")
    assert terms.debt_stands
    assert terms.offers["workwear"].prices == {"m": 4_000, "xl": 4_500}
    assert (terms.offers["workwear"].hold_days, terms.offers["pen"].hold_days) == (10, 20)
    assert terms.offers["advice"].quota == (10, "month")
    assert point_value(rules_with(None)) == (100_000, 5_000)
    assert point_value(rules_with({"point_value": {"points": 100, "money": 4}})) == (10_000, 400)
    assert redemption_terms("RS-1", rules_with(None)).offers == {}
    assert "RedemptionRules" in schema()["$defs"]


@pytest.mark.parametrize(
    ("when", "holder", "holds"),
    [
        ({"tier": "at_least", "level": "mid"}, Holder(tier="top"), True),
        ({"tier": "at_least", "level": "mid"}, Holder(tier="low"), False),
        ({"tag": "rich"}, Holder(tags=frozenset({"rich"})), True),
        ({"not": {"tag": "rich"}}, Holder(), True),
        ({"balance": True, "at_least": "10.50"}, Holder(balance=1_050), True),
        ({"balance": True, "above": "10.50"}, Holder(balance=1_050), False),
        ({"earned": "window", "at_least": 1}, Holder(earned=99, earned_ever=100), False),
        ({"earned": "lifetime", "at_least": 1}, Holder(earned=99, earned_ever=100), True),
        ({"any": [{"tag": "rich"}, {"tier": "equals", "level": "low"}]}, Holder(tier="low"), True),
        ({"all": [{"tag": "rich"}, {"tier": "equals", "level": "low"}]}, Holder(tier="low"), False),
    ],
)
def test_an_entitlement_holds_where_its_conditions_do(when: dict[str, Any], holder: Holder, holds: bool) -> None:
    entitlement = {"id": "e", "stage": "settlement", "title": words("e"), "reason": words("r"), "when": when}
    terms = redemption_terms("RS-1", rules_with({"entitlements": [entitlement]}))
    assert terms.entitlements[0].holds(holder) is holds


def test_what_changes_in_a_catalogue_is_told_in_words() -> None:
    old, new = catalogue(), catalogue(debt="negative", hold_days=7, point_value={"points": 1000, "money": 40})
    new["offers"][0]["steps"][0]["money"] = 40
    new["offers"][2]["supplier"] = "y"
    del new["offers"][4]
    new["entitlements"][0]["when"] = {"tier": "at_least", "level": "mid"}
    told = rule_sets_differences(rules_with(old), rules_with(new), {})
    assert [(c.kind, c.part, c.id) for c in told] == [
        ("changed", "offers", "cash"), ("changed", "offers", "pen"), ("removed", "offers", "plaque"),
        ("changed", "entitlements", "priority_quote"), ("changed", "redemption", "debt"),
        ("changed", "redemption", "hold_days"), ("changed", "redemption", "point_value"),
    ]  # fmt: skip
    assert told[0].en == (
        "Offer cash: steps from 1000 points on 50 CNY, from 5000 points on 275 CNY, from 10000 points on 600 CNY"
        " → from 1000 points on 40 CNY, from 5000 points on 275 CNY, from 10000 points on 600 CNY"
    )
    assert told[1].zh == "兑换项目“pen”：供应商 无 → y"
    assert told[3].en.endswith(
        "conditions balance ≥ 100 points → tier at least mid"
    )
    assert told[6].zh == "积分价值：1000分=50元 → 1000分=40元"
    added = rule_sets_differences(rules_with(None), rules_with(old), {})
    assert (added[0].kind, added[0].part, len(added)) == ("added", "redemption", 1 + 6 + 1)
    assert rule_sets_differences(rules_with(old), rules_with(old), {}) == []


def test_an_offer_tells_everything_that_decides_whether_one_may_redeem_it() -> None:
    section = catalogue(hold_days=7)
    section["offers"][0] |= {"effective_from": "2026-01-01", "effective_to": "2026-06-30", "tiers": ["low", "mid"]}
    section["offers"][0]["limits"] = [{"window": "year", "times": 2, "points": 9000}]
    section["offers"][3]["unit"] = {"zh": "小时", "en": "hour"}
    rules = rules_with(section)
    cash, workwear, pen, advice, plaque, small = catalogue_documents(rules, redemption_terms("RS-1", rules), 0)
    assert cash["conditions"] == {
        "zh": "限low、mid；2026-01-01起；至2026-06-30止；须为10分的倍数；预留7天",
        "en": "for low, mid; from 2026-01-01; until 2026-06-30; in multiples of 10 points; held for 7 days",
    }
    assert (cash["multiple_of"], cash["quota"], cash["unit"]) == ("10.00", None, None)
    assert cash["limits"] == [{"window": "year", "times": 2, "points": "9000.00"}]
    assert workwear["conditions"] == {"zh": "预留10天；供应商x；site", "en": "held for 10 days; supplied by x; site"}
    assert (pen["limits"], pen["multiple_of"], small["multiple_of"]) == ([], None, "0.01")
    assert advice["conditions"]["en"] == "held for 7 days; to be used within 90 days of being committed"
    assert advice["words"]["zh"] == "服务：30分／小时，每月共10小时"
    assert (advice["unit"], advice["quota"]) == ({"zh": "小时", "en": "hour"}, {"units": 10, "window": "month"})
    assert plaque["limits"] == [{"window": "year", "times": 1, "points": None}]


def test_an_entitlement_says_which_of_its_conditions_does_not_hold_and_what_is_there() -> None:
    when = {
        "all": [
            {"balance": True, "at_least": 3000}, {"grade": ["a"]},
            {"any": [{"tier": "at_least", "level": "mid"}, {"earned": "lifetime", "at_least": 500}]},
            {"not": {"tag": "rich"}},
        ]
    }
    written = Entitlement.model_validate({**catalogue()["entitlements"][0], "when": when})
    levels = ["low", "mid", "top"]
    holds, lacks = condition_holds(written.when, levels), condition_lacks(written.when, levels)

    def lacking(holder: Holder) -> list[str]:
        said = list(lacks(holder))
        assert holds(holder) == (not said)
        return [en for _, en in said]

    good = Holder("mid", frozenset(), "a", balance=3_000_00)
    assert lacking(good) == []
    assert lacking(replace(good, grade="b")) == ["credit grade a (it is b)"]
    assert lacking(replace(good, grade="", balance=2_999_99)) == ["balance ≥ 3000 points (it is 2999.99)", "credit grade a (it is none)"]
    assert lacking(replace(good, tier="low")) == ["tier at least mid or points earned in a lifetime ≥ 500 points"]
    assert lacking(replace(good, tags=frozenset({"rich"}))) == ["not tag rich"]
    assert list(lacks(replace(good, grade=""))) == [("信用等级 a（现为无）", "credit grade a (it is none)")]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_event_of_a_redemption_has_a_sentence(language: Any) -> None:
    rules = rules_with(catalogue())
    narrator = RedemptionWords(lambda _: rules, language)
    state: dict[str, Any] = {
        "redemption": "R-000001", "offer": "cash", "rule_set": "RS-1", "points": 1_000_00, "quantity": 0, "money": 50_00,
        "held_until": "2026-02-01", "part": 1, "reason": "wrong", "available": 5_00, "debt_paid": 1_00,
        "entitlement": "priority_quote", "booked_on": "2026-01-01", "lots": [[12 * 56, 1_000_00]],
    }  # fmt: skip
    reserved = {
        "zh": "R-000001：预留“cash”，1000分，抵50.00元，保留至2026-02-01",
        "en": "R-000001: cash reserved, 1000 points, worth 50.00 CNY, held until 2026-02-01",
    }
    assert narrator.words("RedemptionReserved", state) == reserved[language]
    for topic in (
        "RedemptionCommitted", "RedemptionVoided", "RedemptionLapsed", "RedemptionReversed", "EntitlementUsed",
        "PointsHeld", "PointsFreed", "PointsRedeemed", "PointsReturned",
    ):  # fmt: skip
        said = narrator.words(topic, state)
        assert said and ("R-000001" in said or topic == "EntitlementUsed")
    assert narrator.words("PointsGranted", state) is None


def test_the_example_of_the_documentation_is_a_catalogue_and_every_part_is_explained() -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    section = page[page.index("## Redemption") :]
    example = section[section.index("```yaml\n") + len("```yaml\n") :].partition("```")[0]
    rules = rule_set_parse({**rules_standard(), **yaml_parse(example, "docs/rules.md")})
    terms = redemption_terms("RS-1", rules)
    assert [offer.kind for offer in terms.offers.values()] == ["offset", "gift", "service", "honour"]
    assert terms.offers["cash"].money(6_000_00) == 330_00
    explained = section.partition("```yaml")[2].partition("```")[2]
    for model in (Offer, RedemptionRules):
        for name in model.model_fields.keys() - {"id", "title", "note", "offers"}:
            assert f"`{name}`" in explained, f"{name} is not explained in docs/rules.md"

"""What one fact is awarded, worked by hand. All points in 1/100 point."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.rules import layout as at
from tests.unit.rules.play import ORACLE, Play, level, rule, rule_set


def awards(document: dict[str, Any], fact: str = "visit", **attributes: Any) -> list[int]:
    play = Play(document)
    play.fact("2024-03-10", fact, **attributes)
    result = play.run()
    assert play.run(ORACLE).outs == result.outs
    return result.points()


def test_a_fixed_award_gives_its_points() -> None:
    assert awards(rule_set(rule(award={"points": "12.50"}))) == [1250]


@pytest.mark.parametrize(
    ("amount", "points"),
    [
        ("9999.99", []),  # no full unit
        ("10000", [200]),  # 1 × 2.00
        ("461100766.85", [46110 * 200]),  # 461,100,766.85 ÷ 10,000 = 46,110.07…
        ("-15000", [-200]),  # -1.5 units are counted towards zero: -1 × 2.00
        ("-9999", []),
    ],
)
def test_an_award_per_unit_counts_full_units_towards_zero(amount: str, points: list[int]) -> None:
    award = {"per_unit": {"attribute": "amount", "unit": "10000", "points": 2}}
    assert awards(rule_set(rule(fact="deal", award=award)), "deal", amount=amount) == points


@pytest.mark.parametrize(
    ("score", "points"),
    [
        ("-10.1", []),
        ("-10", [-1000]),
        ("59.9", [-1000]),
        ("60", []),
        ("79.9", []),
        ("80", [1000]),
        ("89.9", [1000]),
        ("90", [2000]),
        ("100", [2000]),
    ],
)
def test_a_band_begins_at_its_edge_and_below_the_first_is_nothing(score: str, points: list[int]) -> None:
    steps = [
        {"from": -10, "points": -10},
        {"from": 60, "points": 0},
        {"from": 80, "points": 10},
        {"from": 90, "points": 20},
    ]
    document = rule_set(rule(award={"bands": {"attribute": "score", "steps": steps}}))
    assert awards(document, score=score) == points


@pytest.mark.parametrize(
    ("due", "paid", "points"), [("2024-03-01", "2024-03-04", [-300]), ("2024-03-04", "2024-03-01", [])]
)
def test_a_derived_number_of_days_is_weighed_and_never_negative(due: str, paid: str, points: list[int]) -> None:
    award = {"per_unit": {"attribute": "late", "unit": 1, "points": -1}}  # 3 days × -1.00
    assert awards(rule_set(rule(fact="deal", award=award)), "deal", due_on=due, paid_on=paid) == points


def test_an_award_from_an_attribute_the_fact_lacks_is_nothing() -> None:
    award = {"per_unit": {"attribute": "amount", "unit": 100, "points": 1}}
    assert awards(rule_set(rule(fact="deal", award=award)), "deal") == []


def test_a_referrer_receives_what_rules_give_it_and_the_customer_the_rest() -> None:
    play = Play(rule_set(rule("own", "deal"), rule("ref", "deal", recipient="referrer", award={"points": 7})))
    position = play.fact("2024-03-10", "deal", account=1, referrer=2)
    result = play.run()
    assert result.of(position, 1) == [("own", 500)]
    assert result.of(position, 2) == [("ref", 700)]


def test_the_first_weight_that_holds_counts() -> None:
    weights = [
        {"when": {"customer": "region", "equals": "north"}, "percent": 150},
        {"when": {"attribute": "kind", "equals": "a"}, "percent": 200},
        {"when": {"attribute": "kind", "one_of": ["a", "b"]}, "percent": "33.33"},
    ]
    play = Play(rule_set(rule(fact="deal", weights=weights)))
    play.traits[1] = ("", "north", "", "")
    play.fact("2024-03-10", "deal", 1, kind="a")  # 5.00 × 150 %
    play.fact("2024-03-10", "deal", 2, kind="a")  # 5.00 × 200 %
    play.fact("2024-03-10", "deal", 2, kind="b")  # floor(500 × 0.3333) = floor(166.65)
    play.fact("2024-03-10", "deal", 2, kind="c")  # none holds: 100 %
    result = play.run()
    assert result.points(1) == [750]
    assert result.points(2) == [1000, 166, 500]


def test_weight_and_tier_factor_are_multiplied_and_rounded_once_towards_zero() -> None:
    ladder = {"window": "year", "levels": [level("base", 0, "105.55")]}
    weights = [{"when": {"attribute": "score", "at_least": 0}, "percent": "33.33"}]
    document = rule_set(rule(award={"points": "9.99"}, weights=weights, tier_factor=True), tiers=ladder)
    # 999 × 3333 × 10555 ÷ 10⁸ = 351.44…; rounded twice it would be floor(332.96) × 1.0555 = 350.4
    assert 999 * 3333 * 10555 // 10**8 == 351
    assert (999 * 3333 // 10**4) * 10555 // 10**4 == 350
    assert awards(document, score=1) == [351]


def test_the_rounding_comes_before_the_limit() -> None:
    weights = [{"when": {"attribute": "score", "at_least": 0}, "percent": "33.33"}]
    document = rule_set(rule(award={"points": "9.99"}, weights=weights, limits=[{"window": "day", "points": "3.31"}]))
    play = Play(document)
    position = play.fact("2024-03-10", score=1)
    result = play.run()
    detail = result.detail(position)
    assert result.points() == [331]
    # floor(999 × 0.3333) = 332 before the limit cut it
    assert (detail[at.DETAIL_BASE], detail[at.DETAIL_WEIGHT_BP], detail[at.DETAIL_UNCUT]) == (999, 3333, 332)
    assert result.program.limit_keys[detail[at.DETAIL_LIMIT]] == ("limit", "r", "day")


def test_penalties_are_not_weighed_unless_the_rule_says_so() -> None:
    weights = [{"when": {"attribute": "score", "at_least": 0}, "percent": 150}]
    ladder = {"window": "year", "levels": [level("base", 0, 120)]}
    more: dict[str, Any] = {"weights": weights, "tier_factor": True, "award": {"points": -10}}
    document = rule_set(rule("plain", **more), rule("weighed", factors_on_penalties=True, **more), tiers=ladder)
    # -10.00, then -10.00 × 150 % × 120 %
    assert awards(document, score=1) == [-1000, -1800]


def test_a_weighed_penalty_is_rounded_towards_zero_too() -> None:
    weights = [{"when": {"attribute": "score", "at_least": 0}, "percent": "33.33"}]
    document = rule_set(rule(award={"points": "-9.99"}, weights=weights, factors_on_penalties=True))
    assert awards(document, score=1) == [-332]


def test_a_weight_of_zero_awards_nothing() -> None:
    weights = [{"when": {"attribute": "score", "at_least": 0}, "percent": 0}]
    assert awards(rule_set(rule(weights=weights)), score=1) == []


CONDITIONS: list[tuple[dict[str, Any], bool]] = [
    ({"attribute": "amount", "equals": "100"}, True),
    ({"attribute": "amount", "not_equals": "100"}, False),
    ({"attribute": "amount", "at_least": "100"}, True),
    ({"attribute": "amount", "above": "100"}, False),
    ({"attribute": "amount", "above": "99.99"}, True),
    ({"attribute": "amount", "at_most": "100"}, True),
    ({"attribute": "amount", "below": "100"}, False),
    ({"attribute": "amount", "below": "100.01"}, True),
    ({"attribute": "kind", "equals": "b"}, True),
    ({"attribute": "kind", "not_equals": "b"}, False),
    ({"attribute": "kind", "one_of": ["a", "c"]}, False),
    ({"attribute": "kind", "one_of": ["a", "b"]}, True),
    ({"attribute": "urgent", "equals": True}, True),
    ({"attribute": "urgent", "equals": False}, False),
    ({"attribute": "due_on", "at_least": "2024-03-01"}, True),
    ({"attribute": "due_on", "below": "2024-03-01"}, False),
    ({"customer": "industry", "equals": "rail"}, True),
    ({"customer": "industry", "one_of": ["road", "rail"]}, True),
    ({"customer": "industry", "not_equals": "rail"}, False),
    # What isn't there fails every comparison, "not equals" included; only `not` turns that round.
    ({"attribute": "paid_on", "equals": "2024-03-01"}, False),
    ({"attribute": "paid_on", "not_equals": "2024-03-01"}, False),
    ({"attribute": "late", "at_most": 0}, False),
    ({"not": {"attribute": "paid_on", "not_equals": "2024-03-01"}}, True),
    ({"customer": "region", "equals": "north"}, False),
    ({"customer": "region", "not_equals": "north"}, False),
    ({"all": [{"attribute": "kind", "equals": "b"}, {"attribute": "urgent", "equals": True}]}, True),
    ({"all": [{"attribute": "kind", "equals": "b"}, {"attribute": "urgent", "equals": False}]}, False),
    ({"any": [{"attribute": "kind", "equals": "a"}, {"attribute": "urgent", "equals": True}]}, True),
    ({"any": [{"attribute": "kind", "equals": "a"}, {"attribute": "urgent", "equals": False}]}, False),
    (
        {"not": {"all": [{"attribute": "kind", "equals": "b"}, {"attribute": "urgent", "equals": False}]}},
        True,
    ),
    (
        {"not": {"any": [{"attribute": "kind", "equals": "a"}, {"attribute": "urgent", "equals": True}]}},
        False,
    ),
    ({"all": [{"attribute": "kind", "equals": "b"}, {"not": {"attribute": "kind", "equals": "b"}}]}, False),
]


@pytest.mark.parametrize(("when", "holds"), CONDITIONS)
def test_a_condition_holds_or_not(when: dict[str, Any], holds: bool) -> None:
    play = Play(rule_set(rule(fact="deal", when=when)))
    play.traits[1] = ("rail", "", "", "")
    play.fact("2024-03-10", "deal", amount="100", kind="b", urgent=True, due_on="2024-03-01")
    assert play.run().points() == ([500] if holds else [])


def test_a_customer_is_weighed_with_the_traits_it_has_at_the_fact() -> None:
    play = Play(rule_set(rule(when={"customer": "scale", "equals": "large"})))
    play.traits[1] = ("", "", "", "large")
    play.fact("2024-03-10")
    play.traits[1] = ("", "", "", "small")
    play.fact("2024-03-11")
    assert play.run().points() == [500]


def test_a_rule_speaks_from_its_first_to_its_last_day_inclusive() -> None:
    play = Play(rule_set(rule(effective_from="2024-03-10", effective_to="2024-03-12")))
    for day in ("2024-03-09", "2024-03-10", "2024-03-12", "2024-03-13"):
        play.fact(day)
    result = play.run()
    assert [o["at"] for o in result.outs] == [2, 3]


def test_rules_speak_in_the_order_of_the_document() -> None:
    play = Play(rule_set(rule("b"), rule("a", award={"points": -2}), rule("c", award={"points": 1})))
    position = play.fact("2024-03-10")
    assert play.run().of(position) == [("b", 500), ("a", -200), ("c", 100)]


def test_an_award_carries_all_its_arithmetic() -> None:
    ladder = {"window": "year", "levels": [level("base", 0, 110)]}
    award = {"per_unit": {"attribute": "amount", "unit": "100", "points": 3}}
    weights = [{"when": {"attribute": "kind", "equals": "a"}, "percent": 50}]
    play = Play(rule_set(rule(fact="deal", award=award, weights=weights, tier_factor=True), tiers=ladder))
    position = play.fact("2024-03-10", "deal", amount="1234.56", kind="a")
    detail = play.run().detail(position)
    assert detail[at.DETAIL_SOURCE] == 123456
    assert detail[at.DETAIL_UNITS] == 12  # 1234.56 ÷ 100
    assert detail[at.DETAIL_BASE] == 12 * 300
    assert detail[at.DETAIL_WEIGHT_BP] == 5000
    assert detail[at.DETAIL_FACTOR_BP] == 11000
    assert detail[at.DETAIL_UNCUT] == detail[at.DETAIL_BALANCE] == 3600 * 5000 * 11000 // 10**8 == 1980
    assert detail[at.DETAIL_LIMIT] == at.NONE

"""Rule documents: what is refused, with the place of the fault; and what is fixed about their bytes."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ledger.domain.documents import yaml_parse
from ledger.domain.errors import DocumentInvalid
from ledger.rules.compile import Activation, program_compile
from ledger.rules.conditions import Vocabulary
from ledger.rules.document import rule_set_parse, schema
from ledger.standard import rules_standard, rules_standard_text
from tests.unit.rules.play import TYPES, level, rule, rule_set, tag


def compiled(document: dict[str, Any]) -> None:
    program_compile([Activation("RS-0", rule_set_parse(document), 0, 0)], TYPES, Vocabulary(), 1)


def refused(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(DocumentInvalid) as caught:
        compiled(document)
    return [(p.field, p.reason) for p in caught.value.problems]


def is_refused(document: Any, place: str, reason: str) -> None:
    problems = refused(document)
    assert any(p == place and reason in r for p, r in problems), problems
    assert "secret" not in str(problems)


LEVELS = [level("low", 0), level("top", 10)]
MEASURE = {"id": "m", "fact": "deal", "window": "year"}
GRADE = {"id": "a", "title": {"zh": "a", "en": "a"}, "at_least_percent": 50}
WRONG_FORM: list[tuple[dict[str, Any], str, str]] = [
    (rule_set(rule(award={"points": 5, "streak": {"steps": [1]}})), "rules.0.award", "exactly one"),
    (rule_set(rule(award={})), "rules.0.award", "exactly one of points, per_unit, bands, streak"),
    (rule_set(rule(award={"points": 1.5})), "rules.0.award.points", "is not a number written as"),
    (rule_set(rule(award={"points": "1.555"})), "rules.0.award.points", "more than 2 decimals"),
    (rule_set(rule(award={"points": "1e3"})), "rules.0.award.points", "plain decimal number"),
    (rule_set(rule(award={"points": True})), "rules.0.award.points", "is not a number written as"),
    (rule_set(rule(weights=[{"when": {"tag": "t"}, "percent": -1}])), "rules.0.weights.0.percent", "below zero"),
    (rule_set(rule(weights=[{"when": {"tag": "t"}, "percent": 0.5}])), "rules.0.weights.0.percent", "is not a number"),
    (rule_set(rule(secret=1)), "rules.0", "has a member that isn't known"),
    (rule_set({**rule(), "fact": None}), "rules.0.fact", "valid string"),
    (rule_set(rule("Big")), "rules.0.id", "must be 1 to 63 small letters"),
    (rule_set(rule(nth={"n": 1, "window": "month"})), "rules.0.nth.n", "greater than or equal to 2"),
    (rule_set(rule(nth={"n": 3, "window": "week"})), "rules.0.nth.window", "'lifetime'"),
    (rule_set(rule(limits=[{"window": "day"}])), "rules.0.limits.0", "give times, points or both"),
    (rule_set(rule(limits=[{"window": "day", "points": 0}])), "rules.0.limits.0", "above zero"),
    (rule_set(rule(limits=[{"window": "day", "times": 1}] * 2)), "rules.0", "one limit for each window"),
    (rule_set(rule(expiry_months=0)), "rules.0.expiry_months", "greater than or equal to 1"),
    (rule_set(rule(effective_from="2024-13-01")), "rules.0.effective_from", "YYYY-MM-DD"),
    (
        rule_set(rule(effective_from="2024-02-01", effective_to="2024-01-31")),
        "rules.0",
        "effective_to lies before effective_from",
    ),
    (rule_set(rule("a"), rule("a")), "document", "rules.0 and rules.1 bear the same id"),
    (rule_set(measures=[MEASURE, MEASURE]), "document", "measures.0 and measures.1 bear the same id"),
    (rule_set(tiers={"window": "year", "levels": [level("a", 1)]}), "tiers", "begin at 0 points and rise"),
    (rule_set(tiers={"window": "year", "levels": [level("a", 0), level("b", 0)]}), "tiers", "rise"),
    (rule_set(tiers={"window": "year", "levels": [level("a", 0), level("a", 1)]}), "tiers", "the same id"),
    (rule_set(tiers={"window": "day", "levels": LEVELS}), "tiers.window", "'lifetime'"),
    (rule_set(credit={"good": "m", "all": "n", "grades": [GRADE]}, measures=[MEASURE]), "document", "isn't declared"),
    (
        rule_set(credit={"good": "m", "all": "m", "grades": [GRADE, GRADE]}, measures=[MEASURE]),
        "credit",
        "begin with the best and fall",
    ),
    (
        rule_set(caps=[{"id": "c", "title": {"zh": "c", "en": "c"}, "window": "day", "points": 1, "rules": ["x"]}]),
        "document",
        "caps.0.rules.0 names no rule of this document",
    ),
]


@pytest.mark.parametrize(("document", "place", "reason"), WRONG_FORM)
def test_a_document_of_the_wrong_form_is_refused_with_the_place(
    document: dict[str, Any], place: str, reason: str
) -> None:
    is_refused(document, place, reason)


def when(condition: dict[str, Any], fact: str = "deal", **more: Any) -> dict[str, Any]:
    return rule_set(rule(fact=fact, when=condition), **more)


PER_UNIT = {"attribute": "amount", "unit": 100, "points": 1}
WRONG_SENSE: list[tuple[dict[str, Any], str, str]] = [
    (rule_set(rule(fact="secret_fact")), "rules.0.fact", "names no declared fact type"),
    (when({"attribute": "secret_name", "equals": 1}), "rules.0.when", "names no attribute of deal"),
    (when({"attribute": "kind", "equals": "z"}), "rules.0.when", "none of a, b, c"),
    (when({"attribute": "kind", "at_least": "a"}), "rules.0.when", "kind has no order"),
    (when({"attribute": "urgent", "equals": "yes"}), "rules.0.when", "true or false"),
    (when({"attribute": "amount", "equals": "1.234"}), "rules.0.when", "more than 2 decimals"),
    (when({"attribute": "due_on", "below": "yesterday"}), "rules.0.when", "YYYY-MM-DD"),
    (when({"attribute": "referrer", "equals": "C-1"}), "rules.0.when", "can't be compared"),
    (when({"attribute": "amount", "one_of": [-1]}), "rules.0.when", "use at_least and at_most"),
    (when({"customer": "region", "at_least": "a"}), "rules.0.when", "region is a name"),
    (when({"customer": "region", "equals": 7}), "rules.0.when", "compared with text"),
    (when({"tier": "at_least", "level": "gold"}), "rules.0.when", "names no level of the ladder"),
    (when({"earned": "window", "at_least": 1}), "rules.0.when", "needs a ladder"),
    (when({"tag": "t"}), "rules.0.when", "names no declared tag"),
    (when({"grade": ["a"]}), "rules.0.when", "names no declared credit grade"),
    (when({"measure": "m", "at_least": 1}), "rules.0.when", "names no declared measure"),
    (when({"measure": "m", "at_least": "1.5"}, measures=[MEASURE]), "rules.0.when", "more than 0 decimals"),
    (rule_set(rule(recipient="referrer")), "rules.0.recipient", "visit has no attribute with the role referrer"),
    (rule_set(rule(award={"per_unit": PER_UNIT})), "rules.0.award", "names no attribute of visit"),
    (rule_set(rule(fact="deal", award={"per_unit": {**PER_UNIT, "unit": 0}})), "rules.0.award", "above zero"),
    (rule_set(rule(fact="deal", award={"per_unit": {**PER_UNIT, "attribute": "kind"}})), "rules.0.award", "no number"),
    (
        rule_set(
            rule(award={"bands": {"attribute": "score", "steps": [{"from": 2, "points": 1}, {"from": 2, "points": 2}]}})
        ),
        "rules.0.award",
        "bands must rise",
    ),
    (
        rule_set(rule(award={"streak": {"steps": [1], "broken_by": [{"fact": "secret_fact"}]}})),
        "rules.0.award.streak.broken_by.0.fact",
        "names no declared fact type",
    ),
    (rule_set(measures=[{**MEASURE, "sum": "kind"}]), "measures.0.sum", "kind is no number"),
    (rule_set(measures=[{**MEASURE, "fact": "secret_fact"}]), "measures.0.fact", "names no declared fact type"),
    (
        rule_set(measures=[{**MEASURE, "when": {"balance": True, "at_least": 1}}]),
        "measures.0.when",
        "the fact's attributes only",
    ),
    (rule_set(tags=[tag("t", {"customer": "region", "equals": "n"})]), "tags.0.when", "a tag looks at tier"),
    (
        rule_set(tags=[tag("s", {"balance": True, "above": 0}), tag("t", {"tag": "s"})]),
        "tags.1.when",
        "a tag looks at tier",
    ),
]


@pytest.mark.parametrize(("document", "place", "reason"), WRONG_SENSE)
def test_what_does_not_fit_the_fact_types_is_refused_with_the_place(
    document: dict[str, Any], place: str, reason: str
) -> None:
    is_refused(document, place, reason)


def test_a_rule_set_can_not_lean_on_the_tags_and_grades_of_another() -> None:
    first = rule_set(
        tags=[tag("t", {"balance": True, "above": 0})],
        measures=[MEASURE],
        credit={"good": "m", "all": "m", "grades": [GRADE]},
    )
    for condition, reason in (({"tag": "t"}, "no declared tag"), ({"grade": ["a"]}, "no declared credit grade")):
        activations = [
            Activation("RS-0", rule_set_parse(first), 0, 0),
            Activation("RS-1", rule_set_parse(when(condition)), 0, 1),
        ]
        with pytest.raises(DocumentInvalid, match=reason):
            program_compile(activations, TYPES, Vocabulary(), 1)


@pytest.mark.parametrize(
    "condition",
    [
        {"attribute": "amount", "equals": 1, "above": 2},
        {"attribute": "amount"},
        {"attribute": "amount", "at_least": 1.5},
        {"secret_name": "red"},
        {"all": []},
        {"not": {"all": [{"any": [{"tag": "t"}, {"secret": "t"}]}]}},
        [],
        None,
        7,
    ],
)
def test_no_condition_of_a_wrong_form_gets_through(condition: Any) -> None:
    document = rule_set(rule(fact="deal", weights=[{"when": condition, "percent": 1}]))
    assert refused(document)[0][0].startswith("rules.0.weights.0.when")


def test_every_problem_of_a_document_is_named_at_once() -> None:
    document = rule_set(rule("a", secret=1), rule("b", award={"points": "x"}), title=7)
    assert {p for p, _ in refused(document)} >= {"title", "rules.0", "rules.1.award.points"}


def test_one_of_may_name_large_numbers_but_not_as_often_as_it_likes() -> None:
    # 10,000.00 is the 1,000,000th; the flags of nine such lists would be more than eight million.
    nine: list[dict[str, Any]] = [{"attribute": "amount", "one_of": [10_000, *range(i, 499)]} for i in range(9)]
    is_refused(when({"any": nine}), "rules.0.when", "names large numbers too often")
    compiled(when({"any": nine[:2]}))


@pytest.mark.parametrize("document", [None, [], "text", 7, {}])
def test_what_is_no_rule_set_at_all_is_refused(document: Any) -> None:
    assert refused(document)


def test_conditions_too_deep_to_read_are_refused() -> None:
    condition: dict[str, Any] = {"tag": "t"}
    for _ in range(5000):
        condition = {"not": condition}
    assert refused(rule_set(rule(when=condition)))


def test_a_product_that_could_pass_64_bits_is_refused() -> None:
    # amount is at most 10⁹ = 10¹¹ fen: 10¹¹ ÷ 100 fen × 1.00 × 10⁴ × 10⁴ = 10¹⁹ > 2⁶³ ≈ 9.22 × 10¹⁸
    award = {"per_unit": {"attribute": "amount", "unit": 1, "points": 1}}
    said = (
        "could pass 2^63: by the bounds of its fact type the attribute comes to up to 1000000000 units; with weights up to"
        " 100 % and tier factors up to 100 %, at most 0.92 points for each fit. Give fewer points or a larger unit, or lower"
        " weights or factors"
    )
    is_refused(rule_set(rule(fact="deal", award=award)), "rules.0.award", said)
    compiled(rule_set(rule(fact="deal", award={"per_unit": {**award["per_unit"], "points": "0.92"}})))
    weights = [{"when": {"attribute": "kind", "equals": "a"}, "percent": 101}]
    more: dict[str, Any] = {"fact": "deal", "award": {"per_unit": {**award["per_unit"], "points": "0.92"}}}
    is_refused(rule_set(rule(weights=weights, **more)), "rules.0.award", "could pass 2^63")
    is_refused(rule_set(rule(weights=weights, **more)), "rules.0.award", "weights up to 101 %")
    # 2⁶³ ÷ (10¹² × 10⁴) = 922: 9.22 points.
    heavy = [{**weights[0], "percent": 10**10}]
    is_refused(rule_set(rule(fact="deal", award={"points": 10}, weights=heavy)), "rules.0.award", "give at most 9.22 points")
    compiled(rule_set(rule(fact="deal", award={"points": "9.22"}, weights=heavy)))
    ladder = {"window": "year", "levels": [level("low", 0), level("top", 1, 101)]}
    is_refused(rule_set(rule(tier_factor=True, **more), tiers=ladder), "rules.0.award", "could pass 2^63")
    compiled(rule_set(rule(**more), tiers=ladder))


def many(count: int, subject: dict[str, Any]) -> dict[str, Any]:
    parts = [{**subject, "equals": n} for n in range(count)]
    return {"any": [{"any": parts[i : i + 50]} for i in range(0, count, 50)]}


def test_forty_comparisons_for_a_fact_type_are_held_and_more_are_refused() -> None:
    compiled(when(many(40, {"attribute": "amount"})))
    is_refused(when(many(41, {"attribute": "amount"})), "rules for deal", "more than 40 different comparisons")


def test_equal_comparisons_share_a_place() -> None:
    rules = [rule(f"r{i}", "deal", when=many(40, {"attribute": "amount"})) for i in range(3)]
    compiled(rule_set(*rules))


def test_twenty_three_changing_comparisons_are_held_and_more_are_refused() -> None:
    compiled(when(many(23, {"balance": True})))
    is_refused(when(many(24, {"balance": True})), "rule set", "more than 23 different comparisons")


def test_a_condition_of_too_many_combinations_is_refused() -> None:
    pairs = [
        {"any": [{"attribute": "amount", "equals": n}, {"attribute": "amount", "equals": n + 100}]} for n in range(9)
    ]
    compiled(when({"all": pairs[:8]}))  # 2⁸ = 256
    is_refused(when({"all": pairs}), "rules.0.when", "more than 256 combinations")


def test_the_hash_of_a_document_leaves_out_what_is_said_by_default() -> None:
    short = rule_set_parse(rule_set(rule()))
    spelled = rule_set_parse(rule_set(rule(tier_factor=False, limits=[], when=None), expiry_months="never", caps=[]))
    other = rule_set_parse(rule_set(rule(tier_factor=True)))
    assert short.sha256 == spelled.sha256 != other.sha256


def test_a_document_read_back_is_the_same() -> None:
    standard = rule_set_parse(rules_standard())
    assert rule_set_parse(standard.document) == standard
    assert rule_set_parse(standard.document).sha256 == standard.sha256


def test_the_published_schema_takes_the_standard_rules_and_refuses_what_the_parser_refuses() -> None:
    validator = Draft202012Validator(schema())
    assert validator.is_valid(rules_standard())
    for wrong in (
        {**rules_standard(), "extra": 1},
        rule_set(rule(nth={"n": 1, "window": "month"})),
        rule_set(rule("Big")),
    ):
        assert not validator.is_valid(wrong)


def test_a_decimal_in_yaml_stays_the_text_that_was_written() -> None:
    text = rules_standard_text().replace("award: {points: 50}", "award: {points: 50.25}", 1)
    document = yaml_parse(text, "rules.yaml")
    points = next(r["award"]["points"] for r in document["rules"] if r["id"] == "project_completed")
    assert points == "50.25"
    assert rule_set_parse(document)

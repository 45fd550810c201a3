"""Whatever differs between two rule sets is told, in words, in both languages."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from ledger.domain.errors import DocumentInvalid
from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.rules.differences import Change, rule_sets_differences
from ledger.rules.document import RuleSet, rule_set_parse
from ledger.rules.sentences import called_of, rule_sentence
from ledger.standard import fact_types_standard, rules_standard
from tests.catalogue import catalogue


def words(text: str) -> dict[str, str]:
    return {"zh": f"{text}中", "en": f"{text} en"}


FACT_TYPES: dict[str, FactType] = {
    fact_type.id: fact_type
    for fact_type in (
        *map(fact_type_parse, fact_types_standard()),
        fact_type_parse({
            "id": "inspection", "title": words("inspection"),
            "attributes": {
                "severity": {"type": "enum", "title": words("severity"), "values": {"minor": words("minor"), "major": words("major")}},
                "amount": {"type": "number", "title": words("amount"), "unit": "CNY", "places": 2, "min": 0, "max": 10000000},
                "urgent": {"type": "boolean", "title": words("urgent")},
                "seen": {"type": "date", "title": words("seen")},
                "closed": {"type": "date", "title": words("closed")},
            },
            "derived": {"days": {"days_from": "seen", "days_to": "closed", "title": words("days")}},
        }),
    )
}  # fmt: skip

EVERYTHING: dict[str, Any] = {
    "id": "everything", "title": words("everything"), "expiry_months": 24,
    "rules": [
        {
            "id": "new", "title": words("new"), "note": words("because"), "fact": "inspection", "recipient": "referrer",
            "when": {
                "all": [
                    {"customer": "industry", "equals": "water"},
                    {"any": [{"attribute": "severity", "equals": "minor"}, {"attribute": "amount", "at_least": "5000.50"}]},
                    {"not": {"attribute": "urgent", "equals": True}}, {"attribute": "days", "below": 30},
                    {"attribute": "seen", "above": "2025-01-01"}, {"attribute": "severity", "one_of": ["minor", "major"]},
                    {"tier": "at_least", "level": "silver"}, {"tag": "big"}, {"grade": ["a", "b"]},
                    {"balance": True, "at_least": 100}, {"earned": "window", "above": 50},
                    {"measure": "good", "of": "sum", "at_most": 3},
                ]
            },
            "award": {"points": 5},
            "weights": [
                {"when": {"customer": "region", "equals": "east"}, "percent": 200},
                {"when": {"attribute": "severity", "equals": "major"}, "percent": 50},
            ],
            "tier_factor": True, "factors_on_penalties": True, "nth": {"n": 2, "window": "month", "every": True},
            "limits": [{"window": "month", "times": 4, "points": 20}, {"window": "year", "points": 90}],
            "expiry_months": 6, "effective_from": "2026-11-01", "effective_to": "2026-12-31",
        },
        {
            "id": "unit", "title": words("unit"), "fact": "inspection",
            "award": {"per_unit": {"attribute": "amount", "unit": 10000, "points": 2}},
        },
        {
            "id": "bands", "title": words("bands"), "fact": "inspection",
            "award": {"bands": {"attribute": "days", "steps": [{"from": 0, "points": 9}, {"from": 30, "points": -3}]}},
        },
        {
            "id": "row", "title": words("row"), "fact": "inspection",
            "award": {
                "streak": {
                    "steps": [1, 2, 3],
                    "broken_by": [
                        {"fact": "complaint_filed"}, {"fact": "inspection", "when": {"attribute": "severity", "equals": "minor"}},
                    ],
                }
            },
        },
    ],
    "measures": [
        {"id": "good", "fact": "inspection", "when": {"attribute": "urgent", "equals": True}, "window": "year", "sum": "amount"},
        {"id": "every", "fact": "inspection", "window": "year"},
    ],
    "caps": [{"id": "cap", "title": words("cap"), "window": "month", "points": 300, "rules": ["new", "unit"]}],
    "tiers": {
        "window": "year", "fall_levels_max": 1,
        "levels": [
            {"id": "bronze", "title": words("bronze"), "points": 0},
            {"id": "silver", "title": words("silver"), "points": 1000, "factor_percent": 105},
            {"id": "gold", "title": words("gold"), "points": 5000, "factor_percent": 110},
        ],
    },
    "tags": [{"id": "big", "title": words("big"), "when": {"measure": "good", "at_least": 2}}],
    "credit": {
        "good": "good", "all": "every",
        "grades": [
            {"id": "a", "title": words("a"), "at_least_percent": 90}, {"id": "b", "title": words("b"), "at_least_percent": 50},
        ],
    },
    "assignment": {
        "note": words("assignment"), "fallback": {"team": "west"},
        "terms": {"protection_days": 20, "important_tiers": ["gold"], "important_tags": ["big"], "collision_by_rules": False},
        "rules": [
            {
                "id": "best", "title": words("best"), "note": words("best"), "when": {"lead": "amount", "at_least": 100},
                "candidates": {
                    "teams": ["east"], "roles": ["seller", "manager"], "staff": ["S-000001"], "same_region": True,
                    "skills": [{"trait": "industry", "at_least": 2}], "experience_years": 3,
                },
                "choose": {
                    "best_fit": {
                        "region": 5, "skills": [{"need": "form", "points": 4}], "experience": 2, "experience_years_max": 9,
                        "load": 7, "rest": 2,
                    }
                },
                "protection_days": 11, "follow_up_days": 12, "otherwise": "pool",
            },
            {
                "id": "turn", "title": words("turn"),
                "choose": {"rotation": {"weights": {"staff": {"S-000001": 3}, "teams": {"east": 2}}}},
            },
            {"id": "least", "title": words("least"), "choose": {"least_loaded": {"rest": 4}}},
        ],
    },
    "redemption": catalogue(
        note=words("redemption"), debt="negative", hold_days=9, point_value={"points": 100, "money": 7},
    ),
}  # fmt: skip
EVERYTHING["redemption"]["offers"].append({
    "id": "rich", "kind": "service", "title": words("rich"), "note": words("rich"), "points": 8, "unit": words("hour"),
    "quota": {"units": 5, "window": "month"}, "valid_days": 30, "tiers": ["gold", "silver"],
    "limits": [{"window": "year", "times": 3, "points": 40}], "effective_from": "2026-01-01",
    "effective_to": "2026-06-30", "hold_days": 4,
})  # fmt: skip
WINDOWS = ("day", "month", "quarter", "year", "lifetime")
OTHERS: dict[str, tuple[str, ...]] = {
    "id": (), "window": WINDOWS, "fact": ("complaint_filed",), "recipient": ("customer",), "expiry_months": ("never",),
    "tier": ("at_most", "equals"), "level": ("gold",), "tag": (), "of": ("times",), "measure": ("every",),
    "attribute": ("amount", "days", "seen"), "customer": ("region", "scale"), "earned": ("lifetime",), "sum": ("days",),
    "good": ("every",), "all": ("good",), "lead": ("channel",), "kind": ("honour",), "stage": ("construction",),
    "debt": ("recover",), "trait": ("region",), "otherwise": ("next",), "effective_from": ("2026-02-02",),
    "effective_to": ("2026-12-01",), "percent": ("0.5",),
}  # fmt: skip
"""What else may stand there; elsewhere a text is made longer."""
LISTED: dict[str, tuple[str, ...]] = {
    "rules": ("bands",), "grade": ("b",), "roles": ("support",), "staff": ("S-000002",), "tiers": ("bronze",),
    "important_tiers": ("bronze",), "one_of": ("none",),
}  # fmt: skip


GONE: Any = object()
Edit = tuple[tuple[str | int, ...], Any]
"""A place of a document and what stands there instead; GONE: nothing."""


def edits_of(node: Any, place: tuple[str | int, ...] = ()) -> Iterator[Edit]:
    """Every change in one place: each other value, each thing left out or turned round."""
    if place:
        yield place, GONE
    if isinstance(node, dict):
        for key, value in node.items():
            yield from edits_of(value, (*place, key))
        if "equals" in node:
            for operator in ("not_equals", "at_least", "below"):
                yield place, {**{k: v for k, v in node.items() if k != "equals"}, operator: node["equals"]}
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from edits_of(value, (*place, i))
        if len(node) > 1:
            yield place, node[::-1]
    elif isinstance(node, bool):
        yield place, not node
    elif isinstance(node, int):
        yield from ((place, node + 1), (place, max(node - 1, 0)))
    else:
        names = OTHERS.get(str(place[-1]), (f"{node}x",)) if isinstance(place[-1], str) else LISTED.get(str(place[-2]), ())
        yield from ((place, name) for name in names if name != node)


def edited(document: Any, *edits: Edit) -> RuleSet | None:
    """A document with these changes, where it still is a rule set."""
    document = copy.deepcopy(document)
    for (*way, last), value in edits:
        try:
            node = document
            for key in way:
                node = node[key]
            if value is GONE:
                del node[last]
            else:
                node[last] = copy.deepcopy(value)  # a part of the document may stand in it
        except (KeyError, IndexError, TypeError):
            return None
    return parsed(document)


def parsed(document: Any) -> RuleSet | None:
    try:
        return rule_set_parse(document)
    except DocumentInvalid:
        return None


@cache
def everything() -> RuleSet:
    return rule_set_parse(EVERYTHING)


@cache
def mutants() -> tuple[RuleSet, ...]:
    """Every rule set that differs from that with everything in one place, each once."""
    edits = edits_of(EVERYTHING)
    found = {rules.canonical: rules for edit in edits if (rules := edited(EVERYTHING, edit)) is not None}
    return tuple(rules for rules in found.values() if rules != everything())


def told(old: RuleSet, new: RuleSet) -> tuple[str, str]:
    changes = rule_sets_differences(old, new, FACT_TYPES)
    return "\n".join(f"{c.id} {c.zh}" for c in changes), "\n".join(f"{c.id} {c.en}" for c in changes)


def test_any_one_change_anywhere_is_told_in_both_languages_and_as_no_other_change_is() -> None:
    base = everything()
    assert len(mutants()) > 300
    said: list[dict[str, RuleSet]] = [{}, {}]
    for mutant in mutants():
        for sides in ((base, mutant), (mutant, base)):
            for at, text in enumerate(told(*sides)):
                assert text, mutant.document
                assert "{" not in text and '":' not in text, text
                assert "含义相同" not in text and "meaning the same" not in text, text
                if sides[0] is base:
                    other = said[at].setdefault(text, mutant)
                    assert other is mutant, text


EDITS = st.sampled_from(list(edits_of(EVERYTHING)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(EDITS, EDITS)
def test_of_two_changes_neither_hides_the_other(first: Edit, second: Edit) -> None:
    base, one, both = everything(), edited(EVERYTHING, first), edited(EVERYTHING, first, second)
    assume(one is not None and both is not None and both not in (one, base))
    assert one is not None and both is not None
    for at in (0, 1):
        assert told(base, both)[at] != told(base, one)[at]
        assert told(one, both)[at] and told(base, both)[at]


def test_whatever_a_new_or_dropped_part_says_is_told() -> None:
    base = everything()
    bare = rule_set_parse({"id": base.id, "title": EVERYTHING["title"], "rules": [], "expiry_months": 24})
    for sides in ((bare, base), (base, bare)):
        known = "".join(told(*sides))
        for mutant in mutants():
            # The ids of levels, grades and variants are what documents name them by; their titles are told.
            if ids_of(mutant) == ids_of(base):
                assert "".join(told(*(mutant if side is base else side for side in sides))) != known, mutant.document


def ids_of(rules: RuleSet) -> list[list[str]]:
    offers = rules.redemption.offers if rules.redemption is not None else []
    return [
        [level.id for level in rules.tiers.levels] if rules.tiers else [],
        [grade.id for grade in rules.credit.grades] if rules.credit else [],
        *([variant.id for variant in offer.variants] for offer in offers),
    ]


def test_every_field_of_a_ladder_that_changed_is_told() -> None:
    document = copy.deepcopy(EVERYTHING)
    document["tiers"]["window"] = "quarter"
    document["tiers"]["levels"][1] |= {"points": 2000, "factor_percent": 300}
    assert rule_sets_differences(everything(), rule_set_parse(document), FACT_TYPES) == [
        Change(
            "changed", "tiers", "",
            "等级阶梯：周期 每年 → 每季度；等级“silver中”分值 1000 → 2000；等级“silver中”系数 105% → 300%",
            "Tier ladder: window a year → a quarter; level silver en points 1000 → 2000; level silver en factor 105 % → 300 %",
        )
    ]  # fmt: skip


def test_a_rule_says_its_conditions_weights_factor_expiry_and_dates() -> None:
    rule = {
        "id": "new", "title": words("new"), "fact": "inspection", "award": {"points": 5},
        "when": {"customer": "industry", "equals": "water"}, "tier_factor": True, "expiry_months": 6,
        "weights": [{"when": {"customer": "region", "equals": "east"}, "percent": 200}],
        "nth": {"n": 2, "window": "month"}, "limits": [{"window": "month", "points": 20}], "effective_to": "2026-12-31",
    }  # fmt: skip
    rules = rule_set_parse({"id": "x", "title": words("x"), "rules": [rule]})
    called = called_of(rules, FACT_TYPES)
    assert rule_sentence(rules.rules[0], 0, called) == (
        "inspection中：每次+5分（每月第2次），每月至多20分；条件：行业 = water；权重：200%（区域 = east）；乘等级系数；有效期6个月；至2026-12-31止"
    )
    assert rule_sentence(rules.rules[0], 1, called) == (
        "inspection en: +5 points each (only the 2nd a month), at most 20 points a month; where industry = water; "
        "weights: 200 % where region = east; times the factor of the tier; valid for 6 months; until 2026-12-31"
    )


def test_conditions_are_told_by_titles_with_units_and_where_titles_are_alike_by_ids() -> None:
    document = copy.deepcopy(EVERYTHING)
    document["tags"].append({"id": "bigger", "title": words("big"), "when": {"balance": True, "at_least": "10.50"}})
    document["rules"][0]["when"]["all"][7] = {"tag": "bigger"}
    changes = {(c.kind, c.part): c for c in rule_sets_differences(everything(), rule_set_parse(document), FACT_TYPES)}
    assert changes["added", "tags"].en == "New tag big en: balance ≥ 10.50 points"
    said = changes["changed", "rules"].en
    assert re.search(r"tag big en \(big\) and .* → .*tag big en \(bigger\) and ", said)
    assert "(severity en = minor en or amount en ≥ 5,000.50 CNY) and not urgent en = yes and days en < 30 days" in said


@pytest.mark.parametrize("language", [0, 1])
def test_every_rule_of_the_standard_set_has_a_sentence_without_ids(language: int) -> None:
    rules = rule_set_parse(rules_standard())
    types = {fact_type.id: fact_type for fact_type in map(fact_type_parse, fact_types_standard())}
    for rule in rules.rules:
        text = rule_sentence(rule, language, called_of(rules, types))
        assert rule.fact not in text and "{" not in text, text


def test_the_same_number_written_otherwise_is_told_as_that() -> None:
    document = copy.deepcopy(EVERYTHING)
    document["rules"][0]["award"]["points"] = "5.00"
    (change,) = rule_sets_differences(everything(), rule_set_parse(document), FACT_TYPES)
    assert change.en == "Rule new en: award +5 points each (written otherwise, meaning the same)"

"""Assignment rules as documents: what is refused, and where; what is fixed about their bytes; what changes, in words."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ledger.domain.documents import yaml_parse
from ledger.domain.errors import DocumentInvalid
from ledger.domain.relations.policy import Terms
from ledger.rules.assignment.document import AssignmentTerms
from ledger.rules.assignment.sentences import TERMS_WORDS
from ledger.rules.compile import Activation, program_compile
from ledger.rules.conditions import Vocabulary
from ledger.rules.differences import Change, rule_sets_differences
from ledger.rules.document import RuleSet, rule_set_parse, schema
from ledger.standard import rules_standard
from tests.unit.relations.choosing import rule, rule_set, words
from tests.unit.rules.play import TYPES, rule as earning_rule, rule_set as earning_rules

ROOT = Path(__file__).parents[3]


def refused(*rules: dict[str, Any], **more: Any) -> dict[str, str]:
    with pytest.raises(DocumentInvalid) as caught:
        rule_set(*rules, **more)
    return {problem.field: problem.reason for problem in caught.value.problems}


def when(condition: dict[str, Any]) -> dict[str, Any]:
    return rule(when=condition)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (rule(choose={"least_loaded": {}, "previous_owner": True}), "assignment.rules.0.choose", "exactly one of"),
    (rule(choose={"least_loaded": {"rest": -1}}), "assignment.rules.0.choose.least_loaded.rest", "greater than"),
    (rule(choose={"named": ["Zhang"]}), "assignment.rules.0.choose.named.0", "must be the id of a member of staff"),
    (rule(choose={"previous_owner": False}), "assignment.rules.0.choose.previous_owner", "True"),
    (
        rule(choose={"rotation": {"weights": {"teams": {"east": 0}}}}),
        "assignment.rules.0.choose.rotation.weights.teams.0",
        "greater than or equal to 1",
    ),
    (
        rule(choose={"best_fit": {"skills": [{"trait": "region", "skill": "a:b", "points": 1}]}}),
        "assignment.rules.0.choose.best_fit.skills.0",
        "exactly one of trait, need, skill",
    ),
    (rule(choose={"best_fit": {"region": 0.5}}), "assignment.rules.0.choose.best_fit.region", "integer"),
    (rule(candidates={"roles": ["boss"]}), "assignment.rules.0.candidates.roles.0", "'seller'"),
    (
        rule(candidates={"skills": [{"trait": "scale", "at_least": 6}]}),
        "assignment.rules.0.candidates.skills.0.at_least",
        "less than or equal to 5",
    ),
    (rule(protection_days=-1), "assignment.rules.0.protection_days", "greater than"),
    (rule(otherwise="nobody"), "assignment.rules.0.otherwise", "'next'"),
    (rule("fallback"), "assignment.rules.0", "what the fallback is called"),
    (when({"balance": True, "above": 0}), "assignment.rules.0", "customer, tier, tag, grade, lead, need and knowledge"),
    (when({"attribute": "amount", "above": 0}), "assignment.rules.0", "when looks at customer"),
    (when({"customer": "region", "above": "x"}), "assignment.rules.0", "a name has no order"),
    (when({"customer": "region", "equals": 7}), "assignment.rules.0", "compared with text"),
    (when({"need": "form", "one_of": ["a", ""]}), "assignment.rules.0", "compared with text"),
    (when({"lead": "channel", "at_most": "x"}), "assignment.rules.0", "a name has no order"),
    (when({"lead": "amount", "above": "1.234"}), "assignment.rules.0", "the amount has more than 2 decimals"),
    (when({"lead": "amount", "one_of": ["many"]}), "assignment.rules.0", "the amount is not a plain decimal"),
    (when({"lead": "weight", "equals": 1}), "assignment.rules.0.when.lead.lead", "'amount' or 'channel'"),
    (when({"knowledge": "quiet"}), "assignment.rules.0.when.knowledge.knowledge", "kind:value"),
    (when({"tier": "at_least", "level": "gold"}), "document", "assignment.rules.0 names no tier that is declared"),
    (when({"not": {"any": [{"tag": "small"}, {"tag": "big"}]}}), "document", "assignment.rules.0 names no tag"),
    (when({"grade": ["a", "z"]}), "document", "assignment.rules.0 names no grade"),
]


@pytest.mark.parametrize(("document", "place", "reason"), WRONG)
def test_a_rule_that_makes_no_sense_is_refused_with_its_place(document: dict[str, Any], place: str, reason: str) -> None:
    problems = refused(document)
    assert reason in problems.get(place, ""), problems


def test_what_is_wrong_beside_the_rules_is_refused_too() -> None:
    assert "rules.0 and rules.1 bear the same id" in refused(rule(), rule())["assignment"]
    assert "exactly one of pool, staff, team" in refused(fallback={})["assignment.fallback"]
    assert "{pool: true}, {staff: S-000001} or {team: east}" in refused(fallback="pool")["assignment.fallback"]
    assert "assignment.terms names no tier" in refused(terms={"important_tiers": ["gold"]})["document"]
    assert "assignment.terms names no tag" in refused(terms={"important_tags": ["small"]})["document"]
    assert "assignment.terms.collision_likely_score" in refused(terms={"collision_likely_score": 101})


def test_tiers_and_grades_can_not_be_named_where_there_are_none() -> None:
    document = {"id": "x", "title": words("x"), "rules": [], "assignment": {"rules": [when({"grade": ["a"]})]}}
    with pytest.raises(DocumentInvalid, match="names no grade that is declared"):
        rule_set_parse(document)


@pytest.mark.parametrize(
    "condition", [{"lead": "amount", "above": 1}, {"need": "form", "equals": "x"}, {"knowledge": "a:b"}]
)
def test_earning_rules_can_not_look_at_leads(condition: dict[str, Any]) -> None:
    rules = rule_set_parse(earning_rules(earning_rule(when=condition)))
    with pytest.raises(DocumentInvalid, match="for assignment rules only"):
        program_compile([Activation("RS-0", rules, 0, 0)], TYPES, Vocabulary(), 1)


def test_the_hash_of_a_rule_set_without_assignment_and_redemption_is_what_it_was() -> None:
    document = rules_standard()
    del document["assignment"], document["redemption"]
    assert rule_set_parse(document).sha256 == "d74ba2a393d04bc6ecef3271493f7321af90e0841ff52ca7e05484afe6cf69ce"


def test_the_hash_leaves_out_defaults_and_counts_everything_else() -> None:
    short = rule_set(rule())
    spelled = rule_set(rule(otherwise="next", note=None), fallback={"pool": True}, terms={"protection_days": 30})
    other = rule_set(rule(), terms={"protection_days": 31})
    assert short.sha256 == spelled.sha256 != other.sha256
    assert rule_set_parse(short.document) == short


def test_the_published_schema_takes_and_refuses_what_the_parser_does() -> None:
    validator = Draft202012Validator(schema())
    assert validator.is_valid(rules_standard())
    for wrong in (rule(choose={"least_loaded": {"rest": -1}}), rule(surprise=1), rule("Big")):
        assert not validator.is_valid({**rules_standard(), "assignment": {"rules": [wrong]}})


def test_the_terms_of_documents_are_those_that_the_domain_asks_for() -> None:
    names = [field.name for field in fields(Terms)]
    assert sorted(AssignmentTerms.model_fields) == sorted(names) == sorted(TERMS_WORDS)
    assert AssignmentTerms().terms == Terms()
    given = rule_set(terms={"important_tiers": ["top"], "claims_per_day": 3, "reported_by_rules": True}).assignment
    assert given is not None
    assert given.terms.terms == Terms(important_tiers=frozenset({"top"}), claims_per_day=3, reported_by_rules=True)


def test_the_standard_rules_assign_by_region_and_load() -> None:
    section = rule_set_parse(rules_standard()).assignment
    assert section is not None
    assert [r.choose.way for r in section.rules] == ["least_loaded"]
    assert section.note is not None and "默认值" in section.note.zh
    assert section.terms.terms.important_tiers == {"gold", "platinum"}


def test_the_example_in_the_documents_is_a_rule_set_and_every_key_of_rules_is_explained() -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    section = page[page.index("## Assignment rules") :]
    (example,) = re.findall(r"```yaml\n(assignment:.*?)```", section, re.DOTALL)
    rules = rule_set_parse({**rules_standard(), **yaml_parse(example, "docs/rules.md")}).assignment
    assert rules is not None and len(rules.rules) >= 4
    assert {r.choose.way for r in rules.rules} >= {"least_loaded", "rotation", "best_fit", "previous_owner"}
    published = schema()["$defs"]
    for part in ("AssignmentRule", "Candidates", "Choose", "AssignmentTerms"):
        for key in published[part]["properties"]:
            assert f"`{key}`" in section, f"{key} of {part} is not explained in docs/rules.md"


def test_the_glossary_has_every_way_to_choose() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    for way in schema()["$defs"]["Choose"]["properties"]:
        assert way == "named" or re.search(rf"^\| {way} \| \S+ \| \S", page, re.MULTILINE), way


def changed(old: RuleSet, new: RuleSet) -> list[Change]:
    return [change for change in rule_sets_differences(old, new, {}) if change.part == "assignment"]


def test_changed_assignment_rules_are_told_in_both_languages() -> None:
    old = rule_set(
        rule("east", when={"customer": "region", "equals": "华东"}, candidates={"teams": ["one"]}, protection_days=30),
        rule("rest", {"rotation": {}}),
    )
    new = rule_set(
        rule("rest", {"rotation": {"weights": {"staff": {"S-000003": 5}, "teams": {"two": 2}}}}),
        rule("east", when={"customer": "region", "equals": "华东"}, candidates={"teams": ["one"]}, protection_days=20),
        rule("big", {"named": ["S-000001"]}, when={"lead": "amount", "at_least": "5000000"}, otherwise="pool"),
        fallback={"team": "two"},
        terms={"follow_up_days": 10, "collision_by_rules": False},
    )
    told = {(c.kind, c.id): (c.zh, c.en) for c in changed(old, new)}
    assert told["changed", "rest"] == (
        "分配规则“rest”：所有客户；候选：业务员；选：按容量加权轮转 → 所有客户；候选：业务员；选：加权轮转（S-000003 5、two 2，其余1）",
        "Assignment rule rest: all customers; considered: sellers; chosen: in turn, weighed by capacity → all customers; "
        "considered: sellers; chosen: in turn, weighed: S-000003 5, two 2, others 1",
    )
    assert "保护30天" in told["changed", "east"][0] and "protected for 20 days" in told["changed", "east"][1]
    assert told["added", "big"] == (
        "新增分配规则“big”：金额 ≥ 5000000 元；选：S-000001中第一个可选者；无人可选则入公海",
        "New assignment rule big: amount ≥ 5000000 CNY; chosen: the first of S-000001 who can be; into the pool where "
        "nobody can be chosen",
    )
    assert told["changed", ""] == ("分配规则顺序改变", "The assignment rules stand in another order")
    assert told["changed", "fallback"] == (
        "无人可选时：公海 → 团队two中负荷最低者",
        "Where nobody can be chosen: the pool → the least loaded of team two",
    )
    assert told["changed", "follow_up_days"] == ("跟进期限天数：15 → 10", "Days to follow up in: 15 → 10")
    assert told["changed", "collision_by_rules"][0] == "撞单按规则裁定：是 → 否"
    assert len(told) == 7
    assert changed(new, new) == []


def test_assignment_that_begins_or_ends_is_told() -> None:
    without = rule_set_parse({**rule_set().document, "assignment": None})
    begun, ended = changed(without, rule_set(rule())), changed(rule_set(rule()), without)
    assert [(c.kind, c.id) for c in begun] == [("added", ""), ("added", "r")]
    assert [(c.kind, c.id) for c in ended] == [("removed", ""), ("removed", "r")]
    assert begun[0].zh == "新增客户分配规则" and ended[0].en == "Customers are no longer assigned by rules"


def test_every_part_of_a_rule_is_in_its_sentence() -> None:
    best_fit = {
        "region": 20, "skills": [{"need": "form", "points": 3}, {"skill": "language:粤语", "points": 2}],
        "experience": 1, "experience_years_max": 9, "load": 40, "rest": 2,
    }  # fmt: skip
    condition = {
        "all": [
            {"any": [{"customer": "customer_type", "one_of": ["政府", "国企"]}, {"tier": "at_least", "level": "top"}]},
            {"not": {"tag": "big"}}, {"grade": ["a", "b"]}, {"knowledge": "approach:陪同考察"},
            {"lead": "channel", "not_equals": "电话"}, {"need": "form", "equals": "桥梁"},
        ]
    }  # fmt: skip
    candidates = {
        "teams": ["one"], "roles": ["seller", "manager"], "staff": ["S-000004"], "same_region": True,
        "skills": [{"trait": "customer_type", "at_least": 3}], "experience_years": 5,
    }  # fmt: skip
    added = rule("x", {"best_fit": best_fit}, when=condition, candidates=candidates, follow_up_days=4)
    (change,) = changed(rule_set(), rule_set(added))
    assert change.zh == (
        "新增分配规则“x”：(客户类型 ∈ 政府、国企或等级不低于 top)且非标签 big且信用等级 a、b且软知识 approach=陪同考察且渠道 ≠ 电话且需求 form = 桥梁；"
        "候选：业务员、经理，团队one及其下级，限S-000004，与客户同区域，对客户的客户类型技能≥3级，从业≥5年；"
        "选：匹配得分最高者（同区域20分、所需的form技能每级3分、language:粤语技能每级2分、从业每年1分（至多9年）、减40分×负荷占比）"
        "（最近2次分到者先让）；4天内跟进"
    )
    assert change.en == (
        "New assignment rule x: (customer type ∈ 政府, 国企 or tier at least top) and not tag big and credit grade a or b "
        "and soft knowledge approach=陪同考察 and channel ≠ 电话 and need form = 桥梁; considered: sellers, managers, of team "
        "one and below, only S-000004, in the customer's region, skilled in the customer's customer type at level 3 or "
        "above, with 5 years of experience or more; chosen: whoever scores best (20 points for the same region, 3 for each "
        "level in the form it needs, 2 for each level in language:粤语, 1 a year of experience (up to 9), less 40 × share of "
        "capacity in use) (who got one of the last 2 lets others go first); to be followed up within 4 days"
    )


def test_teams_and_people_that_rules_name_are_told_with_their_places() -> None:
    section = rule_set(
        rule("a", candidates={"teams": ["one", "two"], "staff": ["S-000007"]}),
        rule("b", {"named": ["S-000001", "S-000002"]}),
        rule("c", {"rotation": {"weights": {"staff": {"S-000003": 5}, "teams": {"two": 2}}}}),
        fallback={"team": "three"},
    ).assignment
    assert section is not None
    assert list(section.people()) == [
        ("rules.0.candidates.teams.0", "team", "one"),
        ("rules.0.candidates.teams.1", "team", "two"),
        ("rules.0.candidates.staff.0", "staff", "S-000007"),
        ("rules.1.choose.named.0", "staff", "S-000001"),
        ("rules.1.choose.named.1", "staff", "S-000002"),
        ("rules.2.choose.rotation.weights.staff.0", "staff", "S-000003"),
        ("rules.2.choose.rotation.weights.teams.0", "team", "two"),
        ("fallback.team", "team", "three"),
    ]
    by_name = rule_set(fallback={"staff": "S-000009"}).assignment
    assert by_name is not None and list(by_name.people()) == [("fallback.staff", "staff", "S-000009")]


@pytest.mark.parametrize("document", [None, "pool", 7, [], ["rules"]])
def test_what_is_no_document_is_told_in_plain_words(document: object) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        rule_set_parse(document)
    assert str(caught.value) == "document: must have named members, each written name: value"


def test_a_section_that_is_no_document_is_told_in_plain_words() -> None:
    assert refused(terms="none") == {"assignment.terms": "must have named members, each written name: value; it may have " + ", ".join(AssignmentTerms.model_fields)}

"""A choice explained from its event and the rule set, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.policy import Choice
from ledger.rules.assignment.causes import Cause
from ledger.rules.assignment.policy import AssignmentPolicy
from ledger.rules.assignment.verdicts import VERDICTS
from ledger.rules.assignment.words import assignment_words, score_words
from ledger.rules.differences import rule_sets_differences
from ledger.rules.document import RuleSet, rule_set_parse
from tests.unit.relations.choosing import DAY, Floor, rule, rule_set, wanted


def event(choice: Choice, why: str = "arrival") -> dict[str, Any]:
    """The fields of the event that a choice leads to, as far as words look at them."""
    fields = {
        "rule": choice.rule, "rule_set": "RS-0007" if choice.rule else "", "candidates": choice.candidates,
        "tried": choice.tried,
    }  # fmt: skip
    if not choice.staff:
        return {**fields, "staff": "", "why": "no_candidate"}
    return {**fields, "staff": staff_id(choice.staff), "why": why, "score": choice.score}


def choose(floor: Floor, rules: RuleSet, **more: Any) -> Mapping[str, Any]:
    return event(AssignmentPolicy("RS-0007", rules).choose(floor.state, wanted(**more), DAY, detail=True))


def test_a_choice_tells_rule_version_everybody_with_score_and_load_and_why_not() -> None:
    floor = Floor()
    floor.seller(load=5)
    floor.seller(load=3, capacity=50)
    floor.seller(load=4)
    floor.seller(load=10)
    floor.seller(absences=((DAY, DAY),))
    rules = rule_set(rule("east", title={"zh": "华东", "en": "The east"}, protection_days=30))
    fields = choose(floor, rules)
    assert assignment_words(fields, rules, "zh").lines == [
        "规则“华东”（规则集RS-0007）选中S-000002；候选5人：休假中1人、客户数已达容量1人、负荷占比更高2人",
        "所有客户；候选：业务员；选：负荷占容量比最低者；保护30天",
        "S-000002：选中（负荷3/50，占容量6.00%）",
        "S-000003：负荷占比更高（负荷4/10，占容量40.00%）",
        "S-000001：负荷占比更高（负荷5/10，占容量50.00%）",
        "S-000004：客户数已达容量（负荷10/10，占容量100.00%）",
        "S-000005：休假中（负荷0/10，占容量0.00%）",
    ]
    said = assignment_words(fields, rules, "en", lambda staff: "Li Na" if staff == "S-000002" else staff)
    assert said.text.startswith("Rule The east (rule set RS-0007) chose Li Na; 5 considered: 1 × is on leave, 1 × owns")
    assert said.rule == (
        "all customers; considered: sellers; chosen: whoever owns the smallest share of their capacity; protected for 30 "
        "days"
    )
    assert said.candidates[0].text == "Li Na: chosen (owns 3 of 50, 6.00 % of capacity)"
    assert said.candidates[2].text.startswith("S-000001: owns a larger share")
    assert (said.candidates[1].staff, said.candidates[1].load, said.candidates[1].verdict) == ("S-000003", 4, "more_loaded")


def test_those_who_could_have_been_chosen_come_best_first_by_points_too() -> None:
    floor = Floor()
    for years in (1, 9, 5, 7):
        floor.seller(experience_years=years)
    rules = rule_set(rule(choose={"best_fit": {"experience": 2}}))
    said = assignment_words(choose(floor, rules), rules, "zh")
    assert [c.text for c in said.candidates] == [
        "S-000002：选中（负荷0/10，18分）",
        "S-000004：匹配得分较低（负荷0/10，14分）",
        "S-000003：匹配得分较低（负荷0/10，10分）",
        "S-000001：匹配得分较低（负荷0/10，2分）",
    ]


def test_a_rotation_tells_when_the_next_turn_of_each_is_due() -> None:
    floor = Floor()
    for _ in range(2):
        floor.seller()
    rules = rule_set(rule(choose={"rotation": {"weights": "equal"}}))
    floor.series(AssignmentPolicy("RS-0007", rules), 3)
    said = assignment_words(choose(floor, rules), rules, "zh")
    assert [c.text for c in said.candidates] == [
        "S-000002：选中（负荷1/10，下一次轮到在第2.00轮）",
        "S-000001：本轮份额已满（负荷2/10，下一次轮到在第3.00轮）",
    ]
    assert "next turn at round 3.00" in assignment_words(choose(floor, rules), rules, "en").candidates[1].text


def test_a_customer_that_goes_to_the_pool_is_explained_too() -> None:
    floor = Floor()
    floor.seller(load=10)
    rules = rule_set(rule("east", title={"zh": "华东", "en": "The east"}))
    said = assignment_words(choose(floor, rules), rules, "zh")
    assert said.text == "规则“华东”（规则集RS-0007）无人可选，客户进入公海；候选1人：客户数已达容量1人"
    assert said.candidates[0].verdict == "full"
    unheld = rule_set(rule(when={"tag": "big"}))
    assert assignment_words(choose(floor, unheld), unheld, "en").lines == ["No rule held; the customer goes to the pool"]


def test_the_fallback_has_words_of_its_own() -> None:
    floor = Floor()
    floor.seller(team="east")
    unheld = rule(when={"tag": "big"})
    by_team, by_name = rule_set(unheld, fallback={"team": "east"}), rule_set(unheld, fallback={"staff": "S-000001"})
    assert assignment_words(choose(floor, by_team), by_team, "zh").lines == [
        "规则“兜底”（规则集RS-0007）选中S-000001；候选1人",
        "兜底：团队east中负荷最低者",
        "S-000001：选中（负荷0/10，占容量0.00%）",
    ]
    assert assignment_words(choose(floor, by_name), by_name, "en").lines == [
        "Rule Fallback (rule set RS-0007) chose S-000001; 1 considered",
        "Fallback: S-000001",
        "S-000001: chosen (owns 0 of 10, place 1 of the list)",
    ]


def test_an_owner_that_no_rule_chose_and_a_rule_that_is_not_known_are_told_as_far_as_can_be() -> None:
    claimed = {"rule": "", "rule_set": "", "candidates": [], "staff": "S-000004", "why": "claim", "score": 0}
    assert assignment_words(claimed, None, "en").lines == ["S-000004 claimed it from the pool"]
    assert assignment_words({**claimed, "why": "newer"}, None, "en").lines == ["S-000004 was not chosen by rules"]
    fields = {**claimed, "rule": "gone", "rule_set": "RS-0001", "candidates": [["S-000004", 7, 1, 2, "newer_verdict"]]}
    assert assignment_words(fields, None, "zh").lines == [
        "规则“gone”（规则集RS-0001）选中S-000004；候选1人",
        "S-000004：newer_verdict（负荷1/2）",
    ]


def test_every_verdict_has_words_in_both_languages_and_every_way_its_score() -> None:
    assert all(zh and en and not en.isspace() for zh, en in VERDICTS.values())
    assert [score_words(12345, way, 1) for way in ("least_loaded", "rotation", "best_fit", "named", "previous_owner")] == [
        "123.45 % of capacity",
        "next turn at round 1.23",
        "12345 points",
        "place 12345 of the list",
        "",
    ]


def test_tiers_tags_and_grades_are_told_by_their_titles() -> None:
    plain = rule_set(
        rule(
            when={
                "all": [
                    {"tier": "at_least", "level": "top"}, {"not": {"tag": "big"}}, {"grade": ["a", "b"]},
                ]
            }
        ),
        terms={"important_tiers": ["top"], "important_tags": ["big"]},
    )  # fmt: skip
    document = plain.document
    document["tiers"]["levels"][-1]["title"] = {"zh": "金牌", "en": "Gold"}
    document["tags"][0]["title"] = {"zh": "大客户", "en": "Large"}
    document["credit"]["grades"][0]["title"] = {"zh": "优", "en": "Excellent"}
    rules = rule_set_parse(document)
    floor = Floor()
    floor.seller()
    fields = {"rule": "r", "rule_set": "RS-0007", "candidates": [], "staff": "S-000001", "score": 0}
    second = document["credit"]["grades"][1]["title"]
    assert f"等级不低于 金牌且非标签 大客户且信用等级 优、{second['zh']}；" in assignment_words(fields, rules, "zh").rule
    told = assignment_words(fields, rules, "en").rule
    assert f"tier at least Gold and not tag Large and credit grade Excellent or {second['en']};" in told
    bare = rule_set_parse({**document, "assignment": {"rules": [rule()]}})
    said = {change.id: change for change in rule_sets_differences(bare, rules, {})}
    assert said["important_tiers"].zh.endswith("→ 金牌") and said["important_tags"].en.endswith("→ Large")
    assert "等级不低于 金牌" in said["r"].zh and "tier at least Gold" in said["r"].en


CAUSES: list[tuple[dict[str, Any], Cause | None, str, str]] = [
    (
        {"why": "released", "staff": "S-000001"}, Cause("CustomerReleased", "ann", {"reason": "不做了"}),
        "S-000001释放，客户进入公海（操作人：ann），理由：不做了",
        "S-000001 gave it back; the customer goes to the pool (by ann): 不做了",
    ),
    (
        {"why": "deadline", "staff": "S-000001"}, None, "S-000001逾期未跟进，客户进入公海",
        "S-000001 did not follow it up in time; the customer goes to the pool",
    ),
    (
        {"why": "disputed", "staff": ""}, Cause("LeadArrived", "web", {"staff": "", "is_new": True}),
        "撞单待裁定，此前客户在公海", "A collision is to be ruled; until then the customer is in the pool",
    ),
    (
        {"why": "claim", "staff": "S-000001", "score": 0}, Cause("CustomerClaimed", "ann", {}),
        "S-000001从公海认领（操作人：ann）", "S-000001 claimed it from the pool (by ann)",
    ),
    (
        {"why": "reassignment", "staff": "S-000001", "score": 0}, Cause("CustomerReassigned", "bo", {"reason": "更熟"}),
        "改派给S-000001（操作人：bo），理由：更熟", "S-000001 was named to have it (by bo): 更熟",
    ),
    (
        {"why": "collision", "staff": "S-000001", "score": 0},
        Cause("CollisionRuled", "bo", {"collision": "X-000007", "reason": "先报"}),
        "撞单X-000007裁定归S-000001（操作人：bo），理由：先报", "Collision X-000007 was ruled for S-000001 (by bo): 先报",
    ),
    (
        {"why": "arrival", "staff": "S-000001", "score": 0},
        Cause("LeadArrived", "web", {"staff": "S-000001", "is_new": True}),
        "S-000001上报了这个新客户，归其所有（操作人：web）", "S-000001 reported the new customer and has it (by web)",
    ),
    (
        {"why": "handover", "staff": "S-000001", "score": 0}, None, "S-000001：交接", "S-000001 has it by handover",
    ),
    (
        {"why": "merged", "staff": "S-000001"}, Cause("CustomersMerged", "bo", {"reason": "同一家"}),
        "并入其他客户，客户进入公海（操作人：bo），理由：同一家",
        "Because it was merged into another customer; the customer goes to the pool (by bo): 同一家",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "cause", "zh", "en"), CAUSES)
def test_what_no_rule_decided_is_told_by_what_did_who_asked_for_it_and_their_reason(
    fields: dict[str, Any], cause: Cause | None, zh: str, en: str
) -> None:
    event = {"rule": "", "rule_set": "", "candidates": [], **fields}
    assert assignment_words(event, None, "zh", cause=cause).text == zh
    assert assignment_words(event, None, "en", cause=cause).text == en


def test_rules_that_held_before_and_found_nobody_are_told_with_whom_they_passed_over() -> None:
    floor = Floor()
    floor.seller(load=10, team="one")
    floor.seller(team="two")
    rules = rule_set(
        rule("unheld", when={"tag": "big"}),
        rule("one", title={"zh": "一部", "en": "Team one"}, candidates={"teams": ["one"]}),
        rule("two", title={"zh": "二部", "en": "Team two"}, candidates={"teams": ["two"]}),
    )
    said = assignment_words(choose(floor, rules), rules, "en")
    assert [t.id for t in said.tried] == ["one"]
    assert said.lines == [
        "Rule Team two (rule set RS-0007) chose S-000002; 1 considered",
        "all customers; considered: sellers, of team two and below; chosen: whoever owns the smallest share of their "
        "capacity",
        "S-000002: chosen (owns 0 of 10, 0.00 % of capacity)",
        "Rule Team one was asked before and found nobody; 1 considered: 1 × owns as many customers as they can",
        "all customers; considered: sellers, of team one and below; chosen: whoever owns the smallest share of their "
        "capacity",
        "S-000001: owns as many customers as they can (owns 10 of 10, 100.00 % of capacity)",
    ]
    pooled = rule_set(rule("one", candidates={"teams": ["one"]}), rule("none", candidates={"teams": ["none"]}))
    said = assignment_words(choose(floor, pooled), pooled, "zh")
    assert [(t.id, [c.verdict for c in t.candidates]) for t in said.tried] == [("one", ["full"])]
    short = AssignmentPolicy("RS-0007", pooled).choose(floor.state, wanted(), DAY, detail=False)
    assert (short.tried, short.candidates) == ([], [])


def test_who_reported_a_new_customer_and_could_not_have_it_is_told_why() -> None:
    floor = Floor()
    floor.seller(load=10)
    floor.seller()
    rules = rule_set(rule())
    fields = choose(floor, rules)
    lead = Cause("LeadArrived", "web", {"staff": "S-000001", "is_new": True})
    text = assignment_words(fields, rules, "en", cause=lead).text
    assert text.endswith("; S-000001, who reported it, was passed over: owns as many customers as they can")
    away = lead._replace(state={"staff": "S-000009", "is_new": True})
    assert "S-000009未获分配：当日不能接收客户" in assignment_words(fields, rules, "zh", cause=away).text
    plain = assignment_words(fields, rules, "en").text
    assert plain == assignment_words(fields, rules, "en", cause=lead._replace(state={"staff": "", "is_new": True})).text
    # Who reports a known customer, or under rules that choose for reported ones too, has no claim to it.
    known = lead._replace(state={"staff": "S-000001", "is_new": False})
    assert assignment_words(fields, rules, "en", cause=known).text == plain
    by_rules = rule_set(rule(), terms={"reported_by_rules": True})
    assert assignment_words(fields, by_rules, "en", cause=lead).text == plain

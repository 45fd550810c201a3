"""What the parts of a rule set say, in sentences, in Chinese and English. `at` is 0 for Chinese, 1 for English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import BaseModel

from ledger.domain.fact_types import FactType, Words
from ledger.domain.redemption.terms import WINDOW_WORDS
from ledger.domain.values import percent_parse, points_parse, scaled_parse
from ledger.rules.assignment.document import AssignmentRule, Candidates, Choose
from ledger.rules.assignment.sentences import candidates_words, choose_words, rule_words, titles_of
from ledger.rules.condition_words import YES_NO, Both, Titles, condition_words, title_words, titles_words
from ledger.rules.document import (
    Award,
    Break,
    Cap,
    Credit,
    Grade,
    Ladder,
    Level,
    Limit,
    Measure,
    Nth,
    Rule,
    RuleSet,
    Tag,
    Weight,
)
from ledger.rules.explain import attribute_title, award_clause, clause, limit_words, nth_words, points_short
from ledger.rules.redemption.document import Entitlement, Offer, OfferLimit, Quota, Step, Uses, Variant
from ledger.rules.redemption.sentences import (
    KIND_WORDS,
    STAGE_WORDS,
    entitlement_words,
    offer_words,
    quota_words,
    uses_words,
)

FIELDS: Final[Mapping[str, Both]] = {
    "title": ("名称", "title"), "note": ("备注", "note"), "fact": ("事实", "fact"),
    "recipient": ("受益人", "recipient"), "when": ("条件", "conditions"), "award": ("奖励", "award"),
    "weights": ("权重", "weights"),
    "tier_factor": ("等级系数", "tier factor"), "factors_on_penalties": ("扣分也乘系数", "factors on penalties"),
    "nth": ("第几次", "nth"), "limits": ("限额", "limits"), "expiry_months": ("有效期", "valid"),
    "effective_from": ("生效日", "effective from"), "effective_to": ("失效日", "effective to"),
    "window": ("周期", "window"), "sum": ("求和", "sum"), "points": ("分值", "points"), "rules": ("规则", "rules"),
    "fall_levels_max": ("最多降级", "levels one falls at most"), "factor_percent": ("系数", "factor"),
    "levels": ("等级", "level"), "good": ("良好指标", "good measure"), "all": ("全部指标", "measure of all"),
    "grades": ("信用等级", "grade"), "at_least_percent": ("良好比例至少", "share of good at least"),
    "kind": ("种类", "kind"), "variants": ("款式", "variant"), "steps": ("档次", "steps"), "quota": ("总量", "quota"),
    "supplier": ("供应商", "supplier"), "delivery": ("交付", "delivery"), "unit": ("单位", "unit"),
    "valid_days": ("有效天数", "days valid"), "multiple_of": ("须为其倍数", "multiple of"),
    "tiers": ("适用等级", "tiers"), "hold_days": ("保留天数", "days held"), "reason": ("理由", "reason"),
    "stage": ("阶段", "stage"), "uses": ("次数", "uses"), "candidates": ("候选", "candidates"),
    "choose": ("选", "choice"), "protection_days": ("保护期天数", "days of protection"),
    "follow_up_days": ("跟进期限天数", "days to follow up in"),
    "otherwise": ("无人可选时", "where nobody can be chosen"),
    "id": ("编号", "id"),
}  # fmt: skip
_NOTHING: Final[Both] = ("无", "none")
_ABSENT: Final[Mapping[tuple[type[BaseModel], str], Both]] = {
    (Rule, "expiry_months"): ("同规则集", "as the rule set says"), (Cap, "rules"): ("所有规则", "all rules"),
    (Offer, "hold_days"): ("同兑换规则", "as the redemption rules say"), (Offer, "tiers"): ("所有等级", "all tiers"),
    (AssignmentRule, "protection_days"): ("同条款", "as the terms say"),
    (AssignmentRule, "follow_up_days"): ("同条款", "as the terms say"),
    (Variant, "points"): ("同兑换项目", "as the offer says"),
}  # fmt: skip
"""What it means where a field isn't given and that isn't "none"."""
_NAMED: Final[Mapping[str, Mapping[str, Both]]] = {
    "window": WINDOW_WORDS, "kind": KIND_WORDS, "stage": STAGE_WORDS,
    "recipient": {"customer": ("客户", "the customer"), "referrer": ("推荐人", "who referred the customer")},
    "otherwise": {"next": ("依下一条规则", "the next rule"), "pool": ("入公海", "the pool")},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Called:
    """How things are called: titles by kind and id, and the fact types. Without either, things go by their ids."""

    titles: Titles = field(default_factory=dict[tuple[str, str], Both])
    fact_types: Mapping[str, FactType] = field(default_factory=dict[str, FactType])


BY_ID: Final = Called()


def called_of(rules: RuleSet, fact_types: Mapping[str, FactType]) -> Called:
    """How a rule set and its fact types call things."""
    rule_titles = {("rule", rule.id): (rule.title.zh, rule.title.en) for rule in rules.rules}
    fact_titles = {("fact", name): (found.title.zh, found.title.en) for name, found in fact_types.items()}
    return Called({**titles_of(rules), **rule_titles, **fact_titles}, fact_types)


def rule_sentence(rule: Rule, at: int, called: Called, *, note: bool = False) -> str:
    """Everything an earning rule says, its title apart: for which fact, how many points, to whom, under which
    conditions, and when. Its note, if asked for."""
    zh = at == 0
    parts = [clause(rule, called.fact_types.get(rule.fact), "zh" if zh else "en")]
    if rule.award.streak is not None and rule.award.streak.broken_by:
        parts.append(_breaks_words(rule.award.streak.broken_by, at, called))
    if rule.recipient == "referrer":
        parts.append("计给推荐人" if zh else "for who referred the customer")
    if rule.when is not None:
        parts.append(f"{'条件：' if zh else 'where '}{value_words(rule, 'when', at, called)}")
    if rule.weights:
        parts.append(f"{'权重：' if zh else 'weights: '}{value_words(rule, 'weights', at, called)}")
    if rule.tier_factor:
        parts.append("乘等级系数" if zh else "times the factor of the tier")
    if rule.factors_on_penalties:
        parts.append("扣分也乘权重和系数" if zh else "penalties too are weighed and multiplied")
    if rule.expiry_months is not None:
        months = months_words(rule.expiry_months, at)
        parts.append(f"有效期{months}" if zh else f"valid {months}")
    if rule.effective_from is not None:
        parts.append(f"自{rule.effective_from}起" if zh else f"from {rule.effective_from} on")
    if rule.effective_to is not None:
        parts.append(f"至{rule.effective_to}止" if zh else f"until {rule.effective_to}")
    if note and rule.note is not None:
        parts.append(f"备注：{rule.note.zh}" if zh else f"note: {rule.note.en}")
    fact = title_words(called.titles, "fact", rule.fact, at)
    return f"{fact}：{'；'.join(parts)}" if zh else f"{fact}: {'; '.join(parts)}"


def _breaks_words(broken_by: list[Break], at: int, called: Called) -> str:
    ends: list[str] = []
    for end in broken_by:
        text = title_words(called.titles, "fact", end.fact, at)
        if end.when is not None:
            when = condition_words(end.when, at, called.titles, called.fact_types.get(end.fact))
            text += f"（{when}）" if at == 0 else f" ({when})"
        ends.append(text)
    return f"{'、'.join(ends)}后重新计数" if at == 0 else f"counted anew after {' or '.join(ends)}"


def months_words(months: int | str, at: int) -> str:
    """How long points are valid."""
    return ("永久", "for ever")[at] if months == "never" else (f"{months}个月", f"for {months} months")[at]


def percent_words(raw: int | str, at: int) -> str:
    """A share."""
    share = points_short(percent_parse(raw))
    return (f"{share}%", f"{share} %")[at]


def value_words(thing: BaseModel, name: str, at: int, called: Called) -> str:
    """What one field of a part says. A text in two languages says that of the language."""
    value = getattr(thing, name)
    if value is None or value in ([], ""):
        absent = None if value == [] and isinstance(thing, Cap) else _ABSENT.get((type(thing), name))
        return (absent or _NOTHING)[at]
    if isinstance(value, Words):
        return (value.zh, value.en)[at]
    if isinstance(value, bool):
        return YES_NO[value][at]
    if name in _NAMED:
        return _NAMED[name][value][at]
    fact_type = called.fact_types.get(getattr(thing, "fact", ""))
    if name == "when":
        return condition_words(value, at, called.titles, fact_type)
    if name == "fact":
        return title_words(called.titles, "fact", value, at)
    if name == "sum":
        return attribute_title(fact_type, value, ("zh", "en")[at])
    if name in ("rules", "tiers"):
        return titles_words(called.titles, {"rules": "rule", "tiers": "tier"}[name], value, at)
    if name == "expiry_months":
        return months_words(value, at)
    if name in ("factor_percent", "at_least_percent"):
        return percent_words(value, at)
    if name in ("points", "multiple_of"):
        return points_short(points_parse(value))
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, list):
        return ("，", ", ")[at].join(_part_words(part, at, called, fact_type) for part in cast("list[Any]", value))
    return _part_words(value, at, called, fact_type)


def _part_words(part: Any, at: int, called: Called, fact_type: FactType | None) -> str:
    """A part without a name of its own."""
    language = ("zh", "en")[at]
    if isinstance(part, Award):
        text = award_clause(part, fact_type, language)
        ends = part.streak.broken_by if part.streak is not None else []
        return text + (("；", "; ")[at] + _breaks_words(ends, at, called) if ends else "")
    if isinstance(part, Weight):
        share, when = percent_words(part.percent, at), condition_words(part.when, at, called.titles, fact_type)
        return (f"{share}（{when}）", f"{share} where {when}")[at]
    if isinstance(part, Nth):
        return nth_words(part, language)
    if isinstance(part, (Limit, OfferLimit)):
        return limit_words(part, language)
    if isinstance(part, Step):
        money = points_short(scaled_parse(part.money, 2))
        points = points_short(points_parse(part.points))
        return (f"{points}分起抵{money}元", f"from {points} points on {money} CNY")[at]
    if isinstance(part, Quota):
        return quota_words(part, "份", at)
    if isinstance(part, Uses):
        return uses_words(part, at)
    if isinstance(part, Candidates):
        return candidates_words(part, at, str)
    assert isinstance(part, Choose), f"{type(part).__name__} has no words"
    return choose_words(part, at, str)


def _rest_words(thing: BaseModel, names: tuple[str, ...], at: int, called: Called) -> list[str]:
    """The fields among these that are given, each with what it is called."""
    given = [name for name in names if getattr(thing, name) not in (None, [], "")]
    return [f"{FIELDS[name][at]}{('：', ' ')[at]}{value_words(thing, name, at, called)}" for name in given]


def thing_words(thing: BaseModel, at: int, called: Called) -> str:
    """Everything that a part says, its id and title apart."""
    end = ("；", "; ")[at]
    if isinstance(thing, Rule):
        return rule_sentence(thing, at, called, note=True)
    if isinstance(thing, AssignmentRule):
        return end.join([rule_words(thing, at, titles=called.titles), *_rest_words(thing, ("note",), at, called)])
    if isinstance(thing, Offer):
        rest = (
            "unit", "supplier", "delivery", "valid_days", "multiple_of", "tiers", "hold_days", "effective_from",
            "effective_to", "note",
        )  # fmt: skip
        return end.join([offer_words(thing, at), *_rest_words(thing, rest, at, called)])
    if isinstance(thing, Entitlement):
        sentence = entitlement_words(thing, at, called.titles)
        return end.join([sentence, *_rest_words(thing, ("reason",), at, called)])
    if isinstance(thing, Cap):
        window, points = WINDOW_WORDS[thing.window][at], value_words(thing, "points", at, called)
        over = value_words(thing, "rules", at, called)
        return (f"{window}至多{points}分（{over}）", f"at most {points} points {window}, over {over}")[at]
    if isinstance(thing, Ladder):
        most = thing.fall_levels_max
        fall = f"复核时最多降{most}级", f"one falls {most} levels at most at a review"
        counted = ("按{}所得", "by what is earned {}")[at].format(WINDOW_WORDS[thing.window][at])
        levels = ("，", ", ")[at].join(item_words(level, at) for level in thing.levels)
        return end.join([counted, levels, fall[at]])
    if isinstance(thing, Credit):
        grades = ("，", ", ")[at].join(item_words(grade, at) for grade in thing.grades)
        return (f"{thing.good}占{thing.all}的比例：{grades}", f"share of {thing.good} in {thing.all}: {grades}")[at]
    if isinstance(thing, Measure):
        window = WINDOW_WORDS[thing.window][at]
        fact = value_words(thing, "fact", at, called)
        return end.join([
            (f"{window}的{fact}", f"{fact} {window}")[at], *_rest_words(thing, ("when", "sum"), at, called),
        ])  # fmt: skip
    assert isinstance(thing, Tag), f"{type(thing).__name__} has no words"
    return value_words(thing, "when", at, called)


def item_words(item: Level | Grade | Variant, at: int) -> str:
    """A level, a grade or a variant with its title."""
    title = (item.title.zh, item.title.en)[at]
    if isinstance(item, Grade):
        return f"{title} ≥ {percent_words(item.at_least_percent, at)}"
    points = "" if item.points is None else points_short(points_parse(item.points)) + ("分", " points")[at]
    if isinstance(item, Variant):
        return f"{title} {points}".rstrip()
    factor = percent_words(item.factor_percent, at)
    factor = "" if percent_parse(item.factor_percent) == 100_00 else (f"（系数{factor}）", f" (factor {factor})")[at]
    return f"{title} {points}{factor}"

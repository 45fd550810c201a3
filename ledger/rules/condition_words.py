"""What conditions say, in Chinese and English. `at` is 0 for Chinese, 1 for English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ledger.domain.fact_types import FactType
from ledger.domain.values import points_parse
from ledger.rules.comparisons import (
    All,
    Any_,
    AttributeIs,
    BalanceIs,
    Comparison,
    Condition,
    EarnedIs,
    GradeIs,
    KnowledgeIs,
    LeadIs,
    MeasureIs,
    NeedIs,
    Not,
    TagIs,
    TierIs,
    TraitIs,
)
from ledger.rules.explain import attribute_title, grouped, points_short, unit_words

Both = tuple[str, str]
"""In Chinese, in English."""
Titles = Mapping[tuple[str, str], Both]
"""How tiers, tags, grades, rules and fact types are called, by "tier", "tag", "grade", "rule" or "fact" and their id;
what isn't there goes by its id."""
NO_TITLES: Final[Titles] = {}

TRAIT_WORDS: Final[Mapping[str, Both]] = {
    "industry": ("行业", "industry"),
    "region": ("区域", "region"),
    "customer_type": ("客户类型", "customer type"),
    "scale": ("规模", "scale"),
}
_EARNED: Final[Mapping[str, Both]] = {
    "window": ("等级周期内获得积分", "points earned in the tier's window"),
    "lifetime": ("累计获得积分", "points earned in a lifetime"),
}
_SIGNS: Final[Mapping[str, str]] = {
    "equals": "=", "not_equals": "≠", "at_least": "≥", "above": ">", "at_most": "≤", "below": "<",
}  # fmt: skip
_TIERS: Final[Mapping[str, Both]] = {
    "at_least": ("等级不低于 {}", "tier at least {}"),
    "at_most": ("等级不高于 {}", "tier at most {}"),
    "equals": ("等级为 {}", "tier {}"),
}
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
YES_NO: Final[tuple[Both, Both]] = (("否", "no"), ("是", "yes"))


def title_words(titles: Titles, kind: str, name: str, at: int) -> str:
    """How a tier, tag, grade, rule or fact type of this id is called."""
    found = titles.get((kind, name))
    return found[at] if found is not None else name


def titles_words(titles: Titles, kind: str, names: Iterable[str], at: int) -> str:
    """The same of several."""
    return listed([title_words(titles, kind, name, at) for name in names], at)


def listed(parts: Sequence[str], at: int) -> str:
    """Several things."""
    return ("、", ", ")[at].join(parts)


def condition_words(
    condition: Condition, at: int, titles: Titles = NO_TITLES, fact_type: FactType | None = None
) -> str:
    """What has to hold. `fact_type` is that of the facts whose attributes are looked at; without it attributes and
    values stand as they are written."""

    def words(part: Condition) -> str:
        return condition_words(part, at, titles, fact_type)

    def bracketed(part: Condition) -> str:
        return f"({words(part)})" if isinstance(part, (All, Any_)) else words(part)

    if isinstance(condition, (All, Any_)):
        parts = condition.all if isinstance(condition, All) else condition.any
        joint = ("且", " and ")[at] if isinstance(condition, All) else ("或", " or ")[at]
        return joint.join((bracketed if len(parts) > 1 else words)(part) for part in parts)
    if isinstance(condition, Not):
        return ("非", "not ")[at] + bracketed(condition.not_)
    if isinstance(condition, TagIs):
        return ("标签 ", "tag ")[at] + title_words(titles, "tag", condition.tag, at)
    if isinstance(condition, TierIs):
        return _TIERS[condition.tier][at].format(title_words(titles, "tier", condition.level, at))
    if isinstance(condition, GradeIs):
        grades = [title_words(titles, "grade", grade, at) for grade in condition.grade]
        return ("信用等级 ", "credit grade ")[at] + ("、", " or ")[at].join(grades)
    if isinstance(condition, KnowledgeIs):
        return ("软知识 ", "soft knowledge ")[at] + condition.knowledge.replace(":", "=", 1)
    return _comparison_words(condition, at, fact_type)


_Compared = AttributeIs | TraitIs | BalanceIs | EarnedIs | MeasureIs | LeadIs | NeedIs


def _comparison_words(leaf: _Compared, at: int, fact_type: FactType | None) -> str:
    if isinstance(leaf, TraitIs):
        return _compared(leaf, TRAIT_WORDS[leaf.customer][at], at)
    if isinstance(leaf, BalanceIs):
        return _compared(leaf, ("余额", "balance")[at], at, points=True)
    if isinstance(leaf, EarnedIs):
        return _compared(leaf, _EARNED[leaf.earned][at], at, points=True)
    if isinstance(leaf, MeasureIs):
        what = {"times": ("次数", "times of measure {}"), "sum": ("合计", "sum of measure {}")}[leaf.of][at]
        return _compared(leaf, f"指标 {leaf.measure} {what}" if at == 0 else what.format(leaf.measure), at)
    if isinstance(leaf, LeadIs):
        if leaf.lead == "channel":
            return _compared(leaf, ("渠道", "channel")[at], at)
        return _compared(leaf, ("金额", "amount")[at], at, (" 元", " CNY")[at])
    if isinstance(leaf, NeedIs):
        return _compared(leaf, ("需求 ", "need ")[at] + leaf.need, at)
    title = attribute_title(fact_type, leaf.attribute, ("zh", "en")[at])
    unit = unit_words(fact_type, leaf.attribute, ("zh", "en")[at])
    what = title if at == 0 or fact_type is None else title.lower()
    declared = fact_type.attributes.get(leaf.attribute) if fact_type is not None else None
    named: Mapping[str, Both] = {}
    if declared is not None and declared.type == "enum":
        named = {value: (words.zh, words.en) for value, words in declared.values.items()}
        if len({words[at] for words in named.values()}) < len(named):
            named = {}
    number = declared is not None and declared.type == "number"
    return _compared(leaf, what, at, f" {unit}" if unit else "", named=named, number=number)


def _compared(
    comparison: Comparison,
    what: str,
    at: int,
    unit: str = "",
    *,
    points: bool = False,
    number: bool = False,
    named: Mapping[str, Both] | None = None,
) -> str:
    def value(raw: Any) -> str:
        if isinstance(raw, bool):
            return YES_NO[raw][at]
        if points:
            return points_short(points_parse(raw))
        if number and _NUMBER.match(str(raw)):
            return grouped(str(raw))
        return named[raw][at] if named and raw in named else str(raw)

    unit = (" 分", " points")[at] if points else unit
    if comparison.operator == "one_of":
        return f"{what} ∈ {listed([value(v) for v in comparison.operand], at)}{unit}"
    return f"{what} {_SIGNS[comparison.operator]} {value(comparison.operand)}{unit}"

"""What changes from one rule set to another, in sentences, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel

from ledger.domain.fact_types import FactType, Words
from ledger.domain.redemption.terms import WINDOW_WORDS
from ledger.rules.assignment.document import FALLBACK, AssignmentRule, AssignmentRules
from ledger.rules.assignment.sentences import (
    NO_TITLES,
    TERMS_WORDS,
    Titles,
    fallback_words,
    listed,
    rule_words,
    title_words,
    titles_of,
)
from ledger.rules.document import Cap, Credit, Ladder, Measure, Rule, RuleSet, Tag
from ledger.rules.explain import clause
from ledger.rules.redemption.document import Entitlement, Offer, RedemptionRules
from ledger.rules.redemption.sentences import (
    DEBT_WORDS,
    ENTITLEMENT_TOLD,
    OFFER_TOLD,
    entitlement_words,
    offer_words,
    value_words,
)

_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("名称", "title"),
    "note": ("备注", "note"),
    "fact": ("事实", "fact"),
    "recipient": ("受益人", "recipient"),
    "when": ("条件", "conditions"),
    "award": ("奖励", "award"),
    "weights": ("权重", "weights"),
    "tier_factor": ("等级系数", "tier factor"),
    "factors_on_penalties": ("扣分也乘系数", "factors on penalties"),
    "nth": ("第几次", "nth"),
    "limits": ("限额", "limits"),
    "expiry_months": ("有效月数", "months until expiry"),
    "effective_from": ("生效日", "effective from"),
    "effective_to": ("失效日", "effective to"),
    "window": ("周期", "window"),
    "sum": ("求和", "sum"),
    "points": ("分值", "points"),
    "rules": ("规则", "rules"),
    "fall_levels_max": ("最多降级", "levels one falls at most"),
    "levels": ("等级", "levels"),
    "good": ("良好指标", "good measure"),
    "all": ("全部指标", "measure of all"),
    "grades": ("信用等级", "grades"),
}
_NOTHING: Final = ("无", "none")
_TOLD: Final = frozenset({"award", "limits", "nth", "levels", "grades", "points", "window"})
_TOLD_ASSIGNMENT: Final = frozenset(
    {"when", "candidates", "choose", "protection_days", "follow_up_days", "otherwise"}
)
"""What the sentence of a part tells."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `part` is what kind of thing of the document, `id` which one ("" where there is one only)."""

    kind: Literal["added", "removed", "changed"]
    part: str
    id: str
    zh: str
    en: str


_FIELDS_REDEMPTION: Final[Mapping[str, tuple[str, str]]] = {
    "supplier": ("供应商", "supplier"), "delivery": ("交付", "delivery"), "unit": ("单位", "unit"),
    "valid_days": ("有效天数", "days valid"), "multiple_of": ("须为其倍数", "multiple of"),
    "tiers": ("适用等级", "tiers"),
    "hold_days": ("保留天数", "days held"), "reason": ("理由", "reason"), "stage": ("阶段", "stage"),
}  # fmt: skip
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "rules": ("规则", "rule"), "measures": ("指标", "measure"), "caps": ("上限", "cap"), "tags": ("标签", "tag"),
    "tiers": ("等级阶梯", "tier ladder"), "credit": ("信用评级", "credit grades"),
    "assignment": ("分配规则", "assignment rule"), "offers": ("兑换项目", "offer"),
    "entitlements": ("权益", "entitlement"),
}  # fmt: skip

_TERMS_TITLED: Final[Mapping[str, str]] = {"important_tiers": "tier", "important_tags": "tag"}
"""Terms that are ids, and of what."""


def rule_sets_differences(old: RuleSet, new: RuleSet, fact_types: Mapping[str, FactType]) -> list[Change]:
    """Every difference, part by part in the order of the document. Empty where both decide alike."""
    changes: list[Change] = []
    if old.expiry_months != new.expiry_months:
        before, after = _months(old.expiry_months), _months(new.expiry_months)
        changes.append(
            Change("changed", "expiry_months", "", f"积分有效期：{before[0]} → {after[0]}",
                   f"Points are valid: {before[1]} → {after[1]}")
        )  # fmt: skip
    for part in ("rules", "measures", "caps", "tags"):
        changes += _named(part, getattr(old, part), getattr(new, part), fact_types)
    for part in ("tiers", "credit"):
        before, after = getattr(old, part), getattr(new, part)
        zh, en = _PARTS[part]
        if before is None and after is not None:
            said = _words(after, fact_types, 0), _words(after, fact_types, 1)
            changes.append(Change("added", part, "", f"新增{zh}：{said[0]}", f"New {en}: {said[1]}"))
        elif before is not None and after is None:
            changes.append(Change("removed", part, "", f"取消{zh}", f"No {en} any more"))
        elif before is not None and after is not None and before != after:
            changes.append(_changed(part, "", zh, en, before, after, fact_types))
    changes += _assignment(old.assignment, new.assignment, fact_types, (titles_of(old), titles_of(new)))
    return changes + _redemption(old.redemption, new.redemption, fact_types)


def _assignment(
    old: AssignmentRules | None,
    new: AssignmentRules | None,
    fact_types: Mapping[str, FactType],
    titles: tuple[Titles, Titles],
) -> list[Change]:
    """What changes in who serves which customer: the rules, where customers go for whom they find nobody, the terms."""
    if old == new:
        return []
    changes: list[Change] = []
    if old is None:
        changes.append(Change("added", "assignment", "", "新增客户分配规则", "Customers are assigned by rules"))
    if new is None:
        changes.append(
            Change("removed", "assignment", "", "取消客户分配规则", "Customers are no longer assigned by rules")
        )
    before, after = old or AssignmentRules(), new or AssignmentRules()
    changes += _named("assignment", before.rules, after.rules, fact_types, titles)
    if before.fallback != after.fallback:
        zh, en = (f"{fallback_words(before.fallback, at)} → {fallback_words(after.fallback, at)}" for at in (0, 1))
        zh, en = f"无人可选时：{zh}", f"Where nobody can be chosen: {en}"
        changes.append(Change("changed", "assignment", FALLBACK, zh, en))
    for name, (zh, en) in TERMS_WORDS.items():
        values = getattr(before.terms, name), getattr(after.terms, name)
        if values[0] != values[1]:
            kind = _TERMS_TITLED.get(name)
            told = [
                " → ".join(_plain(_titled(v, kind, t, at), at) for v, t in zip(values, titles, strict=True))
                for at in (0, 1)
            ]
            changes.append(
                Change("changed", "assignment", name, f"{zh}：{told[0]}", f"{en[0].upper()}{en[1:]}: {told[1]}")
            )
    if before.note != after.note:
        told = [f"{_plain(before.note, at)} → {_plain(after.note, at)}" for at in (0, 1)]
        changes.append(
            Change("changed", "assignment", "note", f"分配规则备注：{told[0]}", f"Note on assignment: {told[1]}")
        )
    return changes


def _titled(value: Any, kind: str | None, titles: Titles, at: int) -> Any:
    """Ids of tiers or tags as they are called; anything else as it is."""
    return listed([title_words(titles, kind, name, at) for name in value], at) if kind and value else value


def _redemption(
    old: RedemptionRules | None, new: RedemptionRules | None, fact_types: Mapping[str, FactType]
) -> list[Change]:
    """What changes in what points can be redeemed for, and what they are worth."""
    if old == new:
        return []
    changes: list[Change] = []
    if old is None:
        changes.append(Change("added", "redemption", "", "新增积分兑换", "Points can be redeemed"))
    if new is None:
        changes.append(Change("removed", "redemption", "", "取消积分兑换", "Points can no longer be redeemed"))
    before, after = old or RedemptionRules(), new or RedemptionRules()
    for part in ("offers", "entitlements"):
        changes += _named(part, getattr(before, part), getattr(after, part), fact_types)
    sides = before, after
    told: list[tuple[str, str, str, list[list[str]]]] = [
        ("debt", "欠分处理", "Debt", [[DEBT_WORDS[side.debt][at] for side in sides] for at in (0, 1)]),
        ("hold_days", "保留天数", "Days held", [[str(side.hold_days) for side in sides] for _ in (0, 1)]),
        (
            "point_value", "积分价值", "Worth of points",
            [[value_words(side.point_value, at) for side in sides] for at in (0, 1)],
        ),
        ("note", "兑换备注", "Note on redemption", [[_plain(side.note, at) for side in sides] for at in (0, 1)]),
    ]  # fmt: skip
    for name, zh, en, words in told:
        if getattr(before, name) != getattr(after, name):
            said = [" → ".join(pair) for pair in words]
            changes.append(Change("changed", "redemption", name, f"{zh}：{said[0]}", f"{en}: {said[1]}"))
    return changes


def _named(
    part: str,
    old: Sequence[Any],
    new: Sequence[Any],
    fact_types: Mapping[str, FactType],
    called: tuple[Titles, Titles] = (NO_TITLES, NO_TITLES),
) -> list[Change]:
    before: dict[str, Any] = {thing.id: thing for thing in old}
    after: dict[str, Any] = {thing.id: thing for thing in new}
    zh, en = _PARTS[part]
    changes: list[Change] = []
    for name, thing in after.items():
        titles = _titles(thing)
        if name not in before:
            changes.append(
                Change("added", part, name, f"新增{zh}“{titles[0]}”：{_words(thing, fact_types, 0, called[1])}",
                       f"New {en} {titles[1]}: {_words(thing, fact_types, 1, called[1])}")
            )  # fmt: skip
        elif thing != before[name]:
            names = f"{zh}“{titles[0]}”", f"{en.capitalize()} {titles[1]}"
            changes.append(_changed(part, name, *names, before[name], thing, fact_types, called))
    for name, thing in before.items():
        if name not in after:
            titles = _titles(thing)
            changes.append(
                Change("removed", part, name, f"取消{zh}“{titles[0]}”（{_words(thing, fact_types, 0, called[0])}）",
                       f"{en.capitalize()} {titles[1]} is dropped ({_words(thing, fact_types, 1, called[0])})")
            )  # fmt: skip
    kept = [n for n in before if n in after]
    if part in ("rules", "assignment") and kept != [n for n in after if n in before]:
        order = f"{zh}顺序改变", f"The {en}s stand in another order"
        changes.append(Change("changed", part, "", *order))
    return changes


def _changed(
    part: str,
    name: str,
    zh: str,
    en: str,
    old: BaseModel,
    new: BaseModel,
    fact_types: Mapping[str, FactType],
    called: tuple[Titles, Titles] = (NO_TITLES, NO_TITLES),
) -> Change:
    """One thing that is in both: what it says where that differs, and every other field that does."""
    texts = ([zh], [en])
    said = False
    for language in (0, 1):
        before = _words(old, fact_types, language, called[0])
        after = _words(new, fact_types, language, called[1])
        if before != after:
            said = True
            texts[language].append(f"{before} → {after}")
    # What the sentence does not tell is told field by field.
    told = _told(old) if said else frozenset[str]()
    for field in list(type(old).model_fields):
        before, after = getattr(old, field), getattr(new, field)
        if before == after or field in told:
            continue
        names = _FIELDS.get(field) or _FIELDS_REDEMPTION.get(field, (field, field))
        for language in (0, 1):
            texts[language].append(f"{names[language]} {_plain(before, language)} → {_plain(after, language)}")
    return Change("changed", part, name, "；".join(["：".join(texts[0][:2]), *texts[0][2:]]),
                  "; ".join([": ".join(texts[1][:2]), *texts[1][2:]]))  # fmt: skip


def _told(thing: BaseModel) -> frozenset[str]:
    """The fields that the sentence of a thing tells."""
    if isinstance(thing, AssignmentRule):
        return _TOLD_ASSIGNMENT
    if isinstance(thing, Offer):
        return OFFER_TOLD
    return ENTITLEMENT_TOLD if isinstance(thing, Entitlement) else _TOLD


def _titles(thing: Any) -> tuple[str, str]:
    title: Words | None = getattr(thing, "title", None)
    return (title.zh, title.en) if title is not None else (thing.id, thing.id)


def _words(thing: Any, fact_types: Mapping[str, FactType], language: int, called: Titles = NO_TITLES) -> str:
    """What a part says, in a sentence; its plain document where it has none."""
    zh = language == 0
    if isinstance(thing, Rule):
        fact_type = fact_types.get(thing.fact)
        return clause(thing, fact_type, "zh" if zh else "en") if fact_type else _plain(thing.award, language)
    if isinstance(thing, AssignmentRule):
        return rule_words(thing, language, titles=called)
    if isinstance(thing, Offer):
        return offer_words(thing, language)
    if isinstance(thing, Entitlement):
        return entitlement_words(thing, language)
    if isinstance(thing, Cap):
        window = WINDOW_WORDS[thing.window][language]
        return f"{window}至多{thing.points}分" if zh else f"at most {thing.points} points {window}"
    if isinstance(thing, Ladder):
        levels = [f"{lv.title.zh if zh else lv.title.en} {lv.points}" for lv in thing.levels]
        return ("，" if zh else ", ").join(levels)
    if isinstance(thing, Credit):
        grades = [f"{g.title.zh if zh else g.title.en} {g.at_least_percent}%" for g in thing.grades]
        return ("，" if zh else ", ").join(grades)
    if isinstance(thing, Measure):
        window = WINDOW_WORDS[thing.window][language]
        return f"{window}的{thing.fact}" if zh else f"{thing.fact} {window}"
    assert isinstance(thing, Tag)
    return _plain(thing.when, language)


def _plain(value: Any, language: int) -> str:
    """A part of a document as it would be written."""
    if value is None or value in ([], ""):
        return _NOTHING[language]
    if isinstance(value, Words):
        return value.zh if language == 0 else value.en
    if isinstance(value, bool):
        return (("否", "是") if language == 0 else ("no", "yes"))[value]
    if isinstance(value, (str, int)):
        return str(value)
    return orjson.dumps(value, default=_dumped, option=orjson.OPT_SORT_KEYS).decode()


def _dumped(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True, by_alias=True)


def _months(value: int | str) -> tuple[str, str]:
    return ("永久", "for ever") if value == "never" else (f"{value}个月", f"{value} months")

"""What changes from one rule set to another, in sentences, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from pydantic import BaseModel

from ledger.domain.fact_types import FactType, Words
from ledger.rules.assignment.document import FALLBACK, AssignmentRule, AssignmentRules
from ledger.rules.assignment.sentences import TERMS_WORDS, fallback_words, rule_words
from ledger.rules.condition_words import YES_NO, Titles, titles_words
from ledger.rules.document import Grade, Level, RuleSet
from ledger.rules.redemption.document import RedemptionRules, Variant
from ledger.rules.redemption.sentences import DEBT_WORDS, value_words as worth_words
from ledger.rules.sentences import (
    BY_ID,
    FIELDS,
    Called,
    called_of,
    item_words,
    months_words,
    thing_words,
    value_words,
)

_NOTHING: Final = ("无", "none")
_ARROW: Final = " → "
_SAME_MEANING: Final = ("（写法不同，含义相同）", " (written otherwise, meaning the same)")
_OTHER_LANGUAGE: Final = ("英文", "in Chinese")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `part` is what kind of thing of the document, `id` which one ("" where there is one only)."""

    kind: Literal["added", "removed", "changed"]
    part: str
    id: str
    zh: str
    en: str


_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "rules": ("规则", "rule"), "measures": ("指标", "measure"), "caps": ("上限", "cap"), "tags": ("标签", "tag"),
    "tiers": ("等级阶梯", "tier ladder"), "credit": ("信用评级", "credit grades"),
    "assignment": ("分配规则", "assignment rule"), "offers": ("兑换项目", "offer"),
    "entitlements": ("权益", "entitlement"),
}  # fmt: skip

_TERMS_TITLED: Final[Mapping[str, str]] = {"important_tiers": "tier", "important_tags": "tag"}
"""Terms that are ids, and of what."""


Sides = tuple[Called, Called]
"""How the old rule set and the new one call things."""


def rule_sets_differences(old: RuleSet, new: RuleSet, fact_types: Mapping[str, FactType]) -> list[Change]:
    """Every difference between two documents, part by part in the order of the document. Empty where there is none.

    A part that is new or gone is told whole, of a part that changed every field that did.
    """
    sides = _sides(old, new, fact_types)
    changes: list[Change] = []
    if old.id != new.id:
        changes.append(_single("id", ("规则集编号", "Id of the rule set"), [f"{old.id}{_ARROW}{new.id}"] * 2))
    if old.title != new.title:
        changes.append(_single("title", ("规则集名称", "Title of the rule set"), _both_words(old.title, new.title)))
    if old.expiry_months != new.expiry_months:
        months = [_ARROW.join(months_words(side.expiry_months, at) for side in (old, new)) for at in (0, 1)]
        changes.append(_single("expiry_months", ("积分有效期", "Points are valid"), months))
    for part in ("rules", "measures", "caps", "tags"):
        changes += _named(part, getattr(old, part), getattr(new, part), sides)
    for part in ("tiers", "credit"):
        before, after = getattr(old, part), getattr(new, part)
        zh, en = _PARTS[part]
        if before is None and after is not None:
            said = [thing_words(after, at, sides[1]) for at in (0, 1)]
            changes.append(Change("added", part, "", f"新增{zh}：{said[0]}", f"New {en}: {said[1]}"))
        elif before is not None and after is None:
            said = [thing_words(before, at, sides[0]) for at in (0, 1)]
            changes.append(Change("removed", part, "", f"取消{zh}（{said[0]}）", f"No {en} any more ({said[1]})"))
        elif before is not None and after is not None and before != after:
            changes.append(_changed(part, "", zh, f"{en[0].upper()}{en[1:]}", before, after, sides))
    changes += _assignment(old.assignment, new.assignment, sides)
    return changes + _redemption(old.redemption, new.redemption, sides)


def _sides(old: RuleSet, new: RuleSet, fact_types: Mapping[str, FactType]) -> Sides:
    """How both call things; where one title stands for two ids, with the id beside it."""
    called = called_of(old, fact_types), called_of(new, fact_types)
    ids: dict[tuple[str, str], set[str]] = {}
    for side in called:
        for (kind, name), titles in side.titles.items():
            for title in titles:
                ids.setdefault((kind, title), set()).add(name)

    def told(titles: Titles) -> Titles:
        return {
            (kind, name): (
                pair[0] if len(ids[kind, pair[0]]) == 1 else f"{pair[0]}（{name}）",
                pair[1] if len(ids[kind, pair[1]]) == 1 else f"{pair[1]} ({name})",
            )
            for (kind, name), pair in titles.items()
        }

    return Called(told(called[0].titles), fact_types), Called(told(called[1].titles), fact_types)


def _single(part: str, what: tuple[str, str], said: Sequence[str], name: str = "") -> Change:
    """What there is one of in a document."""
    return Change("changed", part, name, f"{what[0]}：{said[0]}", f"{what[1]}: {said[1]}")


def _assignment(old: AssignmentRules | None, new: AssignmentRules | None, sides: Sides) -> list[Change]:
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
    changes += _named("assignment", before.rules, after.rules, sides)
    if before.fallback != after.fallback:
        said = [_ARROW.join(fallback_words(side.fallback, at) for side in (before, after)) for at in (0, 1)]
        changes.append(_single("assignment", ("无人可选时", "Where nobody can be chosen"), said, FALLBACK))
    for name, (zh, en) in TERMS_WORDS.items():
        values = getattr(before.terms, name), getattr(after.terms, name)
        if values[0] != values[1]:
            said = [
                _arrow([_term(name, value, at, called) for value, called in zip(values, sides, strict=True)],
                       [_term(name, value, at, BY_ID) for value in values], at)
                for at in (0, 1)
            ]  # fmt: skip
            changes.append(_single("assignment", (zh, f"{en[0].upper()}{en[1:]}"), said, name))
    if before.note != after.note:
        said = _both_words(before.note, after.note)
        changes.append(_single("assignment", ("分配规则备注", "Note on assignment"), said, "note"))
    return changes


def _term(name: str, value: Any, at: int, called: Called) -> str:
    if isinstance(value, list):
        return titles_words(called.titles, _TERMS_TITLED[name], cast("list[str]", value), at) or _NOTHING[at]
    return YES_NO[value][at] if isinstance(value, bool) else str(value)


def _redemption(old: RedemptionRules | None, new: RedemptionRules | None, sides: Sides) -> list[Change]:
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
        changes += _named(part, getattr(before, part), getattr(after, part), sides)
    told: list[tuple[str, tuple[str, str], list[list[str]]]] = [
        ("debt", ("欠分处理", "Debt"), [[DEBT_WORDS[side.debt][at] for side in (before, after)] for at in (0, 1)]),
        ("hold_days", ("保留天数", "Days held"), [[str(side.hold_days) for side in (before, after)]] * 2),
        (
            "point_value", ("积分价值", "Worth of points"),
            [[worth_words(side.point_value, at) for side in (before, after)] for at in (0, 1)],
        ),
    ]  # fmt: skip
    for name, what, words in told:
        if getattr(before, name) != getattr(after, name):
            changes.append(_single("redemption", what, [_arrow(pair, pair, at) for at, pair in enumerate(words)], name))
    if before.note != after.note:
        said = _both_words(before.note, after.note)
        changes.append(_single("redemption", ("兑换备注", "Note on redemption"), said, "note"))
    return changes


def _named(part: str, old: Sequence[Any], new: Sequence[Any], sides: Sides) -> list[Change]:
    before: dict[str, Any] = {thing.id: thing for thing in old}
    after: dict[str, Any] = {thing.id: thing for thing in new}
    zh, en = _PARTS[part]
    changes: list[Change] = []
    for name, thing in after.items():
        titles = _titles(thing)
        if name not in before:
            said = [thing_words(thing, at, sides[1]) for at in (0, 1)]
            changes.append(
                Change("added", part, name, f"新增{zh}“{titles[0]}”：{said[0]}", f"New {en} {titles[1]}: {said[1]}")
            )
        elif thing != before[name]:
            names = f"{zh}“{titles[0]}”", f"{en.capitalize()} {titles[1]}"
            changes.append(_changed(part, name, *names, before[name], thing, sides))
    for name, thing in before.items():
        if name not in after:
            titles = _titles(thing)
            said = [thing_words(thing, at, sides[0]) for at in (0, 1)]
            changes.append(
                Change("removed", part, name, f"取消{zh}“{titles[0]}”（{said[0]}）",
                       f"{en.capitalize()} {titles[1]} is dropped ({said[1]})")
            )  # fmt: skip
    if [n for n in before if n in after] != [n for n in after if n in before]:
        changes.append(Change("changed", part, "", f"{zh}顺序改变", f"The {en}s stand in another order"))
    return changes


def _changed(part: str, name: str, zh: str, en: str, old: BaseModel, new: BaseModel, sides: Sides) -> Change:
    """One thing that is in both: everything in which they differ."""
    said = [_fields_told(old, new, at, sides) for at in (0, 1)]
    return Change("changed", part, name, f"{zh}：{'；'.join(said[0])}", f"{en}: {'; '.join(said[1])}")


def _fields_told(old: BaseModel, new: BaseModel, at: int, sides: Sides) -> list[str]:
    """Each field in which two parts differ. Those of assignment rules in one sentence, as far as it shows them."""
    differing = [name for name in type(old).model_fields if getattr(old, name) != getattr(new, name)]
    told: list[str] = []
    if isinstance(old, AssignmentRule):
        assert isinstance(new, AssignmentRule)
        before, after = rule_words(old, at, titles=sides[0].titles), rule_words(new, at, titles=sides[1].titles)
        shown = [name for name in differing if _is_shown(name, old, new, at, sides[1].titles)]
        if shown and before != after:
            told.append(f"{before}{_ARROW}{after}")
            differing = [name for name in differing if name not in shown]
    for name in differing:
        told += _field_told(name, old, new, at, sides)
    return told


def _is_shown(name: str, old: AssignmentRule, new: AssignmentRule, at: int, titles: Titles) -> bool:
    """Whether the sentence says another thing for this field alone."""
    mixed = old.model_copy(update={name: getattr(new, name)})
    return rule_words(mixed, at, titles=titles) != rule_words(old, at, titles=titles)


def _field_told(name: str, old: BaseModel, new: BaseModel, at: int, sides: Sides) -> list[str]:
    before, after = getattr(old, name), getattr(new, name)
    label = FIELDS[name][at]
    if isinstance(before, Words) or isinstance(after, Words):
        return [f"{label} {_both_words(before, after)[at]}"]
    if _is_items(before) or _is_items(after):
        return _items_told(label, before, after, at, sides)
    words = [value_words(thing, name, at, side) for thing, side in zip((old, new), sides, strict=True)]
    return [f"{label} {_arrow(words, [value_words(thing, name, at, BY_ID) for thing in (old, new)], at)}"]


def _arrow(said: Sequence[str], by_id: Sequence[str], at: int) -> str:
    """From one to the other; by ids and as written where titles don't tell them apart."""
    before, after = said if said[0] != said[1] else by_id
    return f"{before}{_ARROW}{after}" if before != after else before + _SAME_MEANING[at]


def _both_words(old: Words | None, new: Words | None) -> list[str]:
    """From one text to another in each language; what changes in the other language is told too."""
    texts = [((None, None) if words is None else (words.zh, words.en)) for words in (old, new)]
    arrows = [_ARROW.join(text[at] or _NOTHING[at] for text in texts) for at in (0, 1)]
    differ = [texts[0][at] != texts[1][at] for at in (0, 1)]
    said: list[str] = []
    for at, (own, other) in enumerate(((0, 1), (1, 0))):
        parts = [arrows[own]] if differ[own] else []
        # A text that begins or ends does so in both languages.
        if differ[other] and (not parts or None not in (old, new)):
            parts.append(f"{_OTHER_LANGUAGE[at]} {arrows[other]}")
        said.append(("，", ", ")[at].join(parts))
    return said


def _is_items(value: Any) -> bool:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return any(isinstance(item, (Level, Grade, Variant)) for item in items)


def _items_told(label: str, old: Sequence[Any], new: Sequence[Any], at: int, sides: Sides) -> list[str]:
    """What changes in levels, grades or variants: which are new or gone, and each field of those that stay."""
    before, after = {item.id: item for item in old}, {item.id: item for item in new}
    told: list[str] = []
    for name, item in after.items():
        if name not in before:
            told.append((f"新增{label}{name}：", f"new {label} {name}: ")[at] + item_words(item, at))
        elif item != before[name]:
            called = (f"{label}“{item.title.zh}”", f"{label} {item.title.en} ")[at]
            told += [f"{called}{field}" for field in _fields_told(before[name], item, at, sides)]
    for name, item in before.items():
        if name not in after:
            told.append((f"取消{label}{name}：", f"no {label} {name} any more: ")[at] + item_words(item, at))
    if [n for n in before if n in after] != [n for n in after if n in before]:
        told.append((f"{label}顺序改变", f"the {label}s stand in another order")[at])
    return told


def _titles(thing: Any) -> tuple[str, str]:
    title: Words | None = getattr(thing, "title", None)
    return (title.zh, title.en) if title is not None else (thing.id, thing.id)

"""What offers and entitlements say, in sentences, in Chinese and English. `at` is 0 for Chinese, 1 for English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.redemption.terms import WINDOW_WORDS, Both
from ledger.domain.values import points_parse, scaled_parse, scaled_text
from ledger.rules.comparisons import All, Any_, BalanceIs, Comparison, Condition, EarnedIs, GradeIs, Not, TagIs, TierIs
from ledger.rules.explain import points_short
from ledger.rules.redemption.document import Entitlement, Offer, PointValue

KIND_WORDS: Final[Mapping[str, Both]] = {
    "gift": ("礼品", "gift"),
    "service": ("服务", "service"),
    "offset": ("抵扣", "offset"),
    "honour": ("荣誉", "honour"),
}
STAGE_WORDS: Final[Mapping[str, Both]] = {
    "bidding": ("投标阶段", "bidding"),
    "construction": ("施工阶段", "construction"),
    "settlement": ("结算阶段", "settlement"),
}
DEBT_WORDS: Final[Mapping[str, Both]] = {
    "recover": ("由以后的发放先行偿还", "paid by the next grants"),
    "negative": ("保留为负数，只可使用超出部分", "stands, and only what goes beyond it can be spent"),
}
OFFER_TOLD: Final = frozenset({"points", "variants", "steps", "quota", "limits", "kind"})
"""What the sentence of an offer tells."""
ENTITLEMENT_TOLD: Final = frozenset({"stage", "when", "uses"})
_COMPARED: Final[Mapping[str, Both]] = {
    "equals": ("等于", "equal to"), "not_equals": ("不等于", "other than"), "at_least": ("至少", "at least"),
    "above": ("高于", "above"), "at_most": ("至多", "at most"), "below": ("低于", "below"),
    "one_of": ("为其中之一", "one of"),
}  # fmt: skip


def money_short(fen: int) -> str:
    """CNY without needless decimals."""
    return scaled_text(fen, 2).removesuffix(".00")


def offer_words(offer: Offer, at: int) -> str:
    """What an offer costs, what it is worth, and how often it can be had."""
    parts: list[str] = []
    if offer.kind == "offset":
        parts += [
            _say(
                f"{points_short(points_parse(step.points))}分起抵{money_short(scaled_parse(step.money, 2))}元",
                f"{points_short(points_parse(step.points))} points → {money_short(scaled_parse(step.money, 2))} CNY",
                at,
            )
            for step in offer.steps
        ]
    if offer.points is not None:
        unit = (offer.unit.zh if at == 0 else offer.unit.en) if offer.unit is not None else _say("每份", "each", at)
        points = points_short(points_parse(offer.points))
        parts.append(_say(f"{points}分／{unit}", f"{points} points, {unit}", at))
    for variant in offer.variants:
        title = variant.title.zh if at == 0 else variant.title.en
        cost = "" if variant.points is None else _say(f"{variant.points}分", f" {variant.points} points", at)
        parts.append(f"{title}{cost}")
    if offer.quota is not None:
        window = WINDOW_WORDS[offer.quota.window][at]
        unit = "份" if offer.unit is None else offer.unit.zh
        parts.append(_say(f"{window}共{offer.quota.units}{unit}", f"{offer.quota.units} {window} in all", at))
    for limit in offer.limits:
        window = WINDOW_WORDS[limit.window][at]
        if limit.times is not None:
            parts.append(_say(f"每位客户{window}至多{limit.times}次", f"at most {limit.times} times {window} each", at))
        if limit.points is not None:
            parts.append(
                _say(f"每位客户{window}至多{limit.points}分", f"at most {limit.points} points {window} each", at)
            )
    return KIND_WORDS[offer.kind][at] + _say("：", ": ", at) + _say("，", ", ", at).join(parts)


def offer_conditions(offer: Offer, level_titles: Mapping[str, Both], hold_days: int, at: int) -> str:
    """Who may have an offer and when, how long it is held and valid, who brings it; limits and quota stand in
    `offer_words`. `level_titles` by tier, `hold_days` as the rules come to."""
    parts: list[str] = []
    if offer.tiers:
        titles = _say("、", ", ", at).join(level_titles[tier][at] for tier in level_titles if tier in offer.tiers)
        parts.append(_say(f"限{titles}", f"for {titles}", at))
    if offer.effective_from is not None:
        parts.append(_say(f"{offer.effective_from}起", f"from {offer.effective_from}", at))
    if offer.effective_to is not None:
        parts.append(_say(f"至{offer.effective_to}止", f"until {offer.effective_to}", at))
    if offer.multiple_of is not None:
        unit = points_short(points_parse(offer.multiple_of))
        parts.append(_say(f"须为{unit}分的倍数", f"in multiples of {unit} points", at))
    parts.append(_say(f"预留{hold_days}天", f"held for {hold_days} days", at))
    if offer.valid_days is not None:
        days = offer.valid_days
        parts.append(_say(f"兑付后{days}天内有效", f"to be used within {days} days of being committed", at))
    if offer.supplier:
        parts.append(_say(f"供应商{offer.supplier}", f"supplied by {offer.supplier}", at))
    if offer.delivery is not None:
        parts.append(offer.delivery.zh if at == 0 else offer.delivery.en)
    return _say("；", "; ", at).join(parts)


def entitlement_words(entitlement: Entitlement, at: int) -> str:
    """At which stage, and under which conditions."""
    stage = STAGE_WORDS[entitlement.stage][at]
    often = ""
    if entitlement.uses is not None:
        window = WINDOW_WORDS[entitlement.uses.window][at]
        often = _say(f"，{window}{entitlement.uses.times}次", f", {entitlement.uses.times} times {window}", at)
    if entitlement.when is None:
        return _say(f"{stage}，人人享有", f"{stage}, for everybody", at) + often
    return _say(f"{stage}，条件：", f"{stage}, where ", at) + condition_words(entitlement.when, at) + often


def condition_words(condition: Condition, at: int) -> str:
    """A condition over tier, tags, grade, balance and earned points."""
    if isinstance(condition, All):
        return _say("且", " and ", at).join(_nested(part, at) for part in condition.all)
    if isinstance(condition, Any_):
        return _say("或", " or ", at).join(_nested(part, at) for part in condition.any)
    if isinstance(condition, Not):
        return _say("非", "not ", at) + _nested(condition.not_, at)
    if isinstance(condition, TierIs):
        return _say("等级", "tier ", at) + _COMPARED[condition.tier][at] + _say("", " ", at) + condition.level
    if isinstance(condition, TagIs):
        return _say("标签", "tag ", at) + condition.tag
    if isinstance(condition, GradeIs):
        return _say("信用等级", "grade ", at) + "/".join(condition.grade)
    assert isinstance(condition, (BalanceIs, EarnedIs)), f"no entitlement looks at {type(condition).__name__}"
    what = ("余额", "balance ") if isinstance(condition, BalanceIs) else ("累计获得", "points earned ")
    return what[at] + _COMPARED[condition.operator][at] + _say("", " ", at) + _operand(condition)


def value_words(value: PointValue, at: int) -> str:
    """What points are worth."""
    return _say(f"{value.points}分={value.money}元", f"{value.points} points = {value.money} CNY", at)


def _nested(condition: Condition, at: int) -> str:
    words = condition_words(condition, at)
    return f"({words})" if isinstance(condition, (All, Any_)) else words


def _operand(condition: Comparison) -> str:
    operand: Any = condition.operand
    return "/".join(map(str, operand)) if condition.operator == "one_of" else str(operand)


def _say(zh: str, en: str, at: int) -> str:
    return en if at else zh

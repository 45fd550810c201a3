"""What offers and entitlements say, in sentences, in Chinese and English. `at` is 0 for Chinese, 1 for English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ledger.domain.redemption.terms import WINDOW_WORDS, Both
from ledger.domain.values import points_parse, scaled_parse, scaled_text
from ledger.rules.condition_words import NO_TITLES, Titles, condition_words
from ledger.rules.explain import points_short
from ledger.rules.redemption.document import Entitlement, Offer, PointValue, Quota, Step, Uses

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


def money_short(fen: int) -> str:
    """CNY without needless decimals."""
    return scaled_text(fen, 2).removesuffix(".00")


def step_words(step: Step, at: int) -> str:
    """What points are worth from so many on."""
    points, money = points_short(points_parse(step.points)), money_short(scaled_parse(step.money, 2))
    return _say(f"{points}分起抵{money}元", f"{points} points → {money} CNY", at)


def quota_words(quota: Quota, unit: str, at: int) -> str:
    """How many for all customers together."""
    window = WINDOW_WORDS[quota.window][at]
    return _say(f"{window}共{quota.units}{unit}", f"{quota.units} {window} in all", at)


def uses_words(uses: Uses, at: int) -> str:
    """How often a customer may use an entitlement."""
    window = WINDOW_WORDS[uses.window][at]
    return _say(f"{window}{uses.times}次", f"{uses.times} times {window}", at)


def offer_words(offer: Offer, at: int) -> str:
    """What an offer costs, what it is worth, and how often it can be had."""
    parts: list[str] = []
    if offer.kind == "offset":
        parts += [step_words(step, at) for step in offer.steps]
    if offer.points is not None:
        unit = (offer.unit.zh if at == 0 else offer.unit.en) if offer.unit is not None else _say("每份", "each", at)
        points = points_short(points_parse(offer.points))
        parts.append(_say(f"{points}分／{unit}", f"{points} points, {unit}", at))
    for variant in offer.variants:
        title = variant.title.zh if at == 0 else variant.title.en
        cost = "" if variant.points is None else _say(f"{variant.points}分", f" {variant.points} points", at)
        parts.append(f"{title}{cost}")
    if offer.quota is not None:
        unit = "份" if offer.unit is None else offer.unit.zh
        parts.append(quota_words(offer.quota, unit, at))
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


def entitlement_words(entitlement: Entitlement, at: int, titles: Titles = NO_TITLES) -> str:
    """At which stage, and under which conditions."""
    stage = STAGE_WORDS[entitlement.stage][at]
    often = ""
    if entitlement.uses is not None:
        often = _say("，", ", ", at) + uses_words(entitlement.uses, at)
    if entitlement.when is None:
        return _say(f"{stage}，人人享有", f"{stage}, for everybody", at) + often
    return _say(f"{stage}，条件：", f"{stage}, where ", at) + condition_words(entitlement.when, at, titles) + often


def value_words(value: PointValue, at: int) -> str:
    """What points are worth."""
    return _say(f"{value.points}分={value.money}元", f"{value.points} points = {value.money} CNY", at)


def _say(zh: str, en: str, at: int) -> str:
    return en if at else zh

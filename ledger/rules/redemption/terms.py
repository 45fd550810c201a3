"""The section `redemption` of a rule set, as the domain asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ledger.domain.fact_types import Words
from ledger.domain.redemption.terms import Both, Entitlement, Holder, Limit, Offer, Step, Terms
from ledger.domain.values import DAY_FIRST, DAY_LAST, day_parse, points_parse, scaled_parse
from ledger.rules.comparisons import All, BalanceIs, Condition, EarnedIs, GradeIs, Leaf, TagIs, TierIs
from ledger.rules.condition_functions import OPERATORS, comparison_against, condition_built
from ledger.rules.document import RuleSet
from ledger.rules.explain import points_short
from ledger.rules.redemption.document import Offer as Written, PointValue, RedemptionRules
from ledger.rules.redemption.sentences import condition_words

Holds = Callable[[Holder], bool]
Lacks = Callable[[Holder], Sequence[Both]]


def redemption_terms(rule_set: str, rules: RuleSet) -> Terms:
    """The terms of a rule set; such as offer nothing where it has no section."""
    levels = [level.id for level in rules.tiers.levels] if rules.tiers else []
    titles = {level.id: _both(level.title) for level in rules.tiers.levels} if rules.tiers else {}
    section = rules.redemption
    if section is None:
        return Terms(rule_set, level_titles=titles)
    return Terms(
        rule_set,
        {offer.id: _offer(offer, section) for offer in section.offers},
        [
            Entitlement(
                e.id, e.stage, _both(e.title), _both(e.reason), condition_holds(e.when, levels),
                condition_lacks(e.when, levels), None if e.uses is None else (e.uses.times, e.uses.window),
            )
            for e in section.entitlements
        ],
        section.debt == "negative",
        titles,
    )


VALUE_STANDARD: Final = (points_parse(PointValue().points), scaled_parse(PointValue().money, 2))
"""1,000 points are 50 CNY."""


def point_value(rules: RuleSet) -> tuple[int, int]:
    """What points are worth in the books: so many (1/100) are so much money (fen)."""
    value = rules.redemption.point_value if rules.redemption is not None else PointValue()
    return points_parse(value.points), scaled_parse(value.money, 2)


def _offer(written: Written, section: RedemptionRules) -> Offer:
    price = points_parse(written.points) if written.points is not None else 0
    prices = {"": price} if not written.variants and price else {}
    prices |= {v.id: points_parse(v.points) if v.points is not None else price for v in written.variants}
    limits = [
        Limit(limit.window, limit.times, None if limit.points is None else points_parse(limit.points))
        for limit in written.limits
    ]
    return Offer(
        written.id,
        written.kind,
        _both(written.title),
        prices,
        {v.id: _both(v.title) for v in written.variants},
        [Step(points_parse(step.points), scaled_parse(step.money, 2)) for step in written.steps],
        points_parse(written.multiple_of) if written.multiple_of is not None else 1,
        frozenset(written.tiers),
        limits,
        None if written.quota is None else (written.quota.units, written.quota.window),
        written.valid_days or 0,
        DAY_FIRST if written.effective_from is None else day_parse(written.effective_from),
        DAY_LAST if written.effective_to is None else day_parse(written.effective_to),
        written.hold_days or section.hold_days,
        ("份", "") if written.unit is None else _both(written.unit),
    )


def condition_holds(condition: Condition | None, levels: Sequence[str]) -> Holds:
    """A condition as a function. `levels` are the ids of the tiers, lowest first. No condition always holds."""
    return condition_built(condition, lambda leaf: _leaf_holds(leaf, levels))


def _leaf_holds(leaf: Leaf, levels: Sequence[str]) -> Holds:
    if isinstance(leaf, TierIs):
        compare, place = OPERATORS[leaf.tier], levels.index(leaf.level)
        holding = frozenset(level for i, level in enumerate(levels) if compare(i, place))
        return lambda holder: holder.tier in holding
    if isinstance(leaf, TagIs):
        tag = leaf.tag
        return lambda holder: tag in holder.tags
    if isinstance(leaf, GradeIs):
        grades = frozenset(leaf.grade)
        return lambda holder: holder.grade in grades
    assert isinstance(leaf, (BalanceIs, EarnedIs)), f"no entitlement looks at {type(leaf).__name__}"
    compare, against = comparison_against(leaf, points_parse)
    if isinstance(leaf, BalanceIs):
        return lambda holder: compare(holder.balance, against)
    if leaf.earned == "lifetime":
        return lambda holder: compare(holder.earned_ever, against)
    return lambda holder: compare(holder.earned, against)


def condition_lacks(condition: Condition | None, levels: Sequence[str]) -> Lacks:
    """What of a condition doesn't hold, in words with what is there instead: of several that all must hold each by
    itself; of several of which one must hold, all together."""
    if condition is None:
        return lambda _: ()
    if isinstance(condition, All):
        parts = [condition_lacks(part, levels) for part in condition.all]
        return lambda holder: [words for part in parts for words in part(holder)]
    holds, (zh, en) = condition_holds(condition, levels), [condition_words(condition, at) for at in (0, 1)]

    def lacks(holder: Holder) -> Sequence[Both]:
        if holds(holder):
            return ()
        now = _now(condition, holder)
        return ((f"{zh}（现为{now[0]}）", f"{en} (it is {now[1]})") if now else (zh, en),)

    return lacks


def _now(condition: Condition, holder: Holder) -> Both | None:
    """What a customer has of what a condition looks at; None where that is several things, or just not there."""
    if isinstance(condition, TierIs):
        return (holder.tier, holder.tier) if holder.tier else ("无", "none")
    if isinstance(condition, GradeIs):
        return (holder.grade, holder.grade) if holder.grade else ("无", "none")
    if isinstance(condition, BalanceIs):
        balance = points_short(holder.balance)
        return balance, balance
    if isinstance(condition, EarnedIs):
        earned = points_short(holder.earned_ever if condition.earned == "lifetime" else holder.earned)
        return earned, earned
    return None


def _both(words: Words) -> Both:
    return words.zh, words.en

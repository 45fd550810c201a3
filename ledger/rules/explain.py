"""Words for what rules say and what they came to, in Chinese and English: every award can explain itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ledger.domain.fact_types import FactType
from ledger.domain.redemption.terms import WINDOW_WORDS
from ledger.domain.values import points_parse, points_text, scaled_text
from ledger.rules.conditions import places_of
from ledger.rules.document import Award, Limit, Nth, Rule, RuleSet
from ledger.rules.redemption.document import OfferLimit

Language = Literal["zh", "en"]


def points_short(points: int, *, signed: bool = False) -> str:
    """Points without needless decimals; with a sign if asked for."""
    text = points_text(points).removesuffix(".00")
    return f"+{text}" if signed and points > 0 else text


def attribute_title(fact_type: FactType | None, name: str, language: Language) -> str:
    """How an attribute is called; by its id where the type of the fact isn't known."""
    source = None if fact_type is None else fact_type.derived.get(name) or fact_type.attributes.get(name)
    return name if source is None else getattr(source.title, language)


def unit_words(fact_type: FactType | None, name: str, language: Language) -> str:
    """The unit of a number; "" where it has none or the type of the fact isn't known."""
    if fact_type is not None and name in fact_type.derived:
        return {"zh": "天", "en": "days"}[language]
    attribute = None if fact_type is None else fact_type.attributes.get(name)
    unit = attribute.unit if attribute is not None and attribute.type == "number" else ""
    return {"CNY": "元", "h": "小时", "points": "分"}.get(unit, unit) if language == "zh" else unit


def grouped(text: str) -> str:
    """A decimal number with its thousands apart."""
    whole, _, fraction = text.partition(".")
    sign = "-" if whole.startswith("-") else ""
    whole = f"{int(whole.lstrip('-')):,}"
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def clause(rule: Rule, fact_type: FactType | None, language: Language) -> str:
    """What a rule's award says, with which of them count and how many at most, in one sentence."""
    text = award_clause(rule.award, fact_type, language)
    if rule.nth is not None:
        text += f"（{nth_words(rule.nth, language)}）" if language == "zh" else f" ({nth_words(rule.nth, language)})"
    for limit in rule.limits:
        text += ("，" if language == "zh" else ", ") + limit_words(limit, language)
    return text


def award_clause(award: Award, fact_type: FactType | None, language: Language) -> str:
    """How many points for what. What ends a streak is said by `streak_end_words`."""
    zh = language == "zh"
    if award.points is not None:
        points = points_short(points_parse(award.points), signed=True)
        return f"每次{points}分" if zh else f"{points} points each"
    if award.per_unit is not None:
        per = award.per_unit
        points = points_short(points_parse(per.points), signed=True)
        unit = grouped(str(per.unit))
        title = attribute_title(fact_type, per.attribute, language)
        suffix = unit_words(fact_type, per.attribute, language)
        if zh:
            return f"{title}每满{unit}{suffix}{points}分"
        return f"{points} points for every full {f'{unit} {suffix}'.rstrip()} of {title.lower()}"
    if award.streak is not None:
        steps = ", ".join(points_short(points_parse(s), signed=True) for s in award.streak.steps)
        return f"连续第1、2…次依次{steps}分" if zh else f"in a row: {steps} points, the last repeats"
    assert award.bands is not None
    title = attribute_title(fact_type, award.bands.attribute, language)
    parts = [
        f"{b.from_}{'起' if zh else '+'} {points_short(points_parse(b.points), signed=True)}" for b in award.bands.steps
    ]
    return f"按{title}分档：{'，'.join(parts)}分" if zh else f"by {title.lower()}: {', '.join(parts)} points"


def nth_words(nth: Nth, language: Language) -> str:
    """Which of a window count."""
    window = WINDOW_WORDS[nth.window][0 if language == "zh" else 1]
    if language == "zh":
        return f"{window}{'每逢第' if nth.every else '第'}{nth.n}次"
    return f"{'every' if nth.every else 'only the'} {_ordinal(nth.n)} {window}"


def limit_words(limit: Limit | OfferLimit, language: Language) -> str:
    """How many times or points at most in a window."""
    zh = language == "zh"
    window = WINDOW_WORDS[limit.window][0 if zh else 1]
    caps: list[str] = []
    if limit.times is not None:
        caps.append(f"{limit.times}次" if zh else f"{limit.times} times")
    if limit.points is not None:
        points = points_short(points_parse(limit.points))
        caps.append(f"{points}分" if zh else f"{points} points")
    return f"{window}至多{'、'.join(caps)}" if zh else f"at most {' and '.join(caps)} {window}"


def _ordinal(n: int) -> str:
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def _percent(bp: int) -> str:
    return scaled_text(bp, 2).removesuffix(".00") + "%"


def award_words(state: Mapping[str, Any], rules: RuleSet, fact_type: FactType, rule: Rule, language: Language) -> str:
    """How a PointsGranted or PointsDeducted came to its points, from its own arithmetic."""
    zh = language == "zh"
    a: Mapping[str, int] = state["arithmetic"]
    base = points_short(a["base"])
    award = rule.award
    if award.per_unit is not None:
        per = award.per_unit
        value = grouped(scaled_text(a["source"], places_of(fact_type, per.attribute)))
        each = points_short(points_parse(per.points))
        title = attribute_title(fact_type, per.attribute, language)
        unit = grouped(str(per.unit))
        suffix = unit_words(fact_type, per.attribute, language)
        if unit == each and a["units"] == a["base"]:
            text = (
                f"{title}{value}{suffix}，照记{base}分"
                if zh
                else f"{title} {value} {suffix}, as it stands: {base} points"
            )
        else:
            text = (
                f"{title}{value}{suffix}，满{unit}{suffix}共{a['units']}份 × {each}分 = {base}分"
                if zh
                else f"{title} {value} {suffix}: {a['units']} full units of {unit} × {each} = {base} points"
            )
    elif award.bands is not None:
        value = scaled_text(a["source"], places_of(fact_type, award.bands.attribute))
        title = attribute_title(fact_type, award.bands.attribute, language)
        text = f"{title}{value}，所在档{base}分" if zh else f"{title} {value} lies in the band of {base} points"
    elif award.streak is not None:
        text = f"连续第{a['count']}次：{base}分" if zh else f"the {_ordinal(a['count'])} in a row: {base} points"
    elif rule.nth is not None:
        window = WINDOW_WORDS[rule.nth.window][0 if zh else 1]
        text = f"{window}第{a['count']}次：{base}分" if zh else f"the {_ordinal(a['count'])} {window}: {base} points"
    else:
        text = f"固定{base}分" if zh else f"fixed {base} points"
    if a["weight_bp"] != 10000 or a["factor_bp"] != 10000:
        weight, factor = _percent(a["weight_bp"]), _percent(a["factor_bp"])
        sign = -1 if a["base"] < 0 else 1
        total = points_short(sign * a["uncut"])
        text += (
            f"；× 权重{weight} × 等级系数{factor} = {total}分（向零取整）"
            if zh
            else f"; × weight {weight} × tier factor {factor} = {total} points (rounded towards zero)"
        )
    if state.get("cut_by"):
        kind, name, window = state["cut_by"].split("/")
        cap = next((c for c in rules.caps if kind == "cap" and c.id == name), None)
        words = WINDOW_WORDS[window][0 if zh else 1]
        title = getattr(cap.title, language) if cap else getattr(rule.title, language)
        if title.endswith(words):
            words = ""
        final = points_short(state["points"])
        text += (
            f"；受“{title}”{words}上限所限，计{final}分" if zh else f"; cut to {final} by the limit of {title} {words}".rstrip()
        )
    if state.get("debt_paid"):
        paid = points_short(state["debt_paid"])
        text += f"；其中{paid}分抵偿欠分" if zh else f"; {paid} of them pay debt"
    if state.get("debt"):
        debt = points_short(state["debt"])
        text += f"；余额不足，欠{debt}分" if zh else f"; {debt} of them are debt, there were not enough points"
    return text

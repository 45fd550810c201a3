"""Random rule sets and histories: everything the rules know, small enough that things meet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.unit.rules.play import Play, level, month, rule, rule_set, tag

FACTS = ("deal", "visit", "gripe", "done")
ACCOUNTS = (1, 2, 3)
WINDOWS = ("day", "month", "quarter", "year", "lifetime")
POINTS = st.sampled_from([5, "9.99", 40, -30, "-7.77", 1, "2.50", 15, 20])
MONTH_FIRST, MONTH_LAST = month("2023-10"), month("2024-12")
OPERATORS = ("equals", "not_equals", "at_least", "above", "at_most", "below")

DAYS = st.builds(
    lambda number, day: f"{1970 + number // 12}-{number % 12 + 1:02d}-{day:02d}",
    st.integers(MONTH_FIRST, MONTH_LAST),
    st.sampled_from([1, 2, 15, 28]),
)


Comparisons = st.SearchStrategy[dict[str, Any]]
"""Making a strategy takes longer than drawing from it, so each is made once."""


def _compared(subject: dict[str, Any], *values: Any) -> Comparisons:
    return st.builds(lambda o, v: {**subject, o: v}, st.sampled_from(OPERATORS), st.sampled_from(values))


BALANCE = _compared({"balance": True}, 0, 5, "20.50")
EARNED_LIFETIME = _compared({"earned": "lifetime"}, 0, 10)
EARNED_WINDOW = _compared({"earned": "window"}, 0, 10)
MEASURED = (_compared({"measure": "all"}, 1, 2), _compared({"measure": "all", "of": "sum"}, 0, "50.50"))
GRADED = st.sampled_from([{"grade": ["g1"]}, {"grade": ["g1", "g2"]}])
LADDERS = (("low", "mid", "top"), ("one", "mid", "two", "top"))
TAGS = (("t1",), ("t1", "t2"), ("t2", "t3"))
ON_LADDER = {
    names: st.builds(
        lambda how, name: {"tier": how, "level": name},
        st.sampled_from(["at_least", "at_most", "equals"]),
        st.sampled_from(names),
    )
    for names in LADDERS
}
TAGGED = {names: st.sampled_from([{"tag": name} for name in names]) for names in TAGS}


@cache
def _of_fact(fact: str) -> tuple[Comparisons, ...]:
    """Comparisons on what a fact carries."""
    leaves: list[Comparisons] = []
    if fact == "deal":
        leaves.append(_compared({"attribute": "amount"}, 0, "10.50", 100))
        leaves.append(_compared({"attribute": "late"}, 0, 10))
        leaves.append(st.just({"attribute": "urgent", "equals": True}))
    if fact == "visit":
        leaves.append(_compared({"attribute": "score"}, -1, 0, "2.5"))
    if fact in ("deal", "gripe"):
        leaves.append(st.just({"attribute": "kind", "one_of": ["a", "c"]}))
        leaves.append(st.just({"attribute": "kind", "not_equals": "a"}))
    return tuple(leaves)


@cache
def _static(fact: str) -> Comparisons:
    """Comparisons on what a fact carries and on the customer."""
    trait = st.builds(
        lambda trait, operator, value: {"customer": trait, operator: value},
        st.sampled_from(["industry", "region"]),
        st.sampled_from(["equals", "not_equals"]),
        st.sampled_from(["x", "y"]),
    )
    return st.one_of([trait, *_of_fact(fact)])


@cache
def _nested(*leaves: Comparisons) -> Comparisons:
    """Any of these, or all, any or none of them."""
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=2)),
            st.builds(lambda part: {"not": part}, inner),
        ),
        max_leaves=3,
    )


@st.composite
def rule_sets(draw: st.DrawFn, plain: bool = False) -> dict[str, Any]:
    """A rule set as a document. `plain` ones only award by the fact and the customer, without any memory."""
    more: dict[str, Any] = {"expiry_months": draw(st.sampled_from([1, 2, 5, "never", 1]))}
    if draw(st.integers(0, 3)) == 3:
        more["redemption"] = {"debt": "negative"}
    changing: list[Comparisons] = []
    if not plain:
        changing += [BALANCE, EARNED_LIFETIME]
        _scenery(draw, more, changing)
    names = draw(st.lists(st.sampled_from("pqrstu"), min_size=3, max_size=6, unique=True))
    rules = [_rule(draw, name, tuple(changing), plain) for name in names]
    if not plain and draw(st.booleans()):
        more["caps"] = [
            {
                "id": "cap",
                "title": {"zh": "c", "en": "c"},
                "window": draw(st.sampled_from(WINDOWS)),
                "points": draw(st.sampled_from([3, "12.50", 60])),
                **({"rules": names[:2]} if draw(st.booleans()) else {}),
            }
        ]
    return rule_set(*rules, **more)


def _scenery(draw: st.DrawFn, more: dict[str, Any], changing: list[Comparisons]) -> None:
    """Measures, a ladder, tags and a credit grade, and the comparisons they make possible."""
    if draw(st.booleans()):
        window = draw(st.sampled_from(WINDOWS))
        more["measures"] = [
            {"id": "all", "fact": "deal", "window": window, "sum": "amount"},
            {"id": "good", "fact": "deal", "window": window, "when": draw(st.one_of(_of_fact("deal")))},
        ]
        changing += MEASURED
        if draw(st.booleans()):
            grades = [("g1", 75), ("g2", 20)]
            more["credit"] = {
                "good": "good",
                "all": "all",
                "grades": [{"id": g, "title": {"zh": g, "en": g}, "at_least_percent": p} for g, p in grades],
            }
            changing.append(GRADED)
    if draw(st.booleans()):
        names = draw(st.sampled_from(LADDERS))
        points = [0, 10, 25, 60]
        more["tiers"] = {
            "window": draw(st.sampled_from(WINDOWS[1:])),
            "fall_levels_max": draw(st.integers(0, 2)),
            "levels": [level(n, points[i], 100 + 15 * i) for i, n in enumerate(names)],
        }
        changing += [ON_LADDER[names], EARNED_WINDOW]
    if draw(st.booleans()):
        when = _nested(*changing)
        names = draw(st.sampled_from(TAGS))
        more["tags"] = [tag(name, draw(when)) for name in names]
        changing.append(TAGGED[names])


def _rule(draw: st.DrawFn, name: str, changing: tuple[Comparisons, ...], plain: bool) -> dict[str, Any]:
    fact = draw(st.sampled_from(FACTS))
    conditions = _nested(_static(fact), *changing)
    ways = ["points"] if plain else ["points", "streak"]
    if fact in ("deal", "visit"):
        ways += ["per_unit", "bands"]
    way = draw(st.sampled_from(ways))
    column = "amount" if fact == "deal" else "score"
    units = st.sampled_from([200, "550.25"] if fact == "deal" else [2, "10.5"])
    award: dict[str, Any]
    if way == "points":
        award = {"points": draw(POINTS)}
    elif way == "streak":
        award = {"streak": {"steps": draw(st.lists(POINTS, min_size=1, max_size=3))}}
        breaks = draw(st.lists(st.sampled_from(FACTS), max_size=2, unique=True))
        award["streak"]["broken_by"] = [
            {"fact": b, **({"when": draw(_static(b))} if draw(st.booleans()) else {})} for b in breaks
        ]
    elif way == "per_unit":
        award = {
            "per_unit": {
                "attribute": column,
                "unit": draw(units),
                "points": draw(POINTS),
            }
        }
    else:
        edges = [(-5, draw(POINTS)), (0, draw(POINTS)), ("3.5", draw(POINTS))]
        award = {"bands": {"attribute": column, "steps": [{"from": e, "points": p} for e, p in edges]}}
    more: dict[str, Any] = {"award": award}
    if draw(st.integers(0, 3)) == 3:
        more["when"] = draw(conditions)
    if fact == "deal" and draw(st.integers(0, 3)) == 3:
        more["recipient"] = "referrer"
    if draw(st.booleans()):
        percents = st.sampled_from([0, "33.33", 120, 250])
        more["weights"] = [
            {"when": draw(conditions), "percent": draw(percents)} for _ in range(draw(st.integers(1, 2)))
        ]
    if draw(st.booleans()):
        more["factors_on_penalties"] = True
    more["expiry_months"] = draw(st.sampled_from([None, 1, None, 3, "never"]))
    if draw(st.integers(0, 5)) == 5:
        more["effective_from"] = "2024-02-02"
    if plain:
        return rule(name, fact, **more)
    more["tier_factor"] = draw(st.booleans())
    if draw(st.integers(0, 3)) == 3:
        more["nth"] = {
            "n": draw(st.integers(2, 3)),
            "window": draw(st.sampled_from(WINDOWS)),
            "every": draw(st.booleans()),
        }
    windows = draw(st.lists(st.sampled_from(WINDOWS), max_size=draw(st.sampled_from([0, 2])), unique=True))
    more["limits"] = [
        {
            "window": w,
            **draw(st.sampled_from([{"times": 1}, {"times": 2}, {"points": 6}, {"times": 3, "points": 50}])),
        }
        for w in windows
    ]
    return rule(name, fact, **more)


@st.composite
def _attributes(draw: st.DrawFn, fact: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if fact == "deal":
        given["amount"] = draw(st.sampled_from([1000, "99.99", "10.50", -420, None]))
        given["urgent"] = draw(st.sampled_from([None, True, False]))
        given["due_on"] = draw(st.sampled_from([None, "2024-01-10"]))
        given["paid_on"] = draw(st.sampled_from([None, "2024-01-01", "2024-01-25"]))
    if fact == "visit":
        given["score"] = draw(st.sampled_from([50, 3, 0, "-2.5", None]))
    if fact in ("deal", "gripe"):
        given["kind"] = draw(st.sampled_from([None, "a", "b", "c"]))
    return {k: v for k, v in given.items() if v is not None}


ATTRIBUTES = {fact: _attributes(fact) for fact in FACTS}


@dataclass
class _Stretch:
    """What was held (or spent) at a position, and how much of it is left to be spent or freed (or given back)."""

    position: int
    account: int
    left: int
    is_hold: bool
    before: int = 0


def _follow(draw: st.DrawFn, play: Play, stretches: list[_Stretch]) -> None:
    """Spend or free a part of something held, or give back a part of something spent."""
    open_ones = [s for s in stretches if s.left]
    if not open_ones:
        return
    of = draw(st.sampled_from(open_ones))
    points = min(of.left, draw(st.sampled_from([1, 100, 333, 10_000])))
    where = of.position, points, of.before, draw(DAYS), of.account
    if not of.is_hold:
        play.give_back(*where)
    elif draw(st.integers(0, 2)):
        stretches.append(_Stretch(play.spend(*where), of.account, points, False))
    else:
        play.free(*where)
    of.left -= points
    of.before += points


@st.composite
def plays(draw: st.DrawFn, plain: bool = False, length_max: int = 24, whole: bool = True) -> Play:
    """A history: facts in any order of dates, corrections of any version that stands, month ends, changes of
    customers, sometimes a second activation; points held, spent, freed and given back in parts. Month ends are closed
    one after the other. `whole`: it is folded in one piece, so holds may ask whether they are covered."""
    play = Play(draw(rule_sets(plain)))
    for account in ACCOUNTS:
        play.traits[account] = ("x", "", "", "")
    standing: list[int] = []
    stretches: list[_Stretch] = []
    steps = ["fact"] * 6 if plain else ["fact"] * 6 + ["correct"] * 3 + ["close"] * 3 + ["change", "activate"]
    steps = steps if plain else [*steps, *["hold"] * 2, *["follow"] * 3]
    for step in draw(st.lists(st.sampled_from(steps), min_size=length_max // 3, max_size=length_max)):
        if step == "fact" or (step == "correct" and not standing):
            fact = draw(st.sampled_from(FACTS))
            standing.append(
                play.fact(
                    draw(DAYS),
                    fact,
                    draw(st.sampled_from(ACCOUNTS)),
                    referrer=draw(st.sampled_from([0, *ACCOUNTS])) if fact == "deal" else 0,
                    **draw(ATTRIBUTES[fact]),
                )
            )
        elif step == "correct":
            position = standing.pop(draw(st.integers(0, len(standing) - 1)))
            fact = play.versions[position].content["fact"]
            change: dict[str, Any] = {"attributes": draw(ATTRIBUTES[fact])}
            if draw(st.booleans()):
                change["account"] = draw(st.sampled_from(ACCOUNTS))
            if draw(st.booleans()):
                change["occurred"] = draw(DAYS)
            standing.append(play.correct(position, **change))
        elif step == "close":
            number = max(MONTH_FIRST - 1, play.closed)
            for _ in range(draw(st.sampled_from([1, 1, 2, 6, 13]))):
                number += 1
                play.close(f"{1970 + number // 12}-{number % 12 + 1:02d}")
        elif step == "hold":
            account, points = draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from([100, 500, 750, 4000]))
            position = play.hold(draw(DAYS), points, account, covered=whole and draw(st.booleans()))
            stretches.append(_Stretch(position, account, points, True))
        elif step == "follow":
            _follow(draw, play, stretches)
        elif step == "change":
            traits = draw(st.sampled_from([("x", "", "", ""), ("y", "x", "", ""), ("", "y", "", "")]))
            play.traits[draw(st.sampled_from(ACCOUNTS))] = traits
        elif len(play.activations) < 3:
            play.activate(draw(DAYS), draw(rule_sets()))
    if not play.rows:
        play.fact("2024-01-01", "visit")
    return play

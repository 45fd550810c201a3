"""Limits, caps, nth and streaks: what an award owes to those before it, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.rules.play import Play, rule, rule_set


def positions(play: Play, account: int = 1) -> list[int | str]:
    return [o["at"] for o in play.run().outs if o["account"] == account and o["points"]]


WINDOWS = [
    # two dates in one window, one in the next
    ("day", "2024-03-31", "2024-03-31", "2024-04-01"),
    ("month", "2024-03-01", "2024-03-31", "2024-04-01"),
    ("quarter", "2024-01-01", "2024-03-31", "2024-04-01"),
    ("year", "2024-01-01", "2024-12-31", "2025-01-01"),
]


@pytest.mark.parametrize(("window", "first", "second", "beyond"), WINDOWS)
def test_a_limit_of_times_holds_within_its_window(window: str, first: str, second: str, beyond: str) -> None:
    play = Play(rule_set(rule(limits=[{"window": window, "times": 1}])))
    kept = [play.fact(first)]
    play.fact(second)
    kept.append(play.fact(beyond))
    assert positions(play) == kept


@pytest.mark.parametrize(("window", "first", "second", "beyond"), WINDOWS)
def test_a_limit_of_points_cuts_what_would_pass_it(window: str, first: str, second: str, beyond: str) -> None:
    play = Play(rule_set(rule(limits=[{"window": window, "points": 8}])))
    for day in (first, second, second, beyond):
        play.fact(day)
    assert play.run().points() == [500, 300, 500]  # 8 - 5 = 3, then nothing is left


def test_a_lifetime_limit_never_begins_anew() -> None:
    play = Play(rule_set(rule(limits=[{"window": "lifetime", "times": 2}])))
    kept = [play.fact("2024-01-01"), play.fact("2025-01-01")]
    play.fact("2026-01-01")
    play.close("2024-01", "2024-02")
    play.fact("2026-01-02")
    assert positions(play) == kept


def test_of_several_limits_the_narrowest_cuts_and_all_count() -> None:
    limits = [
        {"window": "day", "points": 7},
        {"window": "month", "points": 10},
        {"window": "year", "times": 3},
    ]
    play = Play(rule_set(rule(limits=limits)))
    play.fact("2024-03-01")  # 5
    play.fact("2024-03-01")  # day: 7 - 5 = 2
    play.fact("2024-03-02")  # month: 10 - 7 = 3
    play.fact("2024-04-01")  # the year's three times are used up
    assert play.run().points() == [500, 200, 300]


def test_limits_bound_a_penalty_by_its_size() -> None:
    play = Play(rule_set(rule(award={"points": -5}, limits=[{"window": "month", "points": 8}])))
    for _ in range(3):
        play.fact("2024-03-01")
    assert play.run().points() == [-500, -300]


def test_accounts_have_limits_of_their_own() -> None:
    play = Play(rule_set(rule(limits=[{"window": "day", "times": 1}])))
    play.fact("2024-03-01", account=1)
    play.fact("2024-03-01", account=2)
    assert play.run().points(1) == play.run().points(2) == [500]


def test_a_cap_is_shared_by_the_rules_it_names() -> None:
    cap = {"id": "few", "title": {"zh": "c", "en": "c"}, "window": "month", "points": 12, "rules": ["a", "b"]}
    document = rule_set(rule("a"), rule("b", award={"points": 4}), rule("c", award={"points": 1}), caps=[cap])
    play = Play(document)
    play.fact("2024-03-01")  # a 5, b 4, c 1
    play.fact("2024-03-02")  # a 12 - 9 = 3, b nothing, c 1
    play.fact("2024-04-02")
    assert play.run().points() == [500, 400, 100, 300, 100, 500, 400, 100]


def test_a_cap_that_names_no_rule_is_shared_by_all() -> None:
    cap = {"id": "all", "title": {"zh": "c", "en": "c"}, "window": "year", "points": "6.50"}
    play = Play(rule_set(rule("a"), rule("b", "done", award={"points": 4}), caps=[cap]))
    play.fact("2024-03-01")
    play.fact("2024-05-01", "done")
    assert play.run().points() == [500, 150]


def test_a_cap_neither_cuts_a_penalty_nor_is_used_up_by_one() -> None:
    cap = {"id": "all", "title": {"zh": "c", "en": "c"}, "window": "year", "points": 10}
    award = {"per_unit": {"attribute": "score", "unit": 1, "points": 1}}
    play = Play(rule_set(rule(award=award), caps=[cap]))
    play.fact("2024-03-01", score=-50)
    play.fact("2024-03-02", score=8)
    penalty = play.fact("2024-03-03", score=-3)
    play.correct(penalty, score=-4)  # the penalty's reversal gives the cap nothing back
    play.fact("2024-03-04", score=8)
    # 8 of 10 used, so the last grant is cut to 2
    assert play.run().points() == [-5000, 800, -300, 300, -400, 200]


def test_the_third_of_a_month_is_awarded_once() -> None:
    play = Play(rule_set(rule(nth={"n": 3, "window": "month"})))
    made = [play.fact(f"2024-03-{d:02d}") for d in range(1, 8)]
    assert positions(play) == [made[2]]


def test_every_third_is_awarded_each_time() -> None:
    play = Play(rule_set(rule(nth={"n": 3, "window": "month", "every": True})))
    made = [play.fact(f"2024-03-{d:02d}") for d in range(1, 8)]
    assert positions(play) == [made[2], made[5]]


def test_facts_out_of_order_within_open_months_count_in_their_own_month() -> None:
    play = Play(rule_set(rule(nth={"n": 3, "window": "month"})))
    play.fact("2024-03-20")
    play.fact("2024-04-02")
    play.fact("2024-03-01")
    play.fact("2024-04-01")
    third_march = play.fact("2024-03-10")
    third_april = play.fact("2024-04-30")
    assert positions(play) == [third_march, third_april]


def test_a_late_fact_counts_in_the_first_open_month() -> None:
    play = Play(rule_set(rule(nth={"n": 3, "window": "month"})))
    play.fact("2024-03-20")
    play.fact("2024-03-21")
    play.close("2024-03")
    play.fact("2024-03-22")  # booked on 1 April: the first of April, not the third of March
    play.fact("2024-04-02")
    third = play.fact("2024-04-03")
    assert positions(play) == [third]


def test_only_facts_that_meet_the_conditions_are_counted_to_the_nth() -> None:
    play = Play(rule_set(rule(nth={"n": 2, "window": "year"}, when={"attribute": "score", "at_least": 1})))
    play.fact("2024-03-01", score=1)
    play.fact("2024-03-02", score=0)
    second = play.fact("2024-03-03", score=2)
    assert positions(play) == [second]


def streak(broken_by: list[dict[str, Any]]) -> dict[str, Any]:
    return rule_set(rule("bad", "gripe", award={"streak": {"steps": [-30, -60], "broken_by": broken_by}}))


def test_the_last_step_of_a_streak_repeats_and_another_fact_breaks_it() -> None:
    play = Play(streak([{"fact": "done"}]))
    for fact in ("gripe", "gripe", "gripe", "done", "gripe", "gripe"):
        play.fact("2024-03-01", fact)
    assert play.run().points() == [-3000, -6000, -6000, -3000, -6000]


def test_a_streak_is_broken_only_when_the_break_meets_its_condition() -> None:
    play = Play(streak([{"fact": "visit", "when": {"attribute": "score", "at_least": 5}}]))
    play.fact("2024-03-01", "gripe")
    play.fact("2024-03-01", "visit", score=4)
    play.fact("2024-03-01", "gripe")
    play.fact("2024-03-01", "visit", score=5)
    play.fact("2024-03-01", "gripe")
    assert play.run().points() == [-3000, -6000, -3000]


def test_a_streak_is_broken_before_the_rules_of_the_same_fact_speak() -> None:
    award = {
        "streak": {
            "steps": [1, 2, 3],
            "broken_by": [{"fact": "visit", "when": {"attribute": "score", "equals": 0}}],
        }
    }
    play = Play(rule_set(rule(award=award)))
    for score in (1, 1, 0, 1, 1, 1):
        play.fact("2024-03-01", score=score)
    assert play.run().points() == [100, 200, 100, 200, 300, 300]

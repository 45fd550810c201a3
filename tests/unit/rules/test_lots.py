"""Lots, expiry, debt, corrections and month ends, worked by hand. All points in 1/100 point."""

from __future__ import annotations

from typing import Any

from ledger.rules import layout as at
from tests.unit.rules.play import Play, level, month, rule, rule_set, tag

PENALTY = rule("fine", "gripe", award={"points": -8})
FREE = {"per_unit": {"attribute": "score", "unit": "0.1", "points": "0.10"}}
"""As many points as the visit's score."""


def test_points_expire_at_the_end_of_the_month_so_many_months_on() -> None:
    play = Play(rule_set(rule(), expiry_months=24))
    play.fact("2024-01-05")
    assert play.run().lots() == {"2026-01": 500}
    play.close(*[f"{y}-{m:02d}" for y in (2024, 2025) for m in range(1, 13)])
    assert play.run().lots() == {"2026-01": 500}
    play.close("2026-01")
    result = play.run()
    assert result.of("2026-01-31") == [("expiry", -500)]
    assert result.state()["balance"] == 0


def test_a_rule_may_set_its_own_expiry_or_none() -> None:
    rules = [rule("a"), rule("b", expiry_months=1, award={"points": 2}), rule("c", expiry_months="never")]
    play = Play(rule_set(*rules, expiry_months=3))
    play.fact("2024-01-05")
    assert play.run().lots() == {"2024-04": 500, "2024-02": 200, "never": 500}


def test_one_lot_holds_all_points_that_expire_in_a_month() -> None:
    play = Play(rule_set(rule(), expiry_months=2))
    for day in ("2024-01-01", "2024-01-31", "2024-02-01"):
        play.fact(day)
    assert play.run().lots() == {"2024-03": 1000, "2024-04": 500}


def test_a_penalty_takes_the_points_that_expire_first_and_the_lasting_ones_at_last() -> None:
    rules = [
        rule("a"),
        rule("b", "done", expiry_months="never"),
        rule("fine", "gripe", award={"points": -12}),
    ]
    play = Play(rule_set(*rules, expiry_months=2))
    play.fact("2024-01-01", "done")
    play.fact("2024-02-01")
    play.fact("2024-01-02")
    fine = play.fact("2024-02-02", "gripe")
    result = play.run()
    # March's 5, April's 5, then 2 of those that never expire
    (out,) = [o for o in result.outs if o["at"] == fine]
    assert out["moves"] == [(month("2024-03"), 500), (month("2024-04"), 500), (at.MONTH_NEVER, 200)]
    assert result.lots() == {"never": 300}


def test_a_lot_past_its_date_cannot_be_taken_before_the_month_is_closed() -> None:
    play = Play(rule_set(rule(), PENALTY, expiry_months=1))
    play.fact("2024-01-05")  # until the end of February
    fine = play.fact("2024-03-01", "gripe")
    result = play.run()
    assert result.state()["debt"] == 800 and result.lots() == {"2024-02": 500}
    assert result.detail(fine)[at.DETAIL_DEBT] == 800
    play.close("2024-01", "2024-02")
    result = play.run()
    assert result.points() == [500, -800, -500]
    assert (result.state()["balance"], result.state()["debt"], result.lots()) == (-800, 800, {})


def test_on_the_last_day_of_its_month_a_lot_can_still_be_taken() -> None:
    play = Play(rule_set(rule(), PENALTY, expiry_months=1))
    play.fact("2024-01-05")
    play.fact("2024-02-29", "gripe")
    assert (play.run().state()["debt"], play.run().lots()) == (300, {})


def test_debt_is_paid_by_later_grants_before_they_form_lots() -> None:
    play = Play(rule_set(rule(), PENALTY, expiry_months=6))
    play.fact("2024-01-01", "gripe")  # owes 8
    first = play.fact("2024-01-02")  # pays 5, owes 3
    second = play.fact("2024-01-03")  # pays 3, 2 are left
    result = play.run()
    assert [result.detail(p)[at.DETAIL_DEBT] for p in (first, second)] == [500, 300]
    assert result.lots() == {"2024-07": 200}
    assert (result.state()["balance"], result.state()["debt"]) == (200, 0)


def test_debt_lowers_neither_earned_points_nor_the_tier() -> None:
    ladder = {"window": "year", "levels": [level("base", 0), level("top", 10)]}
    play = Play(rule_set(rule(), PENALTY, tiers=ladder))
    for fact in ("gripe", "visit", "visit"):
        play.fact("2024-01-01", fact)
    state = play.run().state()
    assert (state["balance"], state["earned"], state["tier"]) == (200, 1000, "top")


# --- corrections -----------------------------------------------------------------------------------------------


def visits(**more: Any) -> dict[str, Any]:
    return rule_set(rule(award=FREE), PENALTY, **{"expiry_months": 6, **more})


def both_ways(play: Play) -> Any:
    """The result of the whole history, having seen that piece by piece comes to the same."""
    whole = play.run()
    pieces = play.run_pieces(list(range(1, play.position + 1)))
    assert pieces.by_account() == whole.by_account()
    assert pieces.states() == whole.states()
    return whole


def test_a_correction_takes_the_old_award_from_its_own_lot_and_decides_the_new_content() -> None:
    play = Play(visits())
    play.fact("2024-01-01", score=7)
    old = play.fact("2024-02-01", score=20)
    new = play.correct(old, score=3)
    result = both_ways(play)
    assert result.of(new) == [("r", -2000), ("r", 300)]
    assert result.lots() == {"2024-07": 700, "2024-08": 300}


def test_what_its_lot_no_longer_holds_is_taken_from_the_oldest_and_then_becomes_debt() -> None:
    rules = [rule(award=FREE), rule("fine", "gripe", award={"points": -15})]
    play = Play(rule_set(*rules, expiry_months=6))
    old = play.fact("2024-01-01", score=20)
    play.fact("2024-01-02", "gripe")  # the lot of July keeps 5
    play.fact("2024-02-01", score=4)
    play.fact("2024-03-01", score=3)
    new = play.correct(old, score=0)
    result = both_ways(play)
    # 20 are taken back: 5 from July, 4 from August, 3 from September, 8 are owed
    (out,) = [o for o in result.outs if o["at"] == new]
    assert out["moves"] == [
        (month("2024-07"), 500),
        (month("2024-08"), 400),
        (month("2024-09"), 300),
        (at.MOVE_DEBT, 800),
    ]
    assert (result.state()["balance"], result.state()["debt"], result.lots()) == (-800, 800, {})
    assert result.state()["earned"] == 700


def test_taking_a_penalty_back_returns_its_points_to_the_lots_they_came_from() -> None:
    play = Play(
        rule_set(
            rule(award=FREE),
            rule("fine", "gripe", award={"points": -8}, when={"attribute": "kind", "equals": "a"}),
            expiry_months=6,
        )
    )
    play.fact("2024-01-01", score=3)
    play.fact("2024-02-01", score=9)
    fine = play.fact("2024-02-02", "gripe", kind="a")
    new = play.correct(fine, kind="b")
    result = both_ways(play)
    assert result.of(new) == [("fine", 800)]
    assert result.lots() == {"2024-07": 300, "2024-08": 900}


def test_a_penalty_that_was_debt_comes_back_as_fewer_debts_and_then_new_points() -> None:
    document = rule_set(
        rule(award=FREE),
        rule("fine", "gripe", award={"points": -8}, when={"attribute": "kind", "equals": "a"}),
        expiry_months=6,
    )
    play = Play(document)
    fine = play.fact("2024-01-01", "gripe", kind="a")
    play.fact("2024-02-01", score=3)  # pays 3 of the 8
    play.correct(fine, kind="b")  # 5 lift the debt, 3 come back, expiring six months after January
    result = both_ways(play)
    assert (result.state()["balance"], result.state()["debt"], result.lots()) == (300, 0, {"2024-07": 300})


def test_points_returned_to_a_month_already_closed_expire_at_the_next_close() -> None:
    document = rule_set(
        rule(award=FREE),
        rule("fine", "gripe", award={"points": -8}, when={"attribute": "kind", "equals": "a"}),
        expiry_months=1,
    )
    play = Play(document)
    play.fact("2024-01-01", score=8)
    fine = play.fact("2024-01-02", "gripe", kind="a")
    play.close("2024-01", "2024-02", "2024-03")
    play.correct(fine, kind="b")
    play.close("2024-04")
    result = both_ways(play)
    assert result.points() == [800, -800, 800, -800]
    assert result.of("2024-04-30") == [("expiry", -800)]


def test_a_lot_that_expired_meanwhile_is_owed_when_its_award_is_taken_back() -> None:
    play = Play(visits(expiry_months=1))
    old = play.fact("2024-01-01", score=8)
    play.close("2024-01", "2024-02")
    play.correct(old, score=0)
    result = both_ways(play)
    assert result.points() == [800, -800, -800]
    assert result.state()["debt"] == 800


def test_a_correction_gives_back_the_counts_of_a_window_that_is_open() -> None:
    play = Play(rule_set(rule(award=FREE, limits=[{"window": "month", "times": 1, "points": 10}])))
    old = play.fact("2024-01-01", score=6)
    play.correct(old, occurred="2024-02-01")
    play.fact("2024-01-02", score=9)
    assert both_ways(play).points() == [600, -600, 600, 900]


def test_a_correction_gives_nothing_back_to_a_window_that_is_closed() -> None:
    play = Play(rule_set(rule(award=FREE, limits=[{"window": "month", "times": 1}, {"window": "year", "times": 2}])))
    old = play.fact("2024-01-01", score=6)
    play.close("2024-01")
    play.correct(old, score=7)  # booked on 1 February; the year, still open, gets its one back
    play.fact("2024-02-02", score=9)  # February's one is used
    play.fact("2024-03-02", score=9)
    play.fact("2024-04-02", score=9)  # the year's two are used
    assert both_ways(play).points() == [600, -600, 700, 900]


def test_nth_and_streaks_are_not_rewound() -> None:
    document = rule_set(
        rule(nth={"n": 3, "window": "month"}),
        rule("bad", "gripe", award={"streak": {"steps": [-1, -2, -4]}}),
    )
    play = Play(document)
    first = play.fact("2024-01-01")
    play.fact("2024-01-02")
    corrected = play.correct(first, occurred="2024-01-03")  # counts as the third
    gripe = play.fact("2024-01-01", "gripe")
    again = play.correct(gripe, kind="b")
    result = both_ways(play)
    assert result.of(corrected) == [("r", 500)]
    assert result.of(again) == [("bad", 100), ("bad", -200)]


def test_a_correction_can_itself_be_corrected() -> None:
    play = Play(visits())
    first = play.fact("2024-01-01", score=6)
    second = play.correct(first, score=7)
    play.correct(second, score=1)
    result = both_ways(play)
    assert result.points() == [600, -600, 700, -700, 100]
    assert result.lots() == {"2024-07": 100}


def test_a_fact_moved_to_another_customer_leaves_the_first_and_reaches_the_other() -> None:
    play = Play(visits())
    old = play.fact("2024-01-01", account=1, score=6)
    new = play.correct(old, account=2)
    result = both_ways(play)
    assert (result.of(new, 1), result.of(new, 2)) == ([("r", -600)], [("r", 600)])
    assert (result.state(1)["balance"], result.state(2)["balance"]) == (0, 600)


def test_a_correction_reaches_the_referrer_too() -> None:
    play = Play(rule_set(rule("own", "deal"), rule("ref", "deal", recipient="referrer", award={"points": 7})))
    old = play.fact("2024-01-01", "deal", account=1, referrer=2)
    play.correct(old, referrer=3)
    result = both_ways(play)
    assert [result.points(a) for a in (1, 2, 3)] == [[500, -500, 500], [700, -700], [700]]


def test_who_refers_itself_gets_both_awards_and_each_is_taken_back_once() -> None:
    play = Play(rule_set(rule("own", "deal"), rule("ref", "deal", recipient="referrer", award={"points": 7})))
    old = play.fact("2024-01-01", "deal", account=1, referrer=1)
    play.correct(old, referrer=0)
    result = both_ways(play)
    assert sorted(result.points()) == [-700, -500, 500, 500, 700]
    assert result.state()["balance"] == 500


def test_a_penalty_over_many_lots_may_be_corrected_again_and_again() -> None:
    play = Play(rule_set(rule(), rule("fine", "gripe", award={"points": -100}), expiry_months=24))
    for i in range(24):
        play.fact(f"{2024 + i // 12}-{i % 12 + 1:02d}-01")
    fine = play.fact("2024-01-01", "gripe")
    for i in range(60):
        fine = play.correct(fine, kind="ab"[i % 2])
    result = both_ways(play)
    # 24 lots of 5 make 120, of which 100 are taken in the end
    assert result.state()["balance"] == 24 * 500 - 10000
    assert sum(result.lots().values()) == 2000


# --- month ends --------------------------------------------------------------------------------------------------


LADDER = {
    "window": "year",
    "fall_levels_max": 1,
    "levels": [level("base", 0), level("mid", 10), level("high", 20, 150), level("top", 40)],
}


def test_a_tier_rises_at_once_by_what_was_earned_in_the_year() -> None:
    play = Play(rule_set(rule(award=FREE, tier_factor=True), tiers=LADDER))
    play.fact("2024-01-01", score=9)
    play.fact("2024-01-02", score=11)  # 9 + 11 = 20: high, from the next fact on
    last = play.fact("2024-01-03", score=1)  # 1 × 150 %
    result = both_ways(play)
    assert result.of(last) == [("r", 150)]
    (up,) = [o for o in result.outs if o["kind"] == "tier"]
    assert (up["at"], up["detail"][at.DETAIL_COUNT]) == (2, 2000)
    assert [result.program.tiers[up["detail"][i]] for i in (at.DETAIL_BEFORE, at.DETAIL_AFTER)] == [
        "base",
        "high",
    ]


def year(number: int) -> list[str]:
    return [f"{number}-{m:02d}" for m in range(1, 13)]


def test_a_tier_falls_only_when_its_year_is_closed_and_one_level_at_most() -> None:
    play = Play(rule_set(rule(award=FREE), tiers=LADDER))
    play.fact("2024-01-01", score=40)
    play.close(*year(2024))
    assert both_ways(play).state()["tier"] == "top"
    play.close(*year(2025)[:-1])
    assert both_ways(play).state()["tier"] == "top"
    play.close("2025-12")
    assert both_ways(play).state()["tier"] == "high"
    play.close(*year(2026))
    result = both_ways(play)
    assert result.state()["tier"] == "mid"
    assert [o["at"] for o in result.outs if o["kind"] == "tier"] == [1, "2025-12-31", "2026-12-31"]


def test_a_review_falls_no_further_than_what_was_earned() -> None:
    play = Play(rule_set(rule(award=FREE), tiers={**LADDER, "fall_levels_max": 3}))
    play.fact("2024-01-01", score=40)
    play.close(*year(2024))
    play.fact("2025-05-01", score=12)
    play.close(*year(2025))
    assert both_ways(play).state()["tier"] == "mid"


def test_a_ladder_that_lets_nobody_fall_does_not() -> None:
    play = Play(rule_set(rule(award=FREE), tiers={**LADDER, "fall_levels_max": 0}))
    play.fact("2024-01-01", score=40)
    play.close(*year(2024), *year(2025))
    assert both_ways(play).state()["tier"] == "top"


def test_points_already_recorded_for_the_next_year_count_at_the_review() -> None:
    play = Play(rule_set(rule(award=FREE), tiers=LADDER))
    play.fact("2024-01-01", score=5)
    play.fact("2025-01-03", score=45)
    play.close(*year(2024))
    assert both_ways(play).state()["tier"] == "top"


def test_a_late_fact_earns_for_the_year_it_is_booked_in() -> None:
    play = Play(rule_set(rule(award=FREE), tiers=LADDER))
    play.fact("2024-01-01", score=5)
    play.close(*year(2024))
    play.fact("2024-12-31", score=9)  # booked on 1 January 2025: 9, not 14
    result = both_ways(play)
    assert result.state()["tier"] == "base"
    assert result.state()["counters"] == {"tier//year#55": (0, 900)}


def test_a_correction_of_a_closed_year_lifts_nobody_by_that_year() -> None:
    play = Play(rule_set(rule(award=FREE), tiers={**LADDER, "fall_levels_max": 3}))
    old = play.fact("2024-01-01", score=45)
    small = play.fact("2024-01-02", score=1)
    play.close(*year(2024), *year(2025))
    assert both_ways(play).state()["tier"] == "base"
    play.correct(small, account=2)
    assert both_ways(play).state()["tier"] == "base"
    play.correct(old, score=12)
    assert both_ways(play).state()["tier"] == "mid"


def test_a_quarterly_ladder_is_reviewed_each_quarter() -> None:
    play = Play(rule_set(rule(award=FREE), tiers={**LADDER, "window": "quarter"}))
    play.fact("2024-01-01", score=40)
    play.close(*year(2024)[:6])
    result = both_ways(play)
    assert [o["at"] for o in result.outs if o["kind"] == "tier"] == [1, "2024-06-30"]


def test_a_lifetime_ladder_counts_everything_and_never_falls() -> None:
    play = Play(rule_set(rule(award=FREE), tiers={**LADDER, "window": "lifetime"}))
    play.fact("2024-01-01", score=15)
    play.close(*year(2024), *year(2025))
    play.fact("2026-01-01", score=25)
    assert both_ways(play).state()["tier"] == "top"


def test_tags_follow_tier_balance_and_measures_in_both_directions() -> None:
    document = rule_set(
        rule(award=FREE),
        PENALTY,
        measures=[{"id": "gripes", "fact": "gripe", "window": "quarter"}],
        tags=[
            tag("rich", {"balance": True, "at_least": 10}),
            tag("angry", {"measure": "gripes", "at_least": 2}),
        ],
    )
    play = Play(document)
    play.fact("2024-01-01", score=20)
    play.fact("2024-01-02", "gripe")
    play.fact("2024-01-03", "gripe")  # 20 - 16 = 4 points, two gripes in the quarter
    assert both_ways(play).state()["tags"] == ["angry"]
    play.fact("2024-04-01", score=6)  # another quarter
    assert both_ways(play).state()["tags"] == ["rich"]


def test_a_tag_goes_when_its_points_expire() -> None:
    document = rule_set(rule(), expiry_months=1, tags=[tag("rich", {"balance": True, "above": 0})])
    play = Play(document)
    play.fact("2024-01-01")
    play.close("2024-01", "2024-02")
    result = both_ways(play)
    assert result.of("2024-02-29") == [("expiry", -500), ("tags", 0)]
    assert result.state()["tags"] == []


GRADES = {
    "good": "good",
    "all": "all",
    "grades": [
        {"id": "a", "title": {"zh": "a", "en": "a"}, "at_least_percent": 80},
        {"id": "b", "title": {"zh": "b", "en": "b"}, "at_least_percent": "66.66"},
    ],
}
MEASURES = [
    {"id": "all", "fact": "deal", "window": "year"},
    {"id": "good", "fact": "deal", "window": "year", "when": {"attribute": "kind", "equals": "a"}},
]


def test_the_credit_grade_is_the_first_whose_share_is_reached() -> None:
    play = Play(rule_set(rule("b_only", "visit", when={"grade": ["b"]}), measures=MEASURES, credit=GRADES))
    seen: list[str | None] = []
    for kind in ("a", "b", "a", "a", "a"):
        play.fact("2024-01-01", "deal", kind=kind)
        seen.append(both_ways(play).state()["grade"])
    # 1/1 = 100 %, 1/2, 2/3 = 66.66 %, 3/4 = 75 %, 4/5 = 80 %
    assert seen == ["a", None, "b", "b", "a"]


def test_a_rule_may_ask_for_a_grade() -> None:
    play = Play(rule_set(rule(when={"grade": ["b"]}), measures=MEASURES, credit=GRADES))
    play.fact("2024-01-01")
    for kind in "aab":
        play.fact("2024-01-01", "deal", kind=kind)
    graded = play.fact("2024-01-02")
    assert both_ways(play).of(graded) == [("r", 500)]
    assert both_ways(play).points() == [500]


def test_a_measure_counts_and_sums_and_a_correction_takes_both_back() -> None:
    measures = [{"id": "sold", "fact": "deal", "window": "year", "sum": "amount"}]
    more = [
        rule("big", when={"measure": "sold", "of": "sum", "at_least": "150.50"}),
        rule("two", when={"measure": "sold", "at_least": 2}, award={"points": 1}),
    ]
    play = Play(rule_set(*more, measures=measures))
    first = play.fact("2024-01-01", "deal", amount="100.25")
    play.fact("2024-01-01", "deal", amount="50.25")
    both = play.fact("2024-01-02")
    play.correct(first, amount="100.24")
    small = play.fact("2024-01-03")
    play.correct(first + 3, account=2)
    none = play.fact("2024-01-04")
    result = both_ways(play)
    assert result.of(both) == [("big", 500), ("two", 100)]
    assert result.of(small) == [("two", 100)]
    assert result.of(none) == []


def test_conditions_on_tier_balance_earned_and_tags_are_tested_before_the_fact() -> None:
    document = rule_set(
        rule(award=FREE),
        rule("mid", when={"tier": "at_least", "level": "mid"}, award={"points": "0.01"}),
        rule("low", when={"tier": "at_most", "level": "base"}, award={"points": "0.02"}),
        rule("exact", when={"tier": "equals", "level": "mid"}, award={"points": "0.04"}),
        rule("rich", when={"balance": True, "at_least": 10}, award={"points": "0.08"}),
        rule("earner", when={"earned": "window", "at_least": 10}, award={"points": "0.16"}),
        rule("tagged", when={"tag": "rich"}, award={"points": "0.32"}),
        tiers=LADDER,
        tags=[tag("rich", {"earned": "lifetime", "at_least": 10})],
    )
    play = Play(document)
    first = play.fact("2024-01-01", score=12)
    second = play.fact("2024-01-02", score=1)
    result = both_ways(play)
    assert [r for r, p in result.of(first) if p] == ["r", "low"]
    assert [r for r, p in result.of(second) if p] == ["r", "mid", "exact", "rich", "earner", "tagged"]


# --- which rules decide ------------------------------------------------------------------------------------------


def test_a_fact_is_decided_by_the_latest_from_date_not_after_its_booked_date() -> None:
    play = Play(rule_set(rule(award={"points": 1})))
    before = play.fact("2024-05-01")
    play.activate("2024-03-01", rule_set(rule(award={"points": 2})))
    play.activate("2024-02-01", rule_set(rule(award={"points": 3})))
    january, february, march = (play.fact(f"2024-0{m}-15") for m in (1, 2, 3))
    result = both_ways(play)
    # Activation decides nothing again: the first stays as it was decided.
    assert [result.of(p) for p in (before, january, february, march)] == [
        [("r", 100)],
        [("r", 100)],
        [("r", 300)],
        [("r", 200)],
    ]


def test_among_equal_from_dates_the_last_activated_decides() -> None:
    play = Play(rule_set(rule(award={"points": 1})))
    play.activate("2024-03-01", rule_set(rule(award={"points": 2})))
    between = play.fact("2024-03-15")
    play.activate("2024-03-01", rule_set(rule(award={"points": 3})))
    after = play.fact("2024-03-15")
    result = both_ways(play)
    assert (result.of(between), result.of(after)) == ([("r", 200)], [("r", 300)])


def test_a_rule_that_keeps_id_and_window_keeps_its_counts_and_another_begins_at_zero() -> None:
    limits = [{"window": "month", "times": 2}]
    old = rule_set(
        rule("same", limits=limits), rule("other", limits=limits), rule("nth", nth={"n": 3, "window": "year"})
    )
    new = rule_set(
        rule("same", award={"points": 6}, limits=limits),
        rule("other", limits=[{"window": "quarter", "times": 2}]),
        rule("nth", nth={"n": 3, "window": "year"}),
    )
    play = Play(old)
    play.fact("2024-03-01")
    play.activate("2024-03-01", new)
    second, third = play.fact("2024-03-02"), play.fact("2024-03-03")
    result = both_ways(play)
    assert result.of(second) == [("same", 600), ("other", 500)]
    assert result.of(third) == [("other", 500), ("nth", 500)]


def test_an_award_is_taken_back_under_the_rules_that_gave_it_and_decided_by_those_of_today() -> None:
    play = Play(rule_set(rule(award={"points": 1})))
    old = play.fact("2024-03-15")
    play.activate("2024-03-01", rule_set(rule(award={"points": 9})))
    new = play.correct(old, score=1)
    assert both_ways(play).of(new) == [("r", -100), ("r", 900)]


def test_after_a_correction_an_account_stands_where_the_rules_of_today_put_it() -> None:
    """Tier names, tags and grades of a former rule set don't come back with a correction of its time."""
    old = rule_set(
        rule(award=FREE),
        tiers={"window": "year", "levels": [level("bronze", 0), level("gold", 10)]},
        tags=[tag("former", {"balance": True, "at_least": 1})],
    )
    new = rule_set(
        rule(award=FREE),
        tiers={"window": "year", "levels": [level("one", 0), level("two", 5)]},
        tags=[tag("present", {"balance": True, "at_least": 1})],
    )
    play = Play(old)
    play.fact("2024-03-15", score=30)
    moved = play.fact("2024-03-15", score=1)
    play.close(*year(2024))
    play.activate("2025-01-01", new)
    play.fact("2025-02-01", score=6)
    assert both_ways(play).state()["tier"] == "two"
    play.correct(moved, account=2)
    state = both_ways(play).state(1)
    assert (state["tier"], state["tags"]) == ("two", ["present"])


def test_a_correction_of_a_closed_month_brings_no_tag_of_that_month_back() -> None:
    document = rule_set(
        rule(award=FREE),
        measures=[{"id": "gripes", "fact": "gripe", "window": "month"}],
        tags=[tag("angry", {"measure": "gripes", "at_least": 2})],
    )
    play = Play(document)
    moved = play.fact("2024-01-01", score=1)
    play.fact("2024-01-02", "gripe")
    play.fact("2024-01-03", "gripe")
    play.close("2024-01")
    assert both_ways(play).state()["tags"] == ["angry"]
    play.fact("2024-02-01", score=1)
    play.correct(moved, account=2)
    assert both_ways(play).state(1)["tags"] == []

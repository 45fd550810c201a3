"""Points held, spent, freed and given back in the kernel. Points in 1/100; 5 points for a visit, valid for a month."""

from __future__ import annotations

from typing import Any

from ledger.rules import layout as at
from tests.unit.rules.play import Play, rule, rule_set, tag


def play_with(**more: Any) -> Play:
    """5 points a visit that expire with the month after; a gripe costs 8 points."""
    award = {"points": -8}
    return Play(rule_set(rule(), rule("g", "gripe", award=award), **{"expiry_months": 1, **more}))


def figures(play: Play) -> tuple[int, int, int, dict[str, int]]:
    """Balance, held, debt, lots."""
    result = play.run()
    state = result.state()
    return state["balance"], state["held"], state["debt"], result.lots()


def test_a_hold_takes_the_lots_that_expire_first_and_leaves_the_balance() -> None:
    play = play_with()
    play.fact("2024-01-10")
    play.fact("2024-02-10")
    held = play.hold("2024-02-15", 700)
    result = play.run()
    assert figures(play) == (1000, 700, 0, {"2024-03": 300})
    out = result.by_account()[1][-1]
    feb, mar = 12 * 54 + 1, 12 * 54 + 2
    assert (out["kind"], out["points"], out["moves"]) == ("hold", 700, [(feb, 500), (mar, 200)])
    assert out["detail"][at.DETAIL_AVAILABLE] == 300
    assert out["detail"][at.DETAIL_LACKED] == 0
    play.spend(held, 600)
    assert figures(play) == (400, 100, 0, {"2024-03": 300})


def test_a_hold_never_takes_a_lot_past_its_date_though_the_month_is_open() -> None:
    play = play_with()
    play.fact("2024-01-10")
    play.fact("2024-02-10")
    play.hold("2024-03-01", 400)
    assert figures(play) == (1000, 400, 0, {"2024-02": 500, "2024-03": 100})


def test_parts_are_stretches_of_the_hold_in_its_order() -> None:
    play = play_with()
    play.fact("2024-01-10")
    play.fact("2024-02-10")
    held = play.hold("2024-02-15", 900)
    first = play.spend(held, 400, 0)
    second = play.spend(held, 300, 400)
    play.free(held, 200, 700)
    outs = play.run().by_account()[1]
    feb, mar = 12 * 54 + 1, 12 * 54 + 2
    assert [(o["kind"], o["points"], o["moves"]) for o in outs[3:]] == [
        ("spend", -400, [(feb, 400)]),
        ("spend", -300, [(feb, 100), (mar, 200)]),
        ("free", 200, [(mar, -200)]),
    ]
    assert figures(play) == (300, 0, 0, {"2024-03": 300})
    play.give_back(second, 150, 50)
    assert play.run().by_account()[1][-1]["moves"] == [(feb, -50), (mar, -100)]
    play.give_back(first, 400)
    assert figures(play) == (850, 0, 0, {"2024-02": 450, "2024-03": 400})


def test_what_is_held_does_not_expire_and_once_freed_expires_at_the_next_close() -> None:
    play = play_with()
    play.fact("2024-01-10")
    held = play.hold("2024-01-20", 300)
    play.close("2024-01", "2024-02")
    assert figures(play) == (300, 300, 0, {})
    play.free(held, 300)
    assert figures(play) == (300, 0, 0, {"2024-02": 300})
    again = play.hold("2024-03-05", 100, covered=True)
    result = play.run()
    assert result.of(again) == [("refused", 100)]
    assert result.detail(again)[at.DETAIL_LACKED] == 100
    play.spend(again, 100)
    play.close("2024-03")
    assert figures(play) == (0, 0, 0, {}), "nothing comes of what refers to a refused hold"


def test_what_the_lots_lack_becomes_debt_that_later_grants_pay() -> None:
    play = play_with()
    play.fact("2024-01-10")
    held = play.hold("2024-01-20", 800)
    result = play.run()
    assert result.detail(held)[at.DETAIL_LACKED] == result.detail(held)[at.DETAIL_DEBT] == 300
    assert figures(play) == (500, 800, 300, {})
    spent = play.spend(held, 800)
    assert figures(play) == (-300, 0, 300, {})
    play.fact("2024-01-25")
    assert figures(play) == (200, 0, 0, {"2024-02": 200})
    play.give_back(spent, 800)
    assert figures(play) == (1000, 0, 0, {"2024-02": 1000}), "what was debt and is paid comes back as new points"


def test_freed_points_pay_debt_before_they_form_lots() -> None:
    play = play_with()
    first = play.fact("2024-01-10")
    held = play.hold("2024-01-20", 400)
    play.fact("2024-01-21", "gripe")
    assert figures(play) == (-300, 400, 700, {})
    play.free(held, 400)
    assert figures(play) == (-300, 0, 300, {})
    play.correct(first, account=2)
    assert play.run().state()["debt"] == 800, "the fact that earned them is another's: 300 + 500"


def test_debt_that_stands_lowers_what_can_be_spent_and_is_not_paid_by_grants() -> None:
    play = play_with(redemption={"debt": "negative"})
    play.fact("2024-01-10", "gripe")
    play.fact("2024-01-11")
    play.fact("2024-01-12")
    assert figures(play) == (200, 0, 800, {"2024-02": 1000})
    refused, held = play.hold("2024-01-20", 300, covered=True), play.hold("2024-01-20", 200, covered=True)
    result = play.run()
    assert result.of(refused) == [("refused", 300)]
    assert result.detail(refused)[at.DETAIL_LACKED] == 100
    assert result.of(held) == [("hold", 200)]
    assert result.detail(held)[at.DETAIL_AVAILABLE] == 0
    play.close("2024-01", "2024-02")
    assert figures(play) == (-600, 200, 800, {}), "the lots beside it expire like others"


def test_tags_that_look_at_the_balance_follow_what_is_spent_and_not_what_is_held() -> None:
    play = play_with(tags=[tag("rich", {"balance": True, "at_least": 5})])
    play.fact("2024-01-10")
    held = play.hold("2024-01-20", 500)
    spent = play.spend(held, 100, occurred="2024-01-21")
    back = play.give_back(spent, 100, occurred="2024-01-22")
    result = play.run()
    assert result.of(held) == [("hold", 500)]
    assert result.of(spent) == [("spend", -100), ("tags", 0)]
    assert result.of(back) == [("return", 100), ("tags", 0)]
    assert result.state()["tags"] == ["rich"]


def test_a_hold_on_a_day_is_covered_by_what_was_booked_by_then_only() -> None:
    play = play_with()
    play.fact("2024-01-10")
    play.fact("2024-01-20")
    before, edge = play.hold("2024-01-09", 100, covered=True), play.hold("2024-01-19", 501, covered=True)
    first, then = play.hold("2024-01-10", 400, covered=True), play.hold("2024-01-25", 600, covered=True)
    result = play.run()
    # Nothing was there on the 9th, 5 points on the 19th, of which 4 are held from the 10th on; 10 by the 25th.
    assert [result.of(position) for position in (before, edge, first, then)] == [
        [("refused", 100)], [("refused", 501)], [("hold", 400)], [("hold", 600)],
    ]  # fmt: skip
    assert [result.detail(position)[at.DETAIL_LACKED] for position in (before, edge, first, then)] == [100, 1, 0, 0]


def test_a_hold_on_a_day_takes_nothing_that_was_held_on_a_day_since() -> None:
    play = play_with()
    play.fact("2024-01-10")
    held = play.hold("2024-01-12", 400)
    play.free(held, 400, occurred="2024-01-20")
    play.fact("2024-01-22")
    # 10 points can be spent now; of the 12th to the 19th 1 was left, before and after that 5.
    assert [play.run().state()[name] for name in ("balance", "held")] == [1000, 0]
    holds = [play.hold(day, points, covered=True) for day, points in (("2024-01-11", 101), ("2024-01-11", 100))]
    late = play.hold("2024-01-20", 401, covered=True), play.hold("2024-01-20", 400, covered=True)
    result = play.run()
    assert [result.of(p)[0][0] for p in (*holds, *late)] == ["refused", "hold", "refused", "hold"]


def test_a_hold_repeated_as_a_fact_tells_what_it_lacked_on_its_day_and_goes_into_no_debt_for_it() -> None:
    play = play_with()
    play.fact("2024-01-20")
    held = play.hold("2024-01-10", 300)
    result = play.run()
    assert result.of(held) == [("hold", 300)]
    assert (result.detail(held)[at.DETAIL_LACKED], result.detail(held)[at.DETAIL_DEBT]) == (300, 0)


def test_what_a_correction_took_back_of_a_day_covers_nothing_on_it() -> None:
    play = play_with()
    first = play.fact("2024-01-10")
    play.fact("2024-01-20")
    play.correct(first, occurred="2024-01-18")
    early, late = play.hold("2024-01-17", 100, covered=True), play.hold("2024-01-18", 500, covered=True)
    result = play.run()
    assert (result.of(early), result.of(late)) == ([("refused", 100)], [("hold", 500)])

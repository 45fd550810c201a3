"""The laws of the engine, over generated rule sets and histories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from ledger.domain.values import month_of
from ledger.rules import engine, layout as at
from ledger.rules.engine import closings_of, span_months
from ledger.rules.kernel.record import out_first
from tests.unit.rules.generators import plays
from tests.unit.rules.play import ORACLE, Play, Result, level, rule, rule_set, tag

MOVING = ("grant", "penalty", "reversal", "expiry", "spend", "return")
"""The kinds whose points add up to the balance."""


def examples(count: int) -> Any:
    """So many generated examples, the same on every run."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def same(one: Result, other: Result) -> None:
    """Both came to the same outputs, account by account, and the same states."""
    assert one.by_account() == other.by_account()
    assert one.states() == other.states()


def same_in_pieces(pieces: Result, whole: Result) -> None:
    """The same, but for what holds lacked: what came on later days is known where an account is folded whole."""

    def said(result: Result) -> dict[int, list[dict[str, Any]]]:
        found = result.by_account()
        for out in (out for outs in found.values() for out in outs if out["kind"] == "hold"):
            out["detail"] = [v for i, v in enumerate(out["detail"]) if i != at.DETAIL_LACKED]
        return found

    assert said(pieces) == said(whole)
    assert pieces.states() == whole.states()


@examples(40)
@given(play=plays(whole=False))
def test_row_by_row_comes_to_the_same_as_all_at_once(play: Play) -> None:
    same_in_pieces(play.run_pieces(list(range(1, play.position + 1))), play.run())


@examples(35)
@given(play=plays(whole=False), data=st.data())
def test_any_split_comes_to_the_same_as_all_at_once(play: Play, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(1, play.position), max_size=3, unique=True))
    same_in_pieces(play.run_pieces([*sorted(set(cuts) - {play.position}), play.position]), play.run())


def spans_needed(play: Play, ends: list[int]) -> list[int]:
    """The fewest months each piece needs to be open at once."""
    spans: list[int] = []
    after, closed, month_min = 0, at.NONE, 10**6
    program = play.program()
    for until in ends:
        batch, closings = play.piece(after, until)
        rows = batch.rows
        spans.append(span_months(rows, closings_of(program, closings), closed, program.tables.month_of_day, month_min))
        if len(closings):
            before = rows.days[rows.positions < closings[0, 0]]
            closed_after = month_of(int(closings[-1, 1]))
        else:
            before, closed_after = rows.days, closed
        if closed == at.NONE:
            month_min = min([month_min, *(month_of(int(d)) for d in before)])
        closed, after = closed_after, until
    return spans


@examples(40)
@given(play=plays(whole=False), data=st.data())
def test_records_moved_to_programs_of_other_spans_and_more_rule_sets_come_to_the_same(
    play: Play, data: st.DataObject
) -> None:
    """Each piece is folded by a program of its own, with the fewest open months it may have or some more."""
    cuts = data.draw(st.lists(st.integers(1, play.position), max_size=4, unique=True))
    ends = [*sorted(set(cuts) - {play.position}), play.position]
    needed = spans_needed(play, ends)
    # A window that is open stays so in the records: later programs are at least as wide while nothing was closed.
    widest = [max(needed[: i + 1]) for i in range(len(needed))]
    spans = [w + data.draw(st.sampled_from([0, 0, 1, 7])) for w in widest]
    same_in_pieces(play.run_pieces(ends, spans), play.run())


@examples(45)
@given(play=plays())
def test_compiled_and_uncompiled_come_to_the_same(play: Play) -> None:
    same(play.run(ORACLE), play.run())


@examples(25)
@given(play=plays(length_max=40, whole=False))
def test_outputs_never_need_more_room_than_was_reckoned(play: Play) -> None:
    """With arrays of exactly the size reckoned for the neediest account. Uncompiled, writing beyond them raises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_array_sizes", lambda room, _rows: tuple(int(v) for v in room.max(axis=0)))
        tight = play.run(ORACLE)
        tight_pieces = play.run_pieces(list(range(1, play.position + 1)), fold=ORACLE)
    same(tight, play.run())
    same_in_pieces(tight_pieces, tight)


@examples(50)
@given(play=plays())
def test_the_books_balance(play: Play) -> None:
    result = play.run()
    for account in play.accounts:
        state = result.state(account)
        assert state["balance"] == sum(state["lots"].values()) + state["held"] - state["debt"]
        moved = [o["points"] for o in result.by_account()[account] if o["kind"] in MOVING]
        assert state["balance"] == sum(moved) == state["added"] - state["taken"]
        assert state["held"] >= 0
        assert all(points > 0 for points in state["lots"].values())
        assert state["debt"] >= 0
        assert all(times >= 0 for times, _ in state["counters"].values())
        running = 0
        for out in result.by_account()[account]:
            # Every taking says where its points came from, and every giving back where they went.
            taken = {"penalty": -1, "reversal": -1, "hold": 1, "spend": -1, "free": -1, "return": -1}
            assert sum(points for _, points in out["moves"]) == out["points"] * taken.get(out["kind"], 0)
            running += out["points"] if out["kind"] in MOVING else 0
            if out["kind"] in (*MOVING, "hold", "free"):
                assert out["detail"][at.DETAIL_BALANCE] == running


@examples(40)
@given(play=plays(plain=True), data=st.data())
def test_correcting_a_fact_to_the_same_content_leaves_the_balance_where_it_was(play: Play, data: st.DataObject) -> None:
    before = play.run()
    accounts = play.accounts
    position = data.draw(st.integers(1, play.position))
    play.correct(position)
    after = play.run()
    assert [after.state(a)["balance"] for a in accounts] == [before.state(a)["balance"] for a in accounts]
    assert [after.state(a)["earned"] for a in accounts] == [before.state(a)["earned"] for a in accounts]


@examples(20)
@given(play=plays(), order=st.permutations([1, 2, 3]))
def test_the_order_of_accounts_changes_nothing(play: Play, order: list[int]) -> None:
    result = play.run()
    renamed = dict(zip([1, 2, 3], order, strict=True))
    outs, accounts = result.by_account(), play.accounts
    states = {a: result.state(a) for a in accounts}
    play.rows = [(r[0], renamed[r[1]], *r[2:]) for r in play.rows]
    other = play.run()
    for account in accounts:
        theirs = [{**o, "account": account} for o in other.by_account()[renamed[account]]]
        assert theirs == outs[account]
        assert other.state(renamed[account]) == states[account]


@examples(100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2)), max_size=20), st.integers(0, 30))
def test_what_came_of_a_row_is_found_by_halves_where_looking_at_each_would_find_it(
    drawn: list[tuple[int, int]], row: int
) -> None:
    # Rows ascend; those of month ends, below zero, stand anywhere between.
    rows: list[int] = []
    for step, times in drawn:
        last = max([0, *rows])
        rows += [last + step] * times if times > 0 else [-1 - n for n in range(-times)]
    outs = np.zeros((len(rows), at.OUT_FIELDS), np.int64)
    outs[:, at.OUT_ROW] = rows
    uncompiled: Any = out_first
    found = uncompiled.py_func(outs, 0, len(rows), row)
    assert found == next((o for o, of in enumerate(rows) if of >= row), len(rows))


def busy_play() -> Play:
    """Three hundred accounts, each of which a single fact and twelve month ends bring a dozen outputs and more."""
    document = rule_set(
        *[rule(f"r{i}", expiry_months=i + 1) for i in range(6)],
        *[rule(f"f{i}", "gripe", award={"points": -4}) for i in range(3)],
        tiers={"window": "month", "levels": [level("low", 0), level("mid", 10), level("top", 20)]},
        tags=[tag("rich", {"balance": True, "at_least": 10}), tag("poor", {"balance": True, "below": 5})],
    )
    play = Play(document)
    for account in range(1, 301):
        play.fact("2024-01-05", account=account)
        play.fact("2024-01-06", "gripe", account=account)
    play.close(*[f"2024-{m:02d}" for m in range(1, 13)])
    return play


def test_arrays_that_grow_in_the_middle_change_nothing() -> None:
    play = busy_play()
    sizes: list[tuple[int, int]] = []
    guess = engine._array_sizes

    def noted(room: Any, rows: int) -> tuple[int, int]:
        sizes.append(guess(room, rows))
        return sizes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_array_sizes", noted)
        result = play.run()
    assert len(result.outs) > sizes[0][0]
    assert sum(len(o["moves"]) for o in result.outs) > sizes[0][1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_array_sizes", lambda _room, _rows: (10**5, 10**5))
        same(result, play.run())
    alone = Play(play.rules)
    alone.fact("2024-01-05")
    alone.fact("2024-01-06", "gripe")
    alone.close(*[f"2024-{m:02d}" for m in range(1, 13)])
    assert all(state == alone.run().state() for state in result.states())


def test_without_details_the_outputs_are_the_same() -> None:
    play = busy_play()
    batch, closings = play.piece(0, play.position)
    program = play.program()
    with_detail = engine.run(program, batch, engine.records_new(program, 300), closings)
    without = engine.run(program, batch, engine.records_new(program, 300), closings, detail=False)
    assert len(without.details) == 0 < len(with_detail.details)
    assert np.array_equal(without.outs, with_detail.outs)
    assert np.array_equal(without.owners, with_detail.owners)

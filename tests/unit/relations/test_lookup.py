"""What is found under a number is what the holdings say, whatever was changed, taken back and asked in between."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.book import Book
from ledger.domain.relations import lookup
from ledger.domain.relations.customers import BookCustomers
from ledger.domain.relations.dues import DUE, DUE_KINDS, dues
from ledger.domain.relations.holdings import announced, hold
from ledger.domain.relations.records import NOBODY, NONE, Holding
from ledger.domain.relations.state import Relations

DAYS = st.sampled_from((NONE, 10, 11, 12))
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "owner": st.integers(1, 3), "since": st.just(1), "since_day": st.sampled_from((10, 11)), "protected_day": DAYS,
    "due_day": DAYS, "announced_day": DAYS, "rhythm_days": st.sampled_from((0, 5)), "followed_day": DAYS,
    "next_due_day": DAYS, "protection_said_day": DAYS, "quiet_said_day": DAYS,
    "why": st.sampled_from(("arrival", "claim")),
}  # fmt: skip
OWNED = st.fixed_dictionaries(FIELDS).map(lambda fields: Holding(**fields))
POOLED = DAYS.map(lambda day: Holding(since=1, since_day=10, pooled_day=10, followed_day=day))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(1, 4), st.one_of(OWNED, POOLED, st.just(NOBODY))),
        st.tuples(st.just("announce"), st.integers(1, 4), st.integers(10, 12)),
        st.tuples(st.sampled_from(("mark", "back", "settle", "ask", "tidy")), st.integers(1, 4), st.just(0)),
    ),
    max_size=40,
)


def found(state: Relations) -> dict[str, dict[int, list[int]]]:
    """Everything that is looked up."""
    return {"owned": dict(state.owned.items())} | {kind: dict(state.due[kind].items()) for kind in DUE_KINDS}


def told(state: Relations) -> dict[str, dict[int, list[int]]]:
    """The same, from the holdings one by one."""
    owned: dict[int, list[int]] = defaultdict(list)
    due: dict[str, dict[int, list[int]]] = {kind: defaultdict(list) for kind in DUE_KINDS}
    for customer, holding in sorted(state.holdings.items()):
        if holding.owner:
            owned[holding.owner].append(customer)
        for kind, day in zip(DUE_KINDS, dues(holding), strict=True):
            if day != NONE:
                due[kind][day].append(customer)
    return {"owned": owned} | due


@settings(max_examples=300, deadline=None)
@given(STEPS, st.booleans())
def test_what_is_looked_up_is_what_the_holdings_say_whatever_was_taken_back(
    steps: list[tuple[str, int, Holding | int]], asked_first: bool
) -> None:
    state, marks = Relations(BookCustomers(Book())), [0]
    if asked_first:
        assert found(state) == told(state)
    for step, number, what in steps:
        if isinstance(what, Holding):
            hold(state, number, what)
        elif step == "announce" and state.holding(number).owner:
            announced(state, number, what)
        elif step == "mark":
            marks.append(state.journal.mark())
        elif step == "back":
            state.journal.rollback(marks.pop() if len(marks) > 1 else 0)
        elif step == "settle":
            state.settle()
            marks = [0]
        elif step == "ask":
            assert state.due[DUE_KINDS[number]].of(11) == told(state)[DUE_KINDS[number]].get(11, [])
        elif step == "tidy":
            state.due[DUE_KINDS[number]].tidy()
    assert found(state) == told(state)


@given(st.one_of(OWNED, POOLED, st.just(NOBODY)))
def test_what_is_due_at_once_is_what_is_due_of_each_kind(holding: Holding) -> None:
    assert dues(holding) == tuple(DUE[kind](holding) for kind in DUE_KINDS)


def test_entries_that_hold_no_more_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_ROOM", 10)
    state = Relations(BookCustomers(Book()), keeps=False)
    quiet = lookup.Lookup(state.holdings, DUE["quiet"])
    assert quiet.filled() == []
    for day in range(1, 1_000):
        state.holdings.put(1, Holding(owner=1, since=1, since_day=day))
        quiet.add(day, 1)
        quiet.tidy()
        assert len(quiet.filled()) <= 11
    assert dict(quiet.items()) == {999: [1]}


def test_a_rollback_gives_back_what_a_reader_threw_away_meanwhile() -> None:
    state = Relations(BookCustomers(Book()))
    hold(state, 1, Holding(owner=1, since=1, since_day=10, due_day=11))
    state.settle()
    assert state.due["return"].of(11) == [1]
    hold(state, 1, Holding(owner=2, since=2, since_day=10, due_day=12))
    assert (state.due["return"].of(11), state.owned.of(1)) == ([], [])
    state.journal.rollback()
    assert (state.due["return"].of(11), state.due["return"].of(12), state.owned.of(1)) == ([1], [], [1])

"""The compiled choice among many: the same as sorting everybody by what is said of it."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings, strategies as st

from ledger.rules.assignment.best import best_of

Person = tuple[int, int, int, bool]
PEOPLE = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(-3, 3), st.booleans()), min_size=1, max_size=12
)
"""Load, capacity, points, and whether excluded, of numbers 2, 4, 6 …"""


def best_said(people: list[Person], last: list[int], per_load: int, rest: int) -> int:
    """The place of who is best, by exact fractions; -1 for nobody."""
    free = [i for i, (load, capacity, _, excluded) in enumerate(people) if load < capacity and not excluded]
    latest_first = sorted((i for i in free if last[i]), key=lambda i: -last[i])
    resting = latest_first[: min(rest, (len(free) - 1) // 2)] if free else []

    def key(i: int) -> tuple[int, int, int, int]:
        load, capacity, base, _ = people[i]
        return (-(base - per_load * load // capacity), load * 60 // capacity, last[i], i)

    return min((i for i in free if i not in resting), key=key, default=-1)


@settings(max_examples=300, deadline=None)
@given(PEOPLE, st.randoms(use_true_random=False), st.sampled_from((0, 0, 1, 7)), st.integers(0, 5), st.booleans())
def test_who_is_best_of_many_is_who_comes_first_when_all_are_sorted(
    people: list[Person], rng: random.Random, per_load: int, rest: int, all_new: bool
) -> None:
    positions = list(range(1, len(people) + 1))
    rng.shuffle(positions)
    last = [0 if all_new or position % 3 == 0 else position for position in positions]
    numbers = np.arange(1, len(people) + 1) * 2
    by_number = np.zeros((2, 2 * len(people) + 1), np.int64)
    by_number[0, numbers] = [load for load, _, _, _ in people]
    by_number[1, numbers] = last
    found = best_of(
        numbers,
        np.array([capacity for _, capacity, _, _ in people]),
        np.array([base for _, _, base, _ in people]),
        by_number[0],
        by_number[1],
        np.array([number for number, person in zip(numbers.tolist(), people, strict=True) if person[3]], np.int64),
        per_load,
        rest,
    )
    # 60 is a multiple of every capacity, so that shares are whole and exact.
    assert found == best_said(people, last, per_load, rest)

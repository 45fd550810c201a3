"""Rotation: shares as the weights say, at every moment; nothing to catch up for who is new or was away."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import lcm
from typing import Any

from hypothesis import given, settings, strategies as st

from ledger.domain.relations.journal import Journal, Rotation
from ledger.rules.assignment.policy import AssignmentPolicy
from ledger.rules.assignment.ways import SCORE_UNIT
from tests.unit.relations.choosing import DAY, Floor, policy, rule, scores, verdicts, wanted

ROOM = 1_000_000
"""More than anybody is given here."""


def rotation(**weights: int) -> AssignmentPolicy:
    """In turn, by given weights: s1=3 for the first member of staff, others 1."""
    given = {f"S-{int(name[1:]):06d}": weight for name, weight in weights.items()}
    return policy(rule(choose={"rotation": {"weights": {"staff": given}}}))


EQUAL = policy(rule(choose={"rotation": {"weights": "equal"}}))


def sellers(count: int) -> Floor:
    floor = Floor()
    for _ in range(count):
        floor.seller(capacity=ROOM)
    return floor


def test_three_of_one_weight_take_turns_by_number() -> None:
    assert sellers(3).series(EQUAL, 7) == [1, 2, 3, 1, 2, 3, 1]


def test_a_weight_of_three_gets_three_of_five_spread_out() -> None:
    # Due first is who has the smallest (n + 1)/w, of those below their share of N + 1 customers:
    # 1: 1/3 first. 2: who has had 1 is below 3 × 2/5, 2/3 first. 3: 2 are not below 3 × 3/5; the others at 1/1: the
    # lower number. 4: 2 are below 3 × 4/5: 3/3 = 1/1, as the third; who was assigned least recently: the third, who never
    # was. 5: the first.
    assert sellers(3).series(rotation(s1=3), 10) == [1, 1, 2, 3, 1] * 2


def test_weights_by_capacity_share_customers_as_capacities_stand() -> None:
    floor = Floor()
    for capacity in (60, 30, 10):
        floor.seller(capacity=capacity)
    by_capacity = policy(rule(choose={"rotation": {}}))
    assert Counter(floor.series(by_capacity, 50)) == {1: 30, 2: 15, 3: 5}
    assert Counter(floor.series(by_capacity, 50)) == {1: 30, 2: 15, 3: 5}
    assert by_capacity.choose(floor.state, wanted(), DAY, detail=False).staff == 0


def test_a_weight_of_a_team_is_that_of_each_member_unless_a_team_below_or_the_person_has_their_own() -> None:
    floor = Floor()
    floor.team("firm")
    floor.team("east", "firm")
    floor.team("harbour", "east")
    for team in ("harbour", "east", "firm", "elsewhere", "harbour"):
        floor.seller(team=team, capacity=ROOM)
    weights = {"teams": {"firm": 2, "east": 3}, "staff": {"S-000005": 4}}
    rules = policy(rule(choose={"rotation": {"weights": weights}}))
    assert Counter(floor.series(rules, 130)) == {1: 30, 2: 30, 3: 20, 4: 10, 5: 40}


def test_the_turn_that_an_event_carries_is_count_and_weight_and_the_score_is_when_the_turn_was_due() -> None:
    floor, rules = sellers(3), rotation(s1=3)
    told = [rules.choose(floor.state, wanted(), DAY, detail=False)]
    for _ in range(4):
        floor.give(told[-1])
        told.append(rules.choose(floor.state, wanted(), DAY, detail=False))
    assert [list(choice.turn) for choice in told] == [["r", 1, 3], ["r", 2, 3], ["r", 1, 1], ["r", 1, 1], ["r", 3, 3]]
    assert [choice.score for choice in told] == [3333, 6666, 10000, 10000, 10000]


def test_why_others_are_passed_over_in_a_rotation() -> None:
    floor, rules = sellers(4), rotation(s1=3, s2=2)
    assert floor.series(rules, 2) == [1, 2]
    choice = rules.choose(floor.state, wanted(), DAY, detail=True)
    # 2 of 7 shares are given, this is the third: 1 of 3 × 3/7 is below, due at 2/3; 1 of 2 × 3/7 is not below; 0 of 1 at 1.
    assert verdicts(choice) == {1: "chosen", 2: "turn_taken", 3: "turn_later", 4: "turn_later"}
    assert scores(choice) == {1: 6666, 2: 10000, 3: 10000, 4: 10000}
    floor.give(choice)
    choice = rules.choose(floor.state, wanted(), DAY, detail=True)
    assert verdicts(choice) == {1: "turn_taken", 2: "tied", 3: "chosen", 4: "tied"}


def test_each_combination_of_what_candidates_are_compared_with_has_its_own_rotation() -> None:
    floor = Floor()
    for region in ("east", "west", "east", "west"):
        floor.seller(region=region, capacity=ROOM)
    rules = policy(rule(choose={"rotation": {"weights": "equal"}}, candidates={"same_region": True}))
    east: dict[str, Any] = {"traits": {"region": "east"}}
    west: dict[str, Any] = {"traits": {"region": "west"}}
    assert floor.series(rules, 3, **east) == [1, 3, 1]
    assert floor.series(rules, 3, **west) == [2, 4, 2]
    assert floor.series(rules, 2, **east) == [3, 1]
    assert sorted(floor.state.rotations) == ["r/region=east", "r/region=west"]


def test_rules_rotate_apart_and_a_rule_that_keeps_its_id_keeps_its_turns() -> None:
    floor = sellers(3)
    choose = {"rotation": {"weights": "equal"}}
    assert floor.series(policy(rule("a", choose)), 2) == [1, 2]
    # Nobody has had a turn in the other rule; of equals the one comes who was assigned least recently.
    assert floor.series(policy(rule("b", choose)), 1) == [3]
    assert floor.series(policy(rule("c", choose, when={"tag": "big"}), rule("a", choose)), 2) == [3, 1]


def test_a_newcomer_begins_with_the_round_that_the_others_are_in() -> None:
    floor = sellers(3)
    floor.series(EQUAL, 300)
    newcomer = floor.seller(capacity=ROOM)
    assert floor.series(EQUAL, 8) == [newcomer, 1, 2, 3, newcomer, 1, 2, 3]


def test_who_was_on_leave_or_full_takes_part_as_if_they_had_kept_pace() -> None:
    ways: list[dict[str, Any]] = [{"absences": ((DAY, DAY),)}, {"capacity": 0}, {"role": "support"}]
    for away in ways:
        floor = sellers(4)
        floor.series(EQUAL, 40)
        floor.seller(number=2, **{"capacity": ROOM, **away})
        assert Counter(floor.series(EQUAL, 300)) == {1: 100, 3: 100, 4: 100}
        floor.seller(number=2, capacity=ROOM)
        assert floor.series(EQUAL, 8) == [2, 1, 3, 4, 2, 1, 3, 4], away


def test_a_heavy_weight_that_returns_is_not_given_everything() -> None:
    floor, rules = sellers(5), rotation(s1=6)
    floor.seller(number=1, capacity=0)
    floor.series(rules, 400)
    floor.seller(number=1, capacity=ROOM)
    # 6 of 10 is their share: in ten customers they get six, or one more for the customer they may count as behind.
    assert floor.series(rules, 10).count(1) in (6, 7)


def test_a_weight_that_changes_counts_from_then_on() -> None:
    floor = sellers(3)
    # In the middle of a round: the first has had 4 of 8, which is none of 1, rounded down.
    assert floor.series(rotation(s1=8, s2=1, s3=1), 1005).count(1) == 804
    later = floor.series(rotation(s1=1, s2=1, s3=1), 30)
    assert all(abs(got - 10) <= 1 for got in Counter(later).values())
    heavier = floor.series(rotation(s1=1, s2=8, s3=1), 30)
    assert abs(heavier.count(2) - 24) <= 1


def test_who_has_had_their_turn_of_a_round_is_not_due_for_more_of_it_by_a_higher_weight() -> None:
    floor = sellers(3)
    assert floor.series(EQUAL, 4) == [1, 2, 3, 1]
    # A whole round ahead of the others, the first has had 1 of 1, and so 4 of 4.
    assert floor.series(rotation(s1=4), 8) == [2, 3, 1, 1, 2, 1, 3, 1]


def test_scores_of_those_who_can_be_chosen_are_not_moved_by_who_is_away() -> None:
    floor, rules = sellers(3), rotation(s1=5, s2=5, s3=9)
    floor.state.turn_take(3, ["r", 9, 9])
    floor.seller(number=3, capacity=ROOM, absences=((DAY, DAY),))
    choice = rules.choose(floor.state, wanted(), DAY, detail=True)
    # (0 + 1)/5 for the two, as if there were no third; the third has had 9 of 9.
    assert scores(choice) == {1: 2000, 2: 2000, 3: 11111}
    assert choice.score == 2000


def test_who_must_not_be_chosen_for_one_customer_loses_no_turn_by_it() -> None:
    floor = sellers(3)
    assert EQUAL.choose(floor.state, wanted(not_staff=frozenset({1})), DAY, detail=False).staff == 2
    floor.series(EQUAL, 1, not_staff=frozenset({1}))
    assert floor.series(EQUAL, 5) == [1, 3, 2, 1, 3]


def test_the_turn_begun_latest_is_kept_and_taken_back_with_the_rest() -> None:
    journal = Journal()
    turns = Rotation(journal)
    turns.take(1, 3, 2)
    assert (turns.counts[0], turns.weights[0], turns.counts[1], turns.weights[1]) == (2, 2, 3, 2)
    journal.commit()
    turns.take(2, 5, 4)  # began at 4/4, as the other at 2/2
    assert (turns.counts[0], turns.weights[0]) == (2, 2)
    turns.take(2, 9, 90)  # began at 8/90
    assert (turns.counts[0], turns.weights[0]) == (2, 2)
    turns.take(3, 6, 4)  # began at 5/4
    assert (turns.counts[0], turns.weights[0]) == (5, 4)
    journal.rollback()
    assert (turns.counts[0], turns.weights[0], turns.counts[2], turns.counts[3]) == (2, 2, 0, 0)


WEIGHTS = st.lists(st.sampled_from([1, 1, 2, 3, 5, 7, 10, 40]), min_size=1, max_size=7)


def weighed(weights: list[int]) -> tuple[Floor, AssignmentPolicy]:
    return sellers(len(weights)), rotation(**{f"s{i}": weight for i, weight in enumerate(weights, 1)})


@given(WEIGHTS)
@settings(max_examples=40, deadline=None)
def test_nobody_is_ever_a_whole_customer_away_from_their_share(weights: list[int]) -> None:
    floor, rules = weighed(weights)
    given_to: Counter[int] = Counter()
    total = sum(weights)
    for count in range(1, 2 * total + 1):
        given_to.update(floor.series(rules, 1))
        for number, weight in enumerate(weights, 1):
            assert abs(given_to[number] - Fraction(weight * count, total)) < 1
    assert given_to == {number: 2 * weight for number, weight in enumerate(weights, 1)}


@given(WEIGHTS, st.integers(0, 60), st.sampled_from([1, 2, 5, 20]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_who_joins_or_returns_gets_their_share_from_then_on_and_at_most_one_customer_more(
    weights: list[int], before: int, weight: int, was_there: bool
) -> None:
    floor = sellers(len(weights) + was_there)
    newcomer = len(weights) + 1
    rules = rotation(**{f"s{i}": w for i, w in enumerate([*weights, weight], 1)})
    if was_there:
        floor.series(rules, 5)
        floor.seller(number=newcomer, capacity=0)
    floor.series(rules, before)
    floor.seller(number=newcomer, capacity=ROOM)
    total = sum(weights) + weight
    got = 0
    for count in range(1, 2 * total + 1):
        got += floor.series(rules, 1)[0] == newcomer
        share = Fraction(weight * count, total)
        assert share - 2 < got < share + 2


@given(WEIGHTS, st.lists(st.frozensets(st.integers(1, 7), max_size=5), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_comings_and_goings_cost_nobody_more_than_a_customer_for_each(
    weights: list[int], phases: list[frozenset[int]]
) -> None:
    floor, rules = weighed(weights)
    due: dict[int, Fraction] = dict.fromkeys(range(1, len(weights) + 1), Fraction(0))
    given_to: Counter[int] = Counter()
    for phase, away in enumerate(phases, 1):
        here = [number for number in due if number not in away]
        total = sum(weights[number - 1] for number in here)
        for _ in range(2 * total):
            given_to.update(floor.series(rules, 1, not_staff=away))
            for number in here:
                due[number] += Fraction(weights[number - 1], total)
                assert abs(given_to[number] - due[number]) < 1 + 2 * phase


@given(WEIGHTS, st.integers(0, 90))
@settings(max_examples=30, deadline=None)
def test_a_rotation_told_in_one_piece_or_in_two_is_the_same(weights: list[int], count: int) -> None:
    """What is kept of it is what its events say: counts and weights, and the turn begun latest."""
    floor, rules = weighed(weights)
    floor.series(rules, count)
    again = sellers(len(weights))
    for number in range(1, len(weights) + 1):
        again.state.assigned_last.put(number, floor.state.assigned_last[number])
        turns = floor.state.rotations.get("r")
        if turns is not None and turns.counts[number]:
            again.state.turn_take(number, ["r", turns.counts[number], turns.weights[number]])
    again.position = floor.position
    assert floor.series(rules, 30) == again.series(rules, 30)


@given(WEIGHTS)
@settings(max_examples=30, deadline=None)
def test_scores_tell_exactly_when_each_turn_is_due(weights: list[int]) -> None:
    floor, rules = weighed(weights)
    floor.series(rules, 2 * sum(weights) + 3)
    turns = floor.state.rotations["r"]
    unit = lcm(*weights)
    due: dict[int, int] = {}
    for number, weight in enumerate(weights, 1):
        count = turns.counts[number]
        due[number] = (count + 1) * unit // weight * SCORE_UNIT // unit
    assert scores(rules.choose(floor.state, wanted(), DAY, detail=True)) == due


def test_a_thousand_million_customers_later_nothing_overflows() -> None:
    floor = Floor()
    for _ in range(3):
        floor.seller(capacity=ROOM)
    floor.seller(capacity=ROOM)
    heaviest: dict[str, Any] = {"s1": 1_000_000, "s2": 999_999, "s3": 1, "s4": 1_000_000}
    rules = rotation(**heaviest)
    # The fourth was away since the beginning.
    turns = [(10**15, 10**6), (10**15 - 10**9, 999_999), (10**9, 1), (1, 10**6)]
    for number, (count, weight) in enumerate(turns, 1):
        floor.state.turn_take(number, ["r", count, weight])
    later = Counter(floor.series(rules, 1000))
    assert later[3] <= 1 and all(abs(later[number] - 333) <= 2 for number in (1, 2, 4))

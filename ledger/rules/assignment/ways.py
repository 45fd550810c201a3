"""The ways to choose one of several members of staff, in integers only.

Shares such as load ÷ capacity are compared as floor(load × 2^40 ÷ capacity): for capacities and weights up to 2^20, two
shares that differ do so by more than 2^-40, so the order is exact and nothing small is rounded to zero. Who is equally
good comes in this order: who was assigned a customer (in whatever way) least recently, then the lowest number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.policy import Wanted
from ledger.domain.relations.state import Relations
from ledger.rules.assignment.best import best_of
from ledger.rules.assignment.document import BestFit, Choose, LeastLoaded
from ledger.rules.assignment.fields import Open
from ledger.rules.assignment.roster import Mask, Numbers
from ledger.rules.assignment.verdicts import code

SHARE_BITS: Final = 40
SCORE_UNIT: Final = 10_000
"""Shares and rounds are told in 1/10000, rounded down; they are compared exactly."""

_LAST: Final = np.int64(2**62)

_CHOSEN: Final = code("chosen")
_RESTED: Final = code("rested")
_MORE_LOADED: Final = code("more_loaded")
_TURN_TAKEN: Final = code("turn_taken")
_TURN_LATER: Final = code("turn_later")
_LESS_FIT: Final = code("less_fit")
_NAMED_LATER: Final = code("named_later")
_NOT_NAMED: Final = code("not_named")
_NOT_PREVIOUS: Final = code("not_previous")
_TIED: Final = code("tied")


@dataclass(slots=True)
class Pool:
    """Members of staff, in the order of their numbers, that one is chosen of."""

    state: Relations
    wanted: Wanted
    rotation: str
    numbers: Numbers
    capacity: Numbers
    weights: Numbers
    base: Numbers
    loads: Numbers
    top: int

    def last(self) -> Numbers:
        """Where each was last assigned a customer."""
        return self.state.assigned_last.of(self.numbers, self.top)


def pool_of(state: Relations, wanted: Wanted, people: Open) -> Pool:
    """All of some rows."""
    loads = state.load.of(people.numbers, people.top)
    return Pool(
        state, wanted, people.rotation, people.numbers, people.capacity, people.weights, people.base, loads, people.top
    )


def pool_open(pool: Pool) -> Pool:
    """Those of a pool that are not full, nor excluded."""
    free = pool.loads < pool.capacity
    for number in pool.wanted.not_staff:
        free &= pool.numbers != number
    if np.count_nonzero(free) == len(free):
        return pool
    at = free.nonzero()[0]
    return Pool(
        pool.state, pool.wanted, pool.rotation, pool.numbers.take(at), pool.capacity.take(at), pool.weights.take(at),
        pool.base.take(at), pool.loads.take(at), pool.top,
    )  # fmt: skip


Picked = tuple[int, int, Sequence[Any]]
"""Who is chosen (0 for nobody), score, and what `CustomerAssigned` has as `turn`."""

NOBODY_PICKED: Final[Picked] = (0, 0, ())
_NOBODY_EXCLUDED: Final[Numbers] = np.zeros(0, np.int64)


class Way(Protocol):
    """A way to choose."""

    def pick(self, state: Relations, wanted: Wanted, people: Open) -> Picked:
        """The one chosen of some people, nobody that is full or excluded."""
        ...

    def scores(self, pool: Pool) -> Numbers:
        """What each is told to have scored, of any pool."""
        ...

    def verdicts(self, pool: Pool, at: int) -> NDArray[np.int8]:
        """Why one was chosen and each other one was not; `at` may be -1."""
        ...


class LeastLoadedWay:
    """The smallest share load ÷ capacity, of those who don't rest. The score is the share, in 1/10000."""

    def __init__(self, given: LeastLoaded) -> None:
        self._rest = given.rest

    def pick(self, state: Relations, wanted: Wanted, people: Open) -> Picked:
        """Smallest share; ties as stated above."""
        at = _best(state, wanted, people, 0, self._rest)
        if at < 0:
            return NOBODY_PICKED
        staff: int = people.numbers.item(at)
        return staff, state.load[staff] * SCORE_UNIT // people.capacity.item(at), ()

    def scores(self, pool: Pool) -> Numbers:
        """The share of what each can own that they own."""
        return pool.loads * SCORE_UNIT // np.maximum(pool.capacity, 1)

    def verdicts(self, pool: Pool, at: int) -> NDArray[np.int8]:
        """rested, more_loaded, or tied."""
        keys = _share(pool)
        found = np.where(keys > keys[at], _MORE_LOADED, _TIED).astype(np.int8)
        found[_resting(pool, self._rest)] = _RESTED
        found[at] = _CHOSEN
        return found


class RotationWay:
    """In turn, as often as the weight says. A round is as many customers as all weights together.

    Somebody who has had n customers with weight w has come n/w rounds. Of those whose n is below their share of the
    customers given so far and this one, n < w × (N + 1) ÷ W with N and W the sums over all who can be chosen, the one
    is chosen whose next turn is due first: smallest (n + 1)/w. So while these stay the same, everybody's n is always
    floor or ceiling of their exact share (the quota method of Balinski and Young).

    Nothing is caught up: who is a whole customer or more behind their share, n + 1 ≤ w × N ÷ W, was new, away or full
    meanwhile, and counts as having kept pace with those who are not: n is raised to floor(w × N' ÷ W') with the sums
    over these. Before that, nobody counts as behind the beginning of the round in which the latest turn began, whoever
    can be chosen now. Neither moves anybody who could be chosen all the time. Where a weight changes, n is kept in
    rounds, rounded down to customers.

    The score is when the next turn is due, in 1/10000 of a round.
    """

    def pick(self, state: Relations, wanted: Wanted, people: Open) -> Picked:
        """The first due of those who have not had their share; ties as stated above."""
        pool = pool_open(pool_of(state, wanted, people))
        if not len(pool.numbers):
            return NOBODY_PICKED
        counts, rounds = self._standing(pool)
        keys = _due(pool, counts)
        at = _first(pool, keys)
        given, weights = int(counts.sum()), int(pool.weights.sum())
        count, weight = int(counts[at]), int(pool.weights[at])
        # Who is due first is behind if anybody is, and mostly has not had their share: only otherwise all are asked.
        if (count + 1) * weights <= weight * given or count * weights >= weight * (given + 1):
            counts = _paced(pool, counts)
            keys = _due(pool, counts)
            keys[_taken(pool, counts)] = _LAST
            at = _first(pool, keys)
            weight = int(pool.weights[at])
        count = int(counts[at]) + 1
        score = count * SCORE_UNIT // weight + rounds * SCORE_UNIT
        return int(pool.numbers[at]), score, (pool.rotation, count + rounds * weight, weight)

    def scores(self, pool: Pool) -> Numbers:
        """When each one's next turn is due."""
        counts, rounds = self._standing(pool)
        counts = _paced(pool, counts)
        return (counts + 1) * SCORE_UNIT // pool.weights + rounds * SCORE_UNIT

    def verdicts(self, pool: Pool, at: int) -> NDArray[np.int8]:
        """turn_taken, turn_later, or tied."""
        counts = _paced(pool, self._standing(pool)[0])
        keys = _due(pool, counts)
        found = np.where(keys > keys[at], _TURN_LATER, _TIED).astype(np.int8)
        found[_taken(pool, counts)] = _TURN_TAKEN
        found[at] = _CHOSEN
        return found

    def _standing(self, pool: Pool) -> tuple[Numbers, int]:
        """How many each has had since the round in which the latest turn began, and the rounds before that."""
        rotation = pool.state.rotations.get(pool.rotation)
        if rotation is None or not rotation.weights[0]:
            return np.zeros(len(pool.numbers), np.int64), 0
        rounds = rotation.counts[0] // rotation.weights[0]
        weights = rotation.weights.of(pool.numbers, pool.top)
        counts = rotation.counts.of(pool.numbers, pool.top) - rounds * weights
        moved = weights != pool.weights
        if np.count_nonzero(moved):
            rescaled = np.maximum(counts, 0) * pool.weights // np.maximum(weights, 1)
            counts = np.where(moved, rescaled, counts)
        return np.maximum(counts, 0), rounds


class BestFitWay:
    """Most points, of those who don't rest. Of as many points, the smaller share of load; then ties as above."""

    def __init__(self, given: BestFit) -> None:
        self._load = given.load
        self._rest = given.rest

    def pick(self, state: Relations, wanted: Wanted, people: Open) -> Picked:
        """Most points."""
        at = _best(state, wanted, people, self._load, self._rest)
        if at < 0:
            return NOBODY_PICKED
        staff: int = people.numbers.item(at)
        return staff, people.base.item(at) - self._load * state.load[staff] // people.capacity.item(at), ()

    def scores(self, pool: Pool) -> Numbers:
        """The points of each."""
        if not self._load:
            return pool.base
        return pool.base - self._load * pool.loads // np.maximum(pool.capacity, 1)

    def verdicts(self, pool: Pool, at: int) -> NDArray[np.int8]:
        """rested, less_fit, more_loaded, or tied."""
        scores, shares = self.scores(pool), _share(pool)
        found = np.full(len(scores), _TIED, np.int8)
        found[shares > shares[at]] = _MORE_LOADED
        found[scores < scores[at]] = _LESS_FIT
        found[_resting(pool, self._rest)] = _RESTED
        found[at] = _CHOSEN
        return found


class PreviousOwnerWay:
    """Whoever had the customer before. There is no score."""

    def pick(self, state: Relations, wanted: Wanted, people: Open) -> Picked:
        """The former owner."""
        pool = pool_open(pool_of(state, wanted, people))
        return (wanted.previous, 0, ()) if _place(pool, wanted.previous) >= 0 else NOBODY_PICKED

    def scores(self, pool: Pool) -> Numbers:
        """None."""
        return np.zeros(len(pool.numbers), np.int64)

    def verdicts(self, pool: Pool, at: int) -> NDArray[np.int8]:
        """not_previous."""
        found = np.full(len(pool.numbers), _NOT_PREVIOUS, np.int8)
        if at >= 0:
            found[at] = _CHOSEN
        return found


class NamedWay:
    """The first of a list who can be chosen. The score is the place in the list, from 1; 0 for nobody's."""

    def __init__(self, staff: list[str]) -> None:
        self._staff = [staff_number(text) for text in staff]

    def pick(self, state: Relations, wanted: Wanted, people: Open) -> Picked:
        """The first of the list who can be chosen."""
        pool = pool_open(pool_of(state, wanted, people))
        for place, number in enumerate(self._staff, 1):
            if _place(pool, number) >= 0:
                return number, place, ()
        return NOBODY_PICKED

    def scores(self, pool: Pool) -> Numbers:
        """The place of each in the list."""
        places = {number: place for place, number in reversed(list(enumerate(self._staff, 1)))}
        return np.array([places.get(number, 0) for number in pool.numbers.tolist()], np.int64)

    def verdicts(self, pool: Pool, at: int) -> NDArray[np.int8]:
        """named_later, or not_named."""
        found = np.where(self.scores(pool) > 0, _NAMED_LATER, _NOT_NAMED).astype(np.int8)
        if at >= 0:
            found[at] = _CHOSEN
        return found


def way_of(choose: Choose) -> Way:
    """How a rule chooses."""
    if choose.least_loaded is not None:
        return LeastLoadedWay(choose.least_loaded)
    if choose.rotation is not None:
        return RotationWay()
    if choose.best_fit is not None:
        return BestFitWay(choose.best_fit)
    if choose.named is not None:
        return NamedWay(choose.named)
    return PreviousOwnerWay()


def _best(state: Relations, wanted: Wanted, people: Open, per_load: int, rest: int) -> int:
    """The place of who is best, as `best_of` says."""
    excluded = np.array(sorted(wanted.not_staff), np.int64) if wanted.not_staff else _NOBODY_EXCLUDED
    loads, last = state.load.through(people.top), state.assigned_last.through(people.top)
    return best_of(people.numbers, people.capacity, people.base, loads, last, excluded, per_load, rest)


def _share(pool: Pool) -> Numbers:
    return (pool.loads << SHARE_BITS) // pool.capacity


def _due(pool: Pool, counts: Numbers) -> Numbers:
    return ((counts + 1) << SHARE_BITS) // pool.weights


def _taken(pool: Pool, counts: Numbers) -> Mask:
    """Who has had their share of the customers given so far and this one."""
    return counts * int(pool.weights.sum()) >= pool.weights * (int(counts.sum()) + 1)


def _paced(pool: Pool, counts: Numbers) -> Numbers:
    """The counts, those raised that are a whole customer or more behind the share that those not behind make it."""
    behind = np.zeros(len(counts), np.bool_)
    while True:
        given, weights = int(counts[~behind].sum()), int(pool.weights[~behind].sum())
        more = ~behind & ((counts + 1) * weights <= pool.weights * given)
        if not more.any():
            return np.where(behind, pool.weights * given // max(weights, 1), counts)
        behind |= more


def _resting(pool: Pool, rest: int) -> list[int]:
    """The places of those who were assigned one of the last customers: always fewer than half of the pool."""
    count = min(rest, (len(pool.numbers) - 1) // 2)
    if count == 0:
        return []
    last = pool.last()
    places = [int(last.argmax())] if count == 1 else np.argpartition(last, len(last) - count)[-count:].tolist()
    return [place for place in places if last[place] > 0]


def _first(pool: Pool, keys: Numbers) -> int:
    """The place of the smallest key; of equal ones, who was assigned least recently, then the lowest number."""
    at = int(keys.argmin())
    best = keys == keys[at]
    return at if np.count_nonzero(best) == 1 else int(np.where(best, pool.last(), _LAST).argmin())


def _place(pool: Pool, number: int) -> int:
    at = int(pool.numbers.searchsorted(number))
    return at if at < len(pool.numbers) and int(pool.numbers[at]) == number else -1

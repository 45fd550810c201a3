"""Who of many is best for a customer, in one compiled pass: nobody is looked at twice, and nothing is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ledger.rules._jit import jit

Numbers = NDArray[np.int64]


@jit
def best_of(
    numbers: Numbers, capacity: Numbers, base: Numbers, loads: Numbers, last: Numbers, excluded: Numbers,
    per_load: int, rest: int,
) -> int:  # fmt: skip
    """The place in `numbers` of who is best; -1 where all are full or excluded.

    Best is who scores most, base - floor(per_load × load ÷ capacity); of these, who owns the smallest share of what
    they can; of these, who was assigned a customer least recently, and then the lowest number. The `rest` who were
    assigned one last are passed over, always fewer than half of those who can be chosen. `loads` and `last`, where each
    was last assigned one, are by number.
    """
    free = 0
    for place in range(len(numbers)):
        number = numbers[place]
        if loads[number] < capacity[place] and _is_in(excluded, number) == 0:
            free += 1
    resting = min(rest, (free - 1) // 2)
    # Whoever was assigned one at this position or later rests. No two were at the same, and 0 is never.
    rests_from = np.int64(2**62)
    for _ in range(resting):
        latest = np.int64(0)
        for place in range(len(numbers)):
            number = numbers[place]
            is_later = latest < last[number] < rests_from
            if is_later and loads[number] < capacity[place] and _is_in(excluded, number) == 0:
                latest = last[number]
        if latest == 0:
            break
        rests_from = latest
    best = -1
    best_score, best_load, best_capacity, best_last = np.int64(0), np.int64(0), np.int64(1), np.int64(0)
    for place in range(len(numbers)):
        number = numbers[place]
        load, room = loads[number], capacity[place]
        if load >= room or last[number] >= rests_from or _is_in(excluded, number) != 0:
            continue
        score = base[place]
        if per_load != 0:
            score -= per_load * load // room
        if best >= 0:
            # load ÷ room against best_load ÷ best_capacity, without dividing.
            share, best_share = load * best_capacity, best_load * room
            if score < best_score or (score == best_score and share > best_share):
                continue
            if score == best_score and share == best_share and last[number] >= best_last:
                continue
        best, best_score, best_load, best_capacity, best_last = place, score, load, room, last[number]
    return best


@jit
def _is_in(numbers: Numbers, number: int) -> int:
    for other in numbers:
        if other == number:
            return 1
    return 0

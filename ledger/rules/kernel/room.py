"""What surrounds the fold and goes over every row too: how much room accounts need, and what outputs add up to."""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.layout import (
    KIND_EXPIRY,
    KIND_HOLD,
    OP_FREE,
    OP_HOLD,
    OP_HOLD_COVERED,
    OP_RETURN,
    OP_REVERSE,
    OP_SPEND,
    OUT_KIND,
    OUT_POINTS,
    ROLES,
    Ints,
)


@jit
def room_fill(
    firsts: Ints,
    operations: Ints,
    rule_sets: Ints,
    fact_types: Ints,
    roles: Ints,
    types: int,
    awards_most: Ints,
    penalties_most: Ints,
    closings: int,
    expiries: int,
    ring: int,
    places: int,
    room: Ints,
) -> None:
    """How many outputs and moves the rows of each account can come to at most: `room[i]`.

    `awards_most` and `penalties_most` say it of one row, for each index of `rule_first`; `closings` and
    `expiries` are how many month ends there are and how many lots can expire; a penalty given back touches
    `places`.
    """
    for a in range(firsts.shape[0] - 1):
        awards = 0
        takings = 0
        given_back = 0
        for row in range(firsts[a], firsts[a + 1]):
            if operations[row] > OP_REVERSE:
                if operations[row] in (OP_HOLD, OP_HOLD_COVERED):
                    takings += 1
                elif operations[row] in (OP_SPEND, OP_FREE, OP_RETURN):
                    given_back += 1
                continue
            index = (rule_sets[row] * types + fact_types[row]) * ROLES + roles[row]
            awards += awards_most[index]
            takings += penalties_most[index]
            if operations[row] == OP_REVERSE:
                takings += awards_most[index]
                given_back += penalties_most[index]
        # A month end comes to a tier, tags and a grade, and to an expiry for each month it passes and the
        # one before.
        room[a, 0] = awards + 3 * (firsts[a + 1] - firsts[a]) + 4 * closings + expiries
        # A taking draws on four places (its own lot, part of another, never, debt) beside the lots it
        # empties. Each of those was filled: before, by a grant, or by giving a penalty back, which touches
        # each of its places twice.
        room[a, 1] = 0
        if takings > 0 or given_back > 0:
            room[a, 1] = 4 * takings + awards + ring + 1 + 3 * places * given_back


@jit
def points_sum(outs: Ints, owners: Ints, sums: Ints) -> None:
    """Add the points of outputs to `sums[owner, kind]`, for the kinds that move points."""
    for i in range(outs.shape[0]):
        if outs[i, OUT_KIND] <= KIND_EXPIRY or outs[i, OUT_KIND] >= KIND_HOLD:
            sums[owners[i], outs[i, OUT_KIND]] += outs[i, OUT_POINTS]

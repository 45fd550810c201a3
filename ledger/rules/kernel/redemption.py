"""Points held, spent, freed and given back: each what a redemption's input says, whatever the rules are.

A hold takes points from the lots; what is spent or freed later is a stretch of the hold's points in the order in which
it took them, what is given back a stretch of what was spent. So every point returns to the lot it came from.
"""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.kernel.record import give, lot_at, move_write, moves_of, out_first, out_write, take
from ledger.rules.layout import (
    COLUMN_BEFORE,
    COLUMN_POINTS,
    DETAIL_AVAILABLE,
    DETAIL_BALANCE,
    DETAIL_DEBT,
    DETAIL_LACKED,
    KIND_FREE,
    KIND_HOLD,
    KIND_REFUSED,
    KIND_RETURN,
    KIND_REVERSAL,
    KIND_SPEND,
    MONTH_NEVER,
    MOVE_DEBT,
    MOVE_MONTH,
    MOVE_POINTS,
    NONE,
    OP_FREE,
    OP_HOLD,
    OP_HOLD_COVERED,
    OP_RETURN,
    OP_SPEND,
    OUT_KIND,
    OUT_POINTS,
    OUT_ROW,
    PRIOR_ACCOUNT,
    PRIOR_MOVES_FIRST,
    PRIOR_MOVES_LAST,
    PRIOR_POSITION,
    PRIOR_RULE,
    REC_ADDED,
    REC_BALANCE,
    REC_CLOSED_MONTH,
    REC_DEBT,
    REC_HELD,
    REC_LOT_MONTH_MIN,
    REC_LOT_NEVER,
    REC_TAKEN,
    SET_DEBT_STANDS,
    SET_EXPIRY_MONTHS,
    SIZE_LOTS_RING,
    Ints,
    Tables,
)


@jit
def available(t: Tables, rule_set: int, record: Ints, month: int) -> int:
    """What can be spent in a month: the lots that don't expire before it, less the debt where that stands."""
    points = record[REC_LOT_NEVER]
    low = record[REC_LOT_MONTH_MIN]
    if low != NONE:
        for expiry in range(month if month > low else low, low + t.sizes[SIZE_LOTS_RING]):
            points += record[lot_at(t, expiry)]
    if t.sets[rule_set, SET_DEBT_STANDS] != 0:
        points -= record[REC_DEBT]
    return points if points > 0 else 0


@jit
def booked_later(outs: Ints, n_first: int, n: int, days: Ints, day: int, day_last: int) -> int:
    """By how much less could be spent on some day from `day` on than can be spent now, for what is booked after it;
    0 where nothing is. `day_last` is the last day that anything is booked on."""
    first = n_first
    while first < n and (outs[first, OUT_ROW] < 0 or days[outs[first, OUT_ROW]] <= day):
        first += 1
    most = 0
    until = day
    while first < n and until < day_last:
        points = 0
        for o in range(first, n):
            row = outs[o, OUT_ROW]
            # What expires is booked on the last day of a month that is closed, and never after this one.
            if row >= 0 and days[row] > until:
                kind = outs[o, OUT_KIND]
                if kind == KIND_HOLD:
                    points -= outs[o, OUT_POINTS]
                elif kind <= KIND_REVERSAL or kind in (KIND_FREE, KIND_RETURN):
                    points += outs[o, OUT_POINTS]
        if points > most:
            most = points
        until += 1
    return most


@jit
def put_back(
    t: Tables, rule_set: int, record: Ints, month: int, moved: int, points: int,
    moves: Ints, moves_n: int, out: int,
) -> tuple[int, int]:
    """Put points back to where they were taken from: the lot of the month `moved`, or debt. Returns the debt that is
    paid by it and the new count of moves. What later grants paid of a debt comes back as new points."""
    expiry = moved
    if moved == MOVE_DEBT:
        expiry = MONTH_NEVER
        if t.sets[rule_set, SET_EXPIRY_MONTHS] != NONE:
            expiry = month + t.sets[rule_set, SET_EXPIRY_MONTHS]
    elif moved != MONTH_NEVER and moved < record[REC_CLOSED_MONTH]:
        expiry = record[REC_CLOSED_MONTH]
    paid = give(t, NONE if moved == MOVE_DEBT else rule_set, record, points, expiry)
    if paid > 0:
        moves_n = move_write(moves, moves_n, out, MOVE_DEBT, -paid)
    if points > paid:
        moves_n = move_write(moves, moves_n, out, expiry, paid - points)
    return paid, moves_n


@jit
def hold(
    t: Tables, record: Ints, row: int, operation: int, rule_set: int, month: int, points: int, later: int,
    outs: Ints, details: Ints, n: int, moves: Ints, moves_n: int,
) -> tuple[int, int]:
    """Hold points: out of the lots, oldest to expire first. What they lack becomes debt, or with OP_HOLD_COVERED
    nothing is held. It lacks what could not be spent on its day or some day since: `later` of what can be spent now was
    not there yet. Returns the new counts of outputs and moves."""
    before = available(t, rule_set, record, month) - later
    if before < 0:
        before = 0
    lacked = points - before if points > before else 0
    debt = 0
    kind = KIND_HOLD
    if lacked > 0 and operation == OP_HOLD_COVERED:
        kind = KIND_REFUSED
    else:
        debt, moves_n = take(t, record, points, month, moves, moves_n, n)
        record[REC_BALANCE] += points
        record[REC_HELD] += points
    if details.shape[0] > 0:
        details[n, DETAIL_AVAILABLE] = available(t, rule_set, record, month)
        details[n, DETAIL_LACKED] = lacked
        details[n, DETAIL_DEBT] = debt
        details[n, DETAIL_BALANCE] = record[REC_BALANCE]
    return out_write(outs, n, row, kind, NONE, points, MONTH_NEVER), moves_n


@jit
def moved_own(
    outs: Ints, n_first: int, n: int, row: int, kind: int, moves: Ints, moves_first: int, moves_n: int
) -> tuple[int, int]:
    """Which moves of this run belong to the output of a kind at a row: first and last, alike where there is none."""
    o = out_first(outs, n_first, n, row)
    # The operation's own output stands before the tags and grades that followed from it.
    while o < n and outs[o, OUT_ROW] == row and outs[o, OUT_KIND] != kind:
        o += 1
    if o == n or outs[o, OUT_ROW] != row:
        return 0, 0
    return moves_of(moves, moves_first, moves_n, o)


@jit
def moved_prior(prior: Ints, account: int, position: int) -> tuple[int, int]:
    """Which of the moves from the log belong to the hold or the spending at a position; alike where there is none."""
    low = 0
    high = prior.shape[0]
    while low < high:
        middle = (low + high) // 2
        if prior[middle, PRIOR_ACCOUNT] < account or (
            prior[middle, PRIOR_ACCOUNT] == account and prior[middle, PRIOR_POSITION] < position
        ):
            low = middle + 1
        else:
            high = middle
    if (
        low < prior.shape[0]
        and prior[low, PRIOR_ACCOUNT] == account
        and prior[low, PRIOR_POSITION] == position
        and prior[low, PRIOR_RULE] == NONE
    ):
        return prior[low, PRIOR_MOVES_FIRST], prior[low, PRIOR_MOVES_LAST]
    return 0, 0


@jit
def follow(
    t: Tables, record: Ints, row: int, operation: int, rule_set: int, month: int, before: int, points: int,
    source: Ints, source_first: int, source_last: int,
    outs: Ints, details: Ints, n: int, moves: Ints, moves_n: int,
) -> tuple[int, int]:
    """Spend, free or give back a stretch of what `source` moved: its points from `before` on. Where nothing was moved,
    nothing comes of it. Returns the new counts of outputs and moves."""
    passed = 0
    done = 0
    debt = 0
    for i in range(source_first, source_last):
        part = source[i, MOVE_POINTS]
        start = before - passed if before > passed else 0
        end = before + points - passed if before + points < passed + part else part
        passed += part
        if end <= start:
            continue
        part = end - start
        done += part
        if operation == OP_SPEND:
            moves_n = move_write(moves, moves_n, n, source[i, MOVE_MONTH], part)
            if source[i, MOVE_MONTH] == MOVE_DEBT:
                debt += part
        else:
            paid, moves_n = put_back(
                t, rule_set, record, month, source[i, MOVE_MONTH], part, moves, moves_n, n
            )  # fmt: skip
            debt += paid
    if done == 0:
        return n, moves_n
    kind = KIND_RETURN
    signed = done
    if operation == OP_SPEND:
        kind = KIND_SPEND
        signed = -done
        record[REC_HELD] -= done
        record[REC_BALANCE] -= done
        record[REC_TAKEN] += done
    elif operation == OP_FREE:
        kind = KIND_FREE
        record[REC_HELD] -= done
        record[REC_BALANCE] -= done  # which `give` has added
    else:
        record[REC_ADDED] += done
    if details.shape[0] > 0:
        details[n, DETAIL_AVAILABLE] = available(t, rule_set, record, month)
        details[n, DETAIL_DEBT] = debt
        details[n, DETAIL_BALANCE] = record[REC_BALANCE]
    return out_write(outs, n, row, kind, NONE, signed, MONTH_NEVER), moves_n


@jit
def redeem(
    t: Tables,
    record: Ints,
    account: int,
    row: int,
    first: int,
    positions: Ints,
    operation: int,
    rule_set: int,
    days: Ints,
    day_last: int,
    refers: Ints,
    attributes: Ints,
    outs: Ints,
    details: Ints,
    n: int,
    n_first: int,
    moves: Ints,
    moves_first: int,
    moves_n: int,
    prior: Ints,
    prior_moves: Ints,
) -> tuple[int, int]:
    """One row of a redemption; `day_last` is the last day that a row of the account was booked on so far. Returns the
    new counts of outputs and moves."""
    day = days[row]
    points = attributes[COLUMN_POINTS, row]
    before = attributes[COLUMN_BEFORE, row]
    month = t.month_of_day[day]
    if month <= record[REC_CLOSED_MONTH]:
        month = record[REC_CLOSED_MONTH] + 1
    if operation in (OP_HOLD, OP_HOLD_COVERED):
        later = booked_later(outs, n_first, n, days, day, day_last) if day < day_last else 0
        return hold(t, record, row, operation, rule_set, month, points, later, outs, details, n, moves, moves_n)
    low = first
    high = row
    while low < high:
        middle = (low + high) // 2
        if positions[middle] < refers[row]:
            low = middle + 1
        else:
            high = middle
    if low < row and positions[low] == refers[row]:
        kind = KIND_SPEND if operation == OP_RETURN else KIND_HOLD
        source_first, source_last = moved_own(outs, n_first, n, low, kind, moves, moves_first, moves_n)
        return follow(
            t, record, row, operation, rule_set, month, before, points, moves, source_first, source_last,
            outs, details, n, moves, moves_n,
        )  # fmt: skip
    source_first, source_last = moved_prior(prior, account, refers[row])
    return follow(
        t, record, row, operation, rule_set, month, before, points, prior_moves, source_first, source_last,
        outs, details, n, moves, moves_n,
    )  # fmt: skip

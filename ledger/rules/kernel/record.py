"""One account's record: counters of windows, lots by expiry month, debt. Every movement of points is one of
these."""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.layout import (
    COUNTER_FIELDS,
    COUNTER_KEY,
    COUNTER_POINTS,
    COUNTER_TIMES,
    MONTH_NEVER,
    MOVE_DEBT,
    MOVE_MONTH,
    MOVE_OUT,
    MOVE_POINTS,
    NONE,
    OUT_EXPIRY_MONTH,
    OUT_KIND,
    OUT_POINTS,
    OUT_ROW,
    OUT_RULE,
    REC_BALANCE,
    REC_CLOSED_MONTH,
    REC_DEBT,
    REC_EARNED,
    REC_LOT_MONTH_MIN,
    REC_LOT_NEVER,
    SET_DEBT_STANDS,
    SET_TIER_SLOT,
    SIZE_LOTS_OFFSET,
    SIZE_LOTS_RING,
    SLOT_OFFSET,
    SLOT_RING,
    SLOT_WINDOW,
    WINDOW_DAY,
    WINDOW_MONTH,
    WINDOW_QUARTER,
    WINDOW_YEAR,
    Ints,
    Tables,
)


@jit
def window_key(window: int, day: int, month: int) -> int:
    """The number of the window that holds this day (months, quarters and years are counted from 1970)."""
    if window == WINDOW_MONTH:
        return month
    if window == WINDOW_YEAR:
        return month // 12
    if window == WINDOW_QUARTER:
        return month // 3
    if window == WINDOW_DAY:
        return day
    return 0


@jit
def window_open(window: int, key: int, closed_month: int, day_of_month_end: Ints) -> bool:
    """Whether a fact can still be booked in this window: its last month isn't closed."""
    if window == WINDOW_MONTH:
        return key > closed_month
    if window == WINDOW_YEAR:
        return key * 12 + 11 > closed_month
    if window == WINDOW_QUARTER:
        return key * 3 + 2 > closed_month
    if window == WINDOW_DAY:
        return closed_month < 0 or key > day_of_month_end[closed_month]
    return True


@jit
def counter_of(record: Ints, slots: Ints, slot: int, day: int, month: int) -> int:
    """Where in the record the counter of this slot's window for this date lies; an older window's is
    cleared."""
    key = window_key(slots[slot, SLOT_WINDOW], day, month)
    at = slots[slot, SLOT_OFFSET] + (key & (slots[slot, SLOT_RING] - 1)) * COUNTER_FIELDS
    if record[at + COUNTER_KEY] != key:
        record[at + COUNTER_KEY] = key
        record[at + COUNTER_TIMES] = 0
        record[at + COUNTER_POINTS] = 0
    return at


@jit
def counter_read(record: Ints, slots: Ints, slot: int, day: int, month: int, field: int) -> int:
    """The counter's value for this date without touching the record."""
    key = window_key(slots[slot, SLOT_WINDOW], day, month)
    at = slots[slot, SLOT_OFFSET] + (key & (slots[slot, SLOT_RING] - 1)) * COUNTER_FIELDS
    if record[at + COUNTER_KEY] != key:
        return 0
    return record[at + field]


@jit
def lot_at(t: Tables, month: int) -> int:
    """Where in the record the lot that expires at the end of this month lies."""
    return t.sizes[SIZE_LOTS_OFFSET] + (month & (t.sizes[SIZE_LOTS_RING] - 1))


@jit
def lot_add(t: Tables, record: Ints, month: int, points: int) -> None:
    """Put points into the lot of an expiry month; one already closed expires at the next close."""
    if month == MONTH_NEVER:
        record[REC_LOT_NEVER] += points
        return
    if month < record[REC_CLOSED_MONTH]:
        month = record[REC_CLOSED_MONTH]
    lots = t.sizes[SIZE_LOTS_OFFSET]
    ring = t.sizes[SIZE_LOTS_RING]
    if record[REC_LOT_MONTH_MIN] == NONE or month < record[REC_LOT_MONTH_MIN]:
        record[REC_LOT_MONTH_MIN] = month
    record[lots + (month & (ring - 1))] += points


@jit
def move_write(moves: Ints, n: int, out: int, month: int, points: int) -> int:
    """Write from which lot (or as debt) an output took points; negative: gave them. Returns the new count."""
    moves[n, MOVE_OUT] = out
    moves[n, MOVE_MONTH] = month
    moves[n, MOVE_POINTS] = points
    return n + 1


@jit
def take(
    t: Tables, record: Ints, points: int, month_from: int, moves: Ints, moves_n: int, out: int
) -> tuple[int, int]:
    """Take points from lots, oldest to expire first (none that expired before `month_from`), then as debt.

    Returns what became debt and the new count of moves.
    """
    left = points
    ring = t.sizes[SIZE_LOTS_RING]
    if record[REC_LOT_MONTH_MIN] != NONE:
        month = record[REC_LOT_MONTH_MIN]
        end = month + ring
        start = month
        emptied = True
        while left > 0 and month < end:
            at = lot_at(t, month)
            have = record[at]
            if have > 0 and month >= month_from:
                part = have if have < left else left
                record[at] -= part
                left -= part
                moves_n = move_write(moves, moves_n, out, month, part)
            if emptied and record[at] == 0:
                start = month + 1
            else:
                emptied = False
            month += 1
        record[REC_LOT_MONTH_MIN] = NONE if start >= end else start
    if left > 0 and record[REC_LOT_NEVER] > 0:
        part = record[REC_LOT_NEVER] if record[REC_LOT_NEVER] < left else left
        record[REC_LOT_NEVER] -= part
        left -= part
        moves_n = move_write(moves, moves_n, out, MONTH_NEVER, part)
    if left > 0:
        record[REC_DEBT] += left
        moves_n = move_write(moves, moves_n, out, MOVE_DEBT, left)
    record[REC_BALANCE] -= points
    return left, moves_n


@jit
def give(t: Tables, rule_set: int, record: Ints, points: int, expiry_month: int) -> int:
    """Give points: debt is paid first (unless the rule set lets it stand; NONE: by no rule set's word), the rest
    forms (or joins) the lot of its expiry month. Returns the debt paid."""
    paid = 0
    if record[REC_DEBT] > 0 and (rule_set == NONE or t.sets[rule_set, SET_DEBT_STANDS] == 0):
        paid = record[REC_DEBT] if record[REC_DEBT] < points else points
        record[REC_DEBT] -= paid
    if points > paid:
        lot_add(t, record, expiry_month, points - paid)
    record[REC_BALANCE] += points
    return paid


@jit
def earned_add(t: Tables, rule_set: int, record: Ints, points: int, day: int, month: int) -> None:
    """Count earned points for the tier year of this date and for the lifetime; negative takes them back."""
    record[REC_EARNED] += points
    slot = t.sets[rule_set, SET_TIER_SLOT]
    if slot == NONE:
        return
    key = window_key(t.slots[slot, SLOT_WINDOW], day, month)
    if window_open(t.slots[slot, SLOT_WINDOW], key, record[REC_CLOSED_MONTH], t.day_of_month_end):
        record[counter_of(record, t.slots, slot, day, month) + COUNTER_POINTS] += points


@jit
def out_write(outs: Ints, n: int, row: int, kind: int, rule: int, points: int, expiry_month: int) -> int:
    """Write one output; returns the new count."""
    outs[n, OUT_ROW] = row
    outs[n, OUT_KIND] = kind
    outs[n, OUT_RULE] = rule
    outs[n, OUT_POINTS] = points
    outs[n, OUT_EXPIRY_MONTH] = expiry_month
    return n + 1


@jit
def out_first(outs: Ints, low: int, high: int, row: int) -> int:
    """The first of an account's outputs that came of this row or a later one; `high` where none did. Those of month
    ends, whose rows are below zero, stand between."""
    while low < high:
        middle = (low + high) // 2
        o = middle
        while o > low and outs[o, OUT_ROW] < 0:
            o -= 1
        if outs[o, OUT_ROW] < row:
            low = middle + 1
        else:
            high = o
    return low


@jit
def moves_of(moves: Ints, low: int, high: int, out: int) -> tuple[int, int]:
    """Which of these moves belong to an output: first and last, alike where there is none."""
    end = high
    while low < high:
        middle = (low + high) // 2
        if moves[middle, MOVE_OUT] < out:
            low = middle + 1
        else:
            high = middle
    last = low
    while last < end and moves[last, MOVE_OUT] == out:
        last += 1
    return low, last

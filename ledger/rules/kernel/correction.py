"""Taking back what an earlier version of a fact was awarded."""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.kernel.record import (
    earned_add,
    give,
    lot_at,
    move_write,
    moves_of,
    out_first,
    out_write,
    take,
    window_key,
    window_open,
)
from ledger.rules.layout import (
    COUNTER_FIELDS,
    COUNTER_KEY,
    COUNTER_POINTS,
    COUNTER_TIMES,
    DETAIL_BALANCE,
    KIND_GRANT,
    KIND_PENALTY,
    KIND_REVERSAL,
    LIMIT_SLOT,
    MONTH_NEVER,
    MOVE_DEBT,
    MOVE_MONTH,
    MOVE_POINTS,
    NONE,
    OP_FACT,
    OUT_EXPIRY_MONTH,
    OUT_KIND,
    OUT_POINTS,
    OUT_ROW,
    OUT_RULE,
    PRIOR_ACCOUNT,
    PRIOR_EXPIRY_MONTH,
    PRIOR_MOVES_FIRST,
    PRIOR_MOVES_LAST,
    PRIOR_POINTS,
    PRIOR_POSITION,
    PRIOR_RULE,
    REC_ADDED,
    REC_BALANCE,
    REC_CLOSED_MONTH,
    REC_LOT_MONTH_MIN,
    REC_LOT_NEVER,
    REC_TAKEN,
    ROLES,
    RULE_CAPS_FIRST,
    RULE_EXPIRY_MONTHS,
    RULE_LIMITS_FIRST,
    RULE_LIMITS_LAST,
    SIZE_LOTS_RING,
    SIZE_TYPES,
    SLOT_OFFSET,
    SLOT_RING,
    SLOT_WINDOW,
    Ints,
    Tables,
)


@jit
def counts_give_back(t: Tables, record: Ints, rule: int, points: int, day: int, month: int) -> None:
    """Give back what an award used of its limits, where the window of its fact is still open."""
    last = t.rules[rule, RULE_LIMITS_LAST] if points > 0 else t.rules[rule, RULE_CAPS_FIRST]
    for i in range(t.rules[rule, RULE_LIMITS_FIRST], last):
        slot = t.limits[i, LIMIT_SLOT]
        window = t.slots[slot, SLOT_WINDOW]
        key = window_key(window, day, month)
        at = t.slots[slot, SLOT_OFFSET] + (key & (t.slots[slot, SLOT_RING] - 1)) * COUNTER_FIELDS
        if record[at + COUNTER_KEY] == key and window_open(
            window, key, record[REC_CLOSED_MONTH], t.day_of_month_end
        ):
            record[at + COUNTER_TIMES] -= 1
            record[at + COUNTER_POINTS] -= points if points > 0 else -points


@jit
def award_reverse(
    t: Tables,
    record: Ints,
    row: int,
    rule: int,
    points: int,
    expiry_month: int,
    moves: Ints,
    moves_first: int,
    moves_last: int,
    written: Ints,
    written_n: int,
    rule_set: int,
    day: int,
    month: int,
    outs: Ints,
    details: Ints,
    n: int,
) -> tuple[int, int]:
    """Take back one old award: a grant from its lot, then the oldest to expire, then as debt; a penalty is
    returned to the lots it came from. `day` and `month` are those the old fact was booked at. The lots drawn
    on (positive) or given back to (negative) are `written`. Returns the new counts of outputs and of what is
    written."""
    month_now = month
    if month_now <= record[REC_CLOSED_MONTH]:
        month_now = record[REC_CLOSED_MONTH] + 1
    if points > 0:
        left = points
        if expiry_month == MONTH_NEVER:
            part = record[REC_LOT_NEVER] if record[REC_LOT_NEVER] < left else left
            record[REC_LOT_NEVER] -= part
            record[REC_BALANCE] -= part
            left -= part
            if part > 0:
                written_n = move_write(written, written_n, n, MONTH_NEVER, part)
        elif expiry_month > record[REC_CLOSED_MONTH] and record[REC_LOT_MONTH_MIN] != NONE:
            low = record[REC_LOT_MONTH_MIN]
            if low <= expiry_month < low + t.sizes[SIZE_LOTS_RING]:
                at = lot_at(t, expiry_month)
                part = record[at] if record[at] < left else left
                record[at] -= part
                record[REC_BALANCE] -= part
                left -= part
                if part > 0:
                    written_n = move_write(written, written_n, n, expiry_month, part)
        if left > 0:
            _, written_n = take(t, record, left, month_now, written, written_n, n)
        record[REC_TAKEN] += points
        earned_add(t, rule_set, record, -points, day, month)
    else:
        record[REC_ADDED] -= points
        expiry_now = MONTH_NEVER
        if t.rules[rule, RULE_EXPIRY_MONTHS] != NONE:
            expiry_now = month_now + t.rules[rule, RULE_EXPIRY_MONTHS]
        for i in range(moves_first, moves_last):
            part = moves[i, MOVE_POINTS]
            # What later grants paid of a debt comes back as points that expire like new ones.
            was_debt = moves[i, MOVE_MONTH] == MOVE_DEBT
            expiry = expiry_now if was_debt else moves[i, MOVE_MONTH]
            if expiry != MONTH_NEVER and expiry < record[REC_CLOSED_MONTH]:
                expiry = record[REC_CLOSED_MONTH]
            paid = give(t, NONE if was_debt else rule_set, record, part, expiry)
            if paid > 0:
                written_n = move_write(written, written_n, n, MOVE_DEBT, -paid)
            if part > paid:
                written_n = move_write(written, written_n, n, expiry, paid - part)
    counts_give_back(t, record, rule, points, day, month)
    if details.shape[0] > 0:
        details[n, DETAIL_BALANCE] = record[REC_BALANCE]
    return out_write(outs, n, row, KIND_REVERSAL, rule, -points, expiry_month), written_n


@jit
def correct(
    t: Tables,
    record: Ints,
    account: int,
    row: int,
    first: int,
    positions: Ints,
    operations: Ints,
    rule_sets: Ints,
    fact_types: Ints,
    roles: Ints,
    days: Ints,
    refers: Ints,
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
    """Take back the awards of an earlier version of a fact: the run's own, or those brought from the log.

    Only those of rules for this row's role: a customer who referred itself has a row in either.
    """
    day = days[row]
    month = t.month_of_day[day]
    rule_set = rule_sets[row]
    index = (rule_set * t.sizes[SIZE_TYPES] + fact_types[row]) * ROLES + roles[row]
    rule_first = t.rule_first[index]
    rule_last = t.rule_first[index + 1]
    low = first
    high = row
    while low < high:
        middle = (low + high) // 2
        if positions[middle] < refers[row]:
            low = middle + 1
        else:
            high = middle
    if low < row and positions[low] == refers[row]:
        while (
            low < row
            and positions[low] == refers[row]
            and (operations[low] != OP_FACT or roles[low] != roles[row])
        ):
            low += 1
        end = n
        o = out_first(outs, n_first, n, low)
        while o < end and outs[o, OUT_ROW] == low:
            if outs[o, OUT_KIND] in (KIND_GRANT, KIND_PENALTY):
                m, m_last = moves_of(moves, moves_first, moves_n, o)
                n, moves_n = award_reverse(
                    t, record, row, outs[o, OUT_RULE], outs[o, OUT_POINTS], outs[o, OUT_EXPIRY_MONTH],
                    moves, m, m_last, moves, moves_n, rule_set, day, month, outs, details, n,
                )  # fmt: skip
            o += 1
        return n, moves_n
    low = 0
    high = prior.shape[0]
    while low < high:
        middle = (low + high) // 2
        if prior[middle, PRIOR_ACCOUNT] < account or (
            prior[middle, PRIOR_ACCOUNT] == account and prior[middle, PRIOR_POSITION] < refers[row]
        ):
            low = middle + 1
        else:
            high = middle
    while (
        low < prior.shape[0]
        and prior[low, PRIOR_ACCOUNT] == account
        and prior[low, PRIOR_POSITION] == refers[row]
    ):
        if rule_first <= prior[low, PRIOR_RULE] < rule_last:
            n, moves_n = award_reverse(
                t, record, row, prior[low, PRIOR_RULE], prior[low, PRIOR_POINTS],
                prior[low, PRIOR_EXPIRY_MONTH], prior_moves,
                prior[low, PRIOR_MOVES_FIRST], prior[low, PRIOR_MOVES_LAST],
                moves, moves_n, rule_set, day, month, outs, details, n,
            )  # fmt: skip
        low += 1
    return n, moves_n

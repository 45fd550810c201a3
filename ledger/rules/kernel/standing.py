"""Where an account stands: tier, tags and grade, and what a month's end does to them and to the lots."""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.kernel.record import (
    counter_read,
    lot_at,
    out_write,
    window_key,
)
from ledger.rules.layout import (
    COUNTER_FIELDS,
    COUNTER_KEY,
    COUNTER_POINTS,
    COUNTER_TIMES,
    DETAIL_AFTER,
    DETAIL_BALANCE,
    DETAIL_BEFORE,
    DETAIL_COUNT,
    KIND_EXPIRY,
    KIND_GRADE,
    KIND_TAGS,
    KIND_TIER,
    LEAF_BIT,
    LEAF_COLUMN,
    LEAF_OPERATOR,
    LEAF_SIZE,
    LEAF_SOURCE,
    LEAF_VALUE,
    LEVEL_THRESHOLD,
    LEVEL_TIER,
    NONE,
    NULL,
    OPERATOR_EQ,
    OPERATOR_GE,
    OPERATOR_GT,
    OPERATOR_IN,
    OPERATOR_LE,
    OPERATOR_LT,
    REC_BALANCE,
    REC_CLOSED_MONTH,
    REC_DAY_LAST,
    REC_EARNED,
    REC_GRADE,
    REC_LOT_MONTH_MIN,
    REC_SET_LAST,
    REC_TAGS,
    REC_TAKEN,
    REC_TIER,
    SET_DYNAMIC_FIRST,
    SET_DYNAMIC_LAST,
    SET_FALL_MAX,
    SET_GRADE_ALL,
    SET_GRADE_GOOD,
    SET_GRADES_FIRST,
    SET_GRADES_LAST,
    SET_LEVELS_FIRST,
    SET_LEVELS_LAST,
    SET_REVIEW_FROM,
    SET_REVIEW_WINDOW,
    SET_TAGS_FIRST,
    SET_TAGS_LAST,
    SET_TIER_SLOT,
    SIZE_LOTS_RING,
    SLOT_OFFSET,
    SLOT_RING,
    SLOT_WINDOW,
    SOURCE_BALANCE,
    SOURCE_EARNED,
    SOURCE_GRADE,
    SOURCE_MEASURE_TIMES,
    SOURCE_TAG,
    SOURCE_TIER,
    WINDOW_MONTH,
    WINDOW_QUARTER,
    WINDOW_YEAR,
    Ints,
    Tables,
)


@jit
def compare(operator: int, value: int, against: int, size: int, members: Ints) -> bool:
    """One comparison. An attribute that isn't there fails every one of them, `NE` included."""
    if value == NULL:
        return False
    if operator == OPERATOR_EQ:
        return value == against
    if operator == OPERATOR_GE:
        return value >= against
    if operator == OPERATOR_LT:
        return value < against
    if operator == OPERATOR_IN:
        return 0 <= value < size and members[against + value] != 0
    if operator == OPERATOR_LE:
        return value <= against
    if operator == OPERATOR_GT:
        return value > against
    return value != against


@jit
def terms_hold(terms: Ints, first: int, last: int, bits: int) -> bool:
    """Whether any of the terms (bits that must stand, bits that must not) holds."""
    for t in range(first, last):  # noqa: SIM110  (a generator would cost)
        if bits & terms[t, 0] == terms[t, 0] and bits & terms[t, 1] == 0:
            return True
    return False


@jit
def level_of(t: Tables, rule_set: int, tier: int) -> int:
    """The row in `levels` of a tier in this rule set's ladder; the lowest where the ladder doesn't know
    it."""
    first = t.sets[rule_set, SET_LEVELS_FIRST]
    for level in range(first, t.sets[rule_set, SET_LEVELS_LAST]):
        if t.levels[level, LEVEL_TIER] == tier:
            return level
    return first


@jit
def grade_of(t: Tables, rule_set: int, record: Ints, day: int, month: int) -> int:
    """The credit grade: the first whose share of good outcomes, in basis points, is reached; none with no
    outcome."""
    slot_all = t.sets[rule_set, SET_GRADE_ALL]
    if slot_all == NONE:
        return NONE
    total = counter_read(record, t.slots, slot_all, day, month, COUNTER_TIMES)
    if total <= 0:
        return NONE
    good = counter_read(record, t.slots, t.sets[rule_set, SET_GRADE_GOOD], day, month, COUNTER_TIMES)
    share_bp = good * 10000 // total
    for g in range(t.sets[rule_set, SET_GRADES_FIRST], t.sets[rule_set, SET_GRADES_LAST]):
        if share_bp >= t.grades[g, LEVEL_THRESHOLD]:
            return t.grades[g, LEVEL_TIER]
    return NONE


@jit
def dynamic_bits(t: Tables, rule_set: int, record: Ints, day: int, month: int) -> int:
    """The comparisons on what the fold itself changes: tier, balance, earned points, tags, grade,
    measures."""
    bits = 0
    for i in range(t.sets[rule_set, SET_DYNAMIC_FIRST], t.sets[rule_set, SET_DYNAMIC_LAST]):
        source = t.leaves[i, LEAF_SOURCE]
        column = t.leaves[i, LEAF_COLUMN]
        if source == SOURCE_TIER:
            value = level_of(t, rule_set, record[REC_TIER]) - t.sets[rule_set, SET_LEVELS_FIRST]
        elif source == SOURCE_BALANCE:
            value = record[REC_BALANCE]
        elif source == SOURCE_EARNED:
            value = record[REC_EARNED]
            if column != NONE:
                value = counter_read(record, t.slots, column, day, month, COUNTER_POINTS)
        elif source == SOURCE_TAG:
            value = (record[REC_TAGS] >> column) & 1
        elif source == SOURCE_GRADE:
            value = record[REC_GRADE]
        elif source == SOURCE_MEASURE_TIMES:
            value = counter_read(record, t.slots, column, day, month, COUNTER_TIMES)
        else:
            value = counter_read(record, t.slots, column, day, month, COUNTER_POINTS)
        if compare(
            t.leaves[i, LEAF_OPERATOR], value, t.leaves[i, LEAF_VALUE], t.leaves[i, LEAF_SIZE], t.members
        ):
            bits |= 1 << t.leaves[i, LEAF_BIT]
    return bits


@jit
def standing_review(
    t: Tables, rule_set: int, record: Ints, row: int, day: int, month: int, outs: Ints, details: Ints, n: int
) -> int:
    """Tags, then grade, as they stand now; a change is an output. Tag rules read no tags."""
    first = t.sets[rule_set, SET_TAGS_FIRST]
    last = t.sets[rule_set, SET_TAGS_LAST]
    grade = grade_of(t, rule_set, record, day, month)
    if grade != record[REC_GRADE]:
        if details.shape[0] > 0:
            details[n, DETAIL_BEFORE] = record[REC_GRADE]
            details[n, DETAIL_AFTER] = grade
            details[n, DETAIL_BALANCE] = record[REC_BALANCE]
        record[REC_GRADE] = grade
        n = out_write(outs, n, row, KIND_GRADE, NONE, 0, NONE)
    if first != last or record[REC_TAGS] != 0:
        tags = 0
        if first != last:
            bits = dynamic_bits(t, rule_set, record, day, month)
            for i in range(first, last):
                if terms_hold(t.terms, t.tags[i, 1], t.tags[i, 2], bits):
                    tags |= 1 << t.tags[i, 0]
        if tags != record[REC_TAGS]:
            if details.shape[0] > 0:
                details[n, DETAIL_BEFORE] = record[REC_TAGS]
                details[n, DETAIL_AFTER] = tags
                details[n, DETAIL_BALANCE] = record[REC_BALANCE]
            record[REC_TAGS] = tags
            n = out_write(outs, n, row, KIND_TAGS, NONE, 0, NONE)
    return n


@jit
def tier_set(record: Ints, tier: int, row: int, outs: Ints, details: Ints, n: int, counted: int) -> int:
    """Move the account to a tier and say so."""
    if details.shape[0] > 0:
        details[n, DETAIL_BEFORE] = record[REC_TIER]
        details[n, DETAIL_AFTER] = tier
        details[n, DETAIL_COUNT] = counted
        details[n, DETAIL_BALANCE] = record[REC_BALANCE]
    record[REC_TIER] = tier
    return out_write(outs, n, row, KIND_TIER, NONE, 0, NONE)


@jit
def level_reached(t: Tables, rule_set: int, points: int) -> int:
    """The highest level whose threshold these points reach."""
    reached = t.sets[rule_set, SET_LEVELS_FIRST]
    for level in range(reached + 1, t.sets[rule_set, SET_LEVELS_LAST]):
        if points >= t.levels[level, LEVEL_THRESHOLD]:
            reached = level
    return reached


@jit
def month_close(
    t: Tables, rule_set: int, record: Ints, row: int, day: int, month: int, outs: Ints, details: Ints, n: int
) -> int:
    """Close a month on its last day: lots expire, then the tier is reviewed where its window ends."""
    if record[REC_LOT_MONTH_MIN] != NONE:
        ring = t.sizes[SIZE_LOTS_RING]
        low = record[REC_LOT_MONTH_MIN]
        for expiry in range(low, low + ring):
            if expiry > month:
                break
            at = lot_at(t, expiry)
            if record[at] > 0:
                points = record[at]
                record[at] = 0
                record[REC_BALANCE] -= points
                record[REC_TAKEN] += points
                if details.shape[0] > 0:
                    details[n, DETAIL_BALANCE] = record[REC_BALANCE]
                n = out_write(outs, n, row, KIND_EXPIRY, NONE, -points, expiry)
        if low <= month:
            record[REC_LOT_MONTH_MIN] = NONE
            for expiry in range(month + 1, low + ring):
                if record[lot_at(t, expiry)] > 0:
                    record[REC_LOT_MONTH_MIN] = expiry
                    break
    slot = t.sets[rule_set, SET_TIER_SLOT]
    if slot != NONE:
        window = t.slots[slot, SLOT_WINDOW]
        ends = (
            window == WINDOW_MONTH
            or (window == WINDOW_QUARTER and month % 3 == 2)
            or (window == WINDOW_YEAR and month % 12 == 11)
        )
        key_closed = window_key(window, day, month)
        month_first = key_closed
        if window == WINDOW_QUARTER:
            month_first = key_closed * 3
        elif window == WINDOW_YEAR:
            month_first = key_closed * 12
        day_first = t.day_of_month_end[month_first - 1] + 1 if month_first > 0 else 0
        if ends and day_first >= t.sets[rule_set, SET_REVIEW_FROM]:
            # Facts of later, open windows may have been recorded already: the best of them counts.
            best = 0
            for i in range(t.slots[slot, SLOT_RING]):
                at = t.slots[slot, SLOT_OFFSET] + i * COUNTER_FIELDS
                if record[at + COUNTER_KEY] >= key_closed and record[at + COUNTER_POINTS] > best:
                    best = record[at + COUNTER_POINTS]
            now = level_of(t, rule_set, record[REC_TIER])
            reached = level_reached(t, rule_set, best)
            fall = t.sets[rule_set, SET_FALL_MAX]
            if reached < now - fall:
                reached = now - fall
            if reached < now:
                n = tier_set(record, t.levels[reached, LEVEL_TIER], row, outs, details, n, best)
    record[REC_CLOSED_MONTH] = month
    return n


@jit
def month_end(
    t: Tables, rule_set: int, record: Ints, row: int, day: int, month: int, reviewed_set: int, reviewed_key: int,
    outs: Ints, details: Ints, n: int,
) -> tuple[int, int, int]:
    """Close a month, then review where the account stands, unless that was done for this rule set and window and
    nothing has moved since. Returns the new count, and for which rule set and window it was reviewed."""
    n_before = n
    n = month_close(t, rule_set, record, row, day, month, outs, details, n)
    if record[REC_DAY_LAST] > day:
        # Later facts were recorded already: the account stands where the latest of them is.
        day = record[REC_DAY_LAST]
        month = t.month_of_day[day]
        rule_set = record[REC_SET_LAST]
    key = window_key(t.sets[rule_set, SET_REVIEW_WINDOW], day, month)
    if n != n_before or rule_set != reviewed_set or key != reviewed_key:
        n = standing_review(t, rule_set, record, row, day, month, outs, details, n)
    return n, rule_set, key


@jit
def promote(
    t: Tables, rule_set: int, record: Ints, row: int, day: int, month: int, outs: Ints, details: Ints, n: int
) -> int:
    """Lift the account to the level its earned points of this date's window reach. Falling waits for the
    review."""
    first = t.sets[rule_set, SET_LEVELS_FIRST]
    if first == t.sets[rule_set, SET_LEVELS_LAST]:
        return n
    slot = t.sets[rule_set, SET_TIER_SLOT]
    counted = record[REC_EARNED]
    if slot != NONE:
        counted = counter_read(record, t.slots, slot, day, month, COUNTER_POINTS)
    reached = level_reached(t, rule_set, counted)
    if reached > level_of(t, rule_set, record[REC_TIER]):
        n = tier_set(record, t.levels[reached, LEVEL_TIER], row, outs, details, n, counted)
    return n

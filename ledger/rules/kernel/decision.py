"""What the rules of a fact's type say about one row."""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.kernel.record import (
    counter_of,
    earned_add,
    give,
    out_write,
    take,
    window_key,
    window_open,
)
from ledger.rules.kernel.standing import (
    compare,
    dynamic_bits,
    level_of,
    terms_hold,
)
from ledger.rules.layout import (
    ACTION_BREAK,
    ACTION_MEASURE,
    AWARD_FIXED,
    AWARD_PER_UNIT,
    AWARD_STREAK,
    COUNTER_POINTS,
    COUNTER_TIMES,
    DETAIL_BALANCE,
    DETAIL_BASE,
    DETAIL_COUNT,
    DETAIL_DEBT,
    DETAIL_FACTOR_BP,
    DETAIL_LIMIT,
    DETAIL_SOURCE,
    DETAIL_UNCUT,
    DETAIL_UNITS,
    DETAIL_WEIGHT_BP,
    KIND_GRANT,
    KIND_PENALTY,
    LEAF_BIT,
    LEAF_COLUMN,
    LEAF_OPERATOR,
    LEAF_SIZE,
    LEAF_SOURCE,
    LEAF_VALUE,
    LEVEL_FACTOR_BP,
    LIMIT_POINTS_MAX,
    LIMIT_SLOT,
    LIMIT_TIMES_MAX,
    MONTH_NEVER,
    NONE,
    NULL,
    REC_ADDED,
    REC_BALANCE,
    REC_CLOSED_MONTH,
    REC_TAKEN,
    REC_TIER,
    ROLES,
    RULE_ACTION,
    RULE_ATTRIBUTE,
    RULE_AWARD,
    RULE_BANDS_FIRST,
    RULE_BANDS_LAST,
    RULE_CAPS_FIRST,
    RULE_CONDITIONAL,
    RULE_DAY_FROM,
    RULE_DAY_TO,
    RULE_EXPIRY_MONTHS,
    RULE_LIMITS_FIRST,
    RULE_LIMITS_LAST,
    RULE_NTH,
    RULE_NTH_EVERY,
    RULE_NTH_SLOT,
    RULE_PENALTY_FACTORS,
    RULE_POINTS,
    RULE_SLOT,
    RULE_STEPS_FIRST,
    RULE_STEPS_LAST,
    RULE_STREAK,
    RULE_TERMS_FIRST,
    RULE_TERMS_LAST,
    RULE_TIER_FACTOR,
    RULE_UNIT,
    RULE_WEIGHTS_FIRST,
    RULE_WEIGHTS_LAST,
    SET_LEVELS_FIRST,
    SET_LEVELS_LAST,
    SIZE_TYPES,
    SLOT_WINDOW,
    SOURCE_FACT,
    Ints,
    Tables,
)


@jit
def weigh(t: Tables, rule: int, bits: int) -> int:
    """The weight, in basis points, of the first entry whose conditions hold; 10000 where none does."""
    for i in range(t.rules[rule, RULE_WEIGHTS_FIRST], t.rules[rule, RULE_WEIGHTS_LAST]):
        if terms_hold(t.terms, t.weights[i, 0], t.weights[i, 1], bits):
            return t.weights[i, 2]
    return 10000


@jit
def row_decide(
    t: Tables,
    record: Ints,
    row: int,
    rule_set: int,
    fact_type: int,
    role: int,
    day: int,
    attributes: Ints,
    traits: Ints,
    outs: Ints,
    details: Ints,
    n: int,
    moves: Ints,
    moves_n: int,
    reversing: bool,
) -> tuple[int, int]:
    """Let the rules of a fact's type speak, in order. `reversing` only takes back what the old fact
    measured."""
    month = t.month_of_day[day]
    index = (rule_set * t.sizes[SIZE_TYPES] + fact_type) * ROLES + role
    first = t.rule_first[index]
    last = t.rule_first[index + 1]
    if first == last:
        return n, moves_n
    bits = 0
    leaf_index = rule_set * t.sizes[SIZE_TYPES] + fact_type
    for i in range(t.leaf_first[leaf_index, 0], t.leaf_first[leaf_index, 1]):
        if t.leaves[i, LEAF_SOURCE] == SOURCE_FACT:
            value = attributes[t.leaves[i, LEAF_COLUMN], row]
        else:
            value = traits[t.leaves[i, LEAF_COLUMN], row]
            if value < 0:
                value = NULL
        if compare(
            t.leaves[i, LEAF_OPERATOR], value, t.leaves[i, LEAF_VALUE], t.leaves[i, LEAF_SIZE], t.members
        ):
            bits |= 1 << t.leaves[i, LEAF_BIT]
    if t.leaf_first[leaf_index, 2] != 0:
        bits |= dynamic_bits(t, rule_set, record, day, month)
    for rule in range(first, last):
        if day < t.rules[rule, RULE_DAY_FROM] or day > t.rules[rule, RULE_DAY_TO]:
            continue
        if t.rules[rule, RULE_CONDITIONAL] != 0 and not terms_hold(
            t.terms, t.rules[rule, RULE_TERMS_FIRST], t.rules[rule, RULE_TERMS_LAST], bits
        ):
            continue
        action = t.rules[rule, RULE_ACTION]
        if action == ACTION_MEASURE:
            value = 0
            if t.rules[rule, RULE_ATTRIBUTE] != NONE:
                value = attributes[t.rules[rule, RULE_ATTRIBUTE], row]
                if value == NULL:
                    value = 0
            slot = t.rules[rule, RULE_SLOT]
            sign = 1
            if reversing:
                sign = -1
                window = t.slots[slot, SLOT_WINDOW]
                if not window_open(
                    window, window_key(window, day, month), record[REC_CLOSED_MONTH], t.day_of_month_end
                ):
                    continue
            at = counter_of(record, t.slots, slot, day, month)
            record[at + COUNTER_TIMES] += sign
            record[at + COUNTER_POINTS] += sign * value
            continue
        if reversing:
            continue
        if action == ACTION_BREAK:
            record[t.rules[rule, RULE_STREAK]] = 0
            continue

        count = 0
        if t.rules[rule, RULE_NTH] != 0:
            at = counter_of(record, t.slots, t.rules[rule, RULE_NTH_SLOT], day, month)
            record[at + COUNTER_TIMES] += 1
            count = record[at + COUNTER_TIMES]
            if t.rules[rule, RULE_NTH_EVERY] != 0:
                if count % t.rules[rule, RULE_NTH] != 0:
                    continue
            elif count != t.rules[rule, RULE_NTH]:
                continue

        award = t.rules[rule, RULE_AWARD]
        units = 0
        source = 0
        if award == AWARD_FIXED:
            base = t.rules[rule, RULE_POINTS]
        elif award == AWARD_STREAK:
            record[t.rules[rule, RULE_STREAK]] += 1
            count = record[t.rules[rule, RULE_STREAK]]
            step = t.rules[rule, RULE_STEPS_FIRST] + count - 1
            if step >= t.rules[rule, RULE_STEPS_LAST]:
                step = t.rules[rule, RULE_STEPS_LAST] - 1
            base = t.steps[step]
        else:
            source = attributes[t.rules[rule, RULE_ATTRIBUTE], row]
            if source == NULL:
                continue
            if award == AWARD_PER_UNIT:
                # Full units only, counted towards zero, so that -1.5 units are -1.
                unit = t.rules[rule, RULE_UNIT]
                units = source // unit if source >= 0 else -(-source // unit)
                base = units * t.rules[rule, RULE_POINTS]
            else:
                base = 0
                for b in range(t.rules[rule, RULE_BANDS_FIRST], t.rules[rule, RULE_BANDS_LAST]):
                    if source < t.bands[b, 0]:
                        break
                    base = t.bands[b, 1]
        if base == 0:
            continue

        magnitude = base if base > 0 else -base
        weight_bp = 10000
        factor_bp = 10000
        if base > 0 or t.rules[rule, RULE_PENALTY_FACTORS] != 0:
            weight_bp = weigh(t, rule, bits)
            if (
                t.rules[rule, RULE_TIER_FACTOR] != 0
                and t.sets[rule_set, SET_LEVELS_FIRST] != t.sets[rule_set, SET_LEVELS_LAST]
            ):
                factor_bp = t.levels[level_of(t, rule_set, record[REC_TIER]), LEVEL_FACTOR_BP]
            if weight_bp != 10000 or factor_bp != 10000:
                # The one rounding: towards zero.
                magnitude = magnitude * weight_bp * factor_bp // 100000000
        uncut = magnitude
        cut_by = NONE
        limits_last = t.rules[rule, RULE_LIMITS_LAST] if base > 0 else t.rules[rule, RULE_CAPS_FIRST]
        for i in range(t.rules[rule, RULE_LIMITS_FIRST], limits_last):
            at = counter_of(record, t.slots, t.limits[i, LIMIT_SLOT], day, month)
            room = magnitude
            if (
                t.limits[i, LIMIT_TIMES_MAX] != NONE
                and record[at + COUNTER_TIMES] >= t.limits[i, LIMIT_TIMES_MAX]
            ):
                room = 0
            elif t.limits[i, LIMIT_POINTS_MAX] != NONE:
                room = t.limits[i, LIMIT_POINTS_MAX] - record[at + COUNTER_POINTS]
                if room < 0:
                    room = 0
            if room < magnitude:
                magnitude = room
                cut_by = i
        if magnitude == 0:
            continue
        for i in range(t.rules[rule, RULE_LIMITS_FIRST], limits_last):
            at = counter_of(record, t.slots, t.limits[i, LIMIT_SLOT], day, month)
            record[at + COUNTER_TIMES] += 1
            record[at + COUNTER_POINTS] += magnitude

        expiry_month = MONTH_NEVER
        if base > 0:
            if t.rules[rule, RULE_EXPIRY_MONTHS] != NONE:
                expiry_month = month + t.rules[rule, RULE_EXPIRY_MONTHS]
            debt = give(t, rule_set, record, magnitude, expiry_month)
            record[REC_ADDED] += magnitude
            earned_add(t, rule_set, record, magnitude, day, month)
        else:
            debt, moves_n = take(t, record, magnitude, month, moves, moves_n, n)
            record[REC_TAKEN] += magnitude
        if details.shape[0] > 0:
            details[n, DETAIL_BASE] = base
            details[n, DETAIL_UNITS] = units
            details[n, DETAIL_WEIGHT_BP] = weight_bp
            details[n, DETAIL_FACTOR_BP] = factor_bp
            details[n, DETAIL_UNCUT] = uncut
            details[n, DETAIL_LIMIT] = cut_by
            details[n, DETAIL_DEBT] = debt
            details[n, DETAIL_BALANCE] = record[REC_BALANCE]
            details[n, DETAIL_COUNT] = count
            details[n, DETAIL_SOURCE] = source
        if base > 0:
            n = out_write(outs, n, row, KIND_GRANT, rule, magnitude, expiry_month)
        else:
            n = out_write(outs, n, row, KIND_PENALTY, rule, -magnitude, expiry_month)
    return n, moves_n

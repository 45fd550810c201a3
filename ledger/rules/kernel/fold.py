"""The kernel: one plain sequential fold over one account's rows. Points are decided here and nowhere else.

It runs compiled for a live request (a batch of few rows and the account's state) and for a replay (ten
million rows and no state) alike, and uncompiled as its own oracle. Its order of work on a row is fixed for
ever, since replay must reproduce what was recorded:

1. month ends closed before the row: expiry of lots, then tier review, tags, grade;
2. comparisons on the fact, the customer, and the state *before* the row;
3. the rules of the fact's type in the order of their document;
4. promotion, then tags and grade, once all rules have spoken.

A row that takes an older version of a fact back promotes nobody, and is reviewed by the rule set of today. A row of a
redemption moves points by what was decided elsewhere: no rule speaks; tags and grade follow where they look at points.
"""

# An element of an array is an int once Numba compiles it; the stubs of NumPy cannot say so.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from ledger.rules._jit import jit
from ledger.rules.kernel.correction import (
    correct,
)
from ledger.rules.kernel.decision import (
    row_decide,
)
from ledger.rules.kernel.record import window_key
from ledger.rules.kernel.redemption import redeem
from ledger.rules.kernel.standing import (
    month_end,
    promote,
    standing_review,
)
from ledger.rules.layout import (
    KIND_RETURN,
    KIND_SPEND,
    LEVEL_TIER,
    NONE,
    OP_REVERSE,
    OUT_KIND,
    REC_ACTIVE,
    REC_CLOSED_MONTH,
    REC_DAY_LAST,
    REC_SET_LAST,
    REC_TIER,
    SET_LEVELS_FIRST,
    SET_LEVELS_LAST,
    SET_REVIEW_POINTS,
    SET_REVIEW_WINDOW,
    SIZE_TYPES,
    Ints,
    Tables,
)


@jit
def fold(
    t: Tables,
    accounts: Ints,
    firsts: Ints,
    account_from: int,
    records: Ints,
    positions: Ints,
    operations: Ints,
    rule_sets: Ints,
    reviews: Ints,
    fact_types: Ints,
    roles: Ints,
    days: Ints,
    refers: Ints,
    attributes: Ints,
    traits: Ints,
    closings: Ints,
    outs: Ints,
    details: Ints,
    moves: Ints,
    room: Ints,
    prior: Ints,
    prior_moves: Ints,
    filled: Ints,
    ends_at: Ints,
) -> int:
    """Fold the rows of accounts, one after the other, beginning at `account_from`.

    Rows of account i (`accounts[i]`, its record `records[i]`) are `firsts[i]` to `firsts[i + 1]`, in order of
    position. `rule_sets` decide them, `reviews` say where the account stands afterwards. `closings` are month
    ends: (position, day, month, rule set). `filled` holds how many outputs and moves stand, `ends_at[i + 1]`
    where the outputs of account i end; `room[i]` says how many it can need at most. Returns the account at
    which the output arrays would not have sufficed (call again with larger ones), or the number of accounts
    when all is done.
    """
    n = filled[0]
    moves_n = filled[1]
    for a in range(account_from, accounts.shape[0]):
        if n + room[a, 0] > outs.shape[0] or moves_n + room[a, 1] > moves.shape[0]:
            filled[0] = n
            filled[1] = moves_n
            return a
        record = records[a]
        closing = 0
        while closing < closings.shape[0] and closings[closing, 2] <= record[REC_CLOSED_MONTH]:
            closing += 1
        n_first = n
        moves_first = moves_n
        # For which rule set and window the account was last promoted and reviewed, as long as nothing has changed
        # that either depends on: doing it again would come to the same.
        promoted_set = NONE
        promoted_month = NONE
        reviewed_set = NONE
        reviewed_key = NONE
        day_last = NONE
        first = firsts[a]
        last = firsts[a + 1]
        for row in range(first, last):
            while closing < closings.shape[0] and closings[closing, 0] < positions[row]:
                if record[REC_ACTIVE] != 0:
                    n, reviewed_set, reviewed_key = month_end(
                        t, closings[closing, 3], record, -1 - closing, closings[closing, 1],
                        closings[closing, 2], reviewed_set, reviewed_key, outs, details, n,
                    )  # fmt: skip
                    promoted_set = NONE
                else:
                    record[REC_CLOSED_MONTH] = closings[closing, 2]
                closing += 1
            rule_set = rule_sets[row]
            day = days[row]
            if day > day_last:
                day_last = day
            if record[REC_ACTIVE] == 0:
                record[REC_ACTIVE] = 1
                if t.sets[rule_set, SET_LEVELS_FIRST] != t.sets[rule_set, SET_LEVELS_LAST]:
                    record[REC_TIER] = t.levels[t.sets[rule_set, SET_LEVELS_FIRST], LEVEL_TIER]
            reversing = operations[row] == OP_REVERSE
            n_before = n
            if operations[row] > OP_REVERSE:
                n, moves_n = redeem(
                    t, record, accounts[a], row, first, positions, operations[row], rule_set, days, day_last, refers,
                    attributes, outs, details, n, n_first, moves, moves_first, moves_n, prior, prior_moves,
                )  # fmt: skip
                if n != n_before and outs[n_before, OUT_KIND] in (KIND_SPEND, KIND_RETURN):
                    reviewed_set = NONE
                    if day >= record[REC_DAY_LAST]:
                        record[REC_DAY_LAST] = day
                        record[REC_SET_LAST] = rule_set
                    review_set = record[REC_SET_LAST]
                    if t.sets[review_set, SET_REVIEW_POINTS] != 0:
                        day = record[REC_DAY_LAST]
                        month = t.month_of_day[day]
                        n = standing_review(t, review_set, record, row, day, month, outs, details, n)
                        reviewed_set = review_set
                        reviewed_key = window_key(t.sets[review_set, SET_REVIEW_WINDOW], day, month)
                continue
            if reversing:
                n, moves_n = correct(
                    t, record, accounts[a], row, first, positions, operations, rule_sets,
                    fact_types, roles, days, refers,
                    outs, details, n, n_first, moves, moves_first, moves_n, prior, prior_moves,
                )  # fmt: skip
            n, moves_n = row_decide(
                t, record, row, rule_set, fact_types[row], roles[row], day, attributes, traits,
                outs, details, n, moves, moves_n, reversing,
            )  # fmt: skip
            month = t.month_of_day[day]
            review_set = reviews[row]
            changed = (
                reversing
                or t.leaf_first[rule_set * t.sizes[SIZE_TYPES] + fact_types[row], 3] != 0
                or (n != n_before and t.sets[review_set, SET_REVIEW_POINTS] != 0)
            )
            if reversing:
                promoted_set = NONE
            elif n != n_before or rule_set != promoted_set or month != promoted_month:
                n_before = n
                n = promote(t, rule_set, record, row, day, month, outs, details, n)
                changed = changed or n != n_before
                promoted_set = rule_set
                promoted_month = month
            if not reversing:
                if day >= record[REC_DAY_LAST]:
                    record[REC_DAY_LAST] = day
                    record[REC_SET_LAST] = rule_set
            elif month <= record[REC_CLOSED_MONTH]:
                # The old version's windows are over: the account stands where it stands on the first open
                # day.
                day = t.day_of_month_end[record[REC_CLOSED_MONTH]] + 1
                month = record[REC_CLOSED_MONTH] + 1
            if day < record[REC_DAY_LAST]:
                # A late fact changes counts of its own windows; the account stands where its latest fact is.
                day = record[REC_DAY_LAST]
                month = t.month_of_day[day]
                review_set = record[REC_SET_LAST]
                changed = changed or t.sets[review_set, SET_REVIEW_POINTS] != 0
            key = window_key(t.sets[review_set, SET_REVIEW_WINDOW], day, month)
            if changed or review_set != reviewed_set or key != reviewed_key:
                n = standing_review(t, review_set, record, row, day, month, outs, details, n)
                reviewed_set = review_set
                reviewed_key = key
        while closing < closings.shape[0]:
            if record[REC_ACTIVE] != 0:
                n, reviewed_set, reviewed_key = month_end(
                    t, closings[closing, 3], record, -1 - closing, closings[closing, 1],
                    closings[closing, 2], reviewed_set, reviewed_key, outs, details, n,
                )  # fmt: skip
            else:
                record[REC_CLOSED_MONTH] = closings[closing, 2]
            closing += 1
        ends_at[a + 1] = n
    filled[0] = n
    filled[1] = moves_n
    return accounts.shape[0]

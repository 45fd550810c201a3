"""Where things lie: the columns of the tables the kernel reads, and the fields of one account's record.

Everything is int64, in flat arrays whose types never depend on a rule set, so that one compiled kernel serves
all rule sets. These numbers are the contract between `compile.py`, which fills the tables, and `kernel.py`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ledger.domain.rows import (
    COLUMN_BEFORE as COLUMN_BEFORE,
    COLUMN_POINTS as COLUMN_POINTS,
    KIND_EXPIRY as KIND_EXPIRY,
    KIND_FREE as KIND_FREE,
    KIND_GRADE as KIND_GRADE,
    KIND_GRANT as KIND_GRANT,
    KIND_HOLD as KIND_HOLD,
    KIND_PENALTY as KIND_PENALTY,
    KIND_REFUSED as KIND_REFUSED,
    KIND_RETURN as KIND_RETURN,
    KIND_REVERSAL as KIND_REVERSAL,
    KIND_SPEND as KIND_SPEND,
    KIND_TAGS as KIND_TAGS,
    KIND_TIER as KIND_TIER,
    KINDS_COUNT as KINDS_COUNT,
    MONTH_NEVER as MONTH_NEVER,
    MOVE_DEBT as MOVE_DEBT,
    NULL as NULL,
    NULL_TRAIT as NULL_TRAIT,
    OP_FACT as OP_FACT,
    OP_FREE as OP_FREE,
    OP_HOLD as OP_HOLD,
    OP_HOLD_COVERED as OP_HOLD_COVERED,
    OP_RETURN as OP_RETURN,
    OP_REVERSE as OP_REVERSE,
    OP_SPEND as OP_SPEND,
    ROLE_CUSTOMER as ROLE_CUSTOMER,
    ROLE_REFERRER as ROLE_REFERRER,
    ROLES as ROLES,
)

Ints = NDArray[np.int64]

ENGINE_VERSION: Final = "1"
"""Raised whenever the same facts and rules could come to other points than before."""


NONE: Final = -1
"""No slot, no streak, no expiry, no ladder."""


# Windows: the key of a date in each is the day, month, quarter or year counted from 1970; lifetime is always
# 0.
WINDOW_DAY: Final = 0
WINDOW_MONTH: Final = 1
WINDOW_QUARTER: Final = 2
WINDOW_YEAR: Final = 3
WINDOW_LIFETIME: Final = 4

# Fields of an account's record.
REC_ACTIVE: Final = 0
REC_TIER: Final = 1
REC_DEBT: Final = 2
REC_BALANCE: Final = 3
REC_LOT_NEVER: Final = 4
REC_LOT_MONTH_MIN: Final = 5
REC_CLOSED_MONTH: Final = 6
REC_TAGS: Final = 7
REC_GRADE: Final = 8
REC_EARNED: Final = 9
REC_ADDED: Final = 10
REC_TAKEN: Final = 11
REC_DAY_LAST: Final = 12
"""The latest booked day of any fact so far, and (below) the rule set that decided it: where the account stands now."""
REC_SET_LAST: Final = 13
REC_HELD: Final = 14
"""Points held by reservations: out of the lots, still in the balance."""
REC_FIXED: Final = 15

# One counter of one window: the window's key, how often, how many points (or the sum of a measure).
COUNTER_KEY: Final = 0
COUNTER_TIMES: Final = 1
COUNTER_POINTS: Final = 2
COUNTER_FIELDS: Final = 3

# Columns of `rules`.
RULE_ACTION: Final = 0
RULE_DAY_FROM: Final = 1
RULE_DAY_TO: Final = 2
RULE_TERMS_FIRST: Final = 3
RULE_TERMS_LAST: Final = 4
RULE_AWARD: Final = 5
RULE_POINTS: Final = 6
RULE_ATTRIBUTE: Final = 7
RULE_UNIT: Final = 8
RULE_BANDS_FIRST: Final = 9
RULE_BANDS_LAST: Final = 10
RULE_WEIGHTS_FIRST: Final = 11
RULE_WEIGHTS_LAST: Final = 12
RULE_LIMITS_FIRST: Final = 13
RULE_LIMITS_LAST: Final = 14
RULE_NTH: Final = 15
RULE_NTH_SLOT: Final = 16
RULE_NTH_EVERY: Final = 17
RULE_STREAK: Final = 18
RULE_STEPS_FIRST: Final = 19
RULE_STEPS_LAST: Final = 20
RULE_EXPIRY_MONTHS: Final = 21
RULE_TIER_FACTOR: Final = 22
RULE_PENALTY_FACTORS: Final = 23
RULE_SLOT: Final = 24
RULE_CONDITIONAL: Final = 25
RULE_CAPS_FIRST: Final = 26
"""Where in `limits` the caps over several rules begin: they bound what is granted, never a penalty."""
RULE_FIELDS: Final = 27

ACTION_AWARD: Final = 0
ACTION_BREAK: Final = 1
ACTION_MEASURE: Final = 2

AWARD_FIXED: Final = 0
AWARD_PER_UNIT: Final = 1
AWARD_BANDED: Final = 2
AWARD_STREAK: Final = 3

# Columns of `leaves`: one comparison each; its bit is set when it holds.
LEAF_SOURCE: Final = 0
LEAF_COLUMN: Final = 1
LEAF_OPERATOR: Final = 2
LEAF_VALUE: Final = 3
LEAF_BIT: Final = 4
LEAF_SIZE: Final = 5
LEAF_FIELDS: Final = 6

SOURCE_FACT: Final = 0
SOURCE_CUSTOMER: Final = 1
SOURCE_TIER: Final = 2
SOURCE_BALANCE: Final = 3
SOURCE_EARNED: Final = 4
SOURCE_TAG: Final = 5
SOURCE_MEASURE_TIMES: Final = 6
SOURCE_MEASURE_SUM: Final = 7
SOURCE_GRADE: Final = 8

OPERATOR_EQ: Final = 0
OPERATOR_NE: Final = 1
OPERATOR_LT: Final = 2
OPERATOR_LE: Final = 3
OPERATOR_GT: Final = 4
OPERATOR_GE: Final = 5
OPERATOR_IN: Final = 6
"""`LEAF_VALUE` is where in `members` the flags of the codes begin, `LEAF_SIZE` how many there are."""

BITS_STATIC: Final = 40
"""Bits 0 to 39 belong to a fact type's comparisons, 40 to 62 to those that change inside the fold."""
BITS_ALL: Final = 63

# Columns of `limits`, `slots`, `weights`.
LIMIT_SLOT: Final = 0
LIMIT_TIMES_MAX: Final = 1
LIMIT_POINTS_MAX: Final = 2
LIMIT_FIELDS: Final = 3

SLOT_OFFSET: Final = 0
SLOT_RING: Final = 1
SLOT_WINDOW: Final = 2
SLOT_FIELDS: Final = 3

# Columns of `sets`: what each rule set adds to its rules.
SET_TIER_SLOT: Final = 0
SET_LEVELS_FIRST: Final = 1
SET_LEVELS_LAST: Final = 2
SET_FALL_MAX: Final = 3
SET_TAGS_FIRST: Final = 4
SET_TAGS_LAST: Final = 5
SET_DYNAMIC_FIRST: Final = 6
SET_DYNAMIC_LAST: Final = 7
SET_GRADE_GOOD: Final = 8
SET_GRADE_ALL: Final = 9
SET_GRADES_FIRST: Final = 10
SET_GRADES_LAST: Final = 11
SET_EXPIRY_MONTHS: Final = 12
"""In how many months points expire that no rule says it of; NONE: never."""
SET_REVIEW_FROM: Final = 13
"""The first day from which the ladder's window was counted: one that began earlier ends without a fall."""
SET_REVIEW_POINTS: Final = 14
"""Whether its conditions on state read points: then every movement calls for a review."""
SET_REVIEW_WINDOW: Final = 15
"""The shortest window that tags and grade count in: where nothing moved, the next one calls for a review."""
SET_DEBT_STANDS: Final = 16
"""Whether debt stays as it is when points are granted, and lowers what can be spent; otherwise grants pay it first."""
SET_FIELDS: Final = 17

# Columns of `levels` (lowest first) and `grades` (best first).
LEVEL_TIER: Final = 0
LEVEL_THRESHOLD: Final = 1
LEVEL_FACTOR_BP: Final = 2

# What came of a row. Columns of the outputs.
OUT_ROW: Final = 0
OUT_KIND: Final = 1
OUT_RULE: Final = 2
OUT_POINTS: Final = 3
OUT_EXPIRY_MONTH: Final = 4
OUT_FIELDS: Final = 5


# Columns of the outputs' detail, written only when asked for. For tier, tags and grade: before and after.
DETAIL_BASE: Final = 0
DETAIL_UNITS: Final = 1
DETAIL_WEIGHT_BP: Final = 2
DETAIL_FACTOR_BP: Final = 3
DETAIL_UNCUT: Final = 4
DETAIL_LIMIT: Final = 5
DETAIL_DEBT: Final = 6
DETAIL_BALANCE: Final = 7
DETAIL_COUNT: Final = 8
DETAIL_SOURCE: Final = 9
DETAIL_FIELDS: Final = 10
DETAIL_BEFORE: Final = 0
DETAIL_AFTER: Final = 1
DETAIL_AVAILABLE: Final = 0
"""Of redemptions: what can be spent afterwards, and (below) by how much a hold went beyond what could be spent on
its day and ever since."""
DETAIL_LACKED: Final = 1

# Columns of `moves`: which lots a penalty, a hold or what is spent took its points from (negative: gave them back to);
# the month of debt is MOVE_DEBT.
MOVE_OUT: Final = 0
MOVE_MONTH: Final = 1
MOVE_POINTS: Final = 2
MOVE_FIELDS: Final = 3

# Columns of `prior`: awards of facts decided in an earlier batch, for corrections, and holds and spendings that rows
# of redemptions refer to (their rule is NONE); sorted by account, position.
PRIOR_ACCOUNT: Final = 0
PRIOR_POSITION: Final = 1
PRIOR_RULE: Final = 2
PRIOR_POINTS: Final = 3
PRIOR_EXPIRY_MONTH: Final = 4
PRIOR_MOVES_FIRST: Final = 5
PRIOR_MOVES_LAST: Final = 6
PRIOR_FIELDS: Final = 7


class Tables(NamedTuple):
    """A compiled program: all rule sets ever activated, as arrays. Made by `compile.py`, read by the
    kernel."""

    rules: Ints
    rule_first: Ints
    leaves: Ints
    leaf_first: Ints
    members: Ints
    terms: Ints
    bands: Ints
    weights: Ints
    limits: Ints
    steps: Ints
    slots: Ints
    sets: Ints
    levels: Ints
    tags: Ints
    grades: Ints
    month_of_day: Ints
    day_of_month_end: Ints
    sizes: Ints


# Fields of `sizes`.
SIZE_LOTS_OFFSET: Final = 0
SIZE_LOTS_RING: Final = 1
SIZE_RECORD: Final = 2
SIZE_TYPES: Final = 3

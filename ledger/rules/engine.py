"""The engine: one function for live and replay. A request is a batch of one fact with the account's record; a
replay is a batch of ten million with empty records. Both go through `run`.

The law the tests hold it to: `run(a ++ b, s) == run(b, state after run(a, s))` for every split in order of
position, where the state is the records and the awards that can still be corrected (`prior`). Only whether a hold is
covered on the day it is booked on is known where an account is folded from its first row on, as replays do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ledger.domain.errors import Refused
from ledger.domain.rows import Rows
from ledger.domain.values import day_text, month_of
from ledger.rules import layout as at
from ledger.rules.compile import Program, ring_size
from ledger.rules.kernel.fold import fold as fold_compiled
from ledger.rules.kernel.room import room_fill

Ints = NDArray[np.int64]
Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Rows grouped by account, each account's in order of position. Accounts ascend; some may have no row."""

    rows: Rows
    accounts: Ints
    firsts: Ints


@dataclass(frozen=True)
class Prior:
    """Awards of facts decided in earlier batches, for corrections, sorted by (account, position)."""

    awards: Ints
    moves: Ints

    @staticmethod
    def none() -> Prior:
        """No earlier awards."""
        return Prior(np.zeros((0, at.PRIOR_FIELDS), np.int64), np.zeros((0, at.MOVE_FIELDS), np.int64))


@dataclass(frozen=True)
class Outcome:
    """What came of a batch: outputs (see `layout`), their details if asked for, and the lots penalties drew
    on.

    `owners[i]` is the index in `batch.accounts` of output i.
    """

    outs: Ints
    details: Ints
    moves: Ints
    owners: Ints


def rows_of(
    tuples: Sequence[tuple[int, int, int, int, int, int, int, Sequence[int], Sequence[int]]], columns: int
) -> Rows:
    """Rows from (position, account, operation, fact type, role, day, refers, attributes, traits) tuples."""
    padding = [[at.NULL] * (columns - size) for size in range(columns + 1)]
    head = _columns([row[:7] for row in tuples], 7)
    attributes = _columns([(*row[7], *padding[len(row[7])]) for row in tuples], columns)
    traits = _columns([row[8] for row in tuples], 4)
    return Rows(
        head[0], head[1], head[2].astype(np.int8), head[3].astype(np.int16), head[4].astype(np.int8),
        head[5].astype(np.int32), head[6], attributes, traits.astype(np.int32),
    )  # fmt: skip


def _columns(tuples: Sequence[Sequence[int]], count: int) -> Ints:
    """Tuples of so many integers each as [column, tuple], every column in one piece."""
    flat = np.fromiter(chain.from_iterable(tuples), np.int64, count * len(tuples))
    return np.ascontiguousarray(flat.reshape(len(tuples), count).T)


def batch_of(rows: Rows, accounts: Ints | None = None, *, is_sorted: bool = False) -> Batch:
    """Group rows by account. `accounts` (ascending) adds accounts that have no row, for closings to reach
    them."""
    if len(rows) == 1 and accounts is None:
        return Batch(rows, rows.accounts, np.array([0, 1], np.int64))
    if not is_sorted:
        order = np.lexsort((rows.roles, -rows.operations, rows.positions, rows.accounts))
        rows = rows.take(order)
    if accounts is not None:
        firsts = np.searchsorted(rows.accounts, accounts)
        if int((np.searchsorted(rows.accounts, accounts, side="right") - firsts).sum()) == len(rows):
            return Batch(rows, accounts, np.append(firsts, len(rows)).astype(np.int64))
    starts = np.flatnonzero(np.diff(rows.accounts, prepend=-1)) if len(rows) else np.zeros(0, np.int64)
    present = rows.accounts[starts].astype(np.int64)
    if accounts is None:
        return Batch(rows, present, np.append(starts, len(rows)).astype(np.int64))
    every = np.union1d(accounts, present).astype(np.int64)
    firsts = np.searchsorted(rows.accounts, every).astype(np.int64)
    return Batch(rows, every, np.append(firsts, len(rows)).astype(np.int64))


def batch_pieces(batch: Batch, accounts_max: int) -> Iterator[Batch]:
    """A batch in pieces of so many accounts each."""
    for first in range(0, len(batch.accounts), accounts_max):
        firsts = batch.firsts[first : first + accounts_max + 1]
        rows = batch.rows.take(slice(int(firsts[0]), int(firsts[-1])))
        yield Batch(rows, batch.accounts[first : first + accounts_max], firsts - firsts[0])


def records_new(program: Program, count: int, closed_month: int = at.NONE) -> Ints:
    """Empty records for accounts that begin after a month was closed (NONE: no month is)."""
    records = np.zeros((count, program.record_size), np.int64)
    records[:, at.REC_LOT_MONTH_MIN] = at.NONE
    records[:, at.REC_CLOSED_MONTH] = closed_month
    records[:, at.REC_GRADE] = at.NONE
    records[:, at.REC_DAY_LAST] = at.NONE
    for offset, ring, _ in program.tables.slots:
        records[:, offset : offset + ring * at.COUNTER_FIELDS : at.COUNTER_FIELDS] = at.NONE
    return records


def span_months(rows: Rows, closings: Ints, closed_month: int, month_of_day: Array, month_min: int) -> int:
    """How many months are open at once while these rows are folded.

    `month_min` is the earliest month booked while none was closed (a large number where that never was).
    Raises Refused where more are open than the ledger keeps counters for.
    """
    return span_of(month_of_day[rows.days].astype(np.int64), rows.positions, closings, closed_month, month_min)


def span_of(months: Ints, positions: Ints, closings: Ints, closed_month: int, month_min: int) -> int:
    """`span_months` of rows that are booked in these months at these positions. Of each month, the row with the
    first position suffices: what is closed only grows."""
    if not len(months):
        return 1
    closed = np.full(len(months), closed_month, np.int64)
    if len(closings):
        passed = np.searchsorted(closings[:, 0], positions)
        closed = np.where(
            passed > 0, np.maximum(closings[np.maximum(passed - 1, 0), 2], closed_month), closed
        )
    first_open = np.where(closed == at.NONE, min(month_min, int(months.min())), closed + 1)
    return max(1, int((months - first_open).max()) + 1)


def run(
    program: Program,
    batch: Batch,
    records: Ints,
    closings: Ints,
    *,
    prior: Prior | None = None,
    detail: bool = True,
    fold: Callable[..., int] = fold_compiled,
) -> Outcome:
    """Fold a batch. `records[i]` is the record of `batch.accounts[i]` and is changed in place.

    `closings` are month ends as (position, day) rows in order of position. Raises Refused where no rule set
    was in force for a fact or a month end.
    """
    tables = program.tables
    rows = batch.rows
    prior = prior or Prior.none()
    reversing = np.flatnonzero(rows.operations == at.OP_REVERSE)
    positions = rows.positions
    if len(reversing):
        positions = positions.copy()
        positions[reversing] = rows.refers[reversing]
    rule_sets = program.rule_sets_of(positions, rows.days)
    _in_force(rule_sets, rows.days)
    ends = closings_of(program, closings)
    reviews = rule_sets
    if len(reversing):
        reviews = rule_sets.copy()
        reviews[reversing] = _reviews_of(program, batch, records, ends, reversing)

    ring = int(tables.sizes[at.SIZE_LOTS_RING])
    months = int(ends[-1, 2] - ends[0, 2]) + ring if len(ends) else 0
    places = ring + 2
    if len(prior.awards):
        of_prior = prior.awards[:, at.PRIOR_MOVES_LAST] - prior.awards[:, at.PRIOR_MOVES_FIRST]
        places = max(places, int(of_prior.max()))
    firsts = batch.firsts
    room = np.empty((len(batch.accounts), 2), np.int64)
    room_fill(
        firsts, rows.operations, rule_sets, rows.fact_types, rows.roles, int(tables.sizes[at.SIZE_TYPES]),
        *program.rooms, len(ends), months, ring, places, room,
    )  # fmt: skip
    largest = room.max(axis=0) if len(room) else np.zeros(2, np.int64)
    out_size, move_size = _array_sizes(room, len(rows))

    outs = np.empty((out_size, at.OUT_FIELDS), np.int64)
    details = np.zeros((out_size if detail else 0, at.DETAIL_FIELDS), np.int64)
    moves = np.empty((move_size, at.MOVE_FIELDS), np.int64)
    filled = np.zeros(2, np.int64)
    ends_at = np.zeros(len(batch.accounts) + 1, np.int64)
    done = 0
    while True:
        done = fold(
            tables, batch.accounts, firsts, done, records, rows.positions, rows.operations,
            rule_sets, reviews, rows.fact_types,
            rows.roles, rows.days, rows.refers, rows.attributes, rows.traits, ends,
            outs, details, moves, room, prior.awards, prior.moves, filled, ends_at,
        )  # fmt: skip
        if done == len(batch.accounts):
            break
        outs = np.concatenate([outs, np.empty((len(outs) + int(largest[0]), at.OUT_FIELDS), np.int64)])
        if detail:
            details = np.concatenate(
                [details, np.zeros((len(outs) - len(details), at.DETAIL_FIELDS), np.int64)]
            )
        moves = np.concatenate([moves, np.empty((len(moves) + int(largest[1]), at.MOVE_FIELDS), np.int64)])
    n, moves_n = int(filled[0]), int(filled[1])
    owners = np.repeat(np.arange(len(batch.accounts)), np.diff(ends_at))
    return Outcome(outs[:n], details[: n if detail else 0], moves[:moves_n], owners)


def _array_sizes(room: Ints, rows: int) -> tuple[int, int]:
    """How large to make the arrays of outputs and moves at first: what the neediest account may come to, and a
    guess at what all will. They grow where the guess was low."""
    if not len(room):
        return 0, 0
    largest, total = room.max(axis=0), room.sum(axis=0)
    outs = int(largest[0] + min(total[0], rows + rows // 2 + len(room) + 64))
    return outs, int(largest[1] + min(total[1], rows // 8 + 64))


def closings_of(program: Program, closings: Ints) -> Ints:
    """Month ends with their month and the rule set in force on that day: (position, day, month, rule set)."""
    ends = np.zeros((len(closings), 4), np.int64)
    if len(closings):
        ends[:, :2] = closings[:, :2]
        ends[:, 2] = program.tables.month_of_day[closings[:, 1]]
        ends[:, 3] = program.rule_sets_of(closings[:, 0], closings[:, 1])
        _in_force(ends[:, 3], ends[:, 1])
    return ends


def _reviews_of(program: Program, batch: Batch, records: Ints, ends: Ints, which: Ints) -> Ints:
    """For some rows the rule set in force at their own position, on their day or the first that is open by
    then."""
    positions, days = batch.rows.positions[which], batch.rows.days[which].astype(np.int64)
    owners = np.searchsorted(batch.firsts, which, side="right") - 1
    closed: Ints = records[owners, at.REC_CLOSED_MONTH]
    if len(ends):
        passed = np.searchsorted(ends[:, 0], positions)
        latest: Ints = ends[np.maximum(passed - 1, 0), 2]
        closed = np.where(passed > 0, np.maximum(latest, closed), closed)
    first_open = np.where(closed >= 0, program.tables.day_of_month_end[np.maximum(closed, 0)] + 1, 0)
    return program.rule_sets_of(positions, np.maximum(days, first_open))


def _in_force(rule_sets: Array, days: Array) -> None:
    if len(rule_sets) and rule_sets.min() < 0:
        day = int(days[int(np.argmin(rule_sets))])
        raise Refused(
            "RULESET_NONE_IN_FORCE",
            f"no rule set is in force on {day_text(day)}; activate one from that date or before",
        )


def records_migrate(old: Program, new: Program, records: Ints) -> Ints:
    """Records under another program: counters whose rule and window are still there keep their counts, the
    others are dropped, new ones begin at zero. Tiers, tags and grades keep their names. Where both programs lay
    records out alike, the very same array."""
    if _layout(old) == _layout(new):
        return records
    moved = np.empty((len(records), new.record_size), np.int64)
    # Piece by piece: each is gone through many times, and stays near the processor meanwhile.
    for first in range(0, len(records), _MIGRATED_TOGETHER):
        part = slice(first, first + _MIGRATED_TOGETHER)
        moved[part] = _migrated(old, new, records[part])
    return moved


_MIGRATED_TOGETHER = 512


def _migrated(old: Program, new: Program, records: Ints) -> Ints:
    moved = records_new(new, len(records))
    moved[:, : at.REC_FIXED] = records[:, : at.REC_FIXED]
    moved[:, at.REC_TIER] = _renumber(old.tiers, new.tiers, records[:, at.REC_TIER], 0)
    moved[:, at.REC_GRADE] = _renumber(old.grades, new.grades, records[:, at.REC_GRADE], at.NONE)
    tags = np.zeros(len(records), np.int64)
    for number, name in enumerate(old.tags):
        if name in new.tags:
            tags |= ((records[:, at.REC_TAGS] >> number) & 1) << new.tags.index(name)
    moved[:, at.REC_TAGS] = tags
    _lots_move(records, moved, *(int(v) for v in (*old.tables.sizes[:2], *new.tables.sizes[:2])))
    for name, offset in new.streak_keys.items():
        if name in old.streak_keys:
            moved[:, offset] = records[:, old.streak_keys[name]]
    old_slots = dict(zip(old.slot_keys, old.tables.slots.tolist(), strict=True))
    for key, (offset, ring, _) in zip(new.slot_keys, new.tables.slots.tolist(), strict=True):
        if key in old_slots:
            offset_old, ring_old, _ = old_slots[key]
            _counters_move(records, moved, offset_old, ring_old, offset, ring)
    return moved


def _layout(program: Program) -> tuple[object, ...]:
    """What says where everything lies in a record, and what its numbers stand for."""
    tables = program.tables
    return (
        tables.sizes[: at.SIZE_RECORD + 1].tolist(), tables.slots.tolist(), program.slot_keys,
        dict(program.streak_keys), program.tiers, program.tags, program.grades,
    )  # fmt: skip


def _lots_move(records: Ints, moved: Ints, offset_old: int, ring_old: int, offset: int, ring: int) -> None:
    """Lots into a ring of another size, each to the place of its month."""
    lots = records[:, offset_old : offset_old + ring_old]
    if ring == ring_old:
        moved[:, offset : offset + ring] = lots
        return
    rows, places = np.nonzero(lots)
    low = records[rows, at.REC_LOT_MONTH_MIN]
    months = low + (places - low) % ring_old
    order = np.argsort(months, kind="stable")  # the last one stands where two meet
    rows, places, months = rows[order], places[order], months[order]
    moved[rows, offset + months % ring] = lots[rows, places]


def _counters_move(records: Ints, moved: Ints, offset_old: int, ring_old: int, offset: int, ring: int) -> None:
    """Counters into a ring of another size, each to the place of its window; where two meet, the newer stays."""
    fields = at.COUNTER_FIELDS
    if ring == ring_old:
        moved[:, offset : offset + ring * fields] = records[:, offset_old : offset_old + ring_old * fields]
        return
    keys = records[:, offset_old : offset_old + ring_old * fields : fields]
    rows, places = np.nonzero(keys != at.NONE)
    windows = keys[rows, places]
    order = np.argsort(windows, kind="stable")
    rows, sources, targets = rows[order], offset_old + places[order] * fields, offset + windows[order] % ring * fields
    for field in range(fields):
        moved[rows, targets + field] = records[rows, sources + field]


def _renumber(old: tuple[str, ...], new: tuple[str, ...], numbers: Array, missing: int) -> Array:
    table = np.array([new.index(n) if n in new else missing for n in old] + [missing], np.int64)
    return table[numbers]


def state_of(program: Program, record: Ints) -> dict[str, Any]:
    """One account's record in words and integers, without what only depends on how large its rings are."""
    closed = int(record[at.REC_CLOSED_MONTH])
    lots_offset, lots_ring = (
        int(program.tables.sizes[at.SIZE_LOTS_OFFSET]),
        int(program.tables.sizes[at.SIZE_LOTS_RING]),
    )
    low = int(record[at.REC_LOT_MONTH_MIN])
    lots: dict[int, int] = {}
    for month in range(low, low + lots_ring) if low != at.NONE else ():
        points = int(record[lots_offset + month % lots_ring])
        if points:
            lots[month] = points
    if record[at.REC_LOT_NEVER]:
        lots[at.MONTH_NEVER] = int(record[at.REC_LOT_NEVER])
    counters: dict[str, tuple[int, int]] = {}
    for key, (offset, size, window) in zip(program.slot_keys, program.tables.slots.tolist(), strict=True):
        ring = record[offset : offset + 3 * size].reshape(size, 3)
        counted = (ring[:, 0] != at.NONE) & ring[:, 1:].any(axis=1)
        for window_number, times, points in ring[counted].tolist():
            if _open(window, window_number, closed, program):
                counters[f"{'/'.join(key)}#{window_number}"] = (times, points)
    streaks = {n: int(record[o]) for n, o in program.streak_keys.items() if record[o]}
    tags = sorted(t for i, t in enumerate(program.tags) if record[at.REC_TAGS] >> i & 1)
    grade = int(record[at.REC_GRADE])
    return {
        "tier": program.tiers[int(record[at.REC_TIER])] if program.tiers and record[at.REC_ACTIVE] else None,
        "balance": int(record[at.REC_BALANCE]),
        "debt": int(record[at.REC_DEBT]),
        "held": int(record[at.REC_HELD]),
        "lots": lots,
        "earned": int(record[at.REC_EARNED]),
        "added": int(record[at.REC_ADDED]),
        "taken": int(record[at.REC_TAKEN]),
        "tags": tags,
        "grade": None if grade == at.NONE else program.grades[grade],
        "streaks": streaks,
        "counters": counters,
    }


def _open(window: int, key: int, closed_month: int, program: Program) -> bool:
    if window == at.WINDOW_MONTH:
        return key > closed_month
    if window == at.WINDOW_QUARTER:
        return key * 3 + 2 > closed_month
    if window == at.WINDOW_YEAR:
        return key * 12 + 11 > closed_month
    if window == at.WINDOW_DAY:
        return closed_month < 0 or key > int(program.tables.day_of_month_end[closed_month])
    return True


def is_month_end(day: int) -> bool:
    """Whether a day is the last of its month."""
    return month_of(day) != month_of(day + 1)


__all__ = [
    "Batch", "Outcome", "Prior", "Rows", "batch_of", "batch_pieces", "closings_of", "is_month_end", "records_migrate",
    "records_new", "ring_size", "rows_of", "run", "span_months", "span_of", "state_of",
]  # fmt: skip

"""A run: rule sets over the facts of a ledger, on any executor, pinned by what it read and proved by a digest.

Facts come from the columns, split by customer; Postgres is not asked. What a run costs grows with the facts, not with
the customers, and is memory-bound by the parts in flight.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from ledger.domain.book import NOTHING_CLOSED
from ledger.domain.values import INTEGER_MAX
from ledger.log.columns.reader import REDEMPTION_WEIGHED, Columns
from ledger.rules import layout as at
from ledger.rules.compile import Program, program_compile
from ledger.rules.engine import Batch, batch_of, batch_pieces, records_new, run, span_of
from ledger.rules.kernel.room import points_sum
from replay.scenario import Redemptions, Scenario

Ints = NDArray[np.int64]
ROWS_PER_PART = 700_000
"""A part's rows, attributes and outputs together stay well under 200 MB."""
RECORDS_BYTES_MAX = 1 << 26
"""So much the records are that are folded together. Where rules count by the day and years are open, a record holds a place
for each of their days: then the accounts of a part are folded some at a time."""
_NO_AWARDS: Final[Ints] = np.zeros((0, 8), np.int64)


@dataclass(frozen=True)
class PartResult:
    """What came of one part: final records by account, sums by kind, and (if kept) every output.

    Of the records, the fixed fields and the lots; the counters of windows are left behind.
    `awards` has the columns (position, account, kind, rule, points, before, after, expiry month), in the part's order;
    of a hold (or one refused) `before` is by how much it went beyond what could be spent.
    """

    accounts: Ints
    records: Ints
    sums: Ints
    """[account, kind]: points by kind."""
    awards: Ints
    facts: int
    day_last: int


@dataclass(frozen=True)
class RunResult:
    """A finished run. Accounts ascend; `sums[i]` and `records[i]` belong to `accounts[i]`. `day_last` is the last day that
    anything is booked on, 0 where nothing is."""

    run_id: str
    scenario: Scenario
    program: Program
    position: int
    facts: int
    seconds: float
    accounts: Ints
    records: Ints
    sums: Ints
    awards: Ints
    day_last: int
    digest: str = ""


def run_id_of(columns: Columns, scenario: Scenario) -> str:
    """What pins a run: position and chain of the log, the rule sets with their from-dates, the engine's version."""
    pin = [
        columns.position,
        columns.chain.hex(),
        [[a.rules.sha256, a.day_from, a.position] for a in scenario.activations],
        at.ENGINE_VERSION,
    ]
    if scenario.redemptions != "facts":
        pin.append(scenario.redemptions)
    return "run-" + hashlib.sha256(orjson.dumps(pin)).hexdigest()[:16]


def scenario_compile(columns: Columns, scenario: Scenario, span: int) -> Program:
    """The scenario's rule sets compiled for a span of open months."""
    return program_compile(scenario.activations, columns.fact_types(), columns.vocabulary(), span)


def columns_span(columns: Columns) -> int:
    """The most months that were ever open at once while the facts of these columns were recorded."""
    months = program_compile([], [], columns.vocabulary()).tables.month_of_day
    closings = columns.closings()
    with_month = np.column_stack([closings, months[closings[:, 1]]]) if len(closings) else np.zeros((0, 3), np.int64)
    booked = columns.months_booked()
    return span_of(booked[:, 0], booked[:, 1], with_month, NOTHING_CLOSED, INTEGER_MAX)


def part_run(
    columns: Columns,
    program: Program,
    part: int,
    parts: int,
    keep: bool,
    closings: Ints,
    redemptions: Redemptions = "facts",
) -> PartResult:
    """Run one part of the accounts. `keep` keeps every output, for digest and comparison."""
    weighed = program.weighed | REDEMPTION_WEIGHED if columns.redeems else program.weighed
    rows = columns.rows(part, parts, weighed)
    if redemptions == "decided":
        rows.operations[rows.operations == at.OP_HOLD] = at.OP_HOLD_COVERED
    batch = batch_of(rows, columns.accounts(part, parts), is_sorted=True)
    together = max(1, RECORDS_BYTES_MAX // (8 * program.record_size))
    if len(batch.accounts) <= together:
        return _batch_run(program, batch, keep, closings)
    found = [_batch_run(program, piece, keep, closings) for piece in batch_pieces(batch, together)]
    return PartResult(
        batch.accounts, np.concatenate([r.records for r in found]), np.concatenate([r.sums for r in found]),
        np.concatenate([r.awards for r in found]), sum(r.facts for r in found), max(r.day_last for r in found),
    )  # fmt: skip


def _batch_run(program: Program, batch: Batch, keep: bool, closings: Ints) -> PartResult:
    records = records_new(program, len(batch.accounts))
    outcome = run(program, batch, records, closings, detail=keep)
    outs = outcome.outs
    sums = np.zeros((len(batch.accounts), at.KINDS_COUNT), np.int64)
    points_sum(outs, outcome.owners, sums)
    kinds = outs[:, at.OUT_KIND]
    awards = np.zeros((len(outs) if keep else 0, 8), np.int64)
    if keep and len(outs):
        row = outs[:, at.OUT_ROW]
        of_fact = row >= 0
        awards[of_fact, 0] = batch.rows.positions[row[of_fact]]
        awards[~of_fact, 0] = closings[-1 - row[~of_fact], 0]
        awards[:, 1] = batch.accounts[outcome.owners]
        awards[:, 2] = kinds
        awards[:, 3] = outs[:, at.OUT_RULE]
        awards[:, 4] = outs[:, at.OUT_POINTS]
        awards[:, 7] = np.where(kinds == at.KIND_GRANT, outs[:, at.OUT_EXPIRY_MONTH], at.MONTH_NEVER)
        standing = (kinds >= at.KIND_TIER) & (kinds <= at.KIND_GRADE)
        holding = (kinds == at.KIND_HOLD) | (kinds == at.KIND_REFUSED)
        awards[holding, 5] = outcome.details[holding, at.DETAIL_LACKED]
        awards[standing, 5] = outcome.details[standing, at.DETAIL_BEFORE]
        awards[standing, 6] = outcome.details[standing, at.DETAIL_AFTER]
    # Counters have done their work: what is kept is a tenth of a record.
    kept = int(program.tables.sizes[at.SIZE_LOTS_OFFSET] + program.tables.sizes[at.SIZE_LOTS_RING])
    records = records[:, :kept].copy()
    facts = int(((batch.rows.operations == at.OP_FACT) & (batch.rows.roles == at.ROLE_CUSTOMER)).sum())
    return PartResult(batch.accounts, records, sums, awards, facts, int(batch.rows.days.max(initial=0)))


def scenario_run(
    columns: Columns,
    scenario: Scenario,
    executor: Executor,
    *,
    parts: int | None = None,
    keep: bool = True,
    span: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> RunResult:
    """Run a scenario over all facts on an executor (threads here, a cluster's elsewhere).

    `progress` is called with (parts done, parts). With `keep`, the result has every award and its digest. `span`
    spares finding out how many months were open at once where the caller knows it.
    """
    started = time.perf_counter()
    program = scenario_compile(columns, scenario, span or columns_span(columns))
    count = parts or max(1, -(-columns.inputs_count // ROWS_PER_PART))
    found = _parts_run(columns, program, count, keep, scenario.redemptions, executor, progress)
    awards = np.concatenate([r.awards for r in found])
    # What was put together is by far the most of a run, and is not held twice.
    found = [replace(r, awards=_NO_AWARDS) for r in found]
    if keep:
        awards = awards[np.lexsort((awards[:, 1], awards[:, 0]))]
    result = RunResult(
        run_id_of(columns, scenario), scenario, program, columns.position, sum(r.facts for r in found), 0.0,
        np.concatenate([r.accounts for r in found]), np.concatenate([r.records for r in found]),
        np.concatenate([r.sums for r in found]), awards, max(r.day_last for r in found),
    )  # fmt: skip
    digest = run_digest(result) if keep else ""
    return replace(result, digest=digest, seconds=time.perf_counter() - started)


def _parts_run(
    columns: Columns,
    program: Program,
    count: int,
    keep: bool,
    redemptions: Redemptions,
    executor: Executor,
    progress: Callable[[int, int], None],
) -> list[PartResult]:
    closings = columns.closings()
    futures = {
        executor.submit(part_run, columns, program, part, count, keep, closings, redemptions): part
        for part in range(count)
    }
    results: list[PartResult | None] = [None] * count
    for done, future in enumerate(as_completed(futures), 1):
        results[futures[future]] = future.result()
        progress(done, count)
    return [r for r in results if r is not None]


def canonical_awards(program: Program, awards: Ints) -> tuple[Ints, dict[str, list[str]]]:
    """Awards with numbers that mean the same in every program: rules, tiers, tags and grades by their sorted names.

    Columns: position, recipient, kind, rule (or tier, or grade; -1), amount (or the tags' bits).
    """
    names = {
        "rules": sorted({rule_id for _, rule_id in program.rule_ids}),
        "tiers": sorted(program.tiers),
        "tags": sorted(program.tags),
        "grades": sorted(program.grades),
    }
    rows = awards[:, :5].copy()
    rule_numbers = np.array([names["rules"].index(r) for _, r in program.rule_ids] + [-1], np.int64)
    rows[:, 3] = rule_numbers[rows[:, 3]]
    kinds = awards[:, 2]
    for kind, own, key in ((at.KIND_TIER, program.tiers, "tiers"), (at.KIND_GRADE, program.grades, "grades")):
        numbers = np.array([names[key].index(n) for n in own] + [-1], np.int64)
        rows[kinds == kind, 3] = numbers[awards[kinds == kind, 6]]
    tags = np.zeros(int((kinds == at.KIND_TAGS).sum()), np.int64)
    for i, name in enumerate(program.tags):
        tags |= ((awards[kinds == at.KIND_TAGS, 6] >> i) & 1) << names["tags"].index(name)
    rows[kinds == at.KIND_TAGS, 4] = tags
    return rows, names


def canonical_states(program: Program, accounts: Ints, records: Ints, names: dict[str, list[str]]) -> Ints:
    """Final states of the accounts that had a fact: (account, balance, debt, earned, tier, grade, tags) and, below
    them, (account, -1, expiry month, points) for every lot, in order of account and month. Where points are held,
    (account, -3, points) stands above."""
    active = records[:, at.REC_ACTIVE] != 0
    numbers, kept = accounts[active], records[active]
    tiers = np.array([names["tiers"].index(n) for n in program.tiers] + [-1], np.int64)
    grades = np.array([names["grades"].index(n) for n in program.grades] + [-1], np.int64)
    tags = np.zeros(len(kept), np.int64)
    for i, name in enumerate(program.tags):
        tags |= ((kept[:, at.REC_TAGS] >> i) & 1) << names["tags"].index(name)
    tier = tiers[kept[:, at.REC_TIER]] if program.tiers else np.full(len(kept), -1, np.int64)
    heads = np.column_stack([
        numbers, np.full(len(kept), -2, np.int64), kept[:, at.REC_BALANCE], kept[:, at.REC_DEBT],
        kept[:, at.REC_EARNED], tier, grades[kept[:, at.REC_GRADE]], tags,
    ])  # fmt: skip
    lots = lots_of(program, numbers, kept)
    wide = np.zeros((len(lots), heads.shape[1]), np.int64)
    wide[:, 0], wide[:, 1], wide[:, 2], wide[:, 3] = lots[:, 0], -1, lots[:, 1], lots[:, 2]
    holding = kept[:, at.REC_HELD] != 0
    held = np.zeros((int(holding.sum()), heads.shape[1]), np.int64)
    held[:, 0], held[:, 1], held[:, 2] = numbers[holding], -3, kept[holding, at.REC_HELD]
    every = np.concatenate([heads, wide, held])
    return every[np.lexsort((every[:, 2] * (every[:, 1] == -1), every[:, 1], every[:, 0]))]


def lots_of(program: Program, accounts: Ints, records: Ints) -> Ints:
    """Every lot that holds points: (account, expiry month or MONTH_NEVER, points)."""
    offset, ring = int(program.tables.sizes[at.SIZE_LOTS_OFFSET]), int(program.tables.sizes[at.SIZE_LOTS_RING])
    low = records[:, at.REC_LOT_MONTH_MIN]
    never = records[:, at.REC_LOT_NEVER] != 0
    found = [np.column_stack([accounts[never], np.full(int(never.sum()), at.MONTH_NEVER), records[never, at.REC_LOT_NEVER]])]
    which = np.flatnonzero(low != at.NONE)
    for step in range(ring):
        months = low[which] + step
        points = records[which, offset + months % ring]
        held = points != 0
        found.append(np.column_stack([accounts[which[held]], months[held], points[held]]))
    return np.concatenate(found).astype(np.int64)


def run_digest(result: RunResult) -> str:
    """SHA-256 that anyone can reproduce: a header of sorted names, every award in order of position and recipient,
    then the final states; integers as little-endian int64. Never over file bytes."""
    rows, names = canonical_awards(result.program, result.awards)
    digest = hashlib.sha256(orjson.dumps({"format": "plumbline/run/1", **names}))
    digest.update(np.ascontiguousarray(rows, "<i8").tobytes())
    states = canonical_states(result.program, result.accounts, result.records, names)
    digest.update(np.ascontiguousarray(states, "<i8").tobytes())
    return digest.hexdigest()

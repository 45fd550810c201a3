"""Records that move to another layout: every lot and counter is found again in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.fact_types import fact_type_parse
from ledger.domain.rows import Vocabulary
from ledger.rules import layout as at
from ledger.rules.compile import Activation, Program, program_compile
from ledger.rules.document import rule_set_parse
from ledger.rules.engine import Ints, records_migrate, records_new
from ledger.standard import fact_types_standard, rules_standard

TYPES = [fact_type_parse(document) for document in fact_types_standard()]
RULES = rule_set_parse(rules_standard())


def program(span: int, activations: int = 1) -> Program:
    found = [Activation(f"RS-{n + 1:04d}", RULES, 0, n + 1) for n in range(activations)]
    return program_compile(found, TYPES, Vocabulary(), span)


PROGRAMS = {span: program(span) for span in (1, 2, 3, 5, 8, 12, 13, 25)}


def records_of(form: Program, seed: int, count: int = 6) -> Ints:
    """Records with any tier and balance, lots of any months and counters of any windows that their rings hold."""
    random = np.random.default_rng(seed)
    records = records_new(form, count)
    offset, ring = (int(size) for size in form.tables.sizes[:2])
    for record in records:
        record[at.REC_ACTIVE], record[at.REC_TIER] = 1, random.integers(len(form.tiers))
        record[at.REC_BALANCE] = random.integers(10**6)
        record[at.REC_LOT_MONTH_MIN] = low = int(random.integers(600, 700))
        for month in random.integers(low, low + ring, 4).tolist():
            record[offset + month % ring] = random.integers(1, 1_000)
        for first, size, window in form.tables.slots.tolist():
            newest = 0 if window == at.WINDOW_LIFETIME else int(random.integers(500, 30_000))
            for key in range(max(newest - size + 1, 0), newest + 1):
                if random.random() < 0.3:
                    place = first + key % size * at.COUNTER_FIELDS
                    record[place : place + at.COUNTER_FIELDS] = key, random.integers(1, 9), random.integers(1, 999)
    return records


def contents(form: Program, record: Ints) -> dict[Any, Any]:
    """What a record says, whatever its layout: fixed fields, lots by month, counters by slot and window."""
    found: dict[Any, Any] = dict(enumerate(record[: at.REC_FIXED].tolist()))
    offset, ring = (int(size) for size in form.tables.sizes[:2])
    low = int(record[at.REC_LOT_MONTH_MIN])
    for month in range(low, low + ring) if low != at.NONE else ():
        if record[offset + month % ring]:
            found["lot", month] = int(record[offset + month % ring])
    for key, (first, size, _) in zip(form.slot_keys, form.tables.slots.tolist(), strict=True):
        for place in range(first, first + size * at.COUNTER_FIELDS, at.COUNTER_FIELDS):
            window, times, points = record[place : place + at.COUNTER_FIELDS].tolist()
            if window != at.NONE:
                found[key, window] = (times, points)
                assert (window % size) * at.COUNTER_FIELDS == place - first, "a counter where the kernel looks for it"
    return found


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.sampled_from(sorted(PROGRAMS)), st.sampled_from(sorted(PROGRAMS))).map(sorted), st.integers(0, 2**32))
def test_in_rings_that_grow_everything_is_found_again(spans: list[int], seed: int) -> None:
    before, after = PROGRAMS[spans[0]], PROGRAMS[spans[1]]
    records = records_of(before, seed)
    moved = records_migrate(before, after, records)
    assert moved.shape == (len(records), after.record_size)
    assert [contents(after, record) for record in moved] == [contents(before, record) for record in records]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_in_rings_that_shrink_the_newest_counters_stay(seed: int) -> None:
    before, after = PROGRAMS[25], PROGRAMS[1]
    records = records_of(before, seed)
    # Lots are never dropped: what shrinks holds as many months as there are.
    records[:, before.tables.sizes[0] : before.tables.sizes[0] + before.tables.sizes[1]] = 0
    moved = records_migrate(before, after, records)
    for record, old in zip(moved, records, strict=True):
        kept, had = contents(after, record), contents(before, old)
        sizes = dict(zip(after.slot_keys, after.tables.slots[:, at.SLOT_RING].tolist(), strict=True))
        newest: dict[Any, Any] = {}
        for name, value in had.items():
            if isinstance(name, tuple) and name[0] in sizes:
                place = name[0], name[1] % sizes[name[0]]
                newest[place] = max(newest.get(place, (name, value)), (name, value))
        assert {n: v for n, v in kept.items() if isinstance(n, tuple)} == dict(newest.values())


@pytest.mark.parametrize("other", [program(13), program(12, activations=2)])
def test_records_whose_layout_stays_are_not_touched(other: Program) -> None:
    before = PROGRAMS[12]
    records = records_of(before, 1)
    assert (other.record_size, other is before) == (before.record_size, False)
    assert records_migrate(before, other, records) is records

"""What a file says of the months it is booked in answers how many were open at once, as the rows themselves would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ledger.domain.book import NOTHING_CLOSED
from ledger.domain.rows import Rows
from ledger.domain.values import INTEGER_MAX, day_parse, month_of
from ledger.log.columns.tables import inputs_write, months_of, rows_empty
from ledger.rules.engine import span_months, span_of

DAY_FIRST = day_parse("2024-01-20")
DAYS = 400
MONTH_OF_DAY = np.array([month_of(day) for day in range(DAY_FIRST + DAYS)], np.int32)


def rows_random(seed: int, count: int = 300) -> Rows:
    """Rows of some accounts, sorted by account; most are booked as they come in, some long before."""
    rng = np.random.default_rng(seed)
    rows = rows_empty(count, 1)
    accounts = np.sort(rng.integers(1, 8, count))
    positions = rng.permutation(np.arange(1, count + 1))
    rows.accounts[:], rows.positions[:] = accounts, positions
    rows.operations[:], rows.fact_types[:], rows.roles[:], rows.refers[:] = 0, 0, 0, 0
    late = np.where(rng.random(count) < 0.2, rng.integers(0, 90, count), 0)
    rows.days[:] = DAY_FIRST + np.clip(positions * DAYS // count - late, 0, DAYS - 1)
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_the_span_from_the_files_is_that_of_the_rows(seed: int) -> None:
    rows = rows_random(seed)
    marks = np.sort(np.random.default_rng(seed + 100).choice(300, 5, replace=False))[: seed % 6]
    first = month_of(DAY_FIRST) + 1
    closings = np.array([[m, 0, first + i] for i, m in enumerate(marks.tolist())], np.int64).reshape(-1, 3)
    cut = 150
    parts = [rows.take(np.flatnonzero(rows.positions <= cut)), rows.take(np.flatnonzero(rows.positions > cut))]
    booked = np.array([pair for part in parts for pair in months_of(part)], np.int64)
    whole = span_months(rows, closings, NOTHING_CLOSED, MONTH_OF_DAY, INTEGER_MAX)
    assert span_of(booked[:, 0], booked[:, 1], closings, NOTHING_CLOSED, INTEGER_MAX) == whole
    assert whole > 1


def test_a_file_says_its_months(tmp_path: Path) -> None:
    rows = rows_random(1)
    entry = inputs_write(tmp_path / "inputs.parquet", rows)
    expected: dict[int, int] = {}
    for day, position in zip(rows.days.tolist(), rows.positions.tolist(), strict=True):
        expected[month_of(day)] = min(expected.get(month_of(day), position), position)
    assert entry.months == [[month, expected[month]] for month in sorted(expected)]

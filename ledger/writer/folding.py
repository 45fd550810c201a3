"""Small parts of folding a log: what is read beforehand, and arrays in the engine's types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ledger.domain.values import customer_number
from ledger.log.codec import state_of
from ledger.log.columns.builder import BALANCE_MOVING
from ledger.log.recorder import EventRow, LogRecorder
from ledger.rules.engine import Ints, Rows


def points_add(sums: Ints, decisions: pl.DataFrame) -> None:
    """Add what decisions come to, account by account; what is held stays in the balance."""
    moving = decisions.filter(pl.col("kind").is_in(BALANCE_MOVING))
    np.add.at(sums, moving["account"].to_numpy() - 1, moving["points"].to_numpy())


def closings_with_month(closings: Ints, months: Any) -> Ints:
    """Closings with the number of their month as a third column."""
    return np.column_stack([closings, months[closings[:, 1]]]) if len(closings) else np.zeros((0, 3), np.int64)


def corrected_by(events: Sequence[EventRow]) -> list[int]:
    """The positions before these events of fact versions that they correct."""
    found = {state_of(e[3], e[4])["corrects"] for e in events if e[3] == "FactRecorded"}
    return sorted(p for p in found if 0 < p < events[0][0])


def fact_read(recorder: LogRecorder, position: int) -> tuple[int, dict[str, Any]]:
    """Customer and state of the fact recorded at a position."""
    [(_, stream, _, topic, data)] = recorder.select_range(position - 1, 1)
    return customer_number(stream), state_of(topic, data)


def rows_empty(columns: int) -> Rows:
    """No rows, in the engine's types."""
    none: Sequence[int] = []
    return Rows(
        np.array(none, np.int64), np.array(none, np.int64), np.array(none, np.int8), np.array(none, np.int16),
        np.array(none, np.int8), np.array(none, np.int32), np.array(none, np.int64),
        np.zeros((columns, 0), np.int64), np.zeros((4, 0), np.int32),
    )  # fmt: skip

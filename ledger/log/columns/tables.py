"""Rows in Parquet files: as narrow as they fit, constant columns not at all, and widened quickly when read.

A file of inputs is sorted by (account, position, taking back before deciding), in row groups, so that the rows of a
range of accounts are a slice of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ledger.log.columns.format import FileEntry, file_sha256, file_sync
from ledger.rules import layout as at
from ledger.rules.engine import Rows

ROW_GROUP_ROWS: Final = 1 << 17
BOUNDS_COUNT: Final = 128
ACCOUNT_MAX: Final = 2**63 - 1

_TRAITS: Final = ("t0", "t1", "t2", "t3")
_NARROW: Final = (np.int8, np.int16, np.int32)

Array = NDArray[Any]


def file_write(path: Path, frame: pl.DataFrame) -> FileEntry:
    """Write a file durably: aside, fsynced, renamed. (The folder is synced with the manifest that names the file.)"""
    aside = path.with_name(path.name + ".new")
    frame.write_parquet(aside, compression="lz4", row_group_size=ROW_GROUP_ROWS, statistics=False)
    file_sync(aside)
    entry = FileEntry(path.name, frame.height, aside.stat().st_size, file_sha256(aside))
    aside.replace(path)
    return entry


def inputs_write(path: Path, rows: Rows) -> FileEntry:
    """Write rows that are sorted by account."""
    columns = _columns(rows)
    constants: dict[str, int] = {}
    nulls: list[str] = []
    kept: dict[str, Array] = {}
    for name, values in columns.items():
        low, high = int(values.min()), int(values.max())
        if low == high and name != "account":
            constants[name] = low
            continue
        if low == at.NULL:
            present = values != at.NULL
            low, high = int(values[present].min()), int(values[present].max())
            kind = _kind(low - 1, high)
            if kind is not np.int64:
                values = np.where(present, values, np.iinfo(kind).min)
                nulls.append(name)
        else:
            kind = _kind(low, high)
        kept[name] = values.astype(kind)
    entry = file_write(path, pl.DataFrame(kept))
    entry.constants, entry.nulls = constants, nulls
    accounts = rows.accounts
    marks = accounts[np.arange(BOUNDS_COUNT) * len(accounts) // BOUNDS_COUNT]
    firsts = np.searchsorted(accounts, marks)
    entry.bounds = [[a, r] for a, r in dict(zip(marks.tolist(), firsts.tolist(), strict=True)).items()]
    return entry


def _kind(low: int, high: int) -> type[np.signedinteger[Any]]:
    for kind in _NARROW:
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            return kind
    return np.int64


def _columns(rows: Rows) -> dict[str, Array]:
    """The columns of rows by name, as views: filling them fills the rows."""
    columns: dict[str, Array] = {
        "position": rows.positions,
        "account": rows.accounts,
        "operation": rows.operations,
        "fact_type": rows.fact_types,
        "role": rows.roles,
        "day": rows.days,
        "refers": rows.refers,
    }
    columns |= {f"a{i}": column for i, column in enumerate(rows.attributes)}
    return columns | dict(zip(_TRAITS, rows.traits, strict=True))


def rows_sorted(rows: Rows) -> Rows:
    """Rows in order of position, sorted by account."""
    return rows.take(np.argsort(rows.accounts, kind="stable"))


def rows_empty(count: int, attributes: int) -> Rows:
    """Room for rows, not filled."""
    return Rows(
        np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int8),
        np.empty(count, np.int16), np.empty(count, np.int8), np.empty(count, np.int32),
        np.empty(count, np.int64), np.empty((attributes, count), np.int64), np.empty((4, count), np.int32),
    )  # fmt: skip


def inputs_read(
    folder: Path,
    entries: Sequence[FileEntry],
    attributes: int,
    account_low: int = 0,
    account_high: int = ACCOUNT_MAX,
) -> Rows:
    """The rows of `account_low` ≤ account < `account_high`, sorted. `entries` come in order of their positions."""
    slices = [s for s in (_slice(folder, e, account_low, account_high) for e in entries) if s is not None]
    rows = rows_empty(sum(last - first for _, _, first, last in slices), attributes)
    columns = _columns(rows)
    at_row = 0
    for entry, frame, first, last in slices:
        count = last - first
        for name, column in columns.items():
            target = column[at_row : at_row + count]
            if name in frame:
                _fill(target, frame[name].slice(first, count), name in entry.nulls)
            else:
                target[:] = entry.constants.get(name, at.NULL)
        at_row += count
    return rows if len(slices) < 2 else rows_sorted(rows)


def _slice(
    folder: Path, entry: FileEntry, account_low: int, account_high: int
) -> tuple[FileEntry, pl.DataFrame, int, int] | None:
    """The part of a file that holds a range of accounts, and from where to where in it they lie."""
    first, last = 0, entry.rows
    for account, row in entry.bounds:
        if account <= account_low:
            first = row
        if account >= account_high:
            last = row
            break
    if first >= last:
        return None
    lazy = pl.scan_parquet(folder / entry.name)
    if last - first < entry.rows:
        lazy = lazy.slice(first, last - first)
    frame = lazy.collect()
    accounts = frame["account"]
    low, high = (int(accounts.search_sorted(a, "left")) for a in (account_low, account_high))
    return (entry, frame, low, high) if low < high else None


def _fill(target: Array, series: pl.Series, has_nulls: bool) -> None:
    at_row = 0
    for chunk in series.get_chunks():
        values = chunk.to_numpy()
        part = target[at_row : at_row + len(values)]
        part[:] = values
        if has_nulls:
            np.putmask(part, values == np.iinfo(values.dtype).min, at.NULL)
        at_row += len(values)


def table_read(
    folder: Path,
    entries: Sequence[FileEntry],
    schema: Mapping[str, pl.DataType],
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Several files of a table one under the other."""
    names = list(schema) if columns is None else list(columns)
    parts = [pl.read_parquet(folder / e.name, columns=names) for e in entries]
    if not parts:
        return pl.DataFrame(schema={n: schema[n] for n in names})
    return pl.concat(parts).select(names)

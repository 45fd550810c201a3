"""Rows in Parquet files: as narrow as they fit, constant columns not at all, and widened quickly when read.

A file of inputs is sorted by (account, position, taking back before deciding), in row groups, so that the
rows of a range of accounts are a slice of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ledger.domain import rows as at
from ledger.domain.rows import Rows
from ledger.domain.values import month_of
from ledger.log.columns.format import FileEntry, file_sha256, file_sync

ROW_GROUP_ROWS: Final = 1 << 17
BOUNDS_COUNT: Final = 128
ACCOUNT_MAX: Final = 2**63 - 1
_GATHERED_ROWS: Final = 1 << 15
_POSITION_NONE: Final = 2**63 - 1

_TRAITS: Final = ("t0", "t1", "t2", "t3")
_NARROW: Final = (np.int8, np.int16, np.int32)

Array = NDArray[Any]


def file_write(path: Path, frame: pl.DataFrame) -> FileEntry:
    """Write a file durably: aside, fsynced, renamed. (The folder is synced with the manifest that names the
    file.)"""
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
    entry.months = months_of(rows)
    return entry


def months_of(rows: Rows) -> list[list[int]]:
    """The months that rows are booked in, ascending, each with the first position that books in it."""
    if not len(rows):
        return []
    low = int(rows.days.min())
    firsts = np.full(int(rows.days.max()) - low + 1, _POSITION_NONE, np.int64)
    np.minimum.at(firsts, rows.days - low, rows.positions)
    months: dict[int, int] = {}
    for step in np.flatnonzero(firsts != _POSITION_NONE).tolist():
        month = month_of(low + step)
        months[month] = min(months.get(month, _POSITION_NONE), int(firsts[step]))
    return [[month, position] for month, position in months.items()]


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
    """Room for rows, not filled; attributes and traits are 0 (memory nobody touches costs nothing)."""
    return Rows(
        np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int8),
        np.empty(count, np.int16), np.empty(count, np.int8), np.empty(count, np.int32),
        np.empty(count, np.int64), np.zeros((attributes, count), np.int64), np.zeros((4, count), np.int32),
    )  # fmt: skip


def inputs_read(
    folder: Path,
    entries: Sequence[FileEntry],
    attributes: int,
    account_low: int = 0,
    account_high: int = ACCOUNT_MAX,
    weighed: Collection[str] | None = None,
) -> Rows:
    """The rows of `account_low` ≤ account < `account_high`, sorted. `entries` come in order of their
    positions.

    With `weighed`, attributes and traits not named there ("a0" …, "t0" …) are not read: they are 0.
    """
    slices = [s for s in (_slice(folder, e, account_low, account_high, weighed) for e in entries) if s is not None]
    rows = rows_empty(sum(s.frame.height for s in slices), attributes)
    if not slices:
        return rows
    order = scratch = None
    if len(slices) > 1:
        accounts = np.concatenate([s.frame["account"].to_numpy() for s in slices])
        order = np.argsort(accounts, kind="stable")  # fast: it finds and merges sorted runs
        scratch = np.empty(8 * len(order), np.int8)
    for name, target in _columns(rows).items():
        if not _is_read(name, weighed):
            continue
        if order is None or scratch is None:
            _fill(target, slices[0], name)
        else:
            _fill_merged(target, slices, name, order, scratch)
    return rows


class _Slice(NamedTuple):
    """The rows of a file that belong to a range of accounts."""

    entry: FileEntry
    frame: pl.DataFrame


def _is_read(name: str, weighed: Collection[str] | None) -> bool:
    return weighed is None or name in weighed or not name[1:].isdigit()


def _slice(
    folder: Path, entry: FileEntry, account_low: int, account_high: int, weighed: Collection[str] | None
) -> _Slice | None:
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
    if weighed is not None:
        lazy = lazy.select([n for n in pl.read_parquet_schema(folder / entry.name) if _is_read(n, weighed)])
    if last - first < entry.rows:
        lazy = lazy.slice(first, last - first)
    frame = lazy.collect()
    accounts = frame["account"]
    low, high = (int(accounts.search_sorted(a, "left")) for a in (account_low, account_high))
    return _Slice(entry, frame.slice(low, high - low)) if low < high else None


def _fill(target: Array, piece: _Slice, name: str) -> None:
    """Widen a column into its place."""
    if name not in piece.frame:
        target[:] = piece.entry.constants.get(name, at.NULL)
        return
    lowest = None
    if name in piece.entry.nulls:
        lowest = np.iinfo(piece.frame[name][:1].to_numpy().dtype).min
    _chunks_copy(target, piece.frame[name], lowest)


def _chunks_copy(target: Array, series: pl.Series, lowest: int | None = None) -> None:
    """Copy a column piece by piece, as it was read; `lowest` stands for NULL where there is one."""
    at_row = 0
    for chunk in series.get_chunks():
        values = chunk.to_numpy()
        part = target[at_row : at_row + len(values)]
        part[:] = values
        if lowest is not None:
            np.putmask(part, values == lowest, at.NULL)
        at_row += len(values)


def _fill_merged(target: Array, pieces: Sequence[_Slice], name: str, order: Array, scratch: Array) -> None:
    """Widen a column of several files into its place, in order. Gathers while the values are narrow: that
    is what costs."""
    if all(name not in p.frame for p in pieces):
        values = {p.entry.constants.get(name, at.NULL) for p in pieces}
        if len(values) == 1:
            target[:] = values.pop()
            return
    largest = max(pieces, key=lambda p: p.frame.height)
    kind = largest.frame[name][:1].to_numpy().dtype if name in largest.frame else target.dtype
    narrow = scratch[: kind.itemsize * len(order)].view(kind)
    lowest = np.iinfo(kind).min
    has_nulls = name in largest.entry.nulls
    at_row = 0
    for piece in pieces:
        part = narrow[at_row : at_row + piece.frame.height]
        at_row += len(part)
        if piece is largest and name in piece.frame:
            _chunks_copy(part, piece.frame[name])
            continue
        wide = np.empty(len(part), target.dtype)
        _fill(wide, piece, name)
        if kind != target.dtype:
            nulls = (wide == at.NULL) if target.dtype == np.int64 else np.zeros(len(wide), bool)
            held = wide[~nulls]
            if (nulls.any() and not has_nulls) or not _fits(held, kind, has_nulls):
                _fill_merged_wide(target, pieces, name, order)
                return
            wide = np.where(nulls, lowest, wide)
        part[:] = wide
    for first in range(0, len(order), _GATHERED_ROWS):  # what is gathered stays in the cache
        part = target[first : first + _GATHERED_ROWS]
        gathered = np.take(narrow, order[first : first + _GATHERED_ROWS])
        part[:] = gathered
        if has_nulls:
            np.putmask(part, gathered == lowest, at.NULL)


def _fits(values: Array, kind: np.dtype[Any], has_nulls: bool) -> bool:
    info = np.iinfo(kind)
    return not len(values) or bool(values.min() >= info.min + has_nulls and values.max() <= info.max)


def _fill_merged_wide(target: Array, pieces: Sequence[_Slice], name: str, order: Array) -> None:
    wide = np.empty(len(order), target.dtype)
    at_row = 0
    for piece in pieces:
        _fill(wide[at_row : at_row + piece.frame.height], piece, name)
        at_row += piece.frame.height
    np.take(wide, order, out=target)


def table_read(
    folder: Path,
    entries: Sequence[FileEntry],
    schema: Mapping[str, pl.DataType],
    columns: Sequence[str] | None = None,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Several files of a table one under the other: all rows, or those that `where` holds for."""
    names = list(schema) if columns is None else list(columns)
    if where is None:
        parts = [pl.read_parquet(folder / e.name, columns=names) for e in entries]
    else:
        parts = [pl.scan_parquet(folder / e.name).filter(where).select(names).collect() for e in entries]
    if not parts:
        return pl.DataFrame(schema={n: schema[n] for n in names})
    return pl.concat(parts).select(names)

"""Writes the columns: one segment after another, merged as they grow. One process at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import polars as pl

from ledger.domain.book import Book
from ledger.domain.errors import PlumblineError
from ledger.domain.rows import Vocabulary
from ledger.log.columns.builder import (
    ACCOUNT_COLUMNS,
    CLAIM_COLUMNS,
    DECISION_COLUMNS,
    REFERENCE_COLUMNS,
    ColumnsBuilder,
    SegmentData,
    frame_of,
)
from ledger.log.columns.format import (
    MANIFEST,
    FileEntry,
    Manifest,
    SegmentEntry,
    files_verify,
    manifest_read,
    manifest_write,
)
from ledger.log.columns.keeping import kept_forget
from ledger.log.columns.reader import Columns, accounts_merge, claims_merge
from ledger.log.columns.relations import RELATIONS_COLUMNS
from ledger.log.columns.snapshot import book_save
from ledger.log.columns.tables import file_write, inputs_read, inputs_write, rows_sorted, table_read

SUPERSEDED_KEPT_SECONDS: Final = 60.0
"""How long files that were merged are kept for readers that opened the columns before."""

_GROWTH: Final = 2
"""While much comes in, a segment is merged when those after it hold at least 1/2 of its rows: each row is
rewritten O(log n) times, and segments are O(log n)."""
_GROWTH_IDLE: Final = 64
"""When nothing waits, everything is merged into one as soon as the rest holds 1/64 of the first."""

_LOCK: Final = ".lock"

_Merge = Callable[[pl.DataFrame], pl.DataFrame]


def _as_they_are(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


_TABLES: Final[Mapping[str, tuple[Mapping[str, pl.DataType], _Merge]]] = {
    "decisions": (DECISION_COLUMNS, _as_they_are),
    "accounts": (ACCOUNT_COLUMNS, accounts_merge),
    "references": (REFERENCE_COLUMNS, _as_they_are),
    "claims": (CLAIM_COLUMNS, claims_merge),
    "relations": (RELATIONS_COLUMNS, _as_they_are),
    "redemptions": (RELATIONS_COLUMNS, _as_they_are),
}


class ColumnsBusy(PlumblineError):
    """Another process writes these columns."""

    code = "COLUMNS_BUSY"


class ColumnsStore:
    """The columns in a folder, open for writing. Close it after use."""

    def __init__(self, folder: Path, *, rebuild: bool = False) -> None:
        """Make or open the folder, and remove what a crash, or an earlier format, left there.

        `rebuild`: begin at position 0 beside what is there, however damaged; until `rebuilt`, readers find
        the old columns, and without it everything written is a leftover. Raises ColumnsBusy where another
        process has the folder open, ColumnsDamaged as `Columns.open`.
        """
        self.folder = folder
        self._suffix = f"-{secrets.token_hex(4)}" if rebuild else ""
        self._is_hidden = rebuild
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ColumnsBusy(
                f"Another process writes the columns in {folder}; stop it, or let it do the work."
            ) from None
        try:
            self.manifest = None if rebuild else manifest_read(folder)
        except BaseException:
            self.close()
            raise
        self._superseded: list[tuple[float, str]] = []
        if not rebuild:
            self._leftovers_remove()

    @property
    def position(self) -> int:
        """The last position stored."""
        return self.manifest.position if self.manifest else 0

    def builder(self) -> ColumnsBuilder:
        """A builder that goes on after the last position stored."""
        columns = Columns(self.folder, self.manifest)
        return ColumnsBuilder(columns.book(), columns.vocabulary(), columns.chain)

    def append(self, data: SegmentData, book: Book, vocabulary: Vocabulary) -> None:
        """Store what a builder made of the next positions, with its book and vocabulary as they stand after
        it.

        Durable when it returns. Raises ValueError where the positions do not follow.
        """
        if data.position_first != self.position + 1 or data.position_last != book.position:
            raise ValueError(
                f"positions {data.position_first} to {data.position_last} do not follow {self.position}"
                f" with a book at {book.position}"
            )
        if data.position_last < data.position_first:
            return
        label = f"{data.position_first}-{data.position_last}{self._suffix}.parquet"
        files: dict[str, FileEntry] = {}
        if len(data.inputs):
            files["inputs"] = inputs_write(self.folder / f"inputs-{label}", rows_sorted(data.inputs))
        tables = (data.decisions, data.accounts, data.references, data.claims, data.relations, data.redemptions)
        for (table, (columns, merge)), rows in zip(_TABLES.items(), tables, strict=True):
            if rows:
                files[table] = file_write(self.folder / f"{table}-{label}", merge(frame_of(rows, columns)))
        entry = SegmentEntry(data.position_first, data.position_last, data.chain.hex(), files)
        segments = [*self.manifest.segments, entry] if self.manifest else [entry]
        vocabulary_values = sorted(vocabulary.codes, key=vocabulary.codes.__getitem__)
        self._put(
            Manifest(
                book.ledger, book.position, entry.chain, segments, vocabulary_values, book_save(book),
                data.chain_before.hex(),
            )
        )

    def compact(self, *, idle: bool = False) -> bool:
        """Merge segments where it is due; True if any were. `idle`: nothing else waits, so merge more
        readily."""
        if self.manifest is None or len(self.manifest.segments) < 2:
            return False
        segments = self.manifest.segments
        sizes = [s.rows + 1 for s in segments]
        first = next((i for i in range(len(sizes) - 1) if sum(sizes[i + 1 :]) * _GROWTH >= sizes[i]), None)
        if idle and sum(sizes[1:]) * _GROWTH_IDLE >= sizes[0]:
            first = 0
        if first is None:
            return False
        merged = self._merged(segments[first:])
        manifest = self.manifest
        self._put(
            Manifest(
                manifest.ledger, manifest.position, manifest.chain, [*segments[:first], merged],
                manifest.vocabulary, manifest.book, manifest.chain_before,
            )
        )  # fmt: skip
        now = time.monotonic()
        self._superseded += [(now, f.name) for s in segments[first:] for f in s.files.values()]
        return True

    def rebuilt(self) -> None:
        """Put what was written since `rebuild` in the place of the old columns, whose files the next one to
        open the folder removes."""
        self._is_hidden = False
        if self.manifest is None:
            (self.folder / MANIFEST).unlink(missing_ok=True)
        else:
            manifest_write(self.folder, self.manifest)

    def verify(self) -> None:
        """Read every file and compare its SHA-256. Raises ColumnsDamaged."""
        if self.manifest is not None:
            files_verify(self.folder, self.manifest)

    def close(self) -> None:
        """Let another process write."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _merged(self, segments: list[SegmentEntry]) -> SegmentEntry:
        position_first, last = segments[0].position_first, segments[-1]
        label = f"{position_first}-{last.position_last}{self._suffix}.parquet"
        files: dict[str, FileEntry] = {}
        inputs = [s.files["inputs"] for s in segments if "inputs" in s.files]
        if inputs:
            rows = inputs_read(self.folder, inputs, self._attributes(inputs))
            files["inputs"] = inputs_write(self.folder / f"inputs-{label}", rows)
        for table, (columns, merge) in _TABLES.items():
            entries = [s.files[table] for s in segments if table in s.files]
            if entries:
                frame = merge(table_read(self.folder, entries, columns))
                files[table] = file_write(self.folder / f"{table}-{label}", frame)
        return SegmentEntry(position_first, last.position_last, last.chain, files)

    def _attributes(self, inputs: list[FileEntry]) -> int:
        # As many as any of them has: a file without a column, by name or as a constant, has none of that
        # number.
        count = 0
        for entry in inputs:
            names = {*entry.constants, *pl.read_parquet_schema(self.folder / entry.name)}
            count = max(count, sum(1 for n in names if n[0] == "a" and n[1:].isdigit()))
        return count

    def _put(self, manifest: Manifest) -> None:
        if not self._is_hidden:
            manifest_write(self.folder, manifest)
        self.manifest = manifest
        kept: list[tuple[float, str]] = []
        for since, name in self._superseded:
            if time.monotonic() - since < SUPERSEDED_KEPT_SECONDS:
                kept.append((since, name))
            else:
                (self.folder / name).unlink(missing_ok=True)
        self._superseded = kept

    def _leftovers_remove(self) -> None:
        kept_forget(self.folder)
        known = {MANIFEST, _LOCK}
        if self.manifest is not None:
            known |= self.manifest.file_names()
        for path in self.folder.iterdir():
            if path.name not in known and path.is_file() and path.name.endswith((".parquet", ".new")):
                path.unlink()

"""The manifest of the columns: which files count, what they hold, and what else the book is made of.

It is replaced as a whole (written aside, fsynced, renamed, the folder fsynced), so that a reader finds
either the one before or the one after, and a file that no manifest names counts for nothing.

`FORMAT` is raised when what the files hold changes. Columns of an earlier format count for none: whoever writes them
builds them anew from the log, and until then readers find them at position 0.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import orjson

from ledger.domain.errors import PlumblineError

FORMAT: Final = 2
MANIFEST: Final = "manifest.json"
REBUILD: Final = "build them again from the log: plumbline rebuild columns"


class ColumnsDamaged(PlumblineError):
    """The columns are not as they were written. The log is untouched: the message says how to build them
    again."""

    code = "COLUMNS_DAMAGED"


@dataclass(slots=True)
class FileEntry:
    """A file of a segment. `bytes` and `sha256` are over the whole file.

    `constants` are columns that hold one value throughout and are not in the file; `nulls` are columns in
    which the lowest value of their type stands for "none"; `bounds` are (account, first row of it) about
    every 1/128 of the rows, for files that are sorted by account; `months` are (month, first position) of the
    months their rows are booked in.
    """

    name: str
    rows: int
    bytes: int
    sha256: str
    constants: dict[str, int] = field(default_factory=dict[str, int])
    nulls: list[str] = field(default_factory=list[str])
    bounds: list[list[int]] = field(default_factory=list[list[int]])
    months: list[list[int]] = field(default_factory=list[list[int]])


@dataclass(slots=True)
class SegmentEntry:
    """A range of positions and its files, by table. A table without rows has no file."""

    position_first: int
    position_last: int
    chain: str
    files: dict[str, FileEntry]

    @property
    def rows(self) -> int:
        """Rows of all its files."""
        return sum(f.rows for f in self.files.values())


@dataclass(slots=True)
class Manifest:
    """What the folder holds as of `position`. `chain` is hexadecimal; `book` is what no file holds of the
    book."""

    ledger: str
    position: int
    chain: str
    segments: list[SegmentEntry]
    vocabulary: list[str]
    book: dict[str, Any]
    chain_before: str
    """The chain's value before the last event: with that event it proves whose log this is."""
    format: int = FORMAT

    def file_names(self) -> set[str]:
        """The files that count."""
        return {f.name for s in self.segments for f in s.files.values()}

    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(f.bytes for s in self.segments for f in s.files.values())


def manifest_write(folder: Path, manifest: Manifest) -> None:
    """Put a manifest in the place of the one before, durably."""
    aside = folder / (MANIFEST + ".new")
    with aside.open("wb") as file:
        file.write(orjson.dumps(asdict(manifest), option=orjson.OPT_APPEND_NEWLINE))
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / MANIFEST)
    folder_sync(folder)


def manifest_read(folder: Path) -> Manifest | None:
    """The manifest, None where there is none yet, or one of an earlier format.

    Raises ColumnsDamaged where it cannot be read, leaves a gap, or a file is missing or has another size.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    manifest = manifest_parse(path, content)
    if manifest is None:
        return None
    for name, entry in ((f.name, f) for s in manifest.segments for f in s.files.values()):
        file_size_check(folder / name, entry)
    return manifest


def manifest_parse(path: Path, content: bytes) -> Manifest | None:
    """The manifest that was read at `path`, None for one of an earlier format.

    Raises ColumnsDamaged where it is none, or leaves a gap.
    """
    try:
        raw: dict[str, Any] = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ColumnsDamaged(f"{path} is no manifest ({error}); {REBUILD}") from None
    try:
        if raw["format"] < FORMAT:
            return None
        if raw["format"] != FORMAT:
            raise ColumnsDamaged(
                f"{path} is written in format {raw['format']}, this program reads {FORMAT}; {REBUILD}"
            )
        for segment in raw["segments"]:
            segment["files"] = {table: FileEntry(**entry) for table, entry in segment["files"].items()}
        raw["segments"] = [SegmentEntry(**segment) for segment in raw["segments"]]
        manifest = Manifest(**raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise ColumnsDamaged(f"{path} is no manifest ({error!r}); {REBUILD}") from None
    _ranges_check(path, manifest)
    return manifest


def _ranges_check(path: Path, manifest: Manifest) -> None:
    last = 0
    for segment in manifest.segments:
        if segment.position_first != last + 1:
            raise ColumnsDamaged(
                f"{path} leaves a gap after position {last}: its next segment begins at"
                f" {segment.position_first}; {REBUILD}"
            )
        last = segment.position_last
    if last != manifest.position:
        raise ColumnsDamaged(
            f"{path} says position {manifest.position}, but its segments end at {last}; {REBUILD}"
        )


def file_size_check(path: Path, entry: FileEntry) -> None:
    """Raise ColumnsDamaged unless the file is there with the size it was written with."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise ColumnsDamaged(f"{path} is missing; {REBUILD}") from None
    if size != entry.bytes:
        raise ColumnsDamaged(f"{path} has {size} bytes instead of {entry.bytes}; {REBUILD}")


def files_verify(folder: Path, manifest: Manifest) -> None:
    """Read every file and compare its SHA-256. Raises ColumnsDamaged, naming the first that differs."""
    for segment in manifest.segments:
        for entry in segment.files.values():
            path = folder / entry.name
            file_size_check(path, entry)
            if file_sha256(path) != entry.sha256:
                raise ColumnsDamaged(f"{path} was altered: its SHA-256 is another; {REBUILD}")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def file_sync(path: Path) -> None:
    """Wait until a file's bytes are on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def folder_sync(folder: Path) -> None:
    """Wait until a folder's names are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

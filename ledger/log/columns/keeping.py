"""Columns that are read for long, such as by replays: nobody takes a file away from whoever keeps them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.log.columns.reader import Columns

_KEPT: Final = ".kept-"
_ATTEMPTS: Final = 3


@contextmanager
def columns_kept(columns: Columns) -> Generator[Columns]:
    """These columns, in a folder of links to their files: whatever merging, a rebuild or a follower that begins anew
    takes away meanwhile, they stay as they are until the block ends. Where a file is gone already, what came in their
    place.

    Where the folder takes no links they are read where they lie, as long as their files are there.
    """
    own = _folder_made(columns.folder)
    if own is None:
        yield columns
        return
    path, lock = own
    try:
        yield _linked(columns, path) or columns
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def kept_forget(folder: Path) -> None:
    """Remove the links of processes that ended without doing so."""
    for path in folder.glob(f"{_KEPT}*"):
        lock = _locked(path, wait=False)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _folder_made(folder: Path) -> tuple[Path, int] | None:
    """A new folder in a folder, locked as long as its process lives; None where none can be made."""
    try:
        path = Path(tempfile.mkdtemp(prefix=_KEPT, dir=folder))
    except OSError:
        return None
    lock = _locked(path, wait=True)
    return None if lock is None else (path, lock)


def _locked(path: Path, *, wait: bool) -> int | None:
    """A lock on a folder; None where it is gone, or somebody has it and is not waited for."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(lock)
        return None
    return lock


def _linked(columns: Columns, path: Path) -> Columns | None:
    """The columns in a folder of their own; None where it takes no links."""
    manifest = columns.manifest
    for attempt in range(_ATTEMPTS):
        own = path / str(attempt)
        try:
            own.mkdir()
            for name in manifest.file_names():
                os.link(columns.folder / name, own / name)
        except FileNotFoundError:
            manifest = Columns.open(columns.folder).manifest
        except OSError:
            return None
        else:
            return Columns(own, manifest)
    return None

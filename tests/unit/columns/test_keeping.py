"""Columns that are kept: nobody takes a file away from whoever reads them for long."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import NoReturn

import pytest

from ledger.domain.book import Book
from ledger.domain.rows import Vocabulary
from ledger.log.columns import keeping
from ledger.log.columns.builder import ColumnsBuilder
from ledger.log.columns.keeping import columns_kept
from ledger.log.columns.reader import Columns
from ledger.log.columns.store import ColumnsStore
from tests.unit.columns.making import History, history_random


def stored(folder: Path, history: History, ends: tuple[int, ...]) -> None:
    """The columns of a history, in segments that end at these positions."""
    builder = ColumnsBuilder(Book(), Vocabulary())
    with ColumnsStore(folder) as store:
        for first, last in zip((0, *ends), ends, strict=False):
            events = history.events[first:last]
            store.append(builder.apply(events, never), builder.book, builder.vocabulary)


def never(position: int) -> NoReturn:
    """No fact of these histories corrects another."""
    raise AssertionError(position)


def merged(folder: Path) -> None:
    """Merge the columns and let the store be opened again, which takes away what was merged."""
    with ColumnsStore(folder) as store:
        assert store.compact(idle=True)
    with ColumnsStore(folder):
        pass


@pytest.fixture(scope="module")
def history() -> History:
    return history_random(3, 120, corrections=0)


def test_columns_that_are_kept_are_read_though_all_their_files_were_merged(history: History, tmp_path: Path) -> None:
    size = len(history.events)
    stored(tmp_path, history, (size // 2, size))
    before = Columns.open(tmp_path)
    with columns_kept(before) as kept:
        merged(tmp_path)
        with pytest.raises(FileNotFoundError):
            before.rows()
        assert (kept.position, len(kept.rows())) == (size, Columns.open(tmp_path).inputs_count)
        assert kept.decisions().equals(Columns.open(tmp_path).decisions())
    assert not list(tmp_path.glob(".kept-*"))


def test_where_a_file_is_gone_before_it_was_kept_what_came_in_its_place_is_kept(history: History, tmp_path: Path) -> None:
    size = len(history.events)
    stored(tmp_path, history, (size // 2, size))
    before = Columns.open(tmp_path)
    merged(tmp_path)
    with columns_kept(before) as kept:
        assert (kept.chain, len(kept.rows())) == (before.chain, Columns.open(tmp_path).inputs_count)


def test_what_a_process_that_is_gone_kept_is_forgotten_and_what_one_that_lives_keeps_is_not(
    history: History, tmp_path: Path
) -> None:
    stored(tmp_path, history, (len(history.events),))
    gone, lives = tmp_path / ".kept-gone", tmp_path / ".kept-lives"
    for folder in (gone, lives):
        folder.mkdir()
    lock = os.open(lives, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with ColumnsStore(tmp_path):
            assert not gone.exists() and lives.exists()
    finally:
        os.close(lock)


def test_columns_are_read_where_they_lie_where_nothing_can_be_linked(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    stored(tmp_path, history, (len(history.events),))
    columns = Columns.open(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(keeping.os, "link", refused)
        with columns_kept(columns) as kept:
            assert kept is columns
        patched.setattr(keeping.tempfile, "mkdtemp", refused)
        with columns_kept(columns) as kept:
            assert kept is columns
    assert not list(tmp_path.glob(".kept-*"))
    with columns_kept(Columns.open(tmp_path / "nowhere")) as kept:
        assert kept.position == 0

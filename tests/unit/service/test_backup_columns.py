"""Columns are backed up while they are written: what arrives is what one manifest names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from ledger.log.columns.format import MANIFEST, Manifest, manifest_read
from ledger.log.columns.store import ColumnsStore
from service import backup
from tests.unit.columns.making import history_random


def test_columns_that_are_merged_while_they_are_copied_arrive_as_they_were_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = history_random(3, 200)

    def fetch(position: int) -> tuple[int, dict[str, Any]]:
        _, stream, _, _, state = history.events[position - 1]
        return int(stream[2:]), orjson.loads(state)

    source, target = tmp_path / "source", tmp_path / "target"
    with ColumnsStore(source) as store:
        builder = store.builder()
        for first in range(0, history.position, 40):
            data = builder.apply(history.events[first : first + 40], fetch)
            store.append(data, builder.book, builder.vocabulary)
        before = manifest_read(source)
        real = backup.manifest_parse

        def merging(path: Path, content: bytes) -> Manifest | None:
            monkeypatch.setattr(backup, "manifest_parse", real)
            found = real(path, content)
            assert store.compact(idle=True)
            return found

        monkeypatch.setattr(backup, "manifest_parse", merging)
        backup._columns_copy(source, target)  # pyright: ignore[reportPrivateUsage]
        after = manifest_read(source)
    assert before is not None and after is not None
    assert before.position == after.position and before.file_names() != after.file_names()
    assert manifest_read(target) == before
    assert {path.name for path in target.iterdir()} == {MANIFEST, *before.file_names()}


def test_columns_of_which_a_file_is_gone_are_not_backed_up(tmp_path: Path) -> None:
    assert backup._columns_copy(tmp_path / "none", tmp_path / "target") is None  # pyright: ignore[reportPrivateUsage]
    assert not (tmp_path / "target").exists()
    history = history_random(3, 50)
    source = tmp_path / "source"
    with ColumnsStore(source) as store:
        builder = store.builder()
        data = builder.apply(history.events, lambda position: (1, {}))
        store.append(data, builder.book, builder.vocabulary)
    manifest = manifest_read(source)
    assert manifest is not None
    (source / min(manifest.file_names())).unlink()
    with pytest.raises(FileNotFoundError):
        backup._columns_copy(source, tmp_path / "target")  # pyright: ignore[reportPrivateUsage]
    assert not (tmp_path / "target").exists()

"""The file that says what became of imported rows: safe to open in a spreadsheet, and never one of those imported."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from connectors.files.importing import Outcome
from ledger.domain.errors import Refused
from service.commands.importing import outcomes_to


def test_outcomes_are_told_row_by_row_and_no_cell_begins_as_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "became.csv"
    with outcomes_to(path, [tmp_path / "facts.csv"]) as tell:
        tell(Outcome("=facts.csv", 2, "accepted", (("customer", "C-000001"), ("lead", "w-1")), "=1+1 has it", 7))
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, row = csv.reader(file)
    assert header == ["file", "row", "status", "became", "note", "position"]
    assert row == ["'=facts.csv", "2", "accepted", "customer:C-000001 lead:w-1", "'=1+1 has it", "7"]


def test_a_file_that_is_imported_is_not_written_over(tmp_path: Path) -> None:
    path, link = tmp_path / "facts.csv", tmp_path / "same.csv"
    path.write_text("precious", "utf-8")
    link.symlink_to(path)
    for outcomes in (path, link):
        with pytest.raises(Refused, match="another"), outcomes_to(outcomes, [path]):
            pass
    assert path.read_text("utf-8") == "precious"
    with pytest.raises(Refused, match="can't be written"), outcomes_to(tmp_path / "none" / "x.csv", [path]):
        pass

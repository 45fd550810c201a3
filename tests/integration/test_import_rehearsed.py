"""The dry run of an import tells what the import then comes to, row by row and across batches, on a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.files import importing
from connectors.files.importing import ImportReport, import_files
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_load, mapping_parse
from ledger.domain.commands import DeclareTeam, EnrolStaff
from tests.ledgers import Books, books_open

NOW = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
LEADS: dict[str, Any] = {
    "id": "fair_leads", "title": {"zh": "线索", "en": "Leads"}, "source": "fair",
    "columns": {
        "firm": {"type": "text", "headers": ["firm"]}, "seller": {"type": "text", "headers": ["seller"]},
    },
    "commands": [
        {"kind": "lead", "staff_source": "hr",
         "fields": {"lead": {"column": "firm"}, "name": {"column": "firm"}, "staff": {"column": "seller"}}},
    ],
}  # fmt: skip


@pytest.fixture
def books(database_url: str, schema_name: str) -> Iterator[Books]:
    with books_open(database_url, schema_name) as found:
        yield found


def taken(books: Books, inputs: list[tuple[FileMapping, Path]], *, dry: bool) -> ImportReport:
    return import_files(
        books.writer.submit, inputs, books.state.book.fact_types.get, actor="tester", recorded_at=NOW,
        rehearse=(lambda requests: books.writer.rehearse_later(requests).result()) if dry else None,
    )  # fmt: skip


def same_twice(books: Books, *inputs: tuple[FileMapping, Path]) -> ImportReport:
    """The report of an import, which its dry run foretold; then that of the same file again, too."""
    head = books.position
    foretold = taken(books, [*inputs], dry=True)
    assert books.position == head and foretold.position == 0 and foretold.rehearsed_apart == 0
    report = taken(books, [*inputs], dry=False)
    assert replace(report, position=0) == foretold
    assert report.read == report.accepted + report.duplicates + report.corrected + len(report.rejected)
    head = books.position
    again = taken(books, [*inputs], dry=True)
    assert replace(taken(books, [*inputs], dry=False), position=0) == again
    assert books.position == head and again.accepted == again.corrected == 0
    return report


def written(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("batch_rows", [2, 5_000])
def test_facts_are_rehearsed_with_the_duplicates_corrections_and_refusals_of_the_import(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", batch_rows)
    facts = written(
        tmp_path, "facts.csv", "fact_type,external_id,customer,occurred,customer_name,amount",
        "contract_signed,F1,K1,2026-01-01,,100000", "contract_signed,F2,K9,2026-01-02,,100000",
        "contract_signed,F3,K2,2026-01-03,Second,100000", "contract_signed,F4,K1,2026-01-04,,100000",
        "contract_signed,F5,K2,2026-01-05,,100000", "contract_signed,F1,K1,2026-01-01,,100000",
        "contract_signed,F4,K1,2026-01-06,,200000", "contract_signed,F6,K1,2027-01-06,,200000",
    )  # fmt: skip
    customers = written(tmp_path, "customers.csv", "reference,name", "K1,First", "K1,First once more")
    report = same_twice(books, (mapping_load("customers"), customers), (mapping_load("facts"), facts))
    # K1, F1, F3 (with K2), F4, F5; the second K1 and F1; the second F4; nobody is K9, F6 lies in the future.
    assert (report.accepted, report.duplicates, report.corrected) == (5, 2, 1)
    assert [(r.row, r.field) for r in report.rejected] == [(3, "customer"), (9, "occurred")]
    assert report.became == {"customer": 1, "fact": 5}


@pytest.mark.parametrize("batch_rows", [2, 5_000])
def test_leads_and_profiles_are_rehearsed_with_who_is_unknown(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", batch_rows)
    books.do(DeclareTeam("one", "First"))
    books.do(EnrolStaff("hr", "007", "Wang Li", "one"))
    leads = written(tmp_path, "leads.csv", "firm,seller", "东海路桥,007", "西山建设,008", "南江港务,007", "东海路桥,007")
    report = same_twice(books, (mapping_parse(LEADS), leads))
    assert [(r.row, r.field) for r in report.rejected] == [(3, "seller")]
    accounts = written(
        tmp_path, "accounts.csv", "account,sector,year_established,revenue,employees,office_location,subsidiary_of",
        "Acme,housing,1990,10.00,20,east,", "Bolt,water,1991,11.00,30,east,Acme", "Acme,housing,1992,12.00,21,east,",
    )  # fmt: skip
    report = same_twice(books, (mapping_load("accounts"), accounts))
    assert report.rejected == () and report.became == {"customer": 2, "profile": 3}

"""The run: order, batches, counts, what is refused and kept, with a ledger that answers by the book."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors.files import importing
from connectors.files.importing import ImportReport, RefusedRow, import_file, import_files
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_load, mapping_parse
from connectors.files.reading import FileRefused
from connectors.files.rows import row_digest
from ledger.domain.commands import Answer, Command, RecordFact, RegisterCustomer, Rehearsal, Request
from ledger.domain.fact_types import fact_type_parse
from ledger.standard import fact_types_standard

FACT_TYPES = {document["id"]: fact_type_parse(document) for document in fact_types_standard()}
NOW = datetime(2024, 6, 1, tzinfo=UTC)
HEADER = "fact_type,external_id,customer,occurred,customer_name,score\n"


class Recorded:
    """Takes requests as the ledger's writer does: (source, external id) once, other content a correction."""

    def __init__(self, refuse: str = "") -> None:
        self.batches: list[int] = []
        self.rehearsed: list[int] = []
        self.commands: list[Command] = []
        self.known: dict[tuple[str, str], Command] = {}
        self.refuse = refuse

    def submit(self, requests: Sequence[Request]) -> list[Answer]:
        self.batches.append(len(requests))
        return [self._answer(request.command) for request in requests]

    def rehearse(self, requests: Sequence[Request]) -> list[Rehearsal]:
        self.rehearsed.append(len(requests))
        commands, known = list(self.commands), dict(self.known)
        answers = [self._answer(request.command) for request in requests]
        self.commands, self.known = commands, known
        return [Rehearsal(answer) for answer in answers]

    def _answer(self, command: Command) -> Answer:
        assert isinstance(command, RecordFact | RegisterCustomer)
        if isinstance(command, RegisterCustomer):
            key = ("customer", command.reference)
        else:
            key = (command.source, command.external_id)
            if command.external_id == self.refuse:
                return Answer("refused", code="CUSTOMER_UNKNOWN", reason="names nobody", field="customer")
        before = self.known.get(key)
        if before == command:
            return Answer("duplicate", position=len(self.commands))
        self.known[key] = command
        self.commands.append(command)
        return Answer("accepted" if before is None else "corrected", position=len(self.commands))

    def facts(self) -> list[RecordFact]:
        return [command for command in self.commands if isinstance(command, RecordFact)]


class Kept:
    """Keeps refused rows by content, as the quarantine does."""

    def __init__(self) -> None:
        self.rows: dict[bytes, RefusedRow] = {}

    def put_many(self, rows: Sequence[RefusedRow], recorded_at: datetime) -> int:
        before = len(self.rows)
        for row in rows:
            self.rows.setdefault(row_digest(row.raw), row)
        return len(self.rows) - before


def run(
    recorded: Recorded,
    path: Path,
    *,
    kept: Kept | None = None,
    mapping: FileMapping | None = None,
    dry: bool = False,
) -> ImportReport:
    return import_file(
        recorded.submit,
        mapping or mapping_load("facts"),
        FACT_TYPES.get,
        path,
        actor="tester",
        recorded_at=NOW,
        quarantine=kept,
        rehearse=recorded.rehearse if dry else None,
    )


def written(folder: Path, text: str, name: str = "facts.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


SAMPLE = HEADER + (
    "performance_scored,S2,K1,2024-02-01,甲公司,90\n"
    "performance_scored,S1,K1,2024-01-01,甲公司,80\n"
    "performance_scored,S3,K1,2024-01-01,甲公司,百分\n"
    "performance_scored,S4,K1,2024-02-01,甲公司,70\n"
)


def test_rows_go_to_the_ledger_by_business_date_and_then_by_row(tmp_path: Path) -> None:
    recorded = Recorded()
    report = run(recorded, written(tmp_path, SAMPLE))
    assert [fact.external_id for fact in recorded.facts()] == ["S1", "S2", "S4"]
    assert (report.read, report.accepted, report.duplicates, report.corrected) == (4, 3, 0, 0)
    assert [(r.row, r.field) for r in report.rejected] == [(4, "score")]
    assert report.position == 3


def test_the_same_file_again_in_another_encoding_and_name_changes_nothing(tmp_path: Path) -> None:
    recorded, kept = Recorded(), Kept()
    run(recorded, written(tmp_path, SAMPLE), kept=kept)
    commands, rows = list(recorded.commands), dict(kept.rows)
    again = run(recorded, written(tmp_path, SAMPLE, "other.csv", "gb18030"), kept=kept)
    assert (again.accepted, again.duplicates, len(again.rejected)) == (0, 3, 1)
    assert recorded.commands == commands and kept.rows == rows


def test_a_refused_row_is_kept_as_it_stood_with_the_reason(tmp_path: Path) -> None:
    kept = Kept()
    run(Recorded(), written(tmp_path, SAMPLE), kept=kept)
    (row,) = kept.rows.values()
    assert row.raw == {
        "fact_type": "performance_scored",
        "external_id": "S3",
        "customer": "K1",
        "occurred": "2024-01-01",
        "customer_name": "甲公司",
        "score": "百分",
    }
    assert (row.source, row.mapping, row.actor) == ("facts", "facts", "tester")
    assert row.rejection.row == 4 and row.rejection.file == "facts.csv"


def test_what_the_ledger_refuses_is_kept_too_with_the_header_of_its_column(tmp_path: Path) -> None:
    kept = Kept()
    report = run(Recorded(refuse="S1"), written(tmp_path, SAMPLE), kept=kept)
    assert (report.accepted, len(report.rejected)) == (2, 2)
    assert report.read == report.accepted + len(report.rejected)
    refused = report.rejected[0]
    assert (refused.row, refused.field, refused.reason) == (3, "customer", "names nobody")
    assert {row.rejection.row for row in kept.rows.values()} == {3, 4}


def test_a_dry_run_reads_everything_and_leaves_no_trace(tmp_path: Path) -> None:
    recorded, kept = Recorded(), Kept()
    report = run(recorded, written(tmp_path, SAMPLE), kept=kept, dry=True)
    assert (report.read, report.accepted, len(report.rejected), report.position) == (4, 3, 1, 0)
    assert recorded.batches == [] and recorded.commands == [] and kept.rows == {}


def test_a_dry_run_tells_across_batches_what_the_import_then_comes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    # S1 comes twice with one content, S2 with two; they lie in batches of their own.
    path = written(tmp_path, HEADER + (
        "performance_scored,S1,K1,2024-01-01,甲公司,80\nperformance_scored,S2,K1,2024-01-02,甲公司,80\n"
        "performance_scored,S3,K1,2024-01-03,甲公司,80\nperformance_scored,S4,K1,2024-01-04,甲公司,80\n"
        "performance_scored,S1,K1,2024-01-01,甲公司,80\nperformance_scored,S2,K1,2024-01-05,甲公司,90\n"
    ))  # fmt: skip
    recorded = Recorded(refuse="S4")
    dry = run(recorded, path, dry=True)
    assert (dry.accepted, dry.duplicates, dry.corrected, len(dry.rejected), dry.rehearsed_apart) == (3, 1, 1, 1, 0)
    # The first fact goes with each batch, and so do those that come again; S3 doesn't.
    assert recorded.rehearsed == [2, 3, 4]
    wet = run(recorded, path)
    assert replace(wet, position=0) == dry


def test_a_dry_run_says_how_many_rows_it_rehearsed_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    monkeypatch.setattr("connectors.files.rehearsing.EARLIER_MAX", 1)
    lines = [f"performance_scored,S{n},K1,2024-01-{day:02d},甲公司,80\n" for day, n in enumerate((1, 2, 3, 2, 1), 1)]
    dry = run(Recorded(), written(tmp_path, HEADER + "".join(lines)), dry=True)
    # S1 is kept, S2 no longer: the three rows after it are rehearsed without it.
    assert (dry.read, dry.rehearsed_apart) == (5, 3)


def test_changed_content_under_a_known_id_is_a_correction(tmp_path: Path) -> None:
    recorded = Recorded()
    run(recorded, written(tmp_path, SAMPLE))
    report = run(recorded, written(tmp_path, SAMPLE.replace(",80", ",81")))
    assert (report.accepted, report.corrected, report.duplicates) == (0, 1, 2)


def test_files_given_together_are_merged_by_date_and_registrations_come_first(tmp_path: Path) -> None:
    early = written(tmp_path, HEADER + "performance_scored,A1,K1,2024-01-05,,80\n", "a.csv")
    both = written(
        tmp_path,
        HEADER + "performance_scored,B1,K1,2024-01-01,,80\nperformance_scored,B2,K1,2024-01-09,,80\n",
        "b.csv",
    )
    people = written(tmp_path, "reference,name\nK1,甲公司\n", "people.csv")
    facts, customers = mapping_load("facts"), mapping_load("customers")
    recorded = Recorded()
    report = import_files(
        recorded.submit,
        [(facts, early), (facts, both), (customers, people)],
        FACT_TYPES.get,
        actor="tester",
        recorded_at=NOW,
    )
    assert isinstance(recorded.commands[0], RegisterCustomer)
    assert [fact.external_id for fact in recorded.facts()] == ["B1", "A1", "B2"]
    assert report.accepted == 4


def test_a_file_without_the_columns_is_refused_row_by_row_and_once_as_a_whole(tmp_path: Path) -> None:
    recorded, kept = Recorded(), Kept()
    path = written(tmp_path, "客户,日期\nK1,2024-01-01\nK2,2024-01-02\n")
    report = run(recorded, path, kept=kept)
    assert report.read == 2 and report.accepted == 0 and recorded.batches == []
    assert [(r.row, r.field) for r in report.faults] == [(1, "fact_type")]
    assert [(r.row, r.field) for r in report.rejected] == [(2, "fact_type"), (3, "fact_type")]
    told = (*report.faults, *report.rejected)
    assert all("lacks the columns fact_type, external_id, occurred" in r.reason for r in told)
    assert {row.rejection.row for row in kept.rows.values()} == {2, 3}


def test_an_unreadable_file_among_several_stops_all_before_anything_is_submitted(tmp_path: Path) -> None:
    recorded = Recorded()
    good, bad = written(tmp_path, SAMPLE), tmp_path / "bad.csv"
    bad.write_bytes(b"\xff\xff\xff\xff")
    facts = mapping_load("facts")
    with pytest.raises(FileRefused):
        import_files(
            recorded.submit, [(facts, good), (facts, bad)], FACT_TYPES.get, actor="tester", recorded_at=NOW
        )
    assert recorded.batches == []


def test_rows_without_ids_are_counted_among_their_equals(tmp_path: Path) -> None:
    document = mapping_load("facts").model_dump(mode="json", exclude_defaults=True)
    del document["fact"]["external_id"], document["columns"]["external_id"]
    mapping = mapping_parse(document)
    line = "login,K1,2024-01-01\n"
    recorded = Recorded()
    path = written(tmp_path, "fact_type,customer,occurred\n" + line * 3 + "login,K2,2024-01-01\n")
    assert run(recorded, path, mapping=mapping).accepted == 4
    ids = [fact.external_id for fact in recorded.facts()]
    assert len(set(ids)) == 4
    assert [name.rpartition("-")[2] for name in ids] == ["1", "2", "3", "1"]
    assert run(recorded, path, mapping=mapping).duplicates == 4


def test_more_rows_than_fit_in_memory_at_once_come_out_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = random.Random(20240601)
    first = date(2024, 1, 1)
    days = [first + timedelta(days=shuffled.randrange(60)) for _ in range(1203)]
    lines = "".join(f"performance_scored,N{n},K1,{day},,80\n" for n, day in enumerate(days))
    path = written(tmp_path, HEADER + lines)
    whole, parts = Recorded(), Recorded()
    run(whole, path)
    monkeypatch.setattr(importing, "SORT_ROWS", 100)
    monkeypatch.setattr(importing, "BATCH_ROWS", 250)
    run(parts, path)
    assert parts.commands == whole.commands
    assert parts.batches == [250, 250, 250, 250, 203] and whole.batches == [1203]
    places = [(fact.occurred, int(fact.external_id[1:])) for fact in whole.facts()]
    assert places == sorted(places) and len(places) == 1203


def test_progress_is_told_for_reading_and_for_recording(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    import_file(
        Recorded().submit,
        mapping_load("facts"),
        FACT_TYPES.get,
        written(tmp_path, SAMPLE),
        actor="tester",
        recorded_at=NOW,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert told == [("reading", 4, 4), ("recording", 3, 3)]


def test_a_report_as_plain_data_has_what_people_and_programs_need(tmp_path: Path) -> None:
    document = run(Recorded(), written(tmp_path, SAMPLE)).document()
    assert document == {
        "read": 4,
        "accepted": 3,
        "duplicates": 0,
        "corrected": 0,
        "rejected": [
            {"file": "facts.csv", "row": 4, "field": "score", "reason": "is not a plain decimal number"}
        ],
        "faults": [],
        "rehearsed_apart": 0,
        "position": 3,
        "became": {"fact": 3},
    }

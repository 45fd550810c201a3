"""The quarantine on a real PostgreSQL: kept once, listed, mended, tried again, dismissed, never lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from connectors.files.importing import ImportReport, import_file
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import MappingNotFound, mapping_load, mapping_parse
from connectors.files.quarantine import Quarantine, QuarantineRowUnknown
from ledger.domain.commands import Answer, Command, RecordFact, Request
from ledger.domain.errors import Refused, WriterUnavailable
from ledger.domain.fact_types import fact_type_parse
from ledger.log.migrate import ledger_schema_create, migrations_read
from ledger.log.pages import Seek
from ledger.log.recorder import recorder_open
from ledger.standard import fact_types_standard
from ledger.writer.submissions import LEDGER_CLOSED

FACT_TYPES = {document["id"]: fact_type_parse(document) for document in fact_types_standard()}
NOW = datetime(2024, 6, 1, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
SAMPLE = """fact_type,external_id,customer,occurred,score
performance_scored,S1,K1,2024-02-01,90
performance_scored,S2,K1,2024-01-02,九十
performance_scored,S3,K1,2024/01/01,80
performance_scored,S4,K1,2024-01-03
"""


class Recorded:
    """Keeps the commands it is given and accepts each external id once, up to `facts_max`: then the books are closed."""

    def __init__(self, refuse: str = "", facts_max: int = 1_000) -> None:
        self.facts: list[RecordFact] = []
        self.refuse = refuse
        self.facts_max = facts_max

    def submit(self, requests: Sequence[Request]) -> list[Answer]:
        return [self._answer(request.command) for request in requests]

    def _answer(self, command: Command) -> Answer:
        assert isinstance(command, RecordFact)
        if command.external_id == self.refuse:
            return Answer("refused", code="CUSTOMER_UNKNOWN", reason="names nobody", field="customer")
        if command in self.facts:
            return Answer("duplicate", position=self.facts.index(command) + 1)
        if len(self.facts) >= self.facts_max:
            return LEDGER_CLOSED
        self.facts.append(command)
        return Answer("accepted", position=len(self.facts))


@pytest.fixture
def quarantine(database_url: str, schema_name: str) -> Iterator[Quarantine]:
    ledger_schema_create(database_url, schema_name)
    with recorder_open(database_url, schema_name) as recorder:
        yield Quarantine(recorder.datastore)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "facts.csv"
    path.write_text(SAMPLE, encoding="utf-8")
    return path


def imported(quarantine: Quarantine, path: Path, recorded: Recorded, at: datetime = NOW) -> ImportReport:
    return import_file(
        recorded.submit,
        mapping_load("facts"),
        FACT_TYPES.get,
        path,
        actor="tester",
        recorded_at=at,
        quarantine=quarantine,
    )


def test_refused_rows_are_kept_with_file_row_field_and_reason(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded())
    kept = quarantine.list()
    assert [(row.row, row.field) for row in kept] == [(3, "score"), (4, "occurred"), (5, "")]
    assert [row.id for row in kept] == [1, 2, 3]
    first = kept[0]
    assert (first.source, first.file, first.mapping, first.actor) == ("facts", "facts.csv", "facts", "tester")
    assert first.raw["score"] == "九十" and first.mapping_sha256 == mapping_load("facts").digest
    assert (first.recorded_at, first.resolved_at, first.resolution) == (NOW, None, None)
    assert "score" not in kept[2].raw, "a cell that was not there is not made up"
    assert first.document()["recorded_at"] == "2024-06-01T08:00:00+00:00"


def test_the_same_row_is_kept_once_in_whatever_file_and_encoding_it_comes_again(
    quarantine: Quarantine, sample: Path, tmp_path: Path
) -> None:
    imported(quarantine, sample, Recorded())
    before = quarantine.list()
    other = tmp_path / "other.csv"
    other.write_bytes(SAMPLE.encode("gb18030"))
    imported(quarantine, other, Recorded(), LATER)
    assert quarantine.list() == before
    other.write_text(SAMPLE + "performance_scored,S5,K1,2024-01-03,?\n", encoding="utf-8")
    imported(quarantine, other, Recorded(), LATER)
    assert [row.id for row in quarantine.list()] == [1, 2, 3, 4], "no id was used up by rows kept already"


def test_the_list_goes_on_after_an_id(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded())
    assert [row.id for row in quarantine.list(limit=2)] == [1, 2]
    assert [row.id for row in quarantine.list(limit=2, seek=Seek((2,)))] == [3]
    assert quarantine.count_open() == 3


def test_edited_rows_are_submitted_by_date_and_say_what_was_changed(
    quarantine: Quarantine, sample: Path
) -> None:
    recorded = Recorded()
    imported(quarantine, sample, recorded)
    report = quarantine.retry(
        recorded.submit,
        FACT_TYPES.get,
        actor="mender",
        resolved_at=LATER,
        raw_override={1: {"score": "90"}, 2: {"occurred": "2024-01-01"}},
    )
    assert (report.retried, report.accepted, len(report.rejected), report.position) == (3, 2, 1, 3)
    assert [fact.external_id for fact in recorded.facts] == ["S1", "S3", "S2"]
    assert [row.id for row in quarantine.list()] == [3]
    resolved = quarantine.list(open_only=False)[0]
    assert resolved.resolved_at == LATER
    assert resolved.resolution == "accepted at position 3 by mender; with other cells in score"
    assert resolved.raw == {} and resolved.row_sha256, "it is known again, and what stood in it is gone"


def test_a_resolved_row_stays_resolved_when_its_file_comes_again(
    quarantine: Quarantine, sample: Path
) -> None:
    recorded = Recorded()
    imported(quarantine, sample, recorded)
    quarantine.retry(
        recorded.submit,
        FACT_TYPES.get,
        actor="mender",
        resolved_at=LATER,
        ids=[1],
        raw_override={1: {"score": "90"}},
    )
    quarantine.dismiss([2], reason="no score", actor="mender", resolved_at=LATER)
    before = quarantine.list(open_only=False)
    imported(quarantine, sample, recorded, LATER)
    assert [row.id for row in quarantine.list()] == [3]
    assert quarantine.list(open_only=False) == before and len(recorded.facts) == 2


def test_a_mended_mapping_takes_rows_without_an_edit_and_the_reasons_of_the_others_are_renewed(
    quarantine: Quarantine, sample: Path
) -> None:
    recorded = Recorded()
    imported(quarantine, sample, recorded)
    document = mapping_load("facts").model_dump(mode="json", exclude_defaults=True)
    document["columns"]["occurred"]["formats"] = ["%Y-%m-%d", "%Y/%m/%d"]
    document["columns"]["external_id"]["suspicious"] = [
        {"matches": "S2", "reason": {"zh": "测试", "en": "is a test"}}
    ]
    mended = mapping_parse(document)

    def mapping_of(name: str) -> FileMapping:
        return {"facts": mended}[name]

    report = quarantine.retry(
        recorded.submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, mapping_of=mapping_of
    )
    assert (report.accepted, [number for number, _ in report.rejected]) == (1, [1, 3])
    assert recorded.facts[-1].external_id == "S3"
    open_row = quarantine.list()[0]
    assert (open_row.field, open_row.reason) == ("external_id", "is a test")
    assert open_row.mapping_sha256 == mended.digest


def test_a_row_cut_short_stays_refused_until_its_missing_cells_are_given(
    quarantine: Quarantine, sample: Path
) -> None:
    recorded = Recorded()
    imported(quarantine, sample, recorded)

    def retried(**override: str) -> list[tuple[int, str]]:
        report = quarantine.retry(
            recorded.submit,
            FACT_TYPES.get,
            actor="mender",
            resolved_at=LATER,
            ids=[3],
            raw_override={3: override},
        )
        return [(number, rejection.reason) for number, rejection in report.rejected]

    assert [number for number, _ in retried()] == [3]
    assert retried(score="70") == []
    assert recorded.facts[-1].attributes == {"score": "70"}


def test_a_row_with_surplus_cells_stays_refused_until_they_are_cleared(
    quarantine: Quarantine, tmp_path: Path
) -> None:
    recorded = Recorded()
    path = tmp_path / "facts.csv"
    path.write_text(
        "fact_type,external_id,customer,occurred,score\nperformance_scored,S1,K1,2024-02-01,1,000\n"
    )
    imported(quarantine, path, recorded)
    arguments = {"actor": "mender", "resolved_at": LATER}
    report = quarantine.retry(recorded.submit, FACT_TYPES.get, **arguments)
    assert "clear +6" in report.rejected[0][1].reason
    report = quarantine.retry(
        recorded.submit, FACT_TYPES.get, raw_override={1: {"score": "10", "+6": None}}, **arguments
    )
    assert report.accepted == 1


def test_rows_nobody_could_tell_apart_are_kept_by_where_they_stood(
    quarantine: Quarantine, tmp_path: Path
) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(
        'fact_type,external_id,customer,occurred,score\n"a"b,1\n"c"d,2\nperformance_scored,\0,K1,x,1\n'
    )
    report = imported(quarantine, path, Recorded())
    assert len(report.rejected) == 3
    kept = quarantine.list()
    assert [(row.raw.get("+row"), row.raw.get("+line")) for row in kept] == [("2", '"a"b,1'), ("3", '"c"d,2'), (None, None)]
    assert kept[2].field == "external_id" and kept[2].raw["external_id"] == "\N{SYMBOL FOR NULL}"
    again = quarantine.retry(Recorded().submit, FACT_TYPES.get, actor="mender", resolved_at=LATER)
    assert [number for number, _ in again.rejected] == [1, 2, 3]
    # Another file of that name, with another row in that place.
    quarantine.dismiss([1, 2, 3], reason="mended in the file", actor="mender", resolved_at=LATER)
    path.write_text('fact_type,external_id,customer,occurred,score\n"a"b,1\n"x"y,3\n')
    imported(quarantine, path, Recorded())
    assert [row.raw["+line"] for row in quarantine.list()] == ['"x"y,3']


def test_what_the_ledger_refuses_again_stays_open_with_its_reason(
    quarantine: Quarantine, sample: Path
) -> None:
    recorded = Recorded(refuse="S1")
    imported(quarantine, sample, recorded)
    (refused,) = [row for row in quarantine.list() if row.row == 2]
    assert (refused.field, refused.reason) == ("customer", "names nobody")
    report = quarantine.retry(
        recorded.submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, ids=[refused.id]
    )
    assert (report.accepted, [number for number, _ in report.rejected]) == (0, [refused.id])
    report = quarantine.retry(
        Recorded().submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, ids=[refused.id]
    )
    assert report.accepted == 1 and quarantine.count_open() == 3


def test_a_mapping_that_is_gone_holds_up_its_own_rows_only(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded())

    def mapping_of(name: str) -> FileMapping:
        raise MappingNotFound(f"There is no mapping {name!r}")

    report = quarantine.retry(
        Recorded().submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, mapping_of=mapping_of
    )
    assert [rejection.reason for _, rejection in report.rejected] == ["There is no mapping 'facts'"] * 3


def test_workbook_dates_are_dates_again_when_tried_again(quarantine: Quarantine, tmp_path: Path) -> None:
    import openpyxl

    path = tmp_path / "facts.xlsx"
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.append(["fact_type", "external_id", "customer", "occurred", "score"])
    sheet.append(["performance_scored", "S1", "K1", date(2024, 1, 31), "?"])
    workbook.save(path)
    recorded = Recorded()
    imported(quarantine, path, recorded)
    quarantine.retry(
        recorded.submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, raw_override={1: {"score": "9.5"}}
    )
    assert recorded.facts[0].occurred == "2024-01-31"


def test_a_dismissed_row_is_closed_with_the_reason_and_not_tried_again(
    quarantine: Quarantine, sample: Path
) -> None:
    imported(quarantine, sample, Recorded())
    arguments: dict[str, Any] = {"reason": "a rate, not an amount", "actor": "mender", "resolved_at": LATER}
    assert quarantine.dismiss([1, 2], **arguments, dry_run=True) == ([1, 2], ())
    assert quarantine.dismiss([1, 2], **arguments) == ([1, 2], ())
    assert [row.id for row in quarantine.list()] == [3]
    assert quarantine.list(open_only=False)[0].resolution == "dismissed by mender: a rate, not an amount"
    with pytest.raises(QuarantineRowUnknown, match="id 99"):
        quarantine.dismiss([1, 99, 3], reason="x", actor="mender", resolved_at=LATER)
    assert quarantine.count_open() == 1
    # Asked again, as by somebody who didn't get the answer: the first reason stands.
    before = tuple((number, "dismissed by mender: a rate, not an amount") for number in (1, 2))
    assert quarantine.dismiss([1, 2], reason="another", actor="other", resolved_at=LATER) == ([], before)
    recorded = Recorded()
    report = quarantine.retry(recorded.submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, ids=[1, 2])
    assert (report.retried, report.resolved, recorded.facts) == (0, before, [])
    with pytest.raises(ValueError, match="needs a reason"):
        quarantine.dismiss([3], reason=" ", actor="mender", resolved_at=LATER)


def words_kept(quarantine: Quarantine, database_url: str, schema_name: str) -> str:
    """All text that the quarantine's table holds."""
    with psycopg.connect(database_url) as connection:
        table = sql.Identifier(schema_name, "quarantine")
        return str(connection.execute(sql.SQL("SELECT q::text FROM {} q").format(table)).fetchall())


def test_what_a_row_held_is_gone_once_it_is_resolved_dismissed_or_purged(
    quarantine: Quarantine, tmp_path: Path, database_url: str, schema_name: str
) -> None:
    path = tmp_path / "facts.csv"
    header, *_ = SAMPLE.splitlines()
    lines = [f"performance_scored,S{n},13912345{n:03},2024-02-01,张三{n}" for n in range(4)]
    path.write_text("\n".join((header, *lines)), encoding="utf-8")
    imported(quarantine, path, Recorded())
    assert words_kept(quarantine, database_url, schema_name).count("13912345") == 4
    arguments: dict[str, Any] = {"actor": "mender", "resolved_at": LATER}
    cells = {"score": "90", "customer": "13900000000"}
    assert quarantine.retry(Recorded().submit, FACT_TYPES.get, ids=[1], raw_override={1: cells}, **arguments).accepted == 1
    quarantine.dismiss([2], reason="a test", **arguments)
    assert quarantine.purge(ids=[3], **arguments) == [3]
    kept = words_kept(quarantine, database_url, schema_name)
    assert kept.count("13912345") == kept.count("张三") == 1 and "13900000000" not in kept
    assert [row.row_sha256 is None for row in quarantine.list(open_only=False)] == [False, False, True, False]
    # The one that was purged is nobody's any more: when it comes again it waits anew, and those resolved don't.
    imported(quarantine, path, Recorded(), LATER)
    assert [row.id for row in quarantine.list()] == [4, 5]
    assert [row.resolution for row in quarantine.list(open_only=False)][1:3] == ["dismissed by mender: a test", "purged by mender"]


def test_rows_that_an_earlier_version_resolved_are_emptied_when_the_ledger_is_brought_up_to_date(
    database_url: str, schema_name: str
) -> None:
    steps = migrations_read()
    before = [step for step in steps if step.number < 20]
    assert next(step.name for step in steps if step.number == 20) == "quarantine_forgets"
    ledger_schema_create(database_url, schema_name, migrations=before)
    resolutions = ['accepted at position 3 by li; 电话: "13912345678" became "1"', "duplicate at position 4 by li",
                   "dismissed by li: 错; 不要", None]  # fmt: skip
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        for number, resolution in enumerate(resolutions):
            connection.execute(
                "INSERT INTO quarantine (source, row_sha256, file, row, field, reason, raw, mapping, mapping_sha256, actor,"
                " recorded_at, resolved_at, resolution) VALUES ('s', %(sha)s, 'f', 1, 'f', 'r', '{\"电话\": \"13912345678\"}',"
                " 'm', %(sha)s, 'a', now(), CASE WHEN %(said)s::text IS NOT NULL THEN now() END, %(said)s)",
                {"sha": bytes([number]) * 32, "said": resolution},
            )
    ledger_schema_create(database_url, schema_name)
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        rows = connection.execute("SELECT resolution, raw, row_sha256 FROM quarantine ORDER BY id").fetchall()
    assert [resolution for resolution, _, _ in rows] == ["accepted at position 3 by li", *resolutions[1:]]
    assert [raw for _, raw, _ in rows] == [{}, {}, {}, {"电话": "13912345678"}]
    assert [bytes(digest) for _, _, digest in rows] == [bytes([number]) * 32 for number in range(4)]


def test_open_rows_are_purged_once_they_are_old_and_resolved_ones_by_their_ids(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded())
    arguments: dict[str, Any] = {"actor": "operator", "resolved_at": LATER}
    quarantine.dismiss([1], reason="a test", **arguments)
    assert quarantine.purge(open_since_before=NOW, **arguments) == []
    before = quarantine.list(open_only=False)
    assert quarantine.purge(open_since_before=LATER, dry_run=True, **arguments) == [2, 3]
    assert quarantine.list(open_only=False) == before
    assert quarantine.purge(open_since_before=LATER, **arguments) == [2, 3]
    assert quarantine.list() == []
    # Of one that was dismissed the digest goes; how it ended stays.
    assert quarantine.purge(ids=[1, 2], **arguments) == [1]
    assert [(row.row_sha256, row.raw) for row in quarantine.list(open_only=False)] == [(None, {})] * 3
    assert quarantine.list(open_only=False)[0].resolution == "dismissed by operator: a test"
    with pytest.raises(QuarantineRowUnknown):
        quarantine.purge(ids=[1, 99], **arguments)


def test_rows_that_closed_books_take_no_more_keep_their_own_reason(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded(refuse="S1"))
    before = quarantine.list()
    closed = Recorded(facts_max=0)
    for dry_run in (True, False):
        with pytest.raises(Refused, match="closed for good"):
            quarantine.retry(closed.submit, FACT_TYPES.get, actor="ann", resolved_at=LATER, dry_run=dry_run)
    assert quarantine.list() == before and "names nobody" in {row.reason for row in before}


def test_a_row_that_closed_books_have_already_is_resolved(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded(refuse="S1"))
    taken = Recorded(facts_max=1)
    imported(quarantine, sample, taken)
    # Row 2 is in the books, row 3 would not be, mended as it is.
    with pytest.raises(Refused, match="closed for good"):
        quarantine.retry(
            taken.submit, FACT_TYPES.get, actor="ann", resolved_at=LATER,
            raw_override={row.id: {"score": "91"} for row in quarantine.list() if row.row == 3},
        )  # fmt: skip
    assert [row.row for row in quarantine.list()] == [3, 4, 5]


def test_rows_that_were_refused_before_an_import_broke_off_are_kept(
    quarantine: Quarantine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.files.importing.BATCH_ROWS", 2)
    path = tmp_path / "facts.csv"
    path.write_text(SAMPLE.splitlines()[0] + "".join(f"\nlogin,L{n},K1,2024-02-01," for n in range(4)), encoding="utf-8")
    recorded = Recorded(refuse="L1")

    class BreaksOff(Recorded):
        def submit(self, requests: Sequence[Request]) -> list[Answer]:
            if recorded.facts:
                raise WriterUnavailable("no writer now")
            return recorded.submit(requests)

    with pytest.raises(WriterUnavailable):
        imported(quarantine, path, BreaksOff())
    assert [(row.row, row.reason) for row in quarantine.list()] == [(3, "names nobody")]


def test_books_that_are_closed_while_a_file_comes_in_end_the_import(quarantine: Quarantine, tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(SAMPLE.splitlines()[0] + "".join(f"\nlogin,L{n},K1,2024-02-01," for n in range(3)), encoding="utf-8")
    closed = Recorded(facts_max=1)
    with pytest.raises(Refused, match="closed for good"):
        imported(quarantine, path, closed)
    assert len(closed.facts) == 1 and quarantine.count_open() == 0


def test_a_dry_run_of_a_retry_changes_no_row(quarantine: Quarantine, sample: Path) -> None:
    imported(quarantine, sample, Recorded(refuse="S1"))
    before = quarantine.list()
    (refused,) = [row for row in before if row.row == 2]
    arguments: dict[str, Any] = {"actor": "mender", "resolved_at": LATER}
    report = quarantine.retry(Recorded().submit, FACT_TYPES.get, **arguments, dry_run=True)
    assert (report.accepted, len(report.rejected)) == (1, len(before) - 1)
    assert quarantine.list() == before and refused in before


def test_a_row_refused_by_a_document_is_tried_again_by_that_document_and_no_other_of_its_name(
    quarantine: Quarantine, sample: Path
) -> None:
    document = mapping_load("facts").document()
    document["source"] = "of_a_document"
    mapping = mapping_parse(document)
    quarantine.mapping_keep(mapping)
    quarantine.mapping_keep(mapping_parse(document))  # the same again
    refusing = Recorded(refuse="S1")
    arguments: dict[str, Any] = {"actor": "tester", "recorded_at": NOW, "quarantine": quarantine}
    import_file(refusing.submit, mapping, FACT_TYPES.get, sample, **arguments)
    (refused,) = [row for row in quarantine.list() if row.row == 2]
    assert refused.mapping.startswith("facts@") and refused.mapping_sha256 == mapping.digest
    found = quarantine.mapping_find(refused.mapping)
    assert found == mapping and list(found.columns) == list(mapping.columns)
    recorded = Recorded()
    report = quarantine.retry(recorded.submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, ids=[refused.id])
    assert report.accepted == 1 and recorded.facts[-1].source == "of_a_document"
    with pytest.raises(MappingNotFound, match="not kept here"):
        quarantine.mapping_find("facts@" + "0" * 64)


def test_an_id_that_is_not_there_stops_a_retry_before_anything_is_submitted(
    quarantine: Quarantine, sample: Path
) -> None:
    recorded = Recorded()
    imported(quarantine, sample, recorded)
    before = list(recorded.facts)
    with pytest.raises(QuarantineRowUnknown):
        quarantine.retry(recorded.submit, FACT_TYPES.get, actor="mender", resolved_at=LATER, ids=[1, 7])
    with pytest.raises(QuarantineRowUnknown):
        quarantine.retry(
            recorded.submit,
            FACT_TYPES.get,
            actor="mender",
            resolved_at=LATER,
            ids=[1],
            raw_override={2: {"score": "1"}},
        )
    assert recorded.facts == before


def test_the_application_role_cannot_remove_kept_rows(
    quarantine: Quarantine, sample: Path, database_url: str, schema_name: str
) -> None:
    imported(quarantine, sample, Recorded())
    with psycopg.connect(database_url) as connection:
        connection.execute("SET ROLE plumbline_app")
        table = sql.Identifier(schema_name, "quarantine")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("DELETE FROM {}").format(table))

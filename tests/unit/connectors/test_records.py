"""JSON as rows: laid out as cells, mapped as a file's rows are, and whatever comes is a row or a refusal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from connectors.files.importing import RefusedRow
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_parse
from connectors.files.records import (
    CELLS_MAX,
    RECORDS_MAX,
    Record,
    records_map,
    records_read,
    records_settle,
    sender_mapping_check,
)
from connectors.files.rows import row_restore
from ledger.domain.commands import Answer, CustomerReference, RecordFact
from ledger.domain.documents import json_parse
from ledger.domain.errors import DocumentInvalid, Refused
from ledger.domain.fact_types import FactType
from ledger.standard import fact_types_standard
from tests.ledgers import NOW

ROOT = Path(__file__).parents[3]
FACT_TYPES = {document["id"]: FactType.model_validate(document) for document in fact_types_standard()}
MAPPING = mapping_parse(
    {
        "id": "visits", "title": {"zh": "登录", "en": "Logins"}, "source": "app",
        "columns": {
            "id": {"type": "text", "headers": ["id"]}, "who": {"type": "text", "headers": ["user.id"]},
            "day": {"type": "date", "headers": ["at"], "formats": ["%Y-%m-%d"]},
            "first": {"type": "text", "headers": ["lines.0.what"], "absent": True, "empty": True},
        },
        "customer": {"reference": {"column": "who"}},
        "fact": {"type": {"constant": "login"}, "occurred": {"column": "day"}, "external_id": {"column": "id"}},
    }
)  # fmt: skip
GOOD = {"id": "1", "user": {"id": "K1"}, "at": "2026-01-02"}


def read(document: Any, mapping: FileMapping = MAPPING) -> list[Record]:
    return records_read(document, mapping, "m1")


def cells(record: Record) -> dict[str, object]:
    return dict(zip(record.headers, record.row.cells, strict=True))


def test_members_inside_others_are_joined_by_dots_and_entries_of_lists_are_numbered() -> None:
    [record] = read({**GOOD, "lines": [{"what": " a "}, {"what": "b"}], "n": 1, "d": "1.50", "t": True, "none": None, "e": []})
    assert cells(record) == {
        "id": "1", "user.id": "K1", "at": "2026-01-02", "lines.0.what": "a", "lines.1.what": "b", "n": "1", "d": "1.50",
        "t": "true", "none": None,
    }  # fmt: skip


def test_numbers_are_the_text_that_was_written() -> None:
    [record] = read(json_parse(b'{"a": 120.50, "b": 1e5, "c": 9007199254740993}', "body"))
    assert [cells(record)[name] for name in "abc"] == ["120.50", "1e5", "9007199254740993"]


def test_what_a_record_lacks_is_an_empty_cell_that_a_person_can_fill() -> None:
    [record] = read({"id": "1", "user": {"id": "K1"}})
    assert record.kept["at"] is None
    mapped = records_map(MAPPING, FACT_TYPES.get, [record])
    assert [(r.field, r.reason) for _, r in mapped.refused] == [("at", "is empty")]
    headers, row = row_restore({**record.kept, "at": "2026-01-02"}, 1)
    mended = records_map(MAPPING, FACT_TYPES.get, [Record(headers, row, record.kept)])
    assert [type(command) for command in mended.commands] == [RecordFact]


@pytest.mark.parametrize(
    ("entry", "field", "words"),
    [
        ("x", "", "JSON object"), (None, "", "JSON object"), ([GOOD], "", "JSON object"),
        ({**GOOD, "user.id": "K2"}, "user.id", "twice"), ({**GOOD, "ID": "2"}, "id", "twice"),
        ({f"k{n}": n for n in range(CELLS_MAX + 1)}, "", "more than"), ({**GOOD, "id": "\N{REPLACEMENT CHARACTER}"}, "id", "broken"),
        ({**GOOD, "at": "02/01/2026"}, "at", "date"), ({**GOOD, "user": "K1"}, "user.id", "empty"),
    ],
)  # fmt: skip
def test_a_record_that_is_no_row_is_refused_with_its_place(entry: Any, field: str, words: str) -> None:
    mapped = records_map(MAPPING, FACT_TYPES.get, read([GOOD, entry]))
    assert len(mapped.commands) == 1
    [(record, refusal)] = mapped.refused
    assert (record.row.row, refusal.field) == (2, field) and words in refusal.reason


def test_records_are_found_where_the_mapping_says_and_no_more_than_the_most_are_taken() -> None:
    mapping = MAPPING.model_copy(update={"records": "data.items"})
    assert len(read({"data": {"items": [GOOD, GOOD]}}, mapping)) == 2
    assert len(read({"data": {"items": GOOD}}, mapping)) == 1
    for document in ({}, {"data": []}, {"data": {"items": None}}, [], "x", None):
        with pytest.raises(DocumentInvalid, match=r"data\.items"):
            read(document, mapping)
    assert len(read([{}] * RECORDS_MAX)) == RECORDS_MAX
    with pytest.raises(Refused, match="more than"):
        read([{}] * (RECORDS_MAX + 1))


def test_what_the_ledger_refuses_is_kept_with_the_header_behind_the_field() -> None:
    kept: list[RefusedRow] = []

    class Kept:
        def put_many(self, rows: Any, recorded_at: object) -> int:
            kept.extend(rows)
            return len(rows)

    mapped = records_map(MAPPING, FACT_TYPES.get, read([GOOD, {**GOOD, "id": "2"}, "x"]))
    answers = [Answer("accepted", position=7), Answer("refused", code="CUSTOMER_UNKNOWN", reason="no", field="customer")]
    report = records_settle(mapped, answers, file="webhook m1", actor="webhook:app", recorded_at=NOW, quarantine=Kept())
    assert (report.read, report.accepted, report.position) == (3, 1, 7)
    assert [(r.row, r.field) for r in report.rejected] == [(2, "user.id"), (3, "")]
    assert [(row.source, row.rejection.file, row.actor) for row in kept] == [("app", "webhook m1", "webhook:app")] * 2


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=30
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_whatever_comes_each_record_is_a_command_or_a_refusal(document: Any) -> None:
    records = read(document)
    assert len(records) == (len(document) if isinstance(document, list) else 1)
    mapped = records_map(MAPPING, FACT_TYPES.get, records)
    assert len(mapped.commands) + len(mapped.refused) == len(records)
    for record in records:
        json.dumps(record.kept).encode()


def test_a_mapping_must_say_which_fact_and_by_what_it_is_known() -> None:
    sender_mapping_check(MAPPING, FACT_TYPES.get)
    assert MAPPING.fact is not None
    nameless = MAPPING.model_copy(update={"fact": MAPPING.fact.model_copy(update={"external_id": None})})
    for mapping in (nameless, MAPPING.model_copy(update={"fact": None})):
        with pytest.raises(DocumentInvalid):
            sender_mapping_check(mapping, FACT_TYPES.get)
    with pytest.raises(DocumentInvalid, match="declared"):
        sender_mapping_check(MAPPING, lambda _: None)


def test_the_message_that_the_page_shows_becomes_the_fact_that_it_says() -> None:
    page = (ROOT / "docs" / "importing.md").read_text("utf-8").partition("## By webhook")[2]
    mapping_document, message = (json_parse(block, "page") for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    mapping = mapping_parse(mapping_document)
    sender_mapping_check(mapping, FACT_TYPES.get)
    mapped = records_map(mapping, FACT_TYPES.get, records_read(message, mapping, "m1"))
    [command] = mapped.commands
    assert isinstance(command, RecordFact)
    assert (command.external_id, command.customer) == ("HT-17", CustomerReference("erp", "K-77"))
    assert command.attributes == {"amount": "1205000"}

"""Mapping documents: found by name or path, strict, without floats, and wrong ones told by place."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from connectors.files.mapping import ChoiceColumn, NumberColumn
from connectors.files.mapping_apply import RowMapper
from connectors.files.mapping_loading import (
    MappingNotFound,
    built_in_document,
    mapping_load,
    mapping_names,
    mapping_parse,
)
from ledger.domain.errors import DocumentInvalid
from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.standard import fact_types_standard

FACT_TYPES = {
    document["id"]: fact_type_parse(document)
    for document in [*fact_types_standard(), built_in_document("intentions.fact_type.yaml")]
}
DOCUMENT: dict[str, Any] = {
    "id": "sample",
    "title": {"zh": "样例", "en": "Sample"},
    "source": "sample",
    "columns": {
        "customer": {"type": "text", "headers": ["客户"]},
        "amount": {"type": "number", "headers": ["金额"]},
        "day": {"type": "date", "headers": ["日期"], "formats": ["%Y-%m-%d"]},
    },
    "customer": {"reference": {"column": "customer"}},
    "fact": {
        "type": {"constant": "contract_signed"},
        "occurred": {"column": "day"},
        "attributes": {"amount": {"column": "amount"}},
    },
}


def fact_type_of(name: str) -> FactType | None:
    return FACT_TYPES.get(name)


def edited(path: str, value: object) -> dict[str, Any]:
    """The sample document with one place changed."""
    document = deepcopy(DOCUMENT)
    place: Any = document
    *steps, last = path.split(".")
    for step in steps:
        place = place[step]
    place[last] = value
    return document


def test_every_built_in_mapping_loads_and_fits_the_fact_types_it_fills() -> None:
    assert mapping_names() == [
        "accounts",
        "customers",
        "facts",
        "intentions",
        "intentions_list",
        "opportunities",
        "payments",
        "receivables",
        "receivables_payments",
        "sales_teams",
        "tender_owners",
        "tenders",
    ]
    for name in mapping_names():
        mapping = mapping_load(name)
        assert mapping.id == name == mapping.origin
        headers = [column.headers[0] for column in mapping.columns.values()]
        assert RowMapper(mapping, fact_type_of, headers).problems == []


def test_numbers_in_a_document_stay_the_text_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "sample.yaml"
    path.write_text(
        """
id: sample
title: {zh: 样例, en: Sample}
source: sample
columns:
  customer: {type: text, headers: [客户]}
  amount: {type: number, headers: [金额], min: 0.90, suspicious: [{below: 95.70, reason: {zh: 低, en: low}}]}
customer: {reference: {column: customer}, registration: {name: {column: customer}}}
""",
        encoding="utf-8",
    )
    mapping = mapping_load(path)
    column = mapping.columns["amount"]
    assert isinstance(column, NumberColumn)
    assert column.min == "0.90" and column.suspicious[0].below == "95.70"
    assert mapping.origin == str(path)


def test_yes_and_no_in_the_receivables_are_text_in_the_file_and_booleans_in_the_fact() -> None:
    column = mapping_load("receivables").columns["disputed"]
    assert isinstance(column, ChoiceColumn)
    assert column.values == {"Yes": True, "No": False}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("columns.amount.type", "secret", "columns.1: 'type' is none of"),
        ("columns.amount.places", "2", "columns.1.places"),
        ("columns.amount.min", 0.5, "columns.1.min"),
        ("columns.amount.min", "much", "columns.1.min"),
        ("columns.amount.suspicious", [{"reason": {"zh": "x", "en": "x"}}], "exactly one of below"),
        (
            "columns.amount.suspicious",
            [{"before": "2024-01-01", "reason": {"zh": "x", "en": "x"}}],
            "before has",
        ),
        ("columns.day.formats", [], "columns.2.formats"),
        ("columns.day.formats", ["%Y %Y"], "is no format of dates"),
        ("columns.day.formats", ["%Q"], "is no format of dates"),
        ("columns.customer.secret", "red", "columns.customer: has a member that isn't known"),
        ("customer.reference", {"column": "secret"}, "names no column of this mapping"),
        ("customer.reference", {"column": "customer", "constant": "x"}, "exactly one of constant"),
        ("customer.reference", {"column": "customer", "capture": "(a"}, "not a regular expression"),
        ("customer.reference", {"column": "customer", "capture": "(?=secret)(a)"}, "not a regular expression of RE2"),
        ("customer.reference", {"column": "customer", "capture": "a"}, "exactly one group"),
        ("customer.reference", {"column": "customer", "capture": "(a)"}, "belong together"),
        ("customer.reference", {"column": "customer", "cut": True}, "only an attribute can be cut"),
        ("fact.occurred", {"column": "customer"}, "must be a date column"),
        (
            "order",
            [{"first": "day", "then": "amount", "reason": {"zh": "x", "en": "x"}}],
            "order.0.then: names no date column",
        ),
        ("source", "Source One", "source"),
    ],
)
def test_a_wrong_document_is_refused_and_the_place_is_told(path: str, value: object, told: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        mapping_parse(edited(path, value), "sample.yaml")
    assert "sample.yaml" in str(caught.value) and told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_mapping_that_says_nothing_of_its_rows_is_refused() -> None:
    document = deepcopy(DOCUMENT)
    del document["fact"]
    with pytest.raises(DocumentInvalid, match=r"customer\.registration"):
        mapping_parse(document)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("fact.type", {"constant": "unheard_of"}, "names no declared fact type"),
        ("fact.attributes", {}, "amount is required"),
        ("fact.attributes.weight", {"constant": "1"}, "is no attribute of contract_signed"),
        ("fact.attributes.amount", {"column": "customer", "cut": True}, "can't be cut"),
    ],
)
def test_a_mapping_that_does_not_fit_its_fact_type_is_refused(path: str, value: object, told: str) -> None:
    with pytest.raises(DocumentInvalid, match=told):
        RowMapper(mapping_parse(edited(path, value)), fact_type_of, ["客户", "金额", "日期"])


def test_an_unknown_name_is_told_with_the_names_there_are() -> None:
    with pytest.raises(MappingNotFound, match="receivables_payments, sales_teams, tender_owners, tenders"):
        mapping_load("tender")


def test_yaml_that_cannot_be_read_is_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("id: a\ntitle: {zh: [}\n")
    with pytest.raises(DocumentInvalid, match=r"broken\.yaml, line 2"):
        mapping_load(path)


def test_the_digest_follows_the_content_and_nothing_else() -> None:
    assert mapping_parse(DOCUMENT).digest == mapping_parse(deepcopy(DOCUMENT)).digest
    assert mapping_parse(DOCUMENT).digest != mapping_parse(edited("columns.amount.places", 3)).digest

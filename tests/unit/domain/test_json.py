"""JSON without surprises: what other parsers let pass is refused, and never repeated in the message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from ledger.domain.documents import DEPTH_MAX, _json_quick, json_parse  # pyright: ignore[reportPrivateUsage]
from ledger.domain.errors import DocumentInvalid, Refused
from ledger.domain.json_places import JsonInvalid
from ledger.writer.fact_line import request_of_document

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_data_comes_back_as_it_was(data: object) -> None:
    assert json_parse(json.dumps(data).encode(), "body") == data


PIECES = st.sampled_from(
    [b'"a"', b'"b"', b'"a":', b'":', b'" :', b'\\"', b"{", b"}", b"[", b"]", b",", b":", b"1", b"-0", b"1.5", b"9" * 19,
     b"true", b"null", b"NaN", b'"\\u0041"', b'"\\u0000"', b'"x"', b'"', b" ", b"\n", b'{"a":1}', b"\xff", b"\x00"]
)  # fmt: skip


@given(st.dictionaries(TEXTS, PLAIN, max_size=4).map(lambda d: json.dumps(d, ensure_ascii=False).encode()) | st.lists(PIECES).map(b"".join))
def test_the_quick_way_reads_only_what_the_strict_one_reads_and_the_same(data: bytes) -> None:
    quick = _json_quick(data)
    if quick is not None:
        assert json_parse(data.decode(), "body") == quick  # text never goes the quick way


def test_the_quick_way_is_taken_where_it_can_be_and_not_where_names_repeat() -> None:
    assert _json_quick(b'{"a": {"b": 1, "c": "x"}, "d": null}') == {"a": {"b": 1, "c": "x"}, "d": None}
    assert _json_quick(b'{"a": 1, "a" : 2}') is None
    assert _json_quick(b'{"a": 1, "a": 2}') is None
    assert _json_quick(b'{"a": "\\":", "b": 1}') is None  # text with a colon after its quote: counted as a name


def test_a_number_with_a_point_stays_the_text_that_was_written() -> None:
    assert json_parse(b'{"a": 1.50, "b": 1e400, "c": -0}', "body") == {"a": "1.50", "b": "1e400", "c": 0}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"secret": 1, "secret": 2}', "stands twice"),
        (b'{"secret": NaN}', "NaN"),
        (b"[-Infinity]", "NaN or Infinity"),
        (b"9223372036854775808", "64 bits"),
        (b"[" + b"9" * 10_000 + b"]", "64 bits"),
        (b'"secret\\u0000"', "NUL"),
        (b'{"secret\\ud800": 1}', "surrogate"),
        (b"\xff", "UTF-8"),
        (b'{"secret": ', "not JSON"),
        (b'"secret\x00"', "not JSON"),
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "levels deep"),
        (b"[" * 100_000, "levels deep"),
    ],
)
def test_what_a_ledger_cannot_take_is_named_and_not_echoed(data: bytes, told: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        json_parse(data, "body")
    assert told in str(refused.value) and str(refused.value).startswith("body")
    assert "secret" not in str(refused.value) and len(str(refused.value)) < 200


KNOWN = {"attributes", "amount", "lines", "note"}


@pytest.mark.parametrize(
    ("data", "field", "told"),
    [
        (b'{"attributes": {"amount": 99999999999999999999}}', "attributes.amount", "64 bits"),
        (b'{"attributes": {"x": 1, "y": {"amount": -9223372036854775808}}}', "attributes.1.amount", "64 bits"),
        (b'{"lines": [{}, {"note": ""}, {"note": "a\\u0000"}]}', "lines.2.note", "NUL"),
        (b'{"lines": [1, [2, "\\udc00"]]}', "lines.1.1", "surrogate"),
        (b'{"n\\u006fte": NaN}', "note", "NaN"),
        (b'{"attributes": {"amount": 1, "note": "x", "amo\\u0075nt": 2}}', "attributes.amount", "stands twice"),
        (b'{"secret": 1, "secret": 2}', "body.1", "stands twice"),
        (b'{"attributes": {"\\u0000": 1}}', "attributes", "NUL"),
        (b"[{}, -Infinity]", "body.1", "Infinity"),
        (b'{"lines": ' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}", "lines" + ".0" * 7, "something deeper within it lies more than"),
        (b'{"note": ' * 100_000, ".".join(["note"] * 8), "something deeper within it lies more than"),
        (b'{"attributes": {"note": "a\nb"}}', "attributes.note", "not JSON (line 1, column 27)"),
        (b'{"attributes": {"note": }}', "attributes.note", "not JSON"),
        (b'{"attributes": {"note": 1 "amount": 2}}', "attributes", "not JSON"),
        (b'{"attributes": {"note": 01}}', "attributes.note", "not JSON"),
        (b'{"lines": [1, 2,, 3]}', "lines.2", "not JSON"),
        (b'{"attributes": {"note": "ab\xff"}}', "attributes.note", "not UTF-8 (byte 27 of the whole)"),
        (b'{"note": 1} {"amount": 2}', "body", "not JSON"),
    ],
)
def test_a_fault_is_told_with_its_place_in_known_names_and_else_in_numbers(data: bytes, field: str, told: str) -> None:
    with pytest.raises(JsonInvalid) as refused:
        json_parse(data, "body")
    [problem] = refused.value.named(KNOWN).problems
    assert problem.field == field and told in problem.reason
    assert not any(name in str(refused.value) for name in KNOWN)


@st.composite
def faulty(draw: st.DrawFn) -> tuple[object, list[tuple[str | None, int]]]:
    """A document in which NaN stands once, and the way to it."""
    found: object = float("nan")
    way: list[tuple[str | None, int]] = []
    for _ in range(draw(st.integers(0, 5))):
        if draw(st.booleans()):
            before, after = draw(st.lists(PLAIN, max_size=2)), draw(st.lists(PLAIN, max_size=2))
            found = [*before, found, *after]
            way.insert(0, (None, len(before)))
        else:
            names = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
            at = draw(st.integers(0, len(names) - 1))
            found = {name: found if i == at else draw(PLAIN) for i, name in enumerate(names)}
            way.insert(0, (names[at], at))
    return found, way


@given(faulty(), st.booleans(), st.sampled_from([None, 1]))
def test_the_place_of_a_fault_is_the_way_to_it(
    made: tuple[object, list[tuple[str | None, int]]], ascii_only: bool, indent: int | None
) -> None:
    document, way = made
    with pytest.raises(JsonInvalid) as refused:
        json_parse(json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode(), "body")
    assert refused.value.place == tuple(way)


FACT = {"source": "crm", "external_id": "1", "fact_type": "login", "customer": "C-000001", "occurred_at": "2026-01-02"}


def test_a_fact_in_json_becomes_a_request() -> None:
    request = request_of_document({**FACT, "key": "k", "customer": {"source": "crm", "reference": "7"}}, actor="a", client="c")
    assert (request.actor, request.client, request.key) == ("a", "c", "k")
    assert request.command.customer.reference == "7"  # pyright: ignore


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": None}, "source"), ({"external_id": 5}, "external_id"), ({"occurred_at": True}, "occurred_at"),
        ({"customer": 1}, "customer"), ({"customer": {"source": "crm"}}, "customer.reference"),
        ({"customer": {"source": 1, "reference": "x"}}, "customer.source"), ({"attributes": []}, "attributes"),
        ({"registration": {}}, "registration.name"), ({"registration": 3}, "registration"),
        ({"registration": {"source": "a", "reference": "b", "name": "c", "traits": {"region": 1}}}, "registration.traits"),
        ({"revert": 1}, "revert"), ({"key": 3}, "key"), ({"other": 1}, "body"),
    ],
)  # fmt: skip
def test_a_fact_that_is_none_is_refused_by_the_member(change: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        request_of_document({**FACT, **change}, actor="a", client="c")
    assert refused.value.field == field


@pytest.mark.parametrize("document", [None, 1, "x", [], [FACT]])
def test_a_fact_is_an_object(document: object) -> None:
    with pytest.raises(Refused, match="no JSON object"):
        request_of_document(document, actor="a", client="c")

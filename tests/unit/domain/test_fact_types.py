"""Fact types: what a document may declare, and what a fact may carry."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.errors import DocumentInvalid
from ledger.domain.fact_types import fact_type_parse
from ledger.domain.values import day_parse
from ledger.standard import fact_types_standard

WORDS = {"zh": "词", "en": "word"}
NULL = -(2**63)


def number(**more: Any) -> dict[str, Any]:
    return {"type": "number", "title": WORDS, "unit": "m", "places": 2, "min": "-1.50", "max": 10, **more}


def document(**attributes: Any) -> dict[str, Any]:
    return {"id": "thing", "title": WORDS, "attributes": attributes}


DATE = {"type": "date", "title": WORDS, "required": False}
THING = fact_type_parse(
    {
        **document(
            size=number(),
            kind={
                "type": "enum",
                "title": WORDS,
                "values": {"a": WORDS, "b": {"zh": "乙", "en": "bee"}},
                "required": False,
            },
            good={"type": "boolean", "title": WORDS, "required": False},
            first=DATE,
            last=DATE,
            note={"type": "text", "title": WORDS, "length_max": 5, "required": False},
            friend={"type": "customer", "title": WORDS, "role": "referrer", "once": True, "required": False},
        ),
        "derived": {"days": {"days_from": "first", "days_to": "last", "title": WORDS, "max": 100}},
    }
)


def find(text: str) -> int:
    return {"C-000007": 7}.get(text, 0)


def test_a_fact_becomes_one_integer_for_each_attribute_that_rules_weigh() -> None:
    raw = {
        "size": "2.5", "kind": "b", "good": True, "first": "2024-01-01", "last": "2024-01-31", "note": " hi ",
        "friend": "C-000007",
    }  # fmt: skip
    values, problems = THING.parse(raw, find)
    assert problems == []
    assert values["note"] == "hi"
    assert THING.columns == ("size", "kind", "good", "first", "last", "friend", "days")
    first = day_parse("2024-01-01")
    assert THING.integers(values, NULL) == [250, 1, 1, first, first + 30, 7, 30]


def test_what_a_fact_lacks_is_null_and_derived_days_never_go_below_zero() -> None:
    values, problems = THING.parse({"size": 1}, find)
    assert (problems, THING.integers(values, NULL)) == ([], [100, *[NULL] * 6])
    values, _ = THING.parse({"size": 1, "first": "2024-01-31", "last": "2024-01-01"}, find)
    assert THING.integers(values, NULL)[-1] == 0


@pytest.mark.parametrize(
    ("raw", "field", "reason"),
    [
        ({}, "size", "is missing"),
        ({"size": 2.5}, "size", "is not a number"),
        ({"size": True}, "size", "is not a number"),
        ({"size": "10.01"}, "size", "lies outside -1.50 to 10 m"),
        ({"size": "-1.51"}, "size", "lies outside"),
        ({"size": "1.001"}, "size", "more than 2 decimals"),
        ({"size": 1, "kind": "c"}, "kind", "is none of a, b"),
        ({"size": 1, "kind": 0}, "kind", "is none of a, b"),
        ({"size": 1, "kind": ["a"]}, "kind", "is none of a, b"),
        ({"size": 1, "kind": {"a": 1}}, "kind", "is none of a, b"),
        ({"size": 1, "good": "yes"}, "good", "neither true nor false"),
        ({"size": 1, "good": 1}, "good", "neither true nor false"),
        ({"size": 1, "first": "soon"}, "first", "YYYY-MM-DD"),
        ({"size": 1, "first": "2024-01-01", "last": "2024-04-11"}, "last", "more than 100 days after first"),
        ({"size": 1, "note": "too long"}, "note", "longer than 5"),
        ({"size": 1, "note": 5}, "note", "is not text"),
        ({"size": 1, "friend": "C-000008"}, "friend", "names no registered customer"),
        ({"size": 1, "friend": 7}, "friend", "names no registered customer"),
        ({"size": 1, "colour": "red"}, "attributes.1", "is no attribute of thing"),
    ],
)
def test_a_wrong_attribute_is_named_with_the_reason(raw: dict[str, object], field: str, reason: str) -> None:
    _, problems = THING.parse(raw, find)
    assert [p.field for p in problems] == [field]
    assert reason in problems[0].reason


def test_every_problem_of_a_fact_is_named_at_once() -> None:
    _, problems = THING.parse({"kind": "z", "good": 7}, find)
    assert [p.field for p in problems] == ["size", "kind", "good"]


def test_values_are_spelled_out_in_both_languages() -> None:
    assert THING.text_of("size", -150) == "-1.50"
    assert (THING.text_of("kind", 1), THING.text_of("kind", 1, "zh")) == ("bee", "乙")
    assert (THING.text_of("good", 1), THING.text_of("good", 0, "zh")) == ("yes", "否")
    assert THING.text_of("first", 0) == "1970-01-01"
    assert THING.text_of("days", 30) == "30"
    assert THING.text_of("note", "hi") == "hi"


def test_bounds_are_those_of_the_integers() -> None:
    assert [THING.bounds_of(c) for c in ("size", "kind", "good", "days")] == [(-150, 1000), (0, 1), (0, 1), (0, 100)]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (document(size=number(min=11)), "min is above max"),
        (document(size=number(max=1.5)), "max"),
        (document(size=number(max="1.555")), "decimals"),
        (document(size=number(colour="red")), "attributes.0: has a member that isn't known"),
        (document(size={k: x for k, x in number().items() if k != "max"}), r"attributes\.0\.max"),
        (document(size=number(type="secret")), "attributes.0: 'type' is none of"),
        (document(Size=number()), "attributes.0: must be 1 to 63 small letters"),
        (document(**{f"n{i}": number() for i in range(17)}), "at most 16"),
        ({**document(), "derived": {"d": {"days_from": "x", "days_to": "y", "title": WORDS}}}, r"derived\.0\.days_from names no date"),
        (
            {**document(a=DATE), "derived": {"a": {"days_from": "a", "days_to": "a", "title": WORDS}}},
            "bears the name of an attribute",
        ),
        (
            document(
                a={"type": "customer", "title": WORDS, "role": "referrer"},
                b={"type": "customer", "title": WORDS, "role": "referrer"},
            ),
            "at most one attribute has the role referrer",
        ),
        ({"id": "thing"}, "title"),
        (None, "document"),
    ],
)
def test_a_wrong_fact_type_is_refused_with_the_reason(wrong: Any, reason: str) -> None:
    with pytest.raises(DocumentInvalid, match=reason):
        fact_type_parse(wrong)


def test_the_standard_fact_types_read_back_the_same() -> None:
    for each in fact_types_standard():
        parsed = fact_type_parse(each)
        assert fact_type_parse(parsed.document()) == parsed


def test_a_referred_customer_is_named_once() -> None:
    by_id = {d["id"]: fact_type_parse(d) for d in fact_types_standard()}
    assert by_id["referral_signed"].once == "new_customer"
    assert by_id["contract_signed"].referrer == "referrer"
    assert by_id["login"].once is None and by_id["login"].referrer is None

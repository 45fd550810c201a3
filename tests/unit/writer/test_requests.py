"""What the writer makes of a request before it looks at any ledger: its digest, its soundness, its fact's key."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.book import Book
from ledger.domain.commands import Answer, CloseDays, ProposeRuleSet, RecordFact, RegisterCustomer, Request
from ledger.domain.fact_types import fact_type_parse
from ledger.domain.values import day_parse
from ledger.log.types import fact_key
from ledger.standard import fact_types_standard
from ledger.writer.answers import answer_again, answer_entry, request_sha256
from ledger.writer.checks import request_refusal
from ledger.writer.closing import days_to_close
from tests.ledgers import fact

REQUEST = Request(fact("1", "contract_signed", "2026-10-05", amount="1", project="桥"), "bob", "app", "k")


def test_a_facts_key_is_the_head_of_a_sha256_over_source_nul_and_external_id() -> None:
    assert fact_key("crm", "号1").bytes == hashlib.sha256("crm\0号1".encode()).digest()[:16]
    assert fact_key("a", "bc") != fact_key("ab", "c")


def test_the_digest_of_a_request_is_of_its_command_and_not_of_who_asks_or_in_which_order_it_is_written() -> None:
    other = replace(REQUEST, actor="carol", key="k2")
    assert request_sha256(other) == request_sha256(REQUEST)
    turned = fact("1", "contract_signed", "2026-10-05", project="桥", amount="1")
    assert request_sha256(Request(turned, "bob")) == request_sha256(REQUEST)


@pytest.mark.parametrize(
    "command",
    [
        fact("1", "contract_signed", "2026-10-05", amount="1"),
        fact("1", "contract_signed", "2026-10-05", amount=1, project="桥"),
        fact("1", "contract_signed", "2026-10-05", amount="1", project="桥", revert=True),
        fact("1", "contract_signed", "2026-10-06", amount="1", project="桥"),
        fact("1", "contract_signed", "2026-10-05", "C-000002", amount="1", project="桥"),
        CloseDays("2026-10-05"),
    ],
)
def test_any_other_command_has_another_digest(command: Any) -> None:
    assert request_sha256(Request(command, "bob")) != request_sha256(REQUEST)


def test_an_answer_comes_back_as_it_was_given_and_another_request_under_its_key_is_a_conflict() -> None:
    answer = Answer("accepted", 7, "C-000001", "号1", points=-5)
    entry = answer_entry(REQUEST, answer)
    assert answer_again(REQUEST, entry) == replace(answer, hit=True)
    conflict = answer_again(replace(REQUEST, command=CloseDays("2026-10-05")), entry)
    assert (conflict.status, conflict.code, conflict.field) == ("refused", "IDEMPOTENCY_CONFLICT", "key")


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (Request(CloseDays("x"), ""), "ACTOR_INVALID", "actor"),
        (Request(CloseDays("x"), "bob "), "ACTOR_INVALID", "actor"),
        (Request(CloseDays("x"), "bob", "c\0", "k"), "KEY_INVALID", "client"),
        (Request(CloseDays("x"), "bob", "c", "k" * 201), "KEY_INVALID", "key"),
        (Request("x", "bob"), "COMMAND_UNKNOWN", "command"),  # type: ignore[arg-type]
        (Request(ProposeRuleSet({"rules": [{"points": 1.5}]}), "bob"), "DOCUMENT_INVALID", "points"),
        (Request(ProposeRuleSet({"n": 2**63}), "bob"), "DOCUMENT_INVALID", "n"),
        (Request(RegisterCustomer("crm", "a", "n", {"region": 5}), "bob"), "TRAIT_INVALID", "traits"),  # type: ignore[dict-item]
        (Request(RecordFact("s", "e", "t", "C-1", "2026-10-05", {"": 1}), "bob"), "FACT_INVALID", "attributes"),
        (Request(fact("1", "t", "2026-10-05", amount=0.1), "bob"), "FACT_INVALID", "attributes.0"),
        (Request(fact("1", "t", "2026-10-05", amount=2**63), "bob"), "FACT_INVALID", "attributes.0"),
    ],
)  # fmt: skip
def test_a_request_that_is_none_is_refused_with_its_field(request_: Request, code: str, field: str) -> None:
    refusal = request_refusal(request_)
    assert refusal is not None
    assert (refusal.status, refusal.code, refusal.field) == ("refused", code, field)


def test_an_attribute_that_its_fact_type_has_is_told_by_name_and_any_other_by_its_number() -> None:
    types = {d["id"]: fact_type_parse(d) for d in fact_types_standard()}
    for attributes, place in [
        ({"amount": "1", "project": "p" * 10_001}, "attributes.project"), ({"amount": 0.1}, "attributes.amount"),
        ({"amount": "1", "passport": "p" * 10_001}, "attributes.1"), ({"points": 0.1}, "attributes.0"),
    ]:  # fmt: skip
        request = Request(fact("1", "contract_signed", "2026-10-05", **attributes), "bob")
        refusal = request_refusal(request, types)
        assert refusal is not None and refusal.field == place and refusal.reason.startswith(f"{place} is ")
    unknown = request_refusal(Request(fact("1", "t", "2026-10-05", amount=0.1), "bob"), types)
    assert unknown is not None and unknown.field == "attributes.0"


def test_a_sound_request_is_not_refused() -> None:
    assert request_refusal(REQUEST) is None


@pytest.mark.parametrize(
    ("closed", "first_booked", "through", "first", "count"),
    [
        (None, None, "2026-10-10", "2026-10-01", 10),
        (None, "2026-08-31", "2026-10-10", "2026-08-31", 1 + 30 + 10),
        (None, "2026-10-11", "2026-10-10", "2026-10-01", 10),
        (None, "2026-10-10", "2026-10-10", "2026-10-10", 1),
        ("2026-10-03", "2026-08-31", "2026-10-10", "2026-10-04", 7),
        ("2026-10-10", "2026-08-31", "2026-10-10", None, 0),
    ],
)
def test_days_are_closed_from_the_last_closed_or_the_first_booked_one(
    closed: str | None, first_booked: str | None, through: str, first: str | None, count: int
) -> None:
    book = Book()
    if closed:
        book.closed_day = day_parse(closed)
    if first_booked:
        book.booked_day_min = day_parse(first_booked)
    days = days_to_close(book, day_parse(through))
    assert len(days) == count
    assert (days[0] if count else None) == (day_parse(first) if first else None)

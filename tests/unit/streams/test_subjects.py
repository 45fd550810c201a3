"""Names on NATS: every id is a token of its own, and no name of a ledger reaches another's subjects."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, strategies as st

from ledger.domain.values import customer_id
from streams.subjects import (
    dead_subject,
    event_subject,
    event_subjects,
    facts_subject,
    stream_name,
    stream_name_dead,
    token_decode,
    token_encode,
)

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)


@given(IDS)
@example("_")
@example("%5F")
@example("a.b > *")
@example("中建三局")
def test_an_id_comes_back_from_its_token(text: str) -> None:
    assert token_decode(token_encode(text)) == text


@given(IDS)
@example("_")
@example(".")
@example(" ")
@example("\r\n")
def test_a_token_is_one_that_nats_takes_and_never_the_one_for_nobody(text: str) -> None:
    token = token_encode(text)
    assert re.fullmatch(r"[A-Za-z0-9_%-]+", token)
    assert token != "_"


@given(st.integers(1, 10**17))
def test_a_customers_id_stands_as_it_is(number: int) -> None:
    assert token_encode(customer_id(number)) == customer_id(number)


def test_other_bytes_are_written_as_two_hexadecimal_digits() -> None:
    assert token_encode("a.b") == "a%2Eb"
    assert token_encode("中") == "%E4%B8%AD"
    assert token_encode("100%") == "100%25"


@given(st.text("A%_2Ez.é5", max_size=8))
def test_what_is_decoded_is_encoded_to_the_same_token_or_refused(token: str) -> None:
    try:
        text = token_decode(token)
    except ValueError:
        return
    assert token_encode(text) == token


@pytest.mark.parametrize("token", ["", "_", "a.b", "%2e", "%41", "%FF", "%", "%4", "*", ">", "a b", "中"])
def test_what_is_no_token_of_an_id_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r"token of an id|can't decode"):
        token_decode(token)


@pytest.mark.parametrize("text", ["", "\ud800"])
def test_an_id_that_can_have_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no token|surrogates not allowed"):
        token_encode(text)


def test_an_events_subject_says_its_ledger_its_type_and_its_customer() -> None:
    assert event_subject("main", "PointsGranted", "C-000001") == "plumbline.main.event.PointsGranted.C-000001"
    assert event_subject("main", "DayClosed", None) == "plumbline.main.event.DayClosed._"
    assert event_subject("main", "PointsGranted", "a.b") == "plumbline.main.event.PointsGranted.a%2Eb"
    assert event_subjects("main") == "plumbline.main.event.>"


def test_what_comes_in_lies_outside_the_events() -> None:
    assert (facts_subject("main"), dead_subject("main")) == ("plumbline.main.facts", "plumbline.main.dead")
    assert (stream_name("pilot_2"), stream_name_dead("pilot_2")) == ("PLUMBLINE_pilot_2", "PLUMBLINE_pilot_2_DEAD")


@pytest.mark.parametrize("name_of", [event_subjects, stream_name, stream_name_dead, facts_subject, dead_subject])
@pytest.mark.parametrize("ledger", ["", "*", ">", "main.event", "Main", "9", "a" * 64, "main\n"])
def test_a_name_that_no_ledger_can_have_is_refused(name_of: Callable[[str], str], ledger: str) -> None:
    with pytest.raises(ValueError, match="no name of a ledger"):
        name_of(ledger)
    with pytest.raises(ValueError, match="no name of a ledger"):
        event_subject(ledger, "DayClosed", None)

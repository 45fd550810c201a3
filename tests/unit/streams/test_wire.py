"""What goes on the wire is decided for every field of every event, and nothing that stays in the log is in a message."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st
from jsonschema import Draft202012Validator

from ledger.domain.events import REGISTRY
from streams.event_schemas import wire_schema
from streams.messages import message_of
from streams.wire import BASE, BASE_STAYS, LOCATION, WIRE, body_of
from tests.unit.streams.events import EVENTS, MARK, MOMENT, SHAPED, states


def test_every_type_of_event_is_decided_on_and_no_other() -> None:
    assert set(WIRE) == set(REGISTRY)


@pytest.mark.parametrize("topic", sorted(REGISTRY))
def test_every_field_of_an_event_is_decided_on_once(topic: str) -> None:
    wire = WIRE[topic]
    decided = [*LOCATION, *BASE, *BASE_STAYS, *wire.goes, *wire.stays, *wire.shaped]
    assert sorted(decided) == sorted(field.name for field in fields(REGISTRY[topic])), (
        "enter the field in streams/wire.py: does it go on the wire, or stay in the log?"
    )


# Half of them of the types that send a part of a field.
@settings(max_examples=120, deadline=None)
@given(EVENTS | st.sampled_from(sorted(topic for topic, _ in SHAPED)).flatmap(
    lambda topic: st.tuples(st.just(topic), states(topic))
))
def test_a_message_holds_what_its_schema_says_and_never_a_private_field(event: tuple[str, dict[str, Any]]) -> None:
    topic, state = event
    message = message_of("main", (7, "C-000001", 1, topic, orjson.dumps(state)))
    body = orjson.loads(message.body)
    assert MARK not in "".join([message.subject, *message.headers.values(), message.body.decode()])
    wire = WIRE[topic]
    assert set(body) == {*BASE, *wire.goes, *wire.shaped}
    assert all(body[name] == state[name] for name in (*BASE, *wire.goes))
    assert list(Draft202012Validator(wire_schema(REGISTRY[topic])).iter_errors(body)) == []


def test_each_field_of_which_a_part_goes_is_among_those_tried() -> None:
    assert set(SHAPED) == {(topic, name) for topic, wire in WIRE.items() for name in wire.shaped}


def test_of_a_fact_the_integers_go_and_the_text_stays() -> None:
    said = {"amount": 12_345, "customer": 3, "note": "王工"}
    state = {"occurred_at": MOMENT, "recorded_at": MOMENT, "attributes": said}
    assert body_of("FactRecorded", state)["attributes"] == {"amount": 12_345, "customer": 3}


def test_of_a_fact_type_goes_what_its_facts_are_read_by_and_a_choice_in_the_order_of_its_codes() -> None:
    title = {"zh": "标题", "en": "title"}
    state = {
        "occurred_at": MOMENT,
        "recorded_at": MOMENT,
        "fact_type": "visit",
        "document": {
            "id": "visit",
            "title": title,
            "attributes": {
                "amount": {"type": "number", "title": title, "unit": "CNY", "places": 2, "min": 0, "max": "9.50"},
                "kind": {"type": "enum", "title": title, "values": {"site": title, "office": title}},
            },
            "derived": {"days": {"days_from": "a", "days_to": "b", "title": title}},
        },
    }
    assert body_of("FactTypeDeclared", state)["document"] == {
        "id": "visit",
        "attributes": {
            "amount": {"type": "number", "unit": "CNY", "places": 2, "min": 0, "max": "9.50"},
            "kind": {"type": "enum", "values": ["site", "office"]},
        },
        "derived": {"days": {"days_from": "a", "days_to": "b"}},
    }

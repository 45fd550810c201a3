"""An event as a message: CloudEvents in headers, fields in the body."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import orjson
import pytest
from hypothesis import given, settings

from ledger.domain.events import REGISTRY
from streams.messages import message_of, schema_uri
from streams.subjects import event_subject
from tests.unit.streams.events import EVENTS, MOMENT

EXPIRED = {
    "occurred_at": "2026-10-31T23:59:59+08:00",
    "recorded_at": "2026-11-01T02:00:00.5+08:00",
    "actor": "王丽",
    "cause": 40,
    "points": -5_000,
    "balance": 1_000,
    "expired_on": "2026-10-31",
}


def test_what_cloudevents_asks_for_is_in_the_headers_and_the_fields_are_the_body() -> None:
    message = message_of("main", (41, "C-000012", 9, "PointsExpired", orjson.dumps(EXPIRED)))
    assert message.position == 41
    assert message.subject == "plumbline.main.event.PointsExpired.C-000012"
    assert message.headers == {
        "ce-specversion": "1.0",
        "ce-id": "main/41",
        "ce-source": "/ledgers/main",
        "ce-type": "PointsExpired",
        "ce-subject": "C-000012",
        "ce-time": "2026-11-01T02:00:00.5+08:00",
        "ce-datacontenttype": "application/json",
        "ce-dataschema": "plumbline:/schemas/events/PointsExpired/1",
        "ce-position": "41",
        "ce-ledger": "main",
    }
    assert orjson.loads(message.body) == {k: v for k, v in EXPIRED.items() if k != "actor"}


@pytest.mark.parametrize("stream", ["ledger", "calendar", "stock", "C-0000001", "C-x"])
def test_an_event_of_no_customer_says_none(stream: str) -> None:
    state = {"occurred_at": MOMENT, "recorded_at": MOMENT, "actor": "cli", "day": "2026-10-31"}
    message = message_of("main", (1, stream, 1, "DayClosed", orjson.dumps(state)))
    assert message.subject == "plumbline.main.event.DayClosed._"
    assert "ce-subject" not in message.headers


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_headers_need_no_percent_encoding_and_the_message_is_the_same_each_time(
    event: tuple[str, dict[str, Any]],
) -> None:
    topic, state = event
    row = (5, "C-000001", 1, topic, orjson.dumps(state))
    message = message_of("pilot_2", row)
    for name, value in message.headers.items():
        assert re.fullmatch(r"ce-[a-z0-9]{1,20}", name)
        assert re.fullmatch(r'[^\x00-\x20"%\x7f-\U0010ffff]+', value)
    assert message.subject == event_subject("pilot_2", topic, "C-000001")
    assert message == message_of("pilot_2", row)


def test_an_event_of_an_older_version_is_brought_up_to_the_one_that_the_message_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = REGISTRY["PointsExpired"]

    class Newer(before):  # pyright: ignore[reportGeneralTypeIssues, reportUntypedBaseClass]
        class_version: ClassVar[int] = 2

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["expired_on"] = state.pop("expired")

    monkeypatch.setitem(REGISTRY, "PointsExpired", Newer)
    schema_uri.cache_clear()
    try:
        older = {**EXPIRED, "expired": EXPIRED["expired_on"]}
        del older["expired_on"]
        message = message_of("main", (41, "C-000012", 9, "PointsExpired", orjson.dumps(older)))
        assert message.headers["ce-dataschema"] == "plumbline:/schemas/events/PointsExpired/2"
        assert orjson.loads(message.body)["expired_on"] == "2026-10-31"
    finally:
        schema_uri.cache_clear()


def test_an_event_that_this_program_does_not_know_is_no_message() -> None:
    with pytest.raises(KeyError):
        message_of("main", (1, "C-000001", 1, "PointsInvented", orjson.dumps(EXPIRED)))

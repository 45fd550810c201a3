"""The log in wire form over the API: what the messages say, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.log.recorder import EventRow
from streams.messages import message_of
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api
from tests.ledgers import fact

PATH = "/v1/ledgers/main/cloudevents"


@pytest.fixture(scope="module")
def rows(ledgers: LedgersHere) -> list[EventRow]:
    books = ledgers.ledgers["main"].books
    books.do(fact("c1", "contract_signed", "2026-01-05", amount=1_000_000))
    return books.recorder.select_range(0, 1_000)


def document(row: EventRow) -> dict[str, Any]:
    message = message_of("main", row)
    return {name.removeprefix("ce-"): value for name, value in message.headers.items()}


def test_a_batch_has_the_attributes_and_the_bodies_of_the_messages(api: Api, rows: list[EventRow]) -> None:
    answer = api.get(PATH, key="service")
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    assert (answer.headers["position-last"], answer.headers["position-head"]) == (str(len(rows)), str(len(rows)))
    found = answer.json()
    assert [{k: v for k, v in event.items() if k != "data"} for event in found] == [document(row) for row in rows]
    granted = next(event for event in found if event["type"] == "PointsGranted")
    # 1,000,000 CNY hold 100 units of 10,000, at two points each.
    assert granted["subject"] == "C-000001" and granted["data"]["points"] == 200_00
    registered = next(event for event in found if event["type"] == "CustomerRegistered")
    assert "name" not in registered["data"] and "公司" not in answer.text


def test_pages_go_on_after_the_position_that_the_last_one_reached(api: Api, rows: list[EventRow]) -> None:
    after, positions = 0, []
    while True:
        answer = api.get(PATH, params={"after": after, "limit": 3})
        positions += [int(event["position"]) for event in answer.json()]
        assert positions == list(range(1, int(answer.headers["position-last"]) + 1))
        if answer.headers["position-last"] == answer.headers["position-head"]:
            break
        after = int(answer.headers["position-last"])
    assert positions == [row[0] for row in rows]
    beyond = api.get(PATH, params={"after": 10_000})
    assert beyond.json() == [] and beyond.headers["position-last"] == "10000" != beyond.headers["position-head"]


def test_of_some_types_a_page_says_how_far_it_has_looked(api: Api, rows: list[EventRow]) -> None:
    answer = api.get(PATH, params={"event": ["PointsGranted", "CustomerRegistered"]})
    assert [event["type"] for event in answer.json()] == ["CustomerRegistered", "CustomerRegistered", "PointsGranted"]
    assert answer.headers["position-last"] == answer.headers["position-head"] == str(len(rows))


def test_who_may_not_read_events_and_names_that_are_none_are_refused(api: Api, rows: list[EventRow]) -> None:
    assert api.get(PATH, key="customer").json()["code"] == "PERMISSION_DENIED"
    refused = api.get(PATH, params={"event": ["PointsGranted", "Nothing"]})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "EVENT_TYPE_UNKNOWN", "event")

"""Events as a handler gets them: alike from the stream and from the API's pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote

from plumbline_client.subscribing.errors import EventInvalid

ATTRIBUTE_PREFIX = "ce-"


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """An event of a ledger as it goes on the wire: ids, no names and no text of people.

    `id` is the same however often the event comes, and tells it from all others; `position` does so within `ledger`.
    `customer` is None where the event is no customer's. `time` is when it was recorded. `dataschema` names the JSON
    Schema that `data` follows.
    """

    position: int
    ledger: str
    id: str
    type: str
    customer: str | None
    time: datetime
    dataschema: str
    data: Mapping[str, Any]


def event_of_message(headers: Mapping[str, str] | None, body: bytes) -> LedgerEvent:
    """The event of a message (CloudEvents, binary mode of NATS). Raises EventInvalid."""
    attributes = {
        name[len(ATTRIBUTE_PREFIX) :].lower(): unquote(value)
        for name, value in (headers or {}).items()
        if name[: len(ATTRIBUTE_PREFIX)].lower() == ATTRIBUTE_PREFIX
    }
    try:
        data: Any = json.loads(body)
    except ValueError as error:
        raise EventInvalid("the body of a message is no JSON") from error
    return _event(attributes, data)


def event_of_document(document: Any) -> LedgerEvent:
    """The event of a CloudEvent in JSON, as the API's pages have it. Raises EventInvalid."""
    if not isinstance(document, dict):
        raise EventInvalid("an event is no object")
    attributes = cast(dict[str, Any], document)
    return _event(attributes, attributes.get("data"))


def _event(attributes: Mapping[str, Any], data: Any) -> LedgerEvent:
    if attributes.get("specversion") != "1.0":
        raise EventInvalid("a message carries no CloudEvents 1.0 headers: did a relay publish it?")
    if not isinstance(data, dict):
        raise EventInvalid("the data of an event is no object")
    try:
        return LedgerEvent(
            position=int(attributes["position"]),
            ledger=attributes["ledger"],
            id=attributes["id"],
            type=attributes["type"],
            customer=attributes.get("subject"),
            time=datetime.fromisoformat(attributes["time"]),
            dataschema=attributes["dataschema"],
            data=cast(dict[str, Any], data),
        )
    except KeyError as error:
        raise EventInvalid(f"an event lacks the attribute {error.args[0]}") from None
    except (ValueError, TypeError):
        raise EventInvalid("an event has a position or a time that is none") from None

"""An event of the log as a message: CloudEvents 1.0 in the binary mode of its NATS binding.

What CloudEvents calls attributes are headers `ce-…`; the body is the event's fields as JSON, without those that stay in
the log (`streams/wire.py`). An event stored under an older version of its class is brought up to the current one, and
`ce-dataschema` names that one. The same event under the same code is the same message, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import orjson

from ledger.domain.events import REGISTRY
from ledger.domain.values import customer_number
from ledger.log.codec import state_of
from ledger.log.recorder import EventRow
from streams.subjects import event_subject
from streams.wire import body_of

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
SCHEMA_ROOT: Final = "plumbline:/schemas/events"
"""CloudEvents wants an absolute URI. Without the scheme it is the path on any Plumbline's API."""


@dataclass(slots=True)
class Message:
    """An event as it is published. Not frozen, since one is made for each event; nobody changes it."""

    position: int
    subject: str
    headers: dict[str, str]
    body: bytes


def message_of(ledger: str, event: EventRow) -> Message:
    """The message of an event. Raises KeyError where no event has that name, as `state_of` does."""
    position, stream, _, topic, data = event
    state = state_of(topic, data)
    customer = stream if customer_number(stream) else None
    # Every value is printable ASCII without space, quote and percent by what it is, so that the binding's
    # percent-encoding would change nothing.
    headers = {
        "ce-specversion": SPEC_VERSION,
        "ce-id": message_id(ledger, position),
        "ce-source": f"/ledgers/{ledger}",
        "ce-type": topic,
        "ce-time": state["recorded_at"],
        "ce-datacontenttype": CONTENT_TYPE,
        "ce-dataschema": schema_uri(topic),
        "ce-position": str(position),
        "ce-ledger": ledger,
    }
    if customer is not None:
        headers["ce-subject"] = customer
    return Message(
        position, event_subject(ledger, topic, customer), headers, orjson.dumps(body_of(topic, state))
    )


def message_id(ledger: str, position: int) -> str:
    """The id of the event at a position: what tells a message seen twice (`ce-id`, and NATS's `Nats-Msg-Id`)."""
    return f"{ledger}/{position}"


@lru_cache(maxsize=1_024)
def schema_uri(topic: str) -> str:
    """The URI of the schema that an event's body follows now."""
    return f"{SCHEMA_ROOT}/{topic}/{REGISTRY[topic].class_version}"

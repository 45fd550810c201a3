"""Events to bytes and back: orjson, under registered names, with upcasting by class version.

The library's Mapper reads what stands here (`JSONTranscoder` and our names), because the state is the event's fields
without the stream's id and version, plus `class_version` where that is above 1.
"""

from __future__ import annotations

from typing import Any

import orjson
from eventsourcing.utils import register_topic

from ledger.domain.events import REGISTRY, Event
from ledger.log.types import EncodedEvent

for _name, _cls in REGISTRY.items():
    register_topic(_name, _cls)


def encode(event: Event) -> EncodedEvent:
    """An event as it is stored."""
    state = dict(event.__dict__)
    stream, version = state.pop("originator_id"), state.pop("originator_version")
    cls = type(event)
    if cls.class_version > 1:
        state["class_version"] = cls.class_version
    return EncodedEvent(stream, version, cls.__name__, orjson.dumps(state))


def state_of(topic: str, data: bytes) -> dict[str, Any]:
    """The fields of a stored event, brought up to the current version of its class. KeyError for an unknown name."""
    state: dict[str, Any] = orjson.loads(data)
    cls = REGISTRY[topic]
    if cls.class_version > 1:
        for version in range(state.pop("class_version", 1), cls.class_version):
            getattr(cls, f"upcast_v{version}_v{version + 1}")(state)
    return state


def decode(stream: str, version: int, topic: str, data: bytes) -> Event:
    """A stored event as its class."""
    return REGISTRY[topic](originator_id=stream, originator_version=version, **state_of(topic, data))

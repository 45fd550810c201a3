"""Ledgers, their events and views, and the schemas of what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plumbline_client.core import Page


@dataclass(frozen=True, slots=True)
class LedgerName:
    """A ledger's name."""

    ledger: str


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """A ledger as it stands. `closed_through` is the last closed day, `closed` whether it is closed for good."""

    ledger: str
    timezone: str
    position: int
    closed: bool
    closed_through: str | None
    rule_sets: int
    fact_types: int


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in the log."""

    position: int
    stream: str
    version: int
    event: str
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventsPage(Page[Event]):
    """A page of events. `position_last` is how far it has looked, `position_head` where the log ends."""

    position_last: int
    position_head: int


@dataclass(frozen=True, slots=True)
class EventsWire:
    """Events as CloudEvents; `plumbline_client.subscribing.event_of_document` reads one. `position_last` is how far was
    looked, `position_head` where the log ends."""

    data: list[dict[str, Any]]
    position_last: int
    position_head: int


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How far a view has followed the log, and why it stopped where it did; `followed`: whether any process follows the
    ledger's views now."""

    view: str
    position: int
    behind: int
    status: str
    error: str | None
    updated_at: str
    followed: bool


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """What a problem code means (`title`) and what to do next (`advice`), by language: zh and en."""

    code: str
    title: dict[str, str]
    advice: dict[str, str]


@dataclass(frozen=True, slots=True)
class SchemaName:
    """A JSON Schema by its name."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class EventSchema:
    """A published JSON Schema of an event's message. `uri` is what messages name it by; by the `current` one events are
    published now."""

    event: str
    version: int
    title: dict[str, str]
    uri: str
    href: str
    current: bool

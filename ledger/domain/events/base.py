"""Events: what is written in the log, under names that never change.

An event's name in the log is its class name, registered here and independent of the module's path. Each class
is an *input* (what happened, or was ordered) or a *decision* (what the ledger did about it); replay reads
inputs only. Every event says who (`actor`), why (`cause`: the position of the input that led to it, 0 for an
input itself and for what follows from a day's passing alone; rule, rule set and reason where there are any), when it
happened (`occurred_at`) and when it was recorded (`recorded_at`).

To change a class: raise `class_version` and add a static `upcast_vN_vM(state)` that mends older states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from ledger.domain.errors import Problem

E = TypeVar("E", bound="type[Event]")

REGISTRY: dict[str, type[Event]] = {}
"""Every event class by its name in the log."""

STREAM_LEDGER = "ledger"
STREAM_RULEBOOK = "rulebook"
STREAM_CALENDAR = "calendar"
STREAM_FACT_TYPES = "fact-types"
STREAM_STAFF = "staff"
STREAM_STOCK = "stock"
STREAM_SETTLEMENT = "settlement"
STREAM_HONOURS = "honours"


@dataclass(kw_only=True)
class Event:
    """What all events carry. Times are ISO text with offset; `originator_*` is the stream and place in it."""

    originator_id: str
    originator_version: int
    occurred_at: str
    recorded_at: str
    actor: str
    cause: int = 0

    is_input: ClassVar[bool] = False
    class_version: ClassVar[int] = 1


def registered(cls: E) -> E:
    """Register an event class under its name."""
    if cls.__name__ in REGISTRY:
        raise ValueError(f"the event name {cls.__name__} is taken")
    REGISTRY[cls.__name__] = cls
    return cls


def type_unknown(names: Sequence[str]) -> Problem | None:
    """What is wrong with the first of some `types` that is no event's, told by its place; None where all are."""
    for i, name in enumerate(names):
        if name not in REGISTRY:
            place = f"types.{i}"
            return Problem(place, f"{place} is no type of event; there are {', '.join(sorted(REGISTRY))}")
    return None


class Input(Event):
    """Something that happened outside or was ordered; replay reads it."""

    is_input: ClassVar[bool] = True

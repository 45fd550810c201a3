"""What came of commands, of dry runs, of lines of a bulk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plumbline_client.forms import Points


@dataclass(frozen=True, slots=True)
class MovePart:
    """An event by which points moved: its position in the log, and whose rule it was."""

    position: int
    rule: str
    rule_set: str
    points: Points


@dataclass(frozen=True, slots=True)
class Move:
    """What a command did to one customer's points. `awards` are what rules gave or, below zero, took; `reversals` what
    was taken back of earlier awards."""

    customer: str
    points: Points
    awards: tuple[MovePart, ...]
    reversals: tuple[MovePart, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command. `position` is where the log contains it. `points` are those that it moved,
    of all customers together; `moves` says it customer by customer where points of others than `customer` moved, as by
    a correction that gives a fact to another. `hit`: the first answer given once more."""

    status: str
    position: int
    customer: str
    id: str
    points: Points
    hit: bool = False
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class LeadAnswer(Answer):
    """What came of a lead. Where it is somebody's already, `code` is COLLISION_FOUND, `reason` says of which team, and
    `customer` is empty."""

    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeadCheck:
    """Whether a lead is somebody's already; `reason` says of which team."""

    taken: bool
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class RehearsedEvent:
    """An event that would be appended."""

    event: str
    stream: str
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a command would come to; `events` are the first thousand that would be appended, `counts` how many of each
    name in all."""

    dry_run: bool
    answer: Answer
    events: list[RehearsedEvent]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class LeadRehearsal(Rehearsal):
    """What a lead would come to."""

    answer: LeadAnswer


@dataclass(frozen=True, slots=True)
class LineResult:
    """What came of one line of a bulk. `line` counts from 1 over everything that was sent; `code`, `reason` and `field`
    are there where `status` is "refused"."""

    line: int
    status: str
    position: int = 0
    customer: str = ""
    id: str = ""
    points: Points = 0
    hit: bool = False
    code: str = ""
    reason: str = ""
    field: str = ""
    moves: tuple[Move, ...] = ()

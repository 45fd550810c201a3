"""A request: a command with who asks; and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ledger.domain.commands.points import PointsCommand
from ledger.domain.commands.redemption import RedemptionCommand
from ledger.domain.commands.relations import RelationsCommand
from ledger.domain.commands.settlement import SettlementCommand

Command: TypeAlias = PointsCommand | RelationsCommand | RedemptionCommand | SettlementCommand


@dataclass(slots=True)
class Request:
    """A command with who asks, and the idempotency key under which its answer is kept. Made by the thousand, hence not
    frozen, which would take three times as long; nobody changes one.

    `client` and `key` may be empty: then the command itself must be idempotent (facts and registrations are).
    `may_adjust`: whether the actor may move points by hand, and correct where somebody did.
    """

    command: Command
    actor: str
    client: str = ""
    key: str = ""
    may_adjust: bool = True


@dataclass(slots=True)
class Answer:
    """What came of a command. Not frozen for the reason that requests aren't.

    `status` is "accepted", "duplicate", "corrected" or "refused".

    A refusal has a code, a reason and the field concerned, and where several things stand in the way, each of them in
    `obstacles`; all others have the position of the log that contains them.

    `points` are those of all customers together. Where those of others than `customer` moved, `moves` has an entry for
    each customer: `{"customer": …, "points": …, "awards": […], "reversals": […]}`. Awards are what rules gave or took
    (below zero), reversals what was taken back of earlier awards; each
    `{"position": of its event, "rule": …, "rule_set": …, "points": …}`.
    """

    status: str
    position: int = 0
    customer: str = ""
    id: str = ""
    code: str = ""
    reason: str = ""
    field: str = ""
    points: int = 0
    hit: bool = False
    obstacles: list[dict[str, Any]] | None = None
    moves: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would come of a command if it were carried out now: the answer, and the events it would append.

    Each event is `{"event": name, "stream": …, "state": …}`; of very many the first are told, while `counts` says how
    many of each name there are in all. Nothing was recorded.
    """

    answer: Answer
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    counts: dict[str, int] = field(default_factory=dict[str, int])

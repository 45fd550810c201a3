"""A run: history's inputs, decided by the assignment rules of a scenario.

What people asked for (claims, reassignments, handovers …) is asked again; where it can't happen, because history ran
otherwise, it is dropped and counted. Talks count for whoever has the customer in the run. What a run costs grows with
the inputs, and with the candidates of each choice.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from ledger.domain.errors import Refused
from ledger.domain.relations.drafts import ADMITS, Context
from ledger.domain.relations.ids import collision_id, collision_number
from ledger.domain.relations.policy import NoPolicy, Policy
from ledger.domain.relations.records import NONE, new
from ledger.domain.relations.state import Happened, Relations
from ledger.domain.values import INTEGER_MAX
from ledger.log.collector import collection_deferred
from ledger.log.columns.relations import REGISTRATION_TOPICS
from ledger.rules.assignment.policy import assignment_policy
from ledger.rules.compile import Activation
from replay.ownership.following import Decision, Following
from replay.ownership.history import HistoryCustomers
from replay.ownership.standings import Standings

Progress = Callable[[int, int], None]

_NAMED: Final = frozenset({"PortfolioHandedOver", "CustomersMerged", "LeadArrived"})
"""Inputs that others name by their position; leads by the collision they led to."""
_NAMING: Final = frozenset({"HandoverUndone", "CustomersUnmerged", "CollisionRuled"})
_PROGRESS_EVERY: Final = 5_000


@dataclass(frozen=True)
class OwnershipRun:
    """A finished run. `relations` is the state it ended in; `dropped` counts the inputs that could not happen, by
    topic and code."""

    name: str
    inputs: int
    decisions: Sequence[Decision]
    relations: Relations
    dropped: Mapping[tuple[str, str], int]
    reminders: Mapping[str, int]
    day_last: int
    arrived: Mapping[int, int]
    """Customers that arrived, and on which day first."""
    seconds: float

    @property
    def digest(self) -> str:
        """SHA-256 that anyone can reproduce: every change of owner, in order, as JSON of its fields."""
        digest = hashlib.sha256(orjson.dumps({"format": "plumbline/ownership/1"}))
        for d in self.decisions:
            digest.update(orjson.dumps([d.cause, d.customer, d.staff, d.why, d.rule]))
        return digest.hexdigest()


class _Rules:
    """The assignment rules that were in force at a position, on a day."""

    def __init__(self, activations: Sequence[Activation]) -> None:
        self._activations = activations
        self._made: dict[int, Policy] = {}
        self._found: Policy = NoPolicy()
        self._day = NONE
        self.last = 0
        """The last position at which what was found last holds on that day."""

    def at(self, position: int, day: int) -> Policy:
        """Those at a position, which must not lie before the one asked about last."""
        if day != self._day or position > self.last:
            self._day = day
            self.last = min((a.position for a in self._activations if a.position >= position), default=INTEGER_MAX)
            self._found = self._find(position, day)
        return self._found

    def _find(self, position: int, day: int) -> Policy:
        best = -1
        for i, activation in enumerate(self._activations):
            in_force = activation.position < position and activation.day_from <= day
            if in_force and (best < 0 or activation.day_from >= self._activations[best].day_from):
                best = i
        if best < 0:
            return NoPolicy()
        policy = self._made.get(best)
        if policy is None:
            activation = self._activations[best]
            policy = self._made[best] = assignment_policy(activation.rule_set, activation.rules)
        return policy


def ownership_run(
    name: str,
    inputs: Iterable[Happened],
    activations: Sequence[Activation],
    standings: Standings,
    progress: Progress = lambda done, of: None,
    count: int = 0,
) -> OwnershipRun:
    """Run the inputs of history under activations of rule sets. `progress` is told (inputs done, `count`)."""
    started = time.perf_counter()
    customers = HistoryCustomers()
    run = _Run(Relations(customers, keeps=False), customers, _Rules(activations), standings)
    done = 0
    # A run makes many objects that stay and no cycles: looking for some costs more than the run.
    with collection_deferred():
        for event in inputs:
            run.take(event)
            done += 1
            if done % _PROGRESS_EVERY == 0:
                progress(done, count)
    progress(done, count)
    return OwnershipRun(
        name, done, run.draft.decisions, run.relations, run.dropped, run.draft.reminders, run.day_last, run.arrived,
        time.perf_counter() - started,
    )  # fmt: skip


class _Run:
    def __init__(self, relations: Relations, customers: HistoryCustomers, rules: _Rules, standings: Standings) -> None:
        self.relations = relations
        self.draft = Following(relations, Context("", 0, NoPolicy(), standings.of, detail=False))
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.arrived: dict[int, int] = {}
        self.day_last = 0
        self._customers = customers
        self._rules = rules
        self._standings = standings
        # Where a run's decisions are more than history's, what follows is moved on: the positions in the log of inputs
        # that others name, and those in the run.
        self._moved: dict[int, int] = {}

    def take(self, event: Happened) -> None:
        """Let an input of history happen, with what follows from it."""
        cause, customer, topic, _, day = event
        if topic in REGISTRATION_TOPICS:
            self._customers.follow(event)
            return
        # What the points of a day's end come to, its reminders see; whatever else is decided before its own points are.
        known = cause if topic == "DayClosed" else cause - 1
        if known >= self._standings.next:
            self._standings.follow(known)
        self.day_last = day
        draft, relations = self.draft, self.relations
        if draft.context.day != day or cause > self._rules.last:
            draft.context = replace(draft.context, day=day, policy=self._rules.at(cause, day))
        if topic in _NAMING and self._moved:
            event = self._renamed(event)
        admit = ADMITS.get(topic)
        if admit is not None:
            # Whether it can happen is asked before anything of it does, so there is nothing to take back.
            try:
                admit(draft, customer, event.fields)
            except Refused as refusal:
                self.dropped[topic, refusal.code] += 1
                return
        position = relations.position + 1
        if position < cause:
            position = cause
            relations.position = cause - 1
        elif position != cause:
            if topic in _NAMED:
                self._moved[cause] = position
            event = new(Happened, (position, customer, topic, event.fields, day))
        draft.cause = cause
        draft.follow(event)
        if topic == "LeadArrived":
            self.arrived.setdefault(relations.standing_for(customer) if relations.merged else customer, day)
        # Nobody asks for what else was decided.
        draft.events.clear()

    def _renamed(self, event: Happened) -> Happened:
        """An input with the positions it names as they are in the run; collisions are numbered by theirs."""
        fields = event.fields
        undoes = fields.get("undoes")
        if undoes in self._moved:
            return event._replace(fields={**fields, "undoes": self._moved[undoes]})
        collision = collision_number(fields.get("collision", ""))
        if collision in self._moved:
            return event._replace(fields={**fields, "collision": collision_id(self._moved[collision])})
        return event

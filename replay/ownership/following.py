"""A draft that makes no events: what is decided goes straight to the fold, and of it is noted what a run is asked for.

The decisions that a run makes by the hundred thousand would else be written as events (days and numbers as text), read
again by the fold, and thrown away. Whom and when is decided by the same reactions as in the ledger, and what it does to
the state by the same functions; `tests/unit/relations/test_ownership_replay.py` holds the two against each other.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ledger.domain.relations.days import reminded
from ledger.domain.relations.drafts import REACTIONS, Context, Draft
from ledger.domain.relations.holdings import assigned, pooled
from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.policy import NAMED, Choice
from ledger.domain.relations.records import new
from ledger.domain.relations.state import EVOLVE, Happened, Relations


class Decision(NamedTuple):
    """One change of owner: the position of the input it followed from, whom it gave the customer to ("" for the pool),
    why, and the rule that chose."""

    cause: int
    customer: int
    staff: str
    why: str
    rule: str
    rule_set: str
    day: int


class Following(Draft):
    """Decides on a state of which nothing is taken back. `cause` is where in history the input stands that is being
    followed."""

    def __init__(self, state: Relations, context: Context) -> None:
        super().__init__(state, context)
        self.cause = 0
        self.decisions: list[Decision] = []
        self.reminders: Counter[str] = Counter()

    def follow(self, event: Happened) -> None:
        """Let an input of history happen, and decide what follows from it."""
        state, topic = self.state, event.topic
        evolve = EVOLVE.get(topic)
        if evolve is not None:
            evolve(state, event)
        state.position = event.position
        reaction = REACTIONS.get(topic)
        if reaction is not None:
            reaction(self, event)

    def give(
        self, customer: int, cause: int, staff: int, team: str, why: str, protected_day: int, due_day: int,
        choice: Choice,
    ) -> None:  # fmt: skip
        """Somebody has a customer."""
        state, context = self.state, self.context
        position, day = state.position + 1, context.day
        assigned(state, customer, position, day, staff, team, why, protected_day, due_day, choice.turn)
        state.position = position
        rule_set = "" if choice is NAMED else context.policy.rule_set
        decision = (self.cause, customer, staff_id(staff), why, choice.rule, rule_set, day)
        self.decisions.append(new(Decision, decision))

    def pool(self, customer: int, cause: int, owner: int, why: str, choice: Choice) -> None:
        """A customer is in the pool."""
        state, context = self.state, self.context
        position, day = state.position + 1, context.day
        pooled(state, customer, position, day, why)
        state.position = position
        rule_set = "" if choice is NAMED else context.policy.rule_set
        self.decisions.append(new(Decision, (self.cause, customer, "", why, choice.rule, rule_set, day)))

    def remind(self, customer: int, cause: int, kind: str, staff: int, about: str, due_day: int) -> None:
        """Somebody is told what is due."""
        state = self.state
        reminded(state, customer, kind, about, due_day)
        state.position += 1
        self.reminders[kind] += 1

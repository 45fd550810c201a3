"""The relations of a ledger in the writer's memory: loaded from the columns, moved by what was appended, decided under
the assignment rules in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ledger.domain.book import Book
from ledger.domain.events import Event
from ledger.domain.relations.policy import NoPolicy, Policy
from ledger.domain.relations.state import EVOLVE, Happened, Relations
from ledger.domain.settlement.records import may_be_payment
from ledger.domain.values import customer_number, day_recorded
from ledger.log.codec import state_of
from ledger.log.collector import collection_deferred
from ledger.log.columns.relations import REGISTRATION_TOPICS, happened
from ledger.rules.assignment.policy import assignment_policy
from ledger.rules.document import rule_set_parse

if TYPE_CHECKING:
    from ledger.log.columns.reader import Columns

def relations_load(relations: Relations, columns: Columns) -> None:
    """Fold what the columns hold. Registrations are read only where something is made of them: the book has them."""
    registrations = not REGISTRATION_TOPICS.isdisjoint(EVOLVE)
    with collection_deferred(), relations.journal.closed():
        for event in happened(columns.relations(registrations=registrations, settlement=True)):
            relations.apply(event)
    relations.stand_at(columns.position)
    relations.settle()


def relations_catch_up(relations: Relations, rows: Iterable[tuple[Any, ...]], position: int) -> None:
    """Fold events of others, in the rows that the columns have of them, up to a position."""
    for at, customer, topic, day, state in rows:
        if topic in EVOLVE:
            relations.apply(Happened(at, customer, topic, state_of(topic, state), day))
    relations.stand_at(position)
    relations.settle()


def relations_follow(relations: Relations, events: Sequence[Event], position: int, timezone: str) -> None:
    """Fold events that were appended up to a position and not drafted here."""
    first = position - len(events) + 1
    for i, event in enumerate(events):
        topic = type(event).__name__
        if topic in EVOLVE and (topic != "FactRecorded" or may_be_payment(event.__dict__)):
            day = day_recorded(event.recorded_at, timezone)
            customer = customer_number(event.originator_id)
            relations.apply(Happened(first + i, customer, topic, event.__dict__, day))
    relations.stand_at(position)
    relations.settle()


class Policies:
    """The assignment rules of each rule set of a book, made once."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._made: dict[str, Policy] = {}

    def in_force(self, day: int) -> Policy:
        """The assignment rules in force on a day; such as say nothing where there are none."""
        name = self._book.in_force(day) or ""
        policy = self._made.get(name)
        if policy is None:
            policy = self._made[name] = self._make(name)
        return policy

    def _make(self, name: str) -> Policy:
        return assignment_policy(name, rule_set_parse(self._book.rule_sets[name].document)) if name else NoPolicy()

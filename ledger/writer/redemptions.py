"""The redemptions of a ledger in the writer's memory: loaded from the columns, moved by what was appended; and what the
log says of lots that rows refer to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ledger.domain.book import Book
from ledger.domain.events import REDEMPTION_TOPICS, Event
from ledger.domain.redemption.state import Fields, Lots, Redemptions
from ledger.domain.redemption.terms import Terms
from ledger.domain.rows import OPERATIONS
from ledger.domain.values import customer_number
from ledger.log.codec import state_of
from ledger.log.collector import collection_deferred
from ledger.log.recorder import EventRow
from ledger.rules.document import rule_set_parse
from ledger.rules.redemption.terms import redemption_terms

if TYPE_CHECKING:
    from ledger.log.columns.reader import Columns


def redemptions_load(redemptions: Redemptions, columns: Columns) -> None:
    """Fold what the columns hold."""
    with collection_deferred():
        redemptions_catch_up(redemptions, columns.redemptions().iter_rows())


def redemptions_catch_up(redemptions: Redemptions, rows: Iterable[tuple[Any, ...]]) -> None:
    """Fold events of others, in the rows that the columns have of them."""
    for position, customer, topic, _, state in rows:
        redemptions.apply(position, customer, topic, state_of(topic, state))
        redemptions.settle()


def redemptions_follow(redemptions: Redemptions, events: Sequence[Event], position: int) -> None:
    """Fold events that were appended up to a position."""
    first = position - len(events) + 1
    for i, event in enumerate(events):
        topic = type(event).__name__
        if topic in REDEMPTION_TOPICS:
            redemptions.apply(first + i, customer_number(event.originator_id), topic, event.__dict__)
    redemptions.settle()


def moved_before(redemptions: Redemptions, topic: str, fields: Fields) -> tuple[int, Lots] | None:
    """The position of the hold or the spending that an input refers to, and from where it took points; None for a
    reservation, which refers to nothing."""
    refers = OPERATIONS[topic][1]
    if not refers:
        return None
    redemption = redemptions.find(fields["redemption"])
    assert redemption is not None, "the log refers to what it holds"
    position: int = fields[refers]
    if refers == "reserved":
        return position, redemption.lots
    number: int = fields["part"]
    return position, redemption.parts[number - 1].lots


def moved_before_all(redemptions: Redemptions, events: Sequence[EventRow]) -> dict[tuple[int, int], Lots]:
    """By customer and position: from where holds and spendings before these events, to which they refer, took their
    points."""
    found: dict[tuple[int, int], Lots] = {}
    for _, stream, _, topic, data in events:
        if topic in OPERATIONS:
            fields = state_of(topic, data)
            if fields.get(OPERATIONS[topic][1], events[0][0]) < events[0][0]:
                moved = moved_before(redemptions, topic, fields)
                assert moved is not None
                found[customer_number(stream), moved[0]] = moved[1]
    return found


class TermsOfRuleSets:
    """What each rule set of a book says about redemption, made once."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._made: dict[str, Terms] = {}

    def in_force(self, day: int) -> Terms:
        """The terms in force on a day; such as offer nothing where there are none."""
        name = self._book.in_force(day) or ""
        terms = self._made.get(name)
        if terms is None:
            document = self._book.rule_sets[name].document if name else None
            terms = Terms() if document is None else redemption_terms(name, rule_set_parse(document))
            self._made[name] = terms
        return terms

"""From a fact to rows: one for each account it touches, live and in the columns alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.domain.book import Book
from ledger.domain.fact_types import FactType
from ledger.domain.values import day_parse
from ledger.rules import layout as at
from ledger.rules.conditions import Vocabulary

Row = tuple[int, int, int, int, int, int, int, list[int], tuple[int, ...]]
"""(position, account, operation, fact type, role, booked day, refers, attributes, traits)"""


class RowExpander:
    """Expands facts under a book. `vocabulary` gives trait values their codes."""

    def __init__(self, book: Book, vocabulary: Vocabulary) -> None:
        self.book = book
        self.vocabulary = vocabulary

    def rows(
        self,
        position: int,
        customer: int,
        fact: Mapping[str, Any],
        previous: tuple[int, Mapping[str, Any]] | None = None,
    ) -> list[Row]:
        """The rows of a fact recorded at a position for a customer.

        `fact` is the state of its FactRecorded event. For a correction, `previous` is the customer and the
        state of the version it corrects: each account that one touched gets a row that takes its awards back,
        first.
        """
        rows: list[Row] = []
        if previous is not None:
            rows += self._touched(position, *previous, at.OP_REVERSE, fact["corrects"])
        return rows + self._touched(position, customer, fact, at.OP_FACT, 0)

    def _touched(
        self, position: int, customer: int, fact: Mapping[str, Any], operation: int, refers: int
    ) -> list[Row]:
        number, fact_type = self._fact_type(fact["fact_type"])
        day = day_parse(fact["booked_on"])
        attributes = fact_type.integers(fact["attributes"], at.NULL)
        rows: list[Row] = [
            (
                position,
                customer,
                operation,
                number,
                at.ROLE_CUSTOMER,
                day,
                refers,
                attributes,
                self._traits(customer),
            )
        ]
        referrer = fact["attributes"].get(fact_type.referrer) if fact_type.referrer else None
        if referrer is not None:
            rows.append(
                (
                    position,
                    referrer,
                    operation,
                    number,
                    at.ROLE_REFERRER,
                    day,
                    refers,
                    attributes,
                    self._traits(referrer),
                )
            )
        return rows

    def _fact_type(self, name: str) -> tuple[int, FactType]:
        for number, (known, fact_type) in enumerate(self.book.fact_types.items()):
            if known == name:
                return number, fact_type
        raise KeyError(name)

    def _traits(self, number: int) -> tuple[int, ...]:
        customer = self.book.customers[number - 1]
        return tuple(self.vocabulary.code(t) if t else at.NULL_TRAIT for t in customer.traits)


def columns_count(book: Book) -> int:
    """How many attribute columns the widest fact type needs."""
    return max((len(t.columns) for t in book.fact_types.values()), default=0)

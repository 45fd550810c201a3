"""Rows: what the engine folds and the columns hold. A fact becomes one row for each account it touches, what happens to
a redemption one row of its customer's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ledger.domain.book import Book
from ledger.domain.fact_types import FactType
from ledger.domain.values import day_parse

Array = NDArray[Any]

NULL: Final = -(2**63)
"""An attribute that the fact doesn't carry. Every condition on it is false, every award from it is
nothing."""

NULL_TRAIT: Final = -1
"""The code of a trait nobody knows. Every comparison with it fails, `not_equals` too, as with NULL."""

# Operations: what a row asks of the account it stands at.
OP_FACT: Final = 0
OP_REVERSE: Final = 1
OP_HOLD: Final = 2
OP_SPEND: Final = 3
OP_FREE: Final = 4
OP_RETURN: Final = 5
OP_HOLD_COVERED: Final = 6
"""As OP_HOLD where the points were there on its day and ever since; refused otherwise. No event stands for it: a replay
asks for it, which folds an account from its first row on."""

COLUMN_POINTS: Final = 0
COLUMN_BEFORE: Final = 1
"""Rows of redemptions (OP_HOLD and above) hold their points and what earlier ones took in the first two attributes."""
COLUMNS_MIN: Final = 2

# Roles: why a fact's row stands at this account.
ROLE_CUSTOMER: Final = 0
ROLE_REFERRER: Final = 1
ROLES: Final = 2

# Kinds of decisions.
KIND_GRANT: Final = 1
KIND_PENALTY: Final = 2
KIND_REVERSAL: Final = 3
KIND_EXPIRY: Final = 4
KIND_TIER: Final = 5
KIND_TAGS: Final = 6
KIND_GRADE: Final = 7
KIND_HOLD: Final = 8
KIND_SPEND: Final = 9
KIND_FREE: Final = 10
KIND_RETURN: Final = 11
KIND_REFUSED: Final = 12
"""A hold that the lots did not cover, where that was asked for. No event stands for it."""
KINDS_COUNT: Final = 13

MOVE_DEBT: Final = -2
"""In the place of an expiry month: points that the lots lacked, and became debt."""

MONTH_NEVER: Final = -1
"""The expiry month of points that never expire."""


@dataclass
class Vocabulary:
    """The codes of trait values, in order of first appearance. Results never depend on the numbers."""

    codes: dict[str, int] = field(default_factory=dict[str, int])

    def code(self, value: str) -> int:
        """The code of a value, a new one where it is new."""
        return self.codes.setdefault(value, len(self.codes))


@dataclass(frozen=True)
class Rows:
    """One row for each account a fact touches. `attributes` is [column, row], `traits` [trait, row].

    `positions` are those of the facts; `refers` is 0, or for OP_REVERSE the position of the version taken
    back, and then type, role, day and attributes are that version's.
    """

    positions: Array
    accounts: Array
    operations: Array
    fact_types: Array
    roles: Array
    days: Array
    refers: Array
    attributes: Array
    traits: Array

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, order: Array | slice) -> Rows:
        """These rows in another order, or some of them."""
        return Rows(
            self.positions[order], self.accounts[order], self.operations[order], self.fact_types[order],
            self.roles[order], self.days[order], self.refers[order],
            np.ascontiguousarray(self.attributes[:, order]), np.ascontiguousarray(self.traits[:, order]),
        )  # fmt: skip


OPERATIONS: Final[Mapping[str, tuple[int, str]]] = {
    "RedemptionReserved": (OP_HOLD, ""),
    "RedemptionCommitted": (OP_SPEND, "reserved"),
    "RedemptionVoided": (OP_FREE, "reserved"),
    "RedemptionLapsed": (OP_FREE, "reserved"),
    "RedemptionReversed": (OP_RETURN, "committed"),
}
"""By topic: the operation of a redemption's row, and the field that says which earlier one it refers to."""

Row = tuple[int, int, int, int, int, int, int, list[int], tuple[int, ...]]
"""(position, account, operation, fact type, role, booked day, refers, attributes, traits)"""


class RowExpander:
    """Expands facts under a book. `vocabulary` gives trait values their codes."""

    def __init__(self, book: Book, vocabulary: Vocabulary) -> None:
        self.book = book
        self.vocabulary = vocabulary
        self._codes: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._types: dict[str, tuple[int, FactType]] = {}

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
        rows = self._touched(position, customer, fact, OP_FACT, 0)
        return rows if previous is None else self._touched(position, *previous, OP_REVERSE, fact["corrects"]) + rows

    def redemption(self, position: int, customer: int, topic: str, state: Mapping[str, Any]) -> Row:
        """The row of what happened to a redemption, `topic` one of OPERATIONS."""
        operation, refers = OPERATIONS[topic]
        return (
            position, customer, operation, 0, ROLE_CUSTOMER, day_parse(state["booked_on"]),
            state[refers] if refers else 0, [state["points"], state.get("before", 0)], self._traits(customer),
        )  # fmt: skip

    def _touched(
        self, position: int, customer: int, fact: Mapping[str, Any], operation: int, refers: int
    ) -> list[Row]:
        number, fact_type = self._fact_type(fact["fact_type"])
        day = day_parse(fact["booked_on"])
        attributes = fact_type.integers(fact["attributes"], NULL)
        rows: list[Row] = [
            (
                position,
                customer,
                operation,
                number,
                ROLE_CUSTOMER,
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
                    ROLE_REFERRER,
                    day,
                    refers,
                    attributes,
                    self._traits(referrer),
                )
            )
        return rows

    def _fact_type(self, name: str) -> tuple[int, FactType]:
        if len(self._types) != len(self.book.fact_types) or self._types[name][1] is not self.book.fact_types[name]:
            self._types = {known: (n, t) for n, (known, t) in enumerate(self.book.fact_types.items())}
        return self._types[name]

    def _traits(self, number: int) -> tuple[int, ...]:
        traits = self.book.customers[number - 1].traits
        codes = self._codes.get(traits)
        if codes is None:
            codes = self._codes[traits] = tuple(self.vocabulary.code(t) if t else NULL_TRAIT for t in traits)
        return codes


def columns_count(book: Book) -> int:
    """How many attribute columns the widest fact type needs, and rows of redemptions."""
    return max([COLUMNS_MIN, *(len(t.columns) for t in book.fact_types.values())])

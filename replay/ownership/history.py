"""The inputs of history, from the columns, and the customers as they were known at each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ledger.domain.book import TRAITS
from ledger.domain.relations.state import Happened
from ledger.domain.values import customer_number
from ledger.log.columns.reader import Columns
from ledger.log.columns.relations import happened

_UNKNOWN: Final[Mapping[str, str]] = dict.fromkeys(TRAITS, "")


def history_inputs(columns: Columns) -> Iterator[Happened]:
    """Everything that happened or was asked for, in order of position: nothing that the ledger decided because of it."""
    return happened(columns.relations(inputs_only=True, registrations=True))


class HistoryCustomers:
    """The customers as the inputs that were followed so far tell of them."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._traits: list[Mapping[str, str]] = []

    def follow(self, event: Happened) -> None:
        """Take in a registration or a change."""
        said = event.fields
        if event.topic == "CustomerRegistered":
            if event.customer != len(self._names) + 1:
                raise ValueError(f"customer {event.customer} registered after {len(self._names)}")
            self._names.append(said["name"])
            traits = said["traits"]
            self._traits.append(traits if len(traits) == len(TRAITS) else {**_UNKNOWN, **traits})
            return
        at = event.customer - 1
        if said["name"] is not None:
            self._names[at] = said["name"]
        self._traits[at] = {**self._traits[at], **said["traits"]}

    def count(self) -> int:
        """How many are registered."""
        return len(self._names)

    def traits(self, number: int) -> Mapping[str, str]:
        """industry, region, customer_type, scale; "" where unknown."""
        return self._traits[number - 1] if 0 < number <= len(self._traits) else _UNKNOWN

    def name(self, number: int) -> str:
        """The registered name."""
        return self._names[number - 1]

    def find(self, text: str) -> int:
        """The number of the customer with this id; 0 where there is none. History calls customers by id alone."""
        number = customer_number(text)
        return number if number <= len(self._names) else 0

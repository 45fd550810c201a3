"""Customers by what their holdings say: by owner, and by the day on which something is due of them.

What is found is always what the holdings say; what is written down here only says where to look. An entry stays when
its customer moves on, and is passed over by who reads. So a move costs one entry at the end of a list, and nothing has
to be looked up in order to be taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from ledger.domain.relations.journal import Table
from ledger.domain.relations.records import NOBODY, Holding

_ROOM: Final = 4_096


class Lookup:
    """Customers by a number that their holdings say.

    Whoever changes a holding enters the customer under what it says now (`holdings.hold` does), and where the change is
    taken back, once more under what it said before.
    """

    def __init__(self, holdings: Table[int, Holding], said: Callable[[Holding], int]) -> None:
        self._holdings = holdings
        self._said = said
        self._entries: dict[int, list[int]] = {}
        self._count = 0
        self._room = _ROOM
        """How many entries there may be before those that hold no more are thrown away."""

    def add(self, key: int, customer: int) -> None:
        """Enter a customer; its holding must say so by now."""
        entries = self._entries.get(key)
        if entries is None:
            self._entries[key] = [customer]
        else:
            entries.append(customer)
        self._count += 1
        if self._count > self._room:
            self._clear()

    def of(self, key: int) -> list[int]:
        """The customers whose holdings say this, in order."""
        entries = self._entries.get(key)
        if entries is None:
            return []
        get, said = self._holdings.get, self._said
        found = sorted({customer for customer in entries if said(get(customer, NOBODY)) == key})
        self._count += len(found) - len(entries)
        if found:
            self._entries[key] = found
            return list(found)
        del self._entries[key]
        return []

    def size(self, key: int) -> int:
        """How many there are of one."""
        return len(self.of(key))

    def filled(self) -> list[int]:
        """Under what customers were entered; some of it may hold of none any more."""
        return list(self._entries)

    def items(self) -> Iterator[tuple[int, list[int]]]:
        """Everything that has customers, each with them."""
        for key in self.filled():
            found = self.of(key)
            if found:
                yield key, found

    def _clear(self) -> None:
        # Each entry is thrown away once, and at most as many stay as may be entered until the next time.
        for key in self.filled():
            self.of(key)
        self._room = max(_ROOM, 2 * self._count)

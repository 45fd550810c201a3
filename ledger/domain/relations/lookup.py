"""Customers by what their holdings say: by owner, and by the day on which something is due of them.

What is found is always what the holdings say; what is written down here only says where to look. An entry stays when
its customer moves on, and is passed over by who reads. So a move costs one entry at the end of a list, and nothing has
to be looked up in order to be taken out. What nobody ever asks for costs nothing: the first question goes through all
holdings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

from ledger.domain.relations.journal import Table
from ledger.domain.relations.records import NOBODY, NONE, Holding

_ROOM: Final = 4_096
_TIMES: Final = 3
"""How many entries there may be for each that held when they were last gone through."""


class Lookup:
    """Customers by a number that their holdings say; nothing is looked up under NONE, nor under what `but` is.

    Whoever changes a holding enters the customer under what it says now (`holdings.hold` does), and where the change is
    taken back, once more under what it said before.
    """

    def __init__(self, holdings: Table[int, Holding], said: Callable[[Holding], int], *, but: int = NONE) -> None:
        self._holdings = holdings
        self._said = said
        self._but = but
        self._entries: defaultdict[int, list[int]] = defaultdict(list)
        self.is_asked = False
        """Whether anybody ever asked; until then nothing needs to be entered."""
        self._room = _ROOM

    def add(self, key: int, customer: int) -> None:
        """Enter a customer; its holding must say so by now, or once what is being undone is."""
        if self.is_asked:
            self._entries[key].append(customer)

    def of(self, key: int) -> list[int]:
        """The customers whose holdings say this, in order."""
        entries = self._asked().get(key)
        if entries is None:
            return []
        holdings, said = self._holdings, self._said
        found = sorted({customer for customer in entries if said(holdings.get(customer, NOBODY)) == key})
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
        return list(self._asked())

    def items(self) -> Iterator[tuple[int, list[int]]]:
        """Everything that has customers, each with them."""
        for key in self.filled():
            found = self.of(key)
            if found:
                yield key, found

    def tidy(self) -> None:
        """Throw away what holds no more, where entries have become many since that was done last."""
        if sum(map(len, self._entries.values())) > self._room:
            for key in list(self._entries):
                self.of(key)
            self._room = max(_ROOM, _TIMES * sum(map(len, self._entries.values())))

    def _asked(self) -> dict[int, list[int]]:
        if not self.is_asked:
            self.is_asked = True
            for customer, holding in self._holdings.items():
                key = self._said(holding)
                if key not in (NONE, self._but):
                    self._entries[key].append(customer)
        return self._entries

"""State that can be taken back: maps, sets and counters that write down how to undo each change.

A command is decided on the state itself, event by event, so that the second customer of a handover sees the load that
the first one added. Where the command is refused, or what was decided can't be appended, the state is rolled back to
where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")
V = TypeVar("V")

_MISSING: Final = object()
_ROOM: Final = 64


class Journal:
    """How to undo what was changed since the last `commit`."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def mark(self) -> int:
        """A place that `rollback` can go back to."""
        return len(self._undo)

    def note(self, undo: Callable[[], object]) -> None:
        """Remember how to undo a change that was just made."""
        self._undo.append(undo)

    def rollback(self, mark: int = 0) -> None:
        """Undo everything since a mark, last change first."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def commit(self) -> None:
        """What was changed stays."""
        self._undo.clear()


class Table(dict[K, V]):
    """A map whose `put` and `drop` can be undone. Values are never changed in place: they are replaced."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal
        self._watchers: list[Callable[[K], object]] = []

    def watch(self, watcher: Callable[[K], object]) -> None:
        """Have a function told of every key whose value changes, be it by being undone."""
        self._watchers.append(watcher)

    def put(self, key: K, value: V) -> None:
        """Set a value."""
        old = self.get(key, _MISSING)
        self._set(key, value)
        self._journal.note(lambda: self._set(key, old))

    def drop(self, key: K) -> None:
        """Remove a key, if it is there."""
        if key in self:
            old = self[key]
            self._set(key, _MISSING)
            self._journal.note(lambda: self._set(key, old))

    def _set(self, key: K, value: object) -> None:
        if value is _MISSING:
            del self[key]
        else:
            self[key] = value  # pyright: ignore[reportArgumentType]
        for watcher in self._watchers:
            watcher(key)


class Buckets(Generic[K, V]):
    """Sets by key (customers by the day they are due, or by owner), whose members keep the order they came in."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._sets: dict[K, dict[V, None]] = {}

    def add(self, key: K, member: V) -> None:
        """Put a member into a set; one already there stays where it is."""
        members = self._sets.setdefault(key, {})
        if member not in members:
            members[member] = None
            self._journal.note(lambda: members.pop(member))

    def drop(self, key: K, member: V) -> None:
        """Take a member out of a set, if it is there.

        Undone, it stands last in its set: readers that need an order sort.
        """
        members = self._sets.get(key)
        if members is not None and member in members:
            del members[member]
            self._journal.note(lambda: members.__setitem__(member, None))

    def of(self, key: K) -> list[V]:
        """The members of a set."""
        return list(self._sets.get(key, ()))

    def size(self, key: K) -> int:
        """How many there are in a set."""
        return len(self._sets.get(key, ()))

    def filled(self) -> list[K]:
        """The keys of the sets that have members."""
        return [key for key, members in self._sets.items() if members]

    def items(self) -> Iterator[tuple[K, list[V]]]:
        """Every set that has members."""
        return ((key, list(members)) for key, members in self._sets.items() if members)


class Counters:
    """Integers by number, from 1, as one array that many can be looked up in at once."""

    def __init__(self, journal: Journal, initial: int = 0) -> None:
        self._journal = journal
        self.initial = initial
        self.values: NDArray[np.int64] = np.full(_ROOM, initial, np.int64)
        """The counter of number n stands at n. Replaced where it grows."""

    def __getitem__(self, number: int) -> int:
        return int(self.values[number]) if number < len(self.values) else self.initial

    def put(self, number: int, value: int) -> None:
        """Set a counter."""
        old = self._set(number, value)
        self._journal.note(lambda: self.values.__setitem__(number, old))

    def add(self, number: int, by: int) -> None:
        """Add to a counter."""
        self.put(number, self[number] + by)

    def of(self, numbers: NDArray[np.int64], top: int) -> NDArray[np.int64]:
        """The counters of several numbers, of which `top` is the highest."""
        self._reach(top)
        return self.values.take(numbers)

    def _reach(self, number: int) -> None:
        if number >= len(self.values):
            grown = np.full(max(number + 1, 2 * len(self.values)), self.initial, np.int64)
            grown[: len(self.values)] = self.values
            self.values = grown

    def _set(self, number: int, value: int) -> int:
        self._reach(number)
        old = int(self.values[number])
        self.values[number] = value
        return old


class Generations(Counters):
    """Counters that rise by being undone too: what was worked out at a number from changes that were then taken back
    is never taken for what holds now."""

    def put(self, number: int, value: int) -> None:
        """Raise a counter."""
        self._set(number, value)
        self._journal.note(lambda: self._set(number, self[number] + 1))


class Rotation:
    """Whose turn it is: how many customers each member of staff has had in a rotation, and the weight it was counted
    by. Count over weight is how many rounds they have come."""

    def __init__(self, journal: Journal) -> None:
        self.counts = Counters(journal)
        self.weights = Counters(journal)
        """Both under 0: the turn that began latest, in rounds. Nobody counts as behind the round it began in."""

    def take(self, staff: int, count: int, weight: int) -> None:
        """Somebody has had a customer, which makes `count` of them."""
        self.counts.put(staff, count)
        self.weights.put(staff, weight)
        if not self.weights[0] or (count - 1) * self.weights[0] > self.counts[0] * weight:
            self.counts.put(0, count - 1)
            self.weights.put(0, weight)

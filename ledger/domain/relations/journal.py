"""State that can be taken back: maps, sets and counters that write down how to undo each change.

A command is decided on the state itself, event by event, so that the second customer of a handover sees the load that
the first one added. Where the command is refused, or what was decided can't be appended, the state is rolled back to
where it stood. Where nothing is ever taken back, as while a log is folded or replayed, nothing is written down.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")
V = TypeVar("V")

_MISSING: Final = object()
_ROOM: Final = 64


class Journal:
    """How to undo what was changed since the last `commit`."""

    def __init__(self, *, keeps: bool = True) -> None:
        self._undo: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.keeps = keeps
        """Whether changes are to be noted: not while the journal is `closed`, nor in one that keeps none."""

    def mark(self) -> int:
        """A place that `rollback` can go back to."""
        return len(self._undo)

    def note(self, undo: Callable[..., object], *arguments: object) -> None:
        """Remember what to call to undo a change."""
        self._undo.append((undo, arguments))

    def rollback(self, mark: int = 0) -> None:
        """Undo everything since a mark, last change first. Raises RuntimeError where nothing is kept."""
        if not self.keeps:
            raise RuntimeError("the journal keeps nothing that could be taken back")
        while len(self._undo) > mark:
            undo, arguments = self._undo.pop()
            undo(*arguments)

    def commit(self) -> None:
        """What was changed stays."""
        self._undo.clear()

    @contextmanager
    def closed(self) -> Generator[None]:
        """All that is changed meanwhile stays, and nothing is written down. What was changed before stays too."""
        self.commit()
        keeps, self.keeps = self.keeps, False
        try:
            yield
        finally:
            self.keeps = keeps


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
        journal = self._journal
        if journal.keeps:
            journal.note(self._set, key, self.get(key, _MISSING))
        self[key] = value
        if self._watchers:
            for watcher in self._watchers:
                watcher(key)

    def drop(self, key: K) -> None:
        """Remove a key, if it is there."""
        if key in self:
            if self._journal.keeps:
                self._journal.note(self._set, key, self[key])
            self._set(key, _MISSING)

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
        """None of them empty."""

    def add(self, key: K, member: V) -> None:
        """Put a member into a set; one already there stays where it is."""
        members = self._sets.get(key)
        if members is None:
            self._sets[key] = {member: None}
        elif member in members:
            return
        else:
            members[member] = None
        if self._journal.keeps:
            self._journal.note(self._take, key, member)

    def drop(self, key: K, member: V) -> None:
        """Take a member out of a set, if it is there.

        Undone, it stands last in its set: readers that need an order sort.
        """
        members = self._sets.get(key)
        if members is not None and member in members:
            self._take(key, member)
            if self._journal.keeps:
                self._journal.note(self._give, key, member)

    def of(self, key: K) -> list[V]:
        """The members of a set."""
        return list(self._sets.get(key, ()))

    def size(self, key: K) -> int:
        """How many there are in a set."""
        return len(self._sets.get(key, ()))

    def filled(self) -> list[K]:
        """The keys of the sets that have members."""
        return list(self._sets)

    def items(self) -> Iterator[tuple[K, list[V]]]:
        """Every set that has members."""
        return ((key, list(members)) for key, members in self._sets.items())

    def _take(self, key: K, member: V) -> None:
        members = self._sets[key]
        del members[member]
        if not members:
            del self._sets[key]

    def _give(self, key: K, member: V) -> None:
        self._sets.setdefault(key, {})[member] = None


class Counters:
    """Integers by number, from 1, as one array that many can be looked up in at once."""

    def __init__(self, journal: Journal, initial: int = 0) -> None:
        self._journal = journal
        self.initial = initial
        # The same memory twice: one by one, an array gives and takes integers several times faster than NumPy's does.
        self._values = array("q", [initial]) * _ROOM
        self.values: NDArray[np.int64] = np.frombuffer(self._values, np.int64)
        """The counter of number n stands at n. Replaced where it grows."""

    def __getitem__(self, number: int) -> int:
        return self._values[number] if number < len(self._values) else self.initial

    def put(self, number: int, value: int) -> None:
        """Set a counter."""
        if number >= len(self._values):
            self._reach(number)
        if self._journal.keeps:
            self._journal.note(self._put, number, self._values[number])
        self._values[number] = value

    def add(self, number: int, by: int) -> None:
        """Add to a counter."""
        if number >= len(self._values):
            self._reach(number)
        values = self._values
        if self._journal.keeps:
            self._journal.note(self._put, number, values[number])
        values[number] += by

    def of(self, numbers: NDArray[np.int64], top: int) -> NDArray[np.int64]:
        """The counters of several numbers, of which `top` is the highest."""
        return self.through(top).take(numbers)

    def through(self, top: int) -> NDArray[np.int64]:
        """All counters by number, up to `top` at least. It is the memory itself: good until the next change."""
        if top >= len(self._values):
            self._reach(top)
        return self.values

    def _put(self, number: int, value: int) -> None:
        self._values[number] = value

    def _reach(self, number: int) -> None:
        grown = array("q", [self.initial]) * max(number + 1, 2 * len(self._values))
        grown[: len(self._values)] = self._values
        self._values, self.values = grown, np.frombuffer(grown, np.int64)


class Generations(Counters):
    """Counters that rise by being undone too: what was worked out at a number from changes that were then taken back
    is never taken for what holds now."""

    def _put(self, number: int, value: int) -> None:
        # Never back to what it was.
        self._values[number] += 1


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

"""State of relations that can be taken back, beside what `ledger.domain.journal` has."""

from __future__ import annotations

from ledger.domain.journal import (
    Buckets as Buckets,
    Counters as Counters,
    Journal as Journal,
    Table as Table,
)


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

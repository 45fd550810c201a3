"""Puts what the server delivers into order of position, and notices what has not come.

A durable consumer delivers in order the first time. What a process that died had fetched comes again later, after
newer events; what was lost on the way does so, too. The server numbers its deliveries one by one, so who has seen every
number has everything that is not yet acknowledged. Where a number is missing, everything is held until the server says
that all it waits for lies here.

What has taken effect already may come again. What this process has acknowledged before is acknowledged again at once.
What another has not acknowledged before it died waits until all that the server waits for lies here: the server's count
moves with the acknowledgement, and how far it may move is to be noted first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Delivered(Protocol):
    """What the order goes by. `number` counts the durable's deliveries, `pending` is how many were still to come."""

    @property
    def position(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def redelivered(self) -> bool: ...
    @property
    def pending(self) -> int: ...


D = TypeVar("D", bound=Delivered)


@dataclass(frozen=True, slots=True)
class Hole:
    """Positions after `after` and before `before` that should have come and did not, or seem so."""

    after: int
    before: int


class Ordering(Generic[D]):
    """The deliveries that are held, after `position`, up to which everything has taken effect.

    `number` is the last delivery before the first that comes here, `waiting` how many of those are not acknowledged.
    With `whole` every event of the ledger comes, so that the next position is always one more, and the server's count
    never runs ahead of that. `counted`: the server's count of what is to come can be believed. Of a durable that begins
    beyond the end of its stream it is too high until there is nothing more to come.
    """

    def __init__(self, position: int, number: int, waiting: int, *, whole: bool, counted: bool = True) -> None:
        self.position = position
        self.settled = waiting == 0
        self._number = number
        self._whole = whole
        self._counted = counted
        self._held: dict[int, D] = {}
        self._begun = position
        self._owed: dict[int, D] = {}
        self._again: list[D] = []
        self._pending: int | None = None
        self._hole: Hole | None = None

    @property
    def number(self) -> int:
        """The last delivery that came here."""
        return self._number

    @property
    def held(self) -> Iterable[D]:
        """What is held, to be handled or to be acknowledged."""
        return [*self._owed.values(), *self._held.values()]

    def add(self, delivery: D) -> None:
        """Hold a delivery. One whose event has taken effect already is for `again` or `owed`."""
        follows = delivery.number == self._number + 1
        self._number = max(self._number, delivery.number)
        # Not seen here, and yet delivered before: whoever had it did not finish.
        stray = delivery.redelivered and delivery.position > self.position and delivery.position not in self._held
        if not follows or stray:
            self.settled = False
        self._count(delivery)
        if delivery.position > self.position:
            self._held[delivery.position] = delivery
        elif self._whole or delivery.position > self._begun:
            self._again.append(delivery)
        else:
            self._owed[delivery.position] = delivery
            self.settled = False

    def settle(self, number: int, waiting: int) -> None:
        """The server says that at its delivery `number` so many were not acknowledged: are these all here?

        What came `again` must have been acknowledged before it was asked. What it said before the last delivery that
        came here says nothing of that.
        """
        self.settled = number >= self._number and waiting == len(self._held) + len(self._owed)

    def again(self) -> list[D]:
        """Lets go of what was acknowledged here and came again, to be acknowledged at once."""
        again, self._again = self._again, []
        return again

    def owed(self) -> list[D]:
        """Lets go of what took effect in another process, to be acknowledged; only where all lies here that waits."""
        return [self._owed.pop(p) for p in sorted(self._owed)] if self.settled else []

    def clear(self, position: int) -> tuple[int, int]:
        """Once everything held up to a position has taken effect: up to which position all that is followed has, and up
        to which delivery's number. The number is 0 where it can't be told."""
        if self._whole or not self.settled:
            return position, 0
        rest = [p for p in self._held if p > position]
        if not rest:
            return position, self._number
        return (min(rest) - 1 if self._hole is None else position), 0

    def ready(self, limit: int) -> list[D]:
        """What can be handled now, in order, up to `limit` of them."""
        found: list[D] = []
        if not (self.settled or self._whole):
            return found
        expected = self.position
        for position in sorted(self._held):
            expected += 1
            beyond = self._hole is not None and position > self._hole.after
            if len(found) == limit or beyond or (self._whole and position != expected):
                break
            found.append(self._held[position])
        return found

    @property
    def hole(self) -> Hole | None:
        """Where events are missing for certain, or by the server's count of those still to come."""
        if self._hole is None and self._whole and self.settled and self._held:
            first = min(self._held)
            return Hole(self.position, first) if first > self.position + 1 else None
        return self._hole

    def advance(self, position: int) -> list[D]:
        """Everything up to a position has taken effect: lets go of what was held of it, for acknowledgement."""
        self.position = position
        if self._hole is not None and position >= self._hole.before - 1:
            self._hole = None
        done = [p for p in self._held if p <= position]
        return [self._held.pop(p) for p in sorted(done)]

    def _count(self, delivery: D) -> None:
        """Among some of the events positions have gaps of their own. But from one delivery to the next, the number
        still to come falls by one and by no more."""
        first = self.settled and not delivery.redelivered
        believed = first and not self._whole and self._counted
        if believed and self._pending is not None and delivery.pending < self._pending - 1:
            self._hole = Hole(max([self.position, *self._held]), delivery.position)
        self._pending = delivery.pending if first else None
        self._counted = self._counted or delivery.pending == 0

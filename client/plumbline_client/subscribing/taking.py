"""Letting events take effect: the handler and the position in one transaction, again after errors, never skipped."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from plumbline_client.subscribing.errors import HandlerFailed, PositionMoved
from plumbline_client.subscribing.events import LedgerEvent
from plumbline_client.subscribing.places import Place, PositionStore
from plumbline_client.subscribing.subscription import Subscription

Transaction = TypeVar("Transaction")

Handler: TypeAlias = Callable[[Sequence[LedgerEvent], Transaction], Awaitable[None] | None]
Park: TypeAlias = Callable[[LedgerEvent, Exception, Transaction], Awaitable[None] | None]
"""Puts an event aside, within the transaction: what it writes stays, and the subscription goes on after the event."""

_log = logging.getLogger("plumbline_client.subscribing")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an event is given to a handler that fails, and how long is waited in between: waits double from the
    first to the longest, each shortened by chance. Without `attempts_max` for ever.

    Of several in one transaction, they are tried together three times at most, and then one by one.
    """

    attempts_max: int | None = 8
    wait_seconds_first: float = 0.2
    wait_seconds_max: float = 30.0

    @property
    def attempts_together_max(self) -> int | None:
        """How often several events are tried together."""
        return None if self.attempts_max is None else min(3, self.attempts_max)

    def wait_seconds(self, attempt: int) -> float:
        """How long to wait after attempt `attempt`, from 1."""
        longest = min(self.wait_seconds_max, self.wait_seconds_first * 2 ** min(attempt - 1, 30))
        return longest * (0.5 + random.random() / 2)


class Stopped(Exception):
    """It was told to stop while it waited."""


class Taking(Generic[Transaction]):
    """Gives events to the handler and moves the place with them; `place` is where that stands."""

    def __init__(
        self,
        subscription: Subscription,
        store: PositionStore[Transaction],
        handler: Handler[Transaction],
        park: Park[Transaction] | None,
        patience: Patience,
        stopping: asyncio.Event,
    ) -> None:
        self.place = Place(subscription.after, "", subscription.follows)
        self._subscription = subscription
        self._store = store
        self._handler = handler
        self._park = park
        self._patience = patience
        self._stopping = stopping
        self._in_handler = False

    async def open(self) -> Place:
        """Take the subscription, and learn its place. Raises Stopped where it was told to stop while another has it."""
        self.place = await self._opened()
        return self.place

    async def take(self, events: Sequence[LedgerEvent], through: int = 0, number: int = 0) -> None:
        """Let events take effect, in order, and move the place to the last, or `through` where that is farther.

        `number` is the durable's delivery up to which everything has then taken effect; 0 where that is not known.
        Raises HandlerFailed, PositionMoved, and Stopped where it was told to stop while it waited to try again.
        """
        limit = self._patience.attempts_max if len(events) == 1 else self._patience.attempts_together_max
        failures = refusals = 0
        while True:
            try:
                return await self._once(events, max(through, events[-1].position), number)
            except PositionMoved:
                raise
            except Exception as failure:
                error = failure
            failures += 1
            # What the store itself can't do now is no fault of the events.
            refusals += self._in_handler
            if limit is not None and refusals >= limit:
                break
            await self._pause(failures, error)
            await self._place_again()
            # The answer to a commit may be what was lost.
            if self.place.position >= events[-1].position:
                return
        await self._place_again()
        if len(events) == 1:
            return await self._give_up(events[0], error, refusals, max(through, events[0].position), number)
        # One of them is what the handler dislikes: it is found alone, and the others take effect.
        for event in events:
            if event.position > self.place.position:
                await self.take([event])
        await self.note(self.place.moved(max(through, self.place.position), number=number))

    async def note(self, after: Place) -> None:
        """Move the place where nothing is to be done up to there."""
        if after != self.place:
            attempt = 0
            while True:
                try:
                    await self._store.move(self._subscription, self.place, after, lambda _: None)
                    self.place = after
                    return
                except PositionMoved:
                    raise
                except Exception as error:
                    attempt += 1
                    await self._pause(attempt, error)
                    await self._place_again()
                    if self.place == after:
                        return

    async def _once(self, events: Sequence[LedgerEvent], through: int, number: int) -> None:
        after = self.place.moved(through, number=number)

        async def awaited(working: Awaitable[None]) -> None:
            await working
            self._in_handler = False

        def work(transaction: Transaction) -> Awaitable[None] | None:
            self._in_handler = True
            working = self._handler(events, transaction)
            if working is not None:
                return awaited(working)
            self._in_handler = False
            return None

        self._in_handler = False
        await self._store.move(self._subscription, self.place, after, work)
        self.place = after

    async def _give_up(self, event: LedgerEvent, error: Exception, attempts: int, through: int, number: int) -> None:
        park = self._park
        if park is None:
            raise HandlerFailed(event, attempts) from error
        after = self.place.moved(through, number=number)

        def aside(transaction: Transaction) -> Awaitable[None] | None:
            return park(event, error, transaction)

        await self._store.move(self._subscription, self.place, after, aside)
        self.place = after
        _log.error("%s: put the event at position %d aside", self._subscription.name, event.position)

    async def _pause(self, attempt: int, error: Exception) -> None:
        seconds = self._patience.wait_seconds(attempt)
        _log.warning("%s: attempt %d failed: %r; again in %.1f s", self._subscription.name, attempt, error, seconds)
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    async def _opened(self) -> Place:
        """What the store says, which may wait for as long as another process has the subscription. Raises Stopped."""
        opening = asyncio.ensure_future(self._store.open(self._subscription))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                return opening.result()
            raise Stopped
        finally:
            opening.cancel()
            stopping.cancel()
            # It lets go of what it has, before the store is closed.
            await asyncio.wait({opening})

    async def _place_again(self) -> None:
        """Learn whether what failed was committed after all; waits until the store can be asked."""
        attempt = 0
        while True:
            try:
                found = await self._opened()
            except Stopped:
                raise
            except Exception as error:
                attempt += 1
                await self._pause(attempt, error)
            else:
                self.place = found
                return

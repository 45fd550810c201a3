"""The durable consumer: from where it stands to the end of the log, and on as events come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError

from plumbline_client.errors import ApiError, ConnectionLost
from plumbline_client.sending import REPEATED_STATUSES
from plumbline_client.subscribing.connecting import Refusals, connect
from plumbline_client.subscribing.errors import (
    DurableDiffers,
    DurableShared,
    GapFound,
    StreamMissing,
    SubscriptionChanged,
)
from plumbline_client.subscribing.event_types import EVENT_TYPES
from plumbline_client.subscribing.events import LedgerEvent
from plumbline_client.subscribing.history import History
from plumbline_client.subscribing.ordering import Ordering
from plumbline_client.subscribing.places import Place, PositionStore
from plumbline_client.subscribing.pulling import Delivery, Durable, FetchEnded, Puller
from plumbline_client.subscribing.subscription import Subscription
from plumbline_client.subscribing.taking import Handler, Park, Patience, Stopped, Taking

Transaction = TypeVar("Transaction")

AGAIN_SECONDS: Final = 1.0
"""How long to wait before looking again for a stream, a server or the API."""
MISSING_SECONDS_MAX: Final = 60.0
"""How long a stream may be missing, where there is no history to read meanwhile."""
SETTLE_LOOK_SECONDS: Final = 0.25
SHARED_ACK_WAITS: Final = 3
SHARED_SECONDS: Final = 10.0
"""What is fetched and not acknowledged comes again after a durable's wait. Who has not got it after so many waits, and
so many seconds more, does not get it because somebody else does."""
FETCH_EVENTS_MIN: Final = 100
"""So many are fetched ahead at least, however few are handled at a time."""

_log = logging.getLogger("plumbline_client.subscribing")


class Subscriber(Generic[Transaction]):
    """Hands over the events of a subscription, in order, each taking effect once.

    `handler` gets an event and the store's transaction, and writes there; `handler_many` gets up to `batch_events_max`
    of them that wait, for one transaction. With `handler`, too, so many share a transaction; after an error each has
    its own. A handler that fails is asked again with `patience`; then `park` may put the event aside, or the subscriber
    stops (HandlerFailed).

    `history` is where events are fetched that the stream doesn't have. The durable consumer of the subscription's name
    is made by an operator, or, with `create`, here, with `ack_seconds` and `waiting_max` (events fetched and not yet
    acknowledged); raises ValueError, then, where the subscription names types of events that there aren't. `domain` is
    JetStream's, where the login belongs to another account than the stream. `options` go to `nats.connect`. A sign of
    life is asked of the server every `idle_seconds`.

    `position` is up to where everything has taken effect. `seen` is up to where the server has looked for more: among
    some types or customers that goes ahead of `position`.
    """

    def __init__(
        self,
        subscription: Subscription,
        store: PositionStore[Transaction],
        *,
        url: str,
        handler: Callable[[LedgerEvent, Transaction], Awaitable[None] | None] | None = None,
        handler_many: Handler[Transaction] | None = None,
        batch_events_max: int = 1,
        history: History | None = None,
        park: Park[Transaction] | None = None,
        patience: Patience | None = None,
        create: bool = False,
        ack_seconds: float = 10.0,
        waiting_max: int = 1_000,
        domain: str = "",
        idle_seconds: float = 5.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if (handler is None) == (handler_many is None):
            raise ValueError("give handler or handler_many")
        if create and not EVENT_TYPES.issuperset(subscription.types):
            # The server takes any subject, and would never deliver anything.
            raise ValueError(
                f"the subscription's types hold what is no type of event; there are {', '.join(sorted(EVENT_TYPES))};"
                " for a type of a newer server let an operator make the durable consumer"
            )
        many = handler_many if handler is None else _each(handler)
        assert many is not None
        self.subscription = subscription
        self._store = store
        self._stopping = asyncio.Event()
        self._taking = Taking(subscription, store, many, park, patience or Patience(), self._stopping)
        self._url = url
        self._batch = batch_events_max
        self._history = history
        self._create = create
        self._ack_seconds = ack_seconds
        self._waiting_max = waiting_max
        self._domain = domain
        self._idle_seconds = idle_seconds
        self._options = options or {}
        self._refusals = Refusals()
        self._moved = asyncio.Condition()
        self._seen = 0
        self._puller: Puller | None = None

    @property
    def position(self) -> int:
        """Up to where everything has taken effect."""
        return self._taking.place.position

    @property
    def seen(self) -> int:
        """Up to where there is nothing more to come."""
        return max(self._seen, self.position)

    async def reached(self, position: int) -> None:
        """Wait until everything up to a position has taken effect."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.seen >= position)

    def stop(self) -> None:
        """Let `run` end after what it is just doing. To be called in its event loop."""
        self._stopping.set()
        if self._puller is not None:
            self._puller.wake()

    def run_blocking(self) -> None:
        """`run` for programs without an event loop. In the main thread SIGTERM and SIGINT stop it."""

        async def whole() -> None:
            if threading.current_thread() is threading.main_thread():
                for number in (signal.SIGTERM, signal.SIGINT):
                    asyncio.get_running_loop().add_signal_handler(number, self.stop)
            await self.run()

        asyncio.run(whole())

    async def run(self) -> None:
        """Follow until `stop`. Raises a SubscribingError for what it can't put right, and an ApiError of the
        history that says more than that the service can't answer now."""
        connection: Client | None = None
        missing: float | None = None
        try:
            place = await self._taking.open()
            if place.follows != self.subscription.follows:
                raise SubscriptionChanged(
                    f"{self.subscription.name} stands at {place.position} having followed {place.follows};"
                    " events of other types or customers up to there would be left out: give it another name"
                )
            if place == Place(0, "", place.follows):
                # Nothing has taken effect yet, so that where to begin may still be said otherwise than at first.
                await self._taking.note(place.moved(self.subscription.after))
            while not self._stopping.is_set():
                try:
                    if connection is None or connection.is_closed:
                        connection = await connect(
                            self._url, self.subscription, self._options, self._refusals, self._back
                        )
                    if connection is not None:
                        await self._follow(connection)
                        missing = None
                    else:
                        await self._without("no NATS server can be reached")
                except StreamMissing as error:
                    missing = missing or time.monotonic()
                    if self._history is None and time.monotonic() - missing > MISSING_SECONDS_MAX:
                        raise
                    await self._without(str(error))
                except (FetchEnded, NatsError, TimeoutError, ConnectionLost) as error:
                    said = str(error) if isinstance(error, FetchEnded) else repr(error)
                    _log.warning("%s: %s; again in %.0f s", self.subscription.name, said, AGAIN_SECONDS)
                    await self._wait(AGAIN_SECONDS)
        except Stopped:
            pass
        finally:
            if connection is not None:
                await connection.close()
            await self._store.close()

    async def _follow(self, connection: Client) -> None:
        puller = Puller(
            connection, self.subscription, domain=self._domain, idle_seconds=self._idle_seconds, refusals=self._refusals
        )
        durable, made_again = await self._bound(puller)
        ordering: Ordering[Delivery] = Ordering(
            self.position, durable.number, durable.waiting, whole=self.subscription.whole, counted=not made_again
        )
        await puller.start()
        self._puller = puller
        try:
            async with self._heartbeats(ordering, durable.ack_seconds):
                await self._live(puller, ordering, durable)
        finally:
            self._puller = None
            with contextlib.suppress(NatsError):
                # What was fetched and not handled can be had again at once.
                for delivery in ordering.held:
                    await delivery.message.nak()
            with contextlib.suppress(NatsError):
                await puller.stop()

    async def _bound(self, puller: Puller) -> tuple[Durable, bool]:
        """The durable, made where it is missing and may be, and nothing missing before what it will deliver.

        And whether it was made here in the place of another: its stream may still be filling, and end before it begins.
        """
        made_again = False
        try:
            durable = await puller.durable()
        except StreamMissing:
            if not self._create:
                raise
            durable = await puller.create(self.position, self._ack_seconds, self._waiting_max)
            made_again = self._taking.place.created != ""
        place = self._taking.place
        # Among some types or customers the server's count runs ahead of the last event, over what is not followed.
        ours = durable.created == place.created and durable.floor_number <= place.number
        known = place.number if ours else 0
        if durable.succeeds is not None and durable.floor_number == 0:
            created, floor_number = durable.succeeds
            ours = ours or (created == place.created and floor_number <= place.number)
        if durable.floor > place.position and not ours:
            # Acknowledged, or left out from the beginning, and it never took effect here.
            if self._history is None and (durable.begins_after or 0) > place.position:
                raise DurableDiffers(_begins_late(self.subscription, place, durable.begins_after))
            await self._fill(durable.floor, acknowledged=durable.number > 0)
        number = 0 if self.subscription.whole else max(durable.floor_number, known)
        through = max(self.position, durable.floor) if ours else self.position
        await self._taking.note(place.moved(through, created=durable.created, number=number))
        return durable, made_again

    async def _live(self, puller: Puller, ordering: Ordering[Delivery], durable: Durable) -> None:
        fetched = max(self._batch, FETCH_EVENTS_MIN)
        if durable.waiting_max > 0:
            fetched = min(fetched, durable.waiting_max)
        patience_seconds = SHARED_ACK_WAITS * durable.ack_seconds + SHARED_SECONDS
        unsettled: float | None = None
        while not self._stopping.is_set():
            if ready := ordering.ready(self._batch):
                clear = ordering.clear(ready[-1].position)
                await self._taking.take([delivery.event for delivery in ready], *clear)
                await self._done(ordering)
                continue
            if (hole := ordering.hole) is not None:
                await self._fill(hole.before - 1)
                await self._done(ordering)
                continue
            await self._again(ordering)
            if not ordering.settled:
                unsettled = unsettled or time.monotonic()
                now = await puller.durable()
                ordering.settle(now.number, now.waiting)
                if not ordering.settled and time.monotonic() - unsettled > patience_seconds:
                    raise DurableShared(
                        f"events of the durable consumer {self.subscription.name} go to another process, which has"
                        " another position store; give each subscriber a name of its own"
                    )
            if ordering.settled:
                unsettled = None
                await self._owed(ordering)
            if not ordering.settled or not ordering.ready(1):
                wait = 60.0 if ordering.settled else SETTLE_LOOK_SECONDS
                for delivery in await puller.receive(fetched, wait):
                    ordering.add(delivery)
                await self._look(puller, ordering)

    async def _again(self, ordering: Ordering[Delivery]) -> None:
        for delivery in ordering.again():
            await delivery.message.ack()

    async def _owed(self, ordering: Ordering[Delivery]) -> None:
        if owed := ordering.owed():
            through, number = ordering.clear(self.position)
            await self._taking.note(self._taking.place.moved(through, number=number))
            for delivery in owed:
                await delivery.message.ack()

    async def _done(self, ordering: Ordering[Delivery]) -> None:
        for delivery in ordering.advance(self.position):
            await delivery.message.ack()
        async with self._moved:
            self._moved.notify_all()

    async def _look(self, puller: Puller, ordering: Ordering[Delivery]) -> None:
        """What the server's sign of life says: everything up to there was delivered, and if all came, it is here."""
        number, position = puller.seen
        if ordering.settled and number > ordering.number:
            ordering.settled = False  # a delivery was lost on the way; it will come again
        everything_is_here = ordering.settled and number == ordering.number and not list(ordering.held)
        if everything_is_here and position > self._seen:
            self._seen = position
            async with self._moved:
                self._moved.notify_all()

    async def _fill(self, through: int, *, acknowledged: bool = False) -> None:
        """Fetch from the history what the stream does not have, or the durable does not give again."""
        if self._history is None:
            raise GapFound(self.position, through + 1, acknowledged=acknowledged)
        _log.warning("%s: fetches from %d to %d from the API", self.subscription.name, self.position, through)
        while self.position < through:
            try:
                await self._catch_up(self._history, through)
            except ConnectionLost as error:
                _log.warning("%s: %r; again in %.0f s", self.subscription.name, error, AGAIN_SECONDS)
                if self._stopping.is_set():
                    raise
                await self._wait(AGAIN_SECONDS)

    async def _catch_up(self, history: History, through: int | None) -> None:
        """Raises ConnectionLost, also where the API says that it can't answer now, and Stopped."""
        try:
            async for page in history.pages(self.subscription, self.position, through):
                for first in range(0, len(page.events), self._batch):
                    self._stopping_check()
                    await self._taking.take(page.events[first : first + self._batch])
                self._stopping_check()
                await self._taking.note(self._taking.place.moved(page.through))
                async with self._moved:
                    self._moved.notify_all()
        except ApiError as error:
            if error.status not in REPEATED_STATUSES:
                raise
            raise ConnectionLost(f"the API can't answer now ({error})") from error

    async def _without(self, why: str) -> None:
        """There is nothing to fetch from now: follow the history meanwhile, and look again."""
        _log.warning("%s: %s; looks again in %.0f s", self.subscription.name, why, AGAIN_SECONDS)
        if self._history is not None:
            try:
                await self._catch_up(self._history, None)
            except ConnectionLost as error:
                _log.warning("%s: %r", self.subscription.name, error)
        await self._wait(AGAIN_SECONDS)

    def _stopping_check(self) -> None:
        """Raises Stopped."""
        if self._stopping.is_set():
            raise Stopped

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _back(self) -> None:
        if self._puller is not None:
            self._puller.again()

    @asynccontextmanager
    async def _heartbeats(self, ordering: Ordering[Delivery], ack_seconds: float) -> AsyncGenerator[None]:
        """Meanwhile, tell the server that what is held is being worked on."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(ack_seconds / 3)
                for delivery in list(ordering.held):
                    with contextlib.suppress(NatsError):
                        await delivery.message.in_progress()

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()


def _begins_late(subscription: Subscription, place: Place, after: int | None) -> str:
    begins = f"the durable consumer {subscription.name} begins after {after}"
    if place.position == 0:
        return f"{begins}; give the Subscription after={after} (or the Subscriber a History, to have what is before)"
    return (
        f"{begins}, and this subscription stands at {place.position}; give the Subscriber a History, which fetches what"
        " lies between, or have an operator remove the durable and make it again for the same types and customers"
        f" (`plumbline streams subscribers remove {subscription.name}`, then `create {subscription.name} --after"
        f" {place.position}`)"
    )


def _each(handler: Callable[[LedgerEvent, Transaction], Awaitable[None] | None]) -> Handler[Transaction]:
    """A handler of one event as one of many, called for each in turn."""

    async def rest(working: Awaitable[None], events: Sequence[LedgerEvent], transaction: Transaction) -> None:
        await working
        for event in events:
            further = handler(event, transaction)
            if further is not None:
                await further

    def all_of(events: Sequence[LedgerEvent], transaction: Transaction) -> Awaitable[None] | None:
        for number, event in enumerate(events, 1):
            working = handler(event, transaction)
            if working is not None:
                return rest(working, events[number:], transaction)
        return None

    return all_of

"""Where a consumer keeps how far it is: in the database that it writes to, and in the same transaction."""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from plumbline_client.subscribing.errors import PositionMoved
from plumbline_client.subscribing.subscription import Subscription

Transaction = TypeVar("Transaction")
TransactionGiven = TypeVar("TransactionGiven", covariant=True)
Result = TypeVar("Result")

Work: TypeAlias = Callable[[Transaction], Awaitable[None] | None]
"""What is done within a transaction."""

CLAIM_WAIT_SECONDS = 0.5
_NUMBERED: Final = " #"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a subscription is: every event up to `position` that it follows has taken effect.

    `durable` tells which durable consumer that was said of, so that one made anew is noticed, and `number` of its
    deliveries: what it first delivered under one of these numbers has taken effect as well (0 where that is not known).
    A store keeps `durable` as it is. `follows` is what was followed.
    """

    position: int
    durable: str
    follows: str

    @property
    def created(self) -> str:
        """When the durable consumer was made; empty before there was one."""
        return self.durable.partition(_NUMBERED)[0]

    @property
    def number(self) -> int:
        """Up to which of the durable's deliveries everything has taken effect; 0 where that is not known."""
        return int(self.durable.partition(_NUMBERED)[2] or 0)

    def moved(self, position: int, *, created: str | None = None, number: int = 0) -> Place:
        """The place at another position, of the same durable or another."""
        durable = self.created if created is None else created
        return replace(self, position=position, durable=f"{durable}{_NUMBERED}{number}" if number else durable)


class PositionStore(Protocol[TransactionGiven]):
    """Keeps the place of a subscription. `Transaction` is what a handler writes with."""

    async def open(self, subscription: Subscription) -> Place:
        """Take the subscription for this process alone, and tell its place.

        Waits while another process has it. Called again after a failure: connects anew where that is needed.
        """
        ...

    async def move(self, subscription: Subscription, before: Place, after: Place, work: Work[TransactionGiven]) -> None:
        """In one transaction: move the place, and do the work. After an error nothing of either stays.

        Raises PositionMoved where the place is not `before`, and what the work raises.
        """
        ...

    async def close(self) -> None:
        """Let the subscription and the connections go."""
        ...


class BlockingPositions(ABC, Generic[Transaction]):
    """A `PositionStore` for databases whose drivers block. All of it, handlers included, runs in one thread of its own,
    so that the connection to NATS stays alive meanwhile; handlers are plain functions."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plumbline-positions")

    @abstractmethod
    def claim(self, subscription: Subscription) -> Place | None:
        """Take the subscription and tell its place; None while another process has it. May be called again."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """A transaction: committed at the end of the block, rolled back after an error."""

    @abstractmethod
    def place_move(
        self, transaction: Transaction, subscription: Subscription, before: Place, after: Place
    ) -> bool:
        """Within a transaction: set the place to `after` if its position is that of `before`; whether it was."""

    @abstractmethod
    def release(self) -> None:
        """Let everything go. Safe to call twice."""

    async def open(self, subscription: Subscription) -> Place:
        """See `PositionStore`."""
        while (place := await self._run(lambda: self.claim(subscription))) is None:
            await asyncio.sleep(CLAIM_WAIT_SECONDS)
        return place

    async def move(self, subscription: Subscription, before: Place, after: Place, work: Work[Transaction]) -> None:
        """See `PositionStore`."""

        def whole() -> None:
            with self.transaction() as transaction:
                if not self.place_move(transaction, subscription, before, after):
                    raise position_moved(subscription, before)
                if work(transaction) is not None:
                    raise TypeError("with this store a handler is a plain function, not one to be awaited")

        await self._run(whole)

    async def close(self) -> None:
        """See `PositionStore`."""
        await self._run(self.release)
        self._thread.shutdown()

    async def _run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)


def position_moved(subscription: Subscription, before: Place) -> PositionMoved:
    """The error of a place that somebody else has moved."""
    return PositionMoved(
        f"the position of {subscription.name} is no longer {before.position}: is another process at work with it?"
    )


@cache
def statements(name: str) -> Mapping[str, str]:
    """The statements of a .sql file beside this module, by the names in their comments (`-- name: …`)."""
    text = resources.files("plumbline_client.subscribing").joinpath("sql", f"{name}.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))

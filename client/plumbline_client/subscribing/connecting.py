"""A connection to NATS that comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar, cast

import nats
from nats.aio.client import Client

from plumbline_client.subscribing.errors import NotPermitted
from plumbline_client.subscribing.subscription import Subscription

T = TypeVar("T")

CONNECT_SECONDS: Final = 5.0
_REFUSALS: Final = ("permissions violation", "authorization violation")


class Refusals:
    """What the server of a connection has refused for lack of permission: it says so beside all answers."""

    def __init__(self) -> None:
        self.last = ""
        self._came = asyncio.Event()

    def clear(self) -> None:
        """Forget them."""
        self.last = ""
        self._came.clear()

    async def told(self, error: Exception) -> None:
        """The connection's owner is told of an error."""
        if any(words in str(error).lower() for words in _REFUSALS):
            self.last = str(error).removeprefix("nats: ")
            self._came.set()

    async def unless(self, what: str, work: Coroutine[Any, Any, T], advice: str = "") -> T:
        """The result of some work, given up as soon as the server refuses something.

        Raises NotPermitted, with `advice` after the server's words.
        """
        self.clear()
        working, refused = asyncio.ensure_future(work), asyncio.ensure_future(self._came.wait())
        try:
            await asyncio.wait({working, refused}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise NotPermitted(f"the NATS server refuses {what}: {self.last}{advice}")
        finally:
            working.cancel()
            refused.cancel()


async def connect(
    url: str,
    subscription: Subscription,
    options: Mapping[str, Any],
    refusals: Refusals,
    back: Callable[[], Awaitable[None]],
) -> Client | None:
    """A connection in the subscription's name, with its own inbox; None where no server can be reached now.

    `back` is told when a lost connection is there again. Raises NotPermitted where the server refuses the login.
    """
    given: dict[str, Any] = {
        "name": subscription.name, "inbox_prefix": subscription.inbox_prefix, "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.5, "ping_interval": 10, "error_cb": refusals.told, "reconnected_cb": back, **options,
    }  # fmt: skip
    try:
        # The client itself would try for ever; whoever waits for it may have other things to do meanwhile.
        return await asyncio.wait_for(
            refusals.unless("the login", cast(Any, nats).connect(url, **given)), CONNECT_SECONDS
        )
    except TimeoutError:
        return None

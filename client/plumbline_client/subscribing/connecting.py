"""A connection to NATS that comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import nats
from nats.aio.client import Client

from plumbline_client.subscribing.errors import NotPermitted
from plumbline_client.subscribing.subscription import Subscription

CONNECT_SECONDS: Final = 5.0
_REFUSALS: Final = ("permissions violation", "authorization violation")


async def connect(
    url: str,
    subscription: Subscription,
    options: Mapping[str, Any],
    refusals: list[str],
    back: Callable[[], Awaitable[None]],
) -> Client | None:
    """A connection in the subscription's name, with its own inbox; None where no server can be reached now.

    What the server refuses goes into `refusals`; `back` is told when a lost connection is there again. Raises
    NotPermitted where the server refuses the login.
    """

    async def told(error: Exception) -> None:
        if any(words in str(error).lower() for words in _REFUSALS):
            refusals.append(str(error).removeprefix("nats: "))

    given: dict[str, Any] = {
        "name": subscription.name, "inbox_prefix": subscription.inbox_prefix, "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.5, "ping_interval": 10, **options,
    }  # fmt: skip
    refusals.clear()
    try:
        # The client itself would try for ever; whoever waits for it may have other things to do meanwhile.
        return await asyncio.wait_for(
            cast(Any, nats).connect(url, error_cb=told, reconnected_cb=back, **given), CONNECT_SECONDS
        )
    except TimeoutError:
        if refusals:
            raise NotPermitted(f"the NATS server refuses the login: {refusals[-1]}") from None
        return None

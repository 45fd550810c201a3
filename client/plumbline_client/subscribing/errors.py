"""Why a subscriber stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plumbline_client.errors import PlumblineClientError

if TYPE_CHECKING:
    from plumbline_client.subscribing.events import LedgerEvent


class SubscribingError(PlumblineClientError):
    """The base of all that a subscriber raises."""


class EventInvalid(SubscribingError):
    """A message, or an event of a page, that is none of a ledger."""


class GapFound(SubscribingError):
    """Events after `after` and before `before` did not come, and there is no history to fetch them from.

    `acknowledged`: the stream has not lost them, they were acknowledged at the durable consumer.
    """

    def __init__(self, after: int, before: int, *, acknowledged: bool = False) -> None:
        between = f"what lies between the positions {after} and {before}"
        super().__init__(
            f"{between} was acknowledged at the durable consumer and never took effect here: the stored position is an"
            " older one, or another's; give the Subscriber a History, which fetches it from the API"
            if acknowledged
            else f"the stream has lost {between};"
            " give the Subscriber a History, which fetches it from the API, or have the stream rebuilt"
        )
        self.after = after
        self.before = before


class StreamMissing(SubscribingError):
    """There is no stream, or no durable consumer on it."""


class DurableDiffers(SubscribingError):
    """The durable consumer on the server is not set up as this subscription needs it."""


class DurableShared(SubscribingError):
    """Another process fetches from the same durable consumer with a position store of its own."""


class NotPermitted(SubscribingError):
    """The NATS server does not let this user do what is needed; the reason is the server's."""


class SubscriptionChanged(SubscribingError):
    """The stored position belongs to other types or customers."""


class PositionMoved(SubscribingError):
    """Somebody else has moved the stored position; nothing of the transaction stays."""


class LogBehind(SubscribingError):
    """The ledger ends before the stored position: it is another one, or was restored from an older backup."""


class HandlerFailed(SubscribingError):
    """The handler has refused an event as often as it was tried. The position stands before it; the cause is
    `__cause__`."""

    def __init__(self, event: LedgerEvent, attempts: int) -> None:
        super().__init__(f"the handler failed {attempts} times at position {event.position} ({event.type})")
        self.event = event
        self.attempts = attempts

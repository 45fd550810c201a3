"""What a consumer follows, and what that is called on NATS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from plumbline_client.subscribing.events import LedgerEvent

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,48}")
_LEDGER: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TOKEN_BYTES: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events of a ledger a service follows; without types and customers all of them.

    `name` is the service's: its durable consumer on the server, its stored position and its inbox (`_INBOX_<name>`)
    bear it. `after` is the position after which one that is new begins. Raises ValueError for a name that is none.
    """

    ledger: str
    name: str
    types: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    after: int = 0

    def __post_init__(self) -> None:
        if not _LEDGER.fullmatch(self.ledger):
            raise ValueError("a ledger's name begins with a lower-case letter; letters, digits and _ follow")
        if not _NAME.fullmatch(self.name):
            raise ValueError("a subscription's name has 1 to 48 letters, digits, - and _")
        if not all(self.types) or not all(self.customers):
            raise ValueError("a type or a customer is empty")
        if self.after < 0:
            raise ValueError("after is a position, or 0 for the beginning")

    @property
    def whole(self) -> bool:
        """Whether it follows every event, so that positions come without gaps."""
        return not self.types and not self.customers

    @property
    def stream(self) -> str:
        """The JetStream stream of the ledger."""
        return f"PLUMBLINE_{self.ledger}"

    @property
    def inbox_prefix(self) -> str:
        """What the reply subjects of its connection begin with."""
        return f"_INBOX_{self.name}"

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of the events that it follows, sorted."""
        root = f"plumbline.{self.ledger}.event"
        if self.whole:
            return (f"{root}.>",)
        types = [_token(t) for t in self.types] or ["*"]
        customers = [_token(c) for c in self.customers] or ["*"]
        return tuple(sorted({f"{root}.{t}.{c}" for t in types for c in customers}))

    @property
    def follows(self) -> str:
        """What it follows in one line, kept with the position so that a change is seen."""
        return " ".join(self.subjects)

    def matches(self, event: LedgerEvent) -> bool:
        """Whether it follows an event of its ledger."""
        return (not self.types or event.type in self.types) and (
            not self.customers or event.customer in self.customers
        )


def _token(text: str) -> str:
    """An id as a part of a subject: what is no letter, digit, - or _ stands as %XX, and a lone _ means nobody."""
    if text == "_":
        return "%5F"
    return "".join(_token_characters(text))


def _token_characters(text: str) -> Iterator[str]:
    for byte in text.encode():
        yield chr(byte) if byte in _TOKEN_BYTES else f"%{byte:02X}"

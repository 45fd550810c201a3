"""Names on NATS: the subjects and streams of a ledger, and how an id becomes a part (a token) of a subject.

Every event of the log stands under `plumbline.<ledger>.event.<EventType>.<customer>`, with `_` where it is no
customer's. What comes in (`facts`), and what was refused of it (`dead`), lies outside that stream.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

SUBJECT_ROOT: Final = "plumbline"
CUSTOMER_NONE: Final = "_"
"""The token of an event that is no customer's."""

_LEDGER_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TOKEN_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+")
_BYTES_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def token_encode(text: str) -> str:
    """An id as a token of a subject: letters, digits, `-` and `_` stand as they are, other bytes of UTF-8 as %XX.

    Two ids never have the same token, and none has `_`, which means nobody. Raises ValueError for the empty text and
    for half of a surrogate pair.
    """
    if text != CUSTOMER_NONE and _TOKEN_PLAIN.fullmatch(text):
        return text
    if not text:
        raise ValueError("an empty id has no token")
    if text == CUSTOMER_NONE:
        return "%5F"
    return "".join(chr(byte) if byte in _BYTES_PLAIN else f"%{byte:02X}" for byte in text.encode())


def token_decode(token: str) -> str:
    """The id that a token stands for. Raises ValueError for what `token_encode` makes of no id, such as `_`."""
    if not _TOKEN.fullmatch(token):
        raise ValueError("is no token of an id")
    text = re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), token.encode()).decode()
    if token_encode(text) != token:
        raise ValueError("is no token of an id")
    return text


def event_subject(ledger: str, topic: str, customer: str | None) -> str:
    """The subject of an event: its type (`topic`) and its customer's id, None where it is no customer's."""
    return _event_subject_head(ledger, topic) + (CUSTOMER_NONE if customer is None else token_encode(customer))


def event_subjects(ledger: str) -> str:
    """The subjects of all events of a ledger, as the stream and subscribers name them."""
    return f"{SUBJECT_ROOT}.{_checked(ledger)}.event.>"


def stream_name(ledger: str) -> str:
    """The JetStream stream that holds a ledger's events."""
    return f"PLUMBLINE_{_checked(ledger)}"


def stream_name_dead(ledger: str) -> str:
    """The JetStream stream that keeps what came in and was refused."""
    return f"PLUMBLINE_{_checked(ledger)}_DEAD"


def facts_subject(ledger: str) -> str:
    """Where other systems send facts to."""
    return f"{SUBJECT_ROOT}.{_checked(ledger)}.facts"


def dead_subject(ledger: str) -> str:
    """Where facts go that were refused, with the reason."""
    return f"{SUBJECT_ROOT}.{_checked(ledger)}.dead"


@lru_cache(maxsize=4_096)
def _event_subject_head(ledger: str, topic: str) -> str:
    return f"{SUBJECT_ROOT}.{_checked(ledger)}.event.{token_encode(topic)}."


def _checked(ledger: str) -> str:
    """The name of a ledger. Raises ValueError for anything else: a wildcard would name other people's subjects."""
    if not _LEDGER_NAME.fullmatch(ledger):
        raise ValueError("is no name of a ledger")
    return ledger

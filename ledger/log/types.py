"""What is stored beside events, and what an append may answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from uuid import UUID, SafeUUID

from eventsourcing.persistence import StoredEvent


class EncodedEvent(NamedTuple):
    """An event as it is stored. The library's StoredEvent has the same fields; making one takes four times as long."""

    originator_id: str
    originator_version: int
    topic: str
    state: bytes


AnyStoredEvent: TypeAlias = EncodedEvent | StoredEvent


@dataclass(frozen=True, slots=True)
class AnswerEntry:
    """The first answer to a request that carried an idempotency key; kept for ever.

    `request_sha256` is the SHA-256 (32 bytes) of the canonical request, `body` the answer as it was given,
    `position` the log's position as of that answer (0 or more). Holds no personal data.
    """

    client: str
    key: str
    request_sha256: bytes
    body: bytes
    position: int


@lru_cache(maxsize=16_384)
def fact_key(source: str, external_id: str) -> UUID:
    """The key of a fact: the first 16 bytes of SHA-256 over source, NUL, external id."""
    key = _new_uuid(UUID)
    # Its constructor takes longer than the hash, only to find out which of its arguments were given.
    _set(key, "int", int.from_bytes(hashlib.sha256(f"{source}\0{external_id}".encode()).digest()[:16]))
    _set(key, "is_safe", _UNKNOWN)
    return key


_UNKNOWN = SafeUUID.unknown
_new_uuid = object.__new__
_set = object.__setattr__


@dataclass(slots=True)
class FactEntry:
    """One version of a fact. Not frozen, since one is made for each fact; nobody changes it.

    `key` is the first 16 bytes of the SHA-256 of source, NUL and external id; `version` counts from 1;
    `content_sha256` (32 bytes) tells two contents apart; `position` is that of the event recording this
    version.
    """

    key: UUID
    version: int
    content_sha256: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Appended:
    """Stored and committed. The events have the positions `position_first` to `position_last`, both included.

    An append of answers alone has no events: then `position_last` is the head and `position_first` one more.
    """

    position_first: int
    position_last: int


@dataclass(frozen=True, slots=True)
class PositionMoved:
    """Nothing was stored.

    The log stands at `position_head`, not where the caller decided. Catch up, decide again.
    """

    position_head: int


@dataclass(frozen=True, slots=True)
class EntriesKnown:
    """Nothing was stored: some of the entries are there already.

    `answers` are all stored answers among the given (client, key) pairs; `facts` are all stored versions of
    each given fact of which a version not older than the given one is stored. Give those their first answer,
    decide the rest again. `position_head` tells whether the log has moved as well.
    """

    answers: list[AnswerEntry]
    facts: list[FactEntry]
    position_head: int


AppendOutcome = Appended | PositionMoved | EntriesKnown

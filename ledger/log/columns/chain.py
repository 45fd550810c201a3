"""The chain over the events' bytes: two columns agree on it if and only if they were built from the same log.

`chain(0)` is 32 zero bytes; `chain(i) = SHA-256(chain(i-1) ‖ leaf(i))`, where `leaf(i)` is the SHA-256 of

    position   8 bytes, big-endian
    version    8 bytes, big-endian
    stream     4 bytes for its length in UTF-8, big-endian, then its bytes
    topic      likewise
    state      the rest: the bytes as they are stored

This never changes; another way of hashing would be another name in the manifest.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final

CHAIN_START: Final = bytes(32)
_HEAD: Final = Struct(">QQ")
_LENGTH: Final = Struct(">I")


@lru_cache(maxsize=256)
def _topic(topic: str) -> bytes:
    raw = topic.encode()
    return _LENGTH.pack(len(raw)) + raw


def chain_next(chain: bytes, position: int, stream: str, version: int, topic: str, state: bytes) -> bytes:
    """The chain's value after one more event."""
    raw = stream.encode()
    head = _HEAD.pack(position, version) + _LENGTH.pack(len(raw))
    return sha256(chain + sha256(head + raw + _topic(topic) + state).digest()).digest()

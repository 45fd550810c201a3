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

from hashlib import sha256
from struct import Struct
from typing import Final

CHAIN_START: Final = bytes(32)
_HEAD: Final = Struct(">QQ")
_LENGTH: Final = Struct(">I")


def chain_next(chain: bytes, position: int, stream: str, version: int, topic: str, state: bytes) -> bytes:
    """The chain's value after one more event."""
    stream_bytes, topic_bytes = stream.encode(), topic.encode()
    leaf = sha256(
        b"".join((
            _HEAD.pack(position, version),
            _LENGTH.pack(len(stream_bytes)), stream_bytes,
            _LENGTH.pack(len(topic_bytes)), topic_bytes,
            state,
        ))
    )  # fmt: skip
    return sha256(chain + leaf.digest()).digest()

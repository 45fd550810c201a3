"""Where a stream stands: its last message, which must be the log's event at that position."""

from __future__ import annotations

from typing import Final, cast

from nats.js.api import RawStreamMsg, StreamInfo
from nats.js.errors import NotFoundError

from ledger.log.recorder import EventRow
from streams.connection import LOST, Connection, reason_of
from streams.faults import NatsUnreachable, StreamDiffers, StreamMissing
from streams.messages import Message, message_of
from streams.setup import stream_info
from streams.subjects import stream_name
from streams.tail import LogTail

IDENTITY: Final = ("ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-position", "ce-ledger")
"""What makes a message that of one event of one log. Body and schema may be another version's."""


async def cursor_read(connection: Connection, ledger: str, tail: LogTail) -> int:
    """The position up to which a ledger's stream has the log; 0 while it is empty.

    Raises StreamMissing, StreamDiffers; NatsUnreachable where no server answers or the stream has no leader.
    """
    info = await stream_found(connection, ledger)
    last = info.state.last_seq
    if last == 0:
        return 0
    message: RawStreamMsg | None
    try:
        message = await connection.manager.get_msg(str(info.config.name), last)
    except NotFoundError:
        message = None
    except LOST as error:
        raise NatsUnreachable(f"the last message of {info.config.name} can't be read: {reason_of(error)}") from error
    if message is None:
        # Between the two questions others may have published, but never taken away.
        raise StreamDiffers(f"{info.config.name} says that it ends at {last} and has no message there: it was purged")
    rows = await tail.read(last - 1, 1)
    if not rows:
        head = await tail.head()
        raise StreamDiffers(
            f"{info.config.name} ends at position {last}, the log at {head}: the log was restored from an older"
            " backup, or the stream is that of another ledger of this name"
        )
    difference = message_differs(ledger, message, rows[0])
    if difference:
        raise StreamDiffers(
            f"the last message of {info.config.name}, {last}, is not the log's event at that position ({difference}):"
            " the log was restored and went on, or the stream is that of another ledger of this name"
        )
    return last


async def stream_found(connection: Connection, ledger: str) -> StreamInfo:
    """What the server says of a ledger's stream. Raises StreamMissing, NatsUnreachable."""
    name = stream_name(ledger)
    info = await stream_info(connection, name)
    if info is None:
        raise StreamMissing(f"there is no stream {name}; `plumbline streams setup` makes it, under an account that may")
    return info


def message_differs(ledger: str, found: RawStreamMsg, event: EventRow) -> str:
    """In what a message is not that of an event; nothing where it is."""
    wanted: Message = message_of(ledger, event)
    headers = cast(dict[str, str], found.headers or {})  # pyright: ignore[reportUnknownMemberType]
    for name in IDENTITY:
        if headers.get(name) != wanted.headers.get(name):
            return f"{name} differs"
    return "" if found.subject == wanted.subject else "the subject differs"

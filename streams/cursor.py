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
REMEDY: Final = (
    "`plumbline streams check` names every position that differs, `plumbline streams rebuild` makes the stream anew"
    " from the log"
)


async def cursor_read(connection: Connection, ledger: str, tail: LogTail, since: int | None = None) -> int:
    """The position up to which a ledger's stream has the log; 0 while it is empty.

    `since`: a position up to which the stream is known to be the log's. The message after it is compared, too: where
    another one took its place, events of the log may stand behind it.

    Raises StreamMissing, StreamDiffers; NatsUnreachable where no server answers or the stream has no leader.
    """
    info = await stream_found(connection, ledger)
    last = info.state.last_seq
    if since is not None and since + 1 < last:
        await _message_check(connection, ledger, tail, info, since + 1)
    if last > 0:
        await _message_check(connection, ledger, tail, info, last)
    return last


async def _message_check(connection: Connection, ledger: str, tail: LogTail, info: StreamInfo, sequence: int) -> None:
    """Raise StreamDiffers where a message is not the log's event at that position; StreamMissing where the stream of
    which `info` tells is there no longer."""
    stream, last = stream_name(ledger), info.state.last_seq
    message: RawStreamMsg | None
    try:
        message = await connection.manager.get_msg(stream, sequence)
    except NotFoundError:
        message = None
    except LOST as error:
        raise NatsUnreachable(f"the message {sequence} of {stream} can't be read: {reason_of(error)}") from error
    if message is None:
        if (await stream_found(connection, ledger)).created != info.created:
            raise StreamMissing(f"{stream} was deleted and made anew just now; look again")
        # Between the two questions others may have published, but never taken away from the same stream.
        raise StreamDiffers(
            f"{stream} says that it ends at {last} and has no message at {sequence}: it was purged; {REMEDY}"
        )
    rows = await tail.read(sequence - 1, 1)
    if not rows:
        head = await tail.head()
        raise StreamDiffers(
            f"{stream} ends at position {last}, the log at {head}: somebody else published into the stream, the log was"
            f" restored from an older backup, or the stream is that of another ledger of this name; {REMEDY}"
        )
    difference = message_differs(ledger, message, rows[0])
    if difference:
        which = "the last message" if sequence == last else "a message"
        raise StreamDiffers(
            f"{which} of {stream}, {sequence}, is not the log's event at that position ({difference}): somebody else"
            " published into the stream, the log was restored and went on, or the stream is that of another ledger of"
            f" this name; {REMEDY}"
        )


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

"""Is the stream what the log says? Log and stream are read side by side, counted and hashed range by range.

Each range of positions gets two counts and two hashes, one made from the events of the log as they are published, one
from the messages that the stream keeps. Where those differ, every position that differs is named, with what it is that
differs; never with what the message says. Where the stream ends before the log, and nobody moves it, what follows is
named, too.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal

import orjson

from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from streams.connection import Connection
from streams.cursor import IDENTITY, stream_found
from streams.faults import EventUnknown
from streams.kept import Kept, KeptReader
from streams.messages import Message, message_id, message_of
from streams.subjects import stream_name
from streams.tail import LogTail

RANGE_POSITIONS: Final = 10_000
CHUNK_POSITIONS: Final = 250
"""Read and compared at once."""
FINDINGS_MAX: Final = 1_000
"""So many are named; the rest is counted."""
MOVES_SECONDS: Final = 5.0
"""How long a stream that ends before the log may stand still: a relay that is idle, standing by or connecting again
takes up work within less."""
LOOK_SECONDS: Final = 0.25
_ID: Final = "Nats-Msg-Id"
_UNCOMPARED: Final = frozenset({"Nats-Expected-Last-Sequence", "Nats-Expected-Last-Msg-Id", "Nats-Expected-Stream"})
"""What a publisher asks of the server; not part of the message."""

Kind = Literal["missing", "altered", "misplaced", "foreign", "outdated", "unrelayed"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Positions, one after another, at which the stream isn't what the log says, and in what.

    missing: there is no message. altered: it is that event's, but not as it was published. misplaced: it is another
    position's. foreign: it is no event of this log. outdated: it was published under an older version of its schema.
    unrelayed: the stream ends before it, and no relay brings it.
    """

    first: int
    last: int
    kind: Kind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RangeDiffers:
    """A range of positions whose two sides are not the same."""

    first: int
    last: int
    count_log: int
    count_stream: int
    sha256_log: str
    sha256_stream: str


@dataclass(slots=True)
class Checked:
    """What comparing came to, from position `first` to `last`."""

    ledger: str
    first: int
    last: int
    behind: int
    """Events that the log had after the stream's last, at the start: a relay brings them, or they are unrelayed."""
    count_log: int = 0
    count_stream: int = 0
    ranges: int = 0
    ranges_differing: list[RangeDiffers] = field(default_factory=list[RangeDiffers])
    findings: list[Finding] = field(default_factory=list[Finding])
    positions: Counter[Kind] = field(default_factory=Counter[Kind])
    """How many positions of each kind, named or not."""
    sha256_log: str = ""
    sha256_stream: str = ""
    """Over the hashes of the ranges."""

    @property
    def sound(self) -> bool:
        """Whether subscribers find in the stream what the log says; of older versions of schemas there may be some."""
        return not any(count for kind, count in self.positions.items() if kind != "outdated")

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "ledger": self.ledger, "sound": self.sound, "from": self.first, "to": self.last, "behind": self.behind,
            "log": {"count": self.count_log, "sha256": self.sha256_log},
            "stream": {"count": self.count_stream, "sha256": self.sha256_stream},
            "ranges": self.ranges,
            "ranges_differing": [
                {
                    "from": r.first, "to": r.last, "log": {"count": r.count_log, "sha256": r.sha256_log},
                    "stream": {"count": r.count_stream, "sha256": r.sha256_stream},
                }
                for r in self.ranges_differing
            ],
            "positions": dict(sorted(self.positions.items())),
            "findings": [{"from": f.first, "to": f.last, "kind": f.kind, "detail": f.detail} for f in self.findings],
        }  # fmt: skip


async def stream_check(
    connection: Connection,
    tail: LogTail,
    ledger: str,
    first: int = 1,
    last: int | None = None,
    *,
    progress: Progress = lambda done, of: None,
    rest: float = 0.0,
) -> Checked:
    """Compare the positions from `first` to `last`, or to the stream's end, whichever comes first.

    A stream that ends before `last` and the log's end is looked at again: it must have moved, or move within
    MOVES_SECONDS. After each chunk it rests `rest` times as long as that took. Raises StreamMissing, NatsUnreachable,
    EventUnknown, Refused (POSITION_INVALID) where there is nothing to compare; what the database's driver raises.
    """
    if last is not None and first > last:
        raise Refused("POSITION_INVALID", f"begin at 1 to {last}, where the check is to end", "from")
    info = await stream_found(connection, ledger)
    # In this order: what is appended in between is not missing from the stream.
    stream_last = info.state.last_seq
    head = await tail.head()
    wanted = head if last is None else min(last, head)
    last = stream_last if last is None else min(last, stream_last)
    if first > max(last, 1):
        # Nothing compared is nothing found: that must not be taken for soundness.
        ends = f" to {stream_last}, where the stream ends" if stream_last else "; the stream is empty: a relay fills it"
        raise Refused("POSITION_INVALID", f"begin at 1{ends}", "from")
    checked = Checked(ledger, first, last, max(0, head - stream_last))
    whole = _Hashes()
    async with KeptReader(connection, stream_name(ledger)) as reader:
        for start in range(first, last + 1, RANGE_POSITIONS):
            end = min(start + RANGE_POSITIONS - 1, last)
            hashes = await _range_check(reader, tail, checked, head, start, end, progress, rest)
            whole.add(hashes.log.digest(), hashes.stream.digest())
    checked.sha256_log, checked.sha256_stream = whole.log.hexdigest(), whole.stream.hexdigest()
    if stream_last < wanted and not await _moves(connection, ledger, stream_last):
        _note(checked, stream_last + 1, wanted, "unrelayed", "")
    return checked


async def _moves(connection: Connection, ledger: str, since: int) -> bool:
    """Whether a stream has gone on since it ended at a position, or does so while one waits for it."""
    deadline = time.monotonic() + MOVES_SECONDS
    while (await stream_found(connection, ledger)).state.last_seq <= since:
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True


class _Hashes:
    """Two hashes that grow side by side."""

    def __init__(self) -> None:
        self.log = sha256()
        self.stream = sha256()

    def add(self, log: bytes, stream: bytes) -> None:
        self.log.update(log)
        self.stream.update(stream)


async def _range_check(
    reader: KeptReader,
    tail: LogTail,
    checked: Checked,
    head: int,
    start: int,
    end: int,
    progress: Progress,
    rest: float,
) -> _Hashes:
    hashes = _Hashes()
    count_log, count_stream = checked.count_log, checked.count_stream
    for after in range(start - 1, end, CHUNK_POSITIONS):
        began = time.monotonic()
        positions = range(after + 1, min(after + CHUNK_POSITIONS, end) + 1)
        rows = await tail.read(after, len(positions))
        kept = await reader.read(positions)
        messages = {m.position: m for m in _messages(checked.ledger, rows)}
        for position in positions:
            _position_check(checked, hashes, head, position, messages.get(position), kept[position])
        progress(positions[-1] - checked.first + 1, checked.last - checked.first + 1)
        if rest:
            await asyncio.sleep(rest * (time.monotonic() - began))
    checked.ranges += 1
    if hashes.log.digest() != hashes.stream.digest() and len(checked.ranges_differing) < FINDINGS_MAX:
        checked.ranges_differing.append(
            RangeDiffers(
                start, end, checked.count_log - count_log, checked.count_stream - count_stream,
                hashes.log.hexdigest(), hashes.stream.hexdigest(),
            )
        )  # fmt: skip
    return hashes


def _messages(ledger: str, rows: Sequence[Any]) -> Iterator[Message]:
    for row in rows:
        if row[3] not in REGISTRY:
            raise EventUnknown(f"the event at {row[0]} is of a newer version of Plumbline: use the one that wrote it")
        yield message_of(ledger, row)


def _position_check(
    checked: Checked, hashes: _Hashes, head: int, position: int, wanted: Message | None, kept: Kept | None
) -> None:
    """Take one position in on both sides, and note in what it differs."""
    ours = None if wanted is None or position > head else (wanted.subject, _headers(wanted), wanted.body)
    theirs = None if kept is None else (kept.subject, _compared(kept), kept.body)
    log = b"" if ours is None else _digest(*ours)
    stream = b"" if theirs is None else log if theirs == ours else _digest(*theirs)
    if log:
        checked.count_log += 1
        hashes.log.update(log)
    if stream:
        checked.count_stream += 1
        hashes.stream.update(stream)
    if log == stream:
        return
    kind, detail = _difference(checked.ledger, head, wanted, kept)
    _note(checked, position, position, kind, detail)


def _note(checked: Checked, first: int, last: int, kind: Kind, detail: str) -> None:
    """Take in what was found at some positions, together with what was found right before them where it is the same."""
    checked.positions[kind] += last - first + 1
    before = checked.findings[-1] if checked.findings else None
    if before is not None and (before.last + 1, before.kind, before.detail) == (first, kind, detail):
        checked.findings[-1] = Finding(before.first, last, kind, detail)
    elif len(checked.findings) < FINDINGS_MAX:
        checked.findings.append(Finding(first, last, kind, detail))


def _difference(ledger: str, head: int, wanted: Message | None, kept: Kept | None) -> tuple[Kind, str]:
    """What is wrong with a message, in words that don't say what stands in it."""
    if kept is None:
        return "missing", ""
    if wanted is None or wanted.position > head:
        return "foreign", "the log ends before it"
    named = kept.header("ce-id") or ""
    if named != message_id(ledger, wanted.position):
        other = named.removeprefix(f"{ledger}/")
        if named.startswith(f"{ledger}/") and other.isascii() and other.isdecimal() and 0 < int(other) <= head:
            return "misplaced", f"it is the event at {int(other)}"
        return "foreign", "it names no event of this log"
    ours, theirs = dict(_headers(wanted)), dict(_compared(kept))
    names = sorted(n for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n))
    known = [n for n in names if n in ours or n in _NAMES_KNOWN]
    parts = [*(["the subject"] if kept.subject != wanted.subject else []), *known]
    if len(known) < len(names):
        parts.append("a header that is none of ours")
    if len(theirs) < len(_compared(kept)):
        parts.append("a header given twice")
    if _older(ours["ce-dataschema"], theirs.get("ce-dataschema", "")) and parts == ["ce-dataschema"]:
        return "outdated", theirs["ce-dataschema"].rpartition("/")[2]
    if kept.body != wanted.body:
        parts.append("the body")
    return "altered", ", ".join(parts)


_NAMES_KNOWN: Final = frozenset({*IDENTITY, _ID})


def _older(ours: str, theirs: str) -> bool:
    """Whether one names an older version of the same schema."""
    schema, _, version = ours.rpartition("/")
    schema_theirs, _, version_theirs = theirs.rpartition("/")
    numbers = version_theirs.isascii() and version_theirs.isdecimal()
    return schema == schema_theirs and numbers and 0 < int(version_theirs) < int(version)


def _headers(message: Message) -> list[tuple[str, str]]:
    """The headers that a relay publishes an event with, sorted."""
    return sorted([*message.headers.items(), (_ID, message.headers["ce-id"])])


def _compared(kept: Kept) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in kept.headers if name not in _UNCOMPARED)


def _digest(subject: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """A hash of a message that no other message has: JSON ends where it ends, and the body is the rest."""
    return sha256(orjson.dumps([subject, headers]) + body).digest()

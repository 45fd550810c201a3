"""How a ledger's stream stands beside its log, looked up once: what `plumbline streams status` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import PlumblineError
from streams.connection import Connection
from streams.cursor import cursor_read
from streams.faults import NatsUnreachable, StreamMissing
from streams.publishing import HEADER_BYTES_MAX
from streams.setup import Difference, config_dead, config_events, differences, stream_info
from streams.subjects import stream_name
from streams.tail import LogTail

PAYLOAD_BYTES_LEAST: Final = 2_000_000 + HEADER_BYTES_MAX
"""What a server's max_payload should be at least: no event is larger than a document may be."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stream stands. `messages` is below `position` where some were taken from it; `fault` says what keeps the
    relay from going on. Counts are None where there is no stream."""

    ledger: str
    stream: str
    position_log: int
    position: int | None
    messages: int | None
    bytes: int | None
    replicas: int | None
    leader: str | None
    behind: int
    seconds: float
    dead_letters: int | None
    differences: tuple[Difference, ...]
    fault: PlumblineError | None
    payload_bytes_max: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing has to be done. Being behind is nothing that has to be done."""
        whole = self.messages == self.position
        return self.fault is None and not self.differences and whole and self.payload_is_enough

    @property
    def payload_is_enough(self) -> bool:
        """Whether every event fits into a message."""
        return self.payload_bytes_max >= PAYLOAD_BYTES_LEAST


async def standing_read(connection: Connection, ledger: str, tail: LogTail) -> Standing:
    """Look it up. Raises NatsUnreachable; what the driver raises where the database is away."""
    info = await stream_info(connection, stream_name(ledger))
    wanted, dead = config_events(ledger), config_dead(ledger)
    dead_info = await stream_info(connection, str(dead.name))
    told: list[Difference] = []
    fault: PlumblineError | None = None
    if info is not None:
        told += differences(info.config, wanted)
    if dead_info is not None:
        told += differences(dead_info.config, dead)
    try:
        await cursor_read(connection, ledger, tail)
    except NatsUnreachable:
        raise
    except PlumblineError as found:
        fault = found
    if fault is None and dead_info is None:
        fault = StreamMissing(f"there is no stream {dead.name}; `plumbline streams setup` makes it")
    position = None if info is None else info.state.last_seq
    behind = await tail.behind(position or 0)
    return Standing(
        ledger, stream_name(ledger), behind.position_log, position,
        messages=None if info is None else info.state.messages,
        bytes=None if info is None else info.state.bytes,
        replicas=None if info is None else info.config.num_replicas,
        leader=None if info is None or info.cluster is None else info.cluster.leader,
        behind=behind.positions, seconds=behind.seconds,
        dead_letters=None if dead_info is None else dead_info.state.messages,
        differences=tuple(told), fault=fault, payload_bytes_max=connection.client.max_payload,
    )  # fmt: skip

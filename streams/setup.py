"""The streams of a ledger: how they must be set, and making them so.

`PLUMBLINE_<ledger>` holds every event of the log, for ever: message and position are one number, so nothing in it may
be removed, expire, or make room for something newer. `PLUMBLINE_<ledger>_DEAD` keeps what came in and was refused, for
a while; it may hold what people wrote, so letters can be deleted from it.

Made under an account of operations; what relays and subscribers may do doesn't include it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal, cast

from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from streams.connection import LOST, Connection, reason_of
from streams.faults import NatsUnreachable, StreamRefused, StreamSettingsFixed
from streams.subjects import dead_subject, event_subjects, stream_name, stream_name_dead

DEAD_AGE_SECONDS: Final = 90 * 86_400
DUPLICATE_SECONDS: Final = 0.1
"""The least there is. The expected sequence keeps out whatever comes twice; the server need not remember ids."""

_REFUSALS: Final = {
    10074: "it stands alone; more than one replica needs a cluster of as many servers, each with JetStream",
}
"""What the server's words for a refusal mean, by their number, where they don't say what to do."""

Outcome = Literal["created", "changed", "unchanged"]

_EVENTS: Final[dict[str, Any]] = {
    "storage": StorageType.FILE,
    "retention": RetentionPolicy.LIMITS,
    "discard": DiscardPolicy.NEW,
    "max_msgs": -1,
    "max_bytes": -1,
    "max_age": 0.0,
    "max_msgs_per_subject": -1,
    "max_msg_size": -1,
    "duplicate_window": DUPLICATE_SECONDS,
    "deny_delete": True,
    "deny_purge": True,
    "allow_rollup_hdrs": False,
    "allow_msg_ttl": False,
    "allow_direct": True,
    "sealed": False,
}
_DEAD: Final[dict[str, Any]] = {
    "storage": StorageType.FILE,
    "retention": RetentionPolicy.LIMITS,
    "max_age": float(DEAD_AGE_SECONDS),
    "sealed": False,
}
_FIXED: Final = frozenset({"storage", "retention", "sealed", "allow_msg_ttl", "mirror", "sources"})
"""What a server never changes in a stream that is there, and what would have let others fill it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not as it must be, in words. `fixed`: no change of it is possible, or would undo the harm."""

    setting: str
    found: str
    wanted: str
    fixed: bool

    def text(self) -> str:
        """The difference in a few words."""
        return f"{self.setting} is {self.found}, must be {self.wanted}"


@dataclass(frozen=True, slots=True)
class StreamSet:
    """What setting up one stream came to. `differences` are those that were there before."""

    stream: str
    outcome: Outcome
    replicas: int
    differences: tuple[Difference, ...] = ()


def config_events(ledger: str, replicas: int = 1) -> StreamConfig:
    """How a ledger's stream of events is set."""
    return StreamConfig(
        name=stream_name(ledger), subjects=[event_subjects(ledger)], num_replicas=replicas,
        description=f"Every event of the ledger {ledger}; sequence and position are one number", **_EVENTS,
    )  # fmt: skip


def config_dead(ledger: str, replicas: int = 1) -> StreamConfig:
    """How a ledger's stream of refused facts is set."""
    return StreamConfig(
        name=stream_name_dead(ledger), subjects=[dead_subject(ledger)], num_replicas=replicas,
        description=f"What came in for the ledger {ledger} and was refused; kept for 90 days", **_DEAD,
    )  # fmt: skip


def differences(found: StreamConfig, wanted: StreamConfig, replicas: int | None = None) -> list[Difference]:
    """What of a stream's settings is not as it must be. The number of replicas is compared where one is asked for."""
    checked: dict[str, Any] = {"subjects": wanted.subjects, "mirror": None, "sources": None}
    checked |= _EVENTS if wanted.discard is DiscardPolicy.NEW else _DEAD
    if replicas is not None:
        checked["num_replicas"] = replicas
    told: list[Difference] = []
    for setting, value in checked.items():
        # A server leaves out what is off.
        has = getattr(found, setting) or _nothing(value)
        if has != value:
            told.append(Difference(setting, _words(has), _words(value), setting in _FIXED))
    return told


async def stream_info(connection: Connection, stream: str) -> StreamInfo | None:
    """What the server says of a stream; None where there is none. Raises NatsUnreachable."""
    try:
        return await connection.manager.stream_info(stream)
    except NotFoundError:
        return None
    except LOST as error:
        raise NatsUnreachable(f"the stream {stream} can't be looked up: {reason_of(error)}") from error


async def streams_setup(connection: Connection, ledger: str, replicas: int | None = None) -> list[StreamSet]:
    """Make the streams of a ledger, or set them as they must be; does nothing where all is right.

    Without `replicas` a new stream has one and an old one keeps its own. Raises StreamSettingsFixed, before anything is
    changed, where a stream is set in a way that can't be changed; StreamRefused; NatsUnreachable.
    """
    found: list[tuple[StreamConfig, StreamInfo | None, list[Difference]]] = []
    for config in (config_events(ledger, replicas or 1), config_dead(ledger, replicas or 1)):
        info = await stream_info(connection, str(config.name))
        found.append((config, info, [] if info is None else differences(info.config, config, replicas)))
    fixed = [f"{config.name}: {d.text()}" for config, _, told in found for d in told if d.fixed]
    if fixed:
        raise StreamSettingsFixed(
            f"{'; '.join(fixed)}. That can't be changed in a stream that is there: delete it under an account that may,"
            " and run this again; the relay fills it from the log"
        )
    return [await _set(connection, config, info, told) for config, info, told in found]


async def _set(
    connection: Connection, config: StreamConfig, info: StreamInfo | None, told: list[Difference]
) -> StreamSet:
    name = str(config.name)
    try:
        if info is None:
            made: StreamInfo = await connection.manager.add_stream(config)
            return StreamSet(name, "created", made.config.num_replicas or 1)
        if not told:
            return StreamSet(name, "unchanged", info.config.num_replicas or 1)
        if not any(d.setting == "num_replicas" for d in told):
            config = replace(config, num_replicas=info.config.num_replicas)
        # What is nobody's concern here (placement, metadata, consumer limits) stays as it is.
        kept = {n: getattr(info.config, n) for n in ("placement", "metadata", "consumer_limits", "compression")}
        made = await connection.manager.update_stream(replace(config, **kept))
        return StreamSet(name, "changed", made.config.num_replicas or 1, tuple(told))
    except APIError as error:
        reason = _REFUSALS.get(error.err_code or 0) or reason_of(error)
        raise StreamRefused(f"the server doesn't set up {name}: {reason}") from error
    except LOST as error:
        raise NatsUnreachable(f"the stream {name} can't be set up: {reason_of(error)}") from error


def _nothing(value: Any) -> Any:
    """What a setting that is left out means, in the type of the one wanted."""
    match value:
        case bool():
            return False
        case float():
            return 0.0
        case int():
            return -1
        case _:
            return None


def _words(value: Any) -> str:
    match value:
        case None | []:
            return "nothing"
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g} s"
        case int():
            return "without limit" if value == -1 else str(value)
        case list():
            return ", ".join(str(v) for v in cast(list[Any], value))
        case Enum():
            return str(value.value)
        case str():
            return value
        case _:
            return "something"

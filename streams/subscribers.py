"""The durable consumers of other services: each made for one service, with its own part of the events.

The service itself can neither make its durable nor change what comes through it: it fetches and acknowledges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nats.js.errors import NotFoundError

from ledger.domain.errors import Refused
from ledger.domain.events import type_unknown
from ledger.domain.values import customer_number
from streams.asking import api_ask
from streams.connection import Connection
from streams.faults import StreamMissing
from streams.subjects import event_subjects, stream_name, token_encode

ACK_SECONDS: Final = 30
WAITING_MAX: Final = 1_000
"""Messages handed out and not acknowledged yet."""
_NANOSECONDS: Final = 1_000_000_000
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,48}")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A durable consumer as it stands. Everything up to `acked` is acknowledged, of what it follows."""

    name: str
    subjects: tuple[str, ...]
    acked: int
    waiting: int
    """Handed out, not acknowledged yet."""
    behind: int
    """Not handed out yet."""

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": self.name, "subjects": list(self.subjects), "acked": self.acked, "waiting": self.waiting,
            "behind": self.behind,
        }  # fmt: skip


def subjects_of(ledger: str, types: Sequence[str], customers: Sequence[str]) -> tuple[str, ...]:
    """The subjects of the events of these types and customers; without either, of all.

    Raises Refused (EVENT_TYPE_UNKNOWN, CUSTOMER_INVALID).
    """
    if unknown := type_unknown(types):
        raise Refused("EVENT_TYPE_UNKNOWN", unknown.reason, unknown.field)
    for i, customer in enumerate(customers):
        if not customer_number(customer):
            raise Refused("CUSTOMER_INVALID", f"customers.{i} is no id such as C-000001", f"customers.{i}")
    if not types and not customers:
        return (event_subjects(ledger),)
    root = event_subjects(ledger).removesuffix(">")
    tokens = [token_encode(customer) for customer in customers] or ["*"]
    return tuple(sorted({f"{root}{t}.{c}" for t in types or ["*"] for c in tokens}))


async def subscriber_create(
    connection: Connection, ledger: str, name: str, subjects: Sequence[str], after: int = 0
) -> Subscriber:
    """Make a durable that begins after a position. Raises Refused (SUBSCRIBER_INVALID, SUBSCRIBER_KNOWN), what
    `api_ask` raises; StreamMissing where the ledger has no stream."""
    _name_check(name)
    try:
        known = await _info(connection, ledger, name)
    except NotFoundError:
        stream = stream_name(ledger)
        raise StreamMissing(f"there is no stream {stream}; `plumbline streams setup` makes it") from None
    if known is not None:
        raise Refused("SUBSCRIBER_KNOWN", "there is a subscriber of this name; remove it, or take another name", "name")
    config: dict[str, Any] = {
        "durable_name": name, "name": name, "ack_policy": "explicit", "deliver_policy": "by_start_sequence",
        "opt_start_seq": after + 1, "ack_wait": ACK_SECONDS * _NANOSECONDS, "max_ack_pending": WAITING_MAX,
        "max_deliver": -1, "replay_policy": "instant", "filter_subjects": list(subjects),
    }  # fmt: skip
    return _subscriber(await durable_create(connection, ledger, config))


async def subscribers_read(connection: Connection, ledger: str) -> list[Subscriber]:
    """All of a ledger, by name. Raises what `api_ask` raises."""
    return [_subscriber(found) for found in await durables_read(connection, ledger)]


async def subscriber_remove(connection: Connection, ledger: str, name: str) -> None:
    """Remove a durable, and with it what it had acknowledged. Raises Refused (SUBSCRIBER_UNKNOWN), what `api_ask`
    raises."""
    _name_check(name)
    try:
        await api_ask(connection, f"CONSUMER.DELETE.{stream_name(ledger)}.{name}")
    except NotFoundError:
        raise Refused(
            "SUBSCRIBER_UNKNOWN", "there is no subscriber of this name; `streams subscribers list` has all", "name"
        ) from None


async def durables_read(connection: Connection, ledger: str) -> list[dict[str, Any]]:
    """Every durable of a ledger's stream as the server describes it, by name."""
    found: list[dict[str, Any]] = []
    while True:
        page = await api_ask(connection, f"CONSUMER.LIST.{stream_name(ledger)}", {"offset": len(found)})
        found += page.get("consumers") or []
        if len(found) >= page["total"] or not page.get("consumers"):
            return sorted((f for f in found if f["config"].get("durable_name")), key=lambda f: str(f["name"]))


async def durable_create(connection: Connection, ledger: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Make a durable as its settings say; one that is there and set otherwise is an error."""
    stream = stream_name(ledger)
    asked = {"stream_name": stream, "config": config, "action": "create"}
    return await api_ask(connection, f"CONSUMER.CREATE.{stream}.{config['durable_name']}", asked)


async def _info(connection: Connection, ledger: str, name: str) -> dict[str, Any] | None:
    # By name, so that a stream that is missing is not taken for a subscriber that is.
    return next((found for found in await durables_read(connection, ledger) if found["name"] == name), None)


def _subscriber(found: Mapping[str, Any]) -> Subscriber:
    config = found["config"]
    subjects = config.get("filter_subjects") or [config.get("filter_subject") or ">"]
    return Subscriber(
        found["name"], tuple(subjects), found["ack_floor"]["stream_seq"], found["num_ack_pending"], found["num_pending"]
    )


def _name_check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused("SUBSCRIBER_INVALID", "name it in 1 to 48 letters, digits, - and _", "name")

"""A stream made anew from the log: the same events under the same sequences, since a sequence is a position.

Subscribers go on where they were. Their durables go with the old stream, so what each had acknowledged is written down
before, and each is made again with its own settings, to begin after that. If anything dies in between, the next
rebuild finds what was written down.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson
from nats.js.errors import APIError

from ledger.domain.errors import Refused
from streams.asking import api_ask
from streams.connection import Connection, nats_connected
from streams.relay import Relay
from streams.setup import stream_info, streams_setup
from streams.subjects import stream_name
from streams.subscribers import durable_create, durables_read
from streams.tail import tail_open

LOOK_SECONDS: Final = 0.2
CLIENT_NAME: Final = "plumbline rebuild"
_CONSUMER_DIFFERS: Final = (10013, 10105, 10148)
"""The server's words for a durable that is there already."""
SUCCEEDS: Final = "plumbline_succeeds"
SUCCEEDS_NUMBER: Final = "plumbline_succeeds_number"
"""In the metadata of a durable that was made again: when the one before was made, and the last of its deliveries up to
which all was acknowledged."""
_TOLD_ONLY: Final = ("pause_until", "opt_start_time")
"""Settings that a durable can't be made anew with: one waits for no time of the past."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Resumed:
    """A durable and the position after which it goes on. `problem`: why it doesn't; empty where it does. `refused`: the
    server didn't take it, and the next rebuild tries again."""

    name: str
    after: int
    problem: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A stream made anew. `events`: how many it holds."""

    ledger: str
    events: int
    seconds: float
    subscribers: tuple[Resumed, ...]

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "ledger": self.ledger, "events": self.events, "seconds": round(self.seconds, 3),
            "subscribers": [{"name": s.name, "after": s.after, "problem": s.problem} for s in self.subscribers],
        }  # fmt: skip


async def stream_rebuild(
    ledger: str,
    schema: str,
    database_url: str,
    nats_url: str,
    note: Path,
    progress: Progress = lambda done, of: None,
) -> Rebuilt:
    """Delete a ledger's stream, make it again, fill it from the log, and make its durables again.

    `note` is the file in which the durables are written down meanwhile. Raises NatsUnreachable, APIError where the
    account may not, Refused (NOTE_INVALID) where the note can't be read, what stops a relay, and what the database's
    driver raises.
    """
    began = time.monotonic()
    async with nats_connected(nats_url, CLIENT_NAME) as connection, tail_open(database_url, schema) as tail:
        info = await stream_info(connection, stream_name(ledger))
        durables = [] if info is None else await durables_read(connection, ledger)
        noted = _note_read(note)
        _note_write(note, noted | {str(d["name"]): _as_noted(d) for d in durables if str(d["name"]) not in noted})
        if info is not None:
            await api_ask(connection, f"STREAM.DELETE.{stream_name(ledger)}")
        await streams_setup(connection, ledger, None if info is None else info.config.num_replicas)
        head = await tail.head()
        if head:
            await _fill(Relay(ledger, schema, database_url, nats_url, standby_seconds=0), head, progress)
        resumed: list[Resumed] = []
        refused: dict[str, dict[str, Any]] = {}
        for name, entry in _note_read(note).items():
            resumed.append(await _resume(connection, ledger, entry, head))
            if resumed[-1].refused:
                refused[name] = entry
        if refused:
            # What the server took is done with: another rebuild must not set it back to where it is now.
            _note_write(note, refused)
        else:
            note.unlink()
    return Rebuilt(ledger, head, time.monotonic() - began, tuple(resumed))


async def _fill(relay: Relay, head: int, progress: Progress) -> None:
    filling = asyncio.create_task(relay.run_until(head))
    try:
        while not filling.done():
            await asyncio.wait({filling}, timeout=LOOK_SECONDS)
            progress(relay.position or 0, head)
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError):
            await filling


async def _resume(connection: Connection, ledger: str, entry: dict[str, Any], head: int) -> Resumed:
    """Make a durable again. Where the service has made it itself meanwhile, at its own position, it stays."""
    name, after = str(entry["config"]["durable_name"]), int(entry["acked"])
    if after > head:
        problem = f"it had acknowledged up to {after}, and the log ends at {head}: what it saw after that is gone"
        return Resumed(name, head, problem)
    config = {key: value for key, value in entry["config"].items() if key not in _TOLD_ONLY}
    config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": after + 1}
    config["metadata"] = {**(config.get("metadata") or {}), **entry.get("succeeds", {})}
    try:
        await durable_create(connection, ledger, config)
    except APIError as error:
        if error.err_code in _CONSUMER_DIFFERS:
            return Resumed(name, after, "the service made it again itself, at a position of its own")
        return Resumed(name, after, f"the server doesn't take it: {error.description}", refused=True)
    return Resumed(name, after)


def _as_noted(durable: dict[str, Any]) -> dict[str, Any]:
    """What must be known to make a durable again. One whose messages need no acknowledgement has had what was sent."""
    config = durable["config"]
    floor = durable["delivered" if config.get("ack_policy") == "none" else "ack_floor"]
    noted = {"config": config, "acked": floor["stream_seq"]}
    if durable["delivered"]["consumer_seq"] or SUCCEEDS not in (config.get("metadata") or {}):
        # What it had acknowledged of its own, by which a subscriber knows again where the next one begins.
        noted["succeeds"] = {SUCCEEDS: durable["created"], SUCCEEDS_NUMBER: str(floor["consumer_seq"])}
    return noted


def _note_read(note: Path) -> dict[str, dict[str, Any]]:
    if not note.exists():
        return {}
    try:
        found = cast(dict[str, dict[str, Any]], orjson.loads(note.read_bytes()))
        _ = [(entry["config"]["durable_name"], int(entry["acked"])) for entry in found.values()]
    except (ValueError, KeyError, TypeError, AttributeError):
        reason = f"what an earlier rebuild wrote down can't be read: {note.name}; look at it, then remove it"
        raise Refused("NOTE_INVALID", reason, "note") from None
    return found


def _note_write(note: Path, entries: dict[str, dict[str, Any]]) -> None:
    """Replace the note as a whole; it is on the disk before anything is deleted."""
    note.parent.mkdir(parents=True, exist_ok=True)
    beside = note.with_name(f"{note.name}.new")
    with beside.open("wb") as file:
        file.write(orjson.dumps(entries, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(note)
    folder = os.open(note.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

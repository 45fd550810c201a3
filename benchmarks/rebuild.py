"""A stream made anew from the log, and compared with it, beside bare reading of the same log.

The log is the follower's: registrations, facts, and what they earned, written by the writer itself.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.follower import log_write
from benchmarks.lines import Line, Say
from benchmarks.nats_own import nats_own
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import LogRecorder, recorder_open
from service import embedded
from service.settings import Settings
from streams.checking import Checked, stream_check
from streams.connection import nats_connected
from streams.rebuilding import stream_rebuild
from streams.tail import tail_open

EVENTS: Final = 100_000
MUST_SECONDS: Final = 60.0
_LEDGER: Final = "bench"
_SCHEMA: Final = "ledger_bench"


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure on an embedded PostgreSQL of its own, and on two NATS servers: one syncs by default, one always."""
    # Not below the project: the path of a Unix socket is short, and the server's account must reach it.
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    lines: list[Line] = []
    try:
        say("starting PostgreSQL")
        url = embedded.database_url(settings)
        ledger_schema_create(url, _SCHEMA)
        with recorder_open(url, _SCHEMA) as recorder:
            facts, customers = (1_500, 500) if quick else (62_000, 20_000)
            log_write(recorder, facts, customers, say)
            head = recorder.position_head()
            if not quick and head < EVENTS:
                raise RuntimeError(f"only {head} events were written")
            for sync_always in (False, True):
                with nats_own(parent, "sync_interval: always" if sync_always else "") as nats:
                    lines += _measure(url, nats, head, parent, say, sync_always=sync_always)
            lines[1] = _beside_bare(lines[1], recorder, head)
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)
    return lines


def _measure(url: str, nats: str, head: int, parent: Path, say: Say, *, sync_always: bool) -> list[Line]:
    how = "always synced" if sync_always else "default sync"
    note = parent / f"note-{sync_always}.json"
    rebuild = partial(stream_rebuild, _LEDGER, _SCHEMA, url, nats, note)
    if not sync_always:
        say(f"filling a stream of {head:,} events, {how}")
        asyncio.run(rebuild())
    say(f"making it anew, {how}")
    rebuilt = asyncio.run(rebuild())
    taken = rebuilt.seconds * EVENTS / head
    more = {"events": head}
    most = None if sync_always else MUST_SECONDS
    found = [Line(f"rebuild of a stream, of 100,000 events, {how}", "s", taken, most=most, more=more)]
    if not sync_always:
        say("comparing it with the log")
        began = time.perf_counter()
        checked = asyncio.run(_check(url, nats))
        taken = time.perf_counter() - began
        if not checked.sound or checked.count_stream != head:
            raise RuntimeError(f"the stream is not what the log says: {checked.document()}")
        found.append(Line("check of a stream against its log", "events/s", head / taken, more=more))
    return found


async def _check(url: str, nats: str) -> Checked:
    async with nats_connected(nats, "bench") as connection, tail_open(url, _SCHEMA) as tail:
        return await stream_check(connection, tail, _LEDGER)


def _beside_bare(line: Line, recorder: LogRecorder, head: int) -> Line:
    """Beside reading the log alone, page by page as the check does."""
    began, after = time.perf_counter(), 0
    while rows := recorder.select_range(after, 250):
        after = rows[-1][0]
    rate = head / (time.perf_counter() - began)
    return Line(line.what, line.unit, line.measured, "reading the log", rate, more=line.more)

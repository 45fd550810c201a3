"""Compares a ledger's stream with its log once a night, slowly, and says what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

import psycopg
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric

from ledger.domain.errors import PlumblineError
from ledger.log.codec import state_of
from service.bootstrap import SCHEMA_PREFIX, TIMEZONE_DEFAULT, clock
from service.serving.looping import LoopThread
from streams.checking import Checked, Kind, stream_check
from streams.connection import LOST, nats_connected
from streams.tail import LogTail, tail_open

HOUR_DEFAULT: Final = 3
WINDOW_HOURS: Final = 3
"""How long after its hour a check still begins: where the process wasn't there, or NATS wasn't."""
LOOK_SECONDS: Final = 20.0
AGAIN_SECONDS: Final = 300.0
REST: Final = 3.0
"""A check works a quarter of the time, so that it is in nobody's way."""
TOLD_MAX: Final = 20
CLIENT_NAME: Final = "plumbline check"

_log: Any = structlog.get_logger("plumbline.stream_check")


@dataclass(frozen=True, slots=True)
class CheckRule:
    """At which hour streams are checked, where the books are kept; None: never."""

    hour: int | None = HOUR_DEFAULT

    def due(self, now: datetime, timezone: str, done: date | None) -> date | None:
        """The night whose check is to begin now; None where there is none, or that of this night is done."""
        if self.hour is None:
            return None
        begun = now.astimezone(ZoneInfo(timezone)) - timedelta(hours=self.hour)
        night = begun.date()
        return night if begun.hour < WINDOW_HOURS and night != done else None


CHECK_NEVER: Final = CheckRule(None)


class StreamChecking:
    """Checks one ledger's stream every night, in a thread of its own, where `leads` says that this process relays it."""

    def __init__(
        self, name: str, database_url: str, nats_url: str, rule: CheckRule, leads: Callable[[], bool]
    ) -> None:
        self.name = name
        self.checked: Checked | None = None
        """What the last check came to; None before there was one."""
        self.finished_at: datetime | None = None
        self._database_url = database_url
        self._nats_url = nats_url
        self._rule = rule
        self._leads = leads
        self._timezone = ""
        self._done: date | None = None
        self._thread = LoopThread(f"stream-check-{name}", self._watch, self._failed)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Give up a check that is under way, end."""
        self._thread.stop()

    def _failed(self, error: Exception) -> None:
        _log.error("stream check failed", ledger=self.name, exc_info=error)

    async def _watch(self, stopping: asyncio.Event) -> None:
        ending = asyncio.create_task(stopping.wait())
        wait = 0.0
        while not stopping.is_set():
            await asyncio.wait({ending}, timeout=wait)
            wait = LOOK_SECONDS
            night = self._rule.due(clock(), self._timezone or TIMEZONE_DEFAULT, self._done)
            if stopping.is_set() or night is None or not self._leads():
                continue
            checking = asyncio.create_task(self._check(night))
            await asyncio.wait({checking, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not checking.done():
                checking.cancel()
                await asyncio.wait({checking})
                continue
            try:
                if checking.result():
                    self._done = night
            except (PlumblineError, psycopg.Error, *LOST) as error:
                wait = AGAIN_SECONDS
                reason = str(error) if isinstance(error, PlumblineError) else type(error).__name__
                _log.warning("stream not checked", ledger=self.name, reason=reason)
            except Exception as error:
                wait = AGAIN_SECONDS
                self._failed(error)

    async def _check(self, night: date) -> bool:
        """Whether it was checked; it isn't where it is due at another hour, in the time zone of its books."""
        async with (
            tail_open(self._database_url, SCHEMA_PREFIX + self.name) as tail,
            nats_connected(self._nats_url, CLIENT_NAME) as connection,
        ):
            self._timezone = await _timezone(tail)
            if self._rule.due(clock(), self._timezone, self._done) != night:
                return False
            checked = await stream_check(connection, tail, self.name, rest=REST)
        self.checked, self.finished_at = checked, clock()
        told: dict[str, Any] = {
            "ledger": self.name, "position": checked.last, "behind": checked.behind, "sha256": checked.sha256_stream,
        }  # fmt: skip
        if checked.sound and not checked.findings:
            _log.info("stream is what the log says", **told)
        else:
            level = _log.warning if checked.sound else _log.error
            named = [f"{f.first}-{f.last} {f.kind} {f.detail}".rstrip() for f in checked.findings[:TOLD_MAX]]
            level("stream differs from the log", **told, positions=dict(checked.positions), findings=named)
        return True


async def _timezone(tail: LogTail) -> str:
    """Where the books are kept, as their first event says."""
    rows = await tail.read(0, 1)
    return str(state_of(rows[0][3], rows[0][4]).get("timezone", TIMEZONE_DEFAULT)) if rows else TIMEZONE_DEFAULT


def check_metrics(checks: Iterable[StreamChecking]) -> list[Metric]:
    """What the last checks came to, for Prometheus."""
    sound = GaugeMetricFamily(
        "plumbline_stream_sound", "1 where the last check found the stream to be what the log says.", labels=["ledger"]
    )
    finished = GaugeMetricFamily(
        "plumbline_stream_checked", "When a stream was last checked, in Unix time.", labels=["ledger"]
    )
    positions = GaugeMetricFamily(
        "plumbline_stream_differing_positions", "Positions that differ, as of the last check.", labels=["ledger", "kind"]
    )
    for check in checks:
        if check.checked is None or check.finished_at is None:
            continue
        sound.add_metric([check.name], int(check.checked.sound))
        finished.add_metric([check.name], check.finished_at.timestamp())
        for kind in get_args(Kind):
            positions.add_metric([check.name, kind], check.checked.positions[kind])
    return [sound, finished, positions]

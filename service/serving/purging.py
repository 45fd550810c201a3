"""Forgets, once a day, what rows of the quarantine hold that have been open for long; where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError

from connectors.files.quarantine import Quarantine
from ledger.log.reasons import database_reason

ROWS_AT_ONCE: Final = 2_000
"""So many are forgotten in one statement: whoever does it has other work, too."""
AGAIN_SECONDS: Final = 300.0

_log: Any = structlog.get_logger("plumbline.purging")


@dataclass(frozen=True, slots=True)
class PurgeRule:
    """For how many days a refused row may be open before it is forgotten; None: it is for people to forget rows.

    None unless somebody says otherwise: an open row is something that happened and isn't in the books yet.
    """

    open_days: int | None = None


PURGE_NEVER: Final = PurgeRule()


class Purging:
    """One ledger's quarantine, looked through once on each day of its books. Belongs to one thread."""

    def __init__(self, name: str, quarantine: Quarantine, rule: PurgeRule, actor: str) -> None:
        self._name = name
        self._quarantine = quarantine
        self._rule = rule
        self._actor = actor
        self._done: date | None = None
        self._purged = 0
        self._again_at = 0.0

    def look(self, now: datetime, timezone: str) -> None:
        """Forget the next rows where it is time to."""
        open_days, today = self._rule.open_days, now.astimezone(ZoneInfo(timezone)).date()
        if open_days is None or today == self._done or now.timestamp() < self._again_at:
            return
        before = now - timedelta(days=open_days)
        try:
            purged = self._quarantine.purge(
                actor=self._actor, resolved_at=now, open_since_before=before, rows_max=ROWS_AT_ONCE
            )
        except (PersistenceError, psycopg.Error) as error:
            self._again_at = now.timestamp() + AGAIN_SECONDS
            _log.warning(
                "quarantine not purged", ledger=self._name, error=type(error).__name__, reason=database_reason(error)
            )
            return
        self._purged += len(purged)
        if len(purged) < ROWS_AT_ONCE:
            _log.info("quarantine purged", ledger=self._name, rows=self._purged, open_days=open_days)
            self._done, self._purged = today, 0

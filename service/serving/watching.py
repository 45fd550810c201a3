"""How the views of all ledgers stand, as a process sees it that reads them and doesn't follow them itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog

from ledger.log.connecting import connect
from ledger.log.queries import queries_load
from ledger.log.reasons import database_reason
from projections import VIEW_NAMES
from projections.lags import ViewLag, lags_read, views_followed
from service.bootstrap import SCHEMA_PREFIX

LOOK_SECONDS: Final = 2.0
UNFOLLOWED_SECONDS: Final = 10.0
"""So long an event may wait while nobody follows before that is called missing: a follower may be starting anew."""

_QUERIES: Final = queries_load("ledger.log", "queries.sql")
_log: Any = structlog.get_logger("plumbline.views")


@dataclass(frozen=True, slots=True)
class ViewsSeen:
    """One ledger's views: whether any process follows them, and where each stands."""

    followed: bool
    lags: list[ViewLag]

    @property
    def fault(self) -> str | None:
        """The sentence that says what is wrong; None where nothing is, or not for long."""
        waiting = [lag for lag in self.lags if lag.status != "failed" and lag.seconds > UNFOLLOWED_SECONDS]
        if self.followed or not waiting:
            return None
        last = max(waiting, key=lambda lag: lag.behind)
        return (
            f"nobody follows the log: the view {last.name} stands at {last.position}, {last.behind} events before its end;"
            " start a process with the role follower"
        )

def views_look(database_url: str, names: Iterable[str]) -> dict[str, ViewsSeen]:
    """How these ledgers' views stand, by one connection; a ledger that can't be read is left out. Raises what the driver
    raises where the database is away."""
    seen: dict[str, ViewsSeen] = {}
    with connect(database_url, autocommit=True) as connection:
        for name in names:
            try:
                with connection.transaction():
                    connection.execute(_QUERIES["search_path_set"], {"schema": SCHEMA_PREFIX + name})
                    seen[name] = ViewsSeen(views_followed(connection), lags_read(connection.cursor(), VIEW_NAMES))
            except psycopg.Error as error:
                if connection.closed:
                    raise
                _log.info("views not seen", ledger=name, error=type(error).__name__, reason=database_reason(error))
    return seen

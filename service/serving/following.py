"""The follower of one ledger's views in a thread of its own, and how far they lag."""

from __future__ import annotations

import threading
from typing import Any, Final

import structlog

from ledger.log.reasons import database_reason
from ledger.log.recorder import LogRecorder
from projections import views
from projections.follower import Follower
from projections.lags import ViewLag
from service.serving.keeper import DATABASE_LOST
from service.settings import Settings

AGAIN_SECONDS: Final = 1.0
LAG_SECONDS: Final = 2.0
GATHER_SECONDS: Final = 0.2
"""Under load each view takes in what came in so long, in one transaction; a lone event is taken in at once."""

_log: Any = structlog.get_logger("plumbline.follower")


class Following:
    """Follows one ledger by a recorder that others use, too, until stopped; begins again whatever happens."""

    def __init__(self, settings: Settings, name: str, recorder: LogRecorder) -> None:
        self.name = name
        self.status = "starting"
        self.lags: list[ViewLag] = []
        """Where the views stand, looked up every LAG_SECONDS."""
        self._settings = settings
        self._recorder = recorder
        self._stopping = threading.Event()
        self._follower: Follower | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"follower-{name}", daemon=True),
            threading.Thread(target=self._watch, name=f"lag-{name}", daemon=True),
        ]

    @property
    def running(self) -> bool:
        """Whether it follows."""
        return self.status == "following"

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the batch under way, end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                followed = views(self._settings.columns_folder(self.name))
                for view in followed:
                    view.pause_seconds = max(view.pause_seconds, GATHER_SECONDS)
                follower = Follower(self._recorder, followed)
                try:
                    self._follower = follower
                    self.status = "following"
                    follower.follow(self._stopping)
                finally:
                    self._follower = None
                    follower.close()
            except DATABASE_LOST as error:
                self.status = "the database can't be reached"
                _log.warning(
                    "database lost", ledger=self.name, error=type(error).__name__, reason=database_reason(error)
                )
            except Exception as error:
                self.status = f"failed: {type(error).__name__}"
                _log.error("follower failed", ledger=self.name, exc_info=error)
            self._stopping.wait(AGAIN_SECONDS)
        self.status = "stopped"

    def _watch(self) -> None:
        failed: set[str] = set()
        while not self._stopping.wait(LAG_SECONDS):
            follower = self._follower
            if follower is None:
                continue
            try:
                self.lags = follower.lag_seen(LAG_SECONDS)
            except Exception as error:
                # Only the figures are missing; the follower itself says what it meets.
                _log.info("lag unknown", ledger=self.name, error=type(error).__name__, reason=database_reason(error))
                continue
            for lag in self.lags:
                if lag.status == "failed" and lag.name not in failed:
                    _log.error("view failed", ledger=self.name, view=lag.name, position=lag.position, reason=lag.error)
            failed = {lag.name for lag in self.lags if lag.status == "failed"}

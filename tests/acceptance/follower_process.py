"""A follower that goes on until it is killed. Run as `python -m tests.acceptance.follower_process URL SCHEMA COLUMNS`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from ledger.log.recorder import recorder_open
from projections import views
from projections.follower import Follower


def main(url: str, schema: str, columns: str) -> None:
    with recorder_open(url, schema) as recorder:
        chosen = views(Path(columns))
        for view in chosen:
            view.batch_events = 40  # many small batches: more moments at which the kill can come
            view.pause_seconds = 0.0
        Follower(recorder, chosen).follow(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])

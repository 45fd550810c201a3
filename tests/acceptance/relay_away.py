"""A service under load whose broker goes away for a while: no write fails, and the stream gets everything afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

from ledger.log.recorder import recorder_open
from service import embedded
from service.bootstrap import SCHEMA_PREFIX
from service.settings import Settings
from tests.acceptance.served import LEDGER, HttpLoad, Served
from tests.streaming import set_up, stream_check, stream_last, stream_wait


def broker_away(settings: Settings, seconds: float) -> Counter[str]:
    """Kill the broker for so long while facts come in over HTTP; what happened, counted."""
    happened: Counter[str] = Counter()
    nats_url = embedded.nats_url(settings)
    set_up(nats_url, LEDGER)
    served = Served(settings, "api,writer,follower,relay")
    try:
        served.ready()
        with recorder_open(embedded.database_url(settings), SCHEMA_PREFIX + LEDGER) as recorder:
            with HttpLoad("away", [served.url], served.key) as load:
                load.more(50)
                pid = embedded.servers_status(settings)[1].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                before = len(load.acknowledged)
                time.sleep(seconds)
                happened["acknowledged while away"] = len(load.acknowledged) - before
                embedded.servers_up(settings, nats=True)
                happened["behind"] = recorder.position_head() - stream_last(nats_url, LEDGER)
                began = time.monotonic()
                # It catches up while the load goes on.
                stream_wait(nats_url, LEDGER, recorder.position_head())
                happened["seconds to drain"] = round(time.monotonic() - began)
                load.more(50)
            # Every request was answered well the first time: not one met a writer that wasn't there.
            assert set(load.statuses) <= {200, 201}, load.statuses
            stream_wait(nats_url, LEDGER, recorder.position_head())
            happened["events"] = stream_check(nats_url, LEDGER, recorder)
        assert served.stop() == 0, served.log()[-3000:]
    finally:
        served.kill()
    return happened

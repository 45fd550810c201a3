"""Rounds of killing the broker, one of two racing relays, or the writer; and what the stream must hold afterwards."""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from ledger.log.lease import Lease
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import recorder_open
from service import embedded
from service.settings import Settings
from tests.acceptance.forking import Forked, forks
from tests.acceptance.kills import Feeding
from tests.ledgers import log_check
from tests.nats_servers import nats_server
from tests.streaming import set_up, stream_check, stream_last, stream_wait

KINDS = ("broker", "relay", "writer")


def relay_kill_rounds(settings: Settings, rounds: int, seed: int, progress: Callable[[str], None]) -> Counter[str]:
    """Kill so many times under load, and compare stream and log after each round; what happened, counted.

    `behind` counts the rounds in which events were not in the stream when the kill came.
    """
    url = embedded.database_url(settings)
    ledger = f"t_{secrets.token_hex(4)}"
    schema = f"ledger_{ledger}"
    ledger_schema_create(url, schema)
    random = Random(seed)
    happened: Counter[str] = Counter()
    checked = 0
    with nats_server(settings.home / ledger) as broker, recorder_open(url, schema) as recorder:
        set_up(broker.url, ledger)

        def relay_start() -> Forked:
            arguments = [url, schema, ledger, broker.url]
            return forks().start("tests.acceptance.relay_process", arguments, os.environ, 1)

        relays = [relay_start(), relay_start()]
        feeding = Feeding(url, schema, "r0")
        try:
            for number in range(rounds):
                feeding.more(20)
                stream_wait(broker.url, ledger, checked + 20)
                time.sleep(random.uniform(0.0, 0.4))
                kind = KINDS[number % len(KINDS)]
                happened["behind"] += stream_last(broker.url, ledger) < recorder.position_head()
                if kind == "broker":
                    broker.kill()
                    time.sleep(random.uniform(0.0, 0.3))
                    broker.start()
                elif kind == "relay":
                    at = random.randrange(2)
                    relays[at].kill()
                    relays[at].wait()
                    relays[at] = relay_start()
                else:
                    feeding.kill()
                    happened["acknowledged"] += len(feeding.acknowledged)
                    feeding = Feeding(url, schema, f"r{number + 1}")
                feeding.more(20)
                stream_wait(broker.url, ledger, recorder.position_head())
                for process in relays:
                    assert process.poll() is None, f"a relay ended by itself: {process.returncode}"
                happened[kind] += 1
                checked = stream_check(broker.url, ledger, recorder, checked, whole=False)
                progress(f"round {number + 1} of {rounds} ({kind}): {checked} events in the stream")
            feeding.kill()
            happened["acknowledged"] += len(feeding.acknowledged)
            # What the dead writer had sent may still be committing: it holds the lease no longer than that.
            with Lease.take(url, schema, "check", wait_seconds=30):
                head = recorder.position_head()
            stream_wait(broker.url, ledger, head)
            log_check(url, schema)
            happened["events"] = stream_check(broker.url, ledger, recorder)
        finally:
            feeding.kill()
            for process in relays:
                process.kill()
                process.wait()
    return happened

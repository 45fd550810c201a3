"""Delivers webhooks until it is killed. Run as `python -m tests.acceptance.webhooks_process URL SCHEMA`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from streams.messages import message_of
from webhooks.addresses import networks_of
from webhooks.backoff import Retries
from webhooks.calling import Caller
from webhooks.delivering import Deliverer, Parts


def main(url: str, schema: str) -> None:
    def caller() -> Caller:
        return Caller(networks=networks_of("127.0.0.0/8"))

    parts = Parts(message_of, caller, lambda: datetime.now(UTC), lambda: 0.5, Retries(0.02, 2, 0.1), look_seconds=0.1)
    asyncio.run(Deliverer(url, schema, "main", parts).run(asyncio.Event()))


if __name__ == "__main__":
    main(*sys.argv[1:])

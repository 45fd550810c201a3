"""A relay that goes on until it is killed, and never stands by. Run as
`python -m tests.acceptance.relay_process DATABASE_URL SCHEMA LEDGER NATS_URL`."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from streams.relay import Relay


def main(database_url: str, schema: str, ledger: str, nats_url: str) -> None:
    async def run() -> None:
        await Relay(ledger, schema, database_url, nats_url, standby_seconds=0).run(asyncio.Event())

    uvloop.run(run())


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The ledgers of a serving process: one that can't be opened keeps no other from being served."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ledger.domain.errors import LedgerMissing, LedgerUnavailable
from service.bootstrap import ledger_open
from service.serving import ledgers as serving
from service.serving.gate import Gate
from service.serving.ledgers import LedgersServed
from service.serving.roles import Role
from service.settings import Settings
from tests.serving import serving_of


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something to hold."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
def names(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three ledgers, and no other of this database."""
    alike = secrets.token_hex(4)
    found = [f"s{alike}_{place}" for place in "abc"]
    for name in found:
        with ledger_open(settings, name, "alice", create=True):
            pass
    monkeypatch.setattr(serving, "ledger_names", lambda settings: list(found))
    monkeypatch.setattr(serving, "DISCOVER_SECONDS", 0.1)
    return found


def test_a_ledger_that_cannot_be_opened_is_named_and_tried_again_and_the_others_are_served(
    settings: Settings, database_url: str, nats_url: str, names: list[str]
) -> None:
    first, second, third = names
    table = Identifier(f"ledger_{second}", "migration")
    with psycopg.connect(database_url) as connection:
        newer = "INSERT INTO {} (number, name, sha256) VALUES (9999, 'newer', sha256(''))"
        connection.execute(SQL(newer).format(table))

    async def run() -> None:
        ledgers = LedgersServed(settings, serving_of(Role.WRITER), database_url, nats_url, Gate(nats_url))
        await ledgers.start()
        try:
            await until(lambda: {s.name for s in ledgers.served() if s.handover is not None} == {first, third})
            parts = await ledgers.ready()
            assert {p for p in parts if p.startswith(("ledger", "writer"))} == {
                f"writer {first}", f"writer {third}", f"ledger {second}",
            }  # fmt: skip
            assert "9999_newer" in str(parts[f"ledger {second}"])
            with pytest.raises(LedgerUnavailable):
                await ledgers.open(second)
            with pytest.raises(LedgerMissing):
                await ledgers.open("nobody")
            with psycopg.connect(database_url) as connection:
                for step in ("ALTER TABLE {} DISABLE TRIGGER change_refuse", "DELETE FROM {} WHERE number = 9999"):
                    connection.execute(SQL(step).format(table))
            await until(lambda: {s.name for s in ledgers.served() if s.handover is not None} == set(names))
            assert f"ledger {second}" not in await ledgers.ready()
            assert (await ledgers.open(second)).name == second
        finally:
            await ledgers.stop()

    asyncio.run(run())

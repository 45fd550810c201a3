"""How many connections of PostgreSQL a serving process holds, and what it says where there are too few."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest
import structlog
from eventsourcing.persistence import OperationalError
from psycopg.sql import SQL, Identifier

from ledger.domain.commands import RegisterCustomer, Request
from ledger.log import datastore
from ledger.log.reasons import database_reason
from service.bootstrap import SCHEMA_PREFIX, ledger_open
from service.serving import ledgers as serving
from service.serving.connections import Connections, connections_check, connections_of, pool_size_of
from service.serving.gate import Gate
from service.serving.ledgers import LedgersServed
from service.serving.roles import Role
from service.settings import Settings
from streams.relay import RelayState
from tests.serving import serving_of

LEDGERS = 5


async def until(condition: Callable[[], bool], seconds: float = 45.0) -> None:
    """Wait for something to hold."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


@pytest.fixture
def names(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five ledgers, and no other of this database; connections go back after a second."""
    found = [f"p{secrets.token_hex(4)}" for _ in range(LEDGERS)]
    for name in found:
        with ledger_open(settings, name, "alice", create=True):
            pass
    monkeypatch.setattr(serving, "ledger_names", lambda settings: list(found))
    monkeypatch.setattr(datastore, "IDLE_SECONDS", 0.5)
    return found


class Held:
    """The connections of one process, by the name that its URL gives them and by what its leases say."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self.url = f"{url}{'&' if '?' in url else '?'}application_name={name}"

    def count(self, names: list[str]) -> int:
        """Those of now. A lease, or the wait for one, names the machine's process instead, and its ledger in its lock."""
        with psycopg.connect(self._url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [self._name]
            ).fetchone()
        assert row is not None
        return row[0] + len(names)


def test_a_process_of_all_roles_holds_few_connections_while_five_ledgers_are_idle_and_so_does_its_standby(
    settings: Settings, database_url: str, nats_url: str, names: list[str]
) -> None:
    first, second = (Held(database_url, f"test-{secrets.token_hex(4)}") for _ in range(2))

    async def run() -> None:
        ledgers = LedgersServed(settings, serving_of(*Role), first.url, nats_url, Gate(nats_url))
        standby = LedgersServed(settings, serving_of(*Role), second.url, nats_url, Gate(nats_url))
        try:
            await ledgers.start()
            await until(lambda: {s.name for s in ledgers.served() if s.handover is not None} == set(names))
            await standby.start()

            def stands_by() -> bool:
                keepers = [s.keeper for s in standby.served()]
                return len(keepers) == LEDGERS and all(k is not None and k.status == "standby" for k in keepers)

            await until(stands_by)
            # All of them have something to do, and much at once.
            for served in ledgers.served():
                await asyncio.gather(
                    *(served.submit([Request(RegisterCustomer("crm", str(n), "A", {}), "bob")]) for n in range(20)),
                    *(asyncio.to_thread(served.recorder.select_range, 0, 10) for _ in range(20)),
                )
            settled = {RelayState.RELAYING, RelayState.STANDBY}
            both = [*ledgers.served(), *standby.served()]
            await until(lambda: all(s.relaying is not None and s.relaying.state in settled for s in both))
            # The lease, and one each to listen, relay and deliver; the standby looks at the log besides.
            await until(lambda: first.count(names) <= 4 * LEDGERS)
            await until(lambda: second.count(names) <= 5 * LEDGERS)
            assert connections_of(frozenset(Role), LEDGERS) == Connections(idle=26, busy=115)
            parts = await ledgers.ready()
            assert {part: there for part, there in parts.items() if there is not True and part != "nats"} == {}
        finally:
            await asyncio.gather(ledgers.stop(), standby.stop())

    asyncio.run(run())


def test_the_pool_of_reads_is_as_large_as_what_uses_it() -> None:
    assert [pool_size_of(frozenset(roles)) for roles in ({Role.RELAY}, {Role.API}, set(Role))] == [1, 8, 13]
    # Lease, a standby's look, keys.
    assert connections_of(frozenset({Role.WRITER}), 2) == Connections(idle=1 + 2 * 2, busy=5 + 2 * 5)


def test_too_few_connections_are_said_with_figures(database_url: str) -> None:
    with structlog.testing.capture_logs() as lines:
        connections_check(database_url, frozenset(Role), 1, 0)
        assert lines == []
        connections_check(database_url, frozenset(Role), 40, 0)
    [line] = lines
    assert (line["log_level"], line["event"], line["ledgers"]) == ("warning", "connections may run out", 40)
    # Seen with all roles: 22 for each ledger and 5 for the process; the embedded server takes 300.
    assert (line["connections_max"], line["connections_idle"], line["max_connections"]) == (40 * 22 + 5, 40 * 5 + 1, 300)


def test_whoever_waits_for_a_connection_in_vain_is_told_postgresqls_own_reason(
    settings: Settings, database_url: str, names: list[str]
) -> None:
    schema = SCHEMA_PREFIX + names[0]
    role = f"few_{secrets.token_hex(4)}"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 1 IN ROLE plumbline_app").format(Identifier(role)))
        try:
            url = f"{database_url}{'&' if '?' in database_url else '?'}user={role}"
            url = url.replace(f"//{database_url.split('//')[1].split('@')[0]}@", f"//{role}@")
            with closing(psycopg.connect(url)), pytest.raises(OperationalError) as refused:
                log = datastore.LogDatastore(url, schema)
                log.pool.timeout = 1.0
                with closing(log), log.get_connection():
                    pass
            assert "couldn't get a connection" in database_reason(refused.value)
            assert f'too many connections for role "{role}"' in database_reason(refused.value)
        finally:
            owner.execute(SQL("DROP ROLE {}").format(Identifier(role)))


def test_who_reads_what_others_follow_looks_at_it_by_one_connection_more() -> None:
    assert connections_of(frozenset({Role.API}), 1) == Connections(idle=1, busy=5 + 1 + 8)
    assert connections_of(frozenset({Role.API, Role.FOLLOWER}), 1).busy == 5 + 12


def test_a_reason_is_one_line_and_lets_nobody_in() -> None:
    said = "connection to postgresql://me:secret@db/x failed: password=secret FATAL: no\nmore"
    assert database_reason(psycopg.OperationalError(said)) == "connection to postgresql://db/x failed:  FATAL: no"
    assert database_reason(psycopg.OperationalError()) == "OperationalError"

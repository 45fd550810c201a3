"""A database that says nothing, though its sockets are open: who waits is told within seconds, and nothing is lost."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent

from api.access.keys import AccessStore
from api.app import app_create
from ledger.domain.commands import RegisterCustomer, Request
from ledger.log import lease as leasing
from ledger.log.connecting import DatabaseSilent, connect, pulse_of
from ledger.log.lease import Lease
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import recorder_open
from ledger.log.types import AnswerEntry, Appended, EntriesKnown
from service.bootstrap import ledger_open
from service.serving.gate import Gate
from service.serving.ledgers import LedgersServed
from service.serving.roles import Role
from service.settings import Settings
from tests.serving import serving_of
from tests.silence import CONNECT_SECONDS, Silenceable, silenceable

LOST = (OperationalError, InterfaceError, psycopg.OperationalError)
SECONDS_MAX = 40.0
"""Whoever waits for ever would still wait then; the database stays silent until all have been told."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Silenceable]:
    with silenceable() as server:
        yield server


def told_while_silent(postgres: Silenceable, *asks: Callable[[], object]) -> list[BaseException | None]:
    """What each meets while the database is silent; all begin before it is, by waiting for their turn."""
    with ThreadPoolExecutor(len(asks)) as threads, postgres.silent():
        return [asked.exception(SECONDS_MAX) for asked in [threads.submit(ask) for ask in asks]]


def test_who_waits_for_a_silent_database_is_told_and_the_connection_is_given_up(postgres: Silenceable) -> None:
    with connect(postgres.url, autocommit=True) as connection:
        [error] = told_while_silent(postgres, lambda: connection.execute("SELECT 1"))
        assert isinstance(error, DatabaseSilent) and connection.closed
    assert str(error) == f"the database has been silent for more than {CONNECT_SECONDS} seconds"


def test_a_query_that_takes_long_is_waited_for(postgres: Silenceable) -> None:
    with connect(postgres.url, autocommit=True) as connection:
        row = connection.execute("SELECT 'there', pg_sleep(%s)", [CONNECT_SECONDS + 1.5]).fetchone()
    assert row is not None and row[0] == "there"


def test_who_asks_a_database_that_is_known_to_be_silent_waits_for_nothing_and_is_served_once_it_speaks(
    postgres: Silenceable, schema_name: str
) -> None:
    ledger_schema_create(postgres.url, schema_name)
    with recorder_open(postgres.url, schema_name, pool_size=2) as recorder:
        assert recorder.position_head() == 0
        with postgres.silent():
            with pytest.raises(LOST):
                recorder.position_head()
            assert pulse_of(postgres.url).silent_lately
            # Sixty who come now share a few looks at whether it still is; without that, two at a time would wait in vain.
            began = time.monotonic()
            with ThreadPoolExecutor(60) as threads:
                asked = [threads.submit(recorder.datastore.get_connection().__enter__) for _ in range(60)]
                assert all(isinstance(a.exception(SECONDS_MAX), LOST) for a in asked)
            assert time.monotonic() - began < 30 * CONNECT_SECONDS / 2
        assert recorder.position_head() == 0
        assert not pulse_of(postgres.url).silent_lately


def test_an_append_that_was_given_up_is_found_by_its_key_or_was_never_made(
    postgres: Silenceable, schema_name: str
) -> None:
    ledger_schema_create(postgres.url, schema_name)
    answer = AnswerEntry("client", "key", hashlib.sha256(b"").digest(), b"{}", 1)
    event = StoredEvent("C-000001", 1, "Tested", b"{}")
    with recorder_open(postgres.url, schema_name, pool_size=1) as recorder:
        assert recorder.position_head() == 0

        def append() -> object:
            return recorder.append([event], position_expected=0, answers=[answer])

        [error] = told_while_silent(postgres, append)
        assert isinstance(error, LOST)
        # What was sent is carried out once the server goes on, or the repetition is: never both.
        assert append() in (Appended(1, 1), EntriesKnown([answer], [], 1))
        assert append() == EntriesKnown([answer], [], 1)
        assert recorder.position_head() == 1


def test_a_holder_that_the_server_tells_nothing_stops_within_the_time_of_the_lease(
    postgres: Silenceable, schema_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "LEASE_SECONDS", 1.0)
    with Lease.take(postgres.url, schema_name, "first") as lease:
        assert lease.held() and lease.alive()
        answers: list[bool] = []
        with postgres.silent():
            asking = threading.Thread(target=lambda: answers.append(lease.held()))
            asking.start()  # as the keeper does: this one waits for the server
            time.sleep(1.0)
            # As the writer does before an append; another's question can't keep it from being told.
            with ThreadPoolExecutor(1) as threads:
                assert threads.submit(lease.alive).result(SECONDS_MAX) is False
            asking.join(SECONDS_MAX)
            assert answers == [False]
        assert not lease.alive()
    # The server finds out that the holder is gone, and the next may write.
    with Lease.take(postgres.url, schema_name, "second", wait_seconds=SECONDS_MAX) as second:
        assert second.alive()


def test_a_service_whose_database_falls_silent_answers_within_seconds_and_goes_on_by_itself_afterwards(
    postgres: Silenceable, nats_url: str
) -> None:
    settings = Settings(home=postgres.home, database_url=postgres.url)
    name = f"q{secrets.token_hex(4)}"
    with ledger_open(settings, name, "alice", create=True) as handle, handle.writing("alice") as writer:
        writer.submit([Request(RegisterCustomer("crm", "a", "A", {}), "bob")])
    path = f"/v1/ledgers/{name}"

    def document(number: int) -> dict[str, object]:
        return {
            "source": "crm", "external_id": f"f{number}", "fact_type": "contract_signed", "customer": "C-000001",
            "occurred_at": datetime.now(UTC).date().isoformat(), "attributes": {"amount": "20000.00"},
        }  # fmt: skip

    async def run(access: AccessStore, secret: str) -> None:
        gate = Gate(nats_url)
        roles = serving_of(Role.API, Role.WRITER, Role.FOLLOWER)
        ledgers = LedgersServed(settings, roles, postgres.url, nats_url, gate)
        gate.start()
        await ledgers.start()
        app = await asyncio.to_thread(app_create, ledgers, access, serving_of().api)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers={"Authorization": f"Bearer {secret}"}
        ) as client:

            async def until(method: str, target: str, status: int = 200, **more: object) -> httpx.Response:
                async with asyncio.timeout(SECONDS_MAX):
                    while (answer := await client.request(method, target, **more)).status_code != status:  # pyright: ignore[reportArgumentType]
                        await asyncio.sleep(0.1)
                return answer

            reads = ("/customers?limit=1", "/customers/C-000001/balance", "/customers/C-000001/totals", "/quarantine", "/events")
            try:
                await until("GET", f"{path}/customers/C-000001/balance")
                first = await until("POST", f"{path}/facts", 201, json=document(0))
                for read in reads:
                    await until("GET", path + read, params={"min_position": first.json()["position"]} if "customers" in read else {})
                with postgres.silent():
                    # Far more than there are threads and connections: whoever waits in vain lets the next go on.
                    asked = [client.get(path + read) for read in reads for _ in range(20)]
                    asked += [client.post(f"{path}/facts", json=document(number)) for number in range(1, 21)]
                    answers = await asyncio.wait_for(asyncio.gather(*asked), SECONDS_MAX)
                    # The writer's memory still answers for a moment.
                    told = [a for a in answers if not (a.status_code == 200 and a.url.path.endswith("/balance"))]
                    assert len(told) >= 100 and {a.status_code for a in told} == {503}
                    assert {a.json()["code"] for a in told} <= {"DATABASE_UNREACHABLE", "WRITER_UNAVAILABLE"}
                    assert all(int(a.headers["Retry-After"]) >= 1 for a in told)
                    del client.headers["Authorization"]
                    ready = await asyncio.wait_for(client.get("/ready"), SECONDS_MAX)
                    assert ready.status_code == 503 and ready.headers["Retry-After"] == "1"
                    assert "silent" in str((await ledgers.ready())["database"])
                    assert (await client.get("/health")).status_code == 200
                    client.headers["Authorization"] = f"Bearer {secret}"
                # Each fact is there once, whether its first sending came through or not.
                for number in range(1, 21):
                    async with asyncio.timeout(SECONDS_MAX):
                        while (answer := await client.post(f"{path}/facts", json=document(number))).status_code == 503:
                            await asyncio.sleep(0.1)
                    assert answer.status_code in (200, 201), answer.text
                await until("GET", "/ready")
                events = (await until("GET", f"{path}/events?limit=1000")).json()["data"]
                assert sum(event["event"] == "FactRecorded" for event in events) == 21
            finally:
                await app.state.core.jobs.stop()
                await ledgers.stop()
                await gate.close()

    access = AccessStore(postgres.url)
    try:
        asyncio.run(run(access, access.key_create("alice", "admin")[1]))
    finally:
        access.close()

"""The ledgers of a serving process: one that can't be opened keeps no other from being served."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ledger.domain.commands import RegisterCustomer, Request
from ledger.domain.errors import LedgerMissing, LedgerUnavailable
from service.bootstrap import days_never_closed, ledger_open
from service.serving import ledgers as serving
from service.serving.gate import Gate
from service.serving.ledgers import LedgersServed
from service.serving.metrics import ServingCollector
from service.serving.roles import Role
from service.serving.watching import UNFOLLOWED_SECONDS
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


def test_who_may_name_any_ledger_without_a_key_costs_the_database_nothing(
    settings: Settings, database_url: str, nats_url: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "DISCOVER_SECONDS", 60.0)
    asked: list[str] = []

    def look(settings: Settings) -> list[str]:
        asked.append("")
        return list(names)

    monkeypatch.setattr(serving, "ledger_names", look)

    async def run() -> None:
        ledgers = LedgersServed(settings, serving_of(Role.API), database_url, nats_url, Gate(nats_url))
        # Before it has ever been looked, a name is looked up.
        assert (await ledgers.open(names[0], look=False)).name == names[0]
        await ledgers.start()
        try:
            await until(lambda: len(ledgers.served()) == 3)
            del asked[:]
            for n in range(100):
                with pytest.raises(LedgerMissing):
                    await ledgers.open(f"nobody{n}", look=False)
            assert [(await ledgers.open(name, look=False)).name for name in names] == names
            assert asked == []
            # Who has a key is told of a ledger that was made just now.
            with pytest.raises(LedgerMissing):
                await ledgers.open("nobody")
            assert len(asked) == 1
        finally:
            await ledgers.stop()

    asyncio.run(run())


def test_what_is_asked_for_when_a_ledger_is_made_waits_for_its_writer_and_a_first_attempt_that_ended_is_made_good(
    settings: Settings, database_url: str, nats_url: str, names: list[str]
) -> None:
    alone, served, _ = names
    with ledger_open(settings, alone, "alice") as handle:
        assert days_never_closed(handle.recorder)
    # As at first, nobody serves it.
    with ledger_open(settings, alone, "alice", create=True, history_complete=True) as handle:
        assert not days_never_closed(handle.recorder)
        closed = handle.recorder.position_head()
    with ledger_open(settings, alone, "alice", create=True, history_complete=True) as handle:
        assert handle.recorder.position_head() == closed

    async def run() -> None:
        gates = [Gate(nats_url), Gate(nats_url)]
        for gate in gates:
            await gate.connect(30.0)
        ledgers = LedgersServed(settings, serving_of(Role.WRITER), database_url, nats_url, gates[0])
        reading = LedgersServed(settings, serving_of(Role.API), database_url, nats_url, gates[1])
        await ledgers.start()
        try:
            await until(lambda: {s.name for s in ledgers.served() if s.handover is not None} == set(names))
            ledger = await ledgers.create(served, "alice", history_complete=True)
            assert not days_never_closed(ledger.recorder)
            # Made by a process that doesn't write: the first command waits until one that does has found the ledger.
            ledger = await reading.create(f"{served}_new", "alice")
            names.append(ledger.name)
            [answer] = await ledger.submit([Request(RegisterCustomer("crm", "a", "A", {}), "bob")])
            assert answer.status == "accepted"
        finally:
            await asyncio.gather(ledgers.stop(), reading.stop())
            for gate in gates:
                await gate.close()

    asyncio.run(run())


def test_a_process_that_only_reads_says_that_nobody_follows_once_events_have_waited_for_some_seconds(
    settings: Settings, database_url: str, nats_url: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.1)
    first, _, third = names

    def figures(ledgers: LedgersServed) -> dict[tuple[str, str], float]:
        return {
            (metric.name, sample.labels["ledger"]): sample.value
            for metric in ServingCollector(ledgers).collect()
            for sample in metric.samples
            if sample.labels.get("view", "balances") == "balances"
        }

    async def run() -> None:
        reading = LedgersServed(settings, serving_of(Role.API), database_url, nats_url, Gate(nats_url))
        following = LedgersServed(settings, serving_of(Role.FOLLOWER), database_url, nats_url, Gate(nats_url))
        await reading.start()
        try:
            # Nobody has ever followed them; while that isn't so for long, it is no fault.
            await until(lambda: [s.name for s in reading.served() if s.seen is not None] == sorted(names))
            began = time.monotonic()
            while (part := (await reading.ready())[f"follower {first}"]) is True:
                assert time.monotonic() - began < 3 * UNFOLLOWED_SECONDS
                await asyncio.sleep(0.2)
            assert isinstance(part, str) and part.startswith("nobody follows the log: the view ")
            assert "events before its end; start a process with the role follower" in part
            told = figures(reading)
            assert told["plumbline_views_followed", first] == 0
            assert told["plumbline_view_lag_positions", first] > 0
            assert told["plumbline_view_lag_seconds", first] > UNFOLLOWED_SECONDS
            await following.start()
            async with asyncio.timeout(60):
                while {there for part, there in (await reading.ready()).items() if part.startswith("follower")} != {True}:
                    await asyncio.sleep(0.1)
            await until(lambda: figures(reading)["plumbline_view_lag_positions", third] == 0)
            told = figures(reading)
            assert told["plumbline_views_followed", third] == 1
            await following.stop()
            await until(lambda: figures(reading)["plumbline_views_followed", third] == 0)
            # Nothing waits for it: that it is away is no fault yet.
            assert (await reading.ready())[f"follower {third}"] is True
        finally:
            await asyncio.gather(reading.stop(), following.stop())

    asyncio.run(run())

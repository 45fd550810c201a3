"""Commands by NATS to the process that holds the lease: small and large, refused, and with the holder gone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from ledger.domain.commands import CloseDays, ProposeRuleSet, RecordFact, RegisterCustomer, Request
from ledger.domain.errors import WriterUnavailable
from service.serving.gate import PIECE_BYTES, Gate, HolderGone, HolderMissing
from tests.ledgers import Books, books_open, fact
from tests.nats_servers import nats_server

T = TypeVar("T")


@pytest.fixture
def books(database_url: str, schema_name: str) -> Iterator[Books]:
    with books_open(database_url, schema_name) as found:
        found.register("a")
        yield found


@pytest.fixture
def ledger() -> str:
    """A name of its own: all tests share a NATS server."""
    return f"t{secrets.token_hex(4)}"


def between(nats_url: str, work: Callable[[Gate, Gate], Awaitable[T]]) -> T:
    """Runs with two gates: the holder's and that of somebody else."""

    async def run() -> T:
        holder, sender = Gate(nats_url), Gate(nats_url)
        await holder.connect(10)
        await sender.connect(10)
        try:
            return await work(holder, sender)
        finally:
            await sender.close()
            await holder.close()

    return asyncio.run(run())


def login(n: int, note: str = "") -> Request:
    """The n-th fact."""
    return Request(fact(f"f{n}{note}", "login", "2026-01-05", "C-000001"), "bob", "test", f"k{n}{note}")


def test_one_command_goes_there_and_its_answer_comes_back(nats_url: str, books: Books, ledger: str) -> None:
    async def work(holder: Gate, sender: Gate) -> None:
        assert not await sender.ping(ledger)
        with pytest.raises(HolderMissing):
            await sender.submit(ledger, [login(1)])
        await holder.serve(ledger, books.writer)
        async with asyncio.timeout(30):
            while not await sender.ping(ledger):  # which waits for a moment only
                pass
        [first] = await sender.submit(ledger, [login(1)])
        [again] = await sender.submit(ledger, [login(1)])
        assert (first.status, first.hit, again.hit) == ("accepted", False, True)
        assert again.position == first.position == books.position
        await holder.withdraw(ledger)
        with pytest.raises(HolderMissing):
            await sender.submit(ledger, [login(2)])

    between(nats_url, work)


def test_no_command_goes_unanswered_while_a_holder_withdraws(nats_url: str, books: Books, ledger: str) -> None:
    async def work(holder: Gate, sender: Gate) -> None:
        for _ in range(5):
            await holder.serve(ledger, books.writer)
            # Whoever waits when a holder announces itself gives up: nobody does here.
            await asyncio.sleep(0.1)
            sent = [asyncio.create_task(sender.submit(ledger, [login(n)])) for n in range(30)]
            await asyncio.sleep(0)
            await holder.withdraw(ledger)
            # Long before the time at which an answer is no longer waited for.
            done = await asyncio.wait_for(asyncio.gather(*sent, return_exceptions=True), 10)
            assert {type(outcome) for outcome in done} <= {list, HolderMissing, HolderGone}, done

    between(nats_url, work)


def test_a_bulk_of_many_pieces_arrives_whole_and_in_order(nats_url: str, books: Books, ledger: str) -> None:
    async def work(holder: Gate, sender: Gate) -> None:
        await holder.serve(ledger, books.writer)
        long = "x" * 150
        requests = [login(n, long) for n in range(5_000)]
        assert sum(len(r.command.external_id) for r in requests if isinstance(r.command, RecordFact)) > PIECE_BYTES
        answers = await sender.submit(ledger, requests, atomic=True)
        assert [a.status for a in answers] == ["accepted"] * 5_000
        positions = [a.position for a in answers]
        assert positions == sorted(positions)
        rehearsals = await sender.rehearse(ledger, [login(n, "new" + long) for n in range(3_000)])
        assert all(r.events[0]["event"] == "FactRecorded" for r in rehearsals)

    between(nats_url, work)


def test_refusals_and_things_without_a_form_on_the_wire_keep_their_places(
    nats_url: str, books: Books, ledger: str
) -> None:
    impossible = Request(RegisterCustomer("crm", "b\0", "B"), "bob")
    unknown = Request(fact("u", "login", "2026-01-05", "C-000099"), "bob")

    async def work(holder: Gate, sender: Gate) -> None:
        await holder.serve(ledger, books.writer)
        answers = await sender.submit(ledger, [login(1), impossible, unknown, login(2)])
        assert [a.status for a in answers] == ["accepted", "refused", "refused", "accepted"]
        assert answers[2].code == "CUSTOMER_UNKNOWN"
        head = books.position
        answers = await sender.submit(ledger, [login(3), impossible], atomic=True)
        assert [a.status for a in answers] == ["refused", "refused"] and answers[0].code == "ATOMIC_REFUSED"
        [order] = await sender.submit(ledger, [Request(ProposeRuleSet({"id": "x"}), "bob")])
        assert order.code == "RULESET_INVALID"
        assert books.position == head
        [closed] = await sender.submit(ledger, [Request(CloseDays("2026-01-31"), "bob")])
        assert closed.status == "accepted"

    between(nats_url, work)


def test_who_waits_for_a_holder_that_was_replaced_is_told_at_once(nats_url: str, books: Books, ledger: str) -> None:
    async def work(holder: Gate, sender: Gate) -> None:
        async def never(message: object) -> None:
            """A holder that takes a command and dies."""

        client = holder._link.client  # pyright: ignore[reportPrivateUsage]
        silent = await client.subscribe(f"plumbline.{ledger}.commands", cb=never)
        await client.flush()
        waiting = asyncio.create_task(sender.submit(ledger, [login(1)]))
        await asyncio.sleep(0.3)
        await silent.unsubscribe()
        await holder.serve(ledger, books.writer)
        with pytest.raises(HolderGone):
            await asyncio.wait_for(waiting, 5)
        [answer] = await sender.submit(ledger, [login(1)])
        assert answer.status == "accepted"

    between(nats_url, work)


def test_what_the_writer_meets_is_told_and_not_swallowed(nats_url: str, books: Books, ledger: str) -> None:
    async def work(holder: Gate, sender: Gate) -> None:
        await holder.serve(ledger, books.writer)
        books.writer.stop()
        with pytest.raises(WriterUnavailable, match="stopping"):
            await sender.submit(ledger, [login(1)])

    between(nats_url, work)
    books.restart()


def test_without_nats_nothing_is_sent(ledger: str) -> None:
    async def run() -> None:
        gate = Gate("nats://127.0.0.1:1")
        with pytest.raises(WriterUnavailable):
            await gate.connect(0.5)
        with pytest.raises(HolderMissing):
            await gate.submit(ledger, [login(1)])
        await gate.close()

    asyncio.run(run())


@pytest.mark.parametrize("deliberate", [True, False])
def test_a_connection_that_is_closed_on_purpose_is_not_told_as_lost(nats_url: str, deliberate: bool) -> None:
    async def run() -> None:
        gate = Gate(nats_url)
        await gate.connect(10)
        if not deliberate:
            client = gate._link.client  # pyright: ignore[reportPrivateUsage]
            client._transport.close()
            async with asyncio.timeout(10):
                while not any(entry["event"] == "nats is back" for entry in entries):
                    await asyncio.sleep(0.02)
        await gate.close()

    with capture_logs() as entries:
        asyncio.run(run())
    assert [e["event"] for e in entries if e["event"] == "nats lost"] == ([] if deliberate else ["nats lost"])


async def until_connected(*gates: Gate) -> None:
    async with asyncio.timeout(20):
        while not all(gate.connected for gate in gates):
            await asyncio.sleep(0.02)


async def until_lost(*gates: Gate) -> None:
    async with asyncio.timeout(20):
        while any(gate.connected for gate in gates):
            await asyncio.sleep(0.02)


def test_whoever_takes_the_lease_while_nats_is_away_answers_and_the_former_holder_does_not(
    tmp_path: Path, books: Books, ledger: str
) -> None:
    async def work(former: Gate, taking: Gate, sender: Gate) -> None:
        await former.serve(ledger, books.writer)
        [first] = await sender.submit(ledger, [login(1)])
        assert first.status == "accepted"
        broker.kill()
        await until_lost(former, taking, sender)
        await former.withdraw(ledger)
        await taking.serve(ledger, books.writer)
        broker.start()
        await until_connected(former, taking, sender)
        await asyncio.sleep(0.2)
        # A former holder that still listened would answer some of these that it writes no more.
        for n in range(2, 52):
            [answer] = await sender.submit(ledger, [login(n)])
            assert answer.status == "accepted"
        await taking.withdraw(ledger)
        # Whoever waits when a holder ends or begins may be told to ask again: nobody waits here.
        await asyncio.sleep(0.2)
        with pytest.raises(HolderMissing, match="no process writes"):
            await sender.submit(ledger, [login(60)])
        await former.serve(ledger, books.writer)
        await asyncio.sleep(0.2)
        [again] = await sender.submit(ledger, [login(1)])
        assert again.hit

    with nats_server(tmp_path) as broker:
        among(broker.url, work)


def test_the_lease_may_change_hands_at_any_moment_of_a_broker_going_and_coming(
    tmp_path: Path, books: Books, ledger: str
) -> None:
    async def work(one: Gate, other: Gate, sender: Gate) -> None:
        holder, standby = one, other
        await holder.serve(ledger, books.writer)
        for turn in range(6):
            broker.kill()
            # Sometimes before anybody has noticed, sometimes while it comes back, sometimes long before.
            restarting = asyncio.create_task(asyncio.to_thread(broker.start))
            await asyncio.sleep(0.15 * turn)
            await holder.withdraw(ledger)
            await standby.serve(ledger, books.writer)
            holder, standby = standby, holder
            await restarting
            await until_connected(one, other, sender)
            # A connection that none has missed yet may still be about to be lost.
            async with asyncio.timeout(10):
                while not await sender.ping(ledger):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)
            for n in range(10):
                [answer] = await sender.submit(ledger, [login(100 * turn + n)])
                assert answer.status == "accepted"

    with nats_server(tmp_path) as broker:
        among(broker.url, work)


def test_a_command_whose_connection_is_lost_is_told_at_once_that_its_answer_will_not_come(
    tmp_path: Path, books: Books, ledger: str
) -> None:
    async def work(holder: Gate, _: Gate, sender: Gate) -> None:
        async def never(message: object) -> None:
            """A holder that takes a command and dies."""

        client = holder._link.client  # pyright: ignore[reportPrivateUsage]
        await client.subscribe(f"plumbline.{ledger}.commands", cb=never)
        await client.flush()
        waiting = asyncio.create_task(sender.submit(ledger, [login(1)]))
        await asyncio.sleep(0.3)
        broker.kill()
        with pytest.raises(HolderGone, match="NATS was lost"):
            await asyncio.wait_for(waiting, 5)

    with nats_server(tmp_path) as broker:
        among(broker.url, work)


def among(nats_url: str, work: Callable[[Gate, Gate, Gate], Awaitable[None]]) -> None:
    """Runs with three gates: those of two that may hold the lease, and that of somebody else."""

    async def run() -> None:
        gates = [Gate(nats_url) for _ in range(3)]
        try:
            for gate in gates:
                await gate.connect(10)
            await work(*gates)
        finally:
            for gate in gates:
                await gate.close()

    asyncio.run(run())

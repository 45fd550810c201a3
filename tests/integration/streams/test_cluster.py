"""Three servers that keep a stream together: one dies and comes back, the leader moves, and the stream is as the log."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import orjson
import pytest

from ledger.domain.commands import Request
from service.settings import Settings
from streams.connection import LOST, Connection
from streams.faults import NatsUnreachable, StreamRefused
from streams.setup import stream_info
from streams.subjects import stream_name
from tests.ledgers import Books, books_open, fact
from tests.nats_servers import NatsServer, nats_cluster
from tests.streaming import on_nats, relaying, set_up, stream_check, stream_wait

WAIT_SECONDS = 60.0


def leader_of(url: str, ledger: str) -> str:
    """The server that leads a stream, once there is one and the others have what it has."""

    async def work(connection: Connection) -> str:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                info = await stream_info(connection, stream_name(ledger))
                cluster = None if info is None else info.cluster
                if cluster is not None and cluster.leader and all(r.current for r in cluster.replicas or []):
                    return cluster.leader
            except NatsUnreachable:
                pass
            assert time.monotonic() < deadline, "the stream gets no leader"
            await asyncio.sleep(0.05)

    return on_nats(url, work)


def leader_moves(url: str, ledger: str) -> None:
    """Have the leader of a stream step down. While one is being chosen the servers may leave the request unanswered."""
    before = leader_of(url, ledger)

    async def work(connection: Connection) -> bool:
        subject = f"$JS.API.STREAM.LEADER.STEPDOWN.{stream_name(ledger)}"
        try:
            reply = await connection.client.request(subject, b"", timeout=5)
        except LOST:
            return False
        return orjson.loads(reply.data).get("success") is True

    deadline = time.monotonic() + WAIT_SECONDS
    while not on_nats(url, work) and leader_of(url, ledger) == before:
        assert time.monotonic() < deadline


def cluster_set_up(url: str, ledger: str) -> None:
    """Make the streams as soon as the servers have found each other."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return set_up(url, ledger, replicas=3)
        except (StreamRefused, NatsUnreachable, *LOST):
            assert time.monotonic() < deadline
            time.sleep(0.1)


class Load:
    """Facts that come in until told to end."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._stopping = Event()
        self.wrong: list[str] = []
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let what was begun be answered."""
        self._stopping.set()
        self._thread.join()
        assert self.wrong == []

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            facts = [fact(f"{number}/{i}", "login", "2026-10-05") for i in range(4)]
            answers = self._books.writer.submit([Request(f, "bob") for f in facts])
            self.wrong += [a.reason for a in answers if a.status != "accepted"]
            number += 1
            time.sleep(0.01)


def cluster_rounds(
    settings: Settings,
    database_url: str,
    folder: Path,
    rounds: int,
    kinds: tuple[str, ...] = ("leader", "moved", "follower"),
) -> int:
    """Do so many things to a cluster under load, with two relays; the events in the stream at the end."""
    ledger = f"t{secrets.token_hex(4)}"
    with nats_cluster(folder) as servers, books_open(database_url, f"ledger_{ledger}") as books:
        books.register("a")
        url = ",".join(s.url for s in servers)
        by_name = {s.name: s for s in servers}
        cluster_set_up(url, ledger)
        external = replace(settings, nats_url=url)
        with relaying(external, ledger, database_url, url), relaying(external, ledger, database_url, url), Load(books) as load:
            for number in range(rounds):
                leader = leader_of(url, ledger)
                match kinds[number % len(kinds)]:
                    case "leader":
                        _killed(by_name[leader], url, ledger, books)
                    case "follower":
                        _killed(next(s for s in servers if s.name != leader), url, ledger, books)
                    case _:
                        leader_moves(url, ledger)
                stream_wait(url, ledger, books.position)
            load.stop()
            stream_wait(url, ledger, books.position)
        for server in servers:
            # From whichever server it is asked for: whole, and the same.
            last = stream_check(server.url, ledger, books.recorder)
        return last  # pyright: ignore[reportPossiblyUnboundVariable]


def _killed(server: NatsServer, url: str, ledger: str, books: Books) -> None:
    """One server dies; the two others go on; it comes back."""
    server.kill()
    stream_wait(url, ledger, books.position)
    server.start()


def test_a_cluster_that_loses_its_leader_and_moves_it_has_every_event_once_and_in_order(
    settings: Settings, database_url: str, tmp_path: Path
) -> None:
    assert cluster_rounds(settings, database_url, tmp_path, rounds=2) > 100


@pytest.mark.soak
def test_thirty_rounds_of_killing_and_moving_in_a_cluster_leave_every_event_once_and_in_order(
    settings: Settings, database_url: str, tmp_path: Path
) -> None:
    assert cluster_rounds(settings, database_url, tmp_path, rounds=30) > 1_000

"""Rounds of killing those who deliver webhooks, at random moments under load, with another standing by."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Any

from tests.acceptance.forking import forks
from tests.integration.webhooks.delivery import Hooks
from tests.ledgers import fact
from tests.receiver import Answer, Got, Receiver

WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Happened:
    """What came of the rounds."""

    events: int
    sent: int
    doubles: int
    kills: int


def kill_rounds(hooks: Hooks, receiver: Receiver, rounds: int, seed: int) -> Happened:
    """Deliver to two webhooks, kill a process in each round while another stands by or begins, and check what came."""
    random = Random(seed)
    [customer] = hooks.books.register("K-1")
    first = hooks.books.position + 1
    # One receives what it gets; the other fails now and then, so that retries are under way, too.
    secrets = {name: hooks.make(name, receiver.url.replace("/hook", f"/{name}")) for name in ("plain", "shaky")}
    refused: Counter[tuple[str, str]] = Counter()

    def answer(count: int, got: Got) -> Answer:
        refuses = got.path == "/shaky" and random.random() < 0.05
        refused[got.path, got.id] += refuses
        return Answer(500 if refuses else 204)

    receiver.answer = answer
    stop = threading.Event()

    def load() -> None:
        number = 0
        while not stop.is_set():
            hooks.books.do(fact(f"F-{number}", "project_completed", "2026-10-31", customer))
            number += 1
            time.sleep(0.05)

    processes = [_start(hooks) for _ in range(2)]
    feeding = threading.Thread(target=load)
    feeding.start()
    try:
        for _ in range(rounds):
            receiver.wait(len(receiver.got) + 5, WAIT_SECONDS)
            time.sleep(random.uniform(0.0, 0.2))
            # Whichever it is: one of the two delivers, and sooner or later that one is hit.
            killed = processes.pop(random.randrange(2))
            killed.kill()
            killed.wait()
            processes.append(_start(hooks))
    finally:
        stop.set()
        feeding.join()
    try:
        for name in secrets:
            hooks.until(name, lambda w: w.position >= hooks.books.position, WAIT_SECONDS)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    last = hooks.books.position
    doubles = sum(
        _checked([g for g in receiver.got if g.path == f"/{name}"], secret, first, last, refused)
        for name, secret in secrets.items()
    )
    return Happened(last - first + 1, len(receiver.got), doubles, rounds)


def _start(hooks: Hooks) -> Any:
    output = os.open(os.devnull, os.O_WRONLY)
    try:
        return forks().start(
            "tests.acceptance.webhooks_process", [hooks.database_url, hooks.schema], os.environ, output
        )
    finally:
        os.close(output)


def _checked(got: Sequence[Got], secret: str, first: int, last: int, refused: Counter[tuple[str, str]]) -> int:
    """Nothing is missing, everything came in order, each repeated only right after itself; how many came again though
    they had been taken."""
    ids = [g.verified(secret) for g in got]
    assert [key for key, _ in groupby(ids)] == [f"main/{position}" for position in range(first, last + 1)]
    path = got[0].path
    return sum(count - 1 - refused[path, message] for message, count in Counter(ids).items())

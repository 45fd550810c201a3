"""How the command line writes: itself while nobody holds the lease, else through the process that does."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.from_thread

from ledger.domain.book import Book
from ledger.domain.commands import Answer, Rehearsal, Request
from ledger.log.lease import LeaseHeld
from service import embedded
from service.bootstrap import LEASE_WAIT_SECONDS, LedgerHandle

if TYPE_CHECKING:
    from service.serving.gate import Gate

CONNECT_SECONDS = 3.0
ASK_AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Commands:
    """The way to a ledger's writer. `submit` answers each request in order, `rehearse` tells what it would come to;
    `book` is the book as of now."""

    submit: Callable[[Sequence[Request]], list[Answer]]
    rehearse: Callable[[Sequence[Request]], list[Rehearsal]]
    book: Callable[[], Book]


@contextmanager
def commands(handle: LedgerHandle, actor: str, wait_seconds: float = LEASE_WAIT_SECONDS) -> Generator[Commands]:
    """Commands to this ledger, for as long as they are needed.

    Raises LeaseHeld where another process holds the lease and takes no commands, and doesn't let go in time.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            with handle.writing(actor, 0.0) as writer:
                yield Commands(writer.submit, lambda r: writer.rehearse_later(r).result(), lambda: writer.state.book)
                return
        except LeaseHeld as held:
            with _gate(handle) as sent:
                if sent is not None:
                    yield sent
                    return
            if time.monotonic() >= deadline:
                raise held from None
            time.sleep(ASK_AGAIN_SECONDS)


@contextmanager
def _gate(handle: LedgerHandle) -> Generator[Commands | None]:
    """Commands to the lease's holder; None where nobody takes them."""
    url = _nats_running(handle)
    if url is None:
        yield None
        return
    # Only who meets a running service waits for these libraries.
    from service.serving.gate import Gate

    with anyio.from_thread.start_blocking_portal() as portal:
        gate = portal.call(_connected, Gate, url)
        try:
            if not portal.call(gate.ping, handle.name):
                yield None
                return

            def submit(requests: Sequence[Request]) -> list[Answer]:
                return portal.call(gate.submit, handle.name, list(requests))

            def rehearse(requests: Sequence[Request]) -> list[Rehearsal]:
                return portal.call(gate.rehearse, handle.name, list(requests))

            def book() -> Book:
                handle.follow(columns_only=True)
                return handle.columns().book()

            yield Commands(submit, rehearse, book)
        finally:
            portal.call(gate.close)


async def _connected(make: type[Gate], url: str) -> Gate:
    gate = make(url)
    await gate.connect(CONNECT_SECONDS)
    return gate


def _nats_running(handle: LedgerHandle) -> str | None:
    """NATS's address; None where the embedded one doesn't run: then nobody serves from this home."""
    settings = handle.settings
    if settings.nats_url:
        return settings.nats_url
    running = any(s.name == "nats" and s.running for s in embedded.servers_status(settings))
    return embedded.nats_url(settings) if running else None

"""A PostgreSQL of a test's own that can be made silent: it is stopped, not ended, so that its sockets stay open."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.log.connecting import pulse_of
from service.embedded.postgres import postgres_status, postgres_up
from tests.homes import home_made

CONNECT_SECONDS = 2
"""How patient connections to it are: the driver takes no less."""


class Silenceable:
    """A PostgreSQL and its URL."""

    def __init__(self, home: Path) -> None:
        self.home = home
        url = postgres_up(home)
        self.url = f"{url}{'&' if '?' in url else '?'}connect_timeout={CONNECT_SECONDS}"
        pid = postgres_status(home).pid
        assert pid is not None
        self._pid = pid

    @contextmanager
    def silent(self) -> Iterator[None]:
        """With all its processes stopped; afterwards this process knows that they go on."""
        stopped: list[int] = []
        try:
            # The parent first: it begins no more of them.
            for pid in (self._pid, *self._children()):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            deadline = time.monotonic() + 30
            while pulse_of(self.url).silent():
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def _children(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    stat = (entry / "stat").read_text()
                except OSError:
                    continue
                if int(stat.rpartition(")")[2].split()[1]) == self._pid:
                    yield int(entry.name)


@contextmanager
def silenceable() -> Iterator[Silenceable]:
    """One in a home of its own."""
    with home_made("silent") as home:
        yield Silenceable(home)

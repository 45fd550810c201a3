"""NATS servers of a test's own, on loopback, from the wheel: one alone, or several as a cluster; to be killed at will."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from service.embedded.nats import read_greeting, server_binary
from tests.acceptance.served import port_free

WAIT_SECONDS = 60.0


class NatsServer:
    """One server. It keeps its port and its store from start to start."""

    def __init__(
        self,
        folder: Path,
        name: str = "one",
        *,
        sync_always: bool = False,
        payload_max: str = "8MB",
        cluster: str = "",
        jetstream: str = "",
    ) -> None:
        """`cluster` and `jetstream` are further lines of its configuration, at the top level and of its store."""
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.port = port_free()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        sync = "sync_interval: always" if sync_always else ""
        store = f'jetstream {{ store_dir: "{self.folder / "store"}", max_file: 8GB\n {sync}\n {jetstream} }}'
        self._config = self.folder / "server.conf"
        self._config.write_text(
            f"server_name: {name}\nhost: 127.0.0.1\nport: {self.port}\nmax_payload: {payload_max}\n{store}\n{cluster}\n", "utf-8"
        )

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            command = [str(server_binary()), "--config", str(self._config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + WAIT_SECONDS
        while (greeting := read_greeting("127.0.0.1", self.port)) is None or greeting.server_name != self.name:
            assert self.process.poll() is None, self.log()[-2000:]
            assert time.monotonic() < deadline, self.log()[-2000:]
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "server.log").read_text("utf-8")

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)
            self.process.wait(WAIT_SECONDS)


@contextlib.contextmanager
def nats_server(folder: Path, *, sync_always: bool = False, payload_max: str = "8MB") -> Iterator[NatsServer]:
    """One server that runs, for as long as it is needed."""
    server = NatsServer(folder, sync_always=sync_always, payload_max=payload_max)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def nats_cluster(folder: Path, count: int = 3) -> Iterator[list[NatsServer]]:
    """So many servers that form a cluster, for as long as they are needed."""
    ports = [port_free() for _ in range(count)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    servers = [
        NatsServer(folder, f"n{i}", cluster=f"cluster {{ name: c, host: 127.0.0.1, port: {port}, routes: [{routes}] }}")
        for i, port in enumerate(ports)
    ]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()

"""A NATS server for one measurement, on loopback, with the sync interval that is asked for."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from service.embedded.nats import read_greeting, server_binary

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0


@contextmanager
def nats_own(folder: Path, *, sync_always: bool) -> Iterator[str]:
    """The URL of a server that runs until the end of the block. Without `sync_always`, JetStream syncs as it does by
    default, every two minutes."""
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    sync = "sync_interval: always" if sync_always else ""
    config = folder / "server.conf"
    config.write_text(
        f"server_name: bench\nhost: 127.0.0.1\nport: {port}\nmax_payload: 8MB\n"
        f'jetstream {{ store_dir: "{folder / "store"}", max_file: 16GB\n {sync} }}\n',
        "utf-8",
    )
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([str(server_binary()), "--config", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while read_greeting("127.0.0.1", port) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "server.log").read_text("utf-8")[-2_000:])
            time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)

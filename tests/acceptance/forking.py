"""Processes of the program that begin where its imports have ended, for tests that start it many times.

A server imports the program and loads the kernel once, and forks for every start: each is a process of its own, as
`plumbline` or `python -m` gives it, without the seconds that this takes. Run as `python -m tests.acceptance.forking SOCKET`; ends with the
process that started it.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

from service.command_tree import COMMANDS

ROOT = Path(__file__).parents[2]
PROGRAM = "service.main"
MODULES = (
    PROGRAM, "tests.acceptance.writer_process", "tests.acceptance.follower_process", "tests.acceptance.relay_process",
    "tests.acceptance.webhooks_process",
)  # fmt: skip
WAIT_SECONDS = 120.0
START_SECONDS = 600.0
"""The first start on a machine compiles the kernel."""

SHIM = '''#!{python} -IS
"""`plumbline`, begun where its imports have ended."""
import json, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
asked = dict(module={module!r}, arguments=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd())
socket.send_fds(server, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
told = server.makefile()
pid = int(told.readline())
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda n, _: os.kill(pid, n))
code = int(told.readline())
sys.exit(code if code >= 0 else 128 - code)
'''


class Forked:
    """A process, with what tests need of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket) -> None:
        self.returncode: int | None = None
        self._connection = connection
        self._told = b""
        self.pid = int(self._line(WAIT_SECONDS))

    def poll(self) -> int | None:
        """The exit code (of a signal: below 0), None while it runs."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = WAIT_SECONDS) -> int:
        """Its exit code. Raises TimeoutExpired."""
        if self.returncode is None:
            self.returncode = int(self._line(timeout))
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _line(self, timeout: float | None) -> bytes:
        while b"\n" not in self._told:
            ready, _, _ = select.select([self._connection], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            data = self._connection.recv(100)
            assert data, "the server of forks has ended"
            self._told += data
        line, _, self._told = self._told.partition(b"\n")
        return line


class Forks:
    """A server of forks."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="plumbline-forks-"))
        self.path = str(self._folder / "socket")
        command = [sys.executable, "-c", "import sys; from tests.acceptance.forking import serve; serve(sys.argv[1])", self.path]
        self._server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not Path(self.path).exists():
            assert self._server.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        atexit.register(self.close)

    def start(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], output: int, errors: int = 2
    ) -> Forked:
        """`python -m module arguments` in the root of our files. `output` and `errors` are file descriptors."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.path)
        asked = {
            "module": module, "arguments": list(arguments), "environment": dict(environment), "folder": str(ROOT),
        }  # fmt: skip
        with Path(os.devnull).open("rb") as nothing:
            socket.send_fds(connection, [json.dumps(asked).encode() + b"\n"], [nothing.fileno(), output, errors])
        return Forked(connection)

    def shim(self, folder: Path) -> None:
        """Put a `plumbline` into a folder."""
        file = folder / "plumbline"
        file.write_text(SHIM.format(python=sys.executable, path=self.path, module=PROGRAM), "utf-8")
        file.chmod(0o755)

    def close(self) -> None:
        """End the server; what it has forked goes on."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


@functools.cache
def forks() -> Forks:
    """The server of this test run."""
    return Forks()


def serve(path: str) -> None:
    """Fork whenever it is asked for, until standard input ends."""
    for module in (*MODULES, *(f"service.commands.{name}" for name in COMMANDS)):
        importlib.import_module(module)
    # Loading the compiled kernel takes as long as all imports.
    importlib.import_module("ledger.rules.warm").warm()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path + ".new")
    listening.listen(64)
    Path(path + ".new").rename(path)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listening.accept()
        # The first fork tells how the second ends, which is the process that was asked for.
        if os.fork() == 0:
            listening.close()
            _watch(connection)
        connection.close()


def _watch(connection: socket.socket) -> NoReturn:
    data, files, _, _ = socket.recv_fds(connection, 1_000_000, 3)
    while not data.endswith(b"\n"):
        data += connection.recv(1_000_000)
    asked = json.loads(data)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _become(asked, files)
    for file in files:
        os.close(file)
    connection.sendall(f"{pid}\n".encode())
    ready, _, _ = select.select([os.pidfd_open(pid), connection], [], [])
    if connection in ready:
        # Whoever asked for it is gone: nobody would ever end it.
        os.kill(pid, signal.SIGKILL)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(asked: dict[str, Any], files: Sequence[int]) -> NoReturn:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["plumbline", *asked["arguments"]]
    main = importlib.import_module(asked["module"]).main
    code: Any = 0
    try:
        main() if asked["module"] == PROGRAM else main(*asked["arguments"])
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    # What the interpreter does at its end, but for taking everything apart, which takes a second.
    cast(Any, threading)._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])

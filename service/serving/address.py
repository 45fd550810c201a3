"""The address that a process answers on: taken before anything else begins, listened on once it can answer. And how
much of a request is awaited there before anybody knows what it asks for."""

from __future__ import annotations

import errno
import socket
from typing import Final

from ledger.domain.errors import PlumblineError

BACKLOG: Final = 4096
HEAD_SECONDS: Final = 10
HEAD_BYTES_MAX: Final = 65_536


class AddressTaken(PlumblineError):
    """Another process listens where this one was to."""

    code = "ADDRESS_TAKEN"


def bound(host: str, port: int) -> socket.socket:
    """A socket of an address that nobody listens on; it refuses who calls until it listens. Raises AddressTaken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise _taken(error, host, port) from None
    return listening


def listen(listening: socket.socket, host: str) -> None:
    """Have it answer from now on. Raises AddressTaken where another was quicker."""
    try:
        listening.listen(BACKLOG)
    except OSError as error:
        raise _taken(error, host, listening.getsockname()[1]) from None


def _taken(error: OSError, host: str, port: int) -> Exception:
    if error.errno != errno.EADDRINUSE:
        return error
    return AddressTaken(
        f"another process listens on port {port} of {host}, perhaps another `plumbline serve`: stop it, or choose"
        " another with --port; a process without the role api does without one with --no-http"
    )

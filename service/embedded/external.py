"""What is known of servers that are not ours: whether they answer, and as what."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import psycopg

from ledger.log.connecting import connect
from service.embedded.common import ServerStatus
from service.embedded.nats import read_greeting

_NATS_PORT = 4222


def address_without_password(url: str) -> str:
    """`url` fit to be shown: without user, password and parameters."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def external_postgres_status(url: str) -> ServerStatus:
    """Whether the PostgreSQL at `url` lets us in, within the time that connections may take."""
    version = None
    try:
        with connect(url) as connection:
            version = connection.info.parameter_status("server_version")
        running = True
    except psycopg.OperationalError:
        running = False
    return _status("postgres", url, running, version)


def external_nats_status(url: str) -> ServerStatus:
    """Whether a NATS server answers at `url`, or at any of several separated by commas."""
    for part in url.split(","):
        parts = urlsplit(part.strip())
        greeting = read_greeting(parts.hostname or "127.0.0.1", parts.port or _NATS_PORT)
        if greeting is not None:
            return _status("nats", part.strip(), True, greeting.version)
    return _status("nats", url.split(",")[0].strip(), False, None)


def _status(name: str, url: str, running: bool, version: str | None) -> ServerStatus:
    return ServerStatus(
        name=name,
        running=running,
        external=True,
        address=address_without_password(url),
        pid=None,
        data_folder=None,
        version=version,
    )

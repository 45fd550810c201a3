"""The servers Plumbline needs: real ones named by the settings, or its own PostgreSQL and NATS under `home`.

Whoever needs a server asks for its URL here and gets one that is running; nothing else is started.
"""

from __future__ import annotations

from service.embedded.common import EmbeddedServerError, Progress, ServerStatus, silent
from service.embedded.external import external_nats_status, external_postgres_status
from service.embedded.nats import nats_down, nats_status, nats_up
from service.embedded.postgres import postgres_down, postgres_status, postgres_up
from service.settings import Settings

__all__ = [
    "EmbeddedServerError",
    "Progress",
    "ServerStatus",
    "database_url",
    "nats_operations_url",
    "nats_url",
    "servers_down",
    "servers_status",
    "servers_up",
    "silent",
]


def database_url(settings: Settings, progress: Progress = silent) -> str:
    """The URL of the PostgreSQL of the settings, else of the embedded one, started where it must be.

    Raises EmbeddedServerError where the embedded one cannot be started.
    """
    return settings.database_url or postgres_up(settings.home, progress)


def nats_url(settings: Settings, progress: Progress = silent) -> str:
    """The URL of the NATS server of the settings, else of the embedded one, started where it must be.

    Raises EmbeddedServerError where the embedded one cannot be started.
    """
    return settings.nats_url or nats_up(settings.home, progress)


def nats_operations_url(settings: Settings, progress: Progress = silent) -> str:
    """The URL under which streams are set up. The embedded server has one account, which may do everything.

    Raises EmbeddedServerError as `nats_url`.
    """
    return settings.nats_operations_url or nats_url(settings, progress)


def servers_up(
    settings: Settings, *, postgres: bool = True, nats: bool = False, progress: Progress = silent
) -> list[ServerStatus]:
    """Start the embedded servers that are asked for and not replaced by the settings; say how all stand then.

    Raises EmbeddedServerError where one cannot be started.
    """
    if postgres:
        database_url(settings, progress)
    if nats:
        nats_url(settings, progress)
    return servers_status(settings)


def servers_down(settings: Settings) -> list[str]:
    """Stop the embedded servers of this home, none elsewhere, and return the names of those that ran.

    NATS goes first: what it still holds can be published again from the log. Raises EmbeddedServerError when
    one does not stop.
    """
    stopped: list[str] = []
    if nats_down(settings.home):
        stopped.append("nats")
    if postgres_down(settings.home):
        stopped.append("postgres")
    return stopped


def servers_status(settings: Settings) -> list[ServerStatus]:
    """How PostgreSQL and NATS stand, in this order; starts nothing."""
    return [
        external_postgres_status(settings.database_url)
        if settings.database_url
        else postgres_status(settings.home),
        external_nats_status(settings.nats_url) if settings.nats_url else nats_status(settings.home),
    ]

"""What every test may ask for: one home with real servers for the whole run, and a schema name of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service import embedded
from service.settings import Settings
from tests.homes import home_made


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A PLUMBLINE_HOME that all tests of this run share; what runs in it is stopped at the end."""
    with home_made("test") as folder:
        yield folder


@pytest.fixture(scope="session")
def settings(home: Path) -> Settings:
    """Settings with the shared home and the embedded servers, whatever the environment says."""
    return Settings(home=home)


@pytest.fixture(scope="session")
def database_url(settings: Settings) -> str:
    """The URL of a running embedded PostgreSQL, which leaves it to the system when files reach the disk, and tidies
    nothing up.

    No test cuts this machine's power, and those that kill servers have servers of their own; but hundreds of ledgers
    are made here, of hundreds of files each.
    """
    url = embedded.database_url(settings)
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def nats_url(settings: Settings) -> str:
    """The URL of a running embedded NATS server with JetStream."""
    return embedded.nats_url(settings)


@pytest.fixture
def schema_name() -> str:
    """A schema name that no other test uses; the schema itself is not made."""
    return f"t_{secrets.token_hex(4)}"

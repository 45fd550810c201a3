"""What a command says of an error of the database: that it is away, or that it refused something."""

from __future__ import annotations

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from service.main import database_told


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.OperationalError("connection refused"), "DATABASE_UNREACHABLE"),
        (OperationalError("server closed the connection"), "DATABASE_UNREACHABLE"),
        (psycopg.errors.AdminShutdown("going down"), "DATABASE_UNREACHABLE"),
        (IntegrityError("violates check constraint"), "FAILED"),
        (psycopg.errors.DiskFull("no space left"), "FAILED"),
    ],
)
def test_only_a_database_that_is_away_is_told_as_unreachable(error: Exception, code: str) -> None:
    told, reason = database_told(error)
    assert told == code and str(error) in reason

"""Makes the schema of a ledger and brings it up to date.

Numbered SQL files, applied forward only, each recorded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import psycopg
from psycopg import sql

from ledger.domain.errors import PlumblineError
from ledger.log.connecting import connect
from ledger.log.queries import queries_load

_QUERIES = queries_load("ledger.log", "queries.sql")
SHARED_SCHEMA = "plumbline"
_FILE_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")
_SCHEMA_NAME = re.compile(r"^[a-z_][a-z0-9_]{0,62}$")


class MigrationError(PlumblineError):
    """The schema cannot be brought up to date; the message says what to do."""

    code = "MIGRATION_FAILED"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step: the file `NNNN_name.sql`."""

    number: int
    name: str
    text: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file, 32 bytes: what is recorded, and compared ever after."""
        return sha256(self.text).digest()


def migrations_read(folder: Traversable | None = None) -> list[Migration]:
    """The steps this program knows, in order.

    Raises MigrationError when a file name is not `NNNN_name.sql` or the numbers are not 1, 2, 3 … without a
    gap.
    """
    migrations: list[Migration] = []
    for file in (folder or files("migrations")).iterdir():
        if not file.name.endswith(".sql") or file.name == "schema.sql":
            continue
        match = _FILE_NAME.match(file.name)
        if match is None:
            raise MigrationError(
                f"{file.name} is no name for a migration; call it like 0002_words_of_what.sql."
            )
        migrations.append(Migration(int(match[1]), match[2], file.read_bytes()))
    migrations.sort(key=lambda migration: migration.number)
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise MigrationError(
            f"Migrations must be numbered 1, 2, 3 … without a gap, not {numbers}; rename the files."
        )
    return migrations


def schema_name_check(schema: str) -> None:
    """Raises ValueError unless `schema` is a plain name.

    Lower-case letters, digits, underscores, at most 63.
    """
    if _SCHEMA_NAME.match(schema) is None or schema.startswith("pg_"):
        raise ValueError(
            f"{schema!r} cannot be the schema of a ledger; use a lower-case letter followed by at most 62"
            " lower-case letters, digits or underscores, not beginning with pg_."
        )


def ledger_schema_create(
    database_url: str, schema: str, *, migrations: Sequence[Migration] | None = None
) -> list[int]:
    """Creates the schema where missing and brings it up to date; returns the numbers of the steps applied.

    Safe to call by several processes at once, and again. `migrations` are this program's own unless given.
    Raises ValueError for an impossible name, MigrationError when the record and the files do not agree.
    """
    schema_name_check(schema)
    steps = migrations_read() if migrations is None else list(migrations)
    with connect(database_url, autocommit=True) as connection:
        connection.execute(_QUERIES["schema_lock"], {"schema": schema})
        if not _scalar(connection, "schema_exists", schema):
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        recorded = _recorded_count(connection, schema, steps)
        for step in steps[recorded:]:
            _apply(connection, schema, step)
        return [step.number for step in steps[recorded:]]


def shared_schema_create(database_url: str) -> list[int]:
    """Creates the schema that all ledgers share (`SHARED_SCHEMA`) where missing, or brings it up to date.

    Returns the numbers of the steps applied. Raises MigrationError as `ledger_schema_create` does.
    """
    return ledger_schema_create(
        database_url, SHARED_SCHEMA, migrations=migrations_read(files("migrations.shared"))
    )


def ledger_schemas(database_url: str) -> list[str]:
    """The schemas of this database that hold a ledger, by name."""
    with connect(database_url, autocommit=True) as connection:
        return [row[0] for row in connection.execute(_QUERIES["ledger_schemas"])]


def _scalar(connection: psycopg.Connection[Any], query: str, schema: str) -> Any:
    row = connection.execute(_QUERIES[query], {"schema": schema}).fetchone()
    assert row is not None
    return row[0]


def _recorded_count(connection: psycopg.Connection[Any], schema: str, steps: Sequence[Migration]) -> int:
    """How many steps are applied.

    Raises MigrationError unless they are the first ones of `steps`, unchanged.
    """
    with connection.transaction():
        connection.execute(_QUERIES["search_path_set"], {"schema": schema})
        if not _scalar(connection, "migrations_exist", schema):
            return 0
        recorded = connection.execute(_QUERIES["migrations_recorded"]).fetchall()
    for place, (number, name, digest) in enumerate(recorded, start=1):
        label = f"Migration {number:04d}_{name} of schema {schema}"
        if number != place:
            raise MigrationError(
                f"{label} is recorded, but number {place} before it is not; restore the schema from a backup."
            )
        if number > len(steps):
            raise MigrationError(
                f"{label} is recorded, but this program has no such file: it is older than the schema."
                " Install the version that wrote it, or a newer one."
            )
        step = steps[place - 1]
        if step.name != name or step.digest != bytes(digest):
            raise MigrationError(
                f"{label} was applied from a file that reads otherwise now"
                f" ({number:04d}_{step.name}.sql, SHA-256 {step.digest.hex()[:12]}… instead of"
                f" {bytes(digest).hex()[:12]}…)."
                " Put the released file back and write the change as a new migration."
            )
    return len(recorded)


def _apply(connection: psycopg.Connection[Any], schema: str, step: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(_QUERIES["search_path_set"], {"schema": schema})
            # No parameters and not prepared: the simple protocol takes a file of many statements.
            connection.execute(step.text, prepare=False)
            connection.execute(
                _QUERIES["migration_record"],
                {"number": step.number, "name": step.name, "sha256": step.digest},
            )
    except psycopg.Error as error:
        raise MigrationError(
            f"Migration {step.number:04d}_{step.name} failed on schema {schema} and was rolled back: {error}"
        ) from error

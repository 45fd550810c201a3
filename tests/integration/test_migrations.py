"""Migrations on a real Postgres: what they make, what they refuse, and that schema.sql says the same."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from ledger.log.migrate import (
    Migration,
    MigrationError,
    ledger_schema_create,
    ledger_schemas,
    migrations_read,
)

# What a schema consists of, one query per kind; names of the schema itself are taken out before comparing.
CATALOG: dict[str, LiteralString] = {
    "schema": "SELECT nspacl::text FROM pg_namespace WHERE oid = %(schema)s::regnamespace",
    "relations": """
        SELECT relname, relkind::text, relpersistence::text, relrowsecurity, reloptions, relacl::text,
               pg_get_viewdef(CASE WHEN relkind IN ('v', 'm') THEN oid END)
        FROM pg_class WHERE relnamespace = %(schema)s::regnamespace ORDER BY relname""",
    "columns": """
        SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity::text, a.attgenerated::text, a.attstorage::text, a.attcompression::text,
               a.attcollation::regcollation::text, a.attacl::text, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = %(schema)s::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY c.relname, a.attnum""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, condeferrable, convalidated,
               pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace ORDER BY 1, 2""",
    "indexes": """
        SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid, indisclustered
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE c.relnamespace = %(schema)s::regnamespace ORDER BY 1, 2""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND NOT tgisinternal ORDER BY 1, 2""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid), prosecdef, proconfig, proacl::text
        FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace ORDER BY 1, 2""",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, increment_by, max_value, cycle
        FROM pg_sequences WHERE schemaname = %(schema)s ORDER BY 1""",
    "types": """
        SELECT typname, typtype::text, format_type(typbasetype, typtypmod), typnotnull, typacl::text,
               ARRAY(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)
        FROM pg_type t WHERE typnamespace = %(schema)s::regnamespace
          AND typtype IN ('d', 'e', 'r') ORDER BY 1""",
    "policies": """
        SELECT tablename, policyname, qual, with_check
        FROM pg_policies WHERE schemaname = %(schema)s ORDER BY 1, 2""",
    "comments": """
        SELECT classoid::regclass::text, objsubid, description FROM pg_description d
        JOIN pg_class c ON c.oid = d.objoid WHERE c.relnamespace = %(schema)s::regnamespace
        ORDER BY 1, 2, 3""",
}


def catalog_read(database_url: str, schema: str) -> dict[str, str]:
    """Each kind of thing in a schema as text in which the schema's name does not occur."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        return {
            kind: "\n".join(
                re.sub(rf"\b{schema}\b", "SCHEMA", repr(row))
                for row in connection.execute(query, {"schema": schema})
            )
            for kind, query in CATALOG.items()
        }


def schema_apply(database_url: str, schema: str, text: bytes) -> None:
    """Applies a file of SQL in a new schema, as a migration would be."""
    with psycopg.connect(database_url) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("SET LOCAL search_path TO {}, pg_temp").format(sql.Identifier(schema)))
        connection.execute(text)


@pytest.fixture
def recorded(database_url: str, schema_name: str) -> list[Migration]:
    """A ledger with the released migrations, which are returned."""
    ledger_schema_create(database_url, schema_name)
    return migrations_read()


def test_schema_sql_and_the_migrations_reach_the_same_catalog(database_url: str, schema_name: str) -> None:
    ledger_schema_create(database_url, schema_name)
    schema_apply(database_url, schema_name + "_read", files("migrations").joinpath("schema.sql").read_bytes())

    migrated, read = (
        catalog_read(database_url, schema_name),
        catalog_read(database_url, schema_name + "_read"),
    )

    for kind in CATALOG:
        assert migrated[kind] == read[kind], f"schema.sql and the migrations differ in {kind}"
    for kind in ("schema", "relations", "columns", "constraints", "indexes", "triggers", "functions"):
        assert "plumbline_app" in migrated[kind] or "event" in migrated[kind]  # it looked at something


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("columns", "ALTER TABLE answer ALTER body DROP NOT NULL"),
        ("columns", "ALTER TABLE migration ALTER applied_at SET DEFAULT clock_timestamp()"),
        ("columns", "ALTER TABLE fact ALTER version TYPE bigint"),
        ("constraints", "ALTER TABLE fact DROP CONSTRAINT fact_version_check"),
        ("indexes", "CREATE INDEX ON event (topic)"),
        ("triggers", "ALTER TABLE event ENABLE TRIGGER change_refuse"),
        ("functions", "ALTER FUNCTION log_append SECURITY INVOKER"),
        ("functions", "GRANT EXECUTE ON FUNCTION log_append TO PUBLIC"),
        ("relations", "GRANT DELETE ON event TO plumbline_app"),
    ],
)
def test_the_comparison_of_catalogs_sees_every_small_difference(
    database_url: str, schema_name: str, kind: str, change: LiteralString
) -> None:
    ledger_schema_create(database_url, schema_name)
    before = catalog_read(database_url, schema_name)
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        connection.execute(change)
    assert catalog_read(database_url, schema_name)[kind] != before[kind]


def test_a_new_ledger_is_made_once_and_found(database_url: str, schema_name: str) -> None:
    numbers = [migration.number for migration in migrations_read()]
    assert ledger_schema_create(database_url, schema_name) == numbers
    assert ledger_schema_create(database_url, schema_name) == []
    assert schema_name in ledger_schemas(database_url)


def test_ledgers_made_at_the_same_moment_do_not_meet(database_url: str, schema_name: str) -> None:
    names = [f"{schema_name}_{n % 4}" for n in range(8)]  # each twice
    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(lambda name: ledger_schema_create(database_url, name), names))
    numbers = [migration.number for migration in migrations_read()]
    assert sorted(applied) == [[]] * 4 + [numbers] * 4
    assert set(names) <= set(ledger_schemas(database_url))


def test_further_migrations_are_applied_forward_in_order(
    database_url: str, schema_name: str, recorded: list[Migration]
) -> None:
    number = len(recorded) + 1
    further = [
        Migration(number, "plan", b"CREATE TABLE plan (id bigint); INSERT INTO plan VALUES (1);"),
        Migration(number + 1, "plan_name", b"ALTER TABLE plan ADD name text DEFAULT 'a;b';"),
    ]
    assert ledger_schema_create(database_url, schema_name, migrations=[*recorded, *further]) == [
        number,
        number + 1,
    ]
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        assert connection.execute("SELECT id, name FROM plan").fetchall() == [(1, "a;b")]
        assert connection.execute(
            "SELECT number, name, sha256 FROM migration ORDER BY number"
        ).fetchall() == [(step.number, step.name, step.digest) for step in [*recorded, *further]]


def test_a_failing_migration_leaves_nothing_and_says_which(
    database_url: str, schema_name: str, recorded: list[Migration]
) -> None:
    number = len(recorded) + 1
    failing = Migration(number, "broken", b"CREATE TABLE plan (id bigint); SELECT 1 / 0;")
    before = catalog_read(database_url, schema_name)
    with pytest.raises(MigrationError, match=rf"{number:04d}_broken failed on schema .* division by zero"):
        ledger_schema_create(database_url, schema_name, migrations=[*recorded, failing])
    assert catalog_read(database_url, schema_name) == before
    assert ledger_schema_create(database_url, schema_name) == []


@pytest.mark.parametrize("change", [{"text": b"SELECT 2"}, {"name": "renamed"}], ids=["text", "name"])
def test_a_changed_migration_is_refused(
    database_url: str, schema_name: str, recorded: list[Migration], change: dict
) -> None:
    changed = [replace(recorded[0], **change), *recorded[1:]]
    with pytest.raises(MigrationError, match=r"reads otherwise now .* Put the released file back"):
        ledger_schema_create(database_url, schema_name, migrations=changed)


def test_a_recorded_migration_that_is_missing_is_refused(
    database_url: str, schema_name: str, recorded: list[Migration]
) -> None:
    with pytest.raises(MigrationError, match="this program has no such file: it is older than the schema"):
        ledger_schema_create(database_url, schema_name, migrations=recorded[:-1])


def test_a_hole_in_the_record_is_refused(
    database_url: str, schema_name: str, recorded: list[Migration]
) -> None:
    number = len(recorded) + 2
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        connection.execute("INSERT INTO migration VALUES (%s, 'later', %s)", [number, bytes(32)])
    with pytest.raises(MigrationError, match="is recorded, but number"):
        ledger_schema_create(database_url, schema_name)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["0001_log.sql", "0003_plan.sql"], "numbered 1, 2, 3"),
        (["0001_log.sql", "0001_plan.sql"], "numbered 1, 2, 3"),
        (["0001_log.sql", "2-plan.sql"], "2-plan.sql is no name for a migration"),
    ],
)
def test_files_out_of_order_are_refused(tmp_path: Path, names: list[str], complaint: str) -> None:
    for name in [*names, "schema.sql", "__init__.py"]:
        (tmp_path / name).write_bytes(b"SELECT 1")
    with pytest.raises(MigrationError, match=complaint):
        migrations_read(tmp_path)

"""Keys and permissions: every route names one, every role is held to it, a revoked key stops."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
import typer
from fastapi import FastAPI
from fastapi.routing import APIRoute
from typer.testing import CliRunner

from api.access.keys import AccessStore, StrangersMany
from api.access.roles import PERMISSIONS, Permission, Role
from api.app import app_create
from api.limits import Rates
from api.routing import Route
from api.settings import ApiSettings
from ledger.domain.commands import RegisterCustomer, Request
from ledger.domain.commands.relations import DeclareTeam, EnrolStaff
from ledger.domain.errors import Refused
from ledger.log.migrate import shared_schema_create
from service.bootstrap import ledger_open
from service.commands import keys
from service.settings import Settings
from tests.integration.api.ports import LedgersHere
from tests.integration.api.serving import Api

FACT = {
    "source": "crm", "external_id": "x", "fact_type": "project_completed", "customer": "C-000001",
    "occurred_at": "2026-10-01",
}  # fmt: skip


def own_routes(app: FastAPI) -> list[Route]:
    return [route for route in app.routes if isinstance(route, Route)]


def filled(route: Route) -> str:
    """The route's path with parameters that exist or could."""
    return route.path_format.format_map(
        dict.fromkeys(route.param_convertors, "x") | {"ledger": "main", "customer": "C-000002"}
    )


def test_every_route_declares_a_permission(app: FastAPI) -> None:
    api_routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(api_routes) > 15
    assert [route.path for route in api_routes if not isinstance(route, Route)] == []
    assert all(isinstance(route.spec.permission, Permission) for route in own_routes(app))
    public = {route.path for route in own_routes(app) if route.spec.permission is Permission.PUBLIC}
    schemas = {"/schemas/problems", "/schemas/events", "/schemas/events/{event}/{version}", "/schemas/asyncapi.json"}
    # The signature is the key of a webhook.
    assert public == {"/health", "/ready", "/v1/ledgers/{ledger}/webhooks/in/{sender}", *schemas}
    # What FastAPI adds by itself beside our routes is the document alone.
    assert {getattr(r, "path", "") for r in app.routes if not isinstance(r, Route)} == {"/openapi.json"}


def test_a_route_without_a_key_is_closed_and_each_role_is_held_to_its_permissions(api: Api, app: FastAPI) -> None:
    for route in own_routes(app):
        permission = route.spec.permission
        if permission is Permission.PUBLIC:
            continue
        path, method = filled(route), route.spec.method
        assert api.send(method, path, key=None).json()["code"] == "KEY_MISSING"
        assert api.send(method, path, key="plk_nobody").json()["code"] == "KEY_UNKNOWN"
        for role in Role:
            if permission not in PERMISSIONS[role]:
                answer = api.send(method, path, key=role)
                assert (answer.status_code, answer.json()["code"]) == (403, "PERMISSION_DENIED"), (path, role)
        if "{customer}" in route.path:
            assert api.send(method, path, key="customer").json()["code"] == "PERMISSION_DENIED"


def test_an_auditor_reads_and_writes_nothing() -> None:
    assert not any(p.value.endswith((".write", ".propose", ".approve", ".close", ".run", ".manage", ".rebuild", ".adjust"))
                   for p in PERMISSIONS[Role.AUDITOR])  # fmt: skip
    assert PERMISSIONS[Role.CUSTOMER] == {Permission.PUBLIC, Permission.POINTS_READ}


def test_a_key_is_made_used_listed_and_revoked(api: Api, access: AccessStore) -> None:
    body = {"actor": "erp", "role": "service", "ledgers": ["main"]}
    made = api.post("/v1/keys", json=body)
    assert made.status_code == 201
    secret, key_id = made.json()["secret"], made.json()["id"]
    assert secret.startswith("plk_") and len(secret) > 40
    fact = {**FACT, "external_id": "by-erp"}
    assert api.post("/v1/ledgers/main/facts", key=secret, json=fact).status_code == 201
    assert api.post("/v1/ledgers/other/facts", key=secret, json=fact).json()["code"] == "PERMISSION_DENIED"

    listed: dict[str, dict[str, object]] = {}
    answer = api.get("/v1/keys?limit=2").json()
    while True:
        assert len(answer["data"]) <= 2
        listed |= {entry["id"]: entry for entry in answer["data"]}
        if not answer["has_more"]:
            break
        answer = api.get("/v1/keys", params={"cursor": answer["next"]}).json()
    assert listed[key_id]["actor"] == "erp" and "secret" not in listed[key_id]

    # Another process learns of the revocation by its own look-ups.
    other = AccessStore(access._datastore.database_url)  # pyright: ignore[reportPrivateUsage]
    try:
        other.key_revoke(key_id)
    finally:
        other.close()
    revoked_at = time.monotonic()
    while api.post("/v1/ledgers/main/facts", key=secret, json=fact).status_code != 401:
        assert time.monotonic() - revoked_at < 2.0
        time.sleep(0.02)
    assert api.send("DELETE", f"/v1/keys/{key_id}").json()["revoked_at"] is not None
    assert api.send("DELETE", "/v1/keys/K-none").json()["code"] == "API_KEY_UNKNOWN"


STAFF = (DeclareTeam("one", "一"), EnrolStaff("hr", "1", "甲", "one"), EnrolStaff("hr", "2", "乙", "one"))
"""S-000001 and S-000002, and after them something else in their stream."""


@pytest.fixture(scope="module")
def staffed(ledgers: LedgersHere) -> LedgersHere:
    """The ledgers with two members of staff in `main`."""
    for command in (*STAFF, DeclareTeam("two", "二")):
        answer = ledgers.ledgers["main"].books.do(command)
        assert answer.status == "accepted", answer
    return ledgers


def typed(*arguments: str) -> tuple[int, object]:
    """What `plumbline keys create` comes to: its exit code, and its document or what it was refused with."""
    app = typer.Typer()
    keys.register(app)
    done = CliRunner().invoke(app, ["keys", "create", "wang.li", *arguments, "--json"])
    if isinstance(done.exception, Refused):
        return 1, (done.exception.code, done.exception.field)
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture(scope="module")
def typed_ledger(settings: Settings) -> str:
    """A ledger of the command line's with one customer and two members of staff."""
    name = f"keys{secrets.token_hex(4)}"
    with ledger_open(settings, name, "alice", create=True) as handle, handle.writing("alice") as writer:
        commands = (RegisterCustomer("crm", "a", "A", {}), *STAFF)
        answers = writer.submit([Request(command, "alice") for command in commands])
        assert {answer.status for answer in answers} == {"accepted"}
    return name


def test_a_key_of_a_member_of_staff_is_made_over_http_and_at_the_command_line(
    api: Api, access: AccessStore, database_url: str, staffed: LedgersHere, typed_ledger: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    body = {"actor": "wang.li", "role": "staff", "ledgers": ["main"], "staff": "S-000002"}
    made = api.post("/v1/keys", json=body).json()
    assert (made["role"], made["staff"], made["ledgers"]) == ("staff", "S-000002", ["main"])
    monkeypatch.setenv("PLUMBLINE_DATABASE_URL", database_url)
    exit_code, document = typed("--role", "staff", "--staff", "S-000002", "--ledger", typed_ledger)
    assert exit_code == 0 and isinstance(document, dict)
    for secret, ledger in ((made["secret"], "main"), (document["secret"], typed_ledger)):
        principal = access.key_find(secret)
        assert principal is not None
        assert (principal.role, principal.staff, principal.ledgers) == (Role.STAFF, "S-000002", frozenset({ledger}))


@pytest.mark.parametrize("dry", ["", "?dry_run=true"])
@pytest.mark.parametrize(
    ("role", "whose", "code", "field"),
    [
        ("customer", {"customer": "C-000003", "ledgers": ["main"]}, "CUSTOMER_UNKNOWN", "customer"),
        ("staff", {"staff": "S-000003", "ledgers": ["main"]}, "STAFF_UNKNOWN", "staff"),
        ("staff", {"staff": "S-000001", "ledgers": ["elsewhere"]}, "LEDGER_UNKNOWN", "ledgers"),
        ("service", {"ledgers": ["main", "elsewhere"]}, "LEDGER_UNKNOWN", "ledgers"),
    ],
)
def test_no_key_is_made_for_whom_is_not_there_yet(
    api: Api, staffed: LedgersHere, dry: str, role: str, whose: dict[str, object], code: str, field: str
) -> None:
    # The ledger ends at C-000002 and S-000002: the next id will be another firm's, another person's.
    before = len(api.access.keys_list())
    answer = api.post(f"/v1/keys{dry}", json={"actor": "x", "role": role, **whose})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (404, code, field)
    assert len(api.access.keys_list()) == before


def test_the_command_line_makes_no_key_for_whom_is_not_there_yet(
    database_url: str, typed_ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_DATABASE_URL", database_url)
    there = ("--role", "customer", "--customer", "C-000001", "--ledger", typed_ledger)
    assert typed(*there)[0] == 0
    there = ("--role", "customer", "--customer", "C-999999", "--ledger", typed_ledger)
    assert typed(*there) == (1, ("CUSTOMER_UNKNOWN", "customer"))
    assert typed("--role", "staff", "--staff", "S-000777", "--ledger", typed_ledger) == (1, ("STAFF_UNKNOWN", "staff"))
    assert typed("--role", "service", "--ledger", "nowhere") == (1, ("LEDGER_UNKNOWN", "ledger"))


def test_only_the_hash_of_a_secret_is_kept_and_last_use_is_written(database_url: str) -> None:
    store = AccessStore(database_url)
    try:
        record, secret = store.key_create("eve", "auditor")
        found = store.key_find(secret)
        assert found is not None and found.actor == "eve"
    finally:
        store.close()
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT k::text FROM plumbline.api_key k WHERE id = %s", (record.id,)).fetchone()
    assert row is not None and secret not in row[0] and secret[4:] not in row[0]


def test_the_last_use_of_a_key_is_written_at_the_latest_when_the_store_closes(
    ledgers: LedgersHere, database_url: str
) -> None:
    store = AccessStore(database_url)
    _, secret = store.key_create("late", "admin")
    with Api(app_create(ledgers, store, ApiSettings()), store) as api:
        assert api.get("/v1/keys", key=secret).status_code == 200
    store.close()
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT last_used_at FROM plumbline.api_key WHERE actor = 'late'").fetchall()
    assert rows[0][0] is not None


def test_an_expired_key_is_unknown(access: AccessStore) -> None:
    _, secret = access.key_create("soon", "auditor", expires=datetime.now(UTC) + timedelta(seconds=0.3))
    assert access.key_find(secret) is not None
    time.sleep(0.4)
    assert access.key_find(secret) is None


@pytest.mark.parametrize(
    ("actor", "role", "more", "field"),
    [
        ("", "admin", {}, "actor"),
        ("a\0b", "admin", {}, "actor"),
        ("a", "king", {}, "role"),
        ("a", "customer", {}, "customer"),
        ("a", "customer", {"customer": "C-000001"}, "ledger"),
        ("a", "customer", {"customer": "nobody", "ledger": "main"}, "customer"),
        ("a", "admin", {"customer": "C-000001"}, "customer"),
        ("a", "staff", {}, "staff"),
        ("a", "staff", {"staff": "S-000001"}, "ledger"),
        ("a", "staff", {"staff": "S-000001", "ledgers": ["main", "other"]}, "ledger"),
        ("a", "staff", {"staff": "somebody", "ledger": "main"}, "staff"),
        ("a", "admin", {"staff": "S-000001"}, "staff"),
        ("a", "admin", {"expires": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
        ("a", "admin", {"expires": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12)))}, "expires_at"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    access: AccessStore, actor: str, role: str, more: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        access.key_create(actor, role, **more)  # pyright: ignore[reportArgumentType]
    assert (refused.value.code, refused.value.field) == ("KEY_REQUEST_INVALID", field)


def test_an_admin_of_some_ledgers_makes_no_key_of_all(api: Api, access: AccessStore) -> None:
    _, secret = access.key_create("half", "admin", ["main"])
    assert api.post("/v1/keys", key=secret, json={"actor": "x", "role": "admin"}).status_code == 403
    assert api.get("/v1/keys", key=secret).status_code == 403
    assert api.post("/v1/ledgers", key=secret, json={"name": "mine"}).status_code == 403


def test_too_many_requests_of_a_key_are_told_when_to_come_again(ledgers: LedgersHere, access: AccessStore) -> None:
    settings = ApiSettings(requests_per_second=0.5, requests_burst=2)
    with Api(app_create(ledgers, access, settings), access) as api:
        answers = [api.get("/v1/keys") for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "2" and answers[2].json()["code"] == "RATE_EXCEEDED"
        assert api.get("/v1/keys", key="operator").status_code == 403  # another key has a bucket of its own


def test_the_shared_schema_is_made_once_and_the_application_cannot_delete_a_key(
    access: AccessStore, database_url: str
) -> None:
    assert shared_schema_create(database_url) == []
    record, _ = access.key_create("kept", "auditor")
    with psycopg.connect(database_url, autocommit=True, options="-c search_path=plumbline") as connection:
        connection.execute("SET ROLE plumbline_app")
        for statement in (
            "DELETE FROM api_key", "UPDATE api_key SET role = 'admin'", "UPDATE signing_key SET value = value",
            "DELETE FROM signing_key",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    assert record.id in {entry.id for entry in access.keys_list(limit=100_000)}


def test_all_processes_sign_cursors_with_one_key(access: AccessStore, database_url: str) -> None:
    other = AccessStore(database_url)
    try:
        assert other.signing_key() == access.signing_key() and len(access.signing_key()) == 32
    finally:
        other.close()


def strangers(count: int) -> list[str]:
    """Keys of the right form that nobody has."""
    return ["plk_" + f"{n:043d}" for n in range(count)]


def counted(store: AccessStore, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The look-ups of a store from now on."""
    asked: list[bytes] = []
    look_up = store._look_up  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(store, "_look_up", lambda digest: (asked.append(digest), look_up(digest))[1])
    return asked


@pytest.mark.parametrize("secret", ["plk_nobody", "x" * 47, "plk_" + "0" * 44, "plk_"])
def test_what_has_not_the_form_of_a_key_is_looked_up_nowhere(
    access: AccessStore, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    asked = counted(access, monkeypatch)
    assert asyncio.run(access.principal_find(secret)) is None and asked == []


def test_unknown_keys_are_limited_by_address_and_good_keys_stay_known(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AccessStore(database_url)
    _, good = store.key_create("good", "auditor")

    async def flood() -> None:
        assert await store.principal_find(good, "10.0.0.1") is not None
        asked = counted(store, monkeypatch)
        refused = 0
        for secret in strangers(3_000):
            try:
                assert await store.principal_find(secret, "10.0.0.1") is None
            except StrangersMany as many:
                refused += 1
                assert many.seconds >= 1
        assert refused > 2_900 and len(asked) == 3_000 - refused
        # A known key comes in from there as from everywhere, and one never seen from another place.
        assert await store.principal_find(good, "10.0.0.1") is not None
        _, other = await asyncio.to_thread(store.key_create, "other", "auditor")
        assert await store.principal_find(other, "10.0.0.2") is not None
        with pytest.raises(StrangersMany):
            await store.principal_find(strangers(3_001)[-1], "10.0.0.1")

    try:
        asyncio.run(flood())
        assert len(store._strangers) <= 1_000  # pyright: ignore[reportPrivateUsage]
    finally:
        store.close()


def test_a_key_that_many_use_at_once_for_the_first_time_is_looked_up_once(
    access: AccessStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, secret = access.key_create("fleet", "service")
    asked = counted(access, monkeypatch)

    async def all_at_once() -> None:
        found = await asyncio.gather(*(access.principal_find(secret, "10.0.0.3") for _ in range(200)))
        assert {p.actor for p in found if p is not None} == {"fleet"} and None not in found

    asyncio.run(all_at_once())
    assert len(asked) == 1


def test_hosts_of_one_network_of_ipv6_try_unknown_keys_on_one_account(access: AccessStore) -> None:
    async def tries() -> int:
        refused = 0
        for n, secret in enumerate(strangers(160)[100:]):
            try:
                await access.principal_find(secret, f"2001:db8::{n:x}:1")
            except StrangersMany:
                refused += 1
        return refused

    assert asyncio.run(tries()) > 30


def test_buckets_of_too_many_names_are_forgotten_without_end_to_the_looking() -> None:
    now = 0.0
    rates = Rates(0.001, 2, lambda: now)
    for n in range(50_000):
        rates.take(str(n))
    assert len(rates._buckets) <= 20_000  # pyright: ignore[reportPrivateUsage]
    assert rates.take("49999") == 0 and rates.take("49999") > 0

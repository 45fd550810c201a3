"""API keys: made once, kept as hashes, looked up in memory, revoked everywhere within two seconds."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString, cast

import anyio
import anyio.to_thread
import structlog
from eventsourcing.persistence import PersistenceError
from psycopg import Error as DatabaseError

from api.access.roles import PERMISSIONS, Permission, Role
from api.limits import Rates, neighbourhood_of
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_number
from ledger.domain.values import customer_number, text_checked
from ledger.log.datastore import LogDatastore
from ledger.log.migrate import SHARED_SCHEMA, shared_schema_create
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from ledger.log.reasons import database_reason

SECRET_PREFIX: Final = "plk_"
SECRET_BYTES: Final = 32
SECRET_LENGTH: Final = len(SECRET_PREFIX) + len(secrets.token_urlsafe(SECRET_BYTES))
FRESH_SECONDS: Final = 0.7
"""A looked-up key younger than this is taken as it is."""
STALE_SECONDS_MAX: Final = 1.5
"""Up to here it is still taken while a look-up runs behind it. A revoked key stops within this time everywhere."""
CACHE_KEYS_MAX: Final = 10_000
STRANGERS_MAX: Final = 1_000
"""So many unknown keys are remembered for FRESH_SECONDS, so that one that is sent again and again costs one look-up."""
STRANGERS_WAITING_MAX: Final = 100
STRANGERS_PER_SECOND: Final = 2.0
STRANGERS_BURST: Final = 20.0
"""How many unknown keys an address may try at once, and after that in a second."""
DATABASE_WAIT_SECONDS: Final = 2.0
YEAR_MAX: Final = 9_000
USED_FLUSH_SECONDS: Final = 3.0

_QUERIES = queries_load("api.access", "queries.sql")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: the key, the actor it acts for, and what it may touch. `ledgers` None means all of them; `staff` is the
    member of staff (S-000001) that a key of the role staff is for."""

    key_id: str
    actor: str
    role: Role
    ledgers: frozenset[str] | None
    customer: str | None
    permissions: frozenset[Permission]
    staff: str | None = None

    @property
    def may_adjust(self) -> bool:
        """Whether it may move points by hand."""
        return Permission.POINTS_ADJUST in self.permissions


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it may be shown: everything but its secret."""

    id: str
    actor: str
    role: Role
    ledgers: tuple[str, ...] | None
    customer: str | None
    staff: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(slots=True)
class _Cached:
    principal: Principal
    at: float
    refreshing: bool = False


class StrangersMany(Exception):
    """Too many unknown keys were tried, from one address or from all together; come again in `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class AccessStore:
    """The keys of a database, in the schema all ledgers share. `close` it after use.

    The constructor makes the schema where it is missing. Methods talk to the database in the calling thread,
    except `principal_find`, which answers from memory and looks up in a worker thread.
    """

    def __init__(self, database_url: str) -> None:
        shared_schema_create(database_url)
        self._datastore = LogDatastore(database_url, SHARED_SCHEMA, pool_size=2)
        # A database that is away must be told soon, not after the pool's own patience.
        self._datastore.pool.timeout = DATABASE_WAIT_SECONDS
        self._cache: dict[bytes, _Cached] = {}
        """Good keys, those looked up longest ago first: one in use never gets there."""
        self._strangers: dict[bytes, float] = {}
        self._asking: dict[bytes, Future[Principal | None]] = {}
        self._strangers_rates = Rates(STRANGERS_PER_SECOND, STRANGERS_BURST)
        # One at a time: however many come, the other connections are there for keys that are known.
        self._strangers_limiter = anyio.CapacityLimiter(1)
        self._used: dict[str, datetime] = {}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._flusher = threading.Thread(target=self._flush_loop, name="plumbline-keys-used", daemon=True)
        self._flusher.start()

    @property
    def datastore(self) -> LogDatastore:
        """The connections to the schema that all ledgers share."""
        return self._datastore

    def key_create(
        self,
        actor: str,
        role: str,
        ledgers: Sequence[str] | None = None,
        customer: str | None = None,
        ledger: str | None = None,
        expires: datetime | None = None,
        created_by: str = "",
        staff: str | None = None,
    ) -> tuple[KeyRecord, str]:
        """A new key and its secret, which is shown this once. `ledgers` None allows all.

        The role customer takes one `customer` and one `ledger`, the role staff one `staff` and one `ledger`. Raises
        Refused (KEY_REQUEST_INVALID).
        """
        chosen = key_request_check(actor, role, ledgers, customer, staff, ledger, expires)
        secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        values = {
            "id": "K-" + secrets.token_hex(8),
            "secret_sha256": _sha256(secret),
            "actor": actor,
            "role": role,
            "ledgers": chosen,
            "customer": customer,
            "staff": staff,
            "created_by": created_by or actor,
            "expires_at": expires,
        }
        [row] = self._execute("key_insert", values)
        return _record_of(row), secret

    def key_create_first(self, actor: str) -> tuple[KeyRecord, str] | None:
        """An admin's key with its secret where there is no key at all; None where there is one.

        Of several processes that begin at once, one makes it.
        """
        secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        values = {"id": "K-" + secrets.token_hex(8), "secret_sha256": _sha256(secret), "actor": actor}
        with self._datastore.get_connection() as connection, connection.transaction():
            connection.execute(_QUERIES["keys_first_lock"])
            row = connection.execute(_QUERIES["key_insert_first"], values).fetchone()
        return None if row is None else (_record_of(row), secret)

    def keys_list(self, seek: Seek = BEGINNING, limit: int = 1_000) -> list[KeyRecord]:
        """Up to `limit` keys in the order of their ids, which are the key of the list; revoked ones too."""
        with self._datastore.get_connection() as connection, connection.cursor() as cursor:
            return [_record_of(row) for row in page_read(cursor, _QUERIES["keys_list"], ("id",), {}, seek, limit)]

    def key_revoke(self, key_id: str) -> KeyRecord:
        """End a key for good. Raises Refused (API_KEY_UNKNOWN) where there is none of this id."""
        rows = self._execute("key_revoke", {"id": key_id})
        if not rows:
            raise _key_unknown()
        with self._lock:
            for digest in [d for d, cached in self._cache.items() if cached.principal.key_id == key_id]:
                del self._cache[digest]
        return _record_of(rows[0])

    def key_record(self, key_id: str) -> KeyRecord:
        """A key as it is. Raises Refused (API_KEY_UNKNOWN)."""
        rows = self._execute("key_record", {"id": key_id})
        if not rows:
            raise _key_unknown()
        return _record_of(rows[0])

    def key_find(self, secret: str) -> Principal | None:
        """Who comes with this secret, asked of the database now; None where the key is unknown or at its end."""
        return self._look_up(_sha256(secret))

    async def principal_find(self, secret: str, address: str = "") -> Principal | None:
        """`key_find` from memory: at most STALE_SECONDS_MAX old, and no wait while the key is in use.

        A key that isn't known here is looked up in a queue of its own, on account of the `address` it comes from.
        Raises StrangersMany.
        """
        if not secret_is_possible(secret):
            return None
        digest = _sha256(secret)
        cached = self._cache.get(digest)
        if cached is None:
            return self._note(await self._stranger_find(digest, address))
        age = time.monotonic() - cached.at
        if age < FRESH_SECONDS or (age < STALE_SECONDS_MAX and cached.refreshing):
            return self._note(cached.principal)
        cached.refreshing = True
        try:
            return self._note(await self._ask(digest))
        finally:
            cached.refreshing = False

    async def _stranger_find(self, digest: bytes, address: str) -> Principal | None:
        asked = self._strangers.get(digest)
        if asked is not None and time.monotonic() - asked < FRESH_SECONDS:
            return None
        if digest in self._asking:
            return await self._ask(digest)
        neighbourhood = neighbourhood_of(address)
        wait = self._strangers_rates.take(neighbourhood)
        if wait or self._strangers_limiter.statistics().tasks_waiting >= STRANGERS_WAITING_MAX:
            raise StrangersMany(wait or 1)
        unknown = False
        try:
            principal = await self._ask(digest, self._strangers_limiter)
            unknown = principal is None
            return principal
        finally:
            if not unknown:
                self._strangers_rates.give_back(neighbourhood)

    async def _ask(self, digest: bytes, limiter: anyio.CapacityLimiter | None = None) -> Principal | None:
        """`_look_up` in a thread; who asks for the same key meanwhile waits for that answer."""
        asking = self._asking.get(digest)
        if asking is not None:
            return await asyncio.wrap_future(asking)
        asking = self._asking[digest] = Future()
        asking.set_running_or_notify_cancel()  # from now on nobody who waits can call it off
        try:
            principal = await anyio.to_thread.run_sync(self._look_up, digest, limiter=limiter)
        except Exception as error:
            asking.set_exception(error)
            raise
        except BaseException:
            asking.set_exception(StrangersMany(1))
            raise
        else:
            asking.set_result(principal)
            return principal
        finally:
            del self._asking[digest]

    def signing_key(self) -> bytes:
        """The 32 random bytes by which all processes sign cursors."""
        self._execute("signing_key_insert", {"value": secrets.token_bytes(32)})
        [row] = self._execute("signing_key_find", {})
        return bytes(row["value"])

    def close(self) -> None:
        """Write what is left of the last uses, then let the connections go."""
        self._closing.set()
        self._flusher.join()
        self._datastore.close()

    def _note(self, principal: Principal | None) -> Principal | None:
        if principal is not None:
            self._used[principal.key_id] = datetime.now(UTC)
        return principal

    def _look_up(self, digest: bytes) -> Principal | None:
        asked = time.monotonic()
        rows = self._execute("key_find", {"secret_sha256": digest})
        principal = _principal_of(rows[0]) if rows else None
        with self._lock:
            self._cache.pop(digest, None)
            self._strangers.pop(digest, None)
            if principal is not None:
                self._cache[digest] = _Cached(principal, asked)
            else:
                self._strangers[digest] = asked
            for kept, count_max in ((self._cache, CACHE_KEYS_MAX), (self._strangers, STRANGERS_MAX)):
                while len(kept) > count_max:
                    del kept[next(iter(kept))]
        return principal

    def _flush_loop(self) -> None:
        ended = False
        while not ended:
            ended = self._closing.wait(USED_FLUSH_SECONDS)
            used, self._used = self._used, {}
            if not used:
                continue
            try:
                self._execute("keys_used", {"ids": list(used), "times": list(used.values())})
            except (PersistenceError, DatabaseError) as error:
                structlog.get_logger(__name__).warning(
                    "last use of keys not written", error=type(error).__name__, reason=database_reason(error)
                )

    def _execute(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        with self._datastore.get_connection() as connection, connection.cursor() as cursor:
            cursor.execute(cast(LiteralString, _QUERIES[query].decode()), values)
            return cursor.fetchall() if cursor.description else []


def secret_is_possible(secret: str) -> bool:
    """Whether a secret has the form of those that are given out; anything else is looked up nowhere."""
    return len(secret) == SECRET_LENGTH and secret.startswith(SECRET_PREFIX)


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _principal_of(row: dict[str, Any]) -> Principal:
    role = Role(row["role"])
    ledgers = None if row["ledgers"] is None else frozenset[str](row["ledgers"])
    return Principal(row["id"], row["actor"], role, ledgers, row["customer"], PERMISSIONS[role], row["staff"])


def _record_of(row: dict[str, Any]) -> KeyRecord:
    ledgers = None if row["ledgers"] is None else tuple(row["ledgers"])
    values: dict[str, Any] = {**row, "role": Role(row["role"]), "ledgers": ledgers}
    return KeyRecord(**values)


def _key_unknown() -> Refused:
    return Refused("API_KEY_UNKNOWN", "no key has this id; GET /v1/keys lists them", "key")


def key_request_check(
    actor: str,
    role: str,
    ledgers: Sequence[str] | None,
    customer: str | None,
    staff: str | None,
    ledger: str | None,
    expires: datetime | None,
) -> list[str] | None:
    """The ledgers of a key to be made. Raises Refused (KEY_REQUEST_INVALID)."""

    def refuse(field: str, reason: str) -> Refused:
        return Refused("KEY_REQUEST_INVALID", f"{field} {reason}", field)

    try:
        if text_checked(actor, 200) != actor:
            raise refuse("actor", "begins or ends with a space")
    except ValueError as error:
        raise refuse("actor", str(error)) from None
    if role not in set(Role):
        raise refuse("role", f"is none of {', '.join(Role)}")
    if expires is not None and (expires.tzinfo is None or expires <= datetime.now(UTC) or expires.year > YEAR_MAX):
        raise refuse("expires_at", f"must lie in the future, by {YEAR_MAX} at the latest, and have a time zone")
    if (role == Role.CUSTOMER) != (customer is not None):
        raise refuse("customer", "goes with the role customer, and only with it")
    if (role == Role.STAFF) != (staff is not None):
        raise refuse("staff", "goes with the role staff, and only with it")
    if customer is None and staff is None:
        chosen = [*ledgers] if ledgers is not None else None
        return chosen if ledger is None else [*(chosen or ()), ledger]
    if customer is not None and not customer_number(customer):
        raise refuse("customer", "is no customer's id, such as C-000001")
    if staff is not None and not staff_number(staff):
        raise refuse("staff", "is no member of staff's id, such as S-000001")
    if ledger is None:
        if ledgers is None or len(ledgers) != 1:
            raise refuse("ledger", f"must be the one ledger in which the {role} is")
        return [*ledgers]
    return [ledger]

"""Webhooks as resources: made, listed, changed, paused, set back, given new secrets, deleted."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from psycopg import Connection
from psycopg.rows import DictRow

from ledger.domain.errors import Refused
from ledger.domain.events import type_unknown
from ledger.domain.values import customer_number
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from webhooks.addresses import Network, url_checked, url_shown
from webhooks.backoff import ATTEMPTS_MAX_DEFAULT, ATTEMPTS_MAX_LIMIT
from webhooks.notices.notice import BATCHES
from webhooks.signing import SECRET_BYTES, secret_create

WEBHOOKS_MAX: Final = 200
"""So many a ledger may have: each reads the log for itself."""
TYPES_MAX: Final = 200
CUSTOMERS_MAX: Final = 1_000
OVERLAP_HOURS_DEFAULT: Final = 24
OVERLAP_HOURS_MAX: Final = 168
SECRETS_KEPT_MAX: Final = 4
PART_MAX: Final = 2**63 - 1
POSITION_MAX: Final = 2**63 - 1
KINDS: Final = ("event", "notice")
CONSENTS: Final = ("given", "not_withdrawn")
ON_DEAD: Final = ("skip", "stop")

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAMES_TAKEN: Final = ("in", "senders")
"""What stands in the same place of a path for webhooks that come in."""
_LETTER: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")
_QUERIES: Final = queries_load("webhooks", "webhooks.sql")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class WebhookAsked:
    """What a webhook is to be. `types` and `customers` empty: all. `batch` and `consent` are of notices."""

    kind: str
    url: str
    types: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    batch: str = ""
    consent: str = ""
    on_dead: str = "skip"
    attempts_max: int = ATTEMPTS_MAX_DEFAULT


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it stands; see the table."""

    name: str
    kind: str
    url: str
    types: list[str]
    customers: list[str]
    batch: str
    consent: str
    on_dead: str
    attempts_max: int
    state: str
    position: int
    part: int
    rewinds: int
    attempts: int
    retry_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    head: int
    dead: int
    secret_old_until: datetime | None

    @property
    def asked(self) -> WebhookAsked:
        """What it was asked to be."""
        return WebhookAsked(
            self.kind, self.url, tuple(self.types), tuple(self.customers), self.batch, self.consent, self.on_dead,
            self.attempts_max,
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """It for JSON; never with its secret, nor with the query of its URL, which may hold one of the receiver's."""
        return {
            "name": self.name, "kind": self.kind, "url": url_shown(self.url), "types": self.types,
            "customers": self.customers, "batch": self.batch or None, "consent": self.consent or None,
            "on_dead": self.on_dead, "attempts_max": self.attempts_max, "state": self.state,
            "position": self.position, "behind": max(0, self.head - self.position), "attempts": self.attempts,
            "retry_at": _time(self.retry_at), "delivered_at": _time(self.delivered_at), "dead": self.dead,
            "secret_old_until": _time(self.secret_old_until), "created_at": self.created_at.isoformat(),
            "created_by": self.created_by, "changed_at": self.changed_at.isoformat(), "changed_by": self.changed_by,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt to deliver a message. `status` 0: there was no answer."""

    number: int
    position: int
    part: int
    message: str
    attempt: int
    at: datetime
    outcome: str
    status: int
    latency_ms: int
    reason: str

    def document(self) -> dict[str, Any]:
        """It for JSON."""
        return {
            "number": self.number, "position": self.position, "message": self.message, "attempt": self.attempt,
            "at": self.at.isoformat(), "outcome": self.outcome, "status": self.status,
            "latency_ms": self.latency_ms, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up: dead, waiting for another attempt that was asked for, or delivered after all."""

    position: int
    part: int
    message: str
    attempts: int
    status: int
    reason: str
    dead_at: datetime
    state: str

    @property
    def id(self) -> str:
        """By what it is asked for."""
        return f"{self.position}.{self.part}"

    def document(self) -> dict[str, Any]:
        """It for JSON."""
        return {
            "id": self.id, "position": self.position, "message": self.message, "attempts": self.attempts,
            "status": self.status, "reason": self.reason, "dead_at": self.dead_at.isoformat(), "state": self.state,
        }  # fmt: skip


def asked_checked(asked: WebhookAsked, networks: Sequence[Network], url_before: str | None = None) -> WebhookAsked:
    """What may be asked, notices with what they take where nothing is said. A URL that stays as it was isn't judged
    again: who changes something else may know other networks. Raises Refused (WEBHOOK_INVALID, WEBHOOK_URL_INVALID).
    """
    _among(asked.kind, KINDS, "kind")
    _among(asked.on_dead, ON_DEAD, "on_dead")
    if not 1 <= asked.attempts_max <= ATTEMPTS_MAX_LIMIT:
        raise _invalid(f"attempts_max must be 1 to {ATTEMPTS_MAX_LIMIT}", "attempts_max")
    if asked.kind == "notice":
        if asked.types:
            raise _invalid("types are of webhooks of the kind event; leave them out", "types")
        asked = replace(asked, batch=asked.batch or "month", consent=asked.consent or "given")
        _among(asked.batch, BATCHES, "batch")
        _among(asked.consent, CONSENTS, "consent")
    elif asked.batch or asked.consent:
        raise _invalid("batch and consent are of webhooks of the kind notice; leave them out", "kind")
    if len(asked.types) > TYPES_MAX:
        raise _invalid(f"types takes up to {TYPES_MAX}", "types")
    if unknown := type_unknown(asked.types):
        raise _invalid(unknown.reason, unknown.field)
    if len(asked.customers) > CUSTOMERS_MAX:
        raise _invalid(f"customers takes up to {CUSTOMERS_MAX} ids", "customers")
    for i, customer in enumerate(asked.customers):
        if not customer_number(customer):
            raise _invalid(f"customers.{i} is no id such as C-000001", f"customers.{i}")
    if asked.url != url_before:
        url_checked(asked.url, networks)
    return replace(asked, types=tuple(dict.fromkeys(asked.types)), customers=tuple(dict.fromkeys(asked.customers)))


def name_checked(name: str) -> str:
    """A name that a webhook may have. Raises Refused (WEBHOOK_INVALID)."""
    if _NAME.fullmatch(name) is None or name in _NAMES_TAKEN:
        raise _invalid("name must be 1 to 40 of a-z, 0-9 and -, a letter first, and neither in nor senders", "name")
    return name


def webhook_create(
    connection: Connection[DictRow],
    name: str,
    asked: WebhookAsked,
    actor: str,
    from_position: int | None = None,
    *,
    dry_run: bool = False,
) -> str:
    """Make a webhook of what was checked; its secret. It begins at a position, or with what comes next. A dry run
    makes nothing.

    Raises Refused (WEBHOOK_EXISTS, WEBHOOK_MANY, CUSTOMER_UNKNOWN, POSITION_AHEAD).
    """
    secret = secret_create(secrets.token_bytes(SECRET_BYTES))
    with connection.transaction():
        connection.execute(_QUERIES["webhooks_lock"])
        if webhook_exists(connection, name):
            raise Refused("WEBHOOK_EXISTS", "there is a webhook of this name; change it, or take another name", "name")
        if _value(connection, "webhooks_count", "count") >= WEBHOOKS_MAX:
            raise Refused("WEBHOOK_MANY", f"a ledger has {WEBHOOKS_MAX} webhooks at most; delete one first", "name")
        _customers_check(connection, asked.customers)
        position, part = _place(connection, from_position) if from_position is not None else (None, 0)
        if not dry_run:
            values = {f.name: _value_of(getattr(asked, f.name)) for f in fields(asked)}
            values |= {"name": name, "position": position, "part": part, "actor": actor}
            connection.execute(_QUERIES["webhook_insert"], values)
            connection.execute(_QUERIES["secret_insert"], {"name": name, "secret": secret})
    return secret


def webhook_exists(connection: Connection[DictRow], name: str) -> bool:
    """Whether there is one of this name."""
    return connection.execute(_QUERIES["webhook_find"], {"name": name}).fetchone() is not None


def webhook_find(connection: Connection[DictRow], name: str) -> Webhook:
    """A webhook. Raises Refused (WEBHOOK_UNKNOWN)."""
    row = connection.execute(_QUERIES["webhook_find"], {"name": name}).fetchone()
    if row is None:
        raise Refused("WEBHOOK_UNKNOWN", "there is no such webhook; the list names those there are", "webhook")
    return Webhook(**row)


def webhooks_list(connection: Connection[DictRow], seek: Seek = BEGINNING, limit: int = WEBHOOKS_MAX) -> list[Webhook]:
    """Up to `limit` webhooks in the order of their names, which are the key."""
    cursor = connection.cursor()
    return [Webhook(**row) for row in page_read(cursor, _QUERIES["webhooks_list"], ("name",), {}, seek, limit)]


def webhook_change(
    connection: Connection[DictRow], name: str, change: Callable[[Webhook], WebhookAsked], actor: str, *,
    dry_run: bool = False,
) -> WebhookAsked:  # fmt: skip
    """Let it be what `change` makes of it, which is returned; of two at once the second begins with what the first did.
    Its kind stays; raises what `change` does, Refused (WEBHOOK_UNKNOWN, WEBHOOK_INVALID, CUSTOMER_UNKNOWN of a customer
    that it didn't have before)."""
    with connection.transaction():
        found = _locked(connection, name)
        asked = change(found)
        if asked.kind != found.kind:
            raise _invalid("the kind of a webhook can't be changed; make another", "kind")
        _customers_check(connection, asked.customers, found.customers)
        if not dry_run:
            values = {f.name: _value_of(getattr(asked, f.name)) for f in fields(asked)}
            connection.execute(_QUERIES["webhook_change"], {**values, "name": name, "actor": actor})
    return asked


def webhook_pause(connection: Connection[DictRow], name: str, actor: str) -> None:
    """Send nothing from now on, but for an attempt that is under way. Raises Refused (WEBHOOK_UNKNOWN)."""
    _do(connection, "webhook_pause", name, actor=actor)


def webhook_resume(connection: Connection[DictRow], name: str, actor: str) -> None:
    """Send again from where it stands, whatever stopped it; at once, where it waits for another attempt. Raises Refused
    (WEBHOOK_UNKNOWN)."""
    _do(connection, "webhook_resume", name, actor=actor)


def webhook_rewind(
    connection: Connection[DictRow], name: str, from_position: int, actor: str, *, dry_run: bool = False
) -> None:
    """Send everything from a position on, again or leaving some out. Raises Refused (WEBHOOK_UNKNOWN,
    POSITION_AHEAD)."""
    with connection.transaction():
        _locked(connection, name)
        position, part = _place(connection, from_position)
        if not dry_run:
            values = {"name": name, "position": position, "part": part, "actor": actor}
            connection.execute(_QUERIES["webhook_rewind"], values)


def webhook_rotate(connection: Connection[DictRow], name: str, overlap_hours: int, actor: str) -> str:
    """Give it a new secret, which is returned; the one before signs beside it for `overlap_hours`. Raises Refused
    (WEBHOOK_UNKNOWN)."""
    secret = secret_create(secrets.token_bytes(SECRET_BYTES))
    with connection.transaction():
        _locked(connection, name)
        connection.execute(_QUERIES["secrets_end"], {"name": name, "hours": overlap_hours})
        connection.execute(_QUERIES["secret_insert"], {"name": name, "secret": secret})
        connection.execute(_QUERIES["secrets_forget"], {"name": name, "keep": SECRETS_KEPT_MAX})
        connection.execute(_QUERIES["webhook_changed"], {"name": name, "actor": actor})
    return secret


def webhook_delete(connection: Connection[DictRow], name: str) -> None:
    """End it, with its secrets, attempts and dead letters. Raises Refused (WEBHOOK_UNKNOWN)."""
    with connection.transaction():
        _locked(connection, name)
        connection.execute(_QUERIES["webhook_delete"], {"name": name})


def secrets_read(connection: Connection[DictRow], name: str) -> list[str]:
    """What its messages are signed with now, the newest first."""
    return [row["secret"] for row in connection.execute(_QUERIES["secrets_read"], {"name": name}).fetchall()]


def attempts_list(connection: Connection[DictRow], name: str, seek: Seek, limit: int) -> list[AttemptRow]:
    """Up to `limit` attempts, the newest first. Key: number."""
    query = _QUERIES["attempts_list"]
    rows = page_read(connection.cursor(), query, ("number",), {"name": name}, seek, limit, descending=True)
    return [AttemptRow(**row) for row in rows]


def dead_list(connection: Connection[DictRow], name: str, everything: bool, seek: Seek, limit: int) -> list[DeadLetter]:
    """Up to `limit` dead letters, with those delivered after all where `everything` is asked. Key: (position, part)."""
    values = {"name": name, "all": everything}
    rows = page_read(connection.cursor(), _QUERIES["dead_list"], ("position", "part"), values, seek, limit)
    return [DeadLetter(**row) for row in rows]


def dead_find(connection: Connection[DictRow], name: str, letter: str) -> DeadLetter:
    """A dead letter. Raises Refused (WEBHOOK_LETTER_UNKNOWN)."""
    match = _LETTER.fullmatch(letter)
    row = None
    if match is not None:
        values = {"name": name, "position": int(match[1]), "part": int(match[2])}
        row = connection.execute(_QUERIES["dead_find"], values).fetchone()
    if row is None:
        raise Refused("WEBHOOK_LETTER_UNKNOWN", "there is no such dead letter; …/dead-letters lists them", "letter")
    return DeadLetter(**row)


def dead_retry(connection: Connection[DictRow], name: str, letter: str, *, dry_run: bool = False) -> DeadLetter:
    """Let a dead letter have another attempt soon; of a webhook that is paused, once it is resumed. One that waits or
    was delivered stays as it is. Raises Refused (WEBHOOK_UNKNOWN, WEBHOOK_LETTER_UNKNOWN)."""
    webhook_find(connection, name)
    found = dead_find(connection, name, letter)
    if not dry_run:
        values = {"name": name, "position": found.position, "part": found.part}
        connection.execute(_QUERIES["dead_retry"], values)
    return dead_find(connection, name, letter)


def _do(connection: Connection[DictRow], query: str, name: str, **values: Any) -> None:
    with connection.transaction():
        _locked(connection, name)
        connection.execute(_QUERIES[query], {"name": name, **values})


def _locked(connection: Connection[DictRow], name: str) -> Webhook:
    connection.execute(_QUERIES["webhook_lock"], {"name": name})
    return webhook_find(connection, name)


def _customers_check(connection: Connection[DictRow], customers: Sequence[str], before: Sequence[str] = ()) -> None:
    """Raise Refused (CUSTOMER_UNKNOWN) unless all are in the ledger, or were the webhook's before. Ids are given in
    order: one that isn't there yet would some day be somebody else's. The log is asked, because views may be behind it.
    """
    rows = connection.execute(_QUERIES["customers_unknown"], {"customers": list(customers)}).fetchall()
    unknown = {row["customer"] for row in rows}.difference(before)
    for i, customer in enumerate(customers):
        if customer in unknown:
            reason = f"customers.{i} is no customer of this ledger; register the customer first"
            raise Refused("CUSTOMER_UNKNOWN", reason, f"customers.{i}")


def _place(connection: Connection[DictRow], from_position: int) -> tuple[int, int]:
    """The place just before a position. Raises Refused (POSITION_AHEAD)."""
    if from_position > _value(connection, "head", "position") + 1:
        raise Refused("POSITION_AHEAD", "the log doesn't reach so far; take a position up to its head", "from_position")
    # Past every notice of the close that may stand there.
    return from_position - 1, PART_MAX


def _value(connection: Connection[DictRow], query: str, column: str) -> int:
    row = connection.execute(_QUERIES[query]).fetchone()
    assert row is not None
    return cast(Mapping[str, int], row)[column]


def _value_of(value: Any) -> Any:
    return list(cast(tuple[Any, ...], value)) if isinstance(value, tuple) else value


def _among(value: str, choices: Sequence[str], field: str) -> None:
    if value not in choices:
        raise _invalid(f"{field} must be one of {', '.join(choices)}", field)


def _invalid(reason: str, field: str) -> Refused:
    return Refused("WEBHOOK_INVALID", reason, field)


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()

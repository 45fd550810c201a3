"""Who may send facts by signed webhook, in the tables of one ledger: made, listed, their keys rotated, revoked.

Their secrets lie outside the log, in clear: a signature can be checked with nothing less. Every function takes a
connection to the ledger's schema and the time as arguments; none remembers anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import orjson
from psycopg import Connection
from psycopg.rows import DictRow

from ledger.domain.errors import Refused
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
OVERLAP_HOURS_DEFAULT: Final = 24
OVERLAP_HOURS_MAX: Final = 720
ACTOR_PREFIX: Final = "webhook:"
"""In whose name a sender's facts are recorded."""

_QUERIES = queries_load("webhooks", "senders.sql")


@dataclass(frozen=True, slots=True)
class SenderKey:
    """A key of a sender, without its secret. `ends_at` is None of the one in use."""

    id: str
    created_at: datetime
    created_by: str
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender as it may be shown. `mapping` is the document by which its JSON becomes facts; of `keys` the newest
    comes first."""

    name: str
    mapping: dict[str, Any]
    mapping_sha256: bytes
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    keys: tuple[SenderKey, ...]


@dataclass(frozen=True, slots=True)
class SenderLiving:
    """What a message of a sender is checked and read with: one secret, or two while keys change; the mapping's text."""

    secrets: tuple[str, ...]
    mapping_sha256: bytes
    mapping: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made: its id (WK-…), and its secret as the sender gets it."""

    id: str
    secret: str


def sender_unknown() -> Refused:
    """The refusal of a sender that isn't there."""
    return Refused("SENDER_UNKNOWN", "no sender has this name; GET …/webhooks/senders lists them", "sender")


def sender_living_check(revoked_at: datetime | None) -> None:
    """Raises Refused (SENDER_REVOKED) for a sender that was revoked."""
    if revoked_at is not None:
        raise Refused("SENDER_REVOKED", "this sender was revoked; make another one", "sender")


def sender_name_check(name: str) -> None:
    """Raises Refused (SENDER_INVALID) for what can't name a sender."""
    if NAME.fullmatch(name) is None:
        raise Refused(
            "SENDER_INVALID", "a name has 1 to 63 lower-case letters, digits, _ and -, and begins with a letter", "name"
        )


def sender_make(
    connection: Connection[DictRow], name: str, mapping_sha256: bytes, key: NewKey, now: datetime, actor: str
) -> Sender:
    """A new sender, whose mapping is kept already. Raises Refused (SENDER_INVALID, SENDER_EXISTS)."""
    sender_name_check(name)
    values = {"name": name, "mapping_sha256": mapping_sha256, "now": now, "actor": actor}
    with connection.transaction():
        if connection.execute(_QUERIES["sender_insert"], values).fetchone() is None:
            raise sender_exists()
        _key_insert(connection, name, key, now, actor)
    return sender_find(connection, name)


def sender_exists() -> Refused:
    """The refusal of a name that is taken, be it by a sender that was revoked."""
    return Refused("SENDER_EXISTS", "a sender has this name, perhaps one that was revoked; take another", "name")


def senders_list(connection: Connection[DictRow], seek: Seek = BEGINNING, limit: int = 1_000) -> list[Sender]:
    """Up to `limit` senders in the order of their names, which are the key of the list; revoked ones too."""
    with connection.cursor() as cursor:
        return [_sender(row) for row in page_read(cursor, _QUERIES["senders"], ("name",), {}, seek, limit)]


def sender_known(connection: Connection[DictRow], name: str) -> Sender | None:
    """A sender; None where there is none of this name."""
    query = b"SELECT * FROM (\n" + _QUERIES["senders"] + b"\n) AS one WHERE name = %(name)s"
    row = connection.execute(query, {"name": name}).fetchone()
    return None if row is None else _sender(row)


def sender_find(connection: Connection[DictRow], name: str) -> Sender:
    """A sender. Raises Refused (SENDER_UNKNOWN)."""
    found = sender_known(connection, name)
    if found is None:
        raise sender_unknown()
    return found


def sender_rotate(
    connection: Connection[DictRow], name: str, key: NewKey, overlap: timedelta, now: datetime, actor: str
) -> Sender:
    """Give a sender another key; the one before it is good for `overlap` more. Raises Refused (SENDER_UNKNOWN,
    SENDER_REVOKED)."""
    with connection.transaction():
        _lock(connection, name)
        connection.execute(_QUERIES["keys_end"], {"name": name, "now": now, "until": now + overlap})
        _key_insert(connection, name, key, now, actor)
    return sender_find(connection, name)


def sender_mapping_set(
    connection: Connection[DictRow], name: str, mapping_sha256: bytes, now: datetime, actor: str
) -> Sender:
    """Read what a sender sends by another mapping, which is kept already. Raises Refused (SENDER_UNKNOWN,
    SENDER_REVOKED)."""
    values = {"name": name, "mapping_sha256": mapping_sha256, "now": now, "actor": actor}
    with connection.transaction():
        _lock(connection, name)
        connection.execute(_QUERIES["mapping_set"], values)
    return sender_find(connection, name)


def sender_revoke(connection: Connection[DictRow], name: str, now: datetime, actor: str) -> Sender:
    """End a sender for good, with all keys. One that was revoked stays as it is. Raises Refused (SENDER_UNKNOWN)."""
    with connection.transaction():
        connection.execute(_QUERIES["sender_revoke"], {"name": name, "now": now, "actor": actor})
        connection.execute(_QUERIES["keys_end"], {"name": name, "now": now, "until": now})
    return sender_find(connection, name)


def secrets_living(connection: Connection[DictRow], name: str, now: datetime) -> SenderLiving | None:
    """By what a sender may sign now; None where there is none of this name, or it is revoked."""
    rows = connection.execute(_QUERIES["secrets_living"], {"name": name, "now": now}).fetchall()
    if not rows:
        return None
    return SenderLiving(tuple(row["secret"] for row in rows), bytes(rows[0]["mapping_sha256"]), rows[0]["mapping"])


def message_take(
    connection: Connection[DictRow], sender: str, message_id: str, sent_at: datetime, forget_before: datetime
) -> bool:
    """Whether a signed message is new; it is remembered. Of several processes that take it at once one is told so. What
    was signed before `forget_before` is forgotten: it is too late by its time."""
    connection.execute(_QUERIES["messages_forget"], {"before": forget_before})
    return connection.execute(_QUERIES["message_take"], _message(sender, message_id, sent_at)).fetchone() is not None


def message_known(connection: Connection[DictRow], sender: str, message_id: str, sent_at: datetime) -> bool:
    """Whether a signed message has come before."""
    return connection.execute(_QUERIES["message_known"], _message(sender, message_id, sent_at)).fetchone() is not None


def message_release(connection: Connection[DictRow], sender: str, message_id: str, sent_at: datetime) -> None:
    """Forget a message that could not be carried out, so that it may come again as it was."""
    connection.execute(_QUERIES["message_release"], _message(sender, message_id, sent_at))


def _message(sender: str, message_id: str, sent_at: datetime) -> dict[str, Any]:
    return {"sender": sender, "message_id": message_id, "sent_at": sent_at}


def _key_insert(connection: Connection[DictRow], sender: str, key: NewKey, now: datetime, actor: str) -> None:
    values = {"id": key.id, "sender": sender, "secret": key.secret, "now": now, "actor": actor}
    connection.execute(_QUERIES["key_insert"], values)


def _lock(connection: Connection[DictRow], name: str) -> None:
    row = connection.execute(_QUERIES["sender_lock"], {"name": name}).fetchone()
    if row is None:
        raise sender_unknown()
    sender_living_check(row["revoked_at"])


def _sender(row: DictRow) -> Sender:
    keys = tuple(_key(key) for key in cast(list[dict[str, Any]], row["keys"]))
    values: dict[str, Any] = {
        **row, "mapping": orjson.loads(row["mapping"]), "mapping_sha256": bytes(row["mapping_sha256"]), "keys": keys,
    }  # fmt: skip
    return Sender(**values)


def _key(key: dict[str, Any]) -> SenderKey:
    ends_at = key["ends_at"]
    return SenderKey(
        key["id"], datetime.fromisoformat(key["created_at"]), key["created_by"],
        None if ends_at is None else datetime.fromisoformat(ends_at),
    )  # fmt: skip

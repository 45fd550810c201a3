"""Answers to requests that are no command of a log, kept by their Idempotency-Key: the same again gets the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from ledger.domain.errors import Refused
from ledger.log.datastore import LogDatastore
from ledger.log.queries import queries_load

_QUERIES = queries_load("api.access", "answers.sql")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that was given."""

    status: int
    document: Any


def request_sha256(*parts: Any) -> bytes:
    """The SHA-256 of all that a request asks, given as plain data."""
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).digest()


def idempotency_conflict() -> Refused:
    """The refusal of a key that came with another request."""
    return Refused(
        "IDEMPOTENCY_CONFLICT", "this key was used for another request; take a new one", "Idempotency-Key"
    )


class KeptAnswers:
    """The kept answers of a database, in the schema that all ledgers share. `datastore` stays the caller's."""

    def __init__(self, datastore: LogDatastore) -> None:
        self._datastore = datastore

    def find(self, client: str, key: str, asked: bytes) -> KeptAnswer | None:
        """The answer to a request of this SHA-256. Raises Refused (IDEMPOTENCY_CONFLICT)."""
        with self._datastore.get_connection() as connection:
            row = connection.execute(_QUERIES["answer_find"], {"client": client, "key": key}).fetchone()
        if row is None:
            return None
        if bytes(row["request_sha256"]) != asked:
            raise idempotency_conflict()
        return KeptAnswer(row["status"], orjson.loads(row["body"]))

    def keep(self, client: str, key: str, asked: bytes, answer: KeptAnswer) -> None:
        """Keep an answer, unless there is one."""
        values = {
            "client": client, "key": key, "request_sha256": asked, "status": answer.status,
            "body": orjson.dumps(answer.document, default=str).decode(),
        }  # fmt: skip
        with self._datastore.get_connection() as connection:
            connection.execute(_QUERIES["answer_keep"], values)

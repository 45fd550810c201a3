"""Seals what is about a person with a key of that person's own, which is kept outside the log and can be deleted.

Sealed text is "v1:" and base64 of a random nonce (96 bits) and AES-256-GCM. It is bound to ledger and person, so that
it opens nowhere else. Once the key is gone nobody opens it again: the log keeps what it has, unreadable.
"""

from __future__ import annotations

import binascii
import secrets
import threading
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg.rows import tuple_row

from ledger.domain.errors import PlumblineError, Refused
from ledger.log.arrays import BigintArray, ByteaArray
from ledger.log.datastore import LogDatastore, asked_again
from ledger.log.queries import queries_load

KEY_BITS: Final = 256
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
KEYS_AHEAD: Final = 64
"""People are numbered one after the other: so many keys are made at once, for who comes next."""
KEYS_CACHED_MAX: Final = 10_000
PEOPLE_AT_ONCE: Final = 10_000

_VERSION: Final = "v1:"
_QUERIES: Final = queries_load("ledger.log", "vault.sql")


class SealBroken(PlumblineError):
    """Sealed text that no key opens: it was changed, cut off, or sealed for another person or ledger."""

    code = "SEAL_BROKEN"


class Vault:
    """The keys of one ledger's people. May be used from many threads; a ledger may have several vaults at once.

    A key is durable before anything sealed with it is handed out; one whose draft was taken back serves whoever gets
    that number. Keys are kept in memory only to seal. To open, the database is asked each time, so that who was erased
    through another vault is unreadable here at once.
    """

    def __init__(self, datastore: LogDatastore, *, keys_cached_max: int = KEYS_CACHED_MAX) -> None:
        self._datastore = datastore
        self._keys_cached_max = max(keys_cached_max, KEYS_AHEAD)
        self._keys: OrderedDict[int, bytes] = OrderedDict()
        self._erased: set[int] = set()
        self._lock = threading.Lock()

    def seal(self, person: int, fields: Mapping[str, str]) -> str:
        """Text that only the person's key opens; the key is made where the person has none yet.

        Raises Refused for who was erased, ValueError for what is no person's number.
        """
        if person < 1:
            raise ValueError(f"{person} is no number of a person")
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = orjson.dumps(dict(fields), option=orjson.OPT_SORT_KEYS)
        return _VERSION + b64encode(
            nonce + AESGCM(self._key(person)).encrypt(nonce, plain, self._bound(person))
        ).decode("ascii")

    def open(self, person: int, sealed: str) -> Mapping[str, str] | None:
        """What was sealed; None where the person was erased. Raises SealBroken."""
        return self.open_many([(person, sealed)])[0]

    def open_many(self, sealed: Sequence[tuple[int, str]]) -> list[Mapping[str, str] | None]:
        """What was sealed, (person, text) each; None where the person was erased. Raises SealBroken.

        One question to the database for each PEOPLE_AT_ONCE of them.
        """
        opened: list[Mapping[str, str] | None] = []
        for first in range(0, len(sealed), PEOPLE_AT_ONCE):
            part = sealed[first : first + PEOPLE_AT_ONCE]
            keys = self._read({person for person, _ in part})
            opened += [self._opened(person, text, keys) for person, text in part]
        return opened

    def erase(self, person: int) -> None:
        """Delete a person's key: what was sealed with it can't be read any more, by anybody. Final; doing it again
        changes nothing."""
        self.erase_many([person])

    def erase_many(self, people: Iterable[int]) -> None:
        """Erase many. Who appends a PersonErased calls it afterwards, and once more at start with everyone whom the log
        says erased: so a crash between the two leaves no key behind."""
        numbers = sorted(set(people))
        if not numbers:
            return
        with self._lock:
            self._erased.update(numbers)
            for person in numbers:
                self._keys.pop(person, None)
        self._erase(numbers)

    def _key(self, person: int) -> bytes:
        with self._lock:
            found = self._keys.get(person)
            if found is not None:
                self._keys.move_to_end(person)
                return found
        keys = self._read([person])
        if person not in keys:
            self._make(range(person, person + KEYS_AHEAD))
            keys = self._read(range(person, person + KEYS_AHEAD))
        self._keep(keys)
        key = keys[person]
        if key is None or person in self._erased:
            raise Refused("PERSON_ERASED", "was erased; record them anew, as another person", "person")
        return key

    def _keep(self, keys: Mapping[int, bytes | None]) -> None:
        with self._lock:
            for person, key in keys.items():
                # Somebody may have been erased since this was read.
                if key is not None and person not in self._erased:
                    self._keys[person] = key
            while len(self._keys) > self._keys_cached_max:
                self._keys.popitem(last=False)

    def _opened(self, person: int, text: str, keys: Mapping[int, bytes | None]) -> Mapping[str, str] | None:
        if person not in keys:
            raise SealBroken("nobody of this number has a key in this ledger; restore the database as a whole")
        key = keys[person]
        if key is None:
            return None
        if not text.startswith(_VERSION):
            raise SealBroken("is not sealed in a way that this version knows; install the version that sealed it")
        try:
            data = b64decode(text[len(_VERSION) :], validate=True)
            if len(data) < NONCE_BYTES + TAG_BYTES:
                raise SealBroken("is cut off; compare it with a backup")
            plain = AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], self._bound(person))
        except (binascii.Error, ValueError, InvalidTag):
            raise SealBroken("was changed, or sealed for another person or ledger; compare it with a backup") from None
        return cast(dict[str, str], orjson.loads(plain))

    def _bound(self, person: int) -> bytes:
        return f"plumbline {_VERSION}{self._datastore.schema}:{person}".encode()

    @asked_again
    def _read(self, people: Iterable[int]) -> dict[int, bytes | None]:
        rows = self._select("keys_read", {"people": BigintArray(people)})
        return {person: None if key is None else bytes(key) for person, key in rows}

    # Asking again does no harm: keys are made where there is none, and erased where there is one.
    @asked_again
    def _make(self, people: Sequence[int]) -> None:
        keys = [AESGCM.generate_key(KEY_BITS) for _ in people]
        self._execute("keys_make", {"people": BigintArray(people), "keys": ByteaArray(keys)})

    @asked_again
    def _erase(self, people: Sequence[int]) -> None:
        self._execute("keys_erase", {"people": BigintArray(people)})

    def _select(self, query: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with self._datastore.get_connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(_QUERIES[query], params).fetchall()

    def _execute(self, query: str, params: Mapping[str, Any]) -> None:
        with self._datastore.get_connection() as connection:
            connection.execute(_QUERIES[query], params)

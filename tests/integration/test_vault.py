"""Sealing people on a real Postgres: what a key opens, and that nothing opens once it is gone."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from psycopg import sql

from ledger.domain.errors import Refused
from ledger.log.datastore import LogDatastore
from ledger.log.migrate import ledger_schema_create
from ledger.log.vault import KEYS_AHEAD, SealBroken, Vault

LI = {"name": "李云", "phone": "13900000000"}
WANG = {"name": "王岭", "phone": "13900000001"}


@pytest.fixture
def datastore(database_url: str, schema_name: str) -> Iterator[LogDatastore]:
    ledger_schema_create(database_url, schema_name)
    datastore = LogDatastore(database_url, schema_name)
    yield datastore
    datastore.close()


@pytest.fixture
def vault(datastore: LogDatastore) -> Vault:
    return Vault(datastore)


def rows(database_url: str, schema: str, query: LiteralString) -> list[tuple]:
    with psycopg.connect(database_url, options=f"-c search_path={schema}") as connection:
        return connection.execute(query).fetchall()


def test_what_is_sealed_opens_again_and_shows_nothing(vault: Vault) -> None:
    sealed = vault.seal(1, LI)
    assert vault.open(1, sealed) == LI
    assert sealed.startswith("v1:")
    assert "李云" not in sealed
    assert "李云".encode() not in b64decode(sealed[3:])


def test_the_same_sealed_twice_is_not_the_same_text(vault: Vault) -> None:
    assert vault.seal(1, LI) != vault.seal(1, LI)


@given(fields=st.dictionaries(st.text(max_size=10), st.text(st.characters(exclude_categories=["Cs"]), max_size=200)))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_any_text_comes_back_as_it_was(vault: Vault, fields: dict[str, str]) -> None:
    assert vault.open(7, vault.seal(7, fields)) == fields


def test_erasing_makes_all_that_was_sealed_before_unreadable_for_ever(
    vault: Vault, datastore: LogDatastore, database_url: str, schema_name: str
) -> None:
    texts = [vault.seal(1, LI), vault.seal(1, {**LI, "note": "早上八点以后来电"})]
    [(key,)] = rows(database_url, schema_name, "SELECT key FROM person_key WHERE person = 1")
    vault.erase(1)
    assert vault.open_many([(1, text) for text in texts]) == [None, None]
    assert Vault(datastore).open(1, texts[0]) is None
    # The key is not there any more, and is what one would have needed: with it the text opens, with no other it does.
    assert rows(database_url, schema_name, "SELECT key FROM person_key WHERE person = 1") == [(None,)]
    data, bound = b64decode(texts[0][3:]), f"plumbline v1:{schema_name}:1".encode()
    assert b"139" in AESGCM(key).decrypt(data[:12], data[12:], bound)
    for (other,) in rows(database_url, schema_name, "SELECT key FROM person_key WHERE key IS NOT NULL"):
        with pytest.raises(InvalidTag):
            AESGCM(other).decrypt(data[:12], data[12:], bound)


def test_who_is_erased_gets_no_key_again(vault: Vault, datastore: LogDatastore) -> None:
    vault.seal(1, LI)
    vault.erase(1)
    for other in (vault, Vault(datastore)):
        with pytest.raises(Refused, match="was erased; record them anew"):
            other.seal(1, LI)


def test_who_never_had_a_key_can_be_erased_and_gets_none_later(vault: Vault, datastore: LogDatastore) -> None:
    vault.erase(3)
    vault.seal(1, LI)  # makes keys for 1 to 64, not for 3
    with pytest.raises(Refused):
        Vault(datastore).seal(3, WANG)


def test_erasing_twice_is_erasing_once(vault: Vault, database_url: str, schema_name: str) -> None:
    vault.seal(1, LI)
    vault.erase(1)
    first = rows(database_url, schema_name, "SELECT person, key, erased_at FROM person_key WHERE person = 1")
    vault.erase_many([1, 1])
    assert rows(database_url, schema_name, "SELECT person, key, erased_at FROM person_key WHERE person = 1") == first


def test_others_stay_readable_when_one_is_erased(vault: Vault) -> None:
    one, two = vault.seal(1, LI), vault.seal(2, WANG)
    vault.erase(1)
    assert vault.open_many([(2, two), (1, one), (2, two)]) == [WANG, None, WANG]


def test_a_second_vault_opens_what_the_first_sealed_and_knows_at_once_who_was_erased(datastore: LogDatastore) -> None:
    first, second = Vault(datastore), Vault(datastore)
    sealed = first.seal(1, LI)
    assert second.open(1, sealed) == LI
    assert second.open(1, second.seal(1, WANG)) == WANG
    first.erase(1)
    assert second.open(1, sealed) is None


def test_vaults_that_make_a_key_at_the_same_moment_agree_on_one(datastore: LogDatastore) -> None:
    vaults = [Vault(datastore) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for person in range(1, 200, 50):
            texts = list(pool.map(lambda vault, person=person: vault.seal(person, LI), vaults))
            assert [v.open(person, t) for v in vaults for t in texts] == [LI] * 16


def test_a_key_is_in_the_database_before_anything_sealed_with_it_is_handed_out(
    vault: Vault, database_url: str, schema_name: str
) -> None:
    vault.seal(1, LI)
    keys = dict(rows(database_url, schema_name, "SELECT person, key FROM person_key"))
    assert set(keys) == set(range(1, KEYS_AHEAD + 1))
    assert len(set(keys.values())) == KEYS_AHEAD
    assert all(len(key) == 32 for key in keys.values())
    # Who comes next finds a key made; nobody's key changes.
    vault.seal(2, WANG)
    assert dict(rows(database_url, schema_name, "SELECT person, key FROM person_key")) == keys


def test_only_so_many_keys_are_kept_in_memory(datastore: LogDatastore) -> None:
    vault = Vault(datastore, keys_cached_max=100)
    texts = {person: vault.seal(person, LI) for person in range(1, 400)}
    assert len(vault._keys) <= 100
    assert all(vault.open(person, text) == LI for person, text in texts.items())
    assert vault.open(1, vault.seal(1, WANG)) == WANG


def test_an_erased_persons_key_leaves_the_memory(vault: Vault) -> None:
    vault.seal(1, LI)
    assert 1 in vault._keys
    vault.erase(1)
    assert 1 not in vault._keys


def test_what_is_sealed_for_one_person_opens_for_no_other(vault: Vault, database_url: str, schema_name: str) -> None:
    sealed = vault.seal(1, LI)
    vault.seal(2, WANG)
    with pytest.raises(SealBroken):
        vault.open(2, sealed)
    # Not even where both have the same key: the number is bound into it.
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        connection.execute("UPDATE person_key SET key = (SELECT key FROM person_key WHERE person = 1) WHERE person = 2")
    with pytest.raises(SealBroken):
        vault.open(2, sealed)


def test_what_is_sealed_in_one_ledger_opens_in_no_other(vault: Vault, database_url: str, schema_name: str) -> None:
    sealed = vault.seal(1, LI)
    other = schema_name + "_copy"
    ledger_schema_create(database_url, other)
    with psycopg.connect(database_url) as connection:
        copy = "INSERT INTO {}.person_key SELECT * FROM {}.person_key"
        connection.execute(sql.SQL(copy).format(sql.Identifier(other), sql.Identifier(schema_name)))
    datastore = LogDatastore(database_url, other)
    try:
        with pytest.raises(SealBroken):
            Vault(datastore).open(1, sealed)
    finally:
        datastore.close()


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda t: "", id="empty"),
        pytest.param(lambda t: t[3:], id="without version"),
        pytest.param(lambda t: "v2:" + t[3:], id="another version"),
        pytest.param(lambda t: "v1:", id="nothing in it"),
        pytest.param(lambda t: t[:-4], id="cut at the end"),
        pytest.param(lambda t: "v1:" + t[7:], id="cut at the beginning"),
        pytest.param(lambda t: "v1:" + b64encode(b64decode(t[3:])[:27]).decode(), id="shorter than nonce and tag"),
        pytest.param(lambda t: t + "AAAA", id="longer"),
        pytest.param(lambda t: t[:10] + "!" + t[11:], id="no base64"),
        pytest.param(lambda t: t[:10] + "李" + t[11:], id="no ascii"),
        pytest.param(lambda t: t + "\n", id="a line end"),
    ],
)
def test_malformed_text_is_one_error_and_tells_nothing(vault: Vault, broken) -> None:
    sealed = broken(vault.seal(1, LI))
    with pytest.raises(SealBroken) as raised:
        vault.open(1, sealed)
    assert raised.value.code == "SEAL_BROKEN"
    assert len(sealed) < 8 or sealed not in str(raised.value)


def test_any_single_bit_that_was_changed_is_noticed(vault: Vault) -> None:
    data = b64decode(vault.seal(1, {"name": "李"})[3:])
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            vault.open(1, "v1:" + b64encode(bytes(changed)).decode())


def test_without_the_table_of_keys_sealed_text_is_broken_not_empty(
    vault: Vault, database_url: str, schema_name: str
) -> None:
    sealed = vault.seal(1, LI)
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:
        connection.execute("DELETE FROM person_key")
    with pytest.raises(SealBroken, match="has a key"):
        vault.open(1, sealed)


@pytest.mark.parametrize("person", [0, -1])
def test_nobody_has_no_key(vault: Vault, person: int) -> None:
    with pytest.raises(ValueError, match="no number of a person"):
        vault.seal(person, LI)


def test_thousands_are_opened_together(vault: Vault) -> None:
    sealed = [(person, vault.seal(person, {"name": str(person)})) for person in range(1, 2_001)]
    assert [found and found["name"] for found in vault.open_many(sealed)] == [str(p) for p in range(1, 2_001)]


def test_the_application_may_not_take_keys_away_otherwise_or_bring_one_back(
    datastore: LogDatastore, vault: Vault
) -> None:
    vault.seal(1, LI)
    vault.erase(1)
    with pytest.raises(Exception, match="permission denied"):
        with datastore.get_connection() as connection:
            connection.execute("DELETE FROM person_key")
    with pytest.raises(Exception, match="permission denied"):
        with datastore.get_connection() as connection:
            connection.execute("UPDATE person_key SET person = 2000 WHERE person = 1")

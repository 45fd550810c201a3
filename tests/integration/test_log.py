"""The log on a real Postgres: appending, refusing, reading, and surviving cut connections."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.log.lease import Lease, LeaseHeld
from ledger.log.migrate import ledger_schema_create, ledger_schemas, migrations_read
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.log.types import AnswerEntry, Appended, EntriesKnown, FactEntry, PositionMoved

APPEND_ONLY_TABLES: list[LiteralString] = ["event", "answer", "fact", "migration"]
CHANGES: dict[str, LiteralString] = {
    "event": "UPDATE event SET topic = 'other'",
    "answer": "UPDATE answer SET body = 'other'",
    "fact": "UPDATE fact SET version = 9",
    "migration": "UPDATE migration SET name = 'other'",
}

APPEND_ONE: LiteralString = """
    SELECT * FROM log_append(
        ARRAY[%s], ARRAY[1], ARRAY['t'], ARRAY[''::bytea], NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


def events_make(count: int, *, size_bytes: int = 20, origin: str | None = None) -> list[StoredEvent]:
    origin = origin or str(uuid4())
    return [StoredEvent(origin, version, "PointsGranted", bytes(size_bytes)) for version in range(count)]


def answer_make(key: str, position: int = 1, *, body: bytes = b"first") -> AnswerEntry:
    return AnswerEntry("client", key, sha256(key.encode()).digest(), body, position)


def fact_make(name: str, position: int, *, version: int = 1) -> FactEntry:
    key = UUID(bytes=sha256(name.encode()).digest()[:16])
    return FactEntry(key, version, sha256(b"%d" % version).digest(), position)


@pytest.fixture
def recorder(database_url: str, schema_name: str) -> Iterator[LogRecorder]:
    # The log is the first migration; the tables of views, which the others make, are nothing to it.
    ledger_schema_create(database_url, schema_name, migrations=migrations_read()[:1])
    with recorder_open(database_url, schema_name, pool_size=12) as opened:
        yield opened


@pytest.fixture
def owner(recorder: LogRecorder, database_url: str, schema_name: str) -> Iterator[psycopg.Connection]:
    """A connection with all rights, in the ledger's schema."""
    with psycopg.connect(
        database_url, autocommit=True, options=f"-c search_path={schema_name}"
    ) as connection:
        yield connection


# --- append -------------------------------------------------------------------


def test_events_get_the_next_positions_and_read_back_as_they_were(recorder: LogRecorder) -> None:
    assert recorder.position_head() == 0
    first = [StoredEvent("C-000001", 1, "客户登记", b"\x00\xff state"), StoredEvent("C-000001", 2, "t", b"")]

    assert recorder.append(first, position_expected=0) == Appended(1, 2)
    assert recorder.append(events_make(3, origin="C-2"), position_expected=2) == Appended(3, 5)

    assert recorder.position_head() == 5
    assert recorder.select_range(0, 2) == [
        (1, "C-000001", 1, "客户登记", b"\x00\xff state"),
        (2, "C-000001", 2, "t", b""),
    ]
    assert [row[0] for row in recorder.select_range(1, 100, stop=4)] == [2, 3, 4]
    assert recorder.select_range(5, 100) == []


def test_a_moved_log_stores_nothing_and_tells_the_head(recorder: LogRecorder) -> None:
    recorder.append(events_make(3), position_expected=0)

    entries = {"answers": [answer_make("a")], "facts": [fact_make("f", 3)]}
    assert recorder.append(events_make(2), position_expected=2, **entries) == PositionMoved(3)
    assert recorder.append(events_make(2), position_expected=4) == PositionMoved(3)

    assert recorder.position_head() == 3
    assert recorder.select_answers([("client", "a")]) == []
    assert recorder.select_facts([fact_make("f", 3).key]) == []


def test_an_event_that_is_there_already_is_the_librarys_integrity_error_and_leaves_no_gap(
    recorder: LogRecorder,
) -> None:
    events = events_make(2)
    recorder.append(events, position_expected=0)
    with pytest.raises(IntegrityError):
        recorder.append([*events_make(5), events[1]], position_expected=2)
    assert recorder.append(events_make(1), position_expected=2) == Appended(3, 3)


def test_an_append_of_answers_alone_stores_them_and_moves_nothing(recorder: LogRecorder) -> None:
    recorder.append(events_make(4), position_expected=0)
    answer = answer_make("refused", 4)
    assert recorder.append([], position_expected=4, answers=[answer]) == Appended(5, 4)
    assert recorder.select_answers([("client", "refused")]) == [answer]
    assert recorder.position_head() == 4


def test_known_answers_are_returned_and_nothing_is_stored(recorder: LogRecorder) -> None:
    first, second = answer_make("a", 1), answer_make("b", 2)
    recorder.append(events_make(2), position_expected=0, answers=[first, second])

    again = [answer_make("a", 3, body=b"other"), answer_make("new", 3), answer_make("b", 3, body=b"other")]
    known = recorder.append(events_make(1), position_expected=2, answers=again)

    assert isinstance(known, EntriesKnown)
    assert sorted(known.answers, key=lambda answer: answer.key) == [first, second]
    assert (known.facts, known.position_head) == ([], 2)
    assert recorder.select_answers([("client", "new")]) == []
    assert recorder.select_answers([("client", "b"), ("client", "a"), ("other", "a")]) == [first, second]


def test_known_entries_are_told_before_a_moved_log(recorder: LogRecorder) -> None:
    answer = answer_make("a", 1)
    recorder.append(events_make(1), position_expected=0, answers=[answer])
    again = recorder.append(events_make(1), position_expected=0, answers=[answer])
    assert again == EntriesKnown([answer], [], 1)


def test_all_versions_of_a_known_fact_are_returned(recorder: LogRecorder) -> None:
    versions = [
        fact_make("contract", 1),
        fact_make("contract", 2, version=2),
        fact_make("contract", 3, version=3),
    ]
    bystander = fact_make("login", 4)
    recorder.append(events_make(4), position_expected=0, facts=[*versions, bystander])

    known = recorder.append(
        events_make(2),
        position_expected=4,
        facts=[fact_make("contract", 5, version=2), fact_make("login", 6, version=2)],
    )

    assert known == EntriesKnown([], versions, 4)  # login's version 2 is new: no concern of this answer
    assert recorder.select_facts([bystander.key, versions[0].key]) == sorted(
        [*versions, bystander], key=lambda fact: (fact.key.bytes, fact.version)
    )


def test_a_new_version_of_a_known_fact_is_stored(recorder: LogRecorder) -> None:
    first, second = fact_make("contract", 1), fact_make("contract", 2, version=2)
    recorder.append(events_make(1), position_expected=0, facts=[first])
    assert recorder.append(events_make(1), position_expected=1, facts=[second]) == Appended(2, 2)
    assert recorder.select_facts([first.key]) == [first, second]


@pytest.mark.parametrize(
    "twice",
    [
        {"answers": [answer_make("a", 1), answer_make("a", 2)]},
        {"facts": [fact_make("f", 1), fact_make("f", 2)]},
    ],
    ids=["answer key", "fact version"],
)
def test_the_same_key_twice_in_one_batch_stores_nothing(recorder: LogRecorder, twice: dict) -> None:
    with pytest.raises(IntegrityError):
        recorder.append(events_make(2), position_expected=0, **twice)
    assert recorder.position_head() == 0
    assert recorder.select_range(0, 10) == []


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["NUL", "lone surrogate"])
def test_text_that_postgres_cannot_hold_is_refused_by_field_before_sending(
    recorder: LogRecorder, text: str
) -> None:
    def refused(field: str, attempt: Callable[[], object]) -> None:
        with pytest.raises(ValueError, match=field):
            attempt()

    good = StoredEvent("C-1", 1, "t", b"")
    refused(
        "originator_id 2",
        lambda: recorder.append([good, StoredEvent(text, 1, "t", b"")], position_expected=0),
    )
    refused("topic 1", lambda: recorder.insert_events([StoredEvent("C-1", 1, text, b"")]))
    answer = AnswerEntry("client", text, bytes(32), b"", 0)
    refused("answer key 1", lambda: recorder.append([], position_expected=0, answers=[answer]))
    refused("answer client 1", lambda: recorder.select_answers([(text, "key")]))
    refused(
        "topic 1", lambda: recorder.append_chunks([[StoredEvent("C-1", 1, text, b"")]], position_expected=0)
    )
    assert recorder.position_head() == 0


def test_ids_that_are_no_text_are_refused_by_field(recorder: LogRecorder) -> None:
    with pytest.raises(ValueError, match="originator_id 1 is UUID, not text"):
        recorder.insert_events([StoredEvent(uuid4(), 1, "t", b"")])


@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_fact_must_be_recorded_by_an_event_of_its_append(recorder: LogRecorder, position: int) -> None:
    recorder.append(events_make(2), position_expected=0)
    with pytest.raises(ValueError, match=f"names position {position}"):
        recorder.append(events_make(1), position_expected=2, facts=[fact_make("f", position)])
    with pytest.raises(ValueError, match=f"names position {position}"):
        recorder.append_chunks([events_make(1)], position_expected=2, facts=[fact_make("f", position)])
    assert recorder.position_head() == 2


def test_an_answer_cannot_name_a_position_beyond_its_append(recorder: LogRecorder) -> None:
    with pytest.raises(ValueError, match="names position 2"):
        recorder.append(events_make(1), position_expected=0, answers=[answer_make("a", 2)])


def test_a_digest_that_is_no_sha256_is_refused(recorder: LogRecorder) -> None:
    with pytest.raises(ValueError, match="request_sha256"):
        recorder.append([], position_expected=0, answers=[AnswerEntry("client", "k", b"short", b"", 0)])
    with pytest.raises(ValueError, match="content_sha256"):
        recorder.append(events_make(1), position_expected=0, facts=[FactEntry(uuid4(), 1, b"short", 1)])


def test_a_version_beyond_64_bits_is_the_librarys_data_error(recorder: LogRecorder) -> None:
    with pytest.raises(DataError, match="does not fit into 8 bytes"):
        recorder.insert_events([StoredEvent("C-1", 2**63, "t", b"")])
    assert recorder.insert_events([StoredEvent("C-1", 2**63 - 1, "t", b"")]) == [1]


def test_an_append_is_one_statement_prepared_once(recorder: LogRecorder) -> None:
    with recorder_open(recorder.datastore.database_url, recorder.datastore.schema, pool_size=1) as one:
        one.append(events_make(1), position_expected=0)
        one.append(
            events_make(300), position_expected=1, answers=[answer_make("a")], facts=[fact_make("f", 2)]
        )
        one.append([StoredEvent("C-1", 2**40, "t", b"")], position_expected=301)
        one.append([], position_expected=302, answers=[answer_make("b")])
        with one.datastore.cursor() as cursor:
            found = cursor.execute(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%log_append%%'"
            ).fetchone()
    assert found == {"count": 1}


def test_the_librarys_port_refuses_to_store_anything_but_events(recorder: LogRecorder) -> None:
    assert recorder.insert_events([]) is None
    with pytest.raises(NotSupportedError, match="tracking"):
        recorder.insert_events(events_make(1), tracking=object())


# --- large batches ------------------------------------------------------------


def test_fifty_thousand_events_go_in_with_one_append(recorder: LogRecorder) -> None:
    facts = [fact_make(str(n), n + 1) for n in range(1000)]
    outcome = recorder.append(events_make(50_000, size_bytes=300), position_expected=0, facts=facts)
    assert outcome == Appended(1, 50_000)
    assert [row[0] for row in recorder.select_range(0, 100_000)] == list(range(1, 50_001))


def test_five_thousand_events_of_a_megabyte_and_a_half_go_in_through_both_doors(
    recorder: LogRecorder,
) -> None:
    assert recorder.insert_events(events_make(5000, size_bytes=300)) == list(range(1, 5001))
    assert recorder.append(events_make(5000, size_bytes=300), position_expected=5000) == Appended(
        5001, 10_000
    )


def test_one_event_of_eight_megabytes_goes_in(recorder: LogRecorder) -> None:
    state = random.Random(1).randbytes(8 * 1024 * 1024)
    recorder.append([StoredEvent("C-1", 1, "t", state)], position_expected=0)
    assert recorder.select_range(0, 1)[0][4] == state


def test_chunks_are_appended_all_together(recorder: LogRecorder) -> None:
    chunks = [events_make(700), [], events_make(300), events_make(1)]
    outcome = recorder.append_chunks(
        iter(chunks),
        position_expected=0,
        answers=[answer_make("bulk", 1001)],
        facts=[fact_make("last", 1001)],
        statement_size_events=100,
        statement_size_bytes=1000,
    )
    assert outcome == Appended(1, 1001)
    rows = recorder.select_range(0, 2000)
    assert [row[0] for row in rows] == list(range(1, 1002))
    assert [(row[1], row[2]) for row in rows] == [
        (event.originator_id, event.originator_version) for chunk in chunks for event in chunk
    ]
    assert recorder.append_chunks([events_make(1)], position_expected=0) == PositionMoved(1001)
    assert recorder.append_chunks([], position_expected=1001, answers=[answer_make("x")]) == Appended(
        1002, 1001
    )
    again = recorder.append_chunks([events_make(1)], position_expected=1001, answers=[answer_make("bulk", 1)])
    assert isinstance(again, EntriesKnown)


def test_an_error_in_a_late_chunk_takes_everything_back(recorder: LogRecorder) -> None:
    events = events_make(30)
    with pytest.raises(IntegrityError):
        recorder.append_chunks([events, [events[0]]], position_expected=0, statement_size_events=10)

    def chunks() -> Iterator[list[StoredEvent]]:
        yield events
        raise KeyError("row 31")

    with pytest.raises(KeyError, match="row 31"):
        recorder.append_chunks(chunks(), position_expected=0, statement_size_events=10)
    assert (recorder.position_head(), recorder.select_range(0, 100)) == (0, [])


# --- refusal ------------------------------------------------------------------


@pytest.fixture
def filled(recorder: LogRecorder) -> LogRecorder:
    recorder.append(
        events_make(1), position_expected=0, answers=[answer_make("a")], facts=[fact_make("f", 1)]
    )
    return recorder


@pytest.mark.parametrize("table", APPEND_ONLY_TABLES)
@pytest.mark.parametrize("replica", [False, True], ids=["plainly", "as a replica"])
def test_even_the_superuser_cannot_change_what_is_written(
    filled: LogRecorder, owner: psycopg.Connection, table: LiteralString, replica: bool
) -> None:
    if replica:
        owner.execute("SET session_replication_role = replica")
    rows = owner.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert rows is not None and rows[0] > 0
    for statement in (CHANGES[table], f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="append-only"):
            owner.execute(statement)
    assert owner.execute(f"SELECT count(*) FROM {table}").fetchone() == rows


@pytest.mark.parametrize("table", [*APPEND_ONLY_TABLES, "head"])
def test_the_application_has_no_right_to_change_or_forge(filled: LogRecorder, table: LiteralString) -> None:
    update = CHANGES.get(table, "UPDATE head SET position = 9")
    insert = f"INSERT INTO {table} SELECT * FROM {table}"
    for statement in (update, f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", insert):
        with pytest.raises(ProgrammingError, match="permission denied"), filled.datastore.cursor() as cursor:
            cursor.execute(statement)


def test_connections_of_the_application_have_its_role(recorder: LogRecorder) -> None:
    with recorder.datastore.cursor() as cursor:
        assert cursor.execute("SELECT current_user").fetchone() == {"current_user": "plumbline_app"}


def test_an_upsert_cannot_smuggle_in_an_update(filled: LogRecorder, owner: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        owner.execute(
            "INSERT INTO event SELECT * FROM event"
            " ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = 'x'"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE head SET position = position - 1",
        "UPDATE head SET position = position",
        "DELETE FROM head",
        "TRUNCATE head",
    ],
)
def test_the_head_only_moves_forward(
    filled: LogRecorder, owner: psycopg.Connection, statement: LiteralString
) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        owner.execute(statement)
    with pytest.raises(psycopg.errors.UniqueViolation):
        owner.execute("INSERT INTO head (position) VALUES (7)")
    assert filled.position_head() == 1


def test_a_temporary_table_cannot_stand_in_for_one_of_the_log(recorder: LogRecorder) -> None:
    with recorder.datastore.transaction() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE event (LIKE event)")
        cursor.execute("CREATE TEMPORARY TABLE head AS SELECT true AS only_row, 99::bigint AS position")
        assert cursor.execute("SELECT position FROM head").fetchone() == {"position": 0}


def test_a_role_with_no_business_here_can_neither_read_nor_append(
    recorder: LogRecorder, owner: psycopg.Connection
) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute("CREATE ROLE plumbline_stranger")
        owner.execute("SET LOCAL ROLE plumbline_stranger")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
            owner.execute(sql.SQL("SELECT * FROM {}.event").format(sql.Identifier(recorder.datastore.schema)))


# --- concurrency --------------------------------------------------------------


def test_eight_writers_with_rollbacks_leave_no_gap_and_a_tailing_reader_misses_nothing(
    recorder: LogRecorder,
) -> None:
    writers_done = threading.Event()
    seen: list[int] = []

    def write(seed: int) -> int:
        chance = random.Random(seed)
        stored = 0
        for _ in range(40):
            events = events_make(chance.randint(1, 20))
            match chance.randrange(4):
                case 0:  # refused by the unique key, after positions were taken
                    with pytest.raises(IntegrityError):
                        recorder.insert_events([*events, events[0]])
                case 1:  # rolled back while others wait for the head
                    with recorder.datastore.transaction() as cursor:
                        cursor.execute(APPEND_ONE, [str(uuid4())])
                        time.sleep(0.002)
                case _:
                    stored += len(recorder.insert_events(events) or ())
        return stored

    def tail() -> None:
        while True:
            last_round = writers_done.is_set()
            rows = recorder.select_range(seen[-1] if seen else 0, 50)
            seen.extend(row[0] for row in rows)
            if last_round and not rows:
                return

    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(tail)
        stored = sum(pool.map(write, range(8)))
        writers_done.set()
        reader.result()
    assert stored > 1000
    assert seen == list(range(1, stored + 1))


def test_of_writers_who_expect_the_same_position_one_wins_and_the_rest_are_told(
    recorder: LogRecorder,
) -> None:
    start = threading.Barrier(8)

    def write(_: int) -> object:
        start.wait()
        return recorder.append(events_make(1), position_expected=0)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))
    assert outcomes.count(Appended(1, 1)) == 1
    assert outcomes.count(PositionMoved(1)) == 7


def test_of_requests_with_one_key_at_the_same_moment_one_is_stored_and_all_find_it(
    recorder: LogRecorder,
) -> None:
    start = threading.Barrier(6)

    def write(n: int) -> object:
        start.wait()
        answer = answer_make("same", 0, body=b"%d" % n)
        return recorder.append(events_make(1), position_expected=0, answers=[answer])

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(write, range(6)))
    stored = recorder.select_answers([("client", "same")])
    assert outcomes.count(Appended(1, 1)) == 1
    assert outcomes.count(EntriesKnown(stored, [], 1)) == 5


def test_a_subscription_wakes_for_its_own_ledger_and_leaves_no_listener_behind(
    recorder: LogRecorder, owner: psycopg.Connection, database_url: str, schema_name: str
) -> None:
    other_name = schema_name + "_b"
    ledger_schema_create(database_url, other_name)
    with recorder_open(database_url, other_name) as other:
        assert other.channel_name != recorder.channel_name
        owner.execute(f"LISTEN {schema_name}")  # type: ignore[arg-type] # a name of the test's own
        other.insert_events(events_make(1))
        recorder.insert_events(events_make(3))
        assert [notify.payload for notify in owner.notifies(timeout=5, stop_after=1)] == ["3"]

        with recorder.subscribe(gt=2) as subscription:
            assert next(subscription).id == 3
            recorder.insert_events(events_make(1))
            assert next(subscription).id == 4

    recorder.datastore.pool.resize(1, 1)
    with recorder.datastore.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM pg_listening_channels()").fetchone() == {"count": 0}


# --- cut connections ----------------------------------------------------------


class CuttingProxy:
    """Stands between client and server; once armed, it cuts the connection instead of passing a reply on: the next one
    that has `reply_part` in it."""

    def __init__(self, database_url: str) -> None:
        parts = conninfo_to_dict(database_url)
        self._host, self._port = str(parts.get("host") or "localhost"), int(parts.get("port") or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.database_url = make_conninfo(
            database_url, host="127.0.0.1", port=self._listener.getsockname()[1]
        )
        self.armed = threading.Event()
        self.reply_part = b""
        self.cut_count = 0
        self.replies_swallowed_bytes = 0
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _server_connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        return server

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed: the test is over
            server = self._server_connect()
            self._sockets += [client, server]
            self._start(self._pump, client, server, False)
            self._start(self._pump, server, client, True)

    def _pump(self, source: socket.socket, target: socket.socket, is_reply: bool) -> None:
        try:
            while data := source.recv(65536):
                if is_reply and self.armed.is_set() and self.reply_part in data:
                    self.armed.clear()
                    self.cut_count += 1
                    self.replies_swallowed_bytes += len(data)
                    break
                target.sendall(data)
        except OSError:
            pass  # the other direction was cut
        for end in (source, target):
            with suppress(OSError):  # it was cut already
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._sockets:
            with suppress(OSError):  # closing alone wakes nobody who reads from it
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(timeout=5)


@pytest.fixture
def proxy(database_url: str) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(database_url)
    yield proxy
    proxy.close()


def test_a_connection_cut_after_commit_gives_the_first_answer_on_retry(
    recorder: LogRecorder, proxy: CuttingProxy, schema_name: str
) -> None:
    answer = answer_make("pay", 2, body="第一次的回答".encode())
    with recorder_open(proxy.database_url, schema_name, pool_size=1) as cut:
        assert cut.append(events_make(1), position_expected=0) == Appended(
            1, 1
        )  # and the statement is prepared

        proxy.armed.set()
        events = events_make(1)
        with pytest.raises((OperationalError, InterfaceError)):
            cut.append(events, position_expected=1, answers=[answer])
        assert proxy.replies_swallowed_bytes > 0
        assert recorder.position_head() == 2  # it was committed; only the reply was lost

        assert cut.append(events, position_expected=1, answers=[answer]) == EntriesKnown([answer], [], 2)
        later = AnswerEntry("client", "pay", answer.request_sha256, b"another answer", 3)
        assert cut.append(events_make(1), position_expected=2, answers=[later]) == EntriesKnown(
            [answer], [], 2
        )
    assert recorder.position_head() == 2


def test_a_retry_without_a_key_after_a_cut_finds_that_the_log_has_moved(
    recorder: LogRecorder, proxy: CuttingProxy, schema_name: str
) -> None:
    with recorder_open(proxy.database_url, schema_name, pool_size=1) as cut:
        cut.append(events_make(1), position_expected=0)
        proxy.armed.set()
        events = events_make(1)
        with pytest.raises((OperationalError, InterfaceError)):
            cut.append(events, position_expected=1)
        assert cut.append(events, position_expected=1) == PositionMoved(2)


def test_a_chunked_append_cut_before_its_commit_leaves_nothing_and_can_be_repeated(
    recorder: LogRecorder, proxy: CuttingProxy, schema_name: str
) -> None:
    answer = answer_make("bulk", 20)
    chunks = [events_make(10), events_make(10)]

    def then_armed() -> Iterator[list[StoredEvent]]:
        yield from chunks
        proxy.armed.set()  # the next reply is that to the last statement, before COMMIT

    with recorder_open(proxy.database_url, schema_name, pool_size=1) as cut:
        with pytest.raises((OperationalError, InterfaceError)):
            cut.append_chunks(then_armed(), position_expected=0, answers=[answer], statement_size_events=10)
        assert recorder.position_head() == 0  # never committed, so nothing is there
        outcome = cut.append_chunks(chunks, position_expected=0, answers=[answer], statement_size_events=10)
    assert outcome == Appended(1, 20)


def test_connections_the_server_has_ended_cost_no_failed_append(
    recorder: LogRecorder, owner: psycopg.Connection
) -> None:
    with recorder.datastore.cursor() as first, recorder.datastore.cursor() as second:
        pids = [cursor.execute("SELECT pg_backend_pid() AS pid").fetchone() for cursor in (first, second)]
    for row in pids:
        assert row is not None
        assert owner.execute("SELECT pg_terminate_backend(%s, 5000)", [row["pid"]]).fetchone() == (True,)
    for position in range(4):
        assert recorder.append(events_make(1), position_expected=position) == Appended(
            position + 1, position + 1
        )


# --- opening ------------------------------------------------------------------


def test_a_schema_without_a_ledger_cannot_be_opened(database_url: str, schema_name: str) -> None:
    with pytest.raises(ProgrammingError, match=f"no ledger in schema {schema_name}"):
        recorder_open(database_url, schema_name)
    assert schema_name not in ledger_schemas(database_url)


@pytest.mark.parametrize("name", ["", "Main", "1st", "a b", 'a"b', "pg_ledger", "a" * 64, "账套"])
def test_an_impossible_schema_name_is_refused(database_url: str, name: str) -> None:
    for attempt in (recorder_open, ledger_schema_create):
        with pytest.raises(ValueError, match="cannot be the schema of a ledger"):
            attempt(database_url, name)


# --- lease --------------------------------------------------------------------


def test_only_one_holds_the_lease_and_others_are_told_who(database_url: str, schema_name: str) -> None:
    with Lease.take(database_url, schema_name, "office 账") as lease:
        assert lease.held()
        with pytest.raises(
            LeaseHeld, match=rf"{schema_name} has a writer already: office \?.* try again"
        ) as refusal:
            Lease.take(database_url, schema_name, "other")
        assert refusal.value.holder == "office ?"
        assert refusal.value.since is not None
        Lease.take(database_url, schema_name + "_b", "other").release()  # another ledger, another lease
    assert not lease.held()
    lease.release()  # again: nothing happens
    Lease.take(database_url, schema_name, "other").release()


def test_a_lease_is_handed_over_to_whoever_waits(database_url: str, schema_name: str) -> None:
    lease = Lease.take(database_url, schema_name, "first")
    started = time.monotonic()
    with pytest.raises(LeaseHeld):
        Lease.take(database_url, schema_name, "impatient", wait_seconds=0.2)
    assert 0.2 <= time.monotonic() - started < 5
    timer = threading.Timer(0.3, lease.release)
    timer.start()
    with Lease.take(database_url, schema_name, "second", wait_seconds=30) as second:
        assert second.held()
    timer.join()


def test_a_lease_whose_session_is_ended_is_no_longer_held(database_url: str, schema_name: str) -> None:
    lease = Lease.take(database_url, schema_name, "ended")
    with psycopg.connect(database_url, autocommit=True) as other:
        [(pid,)] = other.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'plumbline-writer:ended'"
        ).fetchall()
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert not lease.held()
    with Lease.take(database_url, schema_name, "next", wait_seconds=5) as following:
        assert following.held()
    lease.release()


def test_the_lease_lapses_when_its_process_is_killed(database_url: str, schema_name: str) -> None:
    root = Path(__file__).parents[2]
    program = (
        "import sys, time; from ledger.log.lease import Lease;"
        "lease = Lease.take(sys.argv[1], sys.argv[2], 'doomed'); print('taken', flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", program, database_url, schema_name], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        with pytest.raises(LeaseHeld, match="doomed"):
            Lease.take(database_url, schema_name, "heir")
        process.kill()
        process.wait()
        with Lease.take(database_url, schema_name, "heir", wait_seconds=10) as heir:
            assert heir.held()

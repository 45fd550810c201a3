"""The embedded servers and the accidents they must survive, each in a home of its own, on real processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nats
import psycopg
import pytest

from service import embedded
from service.embedded import EmbeddedServerError, ServerStatus
from service.embedded.common import home_lock, log_tail, process_arguments, rotate_log, wait_until
from service.embedded.nats import nats_down, nats_status, nats_up, read_greeting
from service.embedded.postgres import postgres_down, postgres_status, postgres_up
from service.settings import Settings
from tests.homes import homes_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def homes() -> Iterator[tuple[Path, Path]]:
    """Two homes beside each other, whose servers are stopped at the end."""
    with homes_folder("test") as folder:
        yield folder / "one", folder / "two"


@pytest.fixture
def own_home(homes: tuple[Path, Path]) -> Path:
    return homes[0]


def remember(url: str, word: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (word,))


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM kept ORDER BY word")]


def pid_of(status: ServerStatus) -> int:
    assert status.running
    assert status.pid is not None
    return status.pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not process_arguments(pid), 10)


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def publish_and_count(url: str, stream: str) -> int:
    """Make the stream where it is missing, publish one message to it, and return how many it holds."""
    connection = await nats.connect(url, max_reconnect_attempts=1)
    try:
        jetstream = connection.jetstream()
        await jetstream.add_stream(name=stream, subjects=[f"{stream}.>"])
        await jetstream.publish(f"{stream}.word", b"kept")
        return (await jetstream.stream_info(stream)).state.messages
    finally:
        await connection.close()


def test_up_twice_gives_the_same_servers_and_down_stops_both(own_home: Path) -> None:
    settings = Settings(home=own_home)
    steps: list[str] = []
    first = embedded.servers_up(settings, nats=True, progress=steps.append)
    assert [(status.name, status.running, status.external) for status in first] == [
        ("postgres", True, False),
        ("nats", True, False),
    ]
    assert steps != []

    steps.clear()
    assert embedded.servers_up(settings, nats=True, progress=steps.append) == first
    assert steps == []
    assert all(process_arguments(pid_of(status)) for status in first)

    assert embedded.servers_down(settings) == ["nats", "postgres"]
    assert [(status.running, status.pid, status.address) for status in embedded.servers_status(settings)] == [
        (False, None, None),
        (False, None, None),
    ]
    assert not any(process_arguments(pid_of(status)) for status in first)
    assert embedded.servers_down(settings) == []


def test_only_what_is_asked_for_is_started(own_home: Path) -> None:
    settings = Settings(home=own_home)
    embedded.nats_url(settings)
    assert [status.running for status in embedded.servers_status(settings)] == [False, True]


def test_status_and_down_of_a_home_that_does_not_exist_create_nothing(own_home: Path) -> None:
    settings = Settings(home=own_home)
    assert [status.running for status in embedded.servers_status(settings)] == [False, False]
    assert embedded.servers_down(settings) == []
    assert not own_home.exists()


def test_postgres_is_version_18_durable_and_reachable_by_no_network(own_home: Path) -> None:
    with psycopg.connect(postgres_up(own_home)) as connection:
        names = (
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "listen_addresses",
            "TimeZone",
            "wal_level",
        )
        values = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names
        }
        assert connection.info.server_version // 10_000 == 18
    assert {name: row[0] if row else None for name, row in values.items()} == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "TimeZone": "UTC",
        "wal_level": "replica",
    }


def test_a_killed_postgres_comes_back_with_what_it_had_committed(own_home: Path) -> None:
    url = postgres_up(own_home)
    remember(url, "before")
    kill(pid_of(postgres_status(own_home)))
    assert not postgres_status(own_home).running
    assert words(postgres_up(own_home)) == ["before"]


def test_a_lock_file_whose_pid_went_to_another_program_does_not_stop_a_start(own_home: Path) -> None:
    remember(postgres_up(own_home), "before")
    kill(pid_of(postgres_status(own_home)))
    lock_file = own_home / "postgres" / "postmaster.pid"
    lines = lock_file.read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            # The lock now names a living process that is no server: neither trusted nor ended.
            lock_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
            assert not postgres_status(own_home).running
            assert words(postgres_up(own_home)) == ["before"]
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize("content", ["", "no number\n", "99999999\n/nowhere\n"])
def test_a_damaged_or_stale_lock_file_does_not_stop_a_start(own_home: Path, content: str) -> None:
    remember(postgres_up(own_home), "before")
    assert postgres_down(own_home)
    (own_home / "postgres" / "postmaster.pid").write_text(content)
    assert words(postgres_up(own_home)) == ["before"]


def test_a_postgres_that_has_lost_its_socket_file_is_restarted(own_home: Path) -> None:
    remember(postgres_up(own_home), "before")
    (own_home / "postgres" / ".s.PGSQL.5432").unlink()
    assert words(postgres_up(own_home)) == ["before"]


def test_a_server_whose_data_folder_was_removed_is_ended_before_a_new_one_is_made(own_home: Path) -> None:
    remember(postgres_up(own_home), "before")
    old_pid = pid_of(postgres_status(own_home))
    shutil.rmtree(own_home / "postgres")
    with psycopg.connect(postgres_up(own_home)) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    assert not process_arguments(old_pid)


def test_a_half_made_database_is_thrown_away_and_made_again(own_home: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from service.embedded.postgres import postgres_up\n"
        "postgres_up(pathlib.Path(sys.argv[1]))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(own_home)], cwd=ROOT) as starter:
        # Killed while initdb writes: its first files are there, and the database is not.
        assert wait_until(lambda: any(own_home.glob("postgres.initializing-*/*")), 30)
        starter.kill()
    assert not (own_home / "postgres").exists()
    remember(postgres_up(own_home), "after")
    assert list(own_home.glob("postgres.initializing-*")) == []


def test_a_folder_that_is_no_database_is_refused_and_left_alone(own_home: Path) -> None:
    (own_home / "postgres").mkdir(parents=True)
    (own_home / "postgres" / "precious.txt").write_text("mine")
    with pytest.raises(EmbeddedServerError, match="holds no database"):
        postgres_up(own_home)
    assert (own_home / "postgres" / "precious.txt").read_text() == "mine"


def test_a_database_of_another_version_is_refused_with_the_way_out(own_home: Path) -> None:
    (own_home / "postgres").mkdir(parents=True)
    (own_home / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match=r"PostgreSQL 16 and this is 18.*pg_dumpall"):
        postgres_up(own_home)


def test_a_postgres_that_cannot_start_says_why_from_its_log(own_home: Path) -> None:
    postgres_up(own_home)
    assert postgres_down(own_home)
    with (own_home / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedServerError, match=r'did not start(.|\n)*"no_such_setting"(.|\n)*try again'):
        postgres_up(own_home)


def test_a_path_too_long_for_a_unix_socket_works_and_its_socket_is_private(own_home: Path) -> None:
    long_home = own_home / ("long-" * 10) / ("name-" * 10)
    try:
        url = postgres_up(long_home)
        remember(url, "long")
        assert words(postgres_up(long_home)) == ["long"]
        folder = Path(url.partition("host=")[2])
        assert not folder.is_relative_to(own_home)
        assert folder.stat().st_mode & 0o077 == 0
    finally:
        assert postgres_down(long_home)
    assert not folder.exists()


def test_a_path_with_spaces_quotes_and_chinese_works(own_home: Path) -> None:
    odd_home = own_home / """a "b" $HOME 'c', 账套\\x"""
    settings = Settings(home=odd_home)
    try:
        remember(embedded.database_url(settings), "odd")
        assert words(embedded.database_url(settings)) == ["odd"]
        assert asyncio.run(publish_and_count(embedded.nats_url(settings), "odd")) == 1
    finally:
        assert embedded.servers_down(settings) == ["nats", "postgres"]


def test_two_homes_at_once_do_not_meet(homes: tuple[Path, Path]) -> None:
    one, two = (Settings(home=folder) for folder in homes)
    for settings, word in ((one, "one"), (two, "two")):
        remember(embedded.database_url(settings), word)
        asyncio.run(publish_and_count(embedded.nats_url(settings), word))
    assert words(embedded.database_url(one)) == ["one"]
    assert words(embedded.database_url(two)) == ["two"]
    assert asyncio.run(publish_and_count(embedded.nats_url(two), "one")) == 1

    assert embedded.servers_down(one) == ["nats", "postgres"]
    assert [status.running for status in embedded.servers_status(two)] == [True, True]
    assert words(embedded.database_url(two)) == ["two"]


def test_many_processes_that_start_the_servers_at_once_get_the_same_ones(own_home: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from service import embedded\n"
        "from service.settings import Settings\n"
        "settings = Settings(home=pathlib.Path(sys.argv[1]))\n"
        "print(embedded.database_url(settings), embedded.nats_url(settings))\n"
    )
    command = [sys.executable, "-c", program, str(own_home)]
    starters = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [starter.communicate(timeout=120)[0] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    # They have ended and their servers have not.
    settings = Settings(home=own_home)
    assert set(answers) == {f"{postgres_status(own_home).address} {embedded.nats_url(settings)}\n"}
    url = embedded.database_url(settings)
    remember(url, "alive")
    assert words(url) == ["alive"]


def test_nats_keeps_its_port_its_messages_and_syncs_each_after_a_kill(own_home: Path) -> None:
    url = nats_up(own_home)
    assert asyncio.run(publish_and_count(url, "kept")) == 1
    kill(pid_of(nats_status(own_home)))
    assert not nats_status(own_home).running
    assert nats_up(own_home) == url
    assert asyncio.run(publish_and_count(url, "kept")) == 2
    assert "sync_interval: always" in (own_home / "nats" / "server.conf").read_text()


def test_nats_moves_to_another_port_when_its_own_was_taken_meanwhile(own_home: Path) -> None:
    url = nats_up(own_home)
    asyncio.run(publish_and_count(url, "kept"))
    assert nats_down(own_home)
    steps: list[str] = []
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port_of(url)))
        squatter.listen()
        moved = nats_up(own_home, steps.append)
        assert port_of(moved) != port_of(url)
        assert any(str(port_of(url)) in step for step in steps)
        assert asyncio.run(publish_and_count(moved, "kept")) == 2


def test_a_nats_server_of_another_home_on_our_port_is_not_taken_for_ours(homes: tuple[Path, Path]) -> None:
    one, two = homes
    url = nats_up(one)
    assert nats_down(one)
    # The other home is made to listen exactly where the first one did.
    (two / "nats").mkdir(parents=True)
    (two / "nats" / "state.json").write_text(json.dumps({"port": port_of(url), "password": "other"}))
    assert port_of(nats_up(two)) == port_of(url)

    assert not nats_status(one).running
    assert port_of(nats_up(one)) != port_of(url)
    assert nats_status(two).running


def test_a_nats_pid_file_that_names_another_program_ends_nothing(own_home: Path) -> None:
    nats_up(own_home)
    assert nats_down(own_home)
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            (own_home / "nats" / "server.pid").write_text(str(other.pid))
            assert not nats_status(own_home).running
            assert not nats_down(own_home)
            nats_up(own_home)
            assert nats_status(own_home).pid != other.pid
            assert other.poll() is None
        finally:
            other.kill()


def test_a_nats_server_that_lost_its_state_files_is_ended_and_replaced(own_home: Path) -> None:
    nats_up(own_home)
    old_pid = pid_of(nats_status(own_home))
    for name in ("state.json", "server.pid"):
        (own_home / "nats" / name).unlink()
    asyncio.run(publish_and_count(nats_up(own_home), "anew"))
    assert not process_arguments(old_pid)


def test_nats_lets_nobody_in_without_the_password_of_the_home(own_home: Path) -> None:
    url = nats_up(own_home)

    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=5) as stranger:
        stranger.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        answer = b""
        while piece := stranger.recv(4096):
            answer += piece
    assert b"Authorization Violation" in answer
    assert b"PONG" not in answer
    password = urlsplit(url).password
    assert password
    assert password not in str(nats_status(own_home))
    assert (own_home / "nats" / "state.json").stat().st_mode & 0o077 == 0


def test_a_nats_server_that_cannot_start_says_why_from_its_log(own_home: Path) -> None:
    (own_home / "nats").mkdir(parents=True)
    (own_home / "nats" / "store").write_text("a file where the store should be a folder")
    with pytest.raises(
        EmbeddedServerError, match=r"NATS did not start(.|\n)*storage directory(.|\n)*PLUMBLINE_NATS_URL"
    ):
        nats_up(own_home)


def test_servers_named_by_the_settings_are_used_and_never_started_or_stopped(
    settings: Settings, database_url: str, nats_url: str, own_home: Path
) -> None:
    elsewhere = Settings(home=own_home, database_url=database_url, nats_url=nats_url)
    assert embedded.database_url(elsewhere) == database_url
    assert embedded.nats_url(elsewhere) == nats_url
    states = embedded.servers_up(elsewhere, nats=True)
    assert [(state.name, state.running, state.external, state.pid) for state in states] == [
        ("postgres", True, True, None),
        ("nats", True, True, None),
    ]
    assert all(state.version and "@" not in str(state.address) for state in states)
    assert embedded.servers_down(elsewhere) == []
    assert [state.running for state in embedded.servers_status(settings)] == [True, True]
    assert not own_home.exists()


def test_a_server_named_by_the_settings_that_does_not_answer_is_said_not_to_run(own_home: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        states = embedded.servers_status(
            Settings(
                home=own_home,
                database_url=f"postgresql://user:secret@127.0.0.1:{port}/name",
                nats_url=f"nats://user:secret@127.0.0.1:{port}",
            )
        )
    assert [(state.running, state.address) for state in states] == [
        (False, f"postgresql://127.0.0.1:{port}/name"),
        (False, f"nats://127.0.0.1:{port}"),
    ]


def test_something_that_is_no_nats_server_gives_no_greeting() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert read_greeting("127.0.0.1", listener.getsockname()[1], wait_seconds=0.2) is None


def test_who_waits_too_long_for_the_lock_of_a_home_is_told_where_to_look(own_home: Path) -> None:
    with (
        home_lock(own_home),
        pytest.raises(EmbeddedServerError, match=r"\.servers\.lock"),
        home_lock(own_home, wait_seconds=0.1),
    ):
        raise AssertionError("two held the lock of one home at once")


def test_a_home_that_cannot_be_made_is_refused_with_the_variable_to_set(own_home: Path) -> None:
    own_home.write_text("a file")
    try:
        with pytest.raises(EmbeddedServerError, match="PLUMBLINE_HOME"):
            postgres_up(own_home / "under-a-file")
    finally:
        own_home.unlink()


def test_a_log_that_has_grown_large_is_put_aside_and_its_end_can_be_read(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_home.mkdir()
    log = own_home / "server.log"
    assert rotate_log(log) == 0
    log.write_text("one\ntwo\nthree\n")
    assert rotate_log(log) == 14
    assert log_tail(log, from_byte=4, lines=1) == "    three"
    monkeypatch.setattr("service.embedded.common.LOG_SIZE_MAX_BYTES", 10)
    assert rotate_log(log) == 0
    assert (own_home / "server.log.1").read_text() == "one\ntwo\nthree\n"

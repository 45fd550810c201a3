"""The streams' settings: made, left alone, put right, and refused where they can't be; on a real server."""

from __future__ import annotations

import secrets

import pytest
from nats.errors import NoRespondersError
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError

from streams.connection import Connection, url_parts
from streams.faults import NatsUnreachable, StreamRefused, StreamSettingsFixed
from streams.setup import config_events, differences, streams_setup
from streams.subjects import event_subjects, stream_name, stream_name_dead
from tests.streaming import on_nats


@pytest.fixture
def ledger() -> str:
    """A name of its own: all tests share a NATS server."""
    return f"t{secrets.token_hex(4)}"


def test_setting_up_makes_both_streams_and_the_second_time_nothing(nats_url: str, ledger: str) -> None:
    async def work(connection: Connection) -> None:
        first = await streams_setup(connection, ledger)
        assert [(s.stream, s.outcome, s.replicas) for s in first] == [
            (stream_name(ledger), "created", 1), (stream_name_dead(ledger), "created", 1),
        ]  # fmt: skip
        assert [s.outcome for s in await streams_setup(connection, ledger)] == ["unchanged", "unchanged"]
        assert [s.outcome for s in await streams_setup(connection, ledger, 1)] == ["unchanged", "unchanged"]
        found = (await connection.manager.stream_info(stream_name(ledger))).config
        assert (found.storage, found.discard, found.max_age, found.max_msgs, found.max_bytes) == ("file", "new", 0.0, -1, -1)
        assert (found.deny_delete, found.deny_purge, found.subjects) == (True, True, [event_subjects(ledger)])
        dead = (await connection.manager.stream_info(stream_name_dead(ledger))).config
        # Ninety days, and a letter may be taken out: it may hold what somebody wrote.
        assert (dead.max_age, dead.deny_delete, dead.subjects) == (7_776_000.0, False, [f"plumbline.{ledger}.dead"])

    on_nats(nats_url, work)


def test_nothing_can_be_taken_out_of_the_stream_of_events(nats_url: str, ledger: str) -> None:
    async def work(connection: Connection) -> None:
        await streams_setup(connection, ledger)
        name = stream_name(ledger)
        await connection.client.jetstream().publish(f"plumbline.{ledger}.event.Thing._", b"1")
        with pytest.raises(APIError, match="delete not permitted"):
            await connection.manager.delete_msg(name, 1)
        with pytest.raises(APIError, match="purge not permitted"):
            await connection.manager.purge_stream(name)
        # Nor is what lies beside the events taken for one.
        for part in ("facts", "commands", "holder"):
            with pytest.raises(NoRespondersError):
                await connection.client.request(f"plumbline.{ledger}.{part}", b"", timeout=2)
        assert (await connection.manager.stream_info(name)).state.messages == 1

    on_nats(nats_url, work)


def test_what_can_be_changed_is_put_right_and_told(nats_url: str, ledger: str) -> None:
    async def work(connection: Connection) -> None:
        loose = StreamConfig(name=stream_name(ledger), subjects=[f"plumbline.{ledger}.>"], max_age=60.0, storage=StorageType.FILE)
        await connection.manager.add_stream(loose)
        await connection.client.jetstream().publish(f"plumbline.{ledger}.event.Thing._", b"1")
        events, dead = await streams_setup(connection, ledger)
        assert (events.outcome, dead.outcome) == ("changed", "created")
        told = {d.setting: (d.found, d.wanted) for d in events.differences}
        assert told["max_age"] == ("60 s", "0 s") and told["deny_delete"] == ("off", "on")
        assert told["subjects"] == (f"plumbline.{ledger}.>", event_subjects(ledger))
        assert told["discard"] == ("old", "new")
        info = await connection.manager.stream_info(stream_name(ledger))
        assert differences(info.config, config_events(ledger)) == [] and info.state.messages == 1

    on_nats(nats_url, work)


def test_a_stream_in_memory_is_refused_whole_and_left_as_it_was(nats_url: str, ledger: str) -> None:
    async def work(connection: Connection) -> None:
        subjects = [event_subjects(ledger)]
        await connection.manager.add_stream(
            StreamConfig(name=stream_name(ledger), subjects=subjects, storage=StorageType.MEMORY)
        )
        with pytest.raises(StreamSettingsFixed, match=r"storage is memory, must be file.*delete it"):
            await streams_setup(connection, ledger)
        found = (await connection.manager.stream_info(stream_name(ledger))).config
        assert (found.storage, found.deny_delete) == ("memory", False)
        with pytest.raises(APIError, match="not found"):
            await connection.manager.stream_info(stream_name_dead(ledger))

    on_nats(nats_url, work)


def test_what_the_server_refuses_is_said_with_what_to_do_or_in_its_words(nats_url: str, ledger: str) -> None:
    async def work(connection: Connection) -> None:
        with pytest.raises(StreamRefused, match="it stands alone; more than one replica needs a cluster"):
            await streams_setup(connection, ledger, 3)
        await connection.manager.add_stream(StreamConfig(name=f"other_{ledger}", subjects=[f"plumbline.{ledger}.event.X.*"]))
        with pytest.raises(StreamRefused, match="overlap"):
            await streams_setup(connection, ledger)

    on_nats(nats_url, work)


def test_a_server_that_is_not_there_is_said_to_be_away_without_its_password() -> None:
    async def work(connection: Connection) -> None:
        raise AssertionError("there is no server")

    with pytest.raises(NatsUnreachable, match="can't be reached") as away:
        on_nats("nats://user:secret@127.0.0.1:9,127.0.0.1:13", work)
    assert "secret" not in str(away.value)


def test_the_login_of_the_first_address_is_that_of_the_others() -> None:
    assert url_parts("nats://u:p@one:4222, nats://two:4222,nats://v:q@three") == [
        "nats://u:p@one:4222", "nats://u:p@two:4222", "nats://v:q@three",
    ]  # fmt: skip
    assert url_parts("tls://one:4222,tls://two") == ["tls://one:4222", "tls://two"]

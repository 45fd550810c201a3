"""The relay as people meet it: a role of `serve` with its figures, and the commands about streams."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

import pytest
from nats.js.api import StreamConfig
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner

from service.bootstrap import ledger_open
from service.main import app
from service.serving import ledgers as serving
from service.serving.gate import Gate
from service.serving.ledgers import LedgersServed
from service.serving.metrics import ServingCollector
from service.serving.roles import Role
from service.settings import Settings
from streams.connection import Connection
from streams.relay import RelayState
from streams.subjects import event_subject, stream_name
from tests.serving import serving_of
from tests.streaming import on_nats, stream_check


@pytest.fixture
def name(settings: Settings) -> str:
    """A ledger whose books are open."""
    found = f"r{secrets.token_hex(4)}"
    with ledger_open(settings, found, "alice", create=True):
        pass
    return found


def command(settings: Settings, nats_url: str, *arguments: str, expect: int = 0) -> Any:
    """What `plumbline streams …` says with --json, pointed to a NATS server of one's own."""
    environment = {"PLUMBLINE_HOME": str(settings.home), "PLUMBLINE_NATS_URL": nats_url, "PLUMBLINE_DATABASE_URL": ""}
    done = CliRunner().invoke(app, ["streams", *arguments, "--json"], env=environment)
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)


def test_a_process_with_the_role_relays_what_it_serves_and_shows_how_far_it_is(
    settings: Settings, database_url: str, nats_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "ledger_names", lambda settings: [name])

    async def run() -> None:
        ledgers = LedgersServed(settings, serving_of(Role.RELAY), database_url, nats_url, Gate(nats_url))
        try:
            served = await ledgers.open(name)
            head = served.recorder.position_head()
            assert served.relaying is not None
            async with asyncio.timeout(60):
                while (relay := served.relaying.relay) is None or relay.position != head or relay.behind is None:
                    await asyncio.sleep(0.02)
            registry = CollectorRegistry()
            registry.register(ServingCollector(ledgers))
            figures = generate_latest(registry).decode()
            assert f'plumbline_stream_position{{ledger="{name}"}} {head}.0' in figures
            assert f'plumbline_relay{{ledger="{name}",state="relaying"}} 1.0' in figures
            assert f'plumbline_relay{{ledger="{name}",state="stopped"}} 0.0' in figures
            assert f'plumbline_stream_lag_positions{{ledger="{name}"}}' in figures
            assert f'plumbline_stream_lag_seconds{{ledger="{name}"}}' in figures
            stream_checked = await asyncio.to_thread(stream_check, nats_url, name, served.recorder)
            assert stream_checked == head > 10
            # Requests are served without it.
            assert not [part for part in await ledgers.ready() if "relay" in part]
        finally:
            await ledgers.stop()
        assert served.relaying.state is RelayState.ENDED

    asyncio.run(run())


def test_the_commands_set_streams_up_and_say_how_they_stand(settings: Settings, nats_url: str, name: str) -> None:
    [missing] = command(settings, nats_url, "status", "--ledger", name, expect=1)
    assert missing["fault"]["code"] == "STREAM_MISSING" and "plumbline streams setup" in missing["fault"]["reason"]
    assert missing["position"] is None and missing["lag_positions"] == missing["position_log"] > 10

    made = command(settings, nats_url, "setup", "--ledger", name)
    assert [(m["stream"], m["outcome"], m["changes"]) for m in made] == [
        (stream_name(name), "created", []), (stream_name(name) + "_DEAD", "created", []),
    ]  # fmt: skip
    assert {m["outcome"] for m in command(settings, nats_url, "setup", "--ledger", name)} == {"unchanged"}

    # Being behind is nothing that a person has to do something about.
    [behind] = command(settings, nats_url, "status", "--ledger", name)
    assert (behind["sound"], behind["position"], behind["dead_letters"], behind["replicas"]) == (True, 0, 0, 1)
    assert behind["lag_positions"] == behind["position_log"] and behind["lag_seconds"] > 0
    assert behind["differences"] == [] and behind["max_payload_enough"] is True

    async def loosen_and_forge(connection: Connection) -> None:
        found: StreamConfig = (await connection.manager.stream_info(stream_name(name))).config
        await connection.manager.update_stream(found.evolve(max_msgs=5))
        await connection.client.jetstream().publish(event_subject(name, "PointsGranted", "C-000001"), b"{}")

    on_nats(nats_url, loosen_and_forge)
    [differs] = command(settings, nats_url, "status", "--ledger", name, expect=1)
    assert differs["fault"]["code"] == "STREAM_DIFFERS"
    assert all(word in differs["fault"]["reason"] for word in ("somebody else", "streams check", "streams rebuild"))
    assert differs["differences"] == [{"setting": "max_msgs", "found": "5", "wanted": "without limit"}]
    words = CliRunner().invoke(
        app, ["streams", "status", "--ledger", name, "--language", "zh"],
        env={"PLUMBLINE_HOME": str(settings.home), "PLUMBLINE_NATS_URL": nats_url, "PLUMBLINE_DATABASE_URL": ""},
    )  # fmt: skip
    assert words.exit_code == 1 and "设置不符" in words.stdout and "max_msgs" in words.stdout
    [changed, _] = command(settings, nats_url, "setup", "--ledger", name)
    assert changed["changes"] == differs["differences"]

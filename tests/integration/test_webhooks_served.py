"""Webhooks made by commands are delivered by a serving process, which tells its figures."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner

from ledger.domain.commands import RegisterCustomer, Request
from service.bootstrap import ledger_open
from service.main import app
from service.serving import ledgers as serving
from service.serving.gate import Gate
from service.serving.ledgers import LedgersServed
from service.serving.metrics import ServingCollector
from service.serving.roles import Role
from service.settings import Settings
from tests.integration.test_ledgers_served import until
from tests.integration.webhooks.delivery import LOOPBACK
from tests.receiver import Answer, Receiver, receiving
from tests.serving import serving_of


@pytest.fixture
def name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger, and no other of this database."""
    found = f"w{secrets.token_hex(4)}"
    with ledger_open(settings, found, "alice", create=True):
        pass
    monkeypatch.setattr(serving, "ledger_names", lambda settings: [found])
    monkeypatch.setattr(serving, "DISCOVER_SECONDS", 0.1)
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as there:
        yield there


class Typed:
    """Commands as they are typed, in this process."""

    def __init__(self, home: Path, ledger: str, networks: str = "127.0.0.0/8") -> None:
        self._environment = {"PLUMBLINE_HOME": str(home), "PLUMBLINE_WEBHOOK_NETWORKS": networks}
        self._ledger = ledger

    def words(self, *arguments: str, expect: int = 0) -> str:
        """What a command says of webhooks."""
        done = CliRunner().invoke(app, ["webhooks", *arguments, "--ledger", self._ledger], env=self._environment)
        assert done.exit_code == expect, (arguments, done.output, done.exception)
        return done.output

    def document(self, *arguments: str, expect: int = 0) -> Any:
        """Its document."""
        return json.loads(self.words(*arguments, "--json", expect=expect))


def register(settings: Settings, name: str, *references: str) -> None:
    with ledger_open(settings, name, "alice") as handle, handle.writing("alice") as writer:
        writer.submit([Request(RegisterCustomer("crm", r, f"{r} 公司", {}), "alice") for r in references])


def test_webhooks_are_managed_by_commands_delivered_by_the_service_and_watched(
    settings: Settings, database_url: str, nats_url: str, home: Path, name: str, receiver: Receiver
) -> None:
    typed = Typed(home, name)
    made = typed.document("create", "billing", receiver.url, "--type", "CustomerRegistered", "--attempts-max", "1")
    assert made["secret"].startswith("whsec_") and made["types"] == ["CustomerRegistered"]
    assert "whsec_" in typed.words("create", "notes", receiver.url, "--kind", "notice", "--batch", "day", "--language", "zh")
    assert typed.document("test", "billing")["delivered"] is True
    assert receiver.got[0].verified(made["secret"]) == receiver.ids[0]
    receiver.answer = lambda count, got: Answer(500, b"full") if count == 2 else Answer()

    async def run() -> str:
        ledgers = LedgersServed(
            settings, serving_of(Role.WEBHOOKS, networks=LOOPBACK), database_url, nats_url, Gate(nats_url)
        )
        await ledgers.start()
        registry = CollectorRegistry()
        registry.register(ServingCollector(ledgers))
        try:
            await until(lambda: any(s.calling and s.calling.status == "delivering" for s in ledgers.served()))
            assert (await ledgers.ready())[f"webhooks {name}"] is True
            await asyncio.to_thread(register, settings, name, "a", "b", "c")
            await asyncio.to_thread(receiver.wait, 4)
            [served] = ledgers.served()
            calling = served.calling
            assert calling is not None
            await until(lambda: [lag.behind for lag in calling.lags if lag.name == "billing"] == [0])
            await until(lambda: calling.counts == {("billing", "delivered"): 2, ("billing", "dead"): 1})
            await until(lambda: [lag.dead for lag in calling.lags] == [1, 0])
            return generate_latest(registry).decode()
        finally:
            await ledgers.stop()

    figures = asyncio.run(run())
    for line in (
        f'plumbline_webhook_attempts_total{{ledger="{name}",outcome="delivered",webhook="billing"}} 2.0',
        f'plumbline_webhook_attempts_total{{ledger="{name}",outcome="dead",webhook="billing"}} 1.0',
        f'plumbline_webhook_dead_letters{{ledger="{name}",webhook="billing"}} 1.0',
        f'plumbline_webhook_lag_positions{{ledger="{name}",webhook="billing"}} 0.0',
        f'plumbline_webhook_lag_seconds{{ledger="{name}",webhook="billing"}} 0.0',
        f'plumbline_webhook_stopped{{ledger="{name}",webhook="notes"}} 0.0',
    ):
        assert line in figures.splitlines(), line
    types = {got.document["type"] for got in receiver.got[1:]}
    assert types == {"CustomerRegistered"}

    [letter] = typed.document("dead", "billing")
    assert (letter["status"], letter["reason"]) == (500, "answered 500: full")
    assert [a["outcome"] for a in typed.document("attempts", "billing", "--limit", "2")] == ["delivered", "dead"]
    assert letter["id"] in typed.words("dead", "billing", "--language", "zh")
    assert typed.document("retry", "billing", letter["id"])["state"] == "waiting"
    assert "from position 2 on" in typed.words("replay", "billing", "2")
    assert typed.document("pause", "billing")["state"] == "paused"
    assert "billing" in typed.words("list")
    assert typed.document("resume", "billing")["state"] == "active"
    assert typed.document("change", "billing", "--all", "--on-dead", "stop")["types"] == []
    assert "stop" in typed.words("show", "billing")
    assert typed.document("rotate", "billing", "--overlap-hours", "1")["secret"] != made["secret"]
    receiver.answer = lambda count, got: Answer(418)
    assert typed.document("test", "billing", expect=1)["status"] == 418
    assert typed.document("delete", "billing")["name"] == "billing"
    assert "is deleted" in typed.words("delete", "notes")
    assert typed.document("list") == []


def test_a_change_that_leaves_the_url_alone_needs_no_networks_and_tables_speak_chinese(home: Path, name: str) -> None:
    typed, elsewhere = Typed(home, name), Typed(home, name, networks="")
    typed.document("create", "inside", "http://127.0.0.1:1/hook", "--type", "PointsGranted")
    assert elsewhere.document("change", "inside", "--attempts-max", "5")["attempts_max"] == 5
    # Nothing is called, and what would lift that is named.
    tried = elsewhere.document("test", "inside", expect=1)
    assert tried["status"] == 0 and "--webhook-networks or PLUMBLINE_WEBHOOK_NETWORKS" in tried["reason"]
    assert f"未收到：「{tried['reason'][:30]}" in elsewhere.words("test", "inside", "--language", "zh", expect=1)
    typed.words("create", "told", "https://hook.example/", "--kind", "notice")
    listed = typed.words("list", "--language", "zh")
    assert all(word in listed for word in ("事件", "提醒", "启用")) and "event" not in listed and "active" not in listed
    paused = typed.words("pause", "told", "--language", "zh")
    assert all(word in paused for word in ("提醒", "暂停", "按月", "已同意者", "跳过")) and "paused" not in paused
    assert typed.document("show", "told")["state"] == "paused" and "paused" in typed.words("show", "told")

"""webhooks attempts | dead | retry | replay | test: what became of messages, and how to have them sent again."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Annotated

import typer
from psycopg import Connection
from psycopg.rows import DictRow

from ledger.log.pages import BEGINNING
from service.bootstrap import clock
from service.commands.webhooks.subscribing import NameArgument, NetworksOption, using
from service.commands.webhooks.words import word_of
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, output_of
from webhooks.addresses import networks_of
from webhooks.calling import Caller, Message, Sent
from webhooks.messages import test_message
from webhooks.subscriptions import (
    POSITION_MAX,
    AttemptRow,
    DeadLetter,
    Webhook,
    attempts_list,
    dead_list,
    dead_retry,
    secrets_read,
    webhook_find,
    webhook_rewind,
)

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many at most. 条数上限。")]


def attempts(
    name: NameArgument,
    limit: LimitOption = 20,
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The last attempts to deliver, the newest first. 最近的推送记录。"""
    out = output_of(json, language)

    def work(connection: Connection[DictRow]) -> list[AttemptRow]:
        webhook_find(connection, name)
        return attempts_list(connection, name, BEGINNING, limit)

    found = using(ledger, ACTOR_DEFAULT, work)
    if json:
        out.document([a.document() for a in found])
        return
    words = (("时间", "at"), ("消息", "message"), ("次数", "attempt"), ("结果", "outcome"), ("状态码", "status"),
             ("毫秒", "ms"), ("原因", "reason"))  # fmt: skip
    out.table("", [out.say(*w) for w in words], [
        [a.at.isoformat(timespec="milliseconds"), a.message, str(a.attempt), word_of(out, "outcome", a.outcome), str(a.status),
         str(a.latency_ms), a.reason]
        for a in found
    ], [2, 4, 5])  # fmt: skip


def dead(
    name: NameArgument,
    everything: Annotated[bool, typer.Option("--all", help="Those too that were delivered after all. 含已补送。")] = False,
    limit: LimitOption = 100,
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Messages that were given up. 死信。"""
    out = output_of(json, language)

    def work(connection: Connection[DictRow]) -> list[DeadLetter]:
        webhook_find(connection, name)
        return dead_list(connection, name, everything, BEGINNING, limit)

    found = using(ledger, ACTOR_DEFAULT, work)
    if json:
        out.document([letter.document() for letter in found])
        return
    words = (("编号", "id"), ("消息", "message"), ("状态", "state"), ("次数", "attempts"), ("状态码", "status"),
             ("原因", "reason"))  # fmt: skip
    out.table("", [out.say(*w) for w in words], [
        [d.id, d.message, word_of(out, "state", d.state), str(d.attempts), str(d.status), d.reason] for d in found
    ], [3, 4])  # fmt: skip


def retry(
    name: NameArgument,
    letter: Annotated[str, typer.Argument(help="A dead letter's id, such as 42.0. 死信编号。")],
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Try to deliver a dead letter once more, soon. 重试死信。"""
    out = output_of(json, language)
    found = using(ledger, actor, dead_retry, name, letter)
    if json:
        out.document(found.document())
    else:
        state = word_of(out, "state", found.state)
        out.console.print(out.say(f"{found.message}：{state}", f"{found.message}: {state}"))


def replay(
    name: NameArgument,
    from_position: Annotated[int, typer.Argument(min=1, max=POSITION_MAX, help="A position of the log. 起始位置。")],
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Send everything from a position on, again or leaving some out. 从某位置重新推送。"""
    out = output_of(json, language)

    def work(connection: Connection[DictRow]) -> Webhook:
        webhook_rewind(connection, name, from_position, actor)
        return webhook_find(connection, name)

    found = using(ledger, actor, work)
    if json:
        out.document(found.document())
    else:
        out.console.print(out.say(f"{name} 从位置 {from_position} 起推送。", f"{name} is told from position {from_position} on."))


def test(
    name: NameArgument,
    webhook_networks: NetworksOption = "",
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Send a test now; exit code 1 where it isn't taken. 发送测试。"""
    out, networks = output_of(json, language), networks_of(webhook_networks)

    def work(connection: Connection[DictRow]) -> tuple[Webhook, list[str]]:
        return webhook_find(connection, name), secrets_read(connection, name)

    found, signed = using(ledger, ACTOR_DEFAULT, work)
    message = test_message(ledger, secrets.token_hex(8), clock().isoformat(), found.head)

    async def call(sent: Message) -> Sent:
        caller = Caller(networks=networks)
        try:
            return await caller.call(found.url, sent, signed, int(time.time()))
        finally:
            await caller.close()

    sent = asyncio.run(call(message))
    if json:
        out.document({
            "dry_run": False, "message": message.id, "delivered": sent.taken, "status": sent.status,
            "latency_ms": sent.latency_ms, "reason": sent.reason,
        })  # fmt: skip
    else:
        words = (f"已收到（{sent.status}，{sent.latency_ms} 毫秒）", f"taken ({sent.status}, {sent.latency_ms} ms)")
        out.console.print(out.say(*words) if sent.taken else out.say(f"未收到：「{sent.reason}」", f"not taken: {sent.reason}"))
    if not sent.taken:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (attempts, dead, retry, replay, test):
        app.command()(command)

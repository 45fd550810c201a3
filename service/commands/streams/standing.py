"""streams setup | status: the streams made as they must be, and how they stand beside the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.domain.errors import LedgerMissing, Refused
from service.bootstrap import SCHEMA_PREFIX, ledger_names
from service.embedded import database_url, nats_operations_url, nats_relay_url
from service.output import JsonOption, LanguageOption, Output, output_of
from service.settings import Settings

if TYPE_CHECKING:
    from streams.setup import Difference, StreamSet
    from streams.standing import Standing

LedgersOption = Annotated[
    list[str] | None, typer.Option("--ledger", help="Only of this set of books; may be repeated. 限定账套。")
]


def setup(
    ledger: LedgersOption = None,
    replicas: Annotated[
        int | None,
        typer.Option("--replicas", min=1, max=5, help="Servers that keep each message: 1 (by default), 3 or 5. 副本数。"),
    ] = None,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Make the streams of all ledgers, or set them as they must be, under PLUMBLINE_NATS_OPERATIONS_URL. 建立事件流。"""
    from streams.connection import nats_connected
    from streams.setup import streams_setup

    out = output_of(json, language)
    if replicas is not None and replicas % 2 == 0:
        # Two servers lose their majority with one, four with two: no more than one and three bear.
        raise Refused("USAGE", "give 1, 3 or 5 replicas: an even number bears no more losses than the odd one below", "replicas")
    settings = Settings.from_environment()
    names = _ledgers_named(settings, ledger)

    async def run() -> list[StreamSet]:
        async with nats_connected(nats_operations_url(settings), "plumbline setup") as connection:
            return [found for name in names for found in await streams_setup(connection, name, replicas)]

    done = asyncio.run(run())
    if json:
        out.document([
            {"stream": s.stream, "outcome": s.outcome, "replicas": s.replicas, "changes": _differences(s.differences)}
            for s in done
        ])  # fmt: skip
        return
    words = {
        "created": out.say("已建立", "created"), "changed": out.say("已修改", "changed"),
        "unchanged": out.say("无需修改", "as it must be"),
    }  # fmt: skip
    out.table(
        out.say("事件流", "Streams"),
        [out.say("名称", "stream"), out.say("结果", "outcome"), out.say("副本", "replicas"), out.say("原设置", "was")],
        [[s.stream, words[s.outcome], str(s.replicas), "; ".join(d.text() for d in s.differences)] for s in done],
        numbers=[2],
    )


def status(ledger: LedgersOption = None, json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Say how the streams stand beside the log. Exit code 1 where something has to be done. 查看事件流状态。"""
    from streams.connection import nats_connected
    from streams.standing import standing_read
    from streams.tail import tail_open

    out = output_of(json, language)
    settings = Settings.from_environment()
    url = database_url(settings)
    names = _ledgers_named(settings, ledger)

    async def run() -> list[Standing]:
        found: list[Standing] = []
        async with nats_connected(nats_relay_url(settings), "plumbline status") as connection:
            for name in names:
                async with tail_open(url, SCHEMA_PREFIX + name) as tail:
                    found.append(await standing_read(connection, name, tail))
        return found

    found = asyncio.run(run())
    if json:
        out.document([_document(s) for s in found])
    else:
        _show(out, found)
    if not all(s.is_sound for s in found):
        raise typer.Exit(1)


def _ledgers_named(settings: Settings, named: list[str] | None) -> list[str]:
    """The ledgers that a command is for: those named, or all. Raises LedgerMissing where one isn't there, or none is."""
    known = ledger_names(settings)
    if not set(named or ()) <= set(known):
        raise LedgerMissing("there is no such ledger; `plumbline ledgers list` names them")
    if not known:
        raise LedgerMissing(
            "there are no ledgers yet: `plumbline ledgers create main` makes one, and `plumbline serve` makes the first"
            " by itself"
        )
    return named or known


def _show(out: Output, found: list[Standing]) -> None:
    out.table(
        out.say("事件流", "Streams"),
        [
            out.say("名称", "stream"), out.say("日志位置", "log"), out.say("流位置", "stream at"), out.say("落后", "behind"),
            out.say("秒", "seconds"), out.say("副本", "replicas"), out.say("死信", "dead letters"),
        ],
        [
            [
                s.stream, f"{s.position_log:,}", _count(s.position), f"{s.behind:,}", f"{s.seconds:.1f}",
                _count(s.replicas), _count(s.dead_letters),
            ]
            for s in found
        ],
        numbers=[1, 2, 3, 4, 5, 6],
    )  # fmt: skip
    for s in found:
        for line in _lines(out, s):
            out.console.print(f"{s.stream}: {line}")


def _lines(out: Output, s: Standing) -> list[str]:
    """What has to be done about a stream, sentence by sentence."""
    lines = [] if s.fault is None else [str(s.fault)]
    if s.position is not None and s.messages is not None and s.messages < s.position:
        missing = s.position - s.messages
        lines.append(out.say(f"缺少 {missing} 条消息", f"{missing} messages were taken from it"))
    if s.differences:
        told = "; ".join(d.text() for d in s.differences)
        lines.append(out.say(f"设置不符：{told}；请运行 plumbline streams setup", f"{told}; `plumbline streams setup` sets it right"))
    if not s.payload_is_enough:
        most = s.payload_bytes_max
        lines.append(
            out.say(f"服务器 max_payload 仅 {most} 字节，请设为 8MB", f"the server's max_payload is {most} bytes; set it to 8MB")
        )
    return lines


def _document(s: Standing) -> dict[str, Any]:
    return {
        "ledger": s.ledger, "stream": s.stream, "sound": s.is_sound, "position": s.position,
        "position_log": s.position_log, "lag_positions": s.behind, "lag_seconds": round(s.seconds, 3),
        "messages": s.messages, "bytes": s.bytes, "replicas": s.replicas, "leader": s.leader,
        "dead_letters": s.dead_letters, "differences": _differences(s.differences),
        "fault": None if s.fault is None else {"code": s.fault.code, "reason": str(s.fault)},
        "max_payload": s.payload_bytes_max, "max_payload_enough": s.payload_is_enough,
    }  # fmt: skip


def _differences(found: tuple[Difference, ...]) -> list[dict[str, str]]:
    return [{"setting": d.setting, "found": d.found, "wanted": d.wanted} for d in found]


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("setup")(setup)
    app.command("status")(status)

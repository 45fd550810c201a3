"""up, down, status: the embedded servers."""

from __future__ import annotations

import typer

from service.embedded import servers_down, servers_status, servers_up
from service.output import JsonOption, LanguageOption, output_of
from service.settings import Settings


def up(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Start PostgreSQL and NATS under PLUMBLINE_HOME. 启动内嵌服务。"""
    out = output_of(json, language)
    servers_up(Settings.from_environment(), postgres=True, nats=True)
    _print(json, language)
    out.note("服务已就绪。", "The servers are ready.")


def down(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Stop the embedded servers. 停止内嵌服务。"""
    out = output_of(json, language)
    stopped = servers_down(Settings.from_environment())
    if json:
        out.document({"stopped": stopped})
    else:
        names = ", ".join(stopped) or out.say("没有运行中的服务", "none was running")
        out.console.print(out.say(f"已停止：{names}", f"Stopped: {names}"))


def status(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Say which servers run, and where. Exit code 1 where one does not. 查看服务状态。"""
    if not _print(json, language):
        raise typer.Exit(1)


def _print(json: bool, language: str) -> bool:
    out = output_of(json, language)
    found = servers_status(Settings.from_environment())
    if json:
        out.document([
            {
                "name": s.name, "running": s.running, "external": s.external, "address": s.address, "pid": s.pid,
                "data_folder": str(s.data_folder) if s.data_folder else None, "version": s.version,
            }
            for s in found
        ])  # fmt: skip
    else:
        out.table(
            out.say("服务", "Servers"),
            [out.say("名称", "name"), out.say("状态", "state"), out.say("地址", "address"), out.say("版本", "version")],
            [
                [
                    s.name,
                    out.say("运行", "running") if s.running else out.say("未运行", "not running"),
                    str(s.address or ""),
                    str(s.version or ""),
                ]
                for s in found
            ],
        )
    return all(s.running for s in found)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)

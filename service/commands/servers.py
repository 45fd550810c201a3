"""up, down, status: the embedded servers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from service.embedded import ServerStatus, database_url, nats_url, servers_down, servers_status, servers_up
from service.output import JsonOption, LanguageOption, fail, output_of
from service.settings import Settings


class Server(StrEnum):
    """The servers, by the names under which they are listed."""

    POSTGRES = "postgres"
    NATS = "nats"


ServerArgument = Annotated[Server | None, typer.Argument(help="Only this one. 只看这一个。", show_default=False)]
UrlsOption = Annotated[
    bool,
    typer.Option("--urls", help="Print the URLs to connect with, passwords included. 输出含密码的连接地址。"),
]


def up(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """Start PostgreSQL and NATS under PLUMBLINE_HOME. 启动内嵌服务。"""
    out = output_of(json, language)
    servers_up(Settings.from_environment(), postgres=True, nats=True)
    _print(json, language, None)
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


def status(
    server: ServerArgument = None, urls: UrlsOption = False, json: JsonOption = False, language: LanguageOption = "en"
) -> None:
    """Say which servers run, and where. Exit code 1 where one does not. 查看服务状态。"""
    if urls:
        _print_urls(json, language, server)
    elif not _print(json, language, server):
        raise typer.Exit(1)


def _found(settings: Settings, server: Server | None) -> list[ServerStatus]:
    return [s for s in servers_status(settings) if server is None or s.name == server]


def _print_urls(json: bool, language: str, server: Server | None) -> None:
    """Of one server the URL and nothing else, so that a shell can take it; of both a line each, the name before it."""
    out = output_of(json, language)
    settings = Settings.from_environment()
    found = _found(settings, server)
    away = [s for s in found if not s.running]
    names = ", ".join(s.name for s in away)
    if any(s.external for s in away):
        reason = out.say(
            f"{names} 无应答：请检查 PLUMBLINE_DATABASE_URL 与 PLUMBLINE_NATS_URL 所指的服务。",
            f"{names} doesn't answer: see to the server that PLUMBLINE_DATABASE_URL or PLUMBLINE_NATS_URL names.",
        )
        fail(out, "SERVER_NOT_RUNNING", reason)
    if away:
        reason = out.say(f"{names} 未运行：请先执行 plumbline up。", f"{names} doesn't run: plumbline up starts it.")
        fail(out, "SERVER_NOT_RUNNING", reason)
    sources = {Server.POSTGRES: database_url, Server.NATS: nats_url}
    urls = {s.name: sources[Server(s.name)](settings) for s in found}
    if json:
        out.document(urls)
    else:
        for name, url in urls.items():
            typer.echo(url if server is not None else f"{name} {url}")


def _print(json: bool, language: str, server: Server | None) -> bool:
    out = output_of(json, language)
    found = _found(Settings.from_environment(), server)
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

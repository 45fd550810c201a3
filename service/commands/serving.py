"""serve: the API, the writer and the follower of every ledger."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ledger.domain.errors import Refused
from service.output import JsonOption, LanguageOption, output_of
from service.settings import Settings


def serve(
    host: Annotated[str, typer.Option("--host", help="Where to listen. 监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="端口")] = 8700,
    roles: Annotated[
        str, typer.Option("--roles", help="api, writer, follower: all, or some, separated by commas. 角色。")
    ] = "api,writer,follower",
    close_after_days: Annotated[
        int,
        typer.Option(
            "--close-after-days", min=1, max=31,
            help="Close each day so long after it is over; begins after the first `plumbline close`. 每日关账。",
        ),
    ] = 1,
    no_close: Annotated[bool, typer.Option("--no-close", help="Close no days by itself. 不自动关账。")] = False,
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error. 日志级别。")] = "info",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Serve HTTP, write, and keep the views up to date, until stopped. 启动服务。

    Start it twice and the second stands by: it takes over within seconds when the first ends. Logs go to standard
    error: words on a terminal, JSON lines elsewhere and with --json.
    """
    # The service brings libraries that no other command needs to wait for.
    from service.serving.keeper import CloseRule
    from service.serving.process import ServeSettings, serve
    from service.serving.roles import roles_of

    output_of(json, language)
    if log_level not in ("debug", "info", "warning", "error"):
        raise Refused("USAGE", "--log-level is debug, info, warning or error", "log-level")
    serve(
        Settings.from_environment(),
        ServeSettings(
            host=host, port=port, roles=roles_of(roles),
            close_rule=CloseRule(None if no_close else close_after_days), log_level=log_level,
            log_words=sys.stderr.isatty() and not json,
        ),
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(serve)

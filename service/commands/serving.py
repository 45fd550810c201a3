"""serve: the API, the writer, the follower and the relay of every ledger."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Annotated, Any, Final

import typer

from api.settings import ApiSettings
from ledger.domain.errors import Refused
from service.output import JsonOption, LanguageOption, output_of
from service.serving.address import HEAD_BYTES_MAX, HEAD_SECONDS, bound
from service.serving.roles import ROLES_ALL, Role, roles_of
from service.settings import Settings

_LIMITS: Final = ApiSettings()


def _limit(name: str, least: int, words: str) -> Any:
    """The option of a limit, which a variable of the same name sets, too."""
    return typer.Option(f"--{name}", envvar=f"PLUMBLINE_{name.replace('-', '_').upper()}", min=least, help=words)


def serve(
    host: Annotated[str, typer.Option("--host", help="Where to listen. 监听地址。")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0: any that is free, the log names it. 端口。")
    ] = 8700,
    no_http: Annotated[
        bool, typer.Option("--no-http", help="Answer nothing over HTTP; only without the role api. 不监听 HTTP。")
    ] = False,
    roles: Annotated[
        str, typer.Option("--roles", help=f"{', '.join(Role)}: all, or some, separated by commas. 角色。")
    ] = ROLES_ALL,
    close_after_days: Annotated[
        int,
        typer.Option(
            "--close-after-days", min=1, max=31,
            help="Close each day so long after it is over; begins after the first `plumbline close`. 每日关账。",
        ),
    ] = 1,
    no_close: Annotated[bool, typer.Option("--no-close", help="Close no days by itself. 不自动关账。")] = False,
    quarantine_open_days: Annotated[
        int | None,
        typer.Option(
            "--quarantine-open-days", envvar="PLUMBLINE_QUARANTINE_OPEN_DAYS", min=1,
            help="Forget, once a day, what refused rows hold that have been open so long; without it none. 隔离行保留天数。",
        ),
    ] = None,
    stream_check_hour: Annotated[
        int,
        typer.Option(
            "--stream-check-hour", min=0, max=23, help="When streams are compared with the log, each night. 事件流核对时刻。"
        ),
    ] = 3,
    no_stream_check: Annotated[
        bool, typer.Option("--no-stream-check", help="Compare no streams by itself. 不自动核对事件流。")
    ] = False,
    requests_per_second: Annotated[
        int, _limit("requests-per-second", 1, "Requests a second that one key may send, in the long run. 每密钥每秒请求数。")
    ] = int(_LIMITS.requests_per_second),
    requests_burst: Annotated[
        int, _limit("requests-burst", 1, "So many that one key may send at once. 每密钥突发请求数。")
    ] = int(_LIMITS.requests_burst),
    lead_checks_per_hour: Annotated[
        int, _limit("lead-checks-per-hour", 1, "Leads an hour that one key may look up, in the long run. 每密钥每小时查重次数。")
    ] = int(_LIMITS.lead_checks_per_hour),
    lead_checks_burst: Annotated[
        int, _limit("lead-checks-burst", 1, "So many that one key may look up at once. 每密钥突发查重次数。")
    ] = int(_LIMITS.lead_checks_burst),
    concurrent_max: Annotated[
        int, _limit("concurrent-max", 1, "Requests under way at once, of all keys. 并发请求上限。")
    ] = _LIMITS.concurrent_max,
    imports_receiving_max: Annotated[
        int, _limit("imports-receiving-max", 1, "Files that come in at once. 同时上传的文件数。")
    ] = _LIMITS.imports_receiving_max,
    body_bytes_max: Annotated[
        int, _limit("body-bytes-max", 1_000, "The largest body. 请求体字节上限。")
    ] = _LIMITS.body_bytes_max,
    document_bytes_max: Annotated[
        int, _limit("document-bytes-max", 1_000, "The largest document of rules. 规则文档字节上限。")
    ] = _LIMITS.document_bytes_max,
    import_bytes_max: Annotated[
        int, _limit("import-bytes-max", 1_000, "The largest file. 导入文件字节上限。")
    ] = _LIMITS.import_bytes_max,
    line_bytes_max: Annotated[
        int, _limit("line-bytes-max", 1_000, "The longest line of a bulk. 批量单行字节上限。")
    ] = _LIMITS.line_bytes_max,
    webhooks_receiving_max: Annotated[
        int, _limit("webhooks-receiving-max", 1, "Signed messages that come in at once. 同时接收的回调消息数。")
    ] = _LIMITS.webhooks_receiving_max,
    body_seconds: Annotated[
        int, _limit("body-seconds", 1, "How long a body may make one wait. 请求体最长等待秒数。")
    ] = int(_LIMITS.body_seconds),
    body_bytes_per_second_min: Annotated[
        int, _limit("body-bytes-per-second-min", 1, "For each so many bytes it may take a second more. 请求体最低速率。")
    ] = _LIMITS.body_bytes_per_second_min,
    head_seconds: Annotated[
        int, _limit("head-seconds", 1, "How long address and headers may take. 请求头最长等待秒数。")
    ] = HEAD_SECONDS,
    head_bytes_max: Annotated[
        int, _limit("head-bytes-max", 1_000, "The largest address with its headers. 请求头字节上限。")
    ] = HEAD_BYTES_MAX,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            "--trusted-proxies", envvar="PLUMBLINE_TRUSTED_PROXIES",
            help="Networks of proxies whose X-Forwarded-For is believed: 10.2.0.0/24,… 可信的反向代理。",
        ),
    ] = "",
    webhook_networks: Annotated[
        str,
        typer.Option(
            "--webhook-networks", envvar="PLUMBLINE_WEBHOOK_NETWORKS",
            help="Networks of one's own into which webhooks may call, too, and without TLS: 10.1.0.0/16,… 可回调的内网。",
        ),
    ] = "",
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error. 日志级别。")] = "info",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Serve HTTP, write, keep views and streams up to date, until stopped. 启动服务。

    Without the role api, HTTP answers /health, /ready and /metrics alone.
    Start it twice and the second stands by: it takes over within seconds when the first ends. Logs go to standard
    error: words on a terminal, JSON lines elsewhere and with --json.
    """
    output_of(json, language)
    if log_level not in ("debug", "info", "warning", "error"):
        raise Refused("USAGE", "--log-level is debug, info, warning or error", "log-level")
    chosen = roles_of(roles)
    if no_http and Role.API in chosen:
        raise Refused("USAGE", "--no-http goes with --roles that have no api: that answers over HTTP", "no-http")
    # First of all: an address that is taken is told before libraries are read and servers started.
    with nullcontext() if no_http else bound(host, port) as listening:
        # The service brings libraries that no other command needs to wait for.
        from service.serving.keeper import CloseRule
        from service.serving.process import serve
        from service.serving.purging import PurgeRule
        from service.serving.settings import ServeSettings
        from service.serving.stream_checking import CheckRule
        from webhooks.addresses import networks_of

        serve(
            Settings.from_environment(),
            ServeSettings(
                host=host, port=None if no_http else port, roles=chosen,
                close_rule=CloseRule(None if no_close else close_after_days),
                purge_rule=PurgeRule(quarantine_open_days),
                check_rule=CheckRule(None if no_stream_check else stream_check_hour),
                head_seconds=head_seconds, head_bytes_max=head_bytes_max,
                trusted_proxies=networks_of(trusted_proxies), log_level=log_level,
                log_words=sys.stderr.isatty() and not json,
                api=ApiSettings(
                    requests_per_second=requests_per_second, requests_burst=requests_burst,
                    concurrent_max=concurrent_max, lead_checks_per_hour=lead_checks_per_hour,
                    lead_checks_burst=lead_checks_burst, imports_receiving_max=imports_receiving_max,
                    body_bytes_max=body_bytes_max, document_bytes_max=document_bytes_max,
                    import_bytes_max=import_bytes_max, line_bytes_max=line_bytes_max,
                    webhooks_receiving_max=webhooks_receiving_max, body_seconds=body_seconds,
                    body_bytes_per_second_min=body_bytes_per_second_min,
                    webhook_networks=networks_of(webhook_networks),
                ),
            ),
            listening,
        )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(serve)

"""streams permissions | subscribers | check | rebuild: who may do what at NATS, and whether the stream is the log's."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ledger.domain.errors import LedgerMissing, Refused
from ledger.log.migrate import ledger_schemas
from service.bootstrap import SCHEMA_PREFIX
from service.embedded import database_url, nats_operations_url, nats_relay_url
from service.output import JsonOption, LanguageOption, LedgerOption, Output, output_of
from service.settings import Settings

if TYPE_CHECKING:
    # Imported by the commands that need them: no other waits for these libraries.
    from streams.checking import Checked, Progress
    from streams.connection import Connection
    from streams.permissions import Party
    from streams.subscribers import Subscriber

subscribers_app = typer.Typer(
    help="Durable consumers of other services. 订阅者。", no_args_is_help=True, rich_markup_mode=None
)
Found = TypeVar("Found")

POSITION_MAX = 2**62

KINDS = {
    "missing": ("缺失", "missing"), "altered": ("被改动", "altered"), "misplaced": ("错位", "out of place"),
    "foreign": ("外来", "foreign"), "outdated": ("旧版格式", "of an older schema"),
    "unrelayed": ("无人转发", "not relayed"),
}  # fmt: skip


def permissions(
    subscriber: Annotated[
        list[str] | None,
        typer.Option("--subscriber", help="A service that follows events: NAME, or NAME@LEDGER,LEDGER. 订阅方。"),
    ] = None,
    sender: Annotated[
        list[str] | None, typer.Option("--sender", help="A system that sends facts: NAME, or NAME@LEDGER. 发送方。")
    ] = None,
    ledger: Annotated[
        list[str] | None, typer.Option("--ledger", help="Sets of books where none is named; may be repeated. 账套。")
    ] = None,
    nkey: Annotated[
        list[str] | None, typer.Option("--nkey", help="NAME=KEY: who signs with the seed of this public nkey. 公钥登录。")
    ] = None,
    renew: Annotated[
        list[str] | None, typer.Option("--renew", help="Whose password is made anew; the others keep theirs. 更换密码。")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The account file; without it, it is printed. 输出文件。")] = None,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Make the account file for nats-server: each user, what it may, and nothing else. 生成权限文件。

    Name everybody each time: who isn't named has no account any more. Passwords are taken over from FILE where it is there.
    """
    from streams import permissions as made

    output = output_of(json, language)
    parties = _parties(subscriber or [], sender or [], ledger or ["main"])
    users = made.users_of(parties)
    kept = made.logins_read(out.read_bytes()) if out is not None and out.exists() else {}
    for name in renew or []:
        if kept.pop(name, None) is None:
            raise Refused("PARTY_INVALID", "--renew names a user of the file given with --out", "renew")
    logins = made.logins_made(users, kept, dict(_nkey(text) for text in nkey or []))
    accounts = made.accounts_of(parties, logins)
    file = made.account_file(accounts)
    if out is not None:
        _write_private(out, file)
    if json:
        told = [{"name": u, "login": "nkey" if logins[u].nkey else "password", "inbox_prefix": made.inbox_prefix(u)} for u in users]
        document = {"file": None if out is None else str(out), "users": told}
        output.document(document if out is not None else {**document, "accounts": accounts})
    elif out is None:
        typer.echo(file, nl=False)
    else:
        output.table(
            "", [output.say("用户", "user"), output.say("登录方式", "comes in with"), output.say("收件前缀", "inbox")],
            [[u, "nkey" if logins[u].nkey else output.say("密码", "password"), made.inbox_prefix(u)] for u in users],
        )  # fmt: skip
        output.note(
            f"密码在 {out} 中，仅本用户可读。请在 nats-server 配置顶层写入 include ./{out.name} 并重新加载。",
            f"The passwords stand in {out}, readable by you alone. Put 'include ./{out.name}' at the top level of nats-server's"
            " configuration and reload it.",
        )


@subscribers_app.command("create")
def subscriber_create(
    name: Annotated[str, typer.Argument(help="The service's name, also its user's. 服务名。")],
    types: Annotated[
        str | None, typer.Option("--types", help="Only these types of events, separated by commas. 事件类型。")
    ] = None,
    customers: Annotated[
        str | None, typer.Option("--customers", help="Only these customers, separated by commas. 客户。")
    ] = None,
    after: Annotated[int, typer.Option("--after", min=0, max=POSITION_MAX, help="Begin after this position. 起始位置。")] = 0,
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Make a service's durable consumer; under the account of operations. 新建订阅者。"""
    from streams import subscribers
    from streams.faults import StreamMissing

    output = output_of(json, language)
    subjects = subscribers.subjects_of(_ledger_named(ledger), _listed(types), _listed(customers))
    try:
        made = _with_nats(_operations(), lambda c: subscribers.subscriber_create(c, ledger, name, subjects, after))
    except StreamMissing:
        # Only now is the database asked: whoever operates NATS may have none.
        _log_of(Settings.from_environment(), ledger)
        raise
    _subscribers_print(output, [made])


@subscribers_app.command("list")
def subscriber_list(ledger: LedgerOption = "main", json: JsonOption = False, language: LanguageOption = "en") -> None:
    """What each follows, and how far it has come. 列出订阅者。"""
    from streams import subscribers

    output = output_of(json, language)
    _ledger_named(ledger)
    _subscribers_print(output, _with_nats(_operations(), lambda c: subscribers.subscribers_read(c, ledger)))


@subscribers_app.command("remove")
def subscriber_remove(
    name: Annotated[str, typer.Argument(help="The service's name. 服务名。")],
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Remove a service's durable consumer, and with it how far it had come. 删除订阅者。"""
    from streams import subscribers

    output = output_of(json, language)
    _ledger_named(ledger)
    _with_nats(_operations(), lambda c: subscribers.subscriber_remove(c, ledger, name))
    if json:
        output.document({"removed": name})
    else:
        output.console.print(output.say(f"已删除订阅者 {name}。", f"Removed the subscriber {name}."))


def check(
    from_: Annotated[int, typer.Option("--from", min=1, max=POSITION_MAX, help="The first position. 起始位置。")] = 1,
    to: Annotated[int | None, typer.Option("--to", min=1, max=POSITION_MAX, help="The last; by default the stream's end. 截止位置。")] = None,
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Compare the stream with the log, and name every position that differs. Exit code 1 where one does. 核对事件流。"""
    from streams.checking import stream_check
    from streams.tail import tail_open

    output = output_of(json, language)
    settings = Settings.from_environment()
    url, schema = _log_of(settings, ledger)

    async def work(connection: Connection, update: Progress) -> Checked:
        async with tail_open(url, schema) as tail:
            return await stream_check(connection, tail, ledger, from_, to, progress=update)

    with output.progress("核对", "checking") as update:
        checked = _with_nats(nats_relay_url(settings), lambda c: work(c, update))
    if json:
        output.document(checked.document())
    else:
        _checked_print(output, checked)
    if not checked.sound:
        raise typer.Exit(1)


def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask. 不再询问。")] = False,
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Delete the stream and fill it again from the log, the same events at the same places; subscribers go on where they
    were. Under the account of operations. 重建事件流。"""
    from streams.rebuilding import stream_rebuild

    output = output_of(json, language)
    settings = Settings.from_environment()
    url, schema = _log_of(settings, ledger)
    if not yes:
        if json or not sys.stdin.isatty():
            raise Refused("USAGE", "say --yes where nobody can be asked, and with --json: the stream is deleted first", "yes")
        typer.confirm(output.say(f"将删除并重建 {ledger} 的事件流，继续？", f"The stream of {ledger} is deleted, then filled again. Go on?"), abort=True)
    note = settings.home / "streams" / f"{ledger}.subscribers.json"
    with output.progress("重建", "rebuilding") as update:
        rebuilt = _run(stream_rebuild(ledger, schema, url, nats_operations_url(settings), note, update))
    if json:
        output.document(rebuilt.document())
    else:
        output.console.print(
            output.say(
                f"已重建：{rebuilt.events} 条事件，{rebuilt.seconds:.1f} 秒。",
                f"Rebuilt: {rebuilt.events:,} events in {rebuilt.seconds:.1f} s.",
            )
        )
        for s in rebuilt.subscribers:
            output.console.print(
                output.say(f"订阅者 {s.name}：", f"Subscriber {s.name}: ")
                + (s.problem or output.say(f"从位置 {s.after} 之后继续", f"goes on after position {s.after}"))
            )
    if any(s.problem for s in rebuilt.subscribers):
        raise typer.Exit(1)


def register(streams_app: typer.Typer) -> None:
    """Add these commands below `streams`."""
    streams_app.command()(permissions)
    streams_app.add_typer(subscribers_app, name="subscribers")
    streams_app.command()(check)
    streams_app.command()(rebuild)


def _parties(subscribers: Sequence[str], senders: Sequence[str], ledgers: Sequence[str]) -> list[Party]:
    """Each system that is named, once, with what it follows and where it sends to."""
    from streams.permissions import Party

    follows, sends = _named(subscribers, ledgers), _named(senders, ledgers)
    return [Party(name, follows.get(name, ()), sends.get(name, ())) for name in dict.fromkeys([*follows, *sends])]


def _named(texts: Sequence[str], ledgers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, at, own = text.partition("@")
        if name in found:
            raise Refused("PARTY_INVALID", "each other system is named once, with all of its ledgers", "name")
        found[name] = tuple(_ledger_named(n) for n in (_listed(own) or [""] if at else ledgers))
    return found


def _nkey(text: str) -> tuple[str, str]:
    name, _, key = text.partition("=")
    return name, key


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _ledger_named(name: str) -> str:
    """The name of a ledger. Raises Refused for what can be none."""
    from streams.subjects import stream_name

    try:
        stream_name(name)
    except ValueError:
        raise Refused("LEDGER_INVALID", "name a set of books in lower-case letters, digits and _", "ledger") from None
    return name


def _log_of(settings: Settings, ledger: str) -> tuple[str, str]:
    """Where a ledger's log is: the database's URL and the schema. Raises LedgerMissing."""
    url, schema = database_url(settings), SCHEMA_PREFIX + _ledger_named(ledger)
    if schema not in ledger_schemas(url):
        raise LedgerMissing(f"there is no ledger {ledger}; see `plumbline ledgers list`")
    return url, schema


def _with_nats(url: str, work: Callable[[Connection], Coroutine[Any, Any, Found]]) -> Found:
    """What work on a connection comes to."""
    from streams.connection import nats_connected

    async def inside() -> Found:
        async with nats_connected(url, "plumbline streams") as connection:
            return await work(connection)

    return _run(inside())


def _operations() -> str:
    return nats_operations_url(Settings.from_environment())


def _run(work: Coroutine[Any, Any, Found]) -> Found:
    """Run it. Raises Refused for what the server refuses."""
    from nats.js.errors import APIError

    try:
        return asyncio.run(work)
    except APIError as error:
        raise Refused("STREAM_REFUSED", f"the server refuses: {error.description}", "ledger") from None


def _write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole; only its owner may read it."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _subscribers_print(output: Output, found: Sequence[Subscriber]) -> None:
    if output.json:
        output.document([s.document() for s in found])
        return
    words = (("订阅者", "subscriber"), ("已确认到", "acknowledged to"), ("待确认", "not acknowledged"), ("落后", "behind"), ("订阅内容", "follows"))
    output.table(
        "", [output.say(*w) for w in words],
        [[s.name, str(s.acked), str(s.waiting), str(s.behind), " ".join(s.subjects)] for s in found], (1, 2, 3),
    )  # fmt: skip


def _checked_print(output: Output, checked: Checked) -> None:
    rows = [
        [str(f.first) if f.first == f.last else f"{f.first}-{f.last}", output.say(*KINDS[f.kind]), f.detail]
        for f in checked.findings
    ]
    if rows:
        output.table("", [output.say("位置", "position"), output.say("问题", "what"), output.say("说明", "in what")], rows)
    named = sum(f.last - f.first + 1 for f in checked.findings)
    if more := sum(checked.positions.values()) - named:
        output.console.print(output.say(f"另有 {more} 个位置未列出。", f"And {more:,} positions more."))
    counts = f"{checked.count_log:,} / {checked.count_stream:,}"
    if checked.last < checked.first:
        compared = output.say("事件流为空", "The stream is empty")
    else:
        compared = output.say(
            f"位置 {checked.first} 至 {checked.last}，日志/事件流 {counts} 条",
            f"Positions {checked.first:,} to {checked.last:,}, {counts} in log and stream",
        )
    behind = output.say(f"，尚未转发 {checked.behind} 条：", f", {checked.behind:,} not relayed yet: ")
    output.console.print(compared + behind + output.say(*_verdict(checked)))


def _verdict(checked: Checked) -> tuple[str, str]:
    """What comparing came to and what to do about it, in both languages."""
    if checked.sound:
        return "一致。", "the stream is what the log says."
    if {kind for kind, count in checked.positions.items() if count} <= {"unrelayed", "outdated"}:
        return (
            "无人转发；请运行 plumbline serve，已在运行时用 plumbline streams status 查看原因。",
            "nobody relays them; run `plumbline serve`, and where it runs, `plumbline streams status` says what is wrong.",
        )
    return "不一致；可用 plumbline streams rebuild 重建。", "they differ; `plumbline streams rebuild` makes the stream anew."

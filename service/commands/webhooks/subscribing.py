"""webhooks create | list | show | change | pause | resume | rotate | delete: who is called about what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import typer
from psycopg import Connection
from psycopg.rows import DictRow

from service.bootstrap import ledger_open
from service.commands.webhooks.words import word_of
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of
from service.settings import Settings
from webhooks.addresses import networks_of
from webhooks.backoff import ATTEMPTS_MAX_DEFAULT
from webhooks.subscriptions import (
    OVERLAP_HOURS_DEFAULT,
    OVERLAP_HOURS_MAX,
    POSITION_MAX,
    Webhook,
    WebhookAsked,
    asked_checked,
    name_checked,
    webhook_change,
    webhook_create,
    webhook_delete,
    webhook_find,
    webhook_pause,
    webhook_resume,
    webhook_rotate,
    webhooks_list,
)

P = ParamSpec("P")
T = TypeVar("T")

NameArgument = Annotated[str, typer.Argument(help="The webhook's name. 回调名称。")]
NetworksOption = Annotated[
    str,
    typer.Option(
        "--webhook-networks", envvar="PLUMBLINE_WEBHOOK_NETWORKS",
        help="Networks of one's own into which webhooks may call, too, and without TLS: 10.1.0.0/16,… 可回调的内网。",
    ),
]  # fmt: skip
PositionOption = Annotated[
    int | None,
    typer.Option("--from-position", min=1, max=POSITION_MAX, help="Begin with what stands there in the log. 起始位置。"),
]
TypesOption = Annotated[
    list[str] | None, typer.Option("--type", help="Only events of this type; may be repeated. 事件类型。")
]
CustomersOption = Annotated[
    list[str] | None, typer.Option("--customer", help="Only this customer; may be repeated. 客户。")
]
BatchOption = Annotated[
    str | None, typer.Option("--batch", help="Of notices: day or month, where the customer hasn't chosen. 汇总周期。")
]
ConsentOption = Annotated[
    str | None,
    typer.Option("--consent", help="Of notices: given (who consented), or not_withdrawn (all but who withdrew). 同意。"),
]
OnDeadOption = Annotated[
    str | None,
    typer.Option("--on-dead", help="After a message is given up: skip it, or stop to keep the order. 放弃之后。"),
]
AttemptsOption = Annotated[
    int | None, typer.Option("--attempts-max", help="After so many attempts a message is given up. 最多尝试次数。")
]


def using(
    ledger: str, actor: str, work: Callable[Concatenate[Connection[DictRow], P], T], *args: P.args, **named: P.kwargs
) -> T:
    """What work on a ledger's connection comes to."""
    with (
        ledger_open(Settings.from_environment(), ledger, actor) as handle,
        handle.recorder.datastore.get_connection() as connection,
    ):
        return work(connection, *args, **named)


def create(
    name: NameArgument,
    url: Annotated[str, typer.Argument(help="Where it is called: https, on the public internet. 回调地址。")],
    kind: Annotated[
        str, typer.Option("--kind", help="event: what happens; notice: what changed for customers. 种类。")
    ] = "event",
    types: TypesOption = None,
    customers: CustomersOption = None,
    batch: BatchOption = None,
    consent: ConsentOption = None,
    on_dead: OnDeadOption = None,
    attempts_max: AttemptsOption = None,
    from_position: PositionOption = None,
    webhook_networks: NetworksOption = "",
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Make a webhook. The secret that its messages are signed with is shown this once. 新建回调。"""
    out = output_of(json, language)
    name_checked(name)
    before = WebhookAsked(kind, url, attempts_max=ATTEMPTS_MAX_DEFAULT)
    asked = asked_checked(
        _asked(before, None, types, customers, batch, consent, on_dead, attempts_max), networks_of(webhook_networks)
    )

    def work(connection: Connection[DictRow]) -> tuple[str, Webhook]:
        return webhook_create(connection, name, asked, actor, from_position), webhook_find(connection, name)

    _secret_shown(out, *using(ledger, actor, work))


def list_(ledger: LedgerOption = "main", json: JsonOption = False, language: LanguageOption = "en") -> None:
    """List the webhooks, and how far each has been told. 列出回调。"""
    out = output_of(json, language)
    found = using(ledger, ACTOR_DEFAULT, webhooks_list)
    if json:
        out.document([w.document() for w in found])
        return
    words = (("名称", "name"), ("种类", "kind"), ("状态", "state"), ("位置", "position"), ("落后", "behind"),
             ("死信", "dead"), ("地址", "url"))  # fmt: skip
    out.table("", [out.say(*w) for w in words], [
        [w.name, word_of(out, "kind", w.kind), word_of(out, "state", w.state), str(w.position),
         str(w.document()["behind"]), str(w.dead), w.document()["url"]]
        for w in found
    ], [3, 4, 5])  # fmt: skip


def show(
    name: NameArgument, ledger: LedgerOption = "main", json: JsonOption = False, language: LanguageOption = "en"
) -> None:
    """A webhook as it stands. 查看回调。"""
    _shown(output_of(json, language), using(ledger, ACTOR_DEFAULT, webhook_find, name))


def change(
    name: NameArgument,
    url: Annotated[str | None, typer.Option("--url", help="Where it is called from now on. 回调地址。")] = None,
    types: TypesOption = None,
    customers: CustomersOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All types of events, of all customers, but for those given. 全部。")
    ] = False,
    batch: BatchOption = None,
    consent: ConsentOption = None,
    on_dead: OnDeadOption = None,
    attempts_max: AttemptsOption = None,
    webhook_networks: NetworksOption = "",
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Change a webhook from its next message on; what isn't given stays as it is. 修改回调。"""
    out, networks = output_of(json, language), networks_of(webhook_networks)

    def changed(found: Webhook) -> WebhookAsked:
        before = replace(found.asked, types=(), customers=()) if everything else found.asked
        asked = _asked(before, url, types, customers, batch, consent, on_dead, attempts_max)
        return asked_checked(asked, networks, found.url)

    def work(connection: Connection[DictRow]) -> Webhook:
        webhook_change(connection, name, changed, actor)
        return webhook_find(connection, name)

    _shown(out, using(ledger, actor, work))


def pause(
    name: NameArgument,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Send nothing for a while; it keeps its place. 暂停回调。"""
    out = output_of(json, language)
    using(ledger, actor, webhook_pause, name, actor)
    _shown(out, using(ledger, actor, webhook_find, name))


def resume(
    name: NameArgument,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Send again from where it stands, whatever stopped it. 恢复回调。"""
    out = output_of(json, language)
    using(ledger, actor, webhook_resume, name, actor)
    _shown(out, using(ledger, actor, webhook_find, name))


def rotate(
    name: NameArgument,
    overlap_hours: Annotated[
        int,
        typer.Option(
            "--overlap-hours", min=0, max=OVERLAP_HOURS_MAX, help="So long the secret before signs beside it. 重叠小时数。"
        ),
    ] = OVERLAP_HOURS_DEFAULT,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Give a webhook a new secret, which is shown this once. 更换密钥。"""
    out = output_of(json, language)

    def work(connection: Connection[DictRow]) -> tuple[str, Webhook]:
        return webhook_rotate(connection, name, overlap_hours, actor), webhook_find(connection, name)

    _secret_shown(out, *using(ledger, actor, work))


def delete(
    name: NameArgument,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Delete a webhook, with its secrets, attempts and dead letters. 删除回调。"""
    out = output_of(json, language)
    found = using(ledger, actor, webhook_find, name)
    using(ledger, actor, webhook_delete, name)
    if out.json:
        out.document(found.document())
    else:
        out.console.print(out.say(f"回调 {name} 已删除。", f"The webhook {name} is deleted."))


def _asked(
    before: WebhookAsked,
    url: str | None,
    types: list[str] | None,
    customers: list[str] | None,
    batch: str | None,
    consent: str | None,
    on_dead: str | None,
    attempts_max: int | None,
) -> WebhookAsked:
    given: dict[str, Any] = {
        "url": url, "types": tuple(types or ()) or None, "customers": tuple(customers or ()) or None, "batch": batch,
        "consent": consent, "on_dead": on_dead, "attempts_max": attempts_max,
    }  # fmt: skip
    return replace(before, **{name: value for name, value in given.items() if value is not None})


def _shown(out: Output, webhook: Webhook) -> None:
    document = webhook.document()
    if out.json:
        out.document(document)
        return
    rows = [[name, word_of(out, name, value)] for name, value in document.items()]
    out.table(webhook.name, [out.say("项目", "member"), out.say("内容", "content")], rows)


def _secret_shown(out: Output, secret: str, webhook: Webhook) -> None:
    if out.json:
        out.document({**webhook.document(), "secret": secret})
        return
    out.console.print(
        out.say(f"回调 {webhook.name} 的密钥，只显示这一次：", f"The secret of the webhook {webhook.name}, shown this once:")
    )
    typer.echo(secret)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("create")(create)
    app.command("list")(list_)
    for command in (show, change, pause, resume, rotate, delete):
        app.command()(command)

"""webhooks senders create | list | show | rotate | mapping | revoke: who may send facts by signed webhook."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, TypeVar

import typer
from psycopg import Connection
from psycopg.rows import DictRow

from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_load
from connectors.files.records import sender_mapping_check
from ledger.log.pages import BEGINNING, Seek
from service.bootstrap import LedgerHandle, clock, ledger_open
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of
from service.settings import Settings
from webhooks.senders import (
    OVERLAP_HOURS_DEFAULT,
    OVERLAP_HOURS_MAX,
    NewKey,
    Sender,
    sender_find,
    sender_make,
    sender_mapping_set,
    sender_name_check,
    sender_revoke,
    sender_rotate,
    senders_list,
)
from webhooks.signing import SECRET_BYTES, secret_create

senders_app = typer.Typer(
    help="Who may send facts by signed webhook. 签名回调的发送方。", no_args_is_help=True, rich_markup_mode=None
)

T = TypeVar("T")
NameArgument = Annotated[str, typer.Argument(help="The sender's name. 发送方名称。")]
MappingArgument = Annotated[
    str, typer.Argument(help="A built-in mapping (`plumbline mappings`) or a mapping document. 映射。")
]


@senders_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Its name: part of the path, and of the actor webhook:NAME. 名称。")],
    mapping: MappingArgument,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Let somebody send facts by webhook. The secret is shown this once. 新建发送方。"""
    out = output_of(json, language)
    sender_name_check(name)
    document = mapping_load(mapping)
    with ledger_open(Settings.from_environment(), ledger, actor) as handle:
        _mapping_keep(handle, document)
        key = _key_new()
        sender = _do(handle, lambda c: sender_make(c, name, document.digest, key, clock(), actor))
    _made(out, ledger, sender, key)


@senders_app.command("list")
def list_(ledger: LedgerOption = "main", json: JsonOption = False, language: LanguageOption = "en") -> None:
    """List the senders, without their secrets. 列出发送方。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, ACTOR_DEFAULT) as handle:
        found: list[Sender] = []
        while page := _do(handle, partial(senders_list, seek=Seek((found[-1].name,)) if found else BEGINNING)):
            found += page
    if json:
        out.document([sender_document(sender, ledger) for sender in found])
        return
    words = (("名称", "name"), ("映射", "mapping"), ("密钥", "keys"), ("建立", "created"), ("状态", "state"))
    out.table("", [out.say(*w) for w in words], [
        [
            s.name, s.mapping["id"], str(len(_keys_living(s))), s.created_at.isoformat(timespec="seconds"),
            out.say("已撤销", "revoked") if s.revoked_at else out.say("有效", "good"),
        ]
        for s in found
    ])  # fmt: skip


@senders_app.command("show")
def show(
    name: NameArgument,
    ledger: LedgerOption = "main",
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Show a sender, its keys and its mapping. 查看发送方。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, ACTOR_DEFAULT) as handle:
        sender = _do(handle, lambda c: sender_find(c, name))
    document = sender_document(sender, ledger)
    if json:
        out.document({**document, "document": sender.mapping})
        return
    out.console.print(f"{sender.name}  {document['path']}  {sender.mapping['id']}")
    for key in sender.keys:
        ends = key.ends_at.isoformat(timespec="seconds") if key.ends_at else out.say("使用中", "in use")
        out.console.print(f"  {key.id}  {key.created_at.isoformat(timespec='seconds')}  {ends}")


@senders_app.command("rotate")
def rotate(
    name: NameArgument,
    overlap_hours: Annotated[
        int,
        typer.Option("--overlap-hours", min=0, max=OVERLAP_HOURS_MAX, help="How long the old key stays good. 旧密钥时限。"),
    ] = OVERLAP_HOURS_DEFAULT,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Give a sender another key; the one before it stays good for a while. 更换密钥。"""
    out = output_of(json, language)
    key, overlap = _key_new(), timedelta(hours=overlap_hours)
    with ledger_open(Settings.from_environment(), ledger, actor) as handle:
        sender = _do(handle, lambda c: sender_rotate(c, name, key, overlap, clock(), actor))
    _made(out, ledger, sender, key)


@senders_app.command("mapping")
def mapping_(
    name: NameArgument,
    mapping: MappingArgument,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Read what a sender sends by another mapping, from the next message on. 更换映射。"""
    out = output_of(json, language)
    document = mapping_load(mapping)
    with ledger_open(Settings.from_environment(), ledger, actor) as handle:
        _mapping_keep(handle, document)
        sender = _do(handle, lambda c: sender_mapping_set(c, name, document.digest, clock(), actor))
    if json:
        out.document(sender_document(sender, ledger))
    else:
        out.console.print(out.say(f"{name} 改用映射 {document.id}。", f"{name} is read by the mapping {document.id} now."))


@senders_app.command("revoke")
def revoke(
    name: NameArgument,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Take no more facts from a sender, at once and for good. 撤销发送方。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor) as handle:
        sender = _do(handle, lambda c: sender_revoke(c, name, clock(), actor))
    if json:
        out.document(sender_document(sender, ledger))
    else:
        out.console.print(out.say(f"发送方 {name} 已撤销。", f"The sender {name} is revoked."))


def sender_document(sender: Sender, ledger: str) -> dict[str, Any]:
    """A sender as plain data, without secrets."""
    return {
        "name": sender.name, "path": f"/v1/ledgers/{ledger}/webhooks/in/{sender.name}", "mapping": sender.mapping["id"],
        "mapping_sha256": sender.mapping_sha256.hex(), "created_at": sender.created_at, "created_by": sender.created_by,
        "changed_at": sender.changed_at, "changed_by": sender.changed_by, "revoked_at": sender.revoked_at,
        "revoked_by": sender.revoked_by,
        "keys": [
            {"id": k.id, "created_at": k.created_at, "created_by": k.created_by, "ends_at": k.ends_at} for k in sender.keys
        ],
    }  # fmt: skip


def _do(handle: LedgerHandle, work: Callable[[Connection[DictRow]], T]) -> T:
    with handle.recorder.datastore.get_connection() as connection:
        return work(connection)


def _mapping_keep(handle: LedgerHandle, mapping: FileMapping) -> None:
    """Keep a mapping that fits what a webhook brings. Raises DocumentInvalid."""
    handle.follow(columns_only=True)
    sender_mapping_check(mapping, handle.columns().book().fact_types.get)
    handle.quarantine.mapping_keep(mapping)


def _key_new() -> NewKey:
    return NewKey("WK-" + secrets.token_hex(8), secret_create(secrets.token_bytes(SECRET_BYTES)))


def _keys_living(sender: Sender) -> list[str]:
    now = clock()
    return [key.id for key in sender.keys if key.ends_at is None or key.ends_at > now]


def _made(out: Output, ledger: str, sender: Sender, key: NewKey) -> None:
    if out.json:
        out.document({**sender_document(sender, ledger), "secret": key.secret})
        return
    path = f"/v1/ledgers/{ledger}/webhooks/in/{sender.name}"
    out.console.print(out.say(f"发送到 {path}，密钥只显示这一次：", f"Messages go to {path}; the secret is shown this once:"))
    typer.echo(key.secret)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(senders_app, name="senders")

"""keys create | list | revoke: who may come in over HTTP."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer

from api.access.holders import holder_check, ledgers_check
from api.access.keys import AccessStore, KeyRecord, key_request_check
from ledger.domain.errors import Refused
from ledger.log.pages import BEGINNING, Seek
from ledger.log.recorder import recorder_open
from service.bootstrap import SCHEMA_PREFIX, ledger_names
from service.embedded import database_url
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, output_of
from service.settings import Settings

keys_app = typer.Typer(help="Keys of the API. 接口密钥。", no_args_is_help=True, rich_markup_mode=None)


@contextmanager
def _access() -> Generator[AccessStore]:
    access = AccessStore(database_url(Settings.from_environment()))
    try:
        yield access
    finally:
        access.close()


@keys_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="For whom: a person or a service. 使用者。")],
    role: Annotated[str, typer.Option("--role", help="admin, operator, auditor, service, customer or staff. 角色。")],
    ledger: Annotated[
        list[str] | None, typer.Option("--ledger", help="Only for this set of books; may be repeated. 限定账套。")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="The customer whose own data it shows; with --role customer.")
    ] = None,
    staff: Annotated[
        str | None, typer.Option("--staff", help="Whose key it is (S-000001); with --role staff and one --ledger. 人员。")
    ] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="A time with its zone, ISO 8601. 到期。")] = None,
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Make a key. Its secret is shown this once. Whom it is for must be there already. 新建密钥。"""
    out = output_of(json, language)
    try:
        until = datetime.fromisoformat(expires) if expires else None
    except ValueError:
        raise Refused("USAGE", "--expires takes a time such as 2027-01-31T00:00:00+08:00", "expires") from None
    chosen = key_request_check(name, role, ledger, customer, staff, None, until)
    settings = Settings.from_environment()
    ledgers_check(chosen, ledger_names(settings), "ledger")
    if chosen and (customer is not None or staff is not None):
        with recorder_open(database_url(settings), SCHEMA_PREFIX + chosen[0], pool_size=1) as recorder:
            holder_check(recorder, customer, staff)
    with _access() as access:
        record, secret = access.key_create(name, role, ledger, customer, None, until, created_by=actor, staff=staff)
    if json:
        out.document({**_document(record), "secret": secret})
    else:
        out.console.print(out.say(f"密钥 {record.id}（{record.role}），只显示这一次：", f"Key {record.id} ({record.role}), shown this once:"))
        typer.echo(secret)


@keys_app.command("list")
def list_(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """List the keys, without their secrets. 列出密钥。"""
    out = output_of(json, language)
    with _access() as access:
        records: list[KeyRecord] = []
        while page := access.keys_list(Seek((records[-1].id,)) if records else BEGINNING):
            records += page
    if json:
        out.document([_document(record) for record in records])
        return
    words = (("编号", "id"), ("使用者", "actor"), ("角色", "role"), ("账套", "ledgers"), ("最近使用", "last used"), ("状态", "state"))
    out.table("", [out.say(*w) for w in words], [
        [
            r.id, r.actor, r.role, ", ".join(r.ledgers or ()) or out.say("全部", "all"),
            r.last_used_at.isoformat(timespec="seconds") if r.last_used_at else "-",
            out.say("已撤销", "revoked") if r.revoked_at else out.say("有效", "good"),
        ]
        for r in records
    ])  # fmt: skip


@keys_app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="A key's id, K-…")],
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """End a key for good; running services refuse it within two seconds. 撤销密钥。"""
    out = output_of(json, language)
    with _access() as access:
        record = access.key_revoke(key)
    if json:
        out.document(_document(record))
    else:
        out.console.print(out.say(f"密钥 {record.id} 已撤销。", f"The key {record.id} is revoked."))


def _document(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id, "actor": record.actor, "role": record.role, "ledgers": record.ledgers,
        "customer": record.customer, "staff": record.staff, "created_at": record.created_at, "created_by": record.created_by,
        "expires_at": record.expires_at, "revoked_at": record.revoked_at, "last_used_at": record.last_used_at,
    }  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(keys_app, name="keys")

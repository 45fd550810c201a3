"""ledgers, close, rebuild, fact-types: the life of a set of books."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.domain.commands import CloseDays, DeclareFactType, Request
from ledger.domain.documents import yaml_parse
from ledger.domain.errors import Refused
from ledger.domain.values import day_text
from projections.rulebook import rulebook_read
from service.bootstrap import ledger_names, ledger_open
from service.commanding import commands
from service.output import (
    ACTOR_DEFAULT,
    ActorOption,
    JsonOption,
    LanguageOption,
    LedgerOption,
    output_of,
)
from service.settings import Settings

ledgers_app = typer.Typer(help="Sets of books. 账套。", no_args_is_help=True, rich_markup_mode=None)
types_app = typer.Typer(help="Kinds of facts. 事实类型。", no_args_is_help=True, rich_markup_mode=None)


@ledgers_app.command("list")
def ledgers_list(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """List the sets of books. 列出账套。"""
    out = output_of(json, language)
    names = ledger_names(Settings.from_environment())
    if json:
        out.document([{"ledger": name} for name in names])
    else:
        out.console.print("\n".join(names) or out.say("还没有账套。", "There are no books yet."))


@ledgers_app.command("create")
def ledgers_create(
    name: str,
    history_complete: Annotated[
        bool, typer.Option("--history-complete", help="Nothing of earlier months will come: close daily. 无历史待补。")
    ] = False,
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Open a new set of books with the standard fact types and rules. 新建账套。"""
    out = output_of(json, language)
    settings = Settings.from_environment()
    with ledger_open(settings, name, actor, create=True, history_complete=history_complete) as handle:
        position = handle.recorder.position_head()
    if json:
        out.document({"ledger": name, "position": position})
    else:
        out.console.print(out.say(f"账套 {name} 已就绪。", f"The books {name} are open."))


def close(
    through: Annotated[str, typer.Option("--through", help="The last day to close, YYYY-MM-DD. 关账至。")],
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Close days: with a month's last day its points expire and tiers are reviewed. 关账。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor) as handle:
        handle.follow(columns_only=True)
        with commands(handle, actor) as writing:
            before = handle.recorder.position_head()
            [answer] = writing.submit([Request(CloseDays(through), actor)])
            if answer.status == "refused":
                raise Refused(answer.code, answer.reason, answer.field)
        with handle.recorder.datastore.get_connection() as connection:
            closed_day = rulebook_read(connection).book.closed_day
        warnings = handle.follow_written()
    events = answer.position - before
    if json:
        out.document({
            "closed_through": day_text(closed_day), "events": events, "position": answer.position,
            "warnings": out.warned(warnings),
        })  # fmt: skip
    else:
        out.console.print(
            out.say(
                f"已关账至 {day_text(closed_day)}，新增 {events} 个事件。",
                f"Closed through {day_text(closed_day)}; {events} events were added.",
            )
        )
    out.warn(warnings)


@types_app.command("list")
def types_list(
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List the declared kinds of facts. 列出事实类型。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        types = handle.columns().book().fact_types
    if json:
        out.document([t.document() for t in types.values()])
        return
    rows = [
        [t.id, getattr(t.title, out.language), ", ".join([*t.attributes, *t.derived])] for t in types.values()
    ]
    out.table("", [out.say("类型", "type"), out.say("名称", "title"), out.say("属性", "attributes")], rows)


@types_app.command("declare")
def types_declare(
    file: Path,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Declare a kind of fact by a document (YAML or JSON). 声明事实类型。"""
    out = output_of(json, language)
    document = yaml_parse(file.read_text("utf-8"), file.name)
    with ledger_open(Settings.from_environment(), ledger, actor, create=True) as handle:
        handle.follow(columns_only=True)
        with commands(handle, actor) as writing:
            [answer] = writing.submit([Request(DeclareFactType(document), actor)])
        if answer.status == "refused":
            raise Refused(answer.code, answer.reason, answer.field)
        warnings = handle.follow_written()
    if json:
        out.document({
            "fact_type": answer.id, "status": answer.status, "position": answer.position,
            "warnings": out.warned(warnings),
        })  # fmt: skip
    else:
        out.console.print(out.say(f"事实类型 {answer.id} 已声明。", f"The fact type {answer.id} is declared."))
    out.warn(warnings)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(ledgers_app, name="ledgers")
    app.add_typer(types_app, name="fact-types")
    app.command()(close)

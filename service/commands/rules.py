"""rules show | check | propose | approve | activate: the life of a rule set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, cast
from zoneinfo import ZoneInfo

import typer
import yaml
from rich.markup import escape

from ledger.domain.book import Book
from ledger.domain.commands import ActivateRuleSet, Answer, ApproveRuleSet, Command, ProposeRuleSet, Request
from ledger.domain.documents import yaml_parse
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.relations.ids import staff_id
from ledger.domain.values import day_text
from ledger.rules.assignment.document import AssignmentRules
from ledger.rules.document import rule_set_parse, schema
from ledger.rules.sentences import called_of, rule_sentence
from ledger.standard import rules_standard
from ledger.writer.orders import rule_set_check
from projections.relations.staff import staff_read, teams_read
from service.bootstrap import LedgerHandle, ledger_open, today_in
from service.commanding import commands
from service.output import (
    ACTOR_DEFAULT,
    ActorOption,
    JsonOption,
    LanguageOption,
    LedgerOption,
    Output,
    output_of,
)
from service.settings import Settings

rules_app = typer.Typer(help="Rule sets. 规则。", no_args_is_help=True, rich_markup_mode=None)


def document_read(file: Path) -> Any:
    """A document from a file. Raises DocumentInvalid, OSError."""
    try:
        return yaml_parse(file.read_text("utf-8"), file.name)
    except UnicodeDecodeError:
        raise Refused("DOCUMENT_INVALID", f"{file.name} is not UTF-8 text; save it as UTF-8") from None


@rules_app.command("show")
def show(
    rule_set: Annotated[str | None, typer.Argument(help="An id; without one, the document in force.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="List every rule set and what became of it.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say the rules in words.")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Print the document in force (YAML, or JSON with --json). 显示现行规则。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        book = handle.columns().book()
    if all_:
        listed: list[dict[str, Any]] = [
            {
                "rule_set": e.rule_set, "title": e.document["title"], "proposed_by": e.proposed_by,
                "approved_by": e.approved_by or None, "run": e.run, "sha256": e.sha256,
                "active_from": [day_text(a.day_from) for a in book.activations if a.rule_set == e.rule_set],
            }
            for e in book.rule_sets.values()
        ]  # fmt: skip
        if json:
            out.document(listed)
            return
        rows = [
            [e["rule_set"], e["title"][out.language], e["proposed_by"], e["approved_by"] or "-", ", ".join(e["active_from"]) or "-"]
            for e in listed
        ]
        headers = [out.say(*w) for w in (("编号", "id"), ("名称", "title"), ("提出", "proposed by"), ("批准", "approved by"), ("生效自", "in force from"))]
        out.table("", headers, rows)
        return
    name = rule_set or book.in_force(today_in(ZoneInfo(book.timezone)))
    entry = book.rule_sets.get(name or "")
    if entry is None:
        raise Refused("RULESET_UNKNOWN", "no such rule set; `plumbline rules show --all` lists them", "rule_set")
    if explain:
        rules = rule_set_parse(entry.document)
        called = called_of(rules, book.fact_types)
        for rule in rules.rules:
            words = rule_sentence(rule, ("zh", "en").index(out.language), called)
            out.console.print(f"[bold]{escape(getattr(rule.title, out.language))}[/bold]  {escape(words)}")
    elif json:
        out.document(entry.document)
    else:
        typer.echo(yaml.safe_dump(entry.document, allow_unicode=True, sort_keys=False), nl=False)


@rules_app.command("schema")
def schema_print(json: JsonOption = False) -> None:
    """Print the JSON Schema of rule documents; it is JSON with and without --json. 规则文件的 JSON Schema。"""
    Output(True, "en").document(schema())


@rules_app.command("check")
def check(
    file: Path,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Check a rule document against the ledger's fact types, bounds and limits. 检查规则文件。

    An assignment section alone, under `assignment:`, is checked with the rest of the rules in force. 单独的分配规则与现行规则一起检查。
    """
    out = output_of(json, language)
    document = document_read(file)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow()
        book = handle.columns().book()
        alone = isinstance(document, dict) and cast(dict[str, Any], document).keys() == {"assignment"}
        rules = rule_set_check(cast(Any, {**_in_force(book), **document} if alone else document), book)
        unknown = people_unknown(handle, rules.assignment)
    if json:
        count = len(rules.assignment.rules) if alone and rules.assignment else len(rules.rules)
        out.document({
            "valid": True, "id": None if alone else rules.id, "rules": count,
            "sha256": None if alone else rules.sha256, "warnings": warnings_document(unknown),
        })  # fmt: skip
    elif alone and rules.assignment:
        count = len(rules.assignment.rules)
        out.console.print(
            out.say(f"分配规则有效，共 {count} 条。", f"The assignment section is valid: {count} rules.")
        )
        warnings_print(out, unknown)
    else:
        out.console.print(out.say(f"规则有效，共 {len(rules.rules)} 条。", f"The rule set is valid: {len(rules.rules)} rules."))
        warnings_print(out, unknown)


def _in_force(book: Book) -> Mapping[str, Any]:
    """The document of the rules in force today; the standard rules where there are none."""
    name = book.in_force(today_in(ZoneInfo(book.timezone)))
    return book.rule_sets[name].document if name else rules_standard()


def people_unknown(handle: LedgerHandle, rules: AssignmentRules | None) -> list[tuple[str, str]]:
    """Where assignment rules name teams and people that the ledger doesn't have: the place, and "team" or "staff". No
    fault, since they may come later; until then nobody is chosen by it."""
    if rules is None:
        return []
    with handle.reading() as connection:
        known = {("team", team.team) for team in teams_read(connection)}
        last = 0
        while page := staff_read(connection, after=last):
            known.update(("staff", staff_id(person.number)) for person in page)
            last = page[-1].number
    return [(f"assignment.{place}", kind) for place, kind, name in rules.people() if (kind, name) not in known]


_UNKNOWN: Final = {
    "team": ("账套中没有这个团队", "this ledger has no such team; see `plumbline team list`"),
    "staff": ("账套中没有这个人员", "this ledger has nobody of this id; see `plumbline staff list`"),
}


def warnings_document(unknown: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """The same for programs."""
    return [{"field": place, "reason": _UNKNOWN[kind][1]} for place, kind in unknown]


def warnings_print(out: Output, unknown: Sequence[tuple[str, str]]) -> None:
    """The same for people."""
    for place, kind in unknown:
        out.console.print(f"{out.say('注意', 'Warning')}  {place}: {out.say(*_UNKNOWN[kind])}", style="yellow")


def _order(command: Command, ledger: str, actor: str) -> tuple[Answer, list[PlumblineError]]:
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        with commands(handle, actor) as writing:
            [answer] = writing.submit([Request(command, actor)])
        if answer.status == "refused":
            raise Refused(answer.code, answer.reason, answer.field)
        return answer, handle.follow_written()


def _print(out: Output, answer: Answer, warnings: Sequence[PlumblineError], zh: str, en: str) -> None:
    if out.json:
        out.document({
            "rule_set": answer.id, "status": answer.status, "position": answer.position,
            "warnings": out.warned(warnings),
        })  # fmt: skip
    else:
        out.console.print(out.say(zh, en))
    out.warn(warnings)


@rules_app.command("propose")
def propose(
    file: Path,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Put a rule set before the others. 提出规则。"""
    out = output_of(json, language)
    answer, warnings = _order(ProposeRuleSet(document_read(file)), ledger, actor)
    _print(out, answer, warnings, f"规则 {answer.id} 已提出，请他人批准。", f"{answer.id} is proposed; another person approves it.")


@rules_app.command("approve")
def approve(
    rule_set: str,
    run: Annotated[str | None, typer.Option("--run", help="The what-if run the approval rests on.")] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Approve a proposed rule set; not the one who proposed it. 批准规则。"""
    out = output_of(json, language)
    answer, warnings = _order(ApproveRuleSet(rule_set, run), ledger, actor)
    _print(out, answer, warnings, f"规则 {answer.id} 已批准。", f"{answer.id} is approved.")


@rules_app.command("activate")
def activate(
    rule_set: str,
    from_: Annotated[str, typer.Option("--from", help="Booked dates from this day on, YYYY-MM-DD. 生效日。")],
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Let an approved rule set decide facts recorded from now on, booked from a date on. 启用规则。"""
    out = output_of(json, language)
    answer, warnings = _order(ActivateRuleSet(rule_set, from_), ledger, actor)
    _print(out, answer, warnings, f"规则 {answer.id} 自 {from_} 起生效。", f"{answer.id} is in force from {from_} on.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(rules_app, name="rules")

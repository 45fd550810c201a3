"""replay: other rules over the same history, or the proof that the rules in force reproduce the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ledger.domain.book import Book
from ledger.domain.errors import Refused
from ledger.domain.values import customer_id, day_parse
from ledger.log.columns.keeping import columns_kept
from ledger.log.columns.reader import Columns
from ledger.rules.assignment.document import AssignmentRules
from ledger.writer.orders import rule_set_check
from replay.ownership.report import ownership_print, ownership_recorded_print
from replay.ownership.what_if import (
    OwnershipBacktest,
    assignment_what_if,
    has_relations,
    record_check,
    rules_what_if,
)
from replay.report import comparison_print, customer_print, recorded_print
from replay.what_if import Backtest, Progress
from service.bootstrap import ledger_open
from service.commands.rules import document_read, people_unknown, warnings_document, warnings_print
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


def replay(
    rules: Annotated[Path | None, typer.Option("--rules", help="A rule document to run over the facts. 候选规则。")] = None,
    assignment_rules: Annotated[
        Path | None,
        typer.Option("--assignment-rules", help="An assignment section, by itself, under `assignment:` or in a rule set, to run over arrivals and claims. 候选分配规则。"),
    ] = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Run the rules that were in force and compare with the record. 复算。")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, max=64, help="How many threads. 线程数。")] = 2,
    from_: Annotated[
        str | None, typer.Option("--from", help="The candidate decides facts booked from this day on, YYYY-MM-DD.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="The clause behind each changed point of one customer.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many winners and losers.")] = 20,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What would these rules have done with the same history? Exactly, before anyone signs. 规则推演。"""
    out = output_of(json, language)
    if recorded is (rules is not None or assignment_rules is not None):
        raise Refused("USAGE", "give --rules FILE, --assignment-rules FILE, or both; or --recorded alone", "rules")
    if rules is None and (from_ is not None or customer is not None):
        raise Refused("USAGE", "--from and --customer go with --rules", "rules")
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=recorded)
        with columns_kept(handle.columns()) as columns, out.progress("推演", "replaying") as update:
            section = None if assignment_rules is None else _section_read(assignment_rules)
            if rules is not None:
                document = _mapping_read(rules)
                if section is not None:
                    document = {**document, "assignment": section}
                book = columns.book()
                candidate = rule_set_check(document, book)
                told = None if customer is None else _customer(book, customer)
                unknown = people_unknown(handle, candidate.assignment)
                found, ownership = rules_what_if(columns, candidate, threads, update, day_from=_day(from_))
                _print(out, found, ownership, book, told, limit, unknown)
            elif section is not None:
                owners = assignment_what_if(columns, section, threads, update)
                _assignment(out, owners, limit, people_unknown(handle, AssignmentRules.model_validate(section)))
            else:
                _recorded(out, columns, threads, update)


def _mapping_read(file: Path) -> Mapping[str, Any]:
    """A document that has members. Raises DocumentInvalid, OSError, Refused."""
    document = document_read(file)
    if not isinstance(document, dict):
        raise Refused("DOCUMENT_INVALID", f"{file.name} must hold a document with named members", "rules")
    return cast(dict[str, Any], document)


def _section_read(file: Path) -> Mapping[str, Any]:
    """The assignment section that a document is, or that it has under its name. Raises as `_mapping_read`."""
    document = _mapping_read(file)
    section = document.get("assignment", document)
    if not isinstance(section, dict):
        raise Refused("DOCUMENT_INVALID", f"{file.name}: assignment must have named members", "assignment")
    return cast(dict[str, Any], section)


def _recorded(out: Output, columns: Columns, threads: int, update: Progress) -> None:
    """Print whether the record is reproduced; exit code 1 where it isn't."""
    found = record_check(columns, threads, update)
    if out.json:
        out.document(found.document())
    else:
        recorded_print(out.console, out.language, found.points, found.points_differ, found.points_first)
        if has_relations(columns):
            ownership_recorded_print(
                out.console, out.language, found.owners, found.owners_differ, found.owners_first
            )
    if found.points_differ or found.owners_differ:
        raise typer.Exit(1)


def _assignment(out: Output, found: OwnershipBacktest, limit: int, unknown: Sequence[tuple[str, str]]) -> None:
    if out.json:
        out.document({**found.document(limit), "warnings": warnings_document(unknown)})
    else:
        warnings_print(out, unknown)
        ownership_print(out.console, out.language, found, limit)


def _day(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return day_parse(text)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"--from {error}", "from") from None


def _customer(book: Book, text: str) -> str:
    """The id of the customer with this id, or with this "source:reference". Raises Refused."""
    number = book.customer_find(text)
    if not number:
        raise Refused("CUSTOMER_UNKNOWN", f"there is no customer {text}; see `plumbline customers`", "customer")
    return customer_id(number)


def _print(
    out: Output,
    found: Backtest,
    ownership: OwnershipBacktest | None,
    book: Book,
    customer: str | None,
    limit: int,
    unknown: Sequence[tuple[str, str]],
) -> None:
    changes = None if customer is None else found.customer_changes(book, customer, out.language)
    if out.json:
        document = found.document(limit)
        if ownership is not None:
            document["ownership"] = ownership.document(limit)
        if changes is not None:
            document["customer"] = customer
            document["changes"] = [c.document() for c in changes]
        document["warnings"] = warnings_document(unknown)
        out.document(document)
        return
    warnings_print(out, unknown)
    comparison_print(out.console, out.language, found, book, limit)
    if ownership is not None:
        out.console.print()
        ownership_print(out.console, out.language, ownership, limit)
    if customer is not None and changes is not None:
        customer_print(out.console, out.language, customer, changes)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(replay)

"""import, mappings, quarantine: files into the ledger, and the rows that were refused."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connectors.files.importing import ImportReport, Outcome, import_files
from connectors.files.mapping_loading import mapping_load, mapping_names
from ledger.domain.documents import yaml_parse
from ledger.domain.errors import PlumblineError, Refused
from ledger.log.pages import Seek
from ledger.writer.submissions import LEDGER_CLOSED
from projections.cells import text_safe
from service.bootstrap import clock, ledger_open
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

REJECTED_SHOWN_MAX = 20

_MADE: Final = {
    "fact": ("事实", "facts"),
    "customer": ("客户", "customers"),
    "team": ("团队", "teams"),
    "staff": ("员工", "staff"),
    "lead": ("线索", "leads"),
    "profile": ("客户画像", "profiles"),
    "opportunity": ("商机", "opportunities"),
}
"""What rows become, in Chinese and English."""

quarantine_app = typer.Typer(help="Rows that were refused. 隔离区。", no_args_is_help=True, rich_markup_mode=None)


def import_(
    mapping: Annotated[str, typer.Argument(help="A built-in mapping (`plumbline mappings`) or a mapping document.")],
    files: Annotated[list[Path], typer.Argument(help="CSV or XLSX files; several are merged by date.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check, record nothing. 试运行。")] = False,
    outcomes: Annotated[
        Path | None, typer.Option("--outcomes", help="A CSV file to write: every row taken, and what it became.")
    ] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Import files (facts, customers, staff, leads, opportunities); good rows go in, bad ones into quarantine with their
    reason. 导入。"""
    out = output_of(json, language)
    for file in files:
        if not file.is_file():
            raise Refused("FILE_MISSING", f"there is no file {file}", "file")
    document = mapping_load(mapping)
    with ledger_open(Settings.from_environment(), ledger, actor, create=True) as handle:
        handle.follow(columns_only=True)
        with (
            commands(handle, actor) as writing,
            out.progress("导入", "importing") as update,
            outcomes_to(outcomes, files) as told,
        ):
            if writing.book().closed:
                raise Refused(LEDGER_CLOSED.code, LEDGER_CLOSED.reason, LEDGER_CLOSED.field)
            report = import_files(
                writing.submit,
                [(document, file) for file in files],
                writing.book().fact_types.get,
                actor=actor,
                recorded_at=clock(),
                progress=lambda stage, done, total: update(done, total),
                quarantine=handle.quarantine,
                rehearse=writing.rehearse if dry_run else None,
                language=out.language,
                outcomes=told,
            )
        warnings = handle.follow_written()
        position = handle.recorder.position_head()
    _report(out, report, position, dry_run, warnings)
    out.warn(warnings)


@contextmanager
def outcomes_to(path: Path | None, files: Sequence[Path]) -> Generator[Callable[[Outcome], None]]:
    """Where rows that were taken are told: a CSV file, or nowhere. Raises Refused where the file can't be written, or is
    one of those that are read."""
    if path is None:
        yield lambda outcome: None
        return
    if path.exists() and any(path.samefile(file) for file in files):
        raise Refused("USAGE", "is a file that is imported; name another, as it is written anew", "outcomes")
    try:
        file = path.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise Refused("FILE_UNWRITABLE", f"can't be written: {error.strerror}", "outcomes") from None
    with file:
        writer = csv.writer(file)
        writer.writerow(["file", "row", "status", "became", "note", "position"])

        def tell(outcome: Outcome) -> None:
            became = " ".join(f"{kind}:{made}" for kind, made in outcome.became)
            name, note = text_safe(outcome.file), text_safe(outcome.note)
            writer.writerow([name, outcome.row, outcome.status, became, note, outcome.position])

        yield tell


def _report(
    out: Output, report: ImportReport, position: int, dry_run: bool, warnings: Sequence[PlumblineError]
) -> None:
    if out.json:
        out.document({**report.document(), "position": position, "warnings": out.warned(warnings)})
        return
    prefix = out.say("（试运行）", "(dry run) ") if dry_run else ""
    out.console.print(
        prefix
        + out.say(
            f"读入 {report.read} 行：接受 {report.accepted}，更正 {report.corrected}，重复 {report.duplicates}，"
            f"拒绝 {len(report.rejected)}。账本位置 {position}。",
            f"{report.read} rows read: {report.accepted} accepted, {report.corrected} corrected, "
            f"{report.duplicates} duplicates, {len(report.rejected)} rejected. The log stands at {position}.",
        )
    )
    if report.became:
        made = out.say("，", ", ").join(f"{_made(out, kind)} {count}" for kind, count in report.became.items())
        out.console.print(out.say(f"新增或变更：{made}。", f"New or changed: {made}."))
    for fault in report.faults:
        out.console.print(out.say(
            f"{fault.file}：表头（第 {fault.row} 行）{fault.field}：{fault.reason}",
            f"{fault.file}: header (row {fault.row}) {fault.field}: {fault.reason}",
        ))  # fmt: skip
    if report.rehearsed_apart:
        out.console.print(out.say(
            f"其中 {report.rehearsed_apart} 行试运行时未能计入其前全部行的影响，实际导入的结果可能不同。",
            f"{report.rehearsed_apart} rows were rehearsed without everything that rows before them do; the import may tell"
            " them otherwise.",
        ))  # fmt: skip
    if report.rejected:
        rows = [[str(r.row), r.field, r.reason] for r in report.rejected[:REJECTED_SHOWN_MAX]]
        out.table(
            out.say("被拒绝的行", "Rejected rows") if dry_run
            else out.say("被拒绝的行（已存入隔离区）", "Rejected rows (kept in quarantine)"),
            [out.say("行", "row"), out.say("字段", "field"), out.say("原因", "reason")], rows, numbers=[0],
        )  # fmt: skip
        more = len(report.rejected) - len(rows)
        if more > 0 and dry_run:
            out.console.print(out.say(f"……另有 {more} 行。", f"… and {more} more."))
        elif more > 0:
            out.console.print(out.say(f"……另有 {more} 行；见 plumbline quarantine list", f"… and {more} more; see `plumbline quarantine list`"))


def _made(out: Output, kind: str) -> str:
    zh, en = _MADE[kind]
    return out.say(zh, en)


def mappings(json: JsonOption = False, language: LanguageOption = "en") -> None:
    """List the built-in mappings. 列出内置映射。"""
    out = output_of(json, language)
    found = [mapping_load(name) for name in mapping_names()]
    if json:
        out.document([{"mapping": m.id, "title": m.title.model_dump(), "source": m.source} for m in found])
        return
    out.table(
        "", [out.say("映射", "mapping"), out.say("名称", "title"), out.say("来源", "source")],
        [[m.id, getattr(m.title, out.language), m.source] for m in found],
    )  # fmt: skip


@quarantine_app.command("list")
def quarantine_list(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many rows.")] = 100,
    after: Annotated[int, typer.Option("--after", min=0, help="Rows after this id.")] = 0,
    all_: Annotated[bool, typer.Option("--all", help="Resolved rows too.")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List refused rows with file, row, field and reason. 列出隔离的行。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        rows = handle.quarantine.list(open_only=not all_, limit=limit, seek=Seek((after,)))
    if json:
        out.document([row.document() for row in rows])
        return
    headers = ["id", out.say("文件", "file"), out.say("行", "row"), out.say("字段", "field"), out.say("原因", "reason")]
    out.table("", headers, [[str(r.id), r.file, str(r.row), r.field, r.reason] for r in rows], numbers=[0, 2])


@quarantine_app.command("retry")
def quarantine_retry(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids; without any, all open rows.")] = None,
    set_: Annotated[
        Path | None,
        typer.Option("--set", help="A document {id: {header: cell}} of cells to exchange for this attempt."),
    ] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Submit refused rows again, as they are or with mended cells. 重新提交。"""
    out = output_of(json, language)
    override: dict[int, dict[str, Any]] = {}
    if set_ is not None:
        document: dict[Any, dict[Any, Any]] = yaml_parse(set_.read_text("utf-8"), set_.name)
        if not isinstance(document, dict) or not all(isinstance(v, dict) for v in document.values()):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise Refused("DOCUMENT_INVALID", "is no document of the form {id: {header: cell}}", "set")
        try:
            override = {
                int(k): {str(h): None if c is None else str(c) for h, c in v.items()}
                for k, v in document.items()
            }
        except ValueError:
            raise Refused("DOCUMENT_INVALID", "its keys are not ids of quarantined rows", "set") from None
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        with commands(handle, actor) as writing:
            report = handle.quarantine.retry(
                writing.submit,
                writing.book().fact_types.get,
                actor=actor,
                resolved_at=clock(),
                ids=ids or None,
                raw_override=override,
                language=out.language,
            )
        warnings = handle.follow_written()
    if json:
        out.document({**report.document(), "warnings": out.warned(warnings)})
        return
    out.console.print(
        out.say(
            f"重试 {report.retried} 行：接受 {report.accepted}，更正 {report.corrected}，重复 {report.duplicates}，仍被拒绝 {len(report.rejected)}。",
            f"{report.retried} rows tried again: {report.accepted} accepted, {report.corrected} corrected, "
            f"{report.duplicates} duplicates, {len(report.rejected)} still refused.",
        )
    )
    out.warn(warnings)


@quarantine_app.command("purge")
def quarantine_purge(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids of rows, open or resolved.")] = None,
    open_days: Annotated[
        int | None, typer.Option("--open-days", min=0, help="Rows that have been open for at least so many days.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which, forget none. 试运行。")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Forget what refused rows hold, and by what they are known: when such a row comes again it is a new one. 清除。"""
    out = output_of(json, language)
    if bool(ids) is (open_days is not None):
        raise Refused("USAGE", "give either ids or --open-days", "open-days")
    now = clock()
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        purged = handle.quarantine.purge(
            actor=actor, resolved_at=now, ids=ids or (), dry_run=dry_run,
            open_since_before=None if open_days is None else now - timedelta(days=open_days),
        )  # fmt: skip
    if json:
        out.document({"purged": purged, "dry_run": dry_run})
        return
    prefix = out.say("（试运行）", "(dry run) ") if dry_run else ""
    out.console.print(prefix + out.say(f"已清除 {len(purged)} 行的内容。", f"{len(purged)} rows forgotten."))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("import")(import_)
    app.command()(mappings)
    app.add_typer(quarantine_app, name="quarantine")

"""backup, restore: a home as it is, in one folder, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from replay.ownership.what_if import record_check
from service.backup import Backup, BackupError, backup_make, backup_restore
from service.bootstrap import clock, ledger_open
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, Output, output_of
from service.settings import Settings


def backup(
    destination: Annotated[Path, typer.Argument(help="The backup becomes a new folder below this one.")],
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="Keep only the newest so many. 保留份数。")] = None,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Back up everything while it runs: database with WAL, columns, keys, quarantine; of a database of one's own what lies
    beside it. 备份。"""
    out = output_of(json, language)
    with out.progress("备份", "backing up") as update:
        made = backup_make(Settings.from_environment(), destination, clock(), update, keep)
    _print(out, made, "已备份至", "Backed up to")
    if made.database == "external":
        out.note(
            "数据库不在备份之内，须以其自身方式备份（pg_basebackup、快照）；账、隔离区与密钥都在其中。",
            "The database is not in it: back it up by its own means (pg_basebackup, snapshots). Log, quarantine and keys are"
            " there.",
        )


def restore(
    source: Annotated[Path, typer.Argument(help="A backup's folder, plumbline-…")],
    check: Annotated[bool, typer.Option("--check", help="Replay every ledger as recorded afterwards. 复算。")] = False,
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Restore a backup into PLUMBLINE_HOME, which must be empty; every file is checked first. 恢复。"""
    out = output_of(json, language)
    settings = Settings.from_environment()
    with out.progress("恢复", "restoring") as update:
        restored = backup_restore(source, settings, update)
    checked: dict[str, int] = {}
    if check:
        with out.progress("复算", "replaying") as update:
            for number, name in enumerate(restored.ledgers):
                update(number, len(restored.ledgers))
                checked[name] = recorded_as_now(settings, name, actor)
    # With --json one document, which says of each ledger up to where it was checked; without --check, of none.
    _print(out, restored, "已恢复自", "Restored from", {"checked": checked if check else None})
    if check:
        heads = ", ".join(f"{name} ({head})" for name, head in checked.items())
        _say(out, f"复算无误：{heads}。", f"Replayed and found to be as recorded: {heads}.")
    out.note("下一步：plumbline serve", "Next: plumbline serve")


def recorded_as_now(settings: Settings, name: str, actor: str) -> int:
    """Up to which position a ledger was replayed and found to be as recorded. Raises BackupError."""
    with ledger_open(settings, name, actor) as handle:
        handle.follow(columns_only=True)
        columns = handle.columns()
        found = record_check(columns, 2, lambda done, of: None)
    if count := found.points_differ + found.owners_differ:
        raise BackupError(f"{name}: {count} decisions differ from the record; see `plumbline replay --recorded`")
    return columns.position


def _print(out: Output, made: Backup, zh: str, en: str, more: Mapping[str, Any] | None = None) -> None:
    if out.json:
        out.document({**made.document(), **(more or {})})
        return
    ledgers = ", ".join(f"{name} ({head})" for name, head in made.ledgers.items())
    size = f"{made.size_bytes / 1_000_000:.1f} MB"
    _say(
        out,
        f"{zh} {made.folder}：{size}，{made.files} 个文件；账套 {ledgers}。",
        f"{en} {made.folder}: {size} in {made.files} files; ledgers {ledgers}.",
    )


def _say(out: Output, zh: str, en: str) -> None:
    if not out.json:
        out.console.print(out.say(zh, en))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(backup)
    app.command()(restore)



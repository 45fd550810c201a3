"""Backup and restore of a whole home: the database as it is on disk, with the WAL that makes it whole; columns; keys.
With the database go the vault's keys and the secrets of senders of webhooks, which lie in its tables.

A backup is a folder that is named only once it is whole. The columns are taken before the database: they are then never
ahead of it, and what they lack the follower adds. Restoring checks every byte before anything is put in place.

A database of one's own is not in it: that is backed up by its own means, a backup here is of what lies beside it and says
so.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import orjson

from ledger.domain.errors import PlumblineError
from ledger.log.columns.format import (
    MANIFEST,
    ColumnsDamaged,
    file_sha256,
    file_sync,
    folder_sync,
    manifest_parse,
    manifest_read,
)
from ledger.log.recorder import recorder_open
from ledger.writer.state import columns_check
from service.bootstrap import SCHEMA_PREFIX, ledger_names, ledger_open
from service.embedded import database_url, servers_down, servers_status
from service.embedded.postgres_binaries import MAJOR_VERSION, run_binary, server_account
from service.embedded.postgres_data import DATABASE_USER
from service.settings import Settings

FORMAT: Final = 1
DESCRIPTION: Final = "backup.json"
POSTGRES: Final = "postgres"
COLUMNS: Final = "columns"
KEY_FILE: Final = "admin.key"
INSTALLATION: Final = "installation"
"""The file that names a home to its backups: only those it made itself are its to remove. Restored, it goes on with them."""
LOCK: Final = "backup.lock"
PARTIAL: Final = ".partial"
LOST_FOUND: Final = "lost+found"
HOME_MODE: Final = 0o711
"""The database's own account finds its folder there, and reads nothing else."""
_PREFIX: Final = "plumbline-"
_COPY_ATTEMPTS: Final = 5
# Written anew at every start, and of no meaning for another server.
_LEFT_OUT: Final = ("server.log", "server.log.1", "postmaster.pid", "postmaster.opts")

Progress = Callable[[int, int], None]
Database: TypeAlias = Literal["embedded", "external"]
"""Whether the database is in the backup, or backed up by its own means."""


class BackupError(PlumblineError):
    """A backup could not be made, or is none that can be restored; the sentence says what to do."""

    code = "BACKUP_FAILED"


@dataclass(frozen=True, slots=True)
class Backup:
    """A whole backup. `ledgers` are the heads of the logs when it began: a restored ledger stands there or further."""

    folder: Path
    created_at: str
    database: Database
    ledgers: dict[str, int]
    files: int
    size_bytes: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "folder": str(self.folder), "created_at": self.created_at, "database": self.database,
            "ledgers": self.ledgers, "files": self.files, "size_bytes": self.size_bytes,
        }  # fmt: skip


def backup_make(settings: Settings, destination: Path, now: datetime, progress: Progress, keep: int | None) -> Backup:
    """Back up the home of `settings` into a new folder below `destination`, while everything goes on running.

    With `keep`, only the newest so many of this home stay there. What an attempt before left unfinished goes. Raises
    BackupError, and leaves nothing that looks whole.
    """
    url = database_url(settings)
    with _alone(settings.home):
        return _make(settings, url, destination, now, progress, keep)


@contextmanager
def _alone(home: Path) -> Generator[None]:
    """While no other backup of the home is made. Raises BackupError."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another backup of {home} is being made; wait for it") from None
        yield


def _installation(home: Path) -> str:
    """What names this home to its backups."""
    path = home / INSTALLATION
    if not path.exists():
        aside = path.with_name(f"{path.name}.new")
        aside.write_text(secrets.token_hex(16) + "\n", "ascii")
        file_sync(aside)
        aside.replace(path)
    return path.read_text("ascii").strip()


def _installation_of(backup: Path) -> str | None:
    """Which home made what lies there, whole or not; None where that isn't said."""
    try:
        return (backup / INSTALLATION).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _make(
    settings: Settings, url: str, destination: Path, now: datetime, progress: Progress, keep: int | None
) -> Backup:
    destination.mkdir(parents=True, exist_ok=True)
    folder = destination.absolute() / f"{_PREFIX}{now:%Y%m%dT%H%M%SZ}"
    partial = folder.with_name(folder.name + PARTIAL)
    if folder.exists() or partial.exists():
        raise BackupError(f"{folder} is there already; wait a second, or remove {partial}")
    installation = _installation(settings.home)
    for old in destination.glob(f"{_PREFIX}*{PARTIAL}"):
        if _installation_of(old) == installation:  # nobody is at work on it: we are alone
            shutil.rmtree(old)
    partial.mkdir(mode=0o700)
    try:
        shutil.copy2(settings.home / INSTALLATION, partial / INSTALLATION)
        heads = _heads(settings, url)
        files: dict[str, dict[str, Any]] = {}
        steps = len(heads) + 2
        for number, ledger in enumerate(heads):
            progress(number, steps)
            _columns_copy(settings.columns_folder(ledger), partial / COLUMNS / ledger)
        progress(len(heads), steps)
        key = settings.home / KEY_FILE
        if key.exists():
            shutil.copy2(key, partial / KEY_FILE)
        if _database(settings) == "embedded":
            _database_copy(url, partial / POSTGRES)
        progress(len(heads) + 1, steps)
        for path in _files(partial):
            file_sync(path)
            name = path.relative_to(partial).as_posix()
            files[name] = {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
        description = {
            "format": FORMAT, "created_at": now.isoformat(), "database": _database(settings), "postgres": MAJOR_VERSION,
            "ledgers": heads, "files": files, "folders": _folders(partial),
        }  # fmt: skip
        with (partial / DESCRIPTION).open("wb") as file:
            file.write(orjson.dumps(description, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(folder)
        folder_sync(destination)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    progress(steps, steps)
    if keep is not None:
        for old in [b for b in backups_list(destination) if _installation_of(b) == installation][:-keep]:
            # What is removed in part must not look whole; what stays of it goes with the next.
            shutil.rmtree(old.rename(old.with_name(old.name + PARTIAL)))
    return backup_read(folder)


def backups_list(destination: Path) -> list[Path]:
    """The whole backups below a folder, the oldest first."""
    return sorted(p.parent for p in destination.glob(f"{_PREFIX}*/{DESCRIPTION}") if not p.parent.name.endswith(PARTIAL))


def backup_read(folder: Path) -> Backup:
    """What a backup says of itself. Raises BackupError for a folder that is none."""
    description = _description(folder)
    files: dict[str, Any] = description["files"]
    size = sum(entry["bytes"] for entry in files.values())
    database, ledgers = description["database"], description["ledgers"]
    return Backup(folder, description["created_at"], database, ledgers, len(files), size)


def backup_restore(source: Path, settings: Settings, progress: Progress) -> Backup:
    """Put a backup in the place of `settings.home`, which must not be there or be empty, as a new disk is that is mounted
    there. Starts nothing for good.

    Raises BackupError, before anything is put in place, for a file that is missing or altered, and for a database of
    one's own that is not restored yet.
    """
    home = settings.home
    if home.exists() and _entries(home):
        raise BackupError(f"{home} is not empty; point PLUMBLINE_HOME to a new folder, or move this one away")
    description = _description(source)
    _database_check(settings, description)
    files: dict[str, dict[str, Any]] = description["files"]
    found = {p.relative_to(source).as_posix() for p in _files(source)} - {DESCRIPTION}
    if stray := sorted(found ^ files.keys()):
        raise BackupError(f"{source} is not as it was made: {stray[0]} is missing or was added; take another backup")
    # A home that is there may be a mount point, which can't be exchanged for another folder: then inside it.
    inside = home.exists()
    home.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f"{home.name}.restoring-", dir=home if inside else home.parent))
    try:
        for number, (name, entry) in enumerate(files.items()):
            progress(number, len(files))
            target = making / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target)
            # What was copied is checked, not what lies there: it is this that will be used.
            if target.stat().st_size != entry["bytes"] or file_sha256(target) != entry["sha256"]:
                raise BackupError(f"{source / name} was altered since the backup was made; take another backup")
            file_sync(target)
        for empty in description["folders"]:
            (making / empty).mkdir(parents=True, exist_ok=True)
        if description["database"] == "embedded":
            _owner_set(making)
        if inside:
            _move_in(making, home)
        else:
            making.rename(home)
        folder_sync(home.parent)
    except BaseException:
        # It was empty: whatever lies there now is of this attempt.
        for entry in _entries(home) if inside else [making]:
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        raise
    progress(len(files), len(files))
    _restored_check(settings, description["ledgers"])
    return backup_read(source)


def _entries(home: Path) -> list[Path]:
    """What lies in a home, but for what a file system puts into its own top folder."""
    return [path for path in home.iterdir() if path.name != LOST_FOUND]


def _move_in(making: Path, home: Path) -> None:
    """Entry by entry, the database first: what else lacks where this is cut short is made again from it."""
    for entry in sorted(making.iterdir(), key=lambda path: path.name != POSTGRES):
        entry.rename(home / entry.name)
    if (home / POSTGRES).exists():
        home.chmod(HOME_MODE)
    making.rmdir()
    folder_sync(home)


def _database(settings: Settings) -> Database:
    return "embedded" if settings.database_url is None else "external"


def _database_check(settings: Settings, description: dict[str, Any]) -> None:
    """Raises BackupError where the database is not of the backup's kind, or is one's own and lacks what it had."""
    kind: Database = description["database"]
    if kind == "embedded" and settings.database_url is not None:
        raise BackupError("this backup holds the embedded database: unset PLUMBLINE_DATABASE_URL to restore it")
    if kind == "external" and settings.database_url is None:
        raise BackupError(
            "this backup holds no database: restore that by its own means first, then set PLUMBLINE_DATABASE_URL"
        )
    if settings.database_url is None:
        return
    there = _heads(settings, settings.database_url)
    for name, head in description["ledgers"].items():
        if there.get(name, 0) < head:
            raise BackupError(
                f"the database ends the ledger {name} at {there.get(name, 0)}, the backup at {head}: restore the"
                f" database by its own means as of {description['created_at']} or later first"
            )


def _restored_check(settings: Settings, heads: dict[str, int]) -> None:
    """Every ledger is there, no shorter than when the backup began, and its columns are of its log."""
    leave = _database(settings) == "external" or any(s.running and not s.external for s in servers_status(settings))
    try:
        for name, head in heads.items():
            with ledger_open(settings, name, "restore") as handle:
                position = handle.recorder.position_head()
                if position < head:
                    raise BackupError(f"the restored ledger {name} ends at {position}, not at {head} or later")
                columns_check(handle.columns(), handle.recorder)
    finally:
        if not leave:
            servers_down(settings)


def _description(folder: Path) -> dict[str, Any]:
    if folder.name.endswith(PARTIAL):
        raise BackupError(f"{folder} was never finished; take another backup")
    try:
        description = orjson.loads((folder / DESCRIPTION).read_bytes())
        if description["format"] != FORMAT:
            raise BackupError(f"{folder} is of format {description['format']}, this program reads {FORMAT}")
        if description["database"] == "embedded" and description["postgres"] != MAJOR_VERSION:
            raise BackupError(
                f"{folder} is of PostgreSQL {description['postgres']}, this is {MAJOR_VERSION}; restore it with a"
                " Plumbline of its time, then move on by a logical dump"
            )
        # Empty ones are lost on some ways, such as stores of objects; PostgreSQL doesn't start without its own. Backups
        # made before 0.5.0 don't name them.
        return {**description, "folders": sorted({*_folders(folder), *description.get("folders", ())})}
    except FileNotFoundError:
        raise BackupError(f"{folder} is no backup: it has no {DESCRIPTION}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BackupError(f"{folder / DESCRIPTION} cannot be read; take another backup") from None


def _heads(settings: Settings, url: str) -> dict[str, int]:
    heads: dict[str, int] = {}
    for name in ledger_names(settings):
        with recorder_open(url, SCHEMA_PREFIX + name, pool_size=1) as recorder:
            heads[name] = recorder.position_head()
    return heads


def _columns_copy(source: Path, target: Path) -> None:
    """The files that one manifest names, and it. Begins again where merging has taken one away meanwhile."""
    for attempt in range(_COPY_ATTEMPTS):
        try:
            if not (source / MANIFEST).exists():
                return
            # Read once: the next one may be of the same position, and name other files.
            content = (source / MANIFEST).read_bytes()
            manifest = manifest_parse(source / MANIFEST, content)
            if manifest is None:  # of an earlier format: they are made anew from the log
                return
            target.mkdir(parents=True, exist_ok=True)
            for name in manifest.file_names():
                shutil.copy2(source / name, target / name)
            (target / MANIFEST).write_bytes(content)
            manifest_read(target)
            return
        except (FileNotFoundError, ColumnsDamaged):
            shutil.rmtree(target, ignore_errors=True)
            if attempt + 1 == _COPY_ATTEMPTS:
                raise


def _database_copy(url: str, target: Path) -> None:
    """A base backup with the WAL written meanwhile, each file as Postgres sent it."""
    host = parse_qs(urlsplit(url).query)["host"][0]
    done = run_binary(
        [
            "pg_basebackup", "--pgdata", str(target), "--host", host, "--username", DATABASE_USER, "--checkpoint=fast",
            "--wal-method=stream", "--manifest-checksums=SHA256", "--no-sync",
        ],
        None,
    )  # fmt: skip
    if done.returncode != 0:
        raise BackupError(f"pg_basebackup failed: {done.stdout.strip()[-500:]}")
    # Its own tool for this (pg_verifybackup) crashes as the wheel has it; the manifest says all that is needed.
    for entry in orjson.loads((target / "backup_manifest").read_bytes())["Files"]:
        path = target / entry["Path"]
        if path.stat().st_size != entry["Size"] or file_sha256(path) != entry["Checksum"]:
            raise BackupError(f"{path} did not arrive as PostgreSQL sent it; look at the disk, then try again")
    for name in _LEFT_OUT:
        (target / name).unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())


def _folders(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_dir())


def _owner_set(home: Path) -> None:
    """The database belongs to whoever runs it, and to nobody else."""
    home.chmod(HOME_MODE)
    data = home / POSTGRES
    data.chmod(0o700)
    account = server_account(data, lambda text: None)
    if account is not None:
        for path in (data, *data.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)

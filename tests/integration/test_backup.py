"""A backup taken while facts go in, restored elsewhere: whole, checked, and refused where it was touched."""

from __future__ import annotations

import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import psycopg
import pytest
import typer
from psycopg.sql import SQL, Identifier
from typer.testing import CliRunner

from api.access.keys import AccessStore
from connectors.files.importing import RefusedRow, Rejection
from connectors.files.mapping_loading import mapping_load
from ledger.domain.commands import CloseDays, RegisterCustomer, Request
from replay.what_if import recorded_check
from service import embedded
from service.backup import PARTIAL, BackupError, backup_make, backup_restore, backups_list
from service.bootstrap import ledger_open
from service.commands import backing
from service.settings import DATABASE_URL_VARIABLE, HOME_VARIABLE, Settings
from tests.homes import homes_folder
from tests.ledgers import fact
from webhooks.senders import NewKey, secrets_living, sender_make
from webhooks.signing import secret_create

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SENDER_SECRET = secret_create(bytes(32))


def quiet(done: int, of: int) -> None:
    """No progress shown."""


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    with homes_folder("backup") as folder:
        yield folder


@pytest.fixture(scope="module")
def made(parent: Path) -> tuple[Path, int, str]:
    """A backup of a home in which a writer was at work; the last position acknowledged before it began; a key."""
    settings = Settings(parent / "first")
    stop = threading.Event()
    access = AccessStore(embedded.database_url(settings))
    _, secret = access.key_create("admin", "admin")
    access.close()
    (settings.home / "admin.key").touch(0o600)
    with ledger_open(settings, "main", "alice", create=True) as handle, handle.writing("alice") as writer:
        writer.submit([Request(RegisterCustomer("crm", f"r{n}", f"客户{n}", {}), "bob") for n in range(20)])
        facts = [fact(f"old{n}", "contract_signed", "2025-01-05", f"C-{n % 20 + 1:06d}", amount=10_000 * n) for n in range(500)]
        writer.submit([Request(f, "bob") for f in facts])
        writer.submit([Request(CloseDays("2025-01-31"), "bob")])
        handle.follow()
        refused = Rejection(7, "金额", "不是数", "facts.csv")
        row = RefusedRow("crm", refused, {"金额": "壹佰"}, "facts", bytes(32), "bob")
        assert handle.quarantine.put_many([row], NOW) == 1
        mapping = mapping_load("facts")
        handle.quarantine.mapping_keep(mapping)
        with handle.recorder.datastore.get_connection() as connection:
            sender_make(connection, "erp", mapping.digest, NewKey("WK-1", SENDER_SECRET), NOW, "alice")
        acknowledged = writer.position

        def work() -> None:
            n = 0
            while not stop.is_set():
                n += 1
                writer.submit([Request(fact(f"new{n}", "login", "2025-02-05", f"C-{n % 20 + 1:06d}"), "bob")])

        thread = threading.Thread(target=work)
        thread.start()
        try:
            backup = backup_make(settings, parent / "backups", NOW, quiet, None)
        finally:
            stop.set()
            thread.join()
        assert writer.position > acknowledged
    assert backup.ledgers["main"] >= acknowledged
    return backup.folder, acknowledged, secret


def test_a_restored_ledger_is_whole_and_reproduces_its_record(parent: Path, made: tuple[Path, int, str]) -> None:
    folder, acknowledged, secret = made
    settings = Settings(parent / "second")
    restored = backup_restore(folder, settings, quiet)
    assert stat.S_IMODE((settings.home / "admin.key").stat().st_mode) == 0o600
    with ledger_open(settings, "main", "bob") as handle:
        assert handle.recorder.position_head() >= restored.ledgers["main"] >= acknowledged
        handle.follow()
        _, count, differences = recorded_check(handle.columns(), 1, quiet)
        assert (count, differences) == (0, [])
        handle.columns().verify()
        [row] = handle.quarantine.list(open_only=True, limit=10)
        assert (row.row, row.field, row.raw) == (7, "金额", {"金额": "壹佰"})
        with handle.recorder.datastore.get_connection() as connection:
            living = secrets_living(connection, "erp", NOW)
        assert living is not None and living.secrets == (SENDER_SECRET,)
        with handle.writing("bob") as writer:
            [answer] = writer.submit([Request(fact("after", "login", "2025-02-06", "C-000001"), "bob")])
            assert answer.status == "accepted"
    access = AccessStore(embedded.database_url(settings))
    principal = access.key_find(secret)
    access.close()
    assert principal is not None and principal.actor == "admin"


@pytest.mark.parametrize("check", [True, False])
def test_a_restore_says_whether_and_up_to_where_it_checked(
    parent: Path, made: tuple[Path, int, str], monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    folder, acknowledged, _ = made
    settings = Settings(parent / f"checked-{check}")
    monkeypatch.setenv(HOME_VARIABLE, str(settings.home))
    monkeypatch.delenv(DATABASE_URL_VARIABLE, raising=False)
    app = typer.Typer()
    backing.register(app)
    arguments = ["restore", str(folder), "--json", *(["--check"] if check else [])]
    try:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        checked = orjson.loads(done.stdout)["checked"]
        if check:
            assert checked.keys() == {"main"} and checked["main"] >= acknowledged
        else:
            assert checked is None
    finally:
        embedded.servers_down(settings)


def test_a_backup_is_never_restored_over_something(parent: Path, made: tuple[Path, int, str]) -> None:
    home = parent / "busy"
    home.mkdir()
    (home / "precious").touch()
    with pytest.raises(BackupError, match="not empty"):
        backup_restore(made[0], Settings(home), quiet)
    assert [p.name for p in home.iterdir()] == ["precious"]


@pytest.mark.parametrize("kind", ["altered", "missing", "added"])
def test_a_backup_that_was_touched_is_refused_and_names_the_file(
    parent: Path, made: tuple[Path, int, str], kind: str
) -> None:
    copy = parent / f"copy-{kind}"
    shutil.copytree(made[0], copy)
    victim = next(p for p in sorted((copy / "postgres" / "base").rglob("*")) if p.is_file() and p.stat().st_size > 8_192)
    if kind == "altered":
        with victim.open("r+b") as file:
            file.seek(5_000)
            byte = file.read(1)
            file.seek(5_000)
            file.write(bytes([byte[0] ^ 1]))
    elif kind == "missing":
        victim.unlink()
    else:
        victim = copy / "columns" / "stray"
        victim.touch()
    home = parent / f"never-{kind}"
    with pytest.raises(BackupError, match=victim.name):
        backup_restore(copy, Settings(home), quiet)
    assert not home.exists() and not list(parent.glob(f"never-{kind}.restoring-*"))
    shutil.rmtree(copy)


def test_what_was_never_finished_is_no_backup(parent: Path, made: tuple[Path, int, str]) -> None:
    half = parent / "backups" / f"plumbline-20260101T000000Z{PARTIAL}"
    shutil.copytree(made[0], half)
    assert backups_list(parent / "backups") == [made[0]]
    with pytest.raises(BackupError, match="never finished"):
        backup_restore(half, Settings(parent / "half"), quiet)
    shutil.rmtree(half)
    with pytest.raises(BackupError, match="no backup"):
        backup_restore(parent, Settings(parent / "half"), quiet)
    other = parent / "other-version"
    other.mkdir()
    description = orjson.loads((made[0] / "backup.json").read_bytes())
    (other / "backup.json").write_bytes(orjson.dumps({**description, "postgres": 12}))
    with pytest.raises(BackupError, match="PostgreSQL 12"):
        backup_restore(other, Settings(parent / "half"), quiet)


def test_a_home_that_is_there_and_empty_is_filled_and_stays_the_folder_it_is(
    parent: Path, made: tuple[Path, int, str], nats_url: str
) -> None:
    home, copy = parent / "mounted", parent / "copy-sparse"
    home.mkdir()
    # A mount point can be neither removed nor exchanged for another folder.
    inode = home.stat().st_ino
    # A store of objects knows no empty folders.
    shutil.copytree(made[0], copy)
    empty = [p for p in copy.rglob("*") if p.is_dir() and not any(p.iterdir())]
    assert empty
    for folder in empty:
        folder.rmdir()
    # NATS of one's own is no server that a restore starts, or would end.
    settings = Settings(home, nats_url=nats_url)
    backup_restore(copy, settings, quiet)
    assert home.stat().st_ino == inode and not list(home.glob("*restoring*"))
    assert {"postgres", "columns", "admin.key"} <= {p.name for p in home.iterdir()}
    assert [s.running for s in embedded.servers_status(settings)] == [False, True]
    shutil.rmtree(copy)


def test_a_home_that_is_there_is_empty_again_where_the_backup_was_touched(
    parent: Path, made: tuple[Path, int, str]
) -> None:
    copy, home = parent / "copy-mounted", parent / "mounted-never"
    shutil.copytree(made[0], copy)
    # As a new disk is.
    (home / "lost+found").mkdir(parents=True)
    victim = max((p for p in (copy / "columns").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    victim.write_bytes(bytes(victim.stat().st_size))
    with pytest.raises(BackupError, match="altered"):
        backup_restore(copy, Settings(home), quiet)
    assert [path.name for path in home.iterdir()] == ["lost+found"]
    shutil.rmtree(copy)


@pytest.fixture
def databases(database_url: str) -> Iterator[Callable[[], str]]:
    """Makes databases on a server that is not the home's own."""
    names: list[str] = []

    def make() -> str:
        names.append(f"own_{secrets.token_hex(4)}")
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(names[-1])))
        return urlsplit(database_url)._replace(path=f"/{names[-1]}").geturl()

    yield make
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in names:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def test_of_a_database_of_ones_own_the_backup_is_what_lies_beside_it(
    tmp_path: Path, databases: Callable[[], str]
) -> None:
    settings = Settings(tmp_path / "home", database_url=databases())
    with ledger_open(settings, "main", "alice", create=True) as handle, handle.writing("alice") as writer:
        writer.submit([Request(RegisterCustomer("crm", "r", "客户", {}), "bob")])
        writer.submit([Request(fact("f", "contract_signed", "2025-01-05", amount=10_000), "bob")])
        handle.follow()
    (settings.home / "admin.key").touch(0o600)
    made = backup_make(settings, tmp_path / "b", NOW, quiet, None)
    assert (made.database, list(made.ledgers)) == ("external", ["main"])
    assert {p.name for p in made.folder.iterdir()} == {"backup.json", "columns", "admin.key", "installation"}

    with pytest.raises(BackupError, match="own means first"):
        backup_restore(made.folder, Settings(tmp_path / "second"), quiet)
    with pytest.raises(BackupError, match="restore the database by its own means"):
        backup_restore(made.folder, Settings(tmp_path / "second", database_url=databases()), quiet)
    assert not (tmp_path / "second").exists()

    restored = Settings(tmp_path / "second", database_url=settings.database_url)
    backup_restore(made.folder, restored, quiet)
    assert stat.S_IMODE((restored.home / "admin.key").stat().st_mode) == 0o600
    with ledger_open(restored, "main", "bob") as handle:
        assert handle.columns().position == made.ledgers["main"]
        handle.columns().verify()


def test_only_the_newest_are_kept(tmp_path: Path, databases: Callable[[], str]) -> None:
    settings = Settings(tmp_path / "home", database_url=databases())
    newer = backup_make(settings, tmp_path / "kept", NOW, quiet, 1)
    newest = backup_make(settings, tmp_path / "kept", NOW.replace(hour=13), quiet, 1)
    assert backups_list(tmp_path / "kept") == [newest.folder] != [newer.folder]


def test_an_old_one_that_is_removed_in_part_only_is_no_backup_and_goes_with_the_next(
    tmp_path: Path, databases: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, kept = Settings(tmp_path / "home", database_url=databases()), tmp_path / "kept"
    settings.home.mkdir()
    (settings.home / "admin.key").touch(0o600)
    backup_make(settings, kept, NOW, quiet, 1)

    def cut_short(folder: Path) -> None:
        next(p for p in folder.rglob("*") if p.is_file() and p.name not in ("backup.json", "installation")).unlink()
        raise KeyboardInterrupt

    backup_make(settings, kept, NOW.replace(hour=13), quiet, None)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", cut_short)
        with pytest.raises(KeyboardInterrupt):
            backup_make(settings, kept, NOW.replace(hour=14), quiet, 1)
    assert len(backups_list(kept)) == 2, "of three the first is none any more"
    last = backup_make(settings, kept, NOW.replace(hour=15), quiet, 1)
    assert list(kept.iterdir()) == [last.folder]


def test_only_what_a_home_has_made_itself_is_removed_and_that_also_where_it_was_never_finished(
    tmp_path: Path, databases: Callable[[], str]
) -> None:
    settings, other = (Settings(tmp_path / home, database_url=databases()) for home in ("home", "other"))
    kept = tmp_path / "kept"
    theirs = backup_make(other, kept, NOW.replace(hour=1), quiet, 1)
    stray = kept / "plumbline-20000101T000000Z"
    stray.mkdir()
    (stray / "backup.json").write_bytes(b"{}")
    ours = backup_make(settings, kept, NOW.replace(hour=2), quiet, 1)
    for whose, name in ((ours, "ours"), (theirs, "theirs")):
        shutil.copytree(whose.folder, kept / f"plumbline-20200101T000000Z-{name}{PARTIAL}")
    newest = backup_make(settings, kept, NOW.replace(hour=3), quiet, 1)
    assert {path.name for path in kept.iterdir()} == {
        theirs.folder.name, stray.name, newest.folder.name, f"plumbline-20200101T000000Z-theirs{PARTIAL}",
    }  # fmt: skip
    # A home that was restored from one of its backups goes on with them.
    restored = Settings(tmp_path / "restored", database_url=settings.database_url)
    backup_restore(newest.folder, restored, quiet)
    last = backup_make(restored, kept, NOW.replace(hour=4), quiet, 1)
    assert backups_list(kept) == [stray, theirs.folder, last.folder]


def test_a_home_is_backed_up_by_one_at_a_time(tmp_path: Path, databases: Callable[[], str]) -> None:
    settings = Settings(tmp_path / "home", database_url=databases())

    def again(done: int, of: int) -> None:
        with pytest.raises(BackupError, match="another backup"):
            backup_make(settings, tmp_path / "kept", NOW.replace(hour=13), quiet, None)

    backup_make(settings, tmp_path / "kept", NOW, again, None)


def test_the_embedded_database_is_not_restored_into_one_of_ones_own(
    parent: Path, made: tuple[Path, int, str]
) -> None:
    with pytest.raises(BackupError, match="unset"):
        backup_restore(made[0], Settings(parent / "other", database_url="postgresql://somewhere/else"), quiet)

"""One view has failed: what reads it says so, what was recorded is told, and every other command goes on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from psycopg.sql import SQL, Identifier
from typer.testing import CliRunner, Result

from projections.columns import ColumnsView
from projections.places import ViewFailed
from replay.ownership import what_if as ownership_replay
from service.backup import BackupError
from service.bootstrap import ledger_open
from service.commands import (
    customers,
    finance,
    importing,
    ledgers,
    recording,
    redeeming,
    relations,
    replaying,
    reports,
    rules,
)
from service.commands.backing import recorded_as_now
from service.settings import Settings

COMMANDS = Path(recording.__file__).parent
Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def ledger(settings: Settings, database_url: str) -> Iterator[str]:
    """A ledger with a customer, whose view `activity` takes in no complaint."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PLUMBLINE_HOME", str(settings.home))
    patch.setenv("PLUMBLINE_DATABASE_URL", database_url)
    name = f"v{secrets.token_hex(4)}"
    with ledger_open(settings, name, "alice", create=True):
        pass
    done(asked(name, "customer", "register", "1", "--name", "甲乙建设"))
    done(asked(name, "record", "project_completed", "C-000001", "--id", "p1", "--occurred", "2026-10-02"))
    poison(database_url, name, "ADD CONSTRAINT poison CHECK (day < 0) NOT VALID")
    yield name
    patch.undo()


def poison(database_url: str, name: str, change: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SQL("ALTER TABLE {}.incident {}").format(Identifier(f"ledger_{name}"), SQL(change)))  # pyright: ignore[reportArgumentType]


def asked(ledger: str, *arguments: str) -> Result:
    app = typer.Typer()
    for module in (customers, finance, importing, ledgers, recording, redeeming, relations, replaying, reports, rules):
        module.register(app)
    return CliRunner().invoke(app, [*arguments, "--ledger", ledger])


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture(scope="module")
def failed(ledger: str) -> str:
    """The same, once a complaint was recorded."""
    told = asked(ledger, "record", "complaint_filed", "C-000001", "severity=major", "--id", "k1", "--occurred", "2026-10-03")
    assert "C-000001 recorded; -30.00 points" in done(told)
    assert "Warning VIEW_FAILED the view activity can't take in what follows position" in told.stderr.replace("\n", " ")
    return ledger


WRITES = (
    ("record", "complaint_filed", "C-000001", "severity=minor", "--id", "k2", "--occurred", "2026-10-04"),
    ("customer", "change", "C-000001", "--region", "华东"),
    ("team", "declare", "east", "--name", "华东组"),
    ("close", "--through", "2026-01-31"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", WRITES, ids=" ".join)
def test_a_write_tells_what_was_recorded_and_warns(failed: str, arguments: tuple[str, ...]) -> None:
    told = json.loads(done(asked(failed, *arguments, "--json")))
    assert told["position"] > 0
    [warning] = told["warnings"]
    assert (warning["code"], warning["title"]) == ("VIEW_FAILED", "A view failed; the others go on")
    assert "the view activity" in warning["reason"] and "plumbline rebuild activity" in warning["reason"]
    # Told, and recorded: the same again is the same.
    again = asked(failed, *arguments, "--language", "zh")
    assert done(again) and "注意 VIEW_FAILED 一个视图更新失败，其余正常" in " ".join(again.stderr.split())


READS = (
    ("customers",), ("redeem", "list"), ("rules", "show"), ("liability",), ("report", "leaderboard", "--by", "balance"),
    ("replay", "--recorded"), ("profile", "show", "C-000001"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", READS, ids=" ".join)
def test_what_reads_other_views_goes_on_in_silence(failed: str, arguments: tuple[str, ...]) -> None:
    told = asked(failed, *arguments)
    done(told)
    assert "VIEW_FAILED" not in told.output


@pytest.mark.parametrize("name", ["leaderboard", "segment", "alerts"])
def test_what_reads_the_view_is_refused(failed: str, name: str) -> None:
    refused = asked(failed, "report", name).exception
    assert isinstance(refused, ViewFailed) and refused.view == "activity"


def test_without_the_columns_writing_goes_on_and_what_reads_them_is_refused(
    ledger: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    name = f"c{secrets.token_hex(4)}"
    with ledger_open(settings, name, "alice", create=True):
        pass
    monkeypatch.setattr(ColumnsView, "apply", full)
    told = json.loads(done(asked(name, "customer", "register", "1", "--name", "甲乙建设", "--json")))
    assert "the view columns can't take in" in told["warnings"][0]["reason"]
    assert json.loads(done(asked(name, "adjust", "C-000001", "5", "--reason", "对账", "--json")))["points"] == "5.00"
    assert json.loads(done(asked(name, "close", "--through", "2026-01-31", "--json")))["warnings"]
    assert len(json.loads(done(asked(name, "report", "segment", "--json")))) == 1
    for arguments in (("rules", "show"), ("replay", "--recorded"), ("reconcile", "--period", "2026-01")):
        refused = asked(name, *arguments).exception
        assert isinstance(refused, ViewFailed) and refused.view == "columns"


def test_a_ledger_is_replayed_as_recorded_by_its_columns_alone(
    failed: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recorded_as_now(settings, failed, "restore") > 0
    # Who serves whom is replayed too: a change of owner that isn't the recorded one is found.
    monkeypatch.setattr(ownership_replay, "ownership_record_compare", lambda *_: (1, []))
    with pytest.raises(BackupError, match="1 decisions differ from the record"):
        recorded_as_now(settings, failed, "restore")


def test_a_rebuild_that_meets_the_cause_says_where_and_once_it_is_mended_all_is_there(
    failed: str, database_url: str
) -> None:
    refused = asked(failed, "rebuild", "activity").exception
    assert isinstance(refused, ViewFailed)
    assert "the view activity can't take in what follows position 0 (CheckViolation: new row" in str(refused)
    poison(database_url, failed, "DROP CONSTRAINT poison")
    done(asked(failed, "rebuild", "activity"))
    told: dict[str, Any] = json.loads(done(asked(failed, "customer", "change", "C-000001", "--scale", "large", "--json")))
    assert told["warnings"] == []
    assert len(json.loads(done(asked(failed, "report", "leaderboard", "--json")))) == 1


def test_commands_read_views_where_one_that_failed_says_so() -> None:
    for path in COMMANDS.rglob("*.py"):
        text = path.read_text("utf-8")
        if "datastore.get_connection" in text:
            assert "from projections" not in text.replace("from projections.rulebook", ""), path

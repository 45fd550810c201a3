"""Reports as commands: what the API has, in tables, documents and files; and facts that concern two customers."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from ledger.domain.errors import Refused
from service.bootstrap import ledger_open
from service.commands import recording, reports, rules
from service.settings import Settings
from tests.integration.test_reports import campaign_rules


@pytest.fixture(scope="module")
def ledger(settings: Settings, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ledger with a campaign in force and two customers, one of whom signed, complained three times and logged in."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PLUMBLINE_HOME", str(settings.home))
    patch.setenv("PLUMBLINE_DATABASE_URL", database_url)
    name = f"p{secrets.token_hex(4)}"
    with ledger_open(settings, name, "alice", create=True):
        pass
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(yaml.safe_dump(campaign_rules(), allow_unicode=True), "utf-8")
    told(name, "rules", "propose", str(file), "--actor", "ann")
    told(name, "rules", "approve", "RS-0002", "--actor", "bob")
    told(name, "rules", "activate", "RS-0002", "--from", "2025-01-01", "--actor", "ann")
    told(name, "customer", "register", "1", "--name", "=甲乙建设")
    told(name, "customer", "register", "2", "--name", "丙丁路桥")
    told(name, "record", "contract_signed", "C-000001", "amount=1000000", "--id", "c1", "--occurred", "2026-03-02")
    told(name, "record", "login", "C-000001", "--id", "l1", "--occurred", "2025-03-03")
    for number in (1, 2, 3):
        told(name, "record", "complaint_filed", "C-000001", "severity=minor", "--id", f"k{number}", "--occurred", "2026-03-04")
    yield name
    patch.undo()


def asked(ledger: str, *arguments: str) -> Result:
    app = typer.Typer()
    for module in (recording, reports, rules):
        module.register(app)
    return CliRunner().invoke(app, [*arguments, "--ledger", ledger])


def told(ledger: str, *arguments: str) -> str:
    result = asked(ledger, *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def data(ledger: str, *arguments: str) -> Any:
    return json.loads(told(ledger, *arguments, "--json"))


def refusal(result: Result) -> tuple[str, str]:
    assert isinstance(result.exception, Refused), (result.output, result.exception)
    return result.exception.code, result.exception.field


def test_the_inflation_watch_shows_all_that_its_figures_add_up_from(ledger: str) -> None:
    table = told(ledger, "report", "inflation")
    for column in ("granted", "deducted", "reversed", "expired", "redeemed", "outstanding", "owed"):
        assert column in table, column
    assert "兑换" in told(ledger, "report", "inflation", "--language", "zh")


def test_a_campaign_is_told_by_month_and_by_customer(ledger: str) -> None:
    [campaign] = data(ledger, "report", "campaigns")
    key = (campaign["rule_set"], campaign["rule"])
    whole = data(ledger, "report", "campaign", *key)
    assert {name: whole[name] for name in campaign} == campaign
    assert [m["month"] for m in whole["months"]] == ["2025-03"] and whole["months"][0]["points"] == campaign["points"]
    assert [b["customer"] for b in whole["best"]] == ["C-000001"]
    table = told(ledger, "report", "campaign", *key)
    assert "2025-03" in table and "甲乙建设" in table
    assert key[1] in told(ledger, "report", "campaigns")
    assert refusal(asked(ledger, "report", "campaign", "RS-0001", "nothing")) == ("CAMPAIGN_UNKNOWN", "rule")


def test_alerts_of_one_kind_alone_can_be_asked_for(ledger: str) -> None:
    surges = data(ledger, "report", "alerts", "--on", "2026-03-10", "--kind", "complaint_surge")
    assert [a["kind"] for a in surges] == ["complaint_surge"]
    assert data(ledger, "report", "alerts", "--on", "2026-03-10", "--kind", "points_plunge") == []
    assert data(ledger, "report", "alerts", "--on", "2026-03-10") == surges
    assert refusal(asked(ledger, "report", "alerts", "--kind", "x")) == ("USAGE", "kind")


def test_a_segment_is_written_whole_as_a_file_for_spreadsheets(ledger: str, tmp_path: Path) -> None:
    file = tmp_path / "segment.csv"
    told(ledger, "report", "segment", "--format", "csv", "--out", str(file), "--limit", "1")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["name"] for row in rows] == ["'=甲乙建设", "丙丁路桥"]
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert [row["balance"] for row in rows] == [row["balance"] for row in data(ledger, "report", "segment")]
    assert refusal(asked(ledger, "report", "segment", "--format", "pdf")) == ("USAGE", "format")
    assert refusal(asked(ledger, "report", "segment", "--out", "x")) == ("USAGE", "out")


def test_a_period_that_is_a_part_of_what_is_asked_by_is_refused(ledger: str) -> None:
    for period, by in (("2025-Q2", "year"), ("2025-04", "quarter"), ("2025-04", "year")):
        assert refusal(asked(ledger, "report", "measures", "--period", period, "--by", by)) == ("PERIOD_INVALID", "period")
    quarters = data(ledger, "report", "measures", "--period", "2025", "--by", "quarter")
    assert [m["period_from"] for m in quarters] == ["2025-01", "2025-04", "2025-07", "2025-10"]
    assert len(data(ledger, "report", "measures", "--by", "month")) == 12


def test_a_correction_that_gives_a_fact_to_another_customer_tells_the_points_of_both(ledger: str) -> None:
    signed = ("record", "contract_signed", "C-000001", "--id", "m1", "--occurred", "2026-04-02", "amount=20000")
    # 20,000 CNY: 2 full units of 10,000 × 2 points.
    assert "C-000001 recorded; 4.00 points; position" in told(ledger, *signed)
    moved = (*signed[:2], "C-000002", *signed[3:])
    assert "C-000002 corrected; 4.00 points; C-000001 -4.00 points; position" in told(ledger, *moved)
    again = data(ledger, *moved)
    assert (again["status"], again["points_by_customer"]) == ("duplicate", {})
    back = data(ledger, *signed, "--revert")
    assert back["points"] == "0.00"
    assert back["points_by_customer"] == {"C-000001": "4.00", "C-000002": "-4.00"}

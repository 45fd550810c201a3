"""Commands about who serves whom, on a ledger of their own: what somebody may see, times that lie ahead, documents of rules."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from ledger.domain.errors import Refused
from ledger.standard import rules_standard
from service.bootstrap import ledger_open
from service.commands import relations, replaying, rules
from service.settings import Settings

Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def ask(settings: Settings, database_url: str) -> Iterator[Ask]:
    """Gives a command to a ledger of which two people own a customer each."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PLUMBLINE_HOME", str(settings.home))
    patch.setenv("PLUMBLINE_DATABASE_URL", database_url)
    app = typer.Typer()
    for module in (relations, replaying, rules):
        module.register(app)
    ledger = f"r{secrets.token_hex(4)}"
    with ledger_open(settings, ledger, "alice", create=True):
        pass

    def asked(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--ledger", ledger])

    done(asked("team", "declare", "east", "--name", "华东组"))
    for number in ("1", "2"):
        done(asked("staff", "enrol", number, "--name", f"顾问{number}", "--team", "east"))
    for number, name in (("1", "甲乙建设"), ("2", "丙丁路桥")):
        done(asked("lead", number, "--name", name))
        done(asked("reassign", f"C-00000{number}", "--to", f"S-00000{number}", "--reason", "分配"))
    yield asked
    patch.undo()


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refusal(result: Result) -> tuple[str, str]:
    """Code and field of a refusal."""
    assert isinstance(result.exception, Refused), (result.output, result.exception)
    return result.exception.code, result.exception.field


def test_anothers_customer_and_a_missing_one_are_told_alike(ask: Ask) -> None:
    assert done(ask("why", "C-000002", "--as", "S-000002"))
    for command in (("why",), ("owners", "--customer"), ("opportunity", "list", "--customer"), ("profile", "show")):
        told = [ask(*command, customer, "--as", "S-000002") for customer in ("C-000001", "C-000999")]
        assert [refusal(t) for t in told] == [("CUSTOMER_UNKNOWN", "customer")] * 2
        assert len({str(t.exception) for t in told}) == 1


def test_who_has_whom_is_told_in_words_and_not_of_times_that_lie_ahead(ask: Ask) -> None:
    told = done(ask("owners", "--language", "zh"))
    assert "改派" in told and "reassignment" not in told
    assert refusal(ask("owners", "--position", "99999")) == ("POSITION_AHEAD", "position")
    assert refusal(ask("owners", "--as-of", "2999-01-01")) == ("DATE_INVALID", "as-of")


def test_assignment_rules_are_taken_by_themselves_under_their_name_and_in_a_rule_set(ask: Ask, tmp_path: Path) -> None:
    """Nothing but a rule that gives all to the second."""
    rule = {"id": "r", "title": {"zh": "归二号", "en": "To the second"}, "choose": {"named": ["S-000002"]}}
    section = {"rules": [rule]}
    found: list[Any] = []
    for name, document in (
        ("section", section), ("named", {"assignment": section}), ("whole", {**rules_standard(), "assignment": section})
    ):  # fmt: skip
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(document), "utf-8")
        found.append(json.loads(done(ask("replay", "--assignment-rules", str(file), "--json"))))
    assert found[0]["digest"] == found[1]["digest"] == found[2]["digest"]
    named = tmp_path / "named.yaml"
    checked = json.loads(done(ask("rules", "check", str(named), "--json")))
    assert (checked["valid"], checked["id"], checked["rules"]) == (True, None, 1)
    assert "1 rules" in done(ask("rules", "check", str(named)))
    named.write_text(yaml.safe_dump({"assignment": {"rules": [{**rule, "choose": {"luck": {}}}]}}), "utf-8")
    assert ask("rules", "check", str(named)).exit_code == 1

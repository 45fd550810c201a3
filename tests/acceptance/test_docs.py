"""The documents tell the truth: what they show runs, what they name exists."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click
import pytest
import typer.main

from connectors.files.mapping_apply import RowMapper
from connectors.files.mapping_loading import mapping_names, mapping_parse
from connectors.files.rows import RawRow
from ledger.domain.commands import ReportLead
from ledger.domain.documents import yaml_parse
from ledger.standard import fact_types_standard, rules_standard
from service.main import app
from tests.acceptance.forking import forks
from tests.acceptance.served import port_free
from tests.homes import homes_folder

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "client" / "README.md", ROOT / "examples" / "README.md"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of one's own, in which the tour has its home."""
    with homes_folder("tour") as made:
        made.chmod(0o711)
        yield made


def test_the_tour_of_the_readme_runs_as_it_stands(folder: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    tour = [block for block in blocks if "plumbline" in block]
    assert len(tour) >= 2
    home = folder / "home"
    commands = folder / "commands"
    commands.mkdir()
    forks().shim(commands)
    environment = {
        **os.environ,
        "PLUMBLINE_HOME": str(home),
        "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    # Into files: what the tour leaves running where it fails would keep a pipe open.
    with (folder / "output").open("w+") as output, (folder / "errors").open("w+") as errors:
        # As it stands, but for the port, at which another may be listening.
        script = "\n".join(tour).replace("8700", str(port_free()))
        process = subprocess.Popen(
            ["sh", "-eu", "-c", script], cwd=folder, env=environment, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            code = process.wait(300)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    said = (folder / "output").read_text("utf-8")
    assert code == 0, (said[-3000:], (folder / "errors").read_text("utf-8")[-3000:])
    assert "4 rows read: 3 accepted" in said
    assert "-26.00" in said and "300.00" in said
    assert '"balance": "10.00"' not in said  # 200 expired, 6 of March 2024 are left
    assert '"balance": "6.00"' in said
    assert "0 differences" in " ".join(said.split())
    # The plaque costs 2,000 and is for gold; 1,500 points can be spent today (6 are past their date), and the tier is silver.
    assert "金牌、铂金" in said and "缺500.00分" in said
    # One payment is matched; of the other, 20 CNY stay open. 1,506 points less 1,000 are left, worth 25.30 CNY.
    assert "redemption missing 1" in said and "the books balance" in said
    assert "506.00 0.00 0.00 506.00 25.30" in " ".join(said.split())
    assert '"serving"' in said and "it gives 15.00 and, sent again, nothing more:" in said


def test_make_knows_what_the_readme_tells_one_to_type() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def _commands(command: click.Command, path: str = "") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    group: Any = command
    for name in group.list_commands(None) if hasattr(group, "list_commands") else ():
        child = group.get_command(None, name)
        found += _commands(child, f"{path} {name}".strip())
    return found or [(path, command)]


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    commands = _commands(cast(click.Command, typer.main.get_command(app)))
    assert len(commands) > 100
    for path, command in commands:
        for word in path.split():
            assert re.search(rf"[`\s,]{re.escape(word)}[`\s,]", page), f"{path} is not in docs/commands.md"
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in ("--help", "--version"):
                    assert option in page, f"{option} of {path} is not in docs/commands.md"


def test_the_mapping_that_the_page_shows_is_one() -> None:
    page = (ROOT / "docs" / "importing.md").read_text("utf-8")
    [block] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    mapping = mapping_parse(yaml_parse(block, "importing.md"))
    headers = [column.headers[0] for column in mapping.columns.values()]
    row = RowMapper(mapping, lambda _: None, headers).map(RawRow(2, ("某某公司", "17", "120", "2026-02-03")))
    assert row.command == ReportLead(
        "fair", "某某公司", "某某公司", staff="hr:17", amount="1200000", traits={"region": "hubei"}
    )
    assert set(re.findall(r"`([a-z_]+)`", page.split("## A CRM")[0])) >= set(mapping_names())


def test_the_glossary_has_every_term_of_the_standard_documents_in_both_languages() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    rules = rules_standard()
    terms = [*fact_types_standard(), *rules["tiers"]["levels"], *rules["tags"]]
    assert len(terms) > 15
    for term in terms:
        assert re.search(rf"\| {term['id']} \| {term['title']['zh']} \| {term['title']['en']}", page), term["id"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_decision_can_be_quoted() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(pages) > 5
    for page in pages:
        assert re.search(r"^> \S.{10,}", page.read_text("utf-8"), re.MULTILINE), page.name

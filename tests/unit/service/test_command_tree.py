"""The commands that are made one by one are those that their modules register."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from service.command_tree import COMMANDS, module_registered
from service.main import app


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_registers_the_commands_that_it_is_asked_for(module: str) -> None:
    assert sorted(get_group(module_registered(module)).commands) == sorted(COMMANDS[module])


def test_help_tells_every_command_and_an_error_what_may_have_been_meant() -> None:
    told = CliRunner().invoke(app, ["--help"]).output
    for names in COMMANDS.values():
        for name in names:
            assert f"\n  {name} " in told
    assert "Did you mean 'customers'" in CliRunner().invoke(app, ["customrs"]).output
    assert CliRunner().invoke(app, ["rules", "nothing"]).exit_code == 2


def test_a_command_waits_for_no_library_of_another() -> None:
    program = "import sys; from service.main import app; app(['status', '--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "service.commands.servers" in loaded and loaded.isdisjoint({"fastapi", "numba", "polars", "openpyxl", "fpdf"})

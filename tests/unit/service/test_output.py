"""What commands print can't steer a terminal, whatever is on record."""

from __future__ import annotations

import json

import pytest
from rich.text import Text

from service.output import Output

HOSTILE = "甲\x1b[2J\x07\x9b31m\u202e\x7f乙"


def test_old_names_that_hold_escapes_are_printed_without_them(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(False, "en")
    out.table(HOSTILE, [HOSTILE], [[HOSTILE]])
    out.console.print(HOSTILE, Text(HOSTILE))
    out.note(HOSTILE, HOSTILE)
    for said in capsys.readouterr():
        assert "甲" in said and "乙" in said
        assert said.replace("\n", "").isprintable(), said


def test_json_tells_the_same_in_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    Output(True, "en").document({"name": HOSTILE})
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable() and json.loads(said) == {"name": HOSTILE}

"""The commands that say what messages look like."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import orjson
import pytest
from typer.testing import CliRunner

from api.event_streams import asyncapi
from service.commands.streams import describing
from service.main import app
from streams.event_schemas import FOLDER, publish, published


def run(*arguments: str) -> bytes:
    """What a command prints."""
    done = CliRunner().invoke(app, ["streams", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout_bytes


def test_schemas_are_listed_and_written_as_they_are_published(tmp_path: Path) -> None:
    listed = orjson.loads(run("schemas", "--out", str(tmp_path), "--json"))
    assert {(s["event"], s["version"]) for s in listed} == {(e, v) for e, found in published().items() for v in found}
    newest = {event: max(versions) for event, versions in published().items()}
    assert not any(s["written"] for s in listed)
    assert {s["event"]: s["version"] for s in listed if s["current"]} == newest
    assert len(newest) < len(listed)  # an event of an older version stays readable
    for event, versions in published().items():
        for version, text in versions.items():
            assert (tmp_path / event / f"{version}.json").read_bytes() == text
    assert "积分发放" in run("schemas", "--language", "zh").decode()


def test_what_is_published_anew_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Into a folder in which one is not published yet, so that ours stays as it is.
    copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "DayClosed" / "1.json").unlink()
    monkeypatch.setattr(describing, "publish", lambda: publish(tmp_path))
    listed = orjson.loads(run("schemas", "--publish", "--json"))
    assert [s["event"] for s in listed if s["written"]] == ["DayClosed"]
    assert (tmp_path / "DayClosed" / "1.json").read_bytes() == published()["DayClosed"][1]


def test_the_asyncapi_document_is_printed_or_written(tmp_path: Path) -> None:
    file = tmp_path / "asyncapi.json"
    assert run("asyncapi", "--out", str(file)) == b""
    assert orjson.loads(file.read_bytes()) == orjson.loads(run("asyncapi")) == asyncapi()

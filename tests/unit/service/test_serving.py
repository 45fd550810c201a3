"""When days are closed by the service, which roles there are, and that no line of the log is lost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import orjson
import pytest

from ledger.domain.book import NOTHING_CLOSED
from ledger.domain.errors import Refused
from ledger.domain.values import day_parse
from service.serving.keeper import CloseRule
from service.serving.roles import Role, roles_of

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

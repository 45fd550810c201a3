"""From the writer over the relay to subscribers: the programs that the documents show, as they stand."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from ledger.domain.commands import RegisterCustomer
from ledger.domain.events import POINTS_TOPICS_MOVING
from service.bootstrap import SCHEMA_PREFIX
from service.settings import Settings
from tests.acceptance.test_examples import ROOT, started, until
from tests.ledgers import Books, books_open, fact
from tests.streaming import relaying, set_up
from tests.subscribing import Broker, ledger_name

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as started_here:
        yield started_here


def programs() -> list[str]:
    """The programs of the two pages: the one with Postgres, the one with SQLite."""
    streams = (ROOT / "docs" / "streams.md").read_text("utf-8").split("## Subscribing")[1]
    client = (ROOT / "client" / "README.md").read_text("utf-8").split("## Following a ledger")[1]
    return [re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0] for page in (streams, client)]


async def test_what_the_writer_writes_reaches_the_programs_that_the_documents_show(
    settings: Settings, database_url: str, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUMBLINE_NATS_URL", broker.url)
    ledger = ledger_name()
    schema = f"{ledger}_billing"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
    there = make_conninfo(database_url, options=f"-c search_path={schema}")
    with psycopg.connect(there) as connection:
        connection.execute("CREATE TABLE moved (position bigint, customer text, points bigint)")
    files: list[Path] = []
    for number, program in enumerate(programs()):
        text = program.replace('"main"', f'"{ledger}"')
        text = text.replace('"postgresql:///billing"', repr(there))
        assert ledger in text and "PLUMBLINE_NATS_URL" in text
        files.append(tmp_path / f"program{number}.py")
        files[-1].write_text(text, "utf-8")
    await asyncio.to_thread(set_up, broker.url, ledger)
    with books_open(database_url, SCHEMA_PREFIX + ledger) as books, relaying(settings, ledger, database_url, broker.url):
        books.send(*(RegisterCustomer("crm", r, f"{r} 公司") for r in "ab"))
        with started([sys.executable, str(files[0])], tmp_path) as billing, started([sys.executable, str(files[1])], tmp_path) as counter:
            for n in range(20):
                books.do(fact(f"f{n}", "contract_signed", "2026-01-05", f"C-00000{n % 2 + 1}", amount=1_000_000))
            wanted = moved_of(books)
            await until(lambda: booked(there) == wanted, billing, tmp_path)
            await until(lambda: sum(counted(tmp_path).values()) == books.position, counter, tmp_path)
        assert counted(tmp_path) == Counter(name for _, _, name, _ in books.log())
        assert len(wanted) == 20 and wanted[0][2] == 200_00


def moved_of(books: Books) -> list[tuple[int, str, int]]:
    """What moved points, by the log."""
    return [(p, s, state["points"]) for p, s, name, state in books.log() if name in POINTS_TOPICS_MOVING]


def booked(database: str) -> list[tuple[int, str, int]]:
    """What the program with Postgres has written."""
    with psycopg.connect(database) as connection:
        return [(p, c, n) for p, c, n in connection.execute("SELECT position, customer, points FROM moved").fetchall()]


def counted(folder: Path) -> Counter[str]:
    """What the program with SQLite has counted."""
    if not (folder / "counter.db").exists():
        return Counter()
    connection = sqlite3.connect(folder / "counter.db")
    try:
        return Counter(dict(connection.execute("SELECT type, events FROM counted").fetchall()))
    except sqlite3.OperationalError:
        return Counter()
    finally:
        connection.close()

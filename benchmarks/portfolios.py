"""A person's portfolio and the pool, read out of the views at a million customers, by everybody who may.

What is read is a page of a hundred, as a list has it; the plan stands with each figure (`--json`), and must use an
index on who has a customer.
"""

from __future__ import annotations

import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.lines import Line, Say
from ledger.log.migrate import ledger_schema_create
from ledger.log.queries import queries_load
from projections.relations.portfolios import READS, owners_read, pool_read, portfolio_read, returning_read
from projections.relations.scopes import EVERYTHING, Scope
from service import embedded
from service.settings import Settings

CUSTOMERS: Final = 1_000_000
PEOPLE: Final = 500
MUST_MS: Final = 20.0
_QUERIES = queries_load("benchmarks", "portfolios.sql")
_INDEX: Final = re.compile(r"(?:Index|Bitmap) \w*\s?\w*\s?(?:using|on) (holding\w*)")

OWN: Final = Scope("own", 7, "r7")
REGION: Final = Scope("region", 7, "r7", ("t2",), ("t2",))
Read = Callable[[psycopg.Connection[Any]], list[Any]]

READ: Final[dict[str, Read]] = {
    "portfolio, one's own": lambda c: portfolio_read(c, OWN, 7),
    "portfolio, read by the regional manager": lambda c: portfolio_read(c, REGION, 7),
    "portfolio of who works elsewhere, read by the manager of their team": lambda c: portfolio_read(c, REGION, 50),
    "portfolio, read by an executive": lambda c: portfolio_read(c, EVERYTHING, 7),
    "portfolio, its last page": lambda c: portfolio_read(c, OWN, 7, after=CUSTOMERS * 9 // 10),
    "pool, of one's region": lambda c: pool_read(c, OWN),
    "pool, whole": lambda c: pool_read(c, EVERYTHING),
    "pool, far down": lambda c: pool_read(c, EVERYTHING, before=(CUSTOMERS + CUSTOMERS // 10, 0)),
    "returning to the pool soon": lambda c: returning_read(c, OWN, 20_150),
    "owners as of a position, of one's own": lambda c: owners_read(c, OWN, position=CUSTOMERS * 2, limit=100),
    "owners as of a day, of a region": lambda c: owners_read(c, REGION, day=20_200, limit=100),
    "owners as of a position, of somebody": lambda c: owners_read(c, EVERYTHING, position=CUSTOMERS * 2, staff=7),
}


def run(say: Say, *, quick: bool) -> list[Line]:
    """Measure on an embedded PostgreSQL of its own."""
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    settings = Settings(home=parent / "home")
    try:
        say("starting PostgreSQL")
        return _measure(embedded.database_url(settings), say, 20_000 if quick else CUSTOMERS, 5 if quick else 30)
    finally:
        embedded.servers_down(settings)
        shutil.rmtree(parent)


def _measure(url: str, say: Say, customers: int, rounds: int) -> list[Line]:
    ledger_schema_create(url, "ledger_bench")
    with psycopg.connect(url, options="-c search_path=ledger_bench", autocommit=True) as connection:
        say(f"making {customers:,} customers")
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(_QUERIES["fill"], {"customers": customers, "people": PEOPLE})
        connection.execute(_QUERIES["tidy"])
        return [_line(connection, name, read, rounds, customers) for name, read in READ.items()]


def _line(connection: psycopg.Connection[Any], name: str, read: Read, rounds: int, customers: int) -> Line:
    taken: list[float] = []
    rows = 0
    for _ in range(rounds + 5):  # the first ones are planned each time, the later ones once for all
        started = time.perf_counter()
        rows = len(read(connection))
        taken.append((time.perf_counter() - started) * 1_000)
    taken = taken[5:]
    plan = _plan(connection, read)
    used = sorted(set(_INDEX.findall(plan)))
    if not used:
        raise AssertionError(f"{name} uses no index:\n{plan}")
    more = {"rows": rows, "slowest_ms": round(max(taken), 2), "indexes": used, "plan": plan.splitlines()}
    what = f"{name}, {customers:,} customers"
    most = MUST_MS if name.startswith(("portfolio", "pool")) else None
    return Line(what, "ms", statistics.median(taken), more=more, most=most)


def _plan(connection: psycopg.Connection[Any], read: Read) -> str:
    """How a read is carried out: the same call, explained."""
    rows = READS.rows
    lines: list[str] = []

    def explained(_: object, name: str, scope: Scope, row: type[Any], **params: Any) -> list[Any]:
        params.pop("min_position", None)
        params.pop("timeout_seconds", None)
        query = _QUERIES["explain"] + b"\n" + READS.query(name, scope)
        lines.extend(line for (line,) in connection.execute(query, {**scope.params, **params}))
        return []

    READS.rows = explained  # pyright: ignore[reportAttributeAccessIssue]
    try:
        read(connection)
    finally:
        READS.rows = rows
    return "\n".join(lines)

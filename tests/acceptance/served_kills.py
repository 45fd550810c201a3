"""Rounds of killing under HTTP: a service, Postgres, the follower, at random moments; and what must hold afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random

from psycopg.sql import SQL, Identifier

from ledger.log.columns.reader import Columns
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import LedgerState
from projections import views
from projections.balances import balances_read
from projections.follower import Follower
from projections.places import views_wait
from replay.what_if import recorded_check
from service import embedded
from service.bootstrap import SCHEMA_PREFIX
from service.settings import Settings
from tests.acceptance.kills import postgres_kill
from tests.acceptance.served import LEDGER, WAIT_SECONDS, HttpLoad, Served
from tests.ledgers import Books, log_check, sums_of

KINDS = ("service", "postgres", "follower")
SCHEMA = SCHEMA_PREFIX + LEDGER
DAY_FAR = 30_000


def served_kill_rounds(settings: Settings, rounds: int, seed: int, progress: Callable[[str], None]) -> Counter[str]:
    """Kill so many times under load and check everything after each round; what happened, by kind."""
    random = Random(seed)
    happened: Counter[str] = Counter()
    acknowledged: list[str] = []
    first = Served(settings, "api,writer")
    first.ready()
    served = [first, Served(settings, "api,writer")]
    follower = Served(settings, "follower")
    try:
        served[1].ready()
        for number in range(rounds):
            kind = KINDS[number % len(KINDS)]
            with HttpLoad(f"r{number}", [s.url for s in served], first.key) as load:
                load.more(50)
                time.sleep(random.uniform(0.0, 0.6))
                if kind == "service":
                    victim = random.choice(served)
                    victim.kill()
                    load.more(50)
                    victim.start()
                elif kind == "postgres":
                    postgres_kill(settings)
                else:
                    follower.kill()
                    load.more(50)
                    follower.start()
                load.more(100)
            happened[kind] += 1
            acknowledged += load.acknowledged
            _check(settings, acknowledged)
            progress(f"round {number + 1} of {rounds} ({kind}): {len(acknowledged)} acknowledged, {load.statuses}")
        for process in (*served, follower):
            # One that was begun a moment ago may not heed signals yet.
            process.serving()
            assert process.stop() == 0, process.log()[-3000:]
    finally:
        for process in (*served, follower):
            process.kill()
    _views_check(settings)
    happened["acknowledged"] = len(acknowledged)
    return happened


def _check(settings: Settings, acknowledged: list[str]) -> None:
    """Every acknowledged fact is there once, and balances are what the decisions come to."""
    url = embedded.database_url(settings)
    log_check(url, SCHEMA)
    with recorder_open(url, SCHEMA) as recorder:
        head = recorder.position_head()
        entries = [e for e in Books.log_of(recorder) if e[0] <= head]
        recorded = Counter(s["external_id"] for _, _, n, s in entries if n == "FactRecorded")
        assert set(recorded.values()) == {1}, "recorded twice"
        assert [name for name in acknowledged if name not in recorded] == [], "acknowledged and lost"
        assert len(acknowledged) == len(set(acknowledged))
        with recorder.datastore.get_connection() as connection:
            views_wait(connection, balances_read.views, head, WAIT_SECONDS)
            rows = balances_read(connection, DAY_FAR)
        found = {f"C-{row.customer:06d}": row.balance for row in rows}
        assert found == {c: p for c, p in sums_of(entries).items() if c in found}
        assert set(sums_of(entries)) <= set(found)


def _views_check(settings: Settings) -> None:
    """With everything stopped: views rebuilt are the views as they were, and replay agrees with the record."""
    url = embedded.database_url(settings)
    folder = settings.columns_folder(LEDGER)
    with recorder_open(url, SCHEMA) as recorder:
        # Raises where memory folded from the log and the recorded decisions differ.
        LedgerState.load(None, recorder)
        follower = Follower(recorder, views(folder))
        try:
            assert follower.follow_once() == {}
            for name in follower.views:
                if name == "columns":
                    continue
                before = _dump(recorder, name)
                follower.rebuild(name)
                assert _dump(recorder, name) == before, name
        finally:
            follower.close()
    _, count, differences = recorded_check(Columns.open(folder), 2, lambda done, of: None)
    assert (count, differences) == (0, [])


def _dump(recorder: LogRecorder, view: str) -> list[str]:
    """The rows of a view's tables as text, in order."""
    found: list[str] = []
    with recorder.datastore.get_connection() as connection:
        tables = connection.execute("SELECT name FROM view_table WHERE view = %s ORDER BY name", (view,)).fetchall()
        assert tables, view
        for table in tables:
            query = SQL("SELECT t::text AS row FROM {} t ORDER BY 1").format(Identifier(table["name"]))
            found += [f"{table['name']} {row['row']}" for row in connection.execute(query).fetchall()]
    return found

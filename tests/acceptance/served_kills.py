"""Rounds of killing under HTTP: a service, Postgres, the follower, at random moments; and what must hold afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from ledger.domain.relations.ids import staff_id
from ledger.domain.values import customer_id
from ledger.log.columns.reader import Columns
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.writer import LedgerState
from projections import views
from projections.balances import balances_read
from projections.follower import Follower
from projections.places import views_wait
from projections.relations.ownership import POSITION_LAST
from projections.relations.portfolios import OwnerRow, owners_read
from projections.relations.scopes import EVERYTHING
from replay.ownership.what_if import record_check
from service import embedded
from service.bootstrap import SCHEMA_PREFIX
from service.settings import Settings
from tests.acceptance.kills import postgres_kill
from tests.acceptance.served import LEDGER, WAIT_SECONDS, Served
from tests.acceptance.served_work import FirmLoad, firm_make, work_check
from tests.ledgers import Books, Entry, log_check, sums_of

KINDS = ("service", "postgres", "follower")
SCHEMA = SCHEMA_PREFIX + LEDGER
DAY_FAR = 30_000


def served_kill_rounds(settings: Settings, rounds: int, seed: int, progress: Callable[[str], None]) -> Counter[str]:
    """Kill so many times under load and check everything after each round; what happened, by kind."""
    random = Random(seed)
    happened: Counter[str] = Counter()
    acknowledged: list[str] = []
    work: Counter[str] = Counter()
    first = Served(settings, "api,writer")
    first.ready()
    served = [first, Served(settings, "api,writer")]
    follower = Served(settings, "follower")
    try:
        served[1].ready()
        firm_make(first.url, first.key)
        for number in range(rounds):
            kind = KINDS[number % len(KINDS)]
            with FirmLoad(f"r{number}", [s.url for s in served], first.key) as load:
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
            work = _check(settings, acknowledged)
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
    return happened + work


def _check(settings: Settings, acknowledged: list[str]) -> Counter[str]:
    """Every acknowledged fact and command is there once, balances are what the decisions come to, and every customer is
    somebody's or in the pool. Gives how many commands of relations there are of each kind."""
    url = embedded.database_url(settings)
    log_check(url, SCHEMA)
    with recorder_open(url, SCHEMA) as recorder:
        head = recorder.position_head()
        entries = [e for e in Books.log_of(recorder) if e[0] <= head]
        recorded = Counter(s["external_id"] for _, _, n, s in entries if n == "FactRecorded")
        assert set(recorded.values()) == {1}, "recorded twice"
        facts = [name for name in acknowledged if ":" not in name]
        assert [name for name in facts if name not in recorded] == [], "acknowledged and lost"
        assert len(acknowledged) == len(set(acknowledged))
        work = work_check(entries, acknowledged)
        with recorder.datastore.get_connection() as connection:
            views_wait(connection, (*balances_read.views, *owners_read.views), head, WAIT_SECONDS)
            rows = balances_read(connection, DAY_FAR)
            _owners_check(connection, entries)
        found = {f"C-{row.customer:06d}": row.balance for row in rows}
        sums = sums_of(entries)
        assert found == {customer: sums.get(customer, 0) for customer in found}
        assert set(sums) <= set(found)
    return work


def _owners_check(connection: Connection[Any], entries: Sequence[Entry]) -> None:
    """Each customer is somebody's or in the pool, at every position since it was registered: as the log says now, and
    without gap or overlap before."""
    expected = {stream: "" for _, stream, topic, _ in entries if topic == "CustomerRegistered"}
    for _, stream, topic, state in entries:
        if topic in ("CustomerAssigned", "CustomerPooled"):
            expected[stream] = state["staff"] if topic == "CustomerAssigned" else ""
    found: list[OwnerRow] = []
    while page := owners_read(connection, EVERYTHING, after=found[-1].customer if found else 0):
        found += page
    assert len(found) == len(expected), "more or fewer owners than customers"
    assert {customer_id(row.customer): staff_id(row.staff) for row in found} == expected
    spans = connection.execute(
        "SELECT customer, position_from, position_to, lead(position_from) OVER each AS next FROM holding_history"
        " WINDOW each AS (PARTITION BY customer ORDER BY position_from)"
    ).fetchall()
    assert all(span["position_to"] == (span["next"] or POSITION_LAST) for span in spans)


def _views_check(settings: Settings) -> None:
    """With everything stopped: views rebuilt are the views as they were, and replay agrees with the record."""
    url = embedded.database_url(settings)
    folder = settings.columns_folder(LEDGER)
    with recorder_open(url, SCHEMA) as recorder:
        # Raises where memory folded from the log and the recorded decisions differ.
        relations = LedgerState.load(None, recorder).relations
        owned = Counter(holding.owner for holding in relations.holdings.values() if holding.owner)
        assert owned and all(relations.load[staff] == count for staff, count in owned.items())
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
    proof = record_check(Columns.open(folder), 2, lambda done, of: None)
    assert (proof.points_differ, proof.owners_differ) == (0, 0), (proof.points_first, proof.owners_first)
    assert proof.owners.decisions


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

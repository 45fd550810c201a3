"""A ledger of a test's own on the real Postgres: its log, its state, its writer, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from ledger.domain.commands import Answer, Command, CustomerReference, RecordFact, RegisterCustomer, Request
from ledger.domain.events import POINTS_TOPICS_MOVING
from ledger.domain.values import customer_number
from ledger.log.codec import state_of as event_state
from ledger.log.columns.reader import Columns
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import LogRecorder, recorder_open
from ledger.rules.engine import state_of
from ledger.writer import LedgerState, Writer
from tests.event_messages import last_of_each, messages_check

NOW = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
POINTS_EVENTS = POINTS_TOPICS_MOVING

Entry = tuple[int, str, str, dict[str, Any]]
"""(position, stream, name, state)"""


def fact(
    external_id: str,
    fact_type: str,
    occurred: str,
    customer: str | CustomerReference = "C-000001",
    *,
    revert: bool = False,
    registration: RegisterCustomer | None = None,
    **attributes: object,
) -> RecordFact:
    """A fact of the source "crm"."""
    return RecordFact(
        "crm", external_id, fact_type, customer, occurred, attributes, registration=registration, revert=revert
    )


class Books:
    """A ledger and its writer. `restart` closes the writer and begins again, from the log alone or from columns."""

    def __init__(self, recorder: LogRecorder, *, open_books: bool = True) -> None:
        self.recorder = recorder
        self.now = NOW
        self.state = LedgerState.load(None, recorder)
        self.writer = Writer(recorder, self.state, lambda: self.now)
        if open_books:
            self.writer.open_books("main", "Asia/Shanghai", "alice")

    def restart(self, columns: Columns | None = None) -> None:
        """Stop the writer and load everything again."""
        self.writer.stop()
        self.state = LedgerState.load(columns, self.recorder)
        self.writer = Writer(self.recorder, self.state, lambda: self.now)

    def send(self, *commands: Command, actor: str = "bob", client: str = "", key: str = "") -> list[Answer]:
        """Submit commands together."""
        return self.writer.submit([Request(c, actor, client, key) for c in commands])

    def do(self, command: Command, actor: str = "bob", client: str = "", key: str = "") -> Answer:
        """Submit one command alone."""
        [answer] = self.send(command, actor=actor, client=client, key=key)
        return answer

    def register(self, *references: str, **traits: str) -> list[str]:
        """Register customers of the source "crm"; their ids."""
        return [a.id for a in self.send(*(RegisterCustomer("crm", r, f"{r} 公司", traits) for r in references))]

    def account(self, customer: str = "C-000001") -> dict[str, Any]:
        """The account of a customer in words."""
        return state_of(self.state.program, self.state.records[customer_number(customer) - 1])

    def balance(self, customer: str = "C-000001") -> int:
        """The balance of a customer, in 1/100 point."""
        return self.account(customer)["balance"]

    def log(self, after: int = 0) -> list[Entry]:
        """Every event after a position."""
        return self.log_of(self.recorder, after)

    @staticmethod
    def log_of(recorder: LogRecorder, after: int = 0) -> list[Entry]:
        """Every event of a log after a position."""
        entries: list[Entry] = []
        while rows := recorder.select_range(after, 10_000):
            entries += [(p, s, t, event_state(t, d)) for p, s, _, t, d in rows]
            after = rows[-1][0]
        return entries

    def told(self, after: int) -> list[tuple[str, int]]:
        """What was written after a position: names, and points where there are any."""
        return [(name, state.get("points", 0)) for _, _, name, state in self.log(after)]

    @property
    def position(self) -> int:
        """The head of the log."""
        return self.recorder.position_head()


@contextmanager
def books_open(database_url: str, schema: str, *, pool_size: int = 8) -> Iterator[Books]:
    """A new ledger in a schema of its own, the books opened by alice."""
    ledger_schema_create(database_url, schema)
    with recorder_open(database_url, schema, pool_size=pool_size) as recorder:
        books = Books(recorder)
        try:
            yield books
            # Whatever a test has recorded goes on the wire as its schema says.
            messages_check(last_of_each(recorder))
        finally:
            books.writer.stop()


def log_check(database_url: str, schema: str) -> None:
    """Positions are 1 to the head without a gap, and so are the versions of every stream."""
    with psycopg.connect(database_url, options=f"-c search_path={schema}") as connection:
        row = connection.execute(
            "SELECT count(*), coalesce(max(notification_id), 0), (SELECT position FROM head) FROM event"
        ).fetchone()
        assert row is not None and row[0] == row[1] == row[2]
        torn = connection.execute(
            "SELECT originator_id FROM event GROUP BY originator_id"
            " HAVING count(*) <> max(originator_version) OR min(originator_version) <> 1"
        ).fetchall()
        assert torn == []


def sums_of(entries: list[Entry]) -> Mapping[str, int]:
    """What the recorded decisions come to, customer by customer."""
    sums: dict[str, int] = {}
    for _, stream, name, state in entries:
        if name in POINTS_EVENTS:
            sums[stream] = sums.get(stream, 0) + state["points"]
    return sums

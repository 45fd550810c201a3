"""The view `reminders`: what was said to be due, once each, and whether it still is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.domain.relations.ids import project_number, staff_number, task_number
from ledger.domain.values import day_parse
from ledger.log.queries import queries_load
from projections.places import reads
from projections.relations.rows import columns
from projections.relations.scopes import Reads, Scope
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_of_time

_QUERIES = queries_load("projections.sql", "reminders.sql")
READS: Final = Reads("reads_reminders.sql", "reminders")


@dataclass(slots=True)
class _ReminderRow:
    """A reminder as it is kept. `number`: of the task or project that it is about."""

    position: int
    customer: int
    kind: str
    staff: int
    about: str
    number: int
    due_day: int
    day: int


@dataclass(slots=True)
class ReminderRow:
    """What was said to be due. `kind` as `ReminderDue` has it, `about` the task or the milestone, `title` its name.

    `is_open`: nothing has been done about it yet: nobody talked with the customer since, the task isn't done, the
    milestone isn't reached, the protection isn't over; and the customer is still with whom it was said to.
    """

    position: int
    customer: int
    customer_name: str
    kind: str
    staff: int
    about: str
    title: str
    due_day: int
    day: int
    is_open: bool


class RemindersView:
    """Keeps the table `reminder`."""

    name = "reminders"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("ReminderDue",)

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter what was said."""
        rows = [_reminder(e) for e in batch.of(self.topics)]
        if rows:
            transaction.execute(_QUERIES["reminders_store"], columns(rows))


def _reminder(event: CustomerEvent) -> _ReminderRow:
    said = event.state
    about = said["about"]
    # A milestone is named J-000001/roof.
    number = task_number(about) or project_number(about.partition("/")[0])
    return _ReminderRow(
        event.position, event.customer, said["kind"], staff_number(said["staff"]), about, number,
        day_parse(said["due_on"]), day_of_time(said["recorded_at"]),
    )  # fmt: skip


@reads(*READS.views)
def reminders_read(
    connection: Connection[Any],
    scope: Scope,
    today: int,
    *,
    staff: int | None = None,
    customer: int | None = None,
    kinds: Sequence[str] | None = None,
    only_open: bool = True,
    before: int | None = None,
    limit: int = 100,
) -> list[ReminderRow]:
    """What was said to be due of customers that one sees, and of one's own tasks; the latest first, below the position
    `before`."""
    return READS.rows(
        connection, "reminders", scope, ReminderRow, today=today, staff=staff, customer=customer, kinds=None if kinds
        is None else list(kinds), only_open=only_open, before=before, limit=limit,
    )  # fmt: skip

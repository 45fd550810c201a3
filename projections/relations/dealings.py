"""The work with customers, read: opportunities, talks, next steps, tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.domain.relations.holdings import KEEPS
from projections.places import reads
from projections.relations.scopes import Reads, Scope
from projections.relations.work import FollowUpRow, OpportunityRow, StageRow, TaskRow

READS: Final = Reads("reads_work.sql", "customers", "work", "ownership")
_NUMBER_LAST: Final = 2**63 - 1
GIVES_BACK: Final = ("handover_undone", "unmerge")
"""Why a customer is somebody's who had it before, as it was then."""


@dataclass(slots=True)
class OpportunitySeen(OpportunityRow):
    """An opportunity with the name of its customer."""

    customer_name: str


@dataclass(slots=True)
class TaskSeen(TaskRow):
    """A task with the name of its customer."""

    customer_name: str


@reads(*READS.views)
def opportunities_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    number: int | None = None,
    customer: int | None = None,
    staff: int | None = None,
    team: str | None = None,
    stage: str | None = None,
    channel: str | None = None,
    only_open: bool = False,
    before: int = _NUMBER_LAST,
    limit: int = 100,
) -> list[OpportunitySeen]:
    """Opportunities of customers that one sees, the latest first, with numbers below `before`."""
    return READS.rows(
        connection, "opportunities", scope, OpportunitySeen, number=number, customer=customer, staff=staff, team=team,
        stage=stage, channel=channel, only_open=only_open, before=before, limit=limit,
    )  # fmt: skip


@reads(*READS.views)
def stages_read(
    connection: Connection[Any],
    scope: Scope,
    number: int,
) -> list[StageRow]:
    """The stages that an opportunity went through, in order."""
    return READS.rows(connection, "stages", scope, StageRow, number=number)


@reads(*READS.views)
def follow_ups_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    customer: int | None = None,
    staff: int | None = None,
    before: int = _NUMBER_LAST,
    limit: int = 100,
) -> list[FollowUpRow]:
    """Talks with customers that one sees, the latest first, below the position `before`."""
    return READS.rows(
        connection, "follow_ups", scope, FollowUpRow, customer=customer, staff=staff, before=before, limit=limit
    )


@reads(*READS.views)
def next_steps_read(
    connection: Connection[Any],
    scope: Scope,
    staff: int,
    *,
    limit: int = 100,
) -> list[FollowUpRow]:
    """What was agreed on last with each customer that somebody owns and is not done, as far as one sees it: the first
    due first, what has no day last."""
    return READS.rows(
        connection, "next_steps", scope, FollowUpRow, staff=staff, keeps=sorted(KEEPS), gives_back=list(GIVES_BACK),
        limit=limit,
    )  # fmt: skip


@reads(*READS.views)
def tasks_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    number: int | None = None,
    customer: int | None = None,
    staff: int | None = None,
    doer: int | None = None,
    department: str | None = None,
    only_open: bool = False,
    overdue_on: int | None = None,
    before: int = _NUMBER_LAST,
    limit: int = 100,
) -> list[TaskSeen]:
    """Tasks of customers that one sees, and those that one handed or has to do, or one's department; the latest first,
    with numbers below `before`. `overdue_on`: only those that are overdue on a day."""
    return READS.rows(
        connection, "tasks", scope, TaskSeen, number=number, customer=customer, staff=staff, doer=doer,
        department=department, only_open=only_open, overdue_on=overdue_on, before=before, limit=limit,
    )  # fmt: skip

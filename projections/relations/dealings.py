"""The work with customers, read: opportunities, talks, next steps, tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from projections.relations.scopes import Reads, Scope
from projections.relations.work import FollowUpRow, OpportunityRow, StageRow, TaskRow
from projections.view import WAIT_SECONDS_DEFAULT

READS: Final = Reads("reads_work.sql", "customers", "work")
_NUMBER_LAST: Final = 2**63 - 1


@dataclass(slots=True)
class OpportunitySeen(OpportunityRow):
    """An opportunity with the name of its customer."""

    customer_name: str


@dataclass(slots=True)
class TaskSeen(TaskRow):
    """A task with the name of its customer."""

    customer_name: str


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
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[OpportunitySeen]:
    """Opportunities of customers that one sees, the latest first, with numbers below `before`. Raises ViewBehind."""
    return READS.rows(
        connection, "opportunities", scope, OpportunitySeen, min_position=min_position,
        timeout_seconds=timeout_seconds, number=number, customer=customer, staff=staff, team=team, stage=stage,
        channel=channel, only_open=only_open, before=before, limit=limit,
    )  # fmt: skip


def stages_read(
    connection: Connection[Any],
    scope: Scope,
    number: int,
    *,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[StageRow]:
    """The stages that an opportunity went through, in order. Raises ViewBehind."""
    return READS.rows(
        connection, "stages", scope, StageRow, min_position=min_position, timeout_seconds=timeout_seconds, number=number
    )


def follow_ups_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    customer: int | None = None,
    staff: int | None = None,
    before: int = _NUMBER_LAST,
    limit: int = 100,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[FollowUpRow]:
    """Talks with customers that one sees, the latest first, below the position `before`. Raises ViewBehind."""
    return READS.rows(
        connection, "follow_ups", scope, FollowUpRow, min_position=min_position, timeout_seconds=timeout_seconds,
        customer=customer, staff=staff, before=before, limit=limit,
    )  # fmt: skip


def next_steps_read(
    connection: Connection[Any],
    scope: Scope,
    staff: int,
    *,
    limit: int = 100,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[FollowUpRow]:
    """What was agreed on last with each customer that somebody owns, as far as one sees it: the first due first, what
    has no day last. Raises ViewBehind."""
    return READS.rows(
        connection, "next_steps", scope, FollowUpRow, min_position=min_position, timeout_seconds=timeout_seconds,
        staff=staff, limit=limit,
    )  # fmt: skip


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
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[TaskSeen]:
    """Tasks of customers that one sees, and those that one handed or has to do, or one's department; the latest first,
    with numbers below `before`. `overdue_on`: only those that are overdue on a day. Raises ViewBehind."""
    return READS.rows(
        connection, "tasks", scope, TaskSeen, min_position=min_position, timeout_seconds=timeout_seconds,
        number=number, customer=customer, staff=staff, doer=doer, department=department, only_open=only_open,
        overdue_on=overdue_on, before=before, limit=limit,
    )  # fmt: skip

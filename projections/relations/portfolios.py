"""Who has whom, read: a person's portfolio, owners at any time, the pool, and how much everybody has to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection

from projections.places import reads
from projections.relations.ownership import POSITION_LAST
from projections.relations.scopes import Reads, Scope

READS: Final = Reads("reads_ownership.sql", "customers", "ownership", "arrivals")


@dataclass(slots=True)
class HoldingRow:
    """A customer and who has it; owner 0: the pool.

    `why`, `rule` and `rule_set`: how it came to be so, at the position `since`. `protected_day`: until when nobody else
    may have it. `due_day`: by when it must be followed up, or returns to the pool; with `rhythm_days` above 0 the day
    of the next talk with one who is nurtured, and doesn't return. `announced_day`: the due day that was announced.
    """

    customer: int
    name: str
    region: str
    customer_type: str
    owner: int
    team: str
    why: str
    rule: str
    rule_set: str
    since: int
    since_day: int
    protected_day: int | None
    due_day: int | None
    announced_day: int | None
    next_due_day: int | None
    rhythm_days: int
    followed_day: int | None
    former: int
    pooled_day: int | None
    collaborators: list[int]

    def days_left(self, today: int) -> int | None:
        """How many days until it returns to the pool; None where it doesn't."""
        return None if not self.owner or self.rhythm_days or self.due_day is None else self.due_day - today


@dataclass(slots=True)
class OwnerRow:
    """Who had a customer at some time; staff 0: the pool. `since`: from which position on it was so."""

    customer: int
    name: str
    region: str
    staff: int
    team: str
    why: str
    rule: str
    rule_set: str
    since: int
    since_day: int


@dataclass(slots=True)
class OwnerSpanRow:
    """A time that a customer was somebody's (staff 0: in the pool), from a position to that of the next. `followed_at`:
    the first talk since it was assigned."""

    customer: int
    position_from: int
    position_to: int
    day_from: int
    day_to: int
    staff: int
    team: str
    why: str
    rule: str
    rule_set: str
    cause: int
    assigned_at: datetime
    followed_at: datetime | None


@dataclass(slots=True)
class PoolRow:
    """A customer in the pool, as who may claim it sees it. `former` is 0 where one may not know who had it, or nobody
    did; until `cooldown_day` they can't claim it."""

    customer: int
    name: str
    region: str
    industry: str
    customer_type: str
    scale: str
    why: str
    since: int
    since_day: int
    former: int
    cooldown_day: int | None


@dataclass(slots=True)
class WorkloadRow:
    """What a person owns and has to do: customers (nurtured, overdue and protected ones among them), customers worked
    with beside their owner, open opportunities with their amount in fen, tasks to do."""

    staff: int
    team: str
    role: str
    place: str
    capacity: int
    last_day: int | None
    is_absent: bool
    owned: int
    nurtured: int
    overdue: int
    protected: int
    collaborating: int
    opportunities: int
    amount: int
    tasks: int
    tasks_overdue: int


@dataclass(slots=True)
class TeamWorkloadRow:
    """The same of a team and those below it; `owned_min` and `owned_max`: of a person."""

    team: str
    name: str
    people: int
    capacity: int
    owned: int
    owned_min: int
    owned_max: int
    nurtured: int
    overdue: int
    opportunities: int
    amount: int
    tasks: int
    tasks_overdue: int


@reads(*READS.views)
def portfolio_read(
    connection: Connection[Any],
    scope: Scope,
    staff: int,
    *,
    collaborating: bool = False,
    after: int = 0,
    limit: int = 100,
) -> list[HoldingRow]:
    """What somebody owns, or works with beside its owner, as far as one sees it; customers above `after`."""
    query = "collaborating" if collaborating else "portfolio"
    return READS.rows(connection, query, scope, HoldingRow, staff=staff, after=after, limit=limit)


@reads(*READS.views)
def returning_read(
    connection: Connection[Any],
    scope: Scope,
    through: int,
    *,
    after: tuple[int, int] = (-1, 0),
    limit: int = 100,
) -> list[HoldingRow]:
    """Who returns to the pool by a day unless somebody talks with them, the first ones first; beyond (day,
    customer)."""
    day, customer = after
    return READS.rows(
        connection, "returning", scope, HoldingRow, through=through, after_day=day, after=customer, limit=limit
    )


@reads(*READS.views)
def holding_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
) -> HoldingRow | None:
    """Who has a customer, or the one that it was merged into; None where there is none that one sees."""
    rows = READS.rows(connection, "holding", scope, HoldingRow, customer=customer)
    return rows[0] if rows else None


@reads(*READS.views)
def owners_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    position: int | None = None,
    day: int | None = None,
    staff: int | None = None,
    customers: Sequence[int] | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[OwnerRow]:
    """Who had each customer that one sees now: right after a position, at the end of a day (since 1970-01-01), or now;
    of `staff`, those that they had. By customer, above `after`."""
    if position is None and day is None:
        position = POSITION_LAST - 1
    return READS.rows(
        connection, "owners" if staff is None else "owned", scope, OwnerRow, position=position, day=day, staff=staff,
        after=after, limit=limit, customers=None if customers is None else list(customers),
    )  # fmt: skip


@reads(*READS.views)
def owner_history_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    after: int = 0,
    limit: int = 1_000,
) -> list[OwnerSpanRow]:
    """Everybody who had a customer, and its times in the pool, in order."""
    return READS.rows(
        connection, "owner_history", scope, OwnerSpanRow, customer=customer, after=after, limit=limit
    )


@reads(*READS.views)
def pool_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    cooldown_days: int = 0,
    region: str | None = None,
    before: tuple[int, int] = (POSITION_LAST, 0),
    limit: int = 100,
) -> list[PoolRow]:
    """The pool, for who sells: of their region and of none; all of it for who has no region or sees everything. The
    latest to come first, below (since, customer). `cooldown_days` as the rules have it."""
    regions = [scope.region, ""] if scope.region and scope.kind != "all" else None
    if region is not None:
        regions = [region]
    since, customer = before
    return READS.rows(
        connection, "pool" if regions is None else "pool_of_regions", scope, PoolRow, regions=regions,
        cooldown_days=cooldown_days, before=since, customer=customer, limit=limit,
    )  # fmt: skip


@reads(*READS.views)
def pooled_read(connection: Connection[Any], scope: Scope, customer: int) -> bool:
    """Whether a customer lies in the pool that one may claim from."""
    return READS.has(connection, "pooled", scope, customer=customer)


@reads(*READS.views)
def workload_read(
    connection: Connection[Any],
    scope: Scope,
    today: int,
    *,
    staff: int | None = None,
    team: str | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[WorkloadRow]:
    """How much people have to do: oneself, and whom one leads; who has left only while they own something. By number,
    above `after`."""
    return READS.rows(
        connection, "workload", scope, WorkloadRow, day=today, staff=staff, team=team, after=after, limit=limit
    )


@reads(*READS.views)
def workload_teams_read(
    connection: Connection[Any],
    scope: Scope,
    today: int,
) -> list[TeamWorkloadRow]:
    """The same by team, each with those below it, of the people that one leads."""
    return READS.rows(connection, "workload_teams", scope, TeamWorkloadRow, day=today)

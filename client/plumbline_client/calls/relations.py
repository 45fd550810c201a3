"""Who serves whom: customers as those who serve them see them, owners, the pool, staff, collisions, and the figures.

A key of staff sees what its member's place lets them see; what isn't theirs is told as what isn't there.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, TypeVar

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, part
from plumbline_client.results import (
    Absence,
    Answer,
    Collision,
    Evidence,
    FollowUp,
    FunnelStage,
    Holding,
    Knowledge,
    Lead,
    Opportunity,
    OpportunityDetail,
    Owner,
    OwnerSpan,
    Performance,
    PoolCustomer,
    Profile,
    Project,
    ProjectDetail,
    Reminder,
    SeenCustomer,
    Source,
    StaffMember,
    Task,
    Team,
    TeamPerformance,
    TeamWorkload,
    TimelineEvent,
    Why,
    Workload,
)

T = TypeVar("T")

Language: TypeAlias = Literal["zh", "en"]

ROOT: Final = "/relations"


class RelationsCalls(LedgerCalls):
    """What relations of a ledger are read and written with."""

    def _relation(self, path: str, form: type[T], **params: Any) -> Call[T]:
        return self._read(ROOT + path, form, waits=True, **params)

    def _relate(self, path: str, document: Any, key: str) -> Call[Answer]:
        return self._write(ROOT + path, document, key)


class RelationsReads(RelationsCalls):
    """Reads of relations of a ledger."""

    def seen_customers(
        self, *, search: str | None = None, region: str | None = None, limit: int | None = None
    ) -> Call[Page[SeenCustomer]]:
        """Customers that one sees: all, of a region, or found by part of the name or its pinyin."""
        return self._relation("/customers", Page[SeenCustomer], search=search, region=region, limit=limit)

    def profile(self, customer: str) -> Call[Profile]:
        """What is known of a customer."""
        return self._relation(f"/customers/{part(customer)}", Profile)

    def timeline(
        self,
        customer: str,
        *,
        books: bool | None = None,
        newest_first: bool | None = None,
        event: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[TimelineEvent]]:
        """All that happened with a customer; without `books` no facts and points."""
        return self._relation(
            f"/customers/{part(customer)}/timeline", Page[TimelineEvent], books=_flag(books),
            newest_first=_flag(newest_first), event=event, limit=limit,
        )  # fmt: skip

    def leads(self, customer: str, *, limit: int | None = None) -> Call[Page[Lead]]:
        """The leads of a customer."""
        return self._relation(f"/customers/{part(customer)}/leads", Page[Lead], limit=limit)

    def knowledge(self, *, region: str | None = None, limit: int | None = None) -> Call[Page[Knowledge]]:
        """The unwritten rules of the regions that one sells in."""
        return self._relation("/knowledge", Page[Knowledge], region=region, limit=limit)

    def projects(self, *, customer: str | None = None, limit: int | None = None) -> Call[Page[Project]]:
        """Projects of the customers that one sees."""
        return self._relation("/projects", Page[Project], customer=customer, limit=limit)

    def project(self, project: str) -> Call[ProjectDetail]:
        """A project with its key nodes."""
        return self._relation(f"/projects/{part(project)}", ProjectDetail)

    def owner(self, customer: str) -> Call[Holding]:
        """Who has a customer now, since when and until when."""
        return self._relation(f"/customers/{part(customer)}/owner", Holding)

    def owner_history(self, customer: str, *, limit: int | None = None) -> Call[Page[OwnerSpan]]:
        """Everybody who had a customer, in order."""
        return self._relation(f"/customers/{part(customer)}/owners", Page[OwnerSpan], limit=limit)

    def why(self, customer: str, *, language: Language | None = None, limit: int | None = None) -> Call[Page[Why]]:
        """Why a customer is somebody's, the latest choice first: rule, version, every candidate."""
        return self._relation(f"/customers/{part(customer)}/why", Page[Why], language=language, limit=limit)

    def owners(
        self,
        *,
        as_of: str | None = None,
        position: int | None = None,
        staff: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[Owner]]:
        """Who had each customer: now, at the end of a day, or right after a position of the log."""
        return self._relation("/owners", Page[Owner], as_of=as_of, position=position, staff=staff, limit=limit)

    def portfolio(
        self, staff: str, *, collaborating: bool | None = None, limit: int | None = None
    ) -> Call[Page[Holding]]:
        """What somebody owns; `collaborating`: what they work with beside its owner."""
        return self._relation(
            f"/staff/{part(staff)}/portfolio", Page[Holding], collaborating=_flag(collaborating), limit=limit
        )

    def returning(self, *, through: str | None = None, limit: int | None = None) -> Call[Page[Holding]]:
        """Who returns to the pool by a day unless somebody talks with them."""
        return self._relation("/returning", Page[Holding], through=through, limit=limit)

    def pool(self, *, region: str | None = None, limit: int | None = None) -> Call[Page[PoolCustomer]]:
        """Customers that nobody has, the latest to come first."""
        return self._relation("/pool", Page[PoolCustomer], region=region, limit=limit)

    def staff(
        self, *, team: str | None = None, staff: str | None = None, limit: int | None = None
    ) -> Call[Page[StaffMember]]:
        """Who is on the staff; of a team with those below it."""
        return self._relation("/staff", Page[StaffMember], team=team, staff=staff, limit=limit)

    def teams(self) -> Call[Page[Team]]:
        """The teams, as a tree."""
        return self._relation("/teams", Page[Team])

    def absences(self, *, staff: str | None = None, limit: int | None = None) -> Call[Page[Absence]]:
        """Who is on leave now or later."""
        return self._relation("/absences", Page[Absence], staff=staff, limit=limit)

    def collisions(self, *, only_open: bool | None = None, limit: int | None = None) -> Call[Page[Collision]]:
        """Collisions, the latest first."""
        return self._relation("/collisions", Page[Collision], only_open=_flag(only_open), limit=limit)

    def collision(self, collision: str) -> Call[Collision]:
        """A collision."""
        return self._relation(f"/collisions/{part(collision)}", Collision)

    def collision_evidence(self, collision: str, *, limit: int | None = None) -> Call[Page[Evidence]]:
        """What both sides of a collision did, in order of time; for who may rule it."""
        return self._relation(f"/collisions/{part(collision)}/evidence", Page[Evidence], limit=limit)

    def opportunities(
        self,
        *,
        customer: str | None = None,
        staff: str | None = None,
        team: str | None = None,
        stage: str | None = None,
        channel: str | None = None,
        only_open: bool | None = None,
        limit: int | None = None,
    ) -> Call[Page[Opportunity]]:
        """Opportunities of the customers that one sees, the latest first."""
        return self._relation(
            "/opportunities", Page[Opportunity], customer=customer, staff=staff, team=team, stage=stage,
            channel=channel, only_open=_flag(only_open), limit=limit,
        )  # fmt: skip

    def opportunity(self, opportunity: str) -> Call[OpportunityDetail]:
        """An opportunity with the stages it went through."""
        return self._relation(f"/opportunities/{part(opportunity)}", OpportunityDetail)

    def follow_ups(
        self, *, customer: str | None = None, staff: str | None = None, limit: int | None = None
    ) -> Call[Page[FollowUp]]:
        """Talks with the customers that one sees, the latest first."""
        return self._relation("/follow_ups", Page[FollowUp], customer=customer, staff=staff, limit=limit)

    def next_steps(self, staff: str, *, limit: int | None = None) -> Call[Page[FollowUp]]:
        """What somebody agreed on last with each of their customers, the first due first."""
        return self._relation(f"/staff/{part(staff)}/next_steps", Page[FollowUp], limit=limit)

    def tasks(
        self,
        *,
        customer: str | None = None,
        staff: str | None = None,
        doer: str | None = None,
        department: str | None = None,
        only_open: bool | None = None,
        overdue: bool | None = None,
        limit: int | None = None,
    ) -> Call[Page[Task]]:
        """Tasks of customers that one sees, that one handed or has to do."""
        return self._relation(
            "/tasks", Page[Task], customer=customer, staff=staff, doer=doer, department=department,
            only_open=_flag(only_open), overdue=_flag(overdue), limit=limit,
        )  # fmt: skip

    def task(self, task: str) -> Call[Task]:
        """A task."""
        return self._relation(f"/tasks/{part(task)}", Task)

    def reminders(
        self,
        *,
        customer: str | None = None,
        staff: str | None = None,
        kind: str | None = None,
        only_open: bool | None = None,
        limit: int | None = None,
    ) -> Call[Page[Reminder]]:
        """What was said to be due; with `only_open=False` also what was done meanwhile."""
        return self._relation(
            "/reminders", Page[Reminder], customer=customer, staff=staff, kind=kind, only_open=_flag(only_open),
            limit=limit,
        )  # fmt: skip

    def workload(
        self, *, staff: str | None = None, team: str | None = None, limit: int | None = None
    ) -> Call[Page[Workload]]:
        """How much oneself, and whom one leads, have to do."""
        return self._relation("/workload", Page[Workload], staff=staff, team=team, limit=limit)

    def workload_teams(self) -> Call[Page[TeamWorkload]]:
        """How much teams have to do."""
        return self._relation("/workload/teams", Page[TeamWorkload])

    def funnel(
        self,
        *,
        first: str | None = None,
        last: str | None = None,
        team: str | None = None,
        staff: str | None = None,
        region: str | None = None,
        channel: str | None = None,
    ) -> Call[Page[FunnelStage]]:
        """The funnel of the opportunities opened from a day to a day, stage by stage."""
        return self._relation(
            "/funnel", Page[FunnelStage], **_span(first, last), team=team, staff=staff, region=region, channel=channel
        )

    def sources(
        self, *, first: str | None = None, last: str | None = None, region: str | None = None
    ) -> Call[Page[Source]]:
        """What came through each channel, and what became of it."""
        return self._relation("/sources", Page[Source], **_span(first, last), region=region)

    def performance(
        self,
        *,
        first: str | None = None,
        last: str | None = None,
        staff: str | None = None,
        team: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[Performance]]:
        """How oneself, and whom one leads, do: success, response time, satisfaction."""
        return self._relation(
            "/performance", Page[Performance], **_span(first, last), staff=staff, team=team, limit=limit
        )

    def performance_teams(
        self, *, first: str | None = None, last: str | None = None
    ) -> Call[Page[TeamPerformance]]:
        """How teams do."""
        return self._relation("/performance/teams", Page[TeamPerformance], **_span(first, last))


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _span(first: str | None, last: str | None) -> dict[str, Any]:
    return {"from": first, "to": last}

"""Figures of the work with customers: the funnel, where customers come from, and how teams and people do.

Counts are of opportunities, amounts fen, shares basis points, rounded down. Teams and regions are those that people and
customers have now, so that a corrected record corrects its reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.domain.relations.stages import STAGE_IDS
from projections.places import reads
from projections.relations.scopes import Reads, Scope
from projections.reports import share_bp

READS: Final = Reads("reads_figures.sql", "ownership", "work", "arrivals", "staff")
_LOST: Final = "lost"
_NOT_COUNTED: Final = ("handover_undone", "unmerge")
"""What gives a customer back to who had it isn't an assignment that somebody responds to: the one before goes on."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days since 1970-01-01, both included."""

    first: int
    last: int


@dataclass(slots=True)
class StageFigures:
    """A stage of the funnel, over the opportunities that were opened in a span of days.

    `count` and `amount` stand there now; `reached` and `amount_reached` came so far or further, those that won among
    them. `conversion_bp`: of those that reached the stage before, who reached this one; `overall_bp`: of all. `lost` is
    no stage that one goes beyond: of it, `reached` are those that ended so, and conversion is of all. `stays` and
    `stay_days`: how often one stood there, and for how many days altogether, up to today.
    """

    stage: str
    count: int
    amount: int
    reached: int
    amount_reached: int
    stays: int
    stay_days: int
    conversion_bp: int | None = None
    overall_bp: int | None = None

    @property
    def stay_days_mean(self) -> int | None:
        """How many days one stands there on average, rounded down."""
        return self.stay_days // self.stays if self.stays else None


@dataclass(slots=True)
class SourceFigures:
    """A channel. `customers`: who were registered because of a lead through it. Of the opportunities opened in the
    span: how many, what they are worth, how many are won by now and lost."""

    channel: str
    leads: int
    customers: int
    opportunities: int
    amount: int
    won: int
    amount_won: int
    lost: int


@dataclass(slots=True)
class _Performance:
    talks: int
    talks_decided: int
    talks_progress: int
    answers: int
    satisfaction: int
    won: int
    lost: int
    amount_won: int
    assigned: int
    talked: int
    response_seconds: int
    response_seconds_median: int | None

    @property
    def success_bp(self) -> int | None:
        """Talks that brought progress, of those with an outcome."""
        return share_bp(self.talks_progress, self.talks_decided)

    @property
    def won_bp(self) -> int | None:
        """Opportunities won, of those that ended."""
        return share_bp(self.won, self.won + self.lost)

    @property
    def satisfaction_percent(self) -> int | None:
        """The mean answer in hundredths, 100 to 500."""
        return self.satisfaction * 100 // self.answers if self.answers else None

    @property
    def response_seconds_mean(self) -> int | None:
        """From assignment to the first talk, of the customers talked with."""
        return self.response_seconds // self.talked if self.talked else None


@dataclass(slots=True)
class PersonFigures(_Performance):
    """How somebody does in a span of days. `talks`: by them; `talks_decided` had an outcome, `talks_progress` brought
    progress. `answers`: how often a customer said how content it is, `satisfaction` the sum of 1 to 5. `won`, `lost`:
    opportunities of theirs that ended. `assigned`: customers that came to them and were not taken back by undoing,
    `talked` those talked with since, `response_seconds` until then, altogether and in the middle."""

    staff: int
    team: str


@dataclass(slots=True)
class TeamFigures(_Performance):
    """The same of a team and those below it."""

    team: str
    name: str
    people: int


@reads(*READS.views)
def funnel_read(
    connection: Connection[Any],
    scope: Scope,
    span: Span,
    today: int,
    *,
    team: str | None = None,
    staff: int | None = None,
    region: str | None = None,
    channel: str | None = None,
) -> list[StageFigures]:
    """The funnel of the opportunities opened in a span of days, stage by stage."""
    rows = READS.rows(
        connection, "funnel", scope, StageFigures, first=span.first, last=span.last, today=today, team=team,
        staff=staff, region=region, channel=channel, stages=list(STAGE_IDS), lost=_LOST,
    )  # fmt: skip
    all_of_them = rows[0].reached
    before = all_of_them
    for row in rows:
        row.overall_bp = share_bp(row.reached, all_of_them)
        row.conversion_bp = share_bp(row.reached, all_of_them if row.stage == _LOST else before)
        before = row.reached
    return rows


@reads(*READS.views)
def sources_read(
    connection: Connection[Any],
    scope: Scope,
    span: Span,
    *,
    region: str | None = None,
) -> list[SourceFigures]:
    """What came through each channel in a span of days, and what became of it; what won most first."""
    return READS.rows(
        connection, "sources", scope, SourceFigures, first=span.first, last=span.last, region=region
    )


@reads(*READS.views)
def performance_read(
    connection: Connection[Any],
    scope: Scope,
    span: Span,
    *,
    staff: int | None = None,
    team: str | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[PersonFigures]:
    """How people do in a span of days: oneself, and whom one leads. By number, above `after`."""
    return READS.rows(
        connection, "performance", scope, PersonFigures, first=span.first, last=span.last, staff=staff, team=team,
        not_counted=list(_NOT_COUNTED), after=after, limit=limit,
    )  # fmt: skip


@reads(*READS.views)
def performance_teams_read(
    connection: Connection[Any],
    scope: Scope,
    span: Span,
) -> list[TeamFigures]:
    """The same by team, each with those below it, of the people that one leads."""
    return READS.rows(
        connection, "performance_teams", scope, TeamFigures, first=span.first, last=span.last,
        not_counted=list(_NOT_COUNTED),
    )  # fmt: skip

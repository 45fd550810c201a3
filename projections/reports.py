"""Reports: leaderboards, points by region and industry, points by month, segments, the case's own measures.

What each says, by which formula and from which events: docs/views.md. Region and industry are those that customers have
now, so that a corrected master record corrects its reports.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.values import customer_id, day_text, money_text, month_text, points_text
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from projections.activity import ActivityView
from projections.balances import BalancesView
from projections.customers import CustomersView
from projections.places import reads
from projections.relations.profile import ProfileView
from projections.tiers import TiersView

_QUERIES = queries_load("projections.sql", "reports.sql")
MONTH_MAX: Final = 2**31 - 1
_PERIOD: Final = re.compile(r"([0-9]{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
By = Literal["points", "contribution", "balance"]


@dataclass(frozen=True, slots=True)
class Months:
    """A span of months, both included, counted from 1970-01."""

    first: int
    last: int


EVER: Final = Months(0, MONTH_MAX)


def months_parse(text: str) -> Months:
    """The months of "2026", "2026-Q2", "2026-03" or "all". Raises ValueError."""
    if text == "all":
        return EVER
    match = _PERIOD.fullmatch(text)
    if match is None or not 1970 <= int(match[1]) <= 9999:
        raise ValueError("must be a year (2026), a quarter (2026-Q2), a month (2026-03) or all")
    year = (int(match[1]) - 1970) * 12
    if match[2]:
        return Months(year + 3 * (int(match[2]) - 1), year + 3 * int(match[2]) - 1)
    if match[3]:
        return Months(year + int(match[3]) - 1, year + int(match[3]) - 1)
    return Months(year, year + 11)


@dataclass(frozen=True, slots=True)
class LeaderRow:
    """A place on a leaderboard. `value` in 1/100 point, or in fen for contribution. Equals share a rank; among them the
    lower number stands first. `merged_into`: the customer that this one was merged into; its points stay its own."""

    rank: int
    customer: int
    name: str
    region: str
    industry: str
    value: int
    merged_into: int | None = None

    def document(self, by: By) -> dict[str, Any]:
        """As plain data, points and money as decimal text."""
        text = money_text if by == "contribution" else points_text
        return {
            "rank": self.rank, "customer": customer_id(self.customer), "name": self.name, "region": self.region,
            "industry": self.industry, "value": text(self.value),
            "merged_into": None if self.merged_into is None else customer_id(self.merged_into),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A month of a region and industry. Points in 1/100, net of corrections; contribution in fen."""

    month: int
    region: str
    industry: str
    customers: int
    granted: int
    deducted: int
    expired: int
    redeemed: int
    contribution: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "month": month_text(self.month), "region": self.region, "industry": self.industry,
            "customers": self.customers, "granted": points_text(self.granted), "deducted": points_text(self.deducted),
            "expired": points_text(self.expired), "redeemed": points_text(self.redeemed),
            "contribution": money_text(self.contribution),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class InflationRow:
    """A month of the whole programme, in 1/100 point: `outstanding` is the sum of all balances at its end, `debt_total`
    what customers owe then."""

    month: int
    granted: int
    deducted: int
    reversed: int
    expired: int
    redeemed: int
    debt: int
    outstanding: int
    debt_total: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        points = {f.name: points_text(getattr(self, f.name)) for f in fields(self) if f.name != "month"}
        return {"month": month_text(self.month), **points}


@dataclass(frozen=True, slots=True)
class StandingCount:
    """How many customers bear a tag, grade or tier."""

    kind: str
    name: str
    customers: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Which customers: None asks for nothing. `day_active`: a fact was booked on that day or later, `day_inactive`:
    none was on that day or later (days since 1970-01-01). `levels` are the tiers of the rules in force, the lowest
    first: who has none decided yet is on the one it began on where it is among them, else on the lowest."""

    tag: str | None = None
    grade: str | None = None
    tier: str | None = None
    region: str | None = None
    industry: str | None = None
    day_active: int | None = None
    day_inactive: int | None = None
    levels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A customer of a segment; `day_last` is the last day on which a fact was booked."""

    customer: int
    name: str
    region: str
    industry: str
    customer_type: str
    scale: str
    balance: int
    tier: str | None
    grade: str | None
    tags: list[str] | None
    day_last: int | None

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "customer": customer_id(self.customer), "name": self.name, "region": self.region,
            "industry": self.industry, "customer_type": self.customer_type, "scale": self.scale,
            "balance": points_text(self.balance), "tier": self.tier, "grade": self.grade, "tags": self.tags or [],
            "last_active_on": None if self.day_last is None else day_text(self.day_last),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measures:
    """The sums behind the measures of a period; hours and scores in tenths, satisfaction from 1 to 5."""

    active: int
    signing: int
    returning: int
    contracts: int
    contribution: int
    contribution_top_tenth: int
    facts: int
    projects: int
    complaints: int
    complaints_major: int
    responses: int
    responses_prompt: int
    response_hours: int
    answers: int
    answers_content: int
    satisfaction: int
    scores: int
    score: int

    def document(self, period: Months, customers: int) -> dict[str, Any]:
        """As plain data, of a period and of so many customers in all: each measure with the sums it comes from."""
        return {
            "period_from": month_text(period.first), "period_to": month_text(period.last), "customers": customers,
            "active": self.active, "activity_percent": _percent(self.active, customers),
            "signing": self.signing, "returning": self.returning,
            "repeat_percent": _percent(self.returning, self.signing),
            "contracts": self.contracts, "contribution": money_text(self.contribution),
            "top_tenth_percent": _percent(self.contribution_top_tenth, self.contribution), "projects": self.projects,
            "complaints": self.complaints, "complaints_major": self.complaints_major,
            "complaint_percent": _percent(self.complaints, self.active), "responses": self.responses,
            "response_hours_average": _tenths(self.response_hours, self.responses),
            "response_prompt_percent": _percent(self.responses_prompt, self.responses), "answers": self.answers,
            "satisfaction_average": _tenths(self.satisfaction * 10, self.answers),
            "satisfaction_percent": _percent(self.answers_content, self.answers), "scores": self.scores,
            "score_average": _tenths(self.score, self.scores),
        }  # fmt: skip


def share_bp(part: int, whole: int) -> int | None:
    """A share in basis points, rounded down; None of nothing."""
    return part * 10_000 // whole if whole else None


def _percent(part: int, whole: int) -> str | None:
    share = share_bp(part, whole)
    return None if share is None else points_text(share)


def _tenths(total: int, count: int) -> str | None:
    """An average of tenths with one decimal, rounded down."""
    return None if not count else f"{total // count // 10}.{total // count % 10}"


@reads(ActivityView.name, CustomersView.name, ProfileView.name)
def leaders_of_months(
    connection: Connection[Any],
    by: By,
    months: Months = EVER,
    *,
    region: str | None = None,
    industry: str | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[LeaderRow]:
    """The best by points granted (net of corrections) or contribution in some months. Key: (-value, customer)."""
    params = {
        "by": by, "month_first": months.first, "month_last": months.last, "region": region, "industry": industry,
    }  # fmt: skip
    with connection.cursor(row_factory=class_row(LeaderRow)) as cursor:
        return page_read(cursor, _QUERIES["leaderboard_months"], ("-value", "customer"), params, seek, limit)


@reads(BalancesView.name, CustomersView.name, ProfileView.name)
def leaders_of_balance(
    connection: Connection[Any],
    *,
    region: str | None = None,
    industry: str | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[LeaderRow]:
    """The best by the balance they have now. Key: (-value, customer)."""
    params = {"region": region, "industry": industry}
    with connection.cursor(row_factory=class_row(LeaderRow)) as cursor:
        return page_read(cursor, _QUERIES["leaderboard_balance"], ("-value", "customer"), params, seek, limit)


def leaderboard_read(
    connection: Connection[Any],
    by: By,
    months: Months = EVER,
    *,
    region: str | None = None,
    industry: str | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[LeaderRow]:
    """The best by one or the other."""
    if by == "balance":
        return leaders_of_balance(connection, region=region, industry=industry, seek=seek, limit=limit)
    return leaders_of_months(connection, by, months, region=region, industry=industry, seek=seek, limit=limit)


@reads(ActivityView.name, CustomersView.name)
def heatmap_read(
    connection: Connection[Any], months: Months, *, seek: Seek = BEGINNING, limit: int = 100
) -> list[HeatRow]:
    """Points by month, region and industry, which are their key."""
    params = {"month_first": months.first, "month_last": months.last}
    with connection.cursor(row_factory=class_row(HeatRow)) as cursor:
        return page_read(cursor, _QUERIES["heatmap"], ("month", "region", "industry"), params, seek, limit)


@reads(ActivityView.name)
def inflation_read(connection: Connection[Any], months: Months, *, limit: int = 1_200) -> list[InflationRow]:
    """Points of the whole programme, month by month."""
    params = {"month_first": months.first, "month_last": months.last, "limit": limit}
    with connection.cursor(row_factory=class_row(InflationRow)) as cursor:
        return cursor.execute(_QUERIES["inflation"], params).fetchall()


@reads(TiersView.name)
def standing_read(connection: Connection[Any], levels: Sequence[str] = ()) -> list[StandingCount]:
    """How many customers bear each tag, grade and tier; `levels` as in a segment."""
    with connection.cursor(row_factory=class_row(StandingCount)) as cursor:
        return cursor.execute(_QUERIES["standing_counts"], {"levels": list(levels)}).fetchall()


@reads(CustomersView.name, BalancesView.name, TiersView.name, ActivityView.name)
def segment_read(
    connection: Connection[Any], segment: Segment, *, seek: Seek = BEGINNING, limit: int = 100
) -> list[SegmentRow]:
    """Customers of a segment by number, which is the key."""
    params = {f.name: getattr(segment, f.name) for f in fields(segment)} | {"levels": list(segment.levels)}
    with connection.cursor(row_factory=class_row(SegmentRow)) as cursor:
        return page_read(cursor, _QUERIES["segment"], ("customer",), params, seek, limit)


@reads(ActivityView.name, CustomersView.name)
def measures_read(connection: Connection[Any], periods: Sequence[Months]) -> tuple[int, list[Measures]]:
    """How many customers there are, and the measures of each period."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        count = cursor.execute(_QUERIES["customers_count"]).fetchone()
        assert count is not None
    with connection.cursor(row_factory=class_row(Measures)) as cursor:
        found: list[Measures] = []
        for months in periods:
            params = {"month_first": months.first, "month_last": months.last}
            row = cursor.execute(_QUERIES["measures"], params).fetchone()
            assert row is not None
            found.append(row)
        return count[0], found


def periods_asked(first: int, last: int, months: int) -> list[Months]:
    """As `periods_between`, of a span that somebody asked for. Raises ValueError as that does, and where it is only a
    part of one period: the whole would answer what nobody asked."""
    if first <= last and first // months == last // months and last - first + 1 < months:
        raise ValueError(f"is only a part of a {_PERIODS[months]}; ask by {_SHORTER[months]}")
    return periods_between(first, last, months)


_PERIODS: Final = {1: "month", 3: "quarter", 12: "year"}
_SHORTER: Final = {3: "month", 12: "quarter or month"}


def periods_between(first: int, last: int, months: int) -> list[Months]:
    """The periods of so many months (1, 3 or 12) that touch a span of months, each whole. Raises ValueError where it
    ends before it begins."""
    if last < first:
        raise ValueError("ends before it begins")
    start = first // months * months
    return [Months(m, m + months - 1) for m in range(start, last + 1, months)]

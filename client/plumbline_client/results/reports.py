"""Reports over many customers. docs/views.md of the service has the definitions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from plumbline_client.forms import Points


@dataclass(frozen=True, slots=True)
class Leader:
    """A place on a leaderboard. `value` is points, or CNY for contribution. Equals share a rank. `merged_into`:
    the customer that this one was merged into."""

    rank: int
    customer: str
    name: str
    region: str
    industry: str
    value: Decimal
    merged_into: str | None


@dataclass(frozen=True, slots=True)
class RegionMonth:
    """A month of a region and industry. Points net of corrections, contribution in CNY."""

    month: str
    region: str
    industry: str
    customers: int
    granted: Points
    deducted: Points
    expired: Points
    redeemed: Points
    contribution: Decimal


@dataclass(frozen=True, slots=True)
class InflationMonth:
    """A month of the programme: what was issued and what left it, with its sign; all that is outstanding at its end."""

    month: str
    granted: Points
    deducted: Points
    reversed: Points
    expired: Points
    redeemed: Points
    debt: Points
    outstanding: Points
    debt_total: Points


@dataclass(frozen=True, slots=True)
class Standing:
    """How many customers bear a tag, grade or tier."""

    kind: str
    name: str
    title: dict[str, str] | None
    customers: int


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of a period, each with the sums it comes from. Shares are percent, None of nothing."""

    period_from: str
    period_to: str
    customers: int
    active: int
    activity_percent: Decimal | None
    signing: int
    returning: int
    repeat_percent: Decimal | None
    contracts: int
    contribution: Decimal
    top_tenth_percent: Decimal | None
    projects: int
    complaints: int
    complaints_major: int
    complaint_percent: Decimal | None
    responses: int
    response_hours_average: Decimal | None
    response_prompt_percent: Decimal | None
    answers: int
    satisfaction_average: Decimal | None
    satisfaction_percent: Decimal | None
    scores: int
    score_average: Decimal | None


@dataclass(frozen=True, slots=True)
class SegmentCustomer:
    """A customer of a segment. `last_active_on` is the last day on which a fact was booked."""

    customer: str
    name: str
    region: str
    industry: str
    customer_type: str
    scale: str
    balance: Points
    tier: str | None
    grade: str | None
    tags: list[str]
    last_active_on: str | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """A rule with effective dates and what it came to; points net of corrections, `awards` are those that stand."""

    rule_set: str
    rule: str
    title: dict[str, str]
    effective_from: str | None
    effective_to: str | None
    proposed: int
    customers: int
    awards: int
    points: Points
    position_first: int | None
    position_last: int | None


@dataclass(frozen=True, slots=True)
class CampaignMonth:
    """A campaign's month."""

    month: str
    awards: int
    points: Points


@dataclass(frozen=True, slots=True)
class CampaignCustomer:
    """What a customer got from a campaign."""

    customer: str
    name: str
    awards: int
    points: Points
    position_first: int
    position_last: int


@dataclass(frozen=True, slots=True)
class CampaignDetail(Campaign):
    """A campaign with its months and who got most from it; it contains the log up to `position` at least."""

    months: list[CampaignMonth]
    best: list[CampaignCustomer]
    position: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. `value` is what was found (points lost, or complaints), `compared` what it is held against (the balance
    before, or the complaints of three windows before), `positions` the events behind it."""

    kind: str
    customer: str
    name: str
    window_from: str
    window_to: str
    value: Decimal
    compared: Decimal
    method: dict[str, str]
    positions: list[int]

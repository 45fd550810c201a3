"""Reports over many customers. A period is a year (2026), a quarter (2026-Q1), a month (2026-03) or `all`."""

from __future__ import annotations

from typing import Any, Literal

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, ReportPage, part
from plumbline_client.results import (
    Alert,
    Campaign,
    CampaignDetail,
    InflationMonth,
    Leader,
    Measures,
    RegionMonth,
    SegmentCustomer,
    Standing,
)


class ReportCalls(LedgerCalls):
    """Reports of a ledger."""

    def leaderboard(
        self,
        *,
        by: Literal["points", "contribution", "balance"] | None = None,
        period: str | None = None,
        region: str | None = None,
        industry: str | None = None,
        limit: int | None = None,
    ) -> Call[ReportPage[Leader]]:
        """The best customers by points granted, by contribution in CNY, or by balance."""
        return self._read(
            "/reports/leaderboard", ReportPage[Leader], waits=True, by=by, period=period, region=region,
            industry=industry, limit=limit,
        )  # fmt: skip

    def regions(self, *, period: str | None = None, limit: int | None = None) -> Call[ReportPage[RegionMonth]]:
        """Points by region and industry, month by month."""
        return self._read("/reports/regions", ReportPage[RegionMonth], waits=True, period=period, limit=limit)

    def inflation(self, *, period: str | None = None) -> Call[ReportPage[InflationMonth]]:
        """Points issued, redeemed and expired, month by month."""
        return self._read("/reports/inflation", ReportPage[InflationMonth], waits=True, period=period)

    def standing(self) -> Call[ReportPage[Standing]]:
        """How many customers bear each tag, credit grade and tier."""
        return self._read("/reports/standing", ReportPage[Standing], waits=True)

    def measures(
        self,
        *,
        by: Literal["month", "quarter", "year"] | None = None,
        month_from: str | None = None,
        month_to: str | None = None,
    ) -> Call[ReportPage[Measures]]:
        """Repeat cooperation, activity, satisfaction and complaint rate by period."""
        return self._read(
            "/reports/measures", ReportPage[Measures], waits=True, by=by, month_from=month_from, month_to=month_to
        )

    def segment(
        self,
        *,
        tag: str | None = None,
        grade: str | None = None,
        tier: str | None = None,
        region: str | None = None,
        industry: str | None = None,
        active_days: int | None = None,
        inactive_days: int | None = None,
        limit: int | None = None,
    ) -> Call[ReportPage[SegmentCustomer]]:
        """Customers by tag, grade, tier and activity."""
        wanted = _segment(tag, grade, tier, region, industry, active_days, inactive_days)
        return self._read("/reports/segment", ReportPage[SegmentCustomer], waits=True, **wanted, limit=limit)

    def segment_export(
        self,
        *,
        tag: str | None = None,
        grade: str | None = None,
        tier: str | None = None,
        region: str | None = None,
        industry: str | None = None,
        active_days: int | None = None,
        inactive_days: int | None = None,
    ) -> Call[bytes]:
        """The same customers as a CSV file for spreadsheets, whole."""
        wanted = _segment(tag, grade, tier, region, industry, active_days, inactive_days)
        return self._read("/reports/segment/export", bytes, waits=True, **wanted, file="csv")

    def campaigns(self, *, limit: int | None = None) -> Call[ReportPage[Campaign]]:
        """Campaigns: rules with effective dates."""
        return self._read("/reports/campaigns", ReportPage[Campaign], waits=True, limit=limit)

    def campaign(self, rule_set: str, rule: str) -> Call[CampaignDetail]:
        """A campaign's own report."""
        return self._read(f"/reports/campaigns/{part(rule_set)}/{part(rule)}", CampaignDetail, waits=True)

    def alerts(
        self,
        *,
        kind: Literal["points_plunge", "complaint_surge"] | None = None,
        on: str | None = None,
        limit: int | None = None,
    ) -> Call[ReportPage[Alert]]:
        """Who lost points sharply, who complains more than usual, as of a day's end; both where no kind is given."""
        return self._read("/reports/alerts", ReportPage[Alert], waits=True, kind=kind, on=on, limit=limit)


def _segment(
    tag: str | None,
    grade: str | None,
    tier: str | None,
    region: str | None,
    industry: str | None,
    active_days: int | None,
    inactive_days: int | None,
) -> dict[str, Any]:
    return {
        "tag": tag, "grade": grade, "tier": tier, "region": region, "industry": industry, "active_days": active_days,
        "inactive_days": inactive_days,
    }  # fmt: skip

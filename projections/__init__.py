"""The read side: one file per view of the log, and the follower that feeds them all.

A view stores the position it has read up to in the same transaction as its rows, so it can be thrown away and
rebuilt, and it is never ahead of or behind what it says. Imports `ledger` and nothing else of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from projections.activity import ActivityView
from projections.balances import BalancesView
from projections.campaigns import CampaignsView
from projections.columns import ColumnsView
from projections.customers import CustomersView
from projections.entitlements import EntitlementsView
from projections.history import HistoryView
from projections.redemptions import RedemptionsView
from projections.relations.arrivals import ArrivalsView
from projections.relations.ownership import OwnershipView
from projections.relations.profile import ProfileView
from projections.relations.reminders import RemindersView
from projections.relations.staff import StaffView
from projections.relations.timeline import TimelineView
from projections.relations.work import WorkView
from projections.search import SearchView
from projections.tiers import TiersView
from projections.view import View


def views(columns_folder: Path) -> list[View]:
    """All views of a ledger, new ones each time; the columns go to this folder."""
    return [
        CustomersView(), BalancesView(), TiersView(), HistoryView(), SearchView(), ActivityView(),
        CampaignsView(), RedemptionsView(), EntitlementsView(),
        StaffView(), OwnershipView(), ProfileView(), WorkView(), ArrivalsView(), RemindersView(),
        TimelineView(), ColumnsView(columns_folder),
    ]  # fmt: skip


VIEW_NAMES: Final = tuple(view.name for view in views(Path()))

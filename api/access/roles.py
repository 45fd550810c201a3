"""Roles and what each may do. A route names the one permission that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a route asks for. PUBLIC asks for nothing, not even a key."""

    PUBLIC = "public"
    LEDGERS_READ = "ledgers.read"
    LEDGERS_WRITE = "ledgers.write"
    FACTS_WRITE = "facts.write"
    POINTS_ADJUST = "points.adjust"
    """Move points by hand, and correct where somebody did."""
    CUSTOMERS_READ = "customers.read"
    CUSTOMERS_WRITE = "customers.write"
    POINTS_READ = "points.read"
    """One customer's balance, tier, tags, history and explanations: the customer's own key may, too."""
    VIEWS_READ = "views.read"
    """Leaderboards, segments, campaigns, alerts: figures over many customers."""
    EVENTS_READ = "events.read"
    RULES_READ = "rules.read"
    RULES_PROPOSE = "rules.propose"
    RULES_APPROVE = "rules.approve"
    REPLAYS_READ = "replays.read"
    REPLAYS_RUN = "replays.run"
    IMPORTS_READ = "imports.read"
    IMPORTS_WRITE = "imports.write"
    DAYS_CLOSE = "days.close"
    VIEWS_REBUILD = "views.rebuild"
    SCHEMAS_READ = "schemas.read"
    METRICS_READ = "metrics.read"
    KEYS_MANAGE = "keys.manage"
    SENDERS_MANAGE = "senders.manage"
    """Who may send facts by signed webhook, and by which mapping."""
    REDEMPTIONS_WRITE = "redemptions.write"
    """Reserve, commit, void and reverse redemptions, move stock, use entitlements."""
    RELATIONS_READ = "relations.read"
    """Who serves whom, and the work with customers: a member of staff sees what their place lets them see."""
    RELATIONS_WRITE = "relations.write"
    FINANCE_READ = "finance.read"
    """Reconciliation, liability, the journal."""
    FINANCE_WRITE = "finance.write"
    """Match payments, propose, approve and undo, sign months off."""


class Role(StrEnum):
    """What a key is for."""

    ADMIN = "admin"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SERVICE = "service"
    CUSTOMER = "customer"
    STAFF = "staff"


_ALL: Final = frozenset(Permission)
_READS: Final = frozenset(p for p in Permission if p.value.endswith(".read")) | {Permission.PUBLIC}

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMIN: _ALL,
    Role.OPERATOR: _ALL - {Permission.KEYS_MANAGE, Permission.SENDERS_MANAGE, Permission.LEDGERS_WRITE},
    Role.AUDITOR: _READS,
    Role.SERVICE: frozenset(
        {
            Permission.PUBLIC,
            Permission.LEDGERS_READ,
            Permission.FACTS_WRITE,
            Permission.REDEMPTIONS_WRITE,
            Permission.CUSTOMERS_READ,
            Permission.CUSTOMERS_WRITE,
            Permission.POINTS_READ,
            Permission.VIEWS_READ,
            Permission.EVENTS_READ,
            Permission.RULES_READ,
            Permission.SCHEMAS_READ,
            Permission.METRICS_READ,
            Permission.RELATIONS_READ,
        }
    ),
    Role.CUSTOMER: frozenset({Permission.PUBLIC, Permission.POINTS_READ}),
    # Nothing that reads over all customers: what a member of staff may see is decided by reads of relations alone.
    Role.STAFF: frozenset({Permission.PUBLIC, Permission.RELATIONS_READ, Permission.RELATIONS_WRITE}),
}
"""The permissions of each role."""

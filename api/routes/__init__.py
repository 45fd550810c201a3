"""The routes, a module for each thing they are about."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from api.routing import Router

MODULES: Final = (
    "facts", "balances", "bulk", "standing", "history", "customers", "customers_read", "explanations", "ledgers",
    "log_read", "jobs", "replays", "imports", "quarantine", "reports", "segments", "watch", "rules", "rules_read",
    "keys", "system", "redemptions", "redemptions_write",
    "relations.customers", "relations.owners", "relations.work", "relations.figures", "relations.staff",
    "relations.writes", "relations.leads", "finance.reads", "finance.writes", "event_schemas",
)  # fmt: skip
"""Their order is the order of matching: the busiest come first."""


def routers() -> list[Router]:
    """The routers of all modules."""
    return [import_module(f"api.routes.{name}").router for name in MODULES]

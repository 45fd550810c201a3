"""The routes, a module for each thing they are about."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

from api.routing import Router

MODULES: Final = (
    "facts", "balances", "bulk", "standing", "history", "customers", "customers_read", "explanations", "ledgers",
    "log_read", "log_wire", "jobs", "replays", "imports", "quarantine", "reports", "segments", "watch", "rules",
    "rules_read", "keys", "senders", "webhooks_in", "webhooks.subscriptions", "webhooks.deliveries", "system",
    "redemptions", "entitlements", "redemptions_write",
    "relations.customers", "relations.owners", "relations.work", "relations.figures", "relations.staff",
    "relations.writes", "relations.leads", "finance.reads", "finance.writes", "event_schemas",
    "problem_codes",
)  # fmt: skip
"""Their order is the order of matching: the busiest come first."""

MODULES_WATCHED: Final = ("system",)
"""Of a process that serves nothing but whether it lives, is ready, and its figures."""


def routers(modules: Sequence[str] = MODULES) -> list[Router]:
    """The routers of modules, by default of all."""
    return [import_module(f"api.routes.{name}").router for name in modules]

"""Every command, each imported and made when it is asked for: nobody waits for what the others need."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command_name, get_group

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "servers": ("up", "down", "status"),
    "serving": ("serve",),
    "keys": ("keys",),
    "backing": ("backup", "restore"),
    "ledgers": ("ledgers", "fact-types", "close"),
    "importing": ("import", "mappings", "quarantine"),
    "customers": ("customers", "history"),
    "reports": ("report",),
    "recording": ("record", "adjust", "customer", "rebuild"),
    "redeeming": ("catalogue", "entitlements", "redeem", "stock"),
    "relations": (
        "lead", "assign", "claim", "release", "reassign", "handover", "handover-undo", "collisions",
        "collision-evidence", "collision-rule", "follow-up", "contact", "knowledge", "erase", "project", "milestone",
        "merge", "unmerge", "owners", "pool", "portfolio", "why", "funnel", "sources", "performance", "workload",
        "reminders", "staff", "team", "collaborator", "nurture", "opportunity", "task", "profile",
    ),
    "finance": ("journal", "liability", "reconcile", "honours", "settle"),
    "rules": ("rules",),
    "replaying": ("replay",),
    "streams": ("streams",),
    "webhooks": ("webhooks",),
    "demo": ("demo",),
}  # fmt: skip
"""By module of `service.commands`: what its `register` adds, in the order in which --help tells them."""

_MODULES: Final = {name: module for module, names in COMMANDS.items() for name in names}


class CommandTree(TyperGroup):
    """The commands of COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them, None where there is none of this name."""
        if cmd_name in _MODULES and cmd_name not in self.commands:
            self.commands[cmd_name] = _command(cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant; an error that names those it may have meant, where there is none."""
        if args and args[0] not in _MODULES:
            for name in _MODULES:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def module_registered(module: str) -> typer.Typer:
    """What a module adds, in an app of its own."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    import_module(f"service.commands.{module}").register(app)
    return app


def _command(name: str) -> Any:
    app = module_registered(_MODULES[name])
    # Making a command takes milliseconds, of which those that aren't asked for would take their part.
    app.registered_commands = [
        c for c in app.registered_commands if name == (c.name or get_command_name(getattr(c.callback, "__name__", "")))
    ]
    app.registered_groups = [g for g in app.registered_groups if name == g.name]
    return get_group(app).commands[name]

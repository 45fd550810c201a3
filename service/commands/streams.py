"""streams: the events of a ledger on NATS."""

from __future__ import annotations

import typer

from service.commands import guarding

streams_app = typer.Typer(help="Events on NATS. 事件流。", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    guarding.register(streams_app)
    app.add_typer(streams_app, name="streams")

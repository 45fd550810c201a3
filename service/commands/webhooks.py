"""webhooks: messages by HTTP, signed, from other systems and to them."""

from __future__ import annotations

import typer

from service.commands.senders import senders_app

webhooks_app = typer.Typer(help="Signed webhooks. 签名回调。", no_args_is_help=True, rich_markup_mode=None)
webhooks_app.add_typer(senders_app, name="senders")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(webhooks_app, name="webhooks")

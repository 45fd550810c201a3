"""webhooks: signed messages by HTTP. `subscribing.py` (whom we call about what), `delivering.py` (what became of it),
`senders.py` (who may call us)."""

import typer

from service.commands.webhooks import delivering, senders, subscribing


def register(app: typer.Typer) -> None:
    """Add these commands."""
    webhooks = typer.Typer(help="Signed webhooks. 签名回调。", no_args_is_help=True, rich_markup_mode=None)
    for module in (subscribing, delivering, senders):
        module.register(webhooks)
    app.add_typer(webhooks, name="webhooks")

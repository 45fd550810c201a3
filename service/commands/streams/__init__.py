"""streams: what other services follow on NATS. `standing.py` (set up, look), `describing.py` (schemas, AsyncAPI),
`guarding.py` (permissions, subscribers, checking against the log, rebuilding)."""

import typer

from service.commands.streams import describing, guarding, standing


def register(app: typer.Typer) -> None:
    """Add these commands."""
    streams = typer.Typer(help="Streams that other services follow. 事件流。", no_args_is_help=True, rich_markup_mode=None)
    for module in (standing, describing, guarding):
        module.register(streams)
    app.add_typer(streams, name="streams")

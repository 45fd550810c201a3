"""What finance asks: the journal and its check, the liability, reconciliation with payments, the year's honours."""

from __future__ import annotations

import typer

from service.commands.finance import honours, journal, liability, reconciling


def register(app: typer.Typer) -> None:
    """Add these commands."""
    journal.register(app)
    liability.register(app)
    reconciling.register(app)
    honours.register(app)

"""Commands about who serves whom: `people.py` (staff and teams), `assigning.py` (leads, owners, handovers, collisions),
`working.py` (talks, opportunities, tasks), `profiles.py` (what is known of customers), `owners.py` (owners, the pool,
portfolios), `figures.py` (funnel, sources, performance, reminders)."""

import typer

from service.commands.relations import assigning, figures, owners, people, profiles, working


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for module in (people, assigning, working, profiles, owners, figures):
        module.register(app)

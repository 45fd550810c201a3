"""demo: a seeded contractor's three years, from facts to a what-if."""

from __future__ import annotations

from typing import Annotated

import typer

from service.demo.story import demo_run
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, output_of
from service.settings import Settings


def demo(
    yes: Annotated[
        bool, typer.Option("--yes", help="Also in a database of your own: its ledger `demo` is made anew.")
    ] = False,
    actor: ActorOption = ACTOR_DEFAULT, json: JsonOption = False, language: LanguageOption = "en"
) -> None:
    """Show the whole on an invented contractor's three years, in a ledger of its own. 演示。"""
    demo_run(Settings.from_environment(), output_of(json, language), actor, yes=yes)


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(demo)

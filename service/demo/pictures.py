"""Charts for a terminal: bars of block characters, in whole eighths, that line up under Chinese labels too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.output import Terminal

WIDTH_DEFAULT = 100
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a label, how long it is, and what is written behind it."""

    label: str
    value: int
    text: str
    style: str = "cyan"


def console_of() -> Console:
    """Standard output: as wide as the terminal, 100 columns where there is none."""
    console = Terminal(highlight=False)
    return console if console.is_terminal else Terminal(highlight=False, width=WIDTH_DEFAULT)


def blocks(value: int, largest: int, width: int) -> str:
    """A bar `width` columns wide for the largest value. Zero and less is empty, anything above is seen."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, min(value, largest) * width * 8 // largest)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def bars(rows: Sequence[Bar], width: int = 50) -> Table:
    """Bars under each other, the longest `width` columns wide."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="left", no_wrap=True)
    table.add_column(width=width, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    largest = max((row.value for row in rows), default=0)
    for row in rows:
        table.add_row(row.label, Text(blocks(row.value, largest, width), style=row.style), row.text)
    return table


def plain_table(
    headers: Sequence[str], rows: Sequence[Sequence[str | Text]], right: Sequence[int] = ()
) -> Table:
    """A table without lines; `right` are the columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for i, header in enumerate(headers):
        table.add_column(header, justify="right" if i in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def heading(console: Console, words: str) -> None:
    """Begin a section."""
    console.print()
    console.rule(f"[bold]{words}[/bold]", align="left", style="dim")

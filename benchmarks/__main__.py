"""Run the measurements: `python -m benchmarks [--only append|writer|…] [--quick] [--json]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks import append, assignment, follower, http, portfolios, rebuild, reconciliation, relay, replay, writer
from benchmarks.lines import Line

BENCHES: dict[str, Callable[..., list[Line]]] = {
    "append": append.run, "writer": writer.run, "replay": replay.run,
    "assignment": assignment.run, "portfolios": portfolios.run,
    "reconciliation": reconciliation.run, "follower": follower.run, "relay": relay.run, "rebuild": rebuild.run,
    "http": http.run,
}  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Print the table, or JSON. 1 where something that must be reached is not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What the engine and the log can do.")
    parser.add_argument("--only", choices=BENCHES, help="one of them")
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works, not how fast")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    options = parser.parse_args(arguments)
    lines: list[Line] = []
    progress = Console(stderr=True)
    for name in [options.only] if options.only else list(BENCHES):
        with progress.status(name) as status:

            def say(text: str, name: str = name, show: Callable[[str], None] = status.update) -> None:
                show(f"{name}: {text}")

            lines += BENCHES[name](say, quick=options.quick)
    if options.json:
        print(orjson.dumps([line.as_data() for line in lines], option=orjson.OPT_INDENT_2).decode())
    else:
        Console().print(_table(lines, quick=options.quick))
    return int(not options.quick and any(line.reached is False for line in lines))


def _table(lines: Sequence[Line], *, quick: bool) -> Table:
    table = Table(caption="--quick: too small to tell how fast it is" if quick else None)
    for heading in ("what", "measured", "peer in the same run", "ratio", "must reach", "reached"):
        table.add_column(heading, justify="left" if heading in ("what", "peer in the same run") else "right")
    for line in lines:
        peer = f"{line.peer}: {_figure(line.peer_measured, line.unit)}" if line.peer_measured else ""
        ratio = f"{line.ratio:.2f}" if line.ratio is not None else ""
        must = ""
        for limit, sign in ((line.must, "≥"), (line.most, "≤")):
            if limit is not None:
                must = f"{sign} {limit:g} times" if line.ratio is not None else f"{sign} {_figure(limit, line.unit)}"
        reached = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[line.reached]
        table.add_row(line.what, _figure(line.measured, line.unit), peer, ratio, must, reached)
    return table


def _figure(value: float, unit: str) -> str:
    return f"{value / 1e6:,.2f} M {unit}" if value >= 1e6 else f"{value:,.0f} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Replaying ten million facts under the standard rules on two threads, from Parquet to per-customer result.

Each run is made in a process of its own that has the files and the compiled kernel warm but nothing else, so that its
peak memory is its own.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks import duckdb_peer
from benchmarks.facts import SPAN_MONTHS, Facts, facts_write
from benchmarks.lines import Line, Say, seconds
from ledger.log.columns.reader import Columns
from ledger.rules.compile import Program
from ledger.rules.engine import batch_of, records_new, run as engine_run
from replay.run import ROWS_PER_PART, scenario_compile, scenario_run
from replay.scenario import scenario_recorded

FACTS: Final = 10_000_000
FACTS_QUICK: Final = 500_000
CUSTOMERS_PER_FACT: Final = 1 / 100
TAIL_SHARE: Final = 0.01
"""How much came in after the last merging: less than what the follower would merge when nothing waits."""
THREADS: Final = 2
RATE_MUST: Final = 8e6
RUNS: Final = 5


def run(say: Say, *, quick: bool) -> list[Line]:
    """Generate, replay, take apart; then the same facts by DuckDB."""
    count = FACTS_QUICK if quick else FACTS
    parent = Path(tempfile.mkdtemp(prefix="plumbline-bench-"))
    try:
        say(f"generating {count:,} facts")
        made = facts_write(
            parent, count, int(count * CUSTOMERS_PER_FACT), tail_facts=int(count * TAIL_SHARE),
            progress=lambda done: say(f"generating facts: {done:,} of {count:,}"),
        )  # fmt: skip
        columns = Columns.open(parent)
        return [*_replay(columns, made, say, quick=quick), *duckdb_peer.run(columns, made, THREADS, say)]
    finally:
        shutil.rmtree(parent)


def _replay(columns: Columns, made: Facts, say: Say, *, quick: bool) -> list[Line]:
    scenario = scenario_recorded(columns)
    program = scenario_compile(columns, scenario, SPAN_MONTHS)
    label = f"replay of {made.facts / 1e6:g} million facts"
    with ThreadPoolExecutor(THREADS) as pool:

        def whole(keep: bool) -> Callable[[], object]:
            return lambda: scenario_run(columns, scenario, pool, keep=keep, span=SPAN_MONTHS)

        best = _best("replaying", whole(False), say)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        kept = _best("replaying, awards and digest kept", whole(True), say, runs=2)
        parts = max(1, -(-columns.inputs_count // ROWS_PER_PART))
        reading = _best(
            "reading alone",
            lambda: list(pool.map(lambda p: len(columns.rows(p, parts, program.weighed)), range(parts))),
            say,
        )
    kernel = _kernel(columns, program, say)
    more = {
        "facts": made.facts, "rows": made.rows, "customers": made.customers, "threads": THREADS,
        "files": len([s for s in columns.manifest.segments if "inputs" in s.files]),
        "bytes_on_disk": columns.manifest.size_bytes(), "seconds": best, "memory_peak_mib": round(peak),
    }  # fmt: skip
    return [
        Line(label, "facts/s", made.facts / best, must=None if quick else RATE_MUST, more=more),
        Line("  with awards kept and digest", "facts/s", made.facts / kept, more={"seconds": kept}),
        Line("  reading alone", "facts/s", made.facts / reading, more={"seconds": reading}),
        Line("  engine alone, one thread", "facts/s", kernel),
        Line("  peak memory of the process", "MiB", round(peak)),
    ]


def _kernel(columns: Columns, program: Program, say: Say) -> float:
    """Rows a second that one thread folds, once they are read."""
    parts = max(1, -(-columns.inputs_count // ROWS_PER_PART))
    part = parts // 2
    batch = batch_of(columns.rows(part, parts, program.weighed), columns.accounts(part, parts), is_sorted=True)
    closings = columns.closings()
    return len(batch.rows) / _best(
        "the engine alone",
        lambda: engine_run(program, batch, records_new(program, len(batch.accounts)), closings, detail=False),
        say,
    )


def _best(what: str, action: Callable[[], object], say: Say, runs: int = RUNS) -> float:
    """Seconds of the best of some runs after one that warms up: what it costs when nothing disturbs it."""
    taken: list[float] = []
    for number in range(runs + 1):
        say(f"{what}: run {number} of {runs}" if number else f"{what}: warming up")
        taken.append(seconds(action))
    return min(taken[1:])

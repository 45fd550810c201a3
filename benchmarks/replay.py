"""Replaying ten million facts under the standard rules on two threads, from Parquet to per-customer result.

The runs are made in a process of their own, with the files and the compiled kernel warm, so that its peak memory is
that of replaying alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

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
RATE_MUST: Final = 12e6
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
    say("replaying, in a process of its own")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        taken = process.submit(measured, columns.folder).result()
    more = {
        "facts": made.facts, "rows": made.rows, "customers": made.customers, "threads": THREADS,
        "files": len([s for s in columns.manifest.segments if "inputs" in s.files]),
        "bytes_on_disk": columns.manifest.size_bytes(), "seconds": taken.whole, "memory_peak_mib": taken.peak_mib,
    }  # fmt: skip
    label = f"replay of {made.facts / 1e6:g} million facts"
    return [
        Line(label, "facts/s", made.facts / taken.whole, must=None if quick else RATE_MUST, more=more),
        Line("  with awards kept and digest", "facts/s", made.facts / taken.kept, more={"seconds": taken.kept}),
        Line("  reading alone", "facts/s", made.facts / taken.reading, more={"seconds": taken.reading}),
        Line("  engine alone, one thread", "rows/s", taken.engine_rate),
        Line("  peak memory of the process", "MiB", taken.peak_mib),
    ]


class Measured(NamedTuple):
    """Seconds of runs, rows a second of the engine, and the most memory the process held while replaying."""

    whole: float
    kept: float
    reading: float
    engine_rate: float
    peak_mib: int


def measured(folder: Path) -> Measured:
    """Replay the columns in a folder, whole and in parts."""
    columns = Columns.open(folder)
    scenario = scenario_recorded(columns)
    program = scenario_compile(columns, scenario, SPAN_MONTHS)
    parts = max(1, -(-columns.inputs_count // ROWS_PER_PART))
    with ThreadPoolExecutor(THREADS) as pool:

        def whole(keep: bool) -> object:
            return scenario_run(columns, scenario, pool, keep=keep, span=SPAN_MONTHS)

        best = _best(lambda: whole(False))
        peak = _peak_mib()
        reading = _best(
            lambda: list(pool.map(lambda p: len(columns.rows(p, parts, program.weighed)), range(parts)))
        )
        kept = _best(lambda: whole(True), runs=2)
    return Measured(best, kept, reading, _kernel(columns, program, parts), peak)


def _peak_mib() -> int:
    # Not getrusage: what it says of a spawned process begins with the memory of its parent.
    status = Path("/proc/self/status").read_text("utf-8")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) // 1024


def _kernel(columns: Columns, program: Program, parts: int) -> float:
    """Rows a second that one thread folds, once they are read."""
    part = parts // 2
    batch = batch_of(columns.rows(part, parts, program.weighed), columns.accounts(part, parts), is_sorted=True)
    closings = columns.closings()
    return len(batch.rows) / _best(
        lambda: engine_run(program, batch, records_new(program, len(batch.accounts)), closings, detail=False)
    )


def _best(action: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of the best of some runs after one that warms up: what it costs when nothing disturbs it."""
    action()
    return min(seconds(action) for _ in range(runs))

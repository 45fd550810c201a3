"""The two questions people ask: what would these rules have done, and do the rules in force reproduce the record?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger.domain.book import Book
from ledger.log.columns.reader import Columns
from ledger.rules.document import RuleSet
from replay.comparison import Comparison, Language, PointChange, compare, customer_changes
from replay.recorded import Difference, record_compare
from replay.redemptions import redemptions_compare
from replay.run import RunResult, columns_span, scenario_run
from replay.scenario import Scenario, scenario_candidate, scenario_recorded

Progress = Callable[[int, int], None]

STAGE: Final = 1_000
"""Each of several stages of a run is so many parts of its progress."""


@dataclass(frozen=True)
class Backtest:
    """A what-if: both runs and their comparison."""

    recorded: RunResult
    candidate: RunResult
    comparison: Comparison

    def document(self, limit: int = 20) -> dict[str, Any]:
        """As plain data. `seconds` is how long the candidate's run took."""
        return {
            "run_id": self.candidate.run_id,
            "digest": self.candidate.digest,
            "position": self.candidate.position,
            "facts": self.candidate.facts,
            "seconds": round(self.candidate.seconds, 3),
            **self.comparison.document(limit),
        }

    def customer_changes(self, book: Book, customer: str, language: Language) -> list[PointChange]:
        """For one customer: the clause behind every changed point."""
        return customer_changes(book, self.recorded, self.candidate, customer, language)


def stage_of(progress: Progress, number: int, count: int) -> Progress:
    """The progress of stage `number` (from 0) of a run of `count` stages."""

    def told(done: int, of: int) -> None:
        progress(number * STAGE + (STAGE * done // of if of else STAGE), count * STAGE)

    return told


def what_if(
    columns: Columns,
    rules: RuleSet,
    threads: int,
    progress: Progress,
    *,
    day_from: int | None = None,
    executor: Executor | None = None,
) -> Backtest:
    """Run the recorded rules and a candidate over the same facts and compare them.

    Two runs, or where anything was redeemed a third that decides redemptions again: `progress` goes from 0 to so many
    times the parts. Without an executor, threads of this process are used.
    """
    recorded = scenario_recorded(columns)
    changed = scenario_candidate(recorded, rules, day_from)
    span = columns_span(columns)
    runs = 3 if columns.redeems else 2
    pool = executor or ThreadPoolExecutor(threads)
    try:
        first = scenario_run(
            columns, recorded, pool, span=span, progress=lambda done, of: progress(done, runs * of)
        )
        second = scenario_run(
            columns,
            changed,
            pool,
            span=span,
            progress=lambda done, of: progress(of + done, runs * of),
        )
        comparison = compare(columns, first, second)
        if columns.redeems:
            third = scenario_run(
                columns,
                replace(changed, redemptions="decided"),
                pool,
                span=span,
                progress=lambda done, of: progress(2 * of + done, runs * of),
            )
            comparison = replace(comparison, redemptions=redemptions_compare(columns, second, third))
    finally:
        if executor is None:
            # Where progress has raised, nobody waits for the parts that have not begun.
            pool.shutdown(cancel_futures=True)
    return Backtest(first, second, comparison)


def threads_run(columns: Columns, scenario: Scenario, threads: int, progress: Progress) -> RunResult:
    """Run a scenario in threads of this process."""
    pool = ThreadPoolExecutor(threads)
    try:
        return scenario_run(columns, scenario, pool, progress=progress)
    finally:
        # Where progress has raised, nobody waits for the parts that have not begun.
        pool.shutdown(cancel_futures=True)


def recorded_check(
    columns: Columns, threads: int, progress: Progress
) -> tuple[RunResult, int, list[Difference]]:
    """Run the rules that were in force; how many decisions differ from the record, and the first of them."""
    result = threads_run(columns, scenario_recorded(columns), threads, progress)
    count, differences = record_compare(columns, result)
    return result, count, differences

"""What other rules would have done with who serves whom, and the proof that those in force reproduce the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ledger.log.columns.reader import Columns
from ledger.rules.compile import Activation
from ledger.rules.document import RuleSet, rule_set_parse
from replay.ownership.comparison import OwnershipComparison, ownership_compare
from replay.ownership.history import history_inputs
from replay.ownership.recorded import OwnershipDifference, ownership_record_compare
from replay.ownership.run import OwnershipRun, ownership_run
from replay.ownership.standings import standings_of
from replay.run import RunResult, columns_span, scenario_run
from replay.scenario import Scenario, scenario_candidate, scenario_recorded
from replay.what_if import Progress


@dataclass(frozen=True)
class OwnershipBacktest:
    """A what-if on ownership: both runs and their comparison."""

    recorded: OwnershipRun
    candidate: OwnershipRun
    comparison: OwnershipComparison

    def document(self, limit: int = 20) -> dict[str, Any]:
        """As plain data. `seconds` is how long the candidate's run took."""
        return {
            "digest": self.candidate.digest,
            "digest_recorded": self.recorded.digest,
            "inputs": self.candidate.inputs,
            "seconds": round(self.candidate.seconds, 3),
            **self.comparison.document(limit),
        }


def assignment_replaced(recorded: Scenario, section: Mapping[str, Any]) -> Scenario:
    """The recorded scenario with another assignment section in all its rule sets. Raises DocumentInvalid, where the
    section is none, or names tiers and tags that one of the rule sets does not have."""
    replaced: list[Activation] = []
    for a in recorded.activations:
        rules = rule_set_parse({**a.rules.document, "assignment": dict(section)})
        replaced.append(Activation(a.rule_set, rules, a.day_from, a.position))
    return Scenario("candidate", tuple(replaced))


def ownership_what_if(
    columns: Columns,
    threads: int,
    progress: Progress,
    *,
    rules: RuleSet | None = None,
    assignment: Mapping[str, Any] | None = None,
    day_from: int | None = None,
) -> OwnershipBacktest:
    """Run history's inputs under the rules that were in force and under others: a whole rule set (whose points rules
    may move tiers that assignment reads), or another assignment section in those that were in force.

    Raises ValueError unless exactly one of the two is given, DocumentInvalid for a section that is none.
    """
    if (rules is None) == (assignment is None):
        raise ValueError("give rules or assignment")
    recorded = scenario_recorded(columns)
    if rules is not None:
        candidate = scenario_candidate(recorded, rules, day_from)
    else:
        assert assignment is not None
        candidate = assignment_replaced(recorded, assignment)
    points = _points(columns, [recorded] if rules is None else [recorded, candidate], threads)
    count = len(columns.relations(inputs_only=True, registrations=True))
    first = _run(columns, recorded, points[0], progress, 0, 2 * count)
    second = _run(columns, candidate, points[-1], progress, count, 2 * count)
    return OwnershipBacktest(first, second, ownership_compare(first, second))


def ownership_recorded_check(
    columns: Columns, result: RunResult, progress: Progress = lambda done, of: None
) -> tuple[OwnershipRun, int, list[OwnershipDifference]]:
    """Run the rules that were in force; how many changes of owner differ from the record, and the first of them.

    `result` is a run of the same rules over the points, with its awards kept."""
    count = len(columns.relations(inputs_only=True, registrations=True))
    run = _run(columns, result.scenario, result, progress, 0, count)
    different, first = ownership_record_compare(columns, run)
    return run, different, first


def _points(columns: Columns, scenarios: Sequence[Scenario], threads: int) -> list[RunResult]:
    span = columns_span(columns)
    with ThreadPoolExecutor(threads) as pool:
        return [scenario_run(columns, scenario, pool, span=span) for scenario in scenarios]


def _run(
    columns: Columns, scenario: Scenario, points: RunResult, progress: Progress, before: int, of: int
) -> OwnershipRun:
    return ownership_run(
        scenario.name,
        history_inputs(columns),
        scenario.activations,
        standings_of(columns, points),
        lambda done, _: progress(before + done, of),
    )


"""What other rules would have done with who serves whom, and the proof that those in force reproduce the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ledger.log.columns.reader import Columns
from ledger.rules.compile import Activation
from ledger.rules.document import RuleSet, rule_set_parse
from replay.ownership.comparison import OwnershipComparison, ownership_compare
from replay.ownership.history import history_inputs
from replay.ownership.recorded import OwnershipDifference, ownership_record_compare
from replay.ownership.run import OwnershipRun, ownership_run
from replay.ownership.standings import standings_of
from replay.recorded import Difference
from replay.run import RunResult
from replay.scenario import Scenario, scenario_recorded
from replay.what_if import Backtest, Progress, recorded_check, stage_of, threads_run, what_if


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


@dataclass(frozen=True)
class RecordCheck:
    """Whether the rules in force reproduce the record: both runs, in how much each differs from it, and where first."""

    points: RunResult
    points_differ: int
    points_first: Sequence[Difference]
    owners: OwnershipRun
    owners_differ: int
    owners_first: Sequence[OwnershipDifference]

    def document(self) -> dict[str, Any]:
        """As plain data."""
        points, owners = self.points, self.owners
        return {
            "run_id": points.run_id, "digest": points.digest, "position": points.position, "facts": points.facts,
            "seconds": round(points.seconds, 3), "differences": self.points_differ,
            "first": [d.document() for d in self.points_first],
            "ownership": {
                "digest": owners.digest, "inputs": owners.inputs, "changes": len(owners.decisions),
                "seconds": round(owners.seconds, 3), "differences": self.owners_differ,
                "first": [d.document() for d in self.owners_first],
            },
        }  # fmt: skip


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
    recorded: RunResult,
    candidate: RunResult,
    progress: Progress,
    *,
    scenario: Scenario | None = None,
) -> OwnershipBacktest:
    """Run history's inputs under the rules that were in force and under others.

    `recorded` and `candidate` are runs over the points, with their awards kept: tiers, tags and grades steer assignment,
    so that a change of the points' rules shows its effect on ownership too. `scenario` has the assignment rules of the
    candidate; without it those of its points run. Two runs: `progress` goes from 0 to twice the inputs.
    """
    count = inputs_count(columns)
    first = _run(columns, recorded.scenario, recorded, progress, 0, 2 * count)
    second = _run(columns, scenario or candidate.scenario, candidate, progress, count, 2 * count)
    return OwnershipBacktest(first, second, ownership_compare(first, second))


def assignment_what_if(
    columns: Columns, section: Mapping[str, Any], threads: int, progress: Progress
) -> OwnershipBacktest:
    """Run history's inputs under another assignment section, the points as they were. Raises DocumentInvalid."""
    scenario = scenario_recorded(columns)
    candidate = assignment_replaced(scenario, section)
    points = threads_run(columns, scenario, threads, stage_of(progress, 0, 2))
    return ownership_what_if(columns, points, points, stage_of(progress, 1, 2), scenario=candidate)


def rules_what_if(
    columns: Columns, rules: RuleSet, threads: int, progress: Progress, *, day_from: int | None = None
) -> tuple[Backtest, OwnershipBacktest | None]:
    """Run the recorded rules and a candidate, over the points and then over who serves whom; None where nobody ever
    served anybody."""
    if not has_relations(columns):
        return what_if(columns, rules, threads, progress, day_from=day_from), None
    found = what_if(columns, rules, threads, stage_of(progress, 0, 2), day_from=day_from)
    return found, ownership_what_if(columns, found.recorded, found.candidate, stage_of(progress, 1, 2))


def record_check(columns: Columns, threads: int, progress: Progress) -> RecordCheck:
    """Run the rules that were in force over the points and then over who serves whom, and compare with the record."""
    points, points_differ, points_first = recorded_check(columns, threads, stage_of(progress, 0, 2))
    owners, owners_differ, owners_first = ownership_recorded_check(columns, points, stage_of(progress, 1, 2))
    return RecordCheck(points, points_differ, points_first, owners, owners_differ, owners_first)


def inputs_count(columns: Columns) -> int:
    """How many inputs a run goes over."""
    return columns.relations(inputs_only=True, registrations=True).height


def has_relations(columns: Columns) -> bool:
    """Whether anything ever happened that concerns who serves whom."""
    return not columns.relations().filter(pl.col("topic") != "DayClosed").is_empty()


def ownership_recorded_check(
    columns: Columns, result: RunResult, progress: Progress = lambda done, of: None
) -> tuple[OwnershipRun, int, list[OwnershipDifference]]:
    """Run the rules that were in force; how many changes of owner differ from the record, and the first of them.

    `result` is a run of the same rules over the points, with its awards kept.
    """
    count = inputs_count(columns)
    run = _run(columns, result.scenario, result, progress, 0, count)
    different, first = ownership_record_compare(columns, run)
    return run, different, first


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


"""Where each customer stood with its points, position by position: what assignment rules may read of a points run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ledger.domain.relations.records import Standing
from ledger.domain.values import INTEGER_MAX
from ledger.log.columns.reader import Columns
from ledger.rules import layout as at
from ledger.rules.compile import Program
from replay.run import ROWS_PER_PART, RunResult

Ints = NDArray[np.int64]
Change = Callable[[Standing], Standing]

_KINDS: Final = (at.KIND_TIER, at.KIND_TAGS, at.KIND_GRADE)
_NOWHERE: Final = Standing()


class Standings:
    """Follows the changes of tier, tags and grade of all customers in order of the inputs that caused them."""

    def __init__(self, causes: Ints, accounts: Ints, changes: list[Change]) -> None:
        """Change i came of the input at `causes[i]`; of one input they stand in the order they were made in."""
        order: list[int] = np.argsort(causes, kind="stable").tolist()
        self._causes = causes[order]
        self._accounts: list[int] = accounts[order].tolist()
        self._changes = [changes[i] for i in order]
        self._at = 0
        self.next = int(self._causes[0]) if len(order) else INTEGER_MAX
        """Where the next change comes of."""
        self._now: dict[int, Standing] = {}

    def follow(self, position: int) -> None:
        """Take in what came of the inputs up to and with this position."""
        if position < self.next:
            return
        until = int(np.searchsorted(self._causes, position, side="right"))
        for i in range(self._at, until):
            account = self._accounts[i]
            self._now[account] = self._changes[i](self._now.get(account, _NOWHERE))
        self._at = until
        self.next = int(self._causes[until]) if until < len(self._changes) else INTEGER_MAX

    def of(self, customer: int) -> Standing:
        """Where a customer stands now."""
        return self._now.get(customer, _NOWHERE)


def standings_of(columns: Columns, result: RunResult) -> Standings:
    """The standings that a points run comes to. It must have kept its awards."""
    program = result.program
    begun_at, begun, beginnings = _beginnings(columns, program)
    awards = result.awards[np.isin(result.awards[:, 2], _KINDS)]
    changes = [_change(program, kind, after) for kind, after in awards[:, [2, 6]].tolist()]
    return Standings(
        np.concatenate([begun_at, awards[:, 0]]), np.concatenate([begun, awards[:, 1]]), [*beginnings, *changes]
    )


def _beginnings(columns: Columns, program: Program) -> tuple[Ints, Ints, list[Change]]:
    """With its first fact an account enters the lowest tier of the rules that decide it; no event says so."""
    positions: list[Ints] = []
    accounts: list[Ints] = []
    tiers: list[Ints] = []
    parts = max(1, -(-columns.inputs_count // ROWS_PER_PART))
    # One more, for rule sets that have no ladder: theirs begins behind the last level, where no rule set has any.
    tier_of_level = np.append(program.tables.levels[:, at.LEVEL_TIER], 0)
    for part in range(parts):
        rows = columns.rows(part, parts, ())
        first = np.flatnonzero(np.diff(rows.accounts, prepend=-1))
        sets = program.tables.sets[program.rule_sets_of(rows.positions[first], rows.days[first])]
        lowest = sets[:, at.SET_LEVELS_FIRST]
        has_ladder = lowest != sets[:, at.SET_LEVELS_LAST]
        tiers.append(np.where(has_ladder, tier_of_level[lowest], 0))
        positions.append(rows.positions[first])
        accounts.append(rows.accounts[first])
    changes = [_change(program, at.KIND_TIER, tier) for tier in np.concatenate(tiers).tolist()]
    return np.concatenate(positions), np.concatenate(accounts), changes


def _change(program: Program, kind: int, after: int) -> Change:
    if kind == at.KIND_TIER:
        tier = program.tiers[after] if program.tiers else ""
        return lambda now: replace(now, tier=tier)
    if kind == at.KIND_GRADE:
        grade = "" if after == at.NONE else program.grades[after]
        return lambda now: replace(now, grade=grade)
    tags = frozenset(name for i, name in enumerate(program.tags) if after >> i & 1)
    return lambda now: replace(now, tags=tags)

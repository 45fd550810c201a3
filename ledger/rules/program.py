"""A compiled program: rule sets as tables, with the names behind their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ledger.domain.fact_types import FactType
from ledger.rules import layout as at
from ledger.rules.document import Rule, RuleSet

WINDOWS = {"day": 0, "month": 1, "quarter": 2, "year": 3, "lifetime": 4}
SPAN_MONTHS_MAX = 120
"""How many months may be open at once; beyond it the ledger asks to close some first."""

SlotKey = tuple[str, str, str]


@dataclass(frozen=True)
class Activation:
    """A rule set, from which booked date on it decides, and the position of its activation."""

    rule_set: str
    rules: RuleSet
    day_from: int
    position: int


def ring_size(window: int, span_months: int) -> int:
    """Room for as many windows of a kind as can be open while so many months are."""
    if window == at.WINDOW_DAY:
        return ring_rounded(31 * span_months + 1)
    if window == at.WINDOW_MONTH:
        return ring_rounded(span_months + 1)
    if window == at.WINDOW_QUARTER:
        return ring_rounded((span_months + 1) // 3 + 2)
    if window == at.WINDOW_YEAR:
        return ring_rounded((span_months + 10) // 12 + 2)
    return 1


def ring_rounded(count: int) -> int:
    """The next power of two: the kernel finds a place in a ring by a mask, since dividing costs more than all else."""
    return 1 << (count - 1).bit_length()


@dataclass(frozen=True)
class Program:
    """Compiled rule sets with the names behind their numbers."""

    activations: tuple[Activation, ...]
    fact_types: tuple[FactType, ...]
    span_months: int
    tables: at.Tables
    rule_ids: tuple[tuple[int, str], ...]
    """For each row of `rules`: the activation and the id of the rule (or measure, or streak)."""
    limit_keys: tuple[SlotKey, ...]
    slot_keys: tuple[SlotKey, ...]
    streak_keys: Mapping[str, int]
    tiers: tuple[str, ...]
    tags: tuple[str, ...]
    grades: tuple[str, ...]

    @property
    def record_size(self) -> int:
        """Integers in one account's record."""
        return int(self.tables.sizes[at.SIZE_RECORD])

    @property
    def weighed(self) -> frozenset[str]:
        """The attributes and traits of facts that any rule looks at, as the columns name them: "a0" …, "t0" …"""
        rules, leaves = self.tables.rules, self.tables.leaves
        attributes = {int(c) for c in rules[:, at.RULE_ATTRIBUTE] if c != at.NONE}
        attributes |= {int(row[at.LEAF_COLUMN]) for row in leaves if row[at.LEAF_SOURCE] == at.SOURCE_FACT}
        traits = {int(row[at.LEAF_COLUMN]) for row in leaves if row[at.LEAF_SOURCE] == at.SOURCE_CUSTOMER}
        return frozenset({f"a{c}" for c in attributes} | {f"t{c}" for c in traits})

    @cached_property
    def rooms(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each index of `rule_first`: how many awards, and how many penalties, one row can come to at most."""
        tables = self.tables
        is_award = tables.rules[:, at.RULE_ACTION] == at.ACTION_AWARD
        counts = np.zeros((2, len(is_award) + 1), np.int64)
        np.cumsum(is_award, out=counts[0, 1:])
        np.cumsum(is_award & self._can_deduct(), out=counts[1, 1:])
        first = tables.rule_first
        return counts[0, first[1:]] - counts[0, first[:-1]], counts[1, first[1:]] - counts[1, first[:-1]]

    def _can_deduct(self) -> NDArray[np.bool_]:
        tables = self.tables
        can = np.zeros(len(tables.rules), bool)
        for i, row in enumerate(tables.rules):
            if row[at.RULE_ACTION] != at.ACTION_AWARD:
                continue
            if row[at.RULE_AWARD] == at.AWARD_STREAK:
                can[i] = tables.steps[row[at.RULE_STEPS_FIRST] : row[at.RULE_STEPS_LAST]].min() < 0
            elif row[at.RULE_AWARD] == at.AWARD_BANDED:
                can[i] = tables.bands[row[at.RULE_BANDS_FIRST] : row[at.RULE_BANDS_LAST], 1].min() < 0
            else:
                can[i] = row[at.RULE_AWARD] == at.AWARD_PER_UNIT or row[at.RULE_POINTS] < 0
        return can

    def rule(self, row: int) -> tuple[Activation, Rule]:
        """The rule behind a row of `rules`, with its rule set."""
        activation, rule_id = self.rule_ids[row]
        found = self.activations[activation].rules.rule(rule_id)
        assert found is not None, f"row {row} is no award"
        return self.activations[activation], found

    def rule_sets_of(self, positions: NDArray[np.int64], days: NDArray[Any]) -> NDArray[np.int64]:
        """Which activation decides each fact: recorded before it, with the latest from-date not after its
        booked date; among equal dates the last activated. -1 where none does."""
        chosen = np.full(len(positions), -1, np.int64)
        if not len(positions):
            return chosen
        position_min, day_min = int(positions.min()), int(days.min())
        for index in sorted(
            range(len(self.activations)),
            key=lambda i: (self.activations[i].day_from, self.activations[i].position),
        ):
            activation = self.activations[index]
            if position_min > activation.position and day_min >= activation.day_from:
                chosen[:] = index
            else:
                chosen[(positions > activation.position) & (days >= activation.day_from)] = index
        return chosen

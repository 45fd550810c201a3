"""A compiled program: rule sets as tables, with the names behind their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """How many windows of a kind can be open while so many months are."""
    if window == at.WINDOW_DAY:
        return 31 * span_months + 1
    if window == at.WINDOW_MONTH:
        return span_months + 1
    if window == at.WINDOW_QUARTER:
        return (span_months + 1) // 3 + 2
    if window == at.WINDOW_YEAR:
        return (span_months + 10) // 12 + 2
    return 1


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

    def rule(self, row: int) -> tuple[Activation, Rule]:
        """The rule behind a row of `rules`, with its rule set."""
        activation, rule_id = self.rule_ids[row]
        found = self.activations[activation].rules.rule(rule_id)
        assert found is not None, f"row {row} is no award"
        return self.activations[activation], found

    def rule_sets_of(self, positions: NDArray[np.int64], days: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which activation decides each fact: recorded before it, with the latest from-date not after its
        booked date; among equal dates the last activated. -1 where none does."""
        chosen = np.full(len(positions), -1, np.int64)
        for index in sorted(
            range(len(self.activations)),
            key=lambda i: (self.activations[i].day_from, self.activations[i].position),
        ):
            activation = self.activations[index]
            chosen[(positions > activation.position) & (days >= activation.day_from)] = index
        return chosen

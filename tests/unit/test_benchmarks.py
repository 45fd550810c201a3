"""What the measurements are made of holds together; how fast things are is nothing for a test."""

from __future__ import annotations

from benchmarks.duckdb_peer import rules_subset
from ledger.rules.document import rule_set_parse


def test_the_rules_that_both_sides_of_the_comparison_know_are_a_rule_set_without_states_that_step_back() -> None:
    rules = rule_set_parse(rules_subset())
    assert rules.rules and rules.tiers is None and not rules.tags and rules.credit is None and not rules.measures

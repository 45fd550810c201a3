"""Rule sets and fact types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, part
from plumbline_client.results import Answer, FactTypeDeclared, RuleSet, RuleSetDetail, RuleSetDiff


class RuleCalls(LedgerCalls):
    """Rules of a ledger."""

    def rule_sets(self, *, limit: int | None = None) -> Call[Page[RuleSet]]:
        """Rule sets and what became of them."""
        return self._read("/rule-sets", Page[RuleSet], limit=limit)

    def rule_set(self, rule_set: str) -> Call[RuleSetDetail]:
        """A rule set with its document and its rules in words."""
        return self._read(f"/rule-sets/{part(rule_set)}", RuleSetDetail)

    def rule_sets_diff(self, old: str, new: str) -> Call[RuleSetDiff]:
        """What changes from one rule set to another, in words."""
        return self._read(f"/rule-sets/{part(old)}/diff/{part(new)}", RuleSetDiff)

    def rule_set_propose(self, document: Mapping[str, Any], *, key: str = "") -> Call[Answer]:
        """Propose a rule set; its id is the answer's `id`."""
        return self._write("/rule-sets", dict(document), key)

    def rule_set_approve(self, rule_set: str, *, run: str | None = None, key: str = "") -> Call[Answer]:
        """Approve a rule set that somebody else proposed."""
        return self._write(f"/rule-sets/{part(rule_set)}/approve", {"run": run}, key)

    def rule_set_activate(self, rule_set: str, effective_from: str, *, key: str = "") -> Call[Answer]:
        """Let an approved rule set decide what is booked from a date on."""
        return self._write(f"/rule-sets/{part(rule_set)}/activate", {"effective_from": effective_from}, key)

    def fact_types(self, *, limit: int | None = None) -> Call[Page[FactTypeDeclared]]:
        """Declared fact types."""
        return self._read("/fact-types", Page[FactTypeDeclared], limit=limit)

    def fact_type(self, fact_type: str) -> Call[FactTypeDeclared]:
        """A fact type."""
        return self._read(f"/fact-types/{part(fact_type)}", FactTypeDeclared)

    def fact_type_declare(self, document: Mapping[str, Any], *, key: str = "") -> Call[Answer]:
        """Declare a fact type."""
        return self._write("/fact-types", dict(document), key)

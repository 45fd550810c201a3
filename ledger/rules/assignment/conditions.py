"""Conditions of assignment rules as functions of the customer that somebody is wanted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from ledger.domain.relations.policy import Wanted
from ledger.domain.values import scaled_parse
from ledger.rules.comparisons import (
    All,
    Any_,
    Comparison,
    Condition,
    GradeIs,
    KnowledgeIs,
    LeadIs,
    NeedIs,
    Not,
    TagIs,
    TierIs,
    TraitIs,
)

Holds = Callable[[Wanted], bool]

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "equals": eq, "not_equals": ne, "at_least": ge, "above": gt, "at_most": le, "below": lt,
    "one_of": lambda value, operand: value in operand,
}  # fmt: skip


def condition_compile(condition: Condition | None, levels: Sequence[str]) -> Holds:
    """A condition as a function. `levels` are the ids of the tiers, lowest first. No condition always holds."""
    if condition is None:
        return _always
    if isinstance(condition, All):
        parts = [condition_compile(part, levels) for part in condition.all]
        return parts[0] if len(parts) == 1 else lambda wanted: all(part(wanted) for part in parts)
    if isinstance(condition, Any_):
        parts = [condition_compile(part, levels) for part in condition.any]
        return lambda wanted: any(part(wanted) for part in parts)
    if isinstance(condition, Not):
        part = condition_compile(condition.not_, levels)
        return lambda wanted: not part(wanted)
    if isinstance(condition, TierIs):
        return _tier(condition, levels)
    if isinstance(condition, TagIs):
        tag = condition.tag
        return lambda wanted: tag in wanted.standing.tags
    if isinstance(condition, GradeIs):
        grades = frozenset(condition.grade)
        return lambda wanted: wanted.standing.grade in grades
    if isinstance(condition, KnowledgeIs):
        knowledge = condition.knowledge
        return lambda wanted: knowledge in wanted.knowledge
    if isinstance(condition, TraitIs):
        trait = condition.customer
        if condition.operator == "equals":
            # What most rules ask. It is never compared with "", which stands for what is not known.
            text = str(condition.operand)
            return lambda wanted: wanted.traits.get(trait, "") == text
        return _compared(condition, lambda wanted: wanted.traits.get(trait, ""), str)
    if isinstance(condition, NeedIs):
        need = condition.need
        return _compared(condition, lambda wanted: wanted.needs.get(need, ""), str)
    assert isinstance(condition, LeadIs), f"no assignment rule looks at {type(condition).__name__}"
    if condition.lead == "channel":
        return _compared(condition, lambda wanted: wanted.channel, str)
    return _compared(condition, lambda wanted: wanted.amount, lambda raw: scaled_parse(raw, 2))


def _always(_: Wanted) -> bool:
    return True


def _compared(comparison: Comparison, value_of: Callable[[Wanted], Any], parse: Callable[[Any], Any]) -> Holds:
    """A comparison that fails where the value is not known: "" or 0."""
    compare = _OPERATORS[comparison.operator]
    operand = comparison.operand
    against = frozenset(map(parse, operand)) if comparison.operator == "one_of" else parse(operand)

    def holds(wanted: Wanted) -> bool:
        value = value_of(wanted)
        return bool(value) and compare(value, against)

    return holds


def _tier(condition: TierIs, levels: Sequence[str]) -> Holds:
    compare = _OPERATORS[condition.tier]
    place = levels.index(condition.level)
    holding = frozenset(level for i, level in enumerate(levels) if compare(i, place))
    return lambda wanted: wanted.standing.tier in holding

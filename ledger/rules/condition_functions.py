"""Conditions as functions of whatever their comparisons look at."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from ledger.rules.comparisons import All, Any_, Comparison, Condition, Leaf, Not

S = TypeVar("S")

OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": operator.eq, "not_equals": operator.ne, "below": operator.lt, "at_most": operator.le,
    "above": operator.gt, "at_least": operator.ge, "one_of": lambda value, among: value in among,
}  # fmt: skip


def condition_built(condition: Condition | None, leaf_of: Callable[[Leaf], Callable[[S], bool]]) -> Callable[[S], bool]:
    """A condition out of its comparisons. No condition always holds."""
    if condition is None:
        return lambda _: True
    if isinstance(condition, All):
        every = [condition_built(part, leaf_of) for part in condition.all]
        return lambda seen: all(part(seen) for part in every)
    if isinstance(condition, Any_):
        some = [condition_built(part, leaf_of) for part in condition.any]
        return lambda seen: any(part(seen) for part in some)
    if isinstance(condition, Not):
        denied = condition_built(condition.not_, leaf_of)
        return lambda seen: not denied(seen)
    return leaf_of(condition)


def comparison_against(
    leaf: Comparison, code: Callable[[Any], int]
) -> tuple[Callable[[Any, Any], bool], Any]:
    """How a comparison compares, and with what: its operand as `code` writes it."""
    operand = leaf.operand
    return OPERATORS[leaf.operator], frozenset(map(code, operand)) if leaf.operator == "one_of" else code(operand)

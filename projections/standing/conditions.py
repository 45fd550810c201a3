"""What rule sets say of where one stands, as functions: which facts a measure counts, when a tag is borne."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.domain.fact_types import FactType
from ledger.domain.rows import NULL
from ledger.domain.values import percent_parse, points_parse, scaled_parse
from ledger.rules.condition_functions import OPERATORS, comparison_against, condition_built
from ledger.rules.conditions import attribute_code, places_of
from ledger.rules.document import (
    AttributeIs,
    BalanceIs,
    EarnedIs,
    GradeIs,
    Leaf,
    MeasureIs,
    RuleSet,
    TierIs,
    leaves_of,
)
from projections.standing.ladders import Steps


class Scene(Protocol):
    """An account as the tags of a rule set look at it on a day. Points in 1/100, sums as the attribute is scaled."""

    @property
    def level(self) -> int:
        """The place of its tier in the ladder, 0 the lowest."""
        ...

    @property
    def balance(self) -> int: ...
    @property
    def earned(self) -> int: ...
    @property
    def earned_ever(self) -> int: ...
    @property
    def grade(self) -> str | None: ...

    def measured(self, measure: str, of: str) -> int:
        """The times or the sum of a measure in the window of the day."""
        ...


@dataclass(frozen=True, slots=True)
class Counter:
    """A measure: its window, the column it sums (None: none), and which facts it counts, by their columns."""

    id: str
    window: str
    column: int | None
    counts: Callable[[Sequence[int]], bool]


@dataclass(frozen=True, slots=True)
class Words:
    """What a rule set says of where one stands. `of_points`: it looks at a balance or at points earned, anywhere."""

    name: str
    ladder: Steps | None
    counters: Mapping[str, Sequence[Counter]]
    """By the type of fact."""
    windows: Mapping[str, str]
    """Of each measure."""
    grades: Sequence[tuple[int, str]]
    """(from which share on, in basis points; grade), the best first."""
    good: str
    all: str
    tags: Sequence[tuple[str, Callable[[Scene], bool]]]
    of_points: bool


def words_of(name: str, rules: RuleSet, fact_types: Mapping[str, FactType]) -> Words:
    """What a rule set says, over these types of facts."""
    counters: dict[str, list[Counter]] = {}
    for measure in rules.measures:
        fact_type = fact_types[measure.fact]
        counts = condition_built(measure.when, lambda leaf, fact_type=fact_type: _attribute(leaf, fact_type))
        column = None if measure.sum is None else fact_type.columns.index(measure.sum)
        counters.setdefault(measure.fact, []).append(Counter(measure.id, measure.window, column, counts))
    places = {m.id: places_of(fact_types[m.fact], m.sum) for m in rules.measures if m.sum is not None}
    levels = [level.id for level in rules.tiers.levels] if rules.tiers else []
    credit = rules.credit
    return Words(
        name,
        Steps.of(rules.tiers) if rules.tiers else None,
        counters,
        {measure.id: measure.window for measure in rules.measures},
        [(percent_parse(grade.at_least_percent), grade.id) for grade in credit.grades] if credit else (),
        credit.good if credit else "",
        credit.all if credit else "",
        [(tag.id, condition_built(tag.when, lambda leaf: _standing(leaf, levels, places))) for tag in rules.tags],
        any(isinstance(leaf, (BalanceIs, EarnedIs)) for leaf in _leaves(rules)),
    )


def _leaves(rules: RuleSet) -> list[Leaf]:
    """Every comparison on a fact or an account."""
    conditions = [tag.when for tag in rules.tags]
    for rule in rules.rules:
        breaks = rule.award.streak.broken_by if rule.award.streak else []
        conditions += [c for c in (rule.when, *(b.when for b in breaks)) if c is not None]
        conditions += [weight.when for weight in rule.weights]
    return [leaf for condition in conditions for leaf in leaves_of(condition)]


def _attribute(leaf: Leaf, fact_type: FactType) -> Callable[[Sequence[int]], bool]:
    """A comparison on a fact's columns; one that it doesn't carry fails it."""
    assert isinstance(leaf, AttributeIs), "a measure looks at the fact's attributes only"
    column = fact_type.columns.index(leaf.attribute)
    compare, against = comparison_against(
        leaf, lambda raw: attribute_code(fact_type, leaf.attribute, raw, leaf.operator)
    )
    return lambda row: row[column] != NULL and compare(row[column], against)


def _standing(leaf: Leaf, levels: Sequence[str], places: Mapping[str, int]) -> Callable[[Scene], bool]:
    """A comparison on where an account stands."""
    if isinstance(leaf, TierIs):
        compare, place = OPERATORS[leaf.tier], levels.index(leaf.level)
        return lambda scene: compare(scene.level, place)
    if isinstance(leaf, GradeIs):
        grades = frozenset(leaf.grade)
        return lambda scene: scene.grade in grades
    if isinstance(leaf, MeasureIs):
        name, of = leaf.measure, leaf.of
        compare, against = comparison_against(
            leaf, lambda raw: scaled_parse(raw, places.get(name, 0) if of == "sum" else 0)
        )
        return lambda scene: compare(scene.measured(name, of), against)
    assert isinstance(leaf, (BalanceIs, EarnedIs)), "a tag looks at tier, balance, earned, grade and measures only"
    compare, against = comparison_against(leaf, points_parse)
    if isinstance(leaf, BalanceIs):
        return lambda scene: compare(scene.balance, against)
    if leaf.earned == "lifetime":
        return lambda scene: compare(scene.earned_ever, against)
    return lambda scene: compare(scene.earned, against)

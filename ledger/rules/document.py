"""Rule documents: typed data that a form can edit and nothing executes.

Points are written as decimal text or integers ("50", "-30", "12.50"), shares as percentages. `schema()`
publishes the JSON Schema. What a document means is said here and only here; `compile.py` turns it into
tables.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, ValidationError, model_validator

from ledger.domain.errors import DocumentInvalid, Problem
from ledger.domain.fact_types import Identifier, Strict, Words
from ledger.domain.forms import form_problems
from ledger.domain.values import percent_parse, points_parse
from ledger.rules.amounts import DayText, PercentText, PointsText, Window
from ledger.rules.assignment.document import AssignmentRules
from ledger.rules.comparisons import (
    TRAITS,
    All,
    Any_,
    AttributeIs,
    BalanceIs,
    Comparison,
    Condition,
    EarnedIs,
    GradeIs,
    KnowledgeIs,
    LeadIs,
    Leaf,
    MeasureIs,
    NeedIs,
    Not,
    TagIs,
    TierIs,
    TraitIs,
    leaves_of,
)
from ledger.rules.redemption.document import RedemptionRules

__all__ = [
    "TRAITS", "All", "Any_", "AttributeIs", "Award", "BalanceIs", "Band", "Bands", "Break", "Cap",
    "Comparison", "Condition", "Credit", "EarnedIs", "Grade", "GradeIs", "KnowledgeIs", "Ladder", "LeadIs", "Leaf",
    "Level", "Limit", "Measure", "MeasureIs", "NeedIs", "Not", "Nth", "PerUnit", "Rule", "RuleSet", "Streak", "Tag",
    "TagIs", "TierIs", "TraitIs", "Weight", "canonical_bytes", "leaves_of", "rule_set_parse", "schema",
]  # fmt: skip


class PerUnit(Strict):
    """Points for every full unit of an attribute (units are counted towards zero)."""

    attribute: Identifier
    unit: int | str
    points: PointsText


class Band(Strict):
    """From this value of the attribute on (inclusive), these points."""

    from_: Annotated[int | str, Field(alias="from")]
    points: PointsText


class Bands(Strict):
    """Points by the band in which an attribute lies; below the first band nothing."""

    attribute: Identifier
    steps: Annotated[list[Band], Field(min_length=1, max_length=50)]


class Break(Strict):
    """A fact that ends a streak."""

    fact: Identifier
    when: Condition | None = None


class Streak(Strict):
    """Points by how many in a row: the first, the second …; the last step repeats. Ended by other facts."""

    steps: Annotated[list[PointsText], Field(min_length=1, max_length=50)]
    broken_by: list[Break] = Field(default_factory=list)


class Award(Strict):
    """How many points; exactly one way."""

    points: PointsText | None = None
    per_unit: PerUnit | None = None
    bands: Bands | None = None
    streak: Streak | None = None

    @model_validator(mode="after")
    def _one(self) -> Award:
        if sum(getattr(self, n) is not None for n in Award.model_fields) != 1:
            raise ValueError("give exactly one of points, per_unit, bands, streak")
        return self


class Weight(Strict):
    """A share of the points for some recipients; the first entry that holds counts, none means 100 %."""

    when: Condition
    percent: PercentText


class Nth(Strict):
    """Only the n-th fact of a window that meets the conditions (or every n-th)."""

    n: Annotated[int, Field(ge=2, le=10000)]
    window: Window
    every: bool = False


class Limit(Strict):
    """At most so many times or points in a window; what would pass it is cut."""

    window: Window
    times: Annotated[int, Field(ge=1)] | None = None
    points: PointsText | None = None

    @model_validator(mode="after")
    def _some(self) -> Limit:
        if self.times is None and self.points is None:
            raise ValueError("give times, points or both")
        if self.points is not None and points_parse(self.points) <= 0:
            raise ValueError("points must be above zero")
        return self


class Rule(Strict):
    """An earning rule (or a penalty): for which fact, under which conditions, how many points, to whom."""

    id: Identifier
    title: Words
    note: Words | None = None
    fact: Identifier
    recipient: Literal["customer", "referrer"] = "customer"
    when: Condition | None = None
    award: Award
    weights: Annotated[list[Weight], Field(max_length=200)] = Field(default_factory=list)
    tier_factor: bool = False
    factors_on_penalties: bool = False
    nth: Nth | None = None
    limits: Annotated[list[Limit], Field(max_length=5)] = Field(default_factory=list)
    expiry_months: Annotated[int, Field(ge=1, le=240)] | Literal["never"] | None = None
    effective_from: DayText | None = None
    effective_to: DayText | None = None

    @model_validator(mode="after")
    def _windows(self) -> Rule:
        if len({limit.window for limit in self.limits}) != len(self.limits):
            raise ValueError("give one limit for each window")
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError("effective_to lies before effective_from")
        return self


class Measure(Strict):
    """A count (and a sum of one attribute) of facts in a window, for tags, grades and conditions."""

    id: Identifier
    fact: Identifier
    when: Condition | None = None
    window: Window
    sum: Identifier | None = None


class Cap(Strict):
    """At most so many points an account in a window, over several rules (all of them if none is named)."""

    id: Identifier
    title: Words
    window: Window
    points: PointsText
    rules: list[Identifier] | None = None

    @model_validator(mode="after")
    def _positive(self) -> Cap:
        if points_parse(self.points) <= 0:
            raise ValueError("points must be above zero")
        return self


class Level(Strict):
    """A tier: from how many counted points, and the factor of rules that ask for it."""

    id: Identifier
    title: Words
    points: PointsText
    factor_percent: PercentText = 100


class Ladder(Strict):
    """The tiers, lowest first. What counts is points earned, in full, in the window; spending doesn't.

    One rises at once, and falls only at the review when a window ends, by at most `fall_levels_max` levels.
    """

    window: Literal["month", "quarter", "year", "lifetime"]
    fall_levels_max: Annotated[int, Field(ge=0, le=50)] = 1
    levels: Annotated[list[Level], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _ascending(self) -> Ladder:
        points = [points_parse(level.points) for level in self.levels]
        if points[0] != 0 or any(a >= b for a, b in pairwise(points)):
            raise ValueError("levels begin at 0 points and rise")
        if len({level.id for level in self.levels}) != len(self.levels):
            raise ValueError("two levels bear the same id")
        return self


class Tag(Strict):
    """A tag an account bears while its conditions hold. They look at tier, balance, earned, grade and
    measures."""

    id: Identifier
    title: Words
    when: Condition


class Grade(Strict):
    """A credit grade: from which share of good outcomes on."""

    id: Identifier
    title: Words
    at_least_percent: PercentText


class Credit(Strict):
    """The credit grade: the share of one measure in another, best grade first."""

    good: Identifier
    all: Identifier
    grades: Annotated[list[Grade], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _descending(self) -> Credit:
        shares = [percent_parse(grade.at_least_percent) for grade in self.grades]
        if any(a <= b for a, b in pairwise(shares)):
            raise ValueError("grades begin with the best and fall")
        if len({grade.id for grade in self.grades}) != len(self.grades):
            raise ValueError("two grades bear the same id")
        return self


class RuleSet(Strict):
    """A whole rule set. Awards are rounded towards zero, once, before limits; that is fixed for every rule
    set."""

    id: Identifier
    title: Words
    expiry_months: Annotated[int, Field(ge=1, le=240)] | Literal["never"] = "never"
    rules: Annotated[list[Rule], Field(max_length=500)]
    measures: Annotated[list[Measure], Field(max_length=60)] = Field(default_factory=list)
    caps: Annotated[list[Cap], Field(max_length=20)] = Field(default_factory=list)
    tiers: Ladder | None = None
    tags: Annotated[list[Tag], Field(max_length=60)] = Field(default_factory=list)
    credit: Credit | None = None
    assignment: AssignmentRules | None = None
    redemption: RedemptionRules | None = None

    @model_validator(mode="after")
    def _references(self) -> RuleSet:
        kinds = (("rules", self.rules), ("measures", self.measures), ("caps", self.caps), ("tags", self.tags))
        for kind, things in kinds:
            places: dict[str, int] = {}
            for i, thing in enumerate(things):
                first = places.setdefault(thing.id, i)
                if first != i:
                    raise ValueError(f"{kind}.{first} and {kind}.{i} bear the same id")
        rules, measures = {r.id for r in self.rules}, {m.id for m in self.measures}
        for i, cap in enumerate(self.caps):
            for j, name in enumerate(cap.rules or ()):
                if name not in rules:
                    raise ValueError(f"caps.{i}.rules.{j} names no rule of this document")
        if self.credit and not {self.credit.good, self.credit.all} <= measures:
            raise ValueError("credit names a measure that isn't declared")
        declared = {
            "tier": {level.id for level in self.tiers.levels} if self.tiers else set[str](),
            "tag": {tag.id for tag in self.tags},
            "grade": {grade.id for grade in self.credit.grades} if self.credit else set[str](),
        }
        for section, rules_of in (("assignment", self.assignment), ("redemption", self.redemption)):
            for where, kind, name in rules_of.references() if rules_of is not None else ():
                if name not in declared[kind]:
                    raise ValueError(f"{section}.{where} names no {kind} that is declared")
        return self

    @cached_property
    def canonical(self) -> bytes:
        """The document's canonical bytes: sorted keys, defaults left out."""
        return canonical_bytes(self.document)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document as plain data."""
        return self.model_dump(mode="json", exclude_defaults=True, by_alias=True)

    @cached_property
    def sha256(self) -> str:
        """What pins a run to this document."""
        return hashlib.sha256(self.canonical).hexdigest()

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of this id."""
        return next((r for r in self.rules if r.id == rule_id), None)


def canonical_bytes(document: Any) -> bytes:
    """Plain data as canonical JSON."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def rule_set_parse(document: object) -> RuleSet:
    """A rule set from plain data. Raises DocumentInvalid, which names every problem and its place."""
    try:
        return RuleSet.model_validate(document)
    except ValidationError as error:
        raise DocumentInvalid(form_problems(error, RuleSet, document)) from None
    except RecursionError:
        raise DocumentInvalid([Problem("document", "conditions lie too deep in each other")]) from None


def schema() -> dict[str, Any]:
    """The JSON Schema of a rule set."""
    return RuleSet.model_json_schema(by_alias=True)


for _model in (Weight, Break, Streak, Award, Rule, Measure, Tag, RuleSet):
    _model.model_rebuild()

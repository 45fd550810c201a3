"""Assignment rules as data: which customers, who is considered, how one of them is chosen, and for how long.

Rules are asked in the order of the document. The first whose conditions hold and that finds somebody decides. Whatever
a rule says, nobody is chosen who has not joined yet, has left, is on leave, or owns as many customers as they can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, model_validator

from ledger.domain.fact_types import Identifier, Strict, Words
from ledger.domain.pattern_words import PAIR_PATTERN, in_words
from ledger.domain.relations.policy import Terms
from ledger.domain.relations.records import LEVEL_MAX
from ledger.domain.values import scaled_parse
from ledger.rules.comparisons import (
    Condition,
    GradeIs,
    KnowledgeIs,
    LeadIs,
    NeedIs,
    TagIs,
    TierIs,
    TraitIs,
    leaves_of,
)

FALLBACK: Final = "fallback"
"""What the fallback is called where a rule's id is asked for."""

WEIGHT_MAX: Final = 1_000_000
POINTS_MAX: Final = 1_000_000

_STAFF_PATTERN: Final = in_words(r"^S-[0-9]{6,12}$", "the id of a member of staff, such as S-000001")
StaffId: TypeAlias = Annotated[str, Field(pattern=_STAFF_PATTERN)]
TeamId: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]
SkillName: TypeAlias = Annotated[str, Field(pattern=PAIR_PATTERN)]
Level: TypeAlias = Annotated[int, Field(ge=1, le=LEVEL_MAX)]
Weight: TypeAlias = Annotated[int, Field(ge=1, le=WEIGHT_MAX)]
Points: TypeAlias = Annotated[int, Field(ge=0, le=POINTS_MAX)]
Days: TypeAlias = Annotated[int, Field(ge=0, le=3650)]
Trait: TypeAlias = Literal["industry", "region", "customer_type", "scale"]
Role: TypeAlias = Literal["seller", "manager", "executive", "support", "site"]


class SkillOf(Strict):
    """A skill, exactly one way: for the customer's own value of a trait, for what the lead needs, or by its name.

    Somebody's level is 0 in what they are not known to be skilled in, and in what nobody knows of the customer.
    """

    trait: Trait | None = None
    need: Identifier | None = None
    skill: SkillName | None = None

    @model_validator(mode="after")
    def _one(self) -> SkillOf:
        if sum(name is not None for name in (self.trait, self.need, self.skill)) != 1:
            raise ValueError("give exactly one of trait, need, skill")
        return self


class SkillNeeded(SkillOf):
    """At least this level of a skill."""

    at_least: Level


class SkillPoints(SkillOf):
    """So many points for each level of a skill."""

    points: Points


class Candidates(Strict):
    """Who is considered: members of these teams and of the teams below them ([]: of any), in one of these roles, and
    where `staff` names somebody, nobody else; who works in the customer's region, is skilled and experienced enough."""

    teams: Annotated[list[TeamId], Field(max_length=200)] = Field(default_factory=list)
    roles: Annotated[list[Role], Field(min_length=1, max_length=5)] = Field(default_factory=lambda: ["seller"])
    staff: Annotated[list[StaffId], Field(max_length=1000)] = Field(default_factory=list)
    same_region: bool = False
    skills: Annotated[list[SkillNeeded], Field(max_length=20)] = Field(default_factory=list)
    experience_years: Annotated[int, Field(ge=0, le=80)] = 0


class LeastLoaded(Strict):
    """Whoever owns the smallest share of what they can own: load ÷ capacity, compared exactly.

    Somebody new or back from leave owns little and would get everything for a while. So who was assigned one of the
    last `rest` customers is passed over; of those who can be chosen, always fewer than half.
    """

    rest: Annotated[int, Field(ge=0, le=1000)] = 1


class WeightsGiven(Strict):
    """Weights by person, otherwise by the nearest team above them, otherwise 1."""

    staff: dict[StaffId, Weight] = Field(default_factory=dict)
    teams: dict[TeamId, Weight] = Field(default_factory=dict)


class Rotation(Strict):
    """In turn, each as often as their weight: by capacity, all alike, or given.

    There is one rotation for each combination of the traits and needs that the candidates are compared with, and while
    those who can be chosen stay the same, nobody is ever a whole customer away from their share. Who comes back from
    leave or is new takes part from the present round on: what others had meanwhile is not caught up.
    """

    weights: Literal["capacity", "equal"] | WeightsGiven = "capacity"


class BestFit(Strict):
    """Whoever has most points: for working in the customer's region, for each level of skills, for each year of
    experience (up to a number of years), less points for load: `load` × load ÷ capacity, rounded down."""

    region: Points = 0
    skills: Annotated[list[SkillPoints], Field(max_length=20)] = Field(default_factory=list)
    experience: Points = 0
    experience_years_max: Annotated[int, Field(ge=1, le=80)] = 20
    load: Points = 0
    rest: Annotated[int, Field(ge=0, le=1000)] = 0


class Choose(Strict):
    """How one is chosen of those considered; exactly one way. `named`: the first of these who can be chosen."""

    least_loaded: LeastLoaded | None = None
    rotation: Rotation | None = None
    best_fit: BestFit | None = None
    previous_owner: Literal[True] | None = None
    named: Annotated[list[StaffId], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Choose:
        if sum(getattr(self, name) is not None for name in Choose.model_fields) != 1:
            raise ValueError(f"give exactly one of {', '.join(Choose.model_fields)}")
        return self

    @property
    def way(self) -> str:
        """The one that is given."""
        return next(name for name in Choose.model_fields if getattr(self, name) is not None)


class AssignmentRule(Strict):
    """For which customers, who is considered, how one is chosen, and what then holds.

    Without `candidates` all sellers are considered; where `choose` names people, those, whatever their role. Days not
    given are those of the terms. `otherwise` says what follows where nobody can be chosen.
    """

    id: Identifier
    title: Words
    note: Words | None = None
    when: Condition | None = None
    candidates: Candidates | None = None
    choose: Choose
    protection_days: Days | None = None
    follow_up_days: Days | None = None
    otherwise: Literal["next", "pool"] = "next"

    @model_validator(mode="after")
    def _sense(self) -> AssignmentRule:
        if self.id == FALLBACK:
            raise ValueError(f"{FALLBACK} is what the fallback is called; give another id")
        for leaf in leaves_of(self.when):
            if isinstance(leaf, LeadIs) and leaf.lead == "amount":
                for operand in leaf.operand if leaf.operator == "one_of" else [leaf.operand]:
                    _amount_check(operand)
            elif isinstance(leaf, (TraitIs, LeadIs, NeedIs)):
                _text_check(leaf)
            elif not isinstance(leaf, (TierIs, TagIs, GradeIs, KnowledgeIs)):
                raise ValueError("when looks at customer, tier, tag, grade, lead, need and knowledge only")
        return self


def _amount_check(operand: object) -> None:
    try:
        scaled_parse(operand, 2)
    except ValueError as error:
        raise ValueError(f"the amount {error}") from None


def _text_check(leaf: TraitIs | LeadIs | NeedIs) -> None:
    if leaf.operator not in ("equals", "not_equals", "one_of"):
        raise ValueError("a name has no order; use equals, not_equals or one_of")
    operands = leaf.operand if leaf.operator == "one_of" else [leaf.operand]
    if not all(isinstance(operand, str) and operand for operand in operands):
        raise ValueError("a name is compared with text")


class Fallback(Strict):
    """Where no rule finds anybody: the pool, one person, or the least loaded of a team; exactly one way."""

    pool: Literal[True] | None = None
    staff: StaffId | None = None
    team: TeamId | None = None

    @model_validator(mode="before")
    @classmethod
    def _form(cls, given: object) -> object:
        if not isinstance(given, (Mapping, cls)):
            raise ValueError("is written {pool: true}, {staff: S-000001} or {team: east}, with an id of yours")
        return given  # pyright: ignore[reportUnknownVariableType]

    @model_validator(mode="after")
    def _one(self) -> Fallback:
        if sum(getattr(self, name) is not None for name in Fallback.model_fields) != 1:
            raise ValueError(f"give exactly one of {', '.join(Fallback.model_fields)}")
        return self


class AssignmentTerms(Strict):
    """What holds for every customer, in days and counts; 0 for none. See `ledger.domain.relations.policy.Terms`."""

    protection_days: Days = 30
    follow_up_days: Days = 15
    announce_days: Days = 3
    nurture_rhythm_days: Annotated[int, Field(ge=1, le=3650)] = 90
    claims_per_day: Annotated[int, Field(ge=0, le=100_000)] = 0
    claims_held_max: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    cooldown_days: Days = 0
    cooldown_by_rules: bool = False
    important_tiers: Annotated[list[Identifier], Field(max_length=50)] = Field(default_factory=list)
    important_tags: Annotated[list[Identifier], Field(max_length=60)] = Field(default_factory=list)
    important_days: Days = 0
    notice_days: Days = 7
    collision_by_rules: bool = True
    collision_likely_score: Annotated[int, Field(ge=1, le=100)] = 85
    reported_by_rules: bool = False

    @property
    def terms(self) -> Terms:
        """As the domain asks for them."""
        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(Terms)}
        given["important_tiers"] = frozenset(self.important_tiers)
        given["important_tags"] = frozenset(self.important_tags)
        return Terms(**given)


class AssignmentRules(Strict):
    """The section `assignment` of a rule set."""

    note: Words | None = None
    rules: Annotated[list[AssignmentRule], Field(max_length=200)] = Field(default_factory=list)
    fallback: Fallback = Field(default_factory=lambda: Fallback(pool=True))
    terms: AssignmentTerms = Field(default_factory=AssignmentTerms)

    @model_validator(mode="after")
    def _ids(self) -> AssignmentRules:
        places: dict[str, int] = {}
        for i, rule in enumerate(self.rules):
            first = places.setdefault(rule.id, i)
            if first != i:
                raise ValueError(f"rules.{first} and rules.{i} bear the same id")
        return self

    def rule(self, rule_id: str) -> AssignmentRule | None:
        """The rule of this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def references(self) -> Iterator[tuple[str, str, str]]:
        """What it names of the rule set: where it does ("rules.0"), "tier", "tag" or "grade", and the id."""
        for i, rule in enumerate(self.rules):
            for leaf in leaves_of(rule.when):
                if isinstance(leaf, TierIs):
                    yield f"rules.{i}", "tier", leaf.level
                elif isinstance(leaf, TagIs):
                    yield f"rules.{i}", "tag", leaf.tag
                elif isinstance(leaf, GradeIs):
                    yield from ((f"rules.{i}", "grade", grade) for grade in leaf.grade)
        yield from (("terms", "tier", tier) for tier in self.terms.important_tiers)
        yield from (("terms", "tag", tag) for tag in self.terms.important_tags)

    def people(self) -> Iterator[tuple[str, str, str]]:
        """Who it names: where it does ("rules.0.candidates.teams.1"), "team" or "staff", and the id."""
        for i, rule in enumerate(self.rules):
            at, choose = f"rules.{i}", rule.choose
            if rule.candidates is not None:
                among, given = f"{at}.candidates", rule.candidates
                yield from ((f"{among}.teams.{n}", "team", team) for n, team in enumerate(given.teams))
                yield from ((f"{among}.staff.{n}", "staff", who) for n, who in enumerate(given.staff))
            yield from ((f"{at}.choose.named.{n}", "staff", who) for n, who in enumerate(choose.named or ()))
            if choose.rotation is not None and isinstance(choose.rotation.weights, WeightsGiven):
                among, weights = f"{at}.choose.rotation.weights", choose.rotation.weights
                yield from ((f"{among}.staff.{n}", "staff", who) for n, who in enumerate(weights.staff))
                yield from ((f"{among}.teams.{n}", "team", team) for n, team in enumerate(weights.teams))
        if self.fallback.team is not None:
            yield "fallback.team", "team", self.fallback.team
        if self.fallback.staff is not None:
            yield "fallback.staff", "staff", self.fallback.staff

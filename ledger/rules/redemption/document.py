"""Redemption as data: offers (gifts, services, offsets of a payment, honours), entitlements, and what a point is worth.

Stock is no rule: it is counted by events.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from ledger.domain.fact_types import Identifier, Strict, Words
from ledger.domain.values import points_parse, scaled_parse
from ledger.rules.amounts import DayText, MoneyPositive, PointsPositive, Window
from ledger.rules.comparisons import BalanceIs, Comparison, Condition, EarnedIs, GradeIs, TagIs, TierIs, leaves_of

OfferKind: TypeAlias = Literal["gift", "service", "offset", "honour"]
Stage: TypeAlias = Literal["bidding", "construction", "settlement"]
Days: TypeAlias = Annotated[int, Field(ge=1, le=3650)]
STEPS_MAX = 20


class Variant(Strict):
    """A size, colour or make of a gift, with a stock of its own; `points` where it costs other than the offer says."""

    id: Identifier
    title: Words
    points: PointsPositive | None = None


class Step(Strict):
    """From so many points on, they are worth this much money, and more of them in proportion."""

    points: PointsPositive
    money: MoneyPositive


class Quota(Strict):
    """At most so many units of an offer in a window, for all customers together."""

    units: Annotated[int, Field(ge=1, le=1_000_000_000)]
    window: Literal["month", "quarter", "year", "lifetime"]


class OfferLimit(Strict):
    """At most so often, or for so many points, for each customer in a window. What was freed or taken back in full
    counts no more."""

    window: Window
    times: Annotated[int, Field(ge=1)] | None = None
    points: PointsPositive | None = None

    @model_validator(mode="after")
    def _some(self) -> OfferLimit:
        if self.times is None and self.points is None:
            raise ValueError("give times, points or both")
        return self


class Offer(Strict):
    """What points can be redeemed for.

    `gift`: `points` each, stock counted for each variant. `service`: `points` for each unit, to be used within
    `valid_days`. `offset`: money off a payment by `steps`. `honour`: `points` each, nothing counted.
    """

    id: Identifier
    kind: OfferKind
    title: Words
    note: Words | None = None
    points: PointsPositive | None = None
    variants: Annotated[list[Variant], Field(max_length=100)] = Field(default_factory=list)
    supplier: Annotated[str, Field(max_length=200)] = ""
    delivery: Words | None = None
    unit: Words | None = None
    quota: Quota | None = None
    valid_days: Days | None = None
    steps: Annotated[list[Step], Field(max_length=STEPS_MAX)] = Field(default_factory=list)
    multiple_of: PointsPositive | None = None
    tiers: Annotated[list[Identifier], Field(max_length=50)] = Field(default_factory=list)
    limits: Annotated[list[OfferLimit], Field(max_length=5)] = Field(default_factory=list)
    effective_from: DayText | None = None
    effective_to: DayText | None = None
    hold_days: Days | None = None

    @model_validator(mode="after")
    def _sense(self) -> Offer:
        foreign = {
            "gift": ("unit", "quota", "valid_days", "steps", "multiple_of"),
            "service": ("variants", "supplier", "delivery", "steps", "multiple_of"),
            "offset": ("points", "variants", "supplier", "delivery", "unit", "quota", "valid_days"),
            "honour": ("variants", "supplier", "delivery", "unit", "valid_days", "steps", "multiple_of"),
        }[self.kind]
        for name in foreign:
            if getattr(self, name) not in (None, [], ""):
                raise ValueError(f"an offer of kind {self.kind} has no {name}")
        if self.kind == "offset":
            if not self.steps:
                raise ValueError("an offset needs steps")
        elif self.points is None and not (self.variants and all(v.points is not None for v in self.variants)):
            raise ValueError("says not how many points it costs")
        if len({variant.id for variant in self.variants}) != len(self.variants):
            raise ValueError("two variants bear the same id")
        if len({limit.window for limit in self.limits}) != len(self.limits):
            raise ValueError("give one limit for each window")
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError("effective_to lies before effective_from")
        self._steps_check()
        return self

    def _steps_check(self) -> None:
        steps = [(points_parse(step.points), scaled_parse(step.money, 2)) for step in self.steps]
        for low, high in pairwise(steps):
            if low[0] >= high[0]:
                raise ValueError("steps begin with the fewest points and rise")
            if high[1] * low[0] < low[1] * high[0]:
                raise ValueError("a later step gives less for a point than an earlier one")


class Uses(Strict):
    """At most so many uses of an entitlement by each customer in a window."""

    times: Annotated[int, Field(ge=1, le=1_000_000)]
    window: Literal["month", "quarter", "year", "lifetime"]


class Entitlement(Strict):
    """What a customer is entitled to at a stage of the business, while the conditions hold; `reason` says why in
    words. `uses` limits how often."""

    id: Identifier
    stage: Stage
    title: Words
    reason: Words
    when: Condition | None = None
    uses: Uses | None = None

    @model_validator(mode="after")
    def _sense(self) -> Entitlement:
        for leaf in leaves_of(self.when):
            if not isinstance(leaf, (TierIs, TagIs, GradeIs, BalanceIs, EarnedIs)):
                raise ValueError("when looks at tier, tag, grade, balance and earned only")
            if isinstance(leaf, Comparison):
                for operand in leaf.operand if leaf.operator == "one_of" else [leaf.operand]:
                    points_parse(operand)
        return self


class PointValue(Strict):
    """What points are worth in the books: so many are so much money."""

    points: PointsPositive = 1000
    money: MoneyPositive = 50


class RedemptionRules(Strict):
    """The section `redemption` of a rule set.

    `debt` says what becomes of points that were spent and whose grant was taken back since: `recover` has the next
    grants pay them before they form lots; with `negative` grants form lots in full, the debt stands beside them, and
    only what goes beyond it can be spent. Either way it is part of the balance.
    """

    note: Words | None = None
    offers: Annotated[list[Offer], Field(max_length=500)] = Field(default_factory=list)
    entitlements: Annotated[list[Entitlement], Field(max_length=100)] = Field(default_factory=list)
    debt: Literal["recover", "negative"] = "recover"
    hold_days: Days = 14
    point_value: PointValue = Field(default_factory=PointValue)

    @model_validator(mode="after")
    def _ids(self) -> RedemptionRules:
        for kind, things in (("offers", self.offers), ("entitlements", self.entitlements)):
            places: dict[str, int] = {}
            for i, thing in enumerate(things):
                first = places.setdefault(thing.id, i)
                if first != i:
                    raise ValueError(f"{kind}.{first} and {kind}.{i} bear the same id")
        return self

    def offer(self, offer_id: str) -> Offer | None:
        """The offer of this id."""
        return next((offer for offer in self.offers if offer.id == offer_id), None)

    def references(self) -> Iterator[tuple[str, str, str]]:
        """What it names of the rule set: where it does ("offers.0"), "tier", "tag" or "grade", and the id."""
        for i, offer in enumerate(self.offers):
            yield from ((f"offers.{i}", "tier", tier) for tier in offer.tiers)
        for i, entitlement in enumerate(self.entitlements):
            for leaf in leaves_of(entitlement.when):
                if isinstance(leaf, TierIs):
                    yield f"entitlements.{i}", "tier", leaf.level
                elif isinstance(leaf, TagIs):
                    yield f"entitlements.{i}", "tag", leaf.tag
                elif isinstance(leaf, GradeIs):
                    yield from ((f"entitlements.{i}", "grade", grade) for grade in leaf.grade)

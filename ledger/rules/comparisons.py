"""Conditions as data: comparisons, and all, any and not of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag as Mark, model_validator

from ledger.domain.fact_types import Identifier, Strict
from ledger.domain.pattern_words import PAIR_PATTERN

TRAITS = ("industry", "region", "customer_type", "scale")
"""What rules weigh of a customer, in the order of the columns."""

Scalar: TypeAlias = int | str | bool


class Comparison(Strict):
    """What a value is held against; exactly one."""

    equals: Scalar | None = None
    not_equals: Scalar | None = None
    at_least: int | str | None = None
    above: int | str | None = None
    at_most: int | str | None = None
    below: int | str | None = None
    one_of: Annotated[list[Scalar], Field(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Comparison:
        if sum(getattr(self, name) is not None for name in Comparison.model_fields) != 1:
            raise ValueError(f"give exactly one of {', '.join(Comparison.model_fields)}")
        return self

    @property
    def operator(self) -> str:
        """The one that is given."""
        return next(n for n in Comparison.model_fields if getattr(self, n) is not None)

    @property
    def operand(self) -> Any:
        """What it is given."""
        return getattr(self, self.operator)


class AttributeIs(Comparison):
    """A comparison on an attribute of the fact. One that the fact doesn't carry fails it."""

    attribute: Identifier


class TraitIs(Comparison):
    """A comparison on the recipient's industry, region, customer type or scale, as at the fact's position.

    One that isn't known fails it."""

    customer: Literal["industry", "region", "customer_type", "scale"]


class TierIs(Strict):
    """The recipient's tier before the fact, by its place in the ladder: at least, at most, or exactly this
    one."""

    tier: Literal["at_least", "at_most", "equals"]
    level: Identifier


class BalanceIs(Comparison):
    """A comparison on the recipient's balance before the fact, in points."""

    balance: Literal[True]


class EarnedIs(Comparison):
    """A comparison on the points earned in the tier's window (or a lifetime), before the fact."""

    earned: Literal["window", "lifetime"]


class TagIs(Strict):
    """The recipient bears a tag, before the fact."""

    tag: Identifier


class GradeIs(Strict):
    """The recipient's credit grade is one of these, before the fact."""

    grade: Annotated[list[Identifier], Field(min_length=1)]


class MeasureIs(Comparison):
    """A comparison on a measure: how many facts it counted (or their sum) in the window of the date."""

    measure: Identifier
    of: Literal["times", "sum"] = "times"


class LeadIs(Comparison):
    """A comparison on the lead that somebody is assigned for: its amount in CNY, or how it came. One that isn't known
    fails it, and an amount of 0 is not known. Assignment rules only."""

    lead: Literal["amount", "channel"]


class NeedIs(Comparison):
    """A comparison on what the lead needs beyond the customer's traits. One that isn't known fails it. Assignment
    rules only."""

    need: Identifier


class KnowledgeIs(Strict):
    """The customer or its region bears this piece of soft knowledge, as "kind:value". Assignment rules only."""

    knowledge: Annotated[str, Field(pattern=PAIR_PATTERN)]


class All(Strict):
    """Every one of these holds."""

    all: Annotated[list[Condition], Field(min_length=1, max_length=50)]


class Any_(Strict):  # noqa: N801  (typing's Any is needed beside it)
    """At least one of these holds."""

    any: Annotated[list[Condition], Field(min_length=1, max_length=50)]


class Not(Strict):
    """This does not hold."""

    not_: Annotated[Condition, Field(alias="not")]


def _kind_of(data: Any) -> str | None:
    """Which condition this is: the first key that names one."""
    for key in _KINDS:
        if (key in data) if isinstance(data, dict) else hasattr(data, "not_" if key == "not" else key):
            return key
    return None


_KINDS = (
    "all",
    "any",
    "not",
    "attribute",
    "customer",
    "tier",
    "balance",
    "earned",
    "tag",
    "grade",
    "measure",
    "lead",
    "need",
    "knowledge",
)

Leaf: TypeAlias = (
    AttributeIs | TraitIs | TierIs | BalanceIs | EarnedIs | TagIs | GradeIs | MeasureIs | LeadIs | NeedIs | KnowledgeIs
)
Condition: TypeAlias = Annotated[
    Annotated[All, Mark("all")]
    | Annotated[Any_, Mark("any")]
    | Annotated[Not, Mark("not")]
    | Annotated[AttributeIs, Mark("attribute")]
    | Annotated[TraitIs, Mark("customer")]
    | Annotated[TierIs, Mark("tier")]
    | Annotated[BalanceIs, Mark("balance")]
    | Annotated[EarnedIs, Mark("earned")]
    | Annotated[TagIs, Mark("tag")]
    | Annotated[GradeIs, Mark("grade")]
    | Annotated[MeasureIs, Mark("measure")]
    | Annotated[LeadIs, Mark("lead")]
    | Annotated[NeedIs, Mark("need")]
    | Annotated[KnowledgeIs, Mark("knowledge")],
    Discriminator(
        _kind_of,
        custom_error_type="condition_unknown",
        custom_error_message="is no condition; begin it with one of " + ", ".join(_KINDS),
    ),
]


def leaves_of(condition: Condition | None) -> Iterator[Leaf]:
    """Every comparison of a condition."""
    if condition is None:
        return
    if isinstance(condition, All):
        for part in condition.all:
            yield from leaves_of(part)
    elif isinstance(condition, Any_):
        for part in condition.any:
            yield from leaves_of(part)
    elif isinstance(condition, Not):
        yield from leaves_of(condition.not_)
    else:
        yield condition


for _model in (All, Any_, Not):
    _model.model_rebuild()

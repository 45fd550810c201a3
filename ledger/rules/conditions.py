"""Conditions as bits: every comparison gets a bit, every condition becomes terms (bits that must, bits that
must not)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.domain.errors import DocumentInvalid, Problem
from ledger.domain.fact_types import FactType
from ledger.domain.rows import Vocabulary
from ledger.domain.values import day_parse, points_parse, scaled_parse
from ledger.rules import layout as at
from ledger.rules.document import (
    TRAITS,
    All,
    Any_,
    AttributeIs,
    BalanceIs,
    Comparison,
    Condition,
    EarnedIs,
    GradeIs,
    Leaf,
    MeasureIs,
    Not,
    TagIs,
    TierIs,
    TraitIs,
    canonical_bytes,
)

TERMS_MAX = 256
MEMBER_MAX = 1_000_000
"""The highest code or small number that `one_of` may name: its flags are kept from 0 up to it."""
MEMBERS_MAX = 8 * MEMBER_MAX
"""So many flags the comparisons of a rule set have together."""

Term = tuple[int, int]

OPERATORS = {
    "equals": at.OPERATOR_EQ,
    "not_equals": at.OPERATOR_NE,
    "below": at.OPERATOR_LT,
    "at_most": at.OPERATOR_LE,
    "above": at.OPERATOR_GT,
    "at_least": at.OPERATOR_GE,
    "one_of": at.OPERATOR_IN,
}


@dataclass
class Names:
    """Ids that keep their number through all rule sets of a program: tiers, tags, grades."""

    ids: list[str] = field(default_factory=list[str])

    def number(self, name: str) -> int:
        """The number of a name, a new one where it is new."""
        if name not in self.ids:
            self.ids.append(name)
        return self.ids.index(name)


def place_error(place: str, reason: str) -> DocumentInvalid:
    """A fault in a rule set that only shows against the fact types."""
    return DocumentInvalid([Problem(place, reason)])


class LeafTable:
    """The comparisons of one scope (a fact type's, or a rule set's changing ones), each with its bit."""

    def __init__(self, bit_first: int, bit_last: int, place: str) -> None:
        self.bit_first = bit_first
        self.bit_last = bit_last
        self.place = place
        self.bits: dict[bytes, int] = {}
        self.rows: list[list[int]] = []

    def bit(self, leaf: Leaf, row: Callable[[], list[int]]) -> int:
        """The bit of a comparison; equal comparisons share one."""
        key = canonical_bytes([type(leaf).__name__, leaf.model_dump(mode="json", exclude_none=True)])
        if key not in self.bits:
            bit = self.bit_first + len(self.bits)
            if bit >= self.bit_last:
                raise place_error(
                    self.place, f"has more than {self.bit_last - self.bit_first} different comparisons"
                )
            self.bits[key] = bit
            fields = row()
            fields[at.LEAF_BIT] = bit
            self.rows.append(fields)
        return self.bits[key]


def terms_of(condition: Condition | None, bit_of: Callable[[Leaf], int], place: str) -> list[Term]:
    """A condition in disjunctive form. No condition is one empty term. Raises DocumentInvalid past 256
    terms."""

    def build(node: Condition, positive: bool) -> list[Term]:
        if isinstance(node, Not):
            return build(node.not_, not positive)
        if isinstance(node, (All, Any_)):
            parts = [build(p, positive) for p in (node.all if isinstance(node, All) else node.any)]
            if isinstance(node, All) != positive:
                joined = [t for part in parts for t in part]
            else:
                joined: list[Term] = [(0, 0)]
                for part in parts:
                    joined = list(
                        dict.fromkeys(
                            (a | c, b | d) for a, b in joined for c, d in part if not (a | c) & (b | d)
                        )
                    )
                    if len(joined) > TERMS_MAX:
                        break
            if len(joined) > TERMS_MAX:
                raise place_error(place, f"comes to more than {TERMS_MAX} combinations; say it more simply")
            return list(dict.fromkeys(joined))
        bit = 1 << bit_of(node)
        return [(bit, 0)] if positive else [(0, bit)]

    return [(0, 0)] if condition is None else build(condition, True)


class LeafCompiler:
    """Turns comparisons into rows of the table of leaves, checking them against fact types and the rule
    set."""

    def __init__(self, members: list[int], vocabulary: Vocabulary) -> None:
        self.members = members
        self.vocabulary = vocabulary
        self._members_before = 0

    def begin(self) -> None:
        """Go on with another rule set."""
        self._members_before = len(self.members)

    def _row(
        self, source: int, column: int, comparison: Comparison, code: Callable[[object], int]
    ) -> list[int]:
        row = [0] * at.LEAF_FIELDS
        row[at.LEAF_SOURCE], row[at.LEAF_COLUMN] = source, column
        row[at.LEAF_OPERATOR] = OPERATORS[comparison.operator]
        if comparison.operator == "one_of":
            self._members(row, [code(v) for v in comparison.operand])
        else:
            row[at.LEAF_VALUE] = code(comparison.operand)
        return row

    def _members(self, row: list[int], codes: list[int]) -> None:
        if min(codes) < 0 or max(codes) > MEMBER_MAX:
            raise ValueError("one_of is for codes and small numbers; use at_least and at_most")
        flags = [0] * (max(codes) + 1)
        for code in codes:
            flags[code] = 1
        if len(self.members) + len(flags) - self._members_before > MEMBERS_MAX:
            raise ValueError("one_of names large numbers too often; use at_least and at_most, or equals")
        row[at.LEAF_OPERATOR] = at.OPERATOR_IN
        row[at.LEAF_VALUE], row[at.LEAF_SIZE] = len(self.members), len(flags)
        self.members += flags

    def static(self, leaf: Leaf, fact_type: FactType, place: str) -> list[int]:
        """A comparison on the fact or the customer. Raises DocumentInvalid."""
        try:
            if isinstance(leaf, TraitIs):
                if leaf.operator not in ("equals", "not_equals", "one_of"):
                    raise ValueError(f"{leaf.customer} is a name; use equals, not_equals or one_of")
                return self._row(at.SOURCE_CUSTOMER, TRAITS.index(leaf.customer), leaf, self._trait)
            assert isinstance(leaf, AttributeIs)
            column = column_of(fact_type, leaf.attribute)
            return self._row(
                at.SOURCE_FACT,
                column,
                leaf,
                lambda raw: attribute_code(fact_type, leaf.attribute, raw, leaf.operator),
            )
        except ValueError as error:
            raise place_error(place, str(error)) from None

    def _trait(self, raw: object) -> int:
        if not isinstance(raw, str) or not raw:
            raise ValueError("a trait is compared with text")
        return self.vocabulary.code(raw)

    def dynamic(
        self,
        leaf: Leaf,
        place: str,
        *,
        levels: list[str],
        tier_slot: int,
        tags: Names,
        grades: Names,
        declared: frozenset[str],
        measures: dict[str, tuple[int, int]],
    ) -> list[int]:
        """A comparison on what the fold changes. Raises DocumentInvalid.

        `tags` and `grades` number those of all rule sets, `declared` names this one's ("tag x", "grade a").
        `measures`: id → (slot, places of its sum).
        """
        try:
            if isinstance(leaf, TierIs):
                if leaf.level not in levels:
                    raise ValueError("names no level of the ladder")
                row = [at.SOURCE_TIER, 0, OPERATORS[leaf.tier], levels.index(leaf.level), 0, 0]
                return row
            if isinstance(leaf, BalanceIs):
                return self._row(at.SOURCE_BALANCE, 0, leaf, points_parse)
            if isinstance(leaf, EarnedIs):
                column = at.NONE if leaf.earned == "lifetime" else tier_slot
                if leaf.earned == "window" and not levels:
                    raise ValueError("earned in the window needs a ladder")
                return self._row(at.SOURCE_EARNED, column, leaf, points_parse)
            if isinstance(leaf, TagIs):
                if f"tag {leaf.tag}" not in declared:
                    raise ValueError("names no declared tag")
                return [at.SOURCE_TAG, tags.number(leaf.tag), at.OPERATOR_EQ, 1, 0, 0]
            if isinstance(leaf, GradeIs):
                row = [at.SOURCE_GRADE, 0, at.OPERATOR_IN, 0, 0, 0]
                for name in leaf.grade:
                    if f"grade {name}" not in declared:
                        raise ValueError("names no declared credit grade")
                self._members(row, [grades.number(name) for name in leaf.grade])
                return row
            if not isinstance(leaf, MeasureIs):
                raise ValueError("lead, need and knowledge are for assignment rules only")
            if leaf.measure not in measures:
                raise ValueError("names no declared measure")
            slot, places = measures[leaf.measure]
            if leaf.of == "times":
                return self._row(at.SOURCE_MEASURE_TIMES, slot, leaf, lambda raw: scaled_parse(raw, 0))
            return self._row(at.SOURCE_MEASURE_SUM, slot, leaf, lambda raw: scaled_parse(raw, places))
        except ValueError as error:
            raise place_error(place, str(error)) from None


def is_static(leaf: Leaf) -> bool:
    """Whether a comparison can be made without the account's state."""
    return isinstance(leaf, (AttributeIs, TraitIs))


def column_of(fact_type: FactType, attribute: str) -> int:
    """The column of an attribute. Raises ValueError."""
    if attribute not in fact_type.columns:
        raise ValueError(f"names no attribute of {fact_type.id} that rules can weigh")
    return fact_type.columns.index(attribute)


def places_of(fact_type: FactType, attribute: str) -> int:
    """The decimals of a numeric attribute. Raises ValueError where it isn't numeric."""
    column_of(fact_type, attribute)
    if attribute in fact_type.derived:
        return 0
    declared = fact_type.attributes[attribute]
    if declared.type != "number":
        raise ValueError(f"{attribute} is no number")
    return declared.places


def attribute_code(fact_type: FactType, attribute: str, raw: object, operator: str = "equals") -> int:
    """A document's value for an attribute as the integer the columns hold. Raises ValueError."""
    if attribute in fact_type.derived:
        return scaled_parse(raw, 0)
    declared = fact_type.attributes[attribute]
    if declared.type == "number":
        return scaled_parse(raw, declared.places)
    if declared.type == "date":
        return day_parse(raw)
    if operator not in ("equals", "not_equals", "one_of"):
        raise ValueError(f"{attribute} has no order; use equals, not_equals or one_of")
    if declared.type == "enum":
        if raw not in declared.values:
            raise ValueError(f"{attribute} is none of {', '.join(declared.values)}")
        return list(declared.values).index(str(raw))
    if declared.type == "boolean":
        if not isinstance(raw, bool):
            raise ValueError(f"{attribute} is compared with true or false")
        return int(raw)
    raise ValueError(f"{attribute} can't be compared")

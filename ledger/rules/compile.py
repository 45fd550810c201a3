"""From rule sets to tables: everything that can be decided about a rule before any fact is seen.

A program holds all rule sets ever activated, so that a rule that keeps its id and window keeps its counters
when the next rule set takes over: slots are shared by key. What would not fit the tables, or could pass 2^63
under the bounds of its attributes, is refused here with its place in the document (sums of measures by `sums_check`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ledger.domain.fact_types import FactType
from ledger.domain.values import (
    DAY_LAST,
    INTEGER_MAX,
    day_parse,
    month_last_day,
    month_of,
    percent_parse,
    points_parse,
    scaled_parse,
    scaled_text,
)
from ledger.rules import layout as at
from ledger.rules.amounts import too_large_words
from ledger.rules.conditions import (
    LeafCompiler,
    LeafTable,
    Names,
    Vocabulary,
    column_of,
    is_static,
    place_error,
    places_of,
    terms_of,
)
from ledger.rules.document import AttributeIs, Condition, Leaf, Rule, RuleSet, leaves_of
from ledger.rules.program import SPAN_MONTHS_MAX, WINDOWS, Activation, Program, SlotKey, ring_rounded, ring_size

__all__ = ["SPAN_MONTHS_MAX", "Activation", "Program", "program_compile", "ring_size"]


def program_compile(
    activations: Sequence[Activation],
    fact_types: Sequence[FactType],
    vocabulary: Vocabulary,
    span_months: int = 1,
) -> Program:
    """Compile rule sets against the fact types. Raises DocumentInvalid with the place of the first fault."""
    return _Compiler(activations, fact_types, vocabulary, span_months).program()


SUMMED_MIN: Final = 100_000
"""The sum of a measure has room for so many facts of one customer in one window, each at its attribute's bounds."""


def sums_check(rules: RuleSet, fact_types: Mapping[str, FactType]) -> None:
    """Raises DocumentInvalid, with the place, for a measure whose sum could pass 2^63. Asked of rule sets that are
    proposed or put into force, not of all that are compiled: what was in force before it was asked goes on."""
    for i, measure in enumerate(rules.measures):
        if measure.sum is not None:
            fact_type = fact_types[measure.fact]
            most = INTEGER_MAX // SUMMED_MIN
            if max(map(abs, fact_type.bounds_of(measure.sum))) > most:
                highest = scaled_text(most, places_of(fact_type, measure.sum))
                raise place_error(
                    f"measures.{i}.sum",
                    "could pass 2^63 by the bounds of its fact type: sum an attribute that lies within"
                    f" {highest} either way",
                )


BitOf: TypeAlias = Callable[[Leaf, str], int]
"""Gives a comparison its bit; the text is where it stands in the document."""


class _Compiler:
    def __init__(
        self,
        activations: Sequence[Activation],
        fact_types: Sequence[FactType],
        vocabulary: Vocabulary,
        span: int,
    ) -> None:
        self.activations = tuple(activations)
        self.fact_types = tuple(fact_types)
        self.type_numbers = {t.id: i for i, t in enumerate(fact_types)}
        self.span = span
        self.members: list[int] = []
        self.leaf_compiler = LeafCompiler(self.members, vocabulary)
        self.leaves: list[list[int]] = []
        self.leaf_first: list[list[int]] = []
        self.terms: list[tuple[int, int]] = []
        self.bands: list[tuple[int, int]] = []
        self.weights: list[tuple[int, int, int]] = []
        self.limits: list[tuple[int, int, int]] = []
        self.limit_keys: list[SlotKey] = []
        self.steps: list[int] = []
        self.rules: list[list[int]] = []
        self.rule_first: list[int] = [0]
        self.rule_ids: list[tuple[int, str]] = []
        self.sets: list[list[int]] = []
        self.levels: list[tuple[int, int, int]] = []
        self.tag_rows: list[tuple[int, int, int]] = []
        self.grade_rows: list[tuple[int, int]] = []
        self.slot_keys: dict[SlotKey, int] = {}
        self.streak_keys: dict[str, int] = {}
        self.tiers, self.tags, self.grades = Names(), Names(), Names()
        self.expiry_months_max = 1

    def slot(self, kind: str, name: str, window: str) -> int:
        return self.slot_keys.setdefault((kind, name, window), len(self.slot_keys))

    def program(self) -> Program:
        for number, activation in enumerate(self.activations):
            self.rule_set(number, activation.rules)
        lots_offset = at.REC_FIXED
        lots_ring = ring_rounded(self.span + self.expiry_months_max + 3)
        offset = lots_offset + lots_ring
        streaks = {name: offset + i for i, name in enumerate(self.streak_keys)}
        offset += len(streaks)
        slots: list[list[int]] = []
        for _, _, window in self.slot_keys:
            ring = ring_size(WINDOWS[window], self.span)
            slots.append([offset, ring, WINDOWS[window]])
            offset += ring * at.COUNTER_FIELDS
        rules = _table(self.rules, at.RULE_FIELDS)
        names = list(self.streak_keys)
        for row in rules:
            if row[at.RULE_STREAK] != at.NONE:
                row[at.RULE_STREAK] = streaks[names[row[at.RULE_STREAK]]]
        tables = at.Tables(
            rules=rules,
            rule_first=np.array(self.rule_first, np.int64),
            leaves=_table(self.leaves, at.LEAF_FIELDS),
            leaf_first=_table(self.leaf_first, 4),
            members=np.array(self.members or [0], np.int64),
            terms=_table(self.terms, 2),
            bands=_table(self.bands, 2),
            weights=_table(self.weights, 3),
            limits=_table(self.limits, at.LIMIT_FIELDS),
            steps=np.array(self.steps or [0], np.int64),
            slots=_table(slots, at.SLOT_FIELDS),
            sets=_table(self.sets, at.SET_FIELDS),
            levels=_table(self.levels, 3),
            tags=_table(self.tag_rows, 3),
            grades=_table(self.grade_rows, 2),
            month_of_day=_MONTH_OF_DAY,
            day_of_month_end=_DAY_OF_MONTH_END,
            sizes=np.array([lots_offset, lots_ring, offset, len(self.fact_types)], np.int64),
        )
        return Program(
            self.activations, self.fact_types, self.span, tables, tuple(self.rule_ids),
            tuple(self.limit_keys), tuple(self.slot_keys), streaks,
            tuple(self.tiers.ids), tuple(self.tags.ids), tuple(self.grades.ids),
        )  # fmt: skip

    def rule_set(self, number: int, rules: RuleSet) -> None:
        self.leaf_compiler.begin()
        row = [at.NONE] * at.SET_FIELDS
        level_ids: list[str] = []
        row[at.SET_DEBT_STANDS] = int(rules.redemption is not None and rules.redemption.debt == "negative")
        if rules.expiry_months != "never":
            row[at.SET_EXPIRY_MONTHS] = rules.expiry_months
            self.expiry_months_max = max(self.expiry_months_max, rules.expiry_months)
        row[at.SET_LEVELS_FIRST] = len(self.levels)
        if rules.tiers is not None:
            if rules.tiers.window != "lifetime":
                row[at.SET_REVIEW_FROM] = (
                    0 if ("tier", "", rules.tiers.window) in self.slot_keys else self.activations[number].day_from
                )
                row[at.SET_TIER_SLOT] = self.slot("tier", "", rules.tiers.window)
            row[at.SET_FALL_MAX] = rules.tiers.fall_levels_max
            for level in rules.tiers.levels:
                level_ids.append(level.id)
                self.levels.append(
                    (
                        self.tiers.number(level.id),
                        points_parse(level.points),
                        percent_parse(level.factor_percent),
                    )
                )
        row[at.SET_LEVELS_LAST] = len(self.levels)
        measures: dict[str, tuple[int, int]] = {}
        for i, measure in enumerate(rules.measures):
            places = 0
            if measure.sum is not None:
                try:
                    places = places_of(self.fact_type(measure.fact, f"measures.{i}.fact"), measure.sum)
                except ValueError as error:
                    raise place_error(f"measures.{i}.sum", str(error)) from None
            measures[measure.id] = (self.slot("measure", measure.id, measure.window), places)
        for i, tag in enumerate(rules.tags):
            if self.tags.number(tag.id) > 60:
                raise place_error(f"tags.{i}", "more than 60 different tags were ever declared")
        if rules.credit is not None:
            row[at.SET_GRADE_GOOD] = measures[rules.credit.good][0]
            row[at.SET_GRADE_ALL] = measures[rules.credit.all][0]
        row[at.SET_GRADES_FIRST] = len(self.grade_rows)
        for grade in rules.credit.grades if rules.credit else ():
            self.grade_rows.append((self.grades.number(grade.id), percent_parse(grade.at_least_percent)))
        row[at.SET_GRADES_LAST] = len(self.grade_rows)

        declared = frozenset(
            {f"tag {tag.id}" for tag in rules.tags}
            | {f"grade {grade.id}" for grade in (rules.credit.grades if rules.credit else ())}
        )
        changing = LeafTable(at.BITS_STATIC, at.BITS_ALL, "rule set")

        def dynamic_bit(leaf: Leaf, place: str) -> int:
            return changing.bit(
                leaf,
                lambda: self.leaf_compiler.dynamic(
                    leaf, place, levels=level_ids, tier_slot=row[at.SET_TIER_SLOT], tags=self.tags,
                    grades=self.grades, declared=declared, measures=measures,
                ),
            )  # fmt: skip

        row[at.SET_TAGS_FIRST] = len(self.tag_rows)
        for i, tag in enumerate(rules.tags):
            place = f"tags.{i}.when"
            for leaf in leaves_of(tag.when):
                if is_static(leaf) or "tag" in type(leaf).model_fields:
                    raise place_error(place, "a tag looks at tier, balance, earned, grade and measures only")

            def tag_bit(leaf: Leaf, place: str = place) -> int:
                return dynamic_bit(leaf, place)

            first, last = self.terms_add(terms_of(tag.when, tag_bit, place))
            self.tag_rows.append((self.tags.number(tag.id), first, last))
        row[at.SET_TAGS_LAST] = len(self.tag_rows)

        rows_by_type: list[list[tuple[int, Rule]]] = [[] for _ in range(len(self.fact_types) * at.ROLES)]
        for i, rule in enumerate(rules.rules):
            self.fact_type(rule.fact, f"rules.{i}.fact")
            role = at.ROLE_REFERRER if rule.recipient == "referrer" else at.ROLE_CUSTOMER
            rows_by_type[self.type_numbers[rule.fact] * at.ROLES + role].append((i, rule))
        for fact_type in self.fact_types:
            fixed = LeafTable(0, at.BITS_STATIC, f"rules for {fact_type.id}")
            uses_state = [False]

            def bit_of(
                leaf: Leaf,
                place: str,
                fixed: LeafTable = fixed,
                fact_type: FactType = fact_type,
                uses_state: list[bool] = uses_state,
            ) -> int:
                if is_static(leaf):
                    return fixed.bit(leaf, lambda: self.leaf_compiler.static(leaf, fact_type, place))
                uses_state[0] = True
                return dynamic_bit(leaf, place)

            for role in range(at.ROLES):
                if role == at.ROLE_CUSTOMER:
                    self.breaks(number, rules, fact_type, bit_of)
                for i, rule in rows_by_type[self.type_numbers[fact_type.id] * at.ROLES + role]:
                    self.award(number, rules, rule, f"rules.{i}", fact_type, bit_of)
                if role == at.ROLE_CUSTOMER:
                    self.measures(number, rules, fact_type, bit_of)
                self.rule_first.append(len(self.rules))
            first = len(self.leaves)
            self.leaves.extend(fixed.rows)
            is_measured = any(m.fact == fact_type.id for m in rules.measures)
            self.leaf_first.append([first, len(self.leaves), int(uses_state[0]), int(is_measured)])
        row[at.SET_DYNAMIC_FIRST] = len(self.leaves)
        self.leaves.extend(changing.rows)
        row[at.SET_DYNAMIC_LAST] = len(self.leaves)
        on_points = (at.SOURCE_BALANCE, at.SOURCE_EARNED)
        row[at.SET_REVIEW_POINTS] = int(any(leaf[at.LEAF_SOURCE] in on_points for leaf in changing.rows))
        windows = [WINDOWS[measure.window] for measure in rules.measures]
        if rules.tiers is not None:
            windows.append(WINDOWS[rules.tiers.window])
        row[at.SET_REVIEW_WINDOW] = min(windows, default=at.WINDOW_LIFETIME)
        self.sets.append(row)

    def fact_type(self, name: str, place: str) -> FactType:
        if name not in self.type_numbers:
            raise place_error(place, "names no declared fact type")
        return self.fact_types[self.type_numbers[name]]

    def terms_add(self, terms: list[tuple[int, int]]) -> tuple[int, int]:
        first = len(self.terms)
        self.terms.extend(terms)
        return first, len(self.terms)

    def row_new(self, action: int, condition: Condition | None, bit_of: BitOf, place: str) -> list[int]:
        row = [0] * at.RULE_FIELDS
        row[at.RULE_ACTION] = action
        row[at.RULE_DAY_TO] = DAY_LAST
        row[at.RULE_CONDITIONAL] = int(condition is not None)
        row[at.RULE_TERMS_FIRST], row[at.RULE_TERMS_LAST] = self.terms_add(
            terms_of(condition, lambda leaf: bit_of(leaf, place), place)
        )
        row[at.RULE_ATTRIBUTE] = row[at.RULE_STREAK] = row[at.RULE_SLOT] = row[at.RULE_EXPIRY_MONTHS] = (
            at.NONE
        )
        return row

    def row_add(self, number: int, name: str, row: list[int]) -> None:
        self.rules.append(row)
        self.rule_ids.append((number, name))

    def breaks(self, number: int, rules: RuleSet, fact_type: FactType, bit_of: BitOf) -> None:
        for i, rule in enumerate(rules.rules):
            for j, brk in enumerate(rule.award.streak.broken_by if rule.award.streak else ()):
                self.fact_type(brk.fact, f"rules.{i}.award.streak.broken_by.{j}.fact")
                if brk.fact == fact_type.id:
                    place = f"rules.{i}.award.streak.broken_by.{j}.when"
                    row = self.row_new(at.ACTION_BREAK, brk.when, bit_of, place)
                    row[at.RULE_STREAK] = self.streak_keys.setdefault(rule.id, len(self.streak_keys))
                    self.row_add(number, rule.id, row)

    def measures(self, number: int, rules: RuleSet, fact_type: FactType, bit_of: BitOf) -> None:
        for i, measure in enumerate(rules.measures):
            place = f"measures.{i}.when"
            self.fact_type(measure.fact, f"measures.{i}.fact")
            if measure.fact != fact_type.id:
                continue
            if not all(isinstance(leaf, AttributeIs) for leaf in leaves_of(measure.when)):
                # What a corrected fact was counted for is found again from that fact alone.
                raise place_error(place, "a measure looks at the fact's attributes only")
            row = self.row_new(at.ACTION_MEASURE, measure.when, bit_of, place)
            row[at.RULE_SLOT] = self.slot("measure", measure.id, measure.window)
            if measure.sum is not None:
                row[at.RULE_ATTRIBUTE] = column_of(fact_type, measure.sum)
            self.row_add(number, measure.id, row)

    def award(
        self, number: int, rules: RuleSet, rule: Rule, place: str, fact_type: FactType, bit_of: BitOf
    ) -> None:
        row = self.row_new(at.ACTION_AWARD, rule.when, bit_of, f"{place}.when")
        if rule.recipient == "referrer" and fact_type.referrer is None:
            raise place_error(f"{place}.recipient", f"{fact_type.id} has no attribute with the role referrer")
        try:
            if rule.effective_from is not None:
                row[at.RULE_DAY_FROM] = day_parse(rule.effective_from)
            if rule.effective_to is not None:
                row[at.RULE_DAY_TO] = day_parse(rule.effective_to)
            base_max = self.award_fields(row, rule, fact_type)
        except ValueError as error:
            raise place_error(f"{place}.award", str(error)) from None
        expiry = rule.expiry_months if rule.expiry_months is not None else rules.expiry_months
        if expiry != "never":
            row[at.RULE_EXPIRY_MONTHS] = expiry
            self.expiry_months_max = max(self.expiry_months_max, expiry)
        row[at.RULE_TIER_FACTOR] = int(rule.tier_factor)
        row[at.RULE_PENALTY_FACTORS] = int(rule.factors_on_penalties)
        row[at.RULE_WEIGHTS_FIRST] = len(self.weights)
        entries: list[tuple[int, int, int]] = []
        for i, weight in enumerate(rule.weights):
            where = f"{place}.weights.{i}.when"

            def weight_bit(leaf: Leaf, where: str = where) -> int:
                return bit_of(leaf, where)

            first, last = self.terms_add(terms_of(weight.when, weight_bit, where))
            entries.append((first, last, percent_parse(weight.percent)))
        self.weights.extend(entries)
        row[at.RULE_WEIGHTS_LAST] = len(self.weights)
        if rule.nth is not None:
            row[at.RULE_NTH], row[at.RULE_NTH_EVERY] = rule.nth.n, int(rule.nth.every)
            row[at.RULE_NTH_SLOT] = self.slot("nth", rule.id, rule.nth.window)
        row[at.RULE_LIMITS_FIRST] = len(self.limits)
        for limit in rule.limits:
            points = at.NONE if limit.points is None else points_parse(limit.points)
            self.limit("limit", rule.id, limit.window, limit.times or at.NONE, points)
        row[at.RULE_CAPS_FIRST] = len(self.limits)
        for cap in rules.caps:
            if base_max[1] and (cap.rules is None or rule.id in cap.rules):
                self.limit("cap", cap.id, cap.window, at.NONE, points_parse(cap.points))
        row[at.RULE_LIMITS_LAST] = len(self.limits)
        weight_max = max([bp for _, _, bp in entries], default=10000)
        factor_max = (
            max([percent_parse(lv.factor_percent) for lv in rules.tiers.levels], default=10000)
            if (rules.tiers and rule.tier_factor)
            else 10000
        )
        most = max(weight_max, 10000), max(factor_max, 10000)
        if base_max[0] * most[0] * most[1] > INTEGER_MAX:
            per_unit = rule.award.per_unit is not None
            units = base_max[0] // abs(row[at.RULE_POINTS]) if per_unit else 1
            raise place_error(f"{place}.award", too_large_words(units, *most, per_unit=per_unit))
        self.row_add(number, rule.id, row)

    def limit(self, kind: str, name: str, window: str, times: int, points: int) -> None:
        self.limits.append((self.slot(kind, name, window), times, points))
        self.limit_keys.append((kind, name, window))

    def award_fields(self, row: list[int], rule: Rule, fact_type: FactType) -> tuple[int, bool]:
        """Fill the award's own fields; gives the largest magnitude it can come to, and whether it can
        grant."""
        award = rule.award
        if award.points is not None:
            row[at.RULE_AWARD], row[at.RULE_POINTS] = at.AWARD_FIXED, points_parse(award.points)
            return abs(row[at.RULE_POINTS]), row[at.RULE_POINTS] > 0
        if award.streak is not None:
            steps = [points_parse(s) for s in award.streak.steps]
            row[at.RULE_AWARD] = at.AWARD_STREAK
            row[at.RULE_STREAK] = self.streak_keys.setdefault(rule.id, len(self.streak_keys))
            row[at.RULE_STEPS_FIRST] = len(self.steps)
            self.steps.extend(steps)
            row[at.RULE_STEPS_LAST] = len(self.steps)
            return max(abs(s) for s in steps), max(steps) > 0
        if award.per_unit is not None:
            per = award.per_unit
            unit = scaled_parse(per.unit, places_of(fact_type, per.attribute))
            if unit <= 0:
                raise ValueError("the unit must be above zero")
            row[at.RULE_AWARD], row[at.RULE_ATTRIBUTE] = (
                at.AWARD_PER_UNIT,
                column_of(fact_type, per.attribute),
            )
            row[at.RULE_UNIT], row[at.RULE_POINTS] = unit, points_parse(per.points)
            low, high = fact_type.bounds_of(per.attribute)
            return max(abs(low), abs(high)) // unit * abs(row[at.RULE_POINTS]), True
        assert award.bands is not None
        bands = award.bands
        places = places_of(fact_type, bands.attribute)
        edges = [(scaled_parse(b.from_, places), points_parse(b.points)) for b in bands.steps]
        if any(a[0] >= b[0] for a, b in pairwise(edges)):
            raise ValueError("bands must rise")
        row[at.RULE_AWARD], row[at.RULE_ATTRIBUTE] = at.AWARD_BANDED, column_of(fact_type, bands.attribute)
        row[at.RULE_BANDS_FIRST] = len(self.bands)
        self.bands.extend(edges)
        row[at.RULE_BANDS_LAST] = len(self.bands)
        return max(abs(p) for _, p in edges), max(p for _, p in edges) > 0


def _table(rows: Sequence[Sequence[int]], columns: int) -> NDArray[np.int64]:
    if not rows:
        return np.zeros((0, columns), np.int64)
    return np.array(rows, np.int64).reshape(len(rows), columns)


_MONTHS = month_of(DAY_LAST) + 1
_DAY_OF_MONTH_END = np.array([month_last_day(m) for m in range(_MONTHS - 1)] + [DAY_LAST], np.int64)
_MONTH_OF_DAY = np.searchsorted(_DAY_OF_MONTH_END, np.arange(DAY_LAST + 1)).astype(np.int64)

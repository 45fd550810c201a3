"""The assignment rules of a rule set, as the domain asks them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ledger.domain.fact_types import Words
from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.policy import Choice, NoPolicy, Policy, Terms, Wanted
from ledger.domain.relations.records import new
from ledger.domain.relations.state import Relations
from ledger.rules.assignment.conditions import condition_compile
from ledger.rules.assignment.document import (
    FALLBACK,
    AssignmentRule,
    AssignmentRules,
    Candidates,
    Choose,
    Fallback,
    LeastLoaded,
)
from ledger.rules.assignment.fields import Field, Open, Values, compared_of
from ledger.rules.assignment.roster import Numbers, Roster
from ledger.rules.assignment.verdicts import CODES, FITS, code
from ledger.rules.assignment.ways import pool_of, way_of
from ledger.rules.document import RuleSet

_FIELDS_MAX: Final = 4096
_OUTSIDE: Final = tuple(code(verdict) for verdict in ("wrong_role", "wrong_team", "not_named"))
_LEFT: Final = code("left")
_NOT_JOINED: Final = code("not_joined")
_EXCLUDED: Final = code("excluded")
_COOLING: Final = code("cooling")
_FULL: Final = code("full")


class _Asked:
    """A rule made ready to be asked."""

    def __init__(self, rule: AssignmentRule, levels: list[str], terms: Terms) -> None:
        self.rule = rule
        self.id = rule.id
        self.is_last = rule.otherwise == "pool"
        self.holds = None if rule.when is None else condition_compile(rule.when, levels)
        self.way = way_of(rule.choose)
        self.compared = compared_of(rule)
        days = rule.protection_days, rule.follow_up_days
        self.protection_days = terms.protection_days if days[0] is None else days[0]
        self.follow_up_days = terms.follow_up_days if days[1] is None else days[1]
        self._fields: dict[Values, Field] = {}
        self._open: dict[Values, Open] = {}
        self._seen = (0, 0)
        """The roster's version and calendar that these are of."""

    def field(self, wanted: Wanted, roster: Roster) -> Field:
        """Everybody as this rule sees them for a customer."""
        self._see(roster)
        values = self.compared.values(wanted)
        field = self._fields.get(values)
        if field is None:
            if len(self._fields) >= _FIELDS_MAX:
                self._fields.clear()
            field = self._fields[values] = Field(self.rule, self.compared, values, roster)
        return field

    def open(self, wanted: Wanted, roster: Roster) -> Open:
        """Who of those that fit is here on the roster's day."""
        self._see(roster)
        values = self.compared.values(wanted)
        people = self._open.get(values)
        if people is None:
            if len(self._open) >= _FIELDS_MAX:
                self._open.clear()
            people = self._open[values] = self.field(wanted, roster).open_now()
        return people

    def _see(self, roster: Roster) -> None:
        version, calendar = self._seen
        if version != roster.version:
            self._fields.clear()
        elif calendar == roster.calendar:
            return
        self._open.clear()
        self._seen = (roster.version, roster.calendar)


class AssignmentPolicy:
    """The assignment rules of a rule set. Nothing is remembered of what was chosen: all that counts is in the state.

    The rules are asked in order. The first that holds and finds somebody decides; with `otherwise: pool` the first that
    holds. Ties are told apart as `ways.py` says: least recently assigned, then lowest number. Considered, and told with
    `detail`, are those of each rule that was asked: all in its roles, teams and names who have not left, and whoever
    had the customer before. One policy serves one thread.
    """

    def __init__(self, rule_set: str, rules: RuleSet) -> None:
        section = rules.assignment or AssignmentRules()
        levels = [level.id for level in rules.tiers.levels] if rules.tiers else []
        self.rule_set = rule_set
        """The id of the rule set they stand in."""
        self.terms = section.terms.terms
        """What they say for every customer."""
        self._asked = [_Asked(rule, levels, self.terms) for rule in [*section.rules, *_fallback(section.fallback)]]
        self._roster = Roster()

    def choose(self, state: Relations, wanted: Wanted, day: int, *, detail: bool) -> Choice:
        """Whom they choose on a day. With `detail`, every candidate and why the others were passed over."""
        roster = self._roster
        roster.follow(state, day)
        last: _Asked | None = None
        tried: list[list[Any]] = []
        for asked in self._asked:
            if asked.holds is not None and not asked.holds(wanted):
                continue
            if last is not None and detail:
                tried.append([last.id, self._told(last, state, wanted, 0)])
            last = asked
            staff, score, turn = asked.way.pick(state, wanted, asked.open(wanted, roster))
            if staff:
                told = self._told(asked, state, wanted, staff) if detail else ()
                days = asked.protection_days, asked.follow_up_days
                return new(Choice, (staff, asked.id, score, told, *days, turn, tried))
            if asked.is_last:
                break
        if last is None:
            return Choice(0, "")
        return Choice(0, last.id, candidates=self._told(last, state, wanted, 0) if detail else [], tried=tried)

    def _told(self, asked: _Asked, state: Relations, wanted: Wanted, staff: int) -> list[list[Any]]:
        """[staff's id, score, load, capacity, verdict] of everybody considered, by number."""
        roster, field = self._roster, asked.field(wanted, self._roster)
        rows = _considered(field, roster, asked.rule.choose, wanted)
        if not len(rows):
            return []
        people = pool_of(state, wanted, Open(field, rows))
        presence = roster.presence[rows]
        verdicts = np.where(np.isin(presence, (_LEFT, _NOT_JOINED)), presence, np.int8(FITS))
        excluded = np.isin(people.numbers, sorted(wanted.not_staff - {wanted.cooling}))
        for faulty, reason in (
            (excluded, np.int8(_EXCLUDED)),
            (people.numbers == wanted.cooling, np.int8(_COOLING)),
            (field.verdicts[rows] != FITS, field.verdicts[rows]),
            (presence != FITS, presence),
            (people.loads >= people.capacity, np.int8(_FULL)),
        ):
            verdicts = np.where(faulty & (verdicts == FITS), reason, verdicts)
        scores = asked.way.scores(people)
        open_rows = (verdicts == FITS).nonzero()[0]
        if len(open_rows):
            pool = pool_of(state, wanted, Open(field, rows[open_rows]))
            at = int(pool.numbers.searchsorted(staff)) if staff else -1
            scores = scores.copy()
            scores[open_rows], verdicts[open_rows] = asked.way.scores(pool), asked.way.verdicts(pool, at)
        columns = people.numbers, scores, people.loads, people.capacity, verdicts
        return [
            [staff_id(number), score, load, capacity, CODES[verdict]]
            for number, score, load, capacity, verdict in zip(*(column.tolist() for column in columns), strict=True)
        ]


def _considered(field: Field, roster: Roster, choose: Choose, wanted: Wanted) -> Numbers:
    inside = ~np.isin(field.verdicts, _OUTSIDE)
    if choose.previous_owner:
        inside[:] = False
    if choose.named is None:
        inside &= roster.presence != _LEFT
    if wanted.previous in roster.row_of:
        inside[roster.row_of[wanted.previous]] = True
    return inside.nonzero()[0]


def _fallback(given: Fallback) -> list[AssignmentRule]:
    """What the fallback comes to as a last rule; none for the pool."""
    if given.pool:
        return []
    choose = Choose(named=[given.staff]) if given.staff is not None else Choose(least_loaded=LeastLoaded())
    candidates = Candidates(teams=[given.team]) if given.team is not None else None
    # Its id is one that no rule may have, so it is made without the checks of documents.
    return [AssignmentRule.model_construct(id=FALLBACK, title=_FALLBACK_TITLE, choose=choose, candidates=candidates)]


_FALLBACK_TITLE: Final = Words(zh="兜底", en="Fallback")


def assignment_policy(rule_set: str, rules: RuleSet) -> Policy:
    """The assignment rules of a rule set; such as say nothing where it has none."""
    return NoPolicy() if rules.assignment is None else AssignmentPolicy(rule_set, rules)

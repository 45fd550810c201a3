"""Whom a rule considers for a customer: worked out once for each combination of what its candidates are compared
with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.policy import Wanted
from ledger.domain.relations.reach import within
from ledger.domain.relations.records import ROLES
from ledger.domain.relations.state import Relations
from ledger.rules.assignment.document import AssignmentRule, Candidates, SkillOf, WeightsGiven
from ledger.rules.assignment.roster import Mask, Numbers, Roster
from ledger.rules.assignment.verdicts import FITS, code

Values = tuple[str, ...]
"""The customer's value of each trait and need that a rule compares, in the order of `Compared.names`."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The traits and needs of a customer that a rule compares its candidates with."""

    names: tuple[tuple[str, str], ...]
    """("trait" or "need", its name)."""

    def values(self, wanted: Wanted) -> Values:
        """What they are of a customer; "" where unknown."""
        if not self.names:
            return ()
        traits, needs = wanted.traits, wanted.needs
        return tuple([(traits if kind == "trait" else needs).get(name, "") for kind, name in self.names])


def compared_of(rule: AssignmentRule) -> Compared:
    """What a rule compares its candidates with."""
    names: dict[tuple[str, str], None] = {}
    candidates, best_fit = rule.candidates, rule.choose.best_fit
    if (candidates and candidates.same_region) or (best_fit and best_fit.region):
        names["trait", "region"] = None
    skills: list[SkillOf] = [*(candidates.skills if candidates else ()), *(best_fit.skills if best_fit else ())]
    for skill in skills:
        if skill.trait is not None:
            names["trait", skill.trait] = None
        elif skill.need is not None:
            names["need", skill.need] = None
    return Compared(tuple(names))


class Field:
    """Everybody as a rule sees them for customers that are alike in what it compares, by their row in the roster.

    `verdicts`: FITS, or what the rule holds against somebody. `base`: the points that don't change with load.
    """

    def __init__(self, rule: AssignmentRule, compared: Compared, values: Values, roster: Roster) -> None:
        assert roster.state is not None
        self._known = dict(zip(compared.names, values, strict=True))
        self._roster = roster
        self.rotation = "/".join(
            [rule.id, *(f"{name}={value}" for (_, name), value in zip(compared.names, values, strict=True))]
        )
        """What the rotation among these is called."""
        self.verdicts = np.full(len(roster.numbers), FITS, np.int8)
        self._judge(rule)
        self.base = self._base(rule)
        self.weights = self._weights(rule)
        self.rows = np.flatnonzero(self.verdicts == FITS)

    def open_now(self) -> Open:
        """Who of those that fit is here on the roster's day."""
        return Open(self, self.rows[self._roster.presence[self.rows] == FITS])

    @property
    def roster(self) -> Roster:
        """Whom it is about."""
        return self._roster

    def _judge(self, rule: AssignmentRule) -> None:
        roster, state = self._roster, self._roster.state
        assert state is not None
        if rule.candidates is None and rule.choose.named is not None:
            self._fault("not_named", ~self._are(rule.choose.named))
            return
        candidates = rule.candidates or Candidates()
        roles = [ROLES.index(role) for role in candidates.roles]
        self._fault("wrong_role", ~np.isin(roster.roles, roles))
        if candidates.teams:
            teams = {record.team for record in roster.records}
            inside = {team for team in teams if any(within(state, team, above) for above in candidates.teams)}
            self._fault("wrong_team", np.array([record.team not in inside for record in roster.records], np.bool_))
        if candidates.staff:
            self._fault("not_named", ~self._are(candidates.staff))
        if candidates.same_region:
            self._fault("wrong_region", ~self._in_region())
        for skill in candidates.skills:
            self._fault("skill_low", self._levels(skill) < skill.at_least)
        self._fault("experience_low", roster.experience < candidates.experience_years)

    def _fault(self, verdict: str, faulty: Mask) -> None:
        self.verdicts[faulty & (self.verdicts == FITS)] = code(verdict)

    def _are(self, staff: list[str]) -> Mask:
        return np.isin(self._roster.numbers, [staff_number(text) for text in staff])

    def _in_region(self) -> Mask:
        region = self._known["trait", "region"]
        return np.array([region != "" and region == theirs for theirs in self._roster.regions], np.bool_)

    def _levels(self, skill: SkillOf) -> Numbers:
        if skill.skill is not None:
            return self._roster.levels(skill.skill)
        kind, name = ("trait", skill.trait) if skill.trait is not None else ("need", skill.need)
        assert name is not None
        value = self._known[kind, name]
        return self._roster.levels(f"{name}:{value}") if value else np.zeros(len(self._roster.numbers), np.int64)

    def _base(self, rule: AssignmentRule) -> Numbers:
        base = np.zeros(len(self._roster.numbers), np.int64)
        fit = rule.choose.best_fit
        if fit is not None:
            if fit.region:
                base[self._in_region()] += fit.region
            for skill in fit.skills:
                base += skill.points * self._levels(skill)
            base += fit.experience * np.minimum(self._roster.experience, fit.experience_years_max)
        return base

    def _weights(self, rule: AssignmentRule) -> Numbers:
        roster, state = self._roster, self._roster.state
        assert state is not None
        weights = rule.choose.rotation.weights if rule.choose.rotation else "equal"
        if isinstance(weights, WeightsGiven):
            people = {staff_number(text): weight for text, weight in weights.staff.items()}
            of_team = {team: _team_weight(state, team, weights) for team in {r.team for r in roster.records}}
            return np.array([people.get(r.number, of_team[r.team]) for r in roster.records], np.int64)
        return np.maximum(roster.capacity, 1) if weights == "capacity" else np.ones(len(roster.numbers), np.int64)


def _team_weight(state: Relations, team: str, weights: WeightsGiven) -> int:
    """The weight of the nearest team, from this one upwards, that was given one; otherwise 1."""
    while team:
        if team in weights.teams:
            return weights.teams[team]
        found = state.teams.get(team)
        team = found.parent if found else ""
    return 1


class Open:
    """Some rows of a field: those that can be chosen if they are not full."""

    __slots__ = ("base", "capacity", "numbers", "rotation", "rows", "top", "weights")

    def __init__(self, field: Field, rows: Numbers) -> None:
        self.rows = rows
        self.rotation = field.rotation
        self.numbers = field.roster.numbers[rows]
        self.capacity = field.roster.capacity[rows]
        self.weights = field.weights[rows]
        self.base = field.base[rows]
        self.top = int(self.numbers[-1]) if len(rows) else 0

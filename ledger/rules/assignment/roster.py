"""Staff and teams of a state as arrays: worked out when they change, and who is here when the day does."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ledger.domain.relations.reach import region_of
from ledger.domain.relations.records import NONE, ROLES, Staff, Team
from ledger.domain.relations.state import Relations
from ledger.rules.assignment.verdicts import FITS, code

Numbers = NDArray[np.int64]
Codes = NDArray[np.int8]
Mask = NDArray[np.bool_]

_LEFT: Final = code("left")
_NOT_JOINED: Final = code("not_joined")
_ON_LEAVE: Final = code("on_leave")


class Roster:
    """Everybody ever enrolled, by number. What is asked of it is for the state last given to `follow`.

    `version` changes whenever something but joining, leaving and leave did, `calendar` with who is here.
    """

    def __init__(self) -> None:
        self.state: Relations | None = None
        self.version = 0
        self.calendar = 0
        self.records: list[Staff] = []
        self.teams: dict[str, Team] = {}
        self.numbers: Numbers = np.zeros(0, np.int64)
        self.row_of: dict[int, int] = {}
        self.capacity: Numbers = self.numbers
        self.experience: Numbers = self.numbers
        self.roles: Numbers = self.numbers
        self.regions: list[str] = []
        self.presence: Codes = np.zeros(0, np.int8)
        """Whether each is here on the day: FITS, or the code of left, not_joined, on_leave."""
        self._moved = NONE
        self._day = NONE
        self._joined: Numbers = self.numbers
        self._last: Numbers = self.numbers
        self._away: dict[int, tuple[tuple[int, int], ...]] = {}
        self._away_day = NONE
        self._levels: dict[str, Numbers] = {}

    def follow(self, state: Relations, day: int) -> None:
        """Be about a state, on a day."""
        moved = state.staff_moved[0]
        if state is not self.state or moved != self._moved:
            self._moved = moved
            self._read(state)
            self._see(day)
        elif day != self._day:
            self._see(day)

    def levels(self, skill: str) -> Numbers:
        """Everybody's level of a skill, 0 for none."""
        found = self._levels.get(skill)
        if found is None:
            found = np.array([record.skills.get(skill, 0) for record in self.records], np.int64)
            self._levels[skill] = found
        return found

    def _read(self, state: Relations) -> None:
        if state is self.state and len(state.staff) == len(self.records) and state.teams == self.teams:
            changed = [row for row, old in enumerate(self.records) if state.staff[old.number] is not old]
            new = [state.staff[self.records[row].number] for row in changed]
            if all(_same_but_presence(self.records[row], record) for row, record in zip(changed, new, strict=True)):
                for row, record in zip(changed, new, strict=True):
                    self.records[row] = record
                    self._present(row, record)
                return
        self.state = state
        self.version += 1
        self.records = [state.staff[number] for number in sorted(state.staff)]
        self.teams = dict(state.teams)
        self.numbers = np.array([record.number for record in self.records], np.int64)
        self.row_of = {record.number: row for row, record in enumerate(self.records)}
        self.capacity = np.array([record.capacity for record in self.records], np.int64)
        self.experience = np.array([record.experience_years for record in self.records], np.int64)
        self.roles = np.array([ROLES.index(record.role) for record in self.records], np.int64)
        self.regions = [region_of(state, record) for record in self.records]
        self._levels = {}
        self._joined, self._last = np.zeros((2, len(self.records)), np.int64)
        self._away = {}
        for row, record in enumerate(self.records):
            self._present(row, record)

    def _present(self, row: int, record: Staff) -> None:
        self._joined[row], self._last[row] = record.joined_day, record.last_day
        self._away.pop(row, None)
        if record.absences:
            self._away[row] = record.absences

    def _see(self, day: int) -> None:
        """Who is here on a day. Leave that lies before it is asked about no more, unless an earlier day is."""
        if day < self._away_day:
            self._away = {row: record.absences for row, record in enumerate(self.records) if record.absences}
        self._day = self._away_day = day
        presence = np.full(len(self.records), FITS, np.int8)
        for row, spans in list(self._away.items()):
            if any(first <= day <= last for first, last in spans):
                presence[row] = _ON_LEAVE
            elif all(last < day for _, last in spans):
                del self._away[row]
        presence[self._joined > day] = _NOT_JOINED
        presence[(self._last != NONE) & (self._last < day)] = _LEFT
        if not np.array_equal(presence, self.presence):
            self.presence = presence
            self.calendar += 1


def _same_but_presence(old: Staff, new: Staff) -> bool:
    return (
        (old.team, old.role, old.region, old.experience_years, old.capacity)
        == (new.team, new.role, new.region, new.experience_years, new.capacity)
    ) and old.skills == new.skills

"""What there is: staff, teams, who has a customer, its profile, and the work. Records are replaced, never changed.

Those that are made with every event are named tuples: they are made in a fifth of the time.

Days are day numbers (`ledger.domain.values`), NONE where there is none; amounts are fen; staff, customers, people and
so on are numbers from 1, 0 for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeVar, cast

NONE: Final = -1

_Named = TypeVar("_Named", bound=tuple[Any, ...])


class _New(Protocol):
    def __call__(self, kind: type[_Named], fields: tuple[Any, ...], /) -> _Named: ...


new: Final = cast(_New, tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
"""Makes a named tuple of its type and a tuple of all its fields, in order: for those made with every event. Nothing
checks that they are as many; to name them takes four times as long."""

ROLES: Final = ("seller", "manager", "executive", "support", "site")
"""Sees and does: own customers; own region; everything; what was handed over; the projects of one's site team."""

LEVEL_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Team:
    """A team. `parent` is the id of the team above it, "" for none."""

    team: str
    name: str
    parent: str
    region: str
    kind: str
    position: int


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff. `skills` are levels 1 to 5 by "trait:value"; `last_day` is the last day at the firm."""

    number: int
    person: int
    team: str
    role: str
    region: str
    skills: Mapping[str, int]
    experience_years: int
    capacity: int
    joined_day: int
    last_day: int = NONE
    absences: tuple[tuple[int, int], ...] = ()
    """(first, last) days of leave, both included."""

    def is_here(self, day: int) -> bool:
        """Whether they belong to the firm on this day."""
        return self.joined_day <= day and (self.last_day == NONE or day <= self.last_day)

    def is_absent(self, day: int) -> bool:
        """Whether they are on leave on this day."""
        return any(first <= day <= last for first, last in self.absences)


class Holding(NamedTuple):
    """Who has a customer. `owner` 0: the pool. `since` is the position from which on it is so.

    `former` had it before it came to the pool, on `pooled_day`. `protected_day` and `due_day`: until when nobody else
    may have it, by when it must be followed up (or it returns to the pool); a follow-up moves `due_day` to
    `follow_up_days` later. `rhythm_days` above 0: nurtured, so that `due_day` is the next talk, and the customer does
    not return. `announced_day`: the due day that was announced. `next_due_day`: the day of the next step that was
    agreed on, until it was said.
    """

    owner: int = 0
    team: str = ""
    why: str = ""
    since: int = 0
    since_day: int = NONE
    protected_day: int = NONE
    due_day: int = NONE
    announced_day: int = NONE
    rhythm_days: int = 0
    followed_day: int = NONE
    """The last day of a follow-up by whoever had it then."""
    follow_up_days: int = 0
    next_due_day: int = NONE
    protection_said_day: int = NONE
    """The end of protection that was said."""
    quiet_said_day: int = NONE
    """The day from which on it was said to be quiet."""
    former: int = 0
    pooled_day: int = NONE
    collaborators: frozenset[int] = frozenset()

    @property
    def touched_day(self) -> int:
        """Since when it has been quiet: the last follow-up, or where it changed hands since, that day."""
        return max(self.followed_day, self.since_day)

    # What happens most often, in a quarter of the time of `_replace`: the fields before, what changes, the rest.

    def announced(self, day: int) -> Holding:
        """The same, with its return on this day announced."""
        return new(Holding, (*self[:7], day, *self[8:]))

    def followed(self, day: int, due_day: int, next_due_day: int) -> Holding:
        """The same after a talk on a day: when the next one is due, and the next step that was agreed on."""
        return new(Holding, (*self[:6], due_day, NONE, self[8], day, self[10], next_due_day, *self[12:]))


NOBODY: Final = Holding()


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a customer beyond name and traits."""

    credit_code: str = ""
    qualifications: tuple[str, ...] = ()
    needs: str = ""
    cooperation: str = ""
    more: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A typed entry of soft knowledge: rules read kind and value. `text` is "" where it is sealed."""

    kind: str
    value: str
    text: str
    person: int
    sealed: str
    position: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at a customer; who they are is sealed."""

    person: int
    customer: int
    sealed: str
    position: str
    decides: bool


@dataclass(frozen=True, slots=True)
class Project:
    """A project of a customer."""

    number: int
    customer: int
    name: str
    stage: str
    region: str
    amount: int
    parties: tuple[tuple[str, str], ...]
    site_team: tuple[int, ...]
    milestones: Mapping[str, tuple[str, int, int]] = field(default_factory=dict[str, tuple[str, int, int]])
    """By id: (name, due day, the day it was reached or NONE)."""


class Match(NamedTuple):
    """A customer that a lead is (score 100) or may be. `kind`: registered_name, credit_code, phone, project,
    same_sound, similar_name."""

    customer: int
    kind: str
    score: int


class Lead(NamedTuple):
    """What became of a lead: the customer it arrived at, and the collision it led to (0 for none)."""

    customer: int
    collision: int = 0


class Arrived(NamedTuple):
    """What is kept of the last lead of a customer."""

    source: str
    lead: str
    channel: str
    staff: str
    project: str
    amount: int
    needs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Collision:
    """Two want one customer. `owner` is NONE until it is ruled. `matched` is the customer that the holder has."""

    number: int
    customer: int
    matched: int
    holder: int
    asker: int
    certainty: str
    matches: tuple[tuple[str, int], ...]
    project: str
    position: int
    owner: int = NONE


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A chance of a contract. `stage_day` and `opened_day`: when that was recorded; views count from when it was."""

    number: int
    customer: int
    staff: int
    name: str
    project: str
    channel: str
    stage: str
    amount: int
    probability_percent: int
    expected_day: int
    stage_day: int
    opened_day: int
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Task:
    """A task handed to a department or a member of it. `state`: handed, accepted, done, declined."""

    number: int
    customer: int
    staff: int
    department: str
    to: int
    title: str
    due_day: int
    state: str
    progress_percent: int
    opportunity: int

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.state in ("handed", "accepted")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands with its points: ids of tier and tags, the grade ("" for none)."""

    tier: str = ""
    tags: frozenset[str] = frozenset()
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Handover:
    """What a handover moves, so that it can be taken back exactly. `to` is 0 where rules choose.

    The customers that they owned (see `Handed`); their open opportunities, each with who had its customer then; open
    tasks, each with that too, and with who had handed it and who had to do it.
    """

    position: int
    staff: int
    to: int = 0
    customers: tuple[int, ...] = ()
    opportunities: tuple[tuple[int, int], ...] = ()
    tasks: tuple[tuple[int, int, int, int], ...] = ()
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class Handed:
    """A customer that stands as the handover at `position` left it: its holding before and right after. `earlier`:
    whether it stood as another handover had left it."""

    position: int
    before: Holding
    after: Holding
    earlier: Handed | None = None


@dataclass(frozen=True, slots=True)
class TurnsHanded:
    """A count that a handover moved, such as how many customers somebody had in a rotation, and its weight: as it was
    before, and as the handover left it."""

    before: tuple[int, int]
    after: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Merging:
    """What finding a customer to be another one (`survivor`) changed, so that it can be taken back exactly.

    `merged`: how the one stood before. `before` and `after`: how the survivor did, right before and after. `handed`:
    how a handover had left either. `opportunities` and `tasks` that went along to `heir`, each with who had it before.
    """

    position: int
    survivor: int
    heir: int
    merged: Holding
    before: Holding
    after: Holding
    handed: tuple[Handed | None, Handed | None]
    """Of the one, of the survivor."""
    opportunities: tuple[tuple[int, int], ...] = ()
    tasks: tuple[tuple[int, int], ...] = ()
    is_undone: bool = False


Fields = Mapping[str, Any]
"""The fields of an event as the log has them."""

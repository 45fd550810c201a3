"""Who serves whom, why, and how much each has to do; collisions; who there is at the firm."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Holding:
    """Who has a customer (`owner` None: the pool), since when and until when. `days_left`: until it returns to the
    pool, None where it does not. `nurtured_every_days` is None where it is not nurtured."""

    customer: str
    name: str
    region: str
    customer_type: str
    owner: str | None
    team: str
    why: str
    rule: str
    rule_set: str
    since_position: int
    since: str
    protected_until: str | None
    due_on: str | None
    days_left: int | None
    announced_for: str | None
    next_due_on: str | None
    nurtured_every_days: int | None
    followed_on: str | None
    former: str | None
    pooled_on: str | None
    collaborators: list[str]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who had a customer at some time; `owner` None: it was in the pool."""

    customer: str
    name: str
    region: str
    owner: str | None
    team: str
    why: str
    rule: str
    rule_set: str
    since_position: int
    since: str


@dataclass(frozen=True, slots=True)
class OwnerSpan:
    """A time that a customer was somebody's, or in the pool (`owner` None). `until` None: it still is so.
    `followed_at`: the first talk since."""

    customer: str
    owner: str | None
    team: str
    why: str
    rule: str
    rule_set: str
    cause: int
    since_position: int
    until_position: int | None
    since: str
    until: str | None
    assigned_at: str
    followed_at: str | None


@dataclass(frozen=True, slots=True)
class PoolCustomer:
    """A customer in the pool. `former` is None where one may not know who had it, or nobody did; until `cooldown_until`
    they cannot claim it."""

    customer: str
    name: str
    region: str
    industry: str
    customer_type: str
    scale: str
    why: str
    since_position: int
    since: str
    former: str | None
    cooldown_until: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who was considered: figures, verdict, and all of it in a sentence."""

    staff: str
    score: int
    load: int
    capacity: int
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that held before the one that decided and found nobody, and every candidate of it."""

    rule: str
    text: str
    rule_text: str
    candidates: list[Candidate]


@dataclass(frozen=True, slots=True)
class Why:
    """Why a customer came to be somebody's, or to the pool: the rule, what it says, and every candidate. `asked_by`:
    the actor of what it followed from, `reason` the one they gave; "" where nobody is known to have. `tried`: the
    rules that were asked before and found nobody."""

    position: int
    event: str
    recorded_at: str
    rule_set: str
    rule: str
    why: str
    text: str
    rule_text: str
    candidates: list[Candidate]
    asked_by: str
    reason: str
    tried: list[Tried]


@dataclass(frozen=True, slots=True)
class Workload:
    """What somebody owns and has to do. Nurtured, overdue and protected customers are among those owned; `amount` of
    the open opportunities in CNY."""

    staff: str
    team: str
    role: str
    region: str
    capacity: int
    last_day: str | None
    is_absent: bool
    owned: int
    nurtured: int
    overdue: int
    protected: int
    collaborating: int
    opportunities: int
    amount: Decimal
    tasks: int
    tasks_overdue: int


@dataclass(frozen=True, slots=True)
class TeamWorkload:
    """The same of a team and those below it; `owned_min` and `owned_max` are of a person."""

    team: str
    name: str
    people: int
    capacity: int
    owned: int
    owned_min: int
    owned_max: int
    nurtured: int
    overdue: int
    opportunities: int
    amount: Decimal
    tasks: int
    tasks_overdue: int


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A member of staff. Of one who was erased the name is None. `last_day`: the last day at the firm, None while none
    is known."""

    staff: str
    person: str
    name: str | None
    erased: bool
    source: str
    reference: str
    team: str
    role: str
    region: str
    skills: dict[str, int]
    experience_years: int
    capacity: int
    joined_on: str | None
    last_day: str | None


@dataclass(frozen=True, slots=True)
class Team:
    """A team; `parent` is the team above it, empty for none."""

    team: str
    name: str
    parent: str
    region: str
    kind: str


@dataclass(frozen=True, slots=True)
class Absence:
    """Leave from a day to a day, both included."""

    staff: str
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class Match:
    """What a match rests on."""

    kind: str
    score: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one side of a collision did, `side` "holder" or "asker", or what neither did, with side "". `explanation`
    says it in "zh" and "en"."""

    position: int
    customer: str
    side: str
    event: str
    recorded_at: str
    actor: str
    state: dict[str, Any]
    explanation: dict[str, str]


@dataclass(frozen=True, slots=True)
class Collision:
    """A collision as one may see it: of a side that one may not see, only the team. `owner` None: it waits for a
    ruling, or was ruled for somebody one may not know; `is_open` tells which."""

    collision: str
    customer: str | None
    customer_name: str
    matched: str | None
    matched_name: str
    holder: str | None
    holder_team: str
    asker: str | None
    asker_team: str
    certainty: str
    matches: list[Match]
    project: str
    found_on: str
    is_open: bool
    owner: str | None
    settled_by: str
    reason: str
    ruled_on: str | None
    is_masked: bool

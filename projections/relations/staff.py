"""The view `staff`: people of the firm, their teams as a tree, and their leave. Names stay sealed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from ledger.domain.relations.ids import person_number, staff_number
from ledger.domain.values import day_parse
from ledger.log.queries import queries_load
from projections.places import reads
from projections.relations.rows import columns
from projections.relations.scopes import EVERYTHING, Reads, Scope
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_of_time

_QUERIES = queries_load("projections.sql", "staff.sql")
READS: Final = Reads("reads_staff.sql", "staff")


@dataclass(slots=True)
class TeamRow:
    """A team; `parent` is the team above it, "" for none. `position`: where it was first declared."""

    team: str
    name: str
    parent: str
    region: str
    kind: str
    position: int


@dataclass(slots=True)
class StaffRow:
    """A member of staff. `sealed` is their name and phone, "" once they were erased; `place` the region that they work
    in. `last_day` is the last day at the firm, None while none is known."""

    number: int
    person: int
    sealed: str
    source: str
    reference: str
    team: str
    role: str
    region: str
    place: str
    skills: dict[str, int]
    experience_years: int
    capacity: int
    joined_day: int
    last_day: int | None = None
    position: int = 0


@dataclass(slots=True)
class AbsenceRow:
    """Leave from a day to a day, both included."""

    staff: int
    first_day: int
    last_day: int
    position: int


@dataclass(slots=True)
class _Firm:
    """Everybody, and what changed of them."""

    teams: dict[str, TeamRow]
    staff: dict[int, StaffRow]
    teams_changed: set[str] = field(default_factory=set[str])
    staff_changed: set[int] = field(default_factory=set[int])
    absences: dict[tuple[int, int], AbsenceRow] = field(default_factory=dict[tuple[int, int], AbsenceRow])
    """By staff and first day; one whose last day lies before its first did not take place."""

    def place(self, row: StaffRow) -> str:
        """The region that somebody works in."""
        region, team = row.region, self.teams.get(row.team)
        while not region and team is not None:
            region, team = team.region, self.teams.get(team.parent)
        return region


class StaffView:
    """Keeps the tables `team`, `team_above`, `staff` and `staff_absence`."""

    name = "staff"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = (
        "PersonErased", "StaffAbsenceCancelled", "StaffAbsent", "StaffChanged", "StaffEnrolled", "StaffLeft",
        "StaffStayed", "TeamDeclared",
    )  # fmt: skip

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load everybody, fold the events, store who changed."""
        events = [e for e in batch.of_relations if e.topic in self.topics]
        if not events:
            return
        firm = _load(transaction)
        for event in events:
            _fold(firm, event)
        for row in firm.staff.values():
            place = firm.place(row)
            if place != row.place:
                row.place = place
                firm.staff_changed.add(row.number)
        _store(transaction, firm)


def _load(connection: Connection[Any]) -> _Firm:
    with connection.cursor(row_factory=class_row(TeamRow)) as cursor:
        teams = {row.team: row for row in cursor.execute(_QUERIES["teams_load"])}
    with connection.cursor(row_factory=class_row(StaffRow)) as cursor:
        return _Firm(teams, {row.number: row for row in cursor.execute(_QUERIES["staff_load"])})


def _fold(firm: _Firm, event: CustomerEvent) -> None:
    said = event.state
    if event.topic == "TeamDeclared":
        team = said["team"]
        known = firm.teams.get(team)
        firm.teams[team] = TeamRow(
            team, said["name"], said["parent"], said["region"], said["kind"],
            known.position if known else event.position,
        )  # fmt: skip
        firm.teams_changed.add(team)
        return
    if event.topic == "PersonErased":
        erased = [row for row in firm.staff.values() if row.person == person_number(said["person"])]
        for row in erased:
            row.sealed = ""
            firm.staff_changed.add(row.number)
        return
    number = staff_number(said["staff"])
    if event.topic == "StaffAbsent":
        first = day_parse(said["first_day"])
        firm.absences[number, first] = AbsenceRow(number, first, day_parse(said["last_day"]), event.position)
        return
    if event.topic == "StaffAbsenceCancelled":
        first = day_parse(said["first_day"])
        last = day_of_time(said["recorded_at"]) - 1
        firm.absences[number, first] = AbsenceRow(number, first, last, event.position)
        return
    if event.topic == "StaffEnrolled":
        firm.staff[number] = StaffRow(
            number, person_number(said["person"]), said["sealed"], said["source"], said["reference"], said["team"],
            said["role"], said["region"], "", said["skills"], said["experience_years"], said["capacity"],
            day_parse(said["joined_on"]),
        )  # fmt: skip
    elif event.topic == "StaffLeft":
        firm.staff[number].last_day = day_parse(said["last_day"])
    elif event.topic == "StaffStayed":
        firm.staff[number].last_day = None
    else:
        for name, value in said["changes"].items():
            setattr(firm.staff[number], name, value)
    firm.staff[number].position = event.position
    firm.staff_changed.add(number)


def _store(connection: Connection[Any], firm: _Firm) -> None:
    if firm.teams_changed:
        connection.execute(_QUERIES["teams_store"], columns([firm.teams[t] for t in sorted(firm.teams_changed)]))
        connection.execute(_QUERIES["teams_above_clear"])
        connection.execute(_QUERIES["teams_above_fill"])
    if firm.staff_changed:
        connection.execute(_QUERIES["staff_store"], columns([firm.staff[n] for n in sorted(firm.staff_changed)]))
    if firm.absences:
        rows = list(firm.absences.values())
        if kept := [row for row in rows if row.first_day <= row.last_day]:
            connection.execute(_QUERIES["absences_store"], columns(kept))
        if dropped := [row for row in rows if row.first_day > row.last_day]:
            connection.execute(_QUERIES["absences_drop"], columns(dropped))


@reads(*READS.views)
def staff_read(
    connection: Connection[Any],
    *,
    number: int | None = None,
    team: str | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[StaffRow]:
    """Up to `limit` people with numbers above `after`, of a team and those below it where one is named: everybody may
    see who there is."""
    return READS.rows(
        connection, "staff_listed", EVERYTHING, StaffRow, number=number, team=team, after=after, limit=limit
    )


@reads(*READS.views)
def teams_read(connection: Connection[Any]) -> list[TeamRow]:
    """All teams, in the order they were declared in: everybody may see them."""
    return READS.rows(connection, "teams_listed", EVERYTHING, TeamRow)


@reads(*READS.views)
def absences_read(
    connection: Connection[Any],
    scope: Scope,
    day: int,
    *,
    staff: int | None = None,
    after: tuple[int, int] = (-(2**31), 0),
    limit: int = 1_000,
) -> list[AbsenceRow]:
    """Who is on leave on a day or later: oneself, and whom one leads; `after` a first day and a member of staff."""
    return READS.rows(
        connection, "absences", scope, AbsenceRow, day=day, staff=staff, after_day=after[0], after_staff=after[1],
        limit=limit,
    )  # fmt: skip


@reads(*READS.views)
def led_read(connection: Connection[Any], scope: Scope, number: int) -> bool:
    """Whether somebody is oneself, or led by oneself."""
    return READS.has(connection, "led", scope, number=number)

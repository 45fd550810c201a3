"""Staff and teams: who there is, what they can do and own, when they are on leave, and when they leave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ledger.domain.commands import (
    Answer,
    CancelAbsence,
    CancelLeaving,
    ChangeStaff,
    DeclareTeam,
    EnrolStaff,
    RecordAbsence,
    RecordLeaving,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.checks import (
    day_required,
    number_checked,
    staff_known,
    staff_named,
    text_optional,
    text_required,
)
from ledger.domain.relations.drafts import Draft, decides
from ledger.domain.relations.ids import person_id, person_number, staff_id, staff_number
from ledger.domain.relations.reach import within
from ledger.domain.relations.records import LEVEL_MAX, NONE, ROLES, Staff, Team
from ledger.domain.relations.state import Happened, Relations, changes_checked, evolves
from ledger.domain.values import day_parse, day_text

TEAM_LENGTH_MAX: Final = 100
NAME_LENGTH_MAX: Final = 200
WORD_LENGTH_MAX: Final = 60
REFERENCE_LENGTH_MAX: Final = 200
CAPACITY_MAX: Final = 1_000_000
EXPERIENCE_YEARS_MAX: Final = 80
SKILLS_MAX: Final = 200
_SKILL: Final = re.compile(r"[^:\x00]{1,100}:[^\x00]{1,200}\Z")
_CHANGED: Final = frozenset({"team", "role", "region", "skills", "experience_years", "capacity"})


@decides(DeclareTeam)
def _declare(draft: Draft, command: DeclareTeam) -> Answer:
    state = draft.state
    team = text_required(command.team, TEAM_LENGTH_MAX, "team")
    parent = text_optional(command.parent, TEAM_LENGTH_MAX, "parent")
    if parent and parent not in state.teams:
        raise Refused("STAFF_TEAM_UNKNOWN", "the team above it isn't declared; declare it first", "parent")
    if parent and within(state, parent, team):
        raise Refused("STAFF_TEAM_CYCLE", "a team can't stand above itself; name another parent", "parent")
    said = {
        "team": team,
        "name": text_required(command.name, NAME_LENGTH_MAX, "name"),
        "parent": parent,
        "region": text_optional(command.region, WORD_LENGTH_MAX, "region"),
        "kind": text_optional(command.kind, WORD_LENGTH_MAX, "kind"),
    }
    known = state.teams.get(team)
    if known is not None and all(getattr(known, name) == value for name, value in said.items()):
        return Answer("duplicate", state.position, id=team)
    return Answer("accepted", draft.input("TeamDeclared", 0, **said), id=team)


@decides(EnrolStaff)
def _enrol(draft: Draft, command: EnrolStaff) -> Answer:
    state = draft.state
    source = text_required(command.source, REFERENCE_LENGTH_MAX, "source")
    reference = text_optional(command.reference, REFERENCE_LENGTH_MAX, "reference")
    known = state.staff_references.get((source, reference), 0) if reference else 0
    if known:
        return Answer("duplicate", state.position, id=staff_id(known))
    name = text_required(command.name, NAME_LENGTH_MAX, "name")
    known = 0 if reference else staff_known(draft, source, name)
    if known:
        return Answer("duplicate", state.position, id=staff_id(known))
    phone = text_optional(command.phone, WORD_LENGTH_MAX, "phone")
    joined_day = day_required(command.joined_on, "joined_on") if command.joined_on else draft.context.day
    said: dict[str, Any] = {
        "team": _team_led(draft, source, command.leader, _team(state, command.team)),
        "role": _role(command.role),
        "region": text_optional(command.region, WORD_LENGTH_MAX, "region"),
        "skills": _skills(command.skills),
        "experience_years": number_checked(command.experience_years, 0, EXPERIENCE_YEARS_MAX, "experience_years"),
        "capacity": number_checked(command.capacity, 0, CAPACITY_MAX, "capacity"),
    }
    sealer = draft.context.sealer
    if sealer is None:
        raise ValueError("people are enrolled only where something seals who they are")
    number = len(state.staff) + 1
    person = state.people.get("count", 0) + 1
    position = draft.input(
        "StaffEnrolled", 0, staff=staff_id(number), person=person_id(person),
        sealed=sealer.seal(person, {"name": name, "phone": phone}), source=source, reference=reference,
        joined_on=day_text(joined_day), **said,
    )  # fmt: skip
    if command.leads:
        above = state.teams[said["team"]]
        own = _team_of(above.team, number)
        draft.input("TeamDeclared", 0, team=own, name=own, parent=above.team, region=above.region, kind=above.kind)
    return Answer("accepted", position, id=staff_id(number))


@decides(ChangeStaff)
def _change(draft: Draft, command: ChangeStaff) -> Answer:
    state = draft.state
    staff = staff_named(state, command.staff)
    if not _CHANGED.issuperset(command.changes):
        raise Refused("STAFF_INVALID", f"what changes is one of {', '.join(sorted(_CHANGED))}", "changes")
    changes = {
        name: _team(state, value) if name == "team"
        else _role(value) if name == "role"
        else text_optional(value, WORD_LENGTH_MAX, name) if name == "region"
        else _skills(value) if name == "skills"
        else number_checked(value, 0, CAPACITY_MAX if name == "capacity" else EXPERIENCE_YEARS_MAX, name)
        for name, value in command.changes.items()
    }  # fmt: skip
    changes = {name: value for name, value in changes.items() if getattr(staff, name) != value}
    if not changes:
        return Answer("duplicate", state.position, id=command.staff)
    return Answer("accepted", draft.input("StaffChanged", 0, staff=command.staff, changes=changes), id=command.staff)


@decides(RecordAbsence)
def _absent(draft: Draft, command: RecordAbsence) -> Answer:
    """One that begins on the day of another takes its place: so a leave is made longer, or ends early."""
    staff = staff_named(draft.state, command.staff)
    first, last = day_required(command.first_day, "first_day"), day_required(command.last_day, "last_day")
    if last < first:
        raise Refused("DATE_INVALID", "last_day must not lie before first_day", "last_day")
    if (first, last) in staff.absences:
        return Answer("duplicate", draft.state.position, id=command.staff)
    position = draft.input("StaffAbsent", 0, staff=command.staff, first_day=day_text(first), last_day=day_text(last))
    return Answer("accepted", position, id=command.staff)


@decides(RecordLeaving)
def _leaving(draft: Draft, command: RecordLeaving) -> Answer:
    staff = staff_named(draft.state, command.staff)
    last_day = day_required(command.last_day, "last_day")
    if last_day < staff.joined_day:
        raise Refused("DATE_INVALID", "last_day must not lie before the day they joined", "last_day")
    if last_day == staff.last_day:
        return Answer("duplicate", draft.state.position, id=command.staff)
    return Answer(
        "accepted", draft.input("StaffLeft", 0, staff=command.staff, last_day=day_text(last_day)), id=command.staff
    )


@decides(CancelAbsence)
def _absence_cancel(draft: Draft, command: CancelAbsence) -> Answer:
    staff, first = staff_named(draft.state, command.staff), day_required(command.first_day, "first_day")
    last = dict(staff.absences).get(first)
    if last is None:
        raise Refused("STAFF_ABSENCE_MISSING", "no leave of theirs begins on this day; see `absences`", "first_day")
    if last < draft.context.day:
        raise Refused("STAFF_ABSENCE_OVER", "this leave is over; what was can't be cancelled", "first_day")
    position = draft.input("StaffAbsenceCancelled", 0, staff=command.staff, first_day=day_text(first))
    return Answer("accepted", position, id=command.staff)


@decides(CancelLeaving)
def _stay(draft: Draft, command: CancelLeaving) -> Answer:
    if staff_named(draft.state, command.staff).last_day == NONE:
        return Answer("duplicate", draft.state.position, id=command.staff)
    return Answer("accepted", draft.input("StaffStayed", 0, staff=command.staff), id=command.staff)


def _team_of(above: str, leader: int) -> str:
    """The team that somebody leads below another one. It bears no name: who leads it can be erased."""
    return text_required(f"{above}/{staff_id(leader)}", TEAM_LENGTH_MAX, "team")


def _team_led(draft: Draft, source: str, leader: str, team: str) -> str:
    """The team that `leader` leads below a team; that team itself where nobody is named. Raises Refused."""
    if not leader.strip():
        return team
    found = staff_known(draft, source, text_required(leader, NAME_LENGTH_MAX, "leader"))
    own = _team_of(team, found) if found else ""
    if own not in draft.state.teams:
        raise Refused("STAFF_LEADER_UNKNOWN", "nobody of this name leads a team there; enrol them first", "leader")
    return own


def _team(state: Relations, raw: object) -> str:
    team = text_required(raw, TEAM_LENGTH_MAX, "team")
    if team not in state.teams:
        raise Refused("STAFF_TEAM_UNKNOWN", "this team isn't declared; declare it first", "team")
    return team


def _role(raw: object) -> str:
    if raw not in ROLES:
        raise Refused("STAFF_ROLE_INVALID", f"role must be one of {', '.join(ROLES)}", "role")
    return str(raw)


def _skills(raw: object) -> dict[str, int]:
    if not isinstance(raw, Mapping) or len(raw) > SKILLS_MAX:  # pyright: ignore[reportUnknownArgumentType]
        raise Refused("STAFF_SKILLS_INVALID", f"skills are levels by name, at most {SKILLS_MAX}", "skills")
    skills: Mapping[Any, Any] = raw  # pyright: ignore[reportUnknownVariableType]
    for name in skills:
        if not isinstance(name, str) or not _SKILL.match(name):
            raise Refused("STAFF_SKILLS_INVALID", 'a skill is named "trait:value", such as region:华东', "skills")
    return {name: number_checked(level, 1, LEVEL_MAX, "skills") for name, level in sorted(skills.items())}


def _put(state: Relations, staff: Staff) -> None:
    state.staff.put(staff.number, staff)
    state.staff_moved.add(0, 1)


@evolves("TeamDeclared")
def _declared(state: Relations, event: Happened) -> None:
    said = event.fields
    known = state.teams.get(said["team"])
    position = known.position if known else event.position
    state.teams.put(
        said["team"], Team(said["team"], said["name"], said["parent"], said["region"], said["kind"], position)
    )
    state.staff_moved.add(0, 1)


@evolves("StaffEnrolled")
def _enrolled(state: Relations, event: Happened) -> None:
    said = event.fields
    number, person = staff_number(said["staff"]), person_number(said["person"])
    if said["reference"]:
        state.staff_references.put((said["source"], said["reference"]), number)
    else:
        state.staff_sealed.put(number, (said["source"], person, said["sealed"]))
    state.people.put("count", max(person, state.people.get("count", 0)))
    _put(
        state,
        Staff(
            number, person, said["team"], said["role"], said["region"], dict(said["skills"]),
            said["experience_years"], said["capacity"], day_parse(said["joined_on"]),
        ),
    )  # fmt: skip


@evolves("StaffChanged")
def _changed(state: Relations, event: Happened) -> None:
    staff = state.staff[staff_number(event.fields["staff"])]
    _put(state, replace(staff, **changes_checked(event.fields["changes"], _CHANGED)))


@evolves("StaffAbsent")
def _was_absent(state: Relations, event: Happened) -> None:
    said = event.fields
    staff = state.staff[staff_number(said["staff"])]
    first, last = day_parse(said["first_day"]), day_parse(said["last_day"])
    others = [a for a in staff.absences if a[0] != first]
    _put(state, replace(staff, absences=tuple(sorted([*others, (first, last)]))))


@evolves("StaffLeft")
def _left(state: Relations, event: Happened) -> None:
    staff = state.staff[staff_number(event.fields["staff"])]
    last_day = day_parse(event.fields["last_day"])
    state.leaving.put(staff.number, last_day)
    _put(state, replace(staff, last_day=last_day))


@evolves("StaffAbsenceCancelled")
def _absence_cancelled(state: Relations, event: Happened) -> None:
    staff = state.staff[staff_number(event.fields["staff"])]
    first = day_parse(event.fields["first_day"])
    kept = [a for a in staff.absences if a[0] != first]
    # Of one that has begun, the days before this one were leave.
    if first < event.day:
        kept.append((first, event.day - 1))
    _put(state, replace(staff, absences=tuple(sorted(kept))))


@evolves("StaffStayed")
def _stayed(state: Relations, event: Happened) -> None:
    staff = state.staff[staff_number(event.fields["staff"])]
    state.leaving.drop(staff.number)
    _put(state, replace(staff, last_day=NONE))

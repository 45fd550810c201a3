"""The view `profile`: what is known of a customer, the people there, soft knowledge, projects, and duplicates.

Everything stands with the customer that it was recorded for. What was said of customers that were merged into another
is read as that one's too (`profiles.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from ledger.domain.relations.ids import person_number, project_number, staff_number
from ledger.domain.values import customer_number, day_parse
from ledger.log.arrays import BigintArray, TextArray
from ledger.log.queries import queries_load
from projections.relations.rows import columns
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_of_time

_QUERIES = queries_load("projections.sql", "profile.sql")
_OWN: Final = frozenset({"credit_code", "qualifications", "needs", "cooperation"})


@dataclass(slots=True)
class ProfileRow:
    """What is known of a customer beyond name and traits. `more`: further entries by name."""

    customer: int
    credit_code: str = ""
    qualifications: list[str] = field(default_factory=list[str])
    needs: str = ""
    cooperation: str = ""
    more: dict[str, str] = field(default_factory=dict[str, str])
    position: int = 0


@dataclass(slots=True)
class ContactRow:
    """A person at a customer. `sealed` is who they are, "" once they were erased; `place` what they are there."""

    person: int
    customer: int
    sealed: str
    place: str
    decides: bool
    position: int


@dataclass(slots=True)
class KnowledgeRow:
    """Soft knowledge about a customer, about a person there (then the text is sealed), or about a region."""

    customer: int
    region: str
    kind: str
    value: str
    person: int
    text: str
    sealed: str
    day: int
    position: int


@dataclass(slots=True)
class MilestoneRow:
    """A key node of a project; `reached_day` None while it lies ahead."""

    project: int
    milestone: str
    name: str
    due_day: int
    reached_day: int | None
    position: int


@dataclass(slots=True)
class MergingRow:
    """`merged` was found to be `customer`; `undone` is where it was taken back, 0 while it stands."""

    position: int
    customer: int
    merged: int
    reason: str
    day: int
    undone: int = 0


@dataclass(slots=True)
class _ProjectRow:
    number: int
    customer: int
    name: str
    stage: str
    region: str
    amount: int
    position: int


_About = tuple[int, str, str, int]
"""(customer, region, kind, person) of knowledge."""


@dataclass(slots=True)
class _Moves:
    """What a batch changes."""

    profiles: dict[int, ProfileRow]
    contacts: dict[int, ContactRow] = field(default_factory=dict[int, ContactRow])
    erased: list[int] = field(default_factory=list[int])
    dropped: dict[_About, None] = field(default_factory=dict[_About, None])
    knowledge: dict[_About, dict[str, KnowledgeRow]] = field(default_factory=dict[_About, dict[str, KnowledgeRow]])
    projects: dict[int, _ProjectRow] = field(default_factory=dict[int, _ProjectRow])
    parties: dict[int, list[list[str]]] = field(default_factory=dict[int, list[list[str]]])
    site_teams: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    milestones: dict[tuple[int, str], MilestoneRow] = field(default_factory=dict[tuple[int, str], MilestoneRow])
    mergings: list[MergingRow] = field(default_factory=list[MergingRow])
    undone: dict[int, int] = field(default_factory=dict[int, int])


class ProfileView:
    """Keeps the tables `profile`, `contact`, `knowledge`, `project`, `project_party`, `site_member`, `milestone`,
    `merging` and `customer_merged`."""

    name = "profile"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0

    def __init__(self) -> None:
        self.topics = tuple(sorted(_FOLD))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load the profiles concerned, fold the events, store what they change."""
        events = [e for e in batch.of_relations if e.topic in _FOLD]
        if not events:
            return
        moves = _Moves(_profiles(transaction, {e.customer for e in events if e.topic == "ProfileChanged"}))
        for event in events:
            _FOLD[event.topic](moves, event)
        _store(transaction, moves)
        _store_knowledge(transaction, moves)
        _store_projects(transaction, moves)
        _store_mergings(transaction, moves)


def _profiles(connection: Connection[Any], customers: set[int]) -> dict[int, ProfileRow]:
    if not customers:
        return {}
    with connection.cursor(row_factory=class_row(ProfileRow)) as cursor:
        params = {"customers": BigintArray(sorted(customers))}
        return {row.customer: row for row in cursor.execute(_QUERIES["profiles_load"], params)}


def _changed(moves: _Moves, event: CustomerEvent) -> None:
    row = moves.profiles.setdefault(event.customer, ProfileRow(event.customer))
    row.position = event.position
    for name, value in event.state["changes"].items():
        if name in _OWN:
            setattr(row, name, value)
        elif value:
            row.more[name] = value
        else:
            row.more.pop(name, None)


def _contact(moves: _Moves, event: CustomerEvent) -> None:
    said = event.state
    person = person_number(said["person"])
    moves.contacts[person] = ContactRow(
        person, event.customer, said["sealed"], said["position"], said["decides"], event.position
    )


def _knowledge(moves: _Moves, event: CustomerEvent) -> None:
    said = event.state
    person, region = person_number(said.get("person", "")), said.get("region", "")
    about = event.customer, region, said["kind"], person
    if not said["value"]:
        moves.knowledge.pop(about, None)
        moves.dropped[about] = None
        return
    moves.knowledge.setdefault(about, {})[said["value"]] = KnowledgeRow(
        event.customer, region, said["kind"], said["value"], person, said["text"], said.get("sealed", ""),
        day_of_time(said["recorded_at"]), event.position,
    )  # fmt: skip


def _erased(moves: _Moves, event: CustomerEvent) -> None:
    person = person_number(event.state["person"])
    moves.erased.append(person)
    for about in [about for about in moves.knowledge if about[3] == person]:
        del moves.knowledge[about]


def _project(moves: _Moves, event: CustomerEvent) -> None:
    said = event.state
    number = project_number(said["project"])
    moves.projects[number] = _ProjectRow(
        number, event.customer, said["name"], said["stage"], said["region"], said["amount"], event.position
    )
    moves.parties[number] = said["parties"]
    moves.site_teams[number] = [staff_number(staff) for staff in said["site_team"]]


def _milestone(moves: _Moves, event: CustomerEvent) -> None:
    said = event.state
    project, milestone = project_number(said["project"]), said["milestone"]
    reached = day_parse(said["reached_on"]) if said["reached_on"] else None
    moves.milestones[project, milestone] = MilestoneRow(
        project, milestone, said["name"], day_parse(said["due_on"]), reached, event.position
    )


def _merged(moves: _Moves, event: CustomerEvent) -> None:
    said = event.state
    merged, day = customer_number(said["merged"]), day_of_time(said["recorded_at"])
    moves.mergings.append(MergingRow(event.position, event.customer, merged, said["reason"], day))


def _unmerged(moves: _Moves, event: CustomerEvent) -> None:
    moves.undone[event.state["undoes"]] = event.position


_FOLD: Final[dict[str, Callable[[_Moves, CustomerEvent], None]]] = {
    "ProfileChanged": _changed,
    "ContactRecorded": _contact,
    "KnowledgeRecorded": _knowledge,
    "RegionKnowledgeRecorded": _knowledge,
    "PersonErased": _erased,
    "ProjectRecorded": _project,
    "MilestoneSet": _milestone,
    "CustomersMerged": _merged,
    "CustomersUnmerged": _unmerged,
}


def _store(connection: Connection[Any], moves: _Moves) -> None:
    if moves.profiles:
        connection.execute(_QUERIES["profiles_store"], columns(list(moves.profiles.values())))
    if moves.contacts:
        connection.execute(_QUERIES["contacts_store"], columns(list(moves.contacts.values())))
    if moves.erased:
        # Nothing is recorded of who was erased, so this may come last.
        connection.execute(_QUERIES["contacts_erase"], {"persons": BigintArray(moves.erased)})
        connection.execute(_QUERIES["knowledge_erase"], {"persons": BigintArray(moves.erased)})


def _store_knowledge(connection: Connection[Any], moves: _Moves) -> None:
    if moves.dropped:
        connection.execute(
            _QUERIES["knowledge_drop"],
            {
                "customer": BigintArray([about[0] for about in moves.dropped]),
                "region": TextArray([about[1] for about in moves.dropped]),
                "kind": TextArray([about[2] for about in moves.dropped]),
                "person": BigintArray([about[3] for about in moves.dropped]),
            },
        )
    rows = [row for entries in moves.knowledge.values() for row in entries.values()]
    if rows:
        connection.execute(_QUERIES["knowledge_store"], columns(rows))


def _store_projects(connection: Connection[Any], moves: _Moves) -> None:
    if moves.projects:
        projects = {"projects": BigintArray(moves.projects)}
        connection.execute(_QUERIES["projects_store"], columns(list(moves.projects.values())))
        connection.execute(_QUERIES["parties_clear"], projects)
        connection.execute(_QUERIES["site_members_clear"], projects)
    parties = [(p, i, role, who) for p, listed in moves.parties.items() for i, (role, who) in enumerate(listed, 1)]
    if parties:
        connection.execute(
            _QUERIES["parties_store"],
            {
                "project": BigintArray([project for project, _, _, _ in parties]),
                "ordinal": BigintArray([ordinal for _, ordinal, _, _ in parties]),
                "role": TextArray([role for _, _, role, _ in parties]),
                "name": TextArray([who for _, _, _, who in parties]),
                "customer": BigintArray([customer_number(who) for _, _, _, who in parties]),
            },
        )
    members = [(project, staff) for project, listed in moves.site_teams.items() for staff in listed]
    if members:
        connection.execute(
            _QUERIES["site_members_store"],
            {
                "project": BigintArray([project for project, _ in members]),
                "staff": BigintArray([staff for _, staff in members]),
                "customer": BigintArray([moves.projects[project].customer for project, _ in members]),
            },
        )
    if moves.milestones:
        connection.execute(_QUERIES["milestones_store"], columns(list(moves.milestones.values())))


def _store_mergings(connection: Connection[Any], moves: _Moves) -> None:
    if moves.mergings:
        connection.execute(_QUERIES["mergings_store"], columns(moves.mergings))
    if moves.undone:
        undone = {"position": BigintArray(moves.undone), "undone": BigintArray(moves.undone.values())}
        connection.execute(_QUERIES["mergings_undo"], undone)
    if moves.mergings or moves.undone:
        connection.execute(_QUERIES["merged_clear"])
        connection.execute(_QUERIES["merged_fill"])

"""Commands about staff, customers' profiles, assignment and the work with customers.

Staff are named by id ("S-000001"), customers by id or "source:reference", days as ISO dates, amounts as decimal text of
CNY. Where a lead, a talk or an opportunity comes from another system, `staff` may also be "source:reference", or
"source:name" of somebody whom that source knows by name only. What a field means stands with the event it leads to
(`ledger.domain.events.relations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class DeclareTeam:
    """Declare a team, or change one."""

    team: str
    name: str
    parent: str = ""
    region: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class EnrolStaff:
    """Enrol a member of staff under a source's reference; one already enrolled there is left as it is.

    Without `reference` the source knows its people by name only: then they are found again by the name, which is
    sealed. Who `leads` has a team of their own below `team`; with `leader` (a reference or a name at the same source)
    somebody belongs to the team that this person leads below `team`.
    """

    source: str
    reference: str
    name: str
    team: str
    role: str = "seller"
    phone: str = ""
    region: str = ""
    skills: Mapping[str, int] = field(default_factory=dict[str, int])
    experience_years: int = 0
    capacity: int = 50
    joined_on: str = ""
    leads: bool = False
    leader: str = ""


@dataclass(frozen=True, slots=True)
class ChangeStaff:
    """Change team, role, region, skills, experience_years or capacity of a member of staff."""

    staff: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordAbsence:
    """Leave from a day to a day, both included."""

    staff: str
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class RecordLeaving:
    """Somebody leaves the firm after this day. What they own is handed over by `HandOver`."""

    staff: str
    last_day: str


@dataclass(frozen=True, slots=True)
class CancelAbsence:
    """The leave that begins on this day does not take place; of one that has begun, what is left of it."""

    staff: str
    first_day: str


@dataclass(frozen=True, slots=True)
class CancelLeaving:
    """Somebody stays after all, or is back. What was handed over meanwhile comes back by `UndoHandover`."""

    staff: str


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """Change credit_code, qualifications, needs, cooperation or further named entries of a customer's profile."""

    customer: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordContact:
    """A person at a customer: new, or with `person` ("P-000001") one that changed."""

    customer: str
    name: str
    phone: str = ""
    position: str = ""
    decides: bool = False
    note: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class RecordKnowledge:
    """Soft knowledge about a customer, one of its people, or (with `region`, and no customer) a whole region."""

    kind: str
    value: str
    text: str = ""
    customer: str = ""
    region: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class ErasePerson:
    """Delete a person's key: what was sealed for them can't be read any more, by anybody."""

    person: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordProject:
    """A project of a customer: new, or with `project` ("J-000001") one that changed."""

    customer: str
    name: str
    stage: str = ""
    region: str = ""
    amount: str = "0"
    parties: tuple[tuple[str, str], ...] = ()
    site_team: tuple[str, ...] = ()
    project: str = ""


@dataclass(frozen=True, slots=True)
class SetMilestone:
    """A key node of a project: set, moved, or reached."""

    project: str
    milestone: str
    name: str
    due_on: str
    reached_on: str = ""


@dataclass(frozen=True, slots=True)
class MergeCustomers:
    """`merged` is the same customer as `customer`."""

    customer: str
    merged: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnmergeCustomers:
    """`merged` was not the same customer after all."""

    merged: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportLead:
    """A lead arrives: of a known customer, or of one that is registered by it. The same (source, lead) once.

    `staff` is who reports it and would have it: a new customer is theirs, where they can have one more. `traits` are
    those of a new customer. `credit_code` and `phone` help to find out whether it is somebody's already. The phone is
    kept sealed, as that of a contact without a name, unless a contact of the customer has it.
    """

    source: str
    lead: str
    name: str
    channel: str = ""
    staff: str = ""
    customer: str = ""
    traits: Mapping[str, str] = field(default_factory=dict[str, str])
    credit_code: str = ""
    phone: str = ""
    project: str = ""
    amount: str = "0"
    needs: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class AssignCustomer:
    """Let the rules choose an owner for a customer in the pool."""

    customer: str


@dataclass(frozen=True, slots=True)
class ClaimCustomer:
    """Take a customer from the pool."""

    customer: str
    staff: str


@dataclass(frozen=True, slots=True)
class ReleaseCustomer:
    """Give a customer back to the pool."""

    customer: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReassignCustomer:
    """Give a customer to another member of staff."""

    customer: str
    staff: str
    reason: str


@dataclass(frozen=True, slots=True)
class AddCollaborator:
    """Somebody works with a customer beside its owner."""

    customer: str
    staff: str


@dataclass(frozen=True, slots=True)
class RemoveCollaborator:
    """Somebody no longer works with a customer."""

    customer: str
    staff: str


@dataclass(frozen=True, slots=True)
class BeginNurture:
    """Follow a slow customer up in a rhythm of its own; `rhythm_days` 0 takes that of the rules."""

    customer: str
    rhythm_days: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EndNurture:
    """The ordinary deadline holds again."""

    customer: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Hand over all that somebody owns and has to do: to `to`, or where that is "" to whom the rules choose."""

    staff: str
    to: str = ""
    kind: str = "leaving"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UndoHandover:
    """Take a handover back: everything is as before it. `handover` is its position."""

    handover: int
    reason: str


@dataclass(frozen=True, slots=True)
class RuleCollision:
    """A manager rules who has the customer after a collision."""

    collision: str
    owner: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordFollowUp:
    """A talk with a customer: what was said, what comes next, by when. The step agreed on before stands until another
    comes next, or it is done (`next_step_done`)."""

    customer: str
    staff: str
    said: str
    channel: str = ""
    next_step: str = ""
    next_due_on: str = ""
    outcome: str = "none"
    opportunity: str = ""
    satisfaction: int = 0
    next_step_done: bool = False


@dataclass(frozen=True, slots=True)
class OpenOpportunity:
    """A chance of a contract. With (source, reference) the same one is opened once.

    It may have begun (`opened_on`) and ended (`end` is won or lost, `ended_on`, `reason`) on days of the past.

    `carried_over` from another system: then `staff`, where they don't serve the customer yet, get it if nobody has it,
    and work with it beside its owner otherwise; and of one that is known already, what has changed there changes here.
    """

    customer: str
    staff: str
    name: str
    stage: str
    amount: str = "0"
    probability_percent: int = 0
    expected_on: str = ""
    project: str = ""
    channel: str = ""
    source: str = ""
    reference: str = ""
    opened_on: str = ""
    end: str = ""
    ended_on: str = ""
    reason: str = ""
    carried_over: bool = False


@dataclass(frozen=True, slots=True)
class ChangeOpportunity:
    """Change stage, amount, probability_percent, expected_on or name; the stages won and lost end it."""

    opportunity: str
    changes: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HandTask:
    """A task for another department, or a member of it."""

    customer: str
    staff: str
    title: str
    due_on: str
    department: str = ""
    to: str = ""
    opportunity: str = ""


@dataclass(frozen=True, slots=True)
class MoveTask:
    """A task is accepted, makes progress, is done or declined."""

    task: str
    state: str
    staff: str
    progress_percent: int = 0
    note: str = ""


RelationsCommand: TypeAlias = (
    DeclareTeam | EnrolStaff | ChangeStaff | RecordAbsence | RecordLeaving | CancelAbsence
    | CancelLeaving | ChangeProfile | RecordContact | RecordKnowledge | ErasePerson | RecordProject | SetMilestone
    | MergeCustomers | UnmergeCustomers
    | ReportLead | AssignCustomer | ClaimCustomer | ReleaseCustomer | ReassignCustomer | AddCollaborator
    | RemoveCollaborator | BeginNurture | EndNurture | HandOver | UndoHandover | RuleCollision
    | RecordFollowUp | OpenOpportunity | ChangeOpportunity | HandTask | MoveTask
)  # fmt: skip

RELATIONS_COMMANDS: tuple[type[RelationsCommand], ...] = (
    DeclareTeam, EnrolStaff, ChangeStaff, RecordAbsence, RecordLeaving, CancelAbsence, CancelLeaving,
    ChangeProfile, RecordContact, RecordKnowledge, ErasePerson, RecordProject, SetMilestone,
    MergeCustomers, UnmergeCustomers,
    ReportLead, AssignCustomer, ClaimCustomer, ReleaseCustomer, ReassignCustomer, AddCollaborator,
    RemoveCollaborator, BeginNurture, EndNurture, HandOver, UndoHandover, RuleCollision,
    RecordFollowUp, OpenOpportunity, ChangeOpportunity, HandTask, MoveTask,
)  # fmt: skip


def personal_fields(command: object) -> tuple[str, ...]:
    """The fields of a command that are about a person: sealed where they are kept, and never part of a digest, by
    which they could be guessed after the person was erased."""
    if isinstance(command, EnrolStaff):
        return ("name", "phone", "leader")
    if isinstance(command, RecordContact):
        return ("name", "phone", "note")
    if isinstance(command, ReportLead):
        # Whoever isn't named by their id may be named by their name.
        return ("phone", "staff") if ":" in command.staff else ("phone",)
    if isinstance(command, (OpenOpportunity, RecordFollowUp)) and ":" in command.staff:
        return ("staff",)
    if isinstance(command, RecordKnowledge) and command.person:
        return ("text",)
    return ()

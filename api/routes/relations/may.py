"""Who may do what: for each command, whose place it takes and what must be within their reach.

Only keys of staff are measured by this table; keys of the office do everything that their role lets them. What isn't
within reach is refused as what isn't there. The writer checks the rest: whether somebody serves the customer, is here,
has room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.routes.relations.reach import (
    Check,
    claimable,
    collided,
    concerned,
    enrolled_below,
    handed_over,
    kept,
    known_person,
    led,
    member_changed,
    named_parties,
    not_carried_over,
    opportunity_seen,
    project_seen,
    region_or_customer,
    task_given,
    team_below,
    unless_known,
    visible,
    whole,
)
from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    BeginNurture,
    CancelAbsence,
    CancelLeaving,
    ChangeOpportunity,
    ChangeProfile,
    ChangeStaff,
    ClaimCustomer,
    DeclareTeam,
    EndNurture,
    EnrolStaff,
    ErasePerson,
    HandOver,
    HandTask,
    MergeCustomers,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordAbsence,
    RecordContact,
    RecordFollowUp,
    RecordKnowledge,
    RecordLeaving,
    RecordProject,
    RelationsCommand,
    ReleaseCustomer,
    RemoveCollaborator,
    ReportLead,
    RuleCollision,
    SetMilestone,
    UndoHandover,
    UnmergeCustomers,
)
from projections.relations.scopes import Kind

EVERYBODY: Final[frozenset[Kind]] = frozenset({"own", "region", "all", "support", "site"})
SELLING: Final[frozenset[Kind]] = frozenset({"own", "region", "all"})
LEADING: Final[frozenset[Kind]] = frozenset({"region", "all"})


@dataclass(frozen=True, slots=True)
class May:
    """Who may give a command, by the kind of their scope, and what must be within their reach. `doer` is the field that
    says who does it: themselves, filled in where it is left out."""

    kinds: frozenset[Kind]
    checks: tuple[Check, ...] = ()
    doer: str = ""


MAY: Final[Mapping[type[RelationsCommand], May]] = {
    # The firm.
    DeclareTeam: May(LEADING, (team_below,)),
    EnrolStaff: May(LEADING, (enrolled_below,)),
    ChangeStaff: May(LEADING, (led("staff"), member_changed)),
    RecordAbsence: May(EVERYBODY, (led("staff"),)),
    RecordLeaving: May(LEADING, (led("staff"),)),
    CancelAbsence: May(EVERYBODY, (led("staff"),)),
    CancelLeaving: May(LEADING, (led("staff"),)),
    # What is known of customers.
    ChangeProfile: May(EVERYBODY, (visible("customer"),)),
    RecordContact: May(EVERYBODY, (visible("customer"),)),
    RecordKnowledge: May(EVERYBODY, (region_or_customer,)),
    ErasePerson: May(LEADING, (known_person,)),
    RecordProject: May(EVERYBODY, (visible("customer"), named_parties)),
    SetMilestone: May(EVERYBODY, (project_seen,)),
    MergeCustomers: May(LEADING, (visible("customer"), visible("merged"))),
    UnmergeCustomers: May(LEADING, (visible("merged"),)),
    # Who serves whom.
    ReportLead: May(EVERYBODY, (unless_known,), doer="staff"),
    AssignCustomer: May(LEADING, (claimable,)),
    ClaimCustomer: May(SELLING, (claimable,), doer="staff"),
    ReleaseCustomer: May(SELLING, (kept,)),
    ReassignCustomer: May(LEADING, (visible("customer"), led("staff"))),
    AddCollaborator: May(SELLING, (kept,)),
    RemoveCollaborator: May(SELLING, (kept,)),
    BeginNurture: May(SELLING, (kept,)),
    EndNurture: May(SELLING, (kept,)),
    HandOver: May(LEADING, (led("staff"), led("to"))),
    UndoHandover: May(LEADING, (handed_over,)),
    RuleCollision: May(LEADING, (collided, whole)),
    # The work.
    RecordFollowUp: May(EVERYBODY, (visible("customer"),), doer="staff"),
    OpenOpportunity: May(EVERYBODY, (visible("customer"), not_carried_over), doer="staff"),
    ChangeOpportunity: May(EVERYBODY, (opportunity_seen,)),
    HandTask: May(EVERYBODY, (concerned,), doer="staff"),
    MoveTask: May(EVERYBODY, (task_given,), doer="staff"),
}
"""Every command of relations."""

"""A route for every command of relations but leads: the body has the command's fields, the path those that name what it
is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic import Field, create_model
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.input import Body, body_read
from api.routes.relations.asking import allowed
from api.routes.relations.may import MAY
from api.routes.relations.seeing import PREFIX
from api.routing import Router
from api.schemas import WRITE_RESPONSES
from api.writing import command_send
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
    RuleCollision,
    SetMilestone,
    UndoHandover,
    UnmergeCustomers,
)
from ledger.writer.forms import fields_load

router = Router(tags=["relations"])

ERRORS: Final = (
    "COMMAND_FAILED", "VIEW_BEHIND", "POSITION_AHEAD", "VALUE_INVALID", "TEXT_INVALID", "NUMBER_INVALID",
    "DATE_INVALID", "AMOUNT_INVALID",
)  # fmt: skip
"""What any of them may answer: its members are checked before anything is looked up."""
_OF_CUSTOMERS: Final = ("CUSTOMER_UNKNOWN",)
_OF_STAFF: Final = ("STAFF_UNKNOWN", "STAFF_NOT_HERE")
_OWNING: Final = (*_OF_CUSTOMERS, *_OF_STAFF, "ASSIGNMENT_POOLED", "ASSIGNMENT_SAME", "ASSIGNMENT_NOT_THEIRS")
_POOLED: Final = (*_OF_CUSTOMERS, *_OF_STAFF, "ASSIGNMENT_OWNED", "COLLISION_OPEN")


@dataclass(frozen=True, slots=True)
class Write:
    """A route that sends one command. `path` stands behind the prefix; a field named in it isn't in the body."""

    command: type[RelationsCommand]
    name: str
    path: str
    summary: str
    example: Mapping[str, Any]
    errors: tuple[str, ...] = ()
    description: str | None = None
    in_path: frozenset[str] = field(default=frozenset())


def _write(
    command: type[RelationsCommand],
    name: str,
    path: str,
    summary: str,
    example: Mapping[str, Any],
    *errors: str,
    description: str | None = None,
) -> Write:
    in_path = frozenset(f.name for f in fields(command) if "{" + f.name + "}" in path)
    return Write(command, name, path, summary, example, errors, description, in_path)


WRITES: Final = (
    _write(
        DeclareTeam, "team_declare", "/teams", "Declare a team, or change one",
        {"team": "one", "name": "一部", "parent": "firm", "region": "east"},
        "STAFF_TEAM_UNKNOWN", "STAFF_TEAM_CYCLE", "STAFF_INVALID",
    ),
    _write(
        EnrolStaff, "staff_enrol", "/staff", "Enrol a member of staff",
        {"source": "hr", "reference": "1", "name": "王丽", "team": "one", "role": "seller", "capacity": 50},
        "STAFF_TEAM_UNKNOWN", "STAFF_ROLE_INVALID", "STAFF_SKILLS_INVALID", "STAFF_INVALID", "NUMBER_INVALID",
        "DATE_INVALID", "PERSON_PHONE_INVALID", "STAFF_LEADER_UNKNOWN",
        description="One already enrolled under this reference is left as it is. Name and phone are kept sealed.",
    ),
    _write(
        ChangeStaff, "staff_change", "/staff/{staff}/change",
        "Change team, role, region, skills, experience or capacity of somebody", {"changes": {"capacity": 60}},
        *_OF_STAFF, "STAFF_TEAM_UNKNOWN", "STAFF_ROLE_INVALID", "STAFF_SKILLS_INVALID", "STAFF_INVALID",
        "NUMBER_INVALID",
    ),
    _write(
        RecordAbsence, "absence_record", "/staff/{staff}/absences", "Record leave",
        {"first_day": "2026-02-01", "last_day": "2026-02-07"}, *_OF_STAFF, "DATE_INVALID",
    ),
    _write(
        RecordLeaving, "leaving_record", "/staff/{staff}/leaving", "Record that somebody leaves the firm",
        {"last_day": "2030-02-28"}, *_OF_STAFF, "DATE_INVALID",
        description="What they own is handed over by a handover. Their key stops with that day.",
    ),
    _write(
        CancelAbsence, "absence_cancel", "/staff/{staff}/absences/cancel", "Cancel leave, or what is left of it",
        {"first_day": "2026-02-01"}, *_OF_STAFF, "DATE_INVALID", "STAFF_ABSENCE_MISSING", "STAFF_ABSENCE_OVER",
    ),
    _write(
        CancelLeaving, "leaving_cancel", "/staff/{staff}/leaving/cancel", "Record that somebody stays after all", {},
        *_OF_STAFF, description="What was handed over meanwhile comes back by undoing the handover.",
    ),
    _write(
        HandOver, "portfolio_hand_over", "/staff/{staff}/handover", "Hand over all that somebody has",
        {"to": "S-000002", "kind": "leaving", "reason": "离职"},
        *_OF_STAFF, "ASSIGNMENT_HANDOVER_INVALID", "ASSIGNMENT_SAME", "STAFF_NOT_LEAVING", "STAFF_ABSENT",
        "STAFF_LEAVING", "STAFF_OWNS_NOTHING",
        description="Customers, opportunities, tasks and next steps as one; without `to` the rules choose for each."
        " That somebody leaves is recorded before they hand over; leave (`kind`) need not be. The same again, where"
        " nothing is left, is the handover that there was. Who is named may come to have more than their capacity;"
        " protection and deadline begin anew, and a dry run tells both for each customer.",
    ),
    _write(
        UndoHandover, "handover_undo", "/handovers/undo", "Take a handover back",
        {"handover": 42, "reason": "不走了"}, "ASSIGNMENT_HANDOVER_UNKNOWN", "ASSIGNMENT_HANDOVER_UNDONE",
        description="Everything is as before it. `handover` is its position in the log.",
    ),
    _write(
        ChangeProfile, "profile_change", "/customers/{customer}/profile", "Change a customer's profile",
        {"changes": {"needs": "工期紧", "qualifications": ["一级"]}},
        *_OF_CUSTOMERS, "CUSTOMER_PROFILE_INVALID", "CUSTOMER_PROFILE_FULL", "CUSTOMER_CREDIT_CODE_INVALID",
        "CUSTOMER_CREDIT_CODE_TAKEN",
    ),
    _write(
        RecordContact, "contact_record", "/customers/{customer}/contacts", "Record a person at a customer",
        {"name": "王工", "phone": "13900000001", "position": "总工", "decides": True},
        *_OF_CUSTOMERS, "PERSON_UNKNOWN", "PERSON_ELSEWHERE", "PERSON_INVALID", "PERSON_ERASED",
        "PERSON_PHONE_INVALID",
        description="Name, phone and note are kept sealed. With `person`, one that changed.",
    ),
    _write(
        RecordKnowledge, "knowledge_record", "/knowledge", "Record soft knowledge",
        {"kind": "call", "value": "morning", "text": "早上打", "customer": "C-000001"},
        *_OF_CUSTOMERS, "PERSON_UNKNOWN", "PERSON_ELSEWHERE", "KNOWLEDGE_INVALID", "KNOWLEDGE_FULL",
        description="About a customer, a person there, or a region. An empty value takes that kind back.",
    ),
    _write(
        ErasePerson, "person_erase", "/people/{person}/erase", "Erase a person", {"reason": "本人要求"},
        "PERSON_UNKNOWN", description="Their key is deleted: what was sealed for them can't be read any more. Final.",
    ),
    _write(
        RecordProject, "project_record", "/customers/{customer}/projects", "Record a project",
        {"name": "大桥", "stage": "设计", "amount": "1200000.00", "parties": [["设计院", "市政院"]]},
        *_OF_CUSTOMERS, *_OF_STAFF, "PROJECT_UNKNOWN", "PROJECT_ELSEWHERE", "PROJECT_PARTIES_INVALID",
        "PROJECT_SITE_TEAM_INVALID", "AMOUNT_INVALID",
        description="With `project`, one that changed. A party is a role and a name, or a customer's id.",
    ),
    _write(
        SetMilestone, "milestone_set", "/projects/{project}/milestones", "Set, move or reach a key node of a project",
        {"milestone": "roof", "name": "封顶", "due_on": "2026-03-01"},
        "PROJECT_UNKNOWN", "PROJECT_MILESTONES_FULL", "DATE_INVALID",
    ),
    _write(
        MergeCustomers, "customers_merge", "/customers/{customer}/merge", "Find two customers to be one",
        {"merged": "C-000002", "reason": "同一家"}, *_OF_CUSTOMERS, "CUSTOMER_MERGED", "CUSTOMER_MERGE_SELF",
    ),
    _write(
        UnmergeCustomers, "customers_unmerge", "/customers/{merged}/unmerge", "Take a merge back",
        {"reason": "不是同一家"}, *_OF_CUSTOMERS, "CUSTOMER_NOT_MERGED", "CUSTOMER_MERGED",
    ),
    _write(
        AssignCustomer, "customer_assign", "/customers/{customer}/assign", "Let the rules choose an owner", {},
        *_POOLED, "ASSIGNMENT_NOBODY",
    ),
    _write(
        ClaimCustomer, "customer_claim", "/customers/{customer}/claim", "Claim a customer from the pool",
        {"staff": "S-000001"}, *_POOLED, "CLAIM_TAKEN", "CLAIM_OWN", "CLAIM_FULL", "CLAIM_COOLDOWN",
        "CLAIM_QUOTA_DAY", "CLAIM_QUOTA_HELD",
        description="However many try, one has it. A key of staff claims for themselves and may leave `staff` out.",
    ),
    _write(
        ReleaseCustomer, "customer_release", "/customers/{customer}/release", "Give a customer back to the pool",
        {"reason": "不再跟进"}, *_OWNING,
    ),
    _write(
        ReassignCustomer, "customer_reassign", "/customers/{customer}/reassign", "Give a customer to somebody else",
        {"staff": "S-000002", "reason": "调整"}, *_OWNING, "COLLISION_OPEN",
    ),
    _write(
        AddCollaborator, "collaborator_add", "/customers/{customer}/collaborators/add", "Add a collaborator",
        {"staff": "S-000002"}, *_OWNING,
    ),
    _write(
        RemoveCollaborator, "collaborator_remove", "/customers/{customer}/collaborators/remove",
        "Remove a collaborator", {"staff": "S-000002"}, *_OWNING, "ASSIGNMENT_NO_COLLABORATOR",
    ),
    _write(
        BeginNurture, "nurture_begin", "/customers/{customer}/nurture/begin",
        "Follow a slow customer up in a rhythm of its own", {"rhythm_days": 30, "reason": "明年立项"},
        *_OWNING, "ASSIGNMENT_RHYTHM_MISSING", "NUMBER_INVALID",
    ),
    _write(
        EndNurture, "nurture_end", "/customers/{customer}/nurture/end", "Let the ordinary deadline hold again",
        {"reason": "已立项"}, *_OWNING, "ASSIGNMENT_NOT_NURTURED",
    ),
    _write(
        RuleCollision, "collision_rule", "/collisions/{collision}/rule", "Rule who has the customer",
        {"owner": "S-000001", "reason": "先到先得"}, *_OF_STAFF, "COLLISION_UNKNOWN", "COLLISION_RULED",
        "COLLISION_OWNER_INVALID",
    ),
    _write(
        RecordFollowUp, "follow_up_record", "/customers/{customer}/follow_ups", "Record a talk with a customer",
        {"staff": "S-000001", "said": "谈了", "next_step": "送方案", "next_due_on": "2026-02-07"},
        *_OF_CUSTOMERS, *_OF_STAFF, "CUSTOMER_NOT_SERVED", "OPPORTUNITY_UNKNOWN", "DATE_INVALID", "NUMBER_INVALID",
    ),
    _write(
        OpenOpportunity, "opportunity_open", "/customers/{customer}/opportunities", "Open an opportunity",
        {"staff": "S-000001", "name": "一标段", "stage": "lead", "amount": "1200000.00"},
        *_OF_CUSTOMERS, *_OF_STAFF, "CUSTOMER_NOT_SERVED", "PROJECT_UNKNOWN", "OPPORTUNITY_STAGE_INVALID",
        "OPPORTUNITY_INVALID", "OPPORTUNITY_REFERENCE_TAKEN", "OPPORTUNITY_REASON_MISSING", "OPPORTUNITY_WON",
        "OPPORTUNITY_LOST", "COLLISION_OPEN", "STAFF_ABSENT", "STAFF_LEAVING", "STAFF_OWNS_NOTHING", "AMOUNT_INVALID",
        "DATE_INVALID", "NUMBER_INVALID",
        description="It may have begun and ended on days of the past. With `carried_over` (for the office) whoever has"
        " it in another system gets the customer where nobody has it, and else works with it beside its owner; of one"
        " that is known already, what has changed there changes here.",
    ),
    _write(
        ChangeOpportunity, "opportunity_change", "/opportunities/{opportunity}/change",
        "Move an opportunity on, or end it", {"changes": {"stage": "won"}, "reason": "中标"},
        "OPPORTUNITY_UNKNOWN", "OPPORTUNITY_STAGE_INVALID", "OPPORTUNITY_INVALID", "OPPORTUNITY_WON",
        "OPPORTUNITY_LOST", "OPPORTUNITY_REASON_MISSING", "AMOUNT_INVALID", "DATE_INVALID", "NUMBER_INVALID",
    ),
    _write(
        HandTask, "task_hand", "/customers/{customer}/tasks", "Hand a task to another department",
        {"staff": "S-000001", "title": "估算", "due_on": "2026-02-07", "department": "technical"},
        *_OF_CUSTOMERS, *_OF_STAFF, "CUSTOMER_NOT_SERVED", "TASK_DEPARTMENT_UNKNOWN", "TASK_MEMBER_ELSEWHERE",
        "OPPORTUNITY_UNKNOWN", "DATE_INVALID",
    ),
    _write(
        MoveTask, "task_move", "/tasks/{task}/move", "Accept a task, make progress, end or decline it",
        {"staff": "S-000003", "state": "accepted", "progress_percent": 10},
        *_OF_STAFF, "TASK_UNKNOWN", "TASK_ENDED", "TASK_NOT_THEIRS", "TASK_STATE_INVALID", "TASK_NOTE_MISSING",
        "NUMBER_INVALID",
    ),
)  # fmt: skip
"""All of them; who may send which says `may.py`."""


def body_of(command: type[RelationsCommand], in_path: frozenset[str] = frozenset()) -> type[Body]:
    """The body that a command is sent as: its fields, without those in the path. Who does it may be left out."""
    hints = get_type_hints(command)
    members: dict[str, Any] = {}
    for f in fields(command):
        if f.name in in_path:
            continue
        if f.name == MAY[command].doer:
            default: Any = Field(default="", description="Who does it (S-000001); a key of staff: themselves.")
        elif f.default_factory is not MISSING:
            default = Field(default_factory=f.default_factory)
        else:
            default = ... if f.default is MISSING else f.default
        if default == ():
            default = Field(default_factory=list)
        members[f.name] = (_form(hints[f.name]), default)
    return create_model(f"{command.__name__}Body", __base__=Body, __doc__=command.__doc__, **members)


def _form(hint: Any) -> Any:
    """The type of a member in JSON: mappings are objects, tuples lists."""
    origin, of = get_origin(hint), get_args(hint)
    if origin is Mapping:
        return dict[of]  # pyright: ignore[reportInvalidTypeArguments]
    if origin is tuple:
        # A pair of texts is a list of them; that there are two is checked with the command.
        return list[_form(of[0])]
    return hint


def _endpoint(write: Write, body: type[Body]) -> Callable[[Request], Any]:
    async def send(request: Request) -> Response:
        given = await body_read(request, body)
        named = {name: request.path_params[name] for name in write.in_path}
        command = write.command(**fields_load(write.command, given.model_dump()), **named)
        return await command_send(request, await allowed(request, command))

    send.__name__ = f"relations_{write.name}"
    return send


for _each in WRITES:
    _body = body_of(_each.command, _each.in_path)
    router.post(
        PREFIX + _each.path,
        permission=Permission.RELATIONS_WRITE,
        errors=(*_each.errors, *ERRORS),
        body=_body,
        body_example=dict(_each.example),
        writes=True,
        summary=_each.summary,
        description=_each.description or _each.command.__doc__,
        status_code=201,
        responses=WRITE_RESPONSES,
    )(_endpoint(_each, _body))

"""Customers as those who serve them know them: profile, people, knowledge, projects, all that happened."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from api.routes.standing import TagBody
from api.schemas import Money, Points


class SeenBody(BaseModel):
    """A customer that one sees. `owner` null: it is in the pool. `merged_into`: the customer that it was found to
    be."""

    customer: str
    name: str
    industry: str
    region: str
    customer_type: str
    scale: str
    owner: str | None
    team: str
    merged_into: str | None


class ContactBody(BaseModel):
    """A person at a customer. Of one who was erased name, phone and note are null."""

    person: str
    customer: str
    position: str
    decides: bool
    name: str | None
    phone: str | None
    note: str | None
    erased: bool


class KnowledgeBody(BaseModel):
    """Soft knowledge about a customer, a person there, or a region. `text` is null where the person was erased."""

    customer: str | None
    region: str
    kind: str
    value: str
    person: str | None
    text: str | None
    recorded_on: str
    erased: bool


class PartyBody(BaseModel):
    """Who has a part in a project."""

    role: str
    name: str


class ProjectBody(BaseModel):
    """A project of a customer. `amount` in CNY."""

    project: str
    customer: str
    customer_name: str
    name: str
    stage: str
    region: str
    amount: str = Money
    parties: list[PartyBody]
    site_team: list[str]


class MilestoneBody(BaseModel):
    """A key node of a project; `reached_on` null: it lies ahead."""

    milestone: str
    name: str
    due_on: str
    reached_on: str | None


class ProjectDetailBody(ProjectBody):
    """A project with its key nodes."""

    milestones: list[MilestoneBody]


class WorthBody(BaseModel):
    """Where a customer stands: its tier, credit grade and tags as last decided, and its points. `available` leaves out
    what is held and what has lapsed; `balance_together` counts the customers found to be it, null where there are
    none."""

    tier: str | None
    tier_title: dict[str, str] | None
    grade: str | None
    tags: list[TagBody]
    balance: str = Points
    available: str = Points
    debt: str = Points
    balance_together: str | None


class ProfileBody(SeenBody):
    """What is known of a customer: profile, people, soft knowledge, projects, the customers found to be it, and where
    it stands; `standing` is null for who only has a task of it."""

    merged: list[str]
    credit_code: str
    qualifications: list[str]
    needs: str
    cooperation: str
    more: dict[str, str]
    contacts: list[ContactBody]
    knowledge: list[KnowledgeBody]
    projects: list[ProjectBody]
    standing: WorthBody | None


class TimelineBody(BaseModel):
    """An event about a customer. `state` has its fields as the log has them, as far as one may see them."""

    position: int
    customer: str
    event: str
    occurred_at: str
    recorded_at: str
    actor: str
    cause: int
    state: dict[str, Any]


class LeadRowBody(BaseModel):
    """A lead that arrived. `is_new`: its customer was registered by it."""

    position: int
    customer: str
    source: str
    lead: str
    channel: str
    staff: str | None
    project: str
    amount: str = Money
    is_new: bool
    recorded_on: str

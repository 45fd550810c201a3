"""Customers as those who serve them know them: profile, people, knowledge, projects, all that happened."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from plumbline_client.results.points import Tag


@dataclass(frozen=True, slots=True)
class SeenCustomer:
    """A customer that one sees. `owner` None: it is in the pool. `merged_into`: the customer that it was found to
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


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at a customer. Of one who was erased name, phone and note are None."""

    person: str
    customer: str
    position: str
    decides: bool
    name: str | None
    phone: str | None
    note: str | None
    erased: bool


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Soft knowledge about a customer, a person there, or a region. `text` is None where the person was erased."""

    customer: str | None
    region: str
    kind: str
    value: str
    person: str | None
    text: str | None
    recorded_on: str
    erased: bool


@dataclass(frozen=True, slots=True)
class Party:
    """Who has a part in a project."""

    role: str
    name: str


@dataclass(frozen=True, slots=True)
class Project:
    """A project of a customer. `amount` in CNY."""

    project: str
    customer: str
    customer_name: str
    name: str
    stage: str
    region: str
    amount: Decimal
    parties: list[Party]
    site_team: list[str]


@dataclass(frozen=True, slots=True)
class Milestone:
    """A key node of a project; `reached_on` None: it lies ahead."""

    milestone: str
    name: str
    due_on: str
    reached_on: str | None


@dataclass(frozen=True, slots=True)
class ProjectDetail(Project):
    """A project with its key nodes."""

    milestones: list[Milestone]


@dataclass(frozen=True, slots=True)
class Worth:
    """Where a customer stands: its tier, credit grade and tags as last decided, and its points. `available` leaves out
    what is held and what has lapsed; `balance_together` counts the customers found to be it, None where there are
    none."""

    tier: str | None
    tier_title: dict[str, str] | None
    grade: str | None
    tags: list[Tag]
    balance: Decimal
    available: Decimal
    debt: Decimal
    balance_together: Decimal | None


@dataclass(frozen=True, slots=True)
class Profile(SeenCustomer):
    """What is known of a customer: profile, people, soft knowledge, projects, the customers found to be it, and where
    it stands; `standing` is None for who only has a task of it."""

    merged: list[str]
    credit_code: str
    qualifications: list[str]
    needs: str
    cooperation: str
    more: dict[str, str]
    contacts: list[Contact]
    knowledge: list[Knowledge]
    projects: list[Project]
    standing: Worth | None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """An event about a customer. `state` has its fields as the log has them, as far as one may see them."""

    position: int
    customer: str
    event: str
    occurred_at: str
    recorded_at: str
    actor: str
    cause: int
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead that arrived. `is_new`: its customer was registered by it."""

    position: int
    customer: str
    source: str
    lead: str
    channel: str
    staff: str | None
    project: str
    amount: Decimal
    is_new: bool
    recorded_on: str

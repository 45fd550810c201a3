"""What is known of customers, read: each with what was said of those that were merged into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from projections.relations.profile import ContactRow, KnowledgeRow, MergingRow, MilestoneRow, ProfileRow
from projections.relations.scopes import Reads, Scope
from projections.view import WAIT_SECONDS_DEFAULT

READS: Final = Reads("reads_profile.sql", "customers", "profile")


@dataclass(slots=True)
class SeenRow:
    """A customer that one sees, with who has it (0: the pool) and the customer it was merged into (0: none)."""

    customer: int
    name: str
    industry: str
    region: str
    customer_type: str
    scale: str
    owner: int
    team: str
    merged_into: int


@dataclass(slots=True)
class ProjectRow:
    """A project of a customer. Parties in the order given: the role, the name, and the number of the customer that it
    is (0 where it is none of ours)."""

    number: int
    customer: int
    customer_name: str
    name: str
    stage: str
    region: str
    amount: int
    position: int
    party_roles: list[str]
    party_names: list[str]
    party_customers: list[int]
    site_team: list[int]


@dataclass(frozen=True, slots=True)
class Known:
    """A customer with its profile, and the customers that were found to be it."""

    customer: SeenRow
    profile: ProfileRow
    merged: list[SeenRow]


def customers_seen(
    connection: Connection[Any],
    scope: Scope,
    *,
    numbers: Sequence[int] | None = None,
    region: str | None = None,
    after: int = 0,
    limit: int = 100,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[SeenRow]:
    """Up to `limit` customers that one sees, of some numbers or with numbers above `after`. Raises ViewBehind."""
    return READS.rows(
        connection, "customers", scope, SeenRow, min_position=min_position, timeout_seconds=timeout_seconds,
        numbers=None if numbers is None else list(numbers), region=region, after=after, limit=limit,
    )  # fmt: skip


def profile_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> Known | None:
    """What is known of a customer, or of the one that it was merged into; None where there is none that one sees. Who
    has a task of the customer sees this of it. Raises ViewBehind."""
    family = READS.rows(
        connection, "family", scope, SeenRow, min_position=min_position, timeout_seconds=timeout_seconds,
        customer=customer,
    )  # fmt: skip
    root = next((row for row in family if not row.merged_into), None)
    if root is None:
        return None
    profiles = READS.rows(connection, "profiles", scope, ProfileRow, customer=customer)
    ordered = _nearest_first(root, family)
    return Known(root, _together(root.customer, ordered, {p.customer: p for p in profiles}), ordered[1:])


def _nearest_first(root: SeenRow, family: Sequence[SeenRow]) -> list[SeenRow]:
    """A customer and those merged into it, each before what was merged into it in turn, as the ledger reads them."""
    found = [root]
    for member in found:
        found += [row for row in family if row.merged_into == member.customer]
    return found


def _together(customer: int, family: Sequence[SeenRow], profiles: dict[int, ProfileRow]) -> ProfileRow:
    """One profile of several: what the first says nothing about is taken from the next that does."""
    one = ProfileRow(customer)
    for profile in (profiles[row.customer] for row in family if row.customer in profiles):
        one.credit_code = one.credit_code or profile.credit_code
        one.qualifications = one.qualifications or profile.qualifications
        one.needs = one.needs or profile.needs
        one.cooperation = one.cooperation or profile.cooperation
        one.more = profile.more | one.more
        one.position = max(one.position, profile.position)
    return one


def contacts_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[ContactRow]:
    """The people at a customer, who decides first; who they are is sealed. Raises ViewBehind."""
    return READS.rows(
        connection, "contacts", scope, ContactRow, min_position=min_position, timeout_seconds=timeout_seconds,
        customer=customer,
    )  # fmt: skip


def knowledge_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[KnowledgeRow]:
    """Soft knowledge of a customer and its people, in order. Raises ViewBehind."""
    return READS.rows(
        connection, "knowledge", scope, KnowledgeRow, min_position=min_position, timeout_seconds=timeout_seconds,
        customer=customer,
    )  # fmt: skip


def region_knowledge_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    region: str | None = None,
    limit: int = 1_000,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[KnowledgeRow]:
    """The unwritten rules of the regions that one sells in. Raises ViewBehind."""
    return READS.rows(
        connection, "region_knowledge", scope, KnowledgeRow, min_position=min_position,
        timeout_seconds=timeout_seconds, region=region, limit=limit,
    )  # fmt: skip


def projects_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    customer: int | None = None,
    number: int | None = None,
    after: int = 0,
    limit: int = 100,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[ProjectRow]:
    """Projects of customers that one sees, of one customer or all. Raises ViewBehind."""
    return READS.rows(
        connection, "projects", scope, ProjectRow, min_position=min_position, timeout_seconds=timeout_seconds,
        customer=customer, number=number, after=after, limit=limit,
    )  # fmt: skip


def milestones_read(
    connection: Connection[Any],
    scope: Scope,
    project: int,
    *,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[MilestoneRow]:
    """The key nodes of a project, by the day they are due. Raises ViewBehind."""
    return READS.rows(
        connection, "milestones", scope, MilestoneRow, min_position=min_position, timeout_seconds=timeout_seconds,
        project=project,
    )  # fmt: skip


def mergings_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    min_position: int = 0,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> list[MergingRow]:
    """What was merged into a customer, or it into others, in order. Raises ViewBehind."""
    return READS.rows(
        connection, "mergings", scope, MergingRow, min_position=min_position, timeout_seconds=timeout_seconds,
        customer=customer,
    )  # fmt: skip

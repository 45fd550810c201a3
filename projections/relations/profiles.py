"""What is known of customers, read: each with what was said of those that were merged into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.rules.document import Ladder
from projections.balances import BalanceRow, BalancesView, balances_read
from projections.places import reads
from projections.relations.profile import ContactRow, KnowledgeRow, MergingRow, MilestoneRow, ProfileRow
from projections.relations.scopes import Reads, Scope
from projections.search import SearchView, search_terms
from projections.tiers import TierRow, TiersView, tier_read

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


@dataclass(frozen=True, slots=True)
class Worth:
    """Where a customer stands, and what it has. `together`: the balance with those that were found to be it, in 1/100
    point; None where it stands for nobody."""

    tier: TierRow
    balance: BalanceRow
    together: int | None


@reads(*READS.views)
def customers_seen(
    connection: Connection[Any],
    scope: Scope,
    *,
    numbers: Sequence[int] | None = None,
    region: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[SeenRow]:
    """Up to `limit` customers that one sees, of some numbers or with numbers above `after`."""
    return READS.rows(
        connection, "customers", scope, SeenRow, numbers=None if numbers is None else list(numbers), region=region,
        after=after, limit=limit,
    )  # fmt: skip


@reads(SearchView.name, *READS.views)
def customers_named(
    connection: Connection[Any],
    scope: Scope,
    text: str,
    *,
    region: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[SeenRow]:
    """Up to `limit` customers that one sees whose name, pinyin (three letters or more) or initials (two or more)
    contain a text, with numbers above `after`; none for a text without a letter."""
    terms = search_terms(text)
    if terms is None:
        return []
    return READS.rows(
        connection, "customers_named", scope, SeenRow, **terms, region=region, after=after, limit=limit
    )


@reads(*READS.views)
def profile_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
) -> Known | None:
    """What is known of a customer, or of the one that it was merged into; None where there is none that one sees. Who
    has a task of the customer sees this of it."""
    family = READS.rows(connection, "family", scope, SeenRow, customer=customer)
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


@reads(*READS.views, TiersView.name, BalancesView.name)
def worth_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    ladder: Ladder | None,
    day: int,
) -> Worth | None:
    """Where a customer stands on a day (since 1970-01-01), or the one that it was merged into, on the ladder in force
    then; None where one sees no such customer. Who only has a task of it sees none of this."""
    if not customers_seen(connection, scope, numbers=[customer], limit=1):
        return None
    family = READS.rows(connection, "family", scope, SeenRow, customer=customer)
    root = next(row.customer for row in family if not row.merged_into)
    balances = {b.customer: b for b in balances_read(connection, day, customers=[row.customer for row in family])}
    together = sum(b.balance for b in balances.values()) if len(family) > 1 else None
    return Worth(tier_read(connection, ladder, root, day), balances.get(root, BalanceRow(root)), together)


@reads(*READS.views)
def contacts_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
) -> list[ContactRow]:
    """The people at a customer, who decides first; who they are is sealed."""
    return READS.rows(connection, "contacts", scope, ContactRow, customer=customer)


@reads(*READS.views)
def contact_read(connection: Connection[Any], scope: Scope, person: int) -> bool:
    """Whether a person is a contact of a customer that one sees."""
    return READS.has(connection, "contact", scope, person=person)


@reads(*READS.views)
def knowledge_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
) -> list[KnowledgeRow]:
    """Soft knowledge of a customer and its people, in order."""
    return READS.rows(connection, "knowledge", scope, KnowledgeRow, customer=customer)


@reads(*READS.views)
def region_knowledge_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    region: str | None = None,
    after: tuple[str, int] = ("", 0),
    limit: int = 1_000,
) -> list[KnowledgeRow]:
    """The unwritten rules of the regions that one sells in, after a region and a position."""
    return READS.rows(
        connection, "region_knowledge", scope, KnowledgeRow, region=region, after_region=after[0],
        after_position=after[1], limit=limit,
    )  # fmt: skip


@reads(*READS.views)
def projects_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    customer: int | None = None,
    number: int | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[ProjectRow]:
    """Projects of customers that one sees, of one customer or all."""
    return READS.rows(
        connection, "projects", scope, ProjectRow, customer=customer, number=number, after=after, limit=limit
    )


@reads(*READS.views)
def milestones_read(
    connection: Connection[Any],
    scope: Scope,
    project: int,
) -> list[MilestoneRow]:
    """The key nodes of a project, by the day they are due."""
    return READS.rows(connection, "milestones", scope, MilestoneRow, project=project)


@reads(*READS.views)
def mergings_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
) -> list[MergingRow]:
    """What was merged into a customer, or it into others, in order."""
    return READS.rows(connection, "mergings", scope, MergingRow, customer=customer)

"""Who sees what: every read of relations, asked by everybody in the firm."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files as files_of
from typing import Any

import psycopg
import pytest

from ledger.domain.commands import (
    AddCollaborator,
    Answer,
    ChangeProfile,
    CloseDays,
    Command,
    DeclareTeam,
    EnrolStaff,
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
    RegisterCustomer,
    ReleaseCustomer,
    ReportLead,
    SetMilestone,
)
from ledger.domain.values import day_parse
from projections.balances import BalancesView
from projections.follower import Follower
from projections.history import HistoryView
from projections.places import Reader
from projections.relations import arrivals, dealings, figures, portfolios, profiles, reminders, staff, timeline
from projections.relations.scopes import EVERYTHING, Reads, Scope, scope_of
from projections.search import SearchView
from projections.tiers import TiersView
from tests.integration.test_relations_views import relations_views
from tests.ledgers import Books, books_open, fact
from tests.relations_firm import accepted, firm_found

TODAY = day_parse("2026-11-02")
SPAN = figures.Span(TODAY - 30, TODAY + 30)

EAST, WEST, HELPER, LEFT, EAST_MANAGER, WEST_MANAGER, CHIEF, TECH, ESTIMATOR, LAWYER, SITE, TECH_CHIEF, BELOW = range(1, 14)
A, B, C, D, N, M, F = range(1, 8)
"""Of the east and owned there, of the west and owned there, in the pool of the east, of the west, of no region; merged
into A; of no region and owned by who sells in the south, in a team below one of the east."""

WHOLE: dict[int, set[int]] = {
    EAST: {A, M}, HELPER: {A, M}, WEST: {B}, EAST_MANAGER: {A, C, M, F}, WEST_MANAGER: {B, D}, CHIEF: {A, B, C, D, N, M, F},
    TECH: set(), ESTIMATOR: set(), LAWYER: set(), SITE: {B}, TECH_CHIEF: set(),
    BELOW: {F},
}  # fmt: skip
"""Whom each sees: one's own, of one's region and of the people one leads, all; on site, the customer whose project one works on."""
POOL: dict[int, set[int]] = {
    EAST: {C, N}, HELPER: {C, N}, WEST: {D, N}, EAST_MANAGER: {C, N}, WEST_MANAGER: {D, N}, CHIEF: {C, D, N},
    TECH: set(), ESTIMATOR: set(), LAWYER: set(), SITE: set(), TECH_CHIEF: {C, D, N}, BELOW: {N},
}  # fmt: skip
LED: dict[int, set[int]] = {
    **{n: {n} for n in (EAST, HELPER, WEST, TECH, ESTIMATOR, LAWYER, SITE, BELOW)},
    EAST_MANAGER: {EAST, HELPER, EAST_MANAGER, BELOW}, WEST_MANAGER: {WEST, WEST_MANAGER},
    TECH_CHIEF: {TECH, ESTIMATOR, TECH_CHIEF},
    CHIEF: set(range(1, 14)) - {LEFT},
}  # fmt: skip
"""Of whom each sees how much they have to do: oneself, and whom one leads."""
TASK_A, TASK_B, TASK_C = 1, 2, 3
NOBODY: dict[int, set[int]] = {n: set() for n in WHOLE}


def cid(number: int) -> str:
    return f"C-{number:06d}"


def who(number: int) -> str:
    return f"S-{number:06d}"


@dataclass
class Firm:
    """A firm with something recorded of every customer, followed by its views."""

    books: Books
    connection: psycopg.Connection[Any]

    def scope(self, number: int) -> Scope:
        scope = scope_of(self.connection, number, TODAY)
        assert scope is not None
        return scope


def do(books: Books, command: Command) -> Answer:
    return accepted(books.do(command))


def found(books: Books) -> None:
    firm_found(books, sellers=0, assignment={"rules": [], "terms": {"follow_up_days": 10, "notice_days": 5}})
    books.send(
        DeclareTeam("technical", "技术", "firm"), DeclareTeam("estimating", "预算", "technical"),
        DeclareTeam("legal", "法务", "firm"), DeclareTeam("site", "项目部", "firm"),
        DeclareTeam("below", "一部南站", "one", "south"),
    )  # fmt: skip
    for number, team, role in (
        (EAST, "one", "seller"), (WEST, "two", "seller"), (HELPER, "one", "seller"), (LEFT, "one", "seller"),
        (EAST_MANAGER, "one", "manager"), (WEST_MANAGER, "two", "manager"), (CHIEF, "firm", "executive"),
        (TECH, "technical", "support"), (ESTIMATOR, "estimating", "support"), (LAWYER, "legal", "support"),
        (SITE, "site", "site"),
        (TECH_CHIEF, "technical", "manager"), (BELOW, "below", "seller"),
    ):  # fmt: skip
        assert do(books, EnrolStaff("hr", f"{number}", f"员工{number}", team, role, joined_on="2020-01-01")).id == who(
            number
        )
    do(books, RecordLeaving(who(LEFT), "2026-10-31"))
    for number, region in ((A, "east"), (B, "west"), (C, "east"), (D, "west"), (N, ""), (M, "west"), (F, "")):
        traits = {"region": region} if region else {}
        assert do(books, RegisterCustomer("crm", f"{number}", f"客户{number}", traits)).id == cid(number)
    do(books, ReassignCustomer(cid(A), who(EAST), "分配"))
    do(books, AddCollaborator(cid(A), who(HELPER)))
    do(books, ReassignCustomer(cid(B), who(WEST), "分配"))
    do(books, ReassignCustomer(cid(F), who(BELOW), "分配"))
    for number in (A, B, C, D, N, M, F):
        customer = cid(number)
        do(books, ChangeProfile(customer, {"needs": "急"}))
        do(books, RecordContact(customer, "王经理"))
        do(books, RecordKnowledge("call", "morning", "早上打", customer=customer))
        project = do(books, RecordProject(customer, "桥", site_team=(who(SITE),) if number == B else ())).id
        do(books, SetMilestone(project, "roof", "封顶", "2026-11-05"))
        do(books, OpenOpportunity(customer, who(CHIEF), "标段", "lead", "100"))
        do(books, RecordFollowUp(customer, who(CHIEF), "谈了", next_step="再谈", next_due_on="2026-11-02"))
        do(books, ReportLead("web", f"lead {number}", f"客户{number}", "fair", "", customer))
    do(books, ReassignCustomer(cid(C), who(EAST), "试试"))
    do(books, ReleaseCustomer(cid(C), "不要了"))
    do(books, RecordKnowledge("gift", "never", "不收礼", region="east"))
    do(books, RecordKnowledge("gift", "tea", "喝茶", region="west"))
    do(books, HandTask(cid(A), who(EAST), "估算", "2026-11-01", "technical"))
    do(books, HandTask(cid(B), who(WEST), "合同", "2026-11-01", to=who(LAWYER)))
    do(books, MoveTask("T-000002", "accepted", who(LAWYER), 10))
    do(books, HandTask(cid(C), who(CHIEF), "现场勘察", "2026-12-01", "estimating"))
    do(books, MoveTask("T-000003", "accepted", who(ESTIMATOR), 10))
    do(books, RecordAbsence(who(EAST), "2026-11-10", "2026-11-12"))
    do(books, RecordAbsence(who(WEST), "2026-11-10", "2026-11-12"))
    do(books, ReportLead("web", "again", "客户1", "fair", who(WEST), cid(A)))
    do(books, ReportLead("web", "back", "客户2", "fair", who(EAST), cid(B)))
    do(books, fact("before", "manual_adjustment", "2026-11-01", cid(M), points="20", reason="签约"))
    do(books, MergeCustomers(cid(A), cid(M), "同一家"))
    books.now += timedelta(days=1)
    do(books, CloseDays("2026-11-01"))


@pytest.fixture(scope="module")
def firm(database_url: str) -> Iterator[Firm]:
    schema = f"t_{secrets.token_hex(4)}"
    with books_open(database_url, schema) as books:
        found(books)
        follower = Follower(books.recorder, [*relations_views(), HistoryView(), SearchView(), TiersView(), BalancesView()])
        assert follower.follow_once() == {}
        follower.close()
        with psycopg.connect(database_url, options=f"-c search_path={schema}", autocommit=True) as connection:
            yield Firm(books, connection)


Look = Callable[[psycopg.Connection[Any], Scope], set[int]]


def each(read: Callable[[psycopg.Connection[Any], Scope, int], Any]) -> Look:
    """The customers of whom a read of one customer gives something. 99 is nobody."""
    return lambda connection, scope: {n for n in (A, B, C, D, N, M, F, 99) if read(connection, scope, n)}


def customers(read: Callable[[psycopg.Connection[Any], Scope], list[Any]]) -> Look:
    """The customers that a list is about."""
    return lambda connection, scope: {row.customer for row in read(connection, scope)}


def people(read: Callable[[psycopg.Connection[Any], Scope], list[Any]]) -> Look:
    """The people that a list is about."""
    return lambda connection, scope: {row.staff for row in read(connection, scope)}


def total(read: Callable[[psycopg.Connection[Any], Scope], int]) -> Look:
    """A figure, as if it were one number."""
    return lambda connection, scope: {read(connection, scope)}


LOOKS: dict[str, tuple[Look, dict[int, set[int]]]] = {
    # Of each customer something is known; projects, opportunities and their stages are numbered as their customers.
    "customers_seen": (customers(profiles.customers_seen), WHOLE),
    "customers_seen of some": (customers(lambda c, s: profiles.customers_seen(c, s, numbers=range(1, 100))), WHOLE),
    "worth_read": (each(lambda c, s, n: profiles.worth_read(c, s, n, None, TODAY)), WHOLE),
    "contacts_read": (each(profiles.contacts_read), WHOLE),
    "knowledge_read": (each(profiles.knowledge_read), WHOLE),
    "projects_read": (customers(profiles.projects_read), WHOLE),
    "projects_read of one": (each(lambda c, s, n: profiles.projects_read(c, s, customer=n)), WHOLE),
    "milestones_read": (each(profiles.milestones_read), WHOLE),
    "mergings_read": (each(profiles.mergings_read), {n: seen & {A, M} for n, seen in WHOLE.items()}),
    "holding_read": (each(portfolios.holding_read), WHOLE),
    "owners_read": (customers(portfolios.owners_read), WHOLE),
    "owners_read of a day": (customers(lambda c, s: portfolios.owners_read(c, s, day=TODAY - 1)), WHOLE),
    "owner_history_read": (each(portfolios.owner_history_read), WHOLE),
    "opportunities_read": (customers(dealings.opportunities_read), WHOLE),
    "opportunities_read of one": (each(lambda c, s, n: dealings.opportunities_read(c, s, customer=n)), WHOLE),
    "opportunities_read by number": (each(lambda c, s, n: dealings.opportunities_read(c, s, number=n)), WHOLE),
    "stages_read": (each(dealings.stages_read), WHOLE),
    "follow_ups_read": (customers(dealings.follow_ups_read), WHOLE),
    "follow_ups_read of one": (each(lambda c, s, n: dealings.follow_ups_read(c, s, customer=n)), WHOLE),
    "timeline_read": (each(timeline.timeline_read), WHOLE),
    "timeline_read of books": (
        each(lambda c, s, n: timeline.timeline_read(c, s, n, topics=["CustomerRegistered"])), WHOLE
    ),
    "leads_read": (each(arrivals.leads_read), WHOLE),
    # Who has a task of a customer knows who the customer is.
    "profile_read": (
        each(profiles.profile_read),
        WHOLE | {TECH: {A, M}, ESTIMATOR: {A, C, M}, LAWYER: {B}, TECH_CHIEF: {A, C, M}},
    ),
    "tasks_read": (
        customers(dealings.tasks_read),
        {n: seen & {A, B, C} for n, seen in WHOLE.items()}
        | {TECH: {A}, ESTIMATOR: {A, C}, LAWYER: {B}, TECH_CHIEF: {A, C}},
    ),
    "tasks_read by number": (
        each(lambda c, s, n: dealings.tasks_read(c, s, number=n)),
        {n: seen & {TASK_A, TASK_B, TASK_C} for n, seen in WHOLE.items()}
        | {TECH: {TASK_A}, ESTIMATOR: {TASK_A, TASK_C}, LAWYER: {TASK_B}, TECH_CHIEF: {TASK_A, TASK_C}},
    ),
    # Reminders of the next step and of the milestone, and of the tasks to whom they are.
    "reminders_read": (
        customers(lambda c, s: reminders.reminders_read(c, s, TODAY, only_open=False)),
        {n: seen - {M} for n, seen in WHOLE.items()} | {LAWYER: {B}},
    ),
    # What somebody owns.
    "portfolio_read": (
        customers(lambda c, s: portfolios.portfolio_read(c, s, EAST)), {n: seen & {A} for n, seen in WHOLE.items()}
    ),
    "portfolio_read of nobody": (customers(lambda c, s: portfolios.portfolio_read(c, s, 0)), NOBODY),
    "portfolio_read beside": (
        customers(lambda c, s: portfolios.portfolio_read(c, s, HELPER, collaborating=True)),
        {n: seen & {A} for n, seen in WHOLE.items()},
    ),
    "owners_read of somebody": (
        customers(lambda c, s: portfolios.owners_read(c, s, staff=WEST)), {n: seen & {B} for n, seen in WHOLE.items()}
    ),
    "next_steps_read": (
        customers(lambda c, s: dealings.next_steps_read(c, s, WEST)), {n: seen & {B} for n, seen in WHOLE.items()}
    ),
    "returning_read": (
        customers(lambda c, s: portfolios.returning_read(c, s, TODAY + 30)),
        {n: seen & {A, B, F} for n, seen in WHOLE.items()},
    ),
    "portfolio_read of somebody below": (
        customers(lambda c, s: portfolios.portfolio_read(c, s, BELOW)), {n: seen & {F} for n, seen in WHOLE.items()}
    ),
    "pool_read": (customers(portfolios.pool_read), POOL),
    "pool_read of a region": (
        customers(lambda c, s: portfolios.pool_read(c, s, region="west")), {n: seen & {D} for n, seen in POOL.items()}
    ),
    "pooled_read": (each(portfolios.pooled_read), POOL),
    "contact_read": (
        lambda c, s: {n for n in range(1, 8) if profiles.contact_read(c, s, 13 + n)}, WHOLE,
    ),
    "led_read": (
        lambda c, s: {n for n in range(1, 100) if staff.led_read(c, s, n)},
        LED | {EAST_MANAGER: LED[EAST_MANAGER] | {LEFT}, CHIEF: LED[CHIEF] | {LEFT}},
    ),
    "customers_named": (customers(lambda c, s: profiles.customers_named(c, s, "客户")), WHOLE),
    "customers_named by initials": (
        customers(lambda c, s: profiles.customers_named(c, s, "kh", region="west")),
        {n: seen & {B, D, M} for n, seen in WHOLE.items()},
    ),
    # People.
    "workload_read": (people(lambda c, s: portfolios.workload_read(c, s, TODAY)), LED),
    "workload_teams_read": (
        total(lambda c, s: max((r.owned for r in portfolios.workload_teams_read(c, s, TODAY)), default=0)),
        {n: {len(people & {EAST, WEST, BELOW})} for n, people in LED.items()},
    ),
    "performance_read": (
        people(lambda c, s: figures.performance_read(c, s, SPAN)),
        LED | {EAST_MANAGER: LED[EAST_MANAGER] | {LEFT}, CHIEF: LED[CHIEF] | {LEFT}},
    ),
    "performance_teams_read": (
        total(lambda c, s: max(r.assigned for r in figures.performance_teams_read(c, s, SPAN))),
        {n: {(EAST in p) * 2 + (WEST in p) + (BELOW in p)} for n, p in LED.items()},
    ),
    "absences_read": (people(lambda c, s: staff.absences_read(c, s, TODAY)), {n: p & {EAST, WEST} for n, p in LED.items()}),
    "staff_read": (lambda c, s: {r.number for r in staff.staff_read(c)}, {n: set(range(1, 14)) for n in WHOLE}),
    "teams_read": (total(lambda c, s: len(staff.teams_read(c))), {n: {8} for n in WHOLE}),
    "region_knowledge_read": (
        lambda c, s: {{"east": A, "west": B}[r.region] for r in profiles.region_knowledge_read(c, s)},
        NOBODY | {EAST: {A}, HELPER: {A}, EAST_MANAGER: {A}, WEST: {B}, WEST_MANAGER: {B}, CHIEF: {A, B}, TECH_CHIEF: {A, B}},
    ),
    # Figures count what one sees.
    "funnel_read": (
        total(lambda c, s: figures.funnel_read(c, s, SPAN, TODAY)[0].reached), {n: {len(x)} for n, x in WHOLE.items()}
    ),
    "sources_read": (
        total(lambda c, s: sum(r.opportunities for r in figures.sources_read(c, s, SPAN))),
        {n: {len(x)} for n, x in WHOLE.items()},
    ),
    "sources_read of leads": (
        total(lambda c, s: sum(r.leads for r in figures.sources_read(c, s, SPAN))),
        {n: {len(x) + len(x & {A, B})} for n, x in WHOLE.items()},
    ),
    # A collision is shown to both sides and to who sees the customer.
    "collisions_read": (
        lambda c, s: {r.matched for r in arrivals.collisions_read(c, s) if not r.is_masked},
        {n: seen & {A, B} for n, seen in WHOLE.items()},
    ),
    "evidence_read": (
        lambda c, s: {
            row.customer
            for r in arrivals.collisions_read(c, EVERYTHING) for row in arrivals.evidence_read(c, s, r.number)
        },
        {n: seen & {A, B} for n, seen in WHOLE.items()},
    ),
}  # fmt: skip
"""Every read, what of it is looked at, and what each is to see of that."""


@pytest.mark.parametrize("name", LOOKS)
def test_everybody_sees_of_each_read_what_is_theirs_and_nothing_else(firm: Firm, name: str) -> None:
    look, expected = LOOKS[name]
    assert expected.keys() == WHOLE.keys()
    found = {number: look(firm.connection, firm.scope(number)) for number in expected}
    assert found == expected
    # Who administers the books sees what the executives see.
    assert look(firm.connection, EVERYTHING) == expected[CHIEF]


MODULES = (arrivals, dealings, figures, portfolios, profiles, reminders, staff, timeline)


def test_no_query_is_left_out_of_the_walk(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[tuple[int, str]] = set()
    query = Reads.query

    def spy(self: Reads, name: str, scope: Scope) -> bytes:
        asked.add((id(self), name))
        return query(self, name, scope)

    monkeypatch.setattr(Reads, "query", spy)
    for look, _ in LOOKS.values():
        look(firm.connection, firm.scope(EAST))
        look(firm.connection, EVERYTHING)
    files = [module.READS for module in MODULES]
    assert asked == {(id(reads), name) for reads in files for name in reads.names}
    # Whoever adds a file of reads adds it here.
    assert {p.name for p in files_of("projections.sql").iterdir() if p.name.startswith("reads_")} == {
        r.filename for r in files
    }


def test_every_read_takes_a_scope_but_those_that_say_why_everybody_may_see_it(firm: Firm) -> None:
    readers = {
        name: function
        for module in MODULES
        for name, function in inspect.getmembers(module, lambda member: isinstance(member, Reader))
        if function.__module__ == module.__name__
    }
    assert len(readers) > 25
    without = {name for name, function in readers.items() if "scope" not in inspect.signature(function).parameters}
    assert without == {"staff_read", "teams_read"}
    assert {name for module in MODULES for name in module.READS.everybody} == {"staff_listed", "teams_listed"}
    assert {name.partition(" ")[0] for name in LOOKS} == readers.keys()


def test_a_query_under_no_scope_is_refused_when_its_file_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = {"mine": b"SELECT 1 FROM holding h WHERE visible(h.customer)", "all": b"SELECT 1 FROM holding h"}
    monkeypatch.setattr("projections.relations.scopes.queries_load", lambda *_: queries)
    with pytest.raises(ValueError, match=r"reads_x\.sql: the query all is under no scope"):
        Reads("reads_x.sql")
    queries["all"] = b"-- scope: everybody, it says nothing\nSELECT 1 FROM holding h"
    assert Reads("reads_x.sql").everybody == {"all"}


def test_anothers_customer_and_a_missing_one_look_the_same(firm: Firm) -> None:
    connection, scope = firm.connection, firm.scope(EAST)
    for number in (B, 99):
        assert profiles.profile_read(connection, scope, number) is None
        assert portfolios.holding_read(connection, scope, number) is None
        assert timeline.timeline_read(connection, scope, number) == []


def test_who_asked_for_a_taken_customer_sees_which_team_has_it_and_nothing_else(firm: Firm) -> None:
    [asked] = [r for r in arrivals.collisions_read(firm.connection, firm.scope(WEST)) if r.is_masked]
    assert (asked.customer, asked.customer_name, asked.matched, asked.matched_name) == (0, "", 0, "")
    assert (asked.holder, asked.holder_team, asked.matches, asked.reason) == (0, "one", [], "")
    assert (asked.asker, asked.owner) == (WEST, 0)
    [held] = [r for r in arrivals.collisions_read(firm.connection, firm.scope(EAST)) if not r.is_masked]
    assert (held.number, held.matched, held.holder, held.asker, held.owner) == (asked.number, A, EAST, WEST, EAST)


def test_the_pool_does_not_say_who_had_a_customer_except_to_them_and_to_managers(firm: Firm) -> None:
    def pooled(number: int) -> dict[int, int]:
        return {r.customer: r.former for r in portfolios.pool_read(firm.connection, firm.scope(number))}

    assert (pooled(EAST)[C], pooled(HELPER)[C], pooled(EAST_MANAGER)[C]) == (EAST, 0, EAST)
    rows = portfolios.pool_read(firm.connection, firm.scope(HELPER), cooldown_days=5)
    assert {r.customer: r.cooldown_day for r in rows} == {C: TODAY - 1 + 5, N: None}


def test_who_has_left_has_no_scope_and_nobodys_scope_is_no_scope(firm: Firm) -> None:
    assert scope_of(firm.connection, LEFT, TODAY) is None
    assert scope_of(firm.connection, LEFT, TODAY - 2) is not None
    assert scope_of(firm.connection, 99, TODAY) is None
    with pytest.raises(ValueError, match="whose scope"):
        Scope("own")


def test_scopes_follow_from_the_place_that_somebody_has(firm: Firm) -> None:
    assert firm.scope(EAST) == Scope("own", EAST, "east", ("firm", "one"))
    assert firm.scope(EAST_MANAGER) == Scope("region", EAST_MANAGER, "east", ("firm", "one"), ("below", "one"))
    assert firm.scope(CHIEF).kind == "all"
    assert firm.scope(ESTIMATOR) == Scope("support", ESTIMATOR, "", ("estimating", "firm", "technical"))
    assert firm.scope(SITE).kind == "site"

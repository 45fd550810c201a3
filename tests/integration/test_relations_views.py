"""The views of relations say what the fold of the log says, at every position; what is rebuilt equals what followed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    BeginNurture,
    CancelAbsence,
    CancelLeaving,
    ChangeCustomer,
    ChangeOpportunity,
    ChangeProfile,
    ChangeStaff,
    ClaimCustomer,
    CloseDays,
    Command,
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
    ReleaseCustomer,
    RemoveCollaborator,
    ReportLead,
    RuleCollision,
    SetMilestone,
    UndoHandover,
    UnmergeCustomers,
)
from ledger.domain.relations.customers import BookCustomers
from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.records import NONE
from ledger.domain.relations.stages import STAGE_IDS, TASK_STATES
from ledger.domain.relations.state import Happened, Relations
from ledger.domain.values import customer_number, day_text
from ledger.log.codec import state_of
from projections.customers import CustomersView
from projections.follower import Follower
from projections.relations.arrivals import ArrivalsView
from projections.relations.ownership import OwnershipView
from projections.relations.portfolios import owners_read
from projections.relations.profile import ProfileView
from projections.relations.reminders import RemindersView
from projections.relations.scopes import EVERYTHING
from projections.relations.staff import StaffView
from projections.relations.timeline import TimelineView
from projections.relations.work import WorkView
from projections.view import View, day_of_time
from tests.ledgers import Books
from tests.relations_firm import ASSIGNMENT, firm_found

TABLES = (
    "holding", "holding_history", "holding_kept", "collaboration", "team", "team_above", "staff", "staff_absence",
    "profile", "contact", "knowledge", "project", "project_party", "site_member", "milestone", "merging",
    "customer_merged", "opportunity", "opportunity_stage", "follow_up", "task", "lead", "collision", "reminder",
    "timeline",
)  # fmt: skip


def relations_views() -> list[View]:
    return [
        CustomersView(), StaffView(), OwnershipView(), ProfileView(), WorkView(), ArrivalsView(), RemindersView(),
        TimelineView(),
    ]  # fmt: skip


@contextmanager
def following(books: Books) -> Iterator[Follower]:
    follower = Follower(books.recorder, relations_views())
    try:
        yield follower
    finally:
        follower.close()


def rows_of(database_url: str, schema: str, *tables: str) -> dict[str, list[Any]]:
    """The rows of tables, as text."""
    found: dict[str, list[Any]] = {}
    with psycopg.connect(database_url) as connection:
        for table in tables or TABLES:
            query = SQL("SELECT t::text FROM {}.{} t ORDER BY 1").format(Identifier(schema), Identifier(table))
            found[table] = [text for (text,) in connection.execute(query)]
    return found


class Life:
    """A firm that is busy at random: whatever its people ask for, refused or not."""

    def __init__(self, books: Books, seed: int) -> None:
        self.books, self.rng = books, random.Random(seed)
        self.said: dict[str, int] = {}
        """How often each command was accepted."""
        terms = {**ASSIGNMENT["terms"], "collision_by_rules": False, "notice_days": 5}
        firm_found(books, sellers=6, assignment={**ASSIGNMENT, "terms": terms})
        for command in (
            DeclareTeam("technical", "技术", "firm"),
            EnrolStaff("hr", "chief", "总", "firm", "executive", joined_on="2020-01-01"),
            EnrolStaff("hr", "east", "东", "one", "manager", joined_on="2020-01-01"),
            EnrolStaff("hr", "tech", "技", "technical", "support", joined_on="2020-01-01"),
            EnrolStaff("hr", "site", "现", "technical", "site", joined_on="2020-01-01"),
        ):
            assert books.do(command).status == "accepted"
        self.leads = 0

    def live(self, steps: int) -> None:
        """Do so many things, days passing among them."""
        for _ in range(steps):
            if self.rng.random() < 0.08:
                self.books.now += timedelta(days=self.rng.choice([1, 1, 2, 5, 16]))
                self.do(CloseDays(str((self.books.now - timedelta(days=1)).date())))
            command = self.rng.choice(self.KINDS)(self)
            self.do(command)

    def do(self, command: Command) -> None:
        answer = self.books.do(command)
        if answer.status == "accepted":
            self.said[type(command).__name__] = self.said.get(type(command).__name__, 0) + 1

    def staff(self) -> str:
        return f"S-{self.rng.randint(1, len(self.books.state.relations.staff)):06d}"

    def customer(self) -> str:
        return f"C-{self.rng.randint(1, max(1, len(self.books.state.book.customers))):06d}"

    def owner_of(self, customer: str) -> str:
        state = self.books.state.relations
        owner = state.holding(state.standing_for(customer_number(customer))).owner
        return f"S-{owner:06d}" if owner and self.rng.random() < 0.9 else self.staff()

    def number(self, letter: str, count: int) -> str:
        return f"{letter}-{self.rng.randint(1, max(1, count)):06d}"

    def day(self, *between: int) -> str:
        return str((self.books.now + timedelta(days=self.rng.randint(*between))).date())

    def lead(self) -> Command:
        self.leads += 1
        known = self.customer() if self.leads > 5 and self.rng.random() < 0.3 else ""
        staff = self.staff() if self.rng.random() < 0.6 else ""
        return ReportLead(
            "web", f"l{self.leads}", f"第{self.leads}建设", self.rng.choice(["web", "fair", ""]), staff, known,
            traits={"region": self.rng.choice(["east", "west", "north"])}, amount=str(self.rng.randint(0, 900)),
        )  # fmt: skip

    def talk(self) -> Command:
        customer = self.customer()
        step = self.rng.random() < 0.5
        return RecordFollowUp(
            customer, self.owner_of(customer), "谈了", "phone", "再谈" if step else "", self.day(0, 20) if step else "",
            self.rng.choice(["progress", "waiting", "refused", "none"]), "", self.rng.randint(0, 5),
        )  # fmt: skip

    def absence_cancelled(self) -> Command:
        staff = self.rng.choice([s for s in self.books.state.relations.staff.values() if s.absences] or [None])
        if staff is None:
            return RecordAbsence(self.staff(), self.day(0, 1), self.day(1, 9))
        return CancelAbsence(staff_id(staff.number), day_text(self.rng.choice(staff.absences)[0]))

    def opportunity(self) -> Command:
        customer = self.customer()
        return OpenOpportunity(
            customer, self.owner_of(customer), "标段", self.rng.choice(STAGE_IDS[:5]), str(self.rng.randint(1, 10**6)),
            self.rng.randint(0, 100), self.day(1, 200),
        )  # fmt: skip

    def stage(self) -> Command:
        changes: dict[str, Any] = {"stage": self.rng.choice(STAGE_IDS), "amount": str(self.rng.randint(1, 10**6))}
        return ChangeOpportunity(self.number("O", len(self.books.state.relations.opportunities)), changes, "因为")

    def task(self) -> Command:
        customer = self.customer()
        to = self.rng.choice(["", "S-000009"])
        return HandTask(customer, self.owner_of(customer), "估算", self.day(0, 9), "technical", to)

    def task_move(self) -> Command:
        number = self.number("T", len(self.books.state.relations.tasks))
        state = self.rng.choice([s.id for s in TASK_STATES[1:]])
        return MoveTask(number, state, self.rng.choice(["S-000007", "S-000009", self.staff()]), 40, "好")

    def merge(self) -> Command:
        return MergeCustomers(self.customer(), self.customer(), "同一家")

    def unmerge(self) -> Command:
        merged = sorted(self.books.state.relations.merged)
        number = self.rng.choice(merged) if merged else 1
        return UnmergeCustomers(f"C-{number:06d}", "两家")

    def hand_over(self) -> Command:
        to = self.staff() if self.rng.random() < 0.5 else ""
        return HandOver(self.staff(), to, self.rng.choice(["leave", "leave", "leaving"]), "交接")

    def undo(self) -> Command:
        handovers = sorted(self.books.state.relations.handovers)
        return UndoHandover(self.rng.choice(handovers) if handovers else 1, "回来")

    def contact(self) -> Command:
        contacts = self.books.state.relations.contacts
        person = self.number("P", self.books.state.relations.people.get("count", 0)) if self.rng.random() < 0.3 else ""
        known = contacts.get(int(person[2:])) if person else None
        customer = f"C-{known.customer:06d}" if known else self.customer()
        return RecordContact(
            customer, "王经理", "13900001111", "经理", self.rng.random() < 0.5, "", person if known else ""
        )

    def knowledge(self) -> Command:
        value = self.rng.choice(["morning", "evening", ""])
        kind = self.rng.choice(["call", "gift"])
        if self.rng.random() < 0.3:
            return RecordKnowledge(kind, value, "如此", region=self.rng.choice(["east", "west"]))
        contacts = sorted(self.books.state.relations.contacts)
        if contacts and self.rng.random() < 0.5:
            return RecordKnowledge(kind, value, "他如此", person=f"P-{self.rng.choice(contacts):06d}")
        return RecordKnowledge(kind, value, "如此", customer=self.customer())

    def project(self) -> Command:
        projects = self.books.state.relations.projects
        known = projects.get(self.rng.randint(1, len(projects))) if projects and self.rng.random() < 0.4 else None
        return RecordProject(
            f"C-{known.customer:06d}" if known else self.customer(), "大桥", self.rng.choice(["tender", "build"]), "east", "5",
            (("监理", "某监理公司"), ("设计院", self.customer())), ("S-000010",) if self.rng.random() < 0.7 else (),
            f"J-{known.number:06d}" if known else "",
        )  # fmt: skip

    def milestone(self) -> Command:
        reached = self.day(-3, 0) if self.rng.random() < 0.3 else ""
        number = self.number("J", len(self.books.state.relations.projects))
        return SetMilestone(number, self.rng.choice(["roof", "start"]), "节点", self.day(0, 15), reached)

    def profile(self) -> Command:
        changes = {
            "needs": self.rng.choice(["急", ""]),
            "qualifications": ["一级"],
            "法人": self.rng.choice(["张", ""]),
        }
        return ChangeProfile(self.customer(), changes)

    def staff_change(self) -> Command:
        return ChangeStaff(self.staff(), {"capacity": self.rng.randint(5, 50), "region": self.rng.choice(["", "west"])})

    def collision(self) -> Command:
        waiting = [c for c in self.books.state.relations.collisions.values() if c.owner == NONE]
        if not waiting:
            return AssignCustomer(self.customer())
        chosen = self.rng.choice(waiting)
        owner = self.rng.choice([chosen.asker, chosen.holder])
        return RuleCollision(f"X-{chosen.number:06d}", f"S-{owner:06d}", "先到")

    KINDS = (
        lead, lead, lead, lead, talk, talk, talk, opportunity, opportunity, stage, stage, task, task_move, merge, unmerge,
        hand_over, undo, undo, contact, knowledge, knowledge, project, milestone, profile, staff_change, collision,
        lambda self: ClaimCustomer(self.customer(), self.staff()),
        lambda self: ClaimCustomer(self.customer(), self.staff()),
        lambda self: ReleaseCustomer(self.customer(), "不要了"),
        lambda self: ReassignCustomer(self.customer(), self.staff(), "改派"),
        lambda self: AddCollaborator(self.customer(), self.staff()),
        lambda self: AddCollaborator(self.customer(), self.staff()),
        lambda self: RemoveCollaborator(self.customer(), self.staff()),
        lambda self: BeginNurture(self.customer(), 30),
        lambda self: EndNurture(self.customer()),
        lambda self: AssignCustomer(self.customer()),
        lambda self: ChangeCustomer(self.customer(), None, {"region": self.rng.choice(["east", "west"])}),
        lambda self: RecordAbsence(self.staff(), self.day(0, 1), self.day(1, 9)),
        lambda self: RecordLeaving(self.staff(), self.day(200, 900)),
        lambda self: CancelLeaving(self.staff()),
        lambda self: self.absence_cancelled(),
        lambda self: ErasePerson(self.number("P", self.books.state.relations.people.get("count", 0)), "本人要求"),
    )  # fmt: skip


class Moves(Life):
    """The same of eight customers that are merged, handed over and given back all the time."""

    def few(self) -> Command:
        return self.lead() if self.leads < 8 else ReassignCustomer(self.customer(), self.staff(), "改派")

    def leave(self) -> Command:
        return RecordLeaving(self.staff(), self.day(0, 3)) if self.rng.random() < 0.05 else self.few()

    KINDS = (
        few, few, few, leave, Life.talk, Life.merge, Life.merge, Life.unmerge, Life.unmerge, Life.hand_over, Life.undo,
        Life.undo, lambda self: ClaimCustomer(self.customer(), self.staff()),
        lambda self: ReleaseCustomer(self.customer(), "不要了"), lambda self: AddCollaborator(self.customer(), self.staff()),
        lambda self: BeginNurture(self.customer(), 30),
    )  # fmt: skip


def followed_one_by_one(books: Books, database_url: str, schema_name: str, commands: Iterable[Command]) -> None:
    """After each command the view, which saw each event alone, holds what the ledger does."""
    follower = Follower(books.recorder, [OwnershipView()])
    assert follower.follow_once() == {}
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}", autocommit=True) as connection:
        for command in commands:
            before = books.position
            books.do(command)
            for position in range(before + 1, books.position + 1):
                assert follower.follow_once(position) == {}
            held = connection.execute("SELECT customer, owner, since, due_day FROM holding WHERE why <> 'registered'")
            assert {c: (owner, since, day(due)) for c, owner, since, due in held} == {
                c: (h.owner, h.since, h.due_day) for c, h in books.state.relations.holdings.items()
            }, command
    follower.close()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_merged_handed_over_and_given_back_is_followed_event_by_event(
    books: Books, database_url: str, schema_name: str, seed: int
) -> None:
    moves = Moves(books, seed)
    followed_one_by_one(books, database_url, schema_name, (moves.rng.choice(moves.KINDS)(moves) for _ in range(160)))


A, B, C, D = (f"C-{n:06d}" for n in range(1, 5))
ONE, TWO, THREE = (f"S-{n:06d}" for n in range(1, 4))


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param([MergeCustomers(A, B, "同"), UnmergeCustomers(B, "二")], id="both owned"),
        pytest.param([MergeCustomers(D, B, "同"), UnmergeCustomers(B, "二")], id="the survivor in the pool"),
        pytest.param(
            [
                MergeCustomers(D, A, "同"), MergeCustomers(D, B, "同"), UnmergeCustomers(A, "二"),
                ReassignCustomer(D, THREE, "改"), UnmergeCustomers(B, "二"),
            ],
            id="two merged, the first taken back first",
        ),
        pytest.param(
            [MergeCustomers(D, B, "同"), RecordFollowUp(D, TWO, "谈"), RecordLeaving(TWO, "2026-10-31"), UnmergeCustomers(B, "二")],
            id="who had it has left meanwhile",
        ),
        pytest.param(
            [HandOver(TWO, THREE, "leave", "休"), MergeCustomers(A, B, "同"), UnmergeCustomers(B, "二"), UndoHandover(0, "回")],
            id="handed over before it was merged",
        ),
        pytest.param(
            [
                HandOver(TWO, THREE, "leave", "休"), HandOver(THREE, ONE, "leave", "休"), RecordFollowUp(B, ONE, "谈"),
                UndoHandover(1, "回"), UndoHandover(0, "回"),
            ],
            id="handed over twice",
        ),
    ],
)  # fmt: skip
def test_a_merging_and_a_handover_are_taken_back_by_the_view_as_by_the_ledger(
    books: Books, database_url: str, schema_name: str, commands: list[Command]
) -> None:
    firm_found(books, sellers=4, assignment={"rules": []})
    for number, owner in ((1, ONE), (2, TWO), (3, THREE), (4, "")):
        books.register(f"{number}")
        if owner:
            assert books.do(ReassignCustomer(f"C-{number:06d}", owner, "分配")).status == "accepted"
    assert books.do(AddCollaborator(A, THREE)).status == "accepted"

    def said() -> Iterator[Command]:
        for command in commands:
            if isinstance(command, UndoHandover):  # which of them, counted from 0
                handovers = sorted(books.state.relations.handovers)
                yield UndoHandover(handovers[command.handover], command.reason)
            else:
                yield command

    before = books.position
    followed_one_by_one(books, database_url, schema_name, said())
    topics = [name for _, _, name, _ in books.log(before)]
    assert len([name for name in topics if name.startswith(("Customers", "Handover", "Portfolio"))]) == len(
        [c for c in commands if isinstance(c, (MergeCustomers, UnmergeCustomers, HandOver, UndoHandover))]
    ), topics


def folded(books: Books, position: int) -> Relations:
    """The fold of the log up to a position, anew."""
    state = Relations(BookCustomers(books.state.book))
    after = 0
    while events := books.recorder.select_range(after, 10_000, stop=position):
        for at, stream, _, topic, data in events:
            said = state_of(topic, data)
            day = day_of_time(said["recorded_at"])
            state.apply(Happened(at, customer_number(stream), topic, said, day))
        after = events[-1][0]
    return state


def day(number: int | None) -> int:
    return NONE if number is None else number


@pytest.mark.parametrize("seed", [2, 3])
def test_at_any_moment_the_views_say_what_the_ledger_decided_on(
    books: Books, database_url: str, schema_name: str, seed: int
) -> None:
    life = Life(books, seed)
    filled: set[str] = set()
    with following(books) as follower:
        for _ in range(6):
            life.live(150)
            while True:
                until = min(books.position, max(lag.position for lag in follower.lag()) + life.rng.randint(1, 150))
                assert follower.follow_once(until) == {}
                if until == books.position:
                    break
            same_as_the_ledger(books, database_url, schema_name)
            before = rows_of(database_url, schema_name)
            filled |= {table for table, rows in before.items() if rows}
        assert life.said.keys() >= {
            "HandOver", "UndoHandover", "MergeCustomers", "UnmergeCustomers", "RuleCollision", "MoveTask", "ErasePerson",
        }, life.said  # fmt: skip
        assert filled == set(TABLES)
        for name in follower.views:
            assert follower.rebuild(name) == books.position
        assert rows_of(database_url, schema_name) == before
    as_of_equals_the_fold(books, life.rng)


def same_as_the_ledger(books: Books, database_url: str, schema_name: str) -> None:
    state = books.state.relations
    with psycopg.connect(database_url, options=f"-c search_path={schema_name}") as connection:

        def table(query: LiteralString) -> list[Any]:
            return connection.execute(query).fetchall()

        found = {
            customer: (
                owner,
                team,
                why,
                since,
                day(since_day),
                *map(day, days),
                follow_up,
                rhythm,
                former,
                sorted(others),
            )
            for customer, owner, team, why, since, since_day, follow_up, rhythm, former, others, *days in table(
                "SELECT customer, owner, team, why, since, since_day, follow_up_days, rhythm_days, former, collaborators,"
                " protected_day, due_day, announced_day, next_due_day, followed_day, pooled_day, protection_said_day,"
                " quiet_said_day FROM holding"
                " WHERE why <> 'registered'"
            )
        }
        assert found == {
            customer: (
                h.owner, h.team, h.why, h.since, h.since_day, h.protected_day, h.due_day, h.announced_day, h.next_due_day,
                h.followed_day, h.pooled_day, h.protection_said_day, h.quiet_said_day, h.follow_up_days, h.rhythm_days, h.former, sorted(h.collaborators),
            )
            for customer, h in state.holdings.items()
        }  # fmt: skip
        owned = {s: n for s in state.staff if (n := state.load[s])}
        assert dict(table("SELECT owner, count(*) FROM holding WHERE owner > 0 GROUP BY owner")) == owned
        assert sum(owned.values()) == len([h for h in state.holdings.values() if h.owner])
        assert set(table("SELECT customer, staff FROM collaboration")) == {
            (c, s) for c, h in state.holdings.items() for s in h.collaborators
        }
        assert {
            row[0]: row[1:]
            for row in table("SELECT number, team, role, region, capacity, coalesce(last_day, -1) FROM staff")
        } == {n: (s.team, s.role, s.region, s.capacity, s.last_day) for n, s in state.staff.items()}
        assert set(table("SELECT staff, first_day, last_day FROM staff_absence")) == {
            (n, *absence) for n, s in state.staff.items() for absence in s.absences
        }
        assert (
            dict(table("SELECT person, (customer, sealed, place, decides)::text FROM contact")).keys()
            == state.contacts.keys()
        )
        assert set(table("SELECT person, customer, sealed FROM contact")) == {
            (c.person, c.customer, c.sealed) for c in state.contacts.values()
        }
        assert table(
            "SELECT customer, kind, value, text, person, sealed, position FROM knowledge WHERE customer > 0 ORDER BY 1, 7"
        ) == [
            (c, k.kind, k.value, k.text, k.person, k.sealed, k.position)
            for c in sorted(state.knowledge) for k in state.knowledge[c]
        ]  # fmt: skip
        assert table("SELECT region, kind, value, text, position FROM knowledge WHERE customer = 0 ORDER BY 1, 5") == [
            (r, k.kind, k.value, k.text, k.position)
            for r in sorted(state.region_knowledge) for k in state.region_knowledge[r]
        ]  # fmt: skip
        assert {r[0]: r[1:] for r in table("SELECT customer, qualifications, needs, more FROM profile")} == {
            c: (list(p.qualifications), p.needs, dict(p.more)) for c, p in state.profiles.items()
        }
        assert {r[0]: r[1:] for r in table("SELECT number, customer, name, stage, amount FROM project")} == {
            n: (p.customer, p.name, p.stage, p.amount) for n, p in state.projects.items()
        }
        assert set(table("SELECT project, staff, customer FROM site_member")) == {
            (n, s, p.customer) for n, p in state.projects.items() for s in p.site_team
        }
        assert set(table("SELECT project, milestone, due_day, coalesce(reached_day, -1) FROM milestone")) == {
            (n, m, due, reached) for n, p in state.projects.items() for m, (_, due, reached) in p.milestones.items()
        }
        assert set(table("SELECT customer, merged_into, survivor FROM customer_merged")) == {
            (c, into, state.standing_for(c)) for c, into in state.merged.items()
        }
        assert {
            r[0]: r[1:]
            for r in table(
                "SELECT number, customer, staff, stage, stage_day, amount, probability_percent, coalesce(expected_day, -1),"
                " opened_day, ended_day IS NULL FROM opportunity"
            )
        } == {
            n: (
                o.customer, o.staff, o.stage, o.stage_day, o.amount, o.probability_percent, o.expected_day, o.opened_day,
                o.is_open,
            )
            for n, o in state.opportunities.items()
        }  # fmt: skip
        assert dict(table("SELECT opportunity, stage FROM opportunity_stage WHERE day_to IS NULL")) == {
            n: o.stage for n, o in state.opportunities.items()
        }
        assert {
            r[0]: r[1:]
            for r in table(
                "SELECT number, customer, staff, doer, due_day, state, progress_percent, ended_day IS NULL FROM task"
            )
        } == {
            n: (t.customer, t.staff, t.to, t.due_day, t.state, t.progress_percent, t.is_open)
            for n, t in state.tasks.items()
        }
        assert {
            r[0]: r[1:]
            for r in table(
                "SELECT number, customer, matched, holder, asker, coalesce(owner, -1), position > 0 FROM collision"
            )
        } == {n: (c.customer, c.matched, c.holder, c.asker, c.owner, True) for n, c in state.collisions.items()}


def as_of_equals_the_fold(books: Books, rng: random.Random) -> None:
    log = books.log()
    days = sorted({day_of_time(said["recorded_at"]): at for at, _, _, said in log}.items())
    positions = rng.sample(range(20, books.position + 1), 12)
    moments: list[tuple[int | None, int | None, int]] = [
        *((position, None, position) for position in positions),
        *((None, number, last) for number, last in rng.sample(days, min(6, len(days)))),
    ]
    with books.recorder.datastore.get_connection() as connection:
        for position, number, last in moments:
            state = folded(books, last)
            rows = owners_read(connection, EVERYTHING, position=position, day=number, limit=10_000)
            assert len(rows) == sum(1 for _, _, topic, _ in log[:last] if topic == "CustomerRegistered")
            assert {r.customer: (r.staff, r.team) for r in rows} == {
                r.customer: (state.holding(r.customer).owner, state.holding(r.customer).team) for r in rows
            }
            for staff in sorted(state.staff):
                held = owners_read(connection, EVERYTHING, position=position, day=number, staff=staff, limit=10_000)
                assert [r.customer for r in held] == sorted(state.owned.of(staff))

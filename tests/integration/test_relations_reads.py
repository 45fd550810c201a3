"""What is read of relations: figures with their arithmetic, pages, deadlines, and what was merged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.domain.commands import (
    AddCollaborator,
    Answer,
    BeginNurture,
    ChangeOpportunity,
    ChangeProfile,
    ClaimCustomer,
    CloseDays,
    Command,
    EnrolStaff,
    ErasePerson,
    HandOver,
    HandTask,
    MergeCustomers,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordContact,
    RecordFollowUp,
    RecordKnowledge,
    RecordProject,
    RegisterCustomer,
    ReleaseCustomer,
    ReportLead,
    SetMilestone,
    UndoHandover,
    UnmergeCustomers,
)
from ledger.domain.relations.ids import staff_number
from ledger.domain.values import day_parse
from projections.follower import Follower
from projections.history import HistoryView
from projections.places import ViewBehind, views_wait
from projections.relations import arrivals, dealings, figures, portfolios, profiles, reminders, timeline
from projections.relations.arrivals import ruling_refusal
from projections.relations.scopes import EVERYTHING, Scope, scope_of
from tests.integration.test_relations_views import relations_views
from tests.ledgers import Books
from tests.relations_firm import accepted, firm_found

TODAY = day_parse("2026-11-01")
MONTH = figures.Span(TODAY, TODAY + 29)


class Desk:
    """A ledger with two sellers in team one and two in team two, and what the views say of it."""

    def __init__(self, books: Books, database_url: str, schema: str) -> None:
        self.books = books
        firm_found(books, 4, {"rules": [], "terms": {"protection_days": 20, "follow_up_days": 10, "notice_days": 5}})
        self.connection = psycopg.connect(database_url, options=f"-c search_path={schema}", autocommit=True)

    def do(self, *commands: Command) -> list[Answer]:
        return [accepted(self.books.do(command)) for command in commands]

    def days(self, count: int) -> None:
        """So many days pass, and are closed."""
        self.books.now += timedelta(days=count)
        self.do(CloseDays(str((self.books.now - timedelta(days=1)).date())))

    def hours(self, count: int) -> None:
        self.books.now += timedelta(hours=count)

    def customers(self, *owners: int, region: str = "east") -> list[str]:
        """A customer for each, owned by them; by nobody for 0."""
        ids: list[str] = []
        for owner in owners:
            name = f"客户{len(self.books.state.book.customers) + 1}"
            [answer] = self.do(RegisterCustomer("crm", name, name, {"region": region}))
            ids.append(answer.id)
            if owner:
                self.do(ReassignCustomer(answer.id, who(owner), "分配"))
        return ids

    def follow(self) -> psycopg.Connection[Any]:
        follower = Follower(self.books.recorder, [*relations_views(), HistoryView()])
        assert follower.follow_once() == {}
        follower.close()
        return self.connection


def who(number: int) -> str:
    return f"S-{number:06d}"


def talk(customer: str, staff: int, **more: Any) -> RecordFollowUp:
    return RecordFollowUp(customer, who(staff), "谈了", **more)


def chance(customer: str, staff: int, amount: str, stage: str = "lead", **more: Any) -> OpenOpportunity:
    return OpenOpportunity(customer, who(staff), "标段", stage, amount, **more)


def to(number: int, stage: str) -> ChangeOpportunity:
    return ChangeOpportunity(f"O-{number:06d}", {"stage": stage}, "因为")


@pytest.fixture
def desk(books: Books, database_url: str, schema_name: str) -> Any:
    found = Desk(books, database_url, schema_name)
    yield found
    found.connection.close()


# Figures.


def test_the_funnel_counts_who_stands_where_who_came_so_far_and_for_how_long(desk: Desk) -> None:
    a, b = desk.customers(1, 2)
    desk.do(
        chance(a, 1, "100", channel="fair"), chance(a, 1, "200", "qualified"), chance(b, 2, "400"), chance(b, 2, "800")
    )  # fmt: skip
    desk.days(3)
    desk.do(to(1, "proposal"), to(2, "bidding"), to(3, "lost"))
    desk.days(2)
    desk.do(to(1, "won"), to(2, "qualified"))
    desk.days(5)
    rows = figures.funnel_read(desk.follow(), EVERYTHING, MONTH, TODAY + 10)
    found = {r.stage: (r.count, r.amount, r.reached, r.amount_reached, r.conversion_bp, r.overall_bp) for r in rows}
    assert found == {
        # All four were leads or further; one stands there still.
        "lead": (1, 800_00, 4, 1500_00, 10_000, 10_000),
        # The first passed over it, the second was there; half of the leads.
        "qualified": (1, 200_00, 2, 300_00, 5_000, 5_000),
        "proposal": (0, 0, 2, 300_00, 10_000, 5_000),
        # The second went back, but was there; the first won.
        "bidding": (0, 0, 2, 300_00, 10_000, 5_000),
        "negotiation": (0, 0, 1, 100_00, 5_000, 2_500),
        "won": (1, 100_00, 1, 100_00, 10_000, 2_500),
        "lost": (1, 400_00, 1, 400_00, 2_500, 2_500),
    }
    stays = {r.stage: (r.stays, r.stay_days, r.stay_days_mean) for r in rows}
    # Leads: 3 + 3 + 10 days; qualified: 3, and 5 again since the second came back; proposal and bidding: 2 each.
    assert stays == {
        "lead": (3, 16, 5), "qualified": (2, 8, 4), "proposal": (1, 2, 2), "bidding": (1, 2, 2),
        "negotiation": (0, 0, None), "won": (1, 5, 5), "lost": (1, 7, 7),
    }  # fmt: skip
    assert figures.funnel_read(desk.connection, EVERYTHING, MONTH, TODAY + 10, team="two")[0].reached == 2
    assert figures.funnel_read(desk.connection, EVERYTHING, MONTH, TODAY + 10, team="firm")[0].reached == 4
    assert figures.funnel_read(desk.connection, EVERYTHING, MONTH, TODAY + 10, staff=1)[0].reached == 2
    assert figures.funnel_read(desk.connection, EVERYTHING, MONTH, TODAY + 10, region="west")[0].reached == 0
    assert (
        figures.funnel_read(desk.connection, EVERYTHING, MONTH, TODAY + 10, channel="fair")[0].amount_reached == 100_00
    )
    nothing = figures.funnel_read(desk.connection, EVERYTHING, figures.Span(0, 1), TODAY)
    assert [(r.stage, r.count, r.conversion_bp) for r in nothing][:2] == [("lead", 0, None), ("qualified", 0, None)]


def test_sources_say_what_came_through_each_channel_and_what_became_of_it(desk: Desk) -> None:
    for reference, channel in (("1", "web"), ("2", "web"), ("3", "fair")):
        desk.do(ReportLead("crm", reference, f"{reference} 建设", channel, who(1), traits={"region": "east"}))
    desk.do(ReportLead("crm", "4", "1 建设", "web", "", "C-000001"))  # a lead, but no new customer
    desk.do(chance("C-000001", 1, "100"), chance("C-000002", 1, "300"), chance("C-000003", 1, "50", channel="phone"))
    desk.do(to(1, "won"), to(2, "lost"))
    rows = figures.sources_read(desk.follow(), EVERYTHING, MONTH)
    assert [
        (r.channel, r.leads, r.customers, r.opportunities, r.amount, r.won, r.amount_won, r.lost) for r in rows
    ] == [("web", 3, 2, 2, 400_00, 1, 100_00, 1), ("fair", 1, 1, 0, 0, 0, 0, 0), ("phone", 0, 0, 1, 50_00, 0, 0, 0)]
    assert figures.sources_read(desk.connection, EVERYTHING, MONTH, region="west") == []


def test_performance_is_success_satisfaction_what_was_won_and_how_soon_somebody_was_talked_with(desk: Desk) -> None:
    a, b, c = desk.customers(1, 1, 1)
    desk.hours(2)
    desk.do(talk(a, 1, outcome="progress", satisfaction=5), talk(a, 1, outcome="none"))
    desk.hours(4)
    desk.do(talk(b, 1, outcome="refused", satisfaction=4), talk(b, 1, outcome="progress"))
    desk.do(chance(a, 1, "10"), chance(a, 1, "20"), chance(b, 1, "40"), to(1, "won"), to(2, "lost"), to(3, "won"))
    [d] = desk.customers(3)
    desk.hours(1)
    desk.do(talk(d, 3, outcome="progress", satisfaction=2))
    [one, two, three, _] = figures.performance_read(desk.follow(), EVERYTHING, MONTH)
    assert (one.talks, one.talks_decided, one.talks_progress, one.success_bp) == (4, 3, 2, 6_666)
    assert (one.answers, one.satisfaction, one.satisfaction_percent) == (2, 9, 450)
    assert (one.won, one.lost, one.amount_won, one.won_bp) == (2, 1, 50_00, 6_666)
    # Two of three were talked with: after two hours and after six.
    assert (one.assigned, one.talked, one.response_seconds_mean, one.response_seconds_median) == (3, 2, 14_400, 7_200)
    assert (two.talks, two.success_bp, two.satisfaction_percent, two.response_seconds_mean) == (0, None, None, None)
    assert (three.assigned, three.talked, three.response_seconds) == (1, 1, 3_600)
    teams = {t.team: t for t in figures.performance_teams_read(desk.connection, EVERYTHING, MONTH)}
    assert (teams["one"].people, teams["two"].people, teams["firm"].people) == (2, 2, 4)
    assert (teams["firm"].talks, teams["firm"].satisfaction, teams["firm"].won) == (5, 11, 2)
    # Both sellers of team one: after one, two and six hours; two in the middle.
    assert (teams["one"].talked, teams["one"].response_seconds_median) == (3, 7_200)
    assert (teams["two"].talks, teams["two"].response_seconds_median) == (0, None)
    assert c


def test_giving_a_customer_back_after_a_handover_is_no_assignment_to_respond_to(desk: Desk) -> None:
    """S-1 gets a customer and talks with it after three hours; between, S-3 has it for an hour and gives it back, and S-2
    takes it over from them. What was undone is as if it had not been, nor does S-3 have one to respond to."""
    [a] = desk.customers(1)
    desk.hours(1)
    [handed] = desk.do(HandOver(who(1), who(3), "leave", "休假"))
    desk.do(talk(a, 3))
    [further] = desk.do(HandOver(who(3), who(2), "leave", "休假"))
    desk.do(UndoHandover(int(further.id), "回来"))
    desk.hours(1)
    desk.do(UndoHandover(int(handed.id), "回来"))
    desk.hours(1)
    desk.do(talk(a, 1))
    desk.hours(1)
    desk.do(talk(a, 1))
    people = {p.staff: p for p in figures.performance_read(desk.follow(), EVERYTHING, MONTH)}
    assert [(people[n].assigned, people[n].talked, people[n].response_seconds) for n in (1, 2, 3)] == [
        (1, 1, 3 * 3_600), (0, 0, 0), (0, 0, 0),
    ]  # fmt: skip
    teams = {t.team: t for t in figures.performance_teams_read(desk.connection, EVERYTHING, MONTH)}
    assert (teams["firm"].assigned, teams["firm"].talked, teams["firm"].response_seconds_median) == (1, 1, 3 * 3_600)


def test_what_comes_to_somebody_anew_after_it_was_given_back_is_an_assignment_of_its_own(desk: Desk) -> None:
    """S-1 never talked with it before it went to S-2 for good; two hours after it came again they did."""
    [a] = desk.customers(1)
    [handed] = desk.do(HandOver(who(1), who(3), "leave", "休假"))
    desk.do(UndoHandover(int(handed.id), "回来"), ReassignCustomer(a, who(2), "改"), ReassignCustomer(a, who(1), "还是他"))
    desk.hours(2)
    desk.do(talk(a, 1))
    people = {p.staff: p for p in figures.performance_read(desk.follow(), EVERYTHING, MONTH)}
    assert [(people[n].assigned, people[n].talked, people[n].response_seconds) for n in (1, 2)] == [
        (2, 1, 2 * 3_600), (1, 0, 0),
    ]  # fmt: skip


def test_workload_is_what_people_own_and_have_to_do(desk: Desk) -> None:
    a, b, c, _ = desk.customers(1, 1, 1, 2)
    desk.do(AddCollaborator(c, who(2)), BeginNurture(b, 5), chance(a, 1, "100"), chance(a, 1, "40"), to(2, "lost"))
    desk.do(HandTask(a, who(1), "估算", "2026-11-02", to=who(2)), HandTask(a, who(1), "估算", "2026-11-20", to=who(2)))
    desk.days(4)
    desk.do(talk(a, 1))
    connection = desk.follow()
    one, two, three, _ = portfolios.workload_read(connection, EVERYTHING, TODAY + 12)
    assert (one.owned, one.nurtured, one.overdue, one.protected) == (3, 1, 2, 3)
    assert (one.opportunities, one.amount, one.tasks) == (1, 100_00, 0)
    assert (two.owned, two.collaborating, two.tasks, two.tasks_overdue) == (1, 1, 2, 1)
    assert three.owned == 0
    teams = {t.team: t for t in portfolios.workload_teams_read(connection, EVERYTHING, TODAY + 12)}
    firm, team_one, team_two = teams["firm"], teams["one"], teams["two"]
    assert (team_one.owned, team_one.owned_min, team_one.owned_max, team_two.owned) == (3, 0, 3, 1)
    assert (firm.people, firm.owned, firm.capacity, firm.tasks, firm.overdue) == (4, 4, 200, 2, 3)
    assert [r.staff for r in portfolios.workload_read(connection, EVERYTHING, TODAY, team="two")] == [2, 4]


# Who has whom.


def test_a_holding_counts_the_days_to_its_return_and_says_which_steps_lie_ahead(desk: Desk) -> None:
    a, b = desk.customers(1, 1)
    desk.do(talk(a, 1, next_step="报价", next_due_on="2026-11-05"), BeginNurture(b, 30))
    connection = desk.follow()
    held = portfolios.holding_read(connection, EVERYTHING, 1)
    assert held is not None
    assert (held.owner, held.why, held.protected_day, held.due_day) == (1, "reassignment", TODAY + 20, TODAY + 10)
    assert (held.days_left(TODAY + 3), held.next_due_day, held.followed_day) == (7, TODAY + 4, TODAY)
    nurtured = portfolios.holding_read(connection, EVERYTHING, 2)
    assert nurtured is not None
    assert (nurtured.due_day, nurtured.rhythm_days, nurtured.days_left(TODAY)) == (TODAY + 30, 30, None)
    assert [r.customer for r in portfolios.returning_read(connection, EVERYTHING, TODAY + 10)] == [1]
    assert portfolios.returning_read(connection, EVERYTHING, TODAY + 9) == []
    assert [(s.customer, s.next_step) for s in dealings.next_steps_read(connection, EVERYTHING, 1)] == [(1, "报价")]


def _steps(desk: Desk, staff: int) -> list[tuple[int, str]]:
    """What lies ahead of somebody: the customer, and what was agreed on."""
    return [(s.customer, s.next_step) for s in dealings.next_steps_read(desk.follow(), EVERYTHING, staff)]


def test_a_next_step_stands_until_it_is_done_or_another_comes_next(desk: Desk) -> None:
    """Due on 2026-11-05: nobody's talk in between takes it away, and it is said the evening before."""
    [a] = desk.customers(1)
    desk.do(talk(a, 1, next_step="报价", next_due_on="2026-11-05"), talk(a, 1), AddCollaborator(a, who(2)), talk(a, 2))
    assert _steps(desk, 1) == [(1, "报价")]
    held = portfolios.holding_read(desk.follow(), EVERYTHING, 1)
    assert held is not None and held.next_due_day == TODAY + 4

    desk.days(4)
    def said() -> list[tuple[str, bool]]:
        rows = reminders.reminders_read(desk.follow(), EVERYTHING, TODAY + 4, kinds=["follow_up"], only_open=False)
        return [(r.kind, r.is_open) for r in rows]

    assert said() == [("follow_up", True)]
    desk.do(talk(a, 1))
    assert (_steps(desk, 1), said()) == ([(1, "报价")], [("follow_up", True)])
    desk.do(talk(a, 1, next_step="签约"))
    assert (_steps(desk, 1), said()) == ([(1, "签约")], [("follow_up", False)])
    desk.do(talk(a, 1, next_step_done=True))
    assert _steps(desk, 1) == []


def test_a_next_step_goes_along_where_somebody_gives_the_customer_on_and_ends_where_it_leaves(desk: Desk) -> None:
    a, b = desk.customers(1, 1)
    desk.do(talk(a, 1, next_step="报价"), talk(b, 1, next_step="送样"), ReassignCustomer(a, who(2), "调整"))
    assert (_steps(desk, 1), _steps(desk, 2)) == ([(2, "送样")], [(1, "报价")])
    # To the pool, because rules find nobody, and back.
    handed = desk.do(HandOver(who(2), "", "leave", "休假"))[-1].id
    assert _steps(desk, 2) == []
    desk.do(UndoHandover(int(handed), "不休了"))
    assert _steps(desk, 2) == [(1, "报价")]
    desk.do(ReleaseCustomer(b, "不要了"), ReassignCustomer(b, who(2), "再试"))
    assert _steps(desk, 2) == [(1, "报价")]


def test_portfolio_and_pool_come_in_pages_and_a_customer_that_returned_says_who_had_it_until_when(desk: Desk) -> None:
    ids = desk.customers(1, 1, 1, 0, 0)
    desk.do(talk(ids[0], 1))
    desk.days(6)
    desk.do(talk(ids[0], 1), ReleaseCustomer(ids[1], "不要了"))
    desk.days(5)
    connection = desk.follow()
    assert [r.customer for r in portfolios.portfolio_read(connection, EVERYTHING, 1)] == [1]
    rows = portfolios.pool_read(connection, EVERYTHING, cooldown_days=7)
    assert [(r.customer, r.why, r.former, r.cooldown_day) for r in rows] == [
        (3, "deadline", 1, TODAY + 11 + 7), (2, "released", 1, TODAY + 6 + 7), (5, "registered", 0, None),
        (4, "registered", 0, None),
    ]  # fmt: skip
    pages: list[int] = []
    page = portfolios.pool_read(connection, EVERYTHING, limit=1)
    while page:
        pages.append(page[0].customer)
        page = portfolios.pool_read(connection, EVERYTHING, limit=1, before=(page[0].since, page[0].customer))
    assert pages == [3, 2, 5, 4]
    desk.do(ClaimCustomer(ids[3], who(2)), ReassignCustomer(ids[4], who(2), "给"))
    connection = desk.follow()
    assert [r.customer for r in portfolios.portfolio_read(connection, EVERYTHING, 2, limit=1, after=4)] == [5]
    assert [r.customer for r in portfolios.portfolio_read(connection, EVERYTHING, 2)] == [4, 5]


def test_owners_are_read_as_of_a_day_a_position_and_now_and_their_times_one_by_one(desk: Desk) -> None:
    [a] = desk.customers(1)
    first = desk.books.position
    desk.days(2)
    desk.do(ReassignCustomer(a, who(2), "改"), ReassignCustomer(a, who(3), "再改"))
    connection = desk.follow()

    def staff(**when: Any) -> list[int]:
        return [r.staff for r in portfolios.owners_read(connection, EVERYTHING, **when)]

    assert (staff(position=first), staff(position=first - 3), staff(position=desk.books.position - 2)) == ([1], [], [2])
    assert (staff(day=TODAY - 1), staff(day=TODAY), staff(day=TODAY + 1), staff(day=TODAY + 2)) == ([], [1], [1], [3])
    assert staff() == [3]
    spans = portfolios.owner_history_read(connection, EVERYTHING, 1)
    assert [(s.staff, s.why, s.day_from) for s in spans] == [
        (1, "reassignment", TODAY), (2, "reassignment", TODAY + 2), (3, "reassignment", TODAY + 2),
    ]  # fmt: skip
    assert [s.position_to for s in spans[:2]] == [s.position_from for s in spans[1:]]


def test_a_reader_waits_for_its_own_write_in_every_view_that_it_rests_on(desk: Desk) -> None:
    desk.customers(1)
    with pytest.raises(ViewBehind):
        views_wait(desk.connection, portfolios.portfolio_read.views, desk.books.position, 0.05)
    assert {"ownership", "staff", "profile", "work"} <= set(portfolios.portfolio_read.views)
    connection = desk.follow()
    views_wait(connection, portfolios.portfolio_read.views, desk.books.position)
    assert len(portfolios.portfolio_read(connection, EVERYTHING, 1)) == 1


# What is due.


def test_reminders_are_open_until_something_was_done_about_them(desk: Desk) -> None:
    a, b = desk.customers(1, 2)
    [project] = desk.do(RecordProject(a, "大桥"))
    desk.do(
        SetMilestone(project.id, "roof", "封顶", "2026-11-03"), HandTask(a, who(1), "估算", "2026-11-02", to=who(3))
    )
    desk.do(
        talk(a, 1, next_step="报价", next_due_on="2026-11-03"), talk(b, 2, next_step="看图", next_due_on="2026-11-03")
    )
    desk.days(2)
    connection = desk.follow()

    def said(**more: Any) -> set[tuple[str, int, int, str]]:
        rows = reminders.reminders_read(connection, EVERYTHING, TODAY + 2, **more)
        return {(r.kind, r.customer, r.staff, r.title) for r in rows}

    everything = {("milestone", 1, 1, "封顶"), ("task", 1, 3, "估算"), ("follow_up", 1, 1, ""), ("follow_up", 2, 2, "")}
    assert said() == everything
    desk.do(MoveTask("T-000001", "accepted", who(3)), MoveTask("T-000001", "done", who(3)))
    desk.do(SetMilestone(project.id, "roof", "封顶", "2026-11-03", "2026-11-03"), talk(a, 1, next_step_done=True))
    desk.do(ReassignCustomer(b, who(4), "改"))
    desk.follow()
    assert said() == set()
    assert said(only_open=False) == everything
    assert said(only_open=False, kinds=["task"]) == {("task", 1, 3, "估算")}
    assert said(only_open=False, staff=2) == {("follow_up", 2, 2, "")}


def test_a_return_that_was_announced_and_protection_that_ends_are_open_as_long_as_they_matter(desk: Desk) -> None:
    a, _ = desk.customers(1, 1)
    desk.days(8)  # both are due on the tenth day, and are announced three days before

    def said(today: int) -> list[tuple[str, int]]:
        rows = reminders.reminders_read(desk.follow(), EVERYTHING, today)
        return sorted((r.kind, r.customer) for r in rows)

    assert said(TODAY + 8) == [("return_announced", 1), ("return_announced", 2)]
    desk.do(talk(a, 1))
    assert said(TODAY + 8) == [("return_announced", 2)]
    desk.days(
        8
    )  # the second has returned; the protection of the first ends on the twentieth, and is said five days before
    assert said(TODAY + 16) == [("protection_ending", 1), ("return_announced", 1)]
    assert said(TODAY + 21) == [("return_announced", 1)]


def test_tasks_show_how_far_they_are_and_which_are_overdue(desk: Desk) -> None:
    [a] = desk.customers(1)
    desk.do(HandTask(a, who(1), "估算", "2026-11-02", "two"), HandTask(a, who(1), "图纸", "2026-11-09", "two"))
    desk.do(MoveTask("T-000001", "accepted", who(2), 40, "在做"))
    connection = desk.follow()
    latest, first = dealings.tasks_read(connection, EVERYTHING)
    assert (latest.number, latest.doer, latest.state) == (2, 0, "handed")
    assert (first.doer, first.state, first.progress_percent, first.note, first.customer_name) == (
        2,
        "accepted",
        40,
        "在做",
        "客户1",
    )
    assert [t.number for t in dealings.tasks_read(connection, EVERYTHING, overdue_on=TODAY + 5)] == [1]
    assert [t.number for t in dealings.tasks_read(connection, EVERYTHING, doer=2)] == [1]


# What is known.


def test_what_was_said_of_a_merged_customer_is_read_as_the_survivors_until_they_are_two_again(desk: Desk) -> None:
    a, b, c = desk.customers(1, 2, 0)
    desk.do(
        ChangeProfile(a, {"needs": "急", "法人": "张"}), ChangeProfile(b, {"needs": "慢", "qualifications": ["一级"], "网址": "x"}),
        RecordContact(b, "王经理"), RecordKnowledge("call", "morning", "早上", customer=b), chance(b, 2, "10"), talk(b, 2),
        MergeCustomers(b, c, "同"), MergeCustomers(a, b, "同"),
    )  # fmt: skip
    connection = desk.follow()
    known = profiles.profile_read(connection, EVERYTHING, 3)
    assert known is not None
    assert (known.customer.customer, [m.customer for m in known.merged]) == (1, [2, 3])
    assert (known.profile.needs, known.profile.qualifications) == ("急", ["一级"])
    assert known.profile.more == {"法人": "张", "网址": "x"}
    assert [k.customer for k in profiles.contacts_read(connection, EVERYTHING, 1)] == [2]
    assert [k.value for k in profiles.knowledge_read(connection, EVERYTHING, 1)] == ["morning"]
    assert [o.customer for o in dealings.opportunities_read(connection, EVERYTHING, customer=1)] == [2]
    assert [f.customer for f in dealings.follow_ups_read(connection, EVERYTHING, customer=3)] == [2]
    held = portfolios.holding_read(connection, EVERYTHING, 2)
    assert held is not None and (held.customer, held.owner) == (1, 1)
    assert [r.customer for r in portfolios.pool_read(connection, EVERYTHING)] == []
    topics = [t.topic for t in timeline.timeline_read(connection, EVERYTHING, 1, books=False)]
    assert topics.count("CustomersMerged") == 2 and "FollowUpRecorded" in topics
    desk.do(UnmergeCustomers(b, "两家"))
    connection = desk.follow()
    known = profiles.profile_read(connection, EVERYTHING, 1)
    assert known is not None and (known.merged, known.profile.qualifications) == ([], [])
    other = profiles.profile_read(connection, EVERYTHING, 3)
    assert other is not None and (other.customer.customer, other.profile.needs) == (2, "慢")
    held = portfolios.holding_read(connection, EVERYTHING, 2)
    assert held is not None and (held.customer, held.owner) == (2, 2)
    merged = profiles.mergings_read(connection, EVERYTHING, 2)
    assert [(m.customer, m.merged, bool(m.undone)) for m in merged] == [(2, 3, False), (1, 2, True)]


def test_who_was_erased_is_sealed_nowhere_any_more_and_what_was_said_about_them_is_gone(desk: Desk) -> None:
    [a] = desk.customers(1)
    [contact] = desk.do(RecordContact(a, "王经理", position="总经理", decides=True))
    desk.do(
        RecordKnowledge("call", "morning", "早上", person=contact.id),
        RecordKnowledge("gift", "never", "不收", customer=a),
    )
    connection = desk.follow()
    [person] = profiles.contacts_read(connection, EVERYTHING, 1)
    assert person.sealed and "王" not in person.sealed and (person.place, person.decides) == ("总经理", True)
    assert [(k.kind, bool(k.sealed)) for k in profiles.knowledge_read(connection, EVERYTHING, 1)] == [
        ("call", True), ("gift", False),
    ]  # fmt: skip
    desk.do(ErasePerson(contact.id, "本人要求"))
    connection = desk.follow()
    [person] = profiles.contacts_read(connection, EVERYTHING, 1)
    assert (person.sealed, person.place) == ("", "总经理")
    assert [k.kind for k in profiles.knowledge_read(connection, EVERYTHING, 1)] == ["gift"]


def test_a_project_shows_its_parties_its_site_team_and_its_milestones_in_order(desk: Desk) -> None:
    a, _ = desk.customers(1, 2)
    parties = (("监理", "某监理"), ("设计院", "C-000002"))
    [project] = desk.do(RecordProject(a, "大桥", "build", "east", "5000", parties, (who(3), who(2))))
    desk.do(
        SetMilestone(project.id, "roof", "封顶", "2026-12-03"), SetMilestone(project.id, "start", "开工", "2026-11-03")
    )
    connection = desk.follow()
    [row] = profiles.projects_read(connection, EVERYTHING, customer=1)
    assert (row.party_roles, row.party_names, row.party_customers) == (["监理", "设计院"], ["某监理", "客户2"], [0, 2])
    assert (row.site_team, row.amount, row.customer_name) == ([2, 3], 5000_00, "客户1")
    assert [m.milestone for m in profiles.milestones_read(connection, EVERYTHING, 1)] == ["start", "roof"]
    desk.do(RecordProject(a, "大桥", "done", "east", "5000", (), (who(3),), project.id))
    [row] = profiles.projects_read(desk.follow(), EVERYTHING, number=1)
    assert (row.stage, row.party_roles, row.site_team) == ("done", [], [3])


def test_the_timeline_is_everything_in_order_and_is_paged_from_either_end(desk: Desk) -> None:
    [a] = desk.customers(1)
    desk.do(talk(a, 1), chance(a, 1, "10"))
    connection = desk.follow()
    rows = timeline.timeline_read(connection, EVERYTHING, 1)
    assert [r.topic for r in rows] == [
        "CustomerRegistered", "CustomerReassigned", "CustomerAssigned", "FollowUpRecorded", "OpportunityOpened",
    ]  # fmt: skip
    assert rows[3].state["said"] == "谈了" and rows[2].cause == rows[1].position
    newest = timeline.timeline_read(connection, EVERYTHING, 1, newest_first=True, limit=2)
    assert [r.position for r in newest] == [rows[4].position, rows[3].position]
    before = timeline.timeline_read(connection, EVERYTHING, 1, newest_first=True, start=newest[-1].position, limit=1)
    assert before == [rows[2]]
    assert timeline.timeline_read(connection, EVERYTHING, 1, start=rows[1].position, books=False) == rows[2:]


def test_a_collision_keeps_what_it_rests_on_and_who_ruled(desk: Desk) -> None:
    desk.customers(1)
    desk.do(ReportLead("web", "x", "客户1", "fair", who(2), "C-000001", project="二桥"))
    [row] = arrivals.collisions_read(desk.follow(), EVERYTHING)
    assert (row.customer, row.matched, row.holder, row.asker, row.certainty) == (1, 1, 1, 2, "exact")
    assert (row.holder_team, row.asker_team, row.project, row.owner, row.settled_by) == (
        "one",
        "two",
        "二桥",
        1,
        "rules",
    )
    assert arrivals.collisions_read(desk.connection, EVERYTHING, only_open=True) == []


def test_who_leads_both_sides_sees_and_rules_a_collision_whatever_region_its_customers_have(desk: Desk) -> None:
    """S-1 of team one has 滨江路桥, of no region; S-3 of team one reports what sounds the same, of none either. Whoever
    leads team one leads both; who leads team two leads neither; who leads team two and asked by theirs leads one."""
    [one, two] = [
        answer.id
        for answer in desk.do(
            EnrolStaff("hr", "m1", "经理一", "one", "manager", joined_on="2020-01-01"),
            EnrolStaff("hr", "m2", "经理二", "two", "manager", joined_on="2020-01-01"),
        )
    ]
    desk.do(RegisterCustomer("crm", "x", "滨江路桥工程有限公司"), ReassignCustomer("C-000001", who(1), "分配"))
    desk.do(ReportLead("web", "a", "斌江路桥工程有限公司", "fair", who(3)))
    desk.do(ReportLead("web", "b", "滨江路桥工成有限公司", "fair", who(2)))
    connection = desk.follow()

    def scope(staff: str) -> Scope:
        found = scope_of(connection, staff_number(staff), TODAY)
        assert found is not None
        return found

    across, within = arrivals.collisions_read(connection, scope(one))
    assert (within.is_masked, within.customer, within.matched, within.holder, within.asker) == (False, 2, 1, 1, 3)
    assert ruling_refusal(scope(one), within) == ""
    assert {e.side for e in arrivals.evidence_read(connection, scope(one), within.number)} == {"holder", "asker", ""}
    assert (across.is_masked, across.customer, across.asker, across.asker_team) == (True, 0, 0, "two")
    assert ruling_refusal(scope(one), across).startswith("you lead only one side")
    assert arrivals.evidence_read(connection, scope(one), across.number) == []
    assert arrivals.collisions_read(connection, scope(two)) == []
    # Who asked leads nobody by it: they are told the team, and no customer.
    [asked] = arrivals.collisions_read(connection, scope(who(3)))
    assert (asked.is_masked, asked.customer, asked.matched, asked.holder, asked.holder_team) == (True, 0, 0, 0, "one")


def test_who_leads_who_asked_for_a_customer_of_another_region_learns_no_customer(desk: Desk) -> None:
    """One manager asks, whose people they lead; the customer that S-1 has is theirs to see only where they see it."""
    [two] = [a.id for a in desk.do(EnrolStaff("hr", "m2", "经理二", "two", "manager", joined_on="2020-01-01"))]
    [a] = desk.customers(1)
    desk.do(ReportLead("web", "b", "客户1", "fair", who(2), a), ReportLead("web", "c", "x", "fair", two, a))
    connection = desk.follow()
    scope = scope_of(connection, staff_number(two), TODAY)
    assert scope is not None
    [own] = arrivals.collisions_read(connection, scope)
    assert (own.is_masked, own.customer, own.customer_name, own.matched, own.holder) == (True, 0, "", 0, 0)


def test_the_evidence_of_a_collision_shows_both_sides_in_order_of_time(desk: Desk) -> None:
    [a] = desk.customers(1)
    desk.do(talk(a, 1), ReportLead("web", "x", "客户1", "fair", who(2), a))
    [row] = arrivals.collisions_read(desk.follow(), EVERYTHING)
    evidence = arrivals.evidence_read(desk.connection, EVERYTHING, row.number)
    assert [(e.topic, e.side) for e in evidence] == [
        ("CustomerReassigned", "holder"), ("CustomerAssigned", "holder"), ("FollowUpRecorded", "holder"),
        ("LeadArrived", "asker"), ("CollisionFound", ""), ("CollisionSettled", ""),
    ]  # fmt: skip
    assert arrivals.evidence_read(desk.connection, EVERYTHING, 99) == []


def test_what_was_carried_over_stands_in_the_funnel_on_the_days_on_which_it_was(desk: Desk) -> None:
    [one] = desk.customers(1)
    carried = OpenOpportunity(
        one, who(1), "路桥", "qualified", "100", source="crm", reference="1", opened_on="2026-03-01", end="won",
        ended_on="2026-05-10", carried_over=True,
    )  # fmt: skip
    desk.do(carried)
    desk.follow()
    [row] = dealings.opportunities_read(desk.connection, EVERYTHING, limit=10)
    assert (row.opened_day, row.ended_day) == (day_parse("2026-03-01"), day_parse("2026-05-10"))
    assert row.stage_day == row.ended_day
    stood = dealings.stages_read(desk.connection, EVERYTHING, 1)
    days = [(s.stage, s.day_from, s.day_to) for s in stood]
    assert days == [("qualified", row.opened_day, row.ended_day), ("won", row.ended_day, None)]
    [then] = desk.connection.execute(
        "SELECT occurred_at::date::text FROM timeline WHERE topic = 'OpportunityOpened'"
    ).fetchall()
    assert then == ("2026-03-01",)

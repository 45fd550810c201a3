"""Laws that hold whatever is done in whatever order: one owner or the pool, loads that add up, handovers that can be
taken back, a state that is the fold of its log and the same under the same rules."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    BeginNurture,
    ChangeStaff,
    ClaimCustomer,
    Command,
    EndNurture,
    HandOver,
    HandTask,
    MergeCustomers,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordAbsence,
    RecordFollowUp,
    RecordLeaving,
    ReleaseCustomer,
    RemoveCollaborator,
    RuleCollision,
    UndoHandover,
    UnmergeCustomers,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.drafts import command_decide
from ledger.domain.relations.dues import DUE_KINDS, dues
from ledger.domain.relations.dump import dump
from ledger.domain.relations.policy import Choice, Terms, Wanted
from ledger.domain.relations.records import NONE, Standing
from ledger.domain.relations.state import Relations
from ledger.domain.values import day_text
from tests.unit.relations.office import Office, Rules, customer, enrol, lead, staff, staffed

NUMBERS = st.integers(0, 9)
STEPS = st.tuples(
    st.sampled_from(
        ("lead", "lead", "reported", "reported", "claim", "claim", "release", "reassign", "ask", "add", "remove", "nurture",
         "nurture_end", "talk", "talk", "absent", "leaving", "hand_over", "hand_over", "undo", "rule", "days", "days",
         "capacity", "enrol", "chance", "task", "task_move", "merge", "unmerge")
    ),
    NUMBERS, NUMBERS, NUMBERS,
)  # fmt: skip


class Others(Rules):
    """Other rules: they choose whoever was enrolled last, now and then nobody, and other days hold."""

    def __init__(self, every: int) -> None:
        super().__init__(
            Terms(follow_up_days=4, protection_days=2, announce_days=1, claims_per_day=1, reported_by_rules=every > 1,
                  cooldown_days=3, cooldown_by_rules=every > 0,
                  collision_by_rules=every > 2, important_tags=frozenset({"strategic"}), important_days=5),
            "RS-0002",
        )  # fmt: skip
        self.every = every

    def choose(self, state: Relations, wanted: Wanted, day: int, *, detail: bool) -> Choice:
        able = [
            s.number for s in state.staff.values()
            if s.role == "seller" and s.is_here(day) and not s.is_absent(day)
            and state.load[s.number] < s.capacity and s.number not in wanted.not_staff
        ]  # fmt: skip
        if not able or (self.every and wanted.customer % (self.every + 1) == 0):
            return Choice(0, "")
        return Choice(max(able), "last", 0, [], 3, 6)


def command_of(office: Office, step: tuple[str, int, int, int]) -> Command | None:
    """The command of a step, about somebody and some customer there are; None where there is nothing to do it to."""
    kind, a, b, c = step
    state = office.state
    who, other = staff(a % len(state.staff) + 1), staff(b % len(state.staff) + 1)
    region = {"region": ("华东", "华北", "")[c % 3]}
    if kind == "lead":
        return lead(f"l{len(office.log)}", f"{'甲乙丙'[a % 3]}{'子丑'[b % 2]}{c}", traits=region)
    if kind == "reported":
        return lead(f"l{len(office.log)}", f"{'甲乙丙'[a % 3]}{'子丑'[b % 2]}{c}", traits=region, staff=who)
    if kind == "absent":
        return RecordAbsence(who, day_text(office.day + b), day_text(office.day + b + c))
    if kind == "leaving":
        return RecordLeaving(who, day_text(office.day + b))
    if kind == "hand_over":
        return HandOver(who, other if c % 2 else "", "leaving" if b % 3 else "leave")
    if kind == "undo":
        known = sorted(state.handovers)
        return UndoHandover(known[a % len(known)], "回来了") if known else None
    if kind == "rule":
        known = sorted(state.collisions)
        if not known:
            return None
        collision = state.collisions[known[a % len(known)]]
        return RuleCollision(f"X-{collision.number:06d}", staff((collision.asker, collision.holder)[b % 2]), "先报")
    if kind == "capacity":
        return ChangeStaff(who, {"capacity": c % 4})
    if kind == "enrol":
        return enrol(f"x{len(office.log)}", region=region["region"], capacity=c)
    if kind == "task_move":
        return MoveTask(f"T-{a + 1:06d}", ("accepted", "done", "declined")[c % 3], other, 10 * c, "好")
    if not office.customers.count():
        return None
    what = customer(b * 10 + c + 1) if b * 10 + c < office.customers.count() else customer(1)
    owner = staff(state.holding(int(what[2:])).owner or 1)
    others = customer(a % office.customers.count() + 1)
    made: dict[str, Any] = {
        "claim": lambda: ClaimCustomer(what, who),
        "release": lambda: ReleaseCustomer(what, "不做了"),
        "reassign": lambda: ReassignCustomer(what, who, "更合适"),
        "ask": lambda: AssignCustomer(what),
        "add": lambda: AddCollaborator(what, who),
        "remove": lambda: RemoveCollaborator(what, who),
        "nurture": lambda: BeginNurture(what, c * 10),
        "nurture_end": lambda: EndNurture(what),
        "talk": lambda: RecordFollowUp(
            what, owner, "谈了", next_step="再谈", next_due_on=day_text(office.day + c) if c else ""
        ),
        "merge": lambda: MergeCustomers(what, others, "同一家"),
        "unmerge": lambda: UnmergeCustomers(others, "两家"),
        "chance": lambda: OpenOpportunity(what, owner, "二桥", "lead"),
        "task": lambda: HandTask(what, owner, "估算", day_text(office.day + c), "technical", staff(6) if a % 2 else ""),
    }
    return made[kind]()


def take(office: Office, step: tuple[str, int, int, int]) -> None:
    """Do a step, tried and taken back first; what is refused changes nothing either way."""
    if step[0] == "days":
        office.pass_days(1 + step[1])
        return
    command = command_of(office, step)
    if command is None:
        return
    before = dump(office.state)
    draft = office.draft()
    try:
        command_decide(draft, command)
    except Refused:
        assert dump(office.state) == before
        return
    office.state.journal.rollback()
    assert dump(office.state) == before
    office.do(command)
    if isinstance(command, HandOver):
        number = int(command.staff[2:])
        assert office.state.load[number] == 0
        assert office.state.owned.of(number) == []
        assert office.state.opportunities_of.of(number) == []
        assert office.state.tasks_of.of(number) == office.state.tasks_of.of(-number) == []


def laws_hold(state: Relations, count: int) -> None:
    owned = {n: state.holding(n).owner for n in range(1, count + 1) if state.holding(n).owner}
    assert {n: who for who, members in state.owned.items() for n in members} == owned
    assert sum(state.owned.size(who) for who in state.staff) == len(owned)
    loads = Counter(owned.values())
    assert {n: state.load[n] for n in state.staff} == {n: loads[n] for n in state.staff}
    claimed = Counter(who for n, who in owned.items() if state.holding(n).why == "claim")
    assert {n: state.claimed[n] for n in state.staff} == {n: claimed[n] for n in state.staff}
    due = sorted(
        (kind, day, n) for n, holding in state.holdings.items()
        for kind, day in zip(DUE_KINDS, dues(holding), strict=True) if day != NONE
    )  # fmt: skip
    found = ((kind, day, n) for kind in DUE_KINDS for day, members in state.due[kind].items() for n in members)
    assert sorted(found) == due
    assert state.restoring == {}
    for holding in state.holdings.values():
        assert holding.owner not in holding.collaborators
        assert holding.owner or (holding.protected_day, holding.due_day, holding.rhythm_days) == (-1, -1, 0)
    disputes = sorted((c.customer, c.number) for c in state.collisions.values() if c.owner == -1)
    assert sorted((n, x) for n, members in state.disputes.items() for x in members) == disputes


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=5, max_size=50))
def test_whatever_is_done_each_customer_has_one_owner_or_the_pool_and_the_log_tells_all(
    steps: list[tuple[str, int, int, int]],
) -> None:
    office = staffed()
    office.standings = {
        n: Standing(tier="gold" if n % 3 == 0 else "", tags=frozenset({"strategic"})) for n in (2, 3, 6)
    }
    for step in steps:
        take(office, step)
        laws_hold(office.state, office.customers.count())
    rebuilt = office.rebuilt()
    assert rebuilt.position == office.state.position
    assert dump(rebuilt) == dump(office.state)
    replayed, decided, dropped = office.replayed()
    assert dropped == 0
    decisions = [d for d, _ in office.log if d.cause]
    assert [(d.position, d.topic, d.customer, d.cause) for d in decided] == [
        (d.position, d.topic, d.customer, d.cause) for d in decisions
    ]
    assert [{**d.fields, "candidates": []} for d in decided] == [{**d.fields, "candidates": []} for d in decisions]
    assert dump(replayed) == dump(office.state)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=5, max_size=40), NUMBERS, st.booleans(), st.booleans())
def test_undoing_a_handover_restores_the_state_before_exactly(
    steps: list[tuple[str, int, int, int]], who: int, named: bool, nobody: bool
) -> None:
    office = staffed()
    for step in steps:
        take(office, step)
    office.rules.nobody = nobody
    before = dump(office.state)
    number = who % len(office.state.staff) + 1
    try:
        answer = office.do(
            HandOver(staff(number), staff(number % len(office.state.staff) + 1) if named else "", "leave")
        )
    except Refused:
        return
    office.do(UndoHandover(int(answer.id), "不走了"))
    assert dump(office.state) == before
    laws_hold(office.state, office.customers.count())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=5, max_size=40), st.integers(0, 3))
def test_under_other_rules_the_same_inputs_still_give_each_customer_one_owner_or_the_pool(
    steps: list[tuple[str, int, int, int]], every: int
) -> None:
    office = staffed()
    for step in steps:
        take(office, step)
    replayed, decided, _ = office.replayed(Others(every))
    laws_hold(replayed, office.customers.count())
    again, decided_again, _ = office.replayed(Others(every))
    assert dump(again) == dump(replayed)
    assert decided_again == decided

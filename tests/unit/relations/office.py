"""An office to try things in: commands are decided and days closed as the writer does it, on a log in memory; what was
appended can be folded anew, and asked again, as a replay does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from ledger.domain.commands import Answer, Command, DeclareTeam, EnrolStaff, ReportLead
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from ledger.domain.relations.drafts import ADMITS, Context, Draft, Drafted, command_decide
from ledger.domain.relations.policy import Choice, Terms, Wanted
from ledger.domain.relations.records import Match, Standing
from ledger.domain.relations.state import Happened, Relations
from ledger.domain.values import customer_id, customer_number, day_parse, day_text

TODAY = day_parse("2026-11-25")

TERMS = Terms(
    protection_days=30, follow_up_days=15, announce_days=3, nurture_rhythm_days=90, claims_per_day=2, claims_held_max=4,
    cooldown_days=7, important_tiers=frozenset({"gold"}), important_tags=frozenset({"strategic"}), important_days=10,
    notice_days=7,
)  # fmt: skip


class Registered:
    """Customers as a book has them: those whose registration was appended."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str, Mapping[str, str]]] = []

    def add(self, said: Mapping[str, Any]) -> None:
        self.all.append((said["source"], said["reference"], said["name"], said["traits"]))

    def count(self) -> int:
        return len(self.all)

    def traits(self, number: int) -> Mapping[str, str]:
        return self.all[number - 1][3]

    def name(self, number: int) -> str:
        return self.all[number - 1][2]

    def find(self, text: str) -> int:
        number = customer_number(text)
        if number:
            return number if number <= len(self.all) else 0
        return next((n for n, (s, r, _, _) in enumerate(self.all, 1) if f"{s}:{r}" == text), 0)


@dataclass
class Rules:
    """Rules for which whoever of the customer's region owns least is right, of whoever is here and not full; equal ones
    take turns. With `nobody` they find nobody."""

    terms: Terms = TERMS
    rule_set: str = "RS-0001"
    nobody: bool = False
    asked: list[Wanted] = field(default_factory=list[Wanted])

    def choose(self, state: Relations, wanted: Wanted, day: int, *, detail: bool) -> Choice:
        self.asked.append(wanted)
        region = wanted.traits.get("region", "")
        rotation = state.rotations.get(region)
        able = [
            (state.load[staff.number], rotation.counts[staff.number] if rotation else 0, staff.number)
            for staff in state.staff.values()
            if staff.role == "seller" and staff.is_here(day) and not staff.is_absent(day)
            and state.load[staff.number] < staff.capacity and staff.number not in wanted.not_staff
            and (not region or staff.region == region)
        ]  # fmt: skip
        if self.nobody or not able:
            return Choice(0, "", candidates=[[f"S-{s:06d}", 0, 0, 0, "full"] for s in sorted(state.staff)])
        _, count, chosen = min(able)
        return Choice(chosen, "least", 7, [[f"S-{chosen:06d}", 7, 0, 0, "chosen"]], 20, 10, turn=[region, count + 1, 1])


class Sealer:
    """Seals by naming the person only."""

    def seal(self, person: int, fields: Mapping[str, str]) -> str:
        assert set(fields) == {"name", "phone"}
        return f"sealed for {person}"

    def open(self, person: int, sealed: str) -> Mapping[str, str] | None:
        raise NotImplementedError

    def open_many(self, sealed: Sequence[tuple[int, str]]) -> list[Mapping[str, str] | None]:
        raise NotImplementedError


@dataclass
class Names:
    """A matcher for which customers of the same name are the same, and of the same first two characters alike."""

    state: Relations
    more: list[Match] = field(default_factory=list[Match])

    def staff_named(self, source: str, name: str) -> int:
        return 0

    def matches(self, name: str, credit_code: str, phone: str, project: str) -> list[Match]:
        found = list(self.more)
        for number in range(1, self.state.customer_count() + 1):
            if self.state.name(number) == name:
                found.append(Match(number, "registered_name", 100))
            elif self.state.name(number)[:2] == name[:2]:
                found.append(Match(number, "similar_name", 90))
        return found


class Office:
    """Its own log, day and rules."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.customers = Registered()
        self.state = Relations(self.customers)
        self.names = Names(self.state)
        self.day = TODAY
        self.standings: dict[int, Standing] = {}
        self.log: list[tuple[Drafted, int]] = []
        """What was appended, with the day."""

    def draft(self) -> Draft:
        return Draft(
            self.state,
            Context(
                "ann", self.day, self.rules, lambda n: self.standings.get(n, Standing()), Sealer(), matcher=self.names
            ),
        )

    def do(self, *commands: Command) -> Answer:
        """Decide commands in one batch; the answer to the last. What is refused is raised, and leaves no draft."""
        draft = self.draft()
        try:
            answers = [command_decide(draft, command) for command in commands]
        except Refused:
            self.state.journal.rollback()
            raise
        self._append(draft)
        return answers[-1]

    def refused(self, *commands: Command) -> str:
        """The code with which the last of a batch is refused."""
        with pytest.raises(Refused) as refusal:
            self.do(*commands)
        return refusal.value.code

    def close(self, through: int) -> list[tuple[str, int, Mapping[str, Any]]]:
        """Close days through one, as on the morning after it; what was decided: (topic, customer, fields) each."""
        self.day = max(self.day, through + 1)
        first = len(self.log)
        last = self.state.days_closed[0]
        for day in range(max(last + 1, TODAY - 1), through + 1):
            draft = self.draft()
            draft.input("DayClosed", 0, day=day_text(day))
            self._append(draft)
        return [(d.topic, d.customer, d.fields) for d, _ in self.log[first:] if d.topic != "DayClosed"]

    def pass_days(self, days: int) -> list[tuple[str, int, Mapping[str, Any]]]:
        """Let so many days pass, each closed."""
        return self.close(self.day + days - 1)

    def _append(self, draft: Draft) -> None:
        for drafted in draft.events:
            if drafted.topic == "CustomerRegistered":
                self.customers.add(drafted.fields)
            self.log.append((drafted, self.day))
        self.state.settle()

    def happened(self) -> list[Happened]:
        """The log as whoever reads it gets it: events that their classes can be, through JSON."""
        return [
            Happened(d.position, d.customer, d.topic, self._stored(d, day), day) for d, day in self.log
        ]  # fmt: skip

    @staticmethod
    def _stored(drafted: Drafted, day: int) -> Mapping[str, Any]:
        event = REGISTRY[drafted.topic](
            originator_id=customer_id(drafted.customer) if drafted.customer else "staff", originator_version=1,
            occurred_at=day_text(day), recorded_at=day_text(day), actor="ann", cause=drafted.cause,
            **drafted.fields,
        )  # fmt: skip
        return orjson.loads(orjson.dumps({k: v for k, v in event.__dict__.items() if k != "candidates"}))

    def rebuilt(self) -> Relations:
        """The state that the log folds to."""
        state = Relations(self.customers)
        for event in self.happened():
            state.apply(event)
        state.settle()
        return state

    def replayed(self, rules: Rules | None = None) -> tuple[Relations, list[Drafted], int]:
        """The inputs of the log asked again: the state, what was decided, and how many inputs could not happen."""
        customers = Registered()
        state = Relations(customers)
        context = Context("ann", 0, rules or self.rules, lambda n: self.standings.get(n, Standing()), detail=False)
        decided: list[Drafted] = []
        dropped = 0
        for event in self.happened():
            if event.topic == "CustomerRegistered":
                customers.add(event.fields)
            if not REGISTRY[event.topic].is_input:
                continue
            draft = Draft(state, replace(context, day=event.day))
            state.stand_at(max(state.position, event.position - 1))
            try:
                if event.topic in ADMITS:
                    ADMITS[event.topic](draft, event.customer, event.fields)
            except Refused:
                state.journal.rollback()
                dropped += 1
                continue
            state.apply(event)
            draft.react(event.topic, event.customer, event.fields, event.position)
            decided += draft.events
            state.settle()
        return state, decided, dropped

    def drafted(self, topic: str) -> list[Drafted]:
        """What was appended under a name."""
        return [d for d, _ in self.log if d.topic == topic]

    def owner(self, customer: int) -> int:
        return self.state.holding(customer).owner


def staffed(rules: Rules | None = None, capacities: Sequence[int] = (5, 5, 5)) -> Office:
    """An office in 华东 with so many sellers S-1 …, one in 华北, a manager and somebody of technical support."""
    office = Office(rules)
    office.do(
        DeclareTeam("sales", "销售部"),
        DeclareTeam("east", "华东组", "sales", "华东"),
        DeclareTeam("technical", "技术部"),
        *(enrol(f"e{n}", capacity=capacity) for n, capacity in enumerate(capacities, 1)),
        enrol("n1", region="华北"),
        enrol("m1", role="manager", region="华东"),
        enrol("t1", role="support", team="technical"),
    )
    return office


def enrol(reference: str, **more: Any) -> EnrolStaff:
    return EnrolStaff("hr", reference, "张三", **{"team": "east", "region": "华东", "joined_on": "2020-01-01", **more})


def lead(reference: str, name: str = "", **more: Any) -> ReportLead:
    """A lead of the east, of a firm with a name of its own."""
    return ReportLead("web", reference, name or f"{reference}号建设", **{"traits": {"region": "华东"}, **more})


def staff(number: int) -> str:
    return f"S-{number:06d}"


def customer(number: int) -> str:
    return f"C-{number:06d}"

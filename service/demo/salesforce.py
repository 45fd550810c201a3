"""The demonstration's sales force: forty people in six regions get the contractor's customers, two want the same one,
somebody leaves. Everything by the commands that everybody uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ledger.domain.commands import (
    Answer,
    AssignCustomer,
    DeclareTeam,
    EnrolStaff,
    HandOver,
    HandTask,
    OpenOpportunity,
    RecordFollowUp,
    RecordLeaving,
    RelationsCommand,
    ReportLead,
    Request,
)
from ledger.domain.relations.ids import staff_id
from ledger.domain.values import customer_id, day_text
from ledger.writer import Writer
from service.demo.words import REGIONS, TITLES

REGIONS_SERVED: Final = tuple(REGIONS)[:6]
"""Where there is a team. The customers of the others stay in the pool: an offer to whoever has room."""
SELLERS_EACH: Final = 5
SOURCE: Final = "hr"
TECHNICAL: Final = "technical"

_TYPES: Final = ("developer", "public_owner", "general_contractor", "industrial_owner")


@dataclass(frozen=True, slots=True)
class SalesForce:
    """What was done. `arrived` came over the website and was assigned at once; `collision` is what the second of two who
    report one customer is told; `handed` customers of `leaver` went to others, `pooled` found nobody."""

    people: int
    assigned: int
    unassigned: int
    arrived: str
    collision: str
    collision_told: str
    leaver: str
    handed: int
    pooled: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


class SalesForceRefused(RuntimeError):
    """The books did not take what was invented for them."""


def sales_force_record(writer: Writer, actor: str, seed: int, customers: int, today: int) -> SalesForce:
    """Enrol the sales force, have the rules assign every customer, and let a few things happen. Raises
    SalesForceRefused."""
    asked = _Asking(writer, actor)
    people = _enrol(asked, Random(seed))
    answers = asked.all([AssignCustomer(customer_id(n)) for n in range(1, customers + 1)])
    unassigned = sum(answer.code == "ASSIGNMENT_NOBODY" for answer in answers)
    region = REGIONS_SERVED[0]
    arrived = asked.one(
        ReportLead(
            "web", "W-1", "示例水务投资", channel="web", amount="26800000",
            traits={"region": region, "customer_type": "public_owner", "industry": "water"},
        )
    )  # fmt: skip
    relations = writer.state.relations
    disputed = next(n for n in range(1, customers + 1) if relations.holding(n).owner)
    name, owner = relations.name(disputed), relations.holding(disputed).owner
    rival = next(s.number for s in relations.staff.values() if s.role == "seller" and s.number != owner)
    # The same firm, as somebody in a hurry writes it.
    collision = asked.one(
        ReportLead("crm", "R-1", name.removesuffix("有限公司"), channel="visit", staff=staff_id(rival))
    )
    leaver = max(
        (s.number for s in relations.staff.values() if s.role == "seller"), key=lambda n: (relations.load[n], -n)
    )
    _work(asked, relations.owned.of(leaver)[:3], leaver, today)
    load = relations.load[leaver]
    asked.all([RecordLeaving(staff_id(leaver), day_text(today)), HandOver(staff_id(leaver), reason="离职")])
    handed = sum(
        1 for holding in relations.holdings.values() if holding.owner and holding.why == "handover"
    )
    return SalesForce(
        people, customers - unassigned, unassigned, arrived.customer, collision.id, collision.reason,
        staff_id(leaver), handed, load - handed,
    )  # fmt: skip


class _Asking:
    def __init__(self, writer: Writer, actor: str) -> None:
        self._writer = writer
        self._actor = actor

    def all(self, commands: Sequence[RelationsCommand]) -> list[Answer]:
        answers = self._writer.submit([Request(command, self._actor) for command in commands])
        for command, answer in zip(commands, answers, strict=True):
            if answer.status == "refused":
                raise SalesForceRefused(f"{type(command).__name__}: {answer.field} {answer.reason}")
        return answers

    def one(self, command: RelationsCommand) -> Answer:
        [answer] = self.all([command])
        return answer


def _enrol(asked: _Asking, random: Random) -> int:
    """Six teams of five sellers and a manager, three engineers and one who sees all; nobody bears a person's name."""
    commands: list[RelationsCommand] = [DeclareTeam("sales", "销售中心"), DeclareTeam(TECHNICAL, "技术支持部", kind="technical")]
    people = 0

    def person(team: str, role: str, region: str, title: str, **more: Any) -> EnrolStaff:
        nonlocal people
        people += 1
        return EnrolStaff(SOURCE, f"E{people:03d}", f"{title}{people:02d}", team, role, region=region, **more)

    commands.append(person("sales", "executive", "", "总监"))
    for region in REGIONS_SERVED:
        title = TITLES[region][0]
        commands.append(DeclareTeam(region, f"{title}团队", parent="sales", region=region))
        commands.append(person(region, "manager", region, "经理", capacity=0))
        for _ in range(SELLERS_EACH):
            skills = {f"customer_type:{kind}": random.randint(1, 5) for kind in random.sample(_TYPES, 2)}
            commands.append(
                person(
                    region, "seller", region, "顾问", skills=skills, experience_years=random.randint(1, 15),
                    capacity=random.randint(8, 16),
                )
            )  # fmt: skip
    commands += [person(TECHNICAL, "support", "", "工程师") for _ in range(3)]
    asked.all(commands)
    return people


def _work(asked: _Asking, customers: Sequence[int], staff: int, today: int) -> None:
    """What a seller has under way when they leave."""
    for number in customers:
        customer, who = customer_id(number), staff_id(staff)
        asked.all([
            OpenOpportunity(customer, who, "二期工程", "bidding", "8800000", 40, day_text(today + 60), channel="visit"),
            RecordFollowUp(customer, who, "招标文件已发布", "visit", "提交技术标", day_text(today + 10), "progress"),
            HandTask(customer, who, "复核工程量清单", day_text(today + 7), TECHNICAL),
        ])  # fmt: skip


def assignment_candidate() -> dict[str, Any]:
    """The other assignment rules of the demonstration: public owners to whoever knows them best, everybody else to who
    is least loaded, and nobody left in the pool."""
    return {
        "rules": [
            {
                "id": "public_owner",
                "title": {"zh": "政府业主给最有经验的人", "en": "Public owners to who knows them best"},
                "when": {"customer": "customer_type", "equals": "public_owner"},
                "candidates": {"skills": [{"trait": "customer_type", "at_least": 2}]},
                "choose": {
                    "best_fit": {"region": 30, "skills": [{"trait": "customer_type", "points": 10}], "load": 60}
                },
            },
            {
                "id": "same_region",
                "title": {"zh": "同区域负荷最低", "en": "Same region, least loaded"},
                "candidates": {"same_region": True},
                "choose": {"least_loaded": {}},
            },
            {
                "id": "anybody",
                "title": {"zh": "其余轮转", "en": "The others in turn"},
                "choose": {"rotation": {}},
            },
        ]
    }

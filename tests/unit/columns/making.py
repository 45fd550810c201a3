"""Makes histories: real events as they stand in the log, written by hand or by a seed."""

from __future__ import annotations

import random
from typing import Any

import orjson

from ledger.domain import events as ev
from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.domain.values import customer_id, day_text, month_last_day, month_of
from ledger.standard import fact_types_standard

DAY_FIRST = 19723  # 2024-01-01
REGIONS = ["华东", "华北", "华南", "西南", "east, \"quoted\"", ""]


class History:
    """Events in order of position; `events` is what the log's recorder would read."""

    def __init__(self, ledger: str = "main") -> None:
        self.events: list[tuple[int, str, int, str, bytes]] = []
        self.versions: dict[str, int] = {}
        self.customers = 0
        self.types: dict[str, FactType] = {}
        self.add(ev.LedgerOpened, ev.STREAM_LEDGER, ledger=ledger, timezone="Asia/Shanghai")

    @property
    def position(self) -> int:
        return len(self.events)

    def add(self, kind: type[ev.Event], stream: str, /, *, cause: int = 0, **fields: Any) -> int:
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        event = kind(
            originator_id=stream,
            originator_version=version,
            occurred_at="2024-05-01T09:30:00+08:00",
            recorded_at="2024-05-01T01:30:00.000001+00:00",
            actor="陈 (clerk)",
            cause=cause,
            **fields,
        )
        state = {k: v for k, v in event.__dict__.items() if not k.startswith("originator_")}
        position = len(self.events) + 1
        self.events.append((position, stream, version, kind.__name__, orjson.dumps(state)))
        return position

    def standard_types(self) -> None:
        for document in fact_types_standard():
            self.declare(document)

    def declare(self, document: dict[str, Any]) -> None:
        fact_type = fact_type_parse(document)
        self.types[fact_type.id] = fact_type
        self.add(
            ev.FactTypeDeclared, ev.STREAM_FACT_TYPES, fact_type=fact_type.id, document=fact_type.document()
        )

    def customer(self, name: str = "某建设有限公司", **traits: str) -> int:
        self.customers += 1
        self.add(
            ev.CustomerRegistered,
            customer_id(self.customers),
            source="crm",
            reference=f"R{self.customers}",
            name=name,
            traits=traits,
        )
        return self.customers

    def fact(self, customer: int, fact_type: str, day: int = DAY_FIRST, *, id: str = "", **more: Any) -> int:
        fields = {"version": 1, "corrects": 0, "attributes": {}} | more
        return self.add(
            ev.FactRecorded,
            customer_id(customer),
            fact_type=fact_type,
            source="test",
            external_id=id or f"f{len(self.events)}",
            occurred_on=day_text(day),
            booked_on=day_text(day),
            **fields,
        )

    def grant(self, customer: int, cause: int, points: int, balance: int, **more: Any) -> int:
        fields: dict[str, Any] = {
            "rule": "completed",
            "rule_set": "standard-1",
            "booked_on": "2024-01-01",
            "expires_on": "2026-01-31",
            "debt_paid": 0,
            "cut_by": None,
            "arithmetic": {"base": points},
        }
        stream = customer_id(customer)
        return self.add(
            ev.PointsGranted, stream, cause=cause, points=points, balance=balance, **(fields | more)
        )


def attributes_random(chance: random.Random, fact_type: FactType, customers: int) -> dict[str, int | str]:
    values: dict[str, int | str] = {}
    for name, attribute in fact_type.attributes.items():
        if not attribute.required and chance.random() < 0.5:
            continue
        if attribute.type == "number":
            low, high = attribute.bounds
            values[name] = chance.choice([low, high, chance.randint(low, high)])
        elif attribute.type == "date":
            values[name] = DAY_FIRST + chance.randint(0, 400)
        elif attribute.type == "enum":
            values[name] = chance.randrange(len(attribute.values))
        elif attribute.type == "boolean":
            values[name] = chance.randrange(2)
        elif attribute.type == "customer":
            values[name] = chance.randint(1, customers)
        else:
            values[name] = "文字 text"
    return values


def history_random(seed: int, size: int, customers: int = 20, corrections: float = 0.1) -> History:
    """About `size` facts of all standard types, with corrections, trait changes, closings and decisions."""
    chance = random.Random(seed)
    history = History()
    history.standard_types()
    facts: list[tuple[str, int, int]] = []
    day = DAY_FIRST
    for _ in range(customers):
        history.customer(industry=chance.choice(["road", "bridge", ""]), region=chance.choice(REGIONS))
    for i in range(size):
        number = chance.randint(1, customers)
        fact_type = chance.choice(list(history.types.values()))
        attributes = attributes_random(chance, fact_type, customers)
        if fact_type.once:
            customers = attributes[fact_type.once] = history.customer(region=chance.choice(REGIONS))
        if facts and chance.random() < corrections:
            known = chance.randrange(len(facts))
            name, version, corrects = facts[known]
            position = history.fact(
                number, fact_type.id, day, id=name, version=version + 1, corrects=corrects,
                attributes=attributes
            )
            facts[known] = (name, version + 1, position)
        else:
            position = history.fact(number, fact_type.id, day, id=f"x{i}", attributes=attributes)
            facts.append((f"x{i}", 1, position))
        _decide(chance, history, number, position)
        if chance.random() < 0.1:
            stream = customer_id(number)
            history.add(ev.CustomerChanged, stream, name=None, traits={"region": chance.choice(REGIONS)})
            purpose = chance.choice(["publish", "message"])
            history.add(chance.choice([ev.ConsentGiven, ev.ConsentWithdrawn]), stream, purpose=purpose)
        if chance.random() < 0.05:
            history.customer(scale="large")
            customers += 1
        if chance.random() < min(0.05, 40 / size):
            day = month_last_day(month_of(day))
            history.add(ev.DayClosed, ev.STREAM_CALENDAR, day=day_text(day))
            day += 1
    return history


def _decide(chance: random.Random, history: History, number: int, cause: int) -> None:
    stream = customer_id(number)
    rule: dict[str, Any] = {"rule_set": f"s{chance.randrange(3)}", "balance": 0}
    kind = chance.randrange(8)
    if kind <= 1:
        history.grant(number, cause, 5000, 5000, expires_on=chance.choice([None, "2026-01-31", "2026-02-28"]))
    elif kind == 2:
        history.add(
            ev.PointsDeducted, stream, cause=cause, rule="complaint", points=-3000, booked_on="2024-01-01",
            debt=0, lots=[[None, 3000]], cut_by=None, arithmetic={}, **rule,
        )  # fmt: skip
    elif kind == 3:
        history.add(ev.TierChanged, stream, cause=cause, tier_before="bronze", tier="silver", counted=1,
        **rule)
    elif kind == 4:
        history.add(ev.TagsChanged, stream, cause=cause, added=["b", "a"], removed=[], **rule)
    elif kind == 5:
        history.add(ev.GradeChanged, stream, cause=cause, grade_before=None, grade="A", **rule)

"""A vault of a test's own, in memory, and an office that files what is known of customers with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from ledger.domain.commands import DeclareTeam
from ledger.domain.relations.drafts import Draft, Drafted
from tests.unit.relations.office import Office, Rules, enrol


class Safe:
    """Seals by hiding text behind a number; who was erased is not opened any more."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, bytes]] = []
        self.erased: set[int] = set()
        self.asked = 0

    def seal(self, person: int, fields: Mapping[str, str]) -> str:
        self.kept.append((person, orjson.dumps(dict(fields))))
        return f"v0:{len(self.kept)}"

    def open(self, person: int, sealed: str) -> Mapping[str, str] | None:
        return self.open_many([(person, sealed)])[0]

    def open_many(self, sealed: Sequence[tuple[int, str]]) -> list[Mapping[str, str] | None]:
        self.asked += 1
        found: list[Mapping[str, str] | None] = []
        for person, text in sealed:
            owner, plain = self.kept[int(text.removeprefix("v0:")) - 1]
            assert owner == person
            found.append(None if person in self.erased else orjson.loads(plain))
        return found


class Files(Office):
    """An office with a safe."""

    def __init__(self, rules: Rules | None = None) -> None:
        super().__init__(rules)
        self.safe = Safe()

    def draft(self) -> Draft:
        """A draft whose people are sealed in the safe."""
        draft = super().draft()
        draft.context = replace(draft.context, sealer=self.safe)
        return draft

    def register(self, name: str, region: str = "华东") -> int:
        """Register a customer as the writer does, beside what is decided about relations."""
        number = self.customers.count() + 1
        said = {"source": "crm", "reference": str(number), "name": name, "traits": {"region": region}}
        position = self.state.position + 1
        self.customers.add(said)
        self.log.append((Drafted(position, number, "CustomerRegistered", said, 0), self.day))
        self.state.stand_at(position)
        self.state.settle()
        return number

    def name_of(self, person: int) -> str | None:
        """What a contact is called, as far as anybody can still tell."""
        found = self.safe.open(person, self.state.contacts[person].sealed)
        return found["name"] if found else None


def hire(office: Files) -> None:
    """Three sellers S-000001 to S-000003 in 华东, and one in 华北."""
    office.do(
        DeclareTeam("sales", "销售部"),
        DeclareTeam("east", "华东组", "sales", "华东"),
        *(enrol(f"e{n}") for n in (1, 2, 3)),
        enrol("n1", region="华北"),
    )


def filed(rules: Rules | None = None) -> Files:
    """An office with staff, and three customers that nobody has: 1 and 2 in 华东, 3 in 华北."""
    office = Files(rules)
    hire(office)
    office.register("振华建设集团有限公司")
    office.register("云岭路桥股份有限公司")
    office.register("滨江置业有限公司", "华北")
    return office

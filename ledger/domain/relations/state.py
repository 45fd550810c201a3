"""Everything the relations of a ledger come to so far, as a fold over events that can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from ledger.domain.relations.dues import DUE
from ledger.domain.relations.journal import Buckets, Counters, Generations, Journal, Rotation, Table
from ledger.domain.relations.lookup import Lookup
from ledger.domain.relations.records import (
    NOBODY,
    NONE,
    Arrived,
    Collision,
    Contact,
    Fields,
    Handed,
    Handover,
    Holding,
    Knowledge,
    Lead,
    Merging,
    Opportunity,
    Profile,
    Project,
    Staff,
    Task,
    Team,
    TurnsHanded,
)
from ledger.domain.settlement.state import Settlement
from ledger.domain.values import customer_id


class Happened(NamedTuple):
    """An event as the fold sees it. `customer` is the number of whose stream it stands in, 0 for the stream `staff`."""

    position: int
    customer: int
    topic: str
    fields: Fields
    day: int
    """The day it was recorded on, in the ledger's time zone: what deadlines count from."""


class Customers(Protocol):
    """The customers of the ledger, as far as relations look at them."""

    def count(self) -> int:
        """How many there are; their numbers are 1 to this."""
        ...

    def traits(self, number: int) -> Mapping[str, str]:
        """industry, region, customer_type, scale of a customer; "" where unknown."""
        ...

    def name(self, number: int) -> str:
        """The registered name of a customer."""
        ...

    def find(self, text: str) -> int:
        """The number of the customer with this id or "source:reference"; 0 where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Fresh:
    """A customer registered in a draft: `customers` does not know it before the draft is appended."""

    source: str
    reference: str
    name: str
    traits: Mapping[str, str]


class Relations:
    """The state after the event at `position`. `apply` is the only thing that changes it; `journal` takes it back,
    unless it `keeps` nothing."""

    def __init__(self, customers: Customers, *, keeps: bool = True) -> None:
        self.customers = customers
        self.journal = journal = Journal(keeps=keeps)
        self.position = 0
        self.fresh: Table[int, Fresh] = Table(journal)
        """Customers registered by the draft under way, by number. See `settle`."""
        self._fresh_found: dict[str, int] = {}
        # staff.py
        self.teams: Table[str, Team] = Table(journal)
        self.staff: Table[int, Staff] = Table(journal)
        self.staff_references: Table[tuple[str, str], int] = Table(journal)
        self.staff_sealed: Table[int, tuple[str, int, str]] = Table(journal)
        """Source, person and sealed name of staff whom their source knows by name only, until they are erased."""
        self.leaving: Table[int, int] = Table(journal)
        """Who leaves the firm, and after which day; until that day is closed."""
        self.people: Table[str, int] = Table(journal)
        """Under "count": how many people have a number."""
        # profile.py
        self.profiles: Table[int, Profile] = Table(journal)
        self.contacts: Table[int, Contact] = Table(journal)
        self.knowledge: Table[int, tuple[Knowledge, ...]] = Table(journal)
        self.region_knowledge: Table[str, tuple[Knowledge, ...]] = Table(journal)
        self.projects: Table[int, Project] = Table(journal)
        self.merged: Table[int, int] = Table(journal)
        """Customers that were found to be another one, and which."""
        self.members: Buckets[int, int] = Buckets(journal)
        """Customers that were found to be this one."""
        self.mergings: Table[int, Merging] = Table(journal)
        """What the finding changed, by the customer that was found to be another."""
        self.credit_codes: Table[str, int] = Table(journal)
        """Whose a credit code is: of the customer that said so last, where two did before they were merged."""
        self.erased: Table[int, int] = Table(journal)
        """People that were erased, and the position of it."""
        # arrivals.py
        self.leads: Table[tuple[str, str], Lead] = Table(journal)
        """By (source, lead)."""
        self.arrived: Table[int, Arrived] = Table(journal)
        """The last lead of each customer."""
        self.collisions: Table[int, Collision] = Table(journal)
        self.disputes: Buckets[int, int] = Buckets(journal)
        """Collisions that wait for a ruling, by customer."""
        # ownership.py
        self.holdings: Table[int, Holding] = Table(journal)
        self.owned = Lookup(self.holdings, attrgetter("owner"), but=0)
        """Customers by owner."""
        self.load = Counters(journal)
        """How many customers each member of staff owns."""
        self.assigned_last = Counters(journal)
        """The position at which each was last assigned a customer; 0 for never."""
        self.rotations: dict[str, Rotation] = {}
        """By what `turn` of CustomerAssigned calls them. See `turn_take`."""
        self.claims: Table[tuple[int, int], int] = Table(journal)
        """By (staff, day): how many customers they claimed."""
        self.claimed: Counters = Counters(journal)
        """How many of the customers that each owns they claimed."""
        self.due: dict[str, Lookup] = {kind: Lookup(self.holdings, day) for kind, day in DUE.items()}
        """Customers by day, of each kind of what is due of them: `dues.py`."""
        self.due_lookups = tuple(self.due.values())
        self.handovers: Table[int, Handover] = Table(journal)
        """By position."""
        self.handed: Table[int, Handed] = Table(journal)
        """Customers that stand as a handover left them."""
        self.turns_handed: Table[int, Mapping[tuple[str | None, int], TurnsHanded]] = Table(journal)
        """By handover: counts that it moved, by (rotation, staff); rotation None is `assigned_last`."""
        self.restoring: Table[int, Holding] = Table(journal)
        """Customers that the event to come gives back as they were."""
        self.days_closed = Counters(journal, NONE)
        """Under 0 the last day that was closed, under 1 the one before it; NONE for none."""
        self.reminded: Table[str, int] = Table(journal)
        """By milestone, as `ReminderDue` calls it: the day that was said of it."""
        self.staff_moved = Generations(journal)
        """Under 0: raised whenever staff or teams change, so that what was worked out from them is worked out again."""
        # work.py
        self.opportunities: Table[int, Opportunity] = Table(journal)
        self.opportunity_references: Table[tuple[str, str], int] = Table(journal)
        """Opportunities by (source, reference)."""
        self.tasks: Table[int, Task] = Table(journal)
        self.opportunities_of: Buckets[int, int] = Buckets(journal)
        """Open opportunities by staff."""
        self.tasks_of: Buckets[int, int] = Buckets(journal)
        """Open tasks by staff that handed them, and, as minus the number, by who has to do them."""
        self.work_due: Buckets[int, tuple[str, int, str]] = Buckets(journal)
        """By day: ("task", number, "") or ("milestone", project, milestone)."""
        self.settlement = Settlement(journal)
        """Payments set off against redemptions: ledger/domain/settlement/."""

    def holding(self, customer: int) -> Holding:
        """Who has a customer; the pool where nobody ever had."""
        return self.holdings.get(customer, NOBODY)

    def standing_for(self, customer: int) -> int:
        """The customer that this one was merged into, itself where it was not."""
        while customer in self.merged:
            customer = self.merged[customer]
        return customer

    def customer_count(self) -> int:
        """How many customers there are, those of the draft under way among them."""
        return self.customers.count() + len(self.fresh)

    def find(self, text: str) -> int:
        """The number of the customer with this id or "source:reference"; 0 where there is none."""
        return self._fresh_found.get(text) or self.customers.find(text)

    def name(self, customer: int) -> str:
        """The registered name of a customer."""
        fresh = self.fresh.get(customer)
        return fresh.name if fresh else self.customers.name(customer)

    def traits(self, customer: int) -> Mapping[str, str]:
        """industry, region, customer_type, scale of a customer; "" where unknown."""
        fresh = self.fresh.get(customer) if self.fresh else None
        return fresh.traits if fresh else self.customers.traits(customer)

    def register(self, customer: int, fresh: Fresh) -> None:
        """Have a customer that a draft registers. Taken back with the draft."""
        texts = (customer_id(customer), f"{fresh.source}:{fresh.reference}")
        self.fresh.put(customer, fresh)
        self._fresh_found.update(dict.fromkeys(texts, customer))

        if self.journal.keeps:
            for text in texts:
                self.journal.note(self._fresh_found.pop, text, None)

    def turn_take(self, staff: int, turn: Sequence[Any]) -> None:
        """Count what a CustomerAssigned says of its rotation: its name, the count and the weight; nothing where it is
        empty."""
        if turn:
            rotation, count, weight = turn
            if rotation not in self.rotations:
                self.rotations[rotation] = Rotation(self.journal)
            self.rotations[rotation].take(staff, count, weight)

    def settle(self) -> None:
        """What was drafted is appended and stays; from here on `customers` knows the new ones."""
        self.journal.commit()
        self.fresh.clear()
        self._fresh_found.clear()

    def apply(self, event: Happened) -> None:
        """Fold an event. Topics that say nothing about relations change nothing."""
        evolve = EVOLVE.get(event.topic)
        if evolve is not None:
            evolve(self, event)
        if self.journal.keeps:
            self.journal.note(setattr, self, "position", self.position)
        self.position = event.position

    def stand_at(self, position: int) -> None:
        """Move to a later position up to which nothing (further) happened to relations."""
        if self.journal.keeps:
            self.journal.note(setattr, self, "position", self.position)
        self.position = position


Evolve = Callable[[Relations, Happened], None]

EVOLVE: dict[str, Evolve] = {}
"""How each topic changes the state; every concern enters its own. They look at the state's tables and the event alone:
while a ledger is loaded, `customers` are already those of a later position."""


def evolves(*topics: str) -> Callable[[Evolve], Evolve]:
    """Enter a function as what folds these topics. ValueError where one is taken."""

    def enter(function: Evolve) -> Evolve:
        for topic in topics:
            if topic in EVOLVE:
                raise ValueError(f"{topic} is folded elsewhere already")
            EVOLVE[topic] = function
        return function

    return enter


def changes_checked(changes: Mapping[str, Any], names: frozenset[str]) -> Mapping[str, Any]:
    """Changes that name known fields only. Raises ValueError: the log holds nothing else."""
    unknown = changes.keys() - names
    if unknown:
        raise ValueError(f"unknown fields: {sorted(unknown)}")
    return changes

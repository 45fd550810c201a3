"""The book: what the log says so far about everything but points and relations, as a pure fold over events in order
of position.

Who the customers are and how sources call them, what fact types and rule sets exist and which were activated,
which days are closed. The writer decides on it, the columns save it, replay reads it. Of events about staff and about
who serves a customer it only counts the versions of their streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ledger.domain.events import (
    STREAM_CALENDAR,
    STREAM_FACT_TYPES,
    STREAM_HONOURS,
    STREAM_LEDGER,
    STREAM_RULEBOOK,
    STREAM_SETTLEMENT,
    STREAM_STAFF,
    STREAM_STOCK,
)
from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.domain.values import customer_number, day_parse, month_first_day, month_last_day, month_of

TRAITS: Final = ("industry", "region", "customer_type", "scale")
NOTHING_CLOSED: Final = -1
STREAMS: Final = (
    STREAM_LEDGER, STREAM_RULEBOOK, STREAM_CALENDAR, STREAM_FACT_TYPES, STREAM_STAFF, STREAM_STOCK, STREAM_SETTLEMENT,
    STREAM_HONOURS,
)  # fmt: skip


@dataclass(slots=True)
class Customer:
    """A customer as the log has it now. `traits` in the order of TRAITS, "" where none is known."""

    number: int
    name: str
    traits: tuple[str, str, str, str]
    version: int
    registered: int
    consents: frozenset[str] = frozenset()


@dataclass(slots=True)
class RuleSetEntry:
    """A proposed rule set and what became of it."""

    rule_set: str
    document: dict[str, Any]
    sha256: str
    proposed_by: str
    proposed: int
    approved_by: str = ""
    approved: int = 0
    run: str | None = None


@dataclass(frozen=True, slots=True)
class ActivationEntry:
    """From which booked day on a rule set decides, and the position of its activation."""

    rule_set: str
    day_from: int
    position: int


class Claims(dict[tuple[str, int], tuple[str, str]]):
    """Customers named by a fact type that may name each once, and the (source, external id) of the fact that does.

    A fact makes one claim at most, and that is found by its fact too.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_fact: dict[tuple[str, str], tuple[str, int]] = {}

    def __setitem__(self, claim: tuple[str, int], fact: tuple[str, str]) -> None:
        if claim in self:
            del self[claim]
        super().__setitem__(claim, fact)
        self._by_fact[fact] = claim

    def __delitem__(self, claim: tuple[str, int]) -> None:
        self._by_fact.pop(self[claim], None)
        super().__delitem__(claim)

    def release(self, fact: tuple[str, str]) -> tuple[str, int] | None:
        """Let go of what a fact claims: that claim, None where it made none."""
        claim = self._by_fact.get(fact)
        if claim is not None:
            del self[claim]
        return claim


@dataclass(slots=True)
class Book:
    """The state after the event at `position`. `apply` is the only thing that changes it."""

    position: int = 0
    ledger: str = ""
    timezone: str = "Asia/Shanghai"
    closed: bool = False
    """The books were closed for good."""
    fact_types: dict[str, FactType] = field(default_factory=dict[str, FactType])
    rule_sets: dict[str, RuleSetEntry] = field(default_factory=dict[str, RuleSetEntry])
    activations: list[ActivationEntry] = field(default_factory=list[ActivationEntry])
    closings: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Month ends that were closed: (position, day)."""
    closed_day: int = NOTHING_CLOSED
    booked_day_min: int = NOTHING_CLOSED
    """The earliest booked day of any fact recorded while no month was closed."""
    customers: list[Customer] = field(default_factory=list[Customer])
    """The n-th customer stands at n - 1."""
    renamed: list[int] = field(default_factory=list[int], compare=False)
    """Customers whose name has changed since this book was made, in order; who follows names reads on from there."""
    references: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    once: Claims = field(default_factory=Claims)
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    """The last version of each stream that is no customer's."""

    @property
    def closed_month(self) -> int:
        """The last closed month, NOTHING_CLOSED where none is."""
        return month_of(self.closings[-1][1]) if self.closings else NOTHING_CLOSED

    def booked_day(self, occurred_day: int) -> int:
        """When a fact is booked: the day it occurred, or the first open day where that month is closed."""
        closed = self.closed_month
        if closed == NOTHING_CLOSED:
            return occurred_day
        return max(occurred_day, month_first_day(closed + 1))

    def customer(self, number: int) -> Customer | None:
        """The customer of a number."""
        return self.customers[number - 1] if 0 < number <= len(self.customers) else None

    def customer_find(self, text: str) -> int:
        """The number of the customer with this id, or with this "source:reference"; 0 where there is none."""
        number = customer_number(text)
        if 0 < number <= len(self.customers):
            return number
        source, colon, reference = text.partition(":")
        return self.references.get((source, reference), 0) if colon else 0

    def version(self, stream: str) -> int:
        """The last version of a stream; 0 where it hasn't begun."""
        number = customer_number(stream)
        if number:
            return self.customers[number - 1].version if number <= len(self.customers) else 0
        return self.versions.get(stream, 0)

    def in_force(self, booked_day: int, through: int | None = None) -> str | None:
        """The rule set that would decide a fact booked on this day, now or when the log ended at position `through`."""
        best: ActivationEntry | None = None
        for entry in self.activations:
            if through is not None and entry.position > through:
                break
            if entry.day_from <= booked_day and (best is None or entry.day_from >= best.day_from):
                best = entry
        return best.rule_set if best else None

    def apply(self, position: int, stream: str, version: int, topic: str, state: Mapping[str, Any]) -> None:
        """Fold the next event of the log."""
        if position != self.position + 1:
            raise ValueError(f"event {position} does not follow {self.position}")
        number = customer_number(stream)
        if topic == "CustomerRegistered":
            self._register(position, number, version, state)
        elif number:
            if number > len(self.customers):
                raise ValueError(f"event {position} is of customer {number}, who was never registered")
            self._customer_event(number, version, topic, state)
        else:
            if stream not in self.versions:
                raise ValueError(f"event {position} is in a stream that no ledger has: {stream}")
            self.versions[stream] = version
            self._general_event(position, topic, state)
        self.position = position

    def apply_general(self, position: int, stream: str, version: int, topic: str, state: Mapping[str, Any]) -> None:
        """Fold an event of one of STREAMS alone, for readers who leave out the customers: then `position` says
        nothing, and where the calendar was left out but for its last day, `closings` are not all there."""
        self.versions[stream] = version
        self._general_event(position, topic, state)

    def _register(self, position: int, number: int, version: int, state: Mapping[str, Any]) -> None:
        if number != len(self.customers) + 1:
            raise ValueError(f"customer {number} registered after {len(self.customers)}")
        traits = state["traits"]
        self.customers.append(
            Customer(number, state["name"], tuple(traits.get(t, "") for t in TRAITS), version, position)  # pyright: ignore[reportArgumentType]
        )
        self.references[(state["source"], state["reference"])] = number

    def _customer_event(self, number: int, version: int, topic: str, state: Mapping[str, Any]) -> None:
        customer = self.customers[number - 1]
        customer.version = version
        if topic == "FactRecorded":
            self._fact(state)
        elif topic == "CustomerChanged":
            if state["name"] is not None:
                customer.name = state["name"]
                self.renamed.append(number)
            changed = state["traits"]
            customer.traits = tuple(  # pyright: ignore[reportAttributeAccessIssue]
                changed.get(t, old) for t, old in zip(TRAITS, customer.traits, strict=True)
            )
        elif topic == "ConsentGiven":
            customer.consents |= {state["purpose"]}
        elif topic == "ConsentWithdrawn":
            customer.consents -= {state["purpose"]}

    def _fact(self, state: Mapping[str, Any]) -> None:
        if not self.closings:
            day = day_parse(state["booked_on"])
            if self.booked_day_min == NOTHING_CLOSED or day < self.booked_day_min:
                self.booked_day_min = day
        key = (state["source"], state["external_id"])
        if state["version"] > 1:
            self.once.release(key)
        once = self.fact_types[state["fact_type"]].once
        named = state["attributes"].get(once) if once else None
        if named is not None:
            self.once[(state["fact_type"], named)] = key

    def _general_event(self, position: int, topic: str, state: Mapping[str, Any]) -> None:
        if topic == "DayClosed":
            day = day_parse(state["day"])
            self.closed_day = day
            if day == month_last_day(month_of(day)):
                self.closings.append((position, day))
        elif topic == "FactTypeDeclared":
            self.fact_types[state["fact_type"]] = fact_type_parse(state["document"])
        elif topic == "RuleSetProposed":
            self.rule_sets[state["rule_set"]] = RuleSetEntry(
                state["rule_set"], state["document"], state["sha256"], state["actor"], position
            )
        elif topic == "RuleSetApproved":
            entry = self.rule_sets[state["rule_set"]]
            entry.approved_by, entry.approved, entry.run = state["actor"], position, state["run"]
        elif topic == "RuleSetActivated":
            self.activations.append(
                ActivationEntry(state["rule_set"], day_parse(state["effective_from"]), position)
            )
        elif topic == "LedgerOpened":
            self.ledger, self.timezone = state["ledger"], state["timezone"]
        elif topic == "LedgerClosed":
            self.closed = True

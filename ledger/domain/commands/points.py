"""Commands about the books themselves: customers, facts, fact types, rule sets, days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class CustomerReference:
    """How a source names a customer; (source, reference) leads to one customer for ever."""

    source: str
    reference: str


@dataclass(frozen=True, slots=True)
class RegisterCustomer:
    """Register a customer under a source's reference; one already registered there is left as it is.

    `traits` are what rules weigh: industry, region, customer_type, scale.
    """

    source: str
    reference: str
    name: str
    traits: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ChangeCustomer:
    """Change the name or traits of a customer; from then on rules weigh the new ones. An empty trait clears
    it."""

    customer: str
    name: str | None = None
    traits: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class GiveConsent:
    """The customer agrees to a purpose (publication, messages)."""

    customer: str
    purpose: str


@dataclass(frozen=True, slots=True)
class WithdrawConsent:
    """The customer no longer agrees to a purpose."""

    customer: str
    purpose: str


@dataclass(slots=True)
class RecordFact:
    """Record what happened outside. Not frozen for the reason that requests aren't.

    `customer` is a customer's id, or a `CustomerReference`. With `registration`, a customer unknown under
    that reference is registered first. `occurred` is ISO date or date-time text. `attributes` are raw values:
    decimal text or integers, ISO dates, declared values, booleans, customer ids. The same (source, external
    id) with the same content is a duplicate; with other content a correction; `revert` allows going back to
    an earlier content.
    """

    source: str
    external_id: str
    fact_type: str
    customer: str | CustomerReference
    occurred: str
    attributes: Mapping[str, object]
    registration: RegisterCustomer | None = None
    revert: bool = False


@dataclass(frozen=True, slots=True)
class DeclareFactType:
    """Add a fact type, or new optional attributes and values to one."""

    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ProposeRuleSet:
    """Put a rule set before the others."""

    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApproveRuleSet:
    """Approve a proposed rule set; another person than the proposer does. May name the what-if run it rests
    on."""

    rule_set: str
    run: str | None = None


@dataclass(frozen=True, slots=True)
class ActivateRuleSet:
    """Let an approved rule set decide the facts booked from a date on that are recorded from now on."""

    rule_set: str
    effective_from: str


@dataclass(frozen=True, slots=True)
class CloseDays:
    """Let time pass: close every day through this date (ISO) that isn't closed yet."""

    through: str


@dataclass(frozen=True, slots=True)
class CloseLedger:
    """Close the books for good: from then on every command is refused, everything stays readable."""

    reason: str


PointsCommand: TypeAlias = (
    RegisterCustomer
    | ChangeCustomer
    | GiveConsent
    | WithdrawConsent
    | RecordFact
    | DeclareFactType
    | ProposeRuleSet
    | ApproveRuleSet
    | ActivateRuleSet
    | CloseDays
    | CloseLedger
)

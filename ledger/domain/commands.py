"""Commands: what people and programs ask of the ledger. Each is carried out whole or refused with a
reason."""

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


@dataclass(frozen=True, slots=True)
class RecordFact:
    """Record what happened outside.

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


Command: TypeAlias = (
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


@dataclass(frozen=True, slots=True)
class Request:
    """A command with who asks, and the idempotency key under which its answer is kept.

    `client` and `key` may be empty: then the command itself must be idempotent (facts and registrations are).
    `may_adjust`: whether the actor may move points by hand, and correct where somebody did.
    """

    command: Command
    actor: str
    client: str = ""
    key: str = ""
    may_adjust: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command. `status` is "accepted", "duplicate", "corrected" or "refused".

    A refusal has a code, a reason and the field concerned; all others the position of the log that contains
    them.
    """

    status: str
    position: int = 0
    customer: str = ""
    id: str = ""
    code: str = ""
    reason: str = ""
    field: str = ""
    points: int = 0
    hit: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would come of a command if it were carried out now: the answer, and the events it would append.

    Each event is `{"event": name, "stream": …, "state": …}`; of very many the first are told, while `counts` says how
    many of each name there are in all. Nothing was recorded.
    """

    answer: Answer
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    counts: dict[str, int] = field(default_factory=dict[str, int])

"""What of an event goes on the wire and what stays in the log: decided for every field of every type.

On the wire go our ids, numbers, days, moments, yes or no, and choices. What names or describes a person or a firm, what
somebody typed, and what other systems call things (some call a customer by its name) stays in the log, for whoever may
read it there: see docs/decisions/0027-wire.md.

A new type of event or field must be entered here, or a test fails; so must the schema be published anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ledger.domain.book import TRAITS

LOCATION: Final = ("originator_id", "originator_version")
"""Where an event stands in the log: its stream is in the subject, its version nobody else's business."""
BASE: Final = ("occurred_at", "recorded_at", "cause")
BASE_STAYS: Final = ("actor",)
"""Who did it is a name that a person was given; the log tells whoever may ask."""


class Shape(Protocol):
    """How a field that holds several things goes on the wire: what becomes of its value, and the schema of that."""

    def of(self, value: Any) -> Any:
        """The value as it goes on the wire."""
        ...

    def schema(self) -> dict[str, Any]:
        """What that is, as a JSON Schema."""
        ...


@dataclass(frozen=True)
class Members:
    """An object of which only these members go, each with its JSON Schema; none of them has to be there."""

    members: Mapping[str, Mapping[str, Any]]

    def of(self, value: Any) -> Any:
        """The object with the members that go."""
        return {name: value[name] for name in self.members if name in value}

    def schema(self) -> dict[str, Any]:
        """An object with nothing else in it."""
        properties = {name: dict(schema) for name, schema in self.members.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


@dataclass(frozen=True)
class Each:
    """A list, every entry in a shape of its own."""

    entry: Shape

    def of(self, value: Any) -> Any:
        """The list of the entries as they go."""
        return [self.entry.of(entry) for entry in value]

    def schema(self) -> dict[str, Any]:
        """An array of entries."""
        return {"type": "array", "items": self.entry.schema()}


@dataclass(frozen=True)
class Integers:
    """A fact's attributes: what rules can weigh is recorded as an integer and goes; text is for people and stays."""

    def of(self, value: Any) -> Any:
        """The attributes that are integers."""
        return {name: entry for name, entry in value.items() if isinstance(entry, int)}

    def schema(self) -> dict[str, Any]:
        """An object of integers."""
        return {"type": "object", "additionalProperties": {"type": "integer"}}


@dataclass(frozen=True)
class Named:
    """An object whose members bear names of its own, each in the same shape."""

    entry: Shape

    def of(self, value: Any) -> Any:
        """The object of the entries as they go."""
        return {name: self.entry.of(entry) for name, entry in value.items()}

    def schema(self) -> dict[str, Any]:
        """An object of entries."""
        return {"type": "object", "additionalProperties": self.entry.schema()}


@dataclass(frozen=True)
class FactTypeShape:
    """A fact type's document without its words for people: what is needed to read the integers of its facts.

    The values of a choice become the list of their ids, since their order is their code.
    """

    def of(self, value: Any) -> Any:
        """The document without titles."""
        parts = {name: shape.of(value.get(name, {})) for name, shape in self._parts().items()}
        for attribute in parts["attributes"].values():
            if "values" in attribute:
                attribute["values"] = list(attribute["values"])
        return {"id": value["id"], **parts}

    def schema(self) -> dict[str, Any]:
        """The parts of the document that go."""
        parts = {name: shape.schema() for name, shape in self._parts().items()}
        return {
            "type": "object",
            "properties": {"id": dict(_TEXT), **parts},
            "required": ["id", *parts],
            "additionalProperties": False,
        }

    def _parts(self) -> dict[str, Shape]:
        return {"attributes": Named(Members(_ATTRIBUTE)), "derived": Named(Members(_DERIVED))}


_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_TRUTH: Final = {"type": "boolean"}
_BOUND: Final = {"type": ["integer", "string"]}
_ATTRIBUTE: Final = {
    "type": {"enum": ["number", "date", "enum", "boolean", "text", "customer"]},
    "unit": _TEXT,
    "places": _NUMBER,
    "min": _BOUND,
    "max": _BOUND,
    "values": {"type": "array", "items": _TEXT},
    "length_max": _NUMBER,
    "role": _TEXT,
    "once": _TRUTH,
    "required": _TRUTH,
}
_DERIVED: Final = {"days_from": _TEXT, "days_to": _TEXT, "max": _NUMBER}
_TRAITS: Final = Members(dict.fromkeys(TRAITS, _TEXT))


@dataclass(frozen=True)
class Wire:
    """The decision on a type of event, beyond what all events carry: fields that go as they are, fields that go in
    another shape, fields that stay in the log."""

    goes: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    shaped: Mapping[str, Shape] = field(default_factory=dict[str, Shape])


def _wire(goes: str = "", *, stays: str = "", **shaped: Shape) -> Wire:
    return Wire(tuple(goes.split()), tuple(stays.split()), shaped)


_POINTS: Final = "booked_on redemption points lots debt balance available"
_STAGED: Final = {"stage": _TEXT, "amount": _NUMBER, "probability_percent": _NUMBER, "expected_on": _TEXT}
_PLACE: Final = {"rank": _NUMBER, "customer": _TEXT, "points": _NUMBER, "tied": _TRUTH}

WIRE: Final[dict[str, Wire]] = {
    # The books themselves. Rule sets are read over HTTP by their id: `sha256` says whether it is the same.
    "LedgerOpened": _wire("ledger timezone"),
    "LedgerClosed": _wire(stays="reason"),
    "FactTypeDeclared": _wire("fact_type", document=FactTypeShape()),
    "RuleSetProposed": _wire("rule_set sha256", stays="document"),
    "RuleSetApproved": _wire("rule_set run"),
    "RuleSetActivated": _wire("rule_set effective_from"),
    "CustomerRegistered": _wire("source", stays="reference name", traits=_TRAITS),
    "CustomerChanged": _wire(stays="name", traits=_TRAITS),
    "ConsentGiven": _wire("purpose"),
    "ConsentWithdrawn": _wire("purpose"),
    "FactRecorded": _wire(
        "fact_type source occurred_on booked_on version corrects", stays="external_id", attributes=Integers()
    ),
    "DayClosed": _wire("day"),
    # Points and standing.
    "PointsGranted": _wire("rule rule_set points balance booked_on expires_on debt_paid cut_by arithmetic"),
    "PointsDeducted": _wire("rule rule_set points balance booked_on debt lots cut_by arithmetic"),
    "PointsReversed": _wire("rule rule_set points balance booked_on reverses debt lots"),
    "PointsExpired": _wire("points balance expired_on"),
    "TierChanged": _wire("tier_before tier counted rule_set balance"),
    "TagsChanged": _wire("added removed rule_set balance"),
    "GradeChanged": _wire("grade_before grade rule_set balance"),
    # Redemption. `reference` and `project` are whatever somebody calls a payment, an invoice, a project.
    "StockMoved": _wire("offer variant quantity", stays="reference reason"),
    "RedemptionReserved": _wire(
        "booked_on redemption offer kind variant quantity points money rule_set held_until", stays="reference project"
    ),
    "RedemptionCommitted": _wire(
        "booked_on redemption reserved part before points quantity money valid_until", stays="reference"
    ),
    "RedemptionVoided": _wire("booked_on redemption reserved before points quantity", stays="reason"),
    "RedemptionLapsed": _wire("booked_on redemption reserved before points quantity"),
    "RedemptionReversed": _wire("booked_on redemption committed part before points quantity money", stays="reason"),
    "EntitlementUsed": _wire("booked_on entitlement stage rule_set", stays="reference"),
    "PointsHeld": _wire(_POINTS),
    "PointsFreed": _wire(_POINTS),
    "PointsRedeemed": _wire(f"{_POINTS} part"),
    "PointsReturned": _wire("booked_on redemption part points lots debt_paid balance available"),
    # Settlement. `proposed_by` is an actor; the evidence compares what people wrote; payments, and items that are some,
    # are named as other systems name them.
    "SettlementMatched": _wire(
        "settlement redemptions rule score period", stays="payments proposed_by evidence"
    ),
    "SettlementProposed": _wire("settlement redemptions", stays="payments proposed_by reason"),
    "SettlementDeclined": _wire("settlement", stays="reason"),
    "SettlementUndone": _wire("settlement period", stays="reason"),
    "RulingProposed": _wire("ruling outcome amount", stays="item proposed_by reason"),
    "RulingDeclined": _wire("ruling", stays="reason"),
    "OpenItemRuled": _wire("ruling outcome amount period", stays="item proposed_by reason"),
    "RulingUndone": _wire("ruling period", stays="reason"),
    "PeriodSignedOff": _wire("period through sha256 redeemed settled open"),
    "HonoursAwarded": _wire("year measure through", places=Each(Members(_PLACE))),
    # Staff and teams. What somebody is good at, and what another system knows them by, is about them.
    "TeamDeclared": _wire("team parent region", stays="name kind"),
    "StaffEnrolled": _wire(
        "staff person source team role region capacity joined_on", stays="sealed reference skills experience_years"
    ),
    "StaffChanged": _wire(
        "staff", changes=Members({"team": _TEXT, "role": _TEXT, "region": _TEXT, "capacity": _NUMBER})
    ),
    "StaffAbsent": _wire("staff first_day last_day"),
    "StaffLeft": _wire("staff last_day"),
    "StaffAbsenceCancelled": _wire("staff first_day"),
    "StaffStayed": _wire("staff"),
    # The customer: profile, people, projects. A credit code names a firm as its name does.
    "ProfileChanged": _wire(stays="changes"),
    "ContactRecorded": _wire("person", stays="sealed position decides"),
    "KnowledgeRecorded": _wire("person", stays="kind value text sealed"),
    "RegionKnowledgeRecorded": _wire("region", stays="kind value text"),
    "PersonErased": _wire("person", stays="reason"),
    "ProjectRecorded": _wire("project region amount site_team", stays="name stage parties"),
    "MilestoneSet": _wire("project milestone due_on reached_on", stays="name"),
    "CustomersMerged": _wire("merged", stays="reason"),
    "CustomersUnmerged": _wire("merged undoes", stays="reason"),
    # Who serves whom. Why others were passed over is said about them.
    "LeadArrived": _wire("source staff amount is_new matched matches", stays="lead channel project needs"),
    "AssignmentAsked": _wire(),
    "CustomerClaimed": _wire("staff"),
    "CustomerReleased": _wire("staff", stays="reason"),
    "CustomerReassigned": _wire("staff", stays="reason"),
    "CollaboratorAdded": _wire("staff"),
    "CollaboratorRemoved": _wire("staff"),
    "NurtureBegun": _wire("rhythm_days", stays="reason"),
    "NurtureEnded": _wire(stays="reason"),
    "PortfolioHandedOver": _wire("staff to kind", stays="reason"),
    "HandoverUndone": _wire("staff undoes", stays="reason"),
    "CollisionRuled": _wire("collision owner", stays="reason"),
    "CustomerAssigned": _wire(
        "staff team why rule rule_set score protected_until due_on", stays="candidates turn tried"
    ),
    "CustomerPooled": _wire("staff why rule rule_set", stays="candidates tried"),
    "CollisionFound": _wire("collision holder asker certainty matched matches", stays="project"),
    "CollisionSettled": _wire("collision owner rule_set"),
    "ReminderDue": _wire("kind staff about due_on"),
    # The work.
    "FollowUpRecorded": _wire(
        "staff next_due_on next_step_done outcome opportunity satisfaction", stays="channel said next_step"
    ),
    "OpportunityOpened": _wire(
        "opportunity staff project stage amount probability_percent expected_on source", stays="reference name channel"
    ),
    "OpportunityChanged": _wire("opportunity", stays="reason", changes=Members(_STAGED)),
    "OpportunityReassigned": _wire("opportunity staff"),
    "TaskHanded": _wire("task staff department to due_on opportunity", stays="title"),
    "TaskMoved": _wire("task state staff progress_percent", stays="note"),
    "TaskReassigned": _wire("task staff to"),
}


def body_of(topic: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event (as of the current version of its class) that go on the wire. KeyError for an unknown
    name."""
    wire, names = WIRE[topic], _NAMES[topic]
    body = {name: state[name] for name in names if name in state}
    for name, shape in wire.shaped.items():
        body[name] = shape.of(state[name])
    return body


_NAMES: Final[dict[str, tuple[str, ...]]] = {topic: (*BASE, *wire.goes) for topic, wire in WIRE.items()}

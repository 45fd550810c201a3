"""One fact as JSON, as the API takes it and files of lines hold it, and the request it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from ledger.domain.book import TRAITS
from ledger.domain.commands import CustomerReference, RecordFact, RegisterCustomer, Request
from ledger.domain.errors import Refused
from ledger.domain.fact_types import FactType

_REQUIRED: Final = ("customer", "external_id", "fact_type", "occurred_at", "source")
"""In the order in which the first that is missing is told."""
_MEMBERS: Final = frozenset({*_REQUIRED, "attributes", "registration", "revert", "key"})
_REFERENCE_REQUIRED: Final = ("reference", "source")
_REFERENCE_MEMBERS: Final = frozenset(_REFERENCE_REQUIRED)
_REGISTRATION_REQUIRED: Final = ("name", "reference", "source")
_REGISTRATION_MEMBERS: Final = frozenset({"source", "reference", "name", "traits"})
FACT_NAMES: Final = _MEMBERS | _REFERENCE_MEMBERS | _REGISTRATION_MEMBERS | frozenset(TRAITS)
"""All names in a fact's JSON but those of its attributes."""


def request_of_document(document: Any, *, actor: str, client: str, may_adjust: bool = True) -> Request:
    """The request that a fact's JSON object asks for.

    Members: source, external_id, fact_type, customer (an id, or {source, reference}), occurred_at (a date or a
    date-time), and optionally attributes, registration ({source, reference, name, traits}), revert and key (the
    idempotency key). Raises Refused, naming the member, for anything else; what the members hold is checked by the
    writer.
    """
    found = _object(document, "body", _MEMBERS, _REQUIRED)
    customer = found["customer"]
    if isinstance(customer, dict):
        named = _object(cast(object, customer), "customer", _REFERENCE_MEMBERS, _REFERENCE_REQUIRED)
        customer = CustomerReference(_text(named, "source", "customer.source"), _text(named, "reference", "customer.reference"))
    elif not isinstance(customer, str):
        raise Refused("FACT_INVALID", "customer is neither an id nor {source, reference}", "customer")
    attributes = found.get("attributes", {})
    if not isinstance(attributes, dict):
        raise Refused("FACT_INVALID", "attributes are no object", "attributes")
    revert = found.get("revert", False)
    if not isinstance(revert, bool):
        raise Refused("FACT_INVALID", "revert is neither true nor false", "revert")
    registration = found.get("registration")
    command = RecordFact(
        source=_text(found, "source"),
        external_id=_text(found, "external_id"),
        fact_type=_text(found, "fact_type"),
        customer=customer,
        occurred=_text(found, "occurred_at"),
        attributes=cast("dict[str, object]", attributes),
        registration=None if registration is None else registration_of_document(registration, "registration"),
        revert=revert,
    )
    key = _text(found, "key") if found.get("key") is not None else ""
    return Request(command, actor, client if key else "", key, may_adjust)


def fact_names(fact_types: Mapping[str, FactType]) -> frozenset[str]:
    """All names in the JSON of facts of these types."""
    return FACT_NAMES.union(*(fact_type.attributes for fact_type in fact_types.values()))


def field_of_fact(field: str) -> str:
    """What a field of a fact's command is called in its JSON."""
    return "occurred_at" if field == "occurred" else field


def registration_of_document(document: Any, place: str) -> RegisterCustomer:
    """The registration in {source, reference, name, traits}. Raises Refused."""
    found = _object(document, place, _REGISTRATION_MEMBERS, _REGISTRATION_REQUIRED)
    traits: object = found.get("traits", {})
    if not isinstance(traits, dict) or not all(isinstance(v, str) for v in cast("dict[str, object]", traits).values()):
        raise Refused("CUSTOMER_INVALID", "traits are no object of texts", f"{place}.traits")
    return RegisterCustomer(
        _text(found, "source", f"{place}.source"),
        _text(found, "reference", f"{place}.reference"),
        _text(found, "name", f"{place}.name"),
        cast("dict[str, str]", traits),
    )


def _object(
    raw: object, place: str, members: frozenset[str], required: tuple[str, ...]
) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise Refused("FACT_INVALID", "is no JSON object", place)
    found = cast("dict[str, Any]", raw)
    for name in required:
        if found.get(name) is None:
            raise Refused("FACT_INVALID", f"{name} is missing", name if place == "body" else f"{place}.{name}")
    if not members.issuperset(found):
        # The unknown name itself is not repeated: it may be anything.
        raise Refused("FACT_INVALID", f"has a member other than {', '.join(sorted(members))}", place)
    return found


def _text(found: Mapping[str, Any], name: str, place: str = "") -> str:
    value = found[name]
    if not isinstance(value, str):
        raise Refused("FACT_INVALID", f"{name} is not text", place or name)
    return value

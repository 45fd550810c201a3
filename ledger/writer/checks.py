"""What a request must be before anything is decided: a known command of plain text and plain data.

These refusals depend on nothing in the ledger, so they come again however often a request is repeated, and are not
kept under its key. Only the name of an attribute is looked up there, so as to name none that isn't declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, cast

from pydantic import BaseModel

from ledger.domain.commands import (
    DESK_COMMANDS,
    REDEMPTION_COMMANDS,
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    ChangeCustomer,
    CloseDays,
    CloseLedger,
    CustomerReference,
    DeclareFactType,
    GiveConsent,
    ProposeRuleSet,
    RecordFact,
    RegisterCustomer,
    Request,
    WithdrawConsent,
)
from ledger.domain.errors import Refused
from ledger.domain.fact_types import FactType
from ledger.domain.forms import names_known
from ledger.domain.values import INTEGER_MAX, text_checked
from ledger.rules.document import RuleSet
from ledger.writer.forms import command_check, text_check

ACTOR_LENGTH_MAX: Final = 200
ATTRIBUTES_MAX: Final = 100
DOCUMENT_DEPTH_MAX: Final = 40
DOCUMENT_VALUES_MAX: Final = 100_000
_EXPONENT_MAX: Final = 60
_PLAIN_LENGTH_MAX: Final = 200


def request_refusal(request: Request, fact_types: Mapping[str, FactType] | None = None) -> Answer | None:
    """The refusal of a request that is no request; None where it can be decided. Attributes of these fact types are told
    by their names, others by their number."""
    try:
        _request_check(request, fact_types or {})
    except Refused as refusal:
        return Answer("refused", code=refusal.code, reason=refusal.reason, field=refusal.field)
    return None


def _request_check(request: Request, fact_types: Mapping[str, FactType]) -> None:
    _actor_check(request.actor)
    if request.key != "" or request.client != "":
        text_check(request.client, "client", "KEY_INVALID", ACTOR_LENGTH_MAX)
        text_check(request.key, "key", "KEY_INVALID", ACTOR_LENGTH_MAX)
    if isinstance(request.command, RecordFact):
        _fact(request.command, fact_types)
        return
    check = _CHECKS.get(type(request.command))
    if check is None:
        raise Refused("COMMAND_UNKNOWN", "there is no such command", "command")
    check(request.command)


def _actor_check(actor: object) -> None:
    try:
        if text_checked(actor, ACTOR_LENGTH_MAX) != actor:
            raise ValueError("begins or ends with a space")
    except ValueError as error:
        raise Refused("ACTOR_INVALID", f"actor {error}", "actor") from None


def _register(command: RegisterCustomer) -> None:
    for name in ("source", "reference", "name"):
        text_check(getattr(command, name), name)
    _traits(command.traits)


def _change(command: ChangeCustomer) -> None:
    text_check(command.customer, "customer")
    if command.name is not None:
        text_check(command.name, "name")
    _traits(command.traits)


def _consent(command: GiveConsent | WithdrawConsent) -> None:
    text_check(command.customer, "customer")
    text_check(command.purpose, "purpose")


def _fact_plain(command: RecordFact) -> bool:
    """Whether this is surely a sound fact: short printable texts and whole numbers, as nearly all are. Whatever else
    it may be is looked at piece by piece."""
    if command.registration is not None or command.revert is not False or type(command.attributes) is not dict:
        return False
    attributes = cast(dict[Any, Any], command.attributes)
    for text in (command.source, command.external_id, command.fact_type, command.occurred, command.customer):
        if type(text) is not str or len(text) > _PLAIN_LENGTH_MAX or not text.isprintable():
            return False
    if len(attributes) > ATTRIBUTES_MAX:
        return False
    for name, value in attributes.items():
        if type(name) is not str or not name or len(name) > 64 or not name.isprintable():
            return False
        if type(value) is str:
            if len(value) > _PLAIN_LENGTH_MAX or not value.isprintable():
                return False
        elif type(value) is not int or not -INTEGER_MAX <= value <= INTEGER_MAX:
            return False
    return True


def _fact(command: RecordFact, fact_types: Mapping[str, FactType]) -> None:
    if _fact_plain(command):
        return
    text_check(command.source, "source")
    text_check(command.external_id, "external_id")
    text_check(command.fact_type, "fact_type")
    text_check(command.occurred, "occurred", "FACT_INVALID")
    customer: object = command.customer
    if isinstance(customer, CustomerReference):
        text_check(customer.source, "customer")
        text_check(customer.reference, "customer")
    else:
        text_check(customer, "customer")
    registration: object = command.registration
    if isinstance(registration, RegisterCustomer):
        _register(registration)
    elif registration is not None:
        raise Refused("FACT_INVALID", "registration is no registration of a customer", "registration")
    if not isinstance(cast(object, command.revert), bool):
        raise Refused("FACT_INVALID", "revert is neither true nor false", "revert")
    fact_type = fact_types.get(command.fact_type)
    _attributes(command.attributes, frozenset(fact_type.attributes if fact_type is not None else ()))


def _attributes(raw: object, known: frozenset[str]) -> None:
    if not isinstance(raw, dict):
        raise Refused("FACT_INVALID", "attributes are no mapping of names to values", "attributes")
    attributes = cast(dict[Any, Any], raw)
    if len(attributes) > ATTRIBUTES_MAX:
        raise Refused("FACT_INVALID", f"attributes are more than {ATTRIBUTES_MAX}", "attributes")
    for i, (name, value) in enumerate(attributes.items()):
        if not isinstance(name, str) or not name or not name.isprintable() or len(name) > 64:
            raise Refused("FACT_INVALID", "attributes have a name that no attribute can have", "attributes")
        # By its number where the fact type has no such attribute: the name itself may be anything.
        place = f"attributes.{name if name in known else i}"
        if isinstance(value, str):
            text_check(value, place, "FACT_INVALID")
        elif isinstance(value, int):
            if abs(value) > INTEGER_MAX:
                raise Refused("FACT_INVALID", f"{place} does not fit 64 bits", place)
        elif isinstance(value, float):
            raise Refused(
                "FACT_INVALID", f"{place} is not a number written as an integer or as decimal text", place
            )
        elif isinstance(value, Decimal):
            if not value.is_finite() or abs(value.adjusted()) > _EXPONENT_MAX:
                raise Refused("FACT_INVALID", f"{place} is not a plain decimal number", place)
        elif value is not None and not isinstance(value, date):
            raise Refused("FACT_INVALID", f"{place} is no plain value", place)


def _traits(raw: object) -> None:
    if not isinstance(raw, dict):
        raise Refused("TRAIT_INVALID", "traits are no mapping of names to text", "traits")
    traits = cast(dict[Any, Any], raw)
    for name, value in traits.items():
        text_check(name, "traits", "TRAIT_INVALID", 64)
        if value is not None:
            text_check(value, "traits", "TRAIT_INVALID")


def _document_of(command: DeclareFactType | ProposeRuleSet) -> None:
    document: object = command.document
    if not isinstance(document, dict):
        raise Refused("DOCUMENT_INVALID", "document is no mapping", "document")
    _document(cast(dict[Any, Any], document), names_known(_FORMS[type(command)]))


def _document(document: Mapping[Any, Any], known: frozenset[str]) -> None:
    """Plain data: names, text, whole numbers, yes and no, lists and mappings of these. Raises Refused, which tells
    places by the names that are known."""
    waiting: list[tuple[str, object, int]] = [("document", document, 0)]
    count = 1
    while waiting:
        place, value, depth = waiting.pop()
        if isinstance(value, dict | list):
            count += len(cast(list[Any], value))
        if depth > DOCUMENT_DEPTH_MAX or count > DOCUMENT_VALUES_MAX:
            raise Refused("DOCUMENT_INVALID", "document is too deep or too large", "document")
        if isinstance(value, dict):
            for i, (name, part) in enumerate(cast(dict[Any, Any], value).items()):
                if not isinstance(name, str) or not name.isprintable():
                    raise Refused("DOCUMENT_INVALID", f"{place} has a name that is no plain text", place)
                waiting.append((name if name in known else f"{place}.{i}", part, depth + 1))
        elif isinstance(value, list):
            waiting += [(place, part, depth + 1) for part in cast(list[Any], value)]
        elif isinstance(value, str):
            text_check(value, place, "DOCUMENT_INVALID")
        elif isinstance(value, int):
            if abs(value) > INTEGER_MAX:
                raise Refused("DOCUMENT_INVALID", f"{place} does not fit 64 bits", place)
        elif value is not None:
            raise Refused("DOCUMENT_INVALID", f"{place} is no text, whole number, list or mapping", place)


def _approve(command: ApproveRuleSet) -> None:
    text_check(command.rule_set, "rule_set")
    if command.run is not None:
        text_check(command.run, "run")


def _activate(command: ActivateRuleSet) -> None:
    text_check(command.rule_set, "rule_set")
    text_check(command.effective_from, "effective_from", "DATE_INVALID")


def _close(command: CloseDays) -> None:
    text_check(command.through, "through", "DATE_INVALID")


def _close_ledger(command: CloseLedger) -> None:
    text_check(command.reason, "reason", "REASON_MISSING", 1_000)


_FORMS: Final[Mapping[type, type[BaseModel]]] = {DeclareFactType: FactType, ProposeRuleSet: RuleSet}
_CHECKS: Final[Mapping[type, Callable[[Any], None]]] = {
    RegisterCustomer: _register,
    ChangeCustomer: _change,
    GiveConsent: _consent,
    WithdrawConsent: _consent,
    DeclareFactType: _document_of,
    ProposeRuleSet: _document_of,
    ApproveRuleSet: _approve,
    ActivateRuleSet: _activate,
    CloseDays: _close,
    CloseLedger: _close_ledger,
    **dict.fromkeys((*DESK_COMMANDS, *REDEMPTION_COMMANDS), command_check),
}

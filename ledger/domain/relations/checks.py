"""What commands say, checked: text, days, amounts, numbers, and who is named. Each raises Refused, and never echoes."""

from __future__ import annotations

from typing import Final

from ledger.domain.errors import Refused
from ledger.domain.relations.drafts import Draft
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.relations.names import phone_number
from ledger.domain.relations.records import NONE, Staff
from ledger.domain.relations.state import Relations
from ledger.domain.values import day_parse, scaled_parse, text_checked

AMOUNT_MAX: Final = 10**15
"""In fen: ten trillion CNY, far beyond any contract, and thousands of them still add up in 64 bits."""


def text_required(raw: object, length_max: int, field: str) -> str:
    """Text that must be there, stripped."""
    try:
        return text_checked(raw, length_max)
    except ValueError as error:
        raise Refused("TEXT_INVALID", f"{field} {error}", field) from None


def text_optional(raw: object, length_max: int, field: str) -> str:
    """Text, stripped; "" where there is none."""
    return "" if isinstance(raw, str) and not raw.strip() else text_required(raw, length_max, field)


def phone_checked(raw: object, length_max: int) -> str:
    """A phone number as it was typed; "" where there is none."""
    phone = text_optional(raw, length_max, "phone")
    if phone and not phone_number(phone):
        raise Refused("PERSON_PHONE_INVALID", "phone must have 7 to 15 digits", "phone")
    return phone


def day_required(raw: object, field: str) -> int:
    """The number of a day that must be there."""
    try:
        return day_parse(raw)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"{field} {error}", field) from None


def day_optional(raw: object, field: str) -> int:
    """The number of a day; NONE for ""."""
    return NONE if raw == "" else day_required(raw, field)


def amount_checked(raw: object, field: str) -> int:
    """An amount of CNY in fen, from 0 to AMOUNT_MAX."""
    try:
        amount = scaled_parse(raw, 2)
    except ValueError as error:
        raise Refused("AMOUNT_INVALID", f"{field} {error}", field) from None
    if not 0 <= amount <= AMOUNT_MAX:
        raise Refused("AMOUNT_INVALID", f"{field} must lie between 0 and {AMOUNT_MAX // 100} CNY", field)
    return amount


def number_checked(raw: object, least: int, most: int, field: str) -> int:
    """A whole number within bounds."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not least <= raw <= most:
        raise Refused("NUMBER_INVALID", f"{field} must be a whole number from {least} to {most}", field)
    return raw


def customer_named(state: Relations, text: str, field: str = "customer") -> int:
    """The customer with this id or "source:reference": of one merged into another, the other."""
    number = state.find(text)
    if not number:
        raise Refused("CUSTOMER_UNKNOWN", "no customer has this id; register the customer first", field)
    return state.standing_for(number)


def staff_named(state: Relations, text: str, field: str = "staff") -> Staff:
    """The member of staff with this id."""
    staff = state.staff.get(staff_number(text))
    if staff is None:
        raise Refused("STAFF_UNKNOWN", "nobody has this id; enrol them first", field)
    return staff


def staff_known(draft: Draft, source: str, known_as: str) -> int:
    """Who was enrolled from a source under this reference, or without one under this name; 0 for nobody."""
    matcher = draft.context.matcher
    found = draft.state.staff_references.get((source, known_as), 0)
    return found or (matcher.staff_named(source, known_as) if matcher is not None else 0)


def staff_here(draft: Draft, text: str, field: str = "staff") -> Staff:
    """The member of staff with this id, or "source:reference" or "source:name", who belongs to the firm today."""
    source, colon, known_as = text.partition(":")
    number = staff_known(draft, source, known_as) if colon else 0
    staff = staff_named(draft.state, staff_id(number) if number else text, field)
    if not staff.is_here(draft.context.day):
        raise Refused("STAFF_NOT_HERE", "does not belong to the firm today; name somebody who does", field)
    return staff

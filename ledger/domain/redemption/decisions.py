"""How each command about redemptions is decided: the input it comes to, or a refusal that says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.commands.redemption import (
    CommitRedemption,
    MoveStock,
    RedemptionCommand,
    ReserveRedemption,
    ReverseRedemption,
    UseEntitlement,
    VoidRedemption,
)
from ledger.domain.errors import Refused
from ledger.domain.redemption.obstacles import Obstructed
from ledger.domain.redemption.quoting import (
    QUANTITY_MAX,
    Asked,
    offer_named,
    points_wanted,
    quote,
    valid_until,
    variant_check,
)
from ledger.domain.redemption.state import Redemption, Redemptions, redemption_id
from ledger.domain.redemption.terms import GIFT, OFFSET, STAGES, WINDOW_WORDS, Holder, Terms, share
from ledger.domain.values import day_parse, day_text, points_text, text_checked

REFERENCE_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at beside the state. `today` is in the ledger's time zone; `booked` gives the day a day
    is booked at; `terms` those in force on a booked day; `customer` the number of a customer named in words, 0 for
    none; `holder` where a customer stands for a booked day."""

    today: int
    booked: Callable[[int], int]
    terms: Callable[[int], Terms]
    customer: Callable[[str], int]
    holder: Callable[[int, int], Holder]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An input that was decided: the customer in whose stream it stands (0: the stream `stock`), its name and fields,
    and the day it happened on. `id` names what it is about."""

    topic: str
    customer: int
    fields: Mapping[str, Any]
    day: int
    id: str


def decide(state: Redemptions, context: Context, command: RedemptionCommand) -> Ordered:
    """The input that a command comes to in this state. Raises Refused."""
    if isinstance(command, ReserveRedemption):
        return _reserve(state, context, command)
    if isinstance(command, CommitRedemption):
        return _commit(state, context, command)
    if isinstance(command, VoidRedemption):
        return _void(state, context, command)
    if isinstance(command, ReverseRedemption):
        return _reverse(state, context, command)
    if isinstance(command, MoveStock):
        return _stock(state, context, command)
    return _use(state, context, command)


def overdue(state: Redemptions, context: Context, command: RedemptionCommand) -> list[Redemption]:
    """The holds that were over before the day of a command and would stand in its way, in order of number: for a
    reservation those of the customer and those of the offer, for a count of stock those of the offer. They are to lapse
    before the command is decided, whether or not their day was closed. Raises Refused for a day that can't be."""
    if isinstance(command, ReserveRedemption):
        day, customer = context.booked(_day(context, command.occurred_on)), context.customer(command.customer)
    elif isinstance(command, MoveStock) and command.quantity < 0:
        day, customer = context.today, 0
    else:
        return []
    return [r for r in state.due_by(day - 1) if r.customer == customer or r.offer == command.offer]


def lapse(redemption: Redemption, booked: int) -> Mapping[str, Any]:
    """The fields of RedemptionLapsed."""
    return {
        "booked_on": day_text(booked),
        "redemption": redemption_id(redemption.number),
        "reserved": redemption.position,
        "before": redemption.spent + redemption.freed,
        "points": redemption.held,
        "quantity": redemption.quantity_held,
    }


def _reserve(state: Redemptions, context: Context, command: ReserveRedemption) -> Ordered:
    day = _day(context, command.occurred_on)
    booked = context.booked(day)
    customer = customer_named(context, command.customer)
    reference = _text(command.reference, REFERENCE_LENGTH_MAX, "reference")
    project = _text(command.project, REFERENCE_LENGTH_MAX, "project")
    asked = Asked(command.offer, command.variant, command.quantity, command.points)
    found = quote(state, context.terms(booked), asked, customer, context.holder(customer, booked), booked)
    if found.obstacles:
        raise Obstructed(found.obstacles)
    number = len(state.redemptions) + 1
    fields = {
        "booked_on": day_text(booked),
        "redemption": redemption_id(number),
        "offer": found.offer.id,
        "kind": found.offer.kind,
        "variant": found.variant,
        "quantity": found.quantity,
        "points": found.points,
        "money": found.money,
        "rule_set": found.rule_set,
        "held_until": day_text(found.held_until),
        "reference": reference,
        "project": project,
    }
    return Ordered("RedemptionReserved", customer, fields, day, redemption_id(number))


def _commit(state: Redemptions, context: Context, command: CommitRedemption) -> Ordered:
    day = _day(context, command.occurred_on)
    redemption = _named(state, command.redemption)
    if not redemption.held:
        raise Refused("HOLD_OVER", f"nothing is held any more: {_ended(redemption)}", "redemption")
    _after(context, redemption, day)
    if day > redemption.held_until:
        reason = f"points were held until {day_text(redemption.held_until)}; reserve again"
        raise Refused("HOLD_OVER", reason, "redemption")
    points, quantity = _part(
        redemption, redemption.held, redemption.quantity_held, command.points, command.quantity, "held"
    )  # fmt: skip
    before, spent = redemption.spent + redemption.freed, redemption.spent
    total = redemption.money, redemption.points
    money = share(*total, spent + points) - share(*total, spent)
    booked = context.booked(day)
    offer = context.terms(booked).offers.get(redemption.offer)
    fields = {
        "booked_on": day_text(booked),
        "redemption": redemption_id(redemption.number),
        "reserved": redemption.position,
        "part": len(redemption.parts) + 1,
        "before": before,
        "points": points,
        "quantity": quantity,
        "money": money,
        "reference": _text(command.reference, REFERENCE_LENGTH_MAX, "reference"),
        "valid_until": valid_until(offer, booked),
    }
    return Ordered("RedemptionCommitted", redemption.customer, fields, day, redemption_id(redemption.number))


def _void(state: Redemptions, context: Context, command: VoidRedemption) -> Ordered:
    day = _day(context, command.occurred_on)
    redemption = _named(state, command.redemption)
    reason = _reason(command.reason)
    if not redemption.held:
        raise Refused("HOLD_OVER", f"nothing is held any more: {_ended(redemption)}", "redemption")
    _after(context, redemption, day)
    fields = {**lapse(redemption, context.booked(day)), "reason": reason}
    return Ordered("RedemptionVoided", redemption.customer, fields, day, redemption_id(redemption.number))


def _reverse(state: Redemptions, context: Context, command: ReverseRedemption) -> Ordered:
    day = _day(context, command.occurred_on)
    redemption = _named(state, command.redemption)
    reason = _reason(command.reason)
    count = len(redemption.parts)
    if not count:
        raise Refused("PART_UNKNOWN", "nothing of it was committed; void it instead", "redemption")
    number = command.part or (1 if count == 1 else 0)
    if not 1 <= number <= count:
        raise Refused("PART_UNKNOWN", f"say which of its {count} parts: 1 to {count}", "part")
    part = redemption.parts[number - 1]
    left, quantity_left = part.points - part.returned, part.quantity - part.quantity_returned
    if not left:
        raise Refused("PART_REVERSED", "this part was taken back already", "part")
    if context.booked(day) < part.booked_day:
        raise Refused("DATE_INVALID", f"this part was committed on {day_text(part.booked_day)}", "occurred_on")
    points, quantity = _part(redemption, left, quantity_left, command.points, command.quantity, "left of this part")
    money = share(part.money, part.points, part.returned + points) - share(part.money, part.points, part.returned)
    fields = {
        "booked_on": day_text(context.booked(day)),
        "redemption": redemption_id(redemption.number),
        "committed": part.position,
        "part": number,
        "before": part.returned,
        "points": points,
        "quantity": quantity,
        "money": money,
        "reason": reason,
    }
    return Ordered("RedemptionReversed", redemption.customer, fields, day, redemption_id(redemption.number))


def _stock(state: Redemptions, context: Context, command: MoveStock) -> Ordered:
    offer = offer_named(context.terms(context.booked(context.today)), command.offer)
    if offer.kind != GIFT:
        raise Refused("OFFER_UNCOUNTED", "only gifts have a stock", "offer")
    variant_check(offer, command.variant)
    if not command.quantity or abs(command.quantity) > QUANTITY_MAX:
        reason = f"quantity must lie between -{QUANTITY_MAX} and {QUANTITY_MAX}, and not be 0"
        raise Refused("NUMBER_INVALID", reason, "quantity")
    free = state.stock_of(offer.id, command.variant).free
    if free + command.quantity < 0:
        reason = f"{free} are in stock and not held; void reservations before you count fewer"
        raise Refused("STOCK_INSUFFICIENT", reason, "quantity")
    fields = {
        "offer": offer.id,
        "variant": command.variant,
        "quantity": command.quantity,
        "reason": _reason(command.reason),
        "reference": _text(command.reference, REFERENCE_LENGTH_MAX, "reference"),
    }
    return Ordered("StockMoved", 0, fields, context.today, offer.id)


def _use(state: Redemptions, context: Context, command: UseEntitlement) -> Ordered:
    day = _day(context, command.occurred_on)
    booked = context.booked(day)
    customer = customer_named(context, command.customer)
    terms = context.terms(booked)
    if command.stage not in STAGES:
        raise Refused("STAGE_UNKNOWN", f"stage is one of {', '.join(STAGES)}", "stage")
    found = next((e for e in terms.entitlements if (e.id, e.stage) == (command.entitlement, command.stage)), None)
    if found is None:
        raise Refused("ENTITLEMENT_UNKNOWN", "the rules in force have no such entitlement at this stage", "entitlement")
    holder = context.holder(customer, booked)
    if not found.holds(holder):
        lacking = "; ".join(words for _, words in found.lacks(holder))
        reason = f"the customer is not entitled to it now: {found.reason[1]}; what doesn't hold: {lacking}"
        raise Refused("ENTITLEMENT_NOT_HELD", reason, "entitlement")
    if found.uses is not None:
        times, window = found.uses
        if state.used_of(customer, found.id, window, booked) >= times:
            reason = f"the customer may use it {times} times {WINDOW_WORDS[window][1]}, and did"
            raise Refused("LIMIT_REACHED", reason, "entitlement")
    fields = {
        "booked_on": day_text(booked),
        "entitlement": found.id,
        "stage": found.stage,
        "rule_set": terms.rule_set,
        "reference": _text(command.reference, REFERENCE_LENGTH_MAX, "reference"),
    }
    return Ordered("EntitlementUsed", customer, fields, day, found.id)


def customer_named(context: Context, text: str) -> int:
    """The number of the customer named so. Raises Refused."""
    number = context.customer(text)
    if not number:
        raise Refused("CUSTOMER_UNKNOWN", "no customer has this id; register the customer first", "customer")
    return number


def _named(state: Redemptions, text: str) -> Redemption:
    redemption = state.find(text)
    if redemption is None:
        raise Refused("REDEMPTION_UNKNOWN", "no redemption has this id", "redemption")
    return redemption


def _after(context: Context, redemption: Redemption, day: int) -> None:
    """Raises Refused for a day before the reservation's."""
    if context.booked(day) < redemption.booked_day:
        raise Refused("DATE_INVALID", f"it was reserved on {day_text(redemption.booked_day)}", "occurred_on")


def _ended(redemption: Redemption) -> str:
    """What became of the last of what was held."""
    if not redemption.freed:
        return f"it was {redemption.state}"
    what = "the rest" if redemption.parts else "it"
    return f"{what} was voided" if redemption.voided else f"{what} was held until {day_text(redemption.held_until)}"


def _part(redemption: Redemption, points: int, quantity: int, wanted: str, count: int, where: str) -> tuple[int, int]:
    """The points and the quantity of a part of what is there: all of it where neither is said. Raises Refused."""
    if redemption.kind == OFFSET:
        if count:
            raise Refused("NUMBER_INVALID", "a part of an offset is said in points", "quantity")
        part = points_wanted(wanted) if wanted else points
        if part > points:
            raise Refused("PART_TOO_LARGE", f"{points_text(points)} points are {where}", "points")
        return part, 0
    if wanted:
        raise Refused("POINTS_INVALID", "only a part of an offset is said in points; say the quantity", "points")
    if not 0 <= count <= quantity:
        raise Refused("PART_TOO_LARGE", f"{quantity} are {where}", "quantity")
    part = count or quantity
    return part * (redemption.points // redemption.quantity), part


def _day(context: Context, text: str) -> int:
    if not text:
        return context.today
    try:
        day = day_parse(text)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"occurred_on {error}", "occurred_on") from None
    if day > context.today:
        raise Refused("DATE_INVALID", "occurred_on lies in the future", "occurred_on")
    return day


def _text(raw: str, length_max: int, field: str) -> str:
    if not raw.strip():
        return ""
    try:
        return text_checked(raw, length_max)
    except ValueError as error:
        raise Refused("TEXT_INVALID", f"{field} {error}", field) from None


def _reason(raw: str) -> str:
    reason = _text(raw, REASON_LENGTH_MAX, "reason")
    if not reason:
        raise Refused("REASON_MISSING", "say why", "reason")
    return reason

"""What a redemption would cost and what stands in its way: a pure answer, which a reservation holds itself to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Refused
from ledger.domain.redemption.obstacles import Obstacle
from ledger.domain.redemption.state import Redemptions
from ledger.domain.redemption.terms import GIFT, OFFSET, SERVICE, WINDOW_WORDS, Holder, Offer, Terms
from ledger.domain.values import INTEGER_MAX, day_text, points_parse, points_text

QUANTITY_MAX: Final = 1_000_000
POINTS_MAX: Final = 10**15


@dataclass(frozen=True, slots=True)
class Quote:
    """What is asked for, what it costs, and every obstacle there is.

    `money` is what an offset takes off, in fen. `held_until` is the last day that points and stock would be held.
    """

    offer: Offer
    variant: str
    quantity: int
    points: int
    money: int
    rule_set: str
    held_until: int
    available: int
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for, as they wrote it: the points are wanted for an offset, the quantity for others. 1 of an
    offset says nothing."""

    offer: str
    variant: str = ""
    quantity: int = 1
    points: str = ""


def quote(state: Redemptions, terms: Terms, asked: Asked, customer: int, holder: Holder, day: int) -> Quote:
    """What it costs a customer who stands so, booked on a day. Raises Refused where that can't be said."""
    offer = offer_named(terms, asked.offer)
    points, quantity = _size(offer, asked)
    money = offer.money(points)
    obstacles: list[Obstacle] = []
    if not offer.day_from <= day <= offer.day_to:
        first, last = day_text(offer.day_from), day_text(offer.day_to)
        words = f"该项目有效期为{first}至{last}", f"the offer holds from {first} to {last}"
        obstacles.append(Obstacle("OFFER_OVER", "offer", words))
    if offer.tiers and holder.tier not in offer.tiers:
        titles = [terms.level_titles[tier] for tier in terms.level_titles if tier in offer.tiers]
        zh, en = "、".join(t[0] for t in titles), ", ".join(t[1] for t in titles)
        words = f"该项目只对以下等级开放：{zh}", f"the offer is for these tiers: {en}"
        obstacles.append(Obstacle("OFFER_NOT_ADMITTED", "offer", words))
    obstacles += _limits(state, offer, customer, day, points)
    if offer.quota is not None:
        units, window = offer.quota
        left = max(units - state.taken_of(offer.id, window, day), 0)
        if quantity > left:
            (zh, en), unit = WINDOW_WORDS[window], offer.unit[0]
            words = (
                f"{zh}共{units}{unit}，尚余{left}{unit}，缺{quantity - left}{unit}",
                f"{left} of {units} {en} are left; {quantity - left} are missing",
            )
            obstacles.append(Obstacle("QUOTA_REACHED", "quantity", words, str(quantity - left)))
    if offer.kind == GIFT:
        free = state.stock_of(offer.id, asked.variant).free
        if quantity > free:
            words = (
                f"库存可用{free}件，缺{quantity - free}件",
                f"{free} are in stock and not held by others; {quantity - free} are missing",
            )
            obstacles.append(Obstacle("STOCK_INSUFFICIENT", "quantity", words, str(quantity - free)))
    if points > holder.available:
        obstacles.append(_points_lacking(points, holder))
    return Quote(
        offer, asked.variant, quantity, points, money, terms.rule_set, day + offer.hold_days, holder.available,
        tuple(obstacles),
    )  # fmt: skip


def offer_named(terms: Terms, offer: str) -> Offer:
    """The offer of this id. Raises Refused where the rules in force have none."""
    found = terms.offers.get(offer)
    if found is None:
        raise Refused("OFFER_UNKNOWN", "the rules in force have no offer of this id; the catalogue lists them", "offer")
    return found


def variant_check(offer: Offer, variant: str) -> None:
    """Raises Refused where an offer has no such variant."""
    if variant not in offer.prices and offer.kind != OFFSET:
        known = ", ".join(sorted(name for name in offer.prices if name)) or "none"
        raise Refused("VARIANT_UNKNOWN", f"the offer's variants are: {known}", "variant")


def points_wanted(text: str, field: str = "points") -> int:
    """Points above zero, from decimal text. Raises Refused."""
    try:
        points = points_parse(text)
    except ValueError as error:
        raise Refused("POINTS_INVALID", f"{field} {error}", field) from None
    if not 0 < points <= POINTS_MAX:
        raise Refused("POINTS_INVALID", f"{field} must lie above 0 and not above {POINTS_MAX // 100}", field)
    return points


def _size(offer: Offer, asked: Asked) -> tuple[int, int]:
    """Points and quantity of what is asked for. Raises Refused."""
    if offer.kind == OFFSET:
        if asked.variant:
            raise Refused("VARIANT_UNKNOWN", "an offset has no variants", "variant")
        if asked.quantity != 1:
            reason = "an offset is asked for in points alone; leave the quantity out, and say all the points"
            raise Refused("NUMBER_INVALID", reason, "quantity")
        points = points_wanted(asked.points)
        least = offer.steps[0].points
        if points < least:
            raise Refused("POINTS_INVALID", f"points must be at least {points_text(least)} here", "points")
        if points % offer.multiple_of:
            unit = points_text(offer.multiple_of)
            raise Refused("POINTS_INVALID", f"points must be a multiple of {unit} here", "points")
        if offer.money(points) > INTEGER_MAX:
            raise Refused("POINTS_INVALID", "points come to more money than the books can hold", "points")
        return points, 0
    if asked.points:
        raise Refused("POINTS_INVALID", "only an offset is asked for in points; say how many you want", "points")
    variant_check(offer, asked.variant)
    if not 1 <= asked.quantity <= QUANTITY_MAX:
        raise Refused("NUMBER_INVALID", f"quantity must be a whole number from 1 to {QUANTITY_MAX}", "quantity")
    points = offer.prices[asked.variant] * asked.quantity
    if points > POINTS_MAX:
        raise Refused("NUMBER_INVALID", "quantity costs more points than anybody can have", "quantity")
    return points, asked.quantity


def _points_lacking(points: int, holder: Holder) -> Obstacle:
    cost, there, missing = (points_text(n) for n in (points, holder.available, points - holder.available))
    zh = f"需{cost}分，可用{there}分，缺{missing}分"
    en = f"costs {cost} points, {there} can be spent: {missing} are missing"
    if holder.later:
        later = points_text(holder.later)
        zh, en = f"{zh}；另有{later}分晚于该日入账", f"{en}; another {later} came only after that day"
    return Obstacle("POINTS_INSUFFICIENT", "points", (zh, en), missing)


def _limits(state: Redemptions, offer: Offer, customer: int, day: int, points: int) -> list[Obstacle]:
    found: list[Obstacle] = []
    for limit in offer.limits:
        times, counted = state.counted_of(customer, offer.id, limit.window, day)
        zh, en = WINDOW_WORDS[limit.window]
        if limit.times is not None and times >= limit.times:
            words = (
                f"每位客户{zh}限{limit.times}次，已用完",
                f"each customer can redeem it {limit.times} times {en}, and did",
            )
            found.append(Obstacle("LIMIT_REACHED", "offer", words, "1"))
        if limit.points is not None and counted + points > limit.points:
            left = max(limit.points - counted, 0)
            most, rest, missing = (points_text(n) for n in (limit.points, left, points - left))
            words = (
                f"每位客户{zh}限{most}分，尚余{rest}分，缺{missing}分",
                f"{rest} of {most} points {en} are left for this customer; {missing} are missing",
            )
            found.append(Obstacle("LIMIT_REACHED", "points" if offer.kind == OFFSET else "offer", words, missing))
    return found


def valid_until(offer: Offer | None, day: int) -> str:
    """Until when a service committed on a day can be used, as text; "" for everything else."""
    return day_text(day + offer.valid_days) if offer is not None and offer.kind == SERVICE and offer.valid_days else ""

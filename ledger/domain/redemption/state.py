"""What redemptions come to so far: who holds what, what was spent, what is in stock; a fold that can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ledger.domain.redemption.terms import GIFT, window_months, window_number
from ledger.domain.relations.journal import Buckets, Journal, Table
from ledger.domain.rows import MONTH_NEVER, MOVE_DEBT
from ledger.domain.values import day_parse, month_of

Fields = Mapping[str, Any]
Lots = tuple[tuple[int, int], ...]
"""(expiry month, MONTH_NEVER or MOVE_DEBT; points), in the order in which they were taken."""

MONTH_EVER: Final = -1
"""Under this month, what was taken of an offer, or how often an entitlement was used, in all."""


@dataclass(frozen=True, slots=True)
class Part:
    """A committed part of a redemption, and how much of it was taken back since. `position` and `booked_day` are its
    commitment's."""

    position: int
    booked_day: int
    points: int
    quantity: int
    money: int
    lots: Lots = ()
    returned: int = 0
    quantity_returned: int = 0
    money_returned: int = 0


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption as it stands. Days by number; `position` is the reservation's."""

    number: int
    customer: int
    position: int
    offer: str
    kind: str
    variant: str
    quantity: int
    points: int
    money: int
    booked_day: int
    held_until: int
    lots: Lots = ()
    parts: tuple[Part, ...] = ()
    freed: int = 0
    quantity_freed: int = 0
    voided: bool = False
    """Whether what was freed was freed by somebody, and not by its days being over."""

    @property
    def spent(self) -> int:
        """The points of its committed parts."""
        return sum(part.points for part in self.parts)

    @property
    def quantity_spent(self) -> int:
        """The quantity of its committed parts."""
        return sum(part.quantity for part in self.parts)

    @property
    def money_spent(self) -> int:
        """The money of its committed parts, in fen."""
        return sum(part.money for part in self.parts)

    @property
    def held(self) -> int:
        """The points that are still held."""
        return self.points - self.spent - self.freed

    @property
    def quantity_held(self) -> int:
        """The quantity that is still held."""
        return self.quantity - self.quantity_spent - self.quantity_freed

    @property
    def counted(self) -> int:
        """The points that count against limits: what was neither freed nor taken back."""
        return self.points - self.freed - sum(part.returned for part in self.parts)

    @property
    def state(self) -> str:
        """"held" while anything is, then "committed", "reversed" where all that was committed came back, or "freed"
        where nothing was committed."""
        if self.held:
            return "held"
        if not self.parts:
            return "freed"
        return "committed" if any(part.returned < part.points for part in self.parts) else "reversed"


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is of a gift's variant, and how much of it is held."""

    on_hand: int = 0
    held: int = 0

    @property
    def free(self) -> int:
        """What can still be reserved."""
        return self.on_hand - self.held


NO_STOCK: Final = Stock()


class Redemptions:
    """The state; `apply` is the only thing that changes it, `journal` takes it back."""

    def __init__(self) -> None:
        self.journal = journal = Journal()
        self.redemptions: Table[int, Redemption] = Table(journal)
        """By number, from 1."""
        self.stock: Table[tuple[str, str], Stock] = Table(journal)
        """By (offer, variant)."""
        self.taken: Table[tuple[str, int], int] = Table(journal)
        """By (offer, month of the reservation; MONTH_EVER for all): the quantity neither freed nor taken back."""
        self.used: Table[tuple[int, str, int], int] = Table(journal)
        """By (customer, entitlement, month; MONTH_EVER for all): how often it was used."""
        self.of_customer: Buckets[int, int] = Buckets(journal)
        """The numbers of redemptions by customer."""
        self.due: Buckets[int, int] = Buckets(journal)
        """The numbers of redemptions that hold points, by the last day they do."""
        self._evolve: Mapping[str, Callable[[int, int, Fields], None]] = {
            "StockMoved": self._stock_moved,
            "RedemptionReserved": self._reserved,
            "RedemptionCommitted": self._committed,
            "RedemptionVoided": self._voided,
            "RedemptionLapsed": self._lapsed,
            "RedemptionReversed": self._reversed,
            "PointsHeld": self._held,
            "PointsRedeemed": self._redeemed,
            "EntitlementUsed": self._used,
        }

    def find(self, text: str) -> Redemption | None:
        """The redemption with this id."""
        return self.redemptions.get(redemption_number(text))

    def stock_of(self, offer: str, variant: str) -> Stock:
        """The stock of a variant."""
        return self.stock.get((offer, variant), NO_STOCK)

    def taken_of(self, offer: str, window: str, day: int) -> int:
        """How much was taken of an offer in the window that holds a day."""
        months = window_months(window, day) or (MONTH_EVER,)
        return sum(self.taken.get((offer, month), 0) for month in months)

    def used_of(self, customer: int, entitlement: str, window: str, day: int) -> int:
        """How often a customer used an entitlement in the window that holds a day."""
        months = window_months(window, day) or (MONTH_EVER,)
        return sum(self.used.get((customer, entitlement, month), 0) for month in months)

    def counted_of(self, customer: int, offer: str, window: str, day: int) -> tuple[int, int]:
        """How often a customer redeemed an offer in the window that holds a day, and for how many points."""
        number, times, points = window_number(window, day), 0, 0
        for n in self.of_customer.of(customer):
            redemption = self.redemptions[n]
            if redemption.offer == offer and window_number(window, redemption.booked_day) == number:
                times += redemption.counted > 0
                points += redemption.counted
        return times, points

    def due_by(self, day: int) -> list[Redemption]:
        """The redemptions whose points are held no longer than this day, in order of number."""
        numbers = sorted(n for d in self.due.filled() if d <= day for n in self.due.of(d))
        return [self.redemptions[n] for n in numbers]

    def apply(self, position: int, customer: int, topic: str, fields: Fields) -> None:
        """Fold an event. Topics that say nothing about redemptions change nothing."""
        evolve = self._evolve.get(topic)
        if evolve is not None:
            evolve(position, customer, fields)

    def settle(self) -> None:
        """What was applied stays."""
        self.journal.commit()

    def _reserved(self, position: int, customer: int, fields: Fields) -> None:
        redemption = Redemption(
            redemption_number(fields["redemption"]), customer, position, fields["offer"], fields["kind"],
            fields["variant"], fields["quantity"], fields["points"], fields["money"], day_parse(fields["booked_on"]),
            day_parse(fields["held_until"]),
        )  # fmt: skip
        self.redemptions.put(redemption.number, redemption)
        self.of_customer.add(customer, redemption.number)
        self.due.add(redemption.held_until, redemption.number)
        self._stock_add(redemption, 0, redemption.quantity)
        self._taken_add(redemption, redemption.quantity)

    def _held(self, position: int, customer: int, fields: Fields) -> None:
        redemption = self._of(fields)
        self.redemptions.put(redemption.number, replace(redemption, lots=lots_of(fields)))

    def _committed(self, position: int, customer: int, fields: Fields) -> None:
        redemption = self._of(fields)
        day = day_parse(fields["booked_on"])
        part = Part(position, day, fields["points"], fields["quantity"], fields["money"])
        self._changed(replace(redemption, parts=(*redemption.parts, part)))
        self._stock_add(redemption, -part.quantity, -part.quantity)

    def _redeemed(self, position: int, customer: int, fields: Fields) -> None:
        self._part_put(fields, lots=lots_of(fields))

    def _voided(self, position: int, customer: int, fields: Fields) -> None:
        self._freed(fields, voided=True)

    def _lapsed(self, position: int, customer: int, fields: Fields) -> None:
        self._freed(fields, voided=False)

    def _freed(self, fields: Fields, *, voided: bool) -> None:
        redemption, quantity = self._of(fields), fields["quantity"]
        self._changed(
            replace(
                redemption,
                freed=redemption.freed + fields["points"],
                quantity_freed=redemption.quantity_freed + quantity,
                voided=voided,
            )
        )
        self._stock_add(redemption, 0, -quantity)
        self._taken_add(redemption, -quantity)

    def _reversed(self, position: int, customer: int, fields: Fields) -> None:
        number: int = fields["part"]
        part = self._of(fields).parts[number - 1]
        self._part_put(
            fields,
            returned=part.returned + fields["points"],
            quantity_returned=part.quantity_returned + fields["quantity"],
            money_returned=part.money_returned + fields["money"],
        )
        redemption = self._of(fields)
        self._stock_add(redemption, fields["quantity"], 0)
        self._taken_add(redemption, -fields["quantity"])

    def _stock_moved(self, position: int, customer: int, fields: Fields) -> None:
        key = fields["offer"], fields["variant"]
        stock = self.stock_of(*key)
        self.stock.put(key, replace(stock, on_hand=stock.on_hand + fields["quantity"]))

    def _used(self, position: int, customer: int, fields: Fields) -> None:
        for month in (month_of(day_parse(fields["booked_on"])), MONTH_EVER):
            key = customer, fields["entitlement"], month
            self.used.put(key, self.used.get(key, 0) + 1)

    def _of(self, fields: Fields) -> Redemption:
        return self.redemptions[redemption_number(fields["redemption"])]

    def _part_put(self, fields: Fields, **changes: Any) -> None:
        redemption, number = self._of(fields), int(fields["part"])
        parts = list(redemption.parts)
        parts[number - 1] = replace(parts[number - 1], **changes)
        self.redemptions.put(redemption.number, replace(redemption, parts=tuple(parts)))

    def _changed(self, redemption: Redemption) -> None:
        self.redemptions.put(redemption.number, redemption)
        if not redemption.held:
            self.due.drop(redemption.held_until, redemption.number)

    def _stock_add(self, redemption: Redemption, on_hand: int, held: int) -> None:
        if redemption.kind == GIFT:
            key = redemption.offer, redemption.variant
            stock = self.stock_of(*key)
            self.stock.put(key, Stock(stock.on_hand + on_hand, stock.held + held))

    def _taken_add(self, redemption: Redemption, quantity: int) -> None:
        for month in (month_of(redemption.booked_day), MONTH_EVER):
            key = redemption.offer, month
            self.taken.put(key, self.taken.get(key, 0) + quantity)


def redemption_id(number: int) -> str:
    """The id of the n-th redemption, from 1: "R-000001"."""
    return f"R-{number:06d}"


def redemption_number(text: str) -> int:
    """The number in a redemption's id; 0 where the text is no such id."""
    digits = text[2:]
    if not text.startswith("R-") or not digits.isascii() or not digits.isdigit() or not 6 <= len(digits) <= 18:
        return 0
    number = int(digits)
    return number if redemption_id(number) == text else 0


def lots_of(fields: Fields) -> Lots:
    """What PointsHeld and PointsRedeemed say of where the points were taken from."""
    lots = [(MONTH_NEVER if month is None else month, points) for month, points in fields["lots"]]
    return (*lots, (MOVE_DEBT, fields["debt"])) if fields["debt"] else tuple(lots)

"""What a month comes to, and what is open at its end: from the bookings alone, so that a month that was signed off says
for ever what it said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.domain.settlement.records import Booking
from ledger.domain.settlement.state import Settlement


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a month in fen. `claimed` was redeemed, or on the side of payments taken off; `opening` and `open`
    are what was and is not settled: opening + claimed - settled - ruled = open."""

    opening: int
    claimed: int
    settled: int
    ruled: int

    @property
    def open(self) -> int:
        """What is open at the month's end."""
        return self.opening + self.claimed - self.settled - self.ruled


@dataclass(frozen=True, slots=True)
class Figures:
    """Both sides of a month."""

    redemptions: Side
    payments: Side


def figures_of(settlement: Settlement, period: int) -> Figures:
    """What a month comes to, from the running sums."""
    redemptions = _side(settlement, period, "redemptions", "redeemed")
    return Figures(redemptions, _side(settlement, period, "payments", "offset"))


def _side(settlement: Settlement, period: int, side: str, claim: str) -> Side:
    opening = claimed = settled = ruled = 0
    for (month, of, what), fen in settlement.sums.items():
        if of != side or month > period:
            continue
        if month < period:
            opening += fen if what == claim else -fen
        elif what == claim:
            claimed += fen
        elif what == "settled":
            settled += fen
        else:
            ruled += fen
    return Side(opening, claimed, settled, ruled)


@dataclass(slots=True)
class Standing:
    """An item as of a month's end, in fen."""

    claimed: int = 0
    settled: int = 0
    ruled: int = 0

    @property
    def open(self) -> int:
        """What is not settled."""
        return self.claimed - self.settled - self.ruled


def standings_of(settlement: Settlement, period: int) -> dict[str, Standing]:
    """Every item that is booked up to a month's end, by name, from the bookings one by one."""
    found: dict[str, Standing] = {}
    for booking in bookings_through(settlement, period):
        standing = found.get(booking.item)
        if standing is None:
            standing = found[booking.item] = Standing()
        if booking.what == "settled":
            standing.settled += booking.fen
        elif booking.what == "ruled":
            standing.ruled += booking.fen
        else:
            standing.claimed += booking.fen
    return found


def bookings_through(settlement: Settlement, period: int) -> Iterator[Booking]:
    """What is booked up to a month's end, in order."""
    return (b for b in settlement.bookings if b.period <= period)

"""What points are worth in CNY: rounded once, on a total, whose parts come to it exactly. Points in 1/100, fen.

A rule set says how much money so many points stand for (`redemption.point_value`: {points, money}); where it says
nothing, 1,000 points are 50 CNY.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.values import money_text, points_parse, points_text, scaled_parse


@dataclass(frozen=True, slots=True)
class PointValue:
    """So many points (1/100) stand for so much money (fen); both above zero."""

    points: int
    money: int

    def fen(self, points: int) -> int:
        """The value of a total, rounded down to the fen."""
        return points * self.money // self.points

    def document(self) -> dict[str, str]:
        """As a rule set says it."""
        return {"points": points_text(self.points), "money": money_text(self.money)}


VALUE_DEFAULT_POINTS: Final = 1_000
VALUE_DEFAULT_MONEY: Final = 50
VALUE_DEFAULT: Final = PointValue(VALUE_DEFAULT_POINTS * 100, VALUE_DEFAULT_MONEY * 100)
"""1,000 points are 50 CNY; a rule set that says one of the two takes the other from here."""


def point_value_parse(points: object, money: object) -> PointValue:
    """From decimals of points and CNY. Raises ValueError where either is none above zero."""
    value = PointValue(points_parse(points), scaled_parse(money, 2))
    if value.points <= 0 or value.money <= 0:
        raise ValueError("points and money of a point's value must be above zero")
    return value


def point_value_of(document: Mapping[str, Any]) -> PointValue:
    """What a rule set's document says points are worth. Raises ValueError."""
    redemption: Mapping[str, Any] = document.get("redemption") or {}
    said: Mapping[str, Any] | None = redemption.get("point_value")
    if not said:
        return VALUE_DEFAULT
    return point_value_parse(said.get("points", VALUE_DEFAULT_POINTS), said.get("money", VALUE_DEFAULT_MONEY))


def shared(total: int, parts: Sequence[int], value: PointValue) -> list[int]:
    """Share a total of fen among parts of points by largest remainder: the shares come to the total exactly.

    Each part gets its exact value rounded down; what is left goes one fen each to those with the largest remainders
    (of equals the first), or is taken one fen each from those with the smallest. Parts of zero points get nothing as
    long as others are there to take it.
    """
    shares = [value.fen(p) for p in parts]
    left = total - sum(shares)
    if not left:
        return shares
    order = sorted(range(len(parts)), key=lambda i: (parts[i] == 0, -(parts[i] * value.money % value.points), i))
    if left < 0:
        order = sorted(range(len(parts)), key=lambda i: (parts[i] == 0, parts[i] * value.money % value.points, i))
    if not order:
        raise ValueError(f"{total} fen can't be shared among no parts")
    sign = 1 if left > 0 else -1
    for n in range(abs(left)):
        shares[order[n % len(order)]] += sign
    return shares

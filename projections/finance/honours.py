"""The best customers of a year, by points earned, found in the log; and the certificate and public list of them.

Measure: the points that rules granted to a customer by facts booked in the year, net of what corrections took back.
Penalties, expiry, spending and adjustments by hand count neither for nor against. Equals share a rank (1, 2, 2, 4) and
whoever shares the last rank is in; among equals the lower customer number stands first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.domain.values import customer_id, date_of, points_text
from projections.finance.reading import POSITION_MAX, movements

MEASURE: Final = "points_earned"
MEASURE_WORDS: Final[Mapping[str, str]] = {
    "zh": "当年记账的事实按规则发放的积分，扣除更正冲回；扣分、到期、兑换与人工调整不计。",
    "en": "Points granted by rules for facts booked in the year, net of corrections; penalties, expiry, spending and"
    " adjustments by hand don't count.",
}
PLACES: Final = 10
PUBLICATION: Final = "publication"
"""The purpose that a customer agrees to before its name is made public."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place among the best. `points` in 1/100; `tied` with others of the same rank."""

    rank: int
    customer: str
    name: str
    points: int
    tied: bool

    def document(self) -> dict[str, Any]:
        """For JSON, decimals."""
        return {
            "rank": self.rank, "customer": self.customer, "name": self.name, "points": points_text(self.points),
            "tied": self.tied,
        }  # fmt: skip


def places_find(
    connection: Connection[Any], year: int, names: Mapping[int, str], *, stop: int = POSITION_MAX, count: int = PLACES
) -> list[Place]:
    """The best customers of a year in the log up to a position. `names` are those of customers by number."""
    earned: dict[int, int] = defaultdict(int)
    for movement in movements(connection, stop):
        if movement.topic in ("PointsGranted", "PointsReversed") and not movement.by_hand:
            # A correction of a grant takes points back; one of a penalty gives them back, and is no merit.
            if movement.topic == "PointsReversed" and movement.points > 0:
                continue
            if date_of(movement.day).year == year:
                earned[movement.customer] += movement.points
    order = sorted(((-points, number) for number, points in earned.items() if points > 0))
    found: list[Place] = []
    for i, (minus, number) in enumerate(order):
        points = -minus
        rank = found[-1].rank if found and found[-1].points == points else i + 1
        if rank > count:
            break
        tied = [p for p, _ in (order[i - 1] if i else (0, 0), order[i + 1] if i + 1 < len(order) else (0, 0))]
        found.append(Place(rank, customer_id(number), names.get(number, ""), points, minus in tied))
    return found


def places_of(state: Mapping[str, Any]) -> list[Place]:
    """The places that a HonoursAwarded event says."""
    return [Place(p["rank"], p["customer"], p["name"], p["points"], p["tied"]) for p in state["places"]]


def public_list(year: int, places: Collection[Place], consented: Collection[str]) -> dict[str, Any]:
    """What the firm's website may show: names of those who agreed to publication (ids in `consented`); of the others
    nothing but that there is somebody at that rank."""
    return {
        "year": year,
        "title": {"zh": f"{year}年度金牌合作伙伴", "en": f"Gold Partners of {year}"},
        "measure": MEASURE_WORDS,
        "places": [
            {"rank": p.rank, "name": p.name, "points": points_text(p.points)}
            if p.customer in consented
            else {"rank": p.rank, "name": None, "points": None}
            for p in places
        ],
    }  # fmt: skip

"""The liability of points: day by day from opening to closing, by age, by expiry, and how much of it may never be asked.

The liability is the points in customers' lots, held ones included; debt is no part of it. A day's closing is its opening
and what was posted on it, so closed months stand still. CNY are rounded once, on the total, and shared among its parts by largest remainder.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection

from ledger.domain.valuation import PointValue, shared
from ledger.domain.values import day_text, money_text, month_last_day, month_text, points_text
from projections.finance.reading import EXPIRY_NEVER, POSITION_MAX, Movement, facts_reversed, movements, position_head

FLOWS: Final = (
    "granted", "deducted", "reversed", "redeemed", "returned", "expired", "adjusted", "debt",
)  # fmt: skip
"""What moves the liability. `debt`: what rules took beyond the lots leaves no less in them, and what is granted to
somebody who owes, returned to them or freed forms no lot until that is paid."""
AGES_DAYS: Final = (90, 180, 365, 730)
"""The ages that points are sorted by: up to so many days; the last group is older."""
METHOD: Final = {
    "zh": "历史法：到期月已过的批次中，到期作废的积分占发放入这些批次的积分（不含到期前更正收回的）之比，乘以尚有到期日的未用积分。"
    "不含永不到期的积分。",
    "en": "Historical: of all points granted into lots whose month is over, less what corrections took back before it was,"
    " the share that expired unspent, times the points outstanding that can expire. Points that never expire are left out.",
}
_FLOW_OF: Final[Mapping[str, str]] = {
    "PointsGranted": "granted", "PointsDeducted": "deducted", "PointsReversed": "reversed",
    "PointsExpired": "expired", "PointsRedeemed": "redeemed", "PointsReturned": "returned",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """A day in 1/100 point: opening + flows = closing = available + held. CNY (fen) likewise."""

    day: int
    opening: int
    flows: tuple[int, ...]
    closing: int
    held: int
    opening_fen: int
    flows_fen: tuple[int, ...]
    closing_fen: int

    def document(self) -> dict[str, Any]:
        """For JSON and sheets, decimals."""
        found: dict[str, Any] = {"date": day_text(self.day), "opening": points_text(self.opening)}
        found |= {name: points_text(p) for name, p in zip(FLOWS, self.flows, strict=True)}
        found |= {
            "closing": points_text(self.closing), "available": points_text(self.closing - self.held),
            "held": points_text(self.held), "opening_cny": money_text(self.opening_fen),
        }  # fmt: skip
        found |= {f"{name}_cny": money_text(f) for name, f in zip(FLOWS, self.flows_fen, strict=True)}
        return found | {"closing_cny": money_text(self.closing_fen)}


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the liability: its name, points (1/100; `held` of them are held) and fen."""

    name: str
    points: int
    held: int
    fen: int

    def document(self) -> dict[str, Any]:
        """For JSON and sheets, decimals."""
        return {
            "part": self.name, "points": points_text(self.points), "held": points_text(self.held),
            "cny": money_text(self.fen),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Breakage:
    """How much of the liability may expire unspent. `rate_bp` in basis points; None where no lot has run its course
    yet: then nothing is estimated."""

    matured: int
    expired: int
    rate_bp: int | None
    outstanding: int
    points: int
    fen: int

    def document(self) -> dict[str, Any]:
        """For JSON, decimals; with the method in words."""
        rate = None if self.rate_bp is None else f"{self.rate_bp // 100}.{self.rate_bp % 100:02d}"
        return {
            "granted_into_lots_past": points_text(self.matured), "expired": points_text(self.expired),
            "rate_percent": rate, "outstanding_that_can_expire": points_text(self.outstanding),
            "points": points_text(self.points), "cny": money_text(self.fen), "method": METHOD,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Liability:
    """The liability over some days. `faults` is empty where the days, the lots and the ages come to the same."""

    value: PointValue
    position: int
    days: tuple[Day, ...]
    ages: tuple[Share, ...]
    expiries: tuple[Share, ...]
    breakage: Breakage
    debt: int
    faults: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """For JSON, decimals."""
        return {
            "position": self.position, "point_value": self.value.document(), "adds_up": not self.faults,
            "faults": list(self.faults), "days": [d.document() for d in self.days],
            "ages": [s.document() for s in self.ages], "expiries": [s.document() for s in self.expiries],
            "breakage": self.breakage.document(), "debt": points_text(self.debt),
        }  # fmt: skip


@dataclass(slots=True)
class _Folded:
    """What movements up to a day come to."""

    flows: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * len(FLOWS)))
    held: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    lots: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    lots_held: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    outstanding: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By customer."""
    earned: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    """By customer and day: points that came into lots."""
    matured_into: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    reversed_facts: Set[int] = frozenset()
    """The positions of fact versions whose grants are taken back."""
    reversible: dict[tuple[int, int, str], tuple[int, int]] = field(default_factory=dict[tuple[int, int, str], tuple[int, int]])
    """What these granted into lots: by customer, fact version and rule the month of the lot, and the points."""
    expired: int = 0
    debt: int = 0

    def add(self, m: Movement) -> None:
        """Take in a movement."""
        debt = m.debt
        flow = "adjusted" if m.by_hand else _FLOW_OF.get(m.topic)
        today = self.flows[m.posted]
        if flow is not None:
            today[FLOWS.index(flow)] += m.points
            self.outstanding[m.customer] += m.points
        today[-1] += debt
        self.debt += debt
        self.outstanding[m.customer] += debt
        if m.topic == "PointsHeld":
            self.held[m.posted] += m.points
        elif m.topic in ("PointsFreed", "PointsRedeemed"):
            self.held[m.posted] -= abs(m.points)
        for month, points in m.lots():
            self.lots[month] += points
        for month, points in m.lots_held:
            self.lots_held[month] += points
        if m.topic == "PointsGranted":
            [(month, points)] = m.lots()
            self.earned[m.customer][m.day] += points
            if month != EXPIRY_NEVER:
                self.matured_into[month] += points
                if m.state["cause"] in self.reversed_facts:
                    self.reversible[m.customer, m.state["cause"], m.state["rule"]] = month, points
        elif m.topic == "PointsReversed":
            month, points = self.reversible.pop((m.customer, m.state["reverses"], m.state["rule"]), (EXPIRY_NEVER, 0))
            # What is taken back of a lot that is over has run its course: it was spent by then, or expired.
            if month != EXPIRY_NEVER and month_last_day(month) >= m.posted:
                self.matured_into[month] -= points
        elif m.topic == "PointsExpired":
            self.expired -= m.points


def liability_read(
    connection: Connection[Any], value: PointValue, day_first: int, day_last: int, *, stop: int = POSITION_MAX
) -> Liability:
    """The liability from a day to a day, both included, as recorded up to a position."""
    folded = _Folded(reversed_facts=facts_reversed(connection, stop))
    for movement in movements(connection, stop):
        if movement.posted <= day_last:
            folded.add(movement)
    days = _days(folded, value, day_first, day_last)
    closing = days[-1].closing if days else 0
    return Liability(
        value, min(stop, position_head(connection)), tuple(days), _ages(folded, value, day_last), _expiries(folded, value),
        _breakage(folded, value, day_last), folded.debt, _faults(folded, closing),
    )  # fmt: skip


def _days(folded: _Folded, value: PointValue, day_first: int, day_last: int) -> list[Day]:
    opening = sum(sum(flows) for day, flows in folded.flows.items() if day < day_first)
    held = sum(points for day, points in folded.held.items() if day < day_first)
    found: list[Day] = []
    for day in range(day_first, day_last + 1):
        flows = folded.flows.get(day, [0] * len(FLOWS))
        held += folded.held.get(day, 0)
        closing = opening + sum(flows)
        opening_fen, closing_fen = value.fen(opening), value.fen(closing)
        flows_fen = shared(closing_fen - opening_fen, flows, value)
        found.append(
            Day(day, opening, tuple(flows), closing, held, opening_fen, tuple(flows_fen), closing_fen)
        )
        opening = closing
    return found


def _shares(parts: Iterable[tuple[str, int, int]], value: PointValue) -> tuple[Share, ...]:
    """(name, points, held of them) with their fen, which come to the value of the total."""
    given = list(parts)
    points = [p for _, p, _ in given]
    fen = shared(value.fen(sum(points)), points, value) if given else []
    return tuple(Share(name, p, held, f) for (name, p, held), f in zip(given, fen, strict=True))


def _ages(folded: _Folded, value: PointValue, day_last: int) -> tuple[Share, ...]:
    """Points outstanding by how long ago they were earned: what is spent, taken or expires is the oldest first, so what
    is left of each customer's is what came last."""
    names = [f"<= {a} days" for a in AGES_DAYS] + [f"> {AGES_DAYS[-1]} days"]
    points = [0] * len(names)
    for customer, left in folded.outstanding.items():
        for day, earned in sorted(folded.earned[customer].items(), reverse=True):
            taken = min(max(left, 0), earned)
            points[_age(day_last - day)] += taken
            left -= taken
            if left <= 0:
                break
        # What came back and was earned in no day that is known counts as oldest.
        points[-1] += left
    return _shares(((n, p, 0) for n, p in zip(names, points, strict=True)), value)


def _age(days: int) -> int:
    return next((i for i, most in enumerate(AGES_DAYS) if days <= most), len(AGES_DAYS))


def _expiries(folded: _Folded, value: PointValue) -> tuple[Share, ...]:
    months = sorted(folded.lots.keys() | folded.lots_held.keys(), key=lambda m: (m == EXPIRY_NEVER, m))
    return _shares(
        (
            ("never" if m == EXPIRY_NEVER else month_text(m), folded.lots[m] + folded.lots_held[m], folded.lots_held[m])
            for m in months
            if folded.lots[m] or folded.lots_held[m]
        ),
        value,
    )


def _breakage(folded: _Folded, value: PointValue, day_last: int) -> Breakage:
    matured = sum(p for month, p in folded.matured_into.items() if month_last_day(month) <= day_last)
    outstanding = sum(
        folded.lots[m] + folded.lots_held[m] for m in folded.lots.keys() | folded.lots_held.keys() if m != EXPIRY_NEVER
    )
    if matured <= 0:
        return Breakage(matured, folded.expired, None, outstanding, 0, 0)
    rate_bp = min(folded.expired * 10_000 // matured, 10_000)
    points = outstanding * rate_bp // 10_000
    return Breakage(matured, folded.expired, rate_bp, outstanding, points, value.fen(points))


def _faults(folded: _Folded, closing: int) -> tuple[str, ...]:
    found: list[str] = []
    lots = sum(folded.lots.values()) + sum(folded.lots_held.values())
    if lots != closing:
        found.append(f"the days close at {points_text(closing)} points, the lots hold {points_text(lots)}")
    held = sum(folded.held.values())
    if held != sum(folded.lots_held.values()):
        found.append(f"{points_text(held)} points are held, but {points_text(sum(folded.lots_held.values()))} in lots")
    return tuple(found)


DAY_COLUMNS: Final = (
    "date", "opening", *FLOWS, "closing", "available", "held", "opening_cny", *(f"{f}_cny" for f in FLOWS), "closing_cny",
)  # fmt: skip
SHARE_COLUMNS: Final = ("part", "points", "held", "cny")


def sheets_of(found: Liability) -> list[tuple[str, Sequence[str], list[dict[str, Any]], Sequence[str]]]:
    """The liability as the sheets of a workbook: title, columns, rows, columns that hold numbers."""
    breakage = found.breakage.document()
    method = breakage.pop("method")
    said = [{"what": name, "value": v, "words": ""} for name, v in breakage.items()]
    said += [{"what": "method", "value": None, "words": method[language]} for language in ("zh", "en")]
    return [
        ("days", DAY_COLUMNS, [d.document() for d in found.days], DAY_COLUMNS[1:]),
        ("ages", SHARE_COLUMNS, [s.document() for s in found.ages], SHARE_COLUMNS[1:]),
        ("expiries", SHARE_COLUMNS, [s.document() for s in found.expiries], SHARE_COLUMNS[1:]),
        ("breakage", ("what", "value", "words"), said, ("value",)),
    ]

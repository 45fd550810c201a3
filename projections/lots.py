"""A customer's lots, debt and held points, event by event: as recorded, or decided anew by the ledger's rules of lots.

As of a day, what is booked later is left out. Where some of that was recorded before what is taken in, the lots were
others than they are as of that day, and what the log says of them can't hold: points were taken from a lot that isn't
there yet, or paid a debt that nobody has yet. So from there on the moves of each event are decided anew, in the order
of the log. Its points stay as recorded, and so does the balance; which lot they come from and go to follows the
kernel's rules (`ledger/rules/kernel`). Over all of a customer's events both ways come to the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ledger.domain.values import day_parse
from ledger.rules.document import RuleSet
from projections.history import HistoryRow
from projections.rulebook import Rulebook
from projections.view import month_of_date

NEVER: Final = 2**31 - 1
"""The month of a lot that never expires: taken from after all others."""
DEBT: Final = NEVER + 1
"""The month of a piece that the lots lacked."""
NOTHING_CLOSED: Final = -1

Piece = tuple[int, int]
"""(month, points above zero); of several the first to be taken comes first."""
Award = tuple[int, str]
"""(position of the fact's version, rule)"""
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Terms:
    """What moves depend on beside the events themselves: rule sets, and `closings`: where in the log which month was
    closed, in order, as far as that is in view."""

    rulebook: Rulebook
    closings: Sequence[tuple[int, int]]

    def closed_month(self, position: int) -> int:
        """The last month that was closed before a position."""
        at = bisect_left(self.closings, (position, NOTHING_CLOSED))
        return self.closings[at - 1][1] if at else NOTHING_CLOSED

    def rules(self, name: str) -> RuleSet:
        """A rule set."""
        return self.rulebook.rule_set(name)

    def rules_on(self, day: str, position: int) -> RuleSet:
        """The rule set that decided something booked on a day and recorded at a position."""
        name = self.rulebook.book.in_force(day_parse(day), position)
        assert name is not None, "redemptions follow the terms of a rule set in force"
        return self.rules(name)


@dataclass(slots=True)
class Lots:
    """What a customer has after the events taken in, in 1/100 point: balance = lots + held - debt. What later events
    refer to is kept: where each award's points lie, which points each redemption holds and each of its parts spent."""

    by_month: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    debt: int = 0
    held: int = 0
    _granted: dict[Award, int] = field(default_factory=dict[Award, int])
    _deducted: dict[Award, list[Piece]] = field(default_factory=dict[Award, list[Piece]])
    _holds: dict[str, list[Piece]] = field(default_factory=dict[str, list[Piece]])
    _spent: dict[tuple[str, int], list[Piece]] = field(default_factory=dict[tuple[str, int], list[Piece]])

    def told(self) -> tuple[tuple[int | None, int], ...]:
        """(month at whose end they expire, or None; points), the next to expire first."""
        return tuple((None if m == NEVER else m, p) for m, p in sorted(self.by_month.items()) if p)

    def recorded(self, row: HistoryRow) -> None:
        """Take in an event with the moves that the log has of it."""
        state = row.state
        points: int = state["points"]
        match row.topic:
            case "PointsGranted":
                month = self._granted[row.cause, state["rule"]] = _month(state["expires_on"])
                self.by_month[month] += points - state["debt_paid"]
                self.debt -= state["debt_paid"]
            case "PointsDeducted":
                pieces = self._deducted[row.cause, state["rule"]] = _pieces(state)
                self._taken(pieces)
            case "PointsReversed":
                self._returned(state)
                self.debt += state["debt"]
            case "PointsHeld":
                pieces = self._holds[state["redemption"]] = _pieces(state)
                self._taken(pieces)
                self.held += points
            case "PointsFreed":
                _cut(self._holds, state["redemption"], points)
                self._returned(state)
                self.debt -= state["debt"]
                self.held -= points
            case "PointsRedeemed":
                self._spent[state["redemption"], state["part"]] = _cut(self._holds, state["redemption"], -points)
                self.held += points
            case "PointsReturned":
                _cut(self._spent, (state["redemption"], state["part"]), points)
                self._returned(state)
                self.debt -= state["debt_paid"]
            case _:
                self.by_month[_month(state["expired_on"])] += points

    def decided(self, row: HistoryRow, terms: Terms) -> None:
        """Take in an event with the points that the log has of it, and the moves that follow from what is here."""
        state = row.state
        points: int = state["points"]
        if row.topic == "PointsExpired":
            self._take_from(_month(state["expired_on"]), -points, 0)
            return
        closed = terms.closed_month(row.position)
        month = max(month_of_date(state["booked_on"]), closed + 1)
        match row.topic:
            case "PointsGranted":
                expiry = self._granted[row.cause, state["rule"]] = _month(state["expires_on"])
                self._give(points, expiry, terms.rules(state["rule_set"]))
            case "PointsDeducted":
                self._deducted[row.cause, state["rule"]] = self._take(-points, month)
            case "PointsReversed":
                award, rules = (state["reverses"], state["rule"]), terms.rules(state["rule_set"])
                if points < 0:
                    lot = self._granted.get(award, NOTHING_CLOSED)
                    self._take_from(lot if lot > closed else NOTHING_CLOSED, -points, month)
                else:
                    rule = rules.rule(state["rule"])
                    months = rules.expiry_months if rule is None or rule.expiry_months is None else rule.expiry_months
                    self._put_back(_cut(self._deducted, award, points), points, rules, _expiry(month, months), closed)
            case "PointsHeld":
                self._holds[state["redemption"]] = self._take(points, month)
                self.held += points
            case "PointsRedeemed":
                pieces = _cut(self._holds, state["redemption"], -points)
                self.held -= _sum(pieces)
                self._spent[state["redemption"], state["part"]] = pieces + self._take(-points - _sum(pieces), month)
            case topic:
                rules = terms.rules_on(state["booked_on"], row.position)
                if topic == "PointsFreed":
                    pieces = _cut(self._holds, state["redemption"], points)
                    points = _sum(pieces)
                    self.held -= points
                else:
                    pieces = _cut(self._spent, (state["redemption"], state["part"]), points)
                self._put_back(pieces, points, rules, _expiry(month, rules.expiry_months), closed)

    def _take(self, points: int, month_from: int) -> list[Piece]:
        """Take points: out of the lots, the oldest to expire first and none that expired before a month, then as
        debt."""
        pieces: list[Piece] = []
        for month in sorted(m for m, p in self.by_month.items() if m >= month_from and p > 0):
            part = min(self.by_month[month], points)
            if part:
                pieces.append((month, part))
                points -= part
        if points:
            pieces.append((DEBT, points))
        self._taken(pieces)
        return pieces

    def _take_from(self, month: int, points: int, month_from: int) -> None:
        """Take points out of a lot, and what it lacks as `_take` does."""
        part = min(self.by_month.get(month, 0), points)
        if part:
            self.by_month[month] -= part
        self._take(points - part, month_from)

    def _give(self, points: int, month: int, rules: RuleSet | None) -> None:
        """Give points: they pay debt first, unless the rule set lets it stand (None: by no rule set's word); the rest
        goes to the lot of a month."""
        stands = rules is not None and rules.redemption is not None and rules.redemption.debt == "negative"
        paid = 0 if stands else min(self.debt, points)
        self.debt -= paid
        self.by_month[month] += points - paid

    def _put_back(self, pieces: Sequence[Piece], points: int, rules: RuleSet, month_new: int, closed: int) -> None:
        """Put points back to where they were taken from. What later grants paid of a debt comes back as new points, and
        so would what nobody is known to have taken."""
        for month, part in [*pieces, (DEBT, points - _sum(pieces))]:
            if month == DEBT:
                self._give(part, month_new, None)
            else:
                # A lot whose month is closed expires at the next close.
                self._give(part, max(month, closed), rules)

    def _taken(self, pieces: Iterable[Piece]) -> None:
        for month, points in pieces:
            if month == DEBT:
                self.debt += points
            else:
                self.by_month[month] -= points

    def _returned(self, state: Mapping[str, Any]) -> None:
        for month, points in state["lots"]:
            self.by_month[NEVER if month is None else month] += points


def _pieces(state: Mapping[str, Any]) -> list[Piece]:
    """What an event took, and from where, as recorded."""
    pieces: list[Piece] = [(NEVER if month is None else month, points) for month, points in state["lots"]]
    return [*pieces, (DEBT, state["debt"])] if state["debt"] else pieces


def _cut(kept: dict[K, list[Piece]], key: K, points: int) -> list[Piece]:
    """Take the first so many points out of pieces that are kept, or all where there are less."""
    taken: list[Piece] = []
    rest: list[Piece] = []
    for month, have in kept.get(key, ()):
        part = min(have, points)
        points -= part
        if part:
            taken.append((month, part))
        if have > part:
            rest.append((month, have - part))
    kept[key] = rest
    return taken


def _sum(pieces: Iterable[Piece]) -> int:
    return sum(points for _, points in pieces)


def _month(day: str | None) -> int:
    return NEVER if day is None else month_of_date(day)


def _expiry(month: int, months: int | str) -> int:
    """When points of a month expire that are valid for so many months, or "never"."""
    return month + months if isinstance(months, int) else NEVER

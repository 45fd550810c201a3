"""The events that move points, one after the other, each with the day it is booked on and the day it is posted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.book import Book
from ledger.domain.events import STREAM_CALENDAR
from ledger.domain.posting_day import NOTHING_OPENED, open_day_after, posting_day
from ledger.domain.postings import POSTING_TOPICS, RuleName, adjusting_rules, debt_of
from ledger.domain.valuation import VALUE_DEFAULT, PointValue, point_value_of
from ledger.domain.values import customer_number, day_parse, day_text, month_last_day, month_of
from ledger.log.abandoning import abandoned_check
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.view import day_expired

POSITION_MAX: Final = 2**63 - 1
_QUERIES = queries_load("projections.sql", "finance.sql")
_PAGE: Final = 5_000
_TOPICS: Final = sorted(POSTING_TOPICS | {"RuleSetProposed", "DayClosed"})
EXPIRY_NEVER: Final = -1


Connected: TypeAlias = Callable[[], AbstractContextManager[Connection[Any]]]
"""Opens a connection for a while."""


@dataclass(frozen=True, slots=True)
class Movement:
    """An event that moves points. `day` is when it is booked: as the fact that led to it; what expires, on the day
    whose close took it (its last day, but of points that came back later the next close); what was held, spent or
    given back, when that happened, or on the first open day where that month was closed. `posted` is in which month the
    books have it: that day, or the first that was open when it was recorded. `by_hand`: it adjusts points
    by hand. `lots_held`: what it adds to the lots that are held, by the month at whose end they expire (-1: never)."""

    position: int
    stream: str
    topic: str
    state: Mapping[str, Any]
    day: int
    posted: int
    by_hand: bool
    lots_held: tuple[tuple[int, int], ...] = ()

    @property
    def customer(self) -> int:
        """The customer's number."""
        return customer_number(self.stream)

    @property
    def points(self) -> int:
        """What it says of points, in 1/100, with its sign."""
        return self.state["points"]

    @property
    def adjusting(self) -> frozenset[RuleName]:
        """Its own rule where that adjusts by hand, as `postings_of` takes it."""
        return frozenset({(self.state["rule_set"], self.state["rule"])}) if self.by_hand else frozenset()

    @property
    def debt(self) -> int:
        """By how much it lets debt grow (or shrink, below zero)."""
        return debt_of(self.topic, self.state)

    def lots(self) -> list[tuple[int, int]]:
        """What it adds to the lots from which can be spent, by the month at whose end they expire (-1 for never)."""
        state = self.state
        if self.topic == "PointsGranted":
            return [(_month(state["expires_on"]), state["points"] - state["debt_paid"])]
        if self.topic == "PointsExpired":
            return [(_month(state["expired_on"]), state["points"])]
        if self.topic == "PointsRedeemed":
            return []
        sign = -1 if self.topic in ("PointsDeducted", "PointsHeld") else 1
        return [(EXPIRY_NEVER if month is None else month, sign * points) for month, points in state["lots"]]


class _Holds:
    """Which lots are held by which redemption, in the order in which they were taken: so they are spent and freed."""

    def __init__(self) -> None:
        self._left: dict[str, list[tuple[int, int]]] = {}

    def moved(self, topic: str, state: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
        """What an event adds to the lots that are held. What a hold lacked stands under "never"."""
        if topic == "PointsHeld":
            lots = [(EXPIRY_NEVER if month is None else month, points) for month, points in state["lots"]]
            self._left[state["redemption"]] = found = [*lots, (EXPIRY_NEVER, state["debt"])] if state["debt"] else lots
            return tuple(found)
        if topic not in ("PointsFreed", "PointsRedeemed"):
            return ()
        taken: list[tuple[int, int]] = []
        rest: list[tuple[int, int]] = []
        wanted = abs(state["points"])
        for month, points in self._left.pop(state["redemption"], []):
            part = min(points, wanted)
            wanted -= part
            if part:
                taken.append((month, -part))
            if points > part:
                rest.append((month, points - part))
        if rest:
            self._left[state["redemption"]] = rest
        return tuple(taken)


def _month(text: str | None) -> int:
    return EXPIRY_NEVER if text is None else month_of(day_parse(text))


def movements(connection: Connection[Any] | Connected, stop: int = POSITION_MAX) -> Iterator[Movement]:
    """Every event that moves points up to a position, in order. Read page by page: where `connection` opens one, it is
    held while a page is read. Raises Abandoned between two where nobody waits any more."""
    adjusting: frozenset[RuleName] = frozenset()
    holds = _Holds()
    open_day = NOTHING_OPENED
    for position, stream, topic, state in _events(connection, stop):
        if topic == "RuleSetProposed":
            adjusting |= adjusting_rules({state["rule_set"]: state["document"]})
        elif topic == "DayClosed":
            open_day = open_day_after(day_parse(state["day"]))
        else:
            day = day_expired(state) if topic == "PointsExpired" else day_parse(state["booked_on"])
            by_hand = (state.get("rule_set"), state.get("rule")) in adjusting
            posted = posting_day(topic, day, open_day)
            yield Movement(position, stream, topic, state, day, posted, by_hand, holds.moved(topic, state))


def value_on(connection: Connection[Any], book: Book, day: int) -> PointValue:
    """What points are worth by the rule set in force on a day: where its month is closed, by what was known then."""
    params = {"calendar": STREAM_CALENDAR, "day_last": day_text(month_last_day(month_of(day)))}
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["month_closed"], params).fetchone()
    assert row is not None
    rule_set = book.in_force(day, row[0])
    return point_value_of(book.rule_sets[rule_set].document) if rule_set else VALUE_DEFAULT


def facts_reversed(connection: Connection[Any], stop: int = POSITION_MAX) -> frozenset[int]:
    """The positions of fact versions of which something is taken back up to a position."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return frozenset(position for (position,) in cursor.execute(_QUERIES["facts_reversed"], {"stop": stop}))


def position_head(connection: Connection[Any]) -> int:
    """The position of the last event."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["position_head"]).fetchone()
    assert row is not None
    return row[0]


def _events(
    connection: Connection[Any] | Connected, stop: int
) -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    after = 0
    while True:
        abandoned_check()
        page = {"after": after, "stop": stop, "topics": _TOPICS, "limit": _PAGE}
        with (
            connection() if callable(connection) else nullcontext(connection) as opened,
            opened.cursor(row_factory=tuple_row, binary=True) as cursor,
        ):
            rows = cursor.execute(_QUERIES["events_of_topics"], page).fetchall()
        for position, stream, topic, data in rows:
            yield position, stream, topic, state_of(topic, bytes(data))
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]

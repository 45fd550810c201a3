"""The view `activity`: what each customer did in each month, days of loss and complaint, points by month.

Everything goes by the day a fact was booked on. A correction takes back what the version before had added, where that
had added it; but the points of all customers by month are those that finance has, by the day they are posted on, so
that months that are closed stand still.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.events import POINTS_TOPICS, STREAM_CALENDAR
from ledger.domain.posting_day import NOTHING_OPENED, open_day_after, posting_day
from ledger.domain.values import customer_number, day_parse, month_of
from ledger.log.arrays import BigintArray, IntegerArray
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.view import BATCH_EVENTS, Batch, bigints, day_expired, month_of_date

_QUERIES = queries_load("projections.sql", "activity.sql")

SEVERITY_MAJOR: Final = 1
"""The code of `major` in the standard fact types: values keep their places when a type is extended."""
HOURS_PROMPT_TENTHS: Final = 20
"""Complaints handled within two hours are answered promptly."""
SATISFACTION_CONTENT: Final = 4
"""From this answer on, of 1 to 5, a customer is content."""


@dataclass(slots=True)
class Cell:
    """What is added to a customer's month. Points in 1/100, contribution in fen, hours and scores in tenths."""

    facts: int = 0
    contracts: int = 0
    contribution: int = 0
    projects: int = 0
    complaints: int = 0
    complaints_major: int = 0
    responses: int = 0
    responses_prompt: int = 0
    response_hours: int = 0
    answers: int = 0
    answers_content: int = 0
    satisfaction: int = 0
    scores: int = 0
    score: int = 0
    granted: int = 0
    deducted: int = 0
    expired: int = 0
    redeemed: int = 0


CELL_FIELDS: Final = tuple(f.name for f in fields(Cell))


@dataclass(slots=True)
class _Incident:
    """What is added to a customer's day: points lost in 1/100, complaints filed."""

    lost: int = 0
    complaints: int = 0


@dataclass(slots=True)
class _Month:
    """What is added to a month of all customers, in 1/100 point."""

    granted: int = 0
    deducted: int = 0
    reversed: int = 0
    expired: int = 0
    debt: int = 0
    redeemed: int = 0


_MONTH_FIELDS: Final = tuple(f.name for f in fields(_Month))


def _contract(cell: Cell, attributes: Mapping[str, Any], sign: int) -> None:
    cell.contracts += sign
    cell.contribution += sign * attributes.get("amount", 0)


def _project(cell: Cell, attributes: Mapping[str, Any], sign: int) -> None:
    cell.projects += sign


def _complaint(cell: Cell, attributes: Mapping[str, Any], sign: int) -> None:
    cell.complaints += sign
    cell.complaints_major += sign * (attributes.get("severity") == SEVERITY_MAJOR)


def _response(cell: Cell, attributes: Mapping[str, Any], sign: int) -> None:
    hours = attributes.get("handling_hours")
    if hours is not None:
        cell.responses += sign
        cell.responses_prompt += sign * (hours <= HOURS_PROMPT_TENTHS)
        cell.response_hours += sign * hours


def _answer(cell: Cell, attributes: Mapping[str, Any], sign: int) -> None:
    satisfaction = attributes.get("satisfaction")
    if satisfaction is not None:
        cell.answers += sign
        cell.answers_content += sign * (satisfaction >= SATISFACTION_CONTENT)
        cell.satisfaction += sign * satisfaction


def _score(cell: Cell, attributes: Mapping[str, Any], sign: int) -> None:
    score = attributes.get("score")
    if score is not None:
        cell.scores += sign
        cell.score += sign * score


_MEASURES: Final[Mapping[str, Callable[[Cell, Mapping[str, Any], int], None]]] = {
    "contract_signed": _contract,
    "project_completed": _project,
    "complaint_filed": _complaint,
    "complaint_resolved": _response,
    "survey_answered": _answer,
    "performance_scored": _score,
}
"""What a fact of these types counts as, beside being a fact; with its attributes and a sign."""


# The days of a batch are few: a date is parsed once.
_day = lru_cache(maxsize=4_096)(day_parse)


class _Moves:
    """What a batch adds, cell by cell."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], Cell] = defaultdict(Cell)
        """By (customer, month)."""
        self.last: dict[int, str] = {}
        self.incidents: dict[tuple[int, int], _Incident] = defaultdict(_Incident)
        """By (customer, day)."""
        self.months: dict[int, _Month] = defaultdict(_Month)

    def fact(self, customer: int, state: Mapping[str, Any], sign: int) -> None:
        """A fact that is recorded (1), or whose version is taken back (-1)."""
        booked_on: str = state["booked_on"]
        cell = self.cells[customer, month_of_date(booked_on)]
        cell.facts += sign
        # Dates as text are in the order of the days.
        if sign > 0 and booked_on > self.last.get(customer, ""):
            self.last[customer] = booked_on
        measure = _MEASURES.get(state["fact_type"])
        if measure is not None:
            measure(cell, state["attributes"], sign)
        if state["fact_type"] == "complaint_filed":
            self._incident(customer, day_parse(booked_on), 0, sign)

    def points(self, customer: int, topic: str, state: Mapping[str, Any], open_day: int) -> None:
        """An event that moves points, or holds them, recorded when `open_day` was the first open one."""
        points: int = state["points"]
        if topic == "PointsGranted":
            day = _day(state["booked_on"])
            self.cells[customer, month_of(day)].granted += points
            sums = self.months[month_of(posting_day(topic, day, open_day))]
            sums.granted += points
            sums.debt -= state["debt_paid"]
            return
        if topic in ("PointsHeld", "PointsFreed"):
            debt: int = state["debt"]
            if debt:
                day = posting_day(topic, _day(state["booked_on"]), open_day)
                self.months[month_of(day)].debt += debt if topic == "PointsHeld" else -debt
            return
        day = day_expired(state) if topic == "PointsExpired" else _day(state["booked_on"])
        cell, sums = self.cells[customer, month_of(day)], self.months[month_of(posting_day(topic, day, open_day))]
        if topic == "PointsDeducted":
            cell.deducted += points
            sums.deducted += points
            sums.debt += state["debt"]
            self._incident(customer, day, -points, 0)
        elif topic == "PointsReversed":
            # What takes back a grant is below zero, what takes back a penalty above.
            if points < 0:
                cell.granted += points
            else:
                cell.deducted += points
            sums.reversed += points
            sums.debt += state["debt"]
            self._incident(customer, day, -points, 0)
        elif topic in ("PointsRedeemed", "PointsReturned"):
            cell.redeemed += points
            sums.redeemed += points
            sums.debt -= state.get("debt_paid", 0)
        else:
            cell.expired += points
            sums.expired += points

    def _incident(self, customer: int, day: int, lost: int, complaints: int) -> None:
        found = self.incidents[customer, day]
        found.lost += lost
        found.complaints += complaints


class ActivityView:
    """Keeps the tables `activity`, `activity_last`, `incident` and `points_month`."""

    name = "activity"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("DayClosed", "FactRecorded", *sorted(POINTS_TOPICS))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Add up the batch and add it to the tables."""
        moves = _Moves()
        facts = batch.of(("FactRecorded",))
        for event in facts:
            moves.fact(event.customer, event.state, 1)
        points = batch.of(POINTS_TOPICS)
        if points:
            closed = _days_closed(transaction, batch)
            open_day = NOTHING_OPENED
            for event in points:
                while closed and closed[0][0] < event.position:
                    open_day = open_day_after(closed.popleft()[1])
                moves.points(event.customer, event.topic, event.state, open_day)
        corrected = [event.state["corrects"] for event in facts if event.state["corrects"]]
        if corrected:
            known = {event.position: (event.customer, event.state) for event in facts}
            for customer, state in _versions(transaction, corrected, known):
                moves.fact(customer, state, -1)
        _store(transaction, moves)


def _days_closed(connection: Connection[Any], batch: Batch) -> deque[tuple[int, int]]:
    """Days that were closed, with the positions of it, in order: the last one before a batch, and those in it."""
    found: deque[tuple[int, int]] = deque()
    with connection.cursor(row_factory=tuple_row) as cursor:
        params = {"calendar": STREAM_CALENDAR, "before": batch.events[0][0]}
        if row := cursor.execute(_QUERIES["day_closed_last"], params).fetchone():
            found.append((row[0], day_parse(state_of("DayClosed", bytes(row[1]))["day"])))
    for position, _, _, topic, data in batch.events:
        if topic == "DayClosed":
            found.append((position, day_parse(state_of(topic, data)["day"])))
    return found


def _versions(
    connection: Connection[Any], positions: Sequence[int], known: Mapping[int, tuple[int, Mapping[str, Any]]]
) -> list[tuple[int, Mapping[str, Any]]]:
    """The fact versions at these positions, out of the batch or the log."""
    found = {p: known[p] for p in positions if p in known}
    missing = [p for p in positions if p not in found]
    if missing:
        with connection.cursor(row_factory=tuple_row) as cursor:
            for position, stream, topic, data in cursor.execute(
                _QUERIES["facts_before"], {"positions": BigintArray(missing)}
            ):
                found[position] = customer_number(stream), state_of(topic, bytes(data))
    return [found[p] for p in positions]


def _store(connection: Connection[Any], moves: _Moves) -> None:
    """Add it, in the order of the primary keys, so that neighbours in the index are changed together."""
    if moves.cells:
        keys = sorted(moves.cells)
        customer, month = zip(*keys, strict=True)
        connection.execute(
            _QUERIES["activity_store"],
            {
                "customer": BigintArray(customer), "month": IntegerArray(month),
                **bigints([moves.cells[key] for key in keys], CELL_FIELDS),
            },
        )  # fmt: skip
    if moves.last:
        last = sorted(moves.last.items())
        connection.execute(
            _QUERIES["activity_last_store"],
            {
                "customer": BigintArray([customer for customer, _ in last]),
                "day": IntegerArray([day_parse(booked_on) for _, booked_on in last]),
            },
        )
    if moves.incidents:
        keys = sorted(moves.incidents)
        customer, day = zip(*keys, strict=True)
        connection.execute(
            _QUERIES["incidents_store"],
            {
                "customer": BigintArray(customer), "day": IntegerArray(day),
                **bigints([moves.incidents[key] for key in keys], ("lost", "complaints")),
            },
        )  # fmt: skip
    if moves.months:
        sums = bigints(moves.months.values(), _MONTH_FIELDS)
        connection.execute(_QUERIES["points_months_store"], {"month": IntegerArray(moves.months), **sums})

"""The view `activity`: what each customer did in each month, days of loss and complaint, points by month.

Everything goes by the day a fact was booked on. A correction takes back what the version before had added, where that
had added it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.events import POINTS_TOPICS
from ledger.domain.values import customer_number, day_parse, month_of
from ledger.log.arrays import BigintArray, IntegerArray
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.view import Batch, day_expired

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


class _Moves:
    """What a batch adds, cell by cell."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], Cell] = {}
        self.last: dict[int, int] = {}
        self.incidents: dict[tuple[int, int], list[int]] = {}
        self.months: dict[int, list[int]] = {}

    def cell(self, customer: int, day: int) -> Cell:
        key = (customer, month_of(day))
        found = self.cells.get(key)
        if found is None:
            found = self.cells[key] = Cell()
        return found

    def fact(self, customer: int, state: Mapping[str, Any], sign: int) -> None:
        """A fact that is recorded (1), or whose version is taken back (-1)."""
        day = day_parse(state["booked_on"])
        cell = self.cell(customer, day)
        cell.facts += sign
        if sign > 0 and day > self.last.get(customer, -1):
            self.last[customer] = day
        kind, get = state["fact_type"], state["attributes"].get
        if kind == "contract_signed":
            cell.contracts += sign
            cell.contribution += sign * get("amount", 0)
        elif kind == "project_completed":
            cell.projects += sign
        elif kind == "complaint_filed":
            cell.complaints += sign
            cell.complaints_major += sign * (get("severity") == SEVERITY_MAJOR)
            self._incident(customer, day, 0, sign)
        elif kind == "complaint_resolved" and get("handling_hours") is not None:
            cell.responses += sign
            cell.responses_prompt += sign * (get("handling_hours") <= HOURS_PROMPT_TENTHS)
            cell.response_hours += sign * get("handling_hours")
        elif kind == "survey_answered" and get("satisfaction") is not None:
            cell.answers += sign
            cell.answers_content += sign * (get("satisfaction") >= SATISFACTION_CONTENT)
            cell.satisfaction += sign * get("satisfaction")
        elif kind == "performance_scored" and get("score") is not None:
            cell.scores += sign
            cell.score += sign * get("score")

    def points(self, customer: int, topic: str, state: Mapping[str, Any]) -> None:
        """An event that moves points."""
        points: int = state["points"]
        day = day_expired(state) if topic == "PointsExpired" else day_parse(state["booked_on"])
        if topic in ("PointsHeld", "PointsFreed"):
            debt: int = state["debt"]
            if debt:
                self.months.setdefault(month_of(day), [0, 0, 0, 0, 0, 0])[4] += debt if topic == "PointsHeld" else -debt
            return
        cell = self.cell(customer, day)
        month = self.months.setdefault(month_of(day), [0, 0, 0, 0, 0, 0])
        if topic == "PointsGranted":
            cell.granted += points
            month[0] += points
            month[4] -= state["debt_paid"]
        elif topic == "PointsDeducted":
            cell.deducted += points
            month[1] += points
            month[4] += state["debt"]
            self._incident(customer, day, -points, 0)
        elif topic == "PointsReversed":
            # What takes back a grant is below zero, what takes back a penalty above.
            if points < 0:
                cell.granted += points
            else:
                cell.deducted += points
            month[2] += points
            month[4] += state["debt"]
            self._incident(customer, day, -points, 0)
        elif topic in ("PointsRedeemed", "PointsReturned"):
            cell.redeemed += points
            month[5] += points
            month[4] -= state.get("debt_paid", 0)
        else:
            cell.expired += points
            month[3] += points

    def _incident(self, customer: int, day: int, lost: int, complaints: int) -> None:
        found = self.incidents.setdefault((customer, day), [0, 0])
        found[0] += lost
        found[1] += complaints


class ActivityView:
    """Keeps the tables `activity`, `activity_last`, `incident` and `points_month`."""

    name = "activity"
    batch_events = 10_000
    pause_seconds = 0.0

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Add up the batch and add it to the tables."""
        moves = _Moves()
        facts: dict[int, tuple[int, Mapping[str, Any]]] = {}
        corrected: list[int] = []
        for event in batch.of_customers:
            if event.topic == "FactRecorded":
                facts[event.position] = (event.customer, event.state)
                moves.fact(event.customer, event.state, 1)
                if event.state["corrects"]:
                    corrected.append(event.state["corrects"])
            elif event.topic in POINTS_TOPICS:
                moves.points(event.customer, event.topic, event.state)
        for customer, state in _versions(transaction, corrected, facts):
            moves.fact(customer, state, -1)
        _store(transaction, moves)


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
    if moves.cells:
        cells = list(moves.cells.values())
        columns: dict[str, Any] = {name: BigintArray([getattr(c, name) for c in cells]) for name in CELL_FIELDS}
        columns["customer"] = BigintArray([customer for customer, _ in moves.cells])
        columns["month"] = IntegerArray([month for _, month in moves.cells])
        connection.execute(_QUERIES["activity_store"], columns)
    if moves.last:
        last = {"customer": BigintArray(moves.last), "day": IntegerArray(moves.last.values())}
        connection.execute(_QUERIES["activity_last_store"], last)
    if moves.incidents:
        connection.execute(
            _QUERIES["incidents_store"],
            {
                "customer": BigintArray([customer for customer, _ in moves.incidents]),
                "day": IntegerArray([day for _, day in moves.incidents]),
                "lost": BigintArray([lost for lost, _ in moves.incidents.values()]),
                "complaints": BigintArray([complaints for _, complaints in moves.incidents.values()]),
            },
        )
    if moves.months:
        names = ("granted", "deducted", "reversed", "expired", "debt", "redeemed")
        columns = {name: BigintArray([m[i] for m in moves.months.values()]) for i, name in enumerate(names)}
        connection.execute(_QUERIES["points_months_store"], {"month": IntegerArray(moves.months), **columns})

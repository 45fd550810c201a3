"""The view `work`: chances of contracts with the stages they went through, talks with customers, tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from ledger.domain.relations.ids import opportunity_number, project_number, staff_number, task_number
from ledger.domain.relations.stages import STAGE_IDS, STAGES_END, TASK_STATES_NEXT
from ledger.domain.values import day_parse
from ledger.log.arrays import BigintArray
from ledger.log.queries import queries_load
from projections.relations.rows import columns
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_of_time

_QUERIES = queries_load("projections.sql", "work.sql")
_LOST: Final = "lost"


@dataclass(slots=True)
class OpportunityRow:
    """A chance of a contract; amount in fen. `stage_day`: since when it stands at its stage. `stage_reached`: the
    furthest stage but lost that it ever stood at, as a place in the list of stages. `ended_day`: when it was won or
    lost, with the `reason`."""

    number: int
    customer: int
    staff: int
    name: str
    project: int
    channel: str
    stage: str
    stage_day: int
    stage_reached: int
    amount: int
    probability_percent: int
    expected_day: int | None
    opened_day: int
    ended_day: int | None
    reason: str
    source: str
    reference: str
    position: int


@dataclass(slots=True)
class FollowUpRow:
    """A talk with a customer. `satisfaction` 1 to 5, 0 where nobody asked. `next_step_done`: the step agreed on before
    is over."""

    position: int
    customer: int
    staff: int
    day: int
    channel: str
    said: str
    next_step: str
    next_due_day: int | None
    outcome: str
    opportunity: int
    satisfaction: int
    next_step_done: bool


@dataclass(slots=True)
class TaskRow:
    """A task that `staff` handed to a department; `doer` has to do it, 0: whoever there. `note` is the last one."""

    number: int
    customer: int
    staff: int
    department: str
    doer: int
    title: str
    due_day: int
    state: str
    progress_percent: int
    note: str
    opportunity: int
    handed_day: int
    accepted_day: int | None
    ended_day: int | None
    position: int


@dataclass(slots=True)
class StageRow:
    """A stage that an opportunity stood at; `day_to` None: it stands there now."""

    opportunity: int
    position: int
    stage: str
    day_from: int
    day_to: int | None = None


@dataclass(slots=True)
class _Moves:
    """What a batch changes."""

    opportunities: dict[int, OpportunityRow]
    tasks: dict[int, TaskRow]
    stages: dict[int, StageRow] = field(default_factory=dict[int, StageRow])
    """The last stage that each entered in this batch."""
    stages_entered: list[StageRow] = field(default_factory=list[StageRow])
    stages_left: dict[int, int] = field(default_factory=dict[int, int])
    """By opportunity: the day on which it left the stage that it stood at before."""
    follow_ups: list[FollowUpRow] = field(default_factory=list[FollowUpRow])

    def enter(self, opportunity: int, position: int, stage: str, day: int) -> None:
        """An opportunity comes to a stage."""
        before = self.stages.get(opportunity)
        if before is not None:
            before.day_to = day
        else:
            self.stages_left[opportunity] = day
        row = self.stages[opportunity] = StageRow(opportunity, position, stage, day)
        self.stages_entered.append(row)


class WorkView:
    """Keeps the tables `opportunity`, `opportunity_stage`, `follow_up` and `task`."""

    name = "work"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0

    def __init__(self) -> None:
        self.topics = tuple(sorted(_FOLD))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load the work concerned, fold the events, store it."""
        events = [e for e in batch.of_relations if e.topic in _FOLD]
        if not events:
            return
        opportunities = {opportunity_number(e.state["opportunity"]) for e in events if e.topic in _OPPORTUNITY_TOPICS}
        tasks = {task_number(e.state["task"]) for e in events if e.topic in _TASK_TOPICS}
        moves = _Moves(
            {r.number: r for r in _load(transaction, "opportunities_load", OpportunityRow, opportunities)},
            {r.number: r for r in _load(transaction, "tasks_load", TaskRow, tasks)},
        )
        for event in events:
            # An opportunity may have begun and ended before it was recorded.
            _FOLD[event.topic](moves, event, day_of_time(event.state["occurred_at"]))
        for name, rows in (
            ("opportunities_store", list(moves.opportunities.values())), ("tasks_store", list(moves.tasks.values())),
            ("follow_ups_store", moves.follow_ups),
        ):  # fmt: skip
            if rows:
                transaction.execute(_QUERIES[name], columns(rows))
        if moves.stages_left:
            left = {"opportunity": BigintArray(moves.stages_left), "day": BigintArray(moves.stages_left.values())}
            transaction.execute(_QUERIES["stages_leave"], left)
            transaction.execute(_QUERIES["stages_enter"], columns(moves.stages_entered))


def _load(connection: Connection[Any], query: str, row: type[Any], numbers: set[int]) -> Sequence[Any]:
    if not numbers:
        return ()
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(_QUERIES[query], {"numbers": BigintArray(sorted(numbers))}).fetchall()


def day_or_none(text: str) -> int | None:
    """The day that an event says; None for ""."""
    return day_parse(text) if text else None


def _followed(moves: _Moves, event: CustomerEvent, day: int) -> None:
    said = event.state
    moves.follow_ups.append(
        FollowUpRow(
            event.position, event.customer, staff_number(said["staff"]), day, said["channel"], said["said"],
            said["next_step"], day_or_none(said["next_due_on"]), said["outcome"],
            opportunity_number(said["opportunity"]), said["satisfaction"], said["next_step_done"],
        )
    )  # fmt: skip


def _opened(moves: _Moves, event: CustomerEvent, day: int) -> None:
    said = event.state
    number, stage = opportunity_number(said["opportunity"]), said["stage"]
    moves.opportunities[number] = OpportunityRow(
        number, event.customer, staff_number(said["staff"]), said["name"], project_number(said["project"]),
        said["channel"], stage, day, STAGE_IDS.index(stage), said["amount"], said["probability_percent"],
        day_or_none(said["expected_on"]), day, None, "", said["source"], said["reference"], event.position,
    )  # fmt: skip
    moves.enter(number, event.position, stage, day)


def _changed(moves: _Moves, event: CustomerEvent, day: int) -> None:
    row = moves.opportunities[opportunity_number(event.state["opportunity"])]
    row.position = event.position
    for name, value in event.state["changes"].items():
        if name == "expected_on":
            row.expected_day = day_or_none(value)
        else:
            setattr(row, name, value)
    stage = event.state["changes"].get("stage")
    if stage is not None:
        row.stage_day, row.reason = day, event.state["reason"]
        row.ended_day = day if stage in STAGES_END else None
        if stage != _LOST:
            row.stage_reached = max(row.stage_reached, STAGE_IDS.index(stage))
        moves.enter(row.number, event.position, stage, day)


def _opportunity_reassigned(moves: _Moves, event: CustomerEvent, day: int) -> None:
    row = moves.opportunities[opportunity_number(event.state["opportunity"])]
    row.staff, row.position = staff_number(event.state["staff"]), event.position


def _handed(moves: _Moves, event: CustomerEvent, day: int) -> None:
    said = event.state
    number = task_number(said["task"])
    moves.tasks[number] = TaskRow(
        number, event.customer, staff_number(said["staff"]), said["department"], staff_number(said["to"]),
        said["title"], day_parse(said["due_on"]), "handed", 0, "", opportunity_number(said["opportunity"]), day, None,
        None, event.position,
    )  # fmt: skip


def _moved(moves: _Moves, event: CustomerEvent, day: int) -> None:
    said = event.state
    row = moves.tasks[task_number(said["task"])]
    row.state, row.progress_percent, row.position = said["state"], said["progress_percent"], event.position
    row.note = said["note"] or row.note
    if row.state == "accepted":
        # Who accepts for a department has it from then on.
        row.doer = row.doer or staff_number(said["staff"])
        row.accepted_day = day if row.accepted_day is None else row.accepted_day
    if not TASK_STATES_NEXT[row.state]:
        row.ended_day = day


def _task_reassigned(moves: _Moves, event: CustomerEvent, day: int) -> None:
    row = moves.tasks[task_number(event.state["task"])]
    row.staff, row.doer = staff_number(event.state["staff"]), staff_number(event.state["to"])
    row.position = event.position


_FOLD: Final[dict[str, Callable[[_Moves, CustomerEvent, int], None]]] = {
    "FollowUpRecorded": _followed,
    "OpportunityOpened": _opened,
    "OpportunityChanged": _changed,
    "OpportunityReassigned": _opportunity_reassigned,
    "TaskHanded": _handed,
    "TaskMoved": _moved,
    "TaskReassigned": _task_reassigned,
}
_OPPORTUNITY_TOPICS: Final = frozenset({"OpportunityChanged", "OpportunityReassigned"})
_TASK_TOPICS: Final = frozenset({"TaskMoved", "TaskReassigned"})

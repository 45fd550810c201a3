"""Events of the work with customers: talks, chances of contracts, tasks for other departments.

They stand in the customer's stream, as do those about who serves it (`relations.py`, where ids and days are told).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ledger.domain.events.base import REGISTRY, Event, Input, registered


@registered
@dataclass(kw_only=True)
class FollowUpRecorded(Input):
    """A talk with the customer: what was said, what comes next and by when ("" for none). `next_step_done`: the step
    agreed on before is done; otherwise it stands, unless another comes next. `outcome` is one of progress, waiting,
    refused, none."""

    class_version: ClassVar[int] = 2

    staff: str
    channel: str
    said: str
    next_step: str
    next_due_on: str
    outcome: str
    opportunity: str
    satisfaction: int
    next_step_done: bool

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """With every talk the step before was over."""
        state["next_step_done"] = True


@registered
@dataclass(kw_only=True)
class OpportunityOpened(Input):
    """A chance of a contract."""

    opportunity: str
    staff: str
    name: str
    project: str
    channel: str
    stage: str
    amount: int
    probability_percent: int
    expected_on: str
    source: str
    reference: str


@registered
@dataclass(kw_only=True)
class OpportunityChanged(Input):
    """What changes of an opportunity: stage, amount, probability, expected day; a stage `won` or `lost` ends it, with
    the reason."""

    opportunity: str
    changes: dict[str, Any]
    reason: str


@registered
@dataclass(kw_only=True)
class TaskHanded(Input):
    """A task for another department (or a member of it), due on a day."""

    task: str
    staff: str
    department: str
    to: str
    title: str
    due_on: str
    opportunity: str


@registered
@dataclass(kw_only=True)
class TaskMoved(Input):
    """A task is accepted, makes progress, is done or declined: `state` and `progress_percent`."""

    task: str
    state: str
    staff: str
    progress_percent: int
    note: str


@registered
@dataclass(kw_only=True)
class TaskReassigned(Event):
    """A task goes to somebody else because of a handover: from now on `staff` has handed it, and `to` has to do it ("":
    whoever of the department)."""

    task: str
    staff: str
    to: str


@registered
@dataclass(kw_only=True)
class OpportunityReassigned(Event):
    """An opportunity goes to somebody else because of a handover, or with its customer."""

    opportunity: str
    staff: str


WORK_TOPICS: Final[frozenset[str]] = frozenset(name for name, cls in REGISTRY.items() if cls.__module__ == __name__)
"""The names of all events here."""

"""The work with customers: opportunities, talks, tasks, reminders, and its figures."""

from __future__ import annotations

from pydantic import BaseModel

from api.schemas import Money


class StageFiguresBody(BaseModel):
    """A stage of the funnel. `count` and `amount` stand there now, `reached` came so far or further. Shares are basis
    points, of the stage before and of all; null of nothing."""

    stage: str
    count: int
    amount: str = Money
    reached: int
    amount_reached: str = Money
    conversion_bp: int | None
    overall_bp: int | None
    stay_days_mean: int | None


class SourceBody(BaseModel):
    """A channel: leads through it, customers registered by them, opportunities and what became of them; amounts in
    CNY."""

    channel: str
    leads: int
    customers: int
    opportunities: int
    amount: str = Money
    won: int
    amount_won: str = Money
    lost: int


class PerformanceBody(BaseModel):
    """How somebody does. `success_bp`: talks that brought progress, of those with an outcome; `won_bp`: opportunities
    won, of those that ended; `satisfaction_percent`: the mean answer in hundredths; response times from assignment to
    the first talk. Null of nothing."""

    staff: str
    team: str
    talks: int
    success_bp: int | None
    won: int
    lost: int
    won_bp: int | None
    amount_won: str = Money
    satisfaction_percent: int | None
    answers: int
    assigned: int
    talked: int
    response_seconds_mean: int | None
    response_seconds_median: int | None


class TeamPerformanceBody(BaseModel):
    """The same of a team and those below it."""

    team: str
    name: str
    people: int
    talks: int
    success_bp: int | None
    won: int
    lost: int
    won_bp: int | None
    amount_won: str = Money
    satisfaction_percent: int | None
    answers: int
    assigned: int
    talked: int
    response_seconds_mean: int | None
    response_seconds_median: int | None


class OpportunityBody(BaseModel):
    """A chance of a contract. `amount` in CNY; `ended_on`: when it was won or lost."""

    opportunity: str
    customer: str
    customer_name: str
    staff: str | None
    name: str
    project: str | None
    channel: str
    stage: str
    stage_since: str
    amount: str = Money
    probability_percent: int
    expected_on: str | None
    opened_on: str
    ended_on: str | None
    reason: str
    source: str
    reference: str


class StageBody(BaseModel):
    """A stage that an opportunity stood at; `until` null: it stands there now."""

    position: int
    stage: str
    since: str
    until: str | None


class OpportunityDetailBody(OpportunityBody):
    """An opportunity with the stages it went through."""

    stages: list[StageBody]


class FollowUpBody(BaseModel):
    """A talk with a customer. `satisfaction`: 1 to 5, null where nobody asked. `next_step_done`: the step agreed on
    before is over."""

    position: int
    customer: str
    staff: str | None
    day: str
    channel: str
    said: str
    next_step: str
    next_due_on: str | None
    outcome: str
    opportunity: str | None
    satisfaction: int | None
    next_step_done: bool


class TaskBody(BaseModel):
    """A task that `staff` handed to a department. `to` has to do it, null: whoever there."""

    task: str
    customer: str
    customer_name: str
    staff: str | None
    department: str
    to: str | None
    title: str
    due_on: str
    state: str
    progress_percent: int
    note: str
    opportunity: str | None
    handed_on: str
    accepted_on: str | None
    ended_on: str | None


class ReminderBody(BaseModel):
    """What was said to be due. `about` is the task or milestone, `title` its name. `is_open`: nothing was done about it
    yet."""

    position: int
    customer: str
    customer_name: str
    kind: str
    staff: str | None
    about: str
    title: str
    due_on: str
    said_on: str
    is_open: bool

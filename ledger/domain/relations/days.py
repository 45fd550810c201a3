"""What the end of a day makes due: returns to the pool and what is said beforehand, each exactly once.

Only what is due is looked at, by the day under which it stands; a day that was closed late, or none before it, makes up
for those before.
"""

from __future__ import annotations

from ledger.domain.relations.assigning import pool
from ledger.domain.relations.drafts import Draft, reacts
from ledger.domain.relations.holdings import announced, hold
from ledger.domain.relations.ids import project_id, task_id
from ledger.domain.relations.policy import Terms
from ledger.domain.relations.records import NONE, Holding
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import day_parse


@evolves("DayClosed")
def _over(state: Relations, event: Happened) -> None:
    day = day_parse(event.fields["day"])
    state.days_closed.put(1, state.days_closed[0])
    state.days_closed.put(0, day)
    for staff, last_day in list(state.leaving.items()):
        if last_day <= day:
            state.leaving.drop(staff)
    for lookup in (state.owned, *state.due_lookups):
        lookup.tidy()


@reacts("DayClosed")
def _on_close(draft: Draft, event: Happened) -> None:
    day, terms, cause = day_parse(event.fields["day"]), draft.context.policy.terms, event.position
    _returns(draft, day, cause)
    for kind, said, ahead_days in (
        ("talk", "nurture", terms.announce_days),
        # The evening before, so that it stands there in the morning.
        ("step", "follow_up", 1),
        ("protection", "protection_ending", terms.notice_days),
    ):
        for due_day, customer in _listed(draft.state, kind, day + ahead_days):
            draft.remind(customer, cause, said, draft.state.holding(customer).owner, "", due_day)
    if terms.important_days:
        _quiet(draft, day, cause)
    _work(draft, day, cause)


def _listed(state: Relations, kind: str, through: int) -> list[tuple[int, int]]:
    """What is due of one kind until a day: (day, customer), in this order."""
    due = state.due[kind]
    days = sorted(day for day in due.filled() if day <= through)
    return [(day, customer) for day in days for customer in due.of(day)]


def _returns(draft: Draft, day: int, cause: int) -> None:
    """Who was not followed up by its day returns to the pool, protected or not; the others soon due are announced."""
    state = draft.state
    due, holdings = state.due["return"], state.holdings
    for due_day in sorted(d for d in due.filled() if d <= day + draft.context.policy.terms.announce_days):
        if due_day <= day:
            for customer in due.of(due_day):
                pool(draft, customer, "deadline", cause)
        else:
            for customer in due.of(due_day):
                holding = holdings[customer]
                if holding.announced_day != due_day:
                    draft.remind(customer, cause, "return_announced", holding.owner, "", due_day)


def _quiet(draft: Draft, day: int, cause: int) -> None:
    """Important customers that nobody has talked with for long. Nurtured ones have a rhythm of their own.

    Whoever is quiet is looked at each time it has been so for another `important_days`, so that also those are found
    that have become important meanwhile, without looking at everybody every day.
    """
    state, terms = draft.state, draft.context.policy.terms
    before = state.days_closed[1]
    for since in sorted(state.due["quiet"].filled()):
        times = (day - since) // terms.important_days
        if times < 1 or times == (before - since) // terms.important_days:
            continue
        for customer in state.due["quiet"].of(since):
            holding = state.holding(customer)
            if not holding.rhythm_days and _important(draft, terms, customer):
                draft.remind(customer, cause, "important_quiet", holding.owner, "", since + terms.important_days)


def _important(draft: Draft, terms: Terms, customer: int) -> bool:
    standing = draft.context.standing(customer)
    return standing.tier in terms.important_tiers or not terms.important_tags.isdisjoint(standing.tags)


def _work(draft: Draft, day: int, cause: int) -> None:
    """Tasks that are overdue, and milestones that are near or past and not reached. No task is handed for a day that
    is over, so the day that it was due is closed once; milestones are, and what was said of them is kept."""
    state, through = draft.state, day + draft.context.policy.terms.notice_days
    before = state.days_closed[1]
    entries = sorted((d, entry) for d in state.work_due.filled() if d <= through for entry in state.work_due.of(d))
    for due_day, (kind, number, milestone) in entries:
        if kind == "task":
            if before < due_day <= day:
                task = state.tasks[number]
                customer = state.standing_for(task.customer)
                draft.remind(customer, cause, kind, task.to or task.staff, task_id(number), due_day)
        else:
            about = f"{project_id(number)}/{milestone}"
            if state.reminded.get(about) != due_day:
                customer = state.standing_for(state.projects[number].customer)
                draft.remind(customer, cause, kind, state.holding(customer).owner, about, due_day)


@evolves("ReminderDue")
def _said(state: Relations, event: Happened) -> None:
    said = event.fields
    reminded(state, event.customer, said["kind"], said["about"], day_parse(said["due_on"]))


def reminded(state: Relations, customer: int, kind: str, about: str, due_day: int) -> None:
    """What was said is not said again."""
    if kind in ("return_announced", "nurture"):
        announced(state, customer, due_day)
    elif kind == "task":
        return
    elif kind == "milestone":
        state.reminded.put(about, due_day)
    else:
        hold(state, customer, _reminded(state.holding(customer), kind, due_day))


def _reminded(holding: Holding, kind: str, due_day: int) -> Holding:
    if kind == "follow_up":
        return holding._replace(next_due_day=NONE)
    if kind == "protection_ending":
        return holding._replace(protection_said_day=due_day)
    if kind == "important_quiet":
        return holding._replace(quiet_said_day=holding.touched_day)
    raise ValueError(f"a reminder of a kind that none has: {kind}")

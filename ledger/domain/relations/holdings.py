"""Who has a customer, as a fold: what `CustomerAssigned` and `CustomerPooled` make of it, and what talks do to its
deadlines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.records import NOBODY, NONE, Holding, TurnsHanded
from ledger.domain.relations.state import DUE_KINDS, Happened, Relations, evolves
from ledger.domain.values import day_parse

KEEPS: Final = frozenset({"handover", "reassignment"})
"""Why somebody else gets a customer that goes on as it was: with its collaborators, its rhythm and its next step."""

Dues = tuple[int, int, int, int, int]
"""Days in the order of `DUE_KINDS`, NONE for none."""

NOTHING_DUE: Final[Dues] = (NONE, NONE, NONE, NONE, NONE)


def dues(holding: Holding) -> Dues:
    """The days of what is due of a customer, until it is said or done, and since when it is quiet."""
    owner, due_day, protected_day = holding.owner, holding.due_day, holding.protected_day
    if not owner:
        return NOTHING_DUE
    rhythm_days, announced_day, touched_day = holding.rhythm_days, holding.announced_day, holding.touched_day
    if not rhythm_days:
        return_day, talk_day = due_day, NONE
    else:
        return_day = NONE
        talk_day = due_day if due_day == NONE or announced_day == NONE else announced_day + rhythm_days
    return (
        return_day,
        talk_day,
        holding.next_due_day,
        NONE if protected_day == holding.protection_said_day else protected_day,
        NONE if touched_day == holding.quiet_said_day else touched_day,
    )


def hold(state: Relations, customer: int, holding: Holding) -> None:
    """Put a holding, and all that is counted and looked up of it. Nothing else changes holdings."""
    before = state.holdings.get(customer, NOBODY)
    if not holding.since and holding == NOBODY:
        state.holdings.drop(customer)
    else:
        state.holdings.put(customer, holding)
    if before.owner != holding.owner:
        if before.owner:
            state.owned.drop(before.owner, customer)
            state.load.add(before.owner, -1)
        if holding.owner:
            state.owned.add(holding.owner, customer)
            state.load.add(holding.owner, 1)
    claimed_before = before.owner if before.why == "claim" else 0
    claimed = holding.owner if holding.why == "claim" else 0
    if claimed_before != claimed:
        if claimed_before:
            state.claimed.add(claimed_before, -1)
        if claimed:
            state.claimed.add(claimed, 1)
    due_before, due = dues(before), dues(holding)
    if due_before != due:
        for kind, day_before, day in zip(DUE_KINDS, due_before, due, strict=True):
            if day_before != day:
                if day_before != NONE:
                    state.due[kind].drop(day_before, customer)
                if day != NONE:
                    state.due[kind].add(day, customer)


def followed(state: Relations, event: Happened) -> None:
    """A talk with a customer counts for whoever has it: its deadline and its next talk move. A customer in the pool
    stays as it is, whoever talks with it."""
    customer = state.standing_for(event.customer)
    holding = state.holding(customer)
    if not holding.owner:
        return
    days = holding.rhythm_days or holding.follow_up_days
    hold(
        state,
        customer,
        holding._replace(
            followed_day=event.day,
            due_day=event.day + days if days else NONE,
            announced_day=NONE,
            next_due_day=day_or_none(event.fields["next_due_on"]),
        ),
    )


def day_or_none(text: str) -> int:
    """The day that an event says; NONE for ""."""
    return day_parse(text) if text else NONE


def merged_back(before: Holding, after: Holding, now: Holding) -> Holding:
    """A holding as it was before something that made `after` of it, with what else has changed since then."""
    changed: dict[str, Any] = {
        name: getattr(now, name) for name in Holding._fields if getattr(now, name) != getattr(after, name)
    }
    if "collaborators" in changed:
        changed["collaborators"] = now.collaborators - {before.owner}
    return before._replace(**changed)


@evolves("CustomerAssigned")
def _assigned(state: Relations, event: Happened) -> None:
    customer, said = event.customer, event.fields
    if _restored(state, customer):
        return
    staff, why = staff_number(said["staff"]), said["why"]
    before = state.holding(customer)
    kept = before if before.owner and why in KEEPS else NOBODY
    due_day = day_or_none(said["due_on"])
    # A nurtured customer is due for its next talk: what holds once it is nurtured no more isn't told by that.
    follow_up_days = kept.follow_up_days if kept.rhythm_days else max(due_day - event.day, 0)
    hold(
        state,
        customer,
        Holding(
            owner=staff, team=said["team"], why=why, since=event.position, since_day=event.day,
            protected_day=day_or_none(said["protected_until"]), due_day=due_day, rhythm_days=kept.rhythm_days,
            followed_day=before.followed_day, follow_up_days=follow_up_days, next_due_day=kept.next_due_day,
            collaborators=kept.collaborators - {staff},
        ),
    )  # fmt: skip
    _turn(state, customer, staff, why, event)
    _handed(state, customer, why)


@evolves("CustomerPooled")
def _pooled(state: Relations, event: Happened) -> None:
    customer, why = event.customer, event.fields["why"]
    before = state.holding(customer)
    restoring = state.restoring.get(customer)
    if restoring is not None:
        if not restoring.owner:
            _restored(state, customer)
            return
        # It was to be given back to somebody, who can't have it any more.
        state.restoring.drop(customer)
        before = restoring
    # Whatever is said of a customer in the pool, it has been there since it came.
    if before.owner or customer not in state.holdings:
        hold(
            state,
            customer,
            Holding(
                why=why, since=event.position, since_day=event.day, former=before.owner, pooled_day=event.day,
                followed_day=before.followed_day,
            ),
        )  # fmt: skip
        _handed(state, customer, why)


def _restored(state: Relations, customer: int) -> bool:
    """Give a customer back as it was, where the input before says so."""
    holding = state.restoring.get(customer)
    if holding is None:
        return False
    state.restoring.drop(customer)
    hold(state, customer, holding)
    return True


def _turn(state: Relations, customer: int, staff: int, why: str, event: Happened) -> None:
    """Count an assignment for its owner and for the rotation that chose. Of a handover's, how it was is kept."""
    turn = event.fields["turn"]
    handed = state.handed.get(customer) if why == "handover" else None
    if handed is None:
        state.assigned_last.put(staff, event.position)
        state.turn_take(staff, turn)
        return
    counts = [(None, staff), *(((str(turn[0]), staff), (str(turn[0]), 0)) if turn else ())]
    before = [count_read(state, *key) for key in counts]
    state.assigned_last.put(staff, event.position)
    state.turn_take(staff, turn)
    known = dict(state.turns_handed.get(handed.position, {}))
    for key, old in zip(counts, before, strict=True):
        first = known[key].before if key in known else old
        known[key] = TurnsHanded(first, count_read(state, *key))
    state.turns_handed.put(handed.position, known)


def _handed(state: Relations, customer: int, why: str) -> None:
    """A customer stands as a handover left it until somebody else gets it, or it goes to the pool."""
    handed = state.handed.get(customer)
    if handed is None:
        return
    if why == "handover":
        state.handed.put(customer, replace(handed, after=state.holding(customer)))
    else:
        state.handed.drop(customer)


def count_read(state: Relations, rotation: str | None, staff: int) -> tuple[int, int]:
    """A count and its weight in a rotation; for None when somebody was assigned a customer last."""
    if rotation is None:
        return state.assigned_last[staff], 0
    found = state.rotations.get(rotation)
    return (found.counts[staff], found.weights[staff]) if found else (0, 0)


def count_put(state: Relations, rotation: str | None, staff: int, value: tuple[int, int]) -> None:
    """Set what `count_read` reads."""
    if rotation is None:
        state.assigned_last.put(staff, value[0])
    elif rotation in state.rotations:
        state.rotations[rotation].counts.put(staff, value[0])
        state.rotations[rotation].weights.put(staff, value[1])

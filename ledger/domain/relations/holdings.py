"""Who has a customer, as a fold: what `CustomerAssigned` and `CustomerPooled` make of it, and what talks do to its
deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ledger.domain.relations.dues import Dues, dues
from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.records import NOBODY, NONE, Holding, TurnsHanded, new
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import day_parse

KEEPS: Final = frozenset({"handover", "reassignment"})
"""Why somebody else gets a customer that goes on as it was: with its collaborators, its rhythm and its next step."""


def hold(state: Relations, customer: int, holding: Holding) -> None:
    """Put a holding, and all that is counted and looked up of it. Nothing else but `announced` changes holdings."""
    before = state.holdings.get(customer, NOBODY)
    owner_before, owner = before.owner, holding.owner
    if state.journal.keeps:
        _looked_up_again(state, customer, owner_before, dues(before))
    if not holding.since and holding == NOBODY:
        state.holdings.drop(customer)
    else:
        state.holdings.put(customer, holding)
    if owner_before != owner:
        if owner_before:
            state.load.add(owner_before, -1)
        if owner:
            if state.owned.is_asked:
                state.owned.add(owner, customer)
            state.load.add(owner, 1)
    if before.why == "claim" or holding.why == "claim":
        _claimed(state, owner_before if before.why == "claim" else 0, owner if holding.why == "claim" else 0)
    if owner:
        # One after the other, not in a loop: a change moves two or three of them.
        at_return, at_talk, at_step, at_protection, at_quiet = state.due_lookups
        return_before, talk_before, step_before, protection_before, quiet_before = dues(before)
        return_day, talk_day, step_day, protection_day, quiet_day = dues(holding)
        if return_day not in (return_before, NONE):
            at_return.add(return_day, customer)
        if talk_day not in (talk_before, NONE):
            at_talk.add(talk_day, customer)
        if step_day not in (step_before, NONE):
            at_step.add(step_day, customer)
        if protection_day not in (protection_before, NONE):
            at_protection.add(protection_day, customer)
        if at_quiet.is_asked and quiet_day not in (quiet_before, NONE):
            at_quiet.add(quiet_day, customer)


def _claimed(state: Relations, before: int, after: int) -> None:
    """Count who owns a customer by a claim, 0 for nobody."""
    if before != after:
        if before:
            state.claimed.add(before, -1)
        if after:
            state.claimed.add(after, 1)


def _looked_up_again(state: Relations, customer: int, owner: int, due: Dues) -> None:
    """Have a customer entered under what its holding said so far, where a change is undone: after the holding is, hence
    written down before it is changed."""
    note = state.journal.note
    if owner:
        note(state.owned.add, owner, customer)
    for lookup, day in zip(state.due_lookups, due, strict=True):
        if day != NONE:
            note(lookup.add, day, customer)


def followed(state: Relations, event: Happened) -> None:
    """A talk with a customer counts for whoever has it: its deadline and its next talk move; the step agreed on before
    stands unless another comes next or it is done. A customer in the pool stays as it is, whoever talks with it."""
    customer = state.standing_for(event.customer) if state.merged else event.customer
    holding = state.holdings.get(customer, NOBODY)
    if not holding.owner:
        return
    days = holding.rhythm_days or holding.follow_up_days
    due_day = event.day + days if days else NONE
    said = event.fields
    replaced = said["next_step"] or said["next_step_done"]
    next_due_day = day_or_none(said["next_due_on"]) if replaced else holding.next_due_day
    hold(state, customer, holding.followed(event.day, due_day, next_due_day))


def announced(state: Relations, customer: int, due_day: int) -> None:
    """The return of a customer on a day, or its next talk, was said beforehand."""
    holding = state.holdings.get(customer, NOBODY)
    if holding.rhythm_days:
        hold(state, customer, holding.announced(due_day))
    else:
        # Nothing that is counted or looked up says so.
        state.holdings.put(customer, holding.announced(due_day))


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
    said = event.fields
    assigned(
        state, event.customer, event.position, event.day, staff_number(said["staff"]), said["team"], said["why"],
        day_or_none(said["protected_until"]), day_or_none(said["due_on"]), said["turn"],
    )  # fmt: skip


def assigned(
    state: Relations, customer: int, position: int, day: int, staff: int, team: str, why: str, protected_day: int,
    due_day: int, turn: Sequence[Any],
) -> None:  # fmt: skip
    """A customer is somebody's from this position on."""
    if customer in state.restoring:
        _restored(state, customer)
        return
    before = state.holdings.get(customer, NOBODY)
    kept = before if before.owner and why in KEEPS else NOBODY
    # A nurtured customer is due for its next talk: what holds once it is nurtured no more isn't told by that.
    follow_up_days = kept.follow_up_days if kept.rhythm_days else max(due_day - day, 0)
    collaborators = kept.collaborators - {staff} if kept.collaborators else kept.collaborators
    # By place, and past the function that takes fields by name: that would take four times as long.
    holding = new(
        Holding,
        (
            staff, team, why, position, day, protected_day, due_day, NONE, kept.rhythm_days, before.followed_day,
            follow_up_days, kept.next_due_day, NONE, NONE, 0, NONE, collaborators,
        ),
    )  # fmt: skip
    hold(state, customer, holding)
    if why == "handover":
        _turn_handed(state, customer, staff, position, turn)
    else:
        state.assigned_last.put(staff, position)
        if turn:
            state.turn_take(staff, turn)
    if customer in state.handed:
        _handed(state, customer, why)


@evolves("CustomerPooled")
def _pooled(state: Relations, event: Happened) -> None:
    pooled(state, event.customer, event.position, event.day, event.fields["why"])


def pooled(state: Relations, customer: int, position: int, day: int, why: str) -> None:
    """A customer is in the pool from this position on, unless it was there already."""
    before = state.holdings.get(customer, NOBODY)
    restoring = state.restoring.get(customer) if state.restoring else None
    if restoring is not None:
        if not restoring.owner:
            _restored(state, customer)
            return
        # It was to be given back to somebody, who can't have it any more.
        state.restoring.drop(customer)
        before = restoring
    # Whatever is said of a customer in the pool, it has been there since it came.
    if before.owner or customer not in state.holdings:
        holding = new(
            Holding,
            (
                0, "", why, position, day, NONE, NONE, NONE, 0, before.followed_day, 0, NONE, NONE, NONE, before.owner,
                day, NOBODY.collaborators,
            ),
        )  # fmt: skip
        hold(state, customer, holding)
        if customer in state.handed:
            _handed(state, customer, why)


def _restored(state: Relations, customer: int) -> None:
    """Give a customer back as it was, where the input before says so."""
    holding = state.restoring[customer]
    state.restoring.drop(customer)
    hold(state, customer, holding)


def _turn_handed(state: Relations, customer: int, staff: int, position: int, turn: Sequence[Any]) -> None:
    """Count a handover's assignment for its owner and for the rotation that chose, and keep how it was."""
    handed = state.handed.get(customer)
    if handed is None:
        state.assigned_last.put(staff, position)
        state.turn_take(staff, turn)
        return
    counts = [(None, staff), *(((str(turn[0]), staff), (str(turn[0]), 0)) if turn else ())]
    before = [count_read(state, *key) for key in counts]
    state.assigned_last.put(staff, position)
    state.turn_take(staff, turn)
    known = dict(state.turns_handed.get(handed.position, {}))
    for key, old in zip(counts, before, strict=True):
        first = known[key].before if key in known else old
        known[key] = TurnsHanded(first, count_read(state, *key))
    state.turns_handed.put(handed.position, known)


def _handed(state: Relations, customer: int, why: str) -> None:
    """A customer stands as a handover left it until somebody else gets it, or it goes to the pool."""
    handed = state.handed[customer]
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

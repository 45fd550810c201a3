"""Customers that are found to be one, and to be two after all.

What was recorded for the one that was merged stays where it stands and counts for the survivor, which
`Relations.standing_for` leads to; so taking the merging back is exact. Only who has what really moves: the customer
goes along to whoever has the survivor, or where that is nobody, the survivor goes on as the merged one stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ledger.domain.commands import Answer, MergeCustomers, UnmergeCustomers
from ledger.domain.errors import Refused
from ledger.domain.relations.assigning import as_it_was, pool
from ledger.domain.relations.checks import customer_named, text_required
from ledger.domain.relations.drafts import Draft, decides, reacts
from ledger.domain.relations.holdings import hold, merged_back
from ledger.domain.relations.ids import opportunity_id, staff_id, task_id
from ledger.domain.relations.records import Holding, Merging
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id, customer_number

REASON_LENGTH_MAX: Final = 1_000


@decides(MergeCustomers)
def _merge(draft: Draft, command: MergeCustomers) -> Answer:
    state = draft.state
    survivor = customer_named(state, command.customer)
    merged = _find(state, command.merged)
    into = state.standing_for(merged)
    if merged in (survivor, state.find(command.customer)):
        raise Refused("CUSTOMER_MERGE_SELF", "both lead to the same customer; name two", "merged")
    if into == survivor:
        return Answer("duplicate", state.position, customer_id(survivor), customer_id(merged))
    if into != merged:
        raise Refused("CUSTOMER_MERGED", "was merged into another customer; take that back first", "merged")
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    position = draft.input("CustomersMerged", survivor, merged=customer_id(merged), reason=reason)
    return Answer("accepted", position, customer_id(survivor), customer_id(merged))


@decides(UnmergeCustomers)
def _unmerge(draft: Draft, command: UnmergeCustomers) -> Answer:
    state = draft.state
    merged = _find(state, command.merged)
    if merged not in state.merged:
        raise Refused("CUSTOMER_NOT_MERGED", "stands for itself; name one that was merged into another", "merged")
    survivor = state.merged[merged]
    if survivor in state.merged:
        raise Refused(
            "CUSTOMER_MERGED", "the customer that it was merged into was itself merged; take that back first", "merged"
        )
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    position = draft.input(
        "CustomersUnmerged", survivor, merged=customer_id(merged), undoes=state.mergings[merged].position, reason=reason
    )
    return Answer("accepted", position, customer_id(survivor), customer_id(merged))


def _find(state: Relations, text: str) -> int:
    number = state.find(text)
    if not number:
        raise Refused("CUSTOMER_UNKNOWN", "no customer has this id; register the customer first", "merged")
    return number


@evolves("CustomersMerged")
def _was_merged(state: Relations, event: Happened) -> None:
    """Have what the decisions to come make of either ready."""
    survivor, merged = event.customer, customer_number(event.fields["merged"])
    old, before = state.holding(merged), state.holding(survivor)
    handed = state.handed.get(merged), state.handed.get(survivor)
    heir = before.owner or old.owner
    losing, loser = (merged, old.owner or old.former) if before.owner else (survivor, before.former)
    opportunities = _opportunities(state, losing, loser, heir)
    tasks = _tasks(state, losing, loser, heir)
    if before.owner:
        after = before._replace(collaborators=(before.collaborators | old.collaborators) - {before.owner})
        hold(state, survivor, after)
    elif old.owner:
        after = old._replace(since=event.position)
        state.restoring.put(survivor, after)
        state.handed.drop(survivor)
    else:
        after = before
    state.restoring.put(merged, _out_of_the_way(old, event))
    state.handed.drop(merged)
    state.merged.put(merged, survivor)
    state.settlement.merge(event.position, merged, survivor)
    state.members.add(survivor, merged)
    state.mergings.put(
        merged,
        Merging(event.position, survivor, heir, old, before, after, handed, tuple(opportunities), tuple(tasks)),
    )


@reacts("CustomersMerged")
def _on_merging(draft: Draft, event: Happened) -> None:
    merged = customer_number(event.fields["merged"])
    merging = draft.state.mergings[merged]
    _as_prepared(draft, merged, "merged", event.position)
    _as_prepared(draft, merging.survivor, "merge", event.position)
    for number, _ in merging.opportunities:
        _opportunity_give(draft, number, merging.heir, event.position)
    for number, _ in merging.tasks:
        _task_give(draft, number, merging.heir, event.position)


@evolves("CustomersUnmerged")
def _was_unmerged(state: Relations, event: Happened) -> None:
    """Have what the decisions to come give back ready, with what has changed since the merging left out of account
    where it changed who has the survivor."""
    merged = customer_number(event.fields["merged"])
    merging = state.mergings[merged]
    survivor = merging.survivor
    state.merged.drop(merged)
    state.settlement.merge(event.position, merged, merged)
    state.members.drop(survivor, merged)
    state.mergings.put(merged, replace(merging, is_undone=True))
    now, old = state.holding(survivor), merging.merged
    went_along = merging.before.owner == 0 and old.owner != 0
    stayed = (now.owner, now.since) == (merging.after.owner, merging.after.since)
    if went_along and stayed and not _others_had(state, survivor, merging.position):
        state.restoring.put(survivor, merging.before)
        if merging.handed[1] is not None:
            state.handed.put(survivor, merging.handed[1])
    elif not went_along:
        added = merging.after.collaborators - merging.before.collaborators
        hold(state, survivor, now._replace(collaborators=now.collaborators - added))
    # What the owner of both did meanwhile, such as a talk that moved the deadline, was done for the merged one too.
    state.restoring.put(merged, merged_back(old, merging.after, now) if went_along and stayed else old)
    if merging.handed[0] is not None:
        state.handed.put(merged, merging.handed[0])


@reacts("CustomersUnmerged")
def _on_unmerging(draft: Draft, event: Happened) -> None:
    state = draft.state
    merged = customer_number(event.fields["merged"])
    merging = state.mergings[merged]
    _as_prepared(draft, merging.survivor, "unmerge", event.position)
    _as_prepared(draft, merged, "unmerge", event.position)
    for number, staff in merging.opportunities:
        opportunity = state.opportunities[number]
        if opportunity.is_open and opportunity.staff == merging.heir:
            _opportunity_give(draft, number, staff if _is_here(state, staff, event.day) else 0, event.position)
    for number, staff in merging.tasks:
        task = state.tasks[number]
        if task.is_open and task.staff == merging.heir:
            _task_give(draft, number, staff if _is_here(state, staff, event.day) else 0, event.position)


def _out_of_the_way(old: Holding, event: Happened) -> Holding:
    """How a customer that was merged stands: in the pool, whether it was there before or not."""
    return Holding(
        why="merged", since=event.position, since_day=event.day, former=old.owner or old.former, pooled_day=event.day,
        followed_day=old.followed_day,
    )  # fmt: skip


def _as_prepared(draft: Draft, customer: int, why: str, cause: int) -> None:
    """Decide that a customer stands as the fold has ready; in the pool where who had it is not at the firm any more."""
    holding = draft.state.restoring.get(customer)
    if holding is None:
        return
    if not _is_here(draft.state, holding.owner, draft.context.day):
        pool(draft, customer, why, cause)
        return
    as_it_was(draft, customer, why, cause, holding)


def _others_had(state: Relations, survivor: int, position: int) -> bool:
    """Whether somebody had a customer that was merged into the survivor later: then whoever has the survivor has that
    one too, and keeps both."""
    later = [state.mergings[member] for member in state.members.of(survivor)]
    return any(m.position > position and m.merged.owner for m in later)


def _is_here(state: Relations, number: int, day: int) -> bool:
    staff = state.staff.get(number)
    return staff is not None and staff.is_here(day)


def _opportunities(state: Relations, customer: int, loser: int, heir: int) -> list[tuple[int, int]]:
    """Open opportunities of a customer that go along to the heir: those of who had it and of nobody."""
    return [
        (number, who)
        for who in _losers(loser, heir)
        for number in sorted(state.opportunities_of.of(who))
        if state.standing_for(state.opportunities[number].customer) == customer
    ]


def _tasks(state: Relations, customer: int, loser: int, heir: int) -> list[tuple[int, int]]:
    """Open tasks of a customer that go along to the heir: those that who had it, or nobody, has handed."""
    return [
        (number, who)
        for who in _losers(loser, heir)
        for number in sorted(state.tasks_of.of(who))
        if state.tasks[number].staff == who and state.standing_for(state.tasks[number].customer) == customer
    ]


def _losers(loser: int, heir: int) -> Sequence[int]:
    return sorted({0, loser} - {heir}) if heir else ()


def _opportunity_give(draft: Draft, number: int, staff: int, cause: int) -> None:
    customer = draft.state.standing_for(draft.state.opportunities[number].customer)
    draft.decide("OpportunityReassigned", customer, cause, opportunity=opportunity_id(number), staff=staff_id(staff))


def _task_give(draft: Draft, number: int, staff: int, cause: int) -> None:
    task = draft.state.tasks[number]
    customer = draft.state.standing_for(task.customer)
    draft.decide("TaskReassigned", customer, cause, task=task_id(number), staff=staff_id(staff), to=staff_id(task.to))

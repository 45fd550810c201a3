"""What is due of a customer, and when, as its holding says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ledger.domain.relations.records import NONE, Holding

Dues = tuple[int, int, int, int, int]
"""Days in the order of `DUE_KINDS`, NONE for none."""

NOTHING_DUE: Final[Dues] = (NONE, NONE, NONE, NONE, NONE)


def return_day(holding: Holding) -> int:
    """When it returns to the pool."""
    # In the pool nothing is due.
    return NONE if holding.rhythm_days else holding.due_day


def talk_day(holding: Holding) -> int:
    """When the next talk is due where it is nurtured: after what was said last."""
    if not holding.owner or not holding.rhythm_days:
        return NONE
    due_day, said_day = holding.due_day, holding.announced_day
    return due_day if due_day == NONE or said_day == NONE else said_day + holding.rhythm_days


def step_day(holding: Holding) -> int:
    """When the next step is due that was agreed on."""
    return holding.next_due_day if holding.owner else NONE


def protection_day(holding: Holding) -> int:
    """When its protection ends, until that was said."""
    protected_day = holding.protected_day
    return NONE if not holding.owner or protected_day == holding.protection_said_day else protected_day


def quiet_day(holding: Holding) -> int:
    """Since when nobody has talked with it, until that was said."""
    touched_day = holding.touched_day if holding.owner else NONE
    return NONE if touched_day == holding.quiet_said_day else touched_day


DUE: Final[Mapping[str, Callable[[Holding], int]]] = {
    "return": return_day, "talk": talk_day, "step": step_day, "protection": protection_day, "quiet": quiet_day,
}  # fmt: skip
"""What may be due of a customer, by kind."""

DUE_KINDS: Final = tuple(DUE)


def dues(holding: Holding) -> Dues:
    """All of it at once; nothing of a customer in the pool."""
    if not holding.owner:
        return NOTHING_DUE
    # It is asked twice with every change of a holding: to unpack is half of asking for each field by name.
    (
        _, _, _, _, since_day, protected_day, due_day, _, rhythm_days, followed_day, _, next_due_day,
        protection_said_day, quiet_said_day, _, _, _,
    ) = holding  # fmt: skip
    touched_day = followed_day if followed_day > since_day else since_day
    return (
        NONE if rhythm_days else due_day,
        talk_day(holding) if rhythm_days else NONE,
        next_due_day,
        NONE if protected_day == protection_said_day else protected_day,
        NONE if touched_day == quiet_said_day else touched_day,
    )

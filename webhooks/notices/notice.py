"""A notice, and what a customer said about getting any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BATCHES: Final = ("day", "month")
PURPOSE: Final = "points_notice"
"""The purpose of consent to notices, in the batches that the webhook has; with `_day` or `_month` behind it, in those
that the customer chooses."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What changed for a customer in a day or month. Points in 1/100; opening + earned + deducted + redeemed + expired
    = closing, deducted, redeemed and expired being zero or less but for corrections. `day` is the last day that is
    told of, `position` that of its close, `expiring` what expires at the end of the month after it."""

    position: int
    customer: int
    batch: str
    day: int
    recorded_at: str
    opening: int
    earned: int
    deducted: int
    redeemed: int
    expired: int
    closing: int
    tier_before: str
    tier: str
    expiring: int
    choice: str


def choice_after(choice: str, purpose: str, given: bool) -> str:
    """What a customer has chosen after consent to a purpose was given or withdrawn: '' nothing yet, `yes`, `day`,
    `month`, or `no`. Their last word counts."""
    if purpose == PURPOSE:
        return "yes" if given else "no"
    batch = purpose.removeprefix(f"{PURPOSE}_")
    if purpose == batch or batch not in BATCHES:
        return choice
    if given:
        return batch
    return "no" if choice == batch else choice

"""What happened to an account, out of its events and of the facts that touch it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.domain.book import Book
from ledger.domain.fact_types import FactType
from ledger.domain.rows import NULL
from ledger.domain.values import day_parse
from ledger.rules.document import RuleSet
from projections.standing.account import (
    CLOSE,
    COUNT,
    COUNTED,
    EARN,
    EXPIRE,
    REDEEM,
    TAKE_BACK,
    TAKEN_BACK,
    UNEARN,
    Step,
)
from projections.view import day_expired

MOVED: Final[Mapping[str, int]] = {
    "PointsGranted": EARN, "PointsDeducted": EARN, "PointsReversed": UNEARN, "PointsExpired": EXPIRE,
    "PointsRedeemed": REDEEM, "PointsReturned": REDEEM, "PointsHeld": REDEEM,
}  # fmt: skip
"""What events that move or hold points come to."""


class Told(NamedTuple):
    """An event of the account's own."""

    position: int
    topic: str
    state: Mapping[str, Any]


class Fact(NamedTuple):
    """A version of a fact: where it was recorded, and for which customer."""

    position: int
    customer: int
    state: Mapping[str, Any]


def steps_of(
    book: Book,
    customer: int,
    told: Iterable[Told],
    facts: Mapping[int, Fact],
    closings: Iterable[tuple[int, int]],
    rule_set_of: Callable[[str], RuleSet],
) -> list[Step]:
    """The steps of a customer's account, in order: of its own events, of versions of facts by their position (those
    that touch it, and those that correct such), and of months that were closed, (position, last day)."""
    steps = [step for event in told if (step := _moved(book, event)) is not None]
    for fact in facts.values():
        steps += _of_fact(book, customer, fact, facts)
    steps += [_closed(book, position, last, rule_set_of) for position, last in closings]
    # Of one input each stage after the other; moves of one stage in any order come to the same.
    return sorted(steps, key=lambda step: (step.cause, step.stage))


def _moved(book: Book, event: Told) -> Step | None:
    stage = MOVED.get(event.topic)
    if stage is None:
        return None
    state, topic = event.state, event.topic
    points: int = state["points"]
    if stage == EXPIRE:
        return Step(state["cause"], stage, day_expired(state), points=points)
    day = day_parse(state["booked_on"])
    if stage == REDEEM:
        rule_set = book.in_force(day, state["cause"]) or ""
        return Step(state["cause"], stage, day, rule_set, 0 if topic == "PointsHeld" else points)
    # A penalty that is taken back was never earned.
    is_earned = (topic == "PointsGranted") or (topic == "PointsReversed" and points < 0)
    return Step(state["cause"], stage, day, state["rule_set"], points, is_earned)


def _of_fact(book: Book, customer: int, fact: Fact, facts: Mapping[int, Fact]) -> Iterator[Step]:
    before = facts.get(fact.state["corrects"])
    if before is not None:
        yield from _touching(book, customer, before, fact.position, TAKE_BACK, TAKEN_BACK)
    yield from _touching(book, customer, fact, fact.position, COUNT, COUNTED)


def _touching(book: Book, customer: int, fact: Fact, cause: int, stage: int, stage_last: int) -> Iterator[Step]:
    """A version that counts, or is taken back: measures count it for the customer alone, not for its referrer."""
    fact_type = book.fact_types[fact.state["fact_type"]]
    day = day_parse(fact.state["booked_on"])
    rule_set = book.in_force(day, fact.position) or ""
    if fact.customer == customer:
        columns = fact_type.integers(fact.state["attributes"], NULL)
        yield Step(cause, stage, day, rule_set, fact_type=fact_type.id, columns=columns)
    if fact.customer == customer or referrer_of(fact_type, fact.state) == customer:
        yield Step(cause, stage_last, day, rule_set)


def referrer_of(fact_type: FactType, state: Mapping[str, Any]) -> int | None:
    """Who referred the customer of a fact."""
    return state["attributes"].get(fact_type.referrer) if fact_type.referrer else None


def _closed(book: Book, position: int, last: int, rule_set_of: Callable[[str], RuleSet]) -> Step:
    """A month that was closed; a fall at its end counts from the day after."""
    within = [e for e in book.activations if e.position <= position and e.day_from <= last]
    if not within:
        return Step(position, CLOSE, last + 1)
    entry = max(within, key=lambda e: (e.day_from, e.position))
    ladder = rule_set_of(entry.rule_set).tiers
    earlier: Sequence[RuleSet] = [rule_set_of(e.rule_set) for e in book.activations if e.position < entry.position]
    # A ladder that begins to count by another window demotes nobody at the end of the one in which it began.
    begins = ladder is not None and all(r.tiers is None or r.tiers.window != ladder.window for r in earlier)
    return Step(position, CLOSE, last + 1, entry.rule_set, review_from=entry.day_from if begins else 0)


def ladder_first(book: Book, rule_set_of: Callable[[str], RuleSet]) -> str | None:
    """The lowest level of the first ladder that was in force: where whoever begins without a ladder stands on it."""
    ladders = (rule_set_of(entry.rule_set).tiers for entry in book.activations)
    return next((ladder.levels[0].id for ladder in ladders if ladder is not None), None)


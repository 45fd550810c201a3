"""Where a customer stood, read from its history and from the facts in the log that touch it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.events import STREAM_CALENDAR
from ledger.domain.values import customer_number, day_of
from ledger.log.codec import state_of
from ledger.log.pages import BEGINNING, Seek
from ledger.log.queries import queries_load
from ledger.log.types import fact_key
from projections.as_of import Moment, history_then
from projections.history import HistoryRow, HistoryView
from projections.places import reads
from projections.rulebook import Rulebook, rulebook_read
from projections.standing.account import Account, Step
from projections.standing.conditions import Words, words_of
from projections.standing.steps import MOVED, Fact, Told, ladder_first, steps_of

_QUERIES = queries_load("projections.sql", "reading.sql")
_DECIDED: Final = ("TierChanged", "GradeChanged", "TagsChanged")
_TOPICS: Final = ("FactRecorded", *MOVED, *_DECIDED)


@dataclass(frozen=True, slots=True)
class Standing:
    """Tier, grade and tags, and the events that they were decided by (positions; 0: by none): where such a decision
    stands in the log, or else the input that leads to it. `known`: there was any event of the customer at that moment.
    `tier_since` is the day since which it is on its tier; None where it was on no other."""

    known: bool
    tier: str | None
    tier_since: int | None
    tier_position: int
    grade: str | None
    grade_position: int
    tags: list[str]
    tags_position: int


@reads(HistoryView.name)
def standing_then(
    connection: Connection[Any], customer: int, moment: Moment, rulebook: Rulebook | None = None
) -> Standing:
    """Where a customer stood at a moment. `rulebook` saves reading it.

    A referral that brought its referrer nothing, neither points nor another standing, is none of the referrer's.
    """
    known = bool(history_then(connection, customer, moment, limit=1))
    with connection.cursor(row_factory=tuple_row) as cursor:
        through: int = cursor.execute(_QUERIES["history_through"]).fetchall()[0][0]
    # Afterwards, so that it has every rule set by which anything up to there was decided.
    rulebook = rulebook_read(connection, rulebook)
    rows = _rows(connection, customer, moment, through)
    facts = _facts(connection, customer, rows, moment, through)
    closings = _closings(connection, moment, through)
    book, rule_set_of = rulebook.book, rulebook.rule_set
    told = [Told(row.position, row.topic, row.state) for row in rows]
    steps = steps_of(book, customer, told, facts, closings, rule_set_of)
    if moment.as_of is not None:
        day = day_of(moment.as_of)
        steps = [step for step in steps if step.day <= day]

    @cache
    def words(name: str) -> Words:
        return words_of(name, rule_set_of(name), book.fact_types)

    def in_force(position: int, day: int) -> str:
        return book.in_force(day, position) or ""

    account = Account(sorted({step.day for step in steps}), words, in_force, ladder_first(book, rule_set_of))
    return _told(account, steps, known, rows)


def _told(account: Account, steps: Iterable[Step], known: bool, rows: Iterable[HistoryRow]) -> Standing:
    account.take(steps)
    decided = {(row.cause, row.topic): row.position for row in rows if row.topic in _DECIDED}

    def position(cause: int, topic: str) -> int:
        return decided.get((cause, topic), cause)

    tier, since = account.tiers.told
    return Standing(
        known, tier, since, position(account.tier_cause, "TierChanged"),
        account.grade, position(account.grade_cause, "GradeChanged"),
        sorted(account.tags), position(account.tags_cause, "TagsChanged"),
    )  # fmt: skip


def _rows(connection: Connection[Any], customer: int, moment: Moment, through: int) -> list[HistoryRow]:
    """The customer's events that are known at a moment, on whatever day they are booked."""
    found: list[HistoryRow] = []
    seek, known = BEGINNING, Moment(None, moment.as_known_at, moment.timezone)
    while rows := history_then(connection, customer, known, seek=seek, topics=_TOPICS, limit=1_000):
        found += rows
        seek = Seek((rows[-1].position,))
    return [row for row in found if row.position <= through]


def _facts(
    connection: Connection[Any], customer: int, rows: Iterable[HistoryRow], moment: Moment, through: int
) -> dict[int, Fact]:
    """By position: versions of facts that the customer's events are or follow from, and all other versions of those."""
    found = {row.position: Fact(row.position, customer, row.state) for row in rows if row.topic == "FactRecorded"}
    causes = {row.cause for row in rows if row.topic != "PointsExpired"} - {0, *found}
    found |= _facts_at(connection, causes, moment, through)
    keys = {fact_key(fact.state["source"], fact.state["external_id"]) for fact in found.values()}
    with connection.cursor(row_factory=tuple_row) as cursor:
        versions = cursor.execute(_QUERIES["versions_of"], {"keys": list(keys)}).fetchall()
    return found | _facts_at(connection, {position for (position,) in versions} - set(found), moment, through)


def _facts_at(
    connection: Connection[Any], positions: set[int], moment: Moment, through: int
) -> dict[int, Fact]:
    if not positions:
        return {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_QUERIES["facts_at"], {"positions": sorted(positions)}).fetchall()
    found: dict[int, Fact] = {}
    for position, stream, data in rows:
        state = state_of("FactRecorded", bytes(data))
        is_known = moment.as_known_at is None or datetime.fromisoformat(state["recorded_at"]) <= moment.as_known_at
        if is_known and position <= through:
            found[position] = Fact(position, customer_number(stream), state)
    return found


def _closings(connection: Connection[Any], moment: Moment, through: int) -> list[tuple[int, int]]:
    params = {"calendar": STREAM_CALENDAR, "as_of": moment.as_of, "as_known_at": moment.as_known_at}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_QUERIES["months_closed"], params).fetchall()
    return [(position, day_of(day)) for position, day in rows if position <= through]

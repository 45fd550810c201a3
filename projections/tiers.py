"""The view `tiers`: tier, grade and tags of each customer, what it earned, and what is missing to the next
tier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.values import day_parse, month_of, points_parse
from ledger.log.arrays import BigintArray, IntegerArray, TextArray
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from ledger.rules.document import Ladder
from projections.places import reads
from projections.rulebook import Rulebook, rulebook_read
from projections.standing.steps import ladder_first, referrer_of
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, bigints, month_of_date

_QUERIES = queries_load("projections.sql", "tiers.sql")
_SEPARATOR: Final = "\x1f"
_WINDOW_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12, "lifetime": 0}
_MONTH_MAX: Final = 2**31 - 1
_DECIDED: Final = frozenset({"TierChanged", "GradeChanged", "TagsChanged", "CustomerRegistered"})
_EARNED: Final = frozenset({"PointsGranted", "PointsReversed"})
_PROPOSED: Final = "RuleSetProposed"
_FACT: Final = "FactRecorded"


@dataclass(slots=True)
class TierRow:
    """Where a customer stands on a ladder. Points in 1/100.

    `tier` is as last decided. Where none was, `tier_since` is None, and it is the one that the customer began on: with
    its first fact, on the lowest of the ladder that decided it, or of the ledger's first one. Where the ladder asked
    for doesn't have that, its lowest; None without a ladder. `tier_since` is when the event happened that led to it,
    `tier_cause` that event's position. `earned` is what counts in the window of
    the day asked for: what rule sets granted, whose ladders have that window (`earned_ever`: all that was ever
    earned). `points_missing` is what is missing of the next tier's threshold, both of which are None at the top.
    """

    customer: int
    tier: str | None = None
    tier_since: datetime | None = None
    tier_cause: int = 0
    grade: str | None = None
    tags: list[str] = field(default_factory=list[str])
    position: int = 0
    earned: int = 0
    earned_ever: int = 0
    tier_next: str | None = None
    points_missing: int | None = None


class TiersView:
    """Keeps the tables `tier`, `earned` and `ladder_window`."""

    name = "tiers"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = (*sorted(_DECIDED), *sorted(_EARNED), _PROPOSED, _FACT)

    def __init__(self) -> None:
        self._rulebook: Rulebook | None = None
        """As last read; read again where the log has come further since."""

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load the customers concerned, fold the events, store them."""
        decided = batch.of(_DECIDED)
        if decided:
            _store(transaction, _folded(transaction, decided))
        facts = batch.of((_FACT,))
        if facts:
            self._rulebook = rulebook_read(transaction, self._rulebook)
            _begin(transaction, facts, self._rulebook)
        proposed = [state_of(topic, state) for _, _, _, topic, state in batch.events if topic == _PROPOSED]
        if proposed:
            transaction.execute(
                _QUERIES["windows_store"],
                {
                    "rule_set": TextArray([said["rule_set"] for said in proposed]),
                    "window_months": IntegerArray([_window_months(said["document"]) for said in proposed]),
                },
            )
        earned: dict[tuple[int, int, str], int] = defaultdict(int)
        for event in batch.of(_EARNED):
            state = event.state
            points = state["points"]
            # A penalty that is taken back was never earned.
            if (points > 0) == (event.topic == "PointsGranted"):
                earned[event.customer, month_of_date(state["booked_on"]), state["rule_set"]] += points
        if earned:
            rows = sorted((*key, points) for key, points in earned.items())
            customer, month, rule_set, points = zip(*rows, strict=True)
            transaction.execute(
                _QUERIES["earned_store"],
                {
                    "customer": BigintArray(customer), "month": IntegerArray(month), "rule_set": TextArray(rule_set),
                    "points": BigintArray(points),
                },
            )  # fmt: skip


def _begin(connection: Connection[Any], facts: Sequence[CustomerEvent], rulebook: Rulebook) -> None:
    """Enter on which tier those begin whom a fact touches for the first time, which no event says. The rulebook may
    know more than was known at a fact's position, by which it is asked."""
    book = rulebook.book
    touched: dict[int, tuple[int, str]] = {}
    for event in facts:
        fact = event.position, event.state["booked_on"]
        touched.setdefault(event.customer, fact)
        referrer = referrer_of(book.fact_types[event.state["fact_type"]], event.state)
        if referrer is not None:
            touched.setdefault(referrer, fact)
    with connection.cursor(row_factory=tuple_row) as cursor:
        beginning = cursor.execute(_QUERIES["tiers_beginning"], {"customers": BigintArray(touched)}).fetchall()
    if not beginning:
        return
    lowest_first = ladder_first(book, rulebook.rule_set)
    assert lowest_first is not None, "every ledger begins with the standard rules, which have a ladder"
    tiers: list[str] = []
    for (customer,) in beginning:
        position, booked_on = touched[customer]
        name = book.in_force(day_parse(booked_on), position)
        ladder = rulebook.rule_set(name).tiers if name else None
        tiers.append(ladder.levels[0].id if ladder else lowest_first)
    customers = BigintArray([customer for (customer,) in beginning])
    connection.execute(_QUERIES["tiers_begin"], {"customer": customers, "tier": TextArray(tiers)})


def _window_months(document: Mapping[str, Any]) -> int:
    """How long the window is that a rule set's ladder counts by; 0 for a lifetime, and without a ladder."""
    ladder = document.get("tiers")
    return _WINDOW_MONTHS[ladder["window"]] if ladder else 0


def _folded(connection: Connection[Any], events: Sequence[CustomerEvent]) -> list[TierRow]:
    rows: dict[int, TierRow] = {}
    new = {e.customer for e in events if e.topic == "CustomerRegistered"}
    known = BigintArray({e.customer for e in events} - new)
    if known:
        with connection.cursor(binary=True, row_factory=class_row(TierRow)) as cursor:
            stored = cursor.execute(_QUERIES["tiers_load"], {"customers": known})
            rows.update((row.customer, row) for row in stored)
    for event in events:
        row, state = rows.get(event.customer), event.state
        if row is None:
            row = rows[event.customer] = TierRow(event.customer)
        row.position = event.position
        if event.topic == "TierChanged":
            row.tier, row.tier_cause = state["tier"], state["cause"]
            row.tier_since = datetime.fromisoformat(state["occurred_at"])
        elif event.topic == "GradeChanged":
            row.grade = state["grade"]
        elif event.topic == "TagsChanged":
            row.tags = sorted((set(row.tags) | set(state["added"])) - set(state["removed"]))
    return sorted(rows.values(), key=attrgetter("customer"))


def _store(connection: Connection[Any], rows: Sequence[TierRow]) -> None:
    connection.execute(
        _QUERIES["tiers_store"],
        {
            **bigints(rows, ("customer", "tier_cause", "position")),
            "tier": TextArray([r.tier or "" for r in rows]),
            "tier_since": TextArray([r.tier_since.isoformat() if r.tier_since else "" for r in rows]),
            "grade": TextArray([r.grade or "" for r in rows]),
            "tags": TextArray([_SEPARATOR.join(r.tags) for r in rows]),
        },
    )


@reads(TiersView.name)
def tiers_read(
    connection: Connection[Any],
    ladder: Ladder | None,
    day: int,
    *,
    customers: Sequence[int] | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[TierRow]:
    """Where customers stand as of a day (since 1970-01-01): these, or up to `limit` with numbers above
    `after`.

    `ladder` is that of the rule set in force on the day. By number.
    """
    first, last = ladder_months(ladder, day)
    with connection.cursor(row_factory=class_row(TierRow)) as cursor:
        rows = cursor.execute(
            _QUERIES["tiers_read"],
            {
                "customers": None if customers is None else list(customers),
                "after": after,
                "limit": limit if customers is None else len(customers),
                "month_first": first,
                "month_last": last,
                "window_months": _WINDOW_MONTHS[ladder.window] if ladder else 0,
            },
        ).fetchall()
    return [tier_placed(row, ladder) for row in rows]


@reads(TiersView.name)
def tier_read(connection: Connection[Any], ladder: Ladder | None, customer: int, day: int) -> TierRow:
    """Where one customer stands; at the bottom, where it has no event yet."""
    rows = tiers_read(connection, ladder, day, customers=[customer])
    return rows[0] if rows else tier_placed(TierRow(customer), ladder)


@reads(TiersView.name)
def tier_begun(connection: Connection[Any], customer: int) -> str | None:
    """The tier that a customer is on by its first fact alone; None where none has come, or a tier was decided."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["tier_begun"], {"customer": customer}).fetchone()
    return None if row is None else row[0]


def ladder_months(ladder: Ladder | None, day: int) -> tuple[int, int]:
    """First and last month of the ladder's window that holds a day."""
    length = _WINDOW_MONTHS[ladder.window] if ladder else 0
    if not length:
        return 0, _MONTH_MAX
    first = month_of(day) // length * length
    return first, first + length - 1


def tier_on(ladder: Ladder | None, tier: str | None) -> str:
    """The tier of a ladder that rules look at: the lowest where none of its own was decided; "" without a ladder."""
    if ladder is None:
        return ""
    return tier if tier is not None and any(level.id == tier for level in ladder.levels) else ladder.levels[0].id


def tier_placed(row: TierRow, ladder: Ladder | None) -> TierRow:
    """The row with its place on a ladder: the tier it is on where none was decided, and what is missing to the next."""
    if row.tier_since is None:
        row.tier = tier_on(ladder, row.tier) or None
    if ladder is None:
        return row
    ids = [level.id for level in ladder.levels]
    at = ids.index(tier_on(ladder, row.tier))
    if at + 1 < len(ids):
        row.tier_next = ids[at + 1]
        row.points_missing = max(0, points_parse(ladder.levels[at + 1].points) - row.earned)
    return row

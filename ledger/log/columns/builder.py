"""From events to rows: what the columns hold of them. No files here: the writer uses it for the tail of the
log too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from ledger.domain import rows as at
from ledger.domain.book import Book
from ledger.domain.events import REDEMPTION_TOPICS
from ledger.domain.rows import OPERATIONS, Row, RowExpander, Rows, Vocabulary, columns_count
from ledger.domain.values import customer_number, day_parse, month_of
from ledger.log.codec import state_of
from ledger.log.columns.chain import CHAIN_START, chain_next
from ledger.log.columns.relations import TOPICS_KEPT, is_payment, relations_row

Event = tuple[int, str, int, str, bytes]
"""(position, stream, version, topic, state): what the log's recorder reads."""

Fetch = Callable[[int], tuple[int, Mapping[str, Any]]]
"""The customer's number and the state of the FactRecorded event at a position."""

EXPIRY_NEVER: Final = -1
"""The expiry month of points that never expire."""

KINDS: Final[Mapping[str, int]] = {
    "PointsGranted": at.KIND_GRANT,
    "PointsDeducted": at.KIND_PENALTY,
    "PointsReversed": at.KIND_REVERSAL,
    "PointsExpired": at.KIND_EXPIRY,
    "TierChanged": at.KIND_TIER,
    "TagsChanged": at.KIND_TAGS,
    "GradeChanged": at.KIND_GRADE,
    "PointsHeld": at.KIND_HOLD,
    "PointsRedeemed": at.KIND_SPEND,
    "PointsFreed": at.KIND_FREE,
    "PointsReturned": at.KIND_RETURN,
}
"""The decisions that the columns hold, and their kind."""

REDEMPTIONS_KEPT: Final = REDEMPTION_TOPICS - {"PointsFreed", "PointsReturned"}
"""What the columns hold of redemptions as it stands in the log: all that the writer's state is made of."""

BALANCE_MOVING: Final = (
    at.KIND_GRANT, at.KIND_PENALTY, at.KIND_REVERSAL, at.KIND_EXPIRY, at.KIND_SPEND, at.KIND_RETURN,
)  # fmt: skip
"""The kinds whose points add up to the balance; what is held stays in it."""

DECISION_COLUMNS: Final[Mapping[str, pl.DataType]] = {
    "position": pl.Int64(),
    "cause": pl.Int64(),
    "account": pl.Int64(),
    "kind": pl.Int8(),
    "rule_set": pl.String(),
    "rule": pl.String(),
    "points": pl.Int64(),
    "expiry_month": pl.Int32(),
    "reverses": pl.Int64(),
    "before": pl.String(),
    "after": pl.String(),
}
"""`expiry_month` counts from 1970-01, -1 where points never expire and for everything but grants. `before`
and `after` are the tier, the grade ("" for none), or the tags removed and added (sorted, joined with
commas)."""

ACCOUNT_COLUMNS: Final[Mapping[str, pl.DataType]] = {
    "number": pl.Int64(),
    "name": pl.String(),
    "industry": pl.String(),
    "region": pl.String(),
    "customer_type": pl.String(),
    "scale": pl.String(),
    "version": pl.Int64(),
    "registered": pl.Int64(),
    "consents": pl.List(pl.String()),
}
REFERENCE_COLUMNS: Final[Mapping[str, pl.DataType]] = {
    "source": pl.String(),
    "reference": pl.String(),
    "number": pl.Int64(),
}
CLAIM_COLUMNS: Final[Mapping[str, pl.DataType]] = {
    "position": pl.Int64(),
    "source": pl.String(),
    "external_id": pl.String(),
    "fact_type": pl.String(),
    "named": pl.Int64(),
}
"""Facts that are, or were, of a type that may name a customer once: the last version of each, `named` 0 where it names
none, or is of another type."""


@dataclass(slots=True)
class SegmentData:
    """What a range of positions adds to the columns. `inputs` are in order of position, taking back before
    deciding.

    The other tables are lists of tuples in the order of their `*_COLUMNS`. `chain` is the chain's value
    after the last event.
    """

    position_first: int
    position_last: int
    chain: bytes
    chain_before: bytes
    inputs: Rows
    decisions: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    accounts: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    references: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    claims: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    relations: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    redemptions: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])

    def decisions_frame(self) -> pl.DataFrame:
        """The decisions as a frame."""
        return frame_of(self.decisions, DECISION_COLUMNS)


def frame_of(rows: Sequence[tuple[Any, ...]], columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Rows as a frame with these columns."""
    if not rows:
        return pl.DataFrame(schema=dict(columns))
    values = zip(*rows, strict=True)
    return pl.DataFrame([pl.Series(n, list(v), t) for (n, t), v in zip(columns.items(), values, strict=True)])


class ColumnsBuilder:
    """Applies events, in order of position, to a book and says what they add to the columns.

    `book` and `vocabulary` are as of the last event applied and are changed in place; `chain` is the
    chain's value there. After an exception they may stand between two events: begin again from what was
    last stored.
    """

    def __init__(self, book: Book, vocabulary: Vocabulary, chain: bytes = CHAIN_START) -> None:
        self.book = book
        self.vocabulary = vocabulary
        self.chain = chain
        self._expander = RowExpander(book, vocabulary)
        self._months: dict[str, int] = {}

    def apply(self, events: Iterable[Event], fetch: Fetch) -> SegmentData:
        """Apply the next events. Corrections look their earlier version up among these, then by `fetch`.

        Raises ValueError where the events do not follow the last one applied, or an earlier version is no
        fact.
        """
        book, expander, chain = self.book, self._expander, self.chain
        first = book.position + 1
        facts: dict[int, tuple[int, Mapping[str, Any]]] = {}
        touched: set[int] = set()
        rows: list[Row] = []
        data = SegmentData(first, first - 1, chain, chain, _NO_ROWS)
        kinds, relations_kept, redemptions_kept = KINDS, TOPICS_KEPT, REDEMPTIONS_KEPT
        for position, stream, version, topic, state_bytes in events:
            state = state_of(topic, state_bytes)
            book.apply(position, stream, version, topic, state)
            data.chain_before = chain
            chain = chain_next(chain, position, stream, version, topic, state_bytes)
            number = customer_number(stream)
            if topic in relations_kept:
                data.relations.append(relations_row(position, number, topic, state, state_bytes, book.timezone))
            elif topic in redemptions_kept:
                data.redemptions.append(relations_row(position, number, topic, state, state_bytes, book.timezone))
            if not number:
                continue
            touched.add(number)
            if topic == "FactRecorded":
                facts[position] = (number, state)
                previous = None
                if state["corrects"]:
                    previous = facts.get(state["corrects"]) or fetch(state["corrects"])
                rows += expander.rows(position, number, state, previous)
                if is_payment(state, previous and previous[1]):
                    data.relations.append(relations_row(position, number, topic, state, state_bytes, book.timezone))
                if self._is_claim(state) or (previous is not None and self._is_claim(previous[1])):
                    data.claims.append(self._claim(position, state))
            elif topic in OPERATIONS:
                rows.append(expander.redemption(position, number, topic, state))
            elif topic in kinds:
                data.decisions.append(self._decision(position, number, kinds[topic], state))
            elif topic == "CustomerRegistered":
                data.references.append((state["source"], state["reference"], number))
        data.position_last, data.chain = book.position, chain
        self.chain = chain
        data.inputs = _rows_of(rows, columns_count(book))
        data.accounts = [self._account(number) for number in sorted(touched)]
        return data

    def _is_claim(self, state: Mapping[str, Any]) -> bool:
        return self.book.fact_types[state["fact_type"]].once is not None

    def _claim(self, position: int, state: Mapping[str, Any]) -> tuple[Any, ...]:
        once = self.book.fact_types[state["fact_type"]].once
        named = state["attributes"].get(once) or 0 if once else 0
        return position, state["source"], state["external_id"], state["fact_type"], named

    def _account(self, number: int) -> tuple[Any, ...]:
        customer = self.book.customers[number - 1]
        return (
            number, customer.name, *customer.traits, customer.version, customer.registered,
            sorted(customer.consents),
        )  # fmt: skip

    def _decision(self, position: int, number: int, kind: int, state: Mapping[str, Any]) -> tuple[Any, ...]:
        get = state.get
        before = after = ""
        if kind == at.KIND_TIER:
            before, after = state["tier_before"], state["tier"]
        elif kind == at.KIND_GRADE:
            before, after = state["grade_before"] or "", state["grade"] or ""
        elif kind == at.KIND_TAGS:
            before, after = ",".join(sorted(state["removed"])), ",".join(sorted(state["added"]))
        return (
            position, state["cause"], number, kind, get("rule_set", ""), get("rule", ""), get("points", 0),
            self._month(get("expires_on")), get("reverses", 0), before, after,
        )  # fmt: skip

    def _month(self, expires_on: str | None) -> int:
        if expires_on is None:
            return EXPIRY_NEVER
        month = self._months.get(expires_on)
        if month is None:
            month = self._months[expires_on] = month_of(day_parse(expires_on))
        return month


def _rows_of(rows: Sequence[Row], columns: int) -> Rows:
    """As the engine's `rows_of`, for many: the attributes of one fact type are converted together."""
    n = len(rows)
    attributes = np.full((columns, n), at.NULL, np.int64)
    traits = np.full((4, n), at.NULL_TRAIT, np.int32)
    if not n:
        return Rows(
            np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.int16),
            np.zeros(0, np.int8), np.zeros(0, np.int32), np.zeros(0, np.int64), attributes, traits,
        )  # fmt: skip
    position, account, operation, fact_type, role, day, refers, values, trait = zip(*rows, strict=True)
    traits[:] = np.array(trait, np.int32).T
    groups: dict[int, list[int]] = {}
    for i, row_values in enumerate(values):
        if row_values:
            groups.setdefault(len(row_values), []).append(i)
    for width, indexes in groups.items():
        attributes[:width, indexes] = np.array([values[i] for i in indexes], np.int64).T
    return Rows(
        np.array(position, np.int64), np.array(account, np.int64), np.array(operation, np.int8),
        np.array(fact_type, np.int16), np.array(role, np.int8), np.array(day, np.int32),
        np.array(refers, np.int64), attributes, traits,
    )  # fmt: skip


_NO_ROWS: Final = _rows_of((), 0)

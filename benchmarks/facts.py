"""A large contractor's three years as columns: seeded, and in the layout in which the follower leaves them.

The events themselves are not made: their rows are, and go through the same store, segment after segment, with the
same merging. Only the settled beginning (fact types, rules, customers) is made of real events. As in a real log, a
fact's decisions take positions after it. A month is closed on the sixth day of the next one, so that two are open at
once; what comes later than that is booked on the first open day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ledger.domain import rows as at
from ledger.domain.book import Book
from ledger.domain.events import (
    STREAM_FACT_TYPES,
    STREAM_LEDGER,
    STREAM_RULEBOOK,
    CustomerRegistered,
    Event,
    FactTypeDeclared,
    LedgerOpened,
    RuleSetActivated,
    RuleSetApproved,
    RuleSetProposed,
)
from ledger.domain.rows import Rows, columns_count
from ledger.domain.values import customer_id, day_parse, month_first_day, month_last_day, month_of
from ledger.log.codec import encode
from ledger.log.columns.builder import SegmentData
from ledger.log.columns.store import ColumnsStore
from ledger.rules.document import rule_set_parse
from ledger.standard import fact_types_standard, rules_standard

Ints = NDArray[np.int64]
Random = np.random.Generator

DAY_FIRST: Final = day_parse("2023-01-01")
MONTH_FIRST: Final = month_of(DAY_FIRST)
MONTHS: Final = 36
CLOSED_AFTER_DAYS: Final = 6
SPAN_MONTHS: Final = 2
"""How many months are open at once in these facts, from one closing to the next."""

MIX_PERCENT: Final[Mapping[str, float]] = {
    "login": 34.0,
    "report_viewed": 24.0,
    "invoice_paid": 13.0,
    "contract_signed": 10.0,
    "performance_scored": 7.0,
    "project_completed": 4.0,
    "survey_answered": 4.0,
    "complaint_filed": 1.9,
    "complaint_resolved": 1.8,
    "referral_signed": 0.2,
    "manual_adjustment": 0.1,
}
REFERRER_SHARE: Final = 0.05
"""Contracts that name a referrer, and so have a second row."""
CORRECTED_SHARE: Final = 0.001
"""Facts taken back and recorded with other content: amounts of contracts and scores, as typing errors are."""
DECISIONS_SHARE: Final = 0.4
"""Positions that decisions take, per fact."""

_INDUSTRIES: Final = ("市政", "房建", "交通", "水利", "电力", "石化")
_REGIONS: Final = ("华东", "华北", "华南", "华中", "西南", "西北", "东北")
_KINDS: Final = ("国企", "民企", "政府")
_SCALES: Final = ("大型", "中型", "小型")


@dataclass(frozen=True)
class Facts:
    """What was generated: how many facts, in how many rows."""

    facts: int
    rows: int
    customers: int


def facts_write(
    folder: Path,
    facts: int,
    customers: int,
    *,
    seed: int = 1,
    segment_facts: int = 250_000,
    tail_facts: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> Facts:
    """Write columns of about so many facts into an empty folder.

    `tail_facts` of them come after the last merging of a quiet hour, as in a ledger at work. `progress` is told how
    many facts are written.
    """
    rng = np.random.default_rng(seed)
    rows = 0
    with ColumnsStore(folder) as store:
        book, vocabulary = _beginning(store, customers, rng)
        history = _History(rng, book, customers)
        done = 0
        for segment, written in history.segments(facts, segment_facts, tail_facts):
            rows += len(segment.inputs)
            store.append(segment, book, vocabulary)
            done += written
            store.compact(idle=done >= facts - tail_facts and done - written < facts - tail_facts)
            progress(done)
        store.compact(idle=True)
    return Facts(facts, rows, customers)


def opening_events(customers: int, rng: Random) -> Iterator[Event]:
    """The events a ledger begins with: its books, fact types, the standard rules in force, its customers."""
    meta: dict[str, Any] = {
        "occurred_at": "2023-01-01T00:00:00+08:00", "recorded_at": "2023-01-01T00:00:00+00:00", "actor": "system"
    }  # fmt: skip
    yield LedgerOpened(
        originator_id=STREAM_LEDGER, originator_version=1, ledger="main", timezone="Asia/Shanghai", **meta
    )
    for version, document in enumerate(fact_types_standard(), 1):
        yield FactTypeDeclared(
            originator_id=STREAM_FACT_TYPES, originator_version=version, fact_type=document["id"],
            document=document, **meta,
        )  # fmt: skip
    rules = rules_standard()
    book_keeping: dict[str, Any] = {"originator_id": STREAM_RULEBOOK, "rule_set": "RS-1", **meta}
    sha256 = rule_set_parse(rules).sha256
    yield RuleSetProposed(originator_version=1, document=rules, sha256=sha256, **book_keeping)
    yield RuleSetApproved(originator_version=2, **{**book_keeping, "actor": "second"})
    yield RuleSetActivated(originator_version=3, effective_from="2020-01-01", **book_keeping)
    picks = [rng.integers(0, len(v), customers).tolist() for v in (_INDUSTRIES, _REGIONS, _KINDS, _SCALES)]
    for number in range(1, customers + 1):
        industry, region, kind, scale = (p[number - 1] for p in picks)
        yield CustomerRegistered(
            originator_id=customer_id(number), originator_version=1, source="crm", reference=f"K{number}",
            name=f"建设集团{number}",
            traits={
                "industry": _INDUSTRIES[industry], "region": _REGIONS[region],
                "customer_type": _KINDS[kind], "scale": _SCALES[scale],
            },
            **meta,
        )  # fmt: skip


def _beginning(store: ColumnsStore, customers: int, rng: Random) -> tuple[Book, at.Vocabulary]:
    def nothing_corrected(position: int) -> tuple[int, Mapping[str, Any]]:
        raise LookupError(f"no fact at {position} before the first one")

    stored = [encode(event) for event in opening_events(customers, rng)]
    events = [
        (i, str(s.originator_id), s.originator_version, s.topic, s.state) for i, s in enumerate(stored, 1)
    ]
    builder = store.builder()
    store.append(builder.apply(events, nothing_corrected), builder.book, builder.vocabulary)
    # Traits get their codes with the first fact of a customer; here all at once.
    for customer in builder.book.customers:
        for trait in customer.traits:
            builder.vocabulary.code(trait)
    return builder.book, builder.vocabulary


class _History:
    def __init__(self, rng: Random, book: Book, customers: int) -> None:
        self.rng = rng
        self.book = book
        self.customers = customers
        self.columns = columns_count(book)
        self.types = {name: (i, t) for i, (name, t) in enumerate(book.fact_types.items())}
        codes: dict[str, int] = {}
        vocabulary = [[codes.setdefault(t, len(codes)) for t in c.traits] for c in book.customers]
        self.traits = np.array(vocabulary, np.int32).T
        # Some customers do much, most little: a log-normal share each.
        shares = np.cumsum(rng.lognormal(0.0, 1.0, customers))
        self.shares = shares / shares[-1]
        self.chain = hashlib.sha256(b"benchmark").digest()

    def segments(self, facts: int, segment: int, tail: int) -> Iterator[tuple[SegmentData, int]]:
        """Segments in order, each with how many facts it adds."""
        done = 0
        closed = 0
        while done < facts:
            stop = facts - tail if done < facts - tail else facts
            # The tail comes in as the follower's own small batches.
            size = min(segment if done < facts - tail else max(1, tail // 4), stop - done)
            first = DAY_FIRST + done * (MONTHS * 365 // 12) / facts
            last = DAY_FIRST + (done + size) * (MONTHS * 365 // 12) / facts
            closings: list[int] = []
            while closed < MONTHS and month_first_day(MONTH_FIRST + closed + 1) + CLOSED_AFTER_DAYS < last:
                closings.append(MONTH_FIRST + closed)
                closed += 1
            yield self._segment(size, first, last, closings), size
            done += size

    def _segment(self, size: int, first: float, last: float, closings: list[int]) -> SegmentData:
        rng, book = self.rng, self.book
        recorded = np.sort(rng.uniform(first, last, size))
        names = list(MIX_PERCENT)
        chances = np.cumsum(list(MIX_PERCENT.values()))
        picked = np.searchsorted(chances / chances[-1], rng.random(size), side="right")
        types = np.array([self.types[n][0] for n in names], np.int16)[picked]
        accounts = np.searchsorted(self.shares, rng.random(size), side="right") + 1
        # Most facts are recorded on their day, one in ten some days later.
        late = np.where(rng.random(size) < 0.1, rng.exponential(6.0, size), 0.0)
        occurred = np.maximum((recorded - late).astype(np.int64), DAY_FIRST)

        # Positions: facts with their decisions, and the closings among them.
        taken = 1 + (rng.random(size) < DECISIONS_SHARE)
        ends = np.cumsum(taken)
        marks = [month_first_day(m + 1) + CLOSED_AFTER_DAYS for m in closings]
        before = np.searchsorted(recorded, marks)
        positions = book.position + 1 + ends - taken
        first_open = np.full(size, month_first_day(month_of(book.closings[-1][1]) + 1) if book.closings else 0)
        for n, (month, row) in enumerate(zip(closings, before.tolist(), strict=True)):
            book.closings.append((book.position + 1 + int(ends[row - 1] if row else 0) + n, month_last_day(month)))
            positions[row:] += 1
            first_open[row:] = month_first_day(month + 1)
        if closings:
            book.closed_day = month_last_day(closings[-1])
        days = np.maximum(occurred, first_open)
        if book.booked_day_min < 0:
            book.booked_day_min = DAY_FIRST
        head = book.position
        book.position = int(head + ends[-1] + len(closings))

        attributes = self._attributes(types, days)
        rows = Rows(
            positions.astype(np.int64), accounts.astype(np.int64), np.zeros(size, np.int8), types,
            np.zeros(size, np.int8), days.astype(np.int32), np.zeros(size, np.int64), attributes,
            np.ascontiguousarray(self.traits[:, accounts - 1]),
        )  # fmt: skip
        rows = self._corrected(self._referred(rows))
        before, self.chain = self.chain, hashlib.sha256(self.chain).digest()
        return SegmentData(
            position_first=head + 1, position_last=book.position, chain=self.chain, chain_before=before, inputs=rows
        )

    def _attributes(self, types: NDArray[Any], days: Ints) -> Ints:
        rng = self.rng
        values = np.full((self.columns, len(types)), at.NULL, np.int64)

        def put(name: str, makers: Mapping[str, Callable[[Ints], Any]]) -> None:
            number, fact_type = self.types[name]
            which = np.flatnonzero(types == number)
            for column, make in makers.items():
                values[fact_type.columns.index(column), which] = make(which)

        put(
            "contract_signed",
            {
                "amount": lambda w: (rng.lognormal(13.0, 1.2, len(w)) * 100).astype(np.int64),
                "referrer": lambda w: np.where(
                    rng.random(len(w)) < REFERRER_SHARE, rng.integers(1, self.customers + 1, len(w)), at.NULL
                ),
            },
        )
        put("performance_scored", {"score": lambda w: np.clip(rng.normal(840, 90, len(w)), 0, 1000).astype(int)})
        put("complaint_filed", {"severity": lambda w: (rng.random(len(w)) < 0.25).astype(int)})
        put(
            "complaint_resolved",
            {
                "handling_hours": lambda w: rng.exponential(500, len(w)).astype(int),
                "severity": lambda w: (rng.random(len(w)) < 0.25).astype(int),
            },
        )
        put("referral_signed", {"new_customer": lambda w: rng.integers(1, self.customers + 1, len(w))})
        put(
            "survey_answered",
            {"satisfaction": lambda w: np.where(rng.random(len(w)) < 0.9, rng.integers(1, 6, len(w)), at.NULL)},
        )
        put("manual_adjustment", {"points": lambda w: rng.integers(-200, 500, len(w)) * 100})
        lateness = np.where(rng.random(len(types)) < 0.75, 0, rng.exponential(25, len(types)).astype(int))
        put(
            "invoice_paid",
            {
                "due_on": lambda w: days[w] - lateness[w],
                "paid_on": lambda w: days[w],
                "amount": lambda w: (rng.lognormal(11.5, 1.0, len(w)) * 100).astype(np.int64),
                "disputed": lambda w: np.where(rng.random(len(w)) < 0.5, 0, at.NULL),
                "days_late": lambda w: lateness[w],
            },
        )
        return values

    def _referred(self, rows: Rows) -> Rows:
        """Add the rows of referrers after those of their facts."""
        number, fact_type = self.types["contract_signed"]
        column = fact_type.columns.index("referrer")
        which = np.flatnonzero((rows.fact_types == number) & (rows.attributes[column] != at.NULL))
        second = rows.take(which)
        accounts = second.attributes[column]
        second = Rows(
            second.positions, accounts.copy(), second.operations, second.fact_types,
            np.full(len(which), at.ROLE_REFERRER, np.int8), second.days, second.refers, second.attributes,
            np.ascontiguousarray(self.traits[:, accounts - 1]),
        )  # fmt: skip
        return _together(rows, second)

    def _corrected(self, rows: Rows) -> Rows:
        """Make some facts corrections of earlier ones of this segment."""
        rng = self.rng
        count = int(len(rows) * CORRECTED_SHARE)
        order = np.lexsort((rows.roles, rows.positions))
        rows = rows.take(order)
        wanted = [self.types["contract_signed"][0], self.types["performance_scored"][0]]
        once = np.isin(rows.fact_types, wanted) & (rows.roles == at.ROLE_CUSTOMER)
        contract, fact_type = self.types["contract_signed"]
        referrer = fact_type.columns.index("referrer")
        once &= (rows.fact_types != contract) | (rows.attributes[referrer] == at.NULL)
        picked = np.sort(rng.permutation(np.flatnonzero(once))[: 2 * count])
        half = len(picked) // 2
        old, new = picked[:half], picked[half : 2 * half]
        back = rows.take(old)
        back = Rows(
            rows.positions[new], back.accounts, np.full(len(old), at.OP_REVERSE, np.int8), back.fact_types,
            back.roles, back.days, rows.positions[old].copy(), back.attributes, back.traits,
        )  # fmt: skip
        for column in (rows.accounts, rows.fact_types):
            column[new] = column[old]
        rows.traits[:, new] = rows.traits[:, old]
        rows.attributes[:, new] = rows.attributes[:, old]
        rows.attributes[0, new] = rows.attributes[0, old] * 9 // 10
        return _together(rows, back)


def _together(rows: Rows, more: Rows) -> Rows:
    """Both, in order of position, taking back before deciding."""
    both = Rows(
        np.concatenate([rows.positions, more.positions]), np.concatenate([rows.accounts, more.accounts]),
        np.concatenate([rows.operations, more.operations]), np.concatenate([rows.fact_types, more.fact_types]),
        np.concatenate([rows.roles, more.roles]), np.concatenate([rows.days, more.days]),
        np.concatenate([rows.refers, more.refers]),
        np.concatenate([rows.attributes, more.attributes], axis=1),
        np.concatenate([rows.traits, more.traits], axis=1),
    )  # fmt: skip
    return both.take(np.lexsort((both.roles, -both.operations, both.positions)))

"""The view `ownership`: who has each customer, now and at every position before, until when and by when.

Holdings are folded by the very functions by which the ledger folds them, on a state that has the customers of a batch
only. So deadlines, what a handover moves and what undoing it gives back are worked out in one place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.relations import care, days, handover, holdings, merging
from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.records import NOBODY, NONE, Handover, Holding
from ledger.domain.relations.state import EVOLVE, Happened, Relations
from ledger.domain.values import customer_number
from ledger.log.arrays import BigintArray, TextArray
from ledger.log.queries import queries_load
from projections.relations.kept import kept_customers, kept_of, kept_put
from projections.relations.rows import columns
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_of_time

_QUERIES = queries_load("projections.sql", "ownership.sql")
_FOLDED_BY: Final = (care, days, handover, holdings, merging)
"""Imported for what they enter: how events change a holding."""

POSITION_LAST: Final = 2**63 - 1
DAY_LAST: Final = 2**31 - 1
REGISTERED: Final = "registered"
"""Why a customer is in the pool that nothing was decided about yet."""

_BEGINS: Final = frozenset({"CustomerAssigned", "CustomerPooled"})
_MERGES: Final = frozenset({"CustomersMerged", "CustomersUnmerged"})
_FOLDED: Final = _BEGINS | {
    "FollowUpRecorded", "CollaboratorAdded", "CollaboratorRemoved", "NurtureBegun", "NurtureEnded", "ReminderDue",
    "PortfolioHandedOver", "HandoverUndone", *_MERGES,
}  # fmt: skip


@dataclass(slots=True)
class _HoldingRow:
    """Who has a customer, as it is kept. What the fields mean: `ledger.domain.relations.records`."""

    customer: int
    owner: int
    team: str
    why: str
    since: int
    since_day: int
    protected_day: int | None
    due_day: int | None
    announced_day: int | None
    follow_up_days: int
    next_due_day: int | None
    rhythm_days: int
    followed_day: int | None
    protection_said_day: int | None
    quiet_said_day: int | None
    former: int
    pooled_day: int | None
    collaborators: list[int]
    position: int


@dataclass(slots=True)
class _StoredRow(_HoldingRow):
    kept: dict[str, Any] | None


@dataclass(slots=True)
class _HistoryRow:
    """A time that a customer was somebody's, or in the pool."""

    customer: int
    position_from: int
    position_to: int
    day_from: int
    day_to: int
    staff: int
    team: str
    why: str
    rule: str
    rule_set: str
    cause: int
    assigned_at: str
    followed_at: str | None


class _Nobody:
    """Holdings are folded without looking at who the customers are."""

    def count(self) -> int:
        return 0

    def traits(self, number: int) -> dict[str, str]:
        return {}

    def name(self, number: int) -> str:
        return ""

    def find(self, text: str) -> int:
        return 0


@dataclass(slots=True)
class _Moves:
    """The customers that a batch is about, as it finds and leaves them."""

    connection: Connection[Any]
    state: Relations = field(default_factory=lambda: Relations(_Nobody(), keeps=False))
    known: set[int] = field(default_factory=set[int])
    kept: set[int] = field(default_factory=set[int])
    """Of whom something was kept before this batch."""
    changed: dict[int, int] = field(default_factory=dict[int, int])
    """By customer: the last event that changed its holding."""
    history: list[_HistoryRow] = field(default_factory=list[_HistoryRow])
    history_last: dict[int, _HistoryRow] = field(default_factory=dict[int, _HistoryRow])
    """The last row that each entered in this batch."""
    followed: dict[int, str] = field(default_factory=dict[int, str])
    """When each was first talked with, before its first row in this batch."""
    history_first: dict[int, _HistoryRow] = field(default_factory=dict[int, _HistoryRow])

    def load(self, customers: Iterable[int]) -> None:
        """Have the holdings of some customers as they were before this batch."""
        missing = BigintArray(sorted(set(customers) - self.known))
        if not missing:
            return
        self.known.update(missing)
        with self.connection.cursor(row_factory=class_row(_StoredRow)) as cursor:
            for row in cursor.execute(_QUERIES["holdings_load"], {"customers": missing}):
                if row.why != REGISTERED:
                    holdings.hold(self.state, row.customer, _holding(row))
                if row.kept is not None:
                    kept_put(self.state, row.customer, row.kept)
                    self.kept.add(row.customer)
        self.load([self.state.merged[customer] for customer in missing if customer in self.state.merged])

    def load_found(self, query: str, **params: int) -> None:
        """The same, of those that a query finds."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            self.load([customer for (customer,) in cursor.execute(_QUERIES[query], params)])

    def fold(self, event: CustomerEvent) -> None:
        """Take in an event."""
        state, said = self.state, event.state
        if event.topic == "PortfolioHandedOver":
            self.load_found("customers_owned", staff=staff_number(said["staff"]))
        elif event.topic == "HandoverUndone":
            self._handover(said["undoes"], staff_number(said["staff"]))
        elif event.topic in _MERGES:
            self._family(event)
        day = day_of_time(said["recorded_at"])
        before = state.holding(event.customer)
        EVOLVE[event.topic](state, Happened(event.position, event.customer, event.topic, said, day))
        after = state.holding(event.customer)
        if event.customer and after != before:
            self.changed[event.customer] = event.position
        if event.topic in _BEGINS and (event.topic == "CustomerAssigned" or after.since != before.since):
            self._begin(event, after, day)
        elif event.topic == "FollowUpRecorded" and after.owner:
            self._talked(event)

    def _handover(self, position: int, staff: int) -> None:
        """Have a handover that is about to be undone: whom it moved that still stand as it left them."""
        self.load_found("customers_handed", handover=position)
        handed = (c for c, h in self.state.handed.items() if h.position == position)
        self.state.handovers.put(position, Handover(position, staff, customers=tuple(sorted(handed))))

    def _family(self, event: CustomerEvent) -> None:
        """Have the customers that a merging is about, with all that were merged into the survivor."""
        self.load([event.customer, customer_number(event.state["merged"])])
        self.load_found("customers_merged", survivor=event.customer)

    def _begin(self, event: CustomerEvent, holding: Holding, day: int) -> None:
        said, customer = event.state, event.customer
        row = _HistoryRow(
            customer, event.position, POSITION_LAST, day, DAY_LAST, holding.owner, holding.team, said["why"],
            said["rule"], said["rule_set"], said["cause"], said["recorded_at"], None,
        )  # fmt: skip
        last = self.history_last.get(customer)
        if last is None:
            self.history_first[customer] = row
        else:
            last.position_to, last.day_to = event.position, day
        self.history_last[customer] = row
        self.history.append(row)

    def _talked(self, event: CustomerEvent) -> None:
        last = self.history_last.get(event.customer)
        if last is None:
            self.followed.setdefault(event.customer, event.state["recorded_at"])
        elif last.followed_at is None:
            last.followed_at = event.state["recorded_at"]


class OwnershipView:
    """Keeps the tables `holding`, `holding_history`, `holding_kept` and `collaboration`."""

    name = "ownership"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("CustomerChanged", "CustomerRegistered", *sorted(_FOLDED))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter new customers and regions; load the holdings concerned, fold the events, store them."""
        _customers(transaction, batch.of_relations)
        events = [e for e in batch.of_relations if e.topic in _FOLDED]
        if not events:
            return
        moves = _Moves(transaction)
        moves.load(e.customer for e in events if e.customer)
        for event in events:
            moves.fold(event)
        _store_history(transaction, moves)
        _store_kept(transaction, moves)
        if moves.changed:
            _store_holdings(transaction, moves)


def _customers(connection: Connection[Any], events: Iterable[CustomerEvent]) -> None:
    """New customers, and the regions that customers have by the end of a batch."""
    registered: dict[int, tuple[int, int]] = {}
    regions: dict[int, str] = {}
    for event in events:
        if event.topic == "CustomerRegistered":
            registered[event.customer] = event.position, day_of_time(event.state["recorded_at"])
            regions[event.customer] = event.state["traits"].get("region", "")
        elif event.topic == "CustomerChanged" and "region" in event.state["traits"]:
            regions[event.customer] = event.state["traits"]["region"]
    if registered:
        connection.execute(
            _QUERIES["holdings_register"],
            {
                "customer": BigintArray(registered),
                "region": TextArray([regions.pop(customer) for customer in registered]),
                "position": BigintArray([position for position, _ in registered.values()]),
                "day": BigintArray([day for _, day in registered.values()]),
            },
        )
    if regions:
        changed = {"customer": BigintArray(regions), "region": TextArray(regions.values())}
        connection.execute(_QUERIES["regions_store"], changed)


def _store_history(connection: Connection[Any], moves: _Moves) -> None:
    if moves.followed:
        talks = {"customer": BigintArray(moves.followed), "at": TextArray(moves.followed.values())}
        connection.execute(_QUERIES["history_followed"], talks)
    if moves.history:
        first = moves.history_first
        connection.execute(
            _QUERIES["history_close"],
            {
                "customer": BigintArray(first),
                "position": BigintArray([row.position_from for row in first.values()]),
                "day": BigintArray([row.day_from for row in first.values()]),
            },
        )
        connection.execute(_QUERIES["history_store"], columns(moves.history))


def _store_kept(connection: Connection[Any], moves: _Moves) -> None:
    customers = sorted(kept_customers(moves.state))
    if moves.kept:
        connection.execute(_QUERIES["kept_clear"], {"customers": BigintArray(sorted(moves.kept))})
    if customers:
        connection.execute(_QUERIES["kept_store"], columns([kept_of(moves.state, c) for c in customers]))


def _store_holdings(connection: Connection[Any], moves: _Moves) -> None:
    rows = [_row(c, moves.state.holdings.get(c), position) for c, position in sorted(moves.changed.items())]
    connection.execute(_QUERIES["holdings_store"], columns(rows))
    connection.execute(_QUERIES["collaborations_clear"], {"customers": BigintArray(moves.changed)})
    pairs = [(row.customer, staff) for row in rows for staff in row.collaborators]
    if pairs:
        connection.execute(
            _QUERIES["collaborations_store"],
            {"customer": BigintArray([c for c, _ in pairs]), "staff": BigintArray([s for _, s in pairs])},
        )


def _row(customer: int, held: Holding | None, position: int) -> _HoldingRow:
    """`held` None: nobody ever had it, be it that what somebody had was taken back."""
    holding = held or NOBODY._replace(why=REGISTERED)
    return _HoldingRow(
        customer, holding.owner, holding.team, holding.why, holding.since, holding.since_day,
        _stored(holding.protected_day), _stored(holding.due_day), _stored(holding.announced_day),
        holding.follow_up_days, _stored(holding.next_due_day), holding.rhythm_days, _stored(holding.followed_day),
        _stored(holding.protection_said_day), _stored(holding.quiet_said_day), holding.former,
        _stored(holding.pooled_day), sorted(holding.collaborators), position,
    )  # fmt: skip


def _holding(row: _HoldingRow) -> Holding:
    return Holding(
        owner=row.owner, team=row.team, why=row.why, since=row.since, since_day=row.since_day,
        protected_day=_day(row.protected_day), due_day=_day(row.due_day), announced_day=_day(row.announced_day),
        follow_up_days=row.follow_up_days, next_due_day=_day(row.next_due_day), rhythm_days=row.rhythm_days,
        followed_day=_day(row.followed_day), protection_said_day=_day(row.protection_said_day),
        quiet_said_day=_day(row.quiet_said_day), former=row.former, pooled_day=_day(row.pooled_day),
        collaborators=frozenset(row.collaborators),
    )  # fmt: skip


def _stored(day: int) -> int | None:
    return None if day == NONE else day


def _day(stored: int | None) -> int:
    return NONE if stored is None else stored

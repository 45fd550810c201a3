"""The view `redemptions`: what was reserved and what became of it, its committed parts, what is in stock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.events import POINTS_TOPICS, REDEMPTION_TOPICS
from ledger.domain.redemption.state import (
    Part,
    Redemption,
    Redemptions,
    Stock,
    redemption_id,
    redemption_number,
)
from ledger.domain.redemption.terms import Holder
from ledger.domain.values import customer_id, customer_number, day_of, money_text, points_text
from ledger.log.arrays import BigintArray, TextArray
from ledger.log.codec import state_of
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from ledger.rules.document import Ladder
from projections.balances import BalancesView, balance_read
from projections.places import reads
from projections.tiers import TiersView, tier_on, tier_read
from projections.view import BATCH_EVENTS, Batch

_QUERIES = queries_load("projections.sql", "redemptions.sql")
_FOLDED: Final = REDEMPTION_TOPICS - POINTS_TOPICS - {"EntitlementUsed"}
_ENTERED: Final = ("customer", "position", "quantity", "points", "money")
_ENTERED_TEXT: Final = (
    "offer", "kind", "variant", "rule_set", "booked_on", "held_until", "reference", "project",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartRow:
    """A committed part; points in 1/100, money in fen, and what was taken back of either."""

    redemption: int
    part: int
    position: int
    booked_on: date
    points: int
    quantity: int
    money: int
    reference: str
    valid_until: date | None
    returned: int
    quantity_returned: int
    money_returned: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "part": self.part, "position": self.position, "booked_on": self.booked_on.isoformat(),
            "points": points_text(self.points), "quantity": self.quantity, "money": money_text(self.money),
            "reference": self.reference, "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "returned": points_text(self.returned), "quantity_returned": self.quantity_returned,
            "money_returned": money_text(self.money_returned),
        }  # fmt: skip


@dataclass(slots=True)
class RedemptionRow:
    """A redemption as it stands; points in 1/100, money in fen. `state`: held, committed, freed or reversed."""

    number: int
    customer: int
    position: int
    offer: str
    kind: str
    variant: str
    quantity: int
    points: int
    money: int
    rule_set: str
    booked_on: date
    held_until: date
    reference: str
    project: str
    freed: int
    spent: int
    returned: int
    state: str
    parts: list[PartRow] = field(default_factory=list[PartRow])

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "redemption": redemption_id(self.number), "customer": customer_id(self.customer), "position": self.position,
            "offer": self.offer, "kind": self.kind, "variant": self.variant, "quantity": self.quantity,
            "points": points_text(self.points), "money": money_text(self.money), "rule_set": self.rule_set,
            "booked_on": self.booked_on.isoformat(), "held_until": self.held_until.isoformat(),
            "reference": self.reference, "project": self.project, "state": self.state,
            "held": points_text(self.points - self.freed - self.spent), "freed": points_text(self.freed),
            "spent": points_text(self.spent), "returned": points_text(self.returned),
            "parts": [part.document() for part in self.parts],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class StockRow:
    """What there is of a gift's variant, and how much of it is held."""

    offer: str
    variant: str
    on_hand: int
    held: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "offer": self.offer, "variant": self.variant, "on_hand": self.on_hand, "held": self.held,
            "free": self.on_hand - self.held,
        }  # fmt: skip


class RedemptionsView:
    """Keeps the tables `redemption`, `redemption_part` and `stock`."""

    name = "redemptions"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = tuple(sorted(_FOLDED))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Load what the batch touches, fold it as the ledger does, store it."""
        events = [
            (position, customer_number(stream), topic, state_of(topic, data))
            for position, stream, _, topic, data in batch.events
            if topic in _FOLDED
        ]
        if not events:
            return
        reserved = {redemption_number(s["redemption"]): (p, c, s) for p, c, t, s in events if t == "RedemptionReserved"}
        touched = {redemption_number(s["redemption"]) for _, _, t, s in events if t != "StockMoved"}
        state = _loaded(transaction, touched - reserved.keys())
        for position, customer, topic, fields in events:
            state.apply(position, customer, topic, fields)
        if reserved:
            transaction.execute(_QUERIES["redemptions_enter"], _entered(reserved))
        committed = [(p, s) for p, _, t, s in events if t == "RedemptionCommitted"]
        if committed:
            transaction.execute(_QUERIES["parts_enter"], _parts_entered(committed))
        _moved(transaction, [state.redemptions[number] for number in sorted(touched)])
        keys = sorted(state.stock)
        if keys:
            transaction.execute(
                _QUERIES["stock_store"],
                {
                    "offer": TextArray([offer for offer, _ in keys]),
                    "variant": TextArray([variant for _, variant in keys]),
                    "on_hand": BigintArray([state.stock[key].on_hand for key in keys]),
                    "held": BigintArray([state.stock[key].held for key in keys]),
                },
            )


def _loaded(connection: Connection[Any], numbers: set[int]) -> Redemptions:
    """The redemptions of these numbers, and all stock, as the ledger would have them."""
    state = Redemptions()
    with connection.cursor(row_factory=tuple_row) as cursor:
        wanted = {"numbers": BigintArray(sorted(numbers))}
        parts: dict[int, list[Part]] = {}
        for number, position, booked_on, *sizes in cursor.execute(_QUERIES["parts_load"], wanted):
            points, quantity, money, *returned = sizes
            part = Part(position, day_of(booked_on), points, quantity, money, (), *returned)
            parts.setdefault(number, []).append(part)
        for row in cursor.execute(_QUERIES["redemptions_load"], wanted):
            number, customer, position, offer, kind, variant, quantity, points, money, booked_on, held_until = row[:11]
            redemption = Redemption(
                number, customer, position, offer, kind, variant, quantity, points, money, day_of(booked_on),
                day_of(held_until), (), tuple(parts.get(number, ())), freed=row[11], quantity_freed=row[12],
            )  # fmt: skip
            state.redemptions.put(number, redemption)
        for offer, variant, on_hand, held in cursor.execute(_QUERIES["stock_load"]):
            state.stock.put((offer, variant), Stock(on_hand, held))
    return state


def _entered(reserved: Mapping[int, tuple[int, int, dict[str, Any]]]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {**s, "number": n, "position": p, "customer": c} for n, (p, c, s) in sorted(reserved.items())
    ]
    columns: dict[str, Any] = {name: BigintArray([row[name] for row in rows]) for name in ("number", *_ENTERED)}
    return columns | {name: TextArray([row[name] for row in rows]) for name in _ENTERED_TEXT}


def _parts_entered(committed: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "redemption": BigintArray([redemption_number(s["redemption"]) for _, s in committed]),
        "position": BigintArray([p for p, _ in committed]),
    }
    columns |= {name: BigintArray([s[name] for _, s in committed]) for name in ("part", "points", "quantity", "money")}
    return columns | {
        name: TextArray([s[name] for _, s in committed]) for name in ("booked_on", "reference", "valid_until")
    }


def _moved(connection: Connection[Any], redemptions: Sequence[Redemption]) -> None:
    if not redemptions:
        return
    connection.execute(
        _QUERIES["redemptions_move"],
        {
            "number": BigintArray([r.number for r in redemptions]),
            "freed": BigintArray([r.freed for r in redemptions]),
            "quantity_freed": BigintArray([r.quantity_freed for r in redemptions]),
            "spent": BigintArray([r.spent for r in redemptions]),
            "returned": BigintArray([sum(part.returned for part in r.parts) for r in redemptions]),
            "state": TextArray([r.state for r in redemptions]),
        },
    )
    parts = [(r.number, i, part) for r in redemptions for i, part in enumerate(r.parts, 1)]
    if parts:
        names = ("returned", "quantity_returned", "money_returned")
        connection.execute(
            _QUERIES["parts_move"],
            {
                "redemption": BigintArray([number for number, _, _ in parts]),
                "part": BigintArray([i for _, i, _ in parts]),
                **{name: BigintArray([getattr(part, name) for _, _, part in parts]) for name in names},
            },
        )


@reads(RedemptionsView.name)
def redemptions_read(
    connection: Connection[Any],
    *,
    customer: int | None = None,
    number: int | None = None,
    offer: str | None = None,
    state: str | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[RedemptionRow]:
    """Redemptions with their parts, the latest first: all, or of a customer, an offer, a state. Key: (number,)."""
    params = {"customer": customer, "number": number, "offer": offer, "state": state}
    with connection.cursor(row_factory=class_row(RedemptionRow)) as cursor:
        rows = page_read(cursor, _QUERIES["redemptions_read"], ("number",), params, seek, limit, descending=True)
    by_number = {row.number: row for row in rows}
    with connection.cursor(row_factory=class_row(PartRow)) as cursor:
        for part in cursor.execute(_QUERIES["parts_read"], {"numbers": BigintArray(by_number)}):
            by_number[part.redemption].parts.append(part)
    return rows


@reads(RedemptionsView.name)
def stock_read(connection: Connection[Any]) -> list[StockRow]:
    """What is in stock, by offer and variant."""
    with connection.cursor(row_factory=class_row(StockRow)) as cursor:
        return cursor.execute(_QUERIES["stock_read"]).fetchall()


@reads(BalancesView.name, TiersView.name)
def holder_read(connection: Connection[Any], ladder: Ladder | None, customer: int, day: int) -> Holder:
    """A customer as redemption sees it, as the views have it on a day; `ladder` is that in force on it."""
    balance = balance_read(connection, customer, day)
    standing = tier_read(connection, ladder, customer, day)
    return Holder(
        tier_on(ladder, standing.tier), frozenset(standing.tags), standing.grade or "", balance.balance,
        max(balance.available, 0), balance.held, balance.debt, standing.earned, standing.earned_ever,
    )  # fmt: skip

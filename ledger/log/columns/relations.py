"""What the columns hold of relations: their events as they stand in the log, so that the writer's state is loaded and
history is replayed without it.

Kept are all events of relations, those that settlement folds (payments, matches; redemptions lie in a table of their
own), the registrations and changes of customers (a replay weighs traits as of a position; the book has them as they are
now) and the days that were closed. The candidates of a choice, by far the most of it, stay in the log: they explain a
choice and lead to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
import polars as pl

from ledger.domain.events import HONOURS_TOPICS, REGISTRY, RELATIONS_TOPICS, SETTLEMENT_TOPICS
from ledger.domain.relations.state import Happened
from ledger.domain.settlement.records import PAYMENT
from ledger.domain.values import day_recorded
from ledger.log.codec import state_of

RELATIONS_COLUMNS: Final[Mapping[str, pl.DataType]] = {
    "position": pl.Int64(),
    "customer": pl.Int64(),
    "topic": pl.String(),
    "day": pl.Int32(),
    "state": pl.Binary(),
}
"""`customer` is the number of whose stream an event stands in, 0 for staff and calendar; `day` the one it was recorded
on, in the ledger's time zone; `state` its fields as the log has them (see `happened`)."""

REGISTRATION_TOPICS: Final = frozenset({"CustomerRegistered", "CustomerChanged"})
REDEMPTIONS_SETTLED: Final = frozenset({"RedemptionReserved", "RedemptionCommitted", "RedemptionReversed"})
"""What settlement folds of redemptions."""
SETTLING_TOPICS: Final = (
    SETTLEMENT_TOPICS
    | HONOURS_TOPICS
    | REDEMPTIONS_SETTLED
    | {"DayClosed", "FactRecorded", "CustomersMerged", "CustomersUnmerged"}
)
"""What settlement folds, and the days that were closed; of facts, payments are kept and what corrects one (see
`is_payment`)."""
TOPICS_KEPT: Final = RELATIONS_TOPICS | REGISTRATION_TOPICS | {"DayClosed"} | SETTLEMENT_TOPICS | HONOURS_TOPICS
INPUT_TOPICS: Final = frozenset(t for t in RELATIONS_TOPICS if REGISTRY[t].is_input) | {"DayClosed"}
_LEFT_OUT: Final = frozenset({"candidates", "tried"})

Row = tuple[int, int, str, int, bytes]


def relations_row(
    position: int, customer: int, topic: str, state: Mapping[str, Any], state_bytes: bytes, timezone: str
) -> Row:
    """The row of an event whose topic is kept."""
    if not _LEFT_OUT.isdisjoint(state):
        state_bytes = orjson.dumps({name: value for name, value in state.items() if name not in _LEFT_OUT})
    return position, customer, topic, day_recorded(state["recorded_at"], timezone), state_bytes


def is_payment(state: Mapping[str, Any], previous: Mapping[str, Any] | None) -> bool:
    """Whether a fact is a payment, or corrects one."""
    return state["fact_type"] == PAYMENT or (previous is not None and previous["fact_type"] == PAYMENT)


def topics_wanted(*, inputs_only: bool, registrations: bool, settlement: bool = False) -> frozenset[str]:
    """The topics of some of the events kept."""
    topics = INPUT_TOPICS if inputs_only else RELATIONS_TOPICS | {"DayClosed"}
    topics = topics | SETTLING_TOPICS if settlement else topics
    return topics | REGISTRATION_TOPICS if registrations else topics


def happened(events: pl.DataFrame) -> Iterator[Happened]:
    """Events with `RELATIONS_COLUMNS`, decoded one by one. Choices come without their candidates."""
    for position, customer, topic, day, state in events.iter_rows():
        yield Happened(position, customer, topic, state_of(topic, state), day)
